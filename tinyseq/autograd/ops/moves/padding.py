"""Padding of tensors along each axis."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tinyseq.autograd.declare import composite
from tinyseq.autograd.ops.elementwise.rounding import floor, round
from tinyseq.autograd.ops.moves.arranging import sort
from tinyseq.autograd.ops.moves.index import getitem, take
from tinyseq.autograd.ops.moves.parts import concatenate
from tinyseq.autograd.ops.moves.shape import broadcast_to, flip
from tinyseq.autograd.ops.reduce import along, axis_of, max, mean, min
from tinyseq.autograd.tensor import Tensor, TensorLike, constant, constant_like

Widths = Mapping[int, int | tuple[int, int]] | int | Sequence[int | Sequence[int]]  # a pair for each axis, or less
Ends = float | Sequence[float | Sequence[float]] | Mapping[int, float | tuple[float, float]]


def _median(x: TensorLike, axis: int, keepdims: bool) -> Tensor:
    ordered = sort(x, axis)
    length = ordered.shape[axis]
    middle = slice((length - 1) // 2, length // 2 + 1)
    return mean(getitem(ordered, along(axis, ordered.ndim, middle)), axis, keepdims=keepdims)


STATISTICS: dict[str, Callable[..., Tensor]] = {"maximum": max, "mean": mean, "median": _median, "minimum": min}
SETTING = {  # the one setting of each mode
    "constant": "constant_values",
    "edge": None,
    "linear_ramp": "end_values",
    "reflect": "reflect_type",
    "symmetric": "reflect_type",
    "wrap": None,
    **dict.fromkeys(STATISTICS, "stat_length"),
}


@composite
def pad(
    x: TensorLike,
    pad_width: Widths,
    mode: str = "constant",
    *,
    constant_values: Ends | None = None,
    end_values: Ends | None = None,
    stat_length: Widths | None = None,
    reflect_type: str | None = None,
) -> Tensor:
    """Pad a tensor before and after along each axis, like NumPy's pad.

    Args:
        x: the values.
        pad_width: how many: a pair (before, after) for each axis, one pair or one number for all, or a dict of those by
            axis.
        mode: what is added: "constant", "edge", "linear_ramp", "maximum", "mean", "median", "minimum", "reflect",
            "symmetric" or "wrap".
        constant_values: of "constant", in the forms of ``pad_width``; 0 by default.
        end_values: where a "linear_ramp" ends; 0 by default.
        stat_length: over how many elements at each end a "maximum", "mean", "median" or "minimum" is taken; over all by
            default.
        reflect_type: "even", or "odd" for reflections through the last element, in "reflect" and "symmetric".

    Returns:
        A tensor with longer axes.

    Raises:
        ValueError: for widths that do not fit or are negative, another mode, or a setting that the mode does not have.

    Example:
        >>> import tinyseq as ts
        >>> ts.pad(ts.tensor([1.0, 2.0, 3.0]), (1, 2)).tolist()
        [0.0, 1.0, 2.0, 3.0, 0.0, 0.0]
        >>> ts.pad(ts.tensor([1.0, 2.0, 3.0]), (1, 2), mode="reflect").tolist()
        [2.0, 1.0, 2.0, 3.0, 2.0, 1.0]
    """
    x = constant(x)
    given = {"constant_values": constant_values, "end_values": end_values, "stat_length": stat_length}
    setting = _setting_of(mode, {**given, "reflect_type": reflect_type})
    widths = _pairs(x, pad_width, "pad_width", int)
    if (widths < 0).any():
        raise ValueError(f"pad: pad_width must not be negative, got {pad_width!r}")
    if mode in STATISTICS:
        setting = [None] * x.ndim if setting is None else _pairs(x, setting, "stat_length", int)
    elif mode in ("constant", "linear_ramp"):
        setting = _pairs(x, setting, "values", float)
    for axis, pair in enumerate(widths.tolist()):
        if any(pair):
            x = _along_axis(x, axis, pair, mode, setting)
    return x


def _setting_of(mode: Any, given: dict[str, Any]) -> Any:
    """The setting of a mode, after a check of all that were given."""
    if not isinstance(mode, str) or mode not in SETTING:
        cure = "; for another constant than 0 give constant_values=" if isinstance(mode, int | float) else ""
        raise ValueError(f"pad: mode must be one of {sorted(SETTING)}, got {mode!r}{cure}")
    for name, value in given.items():
        if value is not None and name != SETTING[mode]:
            raise ValueError(f"pad: mode {mode!r} has no setting {name}=; it has {SETTING[mode] or 'none'}")
    if given["reflect_type"] not in (None, "even", "odd"):
        raise ValueError(f'pad: reflect_type must be "even" or "odd", got {given["reflect_type"]!r}')
    return given.get(SETTING[mode] or "")


def _along_axis(x: Tensor, axis: int, widths: list[int], mode: str, setting: Any) -> Tensor:
    before, after = widths
    if mode == "constant":
        first, last = (_full(x, axis, width, end) for width, end in zip(widths, setting[axis], strict=True))
        return concatenate([first, x, last], axis=axis)
    if not x.shape[axis]:
        raise ValueError(f"pad: axis {axis} of shape {x.shape} is empty, and only mode 'constant' can extend it")
    if mode == "linear_ramp":
        first = _ramp(x, axis, before, setting[axis, 0])
        last = flip(_ramp(flip(x, axis=axis), axis, after, setting[axis, 1]), axis=axis)
        return concatenate([first, x, last], axis=axis)
    if mode in STATISTICS:
        return _with_statistics(x, axis, widths, setting[axis], STATISTICS[mode])
    if setting == "odd":
        return _oddly_reflected(x, axis, before, after, edge_again=mode == "symmetric")
    return take(x, np.pad(np.arange(x.shape[axis]), (before, after), mode=mode), axis=axis)  # type: ignore[call-overload]  # checked above


def _pairs(x: Tensor, given: Any, name: str, kind: type) -> Any:
    """A pair for each axis, from any of NumPy's shorter forms."""
    if isinstance(given, Mapping):
        pairs: Any = np.zeros((x.ndim, 2), dtype=kind)
        for axis, pair in given.items():
            pairs[axis_of(axis, x.ndim)] = pair
        return pairs
    pairs = np.asarray(given if given is not None and x.ndim else 0)
    if kind is int and pairs.dtype.kind not in "iu" and pairs.size:
        raise ValueError(f"pad: {name} must be whole numbers, got {given!r}")
    try:
        return np.broadcast_to(pairs.astype(kind), (x.ndim, 2))
    except ValueError:
        raise ValueError(
            f"pad: shape {x.shape} needs {x.ndim} pairs of {name} (or one, or a number), got {given!r}"
        ) from None


