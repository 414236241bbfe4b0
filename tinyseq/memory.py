"""Memory for training steps: freed memory is kept for reuse, and the garbage collector runs less often.

A step allocates the graph's arrays and frees all of them at its end. The GNU C library then gives that memory back to
the system, and at the next step the system maps and zeroes it again, page by page. Told to keep more, the library hands
out the same pages again. Nothing changes on other systems.

Python's garbage collector searches for cycles whenever there are 700 (in later versions 2,000) more live objects than
at its last search. A graph has no cycles, but a step of an LSTM creates thousands of objects that all live until its
end, so the collector would search them several times per step for nothing.

Both settings apply to the whole process, so they are made only on request: inside `reuse`, where `tinyseq.train.train`
runs. ``benchmarks/lstm.py`` prints an LSTM's step with and without; without them it took 1.15 to 1.7 times as long.
"""

import contextlib
import ctypes
import gc
import os
import platform
from threading import Lock
from types import TracebackType

__all__ = ["give_back", "reuse"]

KEPT = 512 << 20  # bytes at the top of the heap that stay with the process after they were freed
LARGEST = 64 << 20  # bytes of the largest array that comes from the heap; a larger one goes back to the system at once

YOUNG = 10_000  # objects made and not freed between two searches for cycles

_DEFAULTS = (700, 2000)  # the defaults of Python's versions
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # the parameters' numbers in malloc.h
_ADAPTED = 64 << 20, 32 << 20  # where the C library's own adaptation of the two ends, which cannot be switched on again
_USERS_OWN = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")

_lock = Lock()
_open = 0  # how many blocks are, in all threads
_before: int | None = None  # the collector's threshold outside of them; None if it is somebody else's


class reuse:
    """Inside the block, reuse freed memory and run the garbage collector less often.

    Wrap a training loop of your own in it. The settings apply to the whole process; when the last block in any thread
    ends, they are restored: the collector's threshold becomes what it was, freed memory goes back to the system, and
    the C library's thresholds go to where its own adaptation would have brought them. If ``MALLOC_TRIM_THRESHOLD_``,
    ``MALLOC_MMAP_THRESHOLD_`` or ``GLIBC_TUNABLES`` is set in the environment, or the collector's threshold was
    changed, that choice is respected.

    Example:
        >>> before = gc.get_threshold()
        >>> with reuse():
        ...     pass  # steps of forward, backward and update
        >>> gc.get_threshold() == before
        True
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "reuse()"

    def __enter__(self) -> None:
        global _open, _before
        with _lock:
            _open += 1
            if _open == 1:
                _keep_freed_memory(KEPT, LARGEST)
                young, *older = gc.get_threshold()
                _before = young if young in _DEFAULTS else None
                if _before is not None:
                    gc.set_threshold(YOUNG, *older)

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        global _open
        with _lock:
            _open -= 1
            if _open == 0:
                if _keep_freed_memory(*_ADAPTED):
                    give_back()
                young, *older = gc.get_threshold()
                if _before is not None and young == YOUNG:
                    gc.set_threshold(_before, *older)


def give_back() -> None:
    """Give freed memory back to the system, where the C library is GNU's."""
    if platform.libc_ver()[0] == "glibc":
        with contextlib.suppress(OSError):  # an audit hook may refuse it
            ctypes.CDLL(None).malloc_trim(0)


def _keep_freed_memory(kept: int, largest: int) -> bool:
    """Whether the C library agreed."""
    if platform.libc_ver()[0] != "glibc" or any(name in os.environ for name in _USERS_OWN):
        return False
    try:
        adjust = ctypes.CDLL(None).mallopt
    except OSError:  # an audit hook may refuse it
        return False
    return bool(adjust(_TRIM_THRESHOLD, kept) and adjust(_MMAP_THRESHOLD, largest))
