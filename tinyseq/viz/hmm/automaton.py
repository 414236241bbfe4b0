"""The automaton of an HMM: its states, and the transitions between them."""

import math
from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from tinyseq.arguments import text
from tinyseq.hmm.model.hmm import HMM
from tinyseq.torch_names.settings import explained
from tinyseq.viz.hmm.lattice import Floats, check_model, floats
from tinyseq.viz.layout.curves import Point, Size, along, passed, passes, pieces, straight, toward
from tinyseq.viz.layout.free_space import Room
from tinyseq.viz.layout.rows import spread
from tinyseq.viz.rendering.canvas import Canvas
from tinyseq.viz.rendering.drawing import Drawing
from tinyseq.viz.rendering.parts import Edge, Node, chip_on_line, words
from tinyseq.viz.rendering.settings import LEAST_LETTERS, defaults, in_type
from tinyseq.viz.rendering.style import ACCENT, LINE, QUIET, STATE, Text, label_size, number, small, word

MOST_STATES = 40
SMALLEST = 5e-4  # less probable arcs and emissions are left out
LEAST = 78.0  # points: the radius of the circle of states, so that words on the arcs between small states fit
BENDS = (0.35, 0.2, 0.55, 0.75, -0.6, -0.8, -1.0, 0.0, 1.2)  # of arcs, in radians; the first that is clear
APART, INWARD = 9.0, 3.6  # between ends of arcs at a state: points; at most this many radians for all of them
SMALL_LETTERS = "letters are small: shorter names of states, or fewer states, would leave room for larger ones"
SHORT = 18.0  # points: arrows from and to the outside in large automata
MOST_ARCS, MOST_ARCS_EACH = 24, 3  # in total, or per state: the most probable transitions are drawn


class _Look(NamedTuple):
    """How much is shown of each state, and how close states stand.

    Attributes:
        symbols: the most that are listed in a state; the most probable ones.
        name: the size of names, in points.
        wide: the width of the circle of states, by its height.
        apart: the space between neighbours, in points.
        outside: the length of arrows from and to the outside, in points; 0 for short ones whose probability stands in
            the box at their other end.
    """

    symbols: int
    name: float
    wide: float
    apart: float
    outside: float


USUAL = _Look(6, 13.0, 1.5, 100.0, 64.0)
LOOKS = [  # the first whose letters can be read on a screen is drawn
    USUAL,
    *(_Look(symbols, 13.0, 1.8, apart, 64.0) for symbols in (6, 3) for apart in (80.0, 60.0)),
    *(_Look(symbols, 10.0, 2.1, 40.0, 0.0) for symbols in (3, 2, 1, 0)),
]


@explained
def automaton(
    hmm: HMM,
    *,
    values: bool | None = None,
    title: str = "",
    font_size: float | None = None,
    size: tuple[float, float] | None = None,
) -> Drawing:
    """Draw the states of an HMM, with the probabilities of the transitions between them.

    Each state lists its most probable symbols. The thickness of an arc is its probability. Arcs below 0.0005 are left
    out; if there are very many, only the most probable ones are drawn, with a note below. Short arrows from and to the
    outside are initial and stopping probabilities.

    Args:
        hmm: a model with n = 2 and the same transitions at every step.
        values: False leaves out the probabilities.
        title: a heading above the picture.
        font_size: the font size in points; 11 by default.
        size: (width, height) in inches; the picture is scaled to fit.

    ``values``, ``font_size`` and ``size`` are taken from `defaults` if they are None.

    Returns:
        The drawing.

    Raises:
        TypeError: ``hmm`` is not a model.
        ValueError: n is not 2, the transitions vary, there are more than 40 states, or a setting is out of range.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> automaton(HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]]))
        Drawing('2 states')
    """
    title = text("title", title)
    check_model(hmm, "as in automaton(hmm)")
    transition = floats(hmm.transition)
    if hmm.n != 2 or transition.ndim != 2:
        found = "transitions that vary by step" if hmm.n == 2 else f"n = {hmm.n}; ts.viz.trellis draws any n"
        raise ValueError(f"an automaton needs a model with n = 2 and the same transitions at every step, got {found}")
    count = len(transition)
    if count > MOST_STATES:
        raise ValueError(f"an automaton of {count} states would be illegible; at most {MOST_STATES} are drawn")
    with defaults(values=values, font_size=font_size, size=size) as chosen:
        painters = (_Painter(hmm, transition, title, chosen.values is not False, look) for look in LOOKS)
        painter = _most_legible(painters)
        return painter.painted().drawing(lambda: (painter.painted().drawing(), {}))


