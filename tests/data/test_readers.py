"""Every format gives back what was written in it, and says in one line what is wrong with a bad file."""

import bz2
import contextlib
import gzip
import lzma
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyseq.data import (
    DataError,
    bases,
    conll2003,
    conllu,
    fasta,
    labelled,
    plain_text,
    readers,
    two_column,
    word_tag,
)

READERS = list(readers.READERS)  # found at run time: a new one is tried without a change here
CONLLU = """\
# sent_id = 1
# text = vámonos al mar
1-2\tvámonos\t_\t_\t_\t_\t_\t_\t_\t_
1\tvamos\tir\tVERB\tV1\t_\t0\troot\t_\t_
2\tnos\tnosotros\tPRON\tP1\t_\t1\tobj\t_\t_
2.1\tal\t_\tADP\t_\t_\t_\t_\t_\t_
3\tmar\tmar\tNOUN\tN1\t_\t1\tobl\t_\t_

# sent_id = 2
1\tsí\tsí\tINTJ\tI1\t_\t0\troot\t_\t_
"""

# Whatever is no separator, control character, lone surrogate or byte order mark (readers drop marks at the start of a
# line); the odd line and word separators are wanted.
symbols = st.characters(
    exclude_categories=["Cs", "Cc"], include_characters="\x85\u2028\u00a0", exclude_characters=" \ufeff"
)
words = st.text(symbols, min_size=1, max_size=6)
tags = words.filter(lambda tag: "/" not in tag and tag != "_")
sentences = st.lists(st.lists(st.tuples(words, tags), min_size=1, max_size=4), min_size=1, max_size=4)
ends = st.sampled_from(["\n", "\r\n"])


def write_and_read(reader, text, tmp_path_factory):
    path = tmp_path_factory.mktemp("file") / "text"
    path.write_bytes(text.encode())
    return reader(path)


def visible(text):
    return bool(text.strip())


def conllu_text(items, comment, end):
    lines = []
    for sentence in items:
        lines.append(comment)
        for i, (word, tag) in enumerate(sentence, start=1):
            lines.append(f"{i}-{i}\t" + "\t".join("_" * 9))
            lines.append(f"{i}\t{word}\t_\t{tag}\t{tag[::-1]}\t" + "\t".join("_" * 5))
            lines.append(f"{i}.1\t" + "\t".join("_" * 9))
        lines.append("")
    return end.join(lines)


@given(sentences, st.just("#") | st.text(symbols).map("#".__add__), ends)
def test_conllu_gives_back_words_and_tags_of_either_column(tmp_path_factory, items, comment, end):
    text = conllu_text(items, comment, end)
    assert write_and_read(conllu, text, tmp_path_factory) == items
    reversed_tags = [[(word, tag[::-1]) for word, tag in sentence] for sentence in items]
    assert conllu.parse(text, tags="xpos") == reversed_tags


@given(sentences, st.sampled_from([" ", "  ", "\t"]), ends)
def test_word_tag_gives_back_the_sentences(tmp_path_factory, items, space, end):
    text = end.join(space.join(f"{word}/{tag}" for word, tag in sentence) for sentence in items)
    assert write_and_read(word_tag, text, tmp_path_factory) == items


@given(sentences, st.sampled_from([" ", "   ", "\t"]), ends, st.integers(1, 3))
def test_two_columns_give_back_the_sentences(tmp_path_factory, items, space, end, blank):
    blocks = [end.join(word + space + tag for word, tag in sentence) for sentence in items]
    assert write_and_read(two_column, (end * (1 + blank)).join(blocks), tmp_path_factory) == items


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\ufeff")).filter(visible), ends)
def test_plain_text_gives_back_the_text_with_newlines(tmp_path_factory, text, end):
    assert write_and_read(plain_text, text.replace("\n", end), tmp_path_factory) == text


@given(st.lists(st.tuples(words, words.filter(visible)), min_size=1, max_size=4), ends)
def test_labelled_lines_give_back_the_pairs(tmp_path_factory, pairs, end):
    text = end.join(f"{label}\t{text}" for label, text in pairs)
    assert write_and_read(labelled, text, tmp_path_factory) == pairs


