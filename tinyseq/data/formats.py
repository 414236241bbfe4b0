"""File formats: each is a function from numbered lines to items, and its `Reader`."""

import re
from collections.abc import Iterable, Iterator

from tinyseq.arguments import text
from tinyseq.data.readers import (
    BLANKS,
    MARK,
    Lines,
    Malformed,
    Reader,
    Sentence,
    Tag,
    Word,
    blocks,
    fields,
    option,
    show,
    single_lines,
)

JOINED = "a line break where files were joined"


def word_tag_items(lines: Lines, separator: str = "/") -> list[Sentence]:
    if not separator or separator.strip(BLANKS) != separator:
        raise ValueError(f"separator must be a string between word and tag, such as '/' or '_', got {separator!r}")
    return [
        [split_word_tag(token, number, separator) for token in re.split(f"[{BLANKS}]+", line.strip(BLANKS))]
        for number, line in lines
        if line.strip(BLANKS)
    ]


def split_word_tag(token: str, number: int, separator: str) -> tuple[Word, Tag]:
    word, found, tag = token.rpartition(separator)  # the last one: a word may contain the separator
    if not found or not tag:
        other = "_" if separator == "/" else "/"
        cure = f"separator={other!r}, if tags follow that" if not found and other in token[1:-1] else None
        raise Malformed(number, f"{show(token)} has no tag", cure)
    if not word:
        raise Malformed(number, f"{show(token)} has no word")
    if MARK in token:
        raise Malformed(number, f"a byte order mark inside {show(token)}", JOINED)
    return word, tag


def two_column_items(lines: Lines) -> list[Sentence]:
    return [[two_columns(number, line) for number, line in block] for block in blocks(lines)]


def two_columns(number: int, line: str) -> tuple[Word, Tag]:
    found = fields(line)
    if len(found) != 2:
        raise Malformed(number, f"{len(found)} column{'s' * (len(found) != 1)} in {show(line)}")
    if MARK in found[1]:
        raise Malformed(number, f"a byte order mark inside {show(line)}", JOINED)
    return found[0], found[1]


def conll2003_items(lines: Lines, tags: str = "ner") -> list[Sentence]:
    columns = {"pos": 1, "chunk": 2, "ner": 3}
    column = columns[option("tags", tags, columns)]
    sentences = []
    for block in blocks(lines):
        sentence = []
        for number, line in block:
            found = fields(line)
            if found[0] == "-DOCSTART-":
                continue
            if len(found) != 4:
                raise Malformed(number, f"{len(found)} column{'s' * (len(found) != 1)} in {show(line)}")
            sentence.append((found[0], found[column]))
        if sentence:
            sentences.append(sentence)
    return sentences


def plain_text_items(lines: Lines) -> str:
    return "\n".join(line for _, line in lines).replace(MARK, "")


def is_blank(line: str) -> bool:
    return not line.strip()


def labelled_items(lines: Lines) -> list[tuple[str, str]]:
    items = []
    for number, line in lines:
        if not line.strip(BLANKS):
            continue
        label, tab, text = (part.strip(" ") for part in line.partition("\t"))
        if not tab and "\t" not in line:
            raise Malformed(number, f"no tab in {show(line)}")
        if not label or not text:
            raise Malformed(number, f"no {'text' if label else 'label'} in {show(line)}")
        if "\t" in text:
            raise Malformed(number, f"{text.count(chr(9)) + 1} tabs in {show(line)}")
        items.append((label, text))
    return items


def fasta_items(lines: Lines) -> list[tuple[str, str]]:
    records: list[tuple[int, str, list[str]]] = []
    for number, line in lines:
        line = line.strip()
        if line.startswith(">"):
            records.append((number, line[1:].strip(), []))
        elif not line or line.startswith(";"):
            continue
        elif not records:
            raise Malformed(number, f"{show(line)} before any header", "a header first, as in '>chr1 a region'")
        else:
            if wrong := re.search(r"[^A-Za-z*\-. \t]", line):
                raise Malformed(number, f"{wrong[0]!r} in column {wrong.start() + 1} of a sequence")
            records[-1][2].append(re.sub(f"[{BLANKS}]", "", line))
    for number, header, sequence in records:
        if not sequence:
            raise Malformed(number, f"header {show(header)} without a sequence")
    return [(header, "".join(sequence)) for _, header, sequence in records]


