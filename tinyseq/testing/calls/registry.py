"""Families of random calls, by name.

An op's declaration names a *family* of calls, such as ``"elementwise"`` or ``"product"``, and each argument's domain. A
family draws shapes and settings.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tinyseq.autograd.declare import Op
from tinyseq.testing.numerical import Values

Draw = st.DrawFn


class Call(NamedTuple):
    """Arguments of an op: its inputs as arrays, and its settings."""

    arrays: tuple[Values, ...]
    attrs: dict[str, Any]

    def __repr__(self) -> str:
        given = [f"{a.dtype}{list(a.shape)}" for a in self.arrays] + [f"{k}={v!r}" for k, v in self.attrs.items()]
        return f"({', '.join(given)})\n" + "\n".join(repr(a) for a in self.arrays)


Family = Callable[[Draw, Op], Call]
FAMILIES: dict[str, Family] = {}


def family(draw_call: Family) -> Family:
    """Register a family of calls under the function's name.

    The function gets Hypothesis's ``draw`` and the op, and returns a `Call`; `numbers` makes the arrays.
    """
    FAMILIES[draw_call.__name__] = draw_call
    return draw_call


def calls_of(op: Op) -> st.SearchStrategy[Call]:
    """Random calls of an op.

    Raises:
        LookupError: if the declaration names an undefined family.

    Example:
        >>> from tinyseq.autograd.declare import OPS
        >>> call = calls_of(OPS["matmul"]).example()  # doctest: +SKIP
    """
    if op.calls not in FAMILIES:
        raise LookupError(
            f"{op.name} says calls={op.calls!r}, but there is no such family of calls; "
            f"define it with @tinyseq.testing.calls.family, or name one of {sorted(FAMILIES)}"
        )
    return _composite(FAMILIES[op.calls])(op)


def examples_of(op: Op, count: int) -> list[Call]:
    """Some calls of an op, the same in every run."""
    found: list[Call] = []
    quiet = settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    quiet(given(calls_of(op))(lambda call: found.append(call)))()
    return found


@functools.cache
def _composite(draw_call: Family) -> Callable[[Op], st.SearchStrategy[Call]]:
    return st.composite(draw_call)  # which reads the function's source
