"""The record of an op: its value, its rules, and what its tests and drawings need."""

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from tinyseq.autograd.calls.whole import takes_whole_numbers
from tinyseq.autograd.record.axes import MOVING, RULES, Axes, AxesRule, Kind, Use
from tinyseq.autograd.record.promises import REAL, Accuracy, Domain
from tinyseq.backend import NAMESPACES, Array, namespace_of

Rule = Callable[..., Any]


class Summed(NamedTuple):
    """A rule that handles many uses of an argument at once.

    ``rule(xp, uses)`` gets a list of ``(upstream gradient, *saved)`` in any order, and returns the sum of their
    gradients. A recurrent weight's gradient is then one large product, not one small one per step. Uses may have been
    broadcast to different shapes: `summed_to` brings each one back before they are added. A single use is
    ``one(xp, upstream gradient, *saved)``, as any other rule.
    """

    rule: Rule
    one: Rule

    def __call__(self, xp: Any, g: Any, *saved: Any) -> Any:
        return self.one(xp, g, *saved)


@dataclass(frozen=True)
class ForEach:
    """The rules of an op with any number of inputs: the i-th is ``rule(xp, g, i, *saved)``."""

    rule: Rule

    def __getitem__(self, i: int) -> Rule:
        return lambda xp, g, *saved, **attrs: self.rule(xp, g, i, *saved, **attrs)


class Op:
    """One op's record; `op` documents each argument.

    Attributes:
        inputs, defaults, required: the names of the inputs, the settings with their defaults, and those without one;
            read from the signature of ``forward``.
        variadic: whether it takes any number of inputs.
        rules: the rule of each input, by its position.
        ignores: whether an input has no rule: it counts as a constant.
        summed: whether one of them is a `Summed`.
        takes: how many saved values a rule takes: 0, 1, 2, or 3 for more of them, or settings too.
        save: from the output and the inputs to what the rules need.
        kernels: ``forward`` for each kind of array.
        host: that for NumPy's, without a look-up.
        read_by: for each rule, the inputs whose saved values it reads.
        opaque: whether it is a compiled step, whose inside cannot be shown.
    """

    opaque = False

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
        types: dict[str, str] | None = None,
        with_slope: Callable[..., Any] | None = None,
        ulps: Accuracy | None = None,
    ) -> None:
        if isinstance(forward, str):
            forward = _BY_NAME[len(vjp) if isinstance(vjp, tuple) else 1](forward)
        forward = takes_whole_numbers(forward)
        parameters = list(inspect.signature(forward).parameters.values())[1:]
        self.name = name
        self.forward = forward
        self.kernels = Kernels(forward)
        self.host = self.kernels[np.ndarray]
        self.inputs = tuple(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY)
        self.variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        self.defaults = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
        self.required = tuple(name for name, default in self.defaults.items() if default is inspect.Parameter.empty)
        annotated = {p.name: inspect.formatannotation(p.annotation) for p in parameters if _says_type(p)}
        self.types = annotated | (types or {})
        self.vjp = vjp
        given: tuple[Any, ...] = vjp if type(vjp) is tuple else (vjp,)
        self.rules: Any = ForEach(given[0]) if self.variadic else given
        self.ignores = type(vjp) is tuple and None in vjp
        self.summed = any(type(rule) is Summed for rule in given)
        self.saves = saves = saves if with_slope is None else ("out", "slope")
        self.takes = 3 if self.defaults else len(saves)
        self.broadcasts = broadcasts
        self.outputs = outputs
        self.tex = tex
        self.domain = domain
        self.analytic = analytic
        self.kind: Kind = kind or ("other" if calls else "elementwise")
        self.says_its_kind = kind is not None or module.startswith("tinyseq.")
        self.axes = axes or RULES.get(self.kind)
        self.view = view
        self.slope_bound = 1.0 if slope_bound is None and self.kind in MOVING - {"part"} else slope_bound
        self.symbol = symbol or name.replace("_", " ")
        self.operator = operator
        self.method = method
        self.sums_paths = sums_paths
        self.calls = calls or self.kind
        self.reference = reference
        self.module = module
        self.with_slope = with_slope
        self.ulps = ulps
        arguments = ["shapes" if outputs else "out", ("*" if self.variadic else "") + ", ".join(self.inputs)]
        # A save is an expression over the inputs and the output, so that "x.shape" keeps a shape and not an array.
        self.save: Callable[..., tuple[Any, ...]] = (
            eval(f"lambda {', '.join(arguments)}: ({''.join(f'{part}, ' for part in saves)})")
            if with_slope is None
            else lambda out, x: (out, with_slope(namespace_of(x), x)[1])
        )
        saved = frozenset(name for part in saves for name in _values_in(part) if name in self.inputs)
        self.saved_inputs = saved
        self.read_by = (saved,) * len(self.inputs) if reads is None else tuple(frozenset(r.split()) for r in reads)

    def reads(self, rule: int, i: int) -> bool:
        """Whether the rule of one argument reads the values of the i-th."""
        return bool(self.saved_inputs) if self.variadic else self.inputs[i] in self.read_by[rule]

    def input_axes(self, use: Use, axis: int) -> Axes | None:
        """The axis of each argument that runs along one axis of the result.

        Returns:
            For each argument the axis of which result position i uses position i alone; None for an argument that all
            positions use in the same way, and for unknown ones. None for the whole if the op mixes positions.
        """
        return self.axes(use, axis) if self.axes else None

    @property
    def linear(self) -> bool:
        """Whether no rule needs a value: the result is linear in the inputs, up to a constant."""
        return self.vjp is not None and not self.saved_inputs and "out" not in self.saves

    @property
    def squashes(self) -> bool:
        """Whether it is a nonlinearity like a gate's: one input, slope at most 1, derivative from its output."""
        bounded = self.slope_bound is not None and self.slope_bound <= 1
        return self.kind == "elementwise" and len(self.inputs) == 1 and bounded and "out" in self.saves

    @property
    def signature(self) -> inspect.Signature:
        """The signature of the public function: inputs by position, settings by position or name."""
        kind = inspect.Parameter.VAR_POSITIONAL if self.variadic else inspect.Parameter.POSITIONAL_ONLY
        later = inspect.Parameter.KEYWORD_ONLY if self.variadic else inspect.Parameter.POSITIONAL_OR_KEYWORD
        inputs = [inspect.Parameter(name, kind) for name in self.inputs]
        required_first = sorted(self.defaults, key=lambda name: name not in self.required)
        settings = [inspect.Parameter(name, later, default=self.defaults[name]) for name in required_first]
        return inspect.Signature([*inputs, *settings])

    def __repr__(self) -> str:
        return f"Op({self.name})"


