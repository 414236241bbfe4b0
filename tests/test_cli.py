"""The command line: what it writes and prints, and one clear line for bad input."""

import inspect
import os
import re
import signal
import subprocess
import sys
import time
import typing
from pathlib import Path

import pytest

import tinyseq as ts

pytest.importorskip("typer", reason="the command line is not installed: pip install 'tinyseq[cli]'")
pytest.importorskip("safetensors", reason="model files are not installed: pip install 'tinyseq[io]'")

import typer
from typer.testing import CliRunner

from tinyseq.commands.main import app
from tinyseq.nn.recurrent.registry import CELLS

CONLLU = "".join(
    "".join(f"{i + 1}\t{word}\t_\t{tag}\t_\t_\t_\t_\t_\t_\n" for i, (word, tag) in enumerate(sentence)) + "\n"
    for sentence in [
        [("the", "DET"), ("cat", "NOUN"), ("runs", "VERB")],
        [("the", "DET"), ("dog", "NOUN"), ("sleeps", "VERB")],
        [("a", "DET"), ("cat", "NOUN"), ("sleeps", "VERB")],
    ]
)


@pytest.fixture
def tinyseq(tmp_path, monkeypatch):
    """Run a command in an empty folder: gives exit status, output and error text."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.stdout, result.stderr

    return run


def test_a_language_model_is_trained_judged_and_sampled(tinyseq, tmp_path):
    (tmp_path / "text.txt").write_text("so long and thanks for all the fish. " * 40)
    status, out, _ = tinyseq(
        "lm", "train", "text.txt", "--out", "m.lm", "--steps", 60, "--hidden", 16, "--window", 16, "--batch", 8
    )
    assert status == 0, out
    assert "held out" in out
    status, out, _ = tinyseq("lm", "eval", "m.lm", "text.txt")
    assert status == 0
    assert "nats per character (" in out
    first, again = (tinyseq("lm", "sample", "m.lm", "--length", 40, "--prompt", "so ", "--seed", 1) for _ in range(2))
    assert first == again
    assert first[1].startswith("so ")
    assert len(first[1].rstrip("\n")) == 43


def test_a_model_with_a_fixed_window_is_trained_judged_and_sampled(tinyseq, tmp_path):
    (tmp_path / "text.txt").write_text("so long and thanks for all the fish. " * 40)
    settings = ("--steps", 60, "--hidden", 16, "--batch", 8, "--model", "window", "--context", 4)
    status, out, error = tinyseq("lm", "train", "text.txt", "--out", "m.lm", *settings)
    assert status == 0, out + error
    assert tinyseq("lm", "eval", "m.lm", "text.txt")[0] == 0
    assert len(tinyseq("lm", "sample", "m.lm", "--length", 9)[1]) == 10
    status, _, error = tinyseq("lm", "train", "text.txt", "--out", "m.lm", *settings, "--layers", 2)
    assert (status, error.count("\n")) == (1, 1)
    assert "--layers is for --model rnn; leave it out with --model window" in error


def command(folder, *words):
    """A process of its own that runs a command."""
    words = [sys.executable, "-m", "tinyseq.cli", *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
    return subprocess.Popen(
        words, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("end", ["killed", "terminated"])  # Ctrl-C is pressed in test_cli_language.py and others
def test_a_run_that_was_stopped_ends_with_the_same_model_when_it_is_called_again(tinyseq, tmp_path, end, interruptible):
    (tmp_path / "text.txt").write_text("so long and thanks for all the fish. " * 40)
    settings = ("--steps", 400, "--hidden", 8, "--batch", 4, "--window", 16, "--layers", 2, "--dropout", 0.2)
    train = ("lm", "train", "text.txt", *settings, "--every", 5)
    assert tinyseq(*train, "--out", "whole.lm")[0] == 0
    kept = tmp_path / "run.checkpoint"
    process = command(tmp_path, *train, "--out", "parts.lm", "--checkpoint", kept.name)
    while not kept.exists() and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL if end == "killed" else signal.SIGTERM)
    _, error = process.communicate()
    assert not (tmp_path / "parts.lm").exists()
    assert process.returncode == (-signal.SIGKILL if end == "killed" else 143)
    if end == "terminated":
        assert re.fullmatch(r"tinyseq: stopped after step \d+; the same call resumes from run\.checkpoint\n", error)
    for _ in range(2):  # the second time there is nothing left to do
        status, out, error = tinyseq(*train, "--out", "parts.lm", "--checkpoint", kept.name)
        assert status == 0, out + error
        assert (tmp_path / "parts.lm").read_bytes() == (tmp_path / "whole.lm").read_bytes()
    assert "has taken all 400 steps already" in out


def test_a_tagger_is_trained_judged_and_used(tinyseq, tmp_path):
    (tmp_path / "train.conllu").write_text(CONLLU)
    assert tinyseq("tag", "train", "train.conllu", "--out", "m.tag")[0] == 0
    status, out, _ = tinyseq("tag", "eval", "m.tag", "train.conllu")
    assert (status, "100.00% of tags right" in out) == (0, True)
    assert tinyseq("tag", "tag", "m.tag", "the dog runs") == (0, "the\tDET\ndog\tNOUN\nruns\tVERB\n", "")


@pytest.mark.parametrize("how", [(), ("--model", "rnn", "--units", "chars", "--pooling", "max", "--epochs", "40")])
def test_a_classifier_is_trained_judged_and_used(tinyseq, tmp_path, how):
    (tmp_path / "part0.tsv").write_text("good\twarm café\nbad\tdull\n" * 4, encoding="cp1252")
    (tmp_path / "part1.tsv").write_text("7\tdull, dull\n", encoding="cp1252")
    encoding = ("--encoding", "cp1252")
    status, out, error = tinyseq("classify", "train", "part0.tsv", "--out", "m.cls", *how, *encoding)
    assert (status, out.splitlines()[-1]) == (0, "8 texts, 2 labels; saved m.cls"), error
    status, out, _ = tinyseq("classify", "eval", "m.cls", "part*.tsv", *encoding)
    assert status == 0
    assert out.splitlines() == [
        "part0.tsv and 1 more: 88.89% of labels right, macro F1 0.6296",
        "\t7\tbad\tgood",
        "7\t0\t1\t0",
        "bad\t0\t4\t0",
        "good\t0\t0\t4",
    ]
    status, out, _ = tinyseq("classify", "predict", "m.cls", "warm café")
    assert (status, [line.split("\t")[0] for line in out.splitlines()]) == (0, ["good", "bad"])
    assert sum(float(line.split("\t")[1]) for line in out.splitlines()) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (("--model", "svm"), "--model must be one of bayes, rnn, got 'svm'"),
        (("--epochs", "3"), "--epochs is for --model rnn; leave it out with --model bayes"),
        (("--units", "word"), "units must be 'words' or 'chars', got 'word'"),
        (("--model", "rnn", "--pooling", "sum"), "--pooling must be one of last, mean, max, got 'sum'"),
        (("--device", "cuda"), "NaiveBayes computes on the CPU only; leave out the device"),
    ],
)
def test_a_classifier_that_cannot_be_trained_is_one_line_and_writes_nothing(tinyseq, tmp_path, how, said):
    (tmp_path / "train.tsv").write_text("good\twarm\nbad\tdull\n")
    status, _, error = tinyseq("classify", "train", "train.tsv", "--out", "m.cls", *how)
    assert (status, error.count("\n")) == (1, 1)
    assert said in error or ("cuda" in how and "CuPy" in error)
    assert not (tmp_path / "m.cls").exists()


@pytest.mark.parametrize("format", ["brown", "word-tag", "underscore", "two-column", "conll2003"])
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_a_tagger_reads_any_format_and_encoding_from_several_files(tinyseq, tmp_path, format, encoding):
    sentences = [[("the", "DET"), ("café", "NOUN")], [("the", "DET"), ("cat", "NOUN")]]
    line = {
        "brown": lambda s: " ".join(f"{word}/{tag}" for word, tag in s) + "\n",
        "underscore": lambda s: " ".join(f"{word}_{tag}" for word, tag in s) + "\n",
        "two-column": lambda s: "".join(f"{word} {tag}\n" for word, tag in s) + "\n",
        "conll2003": lambda s: "".join(f"{word} X I-NP {tag}\n" for word, tag in s) + "\n",
    }[format if format != "word-tag" else "brown"]
    for i, sentence in enumerate(sentences):
        (tmp_path / f"part{i}.txt").write_text(line(sentence), encoding=encoding)
    how = ("--format", format, "--encoding", encoding)
    status, out, error = tinyseq("tag", "train", "part*.txt", "--out", "m.tag", *how)
    assert (status, error) == (0, "")
    assert "2 sentences, 4 tokens" in out
    assert tinyseq("tag", "tag", "m.tag", "the café")[1] == "the\tDET\ncafé\tNOUN\n"
    status, out, _ = tinyseq("tag", "eval", "m.tag", "part0.txt", "part1.txt", *how)
    assert out == "part0.txt and 1 more: 100.00% of tags right\n"


def test_texts_of_several_files_in_another_encoding_are_joined(tinyseq, tmp_path):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("déjà vu und süß " * 20, encoding="cp1252")
    settings = ("--steps", 2, "--hidden", 4, "--window", 8, "--batch", 2, "--encoding", "cp1252")
    status, out, error = tinyseq("lm", "train", "?.txt", "--out", "m.lm", *settings)
    assert status == 0, out + error
    assert tinyseq("lm", "eval", "m.lm", "a.txt", "--encoding", "cp1252")[1].startswith("a.txt: ")
    status, _, error = tinyseq("lm", "eval", "m.lm", "a.txt")
    assert (status, error.count("\n")) == (1, 1)
    assert "is not UTF-8; expected a plain text file saved as UTF-8 text, or its encoding" in error
    assert tinyseq("lm", "eval", "m.lm", "*.conllu") == (1, "", "tinyseq: no file matches '*.conllu'\n")
    status, _, error = tinyseq("lm", "eval", "m.lm", "a.txt", "--encoding", "klingon")
    assert (status, error.count("\n"), "encoding must be one that Python knows" in error) == (1, 1, True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "text.txt: cannot be read"),
        (b"", "text.txt: the file is empty"),
        (b"good\n\xff\xfe\n", "text.txt, line 2"),
        (b"one\0two", "text.txt, line 1"),
    ],
)
def test_a_bad_text_is_one_line_and_writes_nothing(tinyseq, tmp_path, content, message):
    if content is not None:
        (tmp_path / "text.txt").write_bytes(content)
    status, _, error = tinyseq("lm", "train", "text.txt", "--out", "m.lm")
    assert status == 1
    assert error.startswith(f"tinyseq: {message}")
    assert error.count("\n") == 1
    assert not (tmp_path / "m.lm").exists()


def test_a_malformed_line_is_named_with_what_was_expected(tinyseq, tmp_path):
    (tmp_path / "bad.conllu").write_text(CONLLU + "1\tlonely\n")
    status, _, error = tinyseq("tag", "train", "bad.conllu", "--out", "m.tag")
    assert status == 1
    assert error.startswith("tinyseq: bad.conllu, line 13: 2 columns in")
    assert "expected ten columns" in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "command",
    [("lm", "sample"), ("lm", "eval"), ("tag", "tag"), ("tag", "eval"), ("classify", "predict"), ("classify", "eval")],
)
def test_a_foreign_model_file_is_one_line(tinyseq, tmp_path, command):
    (tmp_path / "m").write_text("no model at all")
    (tmp_path / "text.txt").write_text("x")
    more = [] if command == ("lm", "sample") else ["text.txt"]
    status, _, error = tinyseq(*command, "m", *more)
    assert status == 1
    assert error.startswith("tinyseq: m: is a text file that begins with 'no model at all'; expected a model file")
    assert error.count("\n") == 1


def test_a_model_of_the_other_kind_is_refused(tinyseq, tmp_path):
    (tmp_path / "train.conllu").write_text(CONLLU)
    tinyseq("tag", "train", "train.conllu", "--out", "m.tag")
    status, _, error = tinyseq("lm", "sample", "m.tag")
    assert status == 1
    assert (
        error
        == "tinyseq: m.tag: holds tinyseq.tagging.HMMTagger, expected a language model, as `tinyseq lm train` writes\n"
    )
    ts.lm.NgramLM(2).fit("abab").save(tmp_path / "m.lm")
    status, _, error = tinyseq("tag", "tag", "m.lm", "the cat")
    assert (status, error) == (
        1,
        "tinyseq: m.lm: holds tinyseq.lm.NgramLM, expected a tagger, as `tinyseq tag train` writes\n",
    )
    status, _, error = tinyseq("classify", "predict", "m.lm", "the cat")
    assert (status, error) == (
        1,
        "tinyseq: m.lm: holds tinyseq.lm.NgramLM, expected a classifier, as `tinyseq classify train` writes\n",
    )


@pytest.mark.parametrize("what", ["rnn", "lstm", "trellis"])
def test_drawings_are_written(tinyseq, tmp_path, what):
    status, out, error = tinyseq("draw", what, "--out", "picture.dot")
    assert status == 0, out + error
    assert "graph" in (tmp_path / "picture.dot").read_text()


def test_brackets_in_a_name_are_no_markup(tinyseq, tmp_path):
    status, out, error = tinyseq("draw", "trellis", "--out", "t[bold].dot")
    assert (status, out.splitlines()[-1]) == (0, "saved t[bold].dot"), error
    (tmp_path / "a [").mkdir()
    assert tinyseq("draw", "trellis", "--out", "a [/a].dot")[0] == 0


@pytest.mark.filterwarnings("default:text of")
def test_a_warning_is_one_line(tinyseq):
    status, out, error = tinyseq("draw", "lstm", "--font-size", "14", "--size", "12", "6", "--out", "small.dot")
    assert (status, out) == (0, "saved small.dot\n")
    assert re.fullmatch(r"tinyseq: text of 14 points would shrink to [\d.]+ points in a picture of 12 x 6 .*\n", error)


@pytest.mark.parametrize(
    ("words", "there"),
    [
        (("lstm", "--steps", "30"), '"t29"'),
        (("rnn", "--steps", "3", "--depth", "0"), "cross entropy"),
        (("gru", "--view", "folded"), "1 step later"),
        (("trellis", "--semiring", "log"), "sum over all paths"),
        (("lstm", "--text", "hello", "--title", "Spelling"), "Spelling"),
        (("gru", "--layers", "2", "--bidirectional", "--last", "--values", "--no-gradients"), "h→"),
        (("lstm", "--theme", "dark", "--font-size", "14", "--size", "25", "12"), ">a</text>"),
        (("trellis", "--hmm", "m.hmm", "--observations", "b a"), "best path: low"),
        (("trellis", "--candidates", "--posterior"), "line-through"),
        (("automaton", "--hmm", "m.hmm", "--title", "Two"), "low"),
        (("cell", "--cell", "gru", "--values"), ">GRU<"),
    ],
)
def test_pages_are_written(tinyseq, tmp_path, words, there):
    pytest.importorskip("pygraphviz", reason="drawings are not installed: pip install 'tinyseq[viz]'")
    model = ts.hmm.HMM([0.9, 0.1], [[0.5, 0.5]] * 2, [[0.5, 0.5], [0.1, 0.9]], states=["low", "high"], symbols="ab")
    model.save(tmp_path / "m.hmm")
    status, out, error = tinyseq("draw", *words, "--out", "page.html")
    assert status == 0, out + error
    page = (tmp_path / "page.html").read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert there in page


def test_a_trellis_to_fill_in_has_no_scores(tinyseq, tmp_path):
    for option in ("--values", "--no-values"):
        assert tinyseq("draw", "trellis", option, "--title", "Worksheet", "--out", f"t{option}.svg")[0] == 0
    blank, whole = ((tmp_path / f"t{option}.svg").read_text("utf-8") for option in ("--no-values", "--values"))
    assert "Worksheet" in blank
    assert "0.012544" in whole
    assert "0.012544" not in blank


def test_the_page_on_vanishing_gradients_is_written_and_its_factors_are_printed(tinyseq, tmp_path):
    status, out, _ = tinyseq("draw", "vanishing", "--out", "v.html")
    assert status == 0
    assert "LSTM, forget bias 1" in out
    assert "RNN beside an LSTM" in (tmp_path / "v.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("transformer",), "choose one of rnn, rnn_relu, lstm, gru, gru_before"),
        (("rnn", "--view", "sideways"), "--view must be one of unrolled, folded, flat"),
        (("rnn", "--semiring", "max"), "--semiring does not apply to rnn"),
        (("trellis", "--steps", "3"), "--steps does not apply to trellis"),
        (("vanishing", "--steps", "3"), "--steps does not apply to vanishing"),
        (("vanishing", "--semiring", "log"), "--semiring does not apply to vanishing"),
        (("vanishing",), "the file's ending must be .html"),
        (("rnn", "--observations", "a b"), "--observations does not apply to rnn"),
        (("rnn", "--text", "a"), "at least two letters"),
        (("rnn", "--text", "abc", "--steps", "2"), "cannot both be given"),
        (("trellis", "--hmm", "m.hmm"), "--hmm needs --observations"),
        (("trellis", "--no-legend"), "--legend does not apply to trellis"),
        (("trellis", "--semiring", "min"), 'semiring must be "max" or "log"'),
        (("trellis", "--semiring", "log", "--candidates"), "tinyseq: --candidates needs the max semiring"),
        (("cell", "--cell", "mgu"), "cell must be one of rnn"),
        (("cell", "--steps", "2"), "--steps does not apply to cell"),
        (("rnn", "--cell", "gru"), "--cell does not apply to rnn"),
        (("automaton", "--bidirectional"), "--bidirectional does not apply to automaton"),
        (("rnn", "--theme", "night"), "--theme must be one of light, dark"),
        (("rnn", "--font-size", "1"), "--font-size must be"),
    ],
)
def test_a_drawing_that_cannot_be_is_one_line(tinyseq, tmp_path, words, said):
    (tmp_path / "m.hmm").touch()
    status, _, error = tinyseq("draw", *words, "--out", "picture.dot")
    assert status == 1
    assert error.startswith("tinyseq: ")
    assert said in error
    assert error.count("\n") == 1


def test_doctor_names_the_versions(tinyseq):
    status, out, _ = tinyseq("doctor")
    assert status == 0
    assert "NumPy" in out
    assert "numba" in out


def test_models_of_every_kind_are_used_by_the_same_commands(tinyseq, tmp_path):
    ts.lm.NgramLM(2).fit("so long and thanks. " * 5).save(tmp_path / "m.lm")
    (tmp_path / "text.txt").write_text("so long. ")
    assert len(tinyseq("lm", "sample", "m.lm", "--length", 9, "--prompt", "so ")[1]) == 13
    assert tinyseq("lm", "eval", "m.lm", "text.txt")[0] == 0
    (tmp_path / "train.conllu").write_text(CONLLU)
    ts.tagging.MostFrequentTag().fit(ts.data.conllu(tmp_path / "train.conllu")).save(tmp_path / "m.tag")
    assert tinyseq("tag", "tag", "m.tag", "the dog runs")[1] == "the\tDET\ndog\tNOUN\nruns\tVERB\n"


@pytest.mark.parametrize("module", ["tinyseq", "tinyseq.cli"])
def test_the_version_is_printed(module):
    result = subprocess.run([sys.executable, "-m", module, "--version"], capture_output=True, text=True, check=True)
    assert result.stdout == f"tinyseq {ts.__version__}\n"


def test_results_are_printed_where_the_terminal_is_said_to_have_no_columns(monkeypatch):
    from rich.console import Console

    from tinyseq.cli import _run

    monkeypatch.setenv("COLUMNS", "0")
    monkeypatch.setattr(sys, "argv", ["tinyseq", "--version"])
    with pytest.raises(SystemExit):
        _run()
    assert Console().width > 0


def test_the_command_is_installed_and_explains_itself():
    result = subprocess.run([sys.executable, "-m", "tinyseq", "--help"], capture_output=True, text=True, check=True)
    for command in ("demo", "lm", "tag", "classify", "draw", "doctor"):
        assert command in result.stdout


def parameters(command, name="tinyseq"):
    """Every option and argument of a command and of those below it, with the command's name."""
    for parameter in command.params:
        yield name, parameter
    for child, below in getattr(command, "commands", {}).items():
        yield from parameters(below, f"{name} {child}")