class _Painter:
    """States on a circle, clockwise. Arcs bend to their right, which separates both directions."""

    def __init__(self, hmm: HMM, transition: Floats, title: str, values: bool, look: _Look = USUAL) -> None:
        self.hmm, self.look = hmm, look
        self.title, self.values = title, values
        self.remarks: list[str] = []
        self.transition = transition
        self.count = len(transition)
        self.lines = [self._state_lines(state) for state in range(self.count)]
        sizes = [label_size(lines) for lines in self.lines]
        self.size = max(width for width, _ in sizes) + in_type(22), max(height for _, height in sizes) + in_type(12)
        bulge = max(_reach(lines, self.size) for lines in self.lines)
        self.size = self.size[0] * bulge, self.size[1] * bulge
        self.angles, around = _evenly(self.count, look.wide)
        apart = self.count * (max(self.size) + in_type(look.apart)) / around
        self.radius = 0.0 if self.count == 1 else max(self.size[0] * 0.95, apart, in_type(LEAST))

    def states(self) -> Canvas:
        """The states, with the arrows from and to the outside."""
        self.canvas = Canvas(self.title or f"{self.count} state{'s' if self.count > 1 else ''}")
        self.room = Room()  # free space for labels
        self.ways = Room()  # where lines run
        self.ends: list[tuple[Point, Size]] = []  # boxes at the other ends of arrows from and to the outside
        self.labelled: list[tuple[Edge, float, float]] = []  # arcs, their probabilities, and the best places for these
        for state, lines in enumerate(self.lines):
            at = self._at(state)
            self.room.take(at, self.size)
            self.canvas.nodes.append(Node(f"s{state}", at, self.size, lines, STATE, "ellipse", kind="state"))
        for name, table, color in (("start", self.hmm.initial, ACCENT), ("stop", self.hmm.end, LINE)):
            for state, probability in enumerate([] if table is None else floats(table).tolist()):
                if probability >= SMALLEST:
                    self._outside(name, state, probability, color)
        return self.canvas

    def painted(self) -> Canvas:
        """The parts of the picture."""
        self.states()
        left_out = self._transitions()
        self._write_probabilities()
        for i, remark in enumerate([*left_out, *self.remarks]):
            low = self.canvas.corners()[0].y
            self.canvas.nodes.append(words(f"note{i or ''}", Point(0.0, low - in_type(14)), small(remark)))
        if self.title:
            self.canvas.entitle(self.title)
        return self.canvas

    def _transitions(self) -> list[str]:
        """An arc for each transition, as many as are legible; and a note if these are not all."""
        possible = int((self.transition >= SMALLEST).sum())
        most = max(MOST_ARCS, MOST_ARCS_EACH * self.count)
        likeliest = np.argsort(-self.transition, axis=None, kind="stable")[: min(possible, most)]
        drawn = [divmod(place, self.count) for place in sorted(likeliest.tolist())]
        for arc, (leave, arrive) in self._directions(drawn).items():
            tail, head = arc
            flare, at = (0.15, 0.5) if tail == head else (0.0, 0.4)
            curve = self._way(tail, head, leave, arrive, flare)
            self._draw(f"s{tail}", f"s{head}", curve, float(self.transition[arc]), LINE, at)
        if len(drawn) == possible:
            return []
        least = number(min(float(self.transition[arc]) for arc in drawn))
        return [f"the {len(drawn)} most probable of {possible:,} transitions are drawn, down to {least}"]

    def _state_lines(self, state: int) -> list[Text]:
        lines = [Text(word(self.hmm.states[state]), self.look.name, bold=True)]
        symbols = list(self.hmm.symbols)
        if symbols:
            emission = floats(self.hmm.emissions.typical())[state]
            for symbol in np.argsort(-emission, kind="stable")[: self.look.symbols].tolist():
                if emission[symbol] >= SMALLEST:
                    probability = f" {number(float(emission[symbol]))}" * self.values
                    lines.append(small(word(symbols[symbol], limit=12) + probability))
        return lines

    def _angle(self, state: int) -> float:
        first = math.pi if self.count == 2 else math.pi / 2  # two states are side by side
        return first - self.angles[state]

    def _at(self, state: int) -> Point:
        x, y = toward(Point(0.0, 0.0), self._angle(state), self.radius)
        return Point(self.look.wide * x, y)

    def _rim(self, state: int, angle: float) -> Point:
        """The point on a state's ellipse in a direction."""
        a, b = self.size[0] / 2, self.size[1] / 2
        return toward(self._at(state), angle, a * b / math.hypot(b * math.cos(angle), a * math.sin(angle)))

    def _directions(self, arcs: list[tuple[int, int]]) -> dict[tuple[int, int], list[float]]:
        """The directions in which each arc leaves and arrives, apart from the others of its states."""
        clear = {arc: self._bend(*arc) for arc in arcs}
        found = {arc: [*ends] for arc, ends in clear.items()}
        for state, out in enumerate(map(self._angle, range(self.count))):
            ends = [(arc, i) for arc in arcs for i in (0, 1) if arc[i] == state and arc[0] != arc[1]]
            inward = {end: (found[end[0]][end[1]] - out) % (2 * math.pi) for end in ends}
            gap = min(2 * in_type(APART) / sum(self.size) * 2, INWARD / max(len(ends), 1))
            order = sorted(ends, key=inward.__getitem__)
            for (arc, i), turn in spread(order, inward, dict.fromkeys(ends, 0.0), gap).items():
                found[arc][i] = out + turn
        return {
            arc: clear[arc] if self._meets_states(self._way(*arc, *found[arc]), *arc) else found[arc] for arc in arcs
        }

    def _bend(self, tail: int, head: int) -> list[float]:
        """The directions of an arc that bends to its right, or else to its left, clear of states; or of a loop."""
        start, end, out = self._at(tail), self._at(head), self._angle(tail)
        if tail == head:
            return [out - 0.35, out + 0.35]
        angle = math.atan2(end.y - start.y, end.x - start.x)
        bends = [[angle - bend, angle + math.pi + bend] for bend in BENDS]
        return next(
            (bend for bend in bends if not self._meets_states(self._way(tail, head, *bend), tail, head)), bends[0]
        )

    def _way(self, tail: int, head: int, leave: float, arrive: float, flare: float = 0.0) -> list[Point]:
        """A curve between two ellipses that leaves and arrives in these directions; a loop if `flare` is not 0."""
        first, last = self._rim(tail, leave), self._rim(head, arrive)
        reach = max(1.1 * self.size[1], in_type(44)) if flare else math.dist(first, last) / 3
        return [first, toward(first, leave - flare, reach), toward(last, arrive + flare, reach), last]

    def _meets_states(self, curve: list[Point], tail: int, head: int) -> bool:
        a, b = self.size[0] / 2 + 4, self.size[1] / 2 + 4
        others = np.array([self._at(state) for state in range(self.count) if state not in {tail, head}]).reshape(-1, 2)
        away = (np.array(passed(curve, apart=6.0))[:, None] - others) / (a, b)
        if (np.hypot(away[..., 0], away[..., 1]) < 1).any():
            return True
        return any(passes(piece, *end, apart=2.0) for piece in pieces(curve) for end in self.ends)

    def _outside(self, name: str, state: int, probability: float, color: str) -> None:
        angle = self._angle(state) + (-0.95 if name == "start" else 0.95)
        rim, length = self._rim(state, angle), self.look.outside
        told = name if length or not self.values else f"{name} {number(probability)}"
        half = small(told).width / 2 + in_type(4), in_type(6.5)
        ways = abs(math.cos(angle)), abs(math.sin(angle))
        inside = half[0] * ways[0] + half[1] * ways[1]  # the box, as far as it may reach towards the state
        edge = min(side / max(way, 1e-9) for side, way in zip(half, ways, strict=True))
        far = toward(rim, angle, in_type(length or SHORT) + (0.0 if length else inside))
        size = 2 * half[0], 2 * half[1]
        self.canvas.nodes.append(Node(f"{name}{state}", far, size, [small(told)], QUIET))
        self.room.take(far, size)
        self.ends.append((far, size))
        way, ends = straight(toward(far, angle, -edge), rim), (f"{name}{state}", f"s{state}")
        if name == "stop":
            way, ends = way[::-1], ends[::-1]
        self._draw(*ends, way, probability, color, told=bool(length))

    def _draw(
        self,
        tail: str,
        head: str,
        curve: list[Point],
        probability: float,
        color: str,
        at: float = 0.4,
        told: bool = True,
    ) -> None:
        """An arc, and if it is told, its probability, by default closer to the tail than to the middle, where many arcs
        meet."""
        arc = Edge(tail, head, curve, color, 0.5 + 2.5 * probability)
        self.canvas.edges.append(arc)
        self.ways.take_line(curve)
        self.labelled += [(arc, probability, at)] if told else []

    def _write_probabilities(self) -> None:
        """The probability of each arc on it: on no other label, and where the fewest other arcs cross."""
        for arc, probability, at in self.labelled if self.values else ():
            chip = chip_on_line(f"p_{arc.tail}_{arc.head}", number(probability))
            shares = sorted((step / 40 for step in range(6, 35)), key=lambda share: abs(share - at))
            places = [along(list(arc.curve), share) for share in shares]
            worth = partial(self._in_the_way, size=chip.size, own=arc.curve)
            clear = (spot for spot in places if worth(spot) == (False, 0))  # mostly found at once
            place = next(clear, None) or min(places, key=worth)
            self.room.take(place, chip.size)
            self.canvas.nodes.append(chip._replace(center=place))

    def _in_the_way(self, spot: Point, size: Size, own: Sequence[Point]) -> tuple[bool, int]:
        """Whether a label would overlap a state or another label, and how many other arcs it would cover."""
        return not self.room.is_free(spot, size), self.ways.crossings(spot, size, own)


