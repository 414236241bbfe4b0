"""``--device``: the commands compute there what they compute here, or say in one line why they cannot."""

import sys

import numpy as np
import pytest

import tinyseq as ts

TEXT = "so long and thanks for all the fish. " * 20
SENTENCES = [[("the", "D"), ("cat", "N"), ("sat", "V")], [("cats", "N"), ("sit", "V")]] * 10


@pytest.fixture
def tinyseq(monkeypatch):
    pytest.importorskip("safetensors", reason="model files are not installed")
    runner = pytest.importorskip("typer.testing", reason="the commands need the extra cli").CliRunner()
    from tinyseq.commands.main import app

    def run(*arguments):
        result = runner.invoke(app, list(map(str, arguments)))
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return result.exit_code, result.output

    return run


@pytest.fixture
def models(tmp_path):
    """A file for each kind of model, and files to judge them by."""
    ts.manual_seed(0)
    letters = sorted(set(TEXT))
    made = {
        "rnn": ts.lm.RNNLM(letters, 8),
        "window": ts.lm.WindowLM(letters, 3, 8),
        "hmm": ts.tagging.HMMTagger(n=3).fit(SENTENCES),
        "bigrams": ts.tagging.HMMTagger(n=2).fit(SENTENCES),
        "network": ts.tagging.RNNTagger(8, 8, epochs=1).fit(SENTENCES),
        "counts": ts.tagging.MostFrequentTag().fit(SENTENCES),
    }
    for name, model in made.items():
        model.save(tmp_path / name)
    (tmp_path / "text").write_text(TEXT)
    (tmp_path / "words").write_text("".join("".join(f"{w}\t{t}\n" for w, t in s) + "\n" for s in SENTENCES))
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [
        ("lm", "sample", "rnn", "--length", 20, "--seed", 1),
        ("lm", "sample", "window", "--length", 20, "--temperature", 0),
        ("lm", "eval", "rnn", "text"),
        ("tag", "tag", "hmm", "the cat sat"),
        ("tag", "tag", "bigrams", "the cats sit"),
        ("tag", "tag", "network", "the cat sat"),
    ],
    ids=lambda command: " ".join(map(str, command[:3])),
)
def test_commands_answer_there_as_here(cupy, tinyseq, models, command, monkeypatch):
    monkeypatch.chdir(models)
    here, there = tinyseq(*command), tinyseq(*command, "--device", "cuda")
    assert here[0] == 0
    assert there == here


@pytest.mark.parametrize("tagger", ["hmm", "network"])
def test_accuracy_is_measured_there(cupy, tinyseq, models, tagger, monkeypatch):
    monkeypatch.chdir(models)
    command = ("tag", "eval", tagger, "words", "--format", "two-column")
    assert tinyseq(*command, "--device", "cuda") == tinyseq(*command)


@pytest.mark.parametrize("n", [2, 3])
def test_a_tagger_that_was_moved_is_saved_and_comes_back(cupy, tmp_path, n):
    tagger = ts.tagging.HMMTagger(n=n).fit(SENTENCES)
    expected = tagger.tag_many([["the", "cat"], ["dogs", "sit"]])
    assert tagger.to("cuda").hmm.transition.device == "cuda"
    assert tagger.tag_many([["the", "cat"], ["dogs", "sit"]]) == expected
    tagger.save(tmp_path / "there")
    assert ts.tagging.HMMTagger.load(tmp_path / "there").tag_many([["the", "cat"], ["dogs", "sit"]]) == expected
    assert isinstance(tagger.to("cpu").hmm.transition, np.ndarray)
    assert tagger.tag_many([["the", "cat"], ["dogs", "sit"]]) == expected


COMMANDS = [
    ("lm", "sample", "rnn"),
    ("lm", "eval", "rnn", "text"),
    ("lm", "train", "text", "--out", "new", "--steps", 2),
    ("tag", "tag", "hmm", "the cat"),
    ("tag", "eval", "network", "words", "--format", "two-column"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(map(str, command[:2])))
def test_without_cupy_or_a_gpu_a_line_says_so(tinyseq, models, command, monkeypatch):
    monkeypatch.chdir(models)
    monkeypatch.setitem(sys.modules, "cupy", None)  # as if it were not installed
    code, output = tinyseq(*command, "--device", "cuda")
    assert (code, "needs CuPy: pip install" in output) == (1, True)
    code, output = tinyseq(*command, "--device", "tpu")
    assert (code, 'device must be "cpu" or "cuda", got \'tpu\'' in output) == (1, True)
    assert not (models / "new").exists()


def test_cupy_without_a_gpu_says_so(tinyseq, models, monkeypatch):
    import types

    library = types.ModuleType("cupy")

    def asarray(values):
        raise RuntimeError("cudaErrorInsufficientDriver")

    library.asarray, library.is_available = asarray, lambda: False
    monkeypatch.chdir(models)
    monkeypatch.setitem(sys.modules, "cupy", library)
    code, output = tinyseq("lm", "sample", "rnn", "--device", "cuda")
    assert (code, "found CuPy, but no NVIDIA GPU that it can use" in output) == (1, True)


def test_models_that_only_count_refuse_a_gpu(tinyseq, models, monkeypatch):
    monkeypatch.chdir(models)
    code, output = tinyseq("tag", "tag", "counts", "the cat", "--device", "cuda")
    assert (code, "MostFrequentTag computes on the CPU only" in output) == (1, True)
    ts.lm.NgramLM(2).fit([list(TEXT)]).save("ngrams")
    code, output = tinyseq("lm", "sample", "ngrams", "--device", "cuda")
    assert (code, "a NgramLM computes on the CPU only" in output) == (1, True)
