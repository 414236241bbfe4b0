"""The declaration of ops.

An op is declared once, with `op`. That record computes the value, gives the gradient of first and higher order, feeds
the property tests (``tinyseq.testing``), the table of ops in the documentation, and the drawings.
"""

import copyreg
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, Literal, TypeVar, overload

from tinyseq.autograd.calls.composites import naming_itself
from tinyseq.autograd.calls.declared import check_declaration, giving_arrays
from tinyseq.autograd.calls.docstrings import docstring
from tinyseq.autograd.calls.whole import takes_whole_numbers
from tinyseq.autograd.dispatch import apply, public_function
from tinyseq.autograd.record.axes import AxesRule, Kind
from tinyseq.autograd.record.op import ForEach, Op, Rule, Summed
from tinyseq.autograd.record.promises import CONDITIONED, NONZERO, POSITIVE, REAL, UNIT, Accuracy, Domain
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import EXTENSIONS, forget, recorded_whole
from tinyseq.backend.sums import summed_to

__all__ = [
    "CONDITIONED",
    "FUNCTIONS",
    "NONZERO",
    "OPS",
    "POSITIVE",
    "REAL",
    "TENSORS",
    "UNIT",
    "Accuracy",
    "Domain",
    "ForEach",
    "Op",
    "Summed",
    "apply",
    "as_numpy",
    "composite",
    "offer",
    "op",
    "recorded_whole",
    "summed_to",
]

Function = TypeVar("Function", bound=Callable[..., Any])

OPS: dict[str, Op] = {}
FUNCTIONS: dict[str, Callable[..., Any]] = {}  # the public function of each op, and of each composite
NUMPY_NAMES: dict[str, str] = {}  # other names of NumPy's for an op: "power" for pow, "add.reduce" for sum
NUMPY_FORMS: dict[str, Callable[..., Any]] = {}  # see `as_numpy`


SPECIAL_METHODS = {  # by Python's operators; those that are functions, such as abs, have their own names
    **{"+": "add", "-": "sub", "*": "mul", "/": "truediv", "//": "floordiv", "%": "mod", "**": "pow", "@": "matmul"},
    **{"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne", "&": "and", "|": "or", "^": "xor"},
    **{"-x": "neg", "+x": "pos", "~x": "invert", "[]": "getitem"},
}
REFLECTED = {"+", "-", "*", "/", "//", "%", "divmod", "**", "@", "&", "|", "^"}


