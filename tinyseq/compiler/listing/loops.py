"""Loops: steps of a program that repeat, found and shown once.

A recurrent network repeats its steps at each time step, and so does its program. The turns of the loop differ only in
whole numbers and in the values that they take, which follow the turns, up or down. So one of them shows all. Some steps
may come at some turns only, at equal distances: a weight's gradient, for example, is added up in blocks of time steps.
"""

from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, pairwise
from typing import Any, NamedTuple

from tinyseq.compiler.steps import Ref, Step, key, mapped, of_type

LEAST = 3  # turns that make a loop; nothing comes between these first ones
SAVED = 4  # lines by which a loop must be shorter than its steps
LONGEST = 1000  # steps in one turn
OFTEN = 4  # of so many steps, one may be missing from the last turns
TRIED = 12  # lengths of a turn that are tried at each step


class Place(NamedTuple):
    """Where a value is made: by which row of a loop, at which turn."""

    row: int
    turn: int


@dataclass(frozen=True)
class Along:
    """What follows the turns: at turn t the number ``start + slope * t``, or what a row makes at that turn."""

    row: int | None
    start: int
    slope: int

    def at(self, turn: int) -> int:
        """The number at a turn."""
        return self.start + self.slope * turn

    def __repr__(self) -> str:
        turns = {0: "", 1: "t", -1: "-t"}.get(self.slope, f"{self.slope}*t")
        if self.slope > 0:
            text = f"{turns}{self.start:+}" if self.start else turns
        else:
            text = f"{self.start}{turns}" if self.start or not turns else turns
        return text if self.row is None else f"v{self.row}[{text}]"


class Row:
    """A step of a loop, at each turn that has it. A step outside of loops is a row of one turn.

    Attributes:
        turns: these turns.
        steps: the step at each.
        rules: how each value and each whole number in the arguments follows the turns.
        before: what the result is taken to be at turns before the first, by turn.
    """

    def __init__(self, turns: range, steps: list[Step]) -> None:
        self.turns, self.steps = turns, steps
        self.rules: list[Any] = []
        self.before: dict[int, int] = {}

    @property
    def name(self) -> int:
        """The number of the first result, which stands for all."""
        return self.steps[0].out

    @property
    def steady(self) -> bool:
        """Whether it is there from the first turn on, at each until the last that has it."""
        return self.turns[0] == 0 and (self.turns.step == 1 or len(self.turns) == 1)

    def at(self, turn: int) -> int | None:
        """The number of the result at a turn."""
        return self.steps[self.turns.index(turn)].out if turn in self.turns else self.before.get(turn)


class Loop(NamedTuple):
    """Steps that repeat: how often, and the rows of a turn in their order. Other steps are a loop of one turn."""

    turns: int
    rows: list[Row]

    @property
    def parts(self) -> list[list[Row]]:
        """Rows one after another that are there at the same turns."""
        return [list(rows) for _, rows in groupby(self.rows, lambda row: row.turns)]

    @property
    def size(self) -> int:
        """How many steps of the program it shows."""
        return sum(len(row.turns) for row in self.rows)

    @property
    def saved(self) -> int:
        """By how many lines it is shorter than these steps."""
        return self.size - len(self.rows) - len(self.parts)


