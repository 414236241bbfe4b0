"""Convert the user's sequences to the arrays that the passes take, and results back."""

from collections.abc import Callable, Iterator
from copy import copy
from functools import cached_property, partial
from typing import Any, TypeVar

import numpy as np

from tinyseq.arguments import check_ordered, is_list, is_single, shown
from tinyseq.autograd.modes import no_grad
from tinyseq.autograd.tensor import Tensor, constant, constant_like
from tinyseq.backend import Array, host_array, is_array, library_of, namespace_of, on_host
from tinyseq.hmm.emissions import Given, Rows
from tinyseq.hmm.inference.autodiff import log_partition
from tinyseq.hmm.inference.gpu.chains import REALS, DeviceChain, flat
from tinyseq.hmm.inference.impossible import explain
from tinyseq.hmm.inference.passes import dispatch
from tinyseq.hmm.inference.passes.batching import Ragged
from tinyseq.hmm.inference.passes.score_tables import Arcs, Scores
from tinyseq.hmm.masks import unmasked
from tinyseq.hmm.model.labels import Items
from tinyseq.hmm.model.parameters import Parameters

T = TypeVar("T")


class Observations:
    """One or several sequences, encoded for a model.

    Args:
        model: the parameters of the model.
        x: a sequence, or a list of sequences.
        states: what is known about the hidden states, as long as x: for each step None, a state, or a set of states. In
            a list of sequences, None in place of a sequence's states means that nothing is known about them.
        name: of the argument ``x``, for errors.

    Attributes:
        one: whether x is a single sequence, so that the result is a single one too.
        rows: the observations.
        allowed: (rows, K), which states each row allows; None for all.
        arcs, scores, batch: the arguments of the passes.

    Raises:
        ValueError: if an observation or state is unknown to the model, or ``x`` and ``states`` do not match.
        TypeError: if observations or states are not sequences.
    """

    def __init__(self, model: Parameters, x: Any, states: Any = None, name: str = "x") -> None:
        self.model = model
        check_sequence(x, name)
        taken = partial(_array, on_device=isinstance(model.emissions, Given))
        x = [taken(part) for part in x] if isinstance(x, list | tuple) else taken(x)
        self.one = model.emissions.is_one(x)
        self.rows = model.emissions.read([x] if self.one else _listed(x, name))
        most = model.longest
        if most is not None and max(self.rows.lengths, default=0) > most:
            several = f"; for a model with n = {model.n + 1}, initial is a tuple of {model.n} tables"
            raise ValueError(
                f"transition has tables for sequences of up to {most} steps, got one of {max(self.rows.lengths)}"
                + (several if len(set(model.transition.shape)) == 1 else "")
            )
        self.allowed = None if states is None else self._allowed(states)

    # Computed when a pass on the host asks for them: a model on a GPU would have to be copied.

    @cached_property
    def arcs(self) -> Arcs:
        """The logs of the tables."""
        return self.model.arcs()

    @cached_property
    def batch(self) -> Ragged:
        """The sequences."""
        return Ragged(self.rows.lengths)

    @cached_property
    def scores(self) -> Scores:
        """The emission scores of all rows."""
        scores = self.model.emissions.scores(self.rows.data)
        if self.allowed is None:
            return scores
        return Scores.dense(np.where(self.allowed, scores.logs(np.arange(len(self.rows.data))).T, -np.inf))

    def _changed(self) -> "Observations":
        """A copy whose arguments of the passes are still to be computed."""
        changed = copy(self)
        for name in ("arcs", "batch", "scores", "_chain"):
            vars(changed).pop(name, None)
        return changed

    def _allowed(self, states: Any) -> Array:
        states = _array(states)
        known = [states] if self.one or not hasattr(states, "__len__") else list(map(_array, states))
        for part in known:
            check_ordered("states", part)
            if part is not None and (not hasattr(part, "__len__") or is_single(part)):
                raise TypeError(f"states must hold None, a state or a set of states for each step of x, got {part!r}")
        if len(known) == len(self.rows.lengths):
            known = [[None] * n if part is None else part for part, n in zip(known, self.rows.lengths, strict=True)]
        if [len(part) for part in known] != self.rows.lengths:
            cure = "use None where nothing is known"
            numbers = known[0] if self.one else []
            if all(isinstance(part, int | np.integer) for part in numbers) and sum(numbers) == self.rows.lengths[0]:
                cure = "if these are lengths, give a list of sequences, as np.split(x, np.cumsum(lengths)[:-1]) makes"
            raise ValueError(f"states must be as long as x; {cure}")
        allowed = np.zeros((len(self.rows.data), len(self.model.states)), dtype=bool)
        row = 0
        for i, part in enumerate(known):
            for t, item in enumerate(map(_array, part)):
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
        both = self._changed()
        both.rows = Rows(self.model.emissions.both(self.rows.data, other.rows.data), self.rows.lengths)
        masks = [reading.allowed for reading in (self, other) if reading.allowed is not None]
        both.allowed = np.logical_and.reduce(masks) if masks else None
        return both

    def by(self, model: Parameters) -> "Observations":
        """The same observations, scored by another model of the same kind."""
        seen = self._changed()
        seen.model = model
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
        initial, transition, end = self._tables()
        scores = self._recorded_scores()[self.rows.padded()]
        return log_partition(initial, transition, scores, end, lengths=self.rows.lengths)

    @property
    def device(self) -> str:
        """``"cuda"`` if a parameter of the model or the scores are on a GPU, else ``"cpu"``."""
        there = "cuda" in (self.model.device, self.rows.recorded is not None and self.rows.recorded.device)
        return "cuda" if there else "cpu"

    def best_paths(self) -> tuple[Array, Array]:
        """The states of the best paths (rows,), on the model's device, and their scores (N,), on the host."""
        if self.device == "cpu":
            return dispatch.best_paths(self.arcs, self.scores, self.batch)
        paths, best = self._chain.best_paths()
        return paths, self._are_numbers(host_array(best))

    def posteriors(self) -> tuple[Array, Array]:
        """The log-likelihoods (N,), on the host, and the posteriors of the states (rows, K), on the model's device."""
        if self.device == "cpu":
            expected = dispatch.expectations(self.arcs, self.scores, self.batch, with_counts=False)
            return expected.log_likelihood, expected.states
        totals, slopes = self._chain.posteriors(counts=False)
        return self._are_numbers(host_array(totals)), slopes.states

    def transitions(self) -> Iterator[Callable[[], Array]]:
        """For each sequence, a function that computes the posteriors of its transitions."""
        if self.device == "cpu":
            yield from (partial(dispatch.transition_posteriors, *alone) for alone in self._each_alone())
        else:
            yield from (partial(self._chain.transition_posteriors, i) for i in range(len(self.rows.lengths)))

    @cached_property
    def _chain(self) -> DeviceChain:
        """The scores on the device, in one dtype."""
        with no_grad():
            initial, transition, end = self._tables()
            scores = self._recorded_scores()
        parts = [part.detach()._array for part in (*initial, transition, scores, *(() if end is None else (end,)))]
        dtype = np.result_type(*(part.dtype for part in parts))
        dtype = dtype if dtype.name in REALS else np.dtype(np.float64)
        parts = [part.astype(dtype, copy=False) for part in parts]
        n, xp = self.model.n, namespace_of(parts[0])
        last = parts[n + 1] if end is not None else None
        return DeviceChain(flat(xp, parts[:n]), parts[n], last, n, self.rows.lengths)

    def _tables(self) -> tuple[tuple[Tensor, ...], Tensor, Tensor | None]:
        """The logs of the tables as tensors on one device."""
        initial, transition, end = self.model.logs
        there = [constant(table).to(self.device) for table in (*initial, transition)]
        return tuple(there[:-1]), there[-1], None if end is None else constant(end).to(self.device)

    def _recorded_scores(self) -> Tensor:
        """The log scores of all rows as a tensor (rows, K), on the same device as the tables."""
        scores = self.rows.recorded
        if scores is None:
            scores = self.model.emissions.recorded(self.rows.data)
        scores = scores.to(self.device)
        return scores if self.allowed is None else scores + constant_like(scores, np.where(self.allowed, 0.0, -np.inf))

    def _are_numbers(self, totals: Array) -> Array:
        """The totals of all sequences, which tell whether scores on a GPU are numbers."""
        if not (totals < np.inf).all():
            self.model.emissions.read([on_host(part) for part in self.rows.split(self.rows.data)])  # says where
        return totals

    def _each_alone(self) -> Iterator[tuple[Arcs, Scores, int]]:
        """Yield the arguments of the passes for each sequence, as copies, so that the batch can be freed."""
        start = 0
        for length in self.rows.lengths:
            rows = slice(start, start + length)
            start += length
            yield self.arcs, self.scores.only(rows), length

    def paths(self, ids: Array) -> list[Items]:
        """Split the states of all rows into one path per sequence, as names if the model has them."""
        names = self.model.states
        paths = self.rows.split(host_array(ids) if names.named else ids)
        return [[names[i] for i in path.tolist()] if names.named else path for path in paths]

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
            data = on_host(self.rows.split(self.rows.data)[number])
            words = [self.model.emissions.describe(datum) for datum in data]
            allowed = None if self.allowed is None else self.rows.split(self.allowed)[number]
            raise explain(self.arcs, self.scores, self.batch, number, words, self.model.states, allowed)


