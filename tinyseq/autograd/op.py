"""The declaration of an op, and its dispatch.

An op is declared once, with `op`. That record computes the value, gives the gradient of first and higher order, feeds
the property tests (``tinyseq.testing``), the table of ops in the documentation, and the drawings.
"""

import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np

from tinyseq.autograd.anomaly import anomaly_label, check_forward
from tinyseq.autograd.graph import Node, Output, Parent, tick
from tinyseq.autograd.modes import MODE, Label, Mode
from tinyseq.autograd.tensor import Tensor, constant
from tinyseq.backend import EXTENSIONS, NAMESPACES, Array

Rule = Callable[..., Any]
Function = TypeVar("Function", bound=Callable[..., Any])


class Domain(NamedTuple):
    """Where random tests may draw an argument from: an interval less the points to keep away from."""

    low: float = -3.0
    high: float = 3.0
    avoid: tuple[float, ...] = ()


REAL = Domain()
POSITIVE = Domain(0.3, 3.0)
NONZERO = Domain(avoid=(0.0,))
UNIT = Domain(-0.9, 0.9)


class Summed(NamedTuple):
    """A rule for an argument that takes many uses at once.

    ``rule(xp, terms)`` gets a list of ``(upstream gradient, *saved)``, one for each use of the same leaf, and returns
    the sum of their gradients. A recurrent weight's gradient is then one large product, not one small one a step. Uses
    may have been broadcast to different shapes: `summed_to` brings each one back before they are added. A single use
    is ``one(xp, upstream gradient, *saved)``, as any other rule.
    """

    rule: Rule
    one: Rule

    def __call__(self, xp: Any, g: Any, *saved: Any) -> Any:
        return self.one(xp, g, *saved)


def summed_to(xp: Any, g: Any, shape: tuple[int, ...]) -> Any:
    """A gradient summed over the axes along which its input, of the given shape, was broadcast."""
    if g.shape == shape:
        return g
    extra = len(g.shape) - len(shape)
    spread = (extra + axis for axis, side in enumerate(shape) if side == 1 and g.shape[extra + axis] != 1)
    axes = (*range(extra), *spread)
    return xp.reshape(xp.sum(g, axis=axes), shape) if axes else xp.broadcast_to(g, shape)


@dataclass(frozen=True)
class ForEach:
    """The rules of an op with any number of inputs: the i-th is ``rule(xp, g, i, *saved)``."""

    rule: Rule

    def __getitem__(self, i: int) -> Rule:
        return lambda xp, g, *saved, **attrs: self.rule(xp, g, i, *saved, **attrs)


class Op:
    """One op's record; `op` says what each part means."""

    def __init__(
        self,
        name: str,
        forward: Callable[..., Any] | str,
        vjp: Rule | Summed | tuple[Rule | Summed | None, ...] | None,
        saves: tuple[str, ...] = (),
        *,
        module: str,
        broadcasts: bool = False,
        outputs: bool = False,
        tex: str = "",
        domain: Domain | tuple[Domain, ...] = REAL,
        analytic: bool = True,
        calls: str = "elementwise",
        reference: Callable[..., Any] | None = None,
    ) -> None:
        if isinstance(forward, str):
            forward = _BY_NAME[len(vjp) if isinstance(vjp, tuple) else 1](forward)
        parameters = list(inspect.signature(forward).parameters.values())[1:]
        self.name = name
        self.forward = forward
        self.kernels = Kernels(forward)
        self.inputs = tuple(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY)
        self.variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        self.defaults = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
        self.required = tuple(name for name, default in self.defaults.items() if default is inspect.Parameter.empty)
        self.vjp = vjp
        self.rules: Any = ForEach(vjp) if self.variadic else vjp if type(vjp) is tuple else (vjp,)  # type: ignore[arg-type]
        self.saves = saves
        self.broadcasts = broadcasts
        self.outputs = outputs
        self.tex = tex
        self.domain = domain
        self.analytic = analytic
        self.calls = calls
        self.reference = reference
        self.module = module
        star = "*" if self.variadic else ""
        # A save is an expression over the inputs and the output, so that "x.shape" keeps a shape and not an array.
        self.save: Callable[..., tuple[Any, ...]] = eval(
            f"lambda out, {star}{', '.join(self.inputs)}: ({''.join(f'{part}, ' for part in saves)})"
        )
        self.saves_arrays = any(part in self.inputs for part in saves)

    def __repr__(self) -> str:
        return f"Op({self.name})"


