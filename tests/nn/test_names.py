"""A parameter has its name, its place in graphs and its state whatever is done with it and with its module."""

import copy
import pickle

import numpy as np
import pytest

import tinyseq as ts

LAYERS = {
    "Linear": lambda: ts.nn.Linear(2, 3),
    "Embedding": lambda: ts.nn.Embedding(4, 3),
    "LayerNorm": lambda: ts.nn.LayerNorm(3),
    "RNN": lambda: ts.nn.RNN(2, 3, num_layers=2, bidirectional=True),
    "LSTM": lambda: ts.nn.LSTM(2, 3),
    "GRU": lambda: ts.nn.GRU(2, 3),
    "LSTMCell": lambda: ts.nn.LSTMCell(2, 3),
    "CRF": lambda: ts.nn.CRF(3),
    "deep": lambda: ts.nn.Sequential(ts.nn.Linear(2, 2), ts.tanh, ts.nn.Sequential(ts.nn.Linear(2, 2))),
    "list": lambda: ts.nn.ModuleList([ts.nn.Linear(2, 2), ts.nn.GRU(2, 2)]),
}
COPIES = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda m: pickle.loads(pickle.dumps(m)),
    "twice": lambda m: copy.deepcopy(pickle.loads(pickle.dumps(copy.deepcopy(m)))),
}


def names(module):
    """The names that leaves have, beside those that the module tells."""
    for parameter in module.parameters():
        assert parameter.node is None or parameter.node.name == parameter.name
    return {name: parameter.name for name, parameter in module.named_parameters()}


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("twin", COPIES.values(), ids=COPIES)
def test_a_copy_has_the_names_and_what_is_frozen_stays_frozen(make, twin):
    layer = make()
    for i, parameter in enumerate(layer.parameters()):
        parameter.requires_grad = i % 2 == 1
    holder = ts.nn.ModuleList([layer])
    for module in (layer, holder):
        other = twin(module)
        assert names(other) == names(module)
        for a, b in zip(module.parameters(), other.parameters(), strict=True):
            assert type(b) is ts.nn.Parameter
            assert a is not b
            assert a.requires_grad == b.requires_grad
            assert (a.node is None) == (b.node is None)
            np.testing.assert_array_equal(a.numpy(), b.numpy())
            b.copy_(b.numpy() + 1)
            assert not np.array_equal(a.numpy(), b.numpy())
            b.requires_grad = True
            assert b.node.name == a.name


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_freezing_and_thawing_changes_no_name(make):
    module = ts.nn.ModuleList([make()])
    before = names(module)
    for wanted in (False, False, True, True, False, True):
        for parameter in module.parameters():
            parameter.requires_grad = wanted
        assert names(module) == before
    assert module.to("float64") is module
    assert names(module) == before


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_a_frozen_layer_gets_its_names_too(make):
    layer = make()
    for parameter in layer.parameters():
        parameter.requires_grad = False
    module = ts.nn.ModuleList([ts.nn.ModuleList([layer])])
    assert all(name == called for name, called in names(module).items())
    assert all(not parameter.requires_grad for parameter in module.to("float64").parameters())


def test_hooks_survive_freezing_and_gradients_do_not():
    layer = ts.nn.Linear(2, 1)
    seen = []
    layer.weight.register_hook(lambda g: seen.append(g.tolist()))
    layer(np.ones((1, 2), dtype=np.float32)).sum().backward()
    layer.weight.requires_grad = False
    assert layer.weight.grad is None
    layer.weight.requires_grad = True
    assert layer.weight.grad is None
    layer(np.ones((1, 2), dtype=np.float32)).sum().backward()
    assert seen == [[[1.0, 1.0]]] * 2
    assert layer.weight.grad.tolist() == [[1.0, 1.0]]


def test_an_update_while_frozen_is_noticed_by_a_graph_from_before():
    weight = ts.nn.Parameter([1.0, 2.0])
    loss = (weight * weight).sum()
    weight.requires_grad = False
    weight.copy_([5.0, 6.0])
    weight.requires_grad = True
    with pytest.raises(RuntimeError, match="has been updated since"):
        loss.backward()


class Tied(ts.nn.Module):
    def __init__(self, first, late):
        embedding, output = ts.nn.Embedding(4, 3), ts.nn.Linear(3, 4)
        if not late:
            output.weight = embedding.weight
        for name in ("embedding", "output") if first == "embedding" else ("output", "embedding"):
            setattr(self, name, {"embedding": embedding, "output": output}[name])
        if late:
            self.output.weight = self.embedding.weight


@pytest.mark.parametrize("first", ["embedding", "output"])
@pytest.mark.parametrize("late", [False, True])
def test_a_tied_weight_keeps_the_name_of_the_module_that_made_it(first, late):
    model = Tied(first, late)
    assert model.embedding.weight is model.output.weight
    assert model.output.weight.name == "embedding.weight"
    assert model.output.bias.name == "output.bias"
    outer = ts.nn.ModuleList([model])
    assert outer[0].output.weight.name == "0.embedding.weight"
    twin = pickle.loads(pickle.dumps(outer))[0]
    assert twin.output.weight is twin.embedding.weight
    assert twin.output.weight.name == "0.embedding.weight"


def test_a_weight_that_is_shared_with_another_model_keeps_its_name_there():
    one, other = ts.nn.ModuleList([ts.nn.Linear(2, 2)]), ts.nn.Linear(2, 2)
    other.weight = one[0].weight
    model = ts.nn.ModuleList([other])
    assert model[0].weight.name == "0.weight"
    assert one[0].weight is other.weight
    loose = ts.nn.Linear(2, 2)
    loose.weight = ts.nn.Linear(2, 2).weight  # whose module is gone
    assert ts.nn.ModuleList([ts.nn.Dropout(0.1), loose])[1].weight.name == "1.weight"


def test_another_parameter_in_the_place_of_one_takes_its_name():
    model = ts.nn.ModuleList([ts.nn.Linear(2, 2)])
    model[0].weight = ts.nn.Parameter(np.ones((2, 2), dtype=np.float32))
    assert model[0].weight.name == "0.weight"
    model[0].bias = None
    assert list(names(model)) == ["0.weight"]


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_no_parameter_or_module_is_taken_out_in_silence(make):
    layer = make()
    for module in list(layer.modules()):
        for name, part in list(vars(module).items()):
            if not isinstance(part, ts.nn.Parameter | ts.nn.Module):
                continue
            kind = "parameter" if isinstance(part, ts.nn.Parameter) else "module"
            for value in (ts.ones(2), ts.ones(2, requires_grad=True), np.ones(2), [1.0], 3.0, "text"):
                with pytest.raises(TypeError, match=rf"{name} is a {kind}.*; .*None to remove it"):
                    setattr(module, name, value)
                assert getattr(module, name) is part
    assert dict(layer.named_parameters()).keys() == dict(make().named_parameters()).keys()


def test_leaves_keep_their_names_when_they_travel():
    x = ts.tensor([1.0], requires_grad=True)
    x.node.name = "x"
    for twin in (copy.deepcopy(x), copy.copy(x), pickle.loads(pickle.dumps(x)), x.to("cpu")):
        assert twin.node.name == "x"
