"""Kinds of ops, and how the axes of a result correspond to those of the arguments.

Slicing along an axis commutes with every op that does not mix positions along it. The drawings use that to put the
W x_t + b of all steps back into the columns of the steps, and `grad_by_step` to separate the steps' shares of a
gradient.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

Shape = tuple[int, ...]

Kind = Literal[
    "elementwise",  # each element from those at its place; inputs may broadcast
    "choice",  # each element is one of those at its place
    "cast",  # the same elements in another type
    "spread",  # broadcast to a larger shape
    "move",  # the same elements in another shape or order of axes
    "part",  # some of the elements, or pieces along an axis
    "unstacking",  # the slices along an axis, which is removed
    "join",  # inputs one after the other along an axis that they have
    "stacking",  # inputs side by side along a new axis
    "reduction",  # ``axis`` is reduced, and stays with length 1 for ``keepdims``
    "along",  # positions mix along ``axis``, and the shape is kept
    "product",  # of matrices, as ``x @ y``
    "other",
]
BY_PLACE = {"elementwise", "choice", "cast", "spread"}
LOOKED_THROUGH = {"move", "spread", "cast"}  # the same values in another layout or type
TAKING_APART = {"part", "unstacking"}
PUTTING_TOGETHER = {"join", "stacking"}
MOVING = {"move", "choice"} | TAKING_APART | PUTTING_TOGETHER  # every element comes from one of one input


class Use(NamedTuple):
    """One use of an op, as far as axes go.

    Attributes:
        shape: of the result; if there are several, of the first.
        arguments: their shapes; None for a constant whose shape is not known.
        attrs: the op's settings.
    """

    shape: Shape
    arguments: tuple[Shape | None, ...]
    attrs: Mapping[str, Any]


Axes = list[int | None]
AxesRule = Callable[[Use, int], Axes | None]


def by_place(use: Use, axis: int) -> Axes:
    """For an elementwise op: the same axis, counted from the back, of all arguments not broadcast along it."""
    return [_broadcast_axis(use.shape, axis, shape) for shape in use.arguments]


def _broadcast_axis(whole: Shape, axis: int, shape: Shape | None) -> int | None:
    own = axis - len(whole) + len(shape or ())
    return own if shape and own >= 0 and shape[own] == whole[axis] else None


def of_product(use: Use, axis: int) -> Axes | None:
    """For a matrix product: rows of the first, columns of the second, and the broadcast axes before them."""
    ndim = len(use.shape)
    if any(shape is not None and len(shape) < 2 for shape in use.arguments):
        return None
    if axis < ndim - 2:
        return by_place(use, axis)
    x, y = use.arguments
    rows = axis == ndim - 2
    return [len(x) - 2 if x and rows else None, len(y) - 1 if y and not rows else None]


def of_reduction(use: Use, axis: int) -> Axes | None:
    """For a reduction: the axes that are left."""
    shape = use.arguments[0]
    if shape is None:
        return None
    gone = _named(use, range(len(shape)))
    if use.attrs.get("keepdims"):
        return None if axis in gone else [axis]
    return [[a for a in range(len(shape)) if a not in gone][axis]]


def but_along(use: Use, axis: int) -> Axes | None:
    """All axes but those named, of every argument."""
    return None if axis in _named(use, range(len(use.shape))) else [axis] * len(use.arguments)


def _named(use: Use, sides: range) -> list[int]:
    """The axes that the setting ``axis`` names, all of them for None."""
    named = use.attrs.get("axis")
    return list(sides) if named is None else [sides[a] for a in (named if isinstance(named, tuple) else (named,))]


RULES: dict[str, AxesRule] = {
    **dict.fromkeys(BY_PLACE, by_place),
    "reduction": of_reduction,
    "along": but_along,
    "join": but_along,
    "product": of_product,
}
