"""The base class of optimisers: parameters, their states, and saving and restoring them."""

import warnings
from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import Any, ClassVar, TypeVar

import numpy as np

from tinyseq.arguments import as_called, check_ordered, check_unmasked, shown
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import Array, is_half, namespace_of, to_numpy
from tinyseq.io.names import check_entries
from tinyseq.torch_names.of_modules import OPTIMIZER
from tinyseq.torch_names.settings import Explained, explained

Trials = tuple[Mapping[str, object], ...]
Rule = TypeVar("Rule", bound=Callable[..., Any])
PIECE = 1 << 15  # elements updated at once, so that temporaries fit the processor's cache


def elementwise(rule: Rule) -> Rule:
    """Declare that `Optimizer.update` or `Optimizer.decayed` computes each element from that element alone.

    Large parameters are then updated in pieces that fit the processor's cache.

    Example:
        >>> import tinyseq as ts
        >>> class SignDescent(ts.optim.Optimizer):
        ...     @ts.optim.elementwise
        ...     def update(self, value, gradient, state):
        ...         return value - self.lr * np.sign(gradient)
    """
    rule.elementwise = True  # type: ignore[attr-defined]  # a mark, which no type of a function has
    return rule


class Optimizer(metaclass=Explained):
    """Base class: updates each parameter, keeps its state, and saves and restores it.

    A subclass defines `update`, the new value of one parameter from its gradient and its state.

    Args:
        parameters: what to update, such as a model's ``parameters()``; those without a gradient are skipped.
        lr: the learning rate.
        weight_decay: the strength of a penalty on the squared norm.

    Attributes:
        lr: the learning rate; it may be changed between steps.
        parameters: the parameters, each once.
        trials: settings that the tests compare with PyTorch's optimiser of the same name, if there is one.

    Raises:
        TypeError: ``parameters`` is a single tensor or a module, or contains something other than tensors.
        ValueError: there are no parameters, one of them is the result of an op, or a setting is out of range.

    Example:
        >>> import tinyseq as ts
        >>> class SignDescent(ts.optim.Optimizer):
        ...     def update(self, value, gradient, state):
        ...         return value - self.lr * np.sign(gradient)
        >>> w = ts.tensor([1.0, -2.0], requires_grad=True)
        >>> (w * w).sum().backward()
        >>> SignDescent([w], lr=0.5).step()
        >>> w.tolist()
        [0.5, -1.5]
    """

    _other_names: ClassVar[dict[str, str]] = OPTIMIZER
    trials: ClassVar[Trials] = ({"lr": 0.05},)

    def __init__(self, parameters: Iterable[Tensor], lr: float, weight_decay: float = 0.0) -> None:
        self.parameters = _leaves(parameters)
        self.lr = not_negative("lr", lr)
        self.weight_decay = not_negative("weight_decay", weight_decay)
        self.states: list[dict[str, Any]] = [{} for _ in self.parameters]

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute; a learning rate, as of a schedule, must be one."""
        object.__setattr__(self, name, not_negative("lr", value) if name == "lr" else value)

    def __repr__(self) -> str:
        return as_called(self)

    def remembered(self) -> set[str] | None:
        """The names of the entries that `update` keeps in a parameter's state; None if unknown."""
        return None

    def update(self, value: Array, gradient: Array, state: dict[str, Any]) -> Array:
        """The new value of a parameter; ``state`` is kept between its updates, and is empty at first.

        `step` raises a TypeError if the result has another shape than the parameter.

        Args:
            value: the parameter's values.
            gradient: of the same shape, with weight decay added.
            state: what was kept, by name.

        Returns:
            The new values.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no update(self, value, gradient, state)")

    @elementwise
    def decayed(self, value: Array, gradient: Array) -> Array:
        """The gradient with weight decay added, as of a penalty on the squared norm."""
        return gradient + self.weight_decay * value if self.weight_decay else gradient

    def step(self) -> None:
        """Update every parameter that has a gradient; those of float16 are computed in float32, as are their states.

        Warns:
            UserWarning: none of the parameters has a gradient, so that nothing is updated.
        """
        if all(parameter.grad is None for parameter in self.parameters):
            warnings.warn(
                "no parameter of the optimiser has a gradient, so step() updates nothing; call zero_grad(), "
                "loss.backward() and step() in this order, with a loss that depends on these parameters",
                stacklevel=2,
            )
        for parameter, state in zip(self.parameters, self.states, strict=True):
            if parameter.grad is not None:
                given = parameter._array
                value, gradient = _exact(given), _exact(parameter.grad._array)
                cut = type(value) is np.ndarray and value.size > PIECE and self._elementwise
                updated = (self._in_pieces if cut else self._updated)(value, gradient, state)
                # NumPy makes scalars of arrays without axes, and float64 of float32 times one of its own scalars.
                parameter._assign(namespace_of(value).asarray(updated, dtype=given.dtype))

    @property
    def _elementwise(self) -> bool:
        """Whether both `update` and `decayed` are declared elementwise; overriding one drops its declaration."""
        return all(hasattr(rule, "elementwise") for rule in (type(self).update, type(self).decayed))

    def _updated(self, value: Array, gradient: Array, state: dict[str, Any]) -> Array:
        """`update`, whose result must be a value for the parameter."""
        updated = self.update(value, gradient, state)
        if updated is None or getattr(updated, "shape", ()) != value.shape:
            found = f"an array of shape {updated.shape}" if hasattr(updated, "shape") else repr(updated)
            cure = "; return it, as in `return value - self.lr * gradient`" if updated is None else ""
            raise TypeError(
                f"{type(self).__name__}.update must return the new value, of shape {value.shape}, got {found}{cure}"
            )
        return updated

    def _in_pieces(self, value: Array, gradient: Array, state: dict[str, Any]) -> Array:
        """`update`, one piece at a time; the arrays of the state are updated in place."""
        updated = np.empty(value.shape, dtype=value.dtype)
        known = {name: np.ascontiguousarray(kept) for name, kept in state.items() if isinstance(kept, np.ndarray)}
        whole, found = dict(known), dict(state)
        values, gradients, results = value.reshape(-1), gradient.reshape(-1), updated.reshape(-1)
        for start in range(0, value.size, PIECE):
            piece = slice(start, start + PIECE)
            before = {name: kept.reshape(-1)[piece] for name, kept in known.items()}
            found = state | before
            results[piece] = self._updated(values[piece], gradients[piece], found)
            for name, kept in found.items():
                if isinstance(kept, np.ndarray) and kept is not before.get(name):
                    if name not in whole:
                        whole[name] = np.empty(value.shape, dtype=kept.dtype)
                    whole[name].reshape(-1)[piece] = kept
        state.update(found, **whole)
        return updated

    @explained
    def zero_grad(self) -> None:
        """Set the gradients to None."""
        for parameter in self.parameters:
            parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        """The learning rate ``"lr"`` and the states of all parameters (such as ``"3.momentum"``) as NumPy arrays."""
        arrays = {
            f"{i}.{name}": np.array(to_numpy(value)) if hasattr(value, "dtype") else value
            for i, state in enumerate(self.states)
            for name, value in state.items()
        }
        return {"lr": self.lr, **arrays}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a `state_dict`; everything is checked before anything is changed.

        Raises:
            TypeError: ``state`` is not a dictionary.
            ValueError: the state has no learning rate, an entry fits no parameter, or it belongs to another optimiser.
        """
        check_entries(self, state, "lr")
        lr = float(not_negative("the state's lr", state["lr"]))
        fresh: list[dict[str, Any]] = [{} for _ in self.parameters]
        for key, value in state.items():
            if key != "lr":
                index, _, name = key.partition(".")
                if not (index.isdecimal() and name and int(index) < len(fresh)):
                    raise ValueError(f"the optimiser's state has {key!r}, but there are {len(fresh)} parameters")
                like = self.parameters[int(index)]
                fresh[int(index)][name] = _count(value, key) if name == "step" else _fitting(value, like, key)
        expected = self.remembered()
        for i, found in enumerate(fresh):
            if expected is not None and found and set(found) != expected:
                rule, names = type(self).__name__, ", ".join(sorted(found))
                wanted = ", ".join(sorted(expected)) or "nothing"
                raise ValueError(f"the state remembers {names} of parameter {i}, but this {rule} remembers {wanted}")
        self.states, self.lr = fresh, lr


