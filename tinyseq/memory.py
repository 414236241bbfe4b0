"""Memory for training steps: freed memory is kept at hand, and the search for cycles comes less often.

A step allocates the graph's arrays and frees all of them at its end. The GNU C library then gives that memory back to
the system, and the next step has it mapped and zeroed anew, page by page. Told to keep more, it hands the same pages
out again. Nothing changes on other systems.

Python looks for cycles of dead objects whenever 700 (in later versions 2,000) more of them live than at the last time.
A graph has no cycles, but an LSTM's step makes thousands of objects that all live until its end: they were searched
several times a step in vain.

Without the two, ``benchmarks/lstm.py`` takes 1.15 to 1.7 times as long for an LSTM's step.
"""

import ctypes
import gc
import os
import platform

KEPT = 512 << 20  # bytes at the top of the heap that stay with the process after they were freed
LARGEST = 64 << 20  # bytes of the largest array that comes from the heap; a larger one goes back to the system at once

YOUNG = 10_000  # objects made and not freed between two searches for cycles

_DEFAULTS = (700, 2000)  # what Python's versions begin with
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # the parameters' numbers in malloc.h
_USERS_OWN = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


def keep_freed_memory() -> bool:
    """Let the C library keep up to `KEPT` freed bytes for the next allocation.

    Whoever has set ``MALLOC_TRIM_THRESHOLD_``, ``MALLOC_MMAP_THRESHOLD_`` or ``GLIBC_TUNABLES`` in the environment has
    decided for themselves, and nothing is changed.

    Returns:
        Whether the C library agreed.

    Example:
        >>> keep_freed_memory() in (True, False)
        True
    """
    if platform.libc_ver()[0] != "glibc" or any(name in os.environ for name in _USERS_OWN):
        return False
    adjust = ctypes.CDLL(None).mallopt
    return bool(adjust(_TRIM_THRESHOLD, KEPT) and adjust(_MMAP_THRESHOLD, LARGEST))


def look_for_cycles_less_often() -> bool:
    """Let Python's collector look for cycles after `YOUNG` new objects, unless somebody has set it already.

    Returns:
        Whether it was changed.

    Example:
        >>> look_for_cycles_less_often()  # it was, when tinyseq was imported
        False
    """
    young, *older = gc.get_threshold()
    if young not in _DEFAULTS:
        return False
    gc.set_threshold(YOUNG, *older)
    return True
