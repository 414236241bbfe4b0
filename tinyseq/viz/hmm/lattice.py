"""The numbers of a trellis: the scores of its cells (time, history) and of its arcs."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise, product
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyseq.autograd.modes import no_grad
from tinyseq.hmm.emissions import Given
from tinyseq.hmm.inference.chain import messages
from tinyseq.hmm.inference.semirings import LOG, MAX, Semiring
from tinyseq.hmm.model.hmm import HMM
from tinyseq.hmm.model.probabilities import plain
from tinyseq.nn.chains.crf import CRF
from tinyseq.nn.checks import as_numbers
from tinyseq.structure.paths import grouped
from tinyseq.viz.rendering.style import number, word

Floats = NDArray[np.float64]
MOST_CELLS = 600


History = tuple[int, ...]
Kind = Literal["probability", "density", "score"]


class Sum(NamedTuple):
    """What is computed of all paths to a cell, and how a drawing says so.

    Attributes:
        semiring: its operations.
        word: the name of the sum in formulas.
        heading: what the drawing shows.
        key: how arrows are to be read.
    """

    semiring: Semiring
    word: str
    heading: str
    key: str

    def of(self, scores: ArrayLike) -> float:
        """The sum of all of these."""
        return float(self.semiring.sum(np.ravel(scores), -1))


SUMS = {
    "max": Sum(MAX, "max", "Viterbi, in the max semiring", "the dark arrow into a cell is its back-pointer"),
    "log": Sum(
        LOG, "sum", "Forward, in the log semiring", "the thickness of an arrow is its share of the sum that arrives"
    ),
}


def sum_named(semiring: str) -> Sum:
    """What is computed in a semiring.

    Raises:
        ValueError: it is unknown.
    """
    if not isinstance(semiring, str) or semiring not in SUMS:
        raise ValueError(f'semiring must be "max" or "log", got {semiring!r}')
    return SUMS[semiring]


@dataclass(eq=False)
class Cell:
    """A step, and the history of states up to it. All scores are natural logs; -inf means impossible.

    Attributes:
        t, row: its place.
        history: the last n - 1 states, oldest first; with n = 2, one state. It is shorter at the first steps.
        names, name, newest: the names of its states, the same as one text, and that of the newest one.
        score: the message after the observation.
        emission: log P(o_t | s_t), where s_t is the newest state.
        before: log P(s_t | history) for each cell of the step before whose history it continues.
        arriving: the score before the emission, from all histories, drawn or not.
    """

    t: int
    row: int
    history: History
    names: tuple[str, ...]
    score: float
    emission: float
    before: dict["Cell", float] = field(default_factory=dict)
    arriving: float = -math.inf

    @property
    def name(self) -> str:
        return " ".join(self.names)

    @property
    def newest(self) -> str:
        return self.names[-1]

    @cached_property
    def incoming(self) -> dict["Cell", float]:
        """The contribution of each cell before it, before the emission."""
        return {tail: tail.score + arc for tail, arc in self.before.items()}

    @cached_property
    def best(self) -> "Cell | None":
        """In the max semiring, the cell that the best path comes from, the first of equal ones; None if not drawn."""
        incoming = self.incoming
        tail = max(incoming, key=incoming.__getitem__, default=None)
        slack = 1e-9 * abs(self.arriving) if math.isfinite(self.arriving) else 0.0
        return None if tail is None or incoming[tail] < self.arriving - slack else tail

    def share(self, tail: "Cell") -> float:
        """In the log semiring, a cell's share of the sum that arrives; 0 for impossible ones."""
        arriving = self.arriving if math.isfinite(self.arriving) else 0.0
        return math.exp(tail.score + self.before[tail] - arriving)


