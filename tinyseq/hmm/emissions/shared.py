"""States that share one emission distribution."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import Array
from tinyseq.hmm.emissions.emission import Emission, Priors, Rows, kinds
from tinyseq.hmm.inference.passes.score_tables import Scores
from tinyseq.hmm.inference.passes.score_tables import Table as ScoreTable
from tinyseq.hmm.model.labels import Items
from tinyseq.hmm.model.probabilities import Table
from tinyseq.random import Rng
from tinyseq.torch_names.settings import explained


class Shared(Emission):
    """Several states that share the same emissions (tied states), also when learning.

    So one regime can be modelled by several states, for example to give it a duration distribution
    (`HMM.semi_markov`), or a beginning and an end.

    Args:
        emission: an emission model.
        of: for each state, the state of ``emission`` whose emissions it has, (K,).

    Raises:
        TypeError: if ``emission`` is not an emission model.
        ValueError: if ``of`` contains numbers that are not states of ``emission``.

    Example:
        >>> from tinyseq.hmm import HMM, Poisson, Shared
        >>> low_at_least_two_steps = [[0, 1, 0], [0, 0.5, 0.5], [0.1, 0, 0.9]]
        >>> hmm = HMM([1, 0, 0], low_at_least_two_steps, Shared(Poisson([1.0, 9.0]), of=[0, 0, 1]))
        >>> hmm.viterbi([1, 0, 9, 7]).path.tolist()
        [0, 1, 2, 2]
    """

    @explained
    def __init__(self, emission: Emission, of: ArrayLike) -> None:
        if not isinstance(emission, Emission):
            raise TypeError(
                "emission must be an emission model, such as Categorical(table) for P(symbol | state); "
                f"got {type(emission).__name__}"
            )
        self.emission, self.of = emission, np.array(of)
        self.of.flags.writeable = False
        if self.of.ndim != 1 or not len(self.of) or self.of.dtype.kind not in "iu":
            raise ValueError(f"of must name a state of the emission model for each state, got {of!r}")
        if self.of.min() < 0 or self.of.max() >= emission.states:
            raise ValueError(f"of must hold states from 0 to {emission.states - 1}, got {self.of.tolist()}")
        self.states = len(self.of)
        self.density, self.symbolic, self.symbols = emission.density, emission.symbolic, emission.symbols
        self.conjugate = emission.conjugate

    @property
    def parameters(self) -> tuple[Table, ...]:
        """See `Emission`."""
        return self.emission.parameters

    @property
    def learnable(self) -> tuple[str, ...]:
        """See `Emission`."""
        return self.emission.learnable

    def is_one(self, x: object) -> bool:
        """See `Emission`."""
        return self.emission.is_one(x)

    def read(self, sequences: Sequence[Any]) -> Rows:
        """See `Emission`."""
        return self.emission.read(sequences)

    def scores(self, data: Array) -> Scores:
        """See `Emission`."""
        each = self.emission.scores(data)
        return Scores(ScoreTable(each.table.logs[self.of]), each.ids)

    def recorded(self, data: Array) -> Tensor:
        """See `Emission`."""
        return self.emission.recorded(data)[:, self.of]

    def sample(self, states: Array, rng: Rng = None) -> Items:
        """See `Emission`."""
        return self.emission.sample(self.of[states], rng)

    def log_prior(self, priors: Priors) -> float:
        """See `Emission`."""
        return self.emission.log_prior(priors)

    def learned(
        self, data: Array, states: Array, learn: frozenset[str] | None = None, priors: Priors | None = None
    ) -> "Shared":
        """Fitted to the summed posteriors of the states that share an emission."""
        together = states @ (self.of[:, None] == np.arange(self.emission.states))
        return Shared(self.emission.learned(data, together, learn, priors), self.of)

    def shuffled(self, data: Array, rng: np.random.Generator) -> "Shared":
        """See `Emission`."""
        return Shared(self.emission.shuffled(data, rng), self.of)

    def narrow(self, data: Array) -> list[int]:
        """See `Emission`."""
        return np.flatnonzero(np.isin(self.of, self.emission.narrow(data))).tolist()

    def free(self) -> int:
        """See `Emission`."""
        return self.emission.free()

    def typical(self) -> Array | None:
        """See `Emission`."""
        found = self.emission.typical()
        return None if found is None else found[self.of]

    def describe(self, datum: object) -> str:
        """See `Emission`."""
        return self.emission.describe(datum)

    def both(self, data: Array, other: Array) -> Array:
        """See `Emission`."""
        return self.emission.both(data, other)

    def saved(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """See `Emission`."""
        arrays, settings = self.emission.saved()
        return arrays, {"of": self.of.tolist(), "emission": self.emission.kind(), "settings": settings}

    @classmethod
    def restored(cls, arrays: Mapping[str, Array], settings: Mapping[str, Any]) -> Self:
        """See `Emission`."""
        return cls(kinds()[settings["emission"]].restored(arrays, settings["settings"]), settings["of"])
