"""Argument checks of layers and losses; errors name the argument, its value and a fix."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyseq.autograd.anomaly import frames_inside
from tinyseq.autograd.tensor import Tensor, TensorLike, constant
from tinyseq.backend import host_array, is_array, namespace_of

ROUNDING = 1e-3  # how far above 0 a log probability may come to lie in a short type


def check_device(device: str | None) -> None:
    """Raise ValueError unless ``device`` is None or the name of a device."""
    if device not in (None, "cpu", "cuda"):
        raise ValueError(f'device must be "cpu" or "cuda", got {device!r}')


State = Tensor | tuple[Tensor, ...]  # of a recurrent network: h, or the pair (h, c)


def as_numbers(x: TensorLike, like: Tensor, name: str) -> Tensor:
    """A layer's input, as a tensor of real numbers.

    Floating-point tensors and arrays keep their dtype; lists, integers and bools take the dtype of the layer's weight
    ``like``.
    """
    try:
        given = constant(x, type(like._array))
    except TypeError as error:
        raise TypeError(f"{name} must be a tensor or an array of numbers: {error}") from error
    isdtype = namespace_of(given._array).isdtype
    if not isdtype(given.dtype, ("bool", "integral", "real floating")):
        raise TypeError(f"{name} must hold real numbers, got {given.dtype}")
    own = isinstance(x, Tensor) or is_array(x)
    return given if own and isdtype(given.dtype, "real floating") else given.to(like.dtype)


_warned: list[str] = []  # warn once per process


def as_input(x: TensorLike, weight: Tensor, name: str) -> Tensor:
    """A layer's input, as by `as_numbers`; warns about the first input that is wider than its weight."""
    given = as_numbers(x, weight, name)
    if given.dtype == weight.dtype or _warned:
        return given
    widths = [namespace_of(t._array).finfo(t.dtype).bits for t in (given, weight)]
    if widths[0] <= widths[1]:
        return given
    _warned.append(name)
    wide, narrow = given.dtype, weight.dtype
    warnings.warn(
        f"{name} is {wide} and the layer's weight {narrow}, so everything after it is computed in {wide}: correct, but "
        f'slower. Convert the input with .astype("{narrow}") (NumPy, ts.zeros and ts.ones make float64), or, if you '
        f'want {wide}, the layer with layer.to("{wide}"). This warning is shown once.',
        stacklevel=1 + frames_inside(),
    )
    return given


def initial(state: Any, like: Tensor, names: tuple[str, ...]) -> tuple[Tensor, ...]:
    """The parts of a given state, such as h, or h and c, as tensors of real numbers."""
    count = len(names)
    if count == 1 and isinstance(state, tuple):
        raise TypeError(f"state must be one tensor h, got a tuple of {len(state)}; only an LSTM has a pair (h, c)")
    if count > 1 and not (isinstance(state, tuple | list) and len(state) == count):
        found = f"{len(state)} of them" if isinstance(state, tuple | list) else type(state).__name__
        kind = "a pair" if count == 2 else "a tuple"
        raise ValueError(f"state must be {kind} ({', '.join(names)}) of tensors, got {found}")
    parts = (state,) if count == 1 else state
    return tuple(as_numbers(part, like, f"state {name}") for name, part in zip(names, parts, strict=True))


def check_ids(ids: Any, count: int, name: str, cures: tuple[str, str] = ("", "")) -> None:
    """Raise IndexError for the first id outside [0, count), with one cure if it is below 0 and another if above."""
    if ids.dtype.kind not in "iu":
        raise IndexError(f"{name} takes integer ids, got {ids.dtype}; convert with .astype(int) if they are whole")
    wrong = (ids < 0) | (ids >= count)
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        cure = cures[0 if ids[place] < 0 else 1]
        raise IndexError(f"{name}: id {int(ids[place])} at position {place} lies outside [0, {count}){cure}")


_OF_SYMBOLS = "; ts.data.Vocabulary(symbols).encode(text) makes ids of symbols"


def as_ids(values: Any, name: str, of_text: str = _OF_SYMBOLS) -> NDArray[Any]:
    """Ids as a NumPy array, unchecked; an empty list becomes an array of integers. For text, the error has a cure.

    Integers become int64, as sums and products of ids would overflow a narrow type.
    """
    try:
        ids: NDArray[Any] = host_array(values._array if isinstance(values, Tensor) else values)
    except ValueError as error:
        raise ValueError(
            f"{name} must be integers in a rectangular array; ts.data.padded fills up rows of different lengths"
        ) from error
    if ids.dtype.kind in "US":
        raise TypeError(f"{name} must be integers, got strings{of_text}")
    return ids.astype(np.int64, copy=False) if ids.dtype.kind in "iu" or not ids.size else ids


def as_lengths(lengths: Any, size: int, steps: int) -> NDArray[Any]:
    """The true lengths of the sequences of a batch, integers from 1 to T."""
    given = as_ids(lengths, "lengths", "; give the number of steps of each: [len(x) for x in sequences]")
    if given.shape != (size,) or given.dtype.kind not in "iu":
        cure = "; those of a mask (T, B) are mask.sum(axis=0)" if given.dtype.kind == "b" else ""
        raise ValueError(
            f"lengths must be whole numbers of shape ({size},), one for each sequence, "
            f"got shape {given.shape} of {given.dtype}{cure}"
        )
    wrong = (given < 1) | (given > steps)
    if wrong.any():
        i = int(np.argmax(wrong))
        raise ValueError(f"lengths[{i}] is {int(given[i])}, but must lie between 1 and T = {steps}")
    return given
