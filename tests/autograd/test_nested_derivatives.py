"""Derivatives of functions that hold derivatives: nothing is lost, whatever stands inside of what."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import oracle

import tinyseq as ts

C, D = np.array([0.7, -1.3]), np.array([0.4, 1.1])


def base(library, x):
    return library.tanh(x * x[0]) * library.sin(x[1]) + library.exp(-x * x) * x


# Each makes of a function from pairs to pairs another one, by a derivative; ours beside the same by HIPS autograd.
OURS = {
    "jacobian": lambda f: lambda x: ts.jacobian(f, x) @ C,
    "vjp": lambda f: lambda x: ts.vjp(f, x, C)[1],
    "vjp's value": lambda f: lambda x: ts.vjp(f, x, C)[0],
    "vjp's vector": lambda f: lambda x: ts.vjp(f, ts.tensor(D), x)[1],
    "jvp": lambda f: lambda x: ts.jvp(f, x, C)[1],
    "jvp's value": lambda f: lambda x: ts.jvp(f, x, C)[0],
    "jvp's vector": lambda f: lambda x: ts.jvp(f, ts.tensor(D), x)[1],
    "grad": lambda f: lambda x: ts.grad((f(x) * C).sum(), x, create_graph=True),
    "hvp": lambda f: lambda x: ts.hvp(lambda x: (f(x) * C).sum(), x, D)[1],
    "hvp's value": lambda f: lambda x: ts.hvp(lambda x: (f(x) * C).sum(), x, D)[0] * x,
    "hvp's vector": lambda f: lambda x: ts.hvp(lambda x: (f(x) * C).sum(), ts.tensor(D), x)[1],
    "hessian": lambda f: lambda x: ts.hessian(lambda x: (f(x) * C).sum(), x) @ D,
    "closure": lambda f: lambda x: ts.jacobian(lambda t: f(t * x) * x, ts.tensor(D)) @ C,
    "checkpoint": lambda f: lambda x: ts.jvp(lambda x: ts.checkpoint(f, x), x, C)[1],
}


def theirs(library):
    jacobian = library.jacobian

    def hessian(f):
        return jacobian(jacobian(lambda x: (f(x) * C).sum()))

    return {
        "jacobian": lambda f: lambda x: jacobian(f)(x) @ C,
        "vjp": lambda f: lambda x: C @ jacobian(f)(x),
        "vjp's value": lambda f: f,
        "vjp's vector": lambda f: lambda x: x @ jacobian(f)(D),
        "jvp": lambda f: lambda x: jacobian(f)(x) @ C,
        "jvp's value": lambda f: f,
        "jvp's vector": lambda f: lambda x: jacobian(f)(D) @ x,
        "grad": lambda f: lambda x: C @ jacobian(f)(x),
        "hvp": lambda f: lambda x: hessian(f)(x) @ D,
        "hvp's value": lambda f: lambda x: (f(x) * C).sum() * x,
        "hvp's vector": lambda f: lambda x: hessian(f)(D) @ x,
        "hessian": lambda f: lambda x: hessian(f)(x) @ D,
        "closure": lambda f: lambda x: jacobian(lambda t: f(t * x) * x)(D) @ C,
        "checkpoint": lambda f: lambda x: jacobian(f)(x) @ C,
    }


def compare(names, point):
    """The last derivative is a backward pass, into a leaf."""
    library, numpy = oracle("autograd"), oracle("autograd.numpy")
    f, g, table = (lambda x: base(ts, x)), (lambda x: base(numpy, x)), theirs(library)
    for name in names:
        f, g = OURS[name](f), table[name](g)
    x = ts.tensor(point, requires_grad=True)
    y = f(x)
    (y.sum() + 0.0 * x.sum()).backward()
    np.testing.assert_allclose(y.numpy(), g(point), rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(x.grad.numpy(), library.grad(lambda x: g(x).sum())(point), rtol=1e-7, atol=1e-7)


@pytest.mark.filterwarnings("ignore:Output seems independent")
@pytest.mark.parametrize(("outer", "inner"), list(product(OURS, OURS)))
def test_two_inside_of_a_backward_pass(outer, inner):
    compare([inner, outer], np.array([0.3, -0.8]))


@pytest.mark.filterwarnings("ignore:Output seems independent")
@settings(max_examples=min(settings.default.max_examples, 30))  # of 216; all pairs are compared above
@given(st.lists(st.sampled_from(["jacobian", "vjp", "jvp", "grad", "closure", "checkpoint"]), min_size=3, max_size=3))
def test_three_inside_of_a_backward_pass(names):
    compare(names, np.array([0.6, 0.9]))


@pytest.mark.parametrize("names", list(product(["jacobian", "vjp", "jvp", "grad"], repeat=3)))
def test_the_third_derivative_is_the_closed_forms(names):
    """f(x) = x^5 by elements, whose derivatives along C are 5 C x^4, 20 C^2 x^3, 60 C^3 x^2, and then 120 C^3 x."""
    f = lambda x: x**5
    for name in names:
        f = OURS[name](f)
    x = ts.tensor([0.5, -2.0], requires_grad=True)
    y = f(x)
    y.sum().backward()
    np.testing.assert_allclose(y.numpy(), 60 * C**3 * x.numpy() ** 2, rtol=1e-12)
    np.testing.assert_allclose(x.grad.numpy(), 120 * C**3 * x.numpy(), rtol=1e-12)


def test_a_loss_may_hold_a_jacobian():
    x = ts.tensor([1.0, 2.0], requires_grad=True)
    ((ts.jacobian(lambda t: t**3, x) ** 2).sum() + x.sum()).backward()
    assert x.grad.tolist() == [37.0, 289.0]


def test_what_else_the_function_reads_gets_its_gradient():
    """A penalty on a layer's slopes teaches its weights."""
    layer, x = ts.nn.Linear(3, 2).to("float64"), np.ones((4, 3))
    ts.vjp(layer, x, np.ones((4, 2)))[1].norm().backward()
    weight = layer.weight.numpy()
    column = weight.sum(axis=0)
    expected = np.broadcast_to(4 * column / np.sqrt(4 * column @ column), (2, 3))
    np.testing.assert_allclose(layer.weight.grad.numpy(), expected, rtol=1e-9)
    assert layer.bias.grad is None