@given(
    st.lists(st.tuples(st.text("abc |_>", max_size=8), st.text("ACGTacgtN*-", min_size=1)), min_size=1, max_size=4),
    st.integers(1, 5),
    ends,
)
def test_fasta_gives_back_headers_and_joined_sequences(tmp_path_factory, records, width, end):
    lines = []
    for header, sequence in records:
        lines.append(">" + header)
        lines += [sequence[i : i + width] for i in range(0, len(sequence), width)]
    expected = [(header.strip(), sequence) for header, sequence in records]
    assert write_and_read(fasta, end.join(lines), tmp_path_factory) == expected


def test_ranges_and_empty_nodes_of_conllu_are_no_words():
    assert conllu.parse(CONLLU) == [[("vamos", "VERB"), ("nos", "PRON"), ("mar", "NOUN")], [("sí", "INTJ")]]
    assert conllu.parse(CONLLU, tags="xpos")[1] == [("sí", "I1")]


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    path = tmp_path / "marked.txt"
    path.write_bytes(b"\xef\xbb\xbfthe/DT")
    assert word_tag(path) == [[("the", "DT")]]


def test_an_unknown_choice_or_option_or_encoding_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="tags must be 'pos', 'chunk' or 'ner', got 'xpos'"):
        conll2003.parse("EU NNP B-NP B-ORG", tags="xpos")
    with pytest.raises(ValueError, match=r"separator must be a string between word and tag, .* got ''"):
        word_tag.parse("the/DT", separator="")
    with pytest.raises(TypeError, match=r"word/TAG has no option 'tags'; its options: separator"):
        word_tag.parse("the/DT", tags="xpos")
    with pytest.raises(TypeError, match=r"text must be a string, got bytes; to read a file, call the reader itself"):
        word_tag.parse(b"the/DT")
    for encoding, error in (("klingon", ValueError), ("hex", ValueError), ("undefined", ValueError), (3, TypeError)):
        with pytest.raises(error, match="encoding must be"):
            word_tag(tmp_path / "not even looked at", encoding=encoding)
    with pytest.raises(ValueError, match="tags must be 'upos' or 'xpos', got 'lemma'"):
        conllu.parse(CONLLU, tags="lemma")


def test_a_word_without_a_tag_is_no_error_among_others_that_have_one():
    assert conllu.parse(CONLLU.replace("NOUN", "_"))[0][2] == ("mar", "_")


def test_columns_of_conll2003_are_chosen_and_documents_passed_over():
    begin = "-DOCSTART- -X- -X- O\n\n"
    text = f"{begin}EU NNP I-NP I-ORG\nrejects VBZ I-VP O\n\n{begin}Peter\tNNP\tI-NP\tI-PER\n"
    assert conll2003.parse(text) == [[("EU", "I-ORG"), ("rejects", "O")], [("Peter", "I-PER")]]
    assert conll2003.parse(text, tags="chunk")[0] == [("EU", "I-NP"), ("rejects", "I-VP")]
    assert conll2003.parse(text, tags="pos")[1] == [("Peter", "NNP")]


def test_tags_may_follow_an_underscore_or_any_other_separator():
    assert word_tag.parse("the_DT cat_s_NN a/b_SYM", separator="_") == [
        [("the", "DT"), ("cat_s", "NN"), ("a/b", "SYM")]
    ]
    assert word_tag.parse("the||DT", separator="||") == [[("the", "DT")]]


def test_fasta_passes_over_comments_and_keeps_case_gaps_and_unknown_bases():
    text = ";a comment\n>chr1 one\n; another\nACGTN nacg.-\nRYK*\n"
    assert fasta.parse(text) == [("chr1 one", "ACGTNnacg.-RYK*")]


@given(st.text("ACGTUNRYKMacgtunry.-*"))
def test_bases_are_known_or_missing_each_in_its_place(sequence):
    found = bases(sequence)
    known = {"A": "A", "C": "C", "G": "G", "T": "T", "U": "T"}
    assert found == [known.get(letter.upper()) for letter in sequence]
    soft = [base if letter.isupper() else None for base, letter in zip(found, sequence, strict=True)]
    assert bases(sequence, masked=False) == soft


