"""The interface of emission models. Inference only sees their log scores.

An emission model encodes sequences, scores them, samples observations, learns from posteriors, and is saved and loaded.
For emissions of numbers, `Density` implements most of it.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from tinyseq.autograd.tensor import Tensor, TensorLike
from tinyseq.backend import Array
from tinyseq.hmm.inference.passes.score_tables import Scores
from tinyseq.hmm.model.labels import Items
from tinyseq.hmm.model.probabilities import Table, plain
from tinyseq.random import Rng

Priors = Mapping[str, TensorLike]  # by the names of arrays: for each an array, a number, or a pair of these


class Rows(NamedTuple):
    """The observations of several sequences, one sequence after the other.

    Attributes:
        data: an array with one entry for each observation.
        lengths: how many belong to each sequence.
        recorded: the same data as a tensor, if it was given as one.
    """

    data: Array
    lengths: list[int]
    recorded: Tensor | None = None

    def split(self, values: Array) -> list[Array]:
        """Split an array with one entry per observation into one array per sequence."""
        ends = np.cumsum(self.lengths).tolist()
        return [values[end - length : end] for end, length in zip(ends, self.lengths, strict=True)]

    def padded(self) -> Array:
        """The row of the observation at each time step of each sequence, (T, N); 0 beyond a sequence's length."""
        lengths = np.asarray(self.lengths, dtype=np.intp)
        steps = np.arange(lengths.max(initial=0))[:, None]
        return np.where(steps < lengths, np.cumsum(lengths) - lengths + steps, 0)


class Emission(ABC):
    """The interface of an emission model.

    Attributes:
        states: K.
        arrays: the names of its parameter arrays, which are attributes.
        settings: the names of its other arguments, which are attributes that JSON can represent.
        conjugate: the names for which ``priors`` of `HMM.fit_em` may hold a prior.
        density: whether its scores are log densities, which may be positive.
        symbolic: whether observations are symbols.
        symbols: the names of these, in the order of their ids; else empty.
    """

    arrays: ClassVar[tuple[str, ...]] = ()
    settings: ClassVar[tuple[str, ...]] = ()
    conjugate: tuple[str, ...] = ()
    density: bool = False
    symbolic: bool = False
    symbols: Sequence[Hashable] = ()
    states: int

    def __repr__(self) -> str:
        tables = "".join(f", {name} {getattr(self, name).shape}" for name in self.arrays)
        return f"{type(self).__name__}(states={self.states}{tables})"

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a copy, whose arrays are as read-only as the original's: models share their emissions."""
        vars(self).update(state)
        for value in state.values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    @property
    def parameters(self) -> tuple[Table, ...]:
        """The parameter arrays or tensors, by name."""
        return tuple(getattr(self, name) for name in self.arrays)

    @property
    def learnable(self) -> tuple[str, ...]:
        """The names that ``learn`` of `HMM.fit_em` may hold, to learn a part."""
        return self.arrays

    @abstractmethod
    def is_one(self, x: object) -> bool:
        """Whether x is one sequence, not a list of them."""

    @abstractmethod
    def read(self, sequences: Sequence[Any]) -> Rows:
        """Validate sequences and convert them to arrays."""

    @abstractmethod
    def scores(self, data: Array) -> Scores:
        """Log scores of each observation in each state."""

    @abstractmethod
    def recorded(self, data: Array) -> Tensor:
        """The log scores as a tensor (rows, K), so that the parameters receive gradients."""

    @abstractmethod
    def sample(self, states: Array, rng: Rng = None) -> Items:
        """Draw one observation for each state.

        Args:
            states: ids.
            rng: a NumPy generator, or a seed; by default the generator of `tinyseq.manual_seed`.
        """

    @abstractmethod
    def learned(
        self, data: Array, states: Array, learn: frozenset[str] | None = None, priors: Priors | None = None
    ) -> Self:
        """The M-step: the emission model that maximises the expected log-likelihood, given the posteriors (rows, K).

        With priors, it maximises the sum of that and `log_prior`. Where there is no closed form, it only increases it.
        ``learn`` names the arrays that may change; None for all.
        """

    def log_prior(self, priors: Priors) -> float:
        """The log density of priors of the names in ``conjugate``, up to a constant.

        Raises:
            ValueError: for a prior that does not fit.
        """
        return 0.0

    @abstractmethod
    def shuffled(self, data: Array, rng: np.random.Generator) -> Self:
        """A random model of the same family, to start training from."""

    def narrow(self, data: Array) -> list[int]:
        """The states whose variance was clipped at the floor in training."""
        return []

    def free(self) -> int:
        """The number of free parameters."""
        return sum(int(plain(getattr(self, name)).size) for name in self.arrays)

    def typical(self) -> Array | None:
        """The mean observation of each state (K, D), or the probabilities of its symbols (K, V); None if unknown."""
        return None

    @abstractmethod
    def describe(self, datum: object) -> str:
        """A description of an observation, for error messages."""

    @abstractmethod
    def both(self, data: Array, other: Array) -> Array:
        """Combine two lists of observations, each of which may have missing ones."""

    def saved(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """The arrays and settings to save."""
        arrays = {name: plain(getattr(self, name)) for name in self.arrays}
        return arrays, {name: getattr(self, name) for name in self.settings}

    @classmethod
    def restored(cls, arrays: Mapping[str, Array], settings: Mapping[str, Any]) -> Self:
        """What `saved` was called on."""
        return cls(**arrays, **settings)

    @classmethod
    def kind(cls) -> str:
        """The name of the class in files."""
        own = cls.__module__.startswith("tinyseq.")
        return cls.__name__ if own else f"{cls.__module__}.{cls.__qualname__}"


def kinds(base: type[Emission] = Emission) -> dict[str, type[Emission]]:
    """All classes of emissions, including users' own, by their names in files."""
    found: dict[str, type[Emission]] = {}
    for kind in base.__subclasses__():
        found |= {kind.kind(): kind} | kinds(kind)
    return found
