"""Losses with weights, soft targets and thresholds: PyTorch's values, gradients and second gradients, and the edges."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import oracle

import tinyseq as ts

REDUCTIONS = st.sampled_from(["mean", "sum", "none"])
SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 4))
SEEDS = st.integers(0, 2**31)


def agree(ours, theirs, arrays, rtol=1e-10, **settings):
    """Both functions of the same leaves have the same value, gradients, and gradients of the gradients' squares."""
    torch = oracle("torch")
    xs = [ts.tensor(array, requires_grad=True) for array in arrays]
    ys = [torch.tensor(array, requires_grad=True) for array in arrays]
    found, expected = ours(*xs, **settings), theirs(*ys, **settings)
    close = {"rtol": rtol, "atol": 1e-13}
    assert found.shape == tuple(expected.shape)
    np.testing.assert_allclose(found.numpy(), expected.detach().numpy(), **close)
    rng = np.random.default_rng(0)
    upstream = np.asarray(rng.standard_normal(found.shape))
    slopes = ts.grad((found * upstream).sum(), xs, create_graph=True)
    slopes_y = torch.autograd.grad((expected * torch.tensor(upstream)).sum(), ys, create_graph=True)
    for slope, slope_y in zip(slopes, slopes_y, strict=True):
        np.testing.assert_allclose(slope.numpy(), slope_y.detach().numpy(), **close)
    curved = sum((slope * slope).sum() for slope in slopes)
    curved_y = sum((slope * slope).sum() for slope in slopes_y)
    if not curved_y.requires_grad:
        return
    seconds_y = torch.autograd.grad(curved_y, ys, allow_unused=True)
    seconds = ts.grad(curved, xs, allow_unused=True) if curved.requires_grad else [None] * len(xs)
    for second, second_y, array in zip(seconds, seconds_y, arrays, strict=True):
        second = np.zeros(array.shape) if second is None else second.numpy()
        second_y = np.zeros(array.shape) if second_y is None else second_y.numpy(force=True)
        np.testing.assert_allclose(second, second_y, rtol=1e-9, atol=1e-12)


# -- numbers -----------------------------------------------------------------------------------------------------------

THRESHOLDS = {"l1_loss": (), "smooth_l1_loss": ("beta",), "huber_loss": ("delta",), "mse_loss": ()}


@given(
    name=st.sampled_from(sorted(THRESHOLDS)),
    shape=SHAPES,
    reduction=REDUCTIONS,
    threshold=st.sampled_from([1.0, 0.25, 3.0, 1e-300, 1e-3, 1e3]),
    seed=SEEDS,
)
def test_losses_of_numbers_are_pytorchs(name, shape, reduction, threshold, seed):
    rng = np.random.default_rng(seed)
    prediction, target = rng.standard_normal((2, *shape)) * 3
    target.flat[0] = prediction.flat[0]  # no difference: the corner of the absolute value
    settings = {"reduction": reduction, **dict.fromkeys(THRESHOLDS[name], threshold)}
    functional = oracle("torch").nn.functional
    agree(getattr(ts.nn, name), getattr(functional, name), [prediction, target], **settings)


def test_a_threshold_of_zero_is_the_absolute_value():
    functional = oracle("torch").nn.functional
    agree(ts.nn.smooth_l1_loss, functional.smooth_l1_loss, [np.array([1.0, -2.0, 0.5]), np.zeros(3)], beta=0.0)


