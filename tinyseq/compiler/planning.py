"""The plan of a program's memory: where each value is stored in one block, whose bytes later values reuse."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.lib.array_utils import byte_bounds

from tinyseq.compiler.packing import Span, packed
from tinyseq.compiler.passes import Lives, is_join, layout, lifetimes, takes_buffer
from tinyseq.compiler.program import Program
from tinyseq.compiler.steps import Kind, Ref, Step, blank


class Plan(NamedTuple):
    """Where values are stored.

    Attributes:
        offsets: the first byte of each value that is written to planned memory.
        size: of the block, in bytes.
        joins: joins whose operands are stored side by side at equal distances, with the offset of the first and the
            distance. A join whose operands are stored in its own result is in ``done`` instead.
        done: joins that need no step, since their operands are written directly into the result.
        within: what side_by_side returned.
        replaced: what in_place returned.
    """

    offsets: dict[int, int]
    size: int
    joins: dict[int, tuple[int, int]]
    done: set[int]
    within: dict[int, tuple[int, int]]
    replaced: dict[int, int]

    def notes(self) -> dict[int, str]:
        """What is special about where values are stored, in words."""
        notes = {out: f"in place of v{number}" for out, number in self.replaced.items()}
        for number, (owner, _) in self.within.items():
            notes[number] = f"written to v{owner}" if owner >= 0 else f"written beside the others of v{~owner}"
        for out in [*self.joins, *self.done]:
            also = f", {notes[out]}" if out in notes else ""
            notes[out] = ("one copy" if out in self.joins else "in place already") + also
        return notes


def side_by_side(program: Program, lives: Lives) -> dict[int, tuple[int, int]]:
    """Let steps write their results side by side if a later step joins them.

    Returns:
        For each such operand, what it is stored in and at which byte: in the join's result, under that result's number,
        if the operands follow one another there; otherwise in a strip of operands, numbered ``~join``, from which the
        join is a single copy. An operand of several joins is stored where the largest one wants it.
    """
    placed = {step.out: step for step in program.steps if takes_buffer(program, step, lives)}
    joins = [step for step in placed.values() if is_join(step)]
    joins.sort(key=lambda step: -program.values[step.out].nbytes)
    within: dict[int, tuple[int, int]] = {}
    for step in joins:
        operands = _operands(program, step)
        taken = any(number not in placed or number in within for number in operands)
        if taken or len(set(operands)) < len(operands) or not _in_order(program, [step.out, *operands]):
            continue
        owner = step.out if _behind_each_other(program, step) else ~step.out
        sizes = [program.values[number].nbytes for number in operands]
        if owner >= 0 or len(set(sizes)) == 1:
            starts = np.cumsum([0, *sizes]).tolist()
            within |= {number: (owner, start) for number, start in zip(operands, starts, strict=False)}
    return within


def _operands(program: Program, step: Step) -> list[int]:
    """The values that a step joins; none if some of them do not have its type."""
    parts = step.args[0]
    if not all(type(part) is Ref for part in parts):
        return []
    dtype = program.values[step.out].dtype
    return [part.number for part in parts if program.values[part.number].dtype == dtype]


def _in_order(program: Program, numbers: list[int]) -> bool:
    """Whether all values are contiguous."""
    return all(layout(program.values[n]) == tuple(range(program.values[n].ndim)) for n in numbers)


def _behind_each_other(program: Program, step: Step) -> bool:
    """Whether a join's result holds all of one operand, then all of the next."""
    value = program.values[step.out]
    axis = step.settings.get("axis", 0) % value.ndim
    return all(length == 1 for length in value.shape[:axis])


def pieces(step: Step, value: Kind) -> Kind:
    """A join's result, with its operands of equal size along an additional first axis."""
    axis, count = step.settings.get("axis", 0) % value.ndim, len(step.args[0])
    shape, strides = list(value.shape), list(value.strides)
    if step.function is np.stack:
        return Kind((count, *shape[:axis], *shape[axis + 1 :]), value.dtype, _first(strides, axis))
    shape[axis] //= count
    return Kind((count, *shape), value.dtype, (shape[axis] * strides[axis], *strides))


def _first(items: list[int], place: int) -> tuple[int, ...]:
    return (items[place], *items[:place], *items[place + 1 :])


