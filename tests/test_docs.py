"""Every Python block of the README, CONTRIBUTING and the pages in docs/ runs, in order, in one namespace per file.

A block marked `python` is executed; a block marked `pycon` is a doctest, whose outputs are compared.
"""

import builtins
import doctest
import importlib.util
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import pytest
import typer

import tinyseq as ts
from tinyseq.commands.main import app
from tinyseq.torch_names.lookup import public_modules

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(python|pycon)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    kind: str
    line: int  # of the block's first line of code, counted from 0
    code: str


def blocks(text: str) -> list[Block]:
    return [Block(match[1], text.count("\n", 0, match.start(2)), match[2]) for match in FENCE.finditer(text)]


def run(page: Path, namespace: dict[str, object]) -> None:
    for kind, line, code in blocks(page.read_text(encoding="utf-8")):
        if kind == "pycon":
            run_doctest(page, line, code, namespace)
        else:
            # The empty lines make a traceback show the line of the page.
            exec(compile("\n" * line + code, str(page), "exec"), namespace)


def run_doctest(page: Path, line: int, code: str, namespace: dict[str, object]) -> None:
    test = doctest.DocTestParser().get_doctest(code, namespace, page.name, str(page), line)
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    report: list[str] = []
    runner.run(test, out=report.append, clear_globs=False)
    assert not report, "".join(report)
    namespace.update(test.globs)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page.read_text("utf-8"))], ids=lambda page: page.name
)
def test_the_code_of_the_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if re.search(r"^import torch$", page.read_text("utf-8"), re.MULTILINE):
        pytest.importorskip("torch", reason="the page is about PyTorch")
    run(page, {"__name__": "__main__"})


