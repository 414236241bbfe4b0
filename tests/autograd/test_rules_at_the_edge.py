"""Ties, kinks, zeros and infinities: each has one documented rule, and none gives a NaN or a warning."""

import array_api_strict
import numpy as np
import pytest
from oracles import oracle

import tinyseq as ts
from tinyseq.autograd.declare import OPS, apply
from tinyseq.testing.calls import FAMILIES, examples_of
from tinyseq.testing.subject import flat

INF = float("inf")


def gradient(fn, *arrays, upstream=None):
    """The value, and the gradient of every input, in plain lists."""
    leaves = [ts.tensor(np.asarray(a, dtype=float), requires_grad=True) for a in arrays]
    y = fn(*leaves)
    y.backward(np.ones(y.shape) if upstream is None else np.asarray(upstream, dtype=float))
    found = [leaf.grad.tolist() for leaf in leaves]
    return y.tolist(), found[0] if len(found) == 1 else found


# -- infinities --------------------------------------------------------------------------------------------------------


def test_logsumexp_of_nothing_but_minus_infinity_is_minus_infinity_with_gradient_0():
    assert gradient(ts.logsumexp, [-INF, -INF]) == (-INF, [0.0, 0.0])
    assert gradient(lambda x: ts.logsumexp(x, axis=1), [[-INF, -INF], [0.0, -INF]]) == (
        [-INF, 0.0],
        [[0.0, 0.0], [1.0, 0.0]],
    )


def test_logsumexp_of_nothing_is_minus_infinity():
    value, slope = gradient(lambda x: ts.logsumexp(x, axis=0), np.zeros((0, 2)))
    assert (value, slope) == ([-INF, -INF], [])
    assert ts.logsumexp(np.zeros(0)).item() == -INF


def test_logsumexp_shares_the_gradient_among_the_infinite_terms():
    assert gradient(ts.logsumexp, [INF, 0.0, INF, -INF]) == (INF, [0.5, 0.0, 0.5, 0.0])


def test_logsumexp_of_large_numbers_does_not_overflow():
    assert ts.logsumexp([1e308, 1e308]).item() == 1e308
    value, slope = gradient(ts.logsumexp, [5000.0, 5000.0])
    assert value == 5000.0 + np.log(2)
    np.testing.assert_allclose(slope, [0.5, 0.5], rtol=1e-12)
    assert gradient(ts.logsumexp, [-1e308, 0.0]) == (0.0, [0.0, 1.0])


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, 1, (0, 1)])
def test_logsumexp_with_infinities_along_every_axis(axis, keepdims):
    x = np.array([[-INF, 1.0, INF], [-INF, 2.0, 0.0]])
    value, slope = gradient(lambda x: ts.logsumexp(x, axis=axis, keepdims=keepdims), x)
    with np.errstate(all="ignore"):
        wanted = np.log(np.exp(x).sum(axis=axis, keepdims=keepdims))
    np.testing.assert_allclose(value, wanted, rtol=1e-12)
    total = np.sum(slope, axis=axis, keepdims=keepdims)
    np.testing.assert_allclose(total, np.where(np.isneginf(wanted), 0.0, 1.0), rtol=1e-12)


def test_softmax_at_infinities():
    assert gradient(ts.softmax, [-INF, -INF]) == ([0.0, 0.0], [0.0, 0.0])
    assert gradient(ts.softmax, [INF, 0.0, INF], upstream=[1, 0, 0]) == ([0.5, 0.0, 0.5], [0.25, 0.0, -0.25])
    assert gradient(ts.softmax, [0.0, -INF], upstream=[1, 2]) == ([1.0, 0.0], [0.0, 0.0])


def test_log_softmax_at_infinities():
    assert gradient(ts.log_softmax, [-INF, -INF]) == ([-INF, -INF], [0.0, 0.0])
    assert gradient(ts.log_softmax, [0.0, -INF], upstream=[1, 0]) == ([0.0, -INF], [0.0, 0.0])
    value, slope = gradient(ts.log_softmax, [INF, INF, 0.0], upstream=[1, 0, 0])
    np.testing.assert_allclose(value, [-np.log(2), -np.log(2), -INF])
    np.testing.assert_allclose(slope, [0.5, -0.5, 0.0])


