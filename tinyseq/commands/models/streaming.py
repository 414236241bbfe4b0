"""Tagging CoNLL-U files of any size: sentences are read, tagged and written a few thousand words at a time."""

import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from tinyseq.commands.common import counted, standard
from tinyseq.data import ConlluSentence, DataError, conllu_sentences
from tinyseq.io import atomic_write
from tinyseq.tagging import Tagger

WORDS = 5_000  # that are tagged at a time

Renamed = Callable[[Iterable[Any]], Iterator[Any]]


def tag_files(tagger: Tagger, paths: list[Path], out: Path | None, column: str, encoding: str) -> str:
    """Tag CoNLL-U files; everything else in each sentence stays unchanged; the result is UTF-8 with LF.

    Args:
        tagger: a tagger of words.
        paths: the files; ``-`` is standard input.
        out: the file to write, which appears once all is tagged; standard output if None.
        column: ``"upos"`` or ``"xpos"``, where the tags are written.
        encoding: of the files.

    Returns:
        A line that says how much was tagged, how fast, and the peak memory.
    """
    start, counts = time.perf_counter(), [0, 0]

    def write(target: BinaryIO) -> None:  # bytes, as standard output may have another encoding and line end
        for path in paths:
            with file_of(path) as (real, renamed):
                for batch in _batches(renamed(conllu_sentences.stream(real, encoding=encoding))):
                    words = [[word.form for word in sentence.words] for sentence in batch]
                    for sentence, tags in zip(batch, tagger.tag_many(words), strict=True):
                        tagged = sentence.with_tags(**{column: tags}) if tags else sentence
                        target.write(str(tagged).encode())
                    counts[0] += sum(map(bool, words))
                    counts[1] += sum(map(len, words))

    def write_file(temporary: Path) -> None:
        with temporary.open("wb") as file:
            write(file)

    if out is None:
        output = standard(sys.stdout, "standard output")
        write(output)
        output.flush()
    else:
        atomic_write(out, write_file)
    seconds = time.perf_counter() - start
    peak = _peak()
    memory = "" if peak is None else f"; peak memory {peak / 2**20:,.0f} MB"
    rate = f"{counts[1] / seconds:,.0f} per second"
    done = f"{counted(counts[0], 'sentence')}, {counted(counts[1], 'word')}"
    return f"{done} in {seconds:.1f} s ({rate}){memory}"


@contextlib.contextmanager
def file_of(path: Path) -> Iterator[tuple[Path, Renamed]]:
    """A file to read, and how to read its items: standard input is copied to a file that errors do not name."""
    if str(path) != "-":
        yield path, iter
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "input")
        with copy.open("wb") as file:
            shutil.copyfileobj(standard(sys.stdin, "standard input"), file)
        yield copy, _from_standard_input


def _from_standard_input(items: Iterable[Any]) -> Iterator[Any]:
    try:
        yield from items
    except DataError as error:
        raise DataError("standard input", *error.args[1:]) from None


def _batches(sentences: Iterable[ConlluSentence]) -> Iterator[list[ConlluSentence]]:
    batch: list[ConlluSentence] = []
    words = 0
    for sentence in sentences:
        batch.append(sentence)
        words += len(sentence.tokens)
        if words >= WORDS:
            yield batch
            batch, words = [], 0
    if batch:
        yield batch


def _peak() -> int | None:
    """The process's peak memory in bytes; None if the system does not report it."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
