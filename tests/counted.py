"""The price of an action that does not depend on the machine: how many functions it calls, and how deep."""

import cProfile
import sys
from collections.abc import Callable
from typing import Any, NamedTuple


class Work(NamedTuple):
    """What an action has done.

    Attributes:
        calls: of functions, Python's and C's.
        depth: how many calls of Python functions were open at once.
    """

    calls: int
    depth: int


def work(action: Callable[[], Any]) -> Work:
    """Run an action and count its calls."""
    calls = depth = deepest = 0

    def count(frame: Any, event: str, arg: Any) -> None:
        nonlocal calls, depth, deepest
        if event in ("call", "c_call"):
            calls += 1
        if event in ("call", "return"):
            depth += 1 if event == "call" else -1
            deepest = max(deepest, depth)

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(before)
    return Work(calls, deepest)


def calls(action: Callable[[], Any]) -> int:
    """The calls alone, in less time."""
    profile = cProfile.Profile()
    profile.runcall(action)
    return sum(entry.callcount for entry in profile.getstats())