def in_place(program: Program, lives: Lives, within: dict[int, tuple[int, int]]) -> dict[int, int]:
    """For elementwise steps, an argument that is not needed afterwards: the result can take its place."""
    joined = within.keys() | {owner for owner, _ in within.values()}
    found: dict[int, int] = {}
    placed: set[int] = set()
    for place, step in enumerate(program.steps):
        if not takes_buffer(program, step, lives) or step.out in joined:
            continue
        placed.add(step.out)
        if not isinstance(step.function, np.ufunc) or step.function.signature is not None:
            continue  # a product would read what it has already overwritten
        mine = program.values[step.out]
        for number in step.reads:
            if number in placed and program.values[number] == mine and lives.last[number] == place:
                found[step.out] = number
                break
    return found


def in_use(program: Program, lives: Lives) -> dict[int, list[Span]]:
    """For each value that can be stored in planned memory, which of its bytes are in use for how long.

    A value that is read through views, such as the time steps of a sequence, is over part by part.
    """
    found: dict[int, list[Span]] = {}
    last: dict[int, int] = {}  # the last use of each value, or of a view of it
    whole: dict[int, int] = {}  # the last use of all of a value
    views: dict[int, list[Step]] = {}
    for place, step in reversed([*enumerate(program.steps)]):  # readers before what they read
        last.setdefault(step.out, place)
        if takes_buffer(program, step, lives):
            parts = [(view, last[view.out]) for view in views.get(step.out, ())]
            found[step.out] = _parts(program.values[step.out], place, whole.get(step.out, place), parts)
        for number in step.reads:
            end = last[step.out] if step.view == Ref(number) else place
            last[number] = max(last.get(number, 0), end)
            if step.view == Ref(number) and step.fixed and step.reads == (number,):
                views.setdefault(number, []).append(step)
            else:
                whole[number] = max(whole.get(number, 0), end)
    return found


def _parts(value: Kind, first: int, last: int, views: list[tuple[Step, int]]) -> list[Span]:
    """The spans of a value's bytes: all of it until ``last``, and what its views show for as long as they are used."""
    everything = Span(0, value.nbytes, first, max([last, *(end for _, end in views)]))
    if len(views) < 2:
        return [everything]
    array = blank(value)
    bottom = byte_bounds(array)[0]
    found = [Span(0, value.nbytes, first, last)]
    for view, end in views:
        low, high = byte_bounds(view.on(dict.fromkeys(view.reads, array)))
        found.append(Span(low - bottom, high - low, first, max(last, end)))
    return found


def plan_memory(program: Program) -> Plan:
    """Give values places in one block of memory, which are reused after a value's last use."""
    lives = lifetimes(program)
    within = side_by_side(program, lives)
    replaced = in_place(program, lives, within)
    used = in_use(program, lives)
    home: dict[int, tuple[int, int]] = {}  # a value's group, and its first byte in it
    groups: dict[int, list[Span]] = {}
    for number in used:  # results before their operands
        if number not in home:
            owner, start = within.get(number, (number, 0))
            above, offset = home.get(owner, (owner, 0))
            home[number] = above, offset + start
        if number in replaced:
            home[replaced[number]] = home[number]
        above, offset = home[number]
        groups.setdefault(above, []).extend(span._replace(start=offset + span.start) for span in used[number])
    begins, total = packed(groups)
    offsets = {number: begins[above] + offset for number, (above, offset) in home.items()}
    joins = {step.out: found for step in program.steps if (found := _evenly(program, step, offsets))}
    done = {step.out for step in program.steps if is_join(step) and _lies_there(program, step, within)}
    joins = {out: found for out, found in joins.items() if out not in done}
    return Plan(offsets, total, joins, done, within, replaced)


def _lies_there(program: Program, step: Step, within: dict[int, tuple[int, int]]) -> bool:
    operands = _operands(program, step)
    return bool(operands) and all(within.get(number, (None, 0))[0] == step.out for number in operands)


def _evenly(program: Program, step: Step, offsets: dict[int, int]) -> tuple[int, int] | None:
    """The offset of a join's first operand and the distance between them, if all are at equal distances."""
    if not (is_join(step) and step.out in offsets):
        return None
    operands = _operands(program, step)
    if not operands or any(number not in offsets for number in operands) or len(operands) < len(step.args[0]):
        return None
    steps = {offsets[two] - offsets[one] for one, two in pairwise(operands)}
    alike = _in_order(program, operands) and len({program.values[number].shape for number in operands}) == 1
    return (offsets[operands[0]], steps.pop()) if alike and len(steps) == 1 else None
