"""Drawings as files, and what happens where nothing can draw."""

import importlib.util
import os
import shutil
import stat
import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zoo import ZOO, model

import tinyseq as ts
from tinyseq.viz import Drawing, DrawingError
from tinyseq.viz.layout.curves import Point, straight
from tinyseq.viz.rendering import drawing as module
from tinyseq.viz.rendering.canvas import Canvas
from tinyseq.viz.rendering.graphviz import render
from tinyseq.viz.rendering.parts import Edge, Node
from tinyseq.viz.rendering.style import Text, blend, clean, markup, number, readable_on, shape_text

ABC = Drawing('digraph { a -> b [label=<x &lt; y>] ; b -> "ü" }', title="three <nodes> & more")
PICTURES = {
    "trellis": lambda: ts.viz.trellis(model(2), "aba"),
    "automaton": lambda: ts.viz.automaton(model(3)),
    "network": lambda: ts.viz.graph(ZOO["rnn"].loss()),
    "cell": lambda: ts.viz.cell("lstm"),
    "own text": lambda: ts.viz.Drawing("digraph { a -> b; a -> c; b -> dddd }"),
}


@pytest.mark.renders
@pytest.mark.parametrize("settings", [{}, {"theme": "dark"}, {"size": (3.1, 7.7)}, {"size": (6, 4)}], ids=str)
@pytest.mark.parametrize("name", PICTURES)
def test_the_pixels_of_a_picture_are_opaque_to_its_edges(name, settings, tmp_path):
    image = pytest.importorskip("matplotlib.image")
    with ts.viz.defaults(**settings):
        path = PICTURES[name]().save(tmp_path / "picture.png")
    pixels = image.imread(path)
    assert pixels.shape[2] == 3 or pixels[..., 3].min() == 1.0


BEGINNINGS = {".svg": b"<?xml", ".png": b"\x89PNG", ".pdf": b"%PDF", ".dot": b"digraph", ".html": b"<!doctype html>"}


@pytest.mark.renders
@pytest.mark.parametrize("ending", BEGINNINGS)
def test_every_format_is_written(tmp_path, ending):
    path = ABC.save(tmp_path / f"picture{ending}")
    assert path.read_bytes().startswith(BEGINNINGS[ending])
    assert [file.name for file in tmp_path.iterdir()] == [f"picture{ending}"]
    assert stat.S_IMODE(path.stat().st_mode) & 0o044  # an ordinary file, readable by all


def test_an_unknown_ending_is_an_error_that_names_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match=r"picture\.gif.*\.svg, \.png, \.pdf, \.dot, \.html"):
        ABC.save(tmp_path / "picture.gif")
    assert not list(tmp_path.iterdir())


@pytest.mark.renders
def test_a_picture_that_cannot_be_drawn_leaves_no_file_and_keeps_the_old_one(tmp_path):
    path = tmp_path / "picture.svg"
    path.write_text("old")
    with pytest.raises(DrawingError, match="rejected"):
        Drawing("digraph { a -> }").save(path)
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.renders
def test_a_bad_label_is_an_error_and_not_a_picture_without_it():
    with pytest.raises(DrawingError, match="rejected"):
        Drawing("digraph { a [label=<<b>x</i>>] }").svg()


@pytest.mark.renders
def test_rendering_prints_nothing(capfd):
    ABC.svg()
    Drawing('digraph { layout=nop2; a [pos="0,0", width=0.1, fixedsize=true, label="far too wide"] }').svg()
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


@pytest.mark.renders
def test_large_drawings_print_nothing_in_notebooks_either(capsys):  # where the stream of errors is Python's own
    Drawing("graph { layout=nop2; " + "".join(f'{i} [pos="{i},0"]; ' for i in range(1001)) + "}").svg()
    assert capsys.readouterr().err == ""


@pytest.mark.renders
def test_the_svg_names_no_version_and_notebooks_show_it():
    svg = ABC.svg()
    assert "graphviz version" not in svg
    assert "DOCTYPE" not in svg
    assert ABC._repr_svg_().replace(' style="max-width: 100%; height: auto"', "") == svg


@pytest.mark.browser
def test_a_notebook_as_html_shows_a_wide_drawing_whole_and_a_narrow_tables_caption_in_one_line(browser, tmp_path):
    hmm = ts.hmm.HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]], symbols=["a", "b"])
    cells = [ts.viz.trellis(hmm, "abab")._repr_svg_(), hmm.viterbi("ab")._repr_html_()]
    page = tmp_path / "cells.html"
    page.write_text("<!doctype html>" + "".join(f"<div>{cell}</div>" for cell in cells), "utf-8")
    browser.size(600, 800)
    browser.open(page)
    assert browser.run("document.documentElement.scrollWidth") <= 600
    lines = "document.querySelector('caption').getClientRects().length"
    height = "document.querySelector('caption').offsetHeight / document.querySelector('th').offsetHeight"
    assert (browser.run(lines), browser.run(height) < 1.5) == (1, True)


