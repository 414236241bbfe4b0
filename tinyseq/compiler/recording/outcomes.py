"""What calls return, apart from the values: it follows from the shapes, types and layouts of the arguments."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinyseq.backend import Array
from tinyseq.compiler.recording.active import of_objects, reading
from tinyseq.compiler.steps import Ref, blank, key, kind_of, mapped, refs


class Outcome(NamedTuple):
    """What a call returns, apart from the values.

    Attributes:
        kind: the kind of the result; a tuple if there are several.
        several: the type of the container of several results; None for a single result.
        view: which of the references among the arguments the result is a view of.
        scalar: the type of what NumPy gives, if it is a number and not an array.
    """

    kind: Any
    several: Any = None
    view: int | None = None
    scalar: type | None = None

    def owner(self, args: Any, settings: Any) -> Ref | None:
        """The value whose memory the result of a call with these arguments shares, if it is a view."""
        return None if self.view is None else [*refs((args, settings))][self.view]


class Outcomes:
    """What calls return whose results depend on no values; found once for all equal calls."""

    def __init__(self) -> None:
        self._seen: dict[Any, Outcome] = {}

    def of(self, function: Callable[..., Any], args: Any, settings: Any, kinds: dict[int, Any]) -> Outcome:
        """What a function returns for references to values of these kinds."""
        depends_on = function, key(args, kinds), key(settings, kinds)
        if depends_on not in self._seen:
            function = _without_terms if function is np.matmul and not settings else function
            self._seen[depends_on] = tried(function, args, settings, lambda ref: zeros(kinds[ref.number]))
        return self._seen[depends_on]


def tried(function: Callable[..., Any], args: Any, settings: Any, operand: Callable[[Ref], Array]) -> Outcome:
    """What a function returns for these operands."""
    operands = list[Array]()

    def noted(ref: Ref) -> Array:
        operands.append(operand(ref))
        return operands[-1]

    args, settings = (mapped(tree, Ref, noted) for tree in (args, settings))
    with np.errstate(all="ignore"):
        result = function(*args, **settings)
    if isinstance(result, tuple | list):
        return Outcome(tuple([kind_of(_plain(part)) for part in result]), type(result))
    if not isinstance(result, np.ndarray | np.generic) and function is not np.count_nonzero:  # an int of older NumPy
        raise reading(f"np.{getattr(function, '__name__', function)}")
    found = _plain(result)
    view = next((i for i, array in enumerate(operands) if np.may_share_memory(found, array)), None)
    return Outcome(kind_of(found), view=view, scalar=None if result is found else type(result))


def _plain(result: Any) -> Array:
    found = np.asarray(result)
    if found.dtype.hasobject:
        raise of_objects(found)
    return found


def zeros(kind: Any) -> Array:
    """An array of zeros of a kind."""
    found = blank(kind)
    found.fill(0)
    return found


def _without_terms(x: Array, y: Array) -> Array:
    """An array of the kind of a product, computed at no cost: its sums have no terms."""
    if min(x.ndim, y.ndim) < 2 or x.shape[-1] != y.shape[-2]:
        return np.asarray(np.matmul(x, y))
    return np.asarray(np.matmul(x[..., :0], y[..., :0, :]))
