"""The numbers of a trellis: the scores of its cells (time, history) and of its arcs."""

from collections.abc import Sequence
from itertools import product
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyseq.autograd.modes import no_grad
from tinyseq.hmm.emissions import Given
from tinyseq.hmm.inference.chain import messages
from tinyseq.hmm.inference.semirings import LOG, MAX, Semiring
from tinyseq.hmm.model.hmm import HMM
from tinyseq.hmm.model.probabilities import plain
from tinyseq.viz.rendering.style import clean, number

Floats = NDArray[np.float64]
SEMIRINGS = {"max": MAX, "log": LOG}
MOST_CELLS = 600


History = tuple[int, ...]


class Lattice(NamedTuple):
    """The forward recurrence of one sequence, cell by cell. All scores are natural logs; -inf means impossible.

    A cell is a step and a history: the last n - 1 states, oldest first; with n = 2, one state. A row is a full
    history. The shorter histories of the first steps are placed in a row of one of their continuations.

    Attributes:
        cells: the history in each row at each step; at the first steps not all rows have one.
        scores: (T, R), the message after each observation; -inf also where there is no cell.
        emission: (T, R), log P(o_t | s_t), where s_t is the newest state of the row.
        arcs: (T - 1, R, R), log P(s_t | history) for the step after each observation but the last; -inf also where one
            history is not a continuation of the other.
        initial: (R,), log P(s_1).
        end: (R,), log P(stop | s_T), or None.
        total: the sum over all paths in the semiring.
        left_out: the number of possible histories without a row.
        impossible: the number of histories without a row that are impossible at every step, in a model with n > 2.
        n: the length of the n-grams of states.
        symbols: the observations.
        density: whether the emissions are densities, which may exceed 1, rather than probabilities.
    """

    cells: list[dict[int, History]]
    scores: Floats
    emission: Floats
    arcs: Floats
    initial: Floats
    end: Floats | None
    total: float
    left_out: int
    impossible: int
    n: int
    symbols: list[str]
    density: bool

    @property
    def incoming(self) -> Floats:
        """(T - 1, R, R): the contribution of each arc to its head, before the emission."""
        return self.scores[:-1, :, None] + self.arcs

    @property
    def arriving(self) -> Floats:
        """(T - 1, R): the score of each cell after the first step before the emission, from all tails, drawn or not."""
        possible = np.isfinite(self.scores[1:])
        return np.where(possible, self.scores[1:] - np.where(possible, self.emission[1:], 0.0), -np.inf)

    def rows_of(self, path: Sequence[int]) -> list[int]:
        """The row at each step of a path that was passed to `lattice` as one to keep."""
        rows = [{history: row for row, history in column.items()} for column in self.cells]
        return [rows[t][tuple(path[max(t + 2 - self.n, 0) : t + 1])] for t in range(len(rows))]

    def best_tails(self) -> NDArray[np.intp]:
        """(T - 1, R): the tail of the best path into each cell, the first of equal ones; -1 if it has no row."""
        incoming = self.incoming
        tails: NDArray[np.intp] = incoming.argmax(axis=1)
        if self.left_out:
            best, arriving = incoming.max(axis=1), self.arriving
            tails[(best < arriving - 1e-9 * np.abs(np.where(np.isfinite(arriving), arriving, 0.0)))] = -1
        return tails

    def shares(self) -> Floats:
        """(T - 1, R, R): each arc's share of the sum at its head; 0 for impossible arcs."""
        incoming = self.incoming
        with np.errstate(divide="ignore"):
            total = np.logaddexp.reduce(incoming, axis=1) if not self.left_out else self.arriving
        return floats(np.exp(incoming - np.where(np.isfinite(total), total, 0.0)[:, None]))


def lattice(
    hmm: HMM, x: Any, semiring: Literal["max", "log"], keep: Sequence[Sequence[int]] = (), most_rows: int = 16
) -> Lattice:
    """Run the forward recurrence and keep every cell.

    Args:
        hmm: the model, with any n.
        x: one sequence of observations.
        semiring: ``"max"`` or ``"log"``.
        keep: paths whose histories must have a row.
        most_rows: in a model with n > 2, the maximum number of other histories; the most probable ones are chosen.

    Raises:
        ValueError: the semiring is unknown, x is empty or several sequences, or there are more than 600 cells.
    """
    if semiring not in SEMIRINGS:
        raise ValueError(f'semiring must be "max" or "log", got {semiring!r}')
    if not hmm.emissions.is_one(x):
        raise ValueError("a trellis shows one sequence, got several; pass one of them: trellis(hmm, sequences[0])")
    rows = hmm.emissions.read([x])
    length = rows.lengths[0]
    if not length:
        raise ValueError("there is nothing to draw: the sequence is empty")
    _check_size(length, len(hmm.states) if hmm.n == 2 else 1)
    columns, emission, steps, end = _forward(hmm, rows.data, length, SEMIRINGS[semiring])
    whole = columns[-1] if end is None else columns[-1] + end
    total = float(whole.max() if semiring == "max" else np.logaddexp.reduce(whole, axis=None))
    columns = [column.reshape(column.shape[-min(t, hmm.n - 1) :]) for t, column in enumerate(columns, 1)]
    histories, possible = _rows(columns, hmm.n - 1, keep, most_rows)
    left_out, impossible = max(possible - len(histories), 0), 0
    if hmm.n > 2:
        impossible = len(hmm.states) ** (hmm.n - 1) - max(possible, len(histories))
    _check_size(length, len(histories))
    cells = _cells(histories, length, hmm.n - 1)
    first, last = np.full((2, len(histories)), -np.inf)
    scores, emitted = np.full((2, length, len(histories)), -np.inf)
    arcs = np.full((length - 1, len(histories), len(histories)), -np.inf)
    for t, column in enumerate(cells):
        at, histories_at = list(column), tuple(np.transpose([*column.values()]))
        scores[t, at], emitted[t, at] = columns[t][histories_at], emission[t, histories_at[-1]]
        if not t:
            first[at] = steps[0][histories_at]
        if t == length - 1 and end is not None:
            last[at] = end[histories_at[-1]]
        for (tail, before), (head, after) in product(cells[t - 1].items() if t else (), column.items()):
            if grows(before, after):
                arcs[t - 1, tail, head] = steps[t][(*before, after[-1])]
    if isinstance(hmm.emissions, Given):
        symbols = [f"o{t + 1}" for t in range(length)]  # given scores have no names
    else:
        symbols = [_shown(hmm, item, datum) for item, datum in zip(x, rows.data, strict=True)]
    ends = first, None if end is None else last
    counts = left_out, impossible, hmm.n
    return Lattice(cells, scores, emitted, arcs, *ends, total, *counts, symbols, hmm.emissions.density)


