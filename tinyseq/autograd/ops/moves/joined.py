"""The constants that a time step has joined.

A graph does not hold them: of [h; x] it keeps the joined array, if a rule reads that, and neither h nor x. A drawing
shows both, so what is joined inside `ts.step` is remembered for as long as the joined array lives.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple
from weakref import ref

from tinyseq.autograd.graph import Node
from tinyseq.autograd.modes import MODE
from tinyseq.autograd.op import Op
from tinyseq.autograd.tensor import Tensor, TensorLike
from tinyseq.backend import Array, is_recorded, to_numpy


class Joined(NamedTuple):
    """What an array was joined from.

    Attributes:
        array: the joined array, weakly.
        parts: the constants among its parts, and None for the others.
        node: the use of the op, which the graph does not hold, if all parts are constants; else None.
    """

    array: "ref[Array]"
    parts: tuple[Any, ...]
    node: Node | None


_JOINED: dict[int, Joined] = {}  # by the array's id; an entry goes with its array


def remember(made: Tensor, op: Op, parts: Sequence[TensorLike], axis: int | None) -> Tensor:
    """The tensor that was joined. If this is recorded as a part of a time step, its constant parts are remembered."""
    label = MODE.get().plain
    if label is None or label.step is None or axis is None or is_recorded(made._array):
        return made
    constants = [_constant(part) for part in parts]
    if all(part is None for part in constants):
        return made
    whole, node = owner(made._array), None
    key = id(whole)
    if made.node is None:
        node = Node(op, (None,) * len(constants), (), {"axis": axis}, made.shape, made._array.dtype, label)
    _JOINED[key] = Joined(ref(whole, lambda _: _JOINED.pop(key, None)), tuple(constants), node)
    return made


def joined(array: Any) -> Joined | None:
    """What an array, or all of what it is a view of, was joined from; None if that is not known."""
    whole = owner(array)
    found = _JOINED.get(id(whole))
    return found if found and found.array() is whole is not None and array.size == whole.size else None


def remembers() -> bool:
    """Whether there are joined arrays at all."""
    return bool(_JOINED)


def owner(array: Any) -> Any:
    """The array that a view is of."""
    while getattr(array, "base", None) is not None:
        array = array.base
    return array


def _constant(part: TensorLike) -> Any:
    if isinstance(part, Tensor):
        return part._array if part.node is None else None
    return part if hasattr(part, "dtype") else to_numpy(part)
