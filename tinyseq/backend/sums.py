"""Sums whose rounding does not grow with the number of terms, in any layout.

NumPy adds adjacent numbers in pairs, but rows one after another, and so does its einsum. A large total in float32
rounds each row that is added to it: see the example of `total`. Here rows are added in blocks, and then the sums of the
blocks. Short sums, and those that NumPy adds in pairs, are NumPy's own.
"""

from collections.abc import Callable
from functools import lru_cache, wraps
from math import prod
from typing import Any, NamedTuple

import numpy as np

from tinyseq.backend.functions import is_half
from tinyseq.backend.namespaces import NUMPY, Array, recorded_whole

BLOCK = 128  # terms that are added one after another at most, as in NumPy's sums of adjacent numbers


def total(xp: Any, x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """The sum along axes, as ``xp.sum``, with rows added in blocks; float16 is added up in float32.

    Example:
        >>> from tinyseq.backend import NUMPY
        >>> rows = np.full((100_000, 2), 10_000.5, np.float32)
        >>> (total(NUMPY, rows, axis=0) / 100_000).tolist()
        [10000.5, 10000.5]
        >>> f"{rows.mean(axis=0)[0]:.1f}"  # NumPy's own
        '9996.9'
    """
    settings: dict[str, Any] = {"axis": axis}
    settings |= ({"keepdims": True} if keepdims else {}) | ({} if dtype is None else {"dtype": dtype})
    if not (xp.on_host and is_long(x, axis, dtype)):
        return xp.sum(x, **settings)
    if xp.whole is not None:
        return xp.whole(sum_in_blocks, x, **settings)
    return sum_in_blocks(xp, x, **settings)


def summed_to(xp: Any, g: Any, shape: tuple[int, ...]) -> Any:
    """A gradient summed over the axes along which its input, of the given shape, was broadcast.

    Raises:
        ValueError: if it is no gradient of such an input, such as one that was summed too far.
    """
    if g.shape == shape:
        return g
    axes, terms = _spread_axes(g.shape, shape)
    if not axes:
        raise ValueError(f"an input of shape {shape} has no gradient of shape {g.shape}, even if it was broadcast")
    plain = xp is NUMPY and terms <= BLOCK and g.dtype.char != "e"
    found = np.add.reduce(g, axes) if plain else total(xp, g, axes)  # which takes longer to get there
    return found if found.shape == shape else xp.reshape(found, shape)


@lru_cache(maxsize=1 << 12)
def _spread_axes(spread: tuple[int, ...], shape: tuple[int, ...]) -> tuple[tuple[int, ...], int]:
    """The axes along which an array of a shape was broadcast, and how many numbers there are along them."""
    extra = len(spread) - len(shape)
    axes = (*range(extra), *(extra + i for i, side in enumerate(shape) if side == 1 and spread[extra + i] != 1))
    return axes, prod(spread[one] for one in axes)


@lru_cache(maxsize=1 << 12)
def is_spread(spread: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether an array of one shape can be summed to the other."""
    try:
        return np.broadcast_shapes(spread, shape) == spread
    except ValueError:
        return False


def sum_in_blocks(xp: Any, x: Array, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """`total` of a NumPy array with many terms, in stages from the smallest distance in memory to the largest."""
    axes = _axes(axis, x.ndim)
    wide = np.float32 if dtype is None and x.dtype == np.float16 else dtype
    found: Any = x
    while stage := _stage(found.shape, found.strides, axes):
        found = _cut(found, stage, wide) if stage.length else _added(found, stage.axes, wide)
    found = _added(found, axes, wide, keepdims)
    return found if wide is dtype else found.astype(x.dtype)


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    named = range(ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return tuple([one % ndim for one in named])


def is_long(x: Array, axis: Any, dtype: Any = None) -> bool:
    """Whether NumPy would add more than a block of numbers one after another, and round each time."""
    kind = x.dtype if dtype is None else np.dtype(dtype)
    if (x.size <= BLOCK and kind.char != "e") or kind.kind not in "fc" or not x.ndim:
        return False
    axes = _axes(axis, x.ndim)
    return _stage(x.shape, x.strides, axes) is not None or kind.char == "e"


class _Stage(NamedTuple):
    """Axes to sum along; if a length is given, the first of them is cut into pieces of that length."""

    axes: tuple[int, ...]
    length: int = 0


@lru_cache(maxsize=1 << 12)
def _stage(shape: tuple[int, ...], strides: tuple[int, ...], axes: tuple[int, ...]) -> _Stage | None:
    """The first stage of a sum; None if NumPy adds at most a block of numbers one after another."""
    if _one_by_one(shape, strides, axes) <= BLOCK:
        return None
    first, *outer = sorted((one for one in axes if shape[one] > 1), key=lambda one: abs(strides[one]))
    if _one_by_one(shape, strides, (first,)) == 1:
        return _Stage((first,))
    inner, terms = list[int](), 1
    while terms * shape[first] <= BLOCK:
        terms *= shape[first]
        inner.append(first)
        first, *outer = outer
    return _Stage(tuple(inner)) if 2 * terms > BLOCK else _Stage((first, *inner), BLOCK // terms)


def _one_by_one(shape: tuple[int, ...], strides: tuple[int, ...], axes: tuple[int, ...]) -> int:
    """How many terms NumPy adds one after another: along all axes but those that are adjacent in memory."""
    adjacent, step = 1, None
    for one in sorted((one for one, side in enumerate(shape) if side != 1), key=lambda one: abs(strides[one])):
        if one not in axes or step not in (None, strides[one]):
            break
        adjacent, step = adjacent * shape[one], strides[one] * shape[one]
    return prod([shape[one] for one in axes]) // adjacent if adjacent else 0


def _cut(x: Array, stage: _Stage, dtype: Any) -> Array:
    """The sums of the pieces of an axis, all of one length except the last, along other axes too."""
    (axis, *along), length = stage
    pieces, before = x.shape[axis] // length, (slice(None),) * axis
    whole, rest = x[(*before, slice(0, pieces * length))], x[(*before, slice(pieces * length, None))]
    apart = whole.reshape(*x.shape[:axis], pieces, length, *x.shape[axis + 1 :])  # a view
    over = (axis + 1, *(one + (one > axis) for one in along))
    found: Array = _added(apart, over, dtype).squeeze(axis + 1)
    if not rest.shape[axis]:
        return found
    return np.concatenate([found, _added(rest, stage.axes, dtype)], axis)


def _added(x: Array, axes: tuple[int, ...], dtype: Any, keepdims: bool = True) -> Any:
    reduce: Any = np.add.reduce
    return reduce(x, axes, dtype, keepdims=keepdims)


def in_single(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function ``(xp, x, ...)`` that computes float16 in float32: a sum of 65,520 ones is infinite in float16."""

    @wraps(function)
    def call(xp: Any, x: Any, **settings: Any) -> Any:
        if not is_half(x):
            return function(xp, x, **settings)
        return xp.astype(function(xp, xp.astype(x, xp.float32), **settings), x.dtype)

    return call


def running_total(xp: Any, x: Any, axis: int) -> Any:
    """Cumulative sums, added up in double precision.

    Example:
        >>> from tinyseq.backend import NUMPY
        >>> running_total(NUMPY, np.full(1_000_000, 0.1, np.float32), axis=0)[-1].round(2).item()
        100000.0
    """
    if not (xp.on_host and x.dtype.char in "ef"):
        return xp.cumulative_sum(x, axis=axis)
    return xp.astype(xp.cumulative_sum(x, axis=axis, dtype=np.float64), x.dtype)


def contracted(xp: Any, inputs: list[str], output: str, *operands: Any) -> Any:
    """``xp.einsum``, with products added in blocks.

    Args:
        inputs: the letters of each operand.
        output: the letters of the result.
        operands: the arrays.

    Example:
        >>> from tinyseq.backend import NUMPY
        >>> contracted(NUMPY, ["ij", "j"], "i", np.ones((2, 3)), np.ones(3))
        array([3., 3.])
    """
    cut = _cut_of(inputs, output, operands) if xp.on_host else None
    if cut is None:
        return xp.einsum(f"{','.join(inputs)}->{output}", *operands)
    return contract_in_blocks(xp, inputs, output, cut, *operands)


def _cut_of(inputs: list[str], output: str, operands: tuple[Array, ...]) -> tuple[str, int] | None:
    """The letter whose terms to cut into blocks, and the length of a block; None if the sums are short."""
    sides = dict[str, int]()
    for letters, x in zip(inputs, operands, strict=True):
        for letter, side in zip(letters, x.shape, strict=True):
            sides[letter] = max(side, sides.get(letter, 0))
    summed = [letter for letter in sides if letter not in output]
    if not summed or any(x.dtype.kind not in "fc" for x in operands) or 0 in sides.values():
        return None
    longest = max(summed, key=sides.__getitem__)
    terms, results = prod(sides[letter] for letter in summed), prod(sides[letter] for letter in output)
    if terms <= BLOCK:
        return None
    most = max(16, sum(prod(x.shape) for x in operands) // max(results, 1))  # sums of blocks that are kept at once
    pieces = min(sides[longest], -(-terms // BLOCK), most)
    return longest, sides[longest] // pieces


@recorded_whole
def contract_in_blocks(xp: Any, inputs: list[str], output: str, cut: tuple[str, int], *operands: Array) -> Any:
    """`contracted` for NumPy arrays: the sums of all blocks of one letter, and then their sum."""
    letter, length = cut
    sides = [x.shape[text.index(letter)] for text, x in zip(inputs, operands, strict=True) if letter in text]
    pieces, left = divmod(max(sides), length)
    block = next(c for c in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in "".join(inputs))
    spread = [text.replace(letter, block + letter) for text in inputs]
    whole = [_pieces(x, text, letter, pieces, length) for x, text in zip(operands, inputs, strict=True)]
    found = total(xp, np.einsum(f"{','.join(spread)}->{block}{output}", *whole), axis=0)
    if not left:
        return found
    rest = [_along(x, text, letter, slice(-left, None)) for x, text in zip(operands, inputs, strict=True)]
    return found + np.einsum(f"{','.join(inputs)}->{output}", *rest)


def _along(x: Array, letters: str, letter: str, part: slice) -> Array:
    """A part of an operand along the axes of one letter; one of length 1 is broadcast, and stays."""
    index = [part if c == letter and side > 1 else slice(None) for c, side in zip(letters, x.shape, strict=True)]
    return x[tuple(index)]


def _pieces(x: Array, letters: str, letter: str, pieces: int, length: int) -> Array:
    """An operand with the axes of one letter cut into pieces."""
    shape = list[int]()
    for c, side in zip(letters, x.shape, strict=True):
        shape += [side] if c != letter else [1, 1] if side == 1 else [pieces, length]
    return _along(x, letters, letter, slice(pieces * length)).reshape(shape)
