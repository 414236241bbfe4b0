"""The contract of a gradient, property by property.

A rule is right if its gradient is the derivative of the value, at first and at second order; if it is linear in the
upstream gradient; if it does not modify its arguments; and if its result has the shape and type of its input. Each
property is a function here. They take a `Trial`, one function at one point, so that they serve users' own functions
(`assert_gradients`) as well as ops.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np

from tinyseq.autograd.graph import ancestors
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import NAMESPACES, to_numpy
from tinyseq.testing.gradcheck import gradient_of
from tinyseq.testing.numerical import Values, central_differences, complex_step, joined
from tinyseq.testing.subject import Subject, pull

EPS = 1e-6  # the step of difference quotients


class ContractError(AssertionError):
    """Raised if an op or a function breaks the gradient contract.

    Example:
        >>> import numpy as np
        >>> import tinyseq as ts
        >>> try:
        ...     ts.testing.assert_gradients(lambda x: x * x.detach(), np.array([1.0, 2.0]))
        ... except ts.testing.ContractError as error:
        ...     print(str(error).partition(" is ")[0])
        <lambda>: the gradient of argument 0
    """


class Trial:
    """One function at one point, with random upstream gradients, and its derivative by evaluation alone.

    Args:
        subject: the function and its inputs.
        raw: the same function on raw complex arrays, if it is analytic: then the complex step is the reference.
        eps: the step of the difference quotients that are the reference otherwise.
    """

    def __init__(self, subject: Subject, raw: Callable[..., Any] | None = None, eps: float = EPS) -> None:
        self.subject = subject
        self.raw = raw
        self.eps = eps
        self.rng = np.random.default_rng(0)
        self.values = subject.values()
        self.upstreams = [self.like(value) for value in self.values]

    def like(self, array: Values) -> Values:
        """Random numbers of an array's shape and type."""
        return np.asarray(self.rng.uniform(-1.5, 1.5, array.shape), dtype=array.dtype)

    @property
    def inputs(self) -> list[Values]:
        """The differentiated inputs."""
        return [self.subject.arrays[i] for i in self.subject.real]

    @cached_property
    def slopes(self) -> list[Values]:
        """The Jacobian with respect to each differentiated input, by evaluation alone."""
        arrays, real = self.subject.arrays, self.subject.real
        raw = self.raw
        if raw is None:
            return [central_differences(self.subject.vector, arrays, i, self.eps) for i in real]
        return [complex_step(partial(_complex_vector, raw), arrays, i) for i in real]

    @cached_property
    def gradients(self) -> list[Values]:
        """The gradients that the rules give for the upstream ones."""
        return self.subject.gradients(self.upstreams)

    def agree(self, found: Any, wanted: Any, what: str, exact: bool = False) -> None:
        """Raise unless two arrays agree, to the precision of ``wanted``."""
        found, wanted = np.asarray(found), np.asarray(wanted)
        self.require(found.shape == wanted.shape, f"{what} has shape {found.shape}, expected {wanted.shape}")
        digits = 1e-10 if (exact and self.eps == EPS) or self.raw is not None else 10 * self.eps
        scale = float(np.max(np.abs(wanted), initial=1.0))
        with np.errstate(invalid="ignore"):  # infinity minus infinity
            error = np.abs(found - wanted)
        wrong = ~((error <= digits * (np.abs(wanted) + scale)) | (found == wanted))
        if wrong.any():
            worst = np.unravel_index(np.argmax(np.where(wrong, np.nan_to_num(error, nan=np.inf), -1.0)), error.shape)
            at = f" at {[int(k) for k in worst]}" if worst else ""
            self.require(False, f"{what} is {found[worst]:.9g}{at} and not {wanted[worst]:.9g}")

    def require(self, condition: bool, complaint: str) -> None:
        """Raise unless a condition holds."""
        if not condition:
            given = "\n".join(repr(array) for array in self.subject.arrays)
            raise ContractError(f"{self.subject.name}: {complaint}\ncalled with\n{given}")


