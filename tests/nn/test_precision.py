"""A float64 input to a float32 layer is computed in float64, as NumPy promotes, and said once in a process."""

import warnings

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.nn import checks

CALLS = {
    "Linear": lambda x: ts.nn.Linear(2, 3)(x),
    "LayerNorm": lambda x: ts.nn.LayerNorm(2)(x),
    "RNN": lambda x: ts.nn.RNN(2, 3)(x)[0],
    "LSTM": lambda x: ts.nn.LSTM(2, 3, bidirectional=True)(x)[0],
    "GRU": lambda x: ts.nn.GRU(2, 3)(x)[0],
    "RNNCell": lambda x: ts.nn.RNNCell(2, 3)(x[0]),
    "LSTMCell": lambda x: ts.nn.LSTMCell(2, 3)(x[0])[0],
    "GRUCell": lambda x: ts.nn.GRUCell(2, 3)(x[0]),
    "Sequential": lambda x: ts.nn.Sequential(ts.nn.Linear(2, 2), ts.tanh, ts.nn.Linear(2, 1))(x),
}


@pytest.fixture(autouse=True)
def nothing_said_yet():
    before = checks._warned[:]
    checks._warned.clear()
    yield
    checks._warned[:] = before


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("make", [np.ones, ts.ones], ids=["array", "tensor"])
def test_a_wider_input_is_said_once_where_the_user_calls(call, make):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for _ in range(3):
            y = call(make((4, 1, 2)))
    assert y.dtype == np.float64
    assert len(said) == 1
    assert said[0].category is UserWarning
    assert said[0].filename == __file__
    assert "is float64 and the layer's weight float32" in str(said[0].message)
    assert '.astype("float32")' in str(said[0].message)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_nothing_is_said_where_the_types_agree_or_numbers_have_none(call):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for x in (np.ones((4, 1, 2), dtype=np.float32), np.ones((4, 1, 2), dtype=int), np.ones((4, 1, 2)).tolist()):
            assert call(x).dtype == np.float32
        assert ts.nn.RNN(2, 3)(np.ones((4, 1, 2), dtype=np.float32), ts.zeros(1, 1, 3))[0].dtype == np.float32
        assert ts.nn.Linear(2, 3).to("float64")(np.ones((4, 2), dtype=np.float32)).dtype == np.float64


def test_gradients_of_a_layer_are_checked_in_float64():
    layer = ts.nn.GRU(2, 3).to("float64")
    x = ts.tensor(np.random.default_rng(0).normal(size=(3, 1, 2)), requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ts.testing.gradcheck(lambda x, *_: layer(x)[0], [x, *layer.parameters()])


def test_layer_norm_in_half_precision_is_that_of_the_same_numbers():
    """Their squares are infinite in float16: a variance of infinity made all of the result 0."""
    x = (np.random.default_rng(0).normal(size=(3, 8)) * 1000).astype(np.float16)
    given = [ts.tensor(x.astype(kind), requires_grad=True) for kind in (np.float16, float)]
    found, wanted = (ts.nn.LayerNorm(8).to(each.dtype)(each) for each in given)
    np.testing.assert_allclose(found.numpy(), wanted.numpy(), atol=2e-3)
    slopes = [ts.grad((y * y * y).sum(), each).numpy() for y, each in zip((found, wanted), given, strict=True)]
    np.testing.assert_allclose(*slopes, atol=2e-4)
    assert found.dtype == slopes[0].dtype == np.float16


MANY = np.random.default_rng(0).normal(size=(70_000, 3)).astype(np.float16)  # more than float16 can count
TAGS = np.ones((2, 35_000), int)
MEANS = {
    "mse_loss": lambda x: ts.nn.mse_loss(x * 2, MANY),
    "l1_loss": lambda x: ts.nn.l1_loss(x * 2, MANY),
    "huber_loss": lambda x: ts.nn.huber_loss(x * 4, MANY),
    "binary_cross_entropy": lambda x: ts.nn.binary_cross_entropy_with_logits(x, np.ones(MANY.shape)),
    "cross_entropy": lambda x: ts.nn.cross_entropy(x, np.arange(70_000) % 3),
    "ignored": lambda x: ts.nn.cross_entropy(x, np.where(np.arange(70_000) % 9, 1, -100)),
    "weighted": lambda x: ts.nn.cross_entropy(x, np.arange(70_000) % 3, weight=[9.0, 20.0, 8.0], label_smoothing=0.1),
    "nll_loss": lambda x: ts.nn.nll_loss(ts.log_softmax(x), np.arange(70_000) % 3),
    "CRF": lambda x: ts.nn.CRF(3).to(x.dtype).log_likelihood(x.reshape(2, -1, 3), TAGS, reduction="mean"),
    "tile": lambda x: ts.tile(x[0] + 1, 30_000).mean(),
}


@pytest.mark.parametrize("name", MEANS)
def test_means_in_half_precision_are_those_of_the_same_numbers(name):
    found, wanted = [], []
    for kind, results in ((np.float16, found), (float, wanted)):
        ts.manual_seed(0)
        x = ts.tensor(MANY.astype(kind), requires_grad=True)
        y = MEANS[name](x)
        y.backward(np.asarray(1000, kind))
        results += [y.item(), x.grad.numpy()]
        assert y.dtype == x.grad.dtype == kind
    assert found[0] == pytest.approx(wanted[0], rel=2e-3)
    np.testing.assert_allclose(found[1], wanted[1], rtol=3e-3, atol=1e-4)