class Kernels(dict[type, Callable[..., Array]]):
    """An op's forward function for each kind of array, made when the first of its kind arrives."""

    def __init__(self, forward: Callable[..., Any]) -> None:
        self.forward = forward

    def __missing__(self, kind: type) -> Callable[..., Array]:
        library_name = getattr(self.forward, "library_name", None)
        xp = NAMESPACES[kind]
        kernel = getattr(xp, library_name) if library_name else partial(self.forward, xp)
        self[kind] = kernel
        return kernel


def _named_unary(name: str) -> Callable[..., Any]:
    forward = lambda xp, x: getattr(xp, name)(x)
    forward.library_name = name  # type: ignore[attr-defined]
    return forward


def _named_binary(name: str) -> Callable[..., Any]:
    forward = lambda xp, x, y: getattr(xp, name)(x, y)
    forward.library_name = name  # type: ignore[attr-defined]
    return forward


_BY_NAME = {1: _named_unary, 2: _named_binary}

OPS: dict[str, Op] = {}
FUNCTIONS: dict[str, Callable[..., Any]] = {}  # the public function of each op, and of each composite


def op(
    name: str,
    forward: Callable[..., Any] | str,
    vjp: Rule | Summed | tuple[Rule | Summed | None, ...] | None = None,
    saves: str | tuple[str, ...] = (),
    *,
    broadcasts: bool = False,
    outputs: bool = False,
    tex: str = "",
    domain: Domain | tuple[Domain, ...] = REAL,
    analytic: bool = True,
    calls: str = "elementwise",
    reference: Callable[..., Any] | None = None,
    doc: str = "",
) -> Callable[..., Any]:
    r"""Declare an op; returns its public function.

    Args:
        name: the name it gets in ``tinyseq``, in drawings and in errors.
        forward: ``forward(xp, *inputs, *, **attrs)`` on raw arrays; ``xp`` is their namespace. Positional parameters
            are differentiable inputs, keyword-only ones are settings. A string names a function that array libraries
            have; its inputs are called x and y.
        vjp: the vector-Jacobian product: a function for each input (None: never differentiated), or one function where
            there is one input. Each is called ``rule(xp, g, *saved, **attrs)`` and returns the gradient of its input.
            ``xp`` and the arguments are raw arrays for a first-order gradient, and Tensors with ``tinyseq`` itself as
            the namespace when the gradient is to be differentiated again: one rule serves both. With ``broadcasts``
            the engine sums a gradient down to its input's shape. For an op with any number of inputs (``*xs``) there
            is one rule, ``rule(xp, g, i, *saved, **attrs)``, for the i-th. A rule wrapped in `Summed` takes many uses
            of the same leaf at once.
        saves: what the rules need: names of inputs, ``"out"``, or expressions of them such as ``"x.shape"``.
        broadcasts: inputs follow NumPy's broadcasting.
        outputs: ``forward`` returns a list, and ``g`` is a list with None where no gradient arrived.
        tex: the rule as a formula, for drawings and ``inspect.explain``.
        domain: where random tests draw each input from.
        analytic: ``forward`` takes complex numbers, so that tests can use the complex-step derivative.
        calls: the family of random calls that tests make (``tinyseq.testing.calls``).
        reference: an independent NumPy function with the same value, for the tests.
        doc: the docstring of the public function.

    Example:
        >>> import tinyseq as ts
        >>> cube = op("cube_example", forward=lambda xp, x: x**3, saves="x", vjp=lambda xp, g, x: 3 * x**2 * g)
        >>> x = ts.tensor(2.0, requires_grad=True)
        >>> cube(x).backward()
        >>> x.grad.item()
        12.0
    """
    if name in OPS:
        raise ValueError(f"an op named {name!r} is declared already")
    saves = (saves,) if isinstance(saves, str) else saves
    module = sys._getframe(1).f_globals["__name__"]
    record = Op(
        name,
        forward,
        vjp,
        saves,
        module=module,
        broadcasts=broadcasts,
        outputs=outputs,
        tex=tex,
        domain=domain,
        analytic=analytic,
        calls=calls,
        reference=reference,
    )
    OPS[name] = record
    EXTENSIONS.setdefault(name, record.forward)
    function = _public(record)
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc or f"``{name}({', '.join(record.inputs)})``, as NumPy's or PyTorch's function of the name."
    function.op = record  # type: ignore[attr-defined]
    FUNCTIONS[name] = function
    return function


def composite(function: Function) -> Function:
    """Give a function that is made of ops a public name; it needs no rule of its own."""
    FUNCTIONS[function.__name__] = function
    return function


