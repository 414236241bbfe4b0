"""The literature: a work is cited the same way wherever it is cited."""

import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHAPTERS = sorted((ROOT / "docs" / "book").glob("[0-9]*.md"))
CITED = re.compile(r'([^"]*?)"([^"]+)",\s(.*?(?:1[89]|20)\d\d)(?=[:;,.\s])')
BARE = re.compile(r"\([^()\d]*\b[A-Z][\w'’-]+ (?:1[89]|20)\d\d[,;:)]")
MONTHS = re.compile(r"\b(?:January|February|March|April|May|June|July|August|September|October|November|December) ")


def citations(text):
    """Authors, title, and the rest up to the year, of each entry in a list of things to read next."""
    for entry in re.findall(r"^- (.*(?:\n  .*)*)", text.partition("## Read next")[2], flags=re.M):
        for authors, title, where in CITED.findall(" ".join(entry.split())):
            yield re.split(r"[;.:] |, and |came with ", authors)[-1].strip(" ,"), title, where


def disagreements(texts):
    """Titles with more than one set of authors, or more than one place and year."""
    found = defaultdict(set)
    for text in texts:
        for authors, title, where in citations(text):
            found[title.lower()].add((authors, where))
    return {title: ways for title, ways in found.items() if len(ways) > 1}


def test_a_work_is_cited_the_same_way_in_every_chapter():
    texts = [chapter.read_text("utf-8") for chapter in CHAPTERS]
    assert sum(len(list(citations(text))) for text in texts) > 40
    assert disagreements(texts) == {}


def test_another_year_is_found():
    one, other = (f'## Read next\n\n- A. Author, "A title", *ACL* {year}: why.\n' for year in (1999, 2000))
    assert disagreements([one, one]) == {}
    assert list(disagreements([one, other])) == ["a title"]


def test_years_follow_a_comma():
    for path in [*(ROOT / "tinyseq").rglob("*.py"), *CHAPTERS, *(ROOT / "docs").glob("*.md")]:
        for cited in BARE.findall(path.read_text("utf-8")):
            assert MONTHS.search(cited) or re.search(r"[A-Z]{2,}", cited), f"{path.name}: {cited}"
