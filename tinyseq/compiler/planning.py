"""The plan of a program's memory: where each value is stored in one block, whose bytes later values reuse."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from tinyseq.compiler.passes import Lives, is_join, layout, lifetimes, takes_buffer
from tinyseq.compiler.program import Program
from tinyseq.compiler.steps import Kind, Ref, Step

LINE = 64  # bytes of a cache line: values begin at multiples of it


class Plan(NamedTuple):
    """Where values are stored.

    Attributes:
        offsets: the first byte of each value that is written to planned memory.
        size: of the block, in bytes.
        joins: joins whose operands are stored side by side at equal distances, with the offset of the first and the
            distance. A join whose operands are stored in its own result is in ``done`` instead.
        done: joins that need no step, since their operands are written directly into the result.
        notes: what is special about where a value is stored, in words.
    """

    offsets: dict[int, int]
    size: int
    joins: dict[int, tuple[int, int]]
    done: set[int]
    notes: dict[int, str]


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


def plan_memory(program: Program) -> Plan:
    """Give values places in one block of memory, which are reused after a value's last use."""
    lives = lifetimes(program)
    within = side_by_side(program, lives)
    replaced = in_place(program, lives, within)
    home: dict[int, tuple[int, int]] = {}  # what gets a place as a whole, and the byte at which a value is stored in it
    blocks: dict[int, Block] = {}
    for place, step in reversed([*enumerate(program.steps)]):  # results before their operands
        if not takes_buffer(program, step, lives):
            continue
        if step.out not in home:
            owner, start = within.get(step.out, (step.out, 0))
            above, offset = home.get(owner, (owner, 0))
            home[step.out] = above, offset + start
        if step.out in replaced:
            home[replaced[step.out]] = home[step.out]
        above, offset = home[step.out]
        size, last = offset + program.values[step.out].nbytes, lives.last[step.out]
        whole = blocks.get(above, Block(0, place, last))
        blocks[above] = Block(max(whole.size, size), place, max(whole.last, last))
    begins, total = packed(blocks)
    offsets = {number: begins[above] + offset for number, (above, offset) in home.items()}
    joins = {step.out: found for step in program.steps if (found := _evenly(program, step, offsets))}
    done = {step.out for step in program.steps if is_join(step) and _lies_there(program, step, within)}
    joins = {out: found for out, found in joins.items() if out not in done}
    notes = {out: f"in place of v{number}" for out, number in replaced.items()}
    notes |= {number: f"written to v{owner}" for number, (owner, _) in within.items() if owner >= 0}
    notes |= {number: f"written beside the others of v{~owner}" for number, (owner, _) in within.items() if owner < 0}
    for out in [*joins, *done]:
        also = f", {notes[out]}" if out in notes else ""
        notes[out] = ("one copy" if out in joins else "in place already") + also
    return Plan(offsets, total, joins, done, notes)


class Block(NamedTuple):
    """Memory of a size in bytes that is used from one step to another."""

    size: int
    first: int
    last: int


def packed(blocks: dict[int, Block]) -> tuple[dict[int, int], int]:
    """Pack blocks: those that are used at the same time do not overlap. The largest are placed first, as low
    as they fit; among equals, those that are used longest.

    Returns:
        The offset of each block, and the total size.

    Source: Pisarchyk and Lee (2020), Efficient memory management for deep neural net inference.
    """
    order = sorted(blocks, key=lambda n: (-blocks[n].size, blocks[n].first - blocks[n].last))
    size, first, last = (np.array([blocks[number][i] for number in order], np.int64) for i in range(3))
    size = -(-size // LINE) * LINE
    start = np.zeros_like(size)
    for k in range(len(order)):
        beside = np.nonzero((first[:k] <= last[k]) & (last[:k] >= first[k]))[0]
        beside = beside[np.argsort(start[beside], kind="stable")]
        below = np.maximum.accumulate(np.append(0, start[beside] + size[beside]))  # candidates: above each of them
        above = np.append(start[beside], below[-1] + size[k])
        start[k] = below[np.argmax(above - below >= size[k])]
    total = int((start + size).max()) if order else 0
    return dict(zip(order, start.tolist(), strict=True)), total


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