class Made:
    """The values of loops: the row and the turn that make each, and the rows by name.

    Args:
        known: those of other loops, if these are the values of a loop that is being found.
    """

    def __init__(self, known: "Made | None" = None) -> None:
        self.places: ChainMap[int, Place] = known.places.new_child() if known else ChainMap()
        self.rows: ChainMap[int, Row] = known.rows.new_child() if known else ChainMap()
        self._leaves: dict[int, list[Any]] = known._leaves if known else {}

    def keep(self, found: "Made") -> None:
        """Add the values of a loop that was found."""
        self.places.update(found.places.maps[0])
        self.rows.update(found.rows.maps[0])

    def leaves(self, step: Step) -> list[Any]:
        """The values in a step's arguments, and then the whole numbers."""
        if step.out not in self._leaves:
            tree = [*step.args, step.settings]
            self._leaves[step.out] = [*of_type(tree, Ref), *of_type(_blank(tree), int)]
        return self._leaves[step.out]

    def row(self, turns: range, steps: list[Step]) -> Row:
        """A new row of the loop that is being found."""
        row = self.rows[steps[0].out] = Row(turns, steps)
        self.places.update((step.out, Place(row.name, turn)) for turn, step in zip(turns, steps, strict=True))
        return row

    def settle(self, row: Row, turns: range, steps: Sequence[Step]) -> bool:
        """Find how the arguments follow these turns, if they do."""
        rules, before = [], dict[Place, int]()
        for slot in zip(*map(self.leaves, steps), strict=True):
            rules.append(self._rule(turns, slot))
            if not all(self._holds(rules[-1], leaf, turn, before) for leaf, turn in zip(slot, turns, strict=True)):
                return False
        row.rules = rules
        for place, number in before.items():
            self.rows[place.row].before[place.turn] = number
        return True

    def take(self, row: Row, turn: int, step: Step) -> bool:
        """Add a turn to a row, if the step goes on with it."""
        turns = range(row.turns[0], turn + 1, turn - row.turns[-1])
        if len(turns) != len(row.turns) + 1:
            return False
        if len(turns) > LEAST:
            good = all(self._holds(rule, leaf, turn) for rule, leaf in zip(row.rules, self.leaves(step), strict=True))
        else:
            good = self.settle(row, turns, [*row.steps, step])
        if good:
            row.turns = turns
            row.steps.append(step)
            self.places[step.out] = Place(row.name, turn)
        return good

    def give_back(self, row: Row) -> None:
        """Remove the last turn of a row."""
        row.turns = row.turns[:-1]
        del self.places[row.steps.pop().out]

    def _rule(self, turns: range, slot: Sequence[Any]) -> Any:
        """How an argument may follow the turns, judged by the second and the third."""
        last = min(len(slot), LEAST) - 1
        one, two = slot[max(last - 1, 0)], slot[last]
        if type(two) is int:
            row, start, end = None, one, two
        else:
            place, earlier = self.places.get(two.number), self.places.get(one.number)
            if place is None:
                return two
            row, end = place
            start = end - turns.step if earlier is None or earlier.row != row else earlier.turn
            start = end if one == two else start
        slope = (end - start) // turns.step
        return Along(row, end - slope * turns[last], slope)

    def _holds(self, rule: Any, leaf: Any, turn: int, before: dict[Place, int] | None = None) -> bool:
        """Whether an argument is what a rule says; what is read before its first turn is noted."""
        if type(rule) is Ref or rule.row is None:
            return bool(leaf == (rule if type(rule) is Ref else rule.at(turn)))
        row, place = self.rows[rule.row], Place(rule.row, rule.at(turn))
        number = row.at(place.turn)
        early = place.turn < row.turns[0] <= turn
        if number is None and before is not None and early and row.name in self.rows.maps[0]:
            number = before.setdefault(place, leaf.number)
        return bool(leaf.number == number)


class Folding:
    """The steps of a program, with those that repeat in loops.

    Args:
        passes: the steps of each pass.
        kinds: the `Kind` of each value, by number.

    Attributes:
        passes: the loops of each pass, in order.
        made: the values of loops of several turns.
    """

    def __init__(self, passes: Sequence[Sequence[Step]], kinds: Mapping[int, Any]) -> None:
        self.made = Made()
        known: dict[Any, int] = {}  # equal patterns as equal numbers, which are compared faster
        self.passes = list[list[Loop]]()
        for steps in passes:
            patterns = [known.setdefault((_pattern(step), kinds[step.out]), len(known)) for step in steps]
            self.passes.append(list(_Pass(steps, patterns, self.made).folded()))