def _most_legible(painters: Iterable[_Painter]) -> _Painter:
    """The first whose letters can be read on a screen; or else the one with the largest letters, which says so."""
    largest = 0.0
    for painter in painters:
        letters = painter.states().letters()
        if letters >= LEAST_LETTERS:
            letters = painter.painted().letters()
        if letters > largest:
            largest, best = letters, painter
        if letters >= LEAST_LETTERS:
            return painter
    best.remarks.append(SMALL_LETTERS)
    return best


def _evenly(count: int, wide: float) -> tuple[list[float], float]:
    """Angles at which points stand evenly on an ellipse of height 2 and a width that many times as large, from its top
    on; and the length of its outline."""
    turns = np.linspace(0.0, 2 * math.pi, 1441)
    pieces = np.hypot(np.diff(wide * np.sin(turns)), np.diff(np.cos(turns)))
    length = np.concatenate([[0.0], np.cumsum(pieces)])
    return np.interp(np.arange(count) * length[-1] / count, length, turns).tolist(), float(length[-1])


def _reach(lines: list[Text], size: Size) -> float:
    """By how much an ellipse of this size must grow to hold all lines; at least 1."""
    reach, top = 1.0, label_size(lines)[1] / 2
    for line in lines:
        middle = top - line.height / 2
        reach = max(reach, math.hypot((line.width + 4) / size[0], 2 * (abs(middle) + 0.55 * line.points) / size[1]))
        top -= line.height
    return reach
