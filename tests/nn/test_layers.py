"""Layers without time: gradients, masks, padding, and errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import oracle

import tinyseq as ts


@given(shape=st.lists(st.integers(1, 3), min_size=0, max_size=2), seed=st.integers(0, 2**31))
def test_layer_norm_and_its_gradients_are_pytorchs(shape, seed):
    torch = oracle("torch")
    rng = np.random.default_rng(seed)
    values, upstream = rng.standard_normal((2, *shape, 4))
    ours, theirs = ts.nn.LayerNorm(4, dtype="float64"), torch.nn.LayerNorm(4).double()
    ours.weight.copy_(weight := rng.standard_normal(4))
    theirs.weight.data = torch.tensor(weight)
    x, y = ts.tensor(values, requires_grad=True), torch.tensor(values, requires_grad=True)
    ours(x).backward(ts.tensor(upstream))
    theirs(y).backward(torch.tensor(upstream))
    for found, expected in ((x, y), (ours.weight, theirs.weight), (ours.bias, theirs.bias)):
        np.testing.assert_allclose(found.grad.numpy(), expected.grad.numpy(), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(
    "layer",
    [
        ts.nn.Linear(3, 2, dtype="float64"),
        ts.nn.Linear(3, 2, bias=False, dtype="float64"),
        ts.nn.LayerNorm(3, dtype="float64"),
    ],
    ids=["linear", "linear without bias", "layer norm"],
)
def test_gradients_agree_with_difference_quotients(layer):
    x = ts.tensor(np.random.default_rng(0).standard_normal((2, 4, 3)), requires_grad=True)
    names = [name for name, parameter in layer.named_parameters()]

    def outputs(x, *parameters):
        for name, parameter in zip(names, parameters, strict=True):
            vars(layer)[name] = parameter  # by the back door, as a tensor in a parameter's place is refused
        return layer(x)

    ts.testing.gradcheck(outputs, [x, *layer.parameters()])


def test_an_id_that_occurs_twice_gets_both_gradients():
    layer = ts.nn.Embedding(4, 2, dtype="float64")
    layer([1, 3, 1]).backward(ts.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    assert layer.weight.grad.tolist() == [[0, 0], [6, 8], [0, 0], [3, 4]]


@pytest.mark.parametrize("padding_idx", [1, -2])
def test_padding_stays_zero_through_training(padding_idx):
    layer = ts.nn.Embedding(3, 2, padding_idx=padding_idx)
    optimizer = ts.optim.Adam(layer.parameters(), lr=0.1)
    before = layer.weight.numpy().copy()
    for _ in range(3):
        optimizer.zero_grad()
        ts.square(layer([0, 1, 2, 1]) - 1.0).sum().backward()
        optimizer.step()
    assert layer.weight.numpy()[1].tolist() == [0, 0]
    assert (layer.weight.numpy()[[0, 2]] != before[[0, 2]]).all()


@given(p=st.floats(0, 0.9), seed=st.integers(0, 2**31))
def test_dropout_scales_what_it_keeps_and_its_gradient_alike(p, seed):
    ts.manual_seed(seed)
    x = ts.ones(20, 5).requires_grad_()
    y = ts.nn.Dropout(p)(x)
    y.sum().backward()
    kept = y.numpy() != 0
    np.testing.assert_allclose(y.numpy()[kept], 1 / (1 - p))
    np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy())


def test_variational_dropout_has_one_mask_for_all_time_steps_and_another_for_each_sequence():
    ts.manual_seed(0)
    y = ts.nn.Dropout(0.5, shared=0)(ts.ones(6, 8, 16)).numpy()  # time x batch x features
    ts.manual_seed(0)
    assert np.array_equal(y, ts.nn.Dropout(0.5, shared=(-3,))(ts.ones(6, 8, 16)).numpy())
    assert (y == y[0]).all()
    assert len({row.tobytes() for row in y[0]}) == 8


def test_the_padding_has_pytorchs_vector_and_gradient_also_if_it_is_not_zero():
    torch = oracle("torch")
    weight, upstream = np.random.default_rng(0).standard_normal((2, 4, 3))
    ours = ts.nn.Embedding(4, 3, padding_idx=1, dtype="float64")
    theirs = torch.nn.Embedding(4, 3, padding_idx=1).double()
    ours.load_state_dict({"weight": weight})
    theirs.load_state_dict({"weight": torch.tensor(weight)})
    ids = [1, 3, 1, 0]
    found, expected = ours(ids), theirs(torch.tensor(ids))
    np.testing.assert_array_equal(found.numpy(), expected.detach().numpy())
    found.backward(ts.tensor(upstream))
    expected.backward(torch.tensor(upstream))
    np.testing.assert_array_equal(ours.weight.grad.numpy(), theirs.weight.grad.numpy())


@pytest.mark.parametrize(
    "layer",
    [
        ts.nn.Linear(2, 3), ts.nn.LayerNorm(2), ts.nn.RNN(2, 3), ts.nn.LSTM(2, 3), ts.nn.GRU(2, 3),
        ts.nn.RNNCell(2, 3), ts.nn.LSTMCell(2, 3), ts.nn.GRUCell(2, 3),
    ],
    ids=lambda layer: type(layer).__name__,
)  # fmt: skip
def test_lists_and_integers_take_the_dtype_of_the_weights(layer):
    def of(x):
        found = layer(x)
        return found[0] if isinstance(found, tuple) else found

    for x in ([[1, 0], [0, 1]], [[1.0, 0.0], [0.0, 1.0]], np.eye(2, dtype=int), np.eye(2, dtype=bool)):
        assert of(x).dtype == np.float32
        assert np.array_equal(of(x).numpy(), of(np.eye(2, dtype="f4")).numpy())
    assert of(np.eye(2)).dtype == np.float64
    wrong = {
        "complex128": np.ones((1, 2)) + 1j,
        "<U1": [["a", "b"]],
        "NoneType": None,
        "rows of different lengths": [[1], [1, 2]],
    }
    for found, x in wrong.items():
        with pytest.raises(TypeError, match=f"x must .*{found}"):
            layer(x)


def test_dropout_scales_integers_too():
    ts.manual_seed(0)
    dropped = ts.nn.Dropout(0.25)(np.full(50, 3)).numpy()
    assert sorted(set(dropped.tolist())) == [0.0, 4.0]
    with pytest.raises(TypeError, match="Dropout: x must be a tensor or an array of numbers"):
        ts.nn.Dropout(0.25)("ab")


def test_ids_may_be_empty():
    assert ts.nn.Embedding(3, 2)([]).shape == (0, 2)
    assert ts.nn.cross_entropy(ts.zeros(0, 3), []).item() == 0


def test_dropout_in_evaluation_is_the_identity():
    layer, x = ts.nn.Dropout(0.9).eval(), ts.ones(3)
    assert layer(x) is x


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ts.nn.Linear(3, 2)(ts.ones(2, 4)), ValueError, r"\(2, 4\); its last axis must be 3 \(in_features\)"),
        (lambda: ts.nn.Dropout(1.0), ValueError, r"\[0, 1\), got 1.0"),
        (lambda: ts.nn.Dropout(0.5, shared=2)(ts.ones(2, 4)), ValueError, r"the axis 2, but x has shape \(2, 4\)"),
        (lambda: ts.nn.LayerNorm(3)(ts.ones(2, 1)), ValueError, r"\(2, 1\); its last axis must be 3 \(features\)"),
        (lambda: ts.nn.LayerNorm((3,)), TypeError, r"features must be a whole number, got \(3,\)"),
        (lambda: ts.nn.Linear(0, 2), ValueError, "in_features must be at least 1, got 0"),
        (lambda: ts.nn.Embedding(3, 2.0), TypeError, "embedding_dim must be a whole number, got 2.0"),
        (lambda: ts.nn.Embedding(3, 2)([[0], [1, 2]]), ValueError, "ids must be integers in a rectangular.*padded"),
        (lambda: ts.nn.Embedding(3, 2, padding_idx=3), ValueError, "padding_idx must be at most 2, got 3"),
        (lambda: ts.nn.Embedding(3, 2)([0, -1]), IndexError, r"id -1 at position \(1,\) lies outside \[0, 3\)"),
        (lambda: ts.nn.Embedding(3, 2)([0.5]), IndexError, "integer ids, got float64"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
