"""The interface of emission models. Inference only sees their log scores.

An emission model encodes sequences, scores them, samples observations, learns from posteriors, and is saved and loaded.
For emissions of numbers, `Density` implements most of it.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import Array
from tinyseq.hmm.inference.passes.score_tables import Scores
from tinyseq.hmm.model.probabilities import plain


class Rows(NamedTuple):
    """The observations of several sequences, one sequence after the other.

    Attributes:
        data: an array with one entry for each observation.
        lengths: how many belong to each sequence.
        recorded: the same data as a tensor, if it came as one.
    """

    data: Array
    lengths: list[int]
    recorded: Tensor | None = None

    def split(self, values: Array) -> list[Array]:
        """An array with an entry for each observation, as one array for each sequence."""
        ends = np.cumsum(self.lengths).tolist()
        return [values[end - length : end] for end, length in zip(ends, self.lengths, strict=True)]

    def padded(self) -> Array:
        """For each time step and sequence the number of the observation, (T, N); 0 beyond a sequence's length."""
        lengths = np.asarray(self.lengths, dtype=np.intp)
        steps = np.arange(lengths.max(initial=0))[:, None]
        return np.where(steps < lengths, np.cumsum(lengths) - lengths + steps, 0)


class Emission(ABC):
    """The interface of an emission model.

    Attributes:
        states: K.
        arrays: the names of the arrays that it is made of, which are its attributes and may be named in ``learn``.
        settings: the names of what else it is made of: attributes that JSON can keep.
        density: whether its scores are logs of densities, which may exceed 1.
        symbolic: whether observations are symbols.
    """

    arrays: ClassVar[tuple[str, ...]] = ()
    settings: ClassVar[tuple[str, ...]] = ()
    density: bool = False
    symbolic: bool = False
    states: int

    @property
    def parameters(self) -> tuple[Any, ...]:
        """The arrays or tensors that it is made of."""
        return tuple(getattr(self, name) for name in self.arrays)

    @abstractmethod
    def is_one(self, x: Any) -> bool:
        """Whether x is one sequence, not a list of them."""

    @abstractmethod
    def read(self, sequences: Sequence[Any]) -> Rows:
        """Validate sequences and convert them to arrays."""

    @abstractmethod
    def scores(self, data: Array) -> Scores:
        """Log scores of each observation in each state."""

    @abstractmethod
    def recorded(self, data: Array) -> Tensor:
        """The same as a tensor (rows, K), through which gradients reach the parameters."""

    @abstractmethod
    def sample(self, states: Array, rng: np.random.Generator) -> Sequence[Any]:
        """One observation for each state."""

    @abstractmethod
    def learned(self, data: Array, states: Array, learn: frozenset[str] | None = None) -> Self:
        """The emission model that makes the data likelier, given the posterior of the state at each row (rows, K).

        Where a maximum is known, it is the likeliest one. ``learn`` names the arrays that may change; None is all.
        """

    @abstractmethod
    def shuffled(self, data: Array, rng: np.random.Generator) -> Self:
        """A random model of the same kind, for a new start of training."""

    def narrow(self, data: Array) -> list[int]:
        """The states whose variance training has kept at its floor."""
        return []

    def free(self) -> int:
        """The number of free parameters."""
        return sum(int(plain(getattr(self, name)).size) for name in self.arrays)

    def typical(self) -> Array | None:
        """The mean observation of each state (K, D), or the probabilities of its symbols (K, V); None if unknown."""
        return None

    @abstractmethod
    def describe(self, datum: Any) -> str:
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
        """Its name in files."""
        own = cls.__module__.startswith("tinyseq.")
        return cls.__name__ if own else f"{cls.__module__}.{cls.__qualname__}"


def kinds(base: type[Emission] = Emission) -> dict[str, type[Emission]]:
    """The classes of emissions there are now, those of users included, by the names that files know."""
    found: dict[str, type[Emission]] = {}
    for kind in base.__subclasses__():
        found |= {kind.kind(): kind} | kinds(kind)
    return found