@pytest.mark.parametrize(
    ("x", "y", "value", "slope"),
    [
        (-INF, -INF, -INF, [0.0, 0.0]),
        (-INF, 1.0, 1.0, [0.0, 1.0]),
        (1.0, -INF, 1.0, [1.0, 0.0]),
        (INF, 1.0, INF, [1.0, 0.0]),
        (INF, INF, INF, [0.5, 0.5]),
        (-INF, INF, INF, [0.0, 1.0]),
    ],
)
def test_logaddexp_at_infinities(x, y, value, slope):
    assert gradient(ts.logaddexp, x, y) == (value, slope)
    assert gradient(lambda x, y: ts.logsumexp(ts.stack([x, y])), x, y) == (value, slope)


@pytest.mark.parametrize(
    ("fn", "low", "high"),
    [
        (ts.sigmoid, (0.0, 0.0), (1.0, 0.0)),
        (ts.tanh, (-1.0, 0.0), (1.0, 0.0)),
        (ts.softplus, (0.0, 0.0), (INF, 1.0)),
        (ts.log_sigmoid, (-INF, 1.0), (0.0, 0.0)),
        (ts.exp, (0.0, 0.0), (INF, INF)),
        (ts.expm1, (-1.0, 0.0), (INF, INF)),
        (ts.relu, (0.0, 0.0), (INF, 1.0)),
        (ts.leaky_relu, (-INF, 0.01), (INF, 1.0)),
        (ts.elu, (-1.0, 0.0), (INF, 1.0)),
        (ts.abs, (INF, -1.0), (INF, 1.0)),
        (ts.negative, (INF, -1.0), (-INF, -1.0)),
        (ts.erf, (-1.0, 0.0), (1.0, 0.0)),
        (ts.gelu, (0.0, 0.0), (INF, 1.0)),
        (ts.normal_cdf, (0.0, 0.0), (1.0, 0.0)),
        (lambda x: 1.0 / x, (0.0, 0.0), (0.0, 0.0)),
        (lambda x: ts.clip(x, -1.0, 1.0), (-1.0, 0.0), (1.0, 0.0)),
        (lambda x: ts.maximum(x, 0.0), (0.0, 0.0), (INF, 1.0)),
        (lambda x: ts.where(x > 0, x, 0.0), (0.0, 0.0), (INF, 1.0)),
    ],
    ids=lambda f: getattr(f, "__name__", None),
)
def test_elementwise_functions_at_infinity(fn, low, high):
    for x, wanted in ((-INF, low), (INF, high)):
        np.testing.assert_allclose(gradient(fn, x), wanted, rtol=0, atol=np.finfo(float).tiny)


@pytest.mark.parametrize("fn", [ts.sigmoid, ts.softplus, ts.log_sigmoid, ts.tanh, ts.gelu, ts.erf, ts.softmax])
@pytest.mark.parametrize("x", [-1e4, -750.0, -40.0, 40.0, 750.0, 1e4])
def test_large_arguments_neither_overflow_nor_lose_the_gradient(fn, x):
    value, slope = gradient(fn, [x, x])
    assert np.isfinite(value).all()
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("fn", [ts.relu, lambda x: ts.maximum(x, 0.0), lambda x: ts.clip(x, 0.0, 1.0), ts.elu])
def test_a_nan_is_handed_on_and_not_hidden(fn):
    assert np.isnan(fn(ts.tensor(float("nan"))).item())


@pytest.mark.parametrize(
    "fn",
    [
        lambda x: ts.where(x > 0, x, 0.0),
        ts.relu,
        lambda x: ts.maximum(x, 0.0),
        lambda x: ts.clip(x, 0.0, None),
        lambda x: ts.max(x, axis=1),
        ts.sign,
    ],
)
def test_an_infinite_upstream_gradient_does_not_leak_into_what_was_not_chosen(fn):
    _, slope = gradient(
        fn, [[-1000.0], [2.0]], upstream=[[INF], [1.0]] if fn(np.ones((2, 1))).ndim == 2 else [INF, 1.0]
    )
    assert not np.isnan(slope).any()


