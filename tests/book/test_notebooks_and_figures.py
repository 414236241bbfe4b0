"""Chapters as notebooks and figures."""

import contextlib
import io
import json
import re

import pytest
from typer.testing import CliRunner

from tinyseq.book import Chapter, chapters, notebook, save_figures, save_notebooks
from tinyseq.commands.main import app
from tinyseq.exercises import EXERCISES, check_file

BOOK = chapters()

SMALL = """# 3. A small one

(fact-one)=
See [the next](04-the-recurrent-network.md#fact-hello) and [the loop](../training.md).

:::{note} Mind
One is
one.
:::

```{code-cell}
:tags: [figure-ones]
import tinyseq as ts
print("printed")
loss = (ts.ones(2, requires_grad=True) * 3).sum()
ts.viz.graph(loss)
```

```{exercise} vjp_of_tanh
```

```{code-cell}
:tags: [figure-curve]
ts.viz.plots.loss_curve([0, 1, 2], [3.0, 2.0, 1.0])
```

```{code-cell}
:tags: [figure-made]
figure = ts.viz.plots.loss_curve([0, 1], [2.0, 1.0])
figure
```
"""


def chapter_of(text, folder):
    path = folder / "03-small.md"
    path.write_text(text, "utf-8")
    return Chapter(path)


def test_a_notebook_has_no_syntax_that_jupyter_does_not_know(tmp_path):
    cells = json.loads(notebook(chapter_of(SMALL, tmp_path)))["cells"]
    texts = ["".join(cell["source"]) for cell in cells]
    assert texts[0] == (
        "# 3. A small one\n\nSee [the next](04-the-recurrent-network.ipynb) and the loop.\n\n"
        "> **Mind**\n>\n> One is\n> one."
    )
    assert texts[1].startswith("import tinyseq as ts\n")
    assert texts[4].startswith("**The rule of tanh.** ")
    assert texts[5].startswith("def vjp_of_tanh(") or "\ndef vjp_of_tanh(" in texts[5]
    assert texts[6].endswith("exercises.check(vjp_of_tanh)")
    assert "<details>" in texts[7]
    kinds = ["markdown", "code", "code", "code", "markdown", "code", "code", "markdown"]  # exercises after all else
    assert [cell["cell_type"] for cell in cells] == kinds
    without = json.loads(notebook(chapter_of(SMALL, tmp_path), solutions=False))["cells"]
    assert ["".join(cell["source"]) for cell in without] == texts[:7]


def test_the_notebooks_are_written_into_a_new_folder(tmp_path):
    written = save_notebooks(tmp_path / "a" / "b")
    assert [path.name for path in written] == [f"{chapter.slug}.ipynb" for chapter in BOOK]
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == [path.name for path in written]
    for option, solved in (("--solutions", True), ("--no-solutions", False)):
        folder = tmp_path / option
        assert CliRunner().invoke(app, ["notebooks", option, "--out", str(folder)]).exit_code == 0
        assert {path.name: "<summary>Solution" in path.read_text("utf-8") for path in folder.iterdir()} == {
            f"{chapter.slug}.ipynb": solved and bool(chapter.exercises) for chapter in BOOK
        }
    for path in written:
        cells = json.loads(path.read_text("utf-8"))["cells"]
        assert len({cell["id"] for cell in cells}) == len(cells)
        assert not [cell for cell in cells if "```{" in "".join(cell["source"]) or "\n:::" in "".join(cell["source"])]


@pytest.mark.parametrize("number", [3, 9])
def test_a_solved_chapter_is_marked_as_homework(number, tmp_path):
    """The cells of chapter 3 define a softmax, which is an exercise of chapter 2."""
    chapter, file = BOOK[number - 1], tmp_path / "homework.ipynb"
    cells = json.loads(notebook(chapter, solutions=False))["cells"]
    starters = {EXERCISES[name].starter.strip(): EXERCISES[name].solution for name in chapter.exercises}
    for cell in cells:
        cell["source"] = starters.get("".join(cell["source"]), cell["source"])
    file.write_text(json.dumps({"cells": cells}), "utf-8")
    report = check_file(file)
    assert {verdict.name: verdict.status for verdict in report} == dict.fromkeys(chapter.exercises, "right")
    assert report.notes == ()


@pytest.fixture
def small_book(monkeypatch, tmp_path):
    monkeypatch.setattr("tinyseq.book.figures.chapters", lambda: [chapter_of(SMALL, tmp_path)])


def test_figures_are_drawn_light_and_dark_with_numbers_where_there_are_any(small_book, tmp_path):
    pytest.importorskip("matplotlib", reason="plots are matplotlib figures")
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        names = [path.name for path in save_figures(tmp_path / "out", ["svg"])]
    looks = ["ones", "ones-numbers", "ones-dark", "ones-numbers-dark", "curve", "curve-dark", "made", "made-dark"]
    assert names == [f"{look}.svg" for look in looks]
    texts = {name: (tmp_path / "out" / name).read_bytes() for name in names}
    assert len(set(texts.values())) == len(names)
    papers = [re.search(rb"fill: (#\w+)", texts[name])[1] for name in ("made.svg", "made-dark.svg")]
    assert papers[0] == b"#ffffff"
    assert papers[1] < b"#200000"
    assert shown.getvalue() == ""
    again = {path.name: path.read_bytes() for path in save_figures(tmp_path / "again", ["svg"])}
    assert again == texts


def test_figures_as_pdf(small_book, tmp_path):
    pytest.importorskip("matplotlib", reason="plots are matplotlib figures")
    pytest.importorskip("pygraphviz", reason="PDF files of drawings need a renderer")
    for path in save_figures(tmp_path / "out", ["pdf"]):
        assert path.read_bytes().startswith(b"%PDF")


def test_figures_of_one_chapter(monkeypatch, tmp_path):
    monkeypatch.setattr("tinyseq.book.figures.chapters", lambda: BOOK)
    ran = []
    monkeypatch.setattr("tinyseq.book.figures._figures", lambda chapter, *_: ran.append(chapter.number) or [])
    assert list(save_figures(tmp_path, ["svg"], chapter=5)) == []
    assert ran == [5]
    assert list(save_figures(tmp_path, ["svg"])) == []
    assert ran[1:] == [chapter.number for chapter in BOOK]
    with pytest.raises(ValueError, match=f"chapter must be one of 1 to {len(BOOK)}; got 99"):
        next(save_figures(tmp_path / "none", ["svg"], chapter=99))
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("formats", [[], ["gif"], ["svg", "docx"]])
def test_another_format_is_refused_before_anything_is_written(formats, tmp_path):
    with pytest.raises(ValueError, match="formats must be some of svg, pdf, png; got"):
        list(save_figures(tmp_path / "out", formats))
    with pytest.raises(TypeError, match="formats must be a list"):
        list(save_figures(tmp_path / "out", "svg"))
    assert not (tmp_path / "out").exists()
