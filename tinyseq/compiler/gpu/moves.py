"""Views of arrays, as the moves that lead to them: indices, transposes, reshapes, broadcasts."""

import math
import operator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from tinyseq.backend import DeviceArray, gathered
from tinyseq.compiler.steps import Step, refs

Shape = tuple[int, ...]
Layout = tuple[Shape, Shape, int]  # shape, strides in elements, and offset

_VIEWS = {np.reshape, np.ravel, np.transpose, np.permute_dims, np.matrix_transpose, np.swapaxes, np.moveaxis, np.flip}
_VIEWS |= {np.broadcast_to, np.expand_dims, np.squeeze}


class Move(NamedTuple):
    """One step from an array to a view of it; ``move.view(xp, array)`` applies it with an array library."""

    name: str
    args: tuple[Any, ...]
    settings: dict[str, Any]

    def view(self, xp: Any, array: DeviceArray) -> DeviceArray:
        """The view of an array."""
        if self.name == "getitem":
            return array[self.args[0]]
        return getattr(xp, self.name)(array, *self.args, **self.settings)


@dataclass(frozen=True, eq=False)
class Operand:
    """What a node reads: another node's result (or an input), and the moves from there to a view."""

    root: int
    path: tuple[Move, ...] = ()

    def then(self, *moves: Move) -> "Operand":
        """A view of this view."""
        return Operand(self.root, (*self.path, *moves))

    def of(self, xp: Any, array: DeviceArray) -> DeviceArray:
        """The view, taken of the root's array."""
        for move in self.path:
            array = move.view(xp, array)
        return array


def index(*parts: Any) -> Move:
    """The view ``array[parts]``; with an ellipsis, since NumPy would turn a single element into a scalar."""
    return Move("getitem", (parts if any(part is Ellipsis for part in parts) else (*parts, Ellipsis),), {})


def reshape(shape: Shape) -> Move:
    """The move to another shape."""
    return Move("reshape", (shape,), {})


def transpose(axes: Shape) -> Move:
    """The move to another order of the axes."""
    return Move("transpose", (axes,), {})


def broadcast(shape: Shape) -> Move:
    """The move to a larger shape."""
    return Move("broadcast_to", (shape,), {})


def move_of(step: Step) -> Move | None:
    """The move that a step makes, if its result can be a view of its first argument."""
    if not step.args or any(True for _ in refs((step.args[1:], step.settings))):
        return None
    if step.function is operator.getitem or getattr(step.function, "function", None) is gathered:
        parts = step.args[1] if isinstance(step.args[1], tuple) else (step.args[1],)
        basic = all(part is None or part is Ellipsis or type(part) in (int, slice) for part in parts)
        return index(*parts) if basic else None
    if step.function in _VIEWS:
        return Move(step.function.__name__, tuple(step.args[1:]), dict(step.settings))
    return None


def with_last_axis(move: Move, ndim: int) -> Move | None:
    """The same move on arrays with one more axis at the end, which it leaves alone; None for most kinds."""
    if move.name == "getitem":
        return index(*move.args[0], slice(None))
    if move.name == "transpose" and move.args and move.args[0] is not None:
        return transpose((*move.args[0], ndim))
    return None


_memory = np.empty(0, np.int8)


def layout(shape: Shape, path: tuple[Move, ...]) -> Layout | None:
    """The layout of a view in a contiguous array of this shape; None if it needs a copy."""
    global _memory
    size = math.prod(shape)
    if _memory.size < size:
        _memory = np.empty(size, np.int8)  # never read: only addresses are computed
    start = array = _memory[:size].reshape(shape)
    for move in path:
        array = move.view(np, array)
        if not np.may_share_memory(array, start):
            return None
    offset = array.__array_interface__["data"][0] - start.__array_interface__["data"][0]
    return array.shape, array.strides, offset


def contiguous(shape: Shape) -> Layout:
    """The layout of a whole array."""
    return shape, tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape))), 0


def is_whole(found: Layout, shape: Shape) -> bool:
    """Whether a layout is that of a whole array of this shape (strides along axes of length 1 do not matter)."""
    mine, strides, offset = found
    usual = contiguous(shape)[1]
    return (
        mine == shape and offset == 0 and all(n == 1 or a == b for n, a, b in zip(shape, strides, usual, strict=True))
    )