def _public(record: Op) -> Callable[..., Any]:
    if record.defaults or record.variadic or record.outputs or len(record.inputs) > 2:
        return _general(record)
    return _unary(record) if len(record.inputs) == 1 else _binary(record)


def _unary(record: Op) -> Callable[..., Any]:
    kernels, save, saves, differentiable = record.kernels, record.save, record.saves, record.vjp is not None

    def call(x: Any, /) -> Tensor:
        if not isinstance(x, Tensor):
            x = constant(x)
        a, parent = x._array, x.node
        kind = type(a)
        out = kernels[kind](a)
        if type(out) is not kind:  # a zero-dimensional result of NumPy is a scalar, not an array
            out = NAMESPACES[kind].asarray(out)
        label = MODE.get().plain
        if label is None:
            return _checked(record, (a,), (parent,), out)
        if parent is None or not differentiable:
            return Tensor(out)
        return _recorded(out, record, (parent,), save(out, a) if saves else (), label)

    return call


def _binary(record: Op) -> Callable[..., Any]:
    kernels, save, saves, differentiable = record.kernels, record.save, record.saves, record.vjp is not None

    def call(x: Any, y: Any, /) -> Tensor:
        if isinstance(x, Tensor) and isinstance(y, Tensor):
            a, b, p, q = x._array, y._array, x.node, y.node
            kind = type(a)
            if type(b) is not kind:
                operands(record, (x, y))  # says how to bring them together
        else:
            (a, p), (b, q) = operands(record, (x, y))
            kind = type(a) if type(a) in NAMESPACES else type(b)
        try:
            out = kernels[kind](a, b)
        except (ValueError, TypeError) as error:
            raise explained(record, (a, b), error) from error
        if type(out) is not kind:
            out = NAMESPACES[kind].asarray(out)
        label = MODE.get().plain
        if label is None:
            return _checked(record, (a, b), (p, q), out)
        if (p is None and q is None) or not differentiable:
            return Tensor(out)
        return _recorded(out, record, (p, q), save(out, a, b) if saves else (), label)

    return call


def _checked(record: Op, raw: tuple[Any, ...], edges: tuple[Parent | None, ...], out: Array) -> Tensor:
    """The result where recording is off, or where anomalies are looked for."""
    mode = MODE.get()
    if mode.anomaly:
        check_forward(record, raw, (out,), mode)
    if not mode.grad or record.vjp is None or all(edge is None for edge in edges):
        return Tensor(out)
    return _recorded(out, record, edges, record.save(out, *raw), anomaly_label(mode))


def _recorded(out: Array, record: Op, edges: tuple[Parent | None, ...], saved: tuple[Any, ...], label: Label) -> Tensor:
    """``Tensor(out, Node(...))`` in one call instead of three: this runs for every op of a step."""
    node = _new(Node)
    node.op = record
    node.edges = edges
    node.saved = saved
    node.attrs = _NO_ATTRS
    node.shape = out.shape
    node.dtype = out.dtype
    node.label = label
    node.hooks = None
    node.seq = tick()
    tensor = _new(Tensor)
    tensor._array = out
    tensor.node = node
    return tensor


_new = object.__new__


def _general(record: Op) -> Callable[..., Any]:
    arity, names = len(record.inputs), tuple(record.defaults)

    def call(*args: Any, **attrs: Any) -> Any:
        if len(args) > arity and not record.variadic:
            attrs.update(zip(names, args[arity:], strict=False))
            args = args[:arity]
        if len(args) < arity and not record.variadic:
            raise TypeError(f"{record.name} takes {arity} tensors ({', '.join(record.inputs)}), got {len(args)}")
        return apply(record, args, attrs)

    return call


