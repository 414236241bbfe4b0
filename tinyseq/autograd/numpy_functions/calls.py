"""NumPy's own functions on Tensors: ``np.f(t)`` does exactly what NumPy does, or raises an error that says what to use.

Where no gradient is needed, NumPy computes on the values. Otherwise:

1. tinyseq's function of that name is called, if it has every argument that was given;
2. else NumPy's result is returned if it holds no floating-point numbers (``np.shape``, ``np.argsort``, ``np.isnan``);
3. else NumPy is traced: functions that only select and move elements have a gradient, see
   `tinyseq.autograd.numpy_functions.moves`;
4. anything else is an error. A floating-point result never loses its graph silently.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, ForwardRef, NamedTuple, Union, get_args, get_origin

import numpy as np

from tinyseq.autograd.calls.operands import is_weak_beside
from tinyseq.autograd.declare import FUNCTIONS, NUMPY_FORMS, NUMPY_NAMES, OPS
from tinyseq.autograd.modes import MODE
from tinyseq.autograd.numpy_functions.moves import NotMoved, moved
from tinyseq.autograd.ops.moves.joined import remember
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import NAMESPACES, is_recorded

Function = Callable[..., Any]

UFUNC = {"where": True, "casting": "same_kind", "order": "K", "subok": True, "out": None, "dtype": None}
CURES = {
    "out": "assign the result instead, y = np.f(...)",
    "where": "choose first, with ts.where(mask, t, 0.0)",
    "dtype": "convert with t.to(dtype)",
    "initial": "apply it to the result",
}


def array_ufunc(self: Tensor, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    """`Tensor.__array_ufunc__`."""
    if method == "__call__" and not kwargs:  # the most common calls
        ours = _OURS[ufunc]
        if ours is not None and (self.node is not None or getattr(self._array.dtype, "kind", "f") == "f"):
            return ours(*inputs)
    name = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
    if method == "at" and (isinstance(inputs[0], Tensor) or recorded(inputs)):  # NumPy writes to locked arrays, too
        raise _writes(f"np.{name}")
    function = ufunc if method == "__call__" else getattr(ufunc, method)
    if not recorded(inputs):
        if ufunc.signature and not any(part.ndim for part in inputs if isinstance(part, Tensor)):
            inputs = tuple(part.numpy() if isinstance(part, Tensor) else part for part in inputs)
            return function(*inputs, **kwargs)  # NumPy's own code, which passes on a number, reads the result
        return _of_values(f"np.{name}", function, inputs, kwargs)
    ours = _ours(ufunc.__name__ if method == "outer" else name)
    bound: tuple[Any, Any] | list[str] = []
    if ours is not None:
        bound = _bound_to_ufunc(ours, method, inputs, kwargs)
        if isinstance(bound, tuple):
            return ours(*bound[0], **bound[1])
    if method == "__call__" and kwargs.get("where", True) is not True:
        raise _refusal(f"np.{name}", ["where"], ours)  # it leaves the other elements uninitialised
    return _watched(f"np.{name}", function, inputs, kwargs, list(bound), ours)


def array_function(self: Tensor, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
    """`Tensor.__array_function__`."""
    if not all(issubclass(kind, Tensor | np.ndarray) or kind in NAMESPACES for kind in types):
        return NotImplemented
    short = function.__name__
    name = f"{function.__module__.replace('numpy', 'np', 1)}.{short}"
    if not recorded([args, kwargs]):
        made = _of_values(name, function, args, kwargs)
        joins = function in {np.concatenate, np.stack} and isinstance(made, Tensor)
        return remember(made, OPS[short], args[0], kwargs.get("axis", 0)) if joins and len(args) == 1 else made
    public = np.linalg if function.__module__ == "numpy.linalg" else np
    ours = _ours(short) if getattr(public, short, None) is function else None
    bound: tuple[Any, Any] | list[str] = []
    if ours is not None:
        bound = _bound(ours, _parameters(function), args, kwargs)
        if isinstance(bound, tuple):
            return ours(*bound[0], **bound[1])
    return _watched(name, function, args, kwargs, list(bound), ours)


def recorded(value: Any) -> bool:
    """Whether a value, or a part of it, may need a gradient."""
    if isinstance(value, Tensor):
        return value.node is not None and MODE.get().grad
    if isinstance(value, list | tuple):
        return any(recorded(part) for part in value)
    return isinstance(value, dict) and any(recorded(part) for part in value.values())


# -- our function of the name ------------------------------------------------------------------------------------------


def _ours(name: str) -> Function | None:
    """Our differentiable function for a name of NumPy's."""
    if name in NUMPY_FORMS:
        return NUMPY_FORMS[name]
    name = NUMPY_NAMES.get(name, name)
    return None if name in OPS and OPS[name].vjp is None else FUNCTIONS.get(name)


