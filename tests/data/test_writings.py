"""The same content in any writing: encodings, line ends, byte order marks and blanks change nothing that is read."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyseq.data import (
    DataError,
    conll2003,
    conllu,
    conllu_sentences,
    fasta,
    labelled,
    plain_text,
    two_column,
    word_tag,
)
from tinyseq.data.readers import READERS

LETTERS = "aZé1-.'ßÜ"  # in all of these encodings
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "cp1252", "latin-1", "iso8859-15", "mac-roman"]
UNICODE = [name for name in ENCODINGS if name.startswith("utf")]
word = st.text(LETTERS, min_size=1, max_size=5)
pairs = st.lists(st.lists(st.tuples(word, word), min_size=1, max_size=3), min_size=1, max_size=3)
labelled_texts = st.lists(st.tuples(word, word), min_size=1, max_size=4)
records = st.lists(st.tuples(word, st.text("ACGTNacgt.-*", min_size=1, max_size=6)), min_size=1, max_size=3)

# The lines of a file that holds some items: the fields of each line, and what stands between them.


def conllu_lines(items):
    for sentence in items:
        yield ["# a comment"], "\t"
        for i, (form, tag) in enumerate(sentence, start=1):
            yield [str(i), form, "_", tag, *"______"], "\t"
        yield [], "\t"


def column_lines(between, *more):
    def lines(items):
        for sentence in items:
            for form, tag in sentence:
                yield [form, *more, tag], between
            yield [], between

    return lines


def tagged_lines(separator):
    return lambda items: (([f"{form}{separator}{tag}" for form, tag in sentence], " ") for sentence in items)


def labelled_lines(items):
    return ((list(item), "\t") for item in items)


def fasta_lines(items):
    return (([line], " ") for header, sequence in items for line in (">" + header, sequence))


FORMATS = {
    "conllu": (conllu, pairs, conllu_lines, {}),
    "word/TAG": (word_tag, pairs, tagged_lines("/"), {}),
    "word_TAG": (word_tag, pairs, tagged_lines("_"), {"separator": "_"}),
    "two columns, tab": (two_column, pairs, column_lines("\t"), {}),
    "two columns, blank": (two_column, pairs, column_lines(" "), {}),
    "conll2003, blank": (conll2003, pairs, column_lines(" ", "NN", "I-NP"), {}),
    "conll2003, tab": (conll2003, pairs, column_lines("\t", "NN", "I-NP"), {}),
    "labelled": (labelled, labelled_texts, labelled_lines, {}),
    "fasta": (fasta, records, fasta_lines, {}),
}
formats = pytest.mark.parametrize("name", FORMATS)


def written(draw, lines, end, marks):
    """Lines with blanks around their fields, and byte order marks before some of them, as where files were joined."""
    blanks = st.sampled_from(["", "", " ", "  "])
    mark = st.sampled_from(["", "\ufeff", "\ufeff\ufeff"] if marks else [""])
    texts = []
    for fields, between in lines:
        spaced = [f"{draw(blanks)}{field}{draw(blanks)}" for field in fields]
        if fields and fields[0].startswith("#"):
            spaced = fields
        texts.append(draw(mark) + between.join(spaced) + draw(blanks))
    return end.join(texts)


@formats
@given(st.data(), st.sampled_from(ENCODINGS), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_no_writing_changes_what_is_read(name, tmp_path_factory, data, encoding, end, marks):
    reader, values, lines, options = FORMATS[name]
    items = data.draw(values)
    text = written(data.draw, lines(items), end, marks and encoding in UNICODE)
    assert reader.parse(text, **options) == items
    path = tmp_path_factory.mktemp("file") / "text"
    path.write_bytes(text.encode(encoding))
    assert reader(path, encoding=encoding, **options) == items


@formats
@given(st.data(), st.sampled_from(["utf-8-sig", "utf-16"]))
def test_files_that_were_joined_hold_what_each_held(name, tmp_path_factory, data, encoding):
    reader, values, lines, options = FORMATS[name]
    first, second = data.draw(values), data.draw(values)
    parts = [written(data.draw, lines(items), "\n", marks=False) + "\n" for items in (first, second)]
    path = tmp_path_factory.mktemp("file") / "joined"
    path.write_bytes(b"".join(part.encode(encoding) for part in parts))
    assert reader(path, encoding=encoding, **options) == first + second


@given(
    st.text("ab \n\t\xa0é", min_size=1).filter(str.strip), st.sampled_from(ENCODINGS), st.sampled_from(["\n", "\r\n"])
)
def test_plain_text_keeps_every_character_but_byte_order_marks(tmp_path_factory, text, encoding, end):
    path = tmp_path_factory.mktemp("file") / "text"
    path.write_bytes(text.replace("\n", end).encode(encoding))
    assert plain_text(path, encoding=encoding) == text
    assert plain_text.parse("\ufeff" + text.replace("\n", "\n\ufeff") + "\ufeff") == text


def test_windows_1252_is_named_as_a_cure_and_read(tmp_path):
    path = tmp_path / "windows.txt"
    path.write_bytes("caf\u00e9 \u20ac".encode("cp1252"))
    with pytest.raises(DataError, match=r"byte 0xe9 in column 4 is not UTF-8; expected .* such as encoding='cp1252'"):
        plain_text(path)
    assert plain_text(path, encoding="cp1252") == "caf\u00e9 \u20ac"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_wider_encodings_are_named_as_a_cure_and_read(tmp_path, reader, encoding):
    path = tmp_path / "wide.txt"
    path.write_bytes(reader.example.encode(encoding))
    with pytest.raises(DataError, match=f"wide.txt, line .* this one looks like encoding='{encoding}'"):
        reader(path)
    assert reader(path, encoding=encoding) == reader.parse(reader.example)
    if encoding == "utf-16":
        turned = "utf-16-be" if path.read_bytes().startswith(codecs.BOM_UTF16_LE) else "utf-16-le"
        with pytest.raises(DataError, match="a byte order mark that is not that of utf-16"):
            reader(path, encoding=turned)


def test_a_mark_that_tells_another_encoding_is_named(tmp_path):
    path = tmp_path / "marked.txt"
    path.write_bytes("the/DT".encode("utf-16"))
    with pytest.raises(DataError, match="this one looks like encoding='utf-16'"):
        word_tag(path)
    path.write_bytes(codecs.BOM_UTF8 + b"the/DT")
    with pytest.raises(DataError, match="mark of UTF-8, but encoding='latin-1'; expected encoding='utf-8'"):
        word_tag(path, encoding="latin-1")


@pytest.mark.parametrize("reader", [conllu, conllu_sentences])
def test_blanks_around_columns_are_no_part_of_words_and_tags(reader):
    [sentence] = reader.parse(" 1 \t cat\u00a0 \t_\t NOUN\t_\t_\t_\t_\t_\t_ ")
    found = sentence if reader is conllu else sentence.pairs()
    assert found == [("cat\u00a0", "NOUN")]
