"""A recorded program as a graph for the device: nodes that read views, and what the host computes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinyseq.backend import DeviceArray
from tinyseq.compiler.formulas import Formula
from tinyseq.compiler.gpu.calls import can_be_captured, is_indexing
from tinyseq.compiler.gpu.formulas import copy_of, formula_of
from tinyseq.compiler.gpu.moves import Operand, Shape, broadcast, index, layout, move_of, reshape, transpose
from tinyseq.compiler.program import Program
from tinyseq.compiler.steps import Ref, Step, mapped, refs


class Unsupported(Exception):
    """A program that cannot run as a graph of kernels; it is replayed call by call."""


@dataclass(frozen=True)
class Map:
    """An elementwise node: a formula of operands that have its shape or are numbers."""

    out: int
    formula: Formula
    operands: tuple[Any, ...]
    shape: Shape
    dtype: Any


@dataclass(frozen=True)
class Product:
    """A matrix product of two operands, or of a batch of them."""

    out: int
    operands: tuple[Operand, Operand]
    shape: Shape
    dtype: Any


@dataclass(frozen=True)
class Join:
    """A concatenation: for each part, its operand and its place in the result."""

    out: int
    operands: tuple[Operand, ...]
    places: tuple[Any, ...]
    shape: Shape
    dtype: Any


@dataclass(frozen=True)
class Sum:
    """A sum over the last axes of its operand, which the result does not have."""

    out: int
    operands: tuple[Operand, ...]
    shape: Shape
    dtype: Any


@dataclass(frozen=True)
class Call:
    """Any other step, run by the library; ``operands`` are those in its arguments."""

    out: int
    step: Step
    operands: tuple[Operand, ...]
    shape: Shape
    dtype: Any


Node = Map | Product | Sum | Join | Call


@dataclass
class Graph:
    """What `lowered` returns.

    Attributes:
        passes: the nodes of the forward pass, and of the backward pass.
        shapes: shape and dtype of each root: inputs, constants, results of nodes.
        inputs: numbers of the program's inputs that the device needs.
        host: steps that NumPy computes before each replay, since they depend only on the caller's arrays.
        uploads: their results that the device needs.
        constants: values that are uploaded once.
        bounds: shapes and the indices into them, checked before each replay, since the device does not check them.
        count: the largest number of a root.
        outputs, gradients: the operands that are the results.
    """

    passes: tuple[list[Node], list[Node]] = field(default_factory=lambda: ([], []))
    shapes: dict[int, tuple[Shape, Any]] = field(default_factory=dict)
    inputs: list[int] = field(default_factory=list)
    host: list[Step] = field(default_factory=list)
    uploads: list[int] = field(default_factory=list)
    constants: dict[int, DeviceArray] = field(default_factory=dict)
    bounds: list[tuple[Shape, Any]] = field(default_factory=list)
    outputs: list[Operand] = field(default_factory=list)
    gradients: list[Operand] = field(default_factory=list)
    count: int = 0
    _layouts: dict[Operand, Any] = field(default_factory=dict)

    def new(self, shape: Shape, dtype: Any) -> int:
        """The number of a new root."""
        self.count += 1
        self.shapes[self.count] = shape, dtype
        return self.count

    def layout(self, operand: Operand) -> Any:
        """The layout of an operand in its root; None if it needs a copy."""
        if operand not in self._layouts:
            self._layouts[operand] = layout(self.shapes[operand.root][0], operand.path)
        return self._layouts[operand]


def copied(dtype: Any) -> Formula:
    """The formula of a copy of such an array."""
    found = copy_of(dtype)
    if found is None:
        raise Unsupported(f"arrays of {dtype}")
    return found


def lowered(program: Program) -> Graph:
    """The graph of a program."""
    return _Lowering(program).graph


class _Lowering:
    def __init__(self, program: Program) -> None:
        self.program, self.graph = program, Graph()
        self.found: dict[int, Operand] = {}
        self.graph.count = max(program.values, default=0)
        self.host = set(program.host)
        for number, value in program.values.items():
            if type(value) is not tuple and value.size == 0:
                raise Unsupported("an array without elements")
            if type(value) is not tuple:
                self.graph.shapes[number] = tuple(value.shape), value.dtype
        wanted = {number for number, _ in program.guards}
        for place, step in enumerate(program.steps):
            self.nodes = self.graph.passes[place >= program.forward]
            self._lower(step)
        if not wanted <= self.host | program.constants.keys():
            raise Unsupported("a condition that depends on values on the device")
        self.graph.outputs = [self._operand(number) for number in program.outputs]
        self.graph.gradients = [self._operand(number) for number in program.gradients]

    def _operand(self, number: int) -> Operand:
        """What a value of the program becomes on the device."""
        if number not in self.found:
            graph, program = self.graph, self.program
            if number in program.constants:
                graph.constants[number] = program.constants[number]
            elif number in self.host:
                graph.uploads.append(number)
            else:
                graph.inputs.append(number)
            self.found[number] = Operand(number)
        return self.found[number]

    def _lower(self, step: Step) -> None:
        value = self.program.values[step.out]
        reads, move = step.reads, move_of(step)
        if any(n in self.host for n in reads) and all(n in self.host or n in self.program.constants for n in reads):
            self.host.add(step.out)
            self.graph.host.append(step)
            return
        if move is not None and type(step.args[0]) is Ref:
            operand = self._operand(step.args[0].number)
            whole = operand.then(move)
            if self.graph.layout(whole) is not None:
                self.found[step.out] = whole
                return
            if step.function in (np.reshape, np.ravel):
                shape = self._shape(operand)
                copy = Operand(self._add(Map, copied(value.dtype), (operand,), shape, value.dtype))
                self.found[step.out] = copy.then(reshape(tuple(value.shape)))
                return
        self.found[step.out] = self._computed(step, value)

    def _shape(self, operand: Operand) -> Shape:
        return self.graph.layout(operand)[0]

    def _computed(self, step: Step, value: Any) -> Operand:
        if type(value) is tuple:
            return self._call(step, (), None)
        shape, dtype = tuple(value.shape), value.dtype
        args = [self._argument(arg) for arg in step.args]
        kinds = [self.graph.shapes[a.root][1] if isinstance(a, Operand) else a for a in args]
        formula = formula_of(step.function, kinds, step.settings) if None not in args else None
        if formula is not None and np.dtype(formula.result) == dtype and any(isinstance(a, Operand) for a in args):
            return self._map(formula, tuple(args[: len(formula.types)]), dtype, shape)
        if step.function is np.matmul and not step.settings and dtype in (np.float32, np.float64):
            return self._product(args, shape, dtype)
        if step.function is np.sum and isinstance(args[0], Operand) and step.settings.get("dtype") in (None, dtype):
            return self._sum(step, args[0], shape, dtype)
        if step.function in (np.concatenate, np.stack) and step.settings.keys() <= {"axis"}:
            return self._join(step, shape, dtype)
        return self._call(step, shape, dtype)

    def _argument(self, arg: Any) -> Any:
        """An argument of an elementwise step: an operand, a number, or None."""
        if type(arg) is Ref:
            value = self.program.values[arg.number]
            if type(value) is tuple:
                return None
            if arg.number in self.program.constants and value.ndim == 0:
                return self.program.constants[arg.number][()]
            return self._operand(arg.number)
        if isinstance(arg, np.ndarray):
            return arg[()] if arg.ndim == 0 else self._constant(arg)
        return arg if isinstance(arg, bool | int | float | np.generic | np.dtype | type | str) else None

    def _constant(self, array: DeviceArray) -> Operand:
        number = self.graph.new(array.shape, array.dtype)
        self.graph.constants[number] = array
        return Operand(number)

    def _map(self, formula: Formula, args: tuple[Any, ...], dtype: Any, shape: Shape) -> Operand:
        """An elementwise node, with its axes in the memory order of the first whole operand."""
        operands = []
        axes = None
        for arg in args:
            if isinstance(arg, Operand):
                own = self.graph.layout(arg)
                if own[0] != shape:
                    arg = arg.then(broadcast(shape))
                    own = self.graph.layout(arg)
                strides = own[1]
                if axes is None and all(s != 0 or n == 1 for s, n in zip(strides, shape, strict=True)):
                    axes = sorted(range(len(shape)), key=lambda a: (-abs(strides[a]) if shape[a] > 1 else 0, a))
            operands.append(arg)
        if axes is None or axes == list(range(len(shape))):
            out = self._add(Map, formula, tuple(operands), shape, dtype)
            return Operand(out)
        order = tuple(axes)
        operands = [o.then(transpose(order)) if isinstance(o, Operand) else o for o in operands]
        out = self._add(Map, formula, tuple(operands), tuple(shape[a] for a in order), dtype)
        return Operand(out, (transpose(tuple(int(a) for a in np.argsort(order))),))

    def _add(self, kind: Callable[..., Node], *parts: Any) -> int:
        out = self.graph.new(parts[-2], parts[-1])
        self.nodes.append(kind(out, *parts))
        return out

    def _product(self, args: list[Any], shape: Shape, dtype: Any) -> Operand:
        if any(not isinstance(a, Operand) or self.graph.shapes[a.root][1] != dtype for a in args):
            raise Unsupported("a product of other types")
        a, b = args
        squeezed: list[Any] = [slice(None)] * len(shape)
        wide = list(shape)
        if len(self._shape(a)) == 1:
            a = a.then(index(None, slice(None)))
            wide.insert(len(wide) - (len(self._shape(b)) > 1), 1)
            squeezed.insert(len(squeezed) - (len(self._shape(b)) > 1), 0)
        if len(self._shape(b)) == 1:
            b = b.then(index(slice(None), None))
            wide.append(1)
            squeezed.append(0)
        out = Operand(self._add(Product, (a, b), tuple(wide), dtype))
        return out if len(wide) == len(shape) else out.then(index(*squeezed))

    def _sum(self, step: Step, operand: Operand, shape: Shape, dtype: Any) -> Operand:
        own, strides, _ = self.graph.layout(operand)
        axis = step.settings.get("axis", step.args[1] if len(step.args) > 1 else None)
        known = len(step.args) <= 2 and step.settings.keys() <= {"axis", "keepdims", "dtype"}
        if not known or self.graph.shapes[operand.root][1] != dtype or dtype not in (np.float32, np.float64):
            return self._call(step, shape, dtype)
        summed = range(len(own)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        last = sorted({a % len(own) for a in summed}, key=lambda a: -abs(strides[a]))
        kept = [a for a in range(len(own)) if a not in last]
        moved = operand.then(transpose((*kept, *last))) if own else operand
        out = Operand(self._add(Sum, (moved,), tuple(own[a] for a in kept), dtype))
        return out.then(reshape(shape)) if len(kept) != len(shape) else out

    def _join(self, step: Step, shape: Shape, dtype: Any) -> Operand:
        axis = step.settings.get("axis", step.args[1] if len(step.args) > 1 else 0) % len(shape)
        parts = step.args[0]
        operands, places, start = [], [], 0
        for part in parts:
            operand = self._argument(part)
            if not isinstance(operand, Operand) or self.graph.shapes[operand.root][1] != dtype:
                return self._call(step, shape, dtype)
            size = self._shape(operand)[axis] if step.function is np.concatenate else 1
            here = slice(start, start + size) if step.function is np.concatenate else start
            operands.append(operand)
            places.append(index(*[slice(None)] * axis, here))
            start += size
        return Operand(self._add(Join, tuple(operands), tuple(places), shape, dtype))

    def _call(self, step: Step, shape: Shape, dtype: Any) -> Operand:
        if not can_be_captured(step, self.program.values):
            raise Unsupported(f"{step}: it cannot be captured")
        if is_indexing(step):
            self._note_bounds(step)
        operands: list[Operand] = []

        def noted(operand: Operand) -> Operand:
            operands.append(operand)
            return operand

        given = [mapped(tree, Ref, lambda ref: noted(self._operand(ref.number))) for tree in (step.args, step.settings)]
        args, settings = (mapped(tree, np.ndarray, lambda array: noted(self._constant(array))) for tree in given)
        out = self.graph.new(shape, dtype)
        self.nodes.append(Call(out, Step(out, step.function, args, settings), tuple(operands), shape, dtype))
        return Operand(out)

    def _note_bounds(self, step: Step) -> None:
        array, places = step.args[:2]
        if step.function.__name__ == "scattered":
            shape = step.args[2]
        else:
            shape = self.program.values[array.number].shape if type(array) is Ref else array.shape
        if not all(ref.number in self.host | self.program.constants.keys() for ref in refs(places)):
            raise Unsupported(f"{step}: an index that is computed on the device")
        self.graph.bounds.append((shape, places))
