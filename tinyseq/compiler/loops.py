"""Loops: steps of a program that repeat, found and written as a loop.

A recurrent network repeats its steps at each time step, and so does its program. The turns of the loop differ only in
whole numbers and in the values that they take, which follow the turns, up or down. So one of them shows all.
"""

import re
from collections import ChainMap, Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, product, takewhile
from typing import Any, NamedTuple

from tinyseq.compiler.steps import Ref, Step, key, mapped, of_type

LEAST = 3  # turns that make a loop
SAVED = 4  # lines by which a loop must be shorter than its steps
LONGEST = 1000  # steps in one turn
TRIED = 12  # lengths of a turn that are tried at each step
FEW = 4  # values that are written out in a join


class Word(str):
    """Text that stands for an argument."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Place(NamedTuple):
    """Where a value is made: in which loop, at which of its turns, and by which step of it."""

    loop: int
    turn: int
    step: int


class Along(NamedTuple):
    """A value that follows the turns: at turn t, what a step of a loop makes at turn ``start + slope * t``."""

    loop: int
    step: int
    start: int
    slope: int

    def at(self, turn: int) -> Place:
        """Where it is made for one turn."""
        return Place(self.loop, self.start + self.slope * turn, self.step)


class Loop(NamedTuple):
    """Steps that repeat.

    Attributes:
        turns: for each turn its steps.
        before: what the results of its steps are before the first turn, by step and (negative) turn.
    """

    turns: list[list[Step]]
    before: dict[tuple[int, int], int]


class Folding:
    """The steps of a program, with those that repeat in loops.

    Args:
        passes: the steps of each pass.
        kinds: the `Kind` of each value, by number.

    Attributes:
        items: steps and loops, in order, of each pass.
        places: where the values of loops are made.
        loops: all loops.
    """

    def __init__(self, passes: Sequence[Sequence[Step]], kinds: Mapping[int, Any]) -> None:
        self.kinds = kinds
        self.places: dict[int, Place] = {}
        self.loops: list[Loop] = []
        self._found: dict[int, list[Any]] = {}
        self.items = [list(self._folded(steps)) for steps in passes]

    def _folded(self, steps: Sequence[Step]) -> Iterator[Step | Loop]:
        known: dict[Any, int] = {}  # equal patterns as equal numbers, which are compared faster
        patterns = [known.setdefault((_pattern(step), self.kinds[step.out]), len(known)) for step in steps]
        later = _next_alike(patterns)

        def with_most_turns(start: int, most: int = LONGEST) -> Loop | None:
            tried = [self._loop(steps, patterns, start, length) for length in _distances(later, start, most)]
            return max((loop for loop in tried if loop and _saved(loop) >= SAVED), key=_turns, default=None)

        def has_another_inside(loop: Loop, start: int) -> bool:
            """Whether a loop with more turns begins within one turn: there is one level of loops."""
            size = len(loop.turns[0])
            inner = (with_most_turns(at, size // LEAST) for at in range(start + 1, start + size))
            return any(each is not None and _turns(each) > _turns(loop) for each in inner)

        start = 0
        while start < len(steps):
            loop = with_most_turns(start)
            if loop is None or has_another_inside(loop, start):
                yield steps[start]
                start += 1
            else:
                self.places |= _places(loop.turns, len(self.loops))
                self.loops.append(loop)
                yield loop
                start += sum(map(len, loop.turns))

    def _loop(self, steps: Sequence[Step], patterns: Sequence[int], start: int, length: int) -> Loop | None:
        """As many turns as one of them can show, if they make a loop."""
        starts = range(start, len(steps) - length + 1, length)
        alike = takewhile(lambda at: patterns[at : at + length] == patterns[start : start + length], starts)
        turns = [steps[at : at + length] for at in alike]
        few = self._shown_by_one(turns[:LEAST])  # which is often enough to see that there is no loop
        return few and self._shown_by_one(turns)

    def _shown_by_one(self, turns: Sequence[Sequence[Step]]) -> Loop | None:
        """As many of the first turns as one of them can show, if they are enough."""
        if len(turns) < LEAST:
            return None
        own, good, before = len(self.loops), len(turns), dict[tuple[int, int], int]()
        places = ChainMap(_places(turns, own), self.places)
        for slot in zip(*map(self._leaves, turns), strict=True):
            good = min(good, _even(slot) if type(slot[0]) is int else _followed(slot, places, own, before))
            if good < LEAST:
                return None
        return Loop([list(turn) for turn in turns[:good]], before)

    def _leaves(self, steps: Sequence[Step]) -> list[Any]:
        """For each step the values in its arguments, and then the whole numbers."""
        for step in steps:
            if step.out not in self._found:
                self._found[step.out] = _leaves(step)
        return [leaf for step in steps for leaf in self._found[step.out]]

    def lines(self, items: Sequence[Step | Loop], notes: Mapping[int, str]) -> Iterator[str]:
        """The steps and loops of a pass in words.

        Args:
            items: one of `items`.
            notes: what is said of values, by number.
        """
        for item in items:
            if isinstance(item, Step):
                yield self._line(self.calls(item)[0], self._noted(notes.get(item.out, "")), item)
            else:
                known = [
                    f"v{item.turns[0][i].out}[{turn}] is {self._name(Ref(number))}"
                    for (i, turn), number in item.before.items()
                ]
                yield f"for t in range({len(item.turns)}):" + ("  # " if known else "") + ", ".join(known)
                yield from (f"  {line}" for line in self._body(item, notes))

    def calls(self, item: Step | Loop) -> list[str]:
        """A step in words; of a loop, each step of its turn t."""
        if isinstance(item, Step):
            short = item._replace(args=self._abridged(item.args))
            return [f"v{item.out} = {_called(short, map(self._name, _leaves(short)))}"]
        return [
            f"v{steps[0].out}[t] = {_called(steps[0], map(self._word, zip(*map(_leaves, steps), strict=True)))}"
            for steps in zip(*item.turns, strict=True)
        ]

    def _line(self, call: str, note: str, step: Step) -> str:
        kind = self.kinds[step.out]
        told = f"{len(kind)} arrays" if type(kind) is tuple else f"{kind.dtype}{kind.shape}"
        return f"{call}  # {told}{note and ', '}{note}"

    def _body(self, loop: Loop, notes: Mapping[int, str]) -> Iterator[str]:
        for call, steps in zip(self.calls(loop), zip(*loop.turns, strict=True), strict=True):
            yield self._line(call, self._noted_in(steps, notes), steps[0])

    def _name(self, leaf: Any) -> str:
        """A value or a number outside of loops."""
        if type(leaf) is not Ref:
            return str(leaf)
        place = self.places.get(leaf.number)
        return f"v{leaf.number}" if place is None else self._turn(place, str(place.turn))

    def _turn(self, place: Place | Along, turn: str) -> str:
        return f"v{self.loops[place.loop].turns[0][place.step].out}[{turn}]"

    def _word(self, slot: Sequence[Any]) -> str:
        """An argument of a loop, given those of all turns."""
        if type(slot[0]) is int:
            return _counted(slot[0], _gap(slot))
        rule = _rule(slot, self.places) if slot[1] != slot[2] else None
        return self._name(slot[2]) if rule is None else self._turn(rule, _counted(rule.start, rule.slope))

    def _abridged(self, tree: Any) -> Any:
        """Arguments without the middle of lists of values that a loop makes at turns one after another."""
        if type(tree) not in (list, tuple):
            return tree
        runs: list[list[Any]] = []
        for part in tree:
            if runs and self._goes_on(runs[-1], part):
                runs[-1].append(part)
            else:
                runs.append([self._abridged(part)])
        short = [run if len(run) <= FEW else [run[0], Word("..."), run[-1]] for run in runs]
        return type(tree)([part for run in short for part in run])

    def _goes_on(self, run: list[Any], part: Any) -> bool:
        found = [self.places.get(ref.number) for ref in (*run[-2:], part) if type(ref) is Ref]
        if len(found) < min(len(run), 2) + 1 or None in found:
            return False
        gaps = {(b.loop - a.loop, b.step - a.step, b.turn - a.turn) for a, b in pairwise(found) if a and b}
        return gaps in ({(0, 0, 1)}, {(0, 0, -1)})

    def _noted(self, note: str) -> str:
        return re.sub(r"v(\d+)", lambda found: self._name(Ref(int(found[1]))), note)

    def _noted_in(self, steps: Sequence[Step], notes: Mapping[int, str]) -> str:
        """What is said of a value at most turns."""
        told = Counter(
            said for turn, step in enumerate(steps) for said in self._sayings(notes.get(step.out, ""), turn, step)
        )
        said, times = told.most_common(1)[0]
        return said if times > len(steps) / 2 else ""

    def _sayings(self, note: str, turn: int, step: Step) -> set[str]:
        """A note at one turn, with its values named in each way that may hold at the other turns."""
        home = self.places[step.out].loop
        words = []
        for number in map(int, re.findall(r"v(\d+)", note)):
            place = self.places.get(number)
            if place is None:
                words.append([f"v{number}"])
            else:
                slopes = (1,) if place.loop == home else (1, -1)
                words.append([self._turn(place, _counted(place.turn - slope * turn, slope)) for slope in slopes])
        gaps = re.sub(r"v\d+", "%s", note.replace("%", "%%"))
        return {gaps % choice for choice in product(*words)}


def _turns(loop: Loop) -> int:
    return len(loop.turns)


def _saved(loop: Loop) -> int:
    return (len(loop.turns) - 1) * len(loop.turns[0]) - 1


def _pattern(step: Step) -> Any:
    """What is the same in all turns of a step."""
    arguments = [*step.args, step.settings]
    return step.function, key(mapped(_blank(arguments), int, lambda _: "number"))


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


def _places(turns: Sequence[Sequence[Step]], loop: int) -> dict[int, Place]:
    return {step.out: Place(loop, turn, i) for turn, steps in enumerate(turns) for i, step in enumerate(steps)}


def _leaves(step: Step) -> list[Any]:
    """The values in a step's arguments, and then the whole numbers."""
    tree = [*step.args, step.settings]
    return [*of_type(tree, Ref), *of_type(_blank(tree), int)]


