"""The lecture book: every chapter runs, keeps to one form, and checks every fact of the lectures."""

import ast
import re
from pathlib import Path

import pytest

from tinyseq.book import Cell, Chapter, Exercise, Prose, chapters, save_figures

ROOT = Path(__file__).resolve().parents[2]
BOOK = chapters()
SECTIONS = [
    "The formula",
    "In five lines",
    "The picture",
    "A number to check",
    "Where the slides slip",
    "Exercises",
    "Read next",
]
OPTIONAL = {"Where the slides slip"}

TABLE = (ROOT / "docs" / "lectures.md").read_text("utf-8")
PLACE = re.compile(r"\(book/([\w-]+)\.md#fact-([\w-]+)\)")

each_chapter = pytest.mark.parametrize("chapter", BOOK, ids=lambda chapter: chapter.slug)


def asserts(cell: Cell) -> int:
    return sum(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(cell.code)))


@each_chapter
def test_it_runs_offline_draws_its_figures_and_leaves_nothing_behind(chapter, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib", reason="plots are matplotlib figures")

    def offline(*args, **kwargs):
        raise OSError("a chapter must not need a network")

    monkeypatch.setattr("socket.socket.connect", offline)
    before = set(ROOT.iterdir())
    drawn = {path.stem for path in save_figures(tmp_path, ["svg"], chapter=chapter.number)}
    assert drawn >= {f"{cell.figure}{look}" for cell in chapter.cells if cell.figure for look in ("", "-dark")}
    assert sum(asserts(cell) for cell in chapter.cells) > 0
    assert set(ROOT.iterdir()) == before


@each_chapter
def test_it_has_the_sections_of_a_chapter_in_order(chapter):
    text = "\n".join(part.text for part in chapter.parts if isinstance(part, Prose))
    found = [name for name in re.findall(r"^## (.+)$", text, re.MULTILINE) if name in SECTIONS]
    assert found == [name for name in SECTIONS if name in found or name not in OPTIONAL]
    assert chapter.slug.startswith(f"{chapter.number:02}-")


@each_chapter
def test_it_has_figures_for_slides(chapter):
    figures = [cell for cell in chapter.cells if cell.figure]
    assert figures
    assert all(cell.split("")[1] is not None for cell in figures), "a figure is the last expression of its cell"


def test_names_of_figures_and_facts_are_unique():
    figures = [cell.figure for chapter in BOOK for cell in chapter.cells if cell.figure]
    facts = [fact for chapter in BOOK for fact in chapter.facts]
    assert len(figures) == len(set(figures))
    assert len(facts) == len(set(facts))


def rows() -> list[str]:
    """The rows of the tables of facts."""
    return [line for line in TABLE.splitlines() if line.startswith("| ") and not line.startswith("| fact |")]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[2:60])
def test_every_fact_of_the_lectures_is_checked_by_the_cell_after_it(row):
    places = PLACE.findall(row)
    assert places, "the row names no chapter"
    by_slug = {chapter.slug: chapter for chapter in BOOK}
    for slug, fact in places:
        assert fact in by_slug[slug].facts, f"chapter {slug} does not state it"
        cell = by_slug[slug].facts[fact]
        assert cell is not None
        assert asserts(cell), f"the cell in line {cell.line} of {slug} does not check it"


def test_every_fact_that_a_chapter_states_is_in_the_table():
    stated = {(chapter.slug, fact) for chapter in BOOK for fact in chapter.facts}
    assert stated == set(PLACE.findall(TABLE))


# -- the reader of chapters --------------------------------------------------------------------------------------------

SMALL = """---
kernelspec:
  name: python3
---

# 3. A small one

Why?

(fact-one)=
One is one.

```{code-cell}
:tags: [hide-input, figure-ones]
a = 1
a + 1
```

```{exercise} vjp_of_tanh
```

Text with ```code``` in it.

```{code-cell}
assert a == 2
```
"""


@pytest.fixture
def small(tmp_path):
    path = tmp_path / "03-small.md"
    path.write_text(SMALL, "utf-8")
    return Chapter(path)


def test_a_chapter_is_prose_cells_and_exercises(small):
    assert (small.number, small.title, small.slug) == (3, "A small one", "03-small")
    assert [type(part) for part in small.parts] == [Prose, Cell, Exercise, Prose, Cell]
    first, second = small.cells
    assert (first.figure, first.code, second.figure) == ("ones", "a = 1\na + 1\n", None)
    lines = SMALL.splitlines()
    assert (lines[first.line - 1], lines[second.line - 1]) == ("a = 1", "assert a == 2")
    assert small.facts == {"one": first}
    assert small.exercises == ["vjp_of_tanh"]


def test_an_error_in_a_cell_names_the_line_of_the_chapter(small):
    with pytest.raises(AssertionError) as caught:
        list(small.run())
    assert caught.traceback[-1].lineno + 1 == SMALL.splitlines().index("assert a == 2") + 1


def test_a_file_without_its_heading_is_refused(tmp_path):
    path = tmp_path / "03-small.md"
    path.write_text("# Small\n", "utf-8")
    with pytest.raises(ValueError, match=r"03-small.md must start with a heading such as '# 5. Title'"):
        Chapter(path)
