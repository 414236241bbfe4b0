"""The commands `tinyseq tag`: models of each kind, CoNLL-U in and out, errors, and runs that go on."""

import json
import os

import pytest
from interrupted import stopped_by_ctrl_c

import tinyseq as ts

pytest.importorskip("typer", reason="the command line is not installed: pip install 'tinyseq[cli]'")
pytest.importorskip("safetensors", reason="model files are not installed: pip install 'tinyseq[io]'")

from typer.testing import CliRunner

SENTENCES = [
    [("the", "DET", "DT"), ("cat", "NOUN", "NN"), ("runs", "VERB", "VBZ")],
    [("the", "DET", "DT"), ("dog", "NOUN", "NN"), ("sleeps", "VERB", "VBZ")],
    [("a", "DET", "DT"), ("cat", "NOUN", "NN"), ("sleeps", "VERB", "VBZ")],
]
CONLLU = "".join(
    "".join(f"{i}\t{w}\t_\t{u}\t{x}\t_\t_\t_\t_\t_\n" for i, (w, u, x) in enumerate(sentence, 1)) + "\n"
    for sentence in SENTENCES
)
RICH = """\
# sent_id = 1
# text = the cats' dog
1\tthe\tthe\t_\tX\tDefinite=Def\t3\tdet\t3:det\tA=b|C=d
2-3\tcats'\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No
2\tcat\tcat\t_\tX\t_\t3\tnmod\t_\t_
3\tdog\tdog\tOLD\tX\t_\t0\troot\t_\t_
3.1\tsleeps\tsleep\tVERB\tX\t_\t_\t_\t0:root\t_

# sent_id = 2
1\ta\ta\t_\t_\t_\t0\troot\t_\t_

"""


@pytest.fixture
def tinyseq(tmp_path, monkeypatch):
    """Run a command in a folder with training data: gives exit status, output and error text."""
    from tinyseq.commands.main import app

    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.conllu").write_text(CONLLU)

    def run(*words, given=None):
        result = CliRunner().invoke(app, [str(word) for word in words], input=given)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.stdout, result.stderr

    return run


NETWORK = ("--hidden", 8, "--epochs", 30, "--lr", 0.03, "--dropout", 0)


@pytest.mark.parametrize("kind", ["hmm", "rnn", "crf"])
def test_each_kind_of_model_is_trained_used_and_judged(tinyseq, kind):
    more = () if kind == "hmm" else NETWORK
    status, out, error = tinyseq(
        "tag", "train", "train.conllu", "--out", "m.tag", "--model", kind, "--tags", "xpos", *more, "--json"
    )
    assert status == 0, error
    said = json.loads(out)
    assert (said["model"], said["tokens"], said["saved"]) == (kind, 9, "m.tag")
    assert not os.path.exists("m.tag.run")
    assert tinyseq("tag", "tag", "m.tag", "the dog runs")[1] == "the\tDT\ndog\tNN\nruns\tVBZ\n"
    assert json.loads(tinyseq("tag", "tag", "m.tag", "the dog", "--json")[1])["tags"] == ["DT", "NN"]
    judged = json.loads(tinyseq("tag", "eval", "m.tag", "train.conllu", "--tags", "xpos", "--json")[1])
    assert judged["all"] == 1.0
    assert "0.00% of tags right" in tinyseq("tag", "eval", "m.tag", "train.conllu")[1]  # UPOS


@pytest.mark.parametrize("way", ["file", "standard input", "a dash"])
@pytest.mark.parametrize("column", ["upos", "xpos"])
def test_conllu_keeps_everything_but_the_tags(tinyseq, tmp_path, way, column):
    tinyseq("tag", "train", "train.conllu", "--out", "m.tag")
    (tmp_path / "plain.conllu").write_text(RICH)
    words = {"file": ("--file", "plain.conllu"), "standard input": ("--file", "-"), "a dash": ("-",)}[way]
    given = None if way == "file" else RICH
    status, _, error = tinyseq("tag", "tag", "m.tag", *words, "--out", "o.conllu", "--tags", column, given=given)
    assert status == 0, error
    assert error.startswith("2 sentences, 4 words in ")
    [first, second] = ts.data.conllu_sentences.parse(RICH)
    tags = ts.tagging.HMMTagger.load("m.tag").tag(["the", "cat", "dog"])
    assert tags[:2] == ["DET", "NOUN"]
    wanted = [first.with_tags(**{column: tags}), second.with_tags(**{column: ["DET"]})]
    assert (tmp_path / "o.conllu").read_text() == "".join(map(str, wanted))
    assert tinyseq("tag", "tag", "m.tag", *words, "--tags", column, given=given)[1] == "".join(map(str, wanted))


