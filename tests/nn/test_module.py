"""Modules: names, states, switches, and exact errors."""

import numpy as np
import pytest

import tinyseq as ts


class Tagger(ts.nn.Module):
    def __init__(self):
        self.embedding = ts.nn.Embedding(5, 2)
        self.rnn = ts.nn.RNN(2, 3)
        self.output = ts.nn.Linear(3, 4)

    def forward(self, ids):
        return self.output(self.rnn(self.embedding(ids))[0])


NAMES = [
    "embedding.weight",
    "rnn.weight_ih_l0",
    "rnn.weight_hh_l0",
    "rnn.bias_ih_l0",
    "rnn.bias_hh_l0",
    "output.weight",
    "output.bias",
]


def test_parameters_are_found_by_dotted_name_once_each():
    model = Tagger()
    model.again = model.output
    assert [name for name, _ in model.named_parameters()] == NAMES
    assert [p.node.name for p in model.parameters()] == NAMES


def test_state_dict_round_trip_copies():
    ts.manual_seed(0)
    model, other = Tagger(), Tagger()
    state = model.state_dict()
    other.load_state_dict(state)
    state["output.bias"][:] = 99
    for p, q in zip(model.parameters(), other.parameters(), strict=True):
        assert np.array_equal(p.numpy(), q.numpy())


def test_missing_and_unexpected_names_are_all_listed():
    state = Tagger().state_dict()
    state["output.bais"] = state.pop("output.bias")
    with pytest.raises(KeyError, match=r"missing: output\.bias; unexpected: output\.bais"):
        Tagger().load_state_dict(state)


def test_a_wrong_shape_is_named_and_nothing_is_changed():
    model = Tagger()
    before = model.state_dict()
    state = {name: value + 1 for name, value in before.items()}
    state["output.bias"] = np.zeros(3)
    with pytest.raises(ValueError, match=r"output\.bias has shape \(3,\) in the state_dict, but \(4,\) in the model"):
        model.load_state_dict(state)
    for name, value in model.state_dict().items():
        assert np.array_equal(value, before[name])


def test_train_and_eval_reach_every_module():
    model = ts.nn.Sequential(ts.nn.Linear(2, 2), ts.nn.Dropout(0.5))
    assert all(not module.training for module in model.eval().modules())
    assert all(module.training for module in model.train().modules())


def test_repr_tells_shapes_and_counts():
    lines = repr(Tagger()).splitlines()
    assert lines[0] == "Tagger: 47 parameters"
    assert "  rnn.weight_hh_l0 (3, 3)" in lines


def test_apply_reaches_every_module_once_and_this_one():
    model = ts.nn.Sequential(ts.nn.Linear(2, 3), ts.nn.Sequential(ts.nn.LayerNorm(3), ts.nn.Dropout(0.1)))
    model.again = model[0]
    seen = []
    assert model.apply(seen.append) is model
    assert sorted(type(module).__name__ for module in seen) == [
        "Dropout", "LayerNorm", "Linear", "Sequential", "Sequential",
    ]  # fmt: skip

    def zeros(module):
        if isinstance(module, ts.nn.Linear):
            module.weight.copy_(np.zeros(module.weight.shape))

    model.apply(zeros)
    assert not model[0].weight.numpy().any()


def test_to_a_device_keeps_values_names_and_what_an_optimiser_holds():
    model = Tagger()
    before, parameters = model.state_dict(), list(model.parameters())
    assert model.to("cpu") is model
    assert all(p is q for p, q in zip(model.parameters(), parameters, strict=True))
    assert [p.node.name for p in model.parameters()] == NAMES
    assert all(np.array_equal(value, before[name]) for name, value in model.state_dict().items())
    ts.nn.cross_entropy(model(np.zeros((2, 1), dtype=int)), np.zeros((2, 1), dtype=int)).backward()
    assert all(p.grad is not None for p in parameters)


def test_without_strict_what_fits_is_loaded_and_shapes_still_count():
    model, state = Tagger(), Tagger().state_dict()
    kept = model.state_dict()["output.bias"]
    del state["output.bias"]
    model.load_state_dict({**state, "more": np.zeros(1)}, strict=False)
    assert np.array_equal(model.state_dict()["output.weight"], state["output.weight"])
    assert np.array_equal(model.state_dict()["output.bias"], kept)
    with pytest.raises(ValueError, match=r"output\.weight has shape \(1,\)"):
        model.load_state_dict({"output.weight": np.zeros(1)}, strict=False)


def test_to_a_dtype():
    model = Tagger().to("float64")
    assert {p.dtype for p in model.parameters()} == {np.dtype("float64")}
    assert model(np.zeros((2, 1), dtype=int)).dtype == np.float64


def test_embedding_names_the_id_that_is_out_of_range():
    with pytest.raises(IndexError, match=r"id -1 at position \(0, 1\) lies outside \[0, 5\)"):
        ts.nn.Embedding(5, 2)([[0, -1]])


def test_embedding_padding_has_no_vector_and_no_gradient():
    embedding = ts.nn.Embedding(3, 2, padding_idx=1)
    embedding([1, 2, 2]).sum().backward()
    assert embedding.weight.numpy()[1].tolist() == [0, 0]
    assert embedding.weight.grad.numpy().tolist() == [[0, 0], [0, 0], [2, 2]]


def test_dropout_keeps_the_mean_and_shares_its_mask():
    ts.manual_seed(0)
    x = ts.ones(50, 40, 30)
    assert ts.nn.Dropout(0.3)(x).mean().item() == pytest.approx(1, abs=0.02)
    shared = ts.nn.Dropout(0.3, shared=(0,))(x).numpy()
    assert (shared == shared[:1]).all()


def test_a_model_can_be_copied_deeply_and_trained_apart():
    import copy

    model = Tagger()
    twin = copy.deepcopy(model)
    loss = ts.nn.cross_entropy(twin(np.zeros((2, 1), dtype=int)), np.zeros((2, 1), dtype=int))
    loss.backward()
    assert all(p.grad is None for p in model.parameters())
    assert all(q.grad is not None for q in twin.parameters())
