"""Comparing a function's gradients with difference quotients."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinyseq.arguments import finite
from tinyseq.autograd.tensor import Tensor, TensorLike
from tinyseq.testing.diagnosis import diagnose
from tinyseq.testing.numerical import central_differences, moved, places
from tinyseq.testing.report import Derivative, GradcheckError, GradcheckReport, snippet
from tinyseq.testing.subject import Subject, is_real, pull
from tinyseq.torch_names.settings import explained

Inputs = TensorLike | Sequence[TensorLike]


@explained
def gradcheck(
    fn: Callable[..., object], inputs: Inputs, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3
) -> GradcheckReport:
    """Check a function's whole Jacobian against central difference quotients.

    Args:
        fn: takes tensors, returns a tensor or nested tensors. It must be deterministic.
        inputs: one tensor or array, or a list of them. Those of floating-point type are differentiated.
        eps: the step of the quotients.
        atol, rtol: the tolerance: ``atol + rtol * abs(quotient)``.

    Returns:
        A `GradcheckReport`, which is truthy.

    Raises:
        GradcheckError: if a derivative is off. Its text shows the worst ones, the quotients for steps of many sizes,
            what that means (a wrong rule, a kink, or a point where quotients cannot tell), and code to reproduce it.
        TypeError: for types with fewer than 64 bits, in which quotients are too inaccurate.
        ValueError: if two calls return different results, or ``eps`` or a tolerance is negative, NaN or infinite.

    Warns:
        UserWarning: the function does not use its inputs, as one that computes with variables from outside.

    Example:
        >>> import tinyseq as ts
        >>> x = ts.tensor([0.5, -1.0])
        >>> bool(ts.testing.gradcheck(ts.tanh, x))
        True
        >>> ts.testing.gradcheck(lambda x: x * x.detach(), x)  # doctest: +IGNORE_EXCEPTION_DETAIL
        Traceback (most recent call last):
        tinyseq.testing.report.GradcheckError: <lambda>: 2 of 4 first derivatives differ: wrong rule
    """
    return check(Subject(fn, inputs), eps, atol, rtol)


@explained
def gradgradcheck(
    fn: Callable[..., object], inputs: Inputs, eps: float = 1e-6, atol: float = 1e-5, rtol: float = 1e-3
) -> GradcheckReport:
    """Check a function's second derivatives: `gradcheck` of its gradient.

    The gradient is that of a weighted sum of all outputs; the weights are drawn once, and differentiated too.

    Args:
        fn, inputs, eps, atol, rtol: as for `gradcheck`.

    Returns:
        A `GradcheckReport`, which is truthy.

    Raises:
        GradcheckError, TypeError, ValueError: as `gradcheck`.

    Example:
        >>> import tinyseq as ts
        >>> bool(ts.testing.gradgradcheck(ts.tanh, ts.tensor([0.5, -1.0])))
        True
    """
    return check(gradient_of(Subject(fn, inputs)), eps, atol, rtol)


def gradient_of(subject: Subject) -> Subject:
    """The gradient of a subject, as a function of the inputs and of the outputs' gradients."""
    count = len(subject.arrays)
    rng = np.random.default_rng(0)
    upstreams = [np.asarray(rng.uniform(0.5, 1.5, value.shape), dtype=value.dtype) for value in subject.values()]

    def gradient(*values: Tensor) -> list[Tensor]:
        inputs = [x if x.requires_grad or not is_real(x) else x.detach().requires_grad_() for x in values[:count]]
        sources = [inputs[i] for i in subject.real]
        recorded = any(x.requires_grad for x in values)  # where only values are asked for, the rules run on raw arrays
        return pull(subject.outputs(inputs), sources, values[count:], create_graph=recorded)

    return Subject(gradient, [*subject.arrays, *upstreams], subject.name, subject.library, inner=subject)


def check(subject: Subject, eps: float, atol: float, rtol: float) -> GradcheckReport:
    """Compare the Jacobian of the rules with that of the quotients, element by element."""
    atol, rtol = finite("atol", atol, least=0.0), finite("rtol", rtol, least=0.0)
    if not finite("eps", eps) > 0:
        raise ValueError(f"eps must be above 0, got {eps}")
    if not subject.real:
        raise TypeError(f"{subject.name} has no floating-point input, so there is no derivative to check")
    values = subject.values()
    _refuse_short_numbers(subject, [value.dtype for value in values])
    subject.require_repeatable()
    rows = list(places([value.shape for value in values]))
    checked, largest, differing = 0, 0.0, []
    for i, rule in zip(subject.real, subject.jacobians(), strict=True):
        numerical = central_differences(subject.vector, subject.arrays, i, eps)
        columns = list(np.ndindex(subject.arrays[i].shape))
        error = np.abs(rule - numerical)
        checked, largest = checked + error.size, max(largest, float(np.max(error, initial=0.0)))
        allowed = atol + rtol * np.abs(numerical)
        for row, column in np.argwhere(~(error <= allowed)):  # so that a NaN differs
            k, index = rows[row]
            found = Derivative(k, index, i, columns[column], float(rule[row, column]), float(numerical[row, column]))
            badness = error[row, column] / allowed[row, column]
            differing.append((np.inf if np.isnan(badness) else badness, int(row), found))
    report = GradcheckReport(subject.name, 1 if subject.inner is None else 2, subject.arrays, checked, largest)
    if not differing:
        (subject.inner or subject).warn_if_unused()
        return report
    differing.sort(key=lambda entry: -entry[0])
    _, row, worst = differing[0]

    def line(step: float) -> float:
        return float(subject.vector(moved(subject.arrays, worst.input, worst.input_index, step))[row])

    raise GradcheckError(
        report._replace(
            differing=tuple(found for _, _, found in differing),
            diagnosis=diagnose(line, worst.rule, eps, atol, rtol),
            snippet=snippet(subject, worst),
        )
    )


def _refuse_short_numbers(subject: Subject, outputs: list[Any]) -> None:
    cure = "difference quotients need float64: convert the inputs and parameters with .to('float64')"
    for i in subject.real:
        if subject.arrays[i].dtype != np.float64:
            raise TypeError(f"inputs[{i}] of {subject.name} has dtype {subject.arrays[i].dtype}; {cure}")
    for k, dtype in enumerate(outputs):
        if dtype != np.float64:
            raise TypeError(f"output {k} of {subject.name} has dtype {dtype}; {cure}")
