"""`grad_by_lag`: which loss owes what to which use, and what truncation drops."""

import numpy as np
import pytest
from loops import normal, plain_loop

import tinyseq as ts


@pytest.fixture(scope="module")
def lags():
    x, weight = normal(1, 6, 3, 2), ts.tensor(normal(2, 3, 3), requires_grad=True)
    losses, _ = plain_loop([weight] * 6, x)
    return x, weight, losses, ts.inspect.grad_by_lag(losses, weight)


def test_a_row_is_one_loss_and_the_table_sums_to_the_gradient(lags):
    _, weight, losses, table = lags
    assert table.terms.shape == (6, 6, 3, 3)
    for s, loss in enumerate(losses):
        np.testing.assert_allclose(
            table[s].numpy().sum(0), ts.grad(loss, weight, retain_graph=True).numpy(), rtol=1e-11, atol=1e-13
        )
        assert (table.norms[s, s + 1 :] == 0).all()
    whole = ts.grad(sum(losses), weight, retain_graph=True)
    np.testing.assert_allclose(table.total().numpy(), whole.numpy(), rtol=1e-11)
    np.testing.assert_allclose(table.norms[4, 1], np.linalg.norm(table[4, 1].numpy()))


@pytest.mark.parametrize("k", range(7))
def test_dropped_is_what_a_run_that_looks_back_over_k_steps_lacks(lags, k):
    x, weight, losses, table = lags
    whole = ts.grad(sum(losses), weight, retain_graph=True).numpy()
    kept = np.zeros((3, 3))
    for s in range(6):  # loss s sees the state before step s - k as a constant
        again, _ = plain_loop([weight] * 6, x, keep_state=lambda t, h, s=s: h.detach() if t == s - k else h)
        kept += ts.grad(again[s], weight).numpy()
    np.testing.assert_allclose(table.dropped(k).numpy(), whole - kept, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("length", range(1, 8))
def test_windows_drop_what_a_run_with_detached_states_lacks(lags, length):
    x, weight, losses, table = lags
    whole = ts.grad(sum(losses), weight, retain_graph=True).numpy()
    again, _ = plain_loop([weight] * 6, x, keep_state=lambda t, h: h.detach() if t % length == 0 else h)
    kept = ts.grad(sum(again), weight).numpy()
    np.testing.assert_allclose(table.dropped_by_windows(length).numpy(), whole - kept, rtol=1e-9, atol=1e-12)


def test_norms_alone_are_the_same_norms(lags):
    _, weight, losses, table = lags
    small = ts.inspect.grad_by_lag(losses, weight, norms_only=True)
    np.testing.assert_array_equal(small.norms, table.norms)
    assert small.by_lag()[0] == pytest.approx(np.trace(table.norms))
    with pytest.raises(ValueError, match="norms only"):
        small.dropped(1)
    with pytest.raises(ValueError, match="k must be at least 0"):
        table.dropped(-1)
    with pytest.raises(ValueError, match="length must be at least 1"):
        table.dropped_by_windows(0)
    assert "6 losses by 6 uses" in repr(small)


def loop(length, first=0, losses_at=None):
    """A scalar loop h <- w h + x_t, whose steps are labelled from ``first``; a loss h² at each step, or at some."""
    w, h, losses = ts.tensor(0.7, requires_grad=True), ts.tensor(0.3), []
    for t in range(length):
        with ts.step(first + t):
            h = w * h + (0.1 + t)
        if losses_at is None or t in losses_at:
            losses.append(h * h)
    return losses, w


@pytest.mark.parametrize("first", [1, 5, 100])
@pytest.mark.parametrize("losses_at", [None, {1, 3, 4}, {5}, {0, 5}])
def test_the_label_of_the_first_step_does_not_matter(first, losses_at):
    expected, labelled = (ts.inspect.grad_by_lag(*loop(6, start, losses_at)) for start in (0, first))
    np.testing.assert_array_equal(labelled.terms.numpy(), expected.terms.numpy())
    assert labelled.steps == expected.steps == tuple(sorted(losses_at or range(6)))
    for k in range(7):
        assert labelled.dropped(k).item() == expected.dropped(k).item()
    np.testing.assert_array_equal(labelled.by_lag(), expected.by_lag())


def test_losses_at_some_steps_are_those_rows_of_all():
    every, some = ts.inspect.grad_by_lag(*loop(6)), ts.inspect.grad_by_lag(*loop(6, losses_at={1, 3, 5}))
    np.testing.assert_array_equal(some.terms.numpy(), every.terms.numpy()[[1, 3, 5]])
    lags = np.array([1, 3, 5])[:, None] - np.arange(6)
    for k in range(6):
        np.testing.assert_allclose(some.dropped(k).item(), some.terms.numpy()[lags > k].sum())
    assert some.by_lag().sum() == pytest.approx(some.norms.sum())
    pytest.importorskip("matplotlib")
    (image,) = ts.viz.plots.lag_heatmap(some).axes[0].images
    assert image.get_array().shape == (6, 6)
    assert image.get_array().mask[[0, 2, 4]].all()


def test_losses_that_read_both_ways_are_numbered_in_order():
    rnn = ts.nn.RNN(2, 3, bidirectional=True, dtype="float64")
    output, _ = rnn(ts.tensor(normal(3, 4, 1, 2)))
    table = ts.inspect.grad_by_lag([output[t].sum() for t in range(4)], rnn.weight_hh_l0_reverse)
    assert table.steps == (0, 1, 2, 3)
    assert table.norms.shape == (4, 4)
    assert (table.norms[1, 0], table.norms[1, 2] > 0) == (0.0, True)


@pytest.mark.parametrize("first", [0, 1, 5])
@pytest.mark.parametrize("left_out", [0, 2])
def test_lags_are_those_of_steps_whatever_the_first_step_is_called(first, left_out):
    """A loop may count its steps from 1, as slides do, and not every step needs to have a loss."""
    weight, h, losses = ts.tensor(2.0, requires_grad=True), ts.tensor(1.0), []
    for t in range(4):
        with ts.step(first + t):
            h = weight * h
            losses.append(h * h / 2)
    table = ts.inspect.grad_by_lag(losses[left_out:], weight)
    by_hand = np.array([[4.0**s * 2 * (t <= s) for t in range(4)] for s in range(4)])[left_out:]  # h_s times h_s / w
    lags = np.subtract.outer(np.arange(4)[left_out:], np.arange(4))
    np.testing.assert_allclose(table.terms.numpy(), by_hand)
    for k in range(4):
        assert table.dropped(k).item() == by_hand[lags > k].sum()
    assert table.by_lag()[:4].tolist() == [by_hand[lags == lag].sum() for lag in range(4)]
