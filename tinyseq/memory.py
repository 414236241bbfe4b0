"""Keeping freed memory at hand, so that one training step reuses the memory of the last.

A step allocates the graph's arrays and frees all of them at its end. The GNU C library then gives that memory back to
the system, and the next step has it mapped and zeroed anew, page by page: a tenth to a fifth of the time of an LSTM's
step. Told to keep more, it hands the same pages out again. Nothing changes on other systems.
"""

import ctypes
import os
import platform

KEPT = 512 << 20  # bytes at the top of the heap that stay with the process after they were freed
LARGEST = 64 << 20  # bytes of the largest array that comes from the heap; a larger one goes back to the system at once

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # the parameters' numbers in malloc.h
_USERS_OWN = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


def keep_freed_memory() -> bool:
    """Let the C library keep up to `KEPT` freed bytes for the next allocation.

    Whoever has set MALLOC_TRIM_THRESHOLD_, MALLOC_MMAP_THRESHOLD_ or GLIBC_TUNABLES in the environment has decided for
    themselves, and nothing is changed.

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