def test_a_faulty_file_is_named_and_leaves_the_old_output(tinyseq, tmp_path):
    tinyseq("tag", "train", "train.conllu", "--out", "m.tag")
    (tmp_path / "o.conllu").write_text("old")
    bad = RICH + "1\tthe\n\n"
    status, _, error = tinyseq("tag", "tag", "m.tag", "-", "--out", "o.conllu", given=bad)
    assert status == 1
    assert error.startswith("tinyseq: standard input, line 12: 2 columns in")
    assert (tmp_path / "o.conllu").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.tag", "o.conllu", "train.conllu"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("tag", "m.tag"), "the sentence is empty; give words separated by spaces, or --file"),
        (("tag", "m.tag", "the cat", "--file", "train.conllu"), "give a sentence or --file, not both"),
        (("tag", "m.tag", "the cat", "--tags", "xpos"), "--out and --tags are for CoNLL-U; add --file"),
        (("tag", "m.tag", "--file", "train.conllu", "--json"), "--json is for a sentence"),
        (("tag", "m.tag", "--file", "train.conllu", "--tags", "pos"), "--tags must be one of upos, xpos, got 'pos'"),
        (("tag", "m.tag", "--file", "train.conllu", "--out", "train.conllu"), "--out"),
        (("train", "train.conllu", "--out", "x", "--model", "net"), "--model must be one of hmm, rnn, crf, got 'net'"),
        (("train", "train.conllu", "--out", "x", "--epochs", 3), "--epochs is for --model rnn or --model crf"),
        (("train", "train.conllu", "--out", "x", "--model", "rnn", "--rules", "bio"), "--rules is for --model crf"),
        (("train", "train.conllu", "--out", "x", "--tags", "pos"), "--tags must be one of upos, xpos, np, got 'pos'"),
        (("train", "train.conllu", "--out", "x", "--format", "brown", "--tags", "xpos"), "leave it out with --format"),
        (("train", "-", "--out", "x", "--model", "rnn", "--dev", "-"), "standard input (-) can be read only once"),
        (("train", "train.conllu", "--out", "x", "--model", "rnn", "--patience", 2), "held-out sentences; add --dev"),
        (
            ("train", "train.conllu", "--out", "x", "--model", "rnn", "--log", "l.txt"),
            "--log must end in .csv or .jsonl",
        ),
        (("eval", "m.tag", "train.conllu", "--chunks", "bio"), "sentence 0: tags[0] is 'DET'"),
        (("eval", "m.tag", "train.conllu", "--plot", "p.txt"), "--plot must end in .png, .svg or .pdf, got 'p.txt'"),
        (("eval", "m.tag", "train.conllu", "--chunks", "iob"), "--chunks must be one of iob1, bio, bioes, got"),
    ],
)
def test_what_does_not_fit_is_one_clear_line(tinyseq, words, message):
    tinyseq("tag", "train", "train.conllu", "--out", "m.tag")
    status, _, error = tinyseq("tag", *words)
    assert status == 1
    assert message in error
    assert error.count("\n") == 1