def _full(x: Tensor, axis: int, length: int, value: float) -> Tensor:
    shape = (*x.shape[:axis], length, *x.shape[axis + 1 :])
    return constant_like(x, np.full(shape, value)).to(x.dtype)


def _ramp(x: Tensor, axis: int, length: int, end: float) -> Tensor:
    """From ``end`` to x's first element, which is not part of it."""
    edge = getitem(x, along(axis, x.ndim, slice(0, 1)))
    share = np.arange(length).reshape(-1, *(1,) * (x.ndim - axis - 1)) / (length or 1)
    return _of_type(x, end + (edge - end) * constant_like(x, share), floor)


def _of_type(x: Tensor, values: Tensor, as_whole: Callable[[Tensor], Tensor]) -> Tensor:
    """What is added to x, in its type, in which real numbers become whole ones as they do in NumPy."""
    return values if getattr(x.dtype, "kind", "f") not in "iu" else as_whole(values).to(x.dtype)


def _with_statistics(x: Tensor, axis: int, widths: list[int], lengths: Any, statistic: Callable[..., Tensor]) -> Tensor:
    size = x.shape[axis]
    before, after = (size, size) if lengths is None else (int(np.clip(n, 0, size)) for n in lengths)
    if not before or not after:
        raise ValueError("pad: stat_length must be at least 1")
    parts = [getitem(x, along(axis, x.ndim, part)) for part in (slice(0, before), slice(size - after, size))]
    found = []
    for part, width in zip(parts, widths, strict=True):
        shape = (*x.shape[:axis], width, *x.shape[axis + 1 :])
        found.append(broadcast_to(_of_type(x, statistic(part, axis=axis, keepdims=True), round), shape))
    return concatenate([found[0], x, found[1]], axis=axis)


def _oddly_reflected(x: Tensor, axis: int, before: int, after: int, edge_again: bool) -> Tensor:
    """Reflections through the first and last elements, as often as the widths need them."""
    if x.shape[axis] == 1 and not edge_again:
        return take(x, np.zeros(1 + before + after, dtype=int), axis=axis)
    while before or after:
        size, skipped = x.shape[axis], 0 if edge_again else 1
        left, right = (n if n < size - skipped else size - skipped for n in (before, after))
        first, last = (getitem(x, along(axis, x.ndim, part)) for part in (slice(0, 1), slice(size - 1, size)))
        ahead = getitem(x, along(axis, x.ndim, slice(skipped, skipped + left)))
        behind = getitem(x, along(axis, x.ndim, slice(size - skipped - right, size - skipped)))
        x = concatenate([flip(2 * first - ahead, axis=axis), x, flip(2 * last - behind, axis=axis)], axis=axis)
        before, after = before - left, after - right
    return x
