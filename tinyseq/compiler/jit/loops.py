"""What kernels can compute, and their source."""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from tinyseq.compiler.formulas import formula_of
from tinyseq.compiler.fusion import Group, Shape, merged
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


@cache
def kernel_source(lines: tuple[str, ...], reads: tuple[Operand, ...], writes: tuple[tuple[str, Operand], ...]) -> str:
    """The source of a kernel: loops over all axes, with the code of one element inside.

    Its numbers are the length of each axis, and then for each array the place of its base address, its offset, and
    those strides that are not in the source.
    """
    operands = [*reads, *(operand for _, operand in writes)]
    axes = len(operands[0].strides)
    outer = range(axes - 1)
    code = ["def kernel(args, bases):", *(f"    n{axis} = args[{axis}]" for axis in range(axes))]
    place = axes
    pointers, first, inner = list[str](), list[str](), list[str]()
    for index, operand in enumerate(operands):
        code.append(f"    a{index} = bases[args[{place}]] + args[{place + 1}]")
        code += [f"    a{index}_{axis} = args[{place + 2 + axis}]" for axis in outer]
        start = " + ".join([f"a{index}", *(f"i{axis} * a{index}_{axis}" for axis in outer)])
        like = f"np.{_name(operand.dtype)}(0)"
        place += 1 + axes
        if operand.along == "strided":
            code.append(f"    e{index} = args[{place}]")
            place += 1
            pointers.append(f"b{index} = {start}")
            where = f"pointer(b{index} + k * e{index}, {like}), 0"
        else:
            pointers.append(f"p{index} = pointer({start}, {like})")
            where = f"p{index}, {'k' if operand.along == 'each' else '0'}"
        if index < len(reads):
            (first if operand.along == "same" else inner).append(f"r{index} = load({where})")
        else:
            inner.append(f"store({where}, {writes[index - len(reads)][0]})")
    taken = [line for line in inner if line.startswith("r")]
    given = [line for line in inner if not line.startswith("r")]
    for axis in outer:
        code.append(f"{'    ' * (axis + 1)}for i{axis} in range(n{axis}):")
    indent = "    " * axes
    code += [indent + line for line in [*pointers, *first, f"for k in range(n{axes - 1}):"]]
    code += [f"{indent}    {line}" for line in [*taken, *lines, *given]]
    return "\n".join(code) + "\n"


def kernel_numbers(sizes: Sequence[int], arrays: Sequence[tuple[int, int, Operand]]) -> list[int]:
    """The numbers of a kernel, from the lengths of the axes, and each array's base place and offset."""
    found = [*sizes]
    for base, offset, operand in arrays:
        found += [base, offset, *operand.strides[:-1]]
        found += [operand.strides[-1]] if operand.along == "strided" else []
    return found


def axes_of(shape: Shape, strides: Sequence[Shape], leader: int) -> tuple[Shape, list[Shape]]:
    """The axes of a loop: in the order of the first array's memory, and as few as possible.

    Returns:
        The length of each axis, and each array's strides along them.
    """
    order = sorted(range(len(shape)), key=lambda axis: -abs(strides[leader][axis]))
    sizes, found = merged([shape[axis] for axis in order], [[row[axis] for axis in order] for row in strides])
    return (sizes, found) if sizes else ((1,), [(0,) for _ in strides])