def test_no_help_has_brackets_which_the_console_would_swallow():
    """Defaults are told by `show_default`: brackets in a text are taken for markup."""
    found = list(parameters(typer.main.get_command(app)))
    assert len(found) > 80
    assert [
        (name, parameter.name) for name, parameter in found if "[" in (getattr(parameter, "help", None) or "")
    ] == []


def commands(command, name="tinyseq"):
    """Every command that does something, with its name."""
    children = getattr(command, "commands", {})
    for child, below in children.items():
        yield from commands(below, f"{name} {child}")
    if not children:
        yield name, command


COMMANDS = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_is_broken_by_the_console_alone_and_ends_with_an_example(name):
    command = COMMANDS[name]
    assert [part for part in command.help.split("\n\n") if "\n" in part.strip()] == []
    assert command.epilog.startswith(f"Example: {name}")
    assert "For example" not in command.help


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("trellis", "Did you mean `tinyseq draw trellis --out trellis.svg`?"),
        ("Trelis --out a.svg", "Did you mean `tinyseq draw trellis --out trellis.svg`?"),
        ("lstm", "Did you mean `tinyseq draw lstm --out lstm.svg`?"),
        ("train a.txt", "Did you mean `tinyseq lm train` or `tinyseq tag train` or `tinyseq classify train`?"),
        ("smaple", "Did you mean `tinyseq lm sample`?"),
        ("dmeo", "Did you mean `tinyseq demo`?"),
        ("lm tain", "Did you mean 'train'?"),
        ("xyzzy", "No such command 'xyzzy'. "),
        ("draw lstm -o a.svg", "Possible options: --observations, --out"),
        ("tag train a.txt -out m.tag", "Possible options: --out"),
        ("draw lstm --out a.svg --size 3", "Option '--size' requires 2 arguments"),
        ("lm train a.txt -s 3", "Possible options: --seed, --steps"),
    ],
)
def test_an_unknown_command_or_option_says_what_may_have_been_meant(tinyseq, words, meant):
    status, _, error = tinyseq(*words.split())
    assert status == 2
    assert meant.rstrip() in " ".join(error.replace("│", " ").split())


