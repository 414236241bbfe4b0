"""The optimisers, each an update rule for one parameter; names, defaults and trajectories are PyTorch's."""

import math
from collections.abc import Iterable
from typing import Any, ClassVar

from tinyseq.arguments import check_flags, number, shown
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import Array, namespace_of
from tinyseq.optim.optimizer import Optimizer, Trials, elementwise, not_negative


def _running(state: dict[str, Any], name: str, kept: float, share: Array) -> Array:
    """Decay a running sum of the state and add to it, in place."""
    if name not in state:
        state[name] = namespace_of(share).asarray(share, copy=True)  # which may be the gradient itself
    else:
        total = state[name]
        total *= kept
        total += share
        state[name] = total
    return state[name]


class SGD(Optimizer):
    """w - lr * g, optionally with momentum and Nesterov's look-ahead.

    Args:
        parameters, lr, weight_decay: as for `Optimizer`.
        momentum: the decay rate of the running sum of gradients (Polyak, 1964).
        nesterov: Nesterov's momentum (Sutskever and others, 2013).

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

    trials: ClassVar[Trials] = (
        {"lr": 0.05},
        {"lr": 0.05, "momentum": 0.9},
        {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    )

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        self.momentum = not_negative("momentum", momentum)
        check_flags(nesterov=nesterov)
        if nesterov and not momentum:
            raise ValueError("nesterov needs a momentum above 0")
        self.nesterov = nesterov

    def remembered(self) -> set[str]:
        """The running sum of gradients, if there is a momentum."""
        return {"momentum"} if self.momentum else set()

    @elementwise
    def update(self, value: Array, gradient: Array, state: dict[str, Any]) -> Array:
        """v = momentum v + g; w - lr v."""
        gradient = self.decayed(value, gradient)
        if self.momentum:
            velocity = _running(state, "momentum", self.momentum, gradient)
            gradient = gradient + self.momentum * velocity if self.nesterov else velocity
        return value - self.lr * gradient


class Adam(Optimizer):
    """Running means of the gradient and of its square (Kingma and Ba, 2015).

    Args:
        parameters, lr, weight_decay: as for `Optimizer`.
        betas: the decay rates of the two means.
        eps: added to the root, to avoid a division by 0.

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

    trials: ClassVar[Trials] = (
        {"lr": 0.05},
        {"lr": 0.05, "betas": (0.8, 0.95), "weight_decay": 0.02},
        {"lr": 0.05, "eps": 1e-3},
    )

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        if not (isinstance(betas, tuple | list) and len(betas) == 2):
            raise ValueError(f"betas must be two numbers, got {shown(betas)}")
        self.betas = number("betas", betas[0]), number("betas", betas[1])
        if not all(0 <= beta < 1 for beta in self.betas):
            raise ValueError(f"betas must be two numbers, and both betas must lie in [0, 1), got {betas}")
        self.eps = not_negative("eps", eps)

    def remembered(self) -> set[str]:
        """The number of steps, and the two running means."""
        return {"step", "mean", "square"}

    @elementwise
    def update(self, value: Array, gradient: Array, state: dict[str, Any]) -> Array:
        """m = b1 m + (1 - b1) g, s = b2 s + (1 - b2) g², both over 1 - b^t; then w - lr m / (sqrt(s) + eps)."""
        xp, (b1, b2) = namespace_of(value), self.betas
        gradient = self.decayed(value, gradient)
        t = state["step"] = int(state.get("step", 0)) + 1
        m = _running(state, "mean", b1, (1 - b1) * gradient)
        s = _running(state, "square", b2, (1 - b2) * (gradient * gradient))
        correction = math.sqrt(1 - b2**t)  # m / (sqrt(s) / c + eps) is c m / (sqrt(s) + c eps)
        root = xp.sqrt(s)
        root += correction * self.eps
        move = m / root
        move *= self.lr * correction / (1 - b1**t)
        return value - move


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019).

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

    trials: ClassVar[Trials] = ({"lr": 0.05, "weight_decay": 0.1},)

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(parameters, lr, betas, eps, weight_decay)

    @elementwise
    def decayed(self, value: Array, gradient: Array) -> Array:
        """The gradient alone; the decay acts on the value."""
        return gradient

    @elementwise
    def update(self, value: Array, gradient: Array, state: dict[str, Any]) -> Array:
        """Adam's update of the value shrunk by lr * weight_decay."""
        return super().update(value * (1 - self.lr * self.weight_decay), gradient, state)


