"""Listings: programs in words, with their loops."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, product
from typing import Any

from tinyseq.compiler.listing.loops import Along, Folding, Loop, Row
from tinyseq.compiler.steps import Ref, mapped

FEW = 4  # values that are written out in a join


class Word(str):
    """Text that stands for an argument."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Listing:
    """What the rows and loops of a program do, in words.

    Args:
        folding: the program, with its loops.
        kinds: the `Kind` of each value, by number.
        notes: what is said of values, by number.
    """

    def __init__(self, folding: Folding, kinds: Mapping[int, Any], notes: Mapping[int, str] | None = None) -> None:
        self.made, self.kinds, self.notes = folding.made, kinds, notes or {}

    def lines(self, loops: Sequence[Loop]) -> Iterator[str]:
        """The lines of loops."""
        for loop in loops:
            outer = ""
            if loop.turns > 1:
                steady = [row for row in loop.rows if row.steady]
                yield f"for t in range({loop.turns}):{self._known(steady)}"
                outer = "  "
            for rows in loop.parts:
                inner = ""
                if len(rows[0].turns) < loop.turns:
                    yield f"{outer}{at_turns(rows[0].turns)}:{self._known([row for row in rows if not row.steady])}"
                    inner = "  "
                yield from (outer + inner + self._line(row) for row in rows)

    def call(self, row: Row) -> str:
        """What a row does; in a loop, at turn t."""
        step, tree = row.steps[0], [*row.steps[0].args, row.steps[0].settings]
        rules = iter([Word(rule) if type(rule) is Ref else rule for rule in row.rules])
        for kind in (Ref, int):
            tree = mapped(tree, kind, lambda _: next(rules))
        *args, settings = _abridged(tree)
        return f"{self.result(row.name)} = {step._replace(args=tuple(args), settings=settings).call}"

    def result(self, name: int) -> str:
        """The result of a row; in a loop, at turn t."""
        return f"v{name}[t]" if name in self.made.rows else f"v{name}"

    def _name(self, number: int) -> str:
        """A value outside of its loop."""
        place = self.made.places.get(number)
        return f"v{number}" if place is None else str(Along(*place, 0))

    def _known(self, rows: Sequence[Row]) -> str:
        """What results are taken to be before their first turn."""
        known = [f"v{row.name}[{turn}] is {self._name(n)}" for row in rows for turn, n in row.before.items()]
        return f"  # {', '.join(known)}" if known else ""

    def _line(self, row: Row) -> str:
        kind, note = self.kinds[row.name], self._note(row)
        told = f"{len(kind)} arrays" if type(kind) is tuple else f"{kind.dtype}{kind.shape}"
        return f"{self.call(row)}  # {told}{note and ', '}{note}"

    def _note(self, row: Row) -> str:
        """What is said of a value at most turns: if in no one way, of any turn of the other values."""
        for slopes in ((1, -1), ()) if len(row.turns) > 1 else ((0,),):
            told = Counter[str]()
            for turn, step in zip(row.turns, row.steps, strict=True):
                told.update(self._sayings(self.notes.get(step.out, ""), turn, slopes))
            said, times = told.most_common(1)[0]
            if times > len(row.turns) / 2:
                return said
        return ""

    def _sayings(self, note: str, turn: int, slopes: Sequence[int]) -> Iterator[str]:
        """A note at one turn, with its values named in each way that may hold at the other turns."""
        words: list[list[Any]] = []
        for number in map(int, re.findall(r"v(\d+)", note)):
            place = self.made.places.get(number)
            if place is None:
                words.append([Ref(number)])
            else:
                ways = [Along(place.row, place.turn - slope * turn, slope) for slope in slopes]
                words.append(ways or [f"v{place.row}[...]"])
        gaps = re.sub(r"v\d+", "%s", note.replace("%", "%%"))
        return (gaps % choice for choice in product(*words))


def at_turns(turns: range) -> str:
    """The condition that a turn is one of these."""
    if len(turns) == 1:
        return f"if t == {turns[0]}"
    if turns[0] == 0 and turns.step == 1:
        return f"if t < {len(turns)}"
    return f"if t in {range(turns[0], turns[-1] + 1, turns.step)}"


def _abridged(tree: Any) -> Any:
    """Arguments without the middle of lists of values that a row makes at turns one after another."""
    if type(tree) not in (list, tuple):
        return tree
    runs: list[list[Any]] = []
    for part in tree:
        if runs and _goes_on([*runs[-1][-2:], part]):
            runs[-1].append(part)
        else:
            runs.append([_abridged(part)])
    short = [run if len(run) <= FEW else [run[0], Word("..."), run[-1]] for run in runs]
    return type(tree)([part for run in short for part in run])


def _goes_on(parts: Sequence[Any]) -> bool:
    if not all(type(part) is Along and part.row is not None for part in parts):
        return False
    gaps = {(a.row == b.row, b.slope - a.slope, b.start - a.start) for a, b in pairwise(parts)}
    return gaps in ({(True, 0, 1)}, {(True, 0, -1)})