@overload
def op(
    name: str,
    forward: Callable[..., Any] | str,
    vjp: Rule | Summed | tuple[Rule | Summed | None, ...] | None = ...,
    saves: str | tuple[str, ...] = ...,
    *,
    outputs: Literal[True],
    **declared: Any,
) -> Callable[..., list[Tensor]]: ...
@overload
def op(
    name: str,
    forward: Callable[..., Any] | str,
    vjp: Rule | Summed | tuple[Rule | Summed | None, ...] | None = ...,
    saves: str | tuple[str, ...] = ...,
    *,
    outputs: Literal[False] = ...,
    **declared: Any,
) -> Callable[..., Tensor]: ...
def op(  # type: ignore[misc]  # the overloads give only the return types; the settings are listed here, once
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
    kind: Kind | None = None,
    axes: AxesRule | None = None,
    view: bool = False,
    slope_bound: float | None = None,
    symbol: str = "",
    operator: str = "",
    method: bool = False,
    sums_paths: bool = False,
    calls: str = "",
    reference: Callable[..., Any] | None = None,
    reads: tuple[str, ...] | None = None,
    numpy: str | tuple[str, ...] = (),
    types: dict[str, str] | None = None,
    with_slope: Callable[..., Any] | None = None,
    ulps: Accuracy | None = None,
    doc: str = "",
    example: tuple[str, str] | None = None,
) -> Callable[..., Any]:
    r"""Declare an op; returns its public function.

    Like any function, it can be pickled if it is bound to the op's name at the top level of a module.

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
        saves: what the rules need: names of inputs, ``"out"``, or expressions of them such as ``"x.shape"``. Several
            outputs are not kept; ``"shapes"`` are theirs.
        broadcasts: inputs follow NumPy's broadcasting.
        outputs: ``forward`` returns a list of arrays, and ``g`` is a list with None where no gradient arrived.
        tex: the rule as a formula, for drawings and ``inspect.explain``.
        domain: where random tests draw each input from.
        analytic: ``forward`` takes complex numbers, so that tests can use the complex-step derivative.
        kind: its kind, one of `tinyseq.autograd.record.axes.Kind`: ``"elementwise"`` by default, or
            ``"other"`` if ``calls`` names a family of its own. Drawings and `tinyseq.inspect` read it; gradients by
            step use it only if it is given explicitly.
        axes: which axes of the arguments run along an axis of the result, ``axes(use, axis)``; by default those of its
            kind.
        view: the result may share the memory of the first input.
        slope_bound: an upper bound of the singular values of its Jacobian by one input, where nothing is broadcast.
            1 by default for kinds that move each element to one place.
        symbol: the text of its box in a drawing; its name by default.
        operator: the Python operator that it implements for Tensors: ``"+"``, ``"-x"`` (unary), ``"[]"``, ``"abs"``.
        method: whether it is also a method of Tensor.
        sums_paths: a reduction that is the sum of a semiring, as `logsumexp`: its loops are drawn as recursions over
            paths.
        calls: the family of random calls that tests make (``tinyseq.testing.calls``); by default that of its kind.
        reference: an independent NumPy function with the same value, for the tests.
        reads: for each rule the inputs whose saved values it reads, as in ``("y", "x y")``; by default all saved ones.
            An update of a leaf that a rule reads, before the rule runs, is an error.
        numpy: other names under which NumPy has the function: ``"power"``, ``"add.reduce"``.
        types: the types of settings, as in ``{"axis": "int | None"}``, where neither an annotation of ``forward`` nor
            the default gives them; `tools/make_stubs.py` reads them.
        with_slope: for an elementwise function whose derivative is cheap beside the value, but cannot be computed from
            the value accurately: ``with_slope(xp, x)`` gives both, and the rule is ``rule(xp, g, out, slope)``.
        ulps: the promised accuracy, which the tests check.
        doc: the docstring of the public function; sections that follow from the record may be left out.
        example: a line of Python for the docstring, in which the package is ``ts``, and what it prints.

    Raises:
        ValueError, TypeError: parts of the declaration do not fit together, as a rule that does not take what is saved;
            or an op or an attribute of Tensor has the name already.

    Example:
        >>> import tinyseq as ts
        >>> cube = op("cube_example", forward=lambda xp, x: x**3, saves="x", vjp=lambda xp, g, x: 3 * x**2 * g)
        >>> x = ts.tensor(2.0, requires_grad=True)
        >>> cube(x).backward()
        >>> x.grad.item()
        12.0
    """
    module = sys._getframe(1).f_globals.get("__name__", "__main__")
    if name in OPS and not (module == OPS[name].module == "__main__"):  # a notebook's cell may be run again
        raise ValueError(f"an op named {name!r} is already declared, in {OPS[name].module}; choose another name")
    if method and name not in OPS and hasattr(Tensor, name):
        raise ValueError(f"Tensor already has an attribute {name!r}; choose another name, or leave out method=True")
    saves = (saves,) if isinstance(saves, str) else saves
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
        kind=kind,
        axes=axes,
        view=view,
        slope_bound=slope_bound,
        symbol=symbol,
        operator=operator,
        method=method,
        sums_paths=sums_paths,
        calls=calls,
        reference=reference,
        reads=reads,
        types=types,
        with_slope=with_slope,
        ulps=ulps,
    )
    if not module.startswith("tinyseq."):  # the tests check those
        check_declaration(record)
        record.rules = giving_arrays(record)
    if name in OPS:
        forget(name)
    OPS[name] = record
    NUMPY_NAMES.update(dict.fromkeys([numpy] if isinstance(numpy, str) else numpy, name))
    EXTENSIONS.setdefault(name, record.forward)
    function = public_function(record)
    function.__name__ = function.__qualname__ = name
    function.__module__ = module  # where pickle looks for it, by its name
    function.__doc__ = docstring(record, doc, example)
    function.__dict__.update(op=record, __signature__=record.signature)
    FUNCTIONS[name] = function
    offer(name, function, method, operator)
    return function


def offer(name: str, function: Callable[..., Any], method: bool = False, operator: str = "") -> None:
    """Install a function as a method or an operator of Tensor."""
    if method:
        setattr(Tensor, name, function)
    if operator:
        special = SPECIAL_METHODS.get(operator, operator)
        setattr(Tensor, f"__{special}__", function)
        if operator in REFLECTED:
            setattr(Tensor, f"__r{special}__", lambda self, other: function(other, self))


def declared(module: str, name: str) -> Op:
    """The record of an op, for pickle: records hold anonymous functions, so they are looked up by name."""
    import_module(module)
    return OPS[name]


copyreg.pickle(Op, lambda record: (declared, (record.module, record.name)))


@overload
def composite(function: Function) -> Function: ...


@overload
def composite(*, method: bool = False, operator: str = "") -> Callable[[Function], Function]: ...


def composite(function: Any = None, *, method: bool = False, operator: str = "") -> Any:
    """Register a function composed of ops as a public function; it needs no rule of its own.

    Args:
        function: the function; if left out, a decorator is returned.
        method: whether it is also a method of Tensor.
        operator: the Python operator that it implements, as for `op`.
    """

    def register(function: Function) -> Function:
        named = naming_itself(takes_whole_numbers(function), FUNCTIONS)
        FUNCTIONS[named.__name__] = named
        offer(named.__name__, named, method, operator)
        return named

    return register if function is None else register(function)


def as_numpy(name: str) -> Callable[[Function], Function]:
    """Register NumPy's meaning of a name where tinyseq's function of that name differs."""

    def register(function: Function) -> Function:
        NUMPY_FORMS[name] = function
        return function

    return register


class TensorNamespace:
    """The ``xp`` of a rule whose gradient will be differentiated again: the public functions."""

    name = "tinyseq"
    on_host = False  # or not: the functions find out

    def __getattr__(self, name: str) -> Callable[..., Any]:
        try:
            return FUNCTIONS[name]
        except KeyError:
            raise AttributeError(f"a rule asked for {name!r}, which tinyseq has no op for") from None


TENSORS = TensorNamespace()
