"""The page of a drawing, in a real browser."""

import html
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.hmm import HMM
from tinyseq.viz import graph, trellis
from tinyseq.viz.page import page

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next((found for name in BROWSERS if (found := shutil.which(name))), None)
needs_browser = pytest.mark.skipif(BROWSER is None, reason="needs Chromium or Chrome")

TOOLS = """
const report = {};
const press = selector => document.querySelector(selector).click();
const set = (field, value) => { byId(field).value = String(value); byId(field).dispatchEvent(new Event("input")); };
const slide = value => set("time", value);
const type = text => set("search", text);
const count = selector => document.querySelectorAll(selector).length;
"""


def in_browser(drawing, actions):
    """Open a drawing's page, run JavaScript in it, and return what that put into `report`; errors fail the test."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        drawing.save(path)
        script = f"<script>{TOOLS}{actions}\ndocument.body.dataset.report = JSON.stringify(report);</script>"
        path.write_text(path.read_text("utf-8").replace("</html>", script + "</html>"), "utf-8")
        flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
            f"--user-data-dir={folder}/user",
        ]
        command = [BROWSER, *flags, "--dump-dom", path.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    messages = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert not messages
    found = re.search(r'data-report="([^"]*)"', done.stdout)
    assert found, "the script did not run to its end"
    return json.loads(html.unescape(found[1]))


@pytest.fixture
def lstm_page(char_loss):
    return graph(char_loss(steps=4, kind=ts.nn.LSTM), gradients=True)


@needs_browser
@pytest.mark.renders
def test_a_page_opens_without_errors_and_lists_what_can_be_folded(lstm_page):
    report = in_browser(lstm_page, "report.steps = count('[data-step]'); report.modules = count('[data-module]');")
    assert report == {"steps": 4, "modules": 2}


@needs_browser
@pytest.mark.renders
def test_folding_a_step_hides_its_boxes_and_moves_the_others(lstm_page):
    actions = """
    const x = () => document.getElementById("t3").getBoundingClientRect().left;
    report.before = [count("g.node.hidden"), x()];
    press("[data-step=t1]");
    report.folded = [count("g.node.hidden"), x()];
    report.pressed = document.querySelector("[data-step=t1]").getAttribute("aria-expanded");
    press("[data-step=t1]");
    report.after = [count("g.node.hidden"), x()];
    """
    report = in_browser(lstm_page, actions)
    assert report["before"] == report["after"]
    assert report["folded"][0] == 15  # x, two products, +, four gates, three products, +, tanh, scores, cross entropy
    assert report["folded"][1] < report["before"][1] - 50
    assert report["pressed"] == "false"


@needs_browser
@pytest.mark.renders
def test_closing_a_module_hides_its_boxes_in_every_step(lstm_page):
    actions = """
    press("[data-module*=rnn]");
    report.hidden = count("g.node.hidden");
    report.covers = [...document.querySelectorAll(".cover text")].map(text => text.textContent);
    document.querySelector(".cover rect").dispatchEvent(new Event("click"));
    report.again = count("g.node.hidden");
    """
    report = in_browser(lstm_page, actions)
    assert report == {"hidden": 4 * 12, "covers": ["rnn.l0"] * 4, "again": 0}


@needs_browser
@pytest.mark.renders
def test_playing_to_the_end_gives_the_gradients_that_backward_gives():
    ts.manual_seed(1)
    rnn, out = ts.nn.LSTM(3, 4), ts.nn.Linear(4, 2)
    x = ts.tensor(np.random.default_rng(0).normal(size=(12, 2, 3)).astype(np.float32))
    loss = ts.nn.cross_entropy(out(rnn(x)[0]), np.zeros((12, 2), dtype=int))
    drawing = graph(loss, gradients=True)  # 12 steps: most are left out, and add their terms all the same
    actions = """
    slide(byId("time").max);
    const rows = [...byId("sums").rows];
    report.totals = Object.fromEntries(rows.map(row => [row.dataset.parameter, Number(row.dataset.total)]));
    """
    report = in_browser(drawing, actions)
    loss.backward()
    parameters = {**dict(rnn.named_parameters()), **dict(out.named_parameters())}
    assert set(report["totals"]) == set(parameters)
    for name, parameter in parameters.items():
        assert report["totals"][name] == pytest.approx(float(np.linalg.norm(parameter.grad.numpy())), rel=1e-4)


@needs_browser
@pytest.mark.renders
def test_the_slider_plays_forward_then_backward(lstm_page):
    actions = """
    report.boxes = count("g.node:not([id^=legend])");
    slide(1); report.first = [count("g.node.dim"), byId("said").textContent];
    const end = story.acts[0].events.length;
    slide(end); report.end = [count("g.node.dim"), byId("said").textContent];
    slide(end + 1); report.back = [count("g.node.dim"), byId("said").textContent];
    slide(0); report.all = count("g.node.dim");
    """
    report = in_browser(lstm_page, actions)
    assert report["first"][0] > 0.8 * report["boxes"]
    assert report["end"][0] == 0
    assert "mean" in report["end"][1]
    assert report["back"][0] > 0.8 * report["boxes"]
    assert report["back"][1].startswith("backward 1 of")
    assert report["all"] == 0


@needs_browser
@pytest.mark.renders
def test_search_finds_boxes_by_their_words_and_module(lstm_page):
    actions = (
        'type("tanh"); report.tanh = count("g.found"); type("rnn.l0"); report.module = count("g.found"); type("");'
    )
    report = in_browser(lstm_page, actions + 'report.none = count("g.found");')
    assert report == {"tanh": 8, "module": 48, "none": 0}


@needs_browser
@pytest.mark.renders
def test_pointing_at_a_box_tells_its_shape_value_and_gradient(lstm_page):
    actions = """
    const state = [...document.querySelectorAll("g.node")].find(group => group.textContent.includes("h₂"));
    state.dispatchEvent(new Event("pointerenter"));
    report.details = byId("details").textContent;
    """
    details = in_browser(lstm_page, actions)["details"]
    assert all(word in details for word in ("shape(8,1)", "dtypefloat32", "step2", "norm of the gradient0."))


@needs_browser
@pytest.mark.renders
def test_the_keyboard_moves_and_zooms(lstm_page):
    actions = """
    const type_key = key => byId("picture").dispatchEvent(new KeyboardEvent("keydown", { key }));
    report.home = [view.x, view.width];
    type_key("+"); report.zoomed = view.width; type_key("ArrowRight"); report.moved = view.x;
    type_key("0"); report.again = [view.x, view.width];
    """
    report = in_browser(lstm_page, actions)
    assert report["zoomed"] == pytest.approx(0.8 * report["home"][1])
    assert report["moved"] > report["home"][0]
    assert report["again"] == report["home"]


@needs_browser
@pytest.mark.renders
def test_a_page_of_a_hundred_steps_is_small_and_answers_a_click_at_once(char_loss, tmp_path):
    drawing = graph(char_loss(steps=100, kind=ts.nn.LSTM), steps=range(100), gradients=True)
    assert drawing.save(tmp_path / "page.html").stat().st_size < 5_000_000
    actions = """
    report.folded_at_first = count("[data-step][aria-expanded=false]");
    press("#unfold-all");
    const times = [];
    for (let i = 0; i < 5; i++) {
      const start = performance.now();
      press("[data-step=t50]");
      root.getBBox();  // wait for the layout
      times.push(performance.now() - start);
    }
    report.fastest = Math.min(...times);
    report.hidden = count("g.node.hidden");
    """
    report = in_browser(drawing, actions)
    assert report["hidden"] == 15
    assert report["folded_at_first"] == 96
    print(f"\na click on a 100-step page takes {report['fastest']:.0f} ms")


@needs_browser
@pytest.mark.renders
def test_a_trellis_fills_column_by_column_and_traces_back():
    hmm = HMM(
        [0.1, 0.2, 0.7],
        [[0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [0.6, 0.2, 0.2]],
        [[0.2, 0.1, 0.7], [0.1, 0.8, 0.1], [0.4, 0.3, 0.3]],
        states=["X", "Y", "Z"],
        symbols=["I", "like", "cats"],
    )
    actions = """
    slide(5); report.five = byId("said").textContent; report.dim = count("g.node.dim");
    slide(byId("time").max); report.end = byId("said").textContent;
    report.path = [...document.querySelectorAll("g.node[id^=t]:not(.dim)")].map(group => group.id);
    """
    report = in_browser(trellis(hmm, ["I", "like", "cats"]), actions)
    assert report["five"] == "forward 5 of 9: score(Y, 2) = P(like | Y) · (best, from Z) = 0.8 · (0.28 · 0.2) = 0.0448"
    assert report["dim"] == 4
    assert report["end"] == "back-trace 3 of 3: t = 1: Z"
    assert sorted(report["path"]) == ["t1_s2", "t2_s1", "t3_s0"]


@needs_browser
@pytest.mark.renders
def test_nasty_names_stay_words():
    w = ts.tensor([[0.5]], requires_grad=True)
    w.node.name = "</script><script>document.body.dataset.broken = 1</script>"
    h = ts.ones(1, 1)
    with ts.scope("<img src=x onerror=alert(1)>"):
        for t in range(2):
            with ts.step(t):
                h = ts.tanh(w @ h)
    report = in_browser(graph(h.sum(), gradients=True), "report.broken = document.body.dataset.broken || null;")
    assert report == {"broken": None}


def test_a_page_asks_nothing_of_any_network():
    text = page('<svg width="9pt" height="9pt" viewBox="0 0 9 9"></svg>', "<x>", {"a": "</script>"})
    assert "default-src 'none'" in text
    assert not re.search(r"(src|href)=[\"']", text)
    assert text.count("</script>") == 2


@pytest.mark.renders
def test_a_freed_graph_still_plays_forward(tmp_path):
    rnn = ts.nn.RNN(2, 3)
    loss = rnn(ts.ones(2, 1, 2))[0].sum()
    drawing = graph(loss)
    loss.backward()
    text = drawing.save(tmp_path / "page.html").read_text("utf-8")
    assert '"name":"forward"' in text
    assert '"name":"backward"' not in text
