"""The automaton of an HMM: its states, and the transitions between them."""

import math
from collections.abc import Sequence

import numpy as np

from tinyseq.hmm.model.hmm import HMM
from tinyseq.viz.hmm.lattice import Floats, floats
from tinyseq.viz.layout.curves import Point, Size, along, passed, straight, toward
from tinyseq.viz.layout.free_space import Room
from tinyseq.viz.layout.rows import spread
from tinyseq.viz.rendering.canvas import Canvas
from tinyseq.viz.rendering.drawing import Drawing
from tinyseq.viz.rendering.parts import Edge, Node, chip_on_line, words
from tinyseq.viz.rendering.settings import defaults, in_type
from tinyseq.viz.rendering.style import ACCENT, LINE, QUIET, STATE, Text, clean, label_size, number, small

MOST_STATES = 40
MOST_SYMBOLS = 6  # the most probable ones are shown for each state
SMALLEST = 5e-4  # less probable arcs and emissions are left out
WIDE = 1.5  # the width of the circle of states, by its height
LEAST = 78.0  # points: the radius of the circle of states, so that words on the arcs between small states fit
BENDS = (0.35, 0.2, 0.55, 0.75, -0.6, -0.8, -1.0, 0.0, 1.2)  # of arcs, in radians; the first that is clear
APART, INWARD = 9.0, 3.6  # between ends of arcs at a state: points; at most this many radians for all of them
MOST_ARCS, MOST_ARCS_EACH = 24, 3  # in total, or per state: the most probable transitions are drawn


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
        ValueError: n is not 2, the transitions vary, there are more than 40 states, or a setting is out of range.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> automaton(HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]]))
        Drawing('2 states')
    """
    transition = floats(hmm.transition)
    if hmm.n != 2 or transition.ndim != 2:
        raise ValueError("an automaton needs a model with n = 2 and the same transitions at every step")
    count = len(transition)
    if count > MOST_STATES:
        raise ValueError(f"an automaton of {count} states would be illegible; at most {MOST_STATES} are drawn")
    with defaults(values=values, font_size=font_size, size=size) as chosen:
        painter = _Painter(hmm, transition, title, chosen.values is not False)
        return painter.painted().drawing(lambda: (painter.painted().drawing(), {}))


class _Painter:
    """States on a circle, clockwise. Arcs bend to their right, which separates both directions."""

    def __init__(self, hmm: HMM, transition: Floats, title: str, values: bool) -> None:
        self.hmm = hmm
        self.title, self.values = title, values
        self.transition = transition
        self.count = len(transition)
        self.lines = [self._state_lines(state) for state in range(self.count)]
        sizes = [label_size(lines) for lines in self.lines]
        self.size = max(width for width, _ in sizes) + in_type(22), max(height for _, height in sizes) + in_type(12)
        bulge = max(_reach(lines, self.size) for lines in self.lines)
        self.size = self.size[0] * bulge, self.size[1] * bulge
        self.radius = (
            0.0 if self.count == 1 else max(self.size[0] * 0.95, 0.28 * self.count * max(self.size), in_type(LEAST))
        )

    def painted(self) -> Canvas:
        """The parts of the picture."""
        self.canvas = Canvas(self.title or f"{self.count} state{'s' if self.count > 1 else ''}")
        self.room = Room()  # free space for labels
        self.ways = Room()  # where lines run
        self.labelled: list[tuple[Edge, float, float]] = []  # arcs, their probabilities, and the best places for these
        for state, lines in enumerate(self.lines):
            at = self._at(state)
            self.room.take(at, self.size)
            self.canvas.nodes.append(Node(f"s{state}", at, self.size, lines, STATE, "ellipse", kind="state"))
        left_out = self._transitions()
        for name, table, color in (("start", self.hmm.initial, ACCENT), ("stop", self.hmm.end, LINE)):
            for state, probability in enumerate([] if table is None else floats(table).tolist()):
                if probability >= SMALLEST:
                    self._outside(name, state, probability, color)
        self._write_probabilities()
        if left_out:
            low = self.canvas.corners()[0].y
            self.canvas.nodes.append(words("note", Point(0.0, low - in_type(14)), small(left_out)))
        if self.title:
            self.canvas.entitle(self.title)
        return self.canvas

    def _transitions(self) -> str:
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
            return ""
        least = number(min(float(self.transition[arc]) for arc in drawn))
        return f"the {len(drawn)} most probable of {possible:,} transitions are drawn, down to {least}"

    def _state_lines(self, state: int) -> list[Text]:
        lines = [Text(clean(self.hmm.states[state], limit=16), 13, bold=True)]
        symbols = list(self.hmm.symbols)
        if symbols:
            emission = floats(self.hmm.emission)[state]
            for symbol in np.argsort(-emission, kind="stable")[:MOST_SYMBOLS].tolist():
                if emission[symbol] >= SMALLEST:
                    probability = f" {number(float(emission[symbol]))}" * self.values
                    lines.append(small(clean(symbols[symbol], limit=12) + probability))
        return lines

    def _angle(self, state: int) -> float:
        first = math.pi if self.count == 2 else math.pi / 2  # two states are side by side
        return first - 2 * math.pi * state / self.count

    def _at(self, state: int) -> Point:
        x, y = toward(Point(0.0, 0.0), self._angle(state), self.radius)
        return Point(WIDE * x, y)

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
        others = [self._at(state) for state in range(self.count) if state not in {tail, head}]
        points = passed(curve, apart=6.0)
        return any(math.hypot((x - at.x) / a, (y - at.y) / b) < 1 for at in others for x, y in points)

    def _outside(self, name: str, state: int, probability: float, color: str) -> None:
        angle = self._angle(state) + (-0.95 if name == "start" else 0.95)
        rim = self._rim(state, angle)
        far, half = toward(rim, angle, in_type(64)), (in_type(15), in_type(6.5))
        self.canvas.nodes.append(Node(f"{name}{state}", far, (2 * half[0], 2 * half[1]), [small(name)], QUIET))
        self.room.take(far, (2 * half[0], 2 * half[1]))
        inside = half[0] * abs(math.cos(angle)) + half[1] * abs(math.sin(angle))  # the box, in this direction
        way, ends = straight(toward(far, angle, -inside), rim), (f"{name}{state}", f"s{state}")
        if name == "stop":
            way, ends = way[::-1], ends[::-1]
        self._draw(*ends, way, probability, color)

    def _draw(self, tail: str, head: str, curve: list[Point], probability: float, color: str, at: float = 0.4) -> None:
        """An arc with its probability, by default closer to the tail than to the middle, where many arcs meet."""
        arc = Edge(tail, head, curve, color, 0.5 + 2.5 * probability)
        self.canvas.edges.append(arc)
        self.ways.take_line(curve)
        self.labelled.append((arc, probability, at))

    def _write_probabilities(self) -> None:
        """The probability of each arc on it: on no other label, and where the fewest other arcs cross."""
        for arc, probability, at in self.labelled if self.values else ():
            chip = chip_on_line(f"p_{arc.tail}_{arc.head}", number(probability))
            shares = sorted((step / 40 for step in range(6, 35)), key=lambda share: abs(share - at))
            places = [along(list(arc.curve), share) for share in shares]
            place = min(places, key=lambda spot: self._in_the_way(spot, chip.size, arc.curve))
            self.room.take(place, chip.size)
            self.canvas.nodes.append(chip._replace(center=place))

    def _in_the_way(self, spot: Point, size: Size, own: Sequence[Point]) -> tuple[bool, int]:
        """Whether a label would overlap a state or another label, and how many other arcs it would cover."""
        return not self.room.is_free(spot, size), self.ways.crossings(spot, size, own)


def _reach(lines: list[Text], size: Size) -> float:
    """By how much an ellipse of this size must grow to hold all lines; at least 1."""
    reach, top = 1.0, label_size(lines)[1] / 2
    for line in lines:
        middle = top - line.height / 2
        reach = max(reach, math.hypot((line.width + 4) / size[0], 2 * (abs(middle) + 0.55 * line.points) / size[1]))
        top -= line.height
    return reach