@pytest.mark.parametrize("command", ["tag tag", "classify predict", "lm sample"])
def test_only_where_a_command_takes_a_text_further_words_are_said_to_need_quotes(tinyseq, tmp_path, command):
    (tmp_path / "model").touch()
    status, _, error = tinyseq(*command.split(), "model", "the", "dog")
    assert status == 2
    assert ('in quotes: "the words"' in " ".join(error.replace("│", " ").split())) == (command != "lm sample")


ANYTHING = {  # options that no value is wrong for on its own
    *("label_column", "text_column", "separator", "prompt", "title", "observations", "text", "sentence"),
    *("checkpoint", "out", "csv"),  # files to write: it depends on others whether they may be
    "path",  # of `check`, which needs nothing else
}
WRONG = {"size": ("3", "-1"), "top_p": ("2",), "temperature": ("inf",), "font_size": ("0",), "chapter": ("99",)}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_wrong_value_is_named_before_what_is_missing(tinyseq, name):
    kinds = typing.get_type_hints(inspect.unwrap(COMMANDS[name].callback))
    for parameter in COMMANDS[name].params:
        if parameter.name in ANYTHING or getattr(parameter, "is_flag", False):
            continue
        if parameter.callback is None:  # the parser sees whether it is a number, and not below the least one
            assert {int, float} & {kinds[parameter.name], *typing.get_args(kinds[parameter.name])}, parameter.name
            continue
        option = parameter.opts[:1] if parameter.param_type_name == "option" else []
        wrong = WRONG.get(parameter.name, ("no*such",))
        status, _, error = tinyseq(*name.split()[1:], *option, *wrong)
        assert (status, error.count("\n")) == (1, 1), (parameter.name, error)
        assert any(word in error for word in (*option, *wrong))
    wrong = ("draw", "--out", "x.txt")  # a file to write that is wrong on its own
    assert tinyseq(*wrong)[2].startswith("tinyseq: cannot save a drawing as 'x.txt'")


