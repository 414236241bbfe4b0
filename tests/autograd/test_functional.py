"""Jacobians, Hessians and their products, against PyTorch's and against each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import oracle

import tinyseq as ts


def function(library, x, y):
    return library.tanh(x) @ y + library.sin(x[0, 1] * y[0])


def scalar(library, x):
    return (library.tanh(x) ** 2).sum() * x[0] + library.exp(x[1] * x[0])


@given(st.integers(0, 2**31))
def test_products_and_matrices_are_pytorchs(seed):
    torch = oracle("torch")
    functional = torch.autograd.functional
    rng = np.random.default_rng(seed)
    x, y, u = rng.standard_normal((3, 3)), rng.standard_normal((3, 2)), rng.standard_normal((3, 2))
    v = (rng.standard_normal((3, 3)), rng.standard_normal((3, 2)))
    ours, theirs = tuple(map(ts.tensor, (x, y))), tuple(map(torch.tensor, (x, y)))
    close = {"rtol": 1e-9, "atol": 1e-11}

    value, products = ts.vjp(lambda *a: function(ts, *a), ours, ts.tensor(u))
    expected, expecteds = functional.vjp(lambda *a: function(torch, *a), theirs, torch.tensor(u))
    np.testing.assert_allclose(value.numpy(), expected.numpy(), **close)
    for a, b in zip(products, expecteds, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), **close)

    _, slope = ts.jvp(lambda *a: function(ts, *a), ours, tuple(map(ts.tensor, v)))
    _, expected = functional.jvp(lambda *a: function(torch, *a), theirs, tuple(map(torch.tensor, v)))
    np.testing.assert_allclose(slope.numpy(), expected.numpy(), **close)

    matrices = ts.jacobian(lambda *a: function(ts, *a), ours)
    expecteds = functional.jacobian(lambda *a: function(torch, *a), theirs)
    for a, b in zip(matrices, expecteds, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), **close)


@given(st.integers(0, 2**31))
def test_hessians_are_pytorchs_and_symmetric(seed):
    torch = oracle("torch")
    rng = np.random.default_rng(seed)
    x, v = rng.standard_normal(4), rng.standard_normal(4)
    matrix = ts.hessian(lambda x: scalar(ts, x), ts.tensor(x)).numpy()
    expected = torch.autograd.functional.hessian(lambda x: scalar(torch, x), torch.tensor(x)).numpy()
    np.testing.assert_allclose(matrix, expected, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-8, atol=1e-10)
    value, product = ts.hvp(lambda x: scalar(ts, x), ts.tensor(x), ts.tensor(v))
    assert value.item() == pytest.approx(scalar(torch, torch.tensor(x)).item())
    np.testing.assert_allclose(product.numpy(), matrix @ v, rtol=1e-8, atol=1e-10)


def test_what_does_not_depend_has_derivative_zero():
    assert ts.jacobian(lambda x, y: x * 2, (ts.ones(2), ts.ones(3)))[1].tolist() == [[0.0] * 3] * 2
    assert ts.hessian(lambda x: x.sum(), ts.ones(2)).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert ts.hvp(lambda x: x.sum(), ts.ones(2), ts.ones(2))[1].tolist() == [0.0, 0.0]


def test_a_direction_of_another_shape_is_an_error():
    with pytest.raises(ValueError, match=r"v must have shape \[\(2,\)\], got \[\(3,\)\]"):
        ts.jvp(lambda x: x, ts.ones(2), ts.ones(3))


@pytest.mark.parametrize("around", [lambda f, *a: f(*a), ts.checkpoint], ids=["plain", "checkpoint"])
def test_hooks_act_on_gradients_but_not_on_derivatives_of_functions(around):
    """Hooks on results, on one of several outputs, and on a tensor that was computed before."""
    called = []

    def hook(g):
        called.append(g)
        return g * 10

    def function(x, hooked=True):
        y = ts.sin(x)
        parts = ts.unbind(y * y)
        whole = parts[0] * parts[1] + (w * y).sum()
        for tensor in (y, parts[1], whole) if hooked else ():
            tensor.register_hook(hook)
        return whole

    w = ts.tensor(np.array([0.5, -2.0])) * ts.tensor(1.0, requires_grad=True)
    w.register_hook(hook)
    x, v = ts.tensor([0.3, 0.7]), ts.tensor([1.0, -0.5])
    derivatives = {
        "vjp": lambda f: ts.vjp(f, x, 2.0)[1],
        "jvp": lambda f: ts.jvp(f, x, v)[1],
        "jacobian": lambda f: ts.jacobian(f, x),
        "hessian": lambda f: ts.hessian(f, x),
        "hvp": lambda f: ts.hvp(f, x, v)[1],
        "jvp of vjp": lambda f: ts.jvp(lambda x: ts.vjp(f, x)[1], x, v)[1],
    }
    for name, derivative in derivatives.items():
        found = derivative(lambda x: around(function, x))
        expected = derivative(lambda x: function(x, hooked=False))
        np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), rtol=1e-12, err_msg=name)
    assert called == []
    leaf = ts.tensor([0.3, 0.7], requires_grad=True)
    ts.grad(around(function, leaf), leaf)
    assert len(called) == 3