CHOOSING = [op for op in OPS.values() if op.vjp and not op.analytic and op.slope_bound != 0 and op.calls in FAMILIES]
WITHOUT = {"fmax", "fmin", "nan_to_num", "pinv", "svd"}  # which replace NaN, or refuse it
HANDING_ON = [op for op in CHOOSING if op.name not in WITHOUT]


@pytest.mark.filterwarnings("ignore:.*invalid value")  # as NumPy says of some functions of NaN
@pytest.mark.parametrize("op", HANDING_ON, ids=lambda op: op.name)
def test_a_nan_that_is_handed_on_has_a_gradient(op):
    """With a gradient of 0 there, no one could tell from the gradients where the NaN came from."""
    asked = 0
    for call in examples_of(op, 3):
        for i, array in enumerate(call.arrays):
            if array.size and array.dtype.kind == "f" and (op.variadic or op.rules[i]):
                arrays = [np.array(each) for each in call.arrays]
                arrays[i].flat[-1] = np.nan
                leaves = [ts.tensor(each, requires_grad=each.dtype.kind == "f") for each in arrays]
                try:
                    outputs = flat(apply(op, leaves, call.attrs))
                except np.linalg.LinAlgError:  # of a matrix with a NaN there are no factors
                    continue
                spoilt = [np.isnan(y.numpy()).astype(y.dtype) for y in outputs]
                if any(map(np.any, spoilt)):
                    assert ts.grad(outputs, leaves[i], spoilt).numpy().flat[-1] != 0
                    asked += 1
    assert asked


def test_the_nan_of_two_arguments_goes_where_pytorch_sends_it():
    torch = oracle("torch")
    x, y = np.array([[a, b] for a in (0.0, 1.0, np.nan) for b in (2.0, np.nan)]).T
    for name in ("maximum", "minimum"):
        leaves = [torch.tensor(a, requires_grad=True) for a in (x, y)]
        wanted = torch.autograd.grad(getattr(torch, name)(*leaves).sum(), leaves)
        assert gradient(getattr(ts, name), x, y)[1] == [g.tolist() for g in wanted]


def test_of_several_nans_the_first_receives_the_gradient_of_the_largest():
    for fn in (ts.max, ts.min):
        assert gradient(lambda x, fn=fn: fn(x, axis=1), [[1.0, np.nan, np.nan], [0.0, 0.0, 0.0]])[1] == [
            [0.0, 1.0, 0.0],
            [1.0, 0.0, 0.0],
        ]


# -- ties --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", [np, array_api_strict], ids=["numpy", "array_api_strict"])
def test_of_equal_largest_elements_the_first_receives_the_gradient(library):
    x = np.array([[1.0, 3.0, 3.0], [3.0, 3.0, 0.0]])
    for axis, wanted in (
        (None, [[0, 1, 0], [0, 0, 0]]),
        (1, [[0, 1, 0], [1, 0, 0]]),
        (0, [[0, 1, 1], [1, 0, 0]]),
        ((0, 1), [[0, 1, 0], [0, 0, 0]]),
        ((1, 0), [[0, 1, 0], [0, 0, 0]]),
    ):
        for fn, sign in ((ts.max, 1), (ts.min, -1)):
            leaf = ts.tensor(library.asarray(sign * x), requires_grad=True)
            fn(leaf, axis=axis).sum().backward()
            assert leaf.grad.tolist() == wanted


def test_of_equal_arguments_the_first_receives_the_gradient():
    assert gradient(ts.maximum, [1.0, 2.0], [1.0, 0.0]) == ([1.0, 2.0], [[1.0, 1.0], [0.0, 0.0]])
    assert gradient(ts.minimum, [1.0, 2.0], [1.0, 0.0]) == ([1.0, 0.0], [[1.0, 0.0], [0.0, 1.0]])


def test_argmax_and_argmin_name_the_first():
    assert ts.argmax([1.0, 3.0, 3.0]).item() == 1
    assert ts.argmin([[2.0, 0.0], [1.0, 0.0]], axis=0).tolist() == [1, 0]


