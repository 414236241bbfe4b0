"""Losses and clipping against PyTorch, and against bad input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import oracle

import tinyseq as ts

REDUCTIONS = st.sampled_from(["mean", "sum", "none"])


@pytest.mark.parametrize(
    "clip",
    [
        *(lambda ps, p=p: ts.nn.clip_grad_norm_(ps, 0.5, norm_type=p) for p in (1, 2, 3.5, np.inf)),
        lambda ps: ts.nn.clip_grad_value_(ps, 0.5),
    ],
)
def test_a_tied_weight_that_comes_twice_is_clipped_once(clip):
    embedding, readout = ts.nn.Embedding(5, 3), ts.nn.Linear(3, 5)
    readout.weight = embedding.weight
    results = []
    for parameters in (
        list(ts.nn.ModuleList([embedding, readout]).parameters()),
        [*embedding.parameters(), *readout.parameters()],
    ):
        for parameter in parameters:
            parameter.grad = None
        (readout(embedding(np.array([0, 1, 1]))) ** 2).sum().backward()
        found = clip(parameters)
        results.append([found, *(p.grad.tolist() for p in (embedding.weight, readout.bias))])
    assert results[0] == results[1]


@pytest.mark.parametrize("rows", [1, 400])
@pytest.mark.parametrize(
    ("scores", "loss", "gradient"),
    [
        ([np.inf, 0.0, -1.0], 0.0, [0.0, 0.0, 0.0]),
        ([np.inf, np.inf, 0.0], np.log(2), [-0.5, 0.5, 0.0]),
        ([0.0, np.inf, 0.0], np.inf, [-1.0, 1.0, 0.0]),
        ([-np.inf, 0.0, 0.0], np.inf, [-1.0, 0.5, 0.5]),
        ([0.0, 0.0, -np.inf], np.log(2), [-0.5, 0.5, 0.0]),
        ([-np.inf] * 3, np.inf, [0.0, 0.0, 0.0]),
        ([1.7e308, -1.7e308, 0.0], 0.0, [0.0, 0.0, 0.0]),
    ],
)
def test_the_cross_entropy_of_infinite_scores_is_the_limit_of_large_ones(scores, loss, gradient, rows):
    x = ts.tensor([scores] * rows, requires_grad=True)
    found = ts.nn.cross_entropy(x, np.zeros(rows, int), reduction="none")
    found.sum().backward()
    np.testing.assert_allclose(found.numpy(), [loss] * rows, rtol=1e-15)
    np.testing.assert_allclose(x.grad.numpy(), [gradient] * rows, rtol=1e-15)


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


@pytest.mark.parametrize("rubbish", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_what_is_not_finite_where_a_target_is_ignored_spoils_nothing(rubbish, smoothing):
    torch = oracle("torch")
    values, targets = np.random.default_rng(0).standard_normal((3, 4)), np.array([1, -100, 2])
    values[1] = rubbish
    x, y = ts.tensor(values, requires_grad=True), torch.tensor(values[[0, 2]], requires_grad=True)
    loss = ts.nn.cross_entropy(x, targets, label_smoothing=smoothing)
    theirs = torch.nn.functional.cross_entropy(y, torch.tensor(targets[[0, 2]]), label_smoothing=smoothing)
    assert loss.item() == pytest.approx(theirs.item(), rel=1e-12)
    loss.backward()
    theirs.backward()
    np.testing.assert_allclose(x.grad.numpy()[[0, 2]], y.grad.numpy(), rtol=1e-12)
    assert not x.grad.numpy()[1].any()
    assert ts.nn.nll_loss(values, targets).item() == pytest.approx(-(values[0, 1] + values[2, 2]) / 2)


@given(
    norm_type=st.sampled_from([0.5, 1, 1.0, 2.0, np.float32(2), 3.5, np.inf, "inf"]),
    limit=st.floats(0, 9),
    seed=st.integers(0, 2**31),
)
def test_every_norm_is_clipped_as_pytorch_does(norm_type, limit, seed):
    torch = oracle("torch")
    rng = np.random.default_rng(seed)
    gradients = [np.asarray(rng.standard_normal(shape)) for shape in [(2, 3), (), (4,)]]
    ours = [ts.tensor(np.zeros(g.shape), requires_grad=True) for g in gradients]
    theirs = [torch.zeros(g.shape, dtype=torch.float64, requires_grad=True) for g in gradients]
    for p, q, g in zip(ours, theirs, gradients, strict=True):
        p.grad, q.grad = ts.tensor(g), torch.tensor(g)
    expected = float(torch.nn.utils.clip_grad_norm_(theirs, limit, norm_type=norm_type))
    assert float(ts.nn.clip_grad_norm_(iter(ours), limit, norm_type)) == pytest.approx(expected, rel=1e-12)
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-12)


@given(
    p=st.sampled_from([0.25, 1.0, 2.0, 3.5, 200.0, np.inf]), exponent=st.integers(-300, 300), seed=st.integers(0, 2**31)
)
def test_a_norm_keeps_its_digits_over_the_whole_range(p, exponent, seed):
    """The norm is homogeneous: that of gradients 10^e times as large is 10^e times as large, though no power may be."""
    gradient = np.random.default_rng(seed).standard_normal(5)
    norms = []
    for scale in (1.0, 10.0**exponent):
        w = ts.tensor(np.zeros(5), requires_grad=True)
        w.grad = ts.tensor(gradient * scale)
        norms.append(float(ts.nn.clip_grad_norm_([w], np.inf, p)) / scale)
    assert norms[1] == pytest.approx(norms[0], rel=1e-12)


@pytest.mark.parametrize("values", [[np.inf, 1.0], [np.nan, 1.0], [np.nan, np.inf], [-np.inf, 0.0]])
@pytest.mark.parametrize("norm_type", [1.0, 2.0, np.inf])
def test_a_norm_that_is_not_finite_is_pytorchs_or_an_error(values, norm_type):
    torch = oracle("torch")
    w, v = ts.tensor(np.zeros(2), requires_grad=True), torch.zeros(2, dtype=torch.float64, requires_grad=True)
    w.grad, v.grad = ts.tensor(values), torch.tensor(values, dtype=torch.float64)
    with pytest.raises(RuntimeError, match=r"the norm of the gradients is (nan|inf)"):
        ts.nn.clip_grad_norm_([w], 1.0, norm_type, error_if_nonfinite=True)
    np.testing.assert_array_equal(w.grad.numpy(), values)
    expected = float(torch.nn.utils.clip_grad_norm_([v], 1.0, norm_type))
    np.testing.assert_equal(float(ts.nn.clip_grad_norm_([w], 1.0, norm_type)), expected)
    np.testing.assert_array_equal(w.grad.numpy(), v.grad.numpy())


def test_an_infinite_threshold_measures_and_changes_nothing():
    w = ts.tensor([0.0, 0.0], requires_grad=True)
    for values, norm in (([3.0, 4.0], 5.0), ([np.inf, 1.0], np.inf)):
        w.grad = ts.tensor(values)
        assert float(ts.nn.clip_grad_norm_([w], np.inf)) == norm
        assert w.grad.tolist() == values


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
    assert float(ts.nn.clip_grad_norm_([w], 1.0)) == pytest.approx(5e30)
    np.testing.assert_allclose(w.grad.numpy(), [0.6, 0.8], rtol=1e-6)


def test_a_norm_beyond_all_numbers_is_infinite():
    w = ts.tensor(np.zeros(1000), requires_grad=True)
    w.grad = ts.tensor(np.ones(1000))
    assert float(ts.nn.clip_grad_norm_([w], np.inf, 0.001)) == np.inf


def test_a_single_tensor_is_one_parameter():
    w = ts.tensor([3.0, 4.0], requires_grad=True)
    (w * w * 0.5).sum().backward()
    assert float(ts.nn.clip_grad_norm_(w, 1.0)) == 5.0
    np.testing.assert_allclose(w.grad.numpy(), [0.6, 0.8], rtol=1e-6)
    ts.nn.clip_grad_value_(w, 0.7)
    np.testing.assert_allclose(w.grad.numpy(), [0.6, 0.7], rtol=1e-6)


def test_the_norm_has_its_root():
    """The lectures' snippet compares the squared norm with the threshold: it would clip this gradient of norm 2.5."""
    w = ts.tensor([0.0, 0.0], requires_grad=True)
    w.grad = ts.tensor([1.5, 2.0])
    assert float(ts.nn.clip_grad_norm_([w], 3.0)) == 2.5
    assert w.grad.tolist() == [1.5, 2.0]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ts.nn.mse_loss(ts.zeros(3, 1), ts.zeros(3)), ValueError, r"shape \(3, 1\), target \(3,\)"),
        (lambda: ts.nn.cross_entropy(ts.zeros(3, 2), [0, 1]), ValueError, r"shape \(3,\).*got \(2,\)"),
        (
            lambda: ts.nn.cross_entropy(ts.zeros(2, 5, 3), np.zeros((2, 3), int)),  # PyTorch's layout
            ValueError,
            r"one id for each row of logits \(2, 5, 3\) with the classes on the last axis, got \(2, 3\)",
        ),
        (lambda: ts.nn.cross_entropy(ts.zeros(2, 0), [0, 0]), ValueError, r"V >= 1 classes last, got \(2, 0\)"),
        (lambda: ts.nn.cross_entropy(1.0, [0]), ValueError, r"V >= 1 classes last, got \(\)"),
        (lambda: ts.nn.cross_entropy("ab", [0]), TypeError, "logits must be a tensor or an array of numbers"),
        (lambda: ts.nn.clip_grad_norm_([], -1.0), ValueError, "max_norm must not be negative, got -1.0"),
        *(
            (lambda p=p: ts.nn.clip_grad_norm_([], 1.0, p), ValueError, rf"norm_type must be above 0.*; got {p}")
            for p in (0, -1, -0.5, -np.inf, np.nan)
        ),
        *(
            (lambda p=p: ts.nn.clip_grad_norm_([], 1.0, p), TypeError, f"norm_type must be a number, got {p!r}")
            for p in ("fro", "2", None, True, 2j)
        ),
        *(
            (lambda x=x: ts.nn.clip_grad_norm_([], x), TypeError, f"max_norm must be a number, got {x!r}")
            for x in ("1", None, True, 1j)
        ),
        (lambda: ts.nn.clip_grad_norm_([], np.nan), ValueError, "max_norm must be a number, got nan"),
        (lambda: ts.nn.clip_grad_norm_([], 1.0, 2.0, 1), TypeError, "error_if_nonfinite must be True or False, got 1"),
        (lambda: ts.nn.clip_grad_value_([], "1"), TypeError, "clip_value must be a number, got '1'"),
        (lambda: ts.nn.clip_grad_value_([], -1.0), ValueError, "clip_value must not be negative, got -1.0"),
        (
            lambda: ts.nn.clip_grad_norm_(ts.nn.Linear(1, 1), 1.0),
            TypeError,
            r"of type Linear; give its \.parameters\(\)",
        ),
        (lambda: ts.nn.clip_grad_norm_([3.0], 1.0), TypeError, r"parameters\[0\] is of type float"),
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


def test_a_generator_that_was_read_before_is_told():
    layer = ts.nn.Linear(1, 1)
    parameters = layer.parameters()
    optimizer = ts.optim.SGD(parameters, lr=0.1)
    layer(ts.ones(1, 1)).sum().backward()
    with pytest.warns(UserWarning, match="nothing to clip: parameters is an iterator without items left; pass a list"):
        assert float(ts.nn.clip_grad_norm_(parameters, 0.1)) == 0.0
    assert ts.nn.clip_grad_norm_(optimizer.parameters, 0.1) > 1
    assert float(ts.nn.clip_grad_norm_([], 0.1)) == 0.0