# -- the contract, property by property --------------------------------------------------------------------------------


def _complex_vector(raw: Callable[..., Any], arrays: Sequence[Values]) -> Values:
    found = raw(*arrays)
    return joined(found if isinstance(found, list) else [found])


def check_gradient(trial: Trial) -> None:
    """The gradient is the derivative of the value, element by element."""
    for i, found, slope, x in zip(trial.subject.real, trial.gradients, trial.slopes, trial.inputs, strict=True):
        wanted = (joined(trial.upstreams) @ slope).reshape(x.shape)
        trial.agree(found, wanted, f"the gradient of {trial.subject.titles[i]}")


def check_adjoint(trial: Trial) -> None:
    """<u, J v> = <Jᵀ u, v> for a random direction v: backward and forward derivatives agree."""
    directions = [trial.like(x) for x in trial.inputs]
    u = joined(trial.upstreams)
    forward = sum(u @ slope @ v.reshape(-1) for slope, v in zip(trial.slopes, directions, strict=True))
    back = sum(np.sum(g * v) for g, v in zip(trial.gradients, directions, strict=True))
    trial.agree(back, forward, "the product <Jᵀ u, v>")


def check_single_outputs(trial: Trial) -> None:
    """Where only one output has a gradient, those of the others count as zero."""
    if len(trial.upstreams) < 2:
        return
    for k in range(len(trial.upstreams)):
        alone = [u if i == k else None for i, u in enumerate(trial.upstreams)]
        padded = [u if i == k else u * 0 for i, u in enumerate(trial.upstreams)]
        for found, slope, x in zip(trial.subject.gradients(alone), trial.slopes, trial.inputs, strict=True):
            trial.agree(found, (joined(padded) @ slope).reshape(x.shape), f"the gradient by output {k} alone")


def check_linearity(trial: Trial) -> None:
    """The gradient is linear in the upstream gradient."""
    others = [trial.like(u) for u in trial.upstreams]
    mixed = trial.subject.gradients([2 * u - 3 * v for u, v in zip(trial.upstreams, others, strict=True)])
    for found, g, h in zip(mixed, trial.gradients, trial.subject.gradients(others), strict=True):
        trial.agree(found, 2 * g - 3 * h, "the gradient for 2u - 3v", exact=True)


def check_second_order(trial: Trial) -> None:
    """The gradient's own gradient is its derivative, along a random direction."""
    gradient = gradient_of(trial.subject)
    again = Trial(gradient, eps=trial.eps)
    directions = [again.like(x) for x in again.inputs]

    def shifted(step: float) -> list[Values]:
        moved = list(gradient.arrays)
        for i, v in zip(gradient.real, directions, strict=True):
            moved[i] = moved[i] + step * v
        return moved

    forward = (gradient.vector(shifted(trial.eps)) - gradient.vector(shifted(-trial.eps))) / (2 * trial.eps)
    terms = joined([g * v for g, v in zip(again.gradients, directions, strict=True)])
    wanted = float(joined(again.upstreams) @ forward)
    room = 10 * trial.eps * (1 + np.abs(terms).sum() + np.abs(forward).sum() + np.abs(gradient.vector()).sum())
    complaint = f"the second derivative along a direction is {terms.sum():.9g} and not {wanted:.9g}"
    trial.require(abs(terms.sum() - wanted) <= room, complaint)