DERIVATIVES = {
    "vjp": lambda f, x: ts.vjp(f, x, np.ones(f(x).shape)),
    "jvp": lambda f, x: ts.jvp(f, x, np.ones(x.shape)),
    "jacobian": lambda f, x: (f(x).detach(), ts.jacobian(f, x)),
    "hvp": lambda f, x: ts.hvp(lambda x: f(x).sum(), x, np.ones(x.shape)),
    "hessian": lambda f, x: (f(x).detach(), ts.hessian(lambda x: f(x).sum(), x)),
}
FLAT = {
    "sign": ts.sign,
    "question": lambda x: x > 0.0,
    "place": lambda x: ts.argmax(x),
    "constant": lambda x: ts.ones(2),
    "leaf": lambda x: LEAF,
    "detached": lambda x: x.detach() * 2.0,
    "empty": lambda x: x[:0],
}
LEAF = ts.ones(2, requires_grad=True)


@pytest.mark.parametrize(("derivative", "function"), list(product(DERIVATIVES, FLAT)))
@pytest.mark.parametrize("tracked", [False, True])
def test_a_derivative_that_is_zero_is_zeros_and_no_error(derivative, function, tracked):
    x = ts.tensor([0.5, -2.0], requires_grad=tracked)
    _, found = DERIVATIVES[derivative](FLAT[function], x)
    assert not found.numpy().any()
    assert found.dtype == np.float64
    again = ts.jacobian(lambda x: DERIVATIVES[derivative](FLAT[function], x)[1], x)
    assert not again.numpy().any()
    assert again.shape == found.shape + x.shape


@pytest.mark.parametrize("derivative", DERIVATIVES)
def test_numbers_alone_are_constants(derivative):
    """Without a gradient to ask for, or under no_grad, nothing is kept."""
    f = lambda x: base(ts, x)
    for part in DERIVATIVES[derivative](f, ts.tensor([0.5, -2.0])):
        assert part.node is None
    x = ts.tensor([0.5, -2.0], requires_grad=True)
    with ts.no_grad():
        for part in DERIVATIVES[derivative](lambda x: base(ts, x) * LEAF, x):
            assert part.node is None
    assert DERIVATIVES[derivative](f, x)[1].node is not None
    assert x.grad is None


@pytest.mark.parametrize("derivative", ["vjp", "jvp", "jacobian", "hvp", "hessian"])
def test_what_left_the_graph_is_refused(derivative):
    x, settings = ts.tensor([0.5, -2.0]), [np.ones(2)] if derivative in ("vjp", "jvp", "hvp") else []
    for result in (np.ones(2), 1.0, [ts.ones(2), ts.ones(2)], None):
        with pytest.raises(TypeError, match=r"the function must return one tensor, got \w+; .* compute with tensors"):
            getattr(ts, derivative)(lambda x, result=result: result, x, *settings)


def test_more_elements_than_one_need_a_vector_or_are_refused():
    x = ts.ones(2)
    with pytest.raises(ValueError, match=r"v must be given, of shape \(2,\)"):
        ts.vjp(ts.sin, x)
    with pytest.raises(ValueError, match=r"must return one element, got shape \(2,\); reduce it"):
        ts.hessian(ts.sin, x)
    with pytest.raises(ValueError, match=r"must return one element, got shape \(2,\); reduce it"):
        ts.hvp(ts.sin, x, x)