def test_what_is_no_sequence_of_bases_is_named():
    with pytest.raises(ValueError, match="sequence has '>' at position 2"):
        bases("AC>GT")


ROW = "\t".join("_" * 7)  # LEMMA to MISC, less the tags

MALFORMED = [
    (conllu, "# c\n1 cats cat NOUN\n", 2, "1 column in '1 cats cat NOUN'; expected ten columns"),
    (conllu, f"1\ta\t_\tX\tX\t{ROW}\n", 1, "12 columns in "),
    (conllu, "cats\tNOUN\n", 1, "and five more; format two-column (ts.data.two_column) has a word and its tag"),
    (conllu, CONLLU.replace("\n3\tmar", "\n4\tmar"), 7, "word number '4'; expected 3 or a blank line first"),
    (conllu, CONLLU.replace("\n\n# sent_id = 2", ""), 8, "word number '1'; expected 4 or a blank line first"),
    (conllu, CONLLU.replace("\n1\tvamos", "\nx\tvamos"), 4, "word number 'x'; expected 1"),
    (conllu, CONLLU.replace("\tmar\tmar", "\t\tmar"), 7, "an empty FORM column"),
    (conllu, re.sub("VERB|PRON|NOUN|INTJ", "_", CONLLU), 4, "no UPOS tag for 'vamos'; expected a tag in column 4 (or "),
    (conllu, CONLLU.replace("NOUN", ""), 7, "an empty UPOS column; expected a tag, or _ for none"),
    (conllu, CONLLU.replace("\n3\t", "\n# late\n3\t"), 7, "the comment '# late' inside a sentence; expected a blank"),
    (conllu, CONLLU.replace("1-2\t", "2-3\t"), 3, "the multiword token 2-3 before word 1; expected 1-..."),
    (conllu, CONLLU.replace("1-2\t", "1-4\t"), 7, "3 words, but a multiword token up to 4"),
    (conllu, CONLLU.replace("2.1\t", "1.1\t"), 6, "the empty node 1.1 after word 2; expected 2.1"),
    (
        conll2003,
        "EU NNP B-NP B-ORG\nrejects VBZ B-VP\n",
        2,
        "3 columns in 'rejects VBZ B-VP'; expected a word, its part",
    ),
    (word_tag, "the_DT", 1, "'the_DT' has no tag; expected separator='_', if tags follow that"),
    (word_tag, "runs/VB\ufeffthe/DT", 1, "a byte order mark inside 'runs/VB\\ufeffthe/DT'; expected a line break"),
    (word_tag, "the/DT\n\ncat/NN runs\n", 3, "'runs' has no tag; expected words with tags, as in 'the/DT cat/NN'"),
    (word_tag, "cat/", 1, "'cat/' has no tag"),
    (word_tag, "/NN", 1, "'/NN' has no word"),
    (two_column, "cat NN\nruns\n", 2, "1 column in 'runs'; expected a word and its tag, separated by a tab or spaces"),
    (two_column, "cat NN O", 1, "3 columns in 'cat NN O'"),
    (two_column, "cat\t", 1, "1 column in 'cat\\t'"),
    (labelled, "pos\tgood\nbad", 2, "no tab in 'bad'; expected a label, one tab and a text"),
    (labelled, "\tgood", 1, "no label in '\\tgood'"),
    (labelled, "pos\t", 1, "no text in 'pos\\t'"),
    (labelled, "pos\tgood\tnice", 1, "2 tabs in 'pos\\tgood\\tnice'"),
    (fasta, "ACGT", 1, "'ACGT' before any header; expected a header first, as in '>chr1 a region'"),
    (fasta, ">a\n>b\nACGT", 1, "header 'a' without a sequence"),
    (fasta, ">a\nAC7T", 2, "'7' in column 3 of a sequence; expected letters"),
]


@pytest.mark.parametrize(("reader", "text", "line", "message"), MALFORMED)
def test_a_malformed_line_is_named_in_one_line(tmp_path, reader, text, line, message):
    path = tmp_path / "bad"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        reader(path)
    assert str(caught.value).startswith(f"{path}, line {line}: ")
    assert message in str(caught.value)
    assert (caught.value.source, caught.value.line) == (str(path), line)
    assert "\n" not in str(caught.value)


