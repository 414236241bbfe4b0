"""A checkpoint of another run is refused with what differs; more steps, other watchers and another place are not."""

import numpy as np
import pytest
from typer.testing import CliRunner

import tinyseq as ts
from tinyseq.optim import Adam, Plateau, RMSprop, cosine_decay, step_decay, warm_up
from tinyseq.train import AnotherRun, Checkpoint, Log, Loss, Validation, fingerprint, train

pytest.importorskip("safetensors", reason="safetensors is not installed")

TEXT = "so long and thanks for all the fish. " * 4
LETTERS = sorted(set(TEXT))
SENTENCES = [[("the", "DT"), ("fish", "NN")], [("they", "PRP"), ("fish", "VB")], [("a", "DT"), ("cat", "NN")]]


class Model(ts.nn.Module):
    def __init__(self, p=0.5, symbols="ab"):
        self.symbols = symbols
        self.body = ts.nn.Sequential(ts.nn.Linear(3, 2), ts.nn.Dropout(p))


BASE = {
    "model": lambda: Model(),
    "optimizer": lambda p: Adam(p, lr=0.05),
    "schedule": lambda: warm_up(cosine_decay(0.05, 40), 3),
    "clip": 1.0,
    "depends_on": {"text": TEXT, "window": 64, "corpus": SENTENCES, "x": np.arange(3)},
}


def run(path, steps=4, callbacks=(), validation=None, **changed):
    """Train a small model with these settings; gives the weights, and the steps taken."""
    settings = BASE | changed
    ts.manual_seed(0)
    model = settings["model"]()
    optimizer = settings["optimizer"](model.parameters())
    schedule = settings["schedule"] and settings["schedule"]()

    def task(step):
        x = np.random.default_rng(step).standard_normal((4, 3)).astype("f4")
        return Loss(ts.square(model.body(ts.tensor(x))).mean(), 4)

    checkpoint = Checkpoint(path, model, depends_on=settings["depends_on"])
    judge = Validation(model, lambda: 1.0, every=2) if validation or isinstance(schedule, Plateau) else None
    reports = train(
        task,
        optimizer,
        steps=steps,
        clip=settings["clip"],
        schedule=schedule,
        validation=judge,
        callbacks=callbacks,
        checkpoint=checkpoint,
    )
    before = {name: value.tobytes() for name, value in model.state_dict().items()}
    try:
        return [report.step for report in reports], {n: v.tobytes() for n, v in model.state_dict().items()}
    except AnotherRun:
        assert before == {name: value.tobytes() for name, value in model.state_dict().items()}
        raise


OTHERS = {
    "letters": ({"model": lambda: Model(symbols="xy")}, "model.symbols was ab, now xy"),
    "dropout": ({"model": lambda: Model(p=0.25)}, "model.body.1.p was 0.5, now 0.25"),
    "momenta": (
        {"optimizer": lambda p: Adam(p, betas=(0.9, 0.99))},
        r"optimizer.betas was \[0.9, 0.999\], now \[0.9, 0",
    ),
    "weight decay": ({"optimizer": lambda p: Adam(p, weight_decay=0.1)}, "optimizer.weight_decay was 0.0, now 0.1"),
    "rates": ({"schedule": lambda: warm_up(cosine_decay(0.1, 40), 3)}, r"schedule was .*lr=0.05.*, now .*lr=0.1"),
    "floor": (
        {"schedule": lambda: warm_up(cosine_decay(0.05, 40, 0.01), 3)},
        r"schedule was .*floor=0.0\)?, .*floor=0.01",
    ),
    "schedule": ({"schedule": lambda: step_decay(0.05, 9)}, r"schedule was warmed\(.*, now stepped\("),
    "no schedule": ({"schedule": None}, "schedule was .*, now not there; optimizer.lr was not there, now 0.05"),
    "clip": ({"clip": None}, "clip was 1.0, now None"),
    "text": (
        {"depends_on": BASE["depends_on"] | {"text": TEXT + "!"}},
        r"text was 148 characters \(sha256.*, now 149 ch",
    ),
    "same length": ({"depends_on": BASE["depends_on"] | {"text": TEXT.upper()}}, "text was 148 .*, now 148 characters"),
    "window": (
        {"depends_on": BASE["depends_on"] | {"window": 32}},
        "window was 64, now 32. Use another file",
    ),
    "array": (
        {"depends_on": BASE["depends_on"] | {"x": np.arange(3)[::-1]}},
        r"x was int64 \(3,\) \(sha256 .*, now int64",
    ),
    "corpus": ({"depends_on": BASE["depends_on"] | {"corpus": SENTENCES[::-1]}}, r"corpus was \[\[\[.*, now \[\[\["),
    "a thing more": ({"depends_on": BASE["depends_on"] | {"seed": 1}}, "seed was not there, now 1"),
    "a thing less": ({"depends_on": {"text": TEXT}}, "window was 64, now not there"),
}