class _Ufuncs(dict[Any, "Function | None"]):
    """Our function for each of NumPy's universal functions, looked up when it is called first."""

    def __missing__(self, ufunc: Any) -> Function | None:
        ours = _ours(ufunc.__name__)
        if ours is not None:  # a function of the name may be declared later
            self[ufunc] = ours
        return ours


_OURS = _Ufuncs()


class _Parameter(NamedTuple):
    """A parameter as `inspect` describes it, cached because its properties are slow to read."""

    name: str
    default: Any
    by_place: bool
    many: bool  # *args


@cache
def _parameters(function: Function) -> tuple[_Parameter, ...] | None:
    try:
        found = inspect.signature(function).parameters.values()
    except ValueError:  # written in C, before NumPy 2.4
        return None
    return tuple(
        _Parameter(p.name, p.default, p.kind < p.KEYWORD_ONLY, p.kind is p.VAR_POSITIONAL)
        for p in found
        if p.kind is not p.VAR_KEYWORD
    )


def _bound_to_ufunc(ours: Function, method: str, inputs: Any, kwargs: Any) -> tuple[Any, Any] | list[str]:
    """As `_bound`, for a ufunc and its methods."""
    if method in REDUCING:
        return _bound(ours, REDUCING[method], inputs, kwargs)
    if method == "outer":
        x, y = inputs
        inputs = (FUNCTIONS["reshape"](x, (*np.shape(x), *(1,) * np.ndim(y))), y)
    strange = [key for key, value in kwargs.items() if key not in UFUNC or value is not UFUNC[key]]
    if strange == ["dtype"] and np.dtype(kwargs["dtype"]).kind == "f":
        return [_converted(part, kwargs["dtype"]) for part in inputs], {}
    return strange or (inputs, {})


def _reduce(
    array: Any,
    axis: Any = 0,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    initial: Any = None,
    where: Any = True,
) -> None: ...


