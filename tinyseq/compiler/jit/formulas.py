"""The source of loops, and the numbers that it is called with."""

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from tinyseq.compiler.formulas import numpy_name
from tinyseq.compiler.fusion import Shape, merged


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
        like = f"{numpy_name(operand.dtype)}(0)"
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