class Lattice(NamedTuple):
    """The forward recurrence of one sequence, cell by cell.

    A row is a full history. The shorter histories of the first steps are placed in a row of one of their continuations.

    Attributes:
        columns: the cells of each step; at the first steps not all rows have one.
        rows: how many rows there are.
        sum: what is computed of all paths.
        start: log P(s_1) for the cells of the first step.
        stop: log P(stop | s_T) for those of the last step; empty for a model that does not stop.
        total: the sum over all paths in the semiring.
        left_out: the number of possible histories without a row.
        impossible: the number of histories without a row that are impossible at every step, in a model with n > 2.
        n: the length of the n-grams of states.
        states: their names.
        symbols: the observations.
        kind: what the numbers are: probabilities; densities of observations, which may exceed 1; or scores that are
            neither, as those of a CRF.
    """

    columns: list[list[Cell]]
    rows: int
    sum: Sum
    start: dict[Cell, float]
    stop: dict[Cell, float]
    total: float
    left_out: int
    impossible: int
    n: int
    states: list[str]
    symbols: list[str]
    kind: Kind

    @property
    def semiring(self) -> str:
        return self.sum.semiring.name

    @property
    def cells(self) -> list[Cell]:
        """All cells."""
        return [cell for column in self.columns for cell in column]

    def arcs(self) -> Iterator[tuple[Cell, Cell]]:
        """Tail and head of each possible arc."""
        pairs = (pair for columns in pairwise(self.columns) for pair in product(*columns))
        return ((tail, head) for tail, head in pairs if head.incoming.get(tail, -math.inf) > -math.inf)

    def way(self, path: Sequence[int]) -> list[Cell]:
        """The cells of a path that was passed to `lattice` as one to keep."""
        found = [{cell.history: cell for cell in column} for column in self.columns]
        return [cells[tuple(path[max(t + 2 - self.n, 0) : t + 1])] for t, cells in enumerate(found)]


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
    if not hmm.emissions.is_one(x):
        raise ValueError("a trellis shows one sequence, got several; pass one of them: trellis(hmm, sequences[0])")
    rows = hmm.emissions.read([x])
    length = rows.lengths[0]
    if not length:
        raise ValueError("there is nothing to draw: the sequence is empty")
    _check_size(length, len(hmm.states) if hmm.n == 2 else 1)
    over_paths = sum_named(semiring)
    scores, emission, steps, end = _forward(hmm, rows.data, length, over_paths.semiring)
    total = over_paths.of(scores[-1] if end is None else scores[-1] + end)
    scores = [score.reshape(score.shape[-min(t, hmm.n - 1) :]) for t, score in enumerate(scores, 1)]
    histories, possible = _rows(scores, hmm.n - 1, keep, most_rows)
    left_out, impossible = max(possible - len(histories), 0), 0
    if hmm.n > 2:
        impossible = len(hmm.states) ** (hmm.n - 1) - max(possible, len(histories))
    _check_size(length, len(histories))
    names = [word(name) for name in hmm.states]
    columns: list[list[Cell]] = []
    for t, homes in enumerate(_homes(histories, length, hmm.n - 1)):
        before = columns[-1] if columns else []
        columns.append([])
        for row, history in homes.items():
            found = float(scores[t][history]), float(emission[t, history[-1]])
            cell = Cell(t, row, history, tuple(names[state] for state in history), *found)
            columns[t].append(cell)
            tails = (tail for tail in before if history[:-1] == tail.history[len(tail.history) + 1 - len(history) :])
            cell.before = {tail: float(steps[t][(*tail.history, history[-1])]) for tail in tails}
            if left_out and cell.score > -math.inf:
                cell.arriving = cell.score - cell.emission
            elif t and not left_out:
                cell.arriving = over_paths.of(list(cell.incoming.values()))
    start = {cell: float(steps[0][cell.history]) for cell in columns[0]}
    stop = {} if end is None else {cell: float(end[cell.history[-1]]) for cell in columns[-1]}
    if isinstance(hmm.emissions, Given):
        symbols = [f"o{t + 1}" for t in range(length)]  # scores that are given have no names
    else:
        symbols = [_shown(hmm, item, datum) for item, datum in zip(x, rows.data, strict=True)]
    numbers, said = (total, left_out, impossible, hmm.n), (names, symbols)
    return Lattice(columns, len(histories), over_paths, start, stop, *numbers, *said, _kind(hmm))


