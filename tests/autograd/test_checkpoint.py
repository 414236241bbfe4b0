"""Checkpoints: the plain call's values and gradients, with less kept."""

import gc

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.autograd.graph import Node


def chain(x, w):
    for _ in range(5):
        x = ts.tanh(w @ x)
    return x


def pair():
    rng = np.random.default_rng(0)
    return ts.tensor(rng.standard_normal((3, 2)), requires_grad=True), ts.tensor(
        rng.standard_normal((3, 3)), requires_grad=True
    )


def test_values_and_gradients_are_those_of_the_plain_call():
    x, w = pair()
    plain = ts.grad((chain(chain(x, w), w) ** 2).sum(), [x, w])
    y = ts.checkpoint(chain, ts.checkpoint(chain, x, w), w)
    again = ts.grad((y**2).sum(), [x, w])
    for a, b in zip(plain, again, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12)


def test_parameters_that_the_function_closes_over_get_their_gradients():
    x, w = pair()
    (ts.checkpoint(lambda h: chain(h, w), ts.exp(x)) ** 2).sum().backward()
    expected = ts.grad((chain(ts.exp(x), w) ** 2).sum(), [x, w])
    np.testing.assert_allclose(x.grad.numpy(), expected[0].numpy(), rtol=1e-12)
    np.testing.assert_allclose(w.grad.numpy(), expected[1].numpy(), rtol=1e-12)


def test_an_older_result_inside_and_outside_is_not_counted_twice():
    """w reaches the part directly, and through h, which was computed before."""
    x, w = pair()
    h = w @ x
    found = ts.grad(ts.checkpoint(lambda h: (w @ h) * h, h).sum(), w)
    h = w @ x
    np.testing.assert_allclose(found.numpy(), ts.grad(((w @ h) * h).sum(), w).numpy(), rtol=1e-12)


def test_several_outputs_of_which_one_is_used():
    x, w = pair()
    _, second = ts.checkpoint(lambda x, w: (x * 2, w @ x), x, w)
    np.testing.assert_allclose(ts.grad(second.sum(), x).numpy(), ts.grad((w @ x).sum(), x).numpy(), rtol=1e-12)


def test_second_order():
    x, w = pair()
    loss = (ts.checkpoint(chain, x, w) ** 2).sum()
    slope = ts.grad(loss, x, create_graph=True)
    found = ts.grad((slope**2).sum(), w)
    plain = ts.grad((chain(x, w) ** 2).sum(), x, create_graph=True)
    np.testing.assert_allclose(found.numpy(), ts.grad((plain**2).sum(), w).numpy(), rtol=1e-10)


def test_dropout_drops_the_same_again():
    ts.manual_seed(0)
    x = ts.ones(50, requires_grad=True)
    y = ts.checkpoint(ts.nn.Dropout(0.5), x)
    after = ts.random.state()
    y.sum().backward()
    assert np.array_equal(x.grad.numpy(), y.numpy())
    assert ts.random.state() == after


def test_one_walk_after_another():
    x, w = pair()
    loss = (ts.checkpoint(chain, x, w) ** 2).sum()
    first = ts.grad(loss, w, retain_graph=True)
    np.testing.assert_array_equal(first.numpy(), ts.grad(loss, w).numpy())


def test_an_update_in_between_is_an_error():
    x, w = pair()
    loss = ts.checkpoint(chain, x, w).sum()
    w.copy_(w.numpy() * 2)
    with pytest.raises(RuntimeError, match=r"checkpoint .* which has been updated since"):
        loss.backward()


def test_the_parts_nodes_are_not_kept():
    x, w = pair()
    gc.collect()
    y = ts.checkpoint(chain, x, w)
    assert sum(type(o) is Node for o in gc.get_objects()) == 1
    assert y.requires_grad


def test_without_gradients_it_is_a_plain_call():
    x, w = pair()
    with ts.no_grad():
        assert not ts.checkpoint(chain, x, w).requires_grad
    assert not ts.checkpoint(chain, x.detach(), w.detach()).requires_grad
