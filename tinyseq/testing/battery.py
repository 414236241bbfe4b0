"""All the properties, for every op of the engine, from its declaration alone."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyseq.autograd.declare import FUNCTIONS, Op, apply
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import NUMPY, Namespace, namespace_of, to_numpy
from tinyseq.testing.calls import Call
from tinyseq.testing.calls.values import common_domain, distinct, within
from tinyseq.testing.numerical import Values
from tinyseq.testing.properties import (
    EPS,
    FIRST_ORDER,
    Trial,
    check_gradient,
    check_no_aliasing,
    check_nothing_changes,
    check_second_order,
    check_short_floats,
)
from tinyseq.testing.subject import Subject, flat


def check_op(op: Op, call: Call, reference: Callable[..., Any] | None = None) -> None:
    """The whole contract of an op, for one call of `tinyseq.testing.calls`.

    Args:
        op: the declaration.
        call: arguments.
        reference: an independent function with the op's value, if the declaration names none.

    Raises:
        ContractError: at the first property that does not hold.
    """
    trial = op_trial(op, call)
    check_value(trial, op, call, reference or op.reference)
    check_memory(trial, op)
    if op.vjp is None:
        check_unrecorded(trial)
        return
    for check in FIRST_ORDER:
        check(trial)
    check_slope_bound(trial, op)
    check_same_inputs(op, call)
    check_second_order(trial)
    check_short_floats(trial, converts=call.attrs.get("dtype") is not None)


def op_trial(op: Op, call: Call, library: Namespace = NUMPY) -> Trial:
    """A trial of one call of an op."""
    public = FUNCTIONS[op.name] if getattr(FUNCTIONS[op.name], "op", None) is op else None

    def fn(*tensors: Tensor) -> Any:
        return apply(op, tensors, call.attrs) if public is None else public(*tensors, **call.attrs)

    def raw(*arrays: Values) -> Any:
        return op.forward(NUMPY, *arrays, **op.defaults | call.attrs)

    settings = ", ".join(f"{name}={value!r}" for name, value in call.attrs.items())
    subject = Subject(fn, call.arrays, f"{op.name}({settings})", library)
    if op.vjp is not None:
        subject.real = tuple(i for i in subject.real if op.variadic or op.rules[i] is not None)
    short = any(value.dtype == np.float32 for value in subject.values())
    return Trial(subject, raw if op.analytic else None, 1e-2 if short else EPS)


def check_value(trial: Trial, op: Op, call: Call, reference: Callable[..., Any] | None) -> None:
    """The value equals that of the reference."""
    trial.require(reference is not None, "the declaration has no reference to compare its value with")
    assert reference is not None
    with np.errstate(all="ignore"):  # for the log of an empty sum
        wanted = reference(*call.arrays, **call.attrs)
    found = [to_numpy(output._array) for output in flat(trial.subject.fn(*trial.subject.tensors()))]
    wanted = wanted if op.outputs else [wanted]
    trial.require(len(found) == len(wanted), f"gave {len(found)} outputs and not {len(wanted)}")
    for value, known in zip(found, map(np.asarray, wanted), strict=True):
        trial.require(value.dtype == known.dtype, f"the value has dtype {value.dtype} and not {known.dtype}")
        trial.agree(value.astype(float), known.astype(float), "the value", exact=True)


def check_memory(trial: Trial, op: Op) -> None:
    """Only a view, by its record, lies in the memory of an input."""
    inputs = trial.subject.tensors()
    for output in flat(trial.subject.fn(*inputs)):
        shares = any(np.shares_memory(to_numpy(output._array), to_numpy(x._array)) for x in inputs)
        trial.require(op.view or not shares, "a result lies in the memory of an input; declare view=True, or copy")


def check_slope_bound(trial: Trial, op: Op) -> None:
    """No singular value of the Jacobian by one input exceeds the bound of the record, where nothing is broadcast."""
    if op.slope_bound is None:
        return
    for slope, x in zip(trial.slopes, trial.inputs, strict=True):
        if slope.size and not (op.broadcasts and len(slope) != x.size):
            steepest = float(np.linalg.norm(slope, 2))
            message = f"its slope is {steepest:.9g}, above the slope_bound of {op.slope_bound}"
            trial.require(steepest <= op.slope_bound + 10 * trial.eps, message)


def same_inputs(op: Op, call: Call) -> Trial | None:
    """f(x, x) as a function of x alone, for an op whose arguments have one shape; None for others."""
    places = [i for i, array in enumerate(call.arrays) if array.dtype == np.float64]
    shapes = {call.arrays[i].shape for i in places}
    if len(places) < 2 or len(shapes) > 1:
        return None
    x = within(common_domain(op), distinct(np.random.default_rng(0), list(shapes))[0])
    trial = op_trial(op, call)

    def together(x: Tensor) -> Any:
        return trial.subject.fn(*(x if i in places else array for i, array in enumerate(call.arrays)))

    return Trial(Subject(together, x, f"{trial.subject.name}, the same array for each argument"), eps=trial.eps)


def check_same_inputs(op: Op, call: Call) -> None:
    """f(x, x) has the sum of both gradients, which is accumulated in an array of its own."""
    trial = same_inputs(op, call)
    if trial is not None:
        check_gradient(trial)
        check_nothing_changes(trial)
        check_no_aliasing(trial)


def check_library(op: Op, call: Call, library: Namespace) -> None:
    """Another array library gives the same values and gradients, in its own arrays."""
    trial, other = op_trial(op, call), op_trial(op, call, library)
    outputs = flat(other.subject.fn(*other.subject.tensors()))
    trial.require(
        all(namespace_of(y._array) is library for y in outputs), f"its output is not an array of {library.name}"
    )
    check_value(other, op, call, op.reference)
    if op.vjp is not None:
        for found, wanted in zip(other.gradients, trial.gradients, strict=True):
            trial.agree(found, wanted, f"the gradient computed by {library.name}", exact=True)


def check_unrecorded(trial: Trial) -> None:
    """An op without a rule returns constants."""
    outputs = flat(trial.subject.fn(*trial.subject.tensors(requires_grad=True)))
    trial.require(not any(output.requires_grad for output in outputs), "has no rule, but its output requires grad")
