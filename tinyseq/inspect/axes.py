"""How the axes of an op's result run along those of its arguments.

Slicing along an axis commutes with every op that does not mix positions along it. The drawings use that to put the
W x_t + b of all steps back into the columns of the steps, and `grad_by_step` to tell the steps' shares of its gradient
apart.
"""

from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple

Shape = tuple[int, ...]

# Families of ops, as their declarations name them.
ELEMENTWISE = {"elementwise", "clip", "where", "astype", "boolean", "broadcast_to"}
REDUCTIONS = {"reduce", "reduce_some", "reduce_one"}
ALONG_ONE_AXIS = {"softmax", "log_softmax", "cumsum", "cumprod", "flip"}


class Applied(NamedTuple):
    """One use of an op, as far as axes go.

    Attributes:
        op, family: its name and its family, as the declaration has them.
        shape: of the result.
        arguments: their shapes; None for a constant whose shape is not known.
        attrs: the op's settings.
    """

    op: str
    family: str
    shape: Shape
    arguments: tuple[Shape | None, ...]
    attrs: Mapping[str, Any]


def input_axes(use: Applied, axis: int) -> list[int | None] | None:
    """The axis of each argument that runs along one axis of an op's result.

    Returns:
        For each argument the axis of which result position i uses position i alone; None for an argument that all
        positions use in the same way, and for unknown ones. None for the whole if the op mixes positions.
    """
    shapes = list(use.arguments)
    if use.op == "matmul":
        return _through_matmul(use.shape, axis, shapes)
    if use.family in ELEMENTWISE:
        return [_broadcast_axis(use.shape, axis, shape) for shape in shapes]
    if use.family in REDUCTIONS:
        return _through_reduction(use, axis, shapes[0])
    rule = _RULES.get(use.op)
    return rule(use, axis, shapes) if rule else None


def _broadcast_axis(whole: Shape, axis: int, shape: Shape | None) -> int | None:
    own = axis - len(whole) + len(shape or ())
    return own if shape and own >= 0 and shape[own] == whole[axis] else None


def _through_matmul(whole: Shape, axis: int, shapes: list[Shape | None]) -> list[int | None] | None:
    ndim = len(whole)
    if any(shape is not None and len(shape) < 2 for shape in shapes):
        return None
    if axis < ndim - 2:
        return [_broadcast_axis(whole, axis, shape) for shape in shapes]
    x, y = shapes
    rows = axis == ndim - 2
    return [len(x) - 2 if x and rows else None, len(y) - 1 if y and not rows else None]


def _through_reduction(use: Applied, axis: int, shape: Shape | None) -> list[int | None] | None:
    if shape is None:
        return None
    named = use.attrs.get("axis")
    gone = (
        range(len(shape))
        if named is None
        else [a % len(shape) for a in (named if isinstance(named, tuple) else (named,))]
    )
    if use.attrs.get("keepdims"):
        return None if axis in gone else [axis]
    return [[a for a in range(len(shape)) if a not in gone][axis]]


def _along(use: Applied, axis: int, shapes: list[Shape | None]) -> list[int | None] | None:
    named = use.attrs.get("axis")
    if named is None:
        return None
    along = named if isinstance(named, tuple) else (named,)
    return None if axis in [a % len(use.shape) for a in along] else [axis]


def _transpose(use: Applied, axis: int, shapes: list[Shape | None]) -> list[int | None] | None:
    return [use.attrs["order"][axis]]


def _reshape(use: Applied, axis: int, shapes: list[Shape | None]) -> list[int | None] | None:
    """An axis survives if as many elements lie before it, and it is as long."""
    old, new = shapes[0] or (), use.shape
    for own, side in enumerate(old):
        if side == new[axis] and prod(old[:own]) == prod(new[:axis]):
            return [own]
    return None


def _joined(use: Applied, axis: int, shapes: list[Shape | None]) -> list[int | None] | None:
    return None if use.attrs["axis"] % len(use.shape) == axis else [axis] * len(shapes)


def _split(use: Applied, axis: int, shapes: list[Shape | None]) -> list[int | None] | None:
    return None if use.attrs["axis"] % len(use.shape) == axis else [axis]


def _cross_entropy(use: Applied, axis: int, shapes: list[Shape | None]) -> list[int | None] | None:
    return [axis]


def _getitem(use: Applied, axis: int, shapes: list[Shape | None]) -> list[int | None] | None:
    """Look-ups by arrays of ids, and slices that leave the axis whole.

    The axes of the arrays, broadcast together, stand where the first of them stood; but at the front if a slice
    separates them from each other, or from a whole number beside them (NumPy's "advanced indexing").
    """
    index: Any = use.attrs["index"]
    parts: tuple[Any, ...] = index if isinstance(index, tuple) else (index,)
    if not all(type(part) in (slice, int) or (hasattr(part, "ndim") and part.dtype.kind != "b") for part in parts):
        return None
    sliced = [own for own, part in enumerate(parts) if isinstance(part, slice)]
    picks = [own for own in range(len(parts)) if own not in sliced]
    looked_up = max((part.ndim for part in parts if hasattr(part, "ndim")), default=0)
    start = picks[0] if picks and picks[-1] - picks[0] < len(picks) else 0
    if start <= axis < start + looked_up:
        return [None]
    left = axis if axis < start else axis - looked_up
    if left >= len(sliced):
        return [len(parts) + left - len(sliced)]
    return [sliced[left]] if parts[sliced[left]] == slice(None) else None


_RULES = {
    **dict.fromkeys(ALONG_ONE_AXIS, _along),
    "transpose": _transpose,
    "reshape": _reshape,
    "concatenate": _joined,
    "split": _split,
    "softmax_cross_entropy": _cross_entropy,
    "getitem": _getitem,
}
