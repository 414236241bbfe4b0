"""Convert the user's sequences to the arrays that the passes take, and results back."""

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from typing import Any, TypeVar

import numpy as np

from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import Array, on_host
from tinyseq.hmm.emissions import Rows
from tinyseq.hmm.inference.autodiff import log_partition
from tinyseq.hmm.inference.impossible import explain
from tinyseq.hmm.inference.passes.batching import Ragged
from tinyseq.hmm.inference.passes.score_tables import Arcs, Dense, Lookup, Scores
from tinyseq.hmm.masks import unmasked
from tinyseq.hmm.model.parameters import Parameters

T = TypeVar("T")


class Observations:
    """One or several sequences, encoded for a model.

    Args:
        model: the parameters of the model.
        x: a sequence, or a list of sequences.
        states: what is known about the hidden states, as long as x: for each step None, a state, or a set of states. In
            a list of sequences, None in place of a sequence's states means that nothing is known about them.

    Attributes:
        one: whether x is a single sequence, so that the result is a single one too.
        rows: the observations.
        allowed: (rows, K), which states each row allows; None for all.
        arcs, scores, batch: the arguments of the passes.

    Raises:
        ValueError: if an observation or state is unknown to the model, or ``x`` and ``states`` do not match.
        TypeError: if observations or states are not sequences.
    """

    def __init__(self, model: Parameters, x: Any, states: Any = None) -> None:
        self.model = model
        if (
            not hasattr(x, "__len__")
            or not hasattr(x, "__getitem__")
            or isinstance(x, Mapping)
            or getattr(x, "shape", None) == ()
        ):
            raise TypeError(f"x must be a list or an array, of symbols or of sequences, got {type(x).__name__}")
        x = [_array(part) for part in x] if isinstance(x, list | tuple) else _array(x)
        self.one = model.emissions.is_one(x)
        self.rows = model.emissions.read([x] if self.one else list(x))
        most = model.longest
        if most is not None and max(self.rows.lengths, default=0) > most:
            several = f"; for a model with n = {model.n + 1}, initial is a tuple of {model.n} tables"
            raise ValueError(
                f"transition has tables for sequences of up to {most} steps, got one of {max(self.rows.lengths)}"
                + (several if len(set(model.transition.shape)) == 1 else "")
            )
        self.allowed = None if states is None else self._allowed(states)
        self._prepare()

    def _prepare(self) -> None:
        self.arcs = self.model.arcs()
        self.batch = Ragged(self.rows.lengths)
        self.scores: Scores = self.model.emissions.scores(self.rows.data)
        if self.allowed is not None:
            self.scores = Dense(np.where(self.allowed, self.all_scores(), -np.inf))

    def _allowed(self, states: Any) -> Array:
        known = [states] if self.one or not hasattr(states, "__len__") else list(states)
        for part in known:
            if part is not None and not hasattr(part, "__len__"):
                raise TypeError(f"states must hold None, a state or a set of states for each step of x, got {part!r}")
        if len(known) == len(self.rows.lengths):
            known = [[None] * n if part is None else part for part, n in zip(known, self.rows.lengths, strict=True)]
        if [len(part) for part in known] != self.rows.lengths:
            raise ValueError("states must be as long as x; use None where nothing is known")
        allowed = np.zeros((len(self.rows.data), len(self.model.states)), dtype=bool)
        row = 0
        for i, part in enumerate(known):
            for t, item in enumerate(part):
                several = item if isinstance(item, set | frozenset | list) else [item]
                try:
                    allowed[row, [self.model.states.id_at(t, state) for state in several if item is not None]] = True
                except ValueError as error:
                    raise ValueError(f"states of sequence {i}, {error}") from None
                allowed[row] |= item is None
                row += 1
        return allowed

    def and_given(self, other: "Observations") -> "Observations":
        """The combined information of this object and another about the same sequence."""
        if self.rows.lengths != other.rows.lengths:
            raise ValueError(f"given has {other.rows.lengths[0]} steps, but x has {self.rows.lengths[0]}")
        both = copy(self)
        both.rows = Rows(self.model.emissions.both(self.rows.data, other.rows.data), self.rows.lengths)
        masks = [reading.allowed for reading in (self, other) if reading.allowed is not None]
        both.allowed = np.logical_and.reduce(masks) if masks else None
        both._prepare()
        return both

    def by(self, model: Parameters) -> "Observations":
        """The same observations, scored by another model of the same kind."""
        seen = copy(self)
        seen.model = model
        seen._prepare()
        return seen

    def all_scores(self) -> Array:
        """The log scores of all rows, (rows, K)."""
        return self.scores.logs(np.arange(len(self.rows.data))).T

    @property
    def on_tape(self) -> bool:
        """Whether a parameter of the model is a tensor, or the observations are a tensor of scores."""
        return self.model.on_tape or self.rows.recorded is not None

    def recorded_likelihood(self) -> Tensor:
        """The log-likelihood of each sequence as a differentiable tensor."""
        initial, transition, end = self.model.logs
        scores = self.rows.recorded
        if scores is None:
            scores = self.model.emissions.recorded(self.rows.data)
        if self.allowed is not None:
            scores = scores + np.where(self.allowed, 0.0, -np.inf)
        return log_partition(initial, transition, scores[self.rows.padded()], end, lengths=self.rows.lengths)

    def each_alone(self) -> Iterator[tuple[Arcs, Scores, int]]:
        """Yield the arguments of the passes for each sequence, as copies, so that the batch can be freed."""
        start = 0
        for length in self.rows.lengths:
            rows = slice(start, start + length)
            start += length
            if isinstance(self.scores, Lookup):
                scores: Scores = Lookup(self.scores.table, self.scores.ids[rows].copy())
            else:
                scores = Dense(self.scores.logs(rows).T.copy())
            yield self.arcs, scores, length

    def paths(self, ids: Array) -> list[Sequence[Any]]:
        """Split the states of all rows into one path per sequence, as names if the model has them."""
        paths, names = self.rows.split(ids), self.model.states
        return [[names[i] for i in path.tolist()] for path in paths] if names.named else paths

    def answer(self, found: list[T]) -> T | list[T]:
        """The list of results, or the single result if x is one sequence."""
        return found[0] if self.one else found

    def require_possible(self, values: Array) -> None:
        """Raise an error for the first sequence whose log probability is -inf.

        Raises:
            ImpossibleSequenceError: if there is one; the error says where it fails.
        """
        if (values == -np.inf).any():
            number = int(np.argmax(values == -np.inf))
            data = self.rows.split(self.rows.data)[number]
            words = [self.model.emissions.describe(datum) for datum in data]
            allowed = None if self.allowed is None else self.rows.split(self.allowed)[number]
            raise explain(self.arcs, self.scores, self.batch, number, words, self.model.states, allowed)


def _array(part: Any) -> Any:
    """An array on the host, with masked entries marked as missing; anything else unchanged."""
    part = unmasked(on_host(part))
    if getattr(getattr(part, "dtype", None), "kind", "") == "c":
        raise ValueError(f"Complex data not supported: observations must be real or symbols, got dtype {part.dtype}")
    return part