def check_nothing_changes(trial: Trial) -> None:
    """Neither inputs, nor upstream gradients, nor saved values are written to; a second pass gives the same.

    The second pass comes after another call of the function, which must not change what the first call has saved.
    """
    inputs = trial.subject.tensors(requires_grad=True)
    sources = [inputs[i] for i in trial.subject.real]
    outputs = trial.subject.outputs(inputs)
    upstreams = [Tensor(trial.subject.library.asarray(u)) for u in trial.upstreams]
    roots = [output.node for output in outputs if output.node is not None]
    saved = [value for node in ancestors(roots) for value in arrays_in([node.saved, node.attrs])]
    watched = [*(x._array for x in inputs), *(u._array for u in upstreams), *saved]
    before = [to_numpy(array).copy() for array in watched]
    first = [to_numpy(g._array).copy() for g in pull(outputs, sources, upstreams)]
    elsewhere = [a + trial.eps if i in trial.subject.real else a for i, a in enumerate(trial.subject.arrays)]
    trial.subject.vector(elsewhere)  # what a function keeps outside of the graph is that of another call now
    second = [to_numpy(g._array).copy() for g in pull(outputs, sources, upstreams)]
    for array, copy in zip(watched, before, strict=True):
        same = np.array_equal(to_numpy(array), copy, equal_nan=True)
        trial.require(same, "the backward pass changed one of its input arrays")
    for a, b in zip(first, second, strict=True):
        trial.require(np.array_equal(a, b, equal_nan=True), "a second backward pass gave another gradient")


def check_no_aliasing(trial: Trial) -> None:
    """The gradients that leaves keep share no memory with each other, nor with anything else."""
    inputs = trial.subject.tensors(requires_grad=True)
    sources = [inputs[i] for i in trial.subject.real]
    for output, u in zip(trial.subject.outputs(inputs), trial.upstreams, strict=True):
        if output.requires_grad:
            upstream = Tensor(trial.subject.library.asarray(u))
            output.backward(upstream, retain_graph=True)
            kept = [x.grad._array for x in sources if x.grad is not None]
            others = [upstream._array, output._array, *(x._array for x in inputs)]
            others += arrays_in(getattr(output.node, "saved", ()))
            for i, g in enumerate(kept):
                shared = [a for a in [*kept[:i], *others] if np.shares_memory(to_numpy(g), to_numpy(a))]
                trial.require(not shared, "a leaf's gradient shares its memory with another array")
    for x, wanted in zip(sources, trial.gradients, strict=True):
        if x.grad is not None:
            kind = type(x.grad._array)
            trial.require(kind is type(x._array), f"a gradient is a {kind.__name__}, not an array")
            trial.agree(to_numpy(x.grad._array), wanted, "the gradient left by backward()", exact=True)


def check_short_floats(trial: Trial, converts: bool = False) -> None:
    """float32 in, float32 out (unless the function ``converts``) and back, with nearly the same numbers."""
    arrays = [a.astype(np.float32) if a.dtype == np.float64 else a for a in trial.subject.arrays]
    short = Subject(trial.subject.fn, arrays, trial.subject.name, trial.subject.library)
    values = short.values()
    for k, (found, wanted) in enumerate(zip(values, trial.values, strict=True)):
        if wanted.dtype == np.float64 and not converts:
            trial.require(found.dtype == np.float32, f"output {k} has dtype {found.dtype} for inputs of float32")
    upstreams = [u.astype(v.dtype) for u, v in zip(trial.upstreams, values, strict=True)]
    for i, found, wanted in zip(short.real, short.gradients(upstreams), trial.gradients, strict=True):
        trial.require(found.dtype == np.float32, f"the gradient of argument {i}, a float32, has dtype {found.dtype}")
        room = 1e-3 * (1 + np.max(np.abs(wanted), initial=0.0))
        trial.require(
            bool(np.all(np.abs(found - wanted) <= room)), f"the gradient of argument {i} is far off in float32"
        )


FIRST_ORDER = (
    check_nothing_changes,  # first, since the others rely on it
    check_gradient,
    check_adjoint,
    check_single_outputs,
    check_linearity,
    check_no_aliasing,
)


def arrays_in(values: Any) -> Iterator[Any]:
    """The arrays in nested tuples, lists and dictionaries."""
    if type(values) in NAMESPACES:
        yield values
    elif isinstance(values, tuple | list | dict):
        for value in values.values() if isinstance(values, dict) else values:
            yield from arrays_in(value)
