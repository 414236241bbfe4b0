"""Corpora that come with Python, so that nothing has to be downloaded, and the lectures' short texts."""

import os
import re
import sysconfig
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar
from zlib import crc32

from tinyseq.arguments import whole
from tinyseq.data.generated import Tables
from tinyseq.data.pysource import labelled_tokens
from tinyseq.data.readers import DataError, Sentence
from tinyseq.torch_names.settings import explained

Data = TypeVar("Data")

HELLO = "hello"
"""The lectures' first text for a character-level RNN, over the vocabulary h, e, l, o."""

FISH = "So long and thanks for all the fish"
"""The lectures' sentence for a word-level language model."""

CATS: Tables[str] = {
    "initial": [0.1, 0.2, 0.7],
    "transition": [[0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [0.6, 0.2, 0.2]],
    "emission": [[0.2, 0.1, 0.7], [0.1, 0.8, 0.1], [0.4, 0.3, 0.3]],
    "states": ["X", "Y", "Z"],
    "symbols": ["I", "like", "cats"],
}
"""The lectures' hidden Markov model, ``ts.hmm.HMM(**CATS)``. It reads its symbols in their order: "I like cats"."""


class Split(NamedTuple, Generic[Data]):
    """Training data, and held-out data of the same kind.

    Example:
        >>> train, held_out = Split("so long and thanks for all ", "the fish")
        >>> held_out
        'the fish'
    """

    train: Data
    held_out: Data


PLAIN = str.maketrans({"“": '"', "”": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "…": "...", "\xa0": " "})


def python_docs() -> Split[str]:
    """English prose: the language reference that Python's `help()` shows, one paragraph per line.

    Headings, code, grammar and tables are left out, and so are repeated paragraphs, so that no held-out paragraph
    occurs in the training text. Of every hundred paragraphs, the last ten are held out, unless they contain a character
    that the training text lacks. The text differs slightly between versions of Python.

    Returns:
        The two texts.

    Raises:
        DataError: if this Python was installed without its documentation.

    Example:
        >>> train, held_out = python_docs()
        >>> len(train) > 5 * len(held_out) > 50_000
        True
    """
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise DataError(
            "pydoc_data.topics", None, "this Python has no documentation", "a full installation, or a text of your own"
        ) from None
    blocks = (block for name in sorted(topics) for block in re.split(r"\n\s*\n", topics[name].translate(PLAIN)))
    paragraphs = list(dict.fromkeys(" ".join(block.split()) for block in blocks if is_prose(block)))
    train = "\n".join(text for i, text in enumerate(paragraphs) if i % 100 < 90)
    known = set(train)  # a rare character may occur only in held-out paragraphs
    others = (text for i, text in enumerate(paragraphs) if i % 100 >= 90)
    return Split(train, "\n".join(text for text in others if known.issuperset(text)))


def is_prose(block: str) -> bool:
    """Guess whether a block of the documentation is prose: it ends like a sentence, and is mostly letters."""
    block = block.strip()
    if not block.endswith((".", ":", "?")) or ">>>" in block or "::=" in block:
        return False
    letters = sum(character.isalpha() or character.isspace() for character in block)
    return len(block.split()) >= 5 and letters >= 0.85 * len(block)


@explained
def python_source(train: int = 150_000, held_out: int = 15_000) -> Split[list[Sentence]]:
    """Labelled sequences: the source code of the standard library, one sequence for each logical line.

    Each file is either training or held-out data as a whole. Tests, and files that do not parse, are skipped. The order
    of the files depends only on their names, so every run gives the same data; it differs slightly between versions of
    Python.

    Args:
        train: the number of training tokens; the last sequence may exceed it.
        held_out: the number of held-out tokens, likewise.

    Returns:
        Lists of sequences of (token, label); `tinyseq.data.pysource.LABELS` are the labels.

    Raises:
        DataError: if this Python was installed without the source of its library.

    Example:
        >>> train, held_out = python_source(train=1000, held_out=100)
        >>> 1000 <= sum(map(len, train)) < 1100
        True
    """
    train, held_out = whole("train", train, 0), whole("held_out", held_out, 0)
    library = Path(sysconfig.get_path("stdlib"))
    files = source_files(library)
    parts: list[list[Sentence]] = []
    for wanted in (train, held_out):
        part: list[Sentence] = []
        count = 0
        while count < wanted:
            try:
                lines = labelled_tokens(read_source(next(files)))
            except StopIteration:
                raise DataError(
                    str(library), None, "too little Python source", f"{train + held_out} tokens of the standard library"
                ) from None
            except (SyntaxError, UnicodeDecodeError):
                continue
            for line in lines:
                if count < wanted:
                    part.append(line)
                    count += len(line)
        parts.append(part)
    return Split(*parts)


SKIPPED = {"test", "tests", "idlelib", "lib2to3", "turtledemo", "encodings", "site-packages", "dist-packages"}
LARGEST = 100_000  # bytes; larger files are mostly tables, and one of them could fill the corpus


def source_files(library: Path) -> Iterator[Path]:
    """The library's source files, shuffled in an order that depends only on their names."""
    names = []
    for folder, folders, files in os.walk(library):
        folders[:] = [name for name in folders if name not in SKIPPED]
        names += [(Path(folder, name).relative_to(library)).as_posix() for name in files if name.endswith(".py")]
    for name in sorted(names, key=lambda name: (crc32(name.encode()), name)):
        if (library / name).stat().st_size <= LARGEST:
            yield library / name


def read_source(path: Path) -> str:
    with tokenize.open(path) as file:  # decodes by the encoding that the file declares
        return file.read()
