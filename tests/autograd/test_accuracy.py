"""Values and gradients keep their digits where the textbook's formula loses them: tails, large and small numbers."""

import math

import numpy as np
import pytest

import tinyseq as ts

INF = float("inf")
DTYPES = pytest.mark.parametrize("dtype", ["float32", "float64"])


def both(fn, x, dtype="float64"):
    """The value of a function of one tensor, and the gradient of its sum."""
    leaf = ts.tensor(np.asarray(x, dtype=dtype), requires_grad=True)
    y = fn(leaf)
    y.sum().backward()
    assert y.dtype == leaf.grad.dtype == dtype
    return y.numpy(), leaf.grad.numpy()


@DTYPES
def test_the_tails_of_the_sigmoid_and_its_kin(dtype):
    x = np.array([-80.0, -30.0, -1.0, 0.0, 1.0, 30.0, 80.0])
    eps = 5 * np.finfo(dtype).eps
    tail = np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x)))  # the sigmoid of -|x|
    above = 1 / (1 + np.exp(-x))
    np.testing.assert_allclose(both(ts.sigmoid, x, dtype), (above, tail * (1 - tail)), rtol=eps)
    np.testing.assert_allclose(both(ts.softplus, x, dtype), (np.maximum(x, 0) + np.log1p(np.exp(-abs(x))), above), eps)
    log = np.minimum(x, 0) - np.log1p(np.exp(-abs(x)))
    np.testing.assert_allclose(both(ts.log_sigmoid, x, dtype), (log, 1 / (1 + np.exp(x))), rtol=eps)
    np.testing.assert_allclose(both(lambda x: -ts.log(ts.sigmoid(x)), x[:3], dtype), (-log[:3], above[:3] - 1), eps)
    np.testing.assert_allclose(both(ts.expm1, x[:3], dtype)[1], np.exp(x[:3]), rtol=eps)


def test_the_second_derivative_of_the_sigmoid_keeps_its_tail():
    x = ts.tensor([-30.0, 30.0], requires_grad=True)
    (slope,) = ts.grad(ts.sigmoid(x).sum(), [x], create_graph=True)
    (again,) = ts.grad(slope.sum(), [x])
    np.testing.assert_allclose(again.numpy(), [math.exp(-30), -math.exp(-30)], rtol=1e-12)


def test_the_second_derivative_of_logaddexp_where_both_are_equal():
    x, y = (ts.tensor(2.0, requires_grad=True) for _ in range(2))
    (slope,) = ts.grad(ts.logaddexp(x, y), [x], create_graph=True)
    assert [g.item() for g in ts.grad(slope, [x, y])] == [0.25, -0.25]


@DTYPES
@pytest.mark.parametrize("shift", [0.0, 1e5, 1e8, -1e8])
def test_what_all_scores_have_in_common_changes_no_probability(shift, dtype):
    scores = np.array([[0.0, 0.0], [0.0, -64.0], [-8.0, 0.0]])
    moved = np.asarray(scores + shift, dtype=dtype)  # exact: multiples of 8
    ids = np.array([0, 1, 0])
    for fn in (
        lambda x: ts.softmax(x)[:, 0],
        ts.log_softmax,
        lambda x: ts.nn.cross_entropy(x, ids),
        lambda x: ts.nn.cross_entropy(x, ids, label_smoothing=0.1),
        lambda x: ts.nn.nll_loss(ts.log_softmax(x), ids),
    ):
        for found, wanted in zip(both(fn, moved, dtype), both(fn, scores), strict=True):
            np.testing.assert_allclose(
                found, wanted, rtol=1e-6 if dtype == "float32" else 1e-15, atol=np.finfo(dtype).eps
            )
    np.testing.assert_allclose(both(lambda x: ts.logsumexp(x, axis=1), moved, dtype)[1].sum(1), 1, rtol=1e-6)
    np.testing.assert_allclose(both(lambda x: ts.logaddexp(x[:, 0], x[:, 1]), moved, dtype)[1].sum(1), 1, rtol=1e-6)


@pytest.mark.parametrize("row", [[INF, 0.0, 1.0], [-INF, 0.0, 1.0], [INF, INF, -INF], [-INF] * 3, [np.nan, 0.0, 1.0]])
@pytest.mark.parametrize("target", [0, 1, 2])
def test_cross_entropy_of_infinite_scores_is_that_of_the_log_softmax(row, target):
    direct = both(lambda x: ts.nn.cross_entropy(x, [target]), [row])
    steps = both(lambda x: ts.nn.nll_loss(ts.log_softmax(x), [target]), [row])
    np.testing.assert_array_equal(np.isnan(direct[0]), np.isnan(row).any())
    for found, wanted in zip(direct, steps, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-14)


def test_a_long_chain_of_sums_in_log_space_does_not_drift_in_float32():
    """Each step's shares add up to 1, so that the gradient of what was there at the start does, too."""
    scores = np.random.default_rng(0).normal(-3.0, 1.0, (1000, 4, 4))

    def chain(dtype):
        arcs = ts.tensor(scores.astype(dtype), requires_grad=True)
        message = ts.zeros(4, dtype=dtype)
        for t in range(1000):
            message = ts.logsumexp(ts.expand_dims(message, 1) + arcs[t], axis=0)
        ts.logsumexp(message).backward()
        return arcs.grad.numpy()

    short = chain("float32")
    np.testing.assert_allclose(short.sum((1, 2)), 1, rtol=1e-4)
    assert np.abs(short - chain("float64")).max() < 1e-3


