"""What a notebook shows of models, answers and reports: well-formed, with every name escaped, in dark and light."""

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from instances import OBJECTS, public

import tinyseq as ts

ROOT = Path(__file__).resolve().parent.parent
HOSTILE = ['<script>alert("x")</script>', "a & b", "two\nlines", "'\"", "😀", "x" * 10_000]


def model():
    tables = np.full((6, 6), 1 / 6)
    return ts.hmm.HMM(np.full(6, 1 / 6), tables, np.eye(6), states=HOSTILE, symbols=HOSTILE[::-1])


class Named(ts.nn.Module):
    def __init__(self, names):
        for name in names:
            setattr(self, name, ts.nn.Parameter(np.zeros((2, 3))))


def wrong_report():
    def half_hidden(x):
        return 2.0 * x - x.detach()

    half_hidden.__name__ = half_hidden.__qualname__ = HOSTILE[0]
    with pytest.raises(ts.testing.GradcheckError) as caught:
        ts.testing.gradcheck(half_hidden, [np.array([0.5])])
    return caught.value.report


def named_tensor():
    tensor = ts.tensor(np.linspace(-1, 1, 600).reshape(2, 15, 20), requires_grad=True)
    tensor.node.name = " ".join(HOSTILE)
    return tensor


SHOWN = {
    "Tensor": named_tensor,
    "HMM": model,
    "Posterior": lambda: model().posterior(HOSTILE),
    "Decoding": lambda: model().viterbi(HOSTILE),
    "MarginalDecoding": lambda: model().posterior_decode(HOSTILE),
    "ForwardTable": lambda: model().forward_table(HOSTILE),
    "Prediction": lambda: model().predict(HOSTILE),
    "Durations": lambda: model().durations(5),
    "Drawn": lambda: model().sample(6, np.random.default_rng(0)),
    "Module": lambda: Named(HOSTILE),
    "report": lambda: ts.testing.gradcheck(ts.sin, [np.array([0.5])]),
}

PLAYED = {"Page", "Drawing"}  # a page or a picture of its own, in a frame
SHOWING = {value.__name__ for value in public().values() if isinstance(value, type) and hasattr(value, "_repr_html_")}
TABLES = [(name, i) for name in sorted(OBJECTS) if name in SHOWING - PLAYED for i in range(len(OBJECTS[name]))]


def test_all_public_classes_that_a_notebook_shows_are_tried():
    assert {"CRF", "Comparison", "Durations", "GRU", "GradcheckReport", "HMM", "Posterior", "Tensor"} <= dict(
        TABLES
    ).keys()


@pytest.mark.parametrize(("name", "number"), TABLES)
def test_the_table_of_every_public_class_is_well_formed_and_takes_the_colours_of_the_page(name, number):
    made = OBJECTS[name][number]()
    if not hasattr(made, "_repr_html_"):
        pytest.skip("another class of the same name has the table")
    html = made._repr_html_()
    ElementTree.fromstring(f"<div>{html}</div>")
    assert untouched(html)


@pytest.mark.parametrize("name", SHOWN)
def test_it_is_well_formed_and_every_name_is_escaped(name):
    html = SHOWN[name]()._repr_html_()
    ElementTree.fromstring(f"<div>{html}</div>")
    assert "<script" not in html
    assert len(html) < 20_000
    if name != "report":
        assert "a &amp; b" in html
        assert "&lt;script&gt;" in html


@pytest.mark.parametrize("name", SHOWN)
def test_it_can_be_read_on_a_dark_page_and_on_a_light_one(name):
    """No colour of text or ground is set, but for tints that let the page shine through."""
    assert untouched(SHOWN[name]()._repr_html_())


def test_tables_are_written_in_one_place():
    files = [file for file in (ROOT / "tinyseq").rglob("*.py") if file.name != "html_tables.py"]
    assert [str(file) for file in files if re.search(r"<(table|tr|td|th)\b", file.read_text("utf-8"))] == []


def untouched(html):
    colours = re.findall(r"(?:color|background|fill|stroke)(?:: ?|=)[\"']?([^\"';]+)", html)
    plain = all(colour in ("none", "currentColor") or colour.startswith("rgba(") for colour in colours)
    return plain and all(float(alpha) <= 0.6 for alpha in re.findall(r"rgba\([^)]*, ([\d.]+)\)", html))


def test_a_tensor_shows_its_numbers_tinted_by_their_size():
    cells = ElementTree.fromstring(ts.tensor([[-2.0, 0.0], [1.0, np.nan]])._repr_html_()).findall(".//td")
    assert [cell.text for cell in cells] == ["-2", "0", "1", "nan"]
    tints = [re.search(r"rgba\((.*), ([\d.]+)\)", cell.get("style")).groups() for cell in cells]
    assert [float(share) for _, share in tints] == [0.6, 0.0, 0.3, 0.6]
    assert tints[0][0] != tints[2][0] != tints[3][0]
    large = named_tensor()._repr_html_()
    assert large.count("<td style") == 12 * 12
    assert "<th>0, 11</th>" in large
    assert "18 more" in large


@pytest.mark.parametrize(
    "value", [3.5, [], [True, False], [1, -2], [1j, 2.0], [np.inf, -np.inf], np.zeros((0, 3)), np.zeros((2, 0)), [0.0]]
)
def test_a_tensor_of_any_shape_and_type_is_shown(value):
    tensor = ts.Tensor(np.array(value))
    html = tensor._repr_html_()
    found = ElementTree.fromstring(html)
    assert found.find("caption").text == f"tensor {tensor.shape}, {tensor.dtype}"
    assert len(found.findall(".//td")) == tensor.size


def test_a_result_says_what_made_it():
    x = ts.tensor([1.0], requires_grad=True)
    assert "requires_grad=True" in x._repr_html_()
    assert "made by tanh" in ts.tanh(x)._repr_html_()


def test_a_drawing_brings_its_own_ground():
    pytest.importorskip("pygraphviz", reason="drawing needs a renderer")
    x = ts.tensor(1.0, requires_grad=True)
    svg = ts.viz.graph(ts.tanh(x * 2.0))._repr_svg_()
    ground = ElementTree.fromstring(svg).find(".//{*}polygon")
    assert ground.get("fill") == "#ffffff"


def test_a_path_is_shown_step_by_step_and_long_ones_are_cut():
    html = ts.hmm.Decoding(["sun", "rain"], -1.25)._repr_html_()
    assert re.findall(r"<td>(\w+)</td>", html) == ["sun", "rain"]
    assert "log probability -1.25" in html
    assert ts.hmm.Decoding(list("ab" * 500), -9.0)._repr_html_().count("<td>") == 41


def test_a_module_lists_its_parameters_and_long_lists_are_folded():
    lstm = ts.nn.LSTM(3, 5)
    html = lstm._repr_html_()
    cells = [cell.text for cell in ElementTree.fromstring(html).findall(".//tr")[1]]
    assert cells == ["weight_ih_l0", "(20, 3)", "float32", "60", None]
    assert html.startswith('<details open="">')
    assert ts.nn.LSTM(3, 5, num_layers=9)._repr_html_().startswith("<details><summary>LSTM: ")
    lstm.weight_hh_l0.requires_grad_(False)
    assert "frozen" in lstm._repr_html_()


def test_a_report_of_a_wrong_rule_shows_the_numbers():
    html = wrong_report()._repr_html_()
    assert "<script" not in html
    ElementTree.fromstring(f"<div>{html}</div>")
    assert "<polyline" in html
