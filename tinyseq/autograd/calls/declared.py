"""Checks of an op's declaration: a mistake in it is named where it is made, not at the first call or gradient."""

import ast
import builtins
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, get_args

import numpy as np

from tinyseq.autograd.record.axes import Kind
from tinyseq.autograd.record.op import ForEach, Op, Rule, Summed
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import NAMESPACES


def check_declaration(record: Op) -> None:
    """Check that the parts of an op's declaration fit together.

    Raises:
        ValueError: there is no input, a setting is not keyword-only, the number of rules is not that of the inputs,
            ``saves`` has a name that is neither an input nor the output, or the kind is unknown.
        TypeError: a rule does not take what it is called with.
    """
    name, inputs = record.name, ", ".join(record.inputs)
    if not record.inputs:
        raise ValueError(f"op {name!r}: forward must take xp and at least one input, as in forward=lambda xp, x: ...")
    for parameter in inspect.signature(record.forward).parameters.values():
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and parameter.default is not parameter.empty:
            setting = parameter.name
            raise ValueError(f"op {name!r}: {setting} has a default, so it is a setting; write *, before {setting}=")
    if record.kind not in get_args(Kind):
        raise ValueError(f"op {name!r}: kind must be one of {', '.join(get_args(Kind))}, got {record.kind!r}")
    known = {*record.inputs, "shapes" if record.outputs else "out"}
    for part in record.saves if record.with_slope is None else ():
        for unknown in sorted(_names(part) - known):
            raise ValueError(f"op {name!r}: saves has {unknown!r}, but there are only {', '.join(sorted(known))}")
    if record.vjp is None:
        return
    if not record.variadic and len(record.rules) != len(record.inputs):
        raise ValueError(
            f"op {name!r}: vjp has {len(record.rules)} rule(s) for {len(record.inputs)} inputs ({inputs}); "
            "give a tuple with a rule for each, None for one without a gradient"
        )
    for argument, rule in _rules(record):
        given = ["xp", "g", *(["i"] if record.variadic else []), *record.saves]
        settings = list(record.defaults)
        if not _takes(rule, len(given), settings):
            call = ", ".join([*given, *(f"{setting}=..." for setting in settings)])
            takes = str(inspect.signature(rule))
            raise TypeError(f"op {name!r}: the rule for {argument} is called as rule({call}), but takes {takes}")


def giving_arrays(record: Op) -> Any:
    """The rules of an op, each with a TypeError for a result that is not an array, such as a missing return's None."""
    if record.variadic:
        return ForEach(_giving_array(record.name, record.rules.rule))
    rules: list[Rule | Summed | None] = []
    for i, rule in enumerate(record.rules):
        if isinstance(rule, Summed):
            rules.append(Summed(*(_giving_array(record.name, function, i) for function in rule)))
        else:
            rules.append(rule and _giving_array(record.name, rule, i))
    return tuple(rules)


def _giving_array(name: str, rule: Rule, i: int | None = None) -> Rule:
    """The rule for the i-th input, or one that is told for which."""

    @functools.wraps(rule)
    def call(xp: Any, g: Any, *rest: Any, **settings: Any) -> Any:
        result = rule(xp, g, *rest, **settings)
        if type(result) in NAMESPACES or isinstance(result, np.generic | Tensor):
            return result  # no np.matrix, whose * is another product, and no masked array
        kind = f"{type(result).__name__}, not an array of xp"
        found = "nothing: is there a return missing?" if result is None else kind
        raise TypeError(f"the VJP of {name} for argument {rest[0] if i is None else i} gave {found}")

    return call


def _rules(record: Op) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The rules, each with the name of its input."""
    if record.variadic:
        yield record.inputs[0], record.rules.rule
        return
    for argument, rule in zip(record.inputs, record.rules, strict=True):
        if rule is not None:
            yield argument, rule.one if isinstance(rule, Summed) else rule


def _takes(rule: Callable[..., Any], count: int, settings: list[str]) -> bool:
    """Whether a function can be called with so many arguments by position, and with these settings by name."""
    try:
        signature = inspect.signature(rule)
    except ValueError:  # a function written in C, which does not say
        return True
    try:
        signature.bind(*[None] * count, **dict.fromkeys(settings))
    except TypeError:
        return False
    return True


def _names(part: str) -> set[str]:
    """The names that an expression reads, without Python's own and those that it makes itself."""
    names = [node for node in ast.walk(ast.parse(part, mode="eval")) if isinstance(node, ast.Name)]
    made = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    return {node.id for node in names} - made - vars(builtins).keys()
