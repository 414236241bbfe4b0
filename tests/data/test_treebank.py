"""CoNLL-U files are read and written again without a loss, and new tags change their column alone."""

import os
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyseq.data import ConlluSentence, ConlluToken, conllu, conllu_sentences, conllu_text, write_conllu

TEXT = """\
# newdoc id = a
# sent_id = 1
# text = vámonos al mar
1-2\tvámonos\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No
1\tvamos\tir\tVERB\tV1\tMood=Imp\t0\troot\t_\t_
2\tnos\tnosotros\tPRON\tP1\tCase=Acc|Number=Plur\t1\tobj\t_\t_
2.1\tal\t_\tADP\t_\t_\t_\t_\t1:dep\t_
3\tmar\tmar\tNOUN\tN1\t_\t1\tobl\t1:obl\tGloss=sea

# sent_id = 2
0.1\tella\t_\t_\t_\t_\t_\t_\t_\t_
1\tdice que\tdecir\t_\t_\t_\t0\troot\t_\t_

"""
# Columns hold blanks and rare spaces inside, but not at their edges, and neither tabs nor line ends.
inside = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=6)
column = inside.map(lambda text: text.strip(" \ufeff")).filter(bool)
comment = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8).map("#".__add__)


@st.composite
def conllu_file(draw):
    """Any sentences: comments, words, multiword tokens over one to three words, and empty nodes."""
    sentences = []
    for _ in range(draw(st.integers(1, 3))):
        ids, covered = [f"0.{i + 1}" for i in range(draw(st.integers(0, 1)))], 0
        count = draw(st.integers(1, 4))
        for word in range(1, count + 1):
            if word > covered and draw(st.booleans()):
                covered = draw(st.integers(word, min(count, word + 2)))
                ids.append(f"{word}-{covered}")
            ids.append(str(word))
            ids += [f"{word}.{i + 1}" for i in range(draw(st.integers(0, 2)))]
        tokens = tuple(ConlluToken(i, *draw(st.lists(column, min_size=9, max_size=9))) for i in ids)
        sentences.append(ConlluSentence(tuple(draw(st.lists(comment, max_size=2))), tokens))
    return sentences


@given(conllu_file())
def test_what_is_written_is_read_again(tmp_path_factory, sentences):
    path = tmp_path_factory.mktemp("file") / "a.conllu"
    write_conllu(sentences, path)
    assert conllu_sentences(path) == sentences
    write_conllu(conllu_sentences(path), path.with_suffix(".again"))
    assert path.with_suffix(".again").read_bytes() == path.read_bytes()
    assert [sentence.pairs() for sentence in sentences] == [
        [(token.form, token.upos) for token in sentence.tokens if token.is_word] for sentence in sentences
    ]


@given(conllu_file(), st.data(), st.sampled_from(["upos", "xpos"]))
def test_new_tags_change_their_column_of_words_and_nothing_else(sentences, data, name):
    tags = [data.draw(st.lists(column, min_size=len(s.words), max_size=len(s.words))) for s in sentences]
    changed = [s.with_tags(**{name: new}) for s, new in zip(sentences, tags, strict=True)]
    assert [[tag for _, tag in s.pairs(name)] for s in changed] == tags
    place = 3 if name == "upos" else 4
    before, after = (conllu_text(group).split("\n") for group in (sentences, changed))
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        if old.split("\t")[0].isdecimal():
            assert old.split("\t")[:place] == new.split("\t")[:place]
            assert old.split("\t")[place + 1 :] == new.split("\t")[place + 1 :]
        else:
            assert old == new
    assert [
        s.with_tags(upos=[w.upos for w in o.words], xpos=[w.xpos for w in o.words])
        for s, o in zip(changed, sentences, strict=True)
    ] == sentences