def _forward(
    hmm: HMM, data: Any, length: int, semiring: Semiring
) -> tuple[list[Floats], Floats, list[Floats], Floats | None]:
    """The messages after each step; and the scores of observations, of transitions and of stopping."""
    with no_grad():
        initial, logs, stop = hmm.parameters.logs
        tables, transition = [floats(table) for table in initial], floats(logs)
        emission = floats(hmm.emissions.scores(data).logs(np.arange(length)).T)
        found = messages(tuple(tables), transition, emission, semiring=semiring)
        columns = [message.numpy() for message in found][1:]
    steps = [*tables, *(transition if transition.ndim > hmm.n else [transition] * length)][:length]
    return columns, emission, steps, None if stop is None else floats(stop)


def grows(before: History, after: History) -> bool:
    """Whether a history plus one more state gives another history."""
    return after[:-1] == before[len(before) + 1 - len(after) :]


def _check_size(steps: int, rows: int) -> None:
    if steps * rows > MOST_CELLS:
        raise ValueError(
            f"a trellis of {steps} steps and {rows} rows has {steps * rows:,} cells; at most {MOST_CELLS} are "
            f"drawn. Draw a part of it, trellis(hmm, x[:{MOST_CELLS // rows}]), or use tinyseq.viz.posteriors"
        )


def _rows(columns: list[Floats], size: int, keep: Sequence[Sequence[int]], most: int) -> tuple[list[History], int]:
    """The full histories that get a row, ordered by their newest state; and the number of possible histories."""
    states = columns[0].shape[0]
    if size == 1:
        return [(state,) for state in range(states)], states
    nearest = np.full((states,) * size, -np.inf)
    for column in [column for column in columns if column.ndim == size] or columns[-1:]:
        top = column.max()
        if top > -np.inf:
            nearest = np.maximum(nearest, column - top)
    possible = int((nearest > -np.inf).sum())
    order = np.argsort(-nearest, axis=None, kind="stable")[: min(most, max(possible, 1))]
    places = np.unravel_index(order, nearest.shape)
    chosen: set[History] = set(zip(*(place.tolist() for place in places), strict=True))
    for path in keep:
        for stop in range(1, len(path) + 1):
            known = tuple(path[max(stop - size, 0) : stop])
            if not any(history[-len(known) :] == known for history in chosen):
                chosen.add((known[0],) * (size - len(known)) + known)
    return sorted(chosen, key=lambda history: history[::-1]), possible


def _cells(histories: list[History], length: int, size: int) -> list[dict[int, History]]:
    """The history in each row at each step."""
    cells = []
    for t in range(1, length + 1):
        known = min(t, size)
        homes: dict[History, list[int]] = {}
        for row, history in enumerate(histories):
            homes.setdefault(history[-known:], []).append(row)
        cells.append({rows[len(rows) // 2]: history for history, rows in homes.items()})
    return cells


def posteriors(hmm: HMM, x: Any, grid: Lattice) -> Floats:
    """(T, R): P(history at t | x); 0 where there is no cell."""
    likelihood = hmm.posterior(x).log_likelihood  # raises an error if x is impossible
    found, places = np.zeros(grid.scores.shape), []
    known: list[list[Any]] = []
    for t, column in enumerate(grid.cells):
        for row, history in column.items():
            places.append((t, row))
            before = t + 1 - len(history)
            names = [[hmm.states[state]] for state in history]
            known.append([*[None] * before, *names, *[None] * (len(grid.cells) - t - 1)])
    one = list(x) if isinstance(x, str) else x
    values = floats(hmm.log_likelihood([one] * len(places), states=known))
    found[tuple(np.transpose(places))] = np.exp(values - likelihood)
    return found


def floats(table: Any) -> Floats:
    """The values of an array or a tensor, in float64."""
    return np.array(plain(table), np.float64)


def _shown(hmm: HMM, item: Any, datum: Any) -> str:
    """An observation as text."""
    if item is None:
        return "(missing)"
    if isinstance(item, int | np.integer) and np.ndim(datum) == 0 and int(datum) < len(hmm.symbols):
        return clean(hmm.symbols[int(datum)], limit=16)
    if isinstance(item, float | np.floating):
        return number(float(item))
    if isinstance(item, np.ndarray) and np.issubdtype(item.dtype, np.floating):
        several = [number(float(value)) for value in item.ravel()[:3]] + ["…"] * (item.size > 3)
        return several[0] if item.size == 1 else f"({', '.join(several)})"
    return clean(item, limit=16)
