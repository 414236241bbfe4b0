"""Optimisers, each a rule for one parameter's update; names, defaults and trajectories are PyTorch's."""

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import Array, namespace_of, to_numpy
from tinyseq.torch_names.lookup import missing
from tinyseq.torch_names.names import OPTIMIZER
from tinyseq.torch_names.settings import Explained


class Optimizer(metaclass=Explained):
    """The base: it goes through the parameters, keeps each one's state, and saves and restores it.

    A subclass defines `update`, the new value of one parameter from its gradient and its state.

    Args:
        parameters: what is updated, such as a model's ``parameters()``; those without a gradient stay as they are.
        lr: the learning rate.
        weight_decay: the strength of a penalty on the squared norm.

    Attributes:
        lr: the learning rate, free to be changed between steps.
        parameters: what is updated, each once.

    Raises:
        TypeError: ``parameters`` is a single tensor or a module, or holds what is no tensor.
        ValueError: there is no parameter, one is a computed tensor, or a setting is out of range.

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

    def __init__(self, parameters: Iterable[Tensor], lr: float, weight_decay: float = 0.0) -> None:
        self.parameters = _leaves(parameters)
        self.lr = _not_negative("lr", lr)
        self.weight_decay = _not_negative("weight_decay", weight_decay)
        self.states: list[dict[str, Any]] = [{} for _ in self.parameters]

    if not TYPE_CHECKING:  # to whom a name that is not there shall stay one

        def __getattr__(self, name: str) -> NoReturn:
            raise missing(f"{type(self).__name__!r} object", name, OPTIMIZER, own=True)

    def remembered(self) -> set[str] | None:
        """The names of all that `update` keeps in a parameter's state; None for a rule that does not tell."""
        return None

    def update(self, value: Array, gradient: Array, state: dict[str, Any]) -> Array:
        """The new value of a parameter; ``state`` is what the rule remembers of it, empty at first."""
        raise AssertionError("a subclass defines its rule")

    def decayed(self, value: Array, gradient: Array) -> Array:
        """The gradient with the weight decay's share, as of a penalty on the squared norm."""
        return gradient + self.weight_decay * value if self.weight_decay else gradient

    def step(self) -> None:
        """Update every parameter that has a gradient."""
        for parameter, state in zip(self.parameters, self.states, strict=True):
            if parameter.grad is not None:
                value = parameter._array
                updated = self.update(value, parameter.grad._array, state)
                # NumPy makes scalars of arrays without axes, and float64 of float32 times one of its own scalars.
                parameter._assign(namespace_of(value).asarray(updated, dtype=value.dtype))

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        """What steps change: the rate ``"lr"``, and all that the rule remembers (``"3.momentum"``) as NumPy arrays."""
        arrays = {
            f"{i}.{name}": np.array(to_numpy(value)) if hasattr(value, "dtype") else value
            for i, state in enumerate(self.states)
            for name, value in state.items()
        }
        return {"lr": self.lr, **arrays}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave; everything is checked before anything is changed.

        Raises:
            TypeError: ``state`` is no dictionary.
            ValueError: if the state has no learning rate, an entry that fits no parameter, or is that of another rule.
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"state must be a dictionary, as state_dict() gives it, got {type(state).__name__}")
        if "lr" not in state:
            raise ValueError(f"the optimiser's state has no 'lr', only {', '.join(map(repr, state)) or 'nothing'}")
        lr = float(_not_negative("the state's lr", state["lr"]))
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


def _leaves(parameters: Iterable[Tensor]) -> list[Tensor]:
    """The parameters, each once, or an error that says what else was given."""
    if isinstance(parameters, Tensor):
        raise TypeError("parameters is a single tensor, of which each row would be one; put it in a list")
    if not isinstance(parameters, Iterable):
        raise TypeError(f"parameters is of type {type(parameters).__name__}; give a list, or a model's .parameters()")
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


def _not_negative(name: str, value: Any) -> float:
    """A setting as a plain number; a tensor of one element will do."""
    plain = value.item() if hasattr(value, "item") else value
    if not isinstance(plain, int | float):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not plain >= 0:
        raise ValueError(f"{name} must not be negative, got {plain}")
    return plain