def _accumulate(array: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> None: ...


REDUCING = {"reduce": _parameters(_reduce), "accumulate": _parameters(_accumulate)}


class _Ours:
    """The arguments of one of our functions: tensors by position, and settings by name."""

    def __init__(self, function: Function) -> None:
        record = getattr(function, "op", None)
        self.sequence = False
        if record is not None:
            self.inputs, self.settings, self.variadic = list(record.inputs), dict(record.defaults), record.variadic
            self.required = list(record.required)
            return
        parameters = inspect.signature(function, eval_str=True).parameters.values()
        single = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        self.sequence = any(_of_tensors(p.annotation) for p in single)
        self.inputs = [p.name for p in single if _of_tensor(p.annotation) or _of_tensors(p.annotation)]
        self.settings = {p.name: p.default for p in single if p.name not in self.inputs}
        self.variadic = any(p.kind is p.VAR_POSITIONAL and _of_tensor(p.annotation) for p in parameters)
        if self.variadic:  # arguments before *tensors, such as einsum's subscripts, are positional too
            self.settings = {name: d for name, d in self.settings.items() if d is not inspect.Parameter.empty}
        self.required = [name for name, d in self.settings.items() if d is inspect.Parameter.empty]


_taken = cache(_Ours)


def _of_tensor(annotation: Any) -> bool:
    """Whether a parameter is a tensor, however its type is written; what may also be something else is a setting."""
    parts = _alternatives(annotation)
    return not parts.isdisjoint({Tensor, ForwardRef("Tensor")}) and parts.isdisjoint({None, NoneType, str, slice})


def _of_tensors(annotation: Any) -> bool:
    """Whether a parameter is a sequence of tensors."""
    origin = get_origin(annotation)
    return isinstance(origin, type) and issubclass(origin, Iterable) and _of_tensor(get_args(annotation)[0])


def _alternatives(annotation: Any) -> set[Any]:
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return set(get_args(annotation)) if get_origin(annotation) in (Union, UnionType) else {annotation}


def _bound(
    ours: Function, theirs: tuple[_Parameter, ...] | None, args: Any, kwargs: Any
) -> tuple[Any, Any] | list[str]:
    """NumPy's arguments translated to ours, or the names of those that ours lacks.

    Tensors are matched by position, as libraries name them differently (a, x, x1, array), and settings by name.
    NumPy's default for a setting that was left out is passed on, as ours may differ.
    """
    taken = _taken(ours)
    if theirs is None:
        strange = [
            *(kwargs.keys() - taken.settings.keys()),
            *(["a positional argument"] * (len(args) - len(taken.inputs))),
        ]
        return strange or ["fewer arguments"] * (len(args) < len(taken.inputs)) or (_listed(taken, args), kwargs)
    tensors: list[Any] = []
    settings: dict[str, Any] = {}
    strange, dtype = [], None
    for i, (name, default, by_place, many) in enumerate(theirs):
        if many:
            tensors += args[i:]
            strange += [name] * (not taken.variadic)
            continue
        value = args[i] if by_place and i < len(args) else kwargs.get(name, default)
        if value is default and name not in taken.settings:
            continue
        if i < len(taken.inputs) and not taken.variadic:
            tensors.append(value)
        elif name == "dtype" and value is not None and np.dtype(value).kind != "f":
            strange.append(name)  # whole numbers have no gradient, and NumPy's way to make them
        elif name in taken.settings and not recorded(value):
            if value is not np._NoValue:
                settings[name] = _raw(value) if isinstance(value, Tensor | list | tuple) else value
        elif name == "dtype" and value is not None:
            dtype = value
        elif not _alike(value, default):
            strange.append(name)
    strange += [name for name in taken.required if name not in settings]
    for name in kwargs.keys() - {p.name for p in theirs}:  # what NumPy takes as **kwargs
        if name in taken.settings and not recorded(kwargs[name]):
            settings[name] = kwargs[name]
        else:
            strange.append(name)
    if strange or len(tensors) < len(taken.inputs):
        return strange or ["fewer arguments"]
    tensors = _listed(taken, tensors)
    return [part if dtype is None else _converted(part, dtype) for part in tensors], settings


def _alike(value: Any, default: Any) -> bool:
    return value is default or (
        type(value) is type(default) and isinstance(value, bool | int | str) and value == default
    )


def _listed(taken: _Ours, args: Sequence[Any]) -> list[Any]:
    """The arguments; a tensor given for a sequence of tensors is unpacked along its first axis, as in NumPy."""
    first, *rest = args
    return [list(first) if taken.sequence and not isinstance(first, list | tuple) else first, *rest]


def _converted(part: Any, dtype: Any) -> Any:
    if isinstance(part, list | tuple) and recorded(part):
        return [_converted(each, dtype) for each in part]
    return part if isinstance(part, bool | int | float) else FUNCTIONS["astype"](part, dtype)


# -- NumPy itself ------------------------------------------------------------------------------------------------------


def _of_values(name: str, function: Function, args: Any, kwargs: Any) -> Any:
    """NumPy's result for the values; numeric arrays become Tensors, except an array given as ``out=``."""
    weak = any(isinstance(part, Tensor) and is_weak_beside(part._array) for part in _leaves([args, kwargs]))
    result = _run(name, function, _raw(args, weak=weak), _raw(kwargs, weak=weak))
    outs = [id(part) for part in _leaves([args, kwargs]) if isinstance(part, np.ndarray) and part is result]
    return result if outs else _mapped(result, _tensor)


def _watched(
    name: str, function: Function, args: Any, kwargs: Any, strange: list[str] | None, ours: Function | None
) -> Any:
    """NumPy's result for recorded tensors, if no gradient is lost."""
    result = _run(name, function, _raw(args, locked=True), _raw(kwargs, locked=True))
    answers = list(_leaves(result))
    lost = [i for i, part in enumerate(answers) if not _discrete(part)]
    if not lost:
        return _mapped(result, _tensor)

    def traced(elements: Callable[[Tensor], Any]) -> list[Any]:
        swap = lambda part: elements(part) if recorded(part) else _raw(part, locked=True)
        parts = list(_leaves(function(*_mapped(args, swap), **_mapped(kwargs, swap))))
        return [parts[i] for i in lost] if len(parts) == len(answers) else []

    sources = [part for part in _leaves([args, kwargs]) if recorded(part)]
    try:
        found = iter(moved(traced, sources, [answers[i] for i in lost]))
    except NotMoved:
        raise _refusal(name, strange, ours) from None
    return _mapped(result, lambda part: _tensor(part) if _discrete(part) else next(found))


def _run(name: str, function: Function, args: Any, kwargs: Any) -> Any:
    try:
        return function(*args, **kwargs)
    except ValueError as error:
        if "read-only" not in str(error) and "output array" not in str(error):
            raise
        raise _writes(name) from None


def _writes(name: str) -> TypeError:
    return TypeError(
        f"{name} would write to a tensor, or write its values into an array, outside the graph; assign the "
        "result instead (y = np.f(...)), or use ts.index_set(t, index, values), "
        "ts.scatter_add(t, index, values) or t.copy_(values)"
    )


def _refusal(name: str, strange: list[str] | None, ours: Function | None) -> TypeError:
    values = f"for values without a gradient, {name}(t.detach().numpy())"
    if ours is None:
        return TypeError(f"{name} is not recorded by tinyseq; use functions of tinyseq, or, {values}")
    taken = _taken(ours)
    known = ", ".join([*taken.inputs, *(f"{key}=" for key in taken.settings)])
    cures = "".join(f"; for {key}=, {CURES[key]}" for key in strange or () if key in CURES)
    given = f" with {', '.join(strange)}" if strange else ""
    return TypeError(f"{name} is not recorded by tinyseq{given}; use ts.{ours.__name__}({known}){cures}; or, {values}")


# -- values of any nesting ---------------------------------------------------------------------------------------------


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _leaves(part)
    else:
        yield value


def _mapped(value: Any, change: Callable[[Any], Any]) -> Any:
    """The same nesting with a function applied to each leaf."""
    if isinstance(value, dict):
        return {key: _mapped(part, change) for key, part in value.items()}
    if isinstance(value, list | tuple):
        parts = [_mapped(part, change) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return change(value)


def _raw(value: Any, locked: bool = False, weak: bool = True) -> Any:
    """Tensors as read-only arrays; other arrays stay writeable unless they are to be locked too.

    NumPy scalars become Python numbers if they are ``weak``, see `is_weak_beside`.
    """

    def plain(part: Any) -> Any:
        if isinstance(part, Tensor):
            array = part._array
            return array if hasattr(array, "__cuda_array_interface__") or is_recorded(array) else part.numpy()
        if type(part) in NAMESPACES and is_recorded(part):
            return NAMESPACES[type(part)].operand(part, copies=False)
        if weak and isinstance(part, np.number | np.bool):
            return part.item()
        if locked and isinstance(part, np.ndarray):
            part = part.view()
            part.flags.writeable = False
        return part

    return _mapped(value, plain)


def _discrete(part: Any) -> bool:
    """Whether a part of a result cannot have a gradient: whole numbers, booleans, text, types."""
    dtype = getattr(part, "dtype", None)
    if dtype is not None and not isinstance(part, type):
        return isinstance(part, np.dtype) or np.dtype(dtype).kind in "biuSUMm"
    return part is None or isinstance(part, bool | int | str | bytes | type | np.dtype)


def _tensor(part: Any) -> Any:
    if isinstance(part, np.number | np.bool):
        return Tensor(np.asarray(part))
    if type(part) in NAMESPACES and part.dtype.kind in "biufc":
        return Tensor(part if getattr(part, "base", None) is None else part.copy())
    return part
