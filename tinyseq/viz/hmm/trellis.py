"""The trellis of an HMM: the forward or Viterbi recurrence, cell by cell."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple, cast

from tinyseq.arguments import check_flags, text, whole
from tinyseq.autograd.tensor import TensorLike
from tinyseq.backend import on_host
from tinyseq.hmm.model.hmm import HMM
from tinyseq.hmm.observations import check_sequence
from tinyseq.hmm.queries.forms import One
from tinyseq.nn.chains.crf import CRF
from tinyseq.torch_names.settings import explained
from tinyseq.viz.hmm.lattice import Cell, Lattice, check_model, lattice, of_crf, posteriors, sum_named
from tinyseq.viz.hmm.recurrence import Recurrence, ScoreRecurrence
from tinyseq.viz.layout.curves import Point, between, straight
from tinyseq.viz.page.story import Act, Event, Story
from tinyseq.viz.rendering.canvas import Canvas
from tinyseq.viz.rendering.drawing import Drawing
from tinyseq.viz.rendering.parts import Edge, Node, chip_on_line, words, words_from
from tinyseq.viz.rendering.settings import defaults, in_type
from tinyseq.viz.rendering.style import (
    ACCENT,
    DISTINCT,
    LINE,
    OP,
    QUIET,
    Paint,
    Text,
    label_size,
    number,
    shaded,
    small,
)

MOST_LABELLED = 60  # arcs with probabilities written on them
MOST_EXPLAINED = 12  # steps: up to these, cells have room for the probabilities of observations
MOST_ARCS = 1500  # if there are more, only the best arc into each cell is drawn
LINE_WIDTH, BETWEEN_LINES = 1200.0, 60.0  # points: the width at which a trellis wraps, and the space between its lines
BEST = Paint("#fbe1ea", ACCENT)
FAINT = f"{LINE}3d"  # translucent, so that marked arcs below stay visible
PATHS = ("path", 2.8), ("path other", 2.0)  # kind and width of the best path, and of others


class Path(NamedTuple):
    """A path to be marked.

    Attributes:
        cells: its history at each step.
        log_prob: its score.
        color: the colour of its line.
    """

    cells: list[Cell]
    log_prob: float
    color: str


@explained
def trellis(
    hmm: HMM | CRF,
    x: One | TensorLike,
    semiring: Literal["max", "log"] = "max",
    k: int = 1,
    posterior: bool = False,
    *,
    values: bool | None = None,
    candidates: bool = False,
    title: str = "",
    font_size: float | None = None,
    size: tuple[float, float] | None = None,
) -> Drawing:
    """Draw the trellis of one sequence: a column for each observation, a row for each state.

    In a model with n > 2 a row is a history, the last n - 1 states; rows are sorted by the newest state. Histories that
    are impossible at every step are left out. If many others remain, those of the marked paths are drawn, and the 16
    that come closest to the best one at some step.

    Each cell shows its score, as a probability or, if that is too small, as a natural log; each arc shows its
    transition probability. For more than 12 steps, the probabilities of observations are on the HTML page instead.
    In the max semiring the best arc into each cell is dark and the best path is bold; in the log semiring the thickness
    of an arc is its share of the sum. Impossible cells are grey, and arcs of probability 0 are left out.

    Scores that are not probabilities, such as a CRF's, are shown unchanged: they are added up along a path, and
    ln Z, the logarithm of a sum over all paths, makes them probabilities.

    Args:
        hmm: the model, with any n: an HMM, or a `tinyseq.nn.CRF`. `HMM.from_logs` makes a model of any chain of scores;
            with ``None`` for the emission, and names for the states, it also draws a CRF with its labels.
        x: one sequence of observations; for a CRF, the scores of the network (T, K).
        semiring: ``"max"`` (Viterbi) or ``"log"`` (forward).
        k: in the max semiring, mark the k best paths, each in a different colour.
        posterior: shade the cells by P(state at t | x).
        values: False leaves the scores, the best arcs and the result blank, to be filled in by hand; the model's
            probabilities stay.
        candidates: in the max semiring, also list the products that compete for each cell, the losing ones crossed out.
        title: the heading.
        font_size: the font size in points; 11 by default.
        size: (width, height) in inches; the picture is scaled to fit.

    ``values``, ``font_size`` and ``size`` are taken from `defaults` if they are None.

    Returns:
        The drawing.

    Raises:
        TypeError: ``hmm`` is not a model, ``x`` is not a sequence, or a setting has another type.
        ValueError: the semiring is unknown, the sequence is empty, the trellis has more than 600 cells, or a setting
            is out of range.
        ImpossibleSequenceError: no path is possible.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]], states="LH", symbols="ab")
        >>> trellis(hmm, "abb")
        Drawing('Viterbi, in the max semiring: a b b')
        >>> import tinyseq as ts
        >>> crf = ts.nn.CRF(2, forbidden=[(0, 1)])
        >>> trellis(crf, ts.tensor([[2.0, 0.0], [0.0, 1.0]]), semiring="log")
        Drawing('Forward, in the log semiring: o1 o2')
    """
    k, title = whole("k", k), text("title", title)
    sum_named(semiring)
    check_flags(posterior=posterior, candidates=candidates)
    if isinstance(hmm, CRF):
        hmm, x = of_crf(hmm, x)
    check_model(hmm, "the model comes first: trellis(hmm, x)")
    check_sequence(x, "x")
    one = cast(One, x)
    with defaults(values=values) as chosen:
        blank = chosen.values is False
    for name, wanted in (("candidates=True", candidates), (f"k={k}", k > 1)):
        if wanted and (semiring != "max" or blank):
            given = "values=False" if values is False else "values=False from ts.viz.defaults"
            got = f"semiring={semiring!r}" if semiring != "max" else given
            raise ValueError(f"{name} needs the max semiring and its values, got {got}")
    if semiring == "max" and hmm.emissions.is_one(one) and len(one):
        decodings = [hmm.viterbi(one)] if k == 1 else hmm.kbest(one, k)
    else:
        decodings = []
    ways = [hmm.states.ids(on_host(found.path)).tolist() for found in decodings]
    grid = lattice(hmm, x, semiring, ways)
    others = DISTINCT[1:]
    paths = [
        Path(grid.way(way), found.log_prob, others[(rank - 1) % len(others)] if rank else ACCENT)
        for rank, (way, found) in enumerate(zip(ways, decodings, strict=True))
    ]
    shade = posteriors(hmm, x, grid) if posterior else {}
    with defaults(values=values, font_size=font_size, size=size) as chosen:
        filled = chosen.values is not False
        painter = _Painter(grid, paths if filled else [], shade if filled else {}, title, filled, filled and candidates)
        drawn = painter.painted
        return drawn().drawing(lambda: (drawn().drawing(), painter.story().plain() if filled else {}))


@dataclass
class _Painter:
    grid: Lattice
    paths: list[Path]
    shade: dict[Cell, float]
    title: str
    filled: bool
    candidates: bool

    def __post_init__(self) -> None:
        self.texts = (ScoreRecurrence if self.grid.kind == "score" else Recurrence)(self.grid)
        self.steps, self.count = len(self.grid.columns), self.grid.rows
        self.labelled = self.count * len(self.grid.states) * self.steps <= MOST_LABELLED
        self.cells = {cell: self._cell_lines(cell) for cell in self.grid.cells}
        sizes = [label_size(lines) for lines in self.cells.values()]
        self.size = max(width for width, _ in sizes) + 16, max(height for _, height in sizes) + 8
        apart = in_type(104) if self.labelled else max(60, 9 * self.count)  # arcs across many rows need space
        self.pitch = self.size[0] + apart, self.size[1] + (in_type(36) if self.labelled else 16)
        self.per_line = max(int(LINE_WIDTH / self.pitch[0]), 4)

    def painted(self) -> Canvas:
        """The parts of the picture."""
        heading = self.title or self.grid.sum.heading + (f", n = {self.grid.n}" if self.grid.n > 2 else "")
        self.canvas = Canvas(f"{heading}: {' '.join(self.grid.symbols)}")
        self._terminal("start", self.grid.start)
        if self.grid.stop:
            self._terminal("stop", self.grid.stop)
        self._arcs()
        self._mark_paths()
        self.canvas.nodes += [self._cell(cell, lines) for cell, lines in self.cells.items()]
        for t, symbol in enumerate(self.grid.symbols):
            x, y = self._at(t, self.count - 1)
            below = Point(x, y - self.size[1] / 2 - in_type(22))
            self.canvas.nodes.append(words(f"symbol{t}", below, Text(symbol, bold=True), small(f"t = {t + 1}")))
        for t in range(self.per_line, self.steps, self.per_line):
            for cell in self.grid.columns[t - 1]:
                again = self._tail(cell), self._after(cell), (self.size[0], in_type(22))
                self.canvas.nodes.append(Node(*again, [small(cell.name)], QUIET))
        self._caption(heading)
        return self.canvas

    def story(self) -> Story:
        """The recurrence column by column, and the best path traced back from its end."""
        details, forward = dict[str, dict[str, str]](), list[Event]()
        for cell in self.cells:
            facts = {"": f"{cell.name} at t = {cell.t + 1}", "score": self.texts.score(cell.score)}
            facts[self.texts.emission(cell)] = self.texts.value(cell.emission)
            if self.shade:
                facts["posterior"] = number(self.shade[cell], 6)
            details[_name(cell)] = facts
            answer = self.texts.shown_score(cell.score)
            asked = "" if answer is None else f"score({cell.name}, {cell.t + 1})"
            forward.append(Event([_name(cell)], self.texts.cell(cell), asked=asked, answer=answer))
        results = {f"result{i}": {"": lines[-1].text} for i, lines in enumerate(self._results())}
        forward.append(Event([] if self.paths else [*results], self.texts.last(bool(self.paths))))
        acts = [Act("forward", forward)]
        if self.paths:
            way = reversed(self.paths[0].cells)
            back = [Event([_name(cell)], f"t = {cell.t + 1}: {cell.name}") for cell in way]
            back[-1].boxes += results
            acts.append(Act("back-trace", back))
        columns = {_name(cell): f"t{cell.t + 1}" for cell in self.cells}
        return Story(details | results, columns, lines=self.canvas.ends(), acts=acts, fills=True)

    # -- places and labels ---------------------------------------------------------------------------------------------

    def _at(self, t: int, row: int) -> Point:
        """The place of a cell; a long trellis wraps like text."""
        line, place = divmod(t, self.per_line)
        down = self.count * self.pitch[1] + in_type(BETWEEN_LINES)
        return Point(place * self.pitch[0], -row * self.pitch[1] - line * down)

    def _after(self, cell: Cell) -> Point:
        """The place where arcs from a cell start: its own, or that of its copy at the beginning of the next line."""
        if (cell.t + 1) % self.per_line:
            return self._at(cell.t, cell.row)
        return Point(-self.pitch[0], self._at(cell.t + 1, cell.row).y)

    def _cell_lines(self, cell: Cell) -> list[Text]:
        score = self.texts.score(cell.score)
        lines = [Text(cell.name, bold=True), Text(score if self.filled else " " * len(score))]
        if self.candidates and cell.t:
            lines += [small(told)._replace(struck=lost) for told, lost in self.texts.candidates(cell)]
        if self.count <= 9 and (self.steps <= MOST_EXPLAINED or not self.filled):
            lines.append(small(f"{self.texts.emission(cell)} = {self.texts.value(cell.emission)}"))
        if self.shade:
            lines.append(small(f"posterior {number(self.shade[cell])}"))
        return lines

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _cell(self, cell: Cell, lines: list[Text]) -> Node:
        on_path = next((path.color for path in self.paths if cell in path.cells), None)
        paint = OP
        if self.filled and cell.score == -math.inf:
            paint = QUIET
        elif self.shade:
            paint = shaded(self.shade[cell])
        elif on_path == ACCENT:
            paint = BEST
        if on_path:
            paint = paint._replace(outline=on_path)
        if paint.text != OP.text or self.shade:
            lines = [line._replace(color=paint.text) for line in lines]
        kind = ("best" if on_path else "cell") + (" shaded" if self.shade else "")
        width = 2.2 if on_path else 1.0
        return Node(_name(cell), self._at(cell.t, cell.row), self.size, lines, paint, line_width=width, kind=kind)

    def _terminal(self, name: str, arcs: dict[Cell, float]) -> None:
        """The box before the first column or after the last one, with its arcs."""
        first = name == "start"
        t, away = (0, -1) if first else (self.steps - 1, 1)
        (x, top), (_, bottom) = self._at(t, 0), self._at(t, self.count - 1)
        place, half = Point(x + away * self.pitch[0] * 0.85, (top + bottom) / 2), in_type(17)
        self.canvas.nodes.append(Node(name, place, (2 * half, in_type(20)), [small(name)], QUIET))
        for cell, log_probability in arcs.items():
            if log_probability == -math.inf:
                continue
            near, at = Point(place.x - away * half, place.y), self._at(t, cell.row)
            far = Point(at.x + away * self.size[0] / 2, at.y)
            way, ends = ((near, far), (name, _name(cell))) if first else ((far, near), (_name(cell), name))
            on = [path for path in self.paths if cell in path.cells]
            share = float(on[:1] == self.paths[:1])
            if self.grid.semiring == "log":
                share = math.exp(cell.score + log_probability - self.grid.total)
            lone = first and self.filled  # nothing is added up, and nothing compared
            self.canvas.edges.append(Edge(*ends, straight(*way), *((LINE, 1.3) if lone else self._stroke(share))))
            for path in on[:1]:
                kind, width = PATHS[path is not self.paths[0]]
                self.canvas.edges.append(Edge(*ends, straight(*way), path.color, width, kind=kind))
            self._probability(f"{name}_s{cell.row}", way, log_probability, 0.5)

    def _arcs(self) -> None:
        """The arcs between cells: in a sum, as thick as their shares; else the best into each cell, and all if few."""
        arcs = list(self.grid.arcs())
        for tail, head in arcs:
            share = head.share(tail) if self.grid.semiring == "log" else float(head.best is tail)
            if len(arcs) <= MOST_ARCS or (self.filled and (share or self.grid.semiring == "log")):
                self._arc(tail, head, *self._stroke(share))

    def _stroke(self, share: float) -> tuple[str, float]:
        """The colour and the width of an arc with this share of a sum; in the max semiring, 1 for the best arc."""
        if not self.filled:
            return FAINT, 0.8
        if self.grid.semiring == "log":
            return LINE if share > 0.02 else FAINT, 0.6 + 3.4 * share
        return (LINE, 1.3) if share else (FAINT, 0.8)

    def _arc(self, tail: Cell, head: Cell, color: str, width: float) -> None:
        way, ends = self._between(tail, head), (self._tail(tail), _name(head))
        self.canvas.edges.append(Edge(*ends, straight(*way), color, width, tooltip=self.texts.arc(tail, head)))
        self._probability("_".join(("p", *ends)), way, head.before[tail], 0.24)

    def _tail(self, cell: Cell) -> str:
        """The name of the box where arcs from a cell start."""
        return _name(cell) + "_again" * ((cell.t + 1) % self.per_line == 0 and cell.t + 1 < self.steps)

    def _between(self, tail: Cell, head: Cell, shift: float = 0.0) -> tuple[Point, Point]:
        start, end = self._after(tail), self._at(head.t, head.row)
        return Point(start.x + self.size[0] / 2, start.y + shift), Point(end.x - self.size[0] / 2, end.y + shift)

    def _probability(self, name: str, way: tuple[Point, Point], log_probability: float, fraction: float) -> None:
        """A number on an arc, at a distance from those of its neighbours, if the trellis has room for them."""
        if self.labelled:
            chip = chip_on_line(name, self.texts.value(log_probability))
            self.canvas.nodes.append(chip._replace(center=between(*way, fraction)))

    def _mark_paths(self) -> None:
        for rank, path in reversed(list(enumerate(self.paths))):
            kind, width = PATHS[rank > 0]
            for tail, head in pairwise(path.cells):
                # If paths share an arc, the best one covers it, and the others alternate on either side.
                place = sum((tail, head) in pairwise(other.cells) for other in self.paths[:rank])
                way = straight(*self._between(tail, head, 4.0 * ((place + 1) // 2) * (-1) ** place))
                ends, told = (self._tail(tail), _name(head)), self.texts.arc(tail, head)
                self.canvas.edges.append(Edge(*ends, way, path.color, width, tooltip=told, kind=kind))

    def _caption(self, heading: str) -> None:
        """The heading above and the results below, flush left."""
        left = -self.pitch[0] * 0.85 - in_type(17)
        top = self.size[1] / 2 + in_type(36)
        above = {"heading": [Text(heading, 13, bold=True)], "formula": [small(self.texts.formula())]}
        bottom = self._at(self.steps - 1, self.count - 1).y - self.size[1] / 2 - in_type(60)
        results = {f"result{i}": lines for i, lines in enumerate(self._results())}
        if self.steps > 1:
            results["key"] = [small(self.grid.sum.key if self.filled else " ")]
        if self.grid.left_out or self.grid.impossible:
            every = self.count + self.grid.left_out + self.grid.impossible
            note = f"{self.count} of {every:,} histories are drawn"
            if self.grid.left_out:
                of_paths = ": those of the paths, and those closest to the best of a step"
                note += of_paths if self.paths else ": the most probable"
            if self.grid.impossible:
                note += f"; {self.grid.impossible:,} are impossible at every step"
            results["note"] = [small(note)]
        for texts, y in ((above, top), (results, bottom)):
            for i, (name, lines) in enumerate(texts.items()):
                self.canvas.nodes.append(words_from(name, Point(left, y - in_type(16) * i), *lines))

    def _results(self) -> list[list[Text]]:
        if self.grid.semiring == "log":
            total = self.texts.total(self.grid.total) if self.filled else ""
            return [[Text(f"sum over all paths: {total}", bold=True)]]
        if not self.filled:
            return [[Text("best path:", color=ACCENT, bold=True)]]
        return [self._result(rank, path) for rank, path in enumerate(self.paths)]

    def _result(self, rank: int, path: Path) -> list[Text]:
        """A path in words; after a sample of its colour, in which words would be pale, if it is not the best one."""
        words = " → ".join(cell.newest for cell in path.cells)
        words = words if len(words) <= 100 else f"{self.steps} states"
        told = f"{words}, {self.texts.total(path.log_prob)}"
        if rank == 0:
            return [Text(f"best path: {told}", color=path.color, bold=True)]
        return [Text("→", color=path.color, bold=True), Text(f"number {rank + 1}: {told}", beside=True)]


def _name(cell: Cell) -> str:
    """The name of a cell's box."""
    return f"t{cell.t + 1}_s{cell.row}"
