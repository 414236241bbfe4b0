"""The text and the labelled sequences that come with Python: clean, repeatable, and fairly split."""

import re
import sys
import sysconfig
from pathlib import Path

import pytest

from tinyseq.data import DataError, python_docs, python_source
from tinyseq.data.corpora import source_files
from tinyseq.data.pysource import LABELS, labelled_tokens


def test_the_documentation_is_prose_in_plain_characters():
    train, held_out = python_docs()
    assert len(train) > 150_000
    assert 0.05 < len(held_out) / len(train) < 0.2
    assert set(held_out) <= set(train)
    for paragraph in (train + "\n" + held_out).split("\n"):
        assert re.search(r"[.:?]$", paragraph)
        assert ">>>" not in paragraph
        assert "::=" not in paragraph
        assert "  " not in paragraph


def test_no_held_out_paragraph_stands_in_the_training_text():
    train, held_out = (set(part.split("\n")) for part in python_docs())
    assert not train & held_out


def test_the_documentation_is_the_same_every_time():
    assert python_docs() == python_docs()


def test_a_python_without_documentation_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(DataError, match=r"^pydoc_data.topics: this Python has no documentation; expected a full"):
        python_docs()


def test_the_source_is_labelled_and_as_long_as_asked_for():
    split = python_source(train=5000, held_out=1000)
    for part, wanted in zip(split, (5000, 1000), strict=True):
        count = sum(map(len, part))
        assert wanted <= count < wanted + len(part[-1])
        assert {label for line in part for _, label in line} <= set(LABELS)
    assert split == python_source(train=5000, held_out=1000)


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A standard library of our own."""
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    return tmp_path


def test_the_label_of_a_token_needs_its_context():
    train, _ = python_source(train=20_000, held_out=1)
    roles: dict[str, set[str]] = {}
    for line in train:
        for token, label in line:
            roles.setdefault(token, set()).add(label)
    assert sum(len(labels) > 1 for labels in roles.values()) > 100


def test_held_out_files_are_not_learnt_from(library):
    for i in range(10):
        (library / f"m{i}.py").write_text(f"name{i} = 1\n")
    train, held_out = python_source(train=9, held_out=9)
    learnt, judged = ({line[0][0] for line in part} for part in (train, held_out))
    assert len(learnt) == len(judged) == 3
    assert not learnt & judged


def test_tests_and_what_is_no_program_are_skipped(library):
    for folder in ("test", "package/tests", "site-packages"):
        (library / folder).mkdir(parents=True)
        (library / folder / "m.py").write_text("skipped = 1")
    (library / "package" / "m.py").write_text("x = 1\n")
    (library / "broken.py").write_text("x = = 1\n")
    (library / "binary.py").write_bytes(b"\xff\xfe\x00")
    (library / "nul.py").write_bytes(b"x = 1\0")
    (library / "large.py").write_text("x = 1\n" * 20_000)
    (library / "latin.py").write_bytes(b"# coding: latin-1\ny = '\xe9'\n")
    train, held_out = python_source(train=3, held_out=3)
    assert sorted([train[0][0][0], held_out[0][0][0]]) == ["x", "y"]
    assert len(list(source_files(library))) == 5
    with pytest.raises(DataError, match="too little Python source; expected 7 tokens of the standard library"):
        python_source(train=4, held_out=3)


def test_the_sequences_are_whole_lines_of_the_files():
    train, _ = python_source(train=2000, held_out=1)
    first = next(source_files(Path(sysconfig.get_path("stdlib"))))
    lines = labelled_tokens(first.read_text(encoding="utf-8"))
    assert train[: len(lines)] == lines[: len(train)]
