"""Drawings of graphs, as DOT and rendered."""

import os
import re
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from counted import calls, work
from hypothesis import given, settings
from hypothesis import strategies as st
from zoo import called

import tinyseq as ts
from tinyseq.structure.record import record
from tinyseq.viz import graph
from tinyseq.viz.computation.labels import SheetLabels
from tinyseq.viz.content.unrolled import sheet
from tinyseq.viz.page.story import details


def shown_text(dot):
    """The words of all labels."""
    return re.sub(r"<[^>]*>", "", " ".join(re.findall(r"label=<(.*?)> ?\w", dot)))


def test_there_is_a_cluster_for_each_time_step_in_order(char_loss):
    dot = graph(char_loss(steps=4)).dot
    assert re.findall(r"subgraph cluster_t(\d+)", dot) == ["0", "1", "2", "3"]


def test_every_parameter_is_drawn_once_with_its_uses(char_loss):
    dot = graph(char_loss(steps=4)).dot
    for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0", "out.weight", "out.bias"):
        assert len(re.findall(rf">[\w.]*{re.escape(name)} \(", dot)) == 1
    assert dot.count("×4 uses") == 3


def test_edges_of_a_drawing_are_those_of_its_sheet(char_loss):
    assert len(re.findall(r"^\t\S+ -> \S+ \[", graph(char_loss(steps=4)).dot, re.MULTILINE)) == 12 + 4 + 28


def test_the_same_graph_gives_the_same_drawing(char_loss):
    first, second = (graph(char_loss(steps=6, kind=ts.nn.LSTM), gradients=True) for _ in range(2))
    assert first.dot == second.dot


@pytest.mark.renders
def test_another_process_gives_the_same_pictures_and_pages(tmp_path):
    """Nothing hangs on the order of a set, or on where things lie in memory."""
    script = (
        "import sys, tinyseq as ts; ts.manual_seed(0); net = ts.nn.GRU(3, 4, num_layers=2, bidirectional=True);"
        "loss = (net(ts.ones(3, 1, 3))[0] ** 2).mean(); drawing = ts.viz.graph(loss, gradients=True);"
        "[drawing.save(f'{sys.argv[1]}.{ending}') for ending in ('dot', 'svg', 'png', 'html')]"
    )
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-c", script, str(tmp_path / seed)], env=environment, check=True)
    for ending in ("dot", "svg", "png", "html"):
        assert (tmp_path / f"1.{ending}").read_bytes() == (tmp_path / f"2.{ending}").read_bytes(), ending


@pytest.mark.renders
def test_rendering_is_the_same_every_time(char_loss):
    drawing = graph(char_loss())
    assert drawing.svg() == drawing.svg()


def test_gradients_are_written_and_explained_in_a_legend(char_loss):
    loss = char_loss()
    dot = graph(loss, gradients=True).dot
    assert "norm of the gradient" in dot
    scores = np.linalg.norm(ts.grad(loss, loss, retain_graph=True).numpy())
    assert f"‖∂L‖ {scores:g}" in dot


def test_the_gradient_on_a_parameter_is_that_of_backward(char_loss):
    rnn = ts.nn.RNN(3, 4, bias=False)
    loss = rnn(ts.ones(3, 1, 3))[0].sum()
    dot = graph(loss, gradients=True).dot
    loss.backward()
    for parameter in rnn.parameters():
        assert f"‖∂L‖ {np.linalg.norm(parameter.grad.numpy()):.2g}" in dot
    assert len(list(rnn.parameters())) == 2


@pytest.mark.parametrize("exponent", [-200, 0, 200])
def test_norms_of_gradients_neither_overflow_nor_underflow(exponent):
    w = ts.tensor([1.0, 2.0], requires_grad=True)
    loss = (w * ts.tensor([float(f"3e{exponent}"), float(f"4e{exponent}")])).sum()
    expected = f"5e{exponent:+d}" if exponent else "5"
    assert f"‖∂L‖ {expected}" in graph(loss, gradients=True).dot


