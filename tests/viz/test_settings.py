"""What holds for all pictures made within a block: theme, numbers, gradients, legend, type and size."""

import re
import threading
from functools import cache

import numpy as np
import pytest
from geometry import faults
from test_dark_page import contrast
from zoo import ZOO, model

import tinyseq as ts
from tinyseq.viz import defaults
from tinyseq.viz.rendering import settings
from tinyseq.viz.rendering.dark_theme import dark_color
from tinyseq.viz.rendering.style import PAPER

DRAWINGS = {
    "graph": lambda: ts.viz.graph(ZOO["lstm"].loss()),
    "flat": lambda: ts.viz.graph(ZOO["rnn"].loss(), view="flat"),
    "cell": lambda: ts.viz.cell("gru"),
    "trellis": lambda: ts.viz.trellis(model(3), "abca"),
    "automaton": lambda: ts.viz.automaton(model(3)),
}
CHOICES = [
    {"theme": "dark"}, {"font_size": 9}, {"font_size": 18}, {"size": (4, 3)}, {"values": True}, {"values": False},
    {"legend": False}, {"theme": "dark", "font_size": 14, "values": True, "gradients": True, "size": (10, 4)},
]  # fmt: skip


def side(svg):
    """Width and height in points, as they are shown; and the same before scaling."""
    shown = re.search(r'<svg width="([\d.]+)pt" height="([\d.]+)pt" viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    numbers = [float(number) for number in shown.groups()]
    return numbers[:2], numbers[2:]


@cache
def plain(name):
    """A drawing's text without settings."""
    return DRAWINGS[name]().dot


@pytest.mark.filterwarnings("ignore:text of")
@pytest.mark.parametrize("name", DRAWINGS)
@pytest.mark.parametrize("chosen", CHOICES, ids=str)
def test_every_kind_of_drawing_follows_every_setting_and_keeps_its_geometry(name, chosen):
    before = plain(name)
    with defaults(**chosen):
        drawing = DRAWINGS[name]()
    svg = drawing.svg()
    assert [fault for fault in faults(svg) if "smallest letters" not in fault] == []
    assert (f'fill="{dark_color(PAPER)}"' in svg) == ("dark" in chosen.values())
    if "font_size" in chosen:
        sizes = {float(size) for size in re.findall(r'<text[^>]* font-size="([\d.]+)"', svg)}
        scale = chosen["font_size"] / 11
        known = {9 * scale, 10 * scale, 11 * scale, 13 * scale, 14 * scale}
        assert all(min(abs(size - other) for other in known) < 1e-3 for size in sizes)
    if "size" in chosen:
        shown, natural = side(svg)
        assert shown == pytest.approx([shown[0], shown[0] * natural[1] / natural[0]], rel=1e-3)
        assert max(points / inches for points, inches in zip(shown, chosen["size"], strict=True)) == pytest.approx(72)
    assert DRAWINGS[name]().dot == before  # nothing is left behind


@pytest.mark.parametrize("name", DRAWINGS)
def test_type_that_shrinks_below_what_was_asked_for_is_told_with_the_size_that_keeps_it(name):
    small = defaults(font_size=20, size=(3, 2))
    with small, pytest.warns(UserWarning, match=r"text of 20 points would shrink to [\d.]+ points") as told:
        DRAWINGS[name]()
    inches = tuple(map(float, re.findall(r"pass size=\((.*), (.*)\),", str(told[-1].message))[0]))
    with defaults(font_size=20, size=inches):  # without a warning
        svg = DRAWINGS[name]().svg()
    ((shown, own),) = re.findall(r'<svg width="([\d.]+)pt" height="[\d.]+pt" viewBox="0 0 ([\d.]+)', svg)
    assert float(shown) >= float(own)


@pytest.mark.parametrize("name", DRAWINGS)
def test_no_light_colour_is_left_in_the_dark(name):
    with defaults(theme="dark"):
        drawing = DRAWINGS[name]()
    light = DRAWINGS[name]()
    for text in (drawing.svg(), drawing.dot):
        found = set(re.findall(r'(?:fill|stroke|color)="?(#[0-9a-f]{6})', text))
        assert found == {
            dark_color(color) for color in re.findall(r'(?:fill|stroke|color)="?(#[0-9a-f]{6})', light.svg())
        } | {dark_color(PAPER)}
    inks = set(re.findall(r'<text[^>]* fill="(#[0-9a-f]{6})"', drawing.svg()))
    assert all(contrast(ink, dark_color(PAPER)) >= 3 for ink in inks)


def test_pages_are_the_same_in_both_themes_because_they_have_a_dark_one_of_their_own(tmp_path):
    for name, draw in DRAWINGS.items():
        light = draw().save(tmp_path / "light.html").read_text("utf-8")
        with defaults(theme="dark", size=(3, 3)):
            drawing = draw()
        assert drawing.save(tmp_path / "dark.html").read_text("utf-8") == light, name


def test_what_a_function_is_told_goes_before_the_innermost_block():
    loss = ZOO["rnn"].loss()
    plain = ts.viz.graph(loss).dot
    with_values, without_legend = ts.viz.graph(loss, values=True).dot, ts.viz.graph(loss, legend=False).dot
    with defaults(values=True, legend=False):
        assert ts.viz.graph(loss, values=False, legend=True).dot == plain
        assert ts.viz.graph(loss, values=False).dot == without_legend
        with defaults(legend=True):
            assert ts.viz.graph(loss).dot == with_values
        with pytest.raises(RuntimeError, match="stop"), defaults(theme="dark"):
            raise RuntimeError("stop")
        assert settings.current().theme == "light"
    assert settings.current() == settings.Settings()


def test_other_threads_keep_their_own_settings():
    seen = []
    with defaults(theme="dark"):
        thread = threading.Thread(target=lambda: seen.append(settings.current().theme))
        thread.start()
        thread.join()
    assert seen == ["light"]


def test_a_blank_trellis_shows_the_model_and_no_scores(tmp_path):
    whole, blank = (ts.viz.trellis(model(3), "abca", values=values) for values in (True, False))
    shown, hidden = (set(re.findall(r"<text[^>]*>([^<]*)<", drawing.svg())) for drawing in (whole, blank))
    result = next(words for words in shown if words.startswith("best path: "))
    gone = shown - hidden
    assert result in gone
    key = "the dark arrow into a cell is its back-pointer"
    assert key in gone
    assert all(re.fullmatch(r"[\d.e-]+", words) for words in gone - {result, key})  # the scores
    assert hidden - shown == {"best path:"} | {words for words in hidden if not words.strip()}
    assert 'class="node best"' not in blank.svg()
    assert "edge path" not in blank.svg()
    page = blank.save(tmp_path / "blank.html").read_text("utf-8")
    assert not any(f'"{words}"' in page or f">{words}<" in page for words in gone)
    assert side(whole.svg()) == side(blank.svg())


def test_candidates_are_all_products_and_the_losing_ones_are_crossed_out():
    hmm = model(3)
    svg = ts.viz.trellis(hmm, "abc", candidates=True).svg()
    struck = re.findall(r'text-decoration="line-through"[^>]*>([^<]*)<', svg)
    assert len(struck) == 2 * 3 * 2  # two steps, three cells, two losers each
    score = np.asarray(hmm.initial) * np.asarray(hmm.emission)[:, 0]
    for t in (1, 2):
        products = score[:, None] * np.asarray(hmm.transition)
        for head in range(3):
            for tail in range(3):
                told = re.findall(rf">(state{tail}: [^<]* = [^<]*)<", svg)
                value = products[tail, head]
                found = [words for words in told if np.isclose(float(words.split(" = ")[1]), value, rtol=1e-5)]
                assert found
                assert (found[0] in struck) == (tail != products[:, head].argmax())
        score = products.max(axis=0) * np.asarray(hmm.emission)[:, t]
    with pytest.raises(ValueError, match="candidates"):
        ts.viz.trellis(hmm, "abc", "log", candidates=True)


def test_an_automaton_without_numbers_keeps_its_states_and_symbols():
    whole, blank = (ts.viz.automaton(model(3), values=values, title="Three") for values in (True, False))
    words = re.findall(r"<text[^>]*>([^<]*)<", blank.svg())
    assert not any(re.search(r"\d\.\d|e-", word) for word in words)
    assert {"state0", "state1", "state2", "Three", "a", "b"} <= set(words)
    assert re.search(r">a 0\.\d+<", whole.svg())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"theme": "night"}, 'theme must be "light" or "dark"'),
        ({"values": 1}, "values must be True or False, got 1"),
        ({"legend": "no"}, "legend must be True or False"),
        ({"font_size": 2}, "font_size must be a number of points from 5 to 48, got 2"),
        ({"font_size": float("nan")}, "font_size must be"),
        ({"font_size": "big"}, "font_size must be"),
        ({"size": 10}, r"size must be \(width, height\) in inches"),
        ({"size": (10, 0)}, "size must be"),
        ({"size": (10, float("inf"))}, "size must be"),
    ],
)
def test_a_setting_out_of_range_is_refused_by_name(wrong, words):
    with pytest.raises(ValueError, match=words), defaults(**wrong):
        pass
    assert settings.current() == settings.Settings()
