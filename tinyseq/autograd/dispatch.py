"""Dispatch of ops: compute the value, and record it if a gradient may be needed."""

from collections.abc import Callable, Sequence
from typing import Any

from tinyseq.autograd.anomaly import anomaly_label, check_forward
from tinyseq.autograd.calls.errors import EXPLAINED, explained
from tinyseq.autograd.calls.op_settings import by_name, settings_of
from tinyseq.autograd.calls.operands import HOST, NUMBERS, as_array, constants, operand, operands
from tinyseq.autograd.graph import Node, Output, Parent, Shape
from tinyseq.autograd.modes import MODE, Label, tick
from tinyseq.autograd.record.op import Kernels, Op
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import NAMESPACES, Array


def public_function(record: Op) -> Callable[..., Any]:
    """The public function, which runs and records the op; the most common signatures have fast paths."""
    if record.defaults or record.variadic or record.outputs or record.ignores or len(record.inputs) > 2:
        return _general(record)
    if len(record.inputs) == 2:
        return _binary(record)
    return _unary(record) if record.with_slope is None else _unary_with_slope(record, record.with_slope)


def _unary(record: Op) -> Callable[..., Any]:
    kernels, save, saves, differentiable = record.kernels, record.save, record.saves, record.vjp is not None

    def call(x: Any, /) -> Tensor:
        if isinstance(x, Tensor):
            a, parent = x._array, x.node
        else:
            a, parent = operands(record, (x,))[0]
        kind = type(a)
        try:
            out = (record.host if kind is HOST else kernels[kind])(a)
        except EXPLAINED as error:
            raise explained(record, (a,), error) from error
        if type(out) is not kind:
            out = as_array(record, NAMESPACES[kind], out)
        label = MODE.get().plain
        if label is None:
            return _checked(record, (a,), (parent,), out)
        if parent is None or not differentiable:
            return _constant(out)
        return recorded(out, record, (parent,), save(out, a) if saves else (), label)

    return call


def _unary_with_slope(record: Op, with_slope: Callable[..., Any]) -> Callable[..., Any]:
    kernels, both = record.kernels, Kernels(with_slope)

    def call(x: Any, /) -> Tensor:
        if isinstance(x, Tensor):
            a, parent = x._array, x.node
        else:
            a, parent = operands(record, (x,))[0]
        kind, label = type(a), MODE.get().plain
        records = parent is not None and label is not None
        try:
            out, slope = both[kind](a) if records else (kernels[kind](a), None)
        except EXPLAINED as error:
            raise explained(record, (a,), error) from error
        if type(out) is not kind:
            out = as_array(record, NAMESPACES[kind], out)
        if label is None:
            return _checked(record, (a,), (parent,), out)
        return recorded(out, record, (parent,), (out, slope), label) if records else _constant(out)

    return call


def _binary(record: Op) -> Callable[..., Any]:
    kernels, save, saves, differentiable = record.kernels, record.save, record.saves, record.vjp is not None
    both = saves == record.inputs
    # An array library's own function of two arrays returns a new one.
    library = hasattr(record.forward, "library_name")
    copies_x, copies_y = (not library or name in record.saved_inputs for name in record.inputs)
    plain = record.kind == "elementwise" and library

    def call(x: Any, y: Any, /) -> Tensor:
        if isinstance(x, Tensor):
            a, p = x._array, x.node
            kind = type(a)
            if isinstance(y, Tensor):
                b, q = y._array, y.node
            else:
                b, q = operand(y, a, kind, copies_y, plain), None
            known = type(b) is kind or type(b) in NUMBERS
        elif isinstance(y, Tensor):
            b, q = y._array, y.node
            kind = type(b)
            a, p = operand(x, b, kind, copies_x, plain), None
            known = a is not None
        else:
            known = False
        if not known:
            (a, p), (b, q) = operands(record, (x, y))
            kind = type(a) if type(a) in NAMESPACES else type(b)
        try:
            out = (record.host if kind is HOST else kernels[kind])(a, b)
        except EXPLAINED as error:
            raise explained(record, (a, b), error) from error
        if type(out) is not kind:
            out = as_array(record, NAMESPACES[kind], out)
        label = MODE.get().plain
        if label is None:
            return _checked(record, (a, b), (p, q), out)
        if (p is None and q is None) or not differentiable:
            return _constant(out)
        kept = (a, b) if both else save(out, a, b) if saves else ()
        if p is not None and q is not None:
            return recorded(out, record, (p, q), kept, label)
        constant = a if p is None else b
        if (constant is x or constant is y) and type(constant) is kind:  # the caller's own array, who may write to it
            if label.step is None:  # which no drawing shows
                return recorded(out, record, (p, q), kept, label)
            constant = NAMESPACES[kind].asarray(constant, copy=True)
        given = (constant, None) if p is None else (None, constant)
        return recorded(out, record, (p, q), kept, label, _NO_ATTRS, given)

    return call


