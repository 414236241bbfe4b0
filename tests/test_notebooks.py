"""What a notebook shows of models, answers and reports: well-formed, with every name escaped, in dark and light."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

import tinyseq as ts

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


SHOWN = {
    "HMM": model,
    "Posterior": lambda: model().posterior(HOSTILE),
    "Decoding": lambda: model().viterbi(HOSTILE),
    "MarginalDecoding": lambda: model().posterior_decode(HOSTILE),
    "Drawn": lambda: model().sample(6, np.random.default_rng(0)),
    "Module": lambda: Named(HOSTILE),
    "report": lambda: ts.testing.gradcheck(ts.sin, [np.array([0.5])]),
}


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
    html = SHOWN[name]()._repr_html_()
    colours = re.findall(r"(?:color|background|fill|stroke)(?:: ?|=)[\"']?([^\"';]+)", html)
    assert all(colour in ("none", "currentColor") or colour.startswith("rgba(") for colour in colours), colours
    assert all(float(alpha) <= 0.6 for alpha in re.findall(r"rgba\([^)]*, ([\d.]+)\)", html))


def test_a_drawing_brings_its_own_ground():
    pytest.importorskip("pygraphviz", reason="drawing needs a renderer")
    x = ts.tensor(1.0, requires_grad=True)
    svg = ts.viz.graph(ts.tanh(x * 2.0))._repr_svg_()
    ground = ElementTree.fromstring(svg).find(".//{*}polygon")
    assert ground.get("fill") == "white"


def test_a_path_is_shown_step_by_step_and_long_ones_are_cut():
    html = ts.hmm.Decoding(["sun", "rain"], -1.25)._repr_html_()
    assert re.findall(r"<td>(\w+)</td>", html) == ["sun", "rain"]
    assert "log probability -1.25" in html
    assert ts.hmm.Decoding(list("ab" * 500), -9.0)._repr_html_().count("<td>") == 41


def test_a_module_lists_its_parameters_and_long_lists_are_folded():
    lstm = ts.nn.LSTM(3, 5)
    html = lstm._repr_html_()
    cells = [cell.text for cell in ElementTree.fromstring(html).iterfind(".//td")]
    assert cells[:5] == ["weight_ih_l0", "(20, 3)", "float32", "60", None]
    assert html.startswith('<details open="">')
    assert ts.nn.LSTM(3, 5, num_layers=9)._repr_html_().startswith("<details><summary>LSTM: ")
    lstm.weight_hh_l0.requires_grad_(False)
    assert "frozen" in lstm._repr_html_()


def test_a_report_of_a_wrong_rule_shows_the_numbers():
    html = wrong_report()._repr_html_()
    assert "<script" not in html
    ElementTree.fromstring(f"<div>{html}</div>")
    assert "<polyline" in html