def test_errors_speak_of_options_not_of_arguments_in_python(tinyseq, tmp_path):
    (tmp_path / "a").write_bytes("caf\u00e9 x".encode("latin-1"))
    train = ("train", "a", "--out", "m", "--model")
    for words in (("lm", *train, "ngram"), ("tag", *train, "hmm"), ("classify", *train, "bayes")):
        error = tinyseq(*words)[2]
        assert "such as --encoding cp1252 or --encoding latin-1" in error
        assert tinyseq(*words, "--encoding", "utf9")[2].startswith("tinyseq: --encoding must be one that Python knows")
    (tmp_path / "untagged").write_text(re.sub("DET|NOUN|VERB", "_", CONLLU))
    assert "(or --tags xpos)" in tinyseq("tag", "train", "untagged", "--out", "m")[2]
    assert tinyseq("figures", "--out", "f", "--format", "gif")[2].startswith("tinyseq: --format must be some of svg")
    for group in ("lm", "classify"):
        error = tinyseq(group, "train", "a", "--out", "m", "--model", "rnn", "--cell", "LSTM")[2]
        known = ", ".join(CELLS)  # with those that other tests declare
        assert error == f"tinyseq: --cell must be one of {known}, got 'LSTM'\n"
    assert tinyseq("draw", "cell", "--out", "a.svg", "--cell", "LSTM")[2] == error
    assert tinyseq("draw", "lstm", "--out", "a.svg", "--theme", "blue")[2].startswith("tinyseq: --theme must be")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_option_is_a_sentence(name):
    for parameter in COMMANDS[name].params:
        if parameter.name != "help":
            assert re.fullmatch(r"[A-Za-z].*\.", parameter.help), parameter.name