@pytest.mark.parametrize("name", list(OTHERS))
def test_another_run_is_refused_with_what_differs(tmp_path, name):
    changed, message = OTHERS[name]
    path = tmp_path / "run.safetensors"
    run(path)
    saved = path.read_bytes()
    with pytest.raises(AnotherRun, match=rf"run\.safetensors: a checkpoint of another run: .*{message}"):
        run(path, steps=9, **changed)
    assert path.read_bytes() == saved
    assert run(path, steps=6)[0] == [5, 6]  # its own run still goes on


def test_a_rate_without_a_schedule_is_the_runs_own(tmp_path):
    path = tmp_path / "run.safetensors"
    run(path, schedule=None)
    with pytest.raises(AnotherRun, match=r"optimizer\.lr was 0\.05, now 0\.1\."):
        run(path, schedule=None, optimizer=lambda p: Adam(p, lr=0.1))


def test_a_plateau_must_be_the_same_but_for_where_it_stands(tmp_path):
    path = tmp_path / "run.safetensors"
    run(path, schedule=lambda: Plateau(0.05, patience=0, factor=0.5), steps=8)
    assert run(path, schedule=lambda: Plateau(0.05, patience=0, factor=0.5), steps=9)[0] == [9]
    with pytest.raises(AnotherRun, match=r"schedule was Plateau\(.*factor=0.5.*, now Plateau\(.*factor=0.1"):
        run(path, schedule=lambda: Plateau(0.05, patience=0), steps=9)
    with pytest.raises(AnotherRun, match=r"another run: schedule\.lr was 0\.05, now 0\.1\."):
        run(path, schedule=lambda: Plateau(0.1, patience=0, factor=0.5), steps=9)


def test_another_optimiser_is_named(tmp_path):
    path = tmp_path / "run.safetensors"
    run(path)
    with pytest.raises(
        ts.io.ModelFileError, match=r"it contains 0\.Model, 2\.Adam, but the run has 0\.Model, 2\.RMSprop"
    ):
        run(path, steps=9, optimizer=lambda p: RMSprop(p, lr=0.05))


def test_what_may_differ_leaves_the_same_bits(tmp_path):
    """More steps, a log or a validation that comes or goes, a longer schedule of the same rates, and another place."""
    whole = run(tmp_path / "whole.safetensors", steps=12)[1]
    path = tmp_path / "a.safetensors"
    run(path, steps=3)
    run(path, steps=5, callbacks=[Log(tmp_path / "log.csv")])
    run(path, steps=7, validation=True, callbacks=[Log(tmp_path / "log.csv"), Log(tmp_path / "log.jsonl")])
    path.rename(tmp_path / "b.safetensors")
    taken, weights = run(tmp_path / "b.safetensors", steps=12)
    assert taken == [8, 9, 10, 11, 12]
    assert weights == whole
    assert run(tmp_path / "b.safetensors", steps=13, schedule=lambda: warm_up(cosine_decay(0.05, 80), 6))[0] == [13]


def test_an_optimiser_that_has_been_through_the_run_goes_on(tmp_path):
    """In one process, as in a notebook, whose callback has lowered the rate."""
    ts.manual_seed(0)
    model = ts.nn.Linear(2, 1)
    optimizer = Adam(model.parameters(), lr=0.1)
    lower = lambda report: setattr(optimizer, "lr", optimizer.lr / 2)
    task = lambda step: Loss(ts.square(model(ts.ones(1, 2, dtype="float32"))).mean(), 1)
    taken = []
    for steps in (2, 4):
        checkpoint = Checkpoint(tmp_path / "run.safetensors", model, every=1)
        taken += [r.step for r in train(task, optimizer, steps=steps, callbacks=[lower], checkpoint=checkpoint)]
    assert taken == [1, 2, 3, 4]
    fresh = Adam(model.parameters(), lr=0.1)
    assert len(list(train(task, fresh, steps=5, checkpoint=Checkpoint(tmp_path / "run.safetensors", model)))) == 1


def test_modules_that_hold_each_other_are_described_once():
    class Part(ts.nn.Module):
        def __init__(self, size, other=None):
            self.size, self.other = size, other

    a = Part(1)
    a.other = Part(2, a)
    found = fingerprint.of_run(a, Adam([ts.tensor([1.0], requires_grad=True)]), None, None, {})
    assert {name: value for name, value in found.items() if name.startswith("model")} == {
        "model": "Part",
        "model.size": 1,
        "model.other": "Part",
        "model.other.size": 2,
    }