def test_the_norm_of_several_parameters_in_one_box_is_said_to_be_of_all_together():
    rnn, out = ts.nn.RNN(3, 4), ts.nn.Linear(4, 2)
    loss = out(rnn(ts.ones(3, 1, 3, dtype="float32"))[0]).sum()
    drawing = graph(loss, gradients=True)
    content = sheet(record(loss, gradients=True))
    labels = SheetLabels(content)
    parameters = [box for box in content.boxes if box.kind == "parameter"]
    assert {len(box.vertices) for box in parameters} == {1, 2, 3}
    for box in parameters:
        norm, together = labels.values.gradient(box), " together" * (len(box.vertices) > 1)
        assert f">‖∂L‖ {norm:.2g}{together}<" in drawing.svg()
        assert details(content, labels)[box.name]["norm of the gradient"].endswith(" together") == bool(together)


def test_the_type_of_numbers_is_told_once_or_where_it_changes(char_loss):
    assert "every value is float32" in graph(char_loss()).dot
    w, h = ts.tensor(np.ones((2, 2)), requires_grad=True), ts.zeros(2, 1)
    for t in range(2):
        with ts.step(t):
            h = 0.5 * ts.tanh((w @ h.to("float64")).to("float32"))
    dot = graph(h.sum()).dot
    assert "every value is" not in dot
    assert {"(2,1) float64", "(2,1) float32"} <= set(re.findall(r">(\(2,1\) \w+)<", dot))
    assert "leaf 0 (2,2) float64" in dot


def test_values_are_written_on_request(char_loss):
    loss = char_loss()
    assert f"loss L = {loss.item():.4g}" in graph(loss).dot
    assert not re.findall(r">\[-?\d", graph(loss).dot)
    shown = graph(loss, values=True).dot
    assert [f"[{', '.join(one_hot)}]" in shown for one_hot in ("1000", "0100", "0010", "0001")] == [True] * 4
    assert len(re.findall(r">\[-?\d", shown)) == 16  # x, the product with h, h and the scores, four times each


def test_a_long_lstm_leaves_out_its_middle(char_loss):
    dot = graph(char_loss(steps=1000, kind=ts.nn.LSTM)).dot
    assert re.findall(r"subgraph cluster_t(\d+)", dot) == ["0", "1", "2", "999"]
    assert "⋯" in dot
    short = graph(char_loss(steps=20, kind=ts.nn.LSTM)).dot
    assert len(re.findall(r"^\t*\w+ \[", dot, re.MULTILINE)) == len(re.findall(r"^\t*\w+ \[", short, re.MULTILINE)) > 60


def test_the_price_of_a_drawing_grows_with_the_steps_and_not_with_their_square(char_loss):
    losses = [char_loss(steps=steps, kind=ts.nn.LSTM) for steps in (100, 200, 400)]
    graph(losses[0])  # what is imported or cached once
    one, two, four = (work(partial(graph, loss, gradients=True)) for loss in losses)
    assert four.calls - two.calls < 2.1 * (two.calls - one.calls)
    assert max(two.depth, four.depth) < one.depth + 5  # nothing calls itself for each step


def test_the_price_of_a_flat_drawing_does_not_grow_with_the_square_of_its_boxes(char_loss):
    losses = [char_loss(steps=steps, kind=ts.nn.LSTM) for steps in (3, 6, 12, 24)]
    graph(losses[0], view="flat")  # what is imported or cached once
    one, two, four = (calls(partial(graph, loss, view="flat")) for loss in losses[1:])
    assert four - two < 2.2 * (two - one)


def test_asking_for_all_of_a_huge_graph_says_how_to_see_it(char_loss):
    loss = char_loss(steps=600)
    with pytest.raises(ValueError, match=r"boxes, more than the limit of .*steps=\[0, 1, 2, -1\]"):
        graph(loss, steps=range(600))
    with pytest.raises(ValueError, match="boxes, more than the limit of 1,500"):
        graph(loss, view="flat")