def _count(value: Any, key: str) -> int:
    """How many steps a parameter has been through."""
    if isinstance(value, bool) or int(value) != value or value < 1:
        raise ValueError(f"{key} is {value!r} in the optimiser's state, but must be a whole number from 1 upwards")
    return int(value)


def _fitting(value: Any, parameter: Tensor, key: str) -> Array:
    """Real numbers in an array of the parameter's library and shape."""
    if np.shape(value) != parameter.shape:
        raise ValueError(f"{key} has shape {np.shape(value)} in the optimiser's state, but {parameter.shape} is needed")
    xp = namespace_of(parameter._array)
    found = xp.asarray(value, copy=True)  # the caller may go on with its own
    if not xp.isdtype(found.dtype, "real floating"):
        raise ValueError(f"{key} holds {found.dtype} in the optimiser's state; real numbers are needed")
    return found


class SGD(Optimizer):
    """w - lr * g, with momentum and Nesterov's look-ahead if wanted.

    Args:
        parameters, lr, weight_decay: as for `Optimizer`.
        momentum: the share of the last step's direction that is kept (Polyak, 1964).
        nesterov: take the gradient's direction as if the momentum's step had been made (Sutskever and others, 2013).

    Raises:
        TypeError, ValueError: as for `Optimizer`.

    Example:
        >>> import tinyseq as ts
        >>> w = ts.tensor([1.0], requires_grad=True)
        >>> optimizer = ts.optim.SGD([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w
        tensor([0.8], requires_grad=True)
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        self.momentum = _not_negative("momentum", momentum)
        if nesterov and not momentum:
            raise ValueError("nesterov needs a momentum above 0")
        self.nesterov = nesterov

    def remembered(self) -> set[str]:
        """The running sum of gradients, if there is a momentum."""
        return {"momentum"} if self.momentum else set()

    def update(self, value: Array, gradient: Array, state: dict[str, Any]) -> Array:
        """v = momentum v + g; w - lr v."""
        gradient = self.decayed(value, gradient)
        if self.momentum:
            velocity = self.momentum * state["momentum"] + gradient if "momentum" in state else gradient
            state["momentum"] = velocity
            gradient = gradient + self.momentum * velocity if self.nesterov else velocity
        return value - self.lr * gradient


class Adam(Optimizer):
    """Running means of the gradient and of its square (Kingma and Ba, 2015).

    Args:
        parameters, lr, weight_decay: as for `Optimizer`.
        betas: the shares of the two means that are kept at each step.
        eps: added to the root, so that nothing is divided by 0.

    Raises:
        TypeError, ValueError: as for `Optimizer`.

    Example:
        >>> import tinyseq as ts
        >>> w = ts.tensor([1.0], requires_grad=True)
        >>> optimizer = ts.optim.Adam([w], lr=0.1)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w.numpy().round(6)
        array([0.9])
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        if not (isinstance(betas, tuple | list) and len(betas) == 2 and all(0 <= beta < 1 for beta in betas)):
            raise ValueError(f"betas must be two numbers, and both betas must lie in [0, 1), got {betas}")
        self.betas = float(betas[0]), float(betas[1])
        self.eps = _not_negative("eps", eps)

    def remembered(self) -> set[str]:
        """The number of steps, and the two running means."""
        return {"step", "mean", "square"}

    def update(self, value: Array, gradient: Array, state: dict[str, Any]) -> Array:
        """m = b1 m + (1 - b1) g, s = b2 s + (1 - b2) g², both over 1 - b^t; then w - lr m / (sqrt(s) + eps)."""
        xp, (b1, b2) = namespace_of(value), self.betas
        gradient = self.decayed(value, gradient)
        t = state["step"] = int(state.get("step", 0)) + 1
        m = state["mean"] = (1 - b1) * gradient + (b1 * state["mean"] if t > 1 else 0)
        s = state["square"] = (1 - b2) * (gradient * gradient) + (b2 * state["square"] if t > 1 else 0)
        root = xp.sqrt(s) / math.sqrt(1 - b2**t) + self.eps
        return value - (self.lr / (1 - b1**t)) * (m / root)