def _exact(array: Array) -> Array:
    """The array, in float32 if it is of float16, in which squares of gradients and eps underflow."""
    return array.astype("float32") if is_half(array) else array


def _leaves(parameters: Iterable[Tensor]) -> list[Tensor]:
    """The parameters, each once; anything else is an error."""
    if isinstance(parameters, Tensor):
        raise TypeError(
            "parameters is a single tensor, each row of which would be taken as a parameter; put it in a list"
        )
    if not isinstance(parameters, Iterable):
        raise TypeError(f"parameters is of type {type(parameters).__name__}; give a list, or a model's .parameters()")
    check_ordered("parameters", parameters)  # a state_dict counts them
    leaves: dict[int, Tensor] = {}
    for i, parameter in enumerate(parameters):
        if not isinstance(parameter, Tensor):
            found = type(parameter).__name__
            raise TypeError(f"parameters[{i}] is of type {found}, but must be a tensor; give a model's .parameters()")
        if not parameter.is_leaf:
            raise ValueError(f"parameters[{i}] was computed from other tensors; give those, which hold the values")
        leaves[id(parameter)] = parameter
    if not leaves:
        raise ValueError("parameters is empty: there is nothing to optimise")
    return list(leaves.values())


def single(value: Any) -> Any:
    """A number of NumPy's, or an array or a tensor of one element, as a Python number; anything else as it is."""
    return value.item() if hasattr(value, "item") and getattr(value, "size", 1) == 1 else value


def not_negative(name: str, value: Any) -> float:
    """A setting as a plain number; a tensor of one element is accepted."""
    plain = single(value)
    if isinstance(plain, bool) or not isinstance(plain, int | float):
        raise TypeError(f"{name} must be a number, got {shown(value)}")
    if not isfinite(plain):
        raise ValueError(f"{name} must be a finite number, got {plain}")
    if plain < 0:
        raise ValueError(f"{name} must not be negative, got {plain}")
    return plain


def _count(value: Any, key: str) -> int:
    """The number of updates of a parameter so far."""
    if isinstance(value, bool) or int(value) != value or value < 1:
        raise ValueError(f"{key} is {value!r} in the optimiser's state, but must be a whole number of at least 1")
    return int(value)


def _fitting(value: Any, parameter: Tensor, key: str) -> Array:
    """A copy of a state's array, in the array library and shape of the parameter."""
    if np.shape(value) != parameter.shape:
        raise ValueError(f"{key} has shape {np.shape(value)} in the optimiser's state, but {parameter.shape} is needed")
    check_unmasked(value)
    xp = namespace_of(parameter._array)
    found = xp.asarray(value, copy=True)  # the caller may change theirs
    if not xp.isdtype(found.dtype, "real floating"):
        raise ValueError(f"{key} holds {found.dtype} in the optimiser's state; real numbers are needed")
    return _exact(found)