PRINTS = [
    ["doctor"],
    ["--version"],
    ["--help"],
    ["check", "--list"],
    ["lm", "sample", "m.lm"],
    ["tag", "tag", "m.tag", "--file", "-"],
]


def printing(folder, words, **to):
    """A command that prints, run by a shell; its exit status and what it wrote to standard error."""
    text = "so long and thanks for all the fish. " * 40
    ts.lm.NgramLM(3).fit(text).save(folder / "m.lm")
    ts.tagging.HMMTagger().fit([[("the", "DET"), ("cat", "NOUN")]]).save(folder / "m.tag")
    line = [sys.executable, "-m", "tinyseq", *words]
    process = subprocess.Popen(line, cwd=folder, stdin=subprocess.PIPE, stderr=subprocess.PIPE, **to)
    if process.stdout:
        process.stdout.close()
    return process.communicate(CONLLU.encode() * 2000)[1].decode(), process.returncode


@pytest.mark.parametrize("words", PRINTS, ids="-".join)
@pytest.mark.skipif(sys.platform == "win32", reason="pipes break in another way")
def test_a_reader_that_stops_early_ends_a_command_without_a_word(tmp_path, words):
    said, _ = printing(tmp_path, words, stdout=subprocess.PIPE)
    assert "rror" not in said
    assert "ipe" not in said


