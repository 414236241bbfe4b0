"""The errors of calls: they name the op, its arguments' shapes, its settings and the place in the model."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyseq.autograd.graph import Leaf, Node
from tinyseq.autograd.modes import MODE, Label
from tinyseq.autograd.record.op import Op
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import NAMESPACES, to_numpy

# What an array library raises for arguments that it cannot use; any other error is passed on unchanged.
EXPLAINED = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, Warning)


def argument(record: Op, i: int) -> str:
    """The name of the i-th argument."""
    return f"{record.inputs[0]}[{i}]" if record.variadic else record.inputs[i]


def explained(record: Op, raw: Sequence[Any], error: Exception, attrs: dict[str, Any] | None = None) -> Exception:
    """The array library's error, with the op, its arguments' shapes, its settings and the place in the model."""
    shapes = ", ".join(described(argument(record, i), a) for i, a in enumerate(raw))
    given = {key: shown(value) for key, value in (attrs or {}).items()}
    settings = "".join(f", {key}={text}" for key, text in given.items() if text != shown(record.defaults[key]))
    return kind_of(error)(f"{record.name}({shapes}{settings}){place()}: {_reason(raw, error)}")


def _reason(raw: Sequence[Any], error: Exception) -> object:
    """The library's reason; in words for a product, of which NumPy describes the axes by a signature."""
    if "core dimension" not in str(error):
        return error
    x, y = (operand.shape for operand in raw)
    which = "last but one" if y[1:] else "only one"
    return f"the last axis of x must be as long as the {which} of y, got {x[-1]} and {y[-2:][0]}"


def kind_of(error: Exception) -> type[Exception]:
    """The exception class to raise: one of Python's own, or NumPy's LinAlgError."""
    mine = (each for each in type(error).__mro__ if issubclass(each, Exception))
    known = (each for each in mine if each.__module__ == "builtins" or each is np.linalg.LinAlgError)
    kind = next(known, ValueError)
    if issubclass(kind, AttributeError | LookupError) and kind is not IndexError:
        return TypeError  # an argument of the wrong type
    return kind


def described(name: str, value: Any) -> str:
    """A short description of an argument: an array by its shape."""
    array = isinstance(getattr(value, "shape", None), tuple) and not isinstance(value, np.generic)  # no class of them
    return f"{name}{tuple(value.shape)}" if array else f"{name}={shown(value)}"


def place() -> str:
    """The current place in the model, for error messages."""
    label = MODE.get().label
    return f" ({label.where})" if label.scope or label.step is not None else ""


def shown(value: Any, most: int = 8) -> str:
    """A short description of a setting: a long array by its type and shape."""
    if isinstance(value, Tensor):
        value = value._array
    if type(value) in NAMESPACES:
        numbers = to_numpy(value)
        return repr(numbers.tolist()) if numbers.size <= most else f"{value.dtype}{tuple(value.shape)}"
    if type(value) in (tuple, list) and any(hasattr(part, "dtype") for part in value):
        parts = ", ".join(shown(part, most) for part in value)
        return f"({parts})" if type(value) is tuple else f"[{parts}]"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:76]} ..."


def freed(node: Node) -> RuntimeError:
    """The error for a backward pass through a node that an earlier one has freed."""
    return RuntimeError(
        f"backward reached {node.op.name} ({node.label.where}), whose saved values an earlier backward used and freed. "
        "If a recurrent state is carried from one window of text to the next, detach it: h = h.detach(). "
        "To walk the same graph twice, or to draw or inspect it afterwards, pass retain_graph=True the first time."
    )


def mutated(op: Op, label: Label, i: int, leaf: Leaf) -> RuntimeError:
    """The error for a saved argument, the i-th of an op, that has been updated before the backward pass."""
    called = f" ({leaf.name})" if leaf.name else ""
    argument = op.inputs[0 if op.variadic else i]
    return RuntimeError(
        f"{op.name} ({label.where}) saved its argument {argument}{called} of shape {leaf.shape}, which has been "
        "updated since; call backward() before the optimiser's step or any other update, or run the forward pass again"
    )