class Adagrad(Optimizer):
    """Steps divided by the root of all squared gradients so far (Duchi and others, 2011).

    Args:
        parameters, lr, weight_decay: as for `Optimizer`.
        eps: added to the root, to avoid a division by 0.

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

    trials: ClassVar[Trials] = ({"lr": 0.2, "weight_decay": 0.01}, {"lr": 0.2, "eps": 1e-2})

    def __init__(
        self, parameters: Iterable[Tensor], lr: float = 1e-2, weight_decay: float = 0.0, eps: float = 1e-10
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        self.eps = not_negative("eps", eps)

    def remembered(self) -> set[str]:
        """The sum of squares."""
        return {"square"}

    @elementwise
    def update(self, value: Array, gradient: Array, state: dict[str, Any]) -> Array:
        """s = s + g²; w - lr g / (sqrt(s) + eps)."""
        gradient = self.decayed(value, gradient)
        s = state["square"] = state.get("square", 0) + gradient * gradient
        return value - self.lr * (gradient / (namespace_of(value).sqrt(s) + self.eps))


class RMSprop(Optimizer):
    """Steps divided by the root of a running mean of squared gradients (Hinton's lecture 6e, 2012).

    Args:
        parameters, lr, weight_decay: as for `Optimizer`.
        alpha: the decay rate of the mean.
        eps: added to the root, to avoid a division by 0.
        momentum: the decay rate of the running sum of steps.
        centered: divide by an estimate of the standard deviation, with the mean subtracted (Graves, 2013). The variance
            is updated itself, as it may be rounded below 0 if it is computed as s - m², which gives NaN in PyTorch.

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

    trials: ClassVar[Trials] = (
        {"lr": 0.02},
        {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.01},
        {"lr": 0.02, "centered": True},
        {"lr": 0.01, "alpha": 0.9, "eps": 1e-4, "momentum": 0.5, "centered": True},
    )

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
        check_flags(centered=centered)
        self.alpha = number("alpha", alpha)
        if not 0 <= self.alpha < 1:
            raise ValueError(f"alpha must lie in [0, 1), got {alpha}")
        self.eps = not_negative("eps", eps)
        self.momentum = not_negative("momentum", momentum)
        self.centered = centered

    def remembered(self) -> set[str]:
        """The running mean of squares, or the mean and the variance if it is centred, and the sum of steps."""
        return ({"mean", "variance"} if self.centered else {"square"}) | ({"momentum"} if self.momentum else set())

    @elementwise
    def update(self, value: Array, gradient: Array, state: dict[str, Any]) -> Array:
        """s = a s + (1 - a) g²; w - lr g / (sqrt(s) + eps), with s - m² for s if centred on m = a m + (1 - a) g.

        That is v = a v + a (1 - a) (g - m)², of the mean m before the step.
        """
        gradient, a = self.decayed(value, gradient), self.alpha
        if self.centered:
            away = gradient - state.get("mean", 0)
            spread = _running(state, "variance", a, a * (1 - a) * (away * away))
            _running(state, "mean", a, (1 - a) * gradient)
        else:
            spread = _running(state, "square", a, (1 - a) * (gradient * gradient))
        change = gradient / (namespace_of(value).sqrt(spread) + self.eps)
        if self.momentum:
            change = _running(state, "momentum", self.momentum, change)
        return value - self.lr * change