@pytest.mark.parametrize("name", sorted(THRESHOLDS))
def test_differences_over_the_whole_range_keep_their_digits(name):
    """Against exact arithmetic: neither the square nor the quotient by the threshold overflows or vanishes."""
    mpmath = oracle("mpmath")
    for threshold in (1e-12, 1.0, 1e12):
        far = np.array([0.0, 1e-200, 1e-30, 1e-12, 0.3, 1.0, 7.0, 1e12, 1e30, 1e150])
        settings = dict.fromkeys(THRESHOLDS[name], threshold)
        x = ts.tensor(far, requires_grad=True)
        found = getattr(ts.nn, name)(x, np.zeros(len(far)), reduction="none", **settings)
        found.sum().backward()
        for d, value, slope in zip(far, found.tolist(), x.grad.tolist(), strict=True):
            d, t = mpmath.mpf(d), mpmath.mpf(threshold)
            exact, exact_slope = {
                "l1_loss": (d, mpmath.sign(d)),
                "mse_loss": (d * d, 2 * d),
                "huber_loss": (d * d / 2, d) if d < t else (t * (d - t / 2), t),
                "smooth_l1_loss": (d * d / t / 2, d / t) if d < t else (d - t / 2, mpmath.mpf(1)),
            }[name]
            assert abs(value - exact) <= 1e-15 * exact + mpmath.mpf(5e-324)
            assert abs(slope - exact_slope) <= 1e-15 * exact_slope


@pytest.mark.parametrize("name", sorted(THRESHOLDS))
def test_the_target_does_not_widen_the_loss(name):
    prediction = ts.tensor([1.0, 2.0], dtype="float32", requires_grad=True)
    for target in (np.zeros(2), [0, 0], ts.zeros(2)):
        loss = getattr(ts.nn, name)(prediction, target)
        assert loss.dtype == np.float32
        loss.backward()
        assert prediction.grad.dtype == np.float32


# -- yes or no ---------------------------------------------------------------------------------------------------------


@given(
    shape=SHAPES,
    reduction=REDUCTIONS,
    weight=st.sampled_from([None, "all", "last", "first"]),
    pos_weight=st.sampled_from([None, "last", "all"]),
    hard=st.booleans(),
    seed=SEEDS,
)
def test_binary_cross_entropy_is_pytorchs(shape, reduction, weight, pos_weight, hard, seed):
    torch = oracle("torch")
    rng = np.random.default_rng(seed)
    logits, targets = rng.standard_normal(shape) * 4, rng.random(shape)
    targets = np.round(targets) if hard else targets
    sides = {"all": shape, "last": shape[1:], "first": (shape[0], 1)}
    given = {"weight": weight, "pos_weight": pos_weight}
    given = {name: rng.random(sides[kind]) * 3 for name, kind in given.items() if kind}

    def theirs(x, t, reduction):
        weights = {name: torch.tensor(values) for name, values in given.items()}
        return torch.nn.functional.binary_cross_entropy_with_logits(x, t, reduction=reduction, **weights)

    def ours(x, t, reduction):
        return ts.nn.binary_cross_entropy_with_logits(x, t, reduction=reduction, **given)

    agree(ours, theirs, [logits, targets], rtol=1e-9, reduction=reduction)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_certain_answers_cost_nothing_and_wrong_ones_cost_their_logit(dtype):
    big = 1e30
    logits = ts.tensor([np.inf, -np.inf, big, -big, 30.0, -big, big], dtype=dtype, requires_grad=True)
    loss = ts.nn.binary_cross_entropy_with_logits(logits, [1, 0, 1, 0, 1, 1, 0], reduction="none")
    np.testing.assert_allclose(loss.numpy(), np.array([0, 0, 0, 0, np.exp(-30), big, big], dtype), rtol=1e-5)
    loss.sum().backward()
    assert loss.dtype == dtype
    np.testing.assert_allclose(logits.grad.numpy()[[0, 1, 2, 3, 5, 6]], [0, 0, 0, 0, -1, 1])


# -- classes -----------------------------------------------------------------------------------------------------------