@pytest.mark.parametrize("kind", ["RNNLM", "WindowLM"])
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"vocabulary": sorted(set(TEXT.upper())), "text": TEXT.upper()}, r"model\.vocabulary was .*, now "),
        ({"text": TEXT[1:] + TEXT[:1]}, r"text was int64 \(148,\) \(sha256 .*, now int64 \(148,\) \(sha256"),
        ({"window": 8}, "window was 9, now 8"),
        ({"batch": 3}, "batch was 4, now 3"),
        ({"lr": 0.01}, r"lr was 0\.003, now 0\.01"),
        ({"clip": 2.0}, r"clip was 1\.0, now 2\.0"),
        ({"depends_on": {"seed": 1}}, "seed was not there, now 1"),
    ],
)
def test_a_language_models_run_is_told_from_others(tmp_path, kind, changed, message):
    def fit(steps, vocabulary=LETTERS, text=TEXT, **settings):
        ts.manual_seed(0)
        sizes = {"context": 2} if kind == "WindowLM" else {}
        model = getattr(ts.lm, kind)(vocabulary, hidden_size=4, **sizes)
        settings = {"window": 9, "batch": 4, "checkpoint": tmp_path / "run.safetensors"} | settings
        return [report.step for report in model.fit_steps(text, steps=steps, **settings)]

    assert fit(2) == [1, 2]
    with pytest.raises(AnotherRun, match=message):
        fit(4, **changed)
    assert fit(4, every=7) == [3, 4]


@pytest.mark.parametrize(
    ("settings", "sentences", "message"),
    [
        ({}, [*SENTENCES[:2], [("a", "DT"), ("dog", "NN")]], "sentences was .*, now .*model.shapes was .*, now"),
        ({"batch": 1}, SENTENCES, "batch was 2, now 1"),
        ({"lr": 0.1}, SENTENCES, r"lr was 0\.006, now 0\.1"),
        ({"dropout": 0.4}, SENTENCES, r"dropout was 0\.33, now 0\.4"),
    ],
)
def test_a_taggers_run_is_told_from_others(tmp_path, settings, sentences, message):
    def fit(sentences, epochs=1, **settings):
        ts.manual_seed(0)
        tagger = ts.tagging.RNNTagger(hidden_size=4, embedding_size=3, epochs=epochs, **({"batch": 2} | settings))
        steps = []
        tagger.fit(sentences, checkpoint=tmp_path / "run.safetensors", callbacks=[lambda r: steps.append(r.step)])
        return steps

    assert fit(SENTENCES) == [1, 2]
    with pytest.raises(AnotherRun, match=message):
        fit(sentences, epochs=2, **settings)
    assert fit(SENTENCES, epochs=2) == [3, 4]


def test_the_command_tells_runs_apart(tmp_path, monkeypatch):
    from tinyseq.commands.main import app

    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text(TEXT * 3)
    (tmp_path / "b.txt").write_text((TEXT * 3)[::-1])
    fixed = ["--hidden", "4", "--batch", "4", "--window", "8", "--checkpoint", "run.safetensors"]

    def train_on(*words):
        result = CliRunner().invoke(app, ["lm", "train", "--out", "m.lm", *fixed, *words])
        return result.exit_code, result.stderr

    assert train_on("a.txt", "--steps", "2")[0] == 0
    for words, message in [
        (["b.txt"], "another run: text was"),
        (["a.txt", "--seed", "1"], "another run: seed was 0, now 1."),
        (["a.txt", "--lr", "0.1"], "lr was 0.005, now 0.1"),
        (["a.txt", "--window", "9"], "window was 8, now 9"),
        (["a.txt", "--dropout", "0.1"], "model.settings.dropout was 0.0, now 0.1"),
    ]:
        status, error = train_on(*words, "--steps", "4")
        assert (status, error.count("\n")) == (1, 1)
        assert message in error
    assert train_on("a.txt", "--steps", "4")[0] == 0


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.float32(1), np.float64(2)),
        ("x" * 61, "y" * 61),
        ([1, 2], [2, 1]),
        ({"a": 1}, {"a": 2}),
        (np.zeros(3), np.zeros((3, 1))),
        (np.zeros(3), np.zeros(3, "f4")),
        (ts.tensor([1.0]), ts.tensor([2.0])),
        (ts.data.Vocabulary("ab"), ts.data.Vocabulary("ab", unknown="b")),
        ({1, 2}, {1, 3}),
        (len, print),
        (np.array(["a", None], object), np.array(["b", None], object)),
    ],
)
def test_summaries_tell_values_apart(a, b):
    assert fingerprint.summary(a) == fingerprint.summary(a)
    assert fingerprint.summary(a) != fingerprint.summary(b)
    assert len(str(fingerprint.summary(a))) < 100