UNREADABLE = [
    (b"", None, "the file is empty"),
    (b" \n\t\n", None, "only blank lines"),
    (b"a/X\nb\0/X", 2, "a NUL byte, as in a binary file"),
    (b"a/X\nb\xff/X", 2, "byte 0xff in column 2 is not UTF-8"),
    (b"a/X\rb/X\r\nc\xff/X", 3, "byte 0xff in column 2 is not UTF-8"),
    (b"\xef\xbb\xbfa/X\n\xef\xbb\xbfb\xff/X", 2, "byte 0xff in column 5 is not UTF-8"),
    ("a/X".encode("utf-16"), 1, "byte 0xff in column 1 is not UTF-8"),
    (b"\xef\xbb\xbf", None, "the file is empty"),
]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
@pytest.mark.parametrize(("content", "line", "found"), UNREADABLE)
def test_an_unreadable_file_is_named_in_one_line(tmp_path, reader, content, line, found):
    path = tmp_path / "bad"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        reader(path)
    place = f"{path}: " if line is None else f"{path}, line {line}: "
    assert str(caught.value).startswith(f"{place}{found}; expected ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_a_missing_file_and_a_folder_are_named(tmp_path, reader):
    with pytest.raises(DataError, match=r"nowhere: cannot be read \(no such file or directory\); expected a"):
        reader(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"cannot be read \(is a directory\)"):
        reader(tmp_path)


def test_a_file_of_comments_alone_is_an_error():
    with pytest.raises(DataError, match="nothing but comments; expected ten columns"):
        conllu.parse("# sent_id = 1\n")


ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "utf-7", "cp1252", "latin-1", "cp037", "shift_jis"]


@given(st.binary(max_size=200), st.sampled_from(ENCODINGS))
def test_arbitrary_bytes_are_read_or_refused_but_never_crash(tmp_path_factory, content, encoding):
    path = tmp_path_factory.mktemp("file") / "bytes"
    path.write_bytes(content)
    for reader in READERS:
        with contextlib.suppress(DataError):
            assert reader(path, encoding=encoding)


@given(st.text("1.-_/\t\n\r ab>;#\ufeff\x85\xa0é€-DOCSTART", max_size=80), st.sampled_from(ENCODINGS))
def test_texts_of_what_formats_are_made_of_are_read_or_refused(tmp_path_factory, text, encoding):
    path = tmp_path_factory.mktemp("file") / "text"
    path.write_bytes(text.encode(encoding, "ignore"))
    for reader in READERS:
        with contextlib.suppress(DataError):
            assert reader(path, encoding=encoding)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
@given(st.data(), st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]))
def test_a_nul_anywhere_is_an_error_that_names_its_line(tmp_path_factory, reader, data, end, encoding):
    place = data.draw(st.integers(0, len(reader.example)))
    text = f"{reader.example[:place]}\0{reader.example[place:]}".replace("\n", end)
    path = tmp_path_factory.mktemp("file") / "file"
    path.write_bytes(text.encode(encoding))
    line = reader.example[:place].count("\n") + 1
    for read in (
        lambda: reader.parse(text),
        lambda: reader.of_bytes(path.read_bytes(), encoding=encoding),
        lambda: reader(path, encoding=encoding),
        lambda: list(reader.stream(path, encoding=encoding)),
    ):
        with pytest.raises(DataError, match="a NUL byte, as in a binary file; expected ") as caught:
            read()
        assert caught.value.line == line


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
@given(st.data())
def test_byte_order_marks_where_files_were_joined_are_no_part_of_what_is_read(tmp_path_factory, reader, data):
    """At either end of any line; inside one, where the first file had no line end, the line is refused or complete."""
    items, path = reader.parse(reader.example), tmp_path_factory.mktemp("file") / "file"
    marks = st.sampled_from(["", "\ufeff", "\ufeff\ufeff"])
    lines = [f"{data.draw(marks)}{line}{data.draw(marks)}" for line in reader.example.split("\n")]
    path.write_text("\n".join(lines), "utf-8")
    assert reader.parse("\n".join(lines)) == reader(path) == items
    if isinstance(items, str):
        assert "\n".join(reader.stream(path)).rstrip("\n") == items.rstrip("\n")
    else:
        assert list(reader.stream(path)) == items
    path.write_text(reader.example.strip("\n") + "\ufeff" + reader.example, "utf-8")
    with contextlib.suppress(DataError):
        assert reader(path) == (reader.example[:-1] + items if isinstance(items, str) else items + items)