@pytest.mark.parametrize("words", PRINTS, ids="-".join)
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_a_full_disk_is_one_line(tmp_path, words):
    with open("/dev/full", "w") as full:
        said, status = printing(tmp_path, words, stdout=full)
    assert status == 1
    assert said.count("No space left on device") == 1
    assert len(said.splitlines()) == 1


def test_one_thing_is_counted_in_the_singular(tinyseq, tmp_path):
    (tmp_path / "one.conllu").write_text("1\tcats\t_\tNOUN\t_\t_\t_\t_\t_\t_\n\n")
    assert "1 sentence, 1 token; saved" in tinyseq("tag", "train", "one.conllu", "--out", "m.tag")[1]
    assert "1 sentence, 1 word in" in tinyseq("tag", "tag", "m.tag", "--file", "one.conllu")[2]


def test_a_loss_of_the_last_step_reads_the_last_state_alone():
    from tinyseq.commands.draw import character_loss
    from tinyseq.structure.record import record
    from tinyseq.viz.content.unrolled import sheet

    content = sheet(record(character_loss("lstm", "hello", last=True)))
    read = [arrow.tail.column for arrow in content.arrows if arrow.tail.column and not arrow.head.column]
    assert read == [content.columns[-1]]
    assert "[:, 0]" not in ts.viz.graph(character_loss("lstm", "hello")).svg()  # a batch of one text is not indexed


