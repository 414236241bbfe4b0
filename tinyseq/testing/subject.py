"""A function at a point: what the checks evaluate and differentiate."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinyseq.autograd.anomaly import frames_inside
from tinyseq.autograd.backward import grad
from tinyseq.autograd.calls.tensors import check_function
from tinyseq.autograd.tensor import Tensor, TensorLike, constant
from tinyseq.backend import NUMPY, Namespace, namespace_of, to_numpy
from tinyseq.testing.numerical import Values, joined, places


class Subject:
    """A function of tensors, and the inputs at which it is checked.

    Attributes:
        fn: takes tensors, returns a tensor or nested tensors.
        name: its name.
        arrays: its inputs, as NumPy arrays.
        real: the positions of those of floating-point type, which are differentiated.
        library: the array library of the tensors that it is called with.
        inner: the subject whose gradient it is, if it is one.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        inputs: TensorLike | Sequence[TensorLike],
        name: str | None = None,
        library: Namespace | None = None,
        inner: "Subject | None" = None,
    ) -> None:
        check_function("fn", fn)
        tensors = [_one(x, i) for i, x in enumerate(inputs if isinstance(inputs, tuple | list) else (inputs,))]
        self.fn, self.inner = fn, inner
        self.name = name or str(getattr(fn, "__name__", type(fn).__name__))
        self.arrays = tuple(to_numpy(x._array) for x in tensors)
        self.real = tuple(i for i, array in enumerate(self.arrays) if array.dtype.kind == "f")
        self.titles = {i: f"argument {i}" for i in range(len(tensors))}  # the inputs' names in errors
        self.library = library or (namespace_of(tensors[0]._array) if tensors else NUMPY)

    def tensors(self, arrays: Sequence[Values] | None = None, requires_grad: bool = False) -> list[Tensor]:
        """The inputs (or replacements) as new tensors; leaves if they are to be differentiated."""
        made = []
        for array in self.arrays if arrays is None else arrays:
            x = Tensor(self.library.asarray(array))
            made.append(x.requires_grad_() if requires_grad and is_real(x) else x)
        return made

    def outputs(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        """The function's outputs of floating-point numbers, without their nesting."""
        return [output for output in flat(self.fn(*inputs)) if is_real(output)]

    def values(self, arrays: Sequence[Values] | None = None) -> list[Values]:
        """The outputs as NumPy arrays."""
        return [to_numpy(output._array) for output in self.outputs(self.tensors(arrays))]

    def vector(self, arrays: Sequence[Values] | None = None) -> Values:
        """The outputs as one vector."""
        return joined(self.values(arrays))

    def require_repeatable(self) -> None:
        """Raise ValueError if the outputs are random, which would look like a wrong rule."""
        if not np.array_equal(self.vector(), self.vector(), equal_nan=True):
            raise ValueError(
                f"{self.name} gave two different results for the same inputs; make it repeatable, as by model.eval(), "
                "and change no input in place"
            )

    def warn_if_unused(self) -> None:
        """Warn if no output depends on an input: all derivatives agree, as all are 0. Not of ``floor``."""
        inputs = self.tensors(requires_grad=True)
        outputs = [output for output in self.outputs(inputs) if output.requires_grad]
        ones = [Tensor(self.library.ones(output.shape, dtype=output.dtype)) for output in outputs]
        sources = [inputs[i] for i in self.real]
        if outputs and any(g is not None for g in grad(outputs, sources, ones, allow_unused=True)):
            return
        elsewhere = [values + 1 if i in self.real else values for i, values in enumerate(self.arrays)]
        if np.array_equal(self.vector(), self.vector(elsewhere), equal_nan=True):
            warnings.warn(
                f"{self.name} does not use its inputs, so there is nothing to check; compute with its arguments, "
                "not with variables from outside",
                stacklevel=1 + frames_inside(),
            )

    def gradients(self, upstreams: Sequence[Values | None], arrays: Sequence[Values] | None = None) -> list[Values]:
        """The gradient of each differentiated input, by the rules, given those of the outputs (None: none arrives)."""
        inputs = self.tensors(arrays, requires_grad=True)
        given = [None if u is None else Tensor(self.library.asarray(u)) for u in upstreams]
        return [to_numpy(g._array) for g in pull(self.outputs(inputs), [inputs[i] for i in self.real], given)]

    def jacobians(self) -> list[Values]:
        """The Jacobian with respect to each differentiated input, by the rules: one backward pass for each row."""
        inputs = self.tensors(requires_grad=True)
        outputs = self.outputs(inputs)
        sources = [inputs[i] for i in self.real]
        rows: list[list[Values]] = [[] for _ in sources]
        for k, index in places([output.shape for output in outputs]):
            one = np.zeros(outputs[k].shape)
            one[index] = 1.0
            upstream = Tensor(self.library.asarray(one, dtype=outputs[k].dtype))
            for row, g in zip(rows, pull([outputs[k]], sources, [upstream]), strict=True):
                row.append(to_numpy(g._array).reshape(-1))
        return [np.stack(row) if row else np.zeros((0, x.size)) for row, x in zip(rows, sources, strict=True)]


def _one(value: TensorLike, i: int) -> Tensor:
    """An input as a tensor."""
    try:
        return constant(value)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"input {i}: {error}. Each input is one array; for a function that takes nested ones, write "
            "lambda x, h, c: f(x, (h, c))"
        ) from error


def pull(
    outputs: Sequence[Tensor], inputs: Sequence[Tensor], upstreams: Sequence[Tensor | None], create_graph: bool = False
) -> list[Tensor]:
    """Like `grad`, with zeros for inputs that the outputs do not depend on. The graph is kept."""
    used = [(output, u) for output, u in zip(outputs, upstreams, strict=True) if output.requires_grad and u is not None]
    found: Sequence[Tensor | None] = [None] * len(inputs)
    if used:
        roots, given = zip(*used, strict=True)
        found = grad(roots, inputs, given, create_graph=create_graph, retain_graph=True, allow_unused=True)
    return [x.detach() * 0.0 if g is None else g for g, x in zip(found, inputs, strict=True)]


def flat(outputs: Any) -> list[Tensor]:
    """The tensors of a (nested) tuple or list, in order."""
    if isinstance(outputs, Tensor):
        return [outputs]
    if isinstance(outputs, tuple | list):
        return [tensor for part in outputs for tensor in flat(part)]
    raise TypeError(f"the function must return a tensor or a tuple of tensors, got {type(outputs).__name__}")


def is_real(x: Tensor) -> bool:
    """Whether a tensor holds floating-point numbers."""
    return to_numpy(x._array).dtype.kind == "f"
