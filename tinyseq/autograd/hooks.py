"""Application of users' hooks to gradients."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from tinyseq.autograd.graph import Parent
from tinyseq.autograd.tensor import Tensor, constant
from tinyseq.backend import NAMESPACES, namespace_of

CALLED: ContextVar[bool] = ContextVar("tinyseq_hooks_called", default=True)


@contextmanager
def without_hooks() -> Iterator[None]:
    """Call no hooks in the backward passes inside, nor in those of the checkpoints that they run again.

    A hook changes the gradient of a loss, not the derivative of a function.
    """
    before = CALLED.set(False)
    try:
        yield
    finally:
        CALLED.reset(before)


def hooked(parent: Parent, g: Any) -> Any:
    """A gradient after the hooks set on its tensor."""
    for hook in list((parent.hooks or {}).values()):
        given = as_gradient(g)
        new = hook(given)
        if new is None:
            continue
        if not isinstance(new, Tensor):
            if given.node is not None:
                raise TypeError(
                    f"a hook on {parent!r} returned {type(new).__name__}, through which this gradient cannot be "
                    "differentiated again; compute with the tensor that the hook is given"
                )
            try:
                new = constant(new, type(given._array))
            except TypeError as error:
                raise TypeError(f"a hook on {parent!r} must return a tensor or None: {error}") from error
        if new.shape != g.shape:
            raise ValueError(f"a hook on {parent!r} returned shape {new.shape} for a gradient of shape {g.shape}")
        if type(new._array) is not type(given._array):
            raise TypeError(f"a hook on {parent!r} returned a tensor of {new.device} for a gradient of {given.device}")
        if new.dtype != given.dtype:
            new = _cast(parent, new, given.dtype)
        g = new if isinstance(g, Tensor) else new._array
    return g


def _cast(parent: Parent, new: Tensor, dtype: Any) -> Tensor:
    """A hook's result, cast to the dtype of the gradient, which must be able to hold it."""
    xp = namespace_of(new._array)
    if xp.isdtype(new.dtype, "complex floating") and not xp.isdtype(dtype, "complex floating"):
        raise TypeError(
            f"a hook on {parent!r} returned {new.dtype} for a gradient of {dtype}, which has no imaginary part; "
            "return real numbers"
        )
    return new.to(dtype)


def as_gradient(g: Any) -> Tensor:
    """A gradient as a Tensor; the scalars that NumPy returns for 0-d arrays become arrays again."""
    if isinstance(g, Tensor):
        return g
    return Tensor(g if type(g) in NAMESPACES else namespace_of(g).asarray(g))
