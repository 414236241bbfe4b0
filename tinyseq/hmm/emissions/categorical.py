"""Discrete symbols."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from tinyseq.arguments import check_flags
from tinyseq.autograd.declare import FUNCTIONS
from tinyseq.autograd.ops.elementwise.choice import where
from tinyseq.autograd.tensor import Tensor, TensorLike
from tinyseq.backend import Array
from tinyseq.hmm.emissions.densities.priors import counts as added_counts
from tinyseq.hmm.emissions.densities.priors import log_dirichlet
from tinyseq.hmm.emissions.draws import draw, free_shares, redrawn, shares
from tinyseq.hmm.emissions.emission import Emission, Priors, Rows
from tinyseq.hmm.inference.passes.score_tables import Scores
from tinyseq.hmm.inference.passes.score_tables import Table as ScoreTable
from tinyseq.hmm.model.labels import Items, Labels
from tinyseq.hmm.model.probabilities import Probabilities, Table, as_table, plain
from tinyseq.io.names import kept_name, read_name, written_name
from tinyseq.random import Rng, as_generator
from tinyseq.torch_names.settings import explained


class Categorical(Emission):
    """Discrete symbols: P(symbol | state).

    None is a missing observation: it carries no information, and has probability one in every state.

    Args:
        table: (K, V), probabilities, as an array, as lists, or as a tensor for gradients.
        symbols: V names; ids 0..V - 1 by default.
        unknown: the symbol that stands for every name that is not among ``symbols``; by default such a name is an
            error.
        in_logs: whether the table holds log-probabilities.

    Raises:
        ValueError: if the table is not rectangular, or the names do not match it.
        TypeError: if the table does not hold numbers.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> coin = Categorical(np.array([[0.5, 0.5], [0.9, 0.1]]), symbols="HT")
        >>> HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], coin).viterbi(["H", "H", None, "H"]).path.tolist()
        [1, 1, 1, 1]
    """

    symbolic = True
    symbols: Labels
    conjugate = ("emission",)

    @explained
    def __init__(
        self,
        table: TensorLike,
        symbols: Iterable[Hashable] | None = None,
        unknown: Hashable | None = None,
        in_logs: bool = False,
    ) -> None:
        check_flags(in_logs=in_logs)
        table = as_table(table, "table")
        if table.ndim != 2:
            raise ValueError(f"table must have shape (states, symbols), got {table.shape}")
        self._both = Probabilities(table, in_logs)
        self.states, size = table.shape
        self.symbols = Labels(symbols, size, "symbol")
        if unknown is not None and unknown not in self.symbols:
            raise ValueError(f"unknown={unknown!r} is not among the symbols")
        self.unknown: Hashable | None = kept_name(unknown, "symbol's name")
        self._fixed = None if self._both.changes else self._by_symbol()

    @property
    def probabilities(self) -> Table:
        """P(symbol | state), (K, V)."""
        return self._both.values

    @property
    def logs(self) -> Table:
        """log P(symbol | state), (K, V)."""
        return self._both.logs

    @property
    def parameters(self) -> tuple[Table, ...]:
        """See `Emission`."""
        return (self._both.given,)

    def saved(self) -> tuple[dict[str, Array], dict[str, Any]]:
        """See `Emission`. The table is saved as it was given, so that it is restored to the last bit."""
        names = [written_name(name) for name in self.symbols] if self.symbols.named else None
        settings = {"symbols": names, "unknown": written_name(self.unknown), "in_logs": self._both.in_logs}
        return {"emission": plain(self._both.given)}, settings

    @classmethod
    def restored(cls, arrays: Mapping[str, Array], settings: Mapping[str, Any]) -> Self:
        """See `Emission`."""
        names = settings["symbols"]
        symbols = names if names is None else [read_name(name) for name in names]
        return cls(arrays["emission"], symbols, read_name(settings["unknown"]), settings["in_logs"])

    def _by_symbol(self) -> ScoreTable:
        """The scores of every symbol, and of the missing observation as one more symbol with probability one."""
        scores = plain(self.logs)
        return ScoreTable(np.concatenate([scores, np.zeros((self.states, 1), dtype=scores.dtype)], axis=1))

    def is_one(self, x: object) -> bool:
        """Whether x is one sequence: its elements are symbols, not sequences."""
        if isinstance(x, np.ndarray):
            return x.ndim == 1 and not (len(x) and isinstance(x[0], list | tuple | np.ndarray))
        items: Any = x
        if isinstance(items, str) or not len(items):
            return True
        if self.symbols.letters and all(isinstance(item, str) for item in items):
            return all(len(item) == 1 for item in items)  # longer strings over an alphabet: each is a sequence
        return self._is_symbol(items[0]) or not isinstance(items[0], list | tuple | np.ndarray)

    def _is_symbol(self, item: object) -> bool:
        """Whether an item is a symbol, known or not, though it could be a sequence: both may be tuples."""
        if item in self.symbols:
            return True
        if self.unknown is None or not self.symbols.tuples or not isinstance(item, tuple):
            return False
        return not all(part is None or isinstance(part, tuple) or part in self.symbols for part in item)

    def read(self, sequences: Sequence[Any]) -> Rows:
        """Convert names or ids to ids, and None to V.

        Raises:
            ValueError: for a symbol that the model does not know, with sequence and position; for arrays of more axes.
        """
        for i, sequence in enumerate(sequences):
            shape = sequence.shape if isinstance(sequence, np.ndarray) else (1,)
            if len(shape) != 1:
                cure = "; a column of symbols is sequence[:, 0]" if shape[1:] == (1,) else ""
                raise ValueError(f"sequence {i}: an array of symbols must have shape (T,), got {shape}{cure}")
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
        return Scores(self._fixed or self._by_symbol(), data)

    def recorded(self, data: Array) -> Tensor:
        """See `Emission`."""
        missing = data == len(self.symbols)
        rows = FUNCTIONS["take"](FUNCTIONS["transpose"](self.logs), np.where(missing, 0, data))
        return where(missing[..., None], 0.0, rows) if missing.any() else rows

    def sample(self, states: Array, rng: Rng = None) -> Items:
        """See `Emission`.

        Raises:
            ValueError: for a state without symbols.
        """
        table = plain(self.probabilities)
        states = np.asarray(states) if len(states) else np.empty(0, dtype=np.intp)
        silent = states[table.sum(axis=1)[states] == 0]
        if len(silent):
            raise ValueError(f"state {silent[0]} has no symbol of positive probability to draw")
        ids = draw(table, as_generator(rng), states)
        return [self.symbols[i] for i in ids.tolist()] if self.symbols.named else ids

    def free(self) -> int:
        """See `Emission`."""
        return free_shares(plain(self.probabilities))

    def typical(self) -> Array | None:
        """See `Emission`."""
        return plain(self.probabilities)

    def describe(self, datum: object) -> str:
        """See `Emission`."""
        return "a missing observation" if datum == len(self.symbols) else repr(self.symbols[datum])

    def both(self, data: Array, other: Array) -> Array:
        """See `Emission`."""
        missing = len(self.symbols)
        clash = np.flatnonzero((data != other) & (data != missing) & (other != missing))
        if len(clash):
            t = int(clash[0])
            raise ValueError(f"position {t}: cannot be {self.describe(data[t])} and {self.describe(other[t])} at once")
        return np.where(data == missing, other, data)

    def log_prior(self, priors: Priors) -> float:
        """See `Emission`: a Dirichlet density."""
        return log_dirichlet("emission", priors.get("emission", 1.0), plain(self.probabilities))

    def learned(
        self, data: Array, states: Array, learn: frozenset[str] | None = None, priors: Priors | None = None
    ) -> Self:
        """The normalised expected counts of each state; a state that is never used keeps its probabilities."""
        size = len(self.symbols) + 1  # the last is the missing observation
        counts = np.stack([np.bincount(data, weights=column, minlength=size)[:-1] for column in states.T])
        if priors:
            counts += added_counts("emission", priors.get("emission", 1.0), plain(self.probabilities))
        return self._with(shares(counts, plain(self.probabilities)))

    def shuffled(self, data: Array, rng: np.random.Generator) -> Self:
        """Random probabilities; zeros stay zero."""
        return self._with(redrawn(plain(self.probabilities), rng))

    def _with(self, probabilities: Array) -> Self:
        return type(self)(probabilities, self.symbols if self.symbols.named else None, self.unknown)
