"""The page on vanishing gradients: its numbers are the library's, for every setting of its sliders."""

import json
import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.viz.page.vanishing import MOST_STEPS, factors, networks

SETTINGS = list(product([2, 7, 30, 100], [0.5, 1.0, 2.5], [None, 0.0, 1.0, 3.0], [False, True]))


OUTSIDE = """[...document.querySelectorAll('svg text')].filter(text => {
  const [one, all] = [text.getBoundingClientRect(), text.closest('svg').getBoundingClientRect()];
  return one.left < all.left - 1 || one.right > all.right + 1 || one.top < all.top - 1 || one.bottom > all.bottom + 1;
}).map(text => text.textContent)"""


def expected(found, steps, scale, forget, every):
    """The norms by the library's layers and its own backward pass."""
    for layer in (found.rnn, found.lstm):
        layer.weight_hh_l0._array[:] = scale * layer.weight_hh_l0._array
    if forget is not None:
        ts.nn.init.forget_bias_(found.lstm, forget)
    norms = {}
    for name, layer, state in (("h", found.rnn, "h"), ("c", found.lstm, "c")):
        hidden, _ = layer(found.x[:steps])
        errors = ((hidden - found.y[:steps]) ** 2).sum(axis=(1, 2)) / 2
        norms[name] = ts.inspect.gradient_flow(errors.mean() if every else errors[-1]).states[state]
    return norms


@pytest.fixture
def page(browser, tmp_path):
    browser.size(1280, 900)
    browser.prefer(color_scheme="light")
    browser.open(ts.viz.vanishing(hidden_size=8, seed=3).save(tmp_path / "page.html"))
    return browser


@pytest.mark.browser
def test_the_browsers_gradients_are_the_librarys(page):
    for steps, scale, forget, every in SETTINGS:
        settings = json.dumps({"steps": steps, "scale": scale, "forget": forget, "all": every})
        shown = page.run(f"({{ h: rnnNorms({settings}).h, ...lstmNorms({settings}) }})")
        norms = expected(networks(8, 3), steps, scale, forget, every)
        for name, found in norms.items():
            np.testing.assert_allclose(shown[name], found, rtol=1e-6, err_msg=str((name, steps, scale, forget, every)))
        assert shown["path"][-1] == shown["c"][-1]


@pytest.mark.browser
def test_the_page_says_the_factors_of_the_command(page):
    for forget, start in (-0.5, "LSTM"), (1, "LSTM, forget bias 1"), (2, "LSTM, forget bias 2"):
        page.run(f"(byId('forget').value = {forget}, update())")
        said = page.run("['rnn', 'lstm'].map(kind => byId(`${kind}-said`).textContent.match(/(?<=by )[\\d.]+\\d/g))")
        told = factors(8, 3)
        expected = [[told["RNN"]], [told[start], told[f"{start}, direct path"]]]
        assert [[float(number) for number in numbers] for numbers in said] == [
            pytest.approx(numbers, rel=2e-3) for numbers in expected
        ]


@pytest.mark.browser
def test_ratios_are_written_as_a_person_would_and_the_floor_of_the_chart_is_named(page):
    said = "wordsOf({}, 'h').match(/is (.*) times/)[1]"
    for norms, written in [
        ([0.7, 1], "0.7"),
        ([13, 1], "13"),
        ([2e-6, 1], "2.0\xa0·\xa010⁻⁶"),
        ([5e7, 1], "5.0\xa0·\xa010⁷"),
    ]:
        assert page.run(said.format(norms)) == written
    ticks = "[...document.querySelectorAll('#rnn-chart .tick')].map(tick => tick.textContent)"
    assert not any("≤" in tick for tick in page.run(ticks))
    page.run("(byId('scale').value = 0.1, byId('steps').value = 100, update())")
    assert page.run(ticks)[0] == "≤ 10⁻³⁰"


@pytest.mark.browser
def test_the_direct_path_is_the_product_of_the_forget_gates(page):
    shown = page.run("lstmNorms({ steps: 12, scale: 1, forget: 1, all: false })")
    found = networks(8, 3)
    ts.nn.init.forget_bias_(found.lstm, 1.0)
    hidden, (_, cell) = found.lstm(found.x[:12])
    loss = ((hidden[-1] - found.y[11]) ** 2).sum() / 2
    forget = ts.inspect.gate_values(loss)["f"]
    out = ts.inspect.gate_values(loss)["o"][-1]
    last = (hidden[-1] - found.y[11]).numpy().T * out * (1 - np.tanh(cell.numpy()[0].T) ** 2)
    for t in range(12):
        path = last * np.prod(forget[t + 1 :], axis=0)
        assert shown["path"][t] == pytest.approx(float(np.linalg.norm(path)), rel=1e-6)