def _blank(tree: Any) -> Any:
    return mapped(tree, Ref, lambda _: "value")


def _called(step: Step, words: Iterator[str]) -> str:
    """A step's call, with words for the values and numbers that `_leaves` finds."""
    tree: Any = [*step.args, step.settings]
    for kind in (Ref, int):
        tree = mapped(tree, kind, lambda _: Word(next(words)))
    return step._replace(args=tuple(tree[:-1]), settings=tree[-1]).call


def _counted(start: int, slope: int) -> str:
    """``start + slope * t``."""
    if slope == 0:
        return str(start)
    turns = {1: "t", -1: "-t"}.get(slope, f"{slope}*t")
    if start == 0:
        return turns
    return f"{start}{turns}" if slope < 0 else f"{turns}{start:+}"


def _followed(slot: Sequence[Ref], places: Mapping[int, Place], own: int, before: dict[tuple[int, int], int]) -> int:
    """For how many of the first turns an argument is the same, or follows the turns of this loop or another."""
    if slot[1] == slot[2]:
        return sum(1 for _ in takewhile(lambda ref: ref == slot[2], slot))
    rule = _rule(slot, places)
    if rule is None:
        return 0
    for turn, ref in enumerate(slot):
        wanted = rule.at(turn)
        if rule.loop == own and wanted.turn < 0:
            if before.setdefault((rule.step, wanted.turn), ref.number) != ref.number:
                return 0
        elif places.get(ref.number) != wanted:
            return turn
    return len(slot)


def _even(slot: Sequence[int]) -> int:
    """How many of the first numbers are evenly spaced."""
    return sum(1 for _ in takewhile(lambda turn: slot[turn] == slot[0] + turn * _gap(slot), range(len(slot))))


def _gap(slot: Sequence[int]) -> int:
    return slot[1] - slot[0] if len(slot) > 1 else 0


def _rule(slot: Sequence[Ref], places: Mapping[int, Place]) -> Along | None:
    """How an argument follows the turns, judged by the second and the third."""
    one, two = places.get(slot[1].number), places.get(slot[2].number)
    if two is None:
        return None
    alike = one is not None and (one.loop, one.step) == (two.loop, two.step)
    slope = two.turn - one.turn if one is not None and alike else 1
    return Along(two.loop, two.step, two.turn - 2 * slope, slope)