class _Pass:
    """The steps of a pass, in which loops are found."""

    def __init__(self, steps: Sequence[Step], patterns: list[int], made: Made) -> None:
        self.steps, self.patterns, self.made = steps, patterns, made
        self.later = _next_alike(patterns)
        self.pattern = {step.out: pattern for step, pattern in zip(steps, patterns, strict=True)}

    def folded(self) -> Iterator[Loop]:
        """The loops, in order."""
        start, others = 0, list[Row]()
        while start < len(self.steps):
            found = self._with_most_turns(start)
            if found is None or self._has_another_inside(found[0], start):
                others.append(Row(range(1), [self.steps[start]]))
                self.made.settle(others[-1], range(1), others[-1].steps)
                start += 1
                continue
            if others:
                yield Loop(1, others)
                others = []
            loop, made = found
            self.made.keep(made)
            yield loop
            start += loop.size
        if others:
            yield Loop(1, others)

    def _with_most_turns(self, start: int, most: int = LONGEST) -> tuple[Loop, Made] | None:
        best: tuple[Loop, Made] | None = None
        for size in _distances(self.later, start, most):
            fewest = size - size // OFTEN  # steps in a turn after the first ones
            possible = LEAST + (len(self.steps) - start - LEAST * size) // fewest
            if best is None or possible > best[0].turns:  # turns twice as long, say, are not worth the search
                found = self._loop(start, size)
                if found and found[0].saved >= SAVED and (best is None or found[0].turns > best[0].turns):
                    best = found
        return best

    def _has_another_inside(self, loop: Loop, start: int) -> bool:
        """Whether a loop with more turns begins within one turn: loops have no loops in them."""
        size = sum(row.steady for row in loop.rows)
        inner = (self._with_most_turns(at, size // LEAST) for at in range(start + 1, start + size))
        return any(each is not None and each[0].turns > loop.turns for each in inner)

    def _loop(self, start: int, size: int, between: int | None = None) -> tuple[Loop, Made] | None:
        """As many turns as one of them can show, if they are enough; other steps may come between their steps."""
        ends = range(start, start + (LEAST + 1) * size, size)
        first, *more = (self.patterns[at:end] for at, end in pairwise(ends))
        if any(patterns != first for patterns in more):
            return None
        made, turns = Made(self.made), range(LEAST)
        body = [made.row(turns, list(self.steps[start + i : ends[-1] : size])) for i in range(size)]
        if not all(made.settle(row, turns, row.steps) for row in body):
            return None
        place, turn, others = ends[-1], LEAST, dict[tuple[int, int], list[int]]()
        while found := self._turn(made, body, place, turn, size if between is None else between):
            for i, at in found.items():
                where = (turn, i) if i else (turn - 1, size)
                others[where] = list(range(place, at))
                place = at + 1
            turn += 1
        rows = self._between(made, others, size)
        if sum(map(len, rows)) > size:  # too many for a turn that can be read
            return self._loop(start, size, between=0)
        for row in rows[size]:
            place += self._taken(made, row, turn - 1, place)
        for some, row in zip(rows, body, strict=False):
            some.append(row)
        return Loop(turn, list(chain(*rows))), made

    def _turn(self, made: Made, body: Sequence[Row], place: int, turn: int, between: int) -> dict[int, int]:
        """For each step of one more turn its place; none if fewer are there than last turns have."""
        end, found = min(place + len(body) + between, len(self.steps)), dict[int, int]()
        for i, row in enumerate(body):
            at = next((at for at in range(place, end) if self._taken(made, row, turn, at)), None)
            if at is not None:
                found[i], place = at, at + 1
        if len(found) >= len(body) - len(body) // OFTEN:
            return found
        for i in found:
            made.give_back(body[i])
        return {}

    def _taken(self, made: Made, row: Row, turn: int, place: int) -> bool:
        """Whether a step goes on with a row."""
        alike = place < len(self.steps) and self.patterns[place] == self.pattern[row.name]
        return alike and made.take(row, turn, self.steps[place])

    def _between(self, made: Made, others: Mapping[tuple[int, int], Sequence[int]], size: int) -> list[list[Row]]:
        """Rows of the steps that not every turn has: those before each step of a turn, and those after the last."""
        rows: list[list[Row]] = [[] for _ in range(size + 1)]
        for (turn, i), places in others.items():
            after = 0
            for place in places:
                while after < len(rows[i]) and not self._taken(made, rows[i][after], turn, place):
                    after += 1
                if after == len(rows[i]):
                    turns, steps = range(turn, turn + 1), [self.steps[place]]
                    rows[i].append(made.row(turns, steps))
                    made.settle(rows[i][-1], turns, steps)
                after += 1
        return rows


def _pattern(step: Step) -> Any:
    """What is the same in all turns of a step."""
    arguments = [*step.args, step.settings]
    return step.function, key(mapped(_blank(arguments), int, lambda _: "number"))


def _blank(tree: Any) -> Any:
    return mapped(tree, Ref, lambda _: "value")


def _next_alike(patterns: Sequence[Any]) -> list[int]:
    """For each step the next one with the same pattern; 0 if there is none."""
    seen: dict[Any, int] = {}
    later = [0] * len(patterns)
    for place in reversed(range(len(patterns))):
        later[place] = seen.get(patterns[place], 0)
        seen[patterns[place]] = place
    return later


def _distances(later: Sequence[int], start: int, most: int) -> Iterator[int]:
    """How far the next steps with the same pattern are."""
    place = later[start]
    for _ in range(TRIED):
        if not 0 < place - start <= most:
            return
        yield place - start
        place = later[place]