def check_sequence(x: object, name: str) -> None:
    """Raise a TypeError for what cannot hold observations, such as a number or a generator."""
    if not is_list(x):
        raise TypeError(f"{name} must be a list or an array, of symbols or of sequences, got {type(x).__name__}")


def _listed(x: Any, name: str) -> Any:
    """Several sequences as a list, but a batch of scores (N, T, K) on a GPU as it is.

    Raises:
        TypeError: one of them is not a sequence.
    """
    there = library_of(x.detach()._array if isinstance(x, Tensor) else x) == "cupy"
    if there and x.ndim == 3:
        return x
    for i, sequence in enumerate(x):
        if not (type(sequence) is np.ndarray and sequence.ndim) and not is_list(sequence):  # which takes longer
            cure = "; [] is an empty one" if sequence is None else ""
            raise TypeError(f"{name}[{i}] must be a sequence, as others in the list are, got {shown(sequence)}{cure}")
    return list(x)


def _array(part: Any, on_device: bool = False) -> Any:
    """What holds an array, as a tensor or a table of pandas does, as one; else unchanged.

    Arrays come to the host if they may not be on a device, and masked entries are marked as missing.
    """
    if type(part) is np.ndarray and part.dtype.kind != "c":
        return part
    part = unmasked(part)
    part = part if on_device else on_host(part)
    if _holds_array(part) and not (on_device and isinstance(part, Tensor)):
        part = np.asarray(part)[()]
    elif isinstance(part, list | tuple) and len(part) and _holds_array(part[0]) and not on_device:
        part = [_array(item) for item in part]
    if getattr(getattr(part, "dtype", None), "kind", "") == "c":
        raise ValueError(f"Complex data not supported: observations must be real or symbols, got dtype {part.dtype}")
    return part


def _holds_array(part: Any) -> bool:
    """Whether a value is neither an array nor a number, but NumPy makes an array of it."""
    return hasattr(part, "__array__") and not isinstance(part, np.ndarray | np.generic) and not is_array(part)
