"""Large parameters are updated piece by piece: the same numbers to the last bit, where the rule allows it."""

from typing import Any

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.optim.optimizer import PIECE, elementwise

RULES = [rule for rule in vars(ts.optim).values() if isinstance(rule, type) and issubclass(rule, ts.optim.Optimizer)]
TRIALS = [(rule, trial) for rule in RULES if rule is not ts.optim.Optimizer for trial in rule.trials]
LENGTH = 2 * PIECE + 37


def gradients(step: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(step).standard_normal(shape).astype(np.float32)


def trained(make: Any, parts: list[ts.Tensor], cuts: list[slice], steps: int = 4) -> list[np.ndarray]:
    optimizer = make(parts)
    for step in range(steps):
        whole = gradients(step, (LENGTH,))
        for part, cut in zip(parts, cuts, strict=True):
            part.grad = ts.tensor(whole[cut])
        optimizer.step()
        optimizer.load_state_dict(optimizer.state_dict())  # a state that was saved goes on as it would have
    state = optimizer.state_dict()
    names = sorted({key.partition(".")[2] for key in state if "." in key})
    kept = [np.concatenate([np.atleast_1d(state[f"{i}.{name}"]) for i in range(len(parts))]) for name in names]
    return [np.concatenate([part.numpy() for part in parts]), *(part for part in kept if part.size == LENGTH)]


@pytest.mark.parametrize(("rule", "settings"), TRIALS, ids=lambda value: getattr(value, "__name__", None))
def test_a_large_parameter_goes_the_way_of_small_ones(rule: type, settings: dict[str, Any]) -> None:
    start = gradients(99, (LENGTH,))
    small = [slice(i, min(i + 1000, LENGTH)) for i in range(0, LENGTH, 1000)]
    assert rule([ts.zeros(1)])._elementwise
    results = [
        trained(
            lambda parts: rule(parts, **settings),
            [ts.tensor(start[cut], requires_grad=True) for cut in cuts],
            cuts,
        )
        for cuts in ([slice(0, LENGTH)], small)
    ]
    assert len(results[0]) == len(results[1])
    for large, joined in zip(*results, strict=True):
        np.testing.assert_array_equal(large, joined)


@pytest.mark.parametrize(("rule", "settings"), TRIALS, ids=lambda value: getattr(value, "__name__", None))
def test_a_step_writes_to_no_array_that_others_hold(rule: type, settings: dict[str, Any]) -> None:
    for shape in ((3,), (), (LENGTH,)):
        w = ts.tensor(np.ones(shape, np.float32), requires_grad=True)
        optimizer = rule([w], **settings)
        held = []
        for step in range(3):
            w.grad = ts.tensor(gradients(step, shape))
            held += [(array, array.copy()) for array in (w._array, w.grad._array)]
            optimizer.step()
            held += [(value, value.copy()) for value in optimizer.state_dict().values() if hasattr(value, "copy")]
        for array, copy in held:
            np.testing.assert_array_equal(array, copy)


def test_a_state_in_another_layout_is_taken_over() -> None:
    shape = (2, PIECE)
    made = []
    for order in "CF":
        w = ts.tensor(np.ones(shape, np.float32), requires_grad=True)
        optimizer = ts.optim.Adam([w], lr=0.1)
        mean, square = (np.asarray(abs(gradients(i, shape)), order=order) for i in range(2))
        optimizer.load_state_dict({"lr": 0.1, "0.step": 3, "0.mean": mean, "0.square": square})
        for step in range(2):
            w.grad = ts.tensor(np.asarray(gradients(step, shape), order=order))
            optimizer.step()
        made.append([w.numpy(), *(optimizer.state_dict()[f"0.{name}"] for name in ("mean", "square"))])
    for one, other in zip(*made, strict=True):
        np.testing.assert_array_equal(one, other)


class Unit(ts.optim.Adam):
    """A rule that looks at a parameter's whole gradient."""

    def decayed(self, value: Any, gradient: Any) -> Any:
        return gradient / np.linalg.norm(gradient)


class Longest(ts.optim.SGD):
    def update(self, value: Any, gradient: Any, state: dict[str, Any]) -> Any:
        return value - self.lr * gradient / np.abs(gradient).max()


@pytest.mark.parametrize("rule", [Unit, Longest])
def test_a_subclass_that_does_not_say_it_is_elementwise_sees_the_whole(rule: type) -> None:
    seen: list[int] = []

    class Watching(rule):  # type: ignore[misc, valid-type]
        def update(self, value: Any, gradient: Any, state: dict[str, Any]) -> Any:
            seen.append(value.size)
            return super().update(value, gradient, state)

    for kind in (rule, Watching):
        w = ts.zeros(LENGTH).requires_grad_()
        w.grad = ts.ones(LENGTH)
        assert not kind([w], lr=0.1)._elementwise
        kind([w], lr=0.1).step()
    assert seen == [LENGTH]


def test_a_rule_of_ones_own_says_that_it_is_elementwise() -> None:
    sizes: list[int] = []

    class Signs(ts.optim.Optimizer):
        @elementwise
        def update(self, value: Any, gradient: Any, state: dict[str, Any]) -> Any:
            sizes.append(value.size)
            return value - self.lr * np.sign(gradient)

    w = ts.zeros(LENGTH).requires_grad_()
    w.grad = ts.ones(LENGTH)
    Signs([w], lr=0.5).step()
    assert sizes == [PIECE, PIECE, 37]
    assert (w.numpy() == -0.5).all()
