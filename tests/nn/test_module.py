"""Modules: names, states, switches, and exact errors."""

import copy

import numpy as np
import pytest
from oracles import Tied, oracle

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


@pytest.mark.host
def test_to_a_device_keeps_values_names_and_what_an_optimiser_holds():
    model = Tagger()
    before, parameters = model.state_dict(), list(model.parameters())
    assert model.to("cpu") is model
    assert all(p is q for p, q in zip(model.parameters(), parameters, strict=True))
    assert [p.node.name for p in model.parameters()] == NAMES
    assert all(np.array_equal(value, before[name]) for name, value in model.state_dict().items())
    ts.nn.cross_entropy(model(np.zeros((2, 1), dtype=int)), np.zeros((2, 1), dtype=int)).backward()
    assert all(p.grad is not None for p in parameters)


def test_every_wrong_shape_and_dtype_is_listed_and_nothing_is_changed():
    model = Tagger()
    before = model.state_dict()
    state = {name: value + 1 for name, value in before.items()}
    state["rnn.weight_hh_l0"], state["output.bias"] = np.zeros((3, 4)), np.full(4, "a")
    with pytest.raises(ValueError, match=r"rnn\.weight_hh_l0 has shape \(3, 4\).*; output\.bias holds <U1") as caught:
        model.load_state_dict(state)
    assert "embedding" not in str(caught.value)
    assert all(np.array_equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_state_of_pytorch_needs_no_conversion():
    torch = oracle("torch")
    theirs, ours = torch.nn.GRU(2, 3), ts.nn.GRU(2, 3)
    for state in (theirs.state_dict(), dict(theirs.named_parameters())):
        ours.load_state_dict(state)
        assert all(np.array_equal(value, theirs.state_dict()[name]) for name, value in ours.state_dict().items())


def test_a_shared_parameter_counts_once_and_loads_under_any_of_its_names():
    torch = oracle("torch")
    ours, theirs = Tied.of(ts.nn), Tied.of(torch.nn)
    assert repr(ours).splitlines()[0] == "Tied: 20 parameters"
    assert list(ours.state_dict()) == ["embedding.weight", "output.bias"]
    state = {name: value.numpy() for name, value in theirs.state_dict().items()}
    assert "output.weight" in state  # PyTorch lists it under both names
    ours.load_state_dict(state)
    assert np.array_equal(ours.output.weight.numpy(), state["embedding.weight"])
    del state["embedding.weight"]  # and safetensors keeps one, whichever
    ours.load_state_dict({name: value + 1 for name, value in state.items()})
    unknown = np.full((5, 3), np.nan)
    ours.load_state_dict({**state, "output.weight": unknown, "embedding.weight": unknown})
    ours.load_state_dict({name: value + 1 for name, value in state.items()})
    assert np.array_equal(ours.embedding.weight.numpy(), state["output.weight"] + 1)
    with pytest.raises(ValueError, match=r"embedding\.weight and output\.weight are one parameter in the model, but"):
        ours.load_state_dict({**state, "embedding.weight": np.zeros((5, 3))})
    with pytest.raises(KeyError, match=r"missing: embedding\.weight"):
        ours.load_state_dict({"output.bias": state["output.bias"]})


def test_modules_in_a_plain_list_are_an_error_and_not_forgotten():
    class Stack(ts.nn.Module):
        def __init__(self):
            self.layers = []
            for _ in range(2):
                self.layers.append(ts.nn.Linear(2, 2))

    with pytest.raises(TypeError, match=r"Stack\.layers is a list of modules.*neither be trained.*ts\.nn\.ModuleList"):
        ts.optim.SGD(Stack().parameters(), lr=0.1)
    for inside in ([[ts.nn.Linear(1, 1)]], {ts.nn.Linear(1, 1)}, {"a": (ts.nn.Linear(1, 1),)}):
        model = Stack()
        model.layers = inside
        with pytest.raises(TypeError, match=r"Stack\.layers is a (list|set|dict) of modules or parameters"):
            model.state_dict()


def test_lists_of_lists_have_pytorchs_names():
    nested = lambda nn: nn.ModuleList([nn.ModuleList([nn.Linear(1, 2)]), nn.Sequential(nn.Linear(2, 1), nn.Dropout())])
    assert list(nested(ts.nn).state_dict()) == list(nested(oracle("torch").nn).state_dict())


class Parts(ts.nn.Module):
    """A module whose parts are wrapped, and which is itself wrapped in one of its attributes."""

    def __init__(self, wrapped):
        ts.manual_seed(0)
        self.first = wrapped(ts.nn.Linear(2, 2))
        self.second = ts.nn.Linear(2, 2)
        self.second = wrapped(self.second)
        self.steps = ts.nn.Sequential(wrapped(ts.nn.Sequential(ts.nn.Linear(2, 2), ts.nn.Dropout(0.5))), ts.tanh)
        self.each = ts.nn.ModuleList([wrapped(ts.nn.Linear(2, 2))])
        self.fast = wrapped(self)

    def forward(self, x):
        return self.each[0](self.steps(self.second(self.first(x)))).sum()


def test_a_compiled_module_is_a_part_like_the_module_itself():
    found = []
    for wrapped in (lambda module: module, ts.compile, lambda module: ts.compile(ts.compile(module))):
        model, x = Parts(wrapped), ts.ones(3, 2, dtype="float32")
        optimizer = ts.optim.SGD([*model.parameters()], 0.1)
        values = []
        for mode in (True, False):
            for call in (model, model.fast, copy.deepcopy(model)):
                call(x).backward()
                optimizer.step()
                values.append(str(model.train(mode).state_dict()))
        found.append((str(model), [parameter.name for parameter in model.parameters()], values))
    assert found[0] == found[1] == found[2]
    assert found[0][1] == [*model.state_dict()]
    with pytest.raises(TypeError, match=r"Parts\.first is a module, Linear, and float is not"):
        model.first = 1.0
    model.part = [ts.compile(ts.nn.Linear(1, 1))]
    with pytest.raises(TypeError, match="list of modules"):
        model.eval()


def test_what_a_module_has_and_its_compiled_one_has_not_is_named():
    fast = ts.compile(ts.nn.Linear(1, 1))
    with pytest.raises(AttributeError, match=r"'Compiled' object has no attribute 'eval'; use fast\.function\.eval$"):
        fast.eval()
    with pytest.raises(AttributeError, match=r"no attribute 'nothing'$"):
        fast.nothing  # noqa: B018
    with pytest.raises(AttributeError, match="training"):
        fast.training = False


def test_a_function_is_a_step_of_sequential_and_an_attribute_is_none():
    model = ts.nn.Sequential(ts.nn.Linear(2, 3), ts.tanh, ts.nn.Linear(3, 1))
    model.again = model[0]
    assert len(model) == 3
    assert [name for name, _ in model.named_parameters()] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    x = np.ones(2)
    np.testing.assert_array_equal(model(x).numpy(), model[2](ts.tanh(model[0](x))).numpy())


def test_modules_that_hold_each_other_are_gone_through_once():
    model = ts.nn.Sequential(ts.nn.Linear(2, 2))
    model[0].parent = model
    assert list(model.state_dict()) == ["0.weight", "0.bias"]
    assert len(list(model.eval().modules())) == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: ts.nn.Linear(1, 1).load_state_dict(None),
            "state must be a dictionary of arrays by name, got None",
        ),
        (lambda: ts.nn.Linear(1, 1).to("gpu"), r"to\(\) takes \"cpu\", \"cuda\" or a dtype .* got 'gpu'"),
        (lambda: ts.nn.Linear(1, 1).to("int32"), "floating-point numbers, which int32 are not"),
        (lambda: ts.nn.ModuleList([ts.tanh]), "a ModuleList holds modules, got"),
        (
            lambda: setattr(ts.nn.Linear(1, 1), "weight", np.ones((1, 1))),
            r"Linear\.weight is a parameter, and ndarray would not be trained; .* weight\.copy_\(values\)",
        ),
        (
            lambda: setattr(layer := ts.nn.Linear(1, 1), "weight", layer.weight * 2),
            r"Linear\.weight is a parameter, and Tensor would not be trained; .* weight\.copy_\(values\)",
        ),
        (lambda: ts.nn.Sequential(3), "a step of Sequential is a module or a function, got int"),
    ],
)
def test_bad_use_is_named(call, message):
    with pytest.raises(TypeError, match=message):
        call()


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
    optimizer = ts.optim.Adam(model.parameters(), lr=0.1)
    output = model(np.zeros((2, 1), dtype=int))
    assert output.dtype == np.float64
    output.sum().backward()
    assert {p.grad.dtype for p in model.parameters()} == {np.dtype("float64")}
    optimizer.step()
    assert model.to("float32").output.weight.dtype == np.float32
    assert all(p.grad is None for p in model.parameters())  # they belong to the numbers before


def test_zero_grad_forgets_every_gradient():
    model = Tagger()
    model(np.zeros((2, 1), dtype=int)).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())


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


def test_a_leaf_that_is_no_parameter_is_refused():
    """As a list of layers: it would silently stay as it is."""

    class Scaled(ts.nn.Module):
        def __init__(self):
            self.scale = ts.tensor([1.0], requires_grad=True)

    with pytest.raises(
        TypeError, match=r"Scaled.scale is a tensor with requires_grad=True.*self.scale = ts.nn.Parameter"
    ):
        list(Scaled().parameters())
