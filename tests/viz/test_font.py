"""Pictures on machines with many fonts, with few, and with none."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinyseq.viz import Drawing, graph
from tinyseq.viz.layout.curves import Point
from tinyseq.viz.rendering.dot import dot_text
from tinyseq.viz.rendering.font import FAMILIES, FOLDER, is_known, text_width
from tinyseq.viz.rendering.graphviz import render
from tinyseq.viz.rendering.parts import Node
from tinyseq.viz.rendering.style import INDEX_SIZE, Paint, Text, label_size

FONTS = {
    "all": '<include ignore_missing="yes">/etc/fonts/fonts.conf</include>',
    "DejaVu": "<dir>/usr/share/fonts/truetype/dejavu</dir>",
    "none": "",
}
GALLERY = """
import sys
import numpy as np
import tinyseq as ts
ts.manual_seed(0)
output, _ = ts.nn.LSTM(3, 4)(ts.ones(3, 1, 3))
hmm = ts.hmm.HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]], states=["low", "Ω"], symbols="ab")
drawings = {
    "unrolled": ts.viz.graph(output.sum(), gradients=True, depth=1),
    "folded": ts.viz.graph(output.sum(), view="folded", values=True),
    "flat": ts.viz.graph(ts.tanh(ts.ones(2, requires_grad=True)).sum(), view="flat"),
    "trellis": ts.viz.trellis(hmm, "abb"),
    "automaton": ts.viz.automaton(hmm),
}
for name, drawing in drawings.items():
    for ending in ("svg", "png", "pdf", "html"):
        drawing.save(f"{sys.argv[1]}/{name}.{ending}")