@pytest.mark.browser
def test_the_sliders_change_what_is_shown(page):
    said = "[byId('rnn-said').textContent, byId('lstm-said').textContent]"
    before = page.run(said)
    boxes = "document.querySelectorAll('#rnn-chart .state').length"
    assert page.run(boxes) == 30
    for slider, value in (("steps", 50), ("scale", 2), ("forget", 3)):
        page.run(f"byId('{slider}').value = {value}, byId('{slider}').dispatchEvent(new Event('input'))")
        after = page.run(said)
        assert after != before
        before = after
    assert page.run(boxes) == 50
    page.click("#all")
    assert page.run(said) != before
    assert page.run("['steps', 'scale', 'forget'].map(id => byId(`${id}-said`).textContent)") == ["50", "× 2.0", "3.0"]


@pytest.mark.browser
def test_the_page_of_a_long_sequence_is_small(page):
    """Not by the clock: by how little is computed."""
    page.run("byId('steps').value = 100, update()")
    assert page.run("document.querySelectorAll('svg *').length") < 400


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1024, 768), (1440, 900), (768, 1024), (390, 844)])
def test_it_fits_every_window(width, height, scheme, page):
    page.size(width, height)
    page.prefer(color_scheme=scheme)
    for scale in (0.1, 1, 4):
        page.run(f"byId('scale').value = {scale}, byId('steps').value = 100, update()")
        assert page.run("document.documentElement.scrollWidth") <= width
        assert page.run(OUTSIDE) == []
    assert page.run("document.querySelectorAll('figure').length") == 2
    beside = page.run("[...document.querySelectorAll('figure')].map(figure => figure.getBoundingClientRect().top)")
    assert (beside[0] == beside[1]) == (width > 700)
    assert not page.messages


def test_the_documentation_tells_the_numbers_of_the_command():
    text = (Path(__file__).parents[2] / "docs" / "page.md").read_text("utf-8")
    told = {
        name: float(factor)
        for name, factor in re.findall(r"^\| ((?:RNN|LSTM)[^|]*?) \| (0\.\d+) \|$", text, re.MULTILINE)
    }
    found = factors()
    assert told == {name: pytest.approx(factor, abs=6e-4) for name, factor in found.items()}
    assert found["LSTM"] < found["RNN"] < found["LSTM, forget bias 1"] < found["LSTM, forget bias 2"]
    assert found["LSTM, direct path"] < found["RNN"]


def test_the_direct_path_halves_at_the_default_start_whatever_the_size():
    for size in (4, 16, 64):
        assert factors(size, seed=1)["LSTM, direct path"] == pytest.approx(0.5, abs=0.06)


def test_at_the_default_start_the_lstms_cell_loses_less_for_most_sizes_and_seeds():
    found = [factors(size, seed) for size in (4, 8, 16, 32, 64) for seed in range(5)]
    assert sum(each["LSTM"] < each["RNN"] for each in found) == 2


def test_a_page_is_the_same_in_every_run_and_its_arguments_are_checked():
    assert ts.viz.vanishing(4).text == ts.viz.vanishing(4).text != ts.viz.vanishing(4, seed=1).text
    with pytest.raises(ValueError, match="hidden_size must be at most 64, got 65"):
        ts.viz.vanishing(65)
    with pytest.raises(ValueError, match="steps must be at most 100"):
        factors(steps=MOST_STEPS + 1)


@pytest.mark.browser
@pytest.mark.parametrize("forget", [-0.5, 0.5, 1, 2, 3])
def test_the_name_of_a_curve_is_on_no_curve(page, forget):
    page.run(f"(byId('forget').value = {forget}, update())")
    met = """[...document.querySelectorAll('svg')].flatMap(svg => [...svg.querySelectorAll('.name')].flatMap(name => {
      const { x, y, width, height } = name.getBBox();
      const inside = p => p.x > x + 2 && p.x < x + width - 2 && p.y > y + 3 && p.y < y + height - 3;
      return [...svg.querySelectorAll('.curve')].filter(curve => {
        const length = curve.getTotalLength();
        return [...Array(400).keys()].some(i => inside(curve.getPointAtLength((i * length) / 399)));
      }).map(() => name.textContent);
    }))"""
    assert page.run(met) == []