def test_a_number_of_steps_means_the_first_ones_and_the_last(char_loss):
    dot = graph(char_loss(steps=20), steps=4).dot
    assert re.findall(r"subgraph cluster_t(\d+)", dot) == ["0", "1", "2", "19"]


def test_steps_that_the_computation_does_not_have_are_refused(char_loss):
    loss = char_loss(steps=20)
    for steps in ([0, 1, 20], [-21], range(21)):
        with pytest.raises(ValueError, match=r"the time steps are 0 to 19; -1 is the last one"):
            graph(loss, steps=steps)
    with pytest.raises(ValueError, match="steps is empty"):
        graph(loss, steps=[])
    assert re.findall(r"subgraph cluster_t(\d+)", graph(loss, steps=[-20, 7, -1]).dot) == ["0", "7", "19"]


def test_steps_are_counted_from_the_first_one_of_a_loop():
    h, w = ts.tensor(1.0, requires_grad=True), ts.tensor(0.5, requires_grad=True)
    for t in range(5, 15):
        with ts.step(t):
            h = ts.tanh(h * w)
    assert re.findall(r"subgraph cluster_t(\d+)", graph(h, steps=3).dot) == ["5", "6", "14"]
    with pytest.raises(ValueError, match="steps has 4, but the time steps are 5 to 14"):
        graph(h, steps=[4])


def chain(ops):
    y = ts.tensor(1.0, requires_grad=True)
    for _ in range(ops):
        y = y + 1.0
    return y


def test_a_chain_of_five_thousand_ops_is_refused_without_recursion():
    with pytest.raises(ValueError, match="5,001 boxes"):
        graph(chain(5_000))


def test_the_price_of_a_box_grows_with_its_ops_and_not_with_their_square():
    content = sheet(record(chain(400)))
    assert max(len(box.vertices) for box in content.boxes) == 400
    one, two = (calls(partial(sheet, record(chain(ops)))) for ops in (400, 800))
    assert two < 2.1 * one


def test_five_thousand_steps_are_drawn_without_recursion():
    h = ts.tensor(1.0, requires_grad=True)
    w = ts.tensor(0.5, requires_grad=True)
    for t in range(5_000):
        with ts.step(t):
            h = h * w
    assert "×5000 uses" in graph(h).dot


def test_a_graph_without_time_steps_is_drawn_flat():
    x = ts.tensor([1.0, 2.0], requires_grad=True)
    dot = graph((x * x).sum(), gradients=True, values=True).dot
    assert "multiply" in dot
    assert "cluster" not in dot
    assert "‖∂L‖ 4.5" in dot  # |2x| = sqrt(4 + 16)


def test_the_smallest_graphs_are_drawn():
    x = ts.tensor([2.0], requires_grad=True)
    assert "leaf 0" in graph(x).dot
    assert "reshape" in graph(x.reshape(())).dot
    with ts.step(0):
        y = x * 2.0
    assert "subgraph cluster_t0" in graph(y).dot


def test_the_flat_view_has_every_op_of_the_tape(char_loss):
    dot = graph(char_loss(steps=3), view="flat").dot
    assert dot.count("t = 1") == 3  # matmul, add and tanh
    assert "unbind" in dot


@pytest.mark.parametrize("view", ["unrolled", "folded", "flat"])
def test_arrays_of_any_library_are_drawn(view, tmp_path):
    strict = pytest.importorskip("array_api_strict", reason="the stand-in for other array libraries")
    w = ts.tensor(strict.asarray(np.eye(3) * 0.5), requires_grad=True)
    h, z = ts.tensor(strict.asarray(np.ones((3, 1)))), ts.tensor(strict.asarray(np.ones((4, 3, 1))), requires_grad=True)
    states = []
    for t, x in enumerate(ts.unbind(z)):
        with ts.step(t):
            h = ts.tanh(w @ h + x)
            states.append(h)
    drawing = graph((ts.stack(states) * 2.0).sum(), view=view, gradients=True, values=True)
    assert "‖∂L‖" in drawing.dot
    drawing.save(tmp_path / "drawing.dot")


