"""The commands for classifiers: tables, standard input, JSON, logs, and runs that go wrong."""

import json
import re
from pathlib import Path

import pytest
from interrupted import stopped_by_ctrl_c

import tinyseq as ts

pytest.importorskip("typer", reason="the command line is not installed: pip install 'tinyseq[cli]'")
pytest.importorskip("safetensors", reason="model files are not installed: pip install 'tinyseq[io]'")

from typer.testing import CliRunner

PAIRS = [("good", "a warm film"), ("bad", "dull, dull"), ("good", "warm"), ("bad", "a dull film")] * 3
WAYS = {
    "labelled": ("{label}\t{text}\n", "", ()),
    "csv": ('{label},"{text}"\n', "label,text\n", ("--separator", "comma")),
    "names": ('7;"{text}";{label}\n', "id;said;mood\n", ("--label-column", "mood", "--text-column", "said")),
    "numbers": ("{text}\t{label}\n", "", ("--label-column", 2, "--text-column", 1)),
}


@pytest.fixture
def tinyseq(tmp_path, monkeypatch):
    """Run a command in a folder with labelled texts: gives exit status, output and error text."""
    from tinyseq.commands.main import app

    monkeypatch.chdir(tmp_path)
    Path("texts.tsv").write_text(written("labelled"))

    def run(*words, stdin=None):
        result = CliRunner().invoke(app, [str(word) for word in words], input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.stdout, result.stderr

    return run


def written(way):
    line, header, _ = WAYS[way]
    return header + "".join(line.format(label=label, text=text) for label, text in PAIRS)


@pytest.mark.parametrize("way", list(WAYS))
@pytest.mark.parametrize("source", ["file", "-"])
def test_tables_of_any_shape_give_the_same_model(tinyseq, way, source):
    how = (*WAYS[way][2], *(("--separator", "semicolon") if way == "names" else ()))
    Path("t").write_text(written(way))
    name, stdin = ("t", None) if source == "file" else ("-", written(way))
    status, out, error = tinyseq("classify", "train", name, "--out", "m.cls", *how, stdin=stdin)
    assert (status, out) == (0, "12 texts, 2 labels; saved m.cls\n"), error
    ts.classify.NaiveBayes().fit(*([pair[i] for pair in PAIRS] for i in (1, 0))).save("n.cls")
    assert Path("m.cls").read_bytes() == Path("n.cls").read_bytes()
    status, out, _ = tinyseq("classify", "eval", "m.cls", name, *how, "--json", stdin=stdin)
    said = json.loads(out)
    assert (said["accuracy"], said["labels"], said["confusion"]) == (1.0, ["bad", "good"], [[6, 0], [0, 6]])


def test_a_network_has_the_cell_that_is_named(tinyseq):
    how = ("classify", "train", "texts.tsv", "--out", "m.cls")
    assert tinyseq(*how, "--model", "rnn", "--epochs", 1, "--cell", "gru")[0] == 0
    assert ts.load_model("m.cls").settings["cell"] == "gru"
    status, _, error = tinyseq(*how, "--model", "rnn", "--cell", "transformer")
    assert (status, "cell must be one of rnn, rnn_relu, lstm, gru" in error) == (1, True)
    assert "--cell is for --model rnn" in tinyseq(*how, "--cell", "gru")[2]


def test_a_csv_file_is_a_table_by_its_ending(tinyseq):
    Path("t.csv").write_text(written("csv"))
    assert tinyseq("classify", "train", "t.csv", "--out", "m.cls")[0] == 0
    Path("t.csv").write_text("label,review\ngood,warm\n")
    status, _, error = tinyseq("classify", "train", "t.csv", "--out", "m.cls")
    assert (status, error.count("\n")) == (1, 1)
    assert "t.csv, line 1: the header has only 'label', 'review'; expected one column 'text'" in error


def test_texts_that_come_before_their_labels_are_remarked_on(tinyseq):
    rows = [f"{word} film {i}\t{label}" for i in range(3) for word, label in (("warm", "good"), ("dull", "bad"))]
    Path("swapped.tsv").write_text("\n".join(["text\tlabel", *rows]))
    status, _, error = tinyseq("classify", "train", "swapped.tsv", "--out", "m.cls")
    assert (status, error.count("\n")) == (0, 1)
    assert "swapped.tsv: 7 different labels for 3 different texts; if the texts come first, swap the columns" in error
    cured = ("--label-column", "label", "--text-column", "text")
    assert tinyseq("classify", "train", "swapped.tsv", "--out", "m.cls", *cured)[::2] == (0, "")


def test_a_header_that_is_read_as_a_text_is_remarked_on(tinyseq):
    how = ("--label-column", 1, "--text-column", 2)
    Path("numbers.csv").write_text("mood,review\n" + "good,warm\nbad,dull\n" * 2)
    status, _, error = tinyseq("classify", "train", "numbers.csv", "--out", "m.cls", *how)
    assert (status, error.count("\n")) == (0, 1)
    assert (
        "numbers.csv: only the first row has the label 'mood'; if the first row is a header, name its columns" in error
    )
    Path("names.csv").write_text("good,warm\nbad,dull\n" * 2)
    assert tinyseq("classify", "train", "names.csv", "--out", "m.cls", *how)[2] == ""
    status, _, error = tinyseq("classify", "eval", "m.cls", "names.csv", "--label-column", 2, "--text-column", 1)
    assert (status, error.count("\n")) == (1, 1)
    assert "names.csv has labels such as 'warm', but the model knows only 'bad', 'good'" in error


def test_a_skip_connection_is_trained_and_used(tinyseq):
    how = ("classify", "train", "texts.tsv", "--out", "m.cls", "--model", "rnn", "--epochs", 30, "--lr", 0.05)
    assert tinyseq(*how, "--skip")[0] == 0
    assert ts.classify.RNNClassifier.load("m.cls").settings["skip"]
    assert tinyseq("classify", "predict", "m.cls", "warm")[1].startswith("good\t")
    assert "choose --pooling mean or max" in tinyseq(*how, "--skip", "--pooling", "last")[2]


def test_texts_of_standard_input_get_a_label_each(tinyseq):
    assert tinyseq("classify", "train", "texts.tsv", "--out", "m.cls")[0] == 0
    _, out, _ = tinyseq("classify", "predict", "m.cls", "-", stdin="warm\ndull\n")
    assert [re.sub(r"0\.\d+", "p", line) for line in out.splitlines()] == ["good\tp\twarm", "bad\tp\tdull"]
    marked = b"\xef\xbb\xbfwarm\r\ndull\r\n"
    assert tinyseq("classify", "predict", "m.cls", "-", stdin=marked)[1] == out
    assert "such as --encoding cp1252" in tinyseq("classify", "predict", "m.cls", "-", stdin=b"caf\xe9")[2]
    _, out, _ = tinyseq("classify", "predict", "m.cls", "-", "--json", stdin="warm\ndull\n")
    assert [json.loads(line)["label"] for line in out.splitlines()] == ["good", "bad"]
    _, out, _ = tinyseq("classify", "predict", "m.cls", "warm", "--json")
    assert sum(json.loads(out)["probabilities"].values()) == pytest.approx(1)
    assert tinyseq("classify", "predict", "m.cls", "-", stdin="")[0] == 1


def test_a_network_is_trained_with_a_log_and_json(tinyseq):
    how = ("--model", "rnn", "--epochs", 3, "--log", "log.csv", "--compile", "numpy")
    status, out, error = tinyseq("classify", "train", "texts.tsv", "--out", "m.cls", *how, "--json")
    assert status == 0, error
    said = json.loads(out)
    assert (said["steps"], said["labels"], said["texts"]) == (3, ["bad", "good"], 12)
    assert len(Path("log.csv").read_text().splitlines()) == 4
    assert sorted(path.name for path in Path().iterdir()) == ["log.csv", "m.cls", "texts.tsv"]


def test_a_run_that_diverges_says_what_to_change_and_leaves_nothing(tinyseq):
    Path("texts.tsv").write_text("good\twarm\nbad\twarm\n")  # which no weights tell apart
    how = ("--model", "rnn", "--epochs", 100, "--lr", "1e30")
    status, _, error = tinyseq("classify", "train", "texts.tsv", "--out", "m.cls", *how)
    assert status == 1
    assert "the training has diverged: " in error
    assert error.endswith("start over with a lower --lr (now 1e+30)\n")
    assert [path.name for path in Path().iterdir()] == ["texts.tsv"]


def test_ctrl_c_saves_the_run_and_the_same_call_goes_on(tinyseq, interruptible):
    how = ("classify", "train", "texts.tsv", "--model", "rnn", "--epochs", 150, "--every", 5)
    assert tinyseq(*how, "--out", "whole.cls")[0] == 0
    stopped_by_ctrl_c(how, "parts.cls")
    assert tinyseq(*how, "--out", "parts.cls")[0] == 0
    assert Path("parts.cls").read_bytes() == Path("whole.cls").read_bytes()
    assert not Path("parts.cls.run").exists()


def test_help_shows_an_example_that_runs(tinyseq):
    Path("reviews.csv").write_text(written("csv").replace("text", "review", 1))
    Path("held-out.tsv").write_text(written("numbers"))
    for command in ("train", "predict", "eval"):
        text = " ".join(tinyseq("classify", command, "--help")[1].split())
        words = re.search(r"Example: tinyseq (classify .*)", text)[1]
        status, _, error = tinyseq(*[word.strip("'") for word in re.findall(r"'[^']*'|\S+", words)])
        assert status == 0, error
