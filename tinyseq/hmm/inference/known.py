"""What is known of masks and lengths: in a recording, nothing before it is replayed (see `tinyseq.compile`)."""

from typing import Any

from tinyseq.backend import Array, is_recorded


def all_known(mask: Array, at: Any = ...) -> bool:
    """Whether all elements at an index are known to be true."""
    return not is_recorded(mask) and bool(mask[at].all())


def any_possible(mask: Array, at: Any = ...) -> bool:
    """Whether an element at an index is true, or may be in a replay."""
    return is_recorded(mask) or bool(mask[at].any())


def largest_count(counts: Array, most: int) -> int:
    """The largest of some counts, 0 if there are none; the bound ``most`` if they are not known."""
    return most if is_recorded(counts) else int(counts.max(initial=0))
