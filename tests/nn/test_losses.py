"""Losses and clipping against PyTorch, and against bad input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import oracle

import tinyseq as ts

REDUCTIONS = st.sampled_from(["mean", "sum", "none"])


@given(shape=st.tuples(st.integers(1, 4), st.integers(1, 3)), reduction=REDUCTIONS, seed=st.integers(0, 2**31))
def test_squared_error_and_its_gradient_are_pytorchs(shape, reduction, seed):
    torch = oracle("torch")
    rng = np.random.default_rng(seed)
    values, target = rng.standard_normal(shape), rng.standard_normal(shape)
    x, y = ts.tensor(values, requires_grad=True), torch.tensor(values, requires_grad=True)
    ours = ts.nn.mse_loss(x, target, reduction=reduction)
    theirs = torch.nn.functional.mse_loss(y, torch.tensor(target), reduction=reduction)
    np.testing.assert_allclose(ours.numpy(), theirs.detach().numpy(), rtol=1e-12)
    ours.sum().backward()
    theirs.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-12)


@given(rows=st.integers(1, 5), classes=st.integers(1, 4), reduction=REDUCTIONS, seed=st.integers(0, 2**31))
def test_nll_and_its_gradient_are_pytorchs(rows, classes, reduction, seed):
    torch = oracle("torch")
    rng = np.random.default_rng(seed)
    values, targets = rng.standard_normal((rows, classes)), rng.integers(0, classes, rows)
    targets[1:][rng.random(rows - 1) < 0.3] = 77
    x, y = ts.tensor(values, requires_grad=True), torch.tensor(values, requires_grad=True)
    ours = ts.nn.nll_loss(ts.log_softmax(x, axis=-1), targets, ignore_index=77, reduction=reduction)
    log_probs = torch.log_softmax(y, dim=-1)
    theirs = torch.nn.functional.nll_loss(log_probs, torch.tensor(targets), ignore_index=77, reduction=reduction)
    np.testing.assert_allclose(ours.numpy(), theirs.detach().numpy(), rtol=1e-10, atol=1e-14)
    ours.sum().backward()
    theirs.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-10, atol=1e-14)


def test_a_batch_without_a_target_costs_nothing():
    logits = ts.tensor(np.ones((2, 3)), requires_grad=True)
    loss = ts.nn.cross_entropy(logits, [-100, -100])
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.numpy().any()


def test_a_time_major_batch_needs_no_reshaping():
    logits = np.random.default_rng(0).standard_normal((3, 2, 4))
    targets = np.array([[0, 1], [2, -100], [3, 3]])
    flat = ts.nn.cross_entropy(logits.reshape(-1, 4), targets.reshape(-1))
    assert ts.nn.cross_entropy(logits, targets).item() == flat.item()
    each = ts.nn.cross_entropy(logits, targets, reduction="none")
    assert each.shape == (3, 2)
    assert each.numpy()[1, 1] == 0
    assert flat.item() == pytest.approx(each.numpy().sum() / 5)


def test_the_gradient_of_cross_entropy_is_prediction_less_truth():
    logits = ts.tensor([[1.0, -1.0, 0.5]], requires_grad=True)
    ts.nn.cross_entropy(logits, [2]).backward()
    np.testing.assert_allclose(logits.grad.numpy(), ts.softmax(logits, axis=-1).detach().numpy() - [[0, 0, 1]])


@given(limit=st.floats(0.01, 3), seed=st.integers(0, 2**31))
def test_clip_grad_value_returns_and_leaves_what_pytorchs_does(limit, seed):
    torch = oracle("torch")
    gradient = np.random.default_rng(seed).standard_normal((3, 2))
    ours = ts.tensor(np.zeros((3, 2)), requires_grad=True)
    theirs = torch.zeros(3, 2, dtype=torch.float64, requires_grad=True)
    ours.grad, theirs.grad = ts.tensor(gradient), torch.tensor(gradient)
    assert ts.nn.clip_grad_value_([ours, ts.tensor([1.0], requires_grad=True)], limit) is None
    assert torch.nn.utils.clip_grad_value_([theirs], limit) is None
    np.testing.assert_array_equal(ours.grad.numpy(), theirs.grad.numpy())


def test_an_exploding_float32_gradient_has_a_norm_though_its_squares_have_none():
    w = ts.tensor(np.zeros(2), dtype="float32", requires_grad=True)
    w.grad = ts.tensor([3e30, 4e30], dtype="float32")
    assert ts.nn.clip_grad_norm_([w], 1.0) == pytest.approx(5e30)
    np.testing.assert_allclose(w.grad.numpy(), [0.6, 0.8], rtol=1e-6)


def test_a_single_tensor_is_one_parameter():
    w = ts.tensor([3.0, 4.0], requires_grad=True)
    (w * w * 0.5).sum().backward()
    assert ts.nn.clip_grad_norm_(w, 1.0) == 5.0
    np.testing.assert_allclose(w.grad.numpy(), [0.6, 0.8], rtol=1e-6)
    ts.nn.clip_grad_value_(w, 0.7)
    np.testing.assert_allclose(w.grad.numpy(), [0.6, 0.7], rtol=1e-6)


def test_the_norm_has_its_root():
    """The lectures' snippet compares the squared norm with the threshold: it would clip this gradient of norm 2.5."""
    w = ts.tensor([0.0, 0.0], requires_grad=True)
    w.grad = ts.tensor([1.5, 2.0])
    assert ts.nn.clip_grad_norm_([w], 3.0) == 2.5
    assert w.grad.tolist() == [1.5, 2.0]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ts.nn.mse_loss(ts.zeros(3, 1), ts.zeros(3)), ValueError, r"shape \(3, 1\), target \(3,\)"),
        (lambda: ts.nn.cross_entropy(ts.zeros(3, 2), [0, 1]), ValueError, r"shape \(3,\).*got \(2,\)"),
        (
            lambda: ts.nn.cross_entropy(ts.zeros(2, 2), [0, 2]),
            IndexError,
            r"id 2 at position \(1,\) lies outside \[0, 2\)",
        ),
        (lambda: ts.nn.cross_entropy(ts.zeros(1, 2), [0], label_smoothing=1.5), ValueError, r"\[0, 1\], got 1.5"),
        (lambda: ts.nn.nll_loss(ts.zeros(2, 2), [0.0, 1.0]), IndexError, "integer ids, got float64"),
        (lambda: ts.nn.mse_loss(ts.zeros(2), ts.zeros(2), reduction="max"), ValueError, "\"none\", got 'max'"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
