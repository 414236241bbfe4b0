"""In-place updates of tensors: `copy_`, assignment to an index, ``+=`` and similar operators.

Arrays are never modified. An update gives the tensor a new array and records the time.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from tinyseq.autograd.calls.conversion import check_real
from tinyseq.autograd.graph import Leaf
from tinyseq.autograd.modes import MODE
from tinyseq.autograd.ops.moves.index import frozen_index
from tinyseq.autograd.tensor import Index, Tensor, TensorLike, constant
from tinyseq.backend import NAMESPACES, Array, dtype_of, namespace_of, replaced, to_numpy

AnyTensor = TypeVar("AnyTensor", bound=Tensor)


def copy_(self: AnyTensor, source: TensorLike) -> AnyTensor:
    """Replace the values. Backward then raises an error for a graph that saved the old values.

    Args:
        source: values that broadcast to this tensor's shape; cast to its dtype.

    Raises:
        RuntimeError: if this tensor is the result of an op, or a constant, in which a gradient of ``source`` would end.
        ValueError: if the shapes do not match, or this tensor's type cannot hold the values, such as fractions.
        TypeError: if the values are complex and this tensor is real.
    """
    if not self.is_leaf:
        raise RuntimeError("copy_ cannot change the result of an op; compute a new tensor, or detach() first")
    _check_no_gradient_ends(self, source, "use the source itself, or copy_(source.detach())")
    xp = namespace_of(self._array)
    value = constant(source, type(self._array))._array
    check_real("source", value, self._array)
    _check_held("source", value, self._array)
    if namespace_of(value) is not xp:  # NumPy values of a state_dict for a parameter on a GPU
        value = xp.asarray(to_numpy(value))
    if value.shape != self.shape:
        try:
            value = xp.asarray(xp.broadcast_to(value, self.shape), copy=True)
        except ValueError as error:
            raise ValueError(f"copy_ into shape {self.shape}: source has shape {value.shape}") from error
    if value.dtype != self.dtype:
        value = xp.astype(value, self.dtype)
    self._assign(value)
    return self


def assign_part(self: Tensor, index: Index, value: TensorLike) -> None:
    """``x[index] = value``, for a constant, or a leaf under `no_grad`.

    Raises:
        RuntimeError: if a graph could have saved the values, or a gradient of ``value`` would end in a constant.
        ValueError: if the tensor's type cannot hold the value.
    """
    if self.node is not None and (MODE.get().grad or not self.is_leaf):
        raise RuntimeError(
            "assigning to part of a tensor would change values that its graph has saved; collect the parts and use "
            "ts.stack(parts), or make a new tensor with ts.index_set(x, index, value)"
        )
    cure = "collect the parts and use ts.stack(parts), or make a new tensor with ts.index_set(x, index, value)"
    _check_no_gradient_ends(self, value, f"{cure}; for the numbers alone, assign value.detach()")
    kind = type(self._array)
    part = constant(value, kind)._array
    check_real("value", part, self._array)
    _check_held("value", part, self._array)
    self._assign(replaced(NAMESPACES[kind], self._array, frozen_index(index), part))


def _check_held(name: str, values: Array, target: Array) -> None:
    """Raise if whole numbers or booleans would take on what they cannot hold: fractions, NaN, numbers out of range."""
    if getattr(target.dtype, "kind", "f") not in "biu" or values.dtype == target.dtype:
        return
    xp = namespace_of(values)
    with np.errstate(invalid="ignore"):  # NaN has no whole number
        lost = values != xp.astype(values, dtype_of(xp, target.dtype))
    if xp.any(lost):
        first = to_numpy(values)[to_numpy(lost)].reshape(-1)[0]
        raise ValueError(
            f"{name} holds {first}, which {target.dtype}, the tensor's type, cannot hold; convert the tensor first, "
            f'with t.to("{values.dtype}"), or round the numbers'
        )


def _check_no_gradient_ends(self: Tensor, value: TensorLike, cure: str) -> None:
    """Raise if a constant would take on values that have a gradient, and lose it."""
    if self.node is None and isinstance(value, Tensor) and value.node is not None and MODE.get().grad:
        raise RuntimeError(f"a constant would take on values that have a gradient, and lose it; {cure}")


def in_place(operator: Callable[[Tensor, Any], Tensor]) -> Callable[[Tensor, Any], Tensor]:
    """``x += y`` and similar, from ``x + y``: an update of a constant, a new tensor where a graph is recorded."""

    def update(self: Tensor, other: Any) -> Tensor:
        value = operator(self, other)
        if MODE.get().grad and (self.node is not None or value.node is not None):
            if isinstance(self.node, Leaf):
                raise RuntimeError(
                    "a leaf that requires grad cannot be updated in place while gradients are recorded; "
                    "wrap the update in `with ts.no_grad():`, or write x = x + y for a new tensor"
                )
            return value  # x += y means x = x + y: nothing that a graph saved is written to
        _check_kept(self, value)
        return self.copy_(value)

    return update


def _check_kept(self: Tensor, value: Tensor) -> None:
    """Raise if an update in place would cut off the fractions of its result, or make numbers True."""
    kinds = [getattr(part.dtype, "kind", "f").replace("u", "i") for part in (self, value)]
    if kinds in (["i", "f"], ["b", "f"], ["b", "i"]):
        raise TypeError(
            f"an update in place would store {value.dtype} as {self.dtype}, the tensor's type; write x = x + y for a "
            f'new tensor, or convert it first, with x.to("{value.dtype}")'
        )