def fasta_records(lines: Iterable[tuple[int, str]]) -> Iterator[Lines]:
    """The lines of each record, from one header to the next; whatever comes before the first header is a piece, too."""
    record: Lines = []
    for number, line in lines:
        if line.strip().startswith(">") and record:
            yield record
            record = []
        if line.strip():
            record.append((number, line))
    if record:
        yield record


def bases(sequence: str, *, masked: bool = True) -> list[str | None]:
    """The bases of a DNA sequence as observations of a hidden Markov model: A, C, G, T, and None for unknown bases.

    N and the other ambiguity codes, and gaps, become missing observations, which keep their position and favour no
    state.

    Args:
        sequence: as `fasta` reads it, upper or lower case; U (of RNA) is read as T.
        masked: keep soft-masked (lower-case) bases; with False they are None.

    Returns:
        One entry for each character.

    Raises:
        ValueError: if a character is neither a letter nor a gap; the error gives its position.

    Example:
        >>> bases("AcgNt")
        ['A', 'C', 'G', None, 'T']
        >>> bases("AcgNt", masked=False)
        ['A', None, None, None, None]
    """
    sequence = text("sequence", sequence)
    if wrong := re.search(r"[^A-Za-z*\-.]", sequence):
        raise ValueError(
            f"sequence has {wrong[0]!r} at position {wrong.start()}; expected letters, or '-' or '.' for gaps"
        )
    known = {base: base for base in "ACGT"} | {"U": "T"}
    if masked:
        sequence = sequence.upper()
    return [known.get(letter) for letter in sequence]


word_tag = Reader(
    "word/TAG",
    "words with tags, as in 'the/DT cat/NN'",
    word_tag_items,
    example="the/DT café/NN\na/b/SYM\n",
    formats={"brown": {}, "word-tag": {}, "underscore": {"separator": "_"}},
    pieces=single_lines,
)
"""The Brown corpus's format: a sentence per line, each word with its tag after the last slash.

``separator="_"`` reads the_DT cat_NN.
"""

two_column = Reader(
    "two-column",
    "a word and its tag, separated by a tab or spaces, as in 'cat NN'",
    two_column_items,
    example="the DT\ncafé NN\n\nNew York\tNNP\n\n",
    formats={"two-column": {}},
    pieces=blocks,
)
"""A word and its tag per line, a blank line between sentences; if a tab separates them, a word may contain spaces."""

conll2003 = Reader(
    "CoNLL-2003",
    "a word, its part of speech, chunk and entity, as in 'EU NNP B-NP B-ORG'",
    conll2003_items,
    example="-DOCSTART- -X- O O\n\nEU NNP B-NP B-ORG\ncafé NN I-NP O\n\n",
    formats={"conll2003": {}},
    pieces=blocks,
)
"""Four columns: sentences of (word, tag); ``tags="ner"`` (the default), ``"chunk"`` or ``"pos"`` chooses the column.

Lines that begin with -DOCSTART- are skipped. The files of 2003 use the scheme IOB1; `convert_sentences` converts it to
BIO or BIOES. Source: Tjong Kim Sang and De Meulder (2003).
"""

plain_text = Reader(
    "plain text",
    "some text",
    plain_text_items,
    example="so long\n\n  and thanks at the café\n",
    pieces=single_lines,
    blank=is_blank,
)
"""The text as one string; every kind of line end becomes a newline."""

labelled = Reader(
    "labelled TSV",
    "a label, one tab and a text, as in 'positive<TAB>I like cats'",
    labelled_items,
    example="positive\tI like cafés\n\nnegative\tno\n",
    pieces=single_lines,
)
"""A (label, text) pair per line, for classification."""

fasta = Reader(
    "FASTA",
    "letters, '*', '-' or '.', under a header such as '>chr1 a region'",
    fasta_items,
    example="; from é\n>chr1 é\nACGT\nnn-\n>chr2\nA\n",
    pieces=fasta_records,
)
"""Biological sequences: (header, sequence) pairs. The lines of a sequence are joined; lines with ; are comments.

`bases` makes observations for a hidden Markov model of a DNA sequence.
"""