def test_a_valid_file_stays_as_it_is_to_the_byte(tmp_path):
    path = tmp_path / "a.conllu"
    path.write_bytes(TEXT.encode())
    sentences = conllu_sentences(path)
    write_conllu(sentences, tmp_path / "b.conllu")
    assert (tmp_path / "b.conllu").read_bytes() == TEXT.encode()
    assert sentences[0].comments[0] == "# newdoc id = a"
    assert [token.id for token in sentences[0].tokens] == ["1-2", "1", "2", "2.1", "3"]
    assert conllu(path) == [sentence.pairs() for sentence in sentences]
    assert pickle.loads(pickle.dumps(sentences)) == sentences


@pytest.mark.parametrize(
    ("tags", "error", "message"),
    [
        ({"upos": ["X"]}, ValueError, "upos must have one tag for each of 3 words, got 1"),
        ({"xpos": ["X", "Y", ""]}, ValueError, r"xpos\[2\] must be non-empty, .* got ''"),
        (
            {"xpos": ["X", "Y\tZ", "Z"]},
            ValueError,
            r"xpos\[1\] must be non-empty, without tabs or line breaks, got 'Y\\tZ'",
        ),
        ({"upos": ["X", None, "Z"]}, TypeError, r"upos\[1\] must be a string, got None"),
        ({"upos": "XYZ"}, TypeError, "upos must be a list of tags, got the string 'XYZ'"),
    ],
)
def test_tags_that_do_not_fit_are_named(tags, error, message):
    with pytest.raises(error, match=message):
        conllu_sentences.parse(TEXT)[0].with_tags(**tags)


def changed_token(**columns):
    sentence = conllu_sentences.parse(TEXT)[1]
    first, *rest = sentence.tokens
    values = {name: getattr(first, name) for name in first.__slots__} | columns
    return ConlluSentence(sentence.comments, (ConlluToken(**values), *rest))


@pytest.mark.parametrize(
    ("sentences", "error", "message"),
    [
        ([[("cat", "NN")]], TypeError, r"sentences\[0\] must be a ConlluSentence, got .*'NN'.*; .* with_tags"),
        ([changed_token(form="a\tb")], ValueError, r"sentences\[0\] is not valid CoNLL-U: 11 columns in"),
        ([changed_token(id="7")], ValueError, "not valid CoNLL-U: word number '7'"),
        ([changed_token(misc="a\n")], ValueError, r"sentences\[0\] "),
        (
            [ConlluSentence(("no comment",), ())],
            ValueError,
            r"sentences\[0\] is not valid CoNLL-U: 1 column",
        ),
        ([ConlluSentence(("# a\n\n# b",), ())], ValueError, r"sentences\[0\] could not be read back"),
        ([ConlluSentence((), ())], ValueError, r"sentences\[0\] could not be read back"),
    ],
)
def test_what_could_not_be_read_again_is_not_written(tmp_path, sentences, error, message):
    path = tmp_path / "kept.conllu"
    path.write_text(TEXT)
    with pytest.raises(error, match=message):
        write_conllu(sentences, path)
    assert path.read_text() == TEXT
    assert [entry.name for entry in tmp_path.iterdir()] == ["kept.conllu"]


@pytest.mark.parametrize("part", ["dev", "test", "train"])
def test_a_treebank_is_written_as_it_was(tmp_path, part):
    folder = os.environ.get("TINYSEQ_DATA")
    path = Path(folder or "", "ud-english-ewt", f"en_ewt-ud-{part}.conllu")
    if folder is None or not path.exists():
        pytest.skip("TINYSEQ_DATA names no folder with the treebank ud-english-ewt")
    sentences = conllu_sentences(path)
    write_conllu(sentences, tmp_path / "again.conllu")
    assert (tmp_path / "again.conllu").read_bytes() == path.read_bytes()
    assert [sentence.pairs("xpos") for sentence in sentences] == conllu(path, tags="xpos")
    tagged = [sentence.with_tags(upos=["X"] * len(sentence.words)) for sentence in sentences]
    lines = zip(conllu_text(tagged).split("\n"), path.read_text(encoding="utf-8").split("\n"), strict=True)
    for new, old in lines:
        columns = old.split("\t")
        assert new == ("\t".join([*columns[:3], "X", *columns[4:]]) if columns[0].isdecimal() else old)