def test_the_blocks_of_a_page_share_one_namespace(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```python\na = 1\n```\n\n```pycon\n>>> b = a + 1\n>>> b\n2\n```\n\n```python\nc = b + 1\n```\n")
    namespace: dict[str, object] = {}
    run(page, namespace)
    assert namespace["c"] == 3


def test_a_wrong_output_on_a_page_fails(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```pycon\n>>> 1 + 1\n3\n```\n")
    with pytest.raises(AssertionError, match=r"line 2, in page.md(?s:.*)Expected:\s+3\s+Got:\s+2"):
        run(page, {})


def test_an_error_on_a_page_names_its_line(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("title\n\n```python\nx = 1\nraise ValueError('here')\n```\n")
    with pytest.raises(ValueError, match="here") as caught:
        run(page, {})
    assert caught.traceback[-1].lineno + 1 == 5


SHELL = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WITH_TINYSEQ = re.compile(r"(?:^|&& |bin/)(tinyseq [^&#\n]+)", re.MULTILINE)
CHAPTERS = sorted((ROOT / "docs" / "book").glob("*.md"))


def shown_commands(text: str) -> list[str]:
    """The calls of `tinyseq` in blocks of shell commands, and those with options in a line of text."""
    prose = " ".join(re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL).split())
    inline = [found for found in re.findall(r"`(tinyseq [^`]+)`", prose) if "--" in found]
    return [found for block in SHELL.findall(text) for found in WITH_TINYSEQ.findall(block)] + inline


def parse(words: list[str]) -> None:
    """Parse a command line as the command itself would, without running it."""
    command, (name, *rest) = typer.main.get_command(app), words
    while hasattr(command, "commands"):
        command, (name, *rest) = command.commands[rest[0]], rest
    command.make_context(name, rest)


@pytest.mark.parametrize("page", [*PAGES, *CHAPTERS], ids=lambda page: page.name)
def test_the_command_has_the_options_that_a_page_gives_it(page, monkeypatch):
    monkeypatch.setattr(Path, "exists", lambda path: True)  # so also the files of examples
    for line in shown_commands(page.read_text("utf-8")):
        parse(shlex.split(line))


def test_the_commands_of_pages_are_found_and_a_wrong_option_is_seen():
    found = [line for page in (*PAGES, *CHAPTERS) for line in shown_commands(page.read_text("utf-8"))]
    assert len(found) > 25
    with pytest.raises(Exception, match="No such option: --colour"):
        parse(["tinyseq", "draw", "rnn", "--colour", "blue"])


PLACE = re.compile(r"`((?:tests|tinyseq|examples|docs)/[^`:]+)(?:::(\w+))?`")


def test_no_two_pages_of_the_site_have_one_title():
    """In a list of search results they could not be told apart."""
    pages = sorted((ROOT / "docs").rglob("*.md"))
    titles = [next(line for line in page.read_text("utf-8").splitlines() if line.startswith("# ")) for page in pages]
    assert len(titles) > 50
    assert [title for title in set(titles) if titles.count(title) > 1] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_files_and_tests_that_a_page_names_exist(page):
    for place, test in PLACE.findall(page.read_text("utf-8")):
        assert (ROOT / place).exists(), place
        assert not test or f"def {test}(" in (ROOT / place).read_text("utf-8"), f"{place}::{test}"
    for name in re.findall(r"`(\w+\.py)`", page.read_text("utf-8")):  # of a folder that the text has named
        assert any((ROOT / "tinyseq").rglob(name)) or (ROOT / "benchmarks" / name).exists(), name


PICTURE = re.compile(r"^```\{picture\} (.*)$", re.MULTILINE)


@pytest.mark.parametrize(
    "page", [page for page in PAGES if PICTURE.search(page.read_text("utf-8"))], ids=lambda page: page.name
)
def test_the_pictures_of_a_page_are_drawn(page, tmp_path, monkeypatch):
    """As the documentation's builder draws them, from the code above them."""
    pytest.importorskip("pygraphviz", reason="drawing needs a renderer")
    pytest.importorskip("matplotlib", reason="plots are matplotlib figures")
    spec = importlib.util.spec_from_file_location("picture", ROOT / "docs" / "_ext" / "picture.py")
    pytest.importorskip("sphinx", reason="the directive is Sphinx's")
    picture = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(picture)
    text = page.read_text("utf-8")
    for found in PICTURE.finditer(text):
        drawn = picture.shown(eval(found[1], picture.namespace_above(text[: found.start()])), "words")
        assert "<img" in drawn or "<iframe" in drawn
        assert len(drawn) < 700_000, found[1]


def test_the_picture_in_the_readme_is_what_the_library_draws():
    """Write it anew with `python tests/test_docs.py` after a change of drawings."""
    assert (ROOT / "docs" / "unrolled.svg").read_text("utf-8") == unrolled()


def unrolled() -> str:
    """The network of the landing page, before training."""
    (cell,) = re.findall(
        r"^```\{code-cell\}\n:tags: [^\n]*\n(.*?)^```$", (ROOT / "docs" / "index.md").read_text("utf-8"), re.M | re.S
    )
    namespace: dict[str, object] = {}
    exec(cell.replace(".page()", ""), namespace)
    return ts.viz.graph(namespace["loss"], gradients=True).svg()


if __name__ == "__main__":
    (ROOT / "docs" / "unrolled.svg").write_text(unrolled(), "utf-8")


ALL_PAGES = [*PAGES, *sorted((ROOT / "docs").glob("*/*.md"))]
LINK = re.compile(r"\[[^\]]*\]\((?!https?:)([\w./-]*)(?:#([\w-]+))?\)")


def without_code(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The headings of a page as the site and GitHub name them, and its own targets."""
    headings = re.findall(r"^#+ (.*)$", without_code(page), re.MULTILINE)
    named = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return named | set(re.findall(r"^\(([\w-]+)\)=$", page.read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("page", ALL_PAGES, ids=lambda page: page.name)
def test_the_pages_and_headings_that_a_page_links_to_exist(page):
    for path, anchor in LINK.findall(without_code(page)):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name} links to {path}, which does not exist"
        assert not anchor or anchor in anchors(target), (
            f"{page.name} links to {path}#{anchor}, which has no such heading"
        )


def test_a_link_to_a_heading_that_does_not_exist_is_seen(tmp_path):
    (tmp_path / "one.md").write_text("# One\n\n## A word's `name_of`\n\n```\n# no heading\n```\n", "utf-8")
    assert anchors(tmp_path / "one.md") == {"one", "a-words-name_of"}
    assert LINK.findall("[a](one.md#b) [c](#d) [e](https://f.g) [h](i/j.md)") == [
        ("one.md", "b"),
        ("", "d"),
        ("i/j.md", ""),
    ]


# -- names in sentences and tables -------------------------------------------------------------------------------------

ELSEWHERE = {"fast", "recorded_whole", "wait"}  # made in examples of the pages, or in modules that they import from


def callable_names() -> set[str]:
    """The functions, classes and methods that a page may call without saying where they are."""
    found = set(dir(ts.Tensor)) | set(dir(builtins)) | ELSEWHERE
    for _, module in public_modules(ts):
        for name in module.__all__:
            found |= {name, *dir(getattr(module, name))}
    return found


@pytest.mark.parametrize("page", [*PAGES, *sorted((ROOT / "docs" / "book").glob("*.md"))], ids=lambda page: page.stem)
def test_what_a_sentence_calls_exists(page):
    known = callable_names()
    sentences = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    for code in re.findall(r"`([^`\n]+)`", sentences):
        assert set(re.findall(r"(?<![\w.])([a-z_]\w+)\(", code)) <= known, code
        for path in re.findall(r"\bts((?:\.\w+)+)", code):
            value = ts
            for part in path.split(".")[1:]:
                value = getattr(value, part)