@given(
    rows=st.integers(1, 5),
    classes=st.integers(1, 4),
    reduction=REDUCTIONS,
    smoothing=st.sampled_from([0.0, 0.1, 1.0]),
    weighted=st.booleans(),
    soft=st.booleans(),
    seed=SEEDS,
)
def test_cross_entropy_with_class_weights_and_soft_targets_is_pytorchs(
    rows, classes, reduction, smoothing, weighted, soft, seed
):
    torch = oracle("torch")
    rng = np.random.default_rng(seed)
    logits, weight = rng.standard_normal((rows, classes)) * 3, rng.random(classes) + 0.1
    weight = weight if weighted else None
    weight_y = torch.tensor(weight) if weighted else None
    settings = {"reduction": reduction, "label_smoothing": smoothing}
    ours = lambda x, t, **given: ts.nn.cross_entropy(x, t, weight=weight, **given)
    theirs = lambda x, t, **given: torch.nn.functional.cross_entropy(x, t, weight=weight_y, **given)
    if soft:
        targets = rng.dirichlet(np.ones(classes), rows)
        agree(ours, theirs, [logits, targets], **settings)
    else:
        ids = rng.integers(0, classes, rows)
        ids[1:][rng.random(rows - 1) < 0.3] = -100
        agree(lambda x, **k: ours(x, ids, **k), lambda x, **k: theirs(x, torch.tensor(ids), **k), [logits], **settings)


@given(rows=st.integers(1, 5), classes=st.integers(1, 4), reduction=REDUCTIONS, seed=SEEDS)
def test_nll_with_class_weights_is_pytorchs(rows, classes, reduction, seed):
    torch = oracle("torch")
    rng = np.random.default_rng(seed)
    scores, weight, ids = (
        rng.standard_normal((rows, classes)),
        rng.random(classes) + 0.1,
        rng.integers(0, classes, rows),
    )
    ids[1:][rng.random(rows - 1) < 0.3] = -100
    agree(
        lambda x, **given: ts.nn.nll_loss(x, ids, weight=weight, **given),
        lambda x, **given: torch.nn.functional.nll_loss(x, torch.tensor(ids), torch.tensor(weight), **given),
        [-np.abs(scores)],
        reduction=reduction,
    )


@given(shape=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4)), smoothing=st.floats(0, 1), seed=SEEDS)
def test_a_one_hot_soft_target_is_the_id(shape, smoothing, seed):
    rng = np.random.default_rng(seed)
    logits, ids = rng.standard_normal(shape), rng.integers(0, shape[-1], shape[:-1])
    soft = ts.one_hot(ids, shape[-1], dtype="float64")
    for reduction in ("mean", "sum", "none"):
        settings = {"reduction": reduction, "label_smoothing": smoothing}
        found = ts.nn.cross_entropy(logits, soft, **settings)
        np.testing.assert_allclose(found.numpy(), ts.nn.cross_entropy(logits, ids, **settings).numpy(), atol=1e-12)


@given(rows=st.integers(1, 4), smoothing=st.floats(0, 1), seed=SEEDS)
def test_targets_without_weight_are_ignored(rows, smoothing, seed):
    """Also by the mean with label smoothing, whose losses for the other classes were divided by 1."""
    rng = np.random.default_rng(seed)
    logits, none, counted = rng.standard_normal((rows, 3)), [0] * rows, rng.integers(1, 3, rows)
    settings = {"label_smoothing": smoothing, "weight": [0.0, 0.5, 2.0]}
    scores = ts.tensor(logits, requires_grad=True)
    loss = ts.nn.cross_entropy(scores, none, **settings)
    loss.backward()
    assert loss.item() == 0.0
    np.testing.assert_array_equal(scores.grad.numpy(), 0.0)
    if smoothing:  # a weight that vanishes leaves the mean over the others, and what smoothing adds
        theirs = oracle("torch").nn.functional.cross_entropy
        torch = oracle("torch")
        expected = theirs(
            torch.tensor(np.concatenate([logits, logits])),
            torch.tensor([*none, *counted.tolist()]),
            weight=torch.tensor([0.0, 0.5, 2.0], dtype=torch.float64),
            label_smoothing=smoothing,
        )
        found = ts.nn.cross_entropy(np.concatenate([logits, logits]), [*none, *counted], **settings)
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-10)