def _checked(record: Op, raw: tuple[Any, ...], edges: tuple[Parent | None, ...], out: Array) -> Tensor:
    """The result when recording is off or anomaly detection is on."""
    mode = MODE.get()
    if mode.anomaly:
        check_forward(record.name, raw, (out,), mode.label)
    if not mode.grad or record.vjp is None or all(edge is None for edge in edges):
        return _constant(out)
    return recorded(out, record, edges, record.save(out, *raw), anomaly_label(mode), _NO_ATTRS, constants(raw, edges))


_NO_ATTRS: dict[str, Any] = {}


def recorded(
    out: Array,
    record: Op,
    edges: tuple[Parent | None, ...],
    saved: tuple[Any, ...],
    label: Label,
    attrs: dict[str, Any] = _NO_ATTRS,
    given: tuple[Any, ...] = (),
) -> Tensor:
    """The result of an op, as a tensor with a new node; without further calls, as this runs for every op of a step."""
    node = Node()
    node.op = record
    node.edges = edges
    node.saved = saved
    node.given = given
    node.attrs = attrs
    node.shape = out.shape
    node.dtype = out.dtype
    node.label = label
    node.hooks = None
    node.seq = tick()
    tensor = _new(Tensor)
    tensor._array = out
    tensor.node = node
    return tensor


def recorded_outputs(
    outs: Sequence[Array],
    shapes: Sequence[Shape],
    record: Op,
    edges: tuple[Parent | None, ...],
    saved: tuple[Any, ...],
    label: Label,
    attrs: dict[str, Any] = _NO_ATTRS,
) -> list[Tensor]:
    """The results of an op with several outputs, as tensors of one node."""
    if not outs:
        return []
    node: Any = recorded(outs[0], record, edges, saved, label, attrs).node
    node.shape = tuple(shapes)
    tensors = []
    for i, part in enumerate(outs):
        output = Output()
        output.node = node
        output.index = i
        output.shape = shapes[i]
        output.dtype = part.dtype  # a checkpoint may return several types
        output.hooks = None
        tensor = _new(Tensor)
        tensor._array = part
        tensor.node = output
        tensors.append(tensor)
    return tensors


def _constant(out: Array) -> Tensor:
    """``Tensor(out)`` for the result of an op, whose elements need no check."""
    tensor = _new(Tensor)
    tensor._array = out
    tensor.node = None
    return tensor


_new = object.__new__


def _general(record: Op) -> Callable[..., Any]:
    arity, names = len(record.inputs), tuple(record.defaults)

    def call(*args: Any, **attrs: Any) -> Any:
        if len(args) != arity and not record.variadic:
            if len(args) < arity:
                raise TypeError(f"{record.name} takes {arity} tensors ({', '.join(record.inputs)}), got {len(args)}")
            by_name(record, names, args[arity:], attrs)
            args = args[:arity]
        return apply(record, args, attrs)

    return call


def apply(record: Op, args: Sequence[Any], attrs: dict[str, Any]) -> Any:
    """Run an op on any mixture of Tensors, arrays and numbers, and record it if a gradient may be needed."""
    settings = settings_of(record, attrs)
    raw: tuple[Any, ...]
    parents: tuple[Parent | None, ...]
    if len(args) == 1 and isinstance(args[0], Tensor):
        raw, parents = (args[0]._array,), (args[0].node,)
        xp = NAMESPACES[type(raw[0])]
    else:
        raw, parents = zip(*operands(record, args), strict=True) if args else ((), ())
        xp = next(NAMESPACES[type(a)] for a in raw if type(a) not in NUMBERS)
    if record.ignores:
        parents = tuple([p if rule else None for p, rule in zip(parents, record.rules, strict=True)])
    try:
        out = record.forward(xp, *raw, **settings)
    except EXPLAINED as error:
        raise explained(record, raw, error, settings) from error
    outs = out if record.outputs else [out if type(out) in NAMESPACES else as_array(record, xp, out)]
    mode = MODE.get()
    if mode.anomaly:
        check_forward(record.name, raw, outs, mode.label)
    if record.vjp is None or not mode.grad or not any(parents):
        tensors = [_constant(part) for part in outs]
        return tensors if record.outputs else tensors[0]
    label = anomaly_label(mode) if mode.anomaly else mode.label
    if not record.outputs:
        return recorded(outs[0], record, parents, record.save(outs[0], *raw), label, settings, constants(raw, parents))
    shapes = tuple([part.shape for part in outs])
    return recorded_outputs(outs, shapes, record, parents, record.save(shapes, *raw), label, settings)
