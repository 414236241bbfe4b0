"""How hidden states make observations visible. Inference sees none of this, only log scores for each row and state.

An emission model reads sequences, scores them, draws observations, and learns from posteriors.
"""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from tinyseq.autograd.op import FUNCTIONS
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import Array
from tinyseq.hmm.labels import Labels
from tinyseq.hmm.probabilities import Probabilities, plain
from tinyseq.hmm.tables import Dense, Lookup, Scores, Table
from tinyseq.io import kept_name


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


@runtime_checkable
class Emission(Protocol):
    """What an HMM asks of its emission model."""

    states: int

    @property
    def parameters(self) -> tuple[Any, ...]:
        """The arrays or tensors that it is made of."""

    def is_one(self, x: Any) -> bool:
        """Whether x is one sequence, not a list of them."""

    def read(self, sequences: Sequence[Any]) -> Rows:
        """Check sequences and bring them into arrays."""

    def scores(self, data: Array) -> Scores:
        """Log scores of each observation in each state."""

    def recorded(self, data: Array) -> Tensor:
        """The same as a tensor (rows, K), through which gradients reach the parameters."""

    def sample(self, states: Array, rng: np.random.Generator) -> Sequence[Any]:
        """One observation for each state."""

    def learned(self, data: Array, states: Array) -> "Emission":
        """The emission model that makes the data likeliest, given the posterior of the state at each row (rows, K)."""

    def shuffled(self, data: Array, rng: np.random.Generator) -> "Emission":
        """A random model of the same kind, as another place to start learning from."""

    def describe(self, datum: Any) -> str:
        """An observation, for errors."""

    def both(self, data: Array, other: Array) -> Array:
        """What two lists of observations say together, where one may be missing."""


class Categorical:
    """Discrete symbols: P(symbol | state).

    An observation None is missing: it says nothing, every state scores it with probability one.

    Args:
        table: (K, V), probabilities, as an array or as a tensor for gradients.
        symbols: V names; ids 0..V - 1 by default.
        unknown: the symbol that stands for every name that is not among ``symbols``; by default such a name is an
            error.
        in_logs: whether the table holds the logs.

    Raises:
        ValueError: for names that do not fit the table.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> coin = Categorical(np.array([[0.5, 0.5], [0.9, 0.1]]), symbols="HT")
        >>> HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], coin).viterbi(["H", "H", None, "H"]).path.tolist()
        [1, 1, 1, 1]
    """

    def __init__(
        self,
        table: Any,
        symbols: Iterable[Hashable] | None = None,
        unknown: Hashable | None = None,
        in_logs: bool = False,
    ) -> None:
        self._both = Probabilities(table, in_logs)
        self.states, size = table.shape
        self.symbols = Labels(symbols, size, "symbol")
        if unknown is not None and unknown not in self.symbols:
            raise ValueError(f"unknown={unknown!r} is not among the symbols")
        self.unknown = kept_name(unknown, "symbol's name")
        self._fixed = None if self._both.changes else self._by_symbol()

    @property
    def probabilities(self) -> Any:
        """P(symbol | state), (K, V)."""
        return self._both.values

    @property
    def logs(self) -> Any:
        """Their logs."""
        return self._both.logs

    @property
    def parameters(self) -> tuple[Any, ...]:
        """See `Emission`."""
        return (self._both.given,)

    def _by_symbol(self) -> Table:
        """The scores of every symbol. None, the missing observation, is one more, with probability one everywhere."""
        scores = plain(self.logs)
        return Table(np.concatenate([scores, np.zeros((self.states, 1), dtype=scores.dtype)], axis=1))

    def is_one(self, x: Any) -> bool:
        """Whether x is one sequence: its elements are symbols, not sequences."""
        if isinstance(x, np.ndarray):
            return x.ndim == 1 and not (len(x) and isinstance(x[0], list | tuple | np.ndarray))
        if isinstance(x, str) or not len(x):
            return True
        if self.symbols.letters and all(isinstance(item, str) for item in x):
            words = any(len(item) != 1 for item in x)  # over an alphabet; each word is a sequence
            if words and self.unknown is not None:  # else they are words that are not known
                words = all(letter in self.symbols for item in x for letter in item)
            return not words
        return x[0] in self.symbols or not isinstance(x[0], list | tuple | np.ndarray)

    def read(self, sequences: Sequence[Any]) -> Rows:
        """Names or ids become ids; None becomes V.

        Raises:
            ValueError: for a symbol that the model does not know, with sequence and position.
        """
        lengths = [len(sequence) for sequence in sequences]
        together = np.concatenate(sequences) if set(map(type, sequences)) == {np.ndarray} else None
        if together is not None and together.dtype.kind in "iu":
            in_range = not together.size or (together.min() >= 0 and together.max() < len(self.symbols))
            if in_range and not self.symbols.numeric:
                return Rows(together.astype(np.intp, copy=False), lengths)
        missing = len(self.symbols)
        unknown = None if self.unknown is None else int(self.symbols.ids([self.unknown])[0])
        parts = [np.zeros(0, dtype=np.intp)]
        for i, sequence in enumerate(sequences):
            try:
                parts.append(self.symbols.ids(sequence, missing, unknown))
            except ValueError as error:
                raise ValueError(f"sequence {i}, {error}") from None
        return Rows(np.concatenate(parts), lengths)

    def scores(self, data: Array) -> Scores:
        """See `Emission`."""
        return Lookup(self._fixed or self._by_symbol(), data)

    def recorded(self, data: Array) -> Tensor:
        """See `Emission`."""
        missing = data == len(self.symbols)
        rows = FUNCTIONS["take"](FUNCTIONS["transpose"](self.logs), np.where(missing, 0, data))
        scores: Tensor = FUNCTIONS["where"](missing[..., None], 0.0, rows) if missing.any() else rows
        return scores

    def sample(self, states: Array, rng: np.random.Generator) -> Sequence[Any]:
        """See `Emission`."""
        ids = draw(plain(self.probabilities)[states], rng)
        return [self.symbols[i] for i in ids.tolist()] if self.symbols.named else ids

    def describe(self, datum: Any) -> str:
        """See `Emission`."""
        return "a missing observation" if datum == len(self.symbols) else repr(self.symbols[int(datum)])

    def both(self, data: Array, other: Array) -> Array:
        """See `Emission`."""
        missing = len(self.symbols)
        clash = np.flatnonzero((data != other) & (data != missing) & (other != missing))
        if len(clash):
            t = int(clash[0])
            raise ValueError(f"position {t}: cannot be {self.describe(data[t])} and {self.describe(other[t])} at once")
        return np.where(data == missing, other, data)

    def learned(self, data: Array, states: Array) -> "Categorical":
        """Each state's share of the expected counts of its symbols; a state that is never used stays as it is."""
        size = len(self.symbols) + 1  # the last is the missing observation
        counts = np.stack([np.bincount(data, weights=column, minlength=size)[:-1] for column in states.T])
        return self._with(shares(counts, plain(self.probabilities)))

    def shuffled(self, data: Array, rng: np.random.Generator) -> "Categorical":
        """Random probabilities where there are any now."""
        return self._with(redrawn(plain(self.probabilities), rng))

    def _with(self, probabilities: Array) -> "Categorical":
        return Categorical(probabilities, self.symbols if self.symbols.named else None, self.unknown)


