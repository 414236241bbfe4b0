"""Calls of the array library that are not fused: which of them can be captured, and how CuPy is called."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tinyseq.backend import DeviceArray, gathered, is_half, namespace_of, replaced, scattered, to_numpy
from tinyseq.compiler.program import Program
from tinyseq.compiler.recording.arrays import Whole
from tinyseq.compiler.running import Checks, Known
from tinyseq.compiler.steps import Ref, Step, as_array, mapped, refs, taken

# Functions that neither read values back nor allocate by value, so that CuPy's kernels can be captured.
_CAPTURED = {np.sum, np.prod, np.max, np.min, np.mean, np.any, np.all, np.argmax, np.argmin, np.cumsum, np.cumprod}
_CAPTURED |= {np.cumulative_sum, np.cumulative_prod, np.copy, np.roll, np.tril, np.triu}
_CAPTURED |= {np.expand_dims, np.clip, np.broadcast_to, np.flip}


def _gathered(xp: Any, array: DeviceArray, index: Any) -> DeviceArray:
    return array[index]


def _scattered(xp: Any, values: DeviceArray, index: Any, shape: tuple[int, ...]) -> DeviceArray:
    if any(hasattr(part, "dtype") for part in (index if isinstance(index, tuple) else (index,))):
        out = xp.zeros(shape, dtype=xp.float32 if is_half(values) else values.dtype)
        xp.add.at(out, index, xp.astype(values, out.dtype, copy=False))  # an array may contain a place twice
        return xp.astype(out, values.dtype, copy=False)
    out = xp.zeros(shape, dtype=values.dtype)
    out[index] = values
    return out


def _replaced(xp: Any, array: DeviceArray, index: Any, values: DeviceArray) -> DeviceArray:
    out = xp.array(array)
    out[index] = values
    return out


# The same without bounds checks, which the host does before each replay.
_INDEXING = {gathered: _gathered, scattered: _scattered, replaced: _replaced}


def can_be_captured(step: Step, values: dict[int, Any]) -> bool:
    """Whether the library's kernels for a step can be part of a CUDA graph."""
    if type(values[step.out]) is tuple:
        return False
    if is_indexing(step):
        index = step.args[1]
        arrays = [values[ref.number] for ref in refs(index)] + _arrays(index)
        return all(array.dtype.kind in "iu" for array in arrays)
    return step.function in _CAPTURED


def is_indexing(step: Step) -> bool:
    """Whether a step reads or writes at places given by an index."""
    return isinstance(step.function, Whole) and step.function.function in _INDEXING


def _arrays(tree: Any) -> list[DeviceArray]:
    if isinstance(tree, tuple | list):
        return [array for part in tree for array in _arrays(part)]
    return [tree] if isinstance(tree, np.ndarray) else []


def captured(function: Callable[..., Any], xp: Any) -> Callable[..., Any]:
    """The library's function for one of NumPy's or ours; indices are not checked."""
    return _function(function, xp, _INDEXING)


def on_device(function: Callable[..., Any], xp: Any) -> Callable[..., Any]:
    """The library's function for one of NumPy's or ours."""
    return _function(function, xp, {})


def _function(function: Any, xp: Any, unchecked: dict[Any, Any]) -> Callable[..., Any]:
    if function is operator.getitem:
        return function
    if isinstance(function, Whole):
        inner = unchecked.get(function.function, function.function)
        return lambda *args, **settings: inner(xp, *args, **settings)
    owner = getattr(function, "__self__", None)
    if isinstance(owner, np.ufunc):  # np.add.reduce and its like
        return getattr(getattr(xp, owner.__name__), function.__name__)
    name: Any = function.__name__
    module = getattr(function, "__module__", None) or ""
    if module.startswith("numpy.linalg"):
        xp = xp.linalg
    return getattr(xp, name)


class HostSteps:
    """Steps that NumPy computes before each replay, and the conditions that they must meet."""

    def __init__(self, program: Program, steps: list[Step]) -> None:
        self._steps, self._inputs, self._constants = steps, program.inputs, program.constants
        self._checks = Checks(program)

    def run(self, inputs: list[DeviceArray]) -> Known:
        """The values that are known on the host.

        Raises:
            Changed: a condition or a shape differs from the recording.
        """
        known = {**self._constants, **dict(zip(self._inputs, inputs, strict=True))}
        self._checks.inputs(known)
        for step in self._steps:
            known[step.out] = value = run_step(step, known, step.function)
            self._checks.result(step.out, value)
        return known


def run_step(step: Step, known: dict[int, DeviceArray], function: Callable[..., Any]) -> Any:
    """The result of one step."""
    with np.errstate(all="ignore"):
        result = function(*taken(step.args, known), **taken(step.settings, known))
    return result if hasattr(result, "get") else as_array(result)


class Calls:
    """A program that is replayed call by call: on the device, except what depends only on the host's arrays."""

    def __init__(self, program: Program, xp: Any) -> None:
        self._program, self._xp = program, namespace_of(xp.empty(0))
        self._checks = Checks(program)
        late = {number for step in program.halves[1] for number in step.reads} | {*program.gradients}
        self._kept = [step.out for step in program.halves[0] if step.out in late]

    def forward(self, inputs: list[DeviceArray]) -> tuple[Any, ...]:
        """The outputs, and what the backward pass needs."""
        program = self._program
        known = self._run(program.halves[0], inputs, {})
        return (*(self._there(known[n]) for n in program.outputs), *(known[n] for n in self._kept))

    def backward(self, inputs: list[DeviceArray], kept: tuple[Any, ...], seeds: list[DeviceArray]) -> tuple[Any, ...]:
        """The gradients."""
        program = self._program
        given = dict(zip(self._kept, kept, strict=True))
        given |= {n: self._there(seed) for n, seed in zip(program.seeds, seeds, strict=True)}
        known = self._run(program.halves[1], inputs, given)
        return tuple([self._there(known[n]).copy() for n in program.gradients])

    def _run(self, steps: list[Step], inputs: list[DeviceArray], given: dict[int, Any]) -> dict[int, Any]:
        program = self._program
        known = program.constants | dict(zip(program.inputs, inputs, strict=True)) | given
        self._checks.inputs(known)
        for step in steps:
            reads = [known[number] for number in step.reads]
            if all(_is_on_host(value) for value in reads):
                value = run_step(step, known, step.function)
            else:
                value = run_step(self._uploaded(step, known), known, on_device(step.function, self._xp))
            self._checks.result(step.out, value)
            known[step.out] = value
        return known

    def _uploaded(self, step: Step, known: dict[int, Any]) -> Step:
        """A step whose arrays are all on the device, except for an index, which is checked on the host."""

        def there(ref: Ref) -> Any:
            return self._there(known[ref.number])

        args = list(step.args)
        for place, arg in enumerate(args):
            if is_indexing(step) and place == 1:
                args[place] = mapped(arg, Ref, lambda ref: to_numpy(known[ref.number]))
                continue
            args[place] = mapped(mapped(arg, Ref, there), np.ndarray, self._there)
        settings = {name: part for name, part in step.settings.items() if name != "stable"}  # CuPy's sorts always are
        return step._replace(args=tuple(args), settings=mapped(settings, Ref, there))

    def _there(self, value: Any) -> Any:
        return self._xp.asarray(value) if isinstance(value, np.ndarray | np.generic) else value


def _is_on_host(value: Any) -> bool:
    return isinstance(value, np.ndarray) or (isinstance(value, tuple | list) and all(map(_is_on_host, value)))
