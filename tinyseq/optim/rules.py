"""Optimisers, each a rule for one parameter's update; names, defaults and trajectories are PyTorch's."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import Array, namespace_of, to_numpy


class Optimizer:
    """The base: it goes through the parameters, keeps each one's state, and saves and restores it.

    A subclass defines `update`, the new value of one parameter from its gradient and its state.

    Attributes:
        lr: the learning rate, free to be changed between steps.
        parameters: what is updated, each once.

    Raises:
        TypeError: ``parameters`` is a single tensor.
        ValueError: there is no parameter, one is a computed tensor, or a setting is out of range.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float, weight_decay: float = 0.0) -> None:
        if isinstance(parameters, Tensor):
            raise TypeError("parameters is a single tensor, of which each row would be one; put it in a list")
        self.parameters = list({id(parameter): parameter for parameter in parameters}.values())
        if not self.parameters:
            raise ValueError("parameters is empty: there is nothing to optimise")
        for i, parameter in enumerate(self.parameters):
            if not parameter.is_leaf:
                raise ValueError(f"parameters[{i}] was computed from other tensors; give those, which hold the values")
        for name, value in (("lr", lr), ("weight_decay", weight_decay)):
            if not value >= 0:
                raise ValueError(f"{name} must not be negative, got {value}")
        self.lr = lr
        self.weight_decay = weight_decay
        self.states: list[dict[str, Any]] = [{} for _ in self.parameters]

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
                parameter._assign(namespace_of(value).asarray(updated))  # NumPy makes scalars of arrays without axes

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        """Everything the next step depends on, as NumPy arrays by name (``"3.momentum"``) and ``"lr"``."""
        arrays = {
            f"{i}.{name}": np.array(to_numpy(value)) if hasattr(value, "dtype") else value
            for i, state in enumerate(self.states)
            for name, value in state.items()
        }
        return {"lr": self.lr, **arrays}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave; everything is checked before anything is changed.

        Raises:
            ValueError: if the state has no learning rate, or an entry that fits no parameter.
        """
        if "lr" not in state:
            raise ValueError(f"the optimiser's state has no 'lr', only {', '.join(map(repr, state)) or 'nothing'}")
        fresh: list[dict[str, Any]] = [{} for _ in self.parameters]
        for key, value in state.items():
            if key != "lr":
                index, _, name = key.partition(".")
                if not (index.isdecimal() and name and int(index) < len(fresh)):
                    raise ValueError(f"the optimiser's state has {key!r}, but there are {len(fresh)} parameters")
                like = self.parameters[int(index)]
                fresh[int(index)][name] = int(value) if name == "step" else _fitting(value, like, key)
        self.states = fresh
        self.lr = float(state["lr"])


def _fitting(value: Any, parameter: Tensor, key: str) -> Array:
    """An array of the parameter's library and shape."""
    if np.shape(value) != parameter.shape:
        raise ValueError(f"{key} has shape {np.shape(value)} in the optimiser's state, but {parameter.shape} is needed")
    return namespace_of(parameter._array).asarray(value)


class SGD(Optimizer):
    """w - lr * g, with momentum and Nesterov's look-ahead if wanted.

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
        if nesterov and not momentum:
            raise ValueError("nesterov needs a momentum above 0")
        self.momentum = momentum
        self.nesterov = nesterov

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
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"both betas must lie in [0, 1), got {betas}")
        self.betas = betas
        self.eps = eps

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
    """Adam with the weight decay apart from the gradient's means (Loshchilov and Hutter, 2019)."""

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
    """Steps divided by the root of all squared gradients so far (Duchi and others, 2011)."""

    def __init__(
        self, parameters: Iterable[Tensor], lr: float = 1e-2, weight_decay: float = 0.0, eps: float = 1e-10
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        self.eps = eps

    def update(self, value: Array, gradient: Array, state: dict[str, Any]) -> Array:
        """s = s + g²; w - lr g / (sqrt(s) + eps)."""
        gradient = self.decayed(value, gradient)
        s = state["square"] = state.get("square", 0) + gradient * gradient
        return value - self.lr * (gradient / (namespace_of(value).sqrt(s) + self.eps))


class RMSprop(Optimizer):
    """Steps divided by the root of a running mean of squared gradients (Hinton's lecture 6e, 2012)."""

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        self.alpha = alpha
        self.eps = eps
        self.momentum = momentum

    def update(self, value: Array, gradient: Array, state: dict[str, Any]) -> Array:
        """s = a s + (1 - a) g²; w - lr g / (sqrt(s) + eps)."""
        gradient = self.decayed(value, gradient)
        s = state["square"] = self.alpha * state.get("square", 0) + (1 - self.alpha) * (gradient * gradient)
        change = gradient / (namespace_of(value).sqrt(s) + self.eps)
        if self.momentum:
            change = state["momentum"] = self.momentum * state.get("momentum", 0) + change
        return value - self.lr * change
