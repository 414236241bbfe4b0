"""Initialisers: their distributions, shapes and errors."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import oracle

import tinyseq as ts
from tinyseq.nn import init


@given(rows=st.integers(1, 8), columns=st.integers(1, 8), blocks=st.integers(1, 4), gain=st.floats(0.1, 3))
def test_every_block_of_an_orthogonal_weight_has_one_singular_value(rows, columns, blocks, gain):
    weight = ts.zeros(blocks * rows, columns)
    assert init.orthogonal_(weight, gain, blocks) is weight
    for block in np.split(weight.numpy(), blocks):
        np.testing.assert_allclose(np.linalg.svd(block, compute_uv=False), gain, rtol=1e-10)


def test_orthogonal_matrices_favour_no_sign():
    ts.manual_seed(0)
    draws = np.array([init.orthogonal_(ts.zeros(2, 2)).numpy() for _ in range(2000)])
    assert np.abs(draws.mean(axis=0)).max() < 0.06  # the signs of a bare QR are not even
    assert np.abs((draws**2).mean(axis=0) - 0.5).max() < 0.03


@pytest.mark.parametrize("blocks", [1, 4])
def test_xavier_has_the_bound_and_the_variance_of_pytorchs(blocks):
    torch = oracle("torch")
    ts.manual_seed(0)
    theirs = torch.nn.init.xavier_uniform_(torch.empty(200, 300), gain=1.5).numpy()
    weight = ts.zeros(200 * blocks, 300)
    for function in (init.xavier_uniform_, init.xavier_normal_):
        values = function(weight, gain=1.5, blocks=blocks).numpy()
        assert values.std() == pytest.approx(theirs.std(), rel=0.02)
        assert abs(values.mean()) < 0.002
    bound = 1.5 * math.sqrt(6 / 500)
    values = init.xavier_uniform_(weight, 1.5, blocks).numpy()
    assert 0.99 * bound < np.abs(values).max() <= bound


@pytest.mark.parametrize(
    ("make", "bounds"),
    [
        (lambda nn: nn.Linear(9, 400), {"weight": 1 / 3, "bias": 1 / 3}),
        (lambda nn: nn.LSTM(5, 64, 2, bidirectional=True), {"": 1 / 8}),
        (lambda nn: nn.GRU(100, 16), {"": 1 / 4}),
        (lambda nn: nn.RNNCell(40, 25), {"": 1 / 5}),
    ],
    ids=["Linear", "LSTM", "GRU", "RNNCell"],
)
def test_layers_begin_evenly_within_one_over_the_root_of_their_fan_in_as_pytorchs_do(make, bounds):
    torch = oracle("torch")
    ts.manual_seed(0)
    torch.manual_seed(0)
    theirs = dict(make(torch.nn).named_parameters())
    for name, values in make(ts.nn).state_dict().items():
        bound = bounds.get(name, bounds.get(""))
        for found in (values, theirs[name].detach().numpy()):
            assert 0.9 * bound < np.abs(found).max() <= bound
            assert abs(found.mean()) < 5 * bound / math.sqrt(3 * found.size)
            assert found.std() == pytest.approx(bound / math.sqrt(3), rel=4 / math.sqrt(found.size))


def test_embeddings_begin_normally_distributed_and_norms_as_the_identity():
    ts.manual_seed(0)
    values = ts.nn.Embedding(500, 40).weight.numpy()
    assert abs(values.mean()) < 0.03
    assert values.std() == pytest.approx(1, rel=0.03)
    assert init.normal((500, 40), deviation=0.02).numpy().std() == pytest.approx(0.02, rel=0.03)
    assert (np.abs(values) < 1).mean() == pytest.approx(0.6827, abs=0.02)
    norm = ts.nn.LayerNorm(3)
    assert (norm.weight.tolist(), norm.bias.tolist()) == ([1.0] * 3, [0.0] * 3)


def test_a_new_beginning_keeps_dtype_and_is_seen_by_the_layer():
    lstm = ts.nn.LSTM(3, 4)
    before = lstm.weight_hh_l0.numpy().copy()
    init.orthogonal_(lstm.weight_hh_l0, blocks=4)
    assert lstm.weight_hh_l0.dtype == np.float32
    assert not np.array_equal(lstm.state_dict()["weight_hh_l0"], before)


@pytest.mark.parametrize("make", [lambda: ts.nn.LSTM(2, 3, 2, bidirectional=True), lambda: ts.nn.LSTMCell(2, 3)])
def test_the_forget_bias_reaches_every_layer_and_direction_and_nothing_else(make):
    layer = make()
    before = layer.state_dict()
    init.forget_bias_(layer, 2.0)
    for name, value in layer.state_dict().items():
        if name.startswith("bias"):
            expected = before[name].copy()
            expected[3:6] = 2.0 if name.startswith("bias_ih") else 0.0
            assert np.array_equal(value, expected)
        else:
            assert np.array_equal(value, before[name])


def test_a_forget_bias_keeps_the_cell():
    """With all else 0, c_t = sigmoid(bias) c_{t-1}."""
    cell = ts.nn.LSTMCell(1, 2)
    for parameter in cell.parameters():
        parameter.copy_(np.zeros(parameter.shape))
    init.forget_bias_(cell, 3.0)
    _, c = cell(ts.zeros(1, 1, dtype="float32"), (ts.zeros(1, 2, dtype="float32"), ts.ones(1, 2, dtype="float32")))
    np.testing.assert_allclose(c.numpy(), 1 / (1 + math.exp(-3)), rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: init.orthogonal_(ts.zeros(4)), ValueError, r"must be a matrix, got shape \(4,\)"),
        (lambda: init.xavier_uniform_(ts.zeros(4, 2), blocks=3), ValueError, "4 rows of weight cannot be cut into 3"),
        (lambda: init.orthogonal_(np.ones((2, 2))), TypeError, "weight must be a tensor, .*got ndarray"),
        (lambda: init.forget_bias_(None), TypeError, "an LSTM with biases, got NoneType"),
        (lambda: init.forget_bias_(ts.nn.GRU(1, 2)), TypeError, "an LSTM with biases, got GRU"),
        (lambda: init.forget_bias_(ts.nn.LSTM(1, 2, bias=False)), TypeError, "an LSTM with biases, got LSTM"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