def test_weights_have_gradients_too():
    logits = np.array([[1.0, -1.0, 0.5], [0.0, 2.0, -1.0]])
    weight = ts.tensor([0.5, 2.0, 1.0], requires_grad=True)
    ts.testing.assert_gradients(lambda w: ts.nn.cross_entropy(logits, [2, 0], weight=w, label_smoothing=0.2), weight)
    ts.testing.assert_gradients(lambda w: ts.nn.cross_entropy(logits, ts.softmax(logits), weight=w), weight)


def test_a_class_that_is_impossible_and_not_wanted_costs_nothing():
    """0 log 0 is 0: masks of -inf go with soft targets and with weights of 0."""
    logits = ts.tensor([[0.0, 0.0, -np.inf]], requires_grad=True)
    loss = ts.nn.cross_entropy(logits, [[0.25, 0.75, 0.0]])
    loss.backward()
    assert loss.item() == pytest.approx(np.log(2))
    np.testing.assert_allclose(logits.grad.numpy(), [[0.25, -0.25, 0.0]])
    logits.grad = None
    loss = ts.nn.cross_entropy(logits, [2], weight=[1.0, 1.0, 0.0])
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.numpy().any()
    assert ts.nn.cross_entropy(logits, [[0.25, 0.7, 0.05]]).item() == np.inf


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ts.nn.l1_loss(ts.zeros(3, 1), ts.zeros(3)), ValueError, r"shape \(3, 1\), target \(3,\)"),
        (lambda: ts.nn.huber_loss(ts.zeros(2), ts.zeros(2), delta=0), ValueError, "delta must be above 0, got 0"),
        (lambda: ts.nn.smooth_l1_loss(ts.zeros(2), ts.zeros(2), beta=-1), ValueError, "of at least 0, got -1"),
        (lambda: ts.nn.smooth_l1_loss(ts.zeros(2), ts.zeros(2), beta=np.nan), ValueError, "of at least 0, got nan"),
        (lambda: ts.nn.l1_loss("ab", ts.zeros(2)), TypeError, "prediction must be a tensor or an array of numbers"),
        (
            lambda: ts.nn.binary_cross_entropy_with_logits(ts.zeros(2, 3), ts.zeros(3)),
            ValueError,
            r"targets have shape \(3,\), logits \(2, 3\)",
        ),
        (
            lambda: ts.nn.binary_cross_entropy_with_logits(ts.zeros(2), [1, -1]),
            ValueError,
            r"targets must lie in \[0, 1\], got -1.0 at position \(1,\)",
        ),
        (
            lambda: ts.nn.binary_cross_entropy_with_logits(ts.zeros(2, 3), ts.zeros(2, 3), pos_weight=[1.0, 2.0]),
            ValueError,
            r"pos_weight must broadcast to the shape \(2, 3\) of logits, got \(2,\)",
        ),
        (
            lambda: ts.nn.binary_cross_entropy_with_logits(ts.zeros(3), ts.zeros(3), weight=[-1.0]),
            ValueError,
            "weight must not be negative, got -1.0",
        ),
        (
            lambda: ts.nn.cross_entropy(ts.zeros(2, 3), [0, 1], weight=[1.0, 2.0]),
            ValueError,
            r"weight must have shape \(3,\), one number for each class .* got \(2,\)",
        ),
        (
            lambda: ts.nn.cross_entropy(ts.zeros(2, 3), [0, 1], np.ones(3)),  # PyTorch's place of the weight
            TypeError,
            "ignore_index must be a whole number, got array.*give weight= by its name",
        ),
        (
            lambda: ts.nn.cross_entropy(ts.zeros(2, 3), np.eye(3, dtype=int)[:2]),
            ValueError,
            r"must be probabilities in floating point, got int64",
        ),
        (
            lambda: ts.nn.cross_entropy(ts.zeros(1, 2), [[1.5, -0.5]]),
            ValueError,
            r"targets must lie in \[0, 1\], got 1.5 at position \(0, 0\)",
        ),
        (lambda: ts.nn.cross_entropy(ts.zeros(2, 2), [[0, 1], [0]]), ValueError, "ts.data.padded"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