class Given:
    """Observations that are themselves log scores: each sequence is an array (T, K), made by any other model.

    Args:
        states: K.
    """

    def __init__(self, states: int) -> None:
        self.states = states

    @property
    def parameters(self) -> tuple[Any, ...]:
        """None of its own."""
        return ()

    def is_one(self, x: Any) -> bool:
        """Whether x is one array (T, K)."""
        return bool(x.ndim == 2) if hasattr(x, "ndim") else not len(x)

    def read(self, sequences: Sequence[Any]) -> Rows:
        """See `Emission`.

        Raises:
            ValueError: for an array of another shape, or with NaN or +inf in it.
        """
        arrays = [np.asarray(plain(s), dtype=np.float64) for s in sequences]
        arrays = [scores if scores.size else scores.reshape(0, self.states) for scores in arrays]
        for i, scores in enumerate(arrays):
            if scores.ndim != 2 or scores.shape[1] != self.states:
                raise ValueError(f"sequence {i}: log scores must have shape (T, {self.states}), got {scores.shape}")
            if not (scores < np.inf).all():
                t = int(np.argwhere(~(scores < np.inf))[0, 0])
                raise ValueError(f"sequence {i}, position {t}: log scores must be finite or -inf, got {scores[t]}")
        recorded = None
        if any(isinstance(s, Tensor) for s in sequences):
            recorded = FUNCTIONS["concatenate"](list(sequences))
        return Rows(np.concatenate([np.zeros((0, self.states)), *arrays]), [len(s) for s in arrays], recorded)

    def scores(self, data: Array) -> Scores:
        """See `Emission`."""
        return Dense(data)

    def recorded(self, data: Array) -> Tensor:
        """See `Emission`."""
        return Tensor(data)

    def sample(self, states: Array, rng: np.random.Generator) -> Sequence[Any]:
        """Not possible.

        Raises:
            TypeError: always.
        """
        raise TypeError("an HMM without an emission model cannot draw observations; pass emission to HMM")

    def learned(self, data: Array, states: Array) -> "Given":
        """Itself: whoever made the scores learns elsewhere."""
        return self

    def shuffled(self, data: Array, rng: np.random.Generator) -> "Given":
        """Itself."""
        return self

    def describe(self, datum: Any) -> str:
        """See `Emission`."""
        return f"log scores {np.asarray(datum)}"

    def both(self, data: Array, other: Array) -> Array:
        """The product of both: their logs add up."""
        return data + other


def draw(probabilities: Array, rng: np.random.Generator) -> Array:
    """One index for each row of probabilities (..., K)."""
    edges = np.cumsum(probabilities, axis=-1)
    points = rng.random(edges.shape[:-1]) * edges[..., -1]
    found: Array = (edges <= points[..., None]).sum(axis=-1)
    return found


def redrawn(probabilities: Array, rng: np.random.Generator) -> Array:
    """Random rows with the zeros, and the sums, of the given ones."""
    weights = rng.gamma(1.0, size=probabilities.shape) * (probabilities > 0)
    return shares(weights, probabilities) * probabilities.sum(axis=-1, keepdims=True)


def shares(counts: Array, otherwise: Array) -> Array:
    """Each row's counts over their sum; a row without any is taken from ``otherwise``."""
    total = counts.sum(axis=-1, keepdims=True)
    return np.where(total > 0, counts / np.where(total > 0, total, 1.0), otherwise)
