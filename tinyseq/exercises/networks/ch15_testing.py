"""Chapter 15: derivatives by finite differences and complex steps, and a planted bug."""

from collections.abc import Callable, Iterator

import numpy as np

from tinyseq.exercises.child import Code
from tinyseq.exercises.inputs import Rng
from tinyseq.exercises.record import Case, exercise


def function_inputs(rng: Rng) -> Iterator[Case]:
    """Functions, points, and steps."""
    yield Code("lambda x: np.sum(x**3)"), np.array([1.0, 2.0]), 0.5
    yield Code("lambda x: x[0] * x[1]"), np.array([3.0, -2.0]), 0.25
    yield Code("lambda x: np.sum(np.exp(x))"), np.array([[0.0, 1.0], [-1.0, 0.5]]), 0.125
    yield Code("lambda x: np.prod(x)"), rng.normal(size=3), 0.5
    yield Code("lambda x: np.sum(np.sin(x)) ** 2"), rng.normal(size=(2, 3)), 1e-3


@exercise(
    15,
    "Central differences",
    r"""
    Approximate the gradient of a function of an array by
    $\frac{f(x + \epsilon e_i) - f(x - \epsilon e_i)}{2 \epsilon}$, where $e_i$ is 1 at one element and 0 at all
    others. The result has the shape of $x$.
    """,
    inputs=function_inputs,
    edits=r"""
    the difference is one-sided, so it is less accurate
        (f(x + step) - f(x - step)) / (2 * eps) => (f(x + step) - f(x)) / eps
    the difference is divided by one step, but spans two
        (2 * eps) => eps
    the difference is not divided by the step
        ) / (2 * eps) => )
    all elements are perturbed at once
        step[i] = eps => step[...] = eps
    the sign is wrong
        f(x + step) - f(x - step) => f(x - step) - f(x + step)
    this is a backward difference, so it is less accurate
        (f(x + step) - f(x - step)) / (2 * eps) => (f(x) - f(x - step)) / eps
    only the second value is divided by the two steps: parentheses are missing
        (f(x + step) - f(x - step)) / (2 * eps) => f(x + step) - f(x - step) / (2 * eps)
    the perturbation of each element is never undone
        step[i] = eps =>
            step = eps * np.reshape(np.arange(x.size) <= np.ravel_multi_index(i, x.shape), x.shape)
    """,
)
def central_difference(f: Callable[[np.ndarray], float], x: np.ndarray, eps: float) -> np.ndarray:
    """The gradient of a function by central differences.

    Args:
        f: takes an array of x's shape, returns a number.
        x: the point, floats.
        eps: the step.

    Returns:
        An array of x's shape.
    """
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[i] = eps
        gradient[i] = (f(x + step) - f(x - step)) / (2 * eps)
    return gradient


def analytic_inputs(rng: Rng) -> Iterator[Case]:
    """Functions of complex numbers, and points."""
    for source in ("x**3", "np.exp(x)", "np.sin(x) * x", "1 / (1 + np.exp(-x))", "np.log(x)", "x**0.5"):
        yield Code(f"lambda x: {source}"), float(rng.uniform(0.5, 2))
    yield Code("lambda x: np.exp(x)"), 50.0


@exercise(
    15,
    "The complex step",
    r"""
    For an analytic $f$, $f(x + ih) = f(x) + ih f'(x) + O(h^2)$: the derivative is the imaginary part of
    $f(x + ih) / h$. Nothing is subtracted, so $h$ may be tiny, and the result is accurate to the last digits. Compute
    $f'(x)$ to a relative precision of $10^{-12}$.
    """,
    inputs=analytic_inputs,
    rtol=1e-12,
    atol=0.0,
    edits=r"""
    the step is too large: the error grows with its square
        1e-30 => 1e-4
    the real part is used; the derivative is in the imaginary part
        np.imag( => np.real(
    the result is not divided by the step
        np.imag(f(x + 1j * h)) / h => np.imag(f(x + 1j * h))
    this is a finite difference, which loses about half of the digits
        np.imag(f(x + 1j * h)) / h => (f(x + 1e-6) - f(x - 1e-6)) / 2e-6
    the sign is wrong
        x + 1j * h => x - 1j * h
    the absolute value is taken
        np.imag(f(x + 1j * h)) / h => abs(f(x + 1j * h)) / h
    the derivative is taken at 0, not at x
        f(x + 1j * h) => f(0 * x + 1j * h)
    """,
)
def complex_step(f: Callable[[complex], complex], x: float) -> float:
    """The derivative by a complex step.

    Args:
        f: analytic, takes and returns a complex number.
        x: the point.

    Returns:
        f'(x).
    """
    h = 1e-30
    return float(np.imag(f(x + 1j * h)) / h)


