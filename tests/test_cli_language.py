"""The commands for language models: kinds of models, words, standard input, JSON, logs, and runs that go wrong."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from interrupted import stopped_by_ctrl_c

import tinyseq as ts

pytest.importorskip("typer", reason="the command line is not installed: pip install 'tinyseq[cli]'")
pytest.importorskip("safetensors", reason="model files are not installed: pip install 'tinyseq[io]'")

from typer.testing import CliRunner

TEXT = "so long and thanks for all the fish.\n" * 40
QUICK = ("--steps", 20, "--hidden", 8, "--window", 8, "--batch", 4)
MODELS = {"rnn": QUICK, "window": (*QUICK, "--context", 2), "ngram": ("--n", 3)}


@pytest.fixture
def tinyseq(tmp_path, monkeypatch):
    """Run a command in a folder with a text: gives exit status, output and error text."""
    from tinyseq.commands.main import app

    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text(TEXT)

    def run(*words, stdin=None):
        result = CliRunner().invoke(app, [str(word) for word in words], input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.exit_code, result.stdout, result.stderr

    return run


@pytest.mark.parametrize("words", [(), ("--words",)])
@pytest.mark.parametrize("model", list(MODELS))
def test_each_model_is_trained_judged_and_sampled_with_all_options(tinyseq, model, words):
    train = ("lm", "train", "text.txt", "--out", "m.lm", "--model", model, *MODELS[model], *words, "--seed", 3)
    status, out, error = tinyseq(*train, "--json")
    assert status == 0, error
    said = json.loads(out)
    assert (said["model"], said["saved"]) == (model, "m.lm")
    found = ts.load_model("m.lm")
    assert found.words == bool(words)
    assert said["held_out"]["nats"] == pytest.approx(found.nats(TEXT[len(TEXT) * 9 // 10 :]), rel=1e-6)
    status, out, _ = tinyseq("lm", "eval", "m.lm", "text.txt", "--json")
    judged = json.loads(out)
    assert {name: judged[name] for name in ("nats", "bits", "perplexity", "symbols", "unknown")} == pytest.approx(
        found.evaluate(TEXT)._asdict()
    )
    draw = ("lm", "sample", "m.lm", "--length", 30, "--top-k", 3, "--top-p", 0.8, "--temperature", 0.7, "--seed", 5)
    status, out, _ = tinyseq(*draw, "--prompt", "so ")
    drawn = found.sample(30, 5, prompt="so ", top_k=3, top_p=0.8, temperature=0.7)
    assert out == found.text([*(["so"] if words else "so "), *drawn]) + "\n"
    assert json.loads(tinyseq(*draw, "--prompt", "so ", "--json")[1])["text"] + "\n" == out
    assert not Path("m.lm.run").exists()


def test_standard_input_is_a_text(tinyseq):
    for name, stdin in (("text.txt", None), ("-", TEXT.encode("cp1252"))):
        how = ("--model", "ngram", "--encoding", "cp1252")
        assert tinyseq("lm", "train", name, "--out", f"{len(name)}.lm", *how, stdin=stdin)[0] == 0
    assert Path("1.lm").read_bytes() == Path("8.lm").read_bytes()
    status, out, _ = tinyseq("lm", "eval", "1.lm", "-", stdin=TEXT)
    assert out.startswith("standard input: ")
    status, _, error = tinyseq("lm", "eval", "1.lm", "-", stdin=b"good\n\xff")
    assert (status, error.count("\n")) == (1, 1)
    assert error.startswith("tinyseq: standard input, line 2: byte 0xff in column 1 is not UTF-8")


@pytest.mark.parametrize("model", ["rnn", "window"])
def test_characters_that_a_network_has_no_vector_for_are_listed(tinyseq, model):
    assert tinyseq("lm", "train", "text.txt", "--out", "m.lm", "--model", model, "--steps", 2)[0] == 0
    Path("other.txt").write_text("so ÄZÄ long\tand")
    for words, name in (
        (("eval", "m.lm", "other.txt"), "other.txt"),
        (("sample", "m.lm", "--prompt", "ÄZ\t"), "--prompt"),
    ):
        status, _, error = tinyseq("lm", *words)
        assert status == 1
        assert error.startswith(
            f"tinyseq: {name}: the model does not know 'Ä', 'Z', '\\t', as the texts it was trained on"
        )


def test_counts_and_words_take_any_text(tinyseq):
    """Counts have a shorter history for it, and words the unknown word."""
    for model, words in (("ngram", ()), ("ngram", ("--words",)), ("rnn", ("--words",))):
        how = ("--steps", 2) if model == "rnn" else ()
        assert tinyseq("lm", "train", "text.txt", "--out", "m.lm", "--model", model, *words, *how)[0] == 0
        assert tinyseq("lm", "sample", "m.lm", "--prompt", "Ä")[0] == 0
        status, out, _ = tinyseq("lm", "eval", "m.lm", "-", stdin="so long Ä")
        assert (status, "unknown" in out) == (0, True)


def test_a_mixture_is_judged_and_sampled_like_any_model(tinyseq):
    letters = sorted(set(TEXT))
    network = ts.lm.RNNLM(letters, 8)
    mixture = ts.lm.Mixture([network, ts.lm.NgramLM(2, vocabulary=letters).fit(TEXT)])
    mixture.save("m.lm")
    status, out, _ = tinyseq("lm", "eval", "m.lm", "text.txt", "--json")
    assert (status, json.loads(out)["nats"]) == (0, pytest.approx(mixture.nats(TEXT)))
    assert tinyseq("lm", "sample", "m.lm", "--length", 5)[1] == "".join(mixture.sample(5, 0)) + "\n"
    status, _, error = tinyseq("lm", "sample", "m.lm", "--prompt", "Ä")
    assert (status, "does not know 'Ä'" in error) == (1, True)
    status, _, error = tinyseq("lm", "eval", "m.lm", "text.txt", "--adapt", 0.1)
    assert (status, "--adapt is for networks, and m.lm holds a Mixture" in error) == (1, True)


def test_a_network_adapts_to_the_text_that_it_is_judged_on(tinyseq):
    network = ts.lm.RNNLM(sorted(set(TEXT)), 8)
    network.save("m.lm")
    status, out, _ = tinyseq("lm", "eval", "m.lm", "text.txt", "--adapt", 0.5, "--json")
    expected = network.evaluate(TEXT, window=64, batch=1, adapt=0.5)
    assert (status, json.loads(out)["nats"]) == (0, pytest.approx(expected.nats))
    assert expected.nats < network.nats(TEXT) - 0.1
    assert tinyseq("lm", "eval", "m.lm", "text.txt", "--adapt", -1)[0] != 0


def test_a_log_has_a_line_for_each_step(tinyseq):
    assert tinyseq("lm", "train", "text.txt", "--out", "m.lm", *QUICK, "--log", "log.csv")[0] == 0
    assert [line.split(",")[0] for line in Path("log.csv").read_text().splitlines()] == [
        "step",
        *map(str, range(1, 21)),
    ]


def test_compiled_training_gives_the_same_model(tinyseq):
    for how, out in (((), "a.lm"), (("--compile", "numpy"), "b.lm")):
        assert tinyseq("lm", "train", "text.txt", "--out", out, *QUICK, *how)[0] == 0
    a, b = (ts.load_model(name).state_dict() for name in ("a.lm", "b.lm"))
    for name, weights in a.items():
        np.testing.assert_allclose(b[name], weights, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--model", "lstm"), "--model must be one of rnn, window, ngram, got 'lstm'"),
        (("--context", 3), "--context is for --model window; leave it out with --model rnn"),
        (("--model", "window", "--cell", "gru"), "--cell is for --model rnn; leave it out with --model window"),
        (("--model", "ngram", "--steps", 5), "--steps is for --model rnn or --model window; leave it out"),
        (("--model", "ngram", "--log", "a.csv"), "--log is for --model rnn or --model window"),
        (("--n", 3), "--n is for --model ngram; leave it out with --model rnn"),
        (("--cell", "transformer"), "transformer"),
        (("--log", "log.txt"), "--log must end in .csv or .jsonl, got 'log.txt'"),
        (("more.csv", "--log", "more.csv"), "--log more.csv is also an input file and would be overwritten"),
        (("--out", "run.csv", "--log", "run.csv"), "would be overwritten; choose another name"),
        (("--compile", "fast"), "--compile must be one of"),
        (("--device", "tpu"), "tpu"),
        (("--model", "ngram", "--device", "tpu"), "tpu"),
    ],
)
def test_what_cannot_be_trained_is_one_line_and_writes_nothing(tinyseq, words, said):
    Path("more.csv").write_text(TEXT)
    before = sorted(Path().iterdir())
    status, _, error = tinyseq("lm", "train", "text.txt", "--out", "m.lm", *words)
    assert (status, error.count("\n")) == (1, 1)
    assert said in error
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--top-p", 1.5), "tinyseq: --top-p must be above 0 and at most 1, got 1.5"),
        (("--prompt", "€"), "--prompt: the model does not know '€'"),
    ],
)
def test_what_cannot_be_sampled_is_one_line(tinyseq, words, said):
    ts.lm.RNNLM(sorted(set(TEXT)), 4).save("m.lm")
    status, _, error = tinyseq("lm", "sample", "m.lm", *words)
    assert (status, error.count("\n")) == (1, 1)
    assert said in error


@pytest.mark.parametrize("lr", ["1e30", "300"])
def test_a_run_that_diverges_says_what_to_change_and_leaves_nothing(tinyseq, lr):
    """By numbers that are no longer finite, and by a loss that stays far above the first one."""
    how = ("--cell", "rnn", "--steps", 200, "--hidden", 8, "--window", 8, "--batch", 4)
    status, _, error = tinyseq("lm", "train", "text.txt", "--out", "m.lm", *how, "--lr", lr, "--clip", 1e9)
    assert status == 1
    last = error.splitlines()[-1]
    assert last.startswith("tinyseq: the training has diverged: ")
    assert re.search(r"start over with a lower --lr \(now [\de+]+\) or --clip \(now 1e\+09\)$", last)
    assert [path.name for path in Path().iterdir()] == ["text.txt"]


def test_ctrl_c_saves_the_run_and_the_same_call_goes_on(tinyseq, interruptible):
    how = ("lm", "train", "text.txt", "--steps", 400, *QUICK[2:], "--every", 5)
    assert tinyseq(*how, "--out", "whole.lm")[0] == 0
    stopped_by_ctrl_c(how, "parts.lm")
    status, _, error = tinyseq(*how, "--out", "parts.lm", "--lr", 0.1)
    assert (status, "a checkpoint of another run" in error) == (1, True)
    assert tinyseq(*how, "--out", "parts.lm")[0] == 0
    assert Path("parts.lm").read_bytes() == Path("whole.lm").read_bytes()
    assert not Path("parts.lm.run").exists()


def test_help_shows_an_example_that_runs(tinyseq):
    Path("books").mkdir()
    Path("books/a.txt").write_text("It was " + TEXT)
    Path("another.txt").write_text("so long")
    for command in ("train", "sample", "eval"):
        text = " ".join(tinyseq("lm", command, "--help")[1].split())
        words = re.search(r"Example: tinyseq (lm .*)", text)[1].replace("--steps 2000", "--steps 2 --hidden 4")
        status, _, error = tinyseq(*[word.strip("'") for word in re.findall(r"'[^']*'|\S+", words)])
        assert status == 0, error


def test_an_infinite_cross_entropy_names_the_character_that_the_model_finds_impossible(tinyseq):
    assert tinyseq("lm", "train", "text.txt", "--out", "m.lm", "--model", "ngram", "--n", 3)[0] == 0
    Path("new.txt").write_text("so löng")
    status, out, _ = tinyseq("lm", "eval", "m.lm", "new.txt")
    assert status == 0
    said = " ".join(out.split())
    assert "inf nats per character" in said
    assert "infinite, as the model gives probability 0 to character 5, 'ö': it does not occur in the training" in said
    ts.lm.NgramLM(2, smoothing=None).fit(TEXT).save("plain.lm")
    Path("new.txt").write_text("sol")
    said = " ".join(tinyseq("lm", "eval", "plain.lm", "new.txt")[1].split())
    assert "probability 0 to character 3, 'l': it never follows the symbols before it in the training text" in said
