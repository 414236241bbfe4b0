"""The constants that a time step has joined with each other.

A graph does not hold them: of [h; x] before the first step it knows the joined array, and neither h nor x. A drawing
shows both, so what is joined inside `ts.step` is remembered for as long as the joined array lives.
"""

from collections.abc import Sequence
from typing import Any
from weakref import ref

from tinyseq.autograd.dispatch import recorded
from tinyseq.autograd.graph import Node
from tinyseq.autograd.modes import MODE
from tinyseq.autograd.record.op import Op
from tinyseq.autograd.tensor import Tensor, TensorLike
from tinyseq.backend import Array, is_recorded, to_numpy

_JOINED: dict[int, tuple["ref[Array]", Node]] = {}  # by the array's id; an entry goes with its array


def remember(made: Tensor, op: Op, parts: Sequence[TensorLike], axis: int | None) -> Tensor:
    """The tensor that was joined. If it is a constant made in a time step, the use of the op is remembered."""
    label = MODE.get().plain
    if made.node or label is None or label.step is None or axis is None or is_recorded(made._array):
        return made
    whole = owner(made._array)
    key = id(whole)
    edges, given = (None,) * len(parts), tuple(map(_array, parts))
    node: Any = recorded(made._array, op, edges, (), label, {"axis": axis}, given).node
    _JOINED[key] = ref(whole, lambda _: _JOINED.pop(key, None)), node
    return made


def joined(array: Any) -> Node | None:
    """The use of the op that joined an array, or all of what it is a view of; None if there is none that is known."""
    whole = owner(array)
    made, node = _JOINED.get(id(whole), (None, None))
    return node if made and made() is whole is not None and array.size == whole.size else None


def remembers() -> bool:
    """Whether there are joined arrays at all."""
    return bool(_JOINED)


def owner(array: Any) -> Any:
    """The array that a view is of."""
    while getattr(array, "base", None) is not None:
        array = array.base
    return array


def _array(part: TensorLike) -> Any:
    return part._array if isinstance(part, Tensor) else part if hasattr(part, "dtype") else to_numpy(part)
