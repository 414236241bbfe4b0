"""Arrays of a GPU's library: taken in from the first line on, never read beyond their bounds, never mixed up."""

import pickle

import numpy as np
import pytest

import tinyseq as ts

X = np.arange(6.0).reshape(2, 3)


def test_the_first_line_of_a_fresh_process(cupy):
    """The type of the arrays has not been seen before, and has no ``__array_namespace__``."""
    for first in (
        lambda: ts.tensor(cupy.asarray(X)),
        lambda: ts.tensor(X).to("cuda"),
        lambda: ts.tensor(X).to("cuda") * 1.0,
        lambda: ts.tanh(cupy.asarray(X)) * 0.0 + ts.tensor(X).to("cuda"),
        lambda: ts.stack([cupy.asarray(X[0]), cupy.asarray(X[1])]),
        lambda: ts.where(True, cupy.asarray(X), 0.0),
    ):
        t = first()
        assert t.device == "cuda"
        np.testing.assert_array_equal(t.numpy(), X)
        ts.backend.NAMESPACES.pop(type(t._array))


def test_gradients_lie_where_their_leaves_lie(cupy):
    x, y = (ts.tensor(cupy.asarray(X), requires_grad=True) for _ in range(2))
    (ts.tanh(x) @ y.T).sum().backward()
    for leaf in (x, y):
        assert leaf.grad.device == "cuda"
    with pytest.raises(TypeError, match=r'grad is on "cpu" and the tensor on "cuda"; move it with \.to\("cuda"\)'):
        x.grad = ts.zeros(2, 3)
    x.grad = ts.zeros(2, 3).to("cuda")
    x.grad = None


BEYOND = [
    pytest.param(lambda x: x[[5]], id="getitem, a list"),
    pytest.param(lambda x: x[5], id="getitem, a number"),
    pytest.param(lambda x: x[..., np.array([3])], id="getitem behind an ellipsis"),
    pytest.param(lambda x: x[None, :, [0, -4]], id="getitem behind a new axis"),
    pytest.param(lambda x: x[0.5], id="a fraction"),
    pytest.param(lambda x: x[np.array([True, False, True])], id="a mask of another length"),
    pytest.param(lambda x: ts.take(x, [2]), id="take"),
    pytest.param(lambda x: ts.take_along_axis(x, [[3], [0]], 1), id="take_along_axis"),
    pytest.param(lambda x: ts.gather(x, 1, [[3], [0]]), id="gather"),
    pytest.param(lambda x: ts.scatter_add(x, [2], 1.0), id="scatter_add"),
    pytest.param(lambda x: ts.index_set(x, (0, 3), 1.0), id="index_set"),
    pytest.param(lambda x: x.__setitem__([2], 1.0), id="assignment"),
    pytest.param(lambda x: ts.nn.cross_entropy(x, [0, 3]), id="cross_entropy"),
    pytest.param(lambda x: ts.nn.nll_loss(x, [0, -4]), id="nll_loss"),
]


@pytest.mark.parametrize("call", BEYOND)
def test_an_index_out_of_bounds_is_an_error_and_wraps_nothing_round(cupy, call):
    """CuPy itself checks no bounds."""
    x = ts.tensor(cupy.asarray(X))
    with pytest.raises(IndexError):
        call(x)
    np.testing.assert_array_equal(x.numpy(), X)


@pytest.mark.parametrize("condition", [True, False, np.bool_(True), np.array([True, False, True])])
def test_where_takes_conditions_of_the_host(cupy, condition):
    x, y = (ts.tensor(cupy.asarray(X + i), requires_grad=True) for i in range(2))
    chosen = ts.where(condition, x, y)
    np.testing.assert_array_equal(chosen.numpy(), np.where(condition, X, X + 1))
    (chosen * 2.0).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), np.where(condition, 2.0, np.zeros((2, 3))))
    np.testing.assert_array_equal(y.grad.numpy(), np.where(condition, np.zeros((2, 3)), 2.0))


@pytest.mark.parametrize("base", [2.0, 0.0, 3])
def test_the_gradient_of_a_number_to_the_power_of_a_tensor(cupy, base):
    here, there = ts.tensor(X, requires_grad=True), ts.tensor(cupy.asarray(X), requires_grad=True)
    for x in (here, there):
        (base**x).sum().backward()
    np.testing.assert_allclose(there.grad.numpy(), here.grad.numpy(), rtol=1e-14)


def test_assignment_stays_on_the_device(cupy):
    x = ts.tensor(cupy.asarray(X))
    before = x._array
    x[0, 1:] = np.array([7.0, 8.0])
    x[0, 2:] = [8.0]
    x[ts.tensor([1]).to("cuda"), 0] = 9.0
    assert x.device == "cuda"
    np.testing.assert_array_equal(x.numpy(), [[0, 7, 8], [9, 4, 5]])
    np.testing.assert_array_equal(before.get(), X)  # what a graph may have saved


def test_arrays_of_the_device_are_taken_as_ids_targets_lengths_and_weights(cupy):
    ids, targets, lengths = np.array([[0, 2], [1, 1]]), np.array([[1, 0], [2, 2]]), np.array([2, 1])
    embedding, layer = ts.nn.Embedding(3, 4), ts.nn.GRU(4, 3)
    on_host = layer(embedding(ids), lengths=lengths)[0]
    loss = ts.nn.cross_entropy(on_host, targets).item()
    weights = layer.state_dict()
    embedding.to("cuda"), layer.to("cuda")
    layer.load_state_dict({name: cupy.asarray(value) for name, value in weights.items()})
    output, _ = layer(embedding(cupy.asarray(ids)), lengths=cupy.asarray(lengths))
    assert output.device == "cuda"
    np.testing.assert_allclose(output.numpy(), on_host.numpy(), rtol=1e-5, atol=1e-6)
    assert ts.nn.cross_entropy(output, cupy.asarray(targets)).item() == pytest.approx(loss, rel=1e-5)
    assert ts.one_hot(cupy.asarray(ids), 3).tolist() == ts.one_hot(ids, 3).tolist()


def test_a_hidden_markov_model_takes_tables_and_sequences_of_the_device_and_computes_on_the_host(cupy, cats):
    tables = [cupy.asarray(np.asarray(table)) for table in (cats.initial, cats.transition, cats.emission)]
    for wrap in (lambda table: table, ts.tensor):
        model = ts.hmm.HMM(*map(wrap, tables))
        path, log_prob = model.viterbi(cupy.asarray(np.array([0, 1, 2])))
        assert list(path) == [2, 1, 0]
        assert np.exp(log_prob) == pytest.approx(0.012544)
        assert float(model.log_likelihood([0, 1, 2])) == pytest.approx(cats.log_likelihood(["I", "like", "cats"]))


def test_a_model_saved_from_the_device_is_the_same_on_the_host(cupy, tmp_path):
    model = ts.nn.Linear(3, 2).to("cuda")
    again = pickle.loads(pickle.dumps(model))
    assert {p.device for p in again.parameters()} == {"cuda"}
    ts.save({name: cupy.asarray(value) for name, value in model.state_dict().items()}, tmp_path / "w.safetensors")
    loaded = ts.load(tmp_path / "w.safetensors")
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(loaded[name], value)
        np.testing.assert_array_equal(again.state_dict()[name], value)