@pytest.mark.parametrize("group", ["lm", "tag", "classify"])
def test_every_command_that_trains_or_uses_a_model_takes_a_device(group):
    """As docs/gpu.md says; and each that trains one can choose a network's cell."""
    from typer.main import get_command

    from tinyseq.commands.main import app

    for name, command in get_command(app).commands[group].commands.items():
        takes = {parameter.name for parameter in command.params}
        assert "device" in takes
        assert "cell" in takes or name != "train"


@pytest.mark.parametrize("encoding", ["cp1252", "cp1251", "utf-8"])
def test_what_standard_output_cannot_show_is_one_line_and_conllu_is_utf8_wherever_it_goes(tmp_path, encoding):
    ts.tagging.HMMTagger().fit([[("\u732b", "NOUN"), ("cat", "NOUN")]]).save(tmp_path / "m.tag")
    text = CONLLU.replace("cat", "\u732b").encode()
    environment = {**os.environ, "PYTHONIOENCODING": encoding}

    def run(*words):
        line = [sys.executable, "-m", "tinyseq", *words]
        return subprocess.run(line, cwd=tmp_path, env=environment, input=text, capture_output=True, check=False)

    tagged = run("tag", "tag", "m.tag", "--file", "-")
    assert (tagged.returncode, tagged.stdout.count("\u732b".encode())) == (0, CONLLU.count("cat"))
    assert b"\r" not in tagged.stdout
    shown = run("tag", "tag", "m.tag", "\u732b")
    if encoding != "utf-8":
        said = f"tinyseq: standard output cannot show '\\u732b' in {encoding}; set PYTHONIOENCODING=utf-8"
        assert (shown.returncode, shown.stderr.decode().splitlines()) == (1, [said])
    else:
        assert shown.stdout.decode(encoding).split() == ["\u732b", "NOUN"]