def _kind(hmm: HMM) -> Kind:
    """What the numbers of a model are."""
    model = hmm.parameters
    try:
        model.replaced(model.tables, model.transition, model.emissions, model.end)  # refuses what is not a probability
    except ValueError:
        return "score"
    return "density" if model.emissions.density else "probability"


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


def _homes(histories: list[History], length: int, size: int) -> list[dict[int, History]]:
    """The history in each row at each step."""
    cells = []
    for t in range(1, length + 1):
        known = min(t, size)
        homes = grouped((history[-known:], row) for row, history in enumerate(histories))
        cells.append({rows[len(rows) // 2]: history for history, rows in homes.items()})
    return cells


def posteriors(hmm: HMM, x: Any, grid: Lattice) -> dict[Cell, float]:
    """P(history at t | x) for each cell."""
    likelihood = hmm.posterior(x).log_likelihood  # raises an error if x is impossible
    known: list[list[Any]] = []
    for cell in grid.cells:
        names = [[hmm.states[state]] for state in cell.history]
        known.append([*[None] * (cell.t + 1 - len(names)), *names, *[None] * (len(grid.columns) - cell.t - 1)])
    one = list(x) if isinstance(x, str) else x
    values = floats(hmm.log_likelihood([one] * len(known), states=known))
    return dict(zip(grid.cells, np.exp(values - likelihood).tolist(), strict=True))


def of_crf(crf: CRF, scores: Any) -> tuple[HMM, Floats]:
    """A CRF as a model over given scores, and the scores of one sequence (T, K).

    Raises:
        ValueError: the scores have another shape.
        TypeError: they are not numbers.
    """
    scores = as_numbers(scores, crf.start, "x")
    if scores.ndim != 2:
        raise ValueError(
            f"x must be the scores of one sequence, (T, {crf.num_tags}), got shape {scores.shape}; of a batch "
            "(T, B, K), scores[:, 0] are those of the first"
        )
    with no_grad():
        start, transition, end = (plain(table) for table in crf.tables())
    return HMM.from_logs(start, transition, None, end=end), floats(scores)


def check_model(hmm: object, cure: str) -> None:
    """Raise a TypeError for what is no hidden Markov model, with what to do."""
    if not isinstance(hmm, HMM):
        if isinstance(hmm, CRF):
            cure = "ts.viz.trellis(crf, scores) draws a CRF"
        if hasattr(hmm, "log_scores"):
            cure = (
                "trellis(tagger.hmm, tagger.log_scores(words)) draws how it decides, and automaton(tagger.hmm) its tags"
            )
        elif hasattr(hmm, "tag"):
            cure = "ts.hmm.HMM.from_labelled(sentences) makes one of what a tagger has learned from"
        raise TypeError(f"hmm must be a ts.hmm.HMM, got {type(hmm).__name__}; {cure}")


def floats(table: Any) -> Floats:
    """The values of an array or a tensor, in float64."""
    return np.array(plain(table), np.float64)


def _shown(hmm: HMM, item: Any, datum: Any) -> str:
    """An observation as text."""
    if item is None:
        return "(missing)"
    if isinstance(item, int | np.integer) and np.ndim(datum) == 0 and int(datum) < len(hmm.symbols):
        return word(hmm.symbols[int(datum)])
    if isinstance(item, float | np.floating):
        return number(float(item))
    if isinstance(item, np.ndarray) and np.issubdtype(item.dtype, np.floating):
        several = [number(float(value)) for value in item.ravel()[:3]] + ["…"] * (item.size > 3)
        return several[0] if item.size == 1 else f"({', '.join(several)})"
    return word(item)