def test_a_long_sum_of_losses_by_step_keeps_its_gradient_in_float32():
    scores = np.random.default_rng(0).normal(0.0, 3.0, (1000, 5)) + 1000.0
    ids = np.arange(1000) % 5

    def slopes(dtype):
        return both(lambda x: sum(ts.nn.cross_entropy(x[t], ids[t]) for t in range(1000)), scores.astype("f4"), dtype)

    for found, wanted in zip(slopes("float32"), slopes("float64"), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=1e-6)


@DTYPES
def test_quotients_whose_parts_alone_would_overflow(dtype):
    for size in (1e-30, 1e-20, 1e20, 1e30):
        array = ts.tensor(np.asarray([size], dtype))
        np.testing.assert_allclose(both(lambda y, size=size: size / y, [size], dtype)[1] * size, [-1], rtol=1e-6)
        np.testing.assert_allclose(both(lambda y, array=array: array / y, [size], dtype)[1] * size, [-1], rtol=1e-6)
    value, slope = both(lambda x: x / (x.sum() + 1e-30), np.zeros(3), dtype)
    assert value.tolist() == [0, 0, 0]
    np.testing.assert_allclose(slope, 1e30, rtol=1e-6)


@DTYPES
@pytest.mark.parametrize("scale", [1e-36, 1e-25, 1.0, 1e18, 1e37])
def test_norms_of_numbers_whose_squares_overflow(scale, dtype):
    value, slope = both(ts.norm, np.array([3.0, 4.0]) * scale, dtype)
    np.testing.assert_allclose(value, 5 * scale, rtol=1e-6)
    np.testing.assert_allclose(slope, [0.6, 0.8], rtol=1e-6)
    value, slope = both(ts.std, np.array([-1.0, 1.0]) * scale, dtype)
    np.testing.assert_allclose(value, scale, rtol=1e-6)
    np.testing.assert_allclose(slope, [-0.5, 0.5], rtol=1e-6)
    assert both(ts.norm, [3e200, 4e200])[0] == pytest.approx(5e200, rel=1e-15)


@pytest.mark.parametrize("dtype", [np.int8, np.float16])
def test_norm_and_mean_of_short_types_do_not_overflow(dtype):
    x = ts.tensor(np.full(4000, 100, dtype=dtype))
    assert ts.mean(x).item() == 100
    assert ts.norm(x).item() == pytest.approx(6324.6, rel=1e-3)
    assert ts.var(x).item() == ts.std(x).item() == 0


@DTYPES
@pytest.mark.parametrize("count", [3, 10, 41, 49, 1000, 1537])
@pytest.mark.parametrize("number", [1.0, 0.1, 1e10 / 3, 1e-10])
def test_the_mean_of_equal_numbers_is_that_number_and_their_variance_nothing(number, count, dtype):
    x = ts.full((count,), number, dtype=dtype)
    if number == 1:
        assert ts.mean(x).item() == 1
        assert ts.nn.mse_loss(x, 0 * x).item() == 1
    np.testing.assert_allclose(ts.mean(x).numpy(), x[0].numpy(), rtol=2 * np.finfo(dtype).eps)
    assert ts.var(x).item() == 0
    assert ts.std(x).item() == 0


def test_gelu_and_erf_below_zero_and_of_whole_numbers():
    x = np.array([-30.0, -12.0, -5.0, -1.0, 2.0])
    cdf = np.array([math.erfc(-v / math.sqrt(2)) / 2 for v in x])
    density = np.exp(-x * x / 2) / math.sqrt(2 * math.pi)
    np.testing.assert_allclose(both(ts.gelu, x), (x * cdf, cdf + x * density), rtol=2e-13)
    np.testing.assert_allclose(both(ts.gelu, x[1:], "float32")[0], (x * cdf)[1:], rtol=5e-7)
    assert ts.erf([0, 1]).tolist() == [0.0, math.erf(1)]
    assert ts.gelu([-1, 2]).tolist() == pytest.approx([-0.15865525393145707, 1.9544997361036416])


def test_powers_below_one_half_keep_their_gradient():
    x = np.array([1e-250, 1e-8, 1.0, 1e300])
    for p in (0.1, -0.05, 1 / 3):
        wanted = (np.longdouble(p) * x.astype(np.longdouble) ** (np.longdouble(p) - 1)).astype(float)
        for power in (p, ts.tensor(p)):
            np.testing.assert_allclose(both(lambda x, power=power: x**power, x)[1], wanted, rtol=2e-15)
    assert both(lambda x: x**0.25, [0.0, 16.0])[1].tolist() == [INF, 0.03125]


@pytest.mark.parametrize("function", [ts.index_set, ts.scatter_add])
@pytest.mark.parametrize("values", [2.0, 2, np.float64(2.0), [2.0], [2]])
def test_a_number_put_into_a_float32_widens_nothing(function, values):
    _, slope = both(lambda x: function(x, [1], values) * 3, np.ones(3), "float32")
    assert slope.tolist() == [3, 0 if function is ts.index_set else 3, 3]
