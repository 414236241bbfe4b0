"""Module: a callable with parameters, whose name is recorded on its ops."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from html import escape
from threading import Lock
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import DTypeLike

from tinyseq.autograd.calls.conversion import as_native
from tinyseq.autograd.modes import no_grad, scope
from tinyseq.autograd.tensor import Tensor, TensorLike
from tinyseq.backend import on_host, target_type, to_device, to_numpy
from tinyseq.compiler import Compiled
from tinyseq.html_tables import TableCell, html_table
from tinyseq.nn.parameter import Parameter
from tinyseq.torch_names.of_modules import MODULE
from tinyseq.torch_names.settings import Explained, with_cure

State = dict[str, np.ndarray[Any, np.dtype[Any]]]


class Module(metaclass=Explained):
    """The base of layers and models: assign parameters and modules to attributes, and define ``forward``.

    Put several modules in a `ModuleList`: their parameters would not be found in a plain list, so that is an error.

    Attributes:
        training: whether dropout is active; set by `train` and `eval`.

    Example:
        >>> import tinyseq as ts
        >>> class Scale(ts.nn.Module):
        ...     def __init__(self):
        ...         self.factor = ts.nn.Parameter([2.0])
        ...     def forward(self, x):
        ...         return self.factor * x
        >>> Scale()(ts.ones(2))
        tensor([2., 2.], made by multiply)
        >>> Scale()
        Scale: 1 parameter
          factor (1,)
    """

    training = True
    _other_names: ClassVar[dict[str, str]] = MODULE
    _name: str | None = None  # the attribute that holds this module in its parent

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; a subclass defines it."""
        kind = type(self)
        own = [name for name, value in vars(kind).items() if inspect.isfunction(value) and not name.startswith("_")]
        cure = f"; call one of its methods: {', '.join(own)}" if own and kind is not Module else ""
        if "call" in own:  # as in Keras
            cure = "; give its method call the name forward"
        raise NotImplementedError(f"{kind.__name__} defines no forward(){cure}")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with scope(self._name or type(self).__name__):
            try:
                return self.forward(*args, **kwargs)
            except TypeError as error:
                with_cure(error, kwargs, self.forward, self)
                raise

    def __setattr__(self, name: str, value: Any) -> None:
        old = itself(vars(self).get(name))
        self._check_replacement(name, old, value)
        object.__setattr__(self, name, value)
        value = itself(value)
        if isinstance(value, Parameter) and value.root is None:
            if isinstance(old, Parameter) and old.name and old.root:
                value.named(old.name, old.root)
            else:
                value.named(name, self)
        elif isinstance(value, Module) and value._name is None and value is not self:  # but compiled in an attribute
            value._adopt(name, self)

    def _check_replacement(self, name: str, old: Any, value: Any) -> None:
        """Refuse an assignment that would silently remove a parameter or a module from the model."""
        place, given = f"{type(self).__name__}.{name}", type(value).__name__
        if isinstance(old, Parameter) and not (value is None or isinstance(value, Parameter)):
            raise TypeError(
                f"{place} is a parameter, and {given} would not be trained; give it new values by "
                f"{name}.copy_(values), or assign ts.nn.Parameter(values), or None to remove it"
            )
        if isinstance(old, Module) and not (value is None or callable(value)):
            raise TypeError(
                f"{place} is a module, {type(old).__name__}, and {given} is not; assign another module, or None to "
                "remove it"
            )

    def _adopt(self, name: str, parent: "Module") -> None:
        """Take the name of the attribute that now holds this module, as a prefix of the names of its parameters.

        A parameter shared with another module keeps the name it has there.
        """
        object.__setattr__(self, "_name", name)
        for below, parameter in list(self.named_parameters()):
            if parameter.root in (self, None):
                parameter.named(f"{name}.{parameter.name if parameter.root is self else below}", parent)

    # -- what it holds -------------------------------------------------------------------------------------------------

    def _held(self) -> Iterator[tuple[str, "Parameter | Module"]]:
        """The direct parameters and submodules, with their names."""
        for name, held in vars(self).items():
            value = itself(held)
            if isinstance(value, Parameter | Module):
                yield name, value
            elif _holds_parts(value):
                raise TypeError(
                    f"{type(self).__name__}.{name} is a {type(value).__name__} of modules or parameters, which "
                    "would neither be trained nor saved; make it a ts.nn.ModuleList, or give each its own attribute"
                )
            elif isinstance(value, Tensor) and value.requires_grad and value.is_leaf:
                raise TypeError(
                    f"{type(self).__name__}.{name} is a tensor with requires_grad=True, which would neither be trained "
                    f"nor saved; write self.{name} = ts.nn.Parameter(...)"
                )

    def children(self) -> Iterator[tuple[str, "Module"]]:
        """The direct submodules, with their names."""
        return ((name, value) for name, value in self._held() if isinstance(value, Module))

    def modules(self) -> Iterator["Module"]:
        """This module and all its submodules, each once."""
        stack, seen = [self], set()
        while stack:
            module = stack.pop()
            if id(module) not in seen:
                seen.add(id(module))
                yield module
                stack.extend(child for _, child in reversed(list(module.children())))

    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
        """Every parameter once, with its dotted name; a shared parameter has the first of its names.

        Raises:
            TypeError: a list or dictionary contains modules or parameters, where they would not be found.
        """
        seen: set[int] = set()
        for name, parameter in self._all_names(prefix):
            if id(parameter) not in seen:
                seen.add(id(parameter))
                yield name, parameter

    def _all_names(self, prefix: str = "", above: frozenset[int] = frozenset()) -> Iterator[tuple[str, Parameter]]:
        """Every name of every parameter; modules that contain each other are visited once on each path."""
        for name, value in self._held():
            if isinstance(value, Parameter):
                yield prefix + name, value
            elif id(value) not in above | {id(self)}:
                yield from value._all_names(f"{prefix}{name}.", above | {id(self)})

    def parameters(self) -> Iterator[Parameter]:
        """Every parameter once."""
        return (parameter for _, parameter in self.named_parameters())

    # -- switches ------------------------------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Switch to training mode (dropout is active), or to evaluation mode if ``mode`` is False."""
        for module in self.modules():
            object.__setattr__(module, "training", mode)
        return self

    def eval(self) -> Self:
        """Switch to evaluation mode: dropout does nothing."""
        return self.train(False)

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Evaluate without recording inside the block; afterwards each module returns to its previous mode.

        Blocks of several threads may overlap: the last one to end restores the modes.

        Example:
            >>> import tinyseq as ts
            >>> model = ts.nn.Sequential(ts.nn.Dropout(0.5), ts.nn.Dropout(0.5).eval())
            >>> with model.evaluating():
            ...     inside = model[0].training
            >>> inside, model[0].training, model[1].training
            (False, True, False)
        """
        modules = list(self.modules())
        with _LOCK:
            for module in modules:
                count, before = _EVALUATED.get(id(module), (0, module.training))
                _EVALUATED[id(module)] = count + 1, before
                object.__setattr__(module, "training", False)
        try:
            with no_grad():
                yield
        finally:
            with _LOCK:
                for module in modules:
                    count, before = _EVALUATED.pop(id(module))
                    if count > 1:
                        _EVALUATED[id(module)] = count - 1, before
                    else:
                        object.__setattr__(module, "training", before)

    def apply(self, function: Callable[["Module"], object]) -> Self:
        """Call a function on this module and every submodule."""
        for module in list(self.modules()):
            function(module)
        return self

    def zero_grad(self) -> None:
        """Set the gradients to None."""
        for parameter in self.parameters():
            parameter.grad = None

    def to(self, target: DTypeLike) -> Self:
        """Move the parameters to a device (``"cpu"``, ``"cuda"``) or convert them to a dtype, without gradients.

        Raises:
            TypeError: ``target`` is neither a device nor a dtype of floating-point numbers.
            RuntimeError: ``"cuda"`` without CuPy.
        """
        device = target if isinstance(target, str) and target in ("cpu", "cuda") else None
        if device is None:
            _check_float(target)
        for parameter in self.parameters():
            array = parameter._array
            parameter.moved(as_native(array.astype(target)) if device is None else to_device(array, device))
        return self

    # -- saving --------------------------------------------------------------------------------------------------------

    def state_dict(self) -> State:
        """The parameters' values by name, as copies in NumPy arrays."""
        return {name: to_numpy(parameter._array).copy() for name, parameter in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, TensorLike], strict: bool = True) -> None:
        """Load parameters from a dictionary; all values are checked before any parameter is changed.

        Args:
            state: arrays or tensors by name, as returned by `state_dict`, or PyTorch's for the same layers.
            strict: whether the names must match exactly.

        Raises:
            KeyError: names are missing or unexpected; the error lists them all.
            ValueError: shapes differ (the error lists them all), a value is not an array of real numbers, or two names
                of one shared parameter have different values.
            TypeError: if ``state`` is not a dictionary.
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"state must be a dictionary of arrays by name, got {type(state).__name__}")
        own, first = dict(self._all_names()), {id(parameter): name for name, parameter in self.named_parameters()}
        given = {first[id(own[name])] for name in state if name in own}  # any one name of a shared parameter will do
        missing, unexpected = sorted(set(first.values()) - given), sorted(state.keys() - own.keys())
        if strict and (missing or unexpected):
            parts = [
                f"{kind}: {', '.join(names)}"
                for kind, names in (("missing", missing), ("unexpected", unexpected))
                if names
            ]
            raise KeyError(f"state_dict does not fit {type(self).__name__}; {'; '.join(parts)}")
        arrays = {name: _array(state[name]) for name in own if name in state}
        if wrong := [*_misfits(arrays, own), *_contradictions(arrays, own, first)]:
            raise ValueError("; ".join(wrong))
        for name, array in arrays.items():
            own[name].copy_(array)

    def __repr__(self) -> str:
        total = sum(parameter.size for parameter in self.parameters())
        lines = [f"{type(self).__name__}: {total:,} parameter{'' if total == 1 else 's'}"]
        lines += [f"  {name} {parameter.shape}" for name, parameter in self.named_parameters()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """For notebooks: a table of the parameters, collapsed if it is long."""
        rows = [
            (
                TableCell(name[:120]),
                TableCell(str(p.shape)),
                p.dtype,
                f"{p.size:,}",
                "" if p.requires_grad else "frozen",
            )
            for name, p in self.named_parameters()
        ]
        head = ("parameter", "shape", "dtype", "numbers", "")
        opened = ' open=""' if len(rows) <= 24 else ""
        title = escape(repr(self).partition("\n")[0])
        return f"<details{opened}><summary>{title}</summary>{html_table('', rows, head)}</details>"


_LOCK = Lock()
_EVALUATED: dict[int, tuple[int, bool]] = {}  # by the id of a module: how many blocks evaluate it, and its mode before

_KINDS = (Parameter, Module, Compiled, list, tuple, set, dict)


def itself(value: Any) -> Any:
    """The module that a compiled module calls; anything else as it is."""
    return itself(value.function) if isinstance(value, Compiled) else value


def _holds_parts(value: Any, deep: int = 3) -> bool:
    """Whether a container, or one nested in it, contains modules or parameters."""
    value = itself(value)
    if isinstance(value, list | tuple | set | dict) and deep:
        inside = value.values() if isinstance(value, dict) else value
        return any(isinstance(part, _KINDS) and _holds_parts(part, deep - 1) for part in inside)
    return isinstance(value, Parameter | Module)


def _array(value: Any) -> np.ndarray[Any, np.dtype[Any]]:
    """An entry of a state_dict (ours or PyTorch's) as a NumPy array."""
    value = value.detach() if hasattr(value, "detach") else value
    return np.asarray(value.numpy() if hasattr(value, "numpy") else on_host(value))


def _misfits(arrays: State, own: dict[str, Parameter]) -> Iterator[str]:
    """Arrays of the wrong shape or dtype."""
    for name, array in arrays.items():
        if array.shape != own[name].shape:
            yield f"{name} has shape {array.shape} in the state_dict, but {own[name].shape} in the model"
        if array.dtype.kind not in "biuf":
            yield f"{name} holds {array.dtype} in the state_dict, but real numbers in the model"


def _contradictions(arrays: State, own: dict[str, Parameter], first: dict[int, str]) -> Iterator[str]:
    """Different values for two names of one parameter."""
    for name, array in arrays.items():
        shared = first[id(own[name])]
        if name != shared and not np.array_equal(array, arrays.get(shared, array), equal_nan=array.dtype.kind == "f"):
            yield f"{shared} and {name} are one parameter in the model, but differ in the state_dict"


def _check_float(target: Any) -> None:
    wanted = np.dtype(target_type(target))
    if wanted.kind != "f":
        raise TypeError(f"parameters are floating-point numbers, which {wanted} are not; take float32 or float64")