def test_an_unknown_view_is_an_error(char_loss):
    with pytest.raises(ValueError, match="view must be"):
        graph(char_loss(), view="sideways")


NASTY = [
    "<script>alert(1)</script>",
    "&lt;&#x1F600;\\N\\G\\\\",
    "a\"b'c",
    "two\nlines\r\x00\x1b[0m",
    "🎉" * 30,
    "x" * 10_000,
    "]]>--><!--",
    "﷽\u202e",
]
NAMES = st.text(max_size=60) | st.sampled_from(NASTY)


@pytest.mark.renders
@settings(max_examples=40)
@given(NAMES, NAMES)
def test_no_name_can_break_a_drawing_or_put_a_script_into_it(name, scope):
    loss = called(name, scope)
    for view in ("unrolled", "flat"):
        svg = graph(loss, view=view, gradients=True, values=True).svg()
        assert "<script" not in svg
        assert svg.rstrip().endswith("</svg>")
        assert len(svg) < 60_000


@pytest.mark.parametrize("kind", [ts.nn.RNN, ts.nn.LSTM, ts.nn.GRU])
def test_a_single_step_reads_its_input_and_begins_with_nothing(kind, char_loss):
    words = re.sub(r"<[^>]*>", "", graph(char_loss(steps=1, kind=kind)).dot)
    assert re.search(r"W ?ih x", words)
    assert re.search(r"W ?hh h₋₁", words)
    assert "h₋₁ = 0" in words
    assert "x′" not in words


def test_a_folded_picture_says_of_which_step_its_numbers_are(char_loss):
    folded = graph(char_loss(steps=4), view="folded", gradients=True).dot
    assert "numbers of t = 2" in folded
    assert "numbers of" not in graph(char_loss(steps=4), view="folded").dot
    assert "numbers of" not in graph(char_loss(steps=4), gradients=True).dot


def test_a_title_stands_above_a_legend_can_be_left_out_and_inputs_have_their_names(char_loss):
    loss = char_loss(4)
    plain = graph(loss).svg()
    told = graph(loss, title="A network & its <word>", legend=False, inputs="hell").svg()
    assert "legend_op" in plain
    assert "legend" not in told
    assert ">A network &amp; its &lt;word&gt;</text>" in told
    words = re.findall(r'class="node input">.*?<text[^>]*>([^<]*)</text>', told, re.DOTALL)
    assert words == list("hell")
    assert "x₀" in told


def test_letters_that_are_looked_up_have_their_names_too():
    table, h, words = ts.tensor(np.ones((3, 2)), requires_grad=True), ts.zeros(2), "abc"
    for t in range(3):
        with ts.step(t):
            h = ts.tanh(h + table[np.array(t)])
    assert "E[b]" in graph(h.sum(), names={"E": table}, inputs=words).svg()


def test_leaves_have_the_names_that_the_user_gives_them():
    w, u = (ts.tensor(np.eye(2), requires_grad=True) for _ in range(2))
    h = ts.ones(2, 1)
    for t in range(2):
        with ts.step(t):
            h = ts.tanh(w @ h + u @ np.ones((2, 1)))
    loss = h.sum()
    svg = graph(loss, names={"W_hh": w, "U": u}).svg()
    assert re.search(r">W<tspan[^>]*>hh</tspan>", svg)
    assert ">U</text>" in svg
    assert "θ" not in svg
    assert "W_hh" in graph(loss, view="flat", names={"W_hh": w}).dot
    for wrong in (3.0, h, ts.tensor(1.0, requires_grad=True)):
        with pytest.raises(ValueError, match=r"names\['W'\] must be a tensor with requires_grad=True"):
            graph(loss, names={"W": wrong})


@pytest.mark.renders
def test_a_loop_without_time_steps_is_told_what_to_write():
    h, w = ts.ones(2, 2), ts.tensor(np.eye(2), requires_grad=True)
    for _ in range(3):
        h = ts.tanh(w @ h)
    assert "with ts.step(t):" in graph(h.sum()).svg()
    assert "with ts.step(t):" not in graph(h.sum(), view="flat").svg()