def apply(record: Op, args: Sequence[Any], attrs: dict[str, Any]) -> Any:
    """Run an op on any mixture of Tensors, arrays and numbers, and record it if a gradient may be asked of it."""
    if unknown := attrs.keys() - record.defaults.keys():
        raise TypeError(f"{record.name} has no setting {min(unknown)!r}; it has {sorted(record.defaults)}")
    for name in record.required:
        if name not in attrs:
            raise TypeError(f"{record.name} needs {name}=")
    attrs = {**record.defaults, **attrs}
    raw: tuple[Any, ...]
    parents: tuple[Parent | None, ...]
    if len(args) == 1 and isinstance(args[0], Tensor):
        raw, parents = (args[0]._array,), (args[0].node,)
        xp = NAMESPACES[type(raw[0])]
    else:
        raw, parents = zip(*operands(record, args), strict=True) if args else ((), ())
        xp = next(NAMESPACES[type(a)] for a in raw if type(a) in NAMESPACES)
    try:
        out = record.forward(xp, *raw, **attrs)
    except (ValueError, TypeError, IndexError) as error:
        raise explained(record, raw, error, attrs) from error
    outs = [part if type(part) in NAMESPACES else xp.asarray(part) for part in (out if record.outputs else (out,))]
    mode = MODE.get()
    if mode.anomaly:
        check_forward(record, raw, outs, mode)
    if record.vjp is None or not mode.grad or not any(parents):
        tensors = [Tensor(part) for part in outs]
        return tensors if record.outputs else tensors[0]
    node = _node(record, raw, parents, attrs, outs, mode)
    if not record.outputs:
        return Tensor(outs[0], node)
    return [_output(part, node, i) for i, part in enumerate(outs)]


def _output(part: Array, node: Node, i: int) -> Tensor:
    """``Tensor(part, Output(node, i))`` in one call instead of three, as `_recorded`."""
    output = _new(Output)
    output.node = node
    output.index = i
    output.shape = part.shape
    output.dtype = part.dtype
    output.hooks = None
    tensor = _new(Tensor)
    tensor._array = part
    tensor.node = output
    return tensor


def _node(
    record: Op,
    raw: tuple[Any, ...],
    parents: tuple[Parent | None, ...],
    attrs: dict[str, Any],
    outs: list[Array],
    mode: Mode,
) -> Node:
    label: Label = anomaly_label(mode) if mode.anomaly else mode.label
    saved = record.save(outs if record.outputs else outs[0], *raw)
    shape = tuple([part.shape for part in outs]) if record.outputs else outs[0].shape
    return Node(record, parents, saved, attrs, shape, outs[0].dtype if outs else None, label)


_NO_ATTRS: dict[str, Any] = {}


def operands(record: Op, args: Sequence[Any]) -> list[tuple[Any, Parent | None]]:
    """Raw values and graph parents of an op's arguments, all of one array library.

    Python numbers stay numbers and NumPy scalars become such, so that they never widen a float32 array. Arrays are
    copied: whoever owns one may write to it before the backward pass reads it.
    """
    library = next((type(a._array) for a in args if isinstance(a, Tensor)), None)
    pairs: list[tuple[Any, Parent | None]] = []
    for arg in args:
        if isinstance(arg, Tensor):
            pairs.append((arg._array, arg.node))
        elif library is not None and isinstance(arg, np.generic):  # before float, which np.float64 also is
            pairs.append((arg.item(), None))
        elif library is not None and isinstance(arg, bool | int | float | complex):
            pairs.append((arg, None))
        else:
            pairs.append((constant(arg, library)._array, None))
    found = {NAMESPACES[type(value)].name: i for i, (value, _) in enumerate(pairs) if type(value) in NAMESPACES}
    if len(found) > 1:
        named = " and ".join(f"{_argument(record, i)} is {library}" for library, i in found.items())
        raise TypeError(f'{record.name}: {named}; move one with .to("cuda") or .to("cpu")')
    return pairs


def _argument(record: Op, i: int) -> str:
    return f"{record.inputs[0]}[{i}]" if record.variadic else record.inputs[i]


def explained(record: Op, raw: Sequence[Any], error: Exception, attrs: dict[str, Any] | None = None) -> Exception:
    """The array library's complaint, with the op, its arguments' shapes, its settings and the place in the model."""
    shapes = ", ".join(
        f"{_argument(record, i)}{tuple(a.shape) if hasattr(a, 'shape') else '=' + repr(a)}" for i, a in enumerate(raw)
    )
    settings = "".join(f", {key}={value!r}" for key, value in (attrs or {}).items() if value != record.defaults[key])
    label = MODE.get().label
    place = f" (in {label})" if label.scope or label.step is not None else ""
    kind = type(error) if type(error) in (ValueError, TypeError, IndexError) else ValueError
    return kind(f"{record.name}({shapes}{settings}){place}: {error}")


class TensorNamespace:
    """What ``xp`` is to a rule whose gradient will be differentiated again: the public functions themselves."""

    name = "tinyseq"

    def __getattr__(self, name: str) -> Callable[..., Any]:
        try:
            return FUNCTIONS[name]
        except KeyError:
            raise AttributeError(f"a rule asked for {name!r}, which tinyseq has no op for") from None


TENSORS = TensorNamespace()