@pytest.mark.parametrize(
    "words",
    [
        ["lm", "train", "t.txt", "--out", "m.lm", "--hidden", 2**31, "--steps", 1],
        ["lm", "train", "t.txt", "--out", "m.lm", "--hidden", 10**24, "--steps", 1],
        ["lm", "train", "t.txt", "--out", "m.lm", "--model", "window", "--hidden", 10**6],
        ["tag", "train", "t.conllu", "--out", "m.tag", "--model", "rnn", "--hidden", 2**40],
        ["tag", "train", "t.conllu", "--out", "m.tag", "--model", "crf", "--hidden", 10**6],
    ],
    ids=lambda words: f"{words[-2]} {words[-1]}",
)
def test_a_number_that_no_computer_can_hold_is_one_line(tinyseq, tmp_path, words):
    (tmp_path / "t.txt").write_text("so long and thanks for all the fish. " * 9)
    (tmp_path / "t.conllu").write_text(CONLLU)
    status, out, error = tinyseq(*words)
    assert (status, error.count("\n"), "Traceback" in out) == (1, 1, False), error
    assert not list(tmp_path.glob("m.*"))


@pytest.mark.parametrize("name", COMMANDS)
def test_no_size_is_so_large_that_a_command_would_seem_to_hang(tinyseq, tmp_path, name):
    """Layers, n-grams and steps to draw have a bound."""
    for parameter in COMMANDS[name].params:
        if parameter.name in ("layers", "n") or (name, parameter.name) == ("tinyseq draw", "steps"):
            option = parameter.opts[0]
            status, _, error = tinyseq(*name.split()[1:], option, 10**6)
            assert status == 2
            assert f"Invalid value for '{option}'" in error


def test_a_run_of_days_is_announced(capsys):
    from tinyseq.commands.models.runs import Run
    from tinyseq.train import Report

    said = []
    for steps in (10**4, 10**6):
        reports = (Report(i, 1.0, 1.0, 1.0, i * 0.5, 0.1) for i in range(1, 20))
        Run(Path("m.lm"), None, []).taken(reports, steps, "text", {}, quiet=True)
        said.append([line for line in capsys.readouterr().err.splitlines() if line.startswith("tinyseq: ")])
    assert said == [[], ["tinyseq: the other 999,990 steps will take about 6 days; Ctrl-C saves the run"]]