ANYWHERE = ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "cp1252", "latin-1", "iso8859-15", "mac-roman"]


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_its_example_is_read_the_same_in_every_writing(tmp_path, reader):
    """In any encoding, with any line ends, with byte order marks where files were joined, and blanks at line ends."""
    items = reader.parse(reader.example)
    assert items
    assert "é" in reader.example, "an example has a letter that encodings write differently"
    for encoding in ANYWHERE:
        for end in ("\n", "\r\n", "\r"):
            text = reader.example.replace("\n", end)
            (tmp_path / "file").write_bytes(text.encode(encoding))
            assert reader(tmp_path / "file", encoding=encoding) == items
    assert reader.parse("\ufeff" + reader.example.replace("\n\n", "\n\ufeff\n")) == items
    if isinstance(items, list):
        spaced = [line if line.startswith("#") else f" {line} " for line in reader.example.splitlines()]
        assert reader.parse("\n".join(spaced)) == items
        assert reader.parse(reader.example * 2) == items * 2


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_what_the_command_calls_a_format_reads_labelled_sentences(reader):
    for options in reader.formats.values():
        text = reader.example.replace("/", options.get("separator", "/"))
        assert all(isinstance(part, str) for sentence in reader.parse(text, **options) for w in sentence for part in w)


def scored_items(lines):
    items = []
    for number, line in lines:
        word, comma, tag = line.strip(readers.BLANKS).partition(",")
        if line.strip() and not (word and comma and tag):
            raise readers.Malformed(number, f"no comma in {readers.show(line)}")
        items += [[(word, tag)]] if line.strip() else []
    return items


@pytest.fixture
def scratch():
    reader = readers.Reader("scratch", "as in 'cat,NN'", scored_items, "café,NN\nthe,DT\n", formats={"scratch": {}})
    yield reader
    readers.READERS.remove(reader)


def test_a_new_reader_is_tried_and_commanded_without_a_change_elsewhere(scratch, tmp_path, monkeypatch):
    """One declaration: the tests of encodings and of garbage find it, and so does ``--format``."""
    testing = pytest.importorskip("typer.testing", reason="the command line is not installed")
    pytest.importorskip("safetensors", reason="model files are not installed")
    from tinyseq.commands.main import app

    assert readers.READERS[-1] is scratch
    test_its_example_is_read_the_same_in_every_writing(tmp_path, scratch)
    test_what_the_command_calls_a_format_reads_labelled_sentences(scratch)
    (tmp_path / "more").mkdir()
    test_a_missing_file_and_a_folder_are_named(tmp_path / "more", scratch)
    for content, line, found in UNREADABLE:
        test_an_unreadable_file_is_named_in_one_line(tmp_path, scratch, content, line, found)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train").write_text(scratch.example, encoding="utf-8")
    done = testing.CliRunner().invoke(app, ["tag", "train", "train", "--out", "m", "--format", "scratch"])
    assert done.output == "2 sentences, 2 tokens; saved m\n"
    refused = testing.CliRunner().invoke(app, ["tag", "train", "train", "--out", "m", "--format", "scratched"])
    assert "conll2003, " in refused.stderr
    assert "scratch, got 'scratched'" in " ".join(refused.stderr.split())


def test_a_long_line_is_cut_in_the_message():
    with pytest.raises(DataError, match=r"^.{1,200}$"):
        word_tag.parse("x" * 10_000)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress], ids=lambda pack: pack.__module__)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_compressed_file_is_said_to_be_one(tmp_path, pack, encoding):
    """Another encoding would be no cure: as Latin-1, any bytes are a text."""
    path = tmp_path / "text"
    path.write_bytes(pack(bytes(range(256)) * 9))
    for read in (plain_text, lambda *path, **how: list(plain_text.stream(*path, **how))):
        with pytest.raises(DataError, match=r"this one is compressed by .*: unpack it$"):
            read(path, encoding=encoding)