# -- kinks and zeros ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fn", "x", "slope"),
    [
        (ts.abs, 0.0, 0.0),
        (ts.sign, 0.0, 0.0),
        (ts.relu, 0.0, 0.0),
        (ts.leaky_relu, 0.0, 0.01),
        (ts.elu, 0.0, 1.0),
        (lambda x: ts.clip(x, -1.0, 1.0), 1.0, 1.0),
        (lambda x: ts.clip(x, -1.0, 1.0), -1.0, 1.0),
        (lambda x: ts.clip(x, 0.0, 0.0), 0.0, 1.0),
        (lambda x: x**0, 0.0, 0.0),
        (lambda x: x**1, 0.0, 1.0),
        (lambda x: x**2, 0.0, 0.0),
        (lambda x: x ** ts.zeros(()), 0.0, 0.0),
        (lambda x: x ** ts.ones(()), 0.0, 1.0),
        (lambda x: x**3, -2.0, 12.0),
        (lambda x: 2.0**x, 0.0, np.log(2.0)),
        (lambda x: 0.0**x, 2.0, 0.0),
    ],
)
def test_kinks_and_powers_have_a_rule(fn, x, slope):
    assert gradient(fn, x)[1] == pytest.approx(slope)


def test_a_power_with_exponent_0_has_its_mixed_second_derivative():
    """d²(x^y) / dx dy = x^(y-1) (1 + y log x), which is 1 / x at y = 0; PyTorch has 0 for one of the two orders."""
    x, y = ts.tensor([0.5, 2.0], requires_grad=True), ts.tensor([0.0, 0.0], requires_grad=True)
    for first, second in ((x, y), (y, x)):
        (slope,) = ts.grad(ts.pow(x, y).sum(), [first], create_graph=True)
        (bend,) = ts.grad(slope.sum(), [second])
        assert bend.tolist() == pytest.approx([2.0, 0.5])


def test_the_norm_and_the_standard_deviation_have_gradient_0_where_they_are_0():
    assert gradient(ts.norm, [0.0, 0.0]) == (0.0, [0.0, 0.0])
    assert gradient(lambda x: ts.norm(x, axis=1), [[0.0, 0.0], [3.0, 4.0]]) == ([0.0, 5.0], [[0.0, 0.0], [0.6, 0.8]])
    assert gradient(ts.std, [2.0, 2.0, 2.0]) == (0.0, [0.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("x", "slope"), [([2.0, 0.0, 3.0], [0.0, 6.0, 0.0]), ([0.0, 0.0, 3.0], [0.0, 0.0, 0.0]), ([2.0, 3.0], [3.0, 2.0])]
)
def test_products_with_zeros_need_no_division(x, slope):
    assert gradient(ts.prod, x)[1] == slope
    assert gradient(lambda x: ts.cumprod(x, axis=0)[-1], x)[1] == slope


def test_places_named_twice_receive_both_gradients():
    assert gradient(lambda x: ts.take(x, [1, 1, 0]), [5.0, 6.0], upstream=[1, 10, 100])[1] == [100.0, 11.0]
    assert gradient(lambda x: x[np.array([-1, 1])], [5.0, 6.0], upstream=[1, 10])[1] == [0.0, 11.0]


# -- whole numbers -----------------------------------------------------------------------------------------------------


def test_whole_numbers_carry_no_gradient():
    x = ts.tensor([1.7, -0.5], requires_grad=True)
    for y in (x.astype("int64"), x > 0, x == 1.7, ts.argmax(x), ts.isfinite(x) if hasattr(ts, "isfinite") else x < 0):
        assert not y.requires_grad
    assert x.astype("float32").requires_grad


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64])
def test_whole_numbers_may_stand_beside_floats(dtype):
    other = np.array([1, 0], dtype=dtype)
    for fn in (ts.multiply, ts.add, ts.maximum, ts.matmul):
        leaf = ts.tensor(np.array([0.5, 2.0]), requires_grad=True)
        y = fn(leaf, other)
        y.sum().backward()
        assert leaf.grad.dtype == np.float64
        np.testing.assert_array_equal(y.numpy(), getattr(np, fn.__name__)(leaf.numpy(), other.astype(float)))


def test_sums_of_truth_values_count_them():
    assert ts.sum(ts.tensor([True, True, False])).item() == 2
    assert ts.mean(ts.tensor([True, False])).item() == 0.5