def planted_inputs(rng: Rng) -> Iterator[Case]:
    """A function, and rules for its derivative, some of which are wrong."""
    planted = [
        ("np.tanh(x)", ["1 - np.tanh(x) ** 2", "1 - np.tanh(x)", "1 / np.cosh(x) ** 2"]),
        ("x**2", ["2 * x", "2 * abs(x)", "x + x"]),  # wrong for negative x only
        ("x**3", ["3 * x**2", "3 * x", "2 * x**2", "3.0003 * x**2"]),
        ("np.sin(x)", ["np.cos(x)", "1 - x**2 / 2 + x**4 / 24", "np.cos(-x)"]),  # wrong far from 0 only
        ("np.exp(x)", ["np.exp(x)", "1 + x + x**2 / 2", "np.exp(x) + 1e-3"]),
        ("np.maximum(x, 0)", ["1.0 * (x > 0)", "np.ones_like(x)", "np.sign(x)"]),
        ("np.log(1 + np.exp(x))", ["1 / (1 + np.exp(-x))", "1 / (1 + np.exp(x))", "np.exp(x) / (1 + np.exp(x))"]),
        ("5.0 * x", ["5 + 0 * x", "5 * x", "5 + 1e-9 * x"]),  # the error of the last one is within the tolerance
        ("np.where(x < 2, x, 2 + 3 * (x - 2))", ["1 + 2.0 * (x > 2)", "np.ones_like(x)"]),
        ("np.cos(x)", ["-np.sin(x)", "np.sin(x)"]),
        ("1e4 * x**3", ["3e4 * x**2"]),
    ]
    for f, rules in planted:
        yield Code(f"lambda x: {f}"), [Code(f"lambda x: {rule}") for rule in rules]


@exercise(
    15,
    "Catch the planted bug",
    r"""
    You are given a function of one variable, which works element by element, and several rules for its derivative. Find
    the wrong rules: compare each with central differences at points between $-3$ and $3$, both near 0 and far from it,
    both positive and negative. A rule is wrong if it is off by more than $10^{-5} (1 + |f'(x)|)$ at some point. Some of
    the functions have a kink at 0 or at 2: do not test there.
    """,
    inputs=planted_inputs,
    edits=r"""
    only positive points are tried; some bugs show only at negative ones
        np.linspace(-2.95, 2.95, 50) => np.linspace(0.05, 2.95, 50)
    only points near 0 are tried; some bugs show only far from it
        np.linspace(-2.95, 2.95, 50) => np.linspace(-0.01, 0.01, 50)
    the tolerance is too loose: small errors pass
        1e-5 * (1 => 1e-2 * (1
    the step is too large: differences are inaccurate, and right rules are reported
        eps = 1e-5 => eps = 0.05
    the step is too small: differences are mostly rounding error, and right rules are reported
        eps = 1e-5 => eps = 1e-14
    a rule is reported only if it is wrong at every point
        if np.any( => if np.all(
    the kinks at 0 and 2 are tested, too, where no rule agrees with a difference
        np.linspace(-2.95, 2.95, 50) => np.linspace(-3, 3, 61)
    the search ends at the first wrong rule
        return wrong => return wrong[:1]
    the absolute value is missing: rules whose values are too small pass
        abs(rule(x) - slope) => rule(x) - slope
    """,
)
def find_the_bug(f: Callable[[np.ndarray], np.ndarray], rules: list[Callable[[np.ndarray], np.ndarray]]) -> list[int]:
    """The indices of the wrong rules.

    Args:
        f: takes an array, returns one of the same shape.
        rules: each takes x, and should return f'(x).

    Returns:
        The indices of the wrong ones, in increasing order.
    """
    eps = 1e-5
    x = np.linspace(-2.95, 2.95, 50)
    slope = (f(x + eps) - f(x - eps)) / (2 * eps)
    wrong = []
    for i, rule in enumerate(rules):
        if np.any(abs(rule(x) - slope) > 1e-5 * (1 + abs(slope))):
            wrong.append(i)
    return wrong