def _says_type(parameter: inspect.Parameter) -> bool:
    return parameter.kind is parameter.KEYWORD_ONLY and parameter.annotation not in (Any, parameter.empty)


def _values_in(save: str) -> set[str]:
    """The names in a save whose values it keeps, and not only their shape or type."""
    tree = ast.parse(save, mode="eval")
    described = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in _ABOUT}
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in described]
    loops = [(each.target, each.iter) for each in ast.walk(tree) if isinstance(each, ast.comprehension)]
    read = {node.id for node in names if not any(node in pair for pair in loops)}
    return read | {data.id for name, data in loops if isinstance(data, ast.Name) and getattr(name, "id", "") in read}


_ABOUT = ("shape", "ndim", "dtype", "size")


class Kernels(dict[type, Callable[..., Array]]):
    """An op's forward function for each kind of array, made when the first of its kind arrives."""

    def __init__(self, forward: Callable[..., Any]) -> None:
        self.forward = forward

    def __missing__(self, kind: type) -> Callable[..., Array]:
        library_name = getattr(self.forward, "library_name", None)
        xp = NAMESPACES[kind]
        self[kind] = kernel = getattr(xp, library_name) if library_name else partial(self.forward, xp)
        return kernel


def _marked(forward: Callable[..., Any], name: str) -> Callable[..., Any]:
    forward.library_name = name  # type: ignore[attr-defined]  # a mark, which no type of a function has
    return forward


_BY_NAME: dict[int, Callable[[str], Callable[..., Any]]] = {
    1: lambda name: _marked(lambda xp, x: getattr(xp, name)(x), name),
    2: lambda name: _marked(lambda xp, x, y: getattr(xp, name)(x, y), name),
}
