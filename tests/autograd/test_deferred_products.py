"""The gradient of a weight that all time steps share is one product, and that of the steps' inputs another."""

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.autograd import accumulator
from tinyseq.autograd.record.op import Summed

T, B, H = 20, 2, 3


def plain(w, z):
    """h_t = tanh(z_t + W h_{t-1}): the same gradient arrives at z_t and at the product."""
    return list(ts.unbind(z)), lambda z_t, h: ts.tanh(z_t + w @ h)


def used_twice(w, z):
    """z_t is used once more, so its gradient is not the product's."""
    return list(ts.unbind(z)), lambda z_t, h: ts.tanh(z_t + w @ h) * z_t


def hooked(w, z):
    """A hook changes the gradient of z_t alone."""
    steps = ts.unbind(z)
    for z_t in steps:
        z_t.register_hook(lambda g: 2 * g)
    return steps, lambda z_t, h: ts.tanh(z_t + w @ h)


def backward_in_time(w, z):
    """The loop runs from the last step to the first."""
    return ts.unbind(z)[::-1], lambda z_t, h: ts.tanh(z_t + w @ h)


def some_steps_only(w, z):
    """Not every step is used."""
    return ts.unbind(z)[1:], lambda z_t, h: ts.tanh(z_t + w @ h)


def two_weights(w, z):
    """The same gradients belong to two leaves."""
    v = w.detach().requires_grad_()
    return ts.unbind(z), lambda z_t, h: ts.tanh(z_t + w @ h + v @ (h * h))


def in_another_loop_before(w, z):
    """The weight was used before the loop, too."""
    h = ts.ones(H, B)
    for _ in range(2):
        h = ts.tanh(w @ h)
    steps = ts.unbind(z)
    return steps, lambda z_t, before: ts.tanh(z_t + w @ (before + h if z_t is steps[0] else before))


def gradients(form, deferred=True):
    """Those of both weights and the input; a weight that is no leaf (+ 0) is not deferred."""
    rng = np.random.default_rng(0)
    w, x, u = (ts.tensor(rng.normal(size=s), requires_grad=True) for s in ((H, H), (T, H, B), (H, H)))
    steps, cell = form(w, u @ x) if deferred else form(w + 0.0, (u + 0.0) @ x)
    h, states = ts.zeros(H, B), []
    for z_t in steps:
        h = cell(z_t, h)
        states.append(h)
    (ts.stack(states) ** 2).sum().backward()
    return [leaf.grad.numpy() for leaf in (w, x, u)]


@pytest.mark.parametrize("together", [accumulator.TOGETHER, 1])
@pytest.mark.parametrize(
    "form",
    [plain, used_twice, hooked, backward_in_time, some_steps_only, two_weights, in_another_loop_before],
)
def test_products_of_many_steps_give_the_sum_of_the_products_of_each(form, together, monkeypatch):
    monkeypatch.setattr(accumulator, "TOGETHER", together)
    for one, each in zip(gradients(form), gradients(form, deferred=False), strict=True):
        np.testing.assert_allclose(one, each, rtol=1e-12)


@pytest.mark.parametrize(("together", "products"), [(1, [6, 6, 6, 2]), (10, [10, 10]), (100, [20])])
def test_a_product_is_made_when_its_uses_are_many(together, products, monkeypatch):
    """6 uses of 3 * 2 numbers are 4 times as large as the weight."""
    monkeypatch.setattr(accumulator, "TOGETHER", together)
    (left, right), met = ts.matmul.op.rules, []

    def counting(xp, uses):
        met.append(len(uses))
        return left.rule(xp, uses)

    monkeypatch.setattr(ts.matmul.op, "rules", (Summed(counting, left.one), right))
    w, h = ts.ones((H, H)).requires_grad_(), ts.ones((H, B))
    for _ in range(T):
        h = ts.tanh(w @ h)
    h.sum().backward()
    assert met == products


def test_a_layer_of_each_direction_has_the_gradients_of_difference_quotients():
    x = np.random.default_rng(1).normal(size=(3, 2, 2))
    ts.testing.assert_gradients(ts.nn.GRU(2, 3, num_layers=2, bidirectional=True, dtype="float64"), x)