@pytest.mark.skipif(importlib.util.find_spec("pygraphviz") is None, reason="needs pygraphviz")
def test_without_pygraphviz_a_dot_program_draws(monkeypatch, tmp_path):
    """A program that draws with pygraphviz stands in for Graphviz's own, so that the pipe to it is tested anywhere."""
    program = tmp_path / "dot"
    program.write_text(
        f"#!{sys.executable}\n"
        "import sys, pygraphviz\n"
        "format = next(part[2:] for part in sys.argv if part.startswith('-T'))\n"
        "graph = pygraphviz.AGraph(string=sys.stdin.read())\n"
        "sys.stdout.buffer.write(graph.draw(format=format, prog='dot'))\n"
    )
    program.chmod(0o755)
    expected = ABC.svg()
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ABC.svg() == expected
    program.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('Error: no')\n")
    with pytest.raises(DrawingError, match="rejected the picture: Error: no"):
        ABC.svg()


def test_where_nothing_can_draw_the_error_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(DrawingError, match=r'pip install "tinyseq\[viz\]"'):
        ABC.svg()
    assert ABC.save(tmp_path / "picture.dot").read_text() == ABC.dot


def test_drawings_are_written_as_svg_dot_and_html_with_nothing_but_numpy(monkeypatch, tmp_path):
    for package in ("graphviz", "pygraphviz"):
        monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    drawing = ts.viz.graph(ts.tensor(1.0, requires_grad=True) * 2.0)
    for ending in (".svg", ".dot", ".html"):
        assert drawing.save(tmp_path / f"picture{ending}").read_bytes().startswith(BEGINNINGS[ending])
    with pytest.raises(DrawingError, match=r'pip install "tinyseq\[viz\]"'):
        drawing.save(tmp_path / "picture.png")


HARD = ["node", "graph", "2", "-.5", "a b", 'say "no"', "back\\slash", "<b>", "ü", "", "a->b", "end\\"]


@pytest.mark.renders
@pytest.mark.parametrize("name", HARD)
def test_any_name_can_stand_in_dot(name):
    canvas = Canvas(name)
    canvas.nodes = [Node(name, Point(0, 0), (40, 20), [Text(name)], tooltip=name), Node("other", Point(80, 0), (9, 9))]
    canvas.edges = [Edge(name, "other", straight(Point(20, 0), Point(75, 0)), tooltip=name)]
    found = render(canvas.drawing().dot, "plain").decode().splitlines()
    assert [line.split()[0] for line in found] == ["graph", "node", "node", "edge", "stop"]


@pytest.mark.renders
def test_a_relative_path_is_taken_from_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ABC.save("here.svg")
    assert os.listdir() == ["here.svg"]


@given(st.text(max_size=300))
def test_clean_text_is_one_line_of_characters_that_xml_allows(text):
    line = clean(text, limit=40)
    assert len(line) <= 40
    assert line == line.strip()
    assert all(character.isprintable() or character == "\u200d" or ord(character) > 0xFF for character in line)
    assert not any(0xD800 <= ord(c) <= 0xDFFF or ord(c) < 32 or ord(c) & 0xFFFE == 0xFFFE for c in line)


def test_clean_text_says_that_it_was_cut():
    assert clean("abcdef", limit=4) == "abc…"
    assert clean("a\n\t b") == "a b"
    assert clean("👩‍👩‍👧") == "👩‍👩‍👧"


def test_markup_escapes_and_sets_indices():
    assert "&lt;b&gt; &amp;" in markup([Text("<b> &")])
    assert "W<font" in markup([Text("W_hh", formula=True)])
    assert "W_hh" in markup([Text("W_hh")])


def test_numbers_and_shapes_are_short():
    assert [number(x) for x in (0.012345, 1e-7, 3.0, 123456.0)] == ["0.0123", "1e-7", "3", "1.23e+5"]
    assert [shape_text(s) for s in ((), (3,), (2, 4))] == ["", "(3,)", "(2,4)"]


def test_colours_of_the_ramp_darken_steadily_and_text_on_them_stays_readable():
    def lightness(color):
        return sum(w * int(color[i : i + 2], 16) for w, i in ((0.299, 1), (0.587, 3), (0.114, 5)))

    ramp = [blend(i / 20) for i in range(21)]
    assert all(lightness(a) > lightness(b) for a, b in pairwise(ramp))
    assert all(abs(lightness(color) - lightness(readable_on(color))) > 80 for color in ramp)


def test_a_drawing_waits_for_no_import_of_its_renderer():
    assert "pygraphviz" not in vars(module)


def test_a_picture_that_would_shrink_to_small_letters_in_a_notebook_scrolls_in_its_own_size(char_loss):
    narrow, wide = ts.viz.graph(char_loss(3)), ts.viz.graph(char_loss(12), steps=12)
    assert narrow._repr_html_() is None
    assert wide._repr_html_().startswith('<div style="overflow-x: auto"><img alt="12 time steps, unrolled"')
    assert "max-width: none" in wide._repr_html_()
    assert ts.viz.graph(char_loss(12), steps=12, size=(6, 3))._repr_html_() is None
