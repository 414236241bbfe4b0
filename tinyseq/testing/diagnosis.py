"""Diagnosis of a derivative that disagrees with its rule, from difference quotients of many step sizes.

As the step eps shrinks, the difference quotient of a smooth function first nears the derivative, its error falling as
eps², and is then lost in rounding errors, which grow as 1/eps: the V-curve. In between it converges, and can be
trusted. At a kink the quotients to the left and to the right converge to different values.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

STEPS = tuple(10.0**-k for k in range(1, 11))
ROUNDING = float(np.finfo(np.float64).eps)


class Quotients(NamedTuple):
    """The difference quotients for one size of step: to both sides, to the left and to the right."""

    eps: float
    central: float
    left: float
    right: float
    noise: float  # an estimate of their rounding error

    @property
    def gap(self) -> float:
        """How far the two sides are apart: about eps |f''| for a smooth function, constant at a kink."""
        return abs(self.right - self.left)


class Diagnosis(NamedTuple):
    """What is wrong ("wrong rule", "kink" or "ill-conditioned"), the reason, and the quotients that it is based on."""

    verdict: str
    reason: str
    sweep: tuple[Quotients, ...]


def quotients(line: Callable[[float], float], eps: float) -> Quotients:
    """The difference quotients at 0 of a function of one number."""
    here, ahead, behind = line(0.0), line(eps), line(-eps)
    noise = 4 * ROUNDING * max(abs(here), abs(ahead), abs(behind)) / eps
    return Quotients(eps, (ahead - behind) / (2 * eps), (here - behind) / eps, (ahead - here) / eps, noise)


def diagnose(line: Callable[[float], float], rule: float, eps: float, atol: float, rtol: float) -> Diagnosis:
    """Explain why the slope of a function of one number differs from a rule's.

    Args:
        line: the function, of the distance from the point in question.
        rule: the slope that the rule gave.
        eps: the step whose central quotient disagreed with the rule.
        atol, rtol: agreement means a difference of at most ``atol + rtol * abs(quotient)``.
    """
    sweep = tuple(quotients(line, step) for step in STEPS)
    if not np.isfinite([q.central for q in sweep]).all() or not np.isfinite(line(0.0)):
        return Diagnosis("ill-conditioned", "the function is not finite at this point or close to it", sweep)

    def near(value: float, other: float) -> bool:
        return abs(value - other) <= atol + rtol * abs(other)

    if (side := _kink(line, eps, atol, rtol)) is not None:
        low, high = sorted((side.left, side.right))
        facts = f"within {side.eps:.0e} the slope changes from {side.left:.6g} to {side.right:.6g}"
        if low - atol - rtol * abs(low) <= rule <= high + atol + rtol * abs(high):
            return Diagnosis("kink", f"{facts}, so any value between is valid; check at another point", sweep)
        return Diagnosis("wrong rule", f"{facts}, and the rule's {rule:.6g} does not lie between", sweep)
    settled, spread = _settled(sweep)
    facts = f"the quotients converge to {settled.central:.8g} near eps = {settled.eps:.0e}"
    if not near(settled.central + spread, settled.central):
        reason = (
            f"the quotients do not converge (near eps = {settled.eps:.0e} they are uncertain by {spread:.2g}), so "
            "they cannot verify the rule; scale the inputs or the function"
        )
        return Diagnosis("ill-conditioned", reason, sweep)
    if near(rule, settled.central):
        return Diagnosis("ill-conditioned", f"{facts}, as the rule says; check with that eps", sweep)
    return Diagnosis("wrong rule", f"{facts}, but the rule gives {rule:.8g}{_hint(rule, settled.central, near)}", sweep)


def _kink(line: Callable[[float], float], eps: float, atol: float, rtol: float) -> Quotients | None:
    """The quotients around a kink closer than eps, or None if there is none.

    At a kink the gap between the sides does not shrink with the step, though the slope of one side, at least, stays.
    """
    here, wider, widest = (quotients(line, eps * scale) for scale in (1, 10, 100))
    if here.gap <= max(atol + rtol * abs(here.central), 10 * here.noise):
        return None
    for near, far in ((here, wider), (wider, widest)):
        steady = min(abs(near.left - far.left), abs(near.right - far.right))
        if near.gap > 0.5 * far.gap and steady < 0.2 * near.gap:
            return wider
    return None


def _settled(sweep: Sequence[Quotients]) -> tuple[Quotients, float]:
    """Where the central quotient changes least from one step to the next, and how uncertain it is there."""
    small = [q for q in sweep if q.eps <= 1e-2]
    changes = [max(abs(a.central - b.central), a.noise) for a, b in pairwise(small)]
    best = int(np.argmin(changes))
    return small[best], changes[best]


def _hint(rule: float, truth: float, near: Callable[[float, float], bool]) -> str:
    if near(rule, 0.0):
        return "; does some step leave the graph (detach, item, numpy)?"
    for factor, name in ((-1.0, "a flipped sign"), (2.0, "twice too much"), (0.5, "half of it missing")):
        if near(rule, factor * truth):
            return f": {name}"
    return ""
