"""Sums over all axes but one, such as a bias's gradient over steps and sequences: rows are added up."""

from typing import Any

import numpy as np

from tinyseq.backend.sums import sum_in_blocks
from tinyseq.compiler.jit.kernels import Kernel
from tinyseq.compiler.jit.loops import example
from tinyseq.compiler.program import Program
from tinyseq.compiler.steps import Ref, Step


def sums_of(program: Program, step: Step) -> Kernel | None:
    """How a kernel computes a step, row after row in double precision.

    None if it is not such a sum, or its rows are not contiguous: work can be split along a row.
    """
    function = getattr(step.function, "function", step.function)  # with few terms or many
    if function not in (np.sum, sum_in_blocks) or [*map(type, step.args)] != [Ref] or step.settings.keys() != {"axis"}:
        return None
    value, axis = program.values[step.args[0].number], step.settings["axis"]
    if type(axis) is not tuple:
        return None
    over = {each % value.ndim for each in axis}
    kept = [each for each in range(value.ndim) if each not in over]
    if value.dtype not in (np.float32, np.float64) or not value.size or len(kept) != 1 or len(over) > 2:
        return None
    if value.strides[kept[0]] != value.dtype.itemsize:
        return None
    counts, steps = (
        [1] * (2 - len(over)) + [kind[each] for each in sorted(over)] for kind in (value.shape, value.strides)
    )
    source = _source(value.dtype)
    return Kernel(
        lambda rows: source,
        value.shape[kept[0]],
        (kept[0], 0),
        0.3 * value.size,
        lambda rows: [rows, *counts, *steps],
    )


def _source(dtype: Any) -> str:
    """The source of the kernel, for rows of some type."""
    like = example(dtype)
    return f"""def kernel(args, bases):
    y = pointer(at(args, bases, 7), {like})
    total = np.zeros(args[0], np.float64)
    for i in range(args[1]):
        for j in range(args[2]):
            x = pointer(at(args, bases, 5) + i * args[3] + j * args[4], {like})
            for k in range(args[0]):
                total[k] += load(x, k)
    for k in range(args[0]):
        store(y, k, np.{dtype.name}(total[k]))
"""