class AdamW(Adam):
    """Adam with the weight decay apart from the gradient's means (Loshchilov and Hutter, 2019).

    Args:
        parameters, lr, betas, eps: as for `Adam`.
        weight_decay: each step first multiplies the value by 1 - lr * weight_decay.

    Raises:
        TypeError, ValueError: as for `Optimizer`.

    Example:
        >>> import tinyseq as ts
        >>> w = ts.tensor([1.0], requires_grad=True)
        >>> w.grad = ts.zeros(1)
        >>> ts.optim.AdamW([w], lr=0.1, weight_decay=0.5).step()
        >>> w.numpy()
        array([0.95])
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay)

    def decayed(self, value: Array, gradient: Array) -> Array:
        """The gradient alone; the decay acts on the value."""
        return gradient

    def update(self, value: Array, gradient: Array, state: dict[str, Any]) -> Array:
        """Adam's update of the value shrunk by lr * weight_decay."""
        return super().update(value * (1 - self.lr * self.weight_decay), gradient, state)


class Adagrad(Optimizer):
    """Steps divided by the root of all squared gradients so far (Duchi and others, 2011).

    Args:
        parameters, lr, weight_decay: as for `Optimizer`.
        eps: added to the root, so that nothing is divided by 0.

    Raises:
        TypeError, ValueError: as for `Optimizer`.

    Example:
        >>> import tinyseq as ts
        >>> w = ts.tensor([1.0], requires_grad=True)
        >>> optimizer = ts.optim.Adagrad([w], lr=0.5)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w.numpy().round(6)
        array([0.5])
    """

    def __init__(
        self, parameters: Iterable[Tensor], lr: float = 1e-2, weight_decay: float = 0.0, eps: float = 1e-10
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        self.eps = _not_negative("eps", eps)

    def remembered(self) -> set[str]:
        """The sum of squares."""
        return {"square"}

    def update(self, value: Array, gradient: Array, state: dict[str, Any]) -> Array:
        """s = s + g²; w - lr g / (sqrt(s) + eps)."""
        gradient = self.decayed(value, gradient)
        s = state["square"] = state.get("square", 0) + gradient * gradient
        return value - self.lr * (gradient / (namespace_of(value).sqrt(s) + self.eps))


class RMSprop(Optimizer):
    """Steps divided by the root of a running mean of squared gradients (Hinton's lecture 6e, 2012).

    Args:
        parameters, lr, weight_decay: as for `Optimizer`.
        alpha: the share of the mean that is kept at each step.
        eps: added to the root, so that nothing is divided by 0.
        momentum: the share of the last step that is kept.
        centered: divide by the standard deviation, from which the mean gradient is taken off (Graves, 2013). As in
            PyTorch, gradients that stay the same for thousands of steps can bring rounding below 0, and so NaN.

    Raises:
        TypeError, ValueError: as for `Optimizer`.

    Example:
        >>> import tinyseq as ts
        >>> w = ts.tensor([1.0], requires_grad=True)
        >>> optimizer = ts.optim.RMSprop([w], lr=0.01)
        >>> (w * w).sum().backward()
        >>> optimizer.step()
        >>> w.numpy().round(6)
        array([0.9])
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        if not 0 <= alpha < 1:
            raise ValueError(f"alpha must lie in [0, 1), got {alpha}")
        self.alpha = float(alpha)
        self.eps = _not_negative("eps", eps)
        self.momentum = _not_negative("momentum", momentum)
        self.centered = centered

    def remembered(self) -> set[str]:
        """The running mean of squares, and what the options need."""
        options = {"momentum": self.momentum, "mean": self.centered}
        return {"square", *(name for name, wanted in options.items() if wanted)}

    def update(self, value: Array, gradient: Array, state: dict[str, Any]) -> Array:
        """s = a s + (1 - a) g²; w - lr g / (sqrt(s) + eps), with s - m² for s if centred on m = a m + (1 - a) g."""
        gradient = self.decayed(value, gradient)
        spread = s = state["square"] = self.alpha * state.get("square", 0) + (1 - self.alpha) * (gradient * gradient)
        if self.centered:
            m = state["mean"] = self.alpha * state.get("mean", 0) + (1 - self.alpha) * gradient
            spread = s - m * m
        change = gradient / (namespace_of(value).sqrt(spread) + self.eps)
        if self.momentum:
            change = state["momentum"] = self.momentum * state.get("momentum", 0) + change
        return value - self.lr * change
