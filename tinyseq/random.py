"""The random numbers of initialisers and dropout: one generator, seeded in one place."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from tinyseq.arguments import shown, whole

__all__ = ["Rng", "as_generator", "generator", "manual_seed"]

Rng = np.random.Generator | int | None
"""What functions that draw random numbers take: a generator, a seed, or None for the generator of `manual_seed`."""

_REPLAY: ContextVar[np.random.Generator] = ContextVar("tinyseq_replay")  # only inside of `drawn_from`
_seeded: np.random.Generator | None = None  # one for all threads and all cells of a notebook, as PyTorch's


def generator() -> np.random.Generator:
    """The generator that initialisers and dropout draw from."""
    replay = _REPLAY.get(None)
    return replay if replay is not None else _seeded if _seeded is not None else manual_seed(None)


def manual_seed(seed: int | None) -> np.random.Generator:
    """Start a new stream of random numbers; the same seed gives the same initial weights and the same dropout.

    Raises:
        ValueError, TypeError: ``seed`` is not a whole number of at least 0.

    Example:
        >>> import tinyseq as ts
        >>> _ = ts.manual_seed(0)
        >>> first = ts.nn.Linear(2, 1).weight.numpy()
        >>> _ = ts.manual_seed(0)
        >>> bool((ts.nn.Linear(2, 1).weight.numpy() == first).all())
        True
    """
    global _seeded
    _seeded = np.random.default_rng(None if seed is None else whole("seed", seed, 0))
    return _seeded


def as_generator(rng: Rng, name: str = "rng") -> np.random.Generator:
    """The generator for a function that takes a generator, a seed, or neither.

    Args:
        rng: a NumPy generator; a whole number as the seed of one; or None for the generator of `manual_seed`.
        name: of the argument, for the error.

    Returns:
        The generator.

    Raises:
        TypeError, ValueError: it is none of these.

    Example:
        >>> as_generator(3).random() == np.random.default_rng(3).random()
        True
    """
    if rng is None:
        return generator()
    if isinstance(rng, np.random.Generator):
        return rng
    try:
        return np.random.default_rng(whole(name, rng, 0))
    except TypeError:
        raise TypeError(
            f"{name} must be a NumPy Generator, a whole number as its seed, or None, got {shown(rng)}; "
            "np.random.default_rng(seed) makes one"
        ) from None


def state() -> Any:
    """The state of the random number generator."""
    return generator().bit_generator.state


@contextmanager
def replayed(earlier: Any) -> Iterator[None]:
    """Inside the block, repeat the random numbers that followed when `state` returned ``earlier``."""
    if isinstance(earlier, dict):
        again: Any = np.random.default_rng()
        again.bit_generator.state = earlier
    else:  # that of a recording, which draws no numbers of its own
        again = earlier.again()
    with drawn_from(again):
        yield


@contextmanager
def drawn_from(source: Any) -> Iterator[None]:
    """Inside the block, `generator` returns this generator, or a stand-in for one."""
    token = _REPLAY.set(source)
    try:
        yield
    finally:
        _REPLAY.reset(token)
