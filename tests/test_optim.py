"""Optimisers follow PyTorch's trajectories, and their state survives saving."""

import numpy as np
import pytest
from oracles import oracle

import tinyseq as ts

CASES = [
    ("SGD", {"lr": 0.05}),
    ("SGD", {"lr": 0.05, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ("Adam", {"lr": 0.05}),
    ("Adam", {"lr": 0.05, "betas": (0.8, 0.95), "weight_decay": 0.02}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.1}),
    ("Adagrad", {"lr": 0.2, "weight_decay": 0.01}),
    ("RMSprop", {"lr": 0.02}),
    ("RMSprop", {"lr": 0.02, "momentum": 0.9, "weight_decay": 0.01}),
]


def start():
    return np.random.default_rng(0).standard_normal((3, 4))


def loss_of(library, w):
    return (library.tanh(w) ** 2).sum() + ((w - 0.5) ** 4).sum()


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_fifty_steps_are_pytorchs(name, arguments):
    torch = oracle("torch")
    w, v = ts.tensor(start(), requires_grad=True), torch.tensor(start(), requires_grad=True)
    ours, theirs = getattr(ts.optim, name)([w], **arguments), getattr(torch.optim, name)([v], **arguments)
    for _ in range(50):
        for optimizer, loss in ((ours, loss_of(ts, w)), (theirs, loss_of(torch, v))):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        np.testing.assert_allclose(w.numpy(), v.detach().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_saved_and_restored_state_continues_bit_for_bit(name, arguments):
    def steps(w, optimizer, count):
        for _ in range(count):
            optimizer.zero_grad()
            loss_of(ts, w).backward()
            optimizer.step()

    whole = ts.tensor(start(), requires_grad=True)
    steps(whole, getattr(ts.optim, name)([whole], **arguments), 6)

    first = ts.tensor(start(), requires_grad=True)
    optimizer = getattr(ts.optim, name)([first], **arguments)
    steps(first, optimizer, 3)
    second = ts.tensor(first.numpy(), requires_grad=True)
    resumed = getattr(ts.optim, name)([second], **arguments)
    resumed.load_state_dict(optimizer.state_dict())
    steps(second, resumed, 3)
    assert (second.numpy() == whole.numpy()).all()


def test_float32_parameters_stay_float32():
    w = ts.tensor([1.0, 2.0], dtype="float32", requires_grad=True)
    for name, arguments in CASES:
        optimizer = getattr(ts.optim, name)([w], **arguments)
        (w * w).sum().backward()
        optimizer.step()
        assert w.dtype == np.float32


def test_a_step_between_forward_and_backward_is_an_error():
    w = ts.tensor([1.0, 2.0], requires_grad=True)
    w.grad = ts.ones(2)
    loss = (w * w).sum()
    ts.optim.SGD([w], lr=0.1).step()
    with pytest.raises(RuntimeError, match=r"multiply .* saved its argument .* updated since"):
        loss.backward()


def test_nothing_to_optimise_is_an_error():
    with pytest.raises(ValueError, match="parameters is empty"):
        ts.optim.SGD([], lr=0.1)
