"""A cell that is declared in one place is a layer, a single step, part of every model, and in the drawings."""

import copy
import pickle
import re

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.lm.networks.task import TextTask
from tinyseq.nn.recurrent.cells import RecurrentCell
from tinyseq.nn.recurrent.layers import Recurrent
from tinyseq.nn.recurrent.registry import CELLS, cell

SENTENCES = [[("the", "DT"), ("fish", "NN")], [("they", "PRP"), ("fish", "VB")]]


@pytest.fixture(autouse=True)
def scratch():
    """Three cells of the tests' own: with named gates, with two states and a bias inside, and without names."""
    before = dict(CELLS)

    @cell("scratch", gates="abc")
    def scratch_step(z, h, weight_hh):
        a, b, c = ts.split(z + weight_hh @ h, 3)
        return ts.sigmoid(a) * h + ts.sigmoid(b) * ts.tanh(c)

    @cell("scratch_pair", gates=("keep", "write"))
    def scratch_pair_step(z, h, c, weight_hh, bias_hh):
        keep, write = ts.split(z + weight_hh @ h if bias_hh is None else z + weight_hh @ h + bias_hh, 2)
        c = ts.sigmoid(keep) * c + ts.tanh(write)
        return ts.tanh(c), c

    @cell("scratch_bare", gates=3)
    def scratch_bare_step(z, h, weight_hh):
        return scratch_step(z, h, weight_hh)

    yield
    CELLS.clear()
    CELLS.update(before)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def by_hand(name, weights, x, h, c):
    """One step in NumPy, on rows (B, H), with the weights of a layer or cell."""
    w_ih, w_hh, b_ih, b_hh = weights
    parts = np.split(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh, len(w_hh) // h.shape[1], axis=1)
    if name == "scratch_pair":
        c = sigmoid(parts[0]) * c + np.tanh(parts[1])
        return np.tanh(c), c
    return sigmoid(parts[0]) * h + sigmoid(parts[1]) * np.tanh(parts[2]), c


NAMES = ["scratch", "scratch_pair", "scratch_bare"]
EVERY = [*CELLS, *NAMES]  # the package's own, and those above


@pytest.mark.parametrize("name", NAMES)
def test_it_is_a_layer_of_any_depth_direction_and_length(name):
    ts.manual_seed(1)
    layer = Recurrent(name, 3, 4, num_layers=2, bidirectional=True, dtype="float64")
    x, lengths = np.random.default_rng(0).standard_normal((5, 3, 3)), [5, 2, 4]
    output, state = layer(x, lengths=lengths)
    values = layer.state_dict()
    final = (state if isinstance(state, tuple) else (state,))[0].numpy()
    for b, length in enumerate(lengths):
        rows = x[:length, b : b + 1]
        for depth in range(2):
            both = []
            for way, suffix in enumerate(("", "_reverse")):
                parts = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
                weights = [values[f"{part}_l{depth}{suffix}"] for part in parts]
                h, c, written = np.zeros((1, 4)), np.zeros((1, 4)), {}
                for t in reversed(range(length)) if way else range(length):
                    h, c = by_hand(name, weights, rows[t], h, c)
                    written[t] = h
                np.testing.assert_allclose(final[2 * depth + way, b], h[0], rtol=1e-12)
                both.append(np.stack([written[t] for t in range(length)]))
            rows = np.concatenate(both, axis=2)
        np.testing.assert_allclose(output.numpy()[:length, b], rows[:, 0], rtol=1e-12)
        assert not output.numpy()[length:, b].any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bias", [True, False])
def test_it_is_a_single_step(name, bias):
    one = RecurrentCell(name, 3, 4, bias, dtype="float64")
    x, h, c = (np.random.default_rng(i).standard_normal((2, size)) for i, size in enumerate((3, 4, 4)))
    given = one.state_dict()
    weights = [given["weight_ih"], given["weight_hh"], given.get("bias_ih", 0.0), given.get("bias_hh", 0.0)]
    found = one(x, (h, c) if name == "scratch_pair" else h)
    expected = by_hand(name, weights, x, h, c)
    for part, wanted in zip(found if isinstance(found, tuple) else (found,), expected, strict=False):
        np.testing.assert_allclose(part.numpy(), wanted, rtol=1e-12)


@pytest.mark.parametrize("name", EVERY)
def test_its_gradients_are_right(name):
    layer = Recurrent(name, 2, 3, bidirectional=True, dtype="float64")
    one = RecurrentCell(name, 2, 3, dtype="float64")
    x = ts.tensor(np.random.default_rng(2).standard_normal((3, 2, 2)), requires_grad=True)
    ts.testing.gradcheck(lambda x, *_: layer(x, lengths=[3, 2])[0].sum(), [x, *layer.parameters()])
    ts.testing.gradcheck(lambda x, *_: ts.sum(one(x[0])[0]), [x, *one.parameters()])


@pytest.mark.parametrize("name", EVERY)
def test_a_padded_batch_gives_what_each_sequence_gives_alone(name):
    layer = Recurrent(name, 2, 3, bidirectional=True, dtype="float64")
    x = np.random.default_rng(3).standard_normal((5, 3, 2))
    together, _ = layer(x, lengths=[5, 1, 3])
    for b, length in enumerate([5, 1, 3]):
        alone, _ = layer(x[:length, b : b + 1])
        np.testing.assert_allclose(together.numpy()[:length, b], alone.numpy()[:, 0], rtol=1e-12)


@pytest.mark.parametrize("name", [name for name in CELLS if CELLS[name].gates])
def test_its_gates_are_found_by_name(name):
    output, _ = Recurrent(name, 3, 4)(ts.ones(3, 1, 3, dtype="float32", requires_grad=True))
    assert tuple(ts.inspect.gate_values(output)) == CELLS[name].gates


@pytest.mark.parametrize("name", EVERY)
def test_the_models_take_it_and_keep_it_in_files(name, tmp_path):
    ts.manual_seed(0)
    model = ts.lm.RNNLM("helo", hidden_size=4, cell=name, num_layers=2)
    model.fit("hello", steps=2, window=4, batch=1)
    model.save(tmp_path / "lm.safetensors")
    again = ts.lm.RNNLM.load(tmp_path / "lm.safetensors")
    assert again.recurrent.cell is CELLS[name]
    assert again.nats("hello") == model.nats("hello")

    tagger = ts.tagging.RNNTagger(hidden_size=4, cell=name, epochs=2).fit(SENTENCES)
    tagger.save(tmp_path / "tagger.safetensors")
    words = [["the", "fish"], ["they"]]
    assert ts.tagging.RNNTagger.load(tmp_path / "tagger.safetensors").tag_many(words) == tagger.tag_many(words)

    translator = ts.nn.EncoderDecoder(3, 3, hidden_size=4, cell=name)
    translator.loss([[0, 1], [2]], [[1], [2, 0]]).backward()
    assert all(parameter.grad is not None for parameter in translator.parameters())
    assert len(translator.beam([0, 1], width=2, longest=3)) == 2


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("kind", [Recurrent, RecurrentCell])
def test_copies_and_pickles_compute_the_same(name, kind):
    module = kind(name, 2, 3)
    x = ts.ones(4, 2, 2, dtype="float32") if kind is Recurrent else ts.ones(4, 2, dtype="float32")
    for twin in (copy.deepcopy(module), copy.copy(module), pickle.loads(pickle.dumps(module))):
        assert twin.cell is CELLS[name]
        np.testing.assert_array_equal(twin(x)[0].numpy(), module(x)[0].numpy())


def test_a_checkpoint_keeps_every_state_of_a_cell():
    """A language model carries three states from window to window; what is restored computes the same loss."""

    @cell("scratch_three", gates=1)
    def scratch_three_step(z, h, c, m, weight_hh):
        m = 0.5 * m + ts.tanh(z + weight_hh @ h)
        c = 0.5 * c + m
        return ts.tanh(c), c, m

    model = ts.lm.RNNLM("helo", hidden_size=4, cell="scratch_three")
    windows = ts.data.Windows(np.arange(40) % 4, steps=4, batch=2)
    first, second = TextTask(model, windows), TextTask(model, windows)
    first(0)
    kept = first.state_dict()
    assert len(kept) == 3
    second.load_state_dict(kept)
    assert second(1).value.item() == first(1).value.item()


def written(drawing):
    return re.sub(r"<[^>]+>", " ", drawing.svg())


@pytest.mark.parametrize(("name", "gates"), [("scratch", "abc"), ("lstm", "ifgo"), ("gru", "rzn")])
@pytest.mark.parametrize("frozen", [False, True])
def test_drawings_and_inspection_call_its_gates_by_their_names(name, gates, frozen):
    layer = Recurrent(name, 3, 4)
    x = ts.ones(3, 1, 3, dtype="float32", requires_grad=True)
    for parameter in layer.parameters():
        parameter.requires_grad = not frozen
    output, _ = layer(x)
    assert list(ts.inspect.gate_values(output)) == list(gates)
    assert list(ts.inspect.gradient_flow(output.sum()).gates) == list(gates)
    drawn = written(ts.viz.graph(output.sum(), depth=9))
    assert all(f"→ {gate}" in drawn for gate in gates), drawn


def test_gates_of_words_are_named_in_full():
    output, _ = Recurrent("scratch_pair", 3, 4)(ts.ones(3, 1, 3, dtype="float32"))
    assert list(ts.inspect.gate_values(output)) == ["keep", "write"]
    assert {"→ keep", "→ write"} <= set(re.findall(r"→ \w+", written(ts.viz.graph(output.sum(), depth=9))))


def test_gates_without_names_are_numbered_and_drawn_as_parts():
    output, _ = Recurrent("scratch_bare", 3, 4)(ts.ones(3, 1, 3, dtype="float32"))
    assert list(ts.inspect.gate_values(output)) == ["gate 0", "gate 1", "gate 2"]
    drawn = written(ts.viz.graph(output.sum(), depth=9))
    assert not re.findall(r"→ [rzn]\b", drawn)
    assert "1/3" in drawn


def test_a_split_of_other_rows_is_not_taken_for_gates():
    @cell("scratch_other", gates="abc")
    def step(z, h, weight_hh):
        first, _, third = ts.split(h, 3)
        a, b, c = ts.split(z + weight_hh @ h, 3)
        return ts.sigmoid(a) * h + ts.sigmoid(b) * ts.tanh(c) + ts.mean(ts.sigmoid(first) * ts.tanh(third))

    output, _ = Recurrent("scratch_other", 2, 6)(ts.ones(3, 1, 2, dtype="float32"))
    values = ts.inspect.gate_values(output)
    assert {name: value.shape for name, value in values.items() if name in "abc"} == dict.fromkeys("abc", (3, 6, 1))
    assert values["gate 0"].shape == (3, 2, 1)


def test_single_steps_in_a_loop_of_ones_own_have_named_gates():
    one, h = RecurrentCell("scratch", 3, 4), None
    for t in range(3):
        with ts.step(t):
            h = one(ts.ones(1, 3, dtype="float32"), h)
    assert list(ts.inspect.gate_values(h)) == ["a", "b", "c"]


def test_the_command_draws_it(tmp_path):
    from typer.testing import CliRunner

    from tinyseq.commands.main import app

    found = CliRunner().invoke(
        app, ["draw", "scratch", "--text", "hey", "--depth", "9", "--out", str(tmp_path / "a.svg")]
    )
    assert found.exit_code == 0, found.output
    assert {"→ a", "→ b", "→ c"} <= set(re.findall(r"→ \w+", re.sub(r"<[^>]+>", " ", (tmp_path / "a.svg").read_text())))


@pytest.mark.parametrize(
    "make",
    [
        lambda name: Recurrent(name, 2, 3),
        lambda name: RecurrentCell(name, 2, 3),
        lambda name: ts.lm.RNNLM("ab", cell=name),
        lambda name: ts.tagging.RNNTagger(cell=name),
        lambda name: ts.classify.RNNClassifier(cell=name),
        lambda name: ts.nn.EncoderDecoder(2, 2, 3, cell=name),
    ],
)
@pytest.mark.parametrize("name", ["cnn", 3, ["lstm"]])
def test_a_cell_that_is_not_there_is_an_error_that_lists_those_that_are(make, name):
    listed = ", ".join(CELLS)
    assert listed.startswith("rnn, rnn_relu, lstm, gru, gru_before")
    assert "scratch" in listed
    with pytest.raises(
        ValueError, match=rf"cell must be one of {listed}, got {re.escape(repr(name))}; import the module"
    ):
        make(name)


def test_wrong_declarations_are_errors():
    with pytest.raises(ValueError, match=r"gates must be different names, got 'aa'"):
        cell("mine", gates="aa")
    with pytest.raises(ValueError, match="the number of gates must be at least 1"):
        cell("mine", gates=())
    with pytest.raises(TypeError, match="name must be a string, got 3"):
        cell(3, gates=1)
    for formula, given in [
        (lambda h, weight_hh: h, "h, weight_hh"),
        (lambda z, weight_hh: z, "z, weight_hh"),
        (lambda z, h, w: h, "z, h, w"),
        (lambda z, weight_hh, bias_hh: z, "z, weight_hh, bias_hh"),
    ]:
        with pytest.raises(TypeError, match=rf"'mine' must take z, its states, .*, got \({given}\)$"):
            cell("mine", gates=1)(formula)
    with pytest.raises(ValueError, match=r"nn\.recurrent\.steps has declared a cell 'lstm'; choose another name"):
        cell("lstm", gates=4)(lambda z, h, weight_hh: h)
    assert "mine" not in CELLS


@pytest.mark.parametrize(
    ("after", "found"),
    [
        (lambda z, h: ts.tanh(z), r"\(6, 2\)"),  # without a split into its blocks
        (lambda z, h: ts.tanh(h).T, r"\(2, 3\)"),  # rows in place of columns
        (lambda z, h: ts.tanh(h)[:, :1], r"\(3, 1\)"),
        (lambda z, h: (np.tanh(h.numpy()),), "ndarray"),
    ],
)
def test_a_step_that_returns_something_else_than_its_state_is_an_error(after, found):
    @cell("scratch_wrong", gates=2)
    def step(z, h, weight_hh):
        return after(z, h)

    sequence = np.zeros((4, 2, 5), dtype="f4")
    message = rf"the step of the cell 'scratch_wrong' must return a tensor h of shape \(3, 2\), \(H, B\), got {found}"
    with pytest.raises(ValueError, match=message):
        Recurrent("scratch_wrong", 5, 3)(sequence)
    with pytest.raises(ValueError, match=message):
        RecurrentCell("scratch_wrong", 5, 3)(sequence[0])


def test_a_file_of_a_cell_of_ones_own_says_what_to_import(tmp_path):
    ts.lm.RNNLM("ab", 3, cell="scratch").save(tmp_path / "model")
    del CELLS["scratch"]
    with pytest.raises(ValueError, match="got 'scratch'; import the module of a cell of your own first"):
        ts.load_model(tmp_path / "model")
