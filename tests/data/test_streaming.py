"""Streams of every reader: the items of the whole file, its errors, and no more memory for a longer file."""

import io
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.data import DataError
from tinyseq.data.readers import READERS

STREAMED = [reader for reader in READERS if reader.pieces is not None]
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "latin-1"]


def whole(reader, path, encoding="utf-8", **options):
    """The items of the whole file, or the error."""
    try:
        items = reader(path, encoding=encoding, **options)
    except DataError as error:
        return error
    return items.split("\n") if isinstance(items, str) else items


def streamed(reader, path, encoding="utf-8", **options):
    try:
        return list(reader.stream(path, encoding=encoding, **options))
    except DataError as error:
        return error


def same(reader, path, encoding="utf-8", **options):
    one, other = whole(reader, path, encoding, **options), streamed(reader, path, encoding, **options)
    if isinstance(one, DataError):
        assert isinstance(other, DataError), (one, other)
        assert other.line is None or one.line is None or other.line <= one.line
    else:
        text = path.read_bytes().decode("utf-8-sig" if encoding.startswith("utf-8") else encoding)
        if reader is ts.data.plain_text and text.endswith(("\n", "\r")):
            one = one[:-1]  # the empty line behind the last line end is none of the file's lines
        assert other == one
    return one


def test_the_readers_are_found():
    assert len(STREAMED) >= 8


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_example_of_each_format_in_each_encoding(tmp_path, reader, encoding, end):
    path = tmp_path / "file"
    for text in (reader.example, reader.example.rstrip("\n"), reader.example * 2, "\n\n" + reader.example + "\n \n"):
        path.write_bytes(text.replace("\n", end).encode(encoding))
        if reader in STREAMED:
            assert not isinstance(same(reader, path, encoding), DataError)
        else:
            assert streamed(reader, path, encoding) == list(reader(path, encoding=encoding))


PIECES = ["the/DT", "cat NN", "x\ty", ">a", ";c", "ACGT", "# c", "#", " ", "\t", "_", "\ufeff", "é", "\0", "a_b"]
PIECES += ["1\tcats\t_\tNOUN\tNNS\t_\t0\troot\t_\t_", "2\tsit\t_\t_\t_\t_\t1\tx\t_\t_", "EU NNP B-NP B-ORG"]
PIECES += [
    "-DOCSTART- -X- O O",
    "1-2\tau" + "\t_" * 8,
    "1\tà\t_\t_\t_\t_\t0\troot\t_\t_",
    "0.1" + "\t_" * 9,
    "\u2028",
    "\x0c",
]


@pytest.mark.parametrize("reader", STREAMED, ids=lambda reader: reader.name)
@given(
    st.lists(st.sampled_from(PIECES), max_size=6),
    st.sampled_from(["\n", "\r\n", "\r", "\n\n", ""]),
    st.sampled_from(ENCODINGS),
    st.binary(max_size=4),
)
def test_any_file_is_streamed_as_it_is_read(tmp_path_factory, reader, parts, end, encoding, tail):
    path = tmp_path_factory.mktemp("streams") / "file"
    content = end.join(parts).encode(encoding, errors="ignore")
    path.write_bytes(content)
    same(reader, path, encoding)
    path.write_bytes(content + tail)
    same(reader, path, encoding)
    path.write_bytes(b"\xef\xbb\xbf" + content)
    same(reader, path, encoding)


@pytest.mark.parametrize("reader", STREAMED, ids=lambda reader: reader.name)
def test_a_long_file_takes_little_memory(tmp_path, reader):
    path = tmp_path / "long"
    path.write_text(reader.example, encoding="utf-8")
    items = len(list(reader.stream(path)))
    longer = max(1, io.DEFAULT_BUFFER_SIZE >> 15)  # buffers of files have 8 KB, but 128 KB from Python 3.14
    many = longer * min(2_000_000 // len(reader.example), 35_000 // items)
    path.write_text(reader.example * many, encoding="utf-8")
    tracemalloc.start()
    assert sum(1 for _ in reader.stream(path)) > 10_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < path.stat().st_size / 6


def test_items_come_before_the_error_of_a_later_line(tmp_path):
    path = tmp_path / "file"
    path.write_text("the/DT cat/NN\nbroken\n")
    stream = ts.data.word_tag.stream(path)
    assert next(stream) == [("the", "DT"), ("cat", "NN")]
    with pytest.raises(DataError, match=r"file, line 2: 'broken' has no tag"):
        next(stream)


def test_arguments_are_checked_before_the_first_item(tmp_path):
    with pytest.raises(TypeError, match="CoNLL-U has no option 'tag'; its options: tags"):
        ts.data.conllu.stream("nowhere", tag="upos")
    with pytest.raises(ValueError, match="encoding must be one that Python knows"):
        ts.data.conllu.stream("nowhere", encoding="utf-99")
    with pytest.raises(DataError, match=r"nowhere: cannot be read \(no such file or directory\); expected a CoNLL-U"):
        list(ts.data.conllu.stream(tmp_path / "nowhere"))


def test_words_without_a_tag_are_no_error_but_a_file_of_them_is(tmp_path):
    """Also where a whole sentence has no tag, as at the first level of the UD validator."""
    row = "{}\tcats\t_\t{}\t_\t_\t0\troot\t_\t_\n"
    path = tmp_path / "file"
    path.write_text(row.format(1, "_") + "\n" + row.format(1, "NOUN") + row.format(2, "_") + "\n")
    wanted = [[("cats", "_")], [("cats", "NOUN"), ("cats", "_")]]
    assert streamed(ts.data.conllu, path) == ts.data.conllu(path) == wanted
    assert len(streamed(ts.data.conllu_sentences, path)) == 2
    path.write_text(row.format(1, "_"))
    for error in (streamed(ts.data.conllu, path), whole(ts.data.conllu, path)):
        assert "no UPOS tag for 'cats'; expected a tag in column 4 (or tags='xpos')" in str(error)
    assert streamed(ts.data.conllu_sentences, path)[0].pairs() == [("cats", "_")]


@pytest.mark.parametrize("path", ["a\0b", "nowhere", "."])
def test_a_path_that_cannot_be_opened_is_the_error_of_reading_it(path):
    for reader in READERS:
        with pytest.raises(DataError) as read:
            reader(path)
        with pytest.raises(DataError) as streamed:
            next(reader.stream(path))
        assert str(streamed.value) == str(read.value)
