"""What kernels can compute, and their source."""

from collections.abc import Sequence
from functools import cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from tinyseq.compiler.formulas import formula_of
from tinyseq.compiler.fusion import Group, Shape, merged
from tinyseq.compiler.jit.kernels import Kernel
from tinyseq.compiler.program import Program
from tinyseq.compiler.steps import Ref, Step

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_BOOL = np.dtype(np.bool_)


class Form(NamedTuple):
    """How a kernel computes a step: the types that its operands are converted to, and the code."""

    takes: tuple[Any, ...]
    code: str


def form(program: Program, step: Step) -> Form | None:
    """How kernels compute a step; None if they cannot."""
    result = program.values[step.out]
    if type(result) is tuple or result.dtype not in (*_FLOATS, _BOOL):
        return None
    if step.function is np.astype:
        return Form((result.dtype,), "{0}") if result.dtype in _FLOATS and _kind(program, step.args[0]) else None
    kinds = tuple([_kind(program, arg) for arg in step.args])
    if step.settings or any(kind is None for kind in kinds):  # by identity: the type float64 equals None
        return None
    found = formula_of(step.function, kinds)
    if found is None or found.numba is None or found.result != result.dtype:
        return None
    return Form(tuple(map(np.dtype, found.types)), found.numba)


def _kind(program: Program, arg: Any) -> Any:
    """The type of an operand as NumPy's promotion rules see it: Python numbers have no precision of their own."""
    if type(arg) is Ref:
        value = program.values[arg.number]
        kind = None if type(value) is tuple or not value.dtype.isnative else value.dtype
        return kind if kind is not None and kind.kind in "fbiu" and kind.itemsize <= 8 and kind != np.float16 else None
    if type(arg) in (int, float):
        return type(arg)
    number = isinstance(arg, np.generic) or (isinstance(arg, np.ndarray) and not arg.ndim)
    return arg.dtype if number and arg.dtype in (*_FLOATS, _BOOL) else None


def body(program: Program, group: Group) -> tuple[list[str], dict[int, str]]:
    """The code of a group's steps for one element, and the name of each value; reads are named r0, r1, ..."""
    names = {number: f"r{place}" for place, number in enumerate(group.reads)}
    lines = []
    for place, step in enumerate(group.steps):
        found = form(program, step)
        assert found is not None
        words = [_word(program, names, arg, kind) for arg, kind in zip(step.args, found.takes, strict=False)]
        names[step.out] = f"s{place}"
        lines.append(f"s{place} = {found.code.format(*words)}")
    return lines, names


def _word(program: Program, names: dict[int, str], arg: Any, kind: Any) -> str:
    """An operand, converted to a type."""
    if type(arg) is Ref:
        name = names[arg.number]
        return name if program.values[arg.number].dtype == kind else f"np.{_name(kind)}({name})"
    value = np.asarray(arg, kind)
    text = repr(value.item()).replace("inf", "np.inf").replace("nan", "np.nan")
    return f"np.{_name(kind)}({text})"


def _name(kind: Any) -> str:
    return "bool_" if kind == _BOOL else str(np.dtype(kind).name)


class Operand(NamedTuple):
    """An array of a loop: its type, and its stride in bytes along each axis of the loop."""

    dtype: Any
    strides: tuple[int, ...]

    @property
    def along(self) -> str:
        """How a kernel steps along the innermost axis."""
        step = self.strides[-1]
        return "same" if step == 0 else "each" if step == self.dtype.itemsize else "strided"

    @property
    def steps(self) -> tuple[int, ...]:
        """The strides that are not in a kernel's source."""
        return self.strides if self.along == "strided" else self.strides[:-1]


def loop(
    shape: Shape, strides: Sequence[Shape], types: Sequence[Any], lines: Sequence[str], written: Sequence[str]
) -> Kernel:
    """The kernel of a loop over a shape.

    Args:
        shape: of the loop.
        strides: of each array: first of those that are read, then of those that are written.
        types: of the same.
        lines: the code of one element, in which what is read is named r0, r1, ...
        written: the name of what is written to each of the other arrays.
    """
    leader = len(types) - len(written)
    axis = max(range(len(shape)), key=lambda axis: (shape[axis] > 1, abs(strides[leader][axis])))

    @cache
    def over(rows: int) -> tuple[Shape, tuple[Operand, ...]]:
        sizes, found = axes_of((*shape[:axis], rows, *shape[axis + 1 :]), strides, leader)
        return sizes, tuple(map(Operand, types, found))

    def numbers(rows: int) -> list[int]:
        sizes, operands = over(rows)
        return [*sizes, *(step for operand in operands for step in operand.steps)]

    cost = 0.05 * prod(shape) * (len(lines) + len(types))
    source = lambda rows: loop_source(over(rows)[1], tuple(lines), tuple(written))
    return Kernel(source, shape[axis], (axis,) * len(types), cost, numbers)


@cache
def loop_source(operands: tuple[Operand, ...], lines: tuple[str, ...], written: tuple[str, ...]) -> str:
    """The source of a kernel: loops over all axes, with the code of one element inside.

    Its numbers are the length of each axis, and then the `Operand.steps` of each array.
    """
    axes, leader = len(operands[0].strides), len(operands) - len(written)
    first, end = axes, axes + sum(len(operand.steps) for operand in operands)
    pointers, constant, taken, given = (list[str]() for _ in range(4))
    for index, operand in enumerate(operands):
        start, like = f"row(args, bases, {end + 2 * index}, {first}, outer)", example(operand.dtype)
        first += len(operand.steps)
        if operand.along == "strided":
            pointers += [f"b{index} = {start}", f"e{index} = args[{first - 1}]"]
            where = f"pointer(b{index} + k * e{index}, {like}), 0"
        else:
            pointers.append(f"p{index} = pointer({start}, {like})")
            where = f"p{index}, {'k' if operand.along == 'each' else '0'}"
        if index < leader:
            (constant if operand.along == "same" else taken).append(f"r{index} = load({where})")
        else:
            given.append(f"store({where}, {written[index - leader]})")
    code = ["def kernel(args, bases):"]
    code += [f"{'    ' * (axis + 1)}for i{axis} in range(args[{axis}]):" for axis in range(axes - 1)]
    outer = f"outer = ({''.join(f'i{axis}, ' for axis in range(axes - 1)).rstrip(' ')})"
    code += ["    " * axes + line for line in [outer, *pointers, *constant, f"for k in range(args[{axes - 1}]):"]]
    code += ["    " * (axes + 1) + line for line in [*taken, *lines, *given]]
    return "\n".join(code) + "\n"


def example(dtype: Any) -> str:
    """The name in `runtime` of a number of this type."""
    return str(dtype.str[1:].upper())


def axes_of(shape: Shape, strides: Sequence[Shape], leader: int) -> tuple[Shape, list[Shape]]:
    """The axes of a loop: in the order of the first array's memory, and as few as possible.

    Returns:
        The length of each axis, and each array's strides along them.
    """
    order = sorted(range(len(shape)), key=lambda axis: -abs(strides[leader][axis]))
    sizes, found = merged([shape[axis] for axis in order], [[row[axis] for axis in order] for row in strides])
    return (sizes, found) if sizes else ((1,), [(0,) for _ in strides])