def test_errors_and_chunks_are_shown_and_drawn(tinyseq, tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    lines = "Mary B-PER\nsleeps O\n\nBo B-PER\nLi I-PER\nsleeps O\n\n"
    (tmp_path / "train.txt").write_text(lines)
    how = ("--format", "two-column")
    tinyseq("tag", "train", "train.txt", "--out", "m.tag", *how)
    (tmp_path / "test.txt").write_text(lines + "sleeps B-PER\n")
    status, out, _ = tinyseq(
        "tag", "eval", "m.tag", "test.txt", *how, "--errors", "--chunks", "bio", "--plot", "new/p.svg"
    )
    assert status == 0
    assert "given -> predicted" in out
    assert "B-PER -> O" in out
    assert "precision" in out
    assert (tmp_path / "new/p.svg").read_text().startswith("<?xml")
    assert json.loads(tinyseq("tag", "eval", "m.tag", "test.txt", *how, "--chunks", "bio", "--json")[1])["chunks"]["f1"]


def test_a_line_of_output_stays_whole(tinyseq, tmp_path):
    (tmp_path / f"{'long' * 30}.conllu").write_text(CONLLU)
    tinyseq("tag", "train", "train.conllu", "--out", "m.tag")
    assert tinyseq("tag", "eval", "m.tag", f"{'long' * 30}.conllu")[1].count("\n") == 1


def test_held_out_sentences_pick_the_weights_and_end_the_run(tinyseq, tmp_path):
    (tmp_path / "dev.conllu").write_text(CONLLU)
    words = ("tag", "train", "train.conllu", "--out", "m.tag", "--model", "rnn", *NETWORK)
    status, out, error = tinyseq(*words, "--dev", "dev.conllu", "--patience", 3, "--json")
    assert status == 0, error
    history = json.loads(out)["history"]
    assert max(share for _, share in history) == 1.0
    assert len(history) < 30
    assert tinyseq("tag", "eval", "m.tag", "dev.conllu")[1].startswith("dev.conllu: 100.00% of tags right")


def test_noun_phrases_are_learnt_and_judged_as_chunks(tinyseq, tmp_path):
    heads = [("2", "det"), ("3", "nsubj"), ("0", "root")]
    text = "".join(
        "".join(f"{i}\t{w}\t_\t{u}\t{x}\t_\t{h}\t{r}\t_\t_\n" for i, ((w, u, x), (h, r)) in enumerate(both, 1)) + "\n"
        for both in (zip(sentence, heads, strict=True) for sentence in SENTENCES)
    )
    (tmp_path / "np.conllu").write_text(text)
    learn = ("tag", "train", "np.conllu", "--out", "m.tag", "--tags", "np", "--model", "crf", "--rules", "bio")
    status, _, error = tinyseq(*learn, *NETWORK)
    assert status == 0, error
    assert tinyseq("tag", "tag", "m.tag", "the dog sleeps")[1] == "the\tB-NP\ndog\tI-NP\nsleeps\tO\n"
    status, out, error = tinyseq("tag", "eval", "m.tag", "-", "--tags", "np", "--chunks", "bio", given=text)
    assert (status, out.splitlines()[1]) == (0, "chunks: precision 100.00%, recall 100.00%, F1 100.00%"), error
    for given, said in ((text.replace("\t3\tnsubj", "\t_\tnsubj"), "must be 0 to 3, got '_'"), (CONLLU, "got '_'")):
        status, _, error = tinyseq("tag", "train", "-", "--out", "n.tag", "--tags", "np", given=given)
        assert status == 1
        assert error.startswith("tinyseq: standard input, sentence 1: the head of word")
        assert said in error


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C reaches a process otherwise on Windows")
def test_ctrl_c_saves_the_run_and_the_same_command_goes_on(tinyseq, tmp_path, interruptible):
    (tmp_path / "long.conllu").write_text(CONLLU * 40)
    command = ["tag", "train", "long.conllu", "--model", "rnn", "--hidden", "8", "--epochs", "400", "--every", "1"]
    stopped_by_ctrl_c(command, "m.tag")
    step = ts.io.load_with_metadata(tmp_path / "m.tag.run")[1]["step"]
    assert 1 <= step < 1600
    epochs = str(-(-step // 4) + 1)
    status, out, error = tinyseq(*[epochs if word == "400" else word for word in command], "--out", "m.tag", "--json")
    assert (status, json.loads(out)["saved"]) == (0, "m.tag"), error
    assert not (tmp_path / "m.tag.run").exists()
