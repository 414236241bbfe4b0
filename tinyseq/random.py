"""The random numbers of initialisers and dropout: one generator, seeded in one place."""

from collections.abc import Callable, Iterator
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
    """The generator that initialisers and dropout draw from.

    Example:
        >>> import tinyseq as ts
        >>> _ = ts.manual_seed(0)
        >>> generator().random() == np.random.default_rng(0).random()
        True
    """
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
    source: Any = _REPLAY.get(None)
    if source is not None and not isinstance(source, np.random.Generator):
        source.manual_seed(seed)  # an error: replays of a recording would not do this
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
def noted() -> Iterator[Any]:
    """Inside the block, note how the numbers of `generator` are drawn, so that `replayed` can draw them again.

    Each draw is noted with the state before it, as other threads may draw in between.
    """
    source = generator()
    if not isinstance(source, np.random.Generator):  # that of a recording
        yield source.again()
        return
    notes: list[Any] = []
    with drawn_from(_Noted(source, notes)):
        yield notes


@contextmanager
def replayed(earlier: Any) -> Iterator[None]:
    """Inside the block, repeat random numbers: those that `noted` gave notes of, or that followed on a `state`."""
    if isinstance(earlier, list):
        again: Any = _Noted(_Repeated(earlier), [])
    elif isinstance(earlier, dict):
        again = np.random.default_rng()
        again.bit_generator.state = earlier
    else:  # that of a recording, which draws no numbers of its own
        again = earlier.again()
    with drawn_from(again):
        yield


class _Repeated:
    """Gives noted states one after another, as a generator that others draw from, too."""

    def __init__(self, notes: list[Any]) -> None:
        self._left = iter(notes)

    @contextmanager
    def drawing(self, own: Any) -> Iterator[None]:
        own.state = next(self._left, own.state)
        yield


class _Noted(np.random.Generator):
    """Draws like a generator, and notes the state before each draw.

    Args:
        source: the generator, another of this class, or notes.
        notes: where to.
    """

    def __init__(self, source: Any, notes: list[Any]) -> None:
        super().__init__(np.random.PCG64(0) if isinstance(source, _Repeated) else type(source.bit_generator)(0))
        self._source, self._notes, self._busy = source, notes, False

    @contextmanager
    def drawing(self, own: Any) -> Iterator[None]:
        """A draw by another bit generator, which has the state of the source before, and gives it back."""
        if isinstance(self._source, _Noted | _Repeated):
            with self._source.drawing(own):
                self._notes.append(own.state)
                yield
            return
        shared = self._source.bit_generator
        with shared.lock:  # no other thread draws meanwhile
            own.state = shared.state
            self._notes.append(own.state)
            yield
            shared.state = own.state

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name.startswith("_") or name in ("bit_generator", "drawing", "spawn") or self._busy or not callable(found):
            return found
        return lambda *args, **settings: self._drawn(found, args, settings)

    def _drawn(self, method: Callable[..., Any], args: Any, settings: Any) -> Any:
        with self.drawing(self.bit_generator):
            self._busy = True
            try:
                return method(*args, **settings)
            finally:
                self._busy = False


@contextmanager
def drawn_from(source: Any) -> Iterator[None]:
    """Inside the block, `generator` returns this generator, or a stand-in for one."""
    token = _REPLAY.set(source)
    try:
        yield
    finally:
        _REPLAY.reset(token)