"""
DATED = re.compile(rb"/CreationDate \([^)]*\)")


@pytest.fixture(scope="module")
def galleries(tmp_path_factory):
    """Folders with the same drawings, made with the fonts of three machines."""
    folders = {}
    for machine, settings in FONTS.items():
        folder = tmp_path_factory.mktemp(machine)
        config = folder / "fonts.conf"
        config.write_text(
            f"<?xml version='1.0'?><fontconfig>{settings}<cachedir>{folder}/cache</cachedir></fontconfig>"
        )
        environment = {**os.environ, "FONTCONFIG_FILE": str(config), "FONTCONFIG_PATH": str(folder)}
        subprocess.run([sys.executable, "-c", GALLERY, str(folder)], check=True, env=environment)
        folders[machine] = folder
    return folders


@pytest.mark.renders
@pytest.mark.parametrize("ending", ["svg", "html", "png", "pdf"])
def test_a_picture_is_the_same_with_all_fonts_and_with_none(galleries, ending):
    names = sorted(path.name for path in galleries["none"].glob(f"*.{ending}"))
    assert len(names) == 5
    for name in names:
        files = {machine: DATED.sub(b"", (folder / name).read_bytes()) for machine, folder in galleries.items()}
        assert files["none"] == files["all"], name
        assert files["none"] == files["DejaVu"], name


@pytest.mark.renders
def test_letters_are_drawn_where_there_are_no_fonts(tmp_path, monkeypatch):
    """Boxes in place of letters would be equally wide, and an empty box equally dark."""
    pillow = pytest.importorskip("PIL.Image")
    config = tmp_path / "fonts.conf"
    config.write_text(f"<?xml version='1.0'?><fontconfig><cachedir>{tmp_path}</cachedir></fontconfig>")
    monkeypatch.setenv("FONTCONFIG_FILE", str(config))

    def ink(letters):
        text = f'digraph {{ layout=nop2; a [pos="0,0", shape=none, fontname="{FAMILIES}", label="{letters}"] }}'
        picture = Drawing(text).save(tmp_path / "letters.png")
        dark = np.asarray(pillow.open(picture).convert("L")) < 128
        return np.ptp(np.flatnonzero(dark.any(axis=0))), dark.sum()

    found = {letters: ink(letters) for letters in ("WWWW", "iiii", "llll", "σσσσ")}
    assert found["WWWW"][0] > 2.5 * found["iiii"][0]
    assert found["llll"][1] > 1.1 * found["iiii"][1]  # the gap below the dot
    assert found["σσσσ"] not in (found["WWWW"], found["iiii"])


@pytest.mark.renders
def test_nothing_is_written_beside_the_font_of_the_package(galleries):
    assert {Path(str(file)).name for file in FOLDER.iterdir()} == {
        *(f"{style}.{ending}" for style in ("regular", "bold") for ending in ("ttf", "woff")),
        "widths.json",
        "fonts.conf",
        "LICENSE",
    }


def test_text_is_measured_with_the_widths_of_the_font():
    fonts = pytest.importorskip("fontTools.ttLib")
    for style, bold in (("regular", False), ("bold", True)):
        font = fonts.TTFont(str(FOLDER / f"{style}.ttf"))
        known = font.getBestCmap()
        assert len(known) > 900
        for code, name in known.items():
            width = font["hmtx"][name][0] / font["head"].unitsPerEm
            assert text_width(chr(code), 1.0, bold) == pytest.approx(width, abs=6e-4)
        carried = fonts.TTFont(str(FOLDER / f"{style}.woff"))
        assert set(carried.getBestCmap()) < set(known)
        assert "Bitstream" not in str(font["name"].getDebugName(1))


def test_characters_that_the_font_lacks_have_a_width_all_the_same():
    assert is_known("W")
    assert is_known("\n")
    assert not is_known("猫")
    assert text_width("猫", 10.0) == 10.0
    assert text_width("\N{COMBINING TILDE}", 10.0) == 0.0 < text_width("\N{GEORGIAN LETTER AN}", 10.0)


def test_a_label_is_as_large_as_its_lines():
    word, bold = Text("Whh", 10.0), Text("Whh", 10.0, bold=True)
    assert bold.width > word.width
    assert Text("W_hh", 10.0, formula=True).width == pytest.approx(
        text_width("W", 10.0) + INDEX_SIZE * text_width("hh", 10.0)
    )
    assert label_size([word, bold]) == (bold.width, 2 * 1.25 * 10)


@pytest.mark.browser
def test_a_page_brings_its_font_along(opened, char_loss):
    """What a browser takes for each line is what was reckoned with."""
    browser = opened(graph(char_loss(2), gradients=True))
    browser.wait_for("document.fonts.status === 'loaded'")
    lines = browser.run(
        "[...document.querySelectorAll('svg .node text')].filter(text => !text.querySelector('tspan')).map(text =>"
        " [text.textContent, Number(text.getAttribute('font-size')), text.getAttribute('font-weight') === 'bold',"
        " text.getComputedTextLength()])"
    )
    assert len(lines) > 20
    for words, size, bold, width in lines:
        assert width == pytest.approx(text_width(words, size, bold), rel=0.01)


@pytest.mark.renders
def test_lines_of_different_sizes_stand_apart_in_the_middle_of_their_box_in_a_png():
    mpl = pytest.importorskip("matplotlib.image")
    lines = [Text("H" * 6, 11), *[Text("H" * 6, 9)] * 4]
    node = Node("a", Point(0.0, 0.0), (72.0, 72.0), lines, Paint("#ffffff", "#ffffff"), "rect")
    picture = mpl.imread(io.BytesIO(render(dot_text("", [], [], [node]), "png")))[..., :3].mean(axis=-1) < 0.5
    rows = np.flatnonzero(picture.any(axis=1))
    tops = rows[np.diff(rows, prepend=-9) > 1]
    assert np.diff(tops) * 72 / 160 == pytest.approx([11.25] * 4, abs=2)
    for across in (0, 1):
        inked = np.flatnonzero(picture.any(axis=across))
        assert inked[0] + inked[-1] == pytest.approx(picture.shape[1 - across], abs=8)
