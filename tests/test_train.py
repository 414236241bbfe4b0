"""The training loop: what it reports, when it stops, and that a stopped run goes on as if nothing had happened."""

import csv
import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.io import ModelFileError, load_with_metadata
from tinyseq.lm import RNNLM
from tinyseq.train import Checkpoint, Log, Loss, NonFiniteLoss, Report, Validation, train

pytest.importorskip("safetensors", reason="safetensors is not installed")
ROOT = Path(__file__).resolve().parent.parent
TEXT = "so long and thanks for all the fish. " * 4


class Noisy(ts.nn.Module):
    """A model whose every step depends on weights, optimiser, random numbers and the step's number."""

    def __init__(self):
        self.linear = ts.nn.Linear(3, 2)
        self.dropout = ts.nn.Dropout(0.5)

    def loss(self, step):
        x = np.random.default_rng(step).standard_normal((4, 3)).astype("f4")
        return Loss(ts.square(self.linear(self.dropout(ts.tensor(x))) - 1).mean(), 4, f"batch {step}")


class Run:
    """A run with every part that has a state."""

    def __init__(self, folder, every=3):
        ts.manual_seed(5)
        self.model = Noisy()
        self.optimizer = ts.optim.Adam(self.model.parameters(), lr=0.05)
        self.schedule = ts.optim.Plateau(0.05, factor=0.5, patience=0, threshold=0.2)
        self.validation = Validation(self.model, lambda: self.model.loss(999).value.item(), every=2)
        self.log = Log(folder / "log.csv")
        self.checkpoint = Checkpoint(folder / "run.safetensors", self.model, every=every)

    def steps(self, count):
        return train(
            self.model.loss,
            self.optimizer,
            steps=count,
            clip=1.0,
            schedule=self.schedule,
            validation=self.validation,
            callbacks=[self.log],
            checkpoint=self.checkpoint,
        )

    def state(self):
        """All that must be equal in the end; the log without its times."""
        rows = [
            {key: value for key, value in row.items() if "second" not in key}
            for row in csv.DictReader(self.log.path.read_text().splitlines())
        ]
        best = {key: value for key, value in self.validation.state_dict().items() if not key.startswith("best.")}
        return rows, best, self.schedule.state_dict(), {k: v.tobytes() for k, v in self.model.state_dict().items()}


def test_a_stopped_run_goes_on_as_if_nothing_had_happened(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = Run(tmp_path / "a")
    reports = list(whole.steps(20))
    losses = {}
    for stop in (1, 7, 8, 14, 20):  # the run is left after this step, wherever the last checkpoint was
        run = Run(tmp_path / "b")
        for report in run.steps(20):
            losses[report.step] = report.loss
            if report.step == stop:
                break
    assert losses == {report.step: report.loss for report in reports}
    assert run.state() == whole.state()
    assert whole.schedule.lr < 0.05  # so that the schedule's state counted


def test_a_finished_run_takes_no_further_step(tmp_path):
    assert len(list(Run(tmp_path).steps(4))) == 4
    assert list(Run(tmp_path).steps(4)) == []
    assert [report.step for report in Run(tmp_path).steps(6)] == [5, 6]


def test_the_checkpoint_has_everything(tmp_path):
    list(Run(tmp_path).steps(4))
    arrays, metadata = load_with_metadata(tmp_path / "run.safetensors")
    assert metadata["step"] == 4
    assert metadata["random"]["bit_generator"] == "PCG64"
    assert {"0.Noisy/linear.weight", "2.Adam/0.mean", "2.Adam/0.square", "4.Validation/best.linear.bias"} <= set(arrays)
    assert metadata["parts"]["2.Adam"]["0.step"] == 4


KILLED = """
    import hashlib, sys
    import tinyseq as ts
    from tinyseq.lm import RNNLM

    ts.manual_seed(1)
    model = RNNLM(sorted(set(TEXT)), hidden_size=12, num_layers=2, dropout=0.2)
    print("ready", flush=True)
    for report in model.fit(TEXT, steps=250, window=9, batch=4, checkpoint=sys.argv[1], every=1):
        pass
    print(hashlib.sha256(b"".join(v.tobytes() for v in model.state_dict().values())).hexdigest(), flush=True)
"""


def test_a_run_killed_at_random_moments_ends_with_the_same_bits(tmp_path):
    """The text model carries a recurrent state, draws dropout, and saves at every step, so kills hit the saving too."""
    script = tmp_path / "run.py"
    script.write_text(f"TEXT = {TEXT!r}\n" + textwrap.dedent(KILLED))

    def start(name):
        command = [sys.executable, str(script), str(tmp_path / name)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        process.stdout.readline()
        return process

    def written():
        path = tmp_path / "killed.safetensors"
        return path.stat().st_mtime_ns if path.exists() else 0

    whole = start("whole.safetensors").communicate()[0].strip()
    moments, steps = random.Random(0), []
    for _ in range(4):
        before, process = written(), start("killed.safetensors")
        while written() == before and process.poll() is None:
            time.sleep(0.002)
        time.sleep(moments.uniform(0.0, 0.1))
        process.kill()
        process.communicate()
        steps.append(load_with_metadata(tmp_path / "killed.safetensors")[1]["step"])
    found = start("killed.safetensors").communicate()[0].strip()
    assert steps[0] < steps[1] <= steps[2] <= steps[3]
    assert found == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["killed.safetensors", "run.py", "whole.safetensors"]


def test_where_interrupts_are_ignored_they_are_ignored_here_too(tmp_path, interruptible):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    run, steps = Run(tmp_path), []
    for report in run.steps(4):
        os.kill(os.getpid(), signal.SIGINT)
        steps.append(report.step)
    assert steps == [1, 2, 3, 4]
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_ctrl_c_lets_the_step_end_saves_and_stops(tmp_path, interruptible):
    run = Run(tmp_path, every=1000)
    before = signal.getsignal(signal.SIGINT)
    steps = []

    def press_at_step_5():
        for report in run.steps(20):
            steps.append(report.step)
            if report.step == 5:
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt, match=r"stopped after step 6; the same call goes on from .*run\.safetensors"):
        press_at_step_5()
    assert steps == [1, 2, 3, 4, 5]
    assert signal.getsignal(signal.SIGINT) == before
    assert [report.step for report in Run(tmp_path).steps(8)] == [7, 8]


def test_the_second_ctrl_c_stops_at_once(tmp_path, interruptible):
    run = Run(tmp_path)
    presses = []

    def impatient(step):
        for _ in range(2):
            presses.append(step)
            os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("the second one should have stopped the step")

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        next(train(impatient, run.optimizer, steps=3, checkpoint=run.checkpoint))
    assert presses == [0, 0]
    assert signal.getsignal(signal.SIGINT) == before
    assert not run.checkpoint.path.exists()


def test_outside_of_the_main_thread_a_run_is_saved_too(tmp_path):
    run = Run(tmp_path)
    thread = threading.Thread(target=lambda: list(run.steps(3)))
    thread.start()
    thread.join()
    assert load_with_metadata(tmp_path / "run.safetensors")[1]["step"] == 3


@pytest.mark.parametrize(
    "damage", ["truncated", "foreign", "of another model", "of another optimiser", "of other parts"]
)
def test_a_checkpoint_that_does_not_fit_is_an_error_and_changes_nothing(tmp_path, damage):
    list(Run(tmp_path).steps(4))
    path = tmp_path / "run.safetensors"
    run = Run(tmp_path)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-100])
    elif damage == "foreign":
        ts.save(run.model.state_dict(), path, {"kind": "something"})
    elif damage == "of another model":
        run.model = ts.nn.Linear(3, 2)
        run.checkpoint.model = run.model
    elif damage == "of another optimiser":
        run.optimizer = ts.optim.SGD(run.model.parameters(), lr=0.1)
    else:
        arrays, metadata = load_with_metadata(path)
        arrays["2.Adam/0.mean"] = np.zeros((7, 7), dtype="f4")  # found only after the model has been restored
        ts.save(arrays, path, metadata)
    before = {name: value.tobytes() for name, value in run.model.state_dict().items()}
    log, numbers = run.log.path.read_text(), ts.random.generator().bit_generator.state
    contents = path.read_bytes()
    with pytest.raises(ModelFileError, match=r"run\.safetensors"):
        next(
            train(
                lambda step: None,
                run.optimizer,
                steps=9,
                schedule=run.schedule,
                validation=run.validation,
                callbacks=[run.log],
                checkpoint=run.checkpoint,
            )
        )
    assert {name: value.tobytes() for name, value in run.model.state_dict().items()} == before
    assert run.optimizer.state_dict().keys() == {"lr"}
    assert ts.random.generator().bit_generator.state == numbers
    assert run.log.path.read_text() == log
    assert path.read_bytes() == contents


def test_a_run_on_arrays_of_another_library_goes_on_too(tmp_path):
    """As it must on a GPU: weights and optimiser come back from the file into the library they were in."""
    xp = pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")

    def losses(path, steps):
        ts.manual_seed(0)
        model = ts.nn.GRU(2, 3)
        for name, value in model.state_dict().items():
            setattr(model, name, ts.nn.Parameter(xp.asarray(value)))
        x = ts.Tensor(xp.asarray(np.ones((4, 2, 2), dtype="f4")))
        reports = train(
            lambda step: Loss(ts.square(model(x)[0]).mean(), 1),
            ts.optim.Adam(model.parameters(), lr=0.1),
            steps=steps,
            checkpoint=Checkpoint(path, model),
        )
        return [report.loss for report in reports]

    parts = losses(tmp_path / "parts.safetensors", 3) + losses(tmp_path / "parts.safetensors", 6)
    assert parts == losses(tmp_path / "whole.safetensors", 6)


# -- numbers that are not finite ---------------------------------------------------------------------------------------


class Exploding(ts.nn.Module):
    """Takes a logarithm that turns infinite at step 2, in a module and a time step of its own."""

    def __init__(self):
        self.weight = ts.nn.Parameter([1.0, 2.0])

    def __call__(self, step):
        with ts.scope("decoder"), ts.step(7):
            inner = ts.log(self.weight * (0.0 if step == 2 else 1.0))
        return Loss(ts.square(inner).sum(), 1, f"sentences {step}0 to {step}9")


def test_a_loss_that_is_not_finite_names_step_batch_and_first_op():
    model = Exploding()
    optimizer = ts.optim.SGD(model.parameters(), lr=0.0)
    with pytest.raises(NonFiniteLoss) as caught:
        list(train(model, optimizer, steps=5))
    assert caught.value.step == 2
    assert caught.value.batch == "sentences 20 to 29"
    message = str(caught.value)
    assert "the loss of step 2 is inf (sentences 20 to 29)" in message
    assert "forward: log made 2 of 2 values not finite (in decoder, step 7), called at" in message
    assert "test_train.py" in message


def test_a_gradient_that_is_not_finite_updates_nothing():
    w = ts.tensor([0.0, 4.0], requires_grad=True)
    with pytest.raises(NonFiniteLoss, match="VJP of sqrt") as caught:
        list(train(lambda step: Loss(ts.sqrt(w).sum(), 1), ts.optim.SGD([w], lr=0.1), steps=1))
    assert "the norm of its gradient is" in str(caught.value)
    assert w.tolist() == [0.0, 4.0]


def test_a_weight_that_is_not_finite_is_told_from_an_op():
    w = ts.tensor([np.nan], requires_grad=True)
    with pytest.raises(NonFiniteLoss, match="an input or a weight is not finite"):
        list(train(lambda step: Loss(w.sum(), 1), ts.optim.SGD([w], lr=0.1), steps=1))


def test_the_step_that_failed_is_done_again_from_the_state_and_the_random_numbers_before_it():
    class Counting:
        """Goes wrong at its third call, and only with the random number that is drawn then."""

        def __init__(self):
            ts.manual_seed(0)
            self.weight, self.calls = ts.tensor([1.0], requires_grad=True), 0
            self.fatal = np.random.default_rng(0).random(3)[2]

        def __call__(self, step):
            self.calls += 1
            wrong = self.calls == 3 and ts.random.generator().random() == self.fatal
            if self.calls < 3:
                ts.random.generator().random()
            return Loss(ts.log(self.weight * (0.0 if wrong else 1.0)).sum(), 1)

        def state_dict(self):
            return {"calls": self.calls}

        def load_state_dict(self, state):
            self.calls = state["calls"]

    task = Counting()
    with pytest.raises(NonFiniteLoss, match="the first op that went wrong is in the forward: log made 1 of 1"):
        list(train(task, ts.optim.SGD([task.weight], lr=0.0), steps=5))
    assert task.calls == 2


def test_each_step_is_taken_at_the_rate_that_the_schedule_gives_for_it():
    w = ts.tensor(10.0, requires_grad=True)
    reports = list(
        train(lambda step: Loss(w * 1.0, 1), ts.optim.SGD([w], lr=9.0), steps=3, schedule=lambda step: 2 - step)
    )
    assert [report.lr for report in reports] == [2, 1, 0]
    assert w.item() == 10 - 2 - 1 - 0


def test_a_validation_neither_records_nor_changes_the_mode_of_the_model():
    model = ts.nn.Sequential(ts.nn.Linear(1, 1), ts.nn.Dropout(0.5))
    seen = []

    def measure():
        seen.append((model(np.ones((1, 1), dtype="f4")).requires_grad, model[1].training))
        return 0.0

    for mode in (True, False):
        model.train(mode)
        Validation(model, measure, every=1)(1)
        assert model.training == model[1].training == mode
    assert seen == [(False, False)] * 2


def test_an_accuracy_is_better_the_higher_it_is():
    model, values = ts.nn.Linear(1, 1), iter([0.1, 0.5, 0.3, 0.4, 0.9])
    validation = Validation(model, lambda: next(values), every=1, patience=2, higher_is_better=True)
    task = lambda step: Loss(ts.square(model(np.ones((1, 1), dtype="f4")) - step).sum(), 1)
    weights = []
    for _ in train(task, ts.optim.SGD(model.parameters(), lr=0.01), steps=9, validation=validation):
        weights.append(model.weight.item())
    assert (len(weights), validation.best, validation.best_step) == (4, 0.5, 2)
    validation.restore_best()
    assert model.weight.item() == weights[1] != weights[-1]


# -- arguments ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"task": 3}, TypeError, "task must be a function from a step's number to a ts.train.Loss, got 3"),
        ({"task": lambda step: ts.tensor(1.0)}, TypeError, r"must return ts\.train\.Loss\(value, tokens\), got Tensor"),
        ({"task": lambda step: Loss(1.0, 1)}, TypeError, "the value of a Loss must be a tensor.*got float"),
        (
            {"task": lambda step: Loss(ts.ones(2), 1)},
            ValueError,
            r"must be one number, got shape \(2,\); take its mean",
        ),
        ({"optimizer": None}, TypeError, "optimizer must be an optimiser, such as .*, got None"),
        ({"steps": 2.0}, TypeError, "steps must be a whole number, got 2.0"),
        ({"clip": -1.0}, ValueError, "clip must be above 0, or None for no clipping, got -1.0"),
        ({"schedule": 0.1}, TypeError, "schedule must be a function from a step's number to its rate, got 0.1"),
        ({"callbacks": print}, TypeError, "callbacks must be a list of functions"),
        ({"callbacks": [None]}, TypeError, r"callbacks must be a list of functions, got \[None\]"),
        (
            {"checkpoint": "run.safetensors"},
            TypeError,
            r"must be ts\.train\.Checkpoint\(path, model\), got 'run.safetens",
        ),
        ({"validation": lambda: 1.0}, TypeError, r"validation must be a ts\.train\.Validation"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_an_argument_of_another_kind_is_named_before_a_step_is_taken(arguments, error, message):
    w = ts.tensor(1.0, requires_grad=True)
    usual = {"task": lambda step: Loss(ts.square(w), 1), "optimizer": ts.optim.SGD([w], lr=0.1), "steps": 2}
    with pytest.raises(error, match=message):
        list(train(**{**usual, **arguments}))
    assert w.item() == 1.0


def test_a_measure_that_gives_no_number_is_named():
    w = ts.nn.Linear(1, 1)
    validation = Validation(w, lambda: None, every=1)
    with pytest.raises(TypeError, match="measure must return a number, got NoneType"):
        list(
            train(
                lambda step: Loss(w(ts.ones(1)).sum(), 1), ts.optim.SGD(w.parameters()), steps=1, validation=validation
            )
        )


# -- validation, logs, callbacks ---------------------------------------------------------------------------------------


def test_early_stopping_keeps_the_best_weights(tmp_path):
    ts.manual_seed(0)
    model = ts.nn.Linear(1, 1)
    values = iter([3.0, 1.0, 2.0, 1.5, 1.2])
    weights = []

    def measure():
        assert not model.training
        weights.append(model.weight.item())
        return next(values)

    def task(step):
        assert model.training
        return Loss(ts.square(model(ts.ones(1, dtype="float32")) - step).sum(), 1)

    def run(steps):
        validation = Validation(model, measure, every=3, patience=3)
        checkpoint = Checkpoint(tmp_path / "run.safetensors", model)
        optimizer = ts.optim.SGD(model.parameters(), lr=0.01)
        return validation, list(train(task, optimizer, steps=steps, validation=validation, checkpoint=checkpoint))

    validation, reports = run(100)
    assert [report.held_out for report in reports[2::3]] == [3.0, 1.0, 2.0, 1.5, 1.2]
    assert len(reports) == 15
    assert (validation.best, validation.best_step) == (1.0, 6)
    validation, reports = run(1000)  # stopped is stopped, also for a run that is called again
    assert reports == []
    validation.restore_best()
    assert model.weight.item() == weights[1]


def test_a_plateau_lowers_the_rate_by_what_the_validation_measures():
    w = ts.tensor(1.0, requires_grad=True)
    model = ts.nn.Linear(1, 1)
    validation = Validation(model, lambda: 1.0, every=2)
    plateau = ts.optim.Plateau(0.4, factor=0.5, patience=0)
    reports = train(
        lambda step: Loss(w * 1.0, 1), ts.optim.SGD([w], lr=9.0), steps=8, schedule=plateau, validation=validation
    )
    assert [report.lr for report in reports] == [0.4, 0.4, 0.4, 0.4, 0.2, 0.2, 0.1, 0.1]


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl"])
def test_a_log_has_a_line_for_each_step(tmp_path, name):
    w = ts.tensor(4.0, requires_grad=True)
    (tmp_path / name).write_text("of an older run\n")
    reports = list(
        train(lambda step: Loss(ts.square(w), 1), ts.optim.SGD([w], lr=0.1), steps=3, callbacks=[Log(tmp_path / name)])
    )
    if name.endswith("csv"):
        rows = list(csv.DictReader((tmp_path / name).read_text().splitlines()))
    else:
        rows = [json.loads(line) for line in (tmp_path / name).read_text().splitlines()]
    assert [float(row["loss"]) for row in rows] == [report.loss for report in reports]
    assert [int(row["step"]) for row in rows] == [1, 2, 3]


def test_a_resumed_log_drops_what_will_be_written_again(tmp_path):
    log = Log(tmp_path / "log.csv")
    log.path.write_text("step,loss\n1,3.0\n2,2.0\n3,1.0\n1")  # the last line was being written when the run was killed
    (tmp_path / ".log.csv.a1b2c3").write_text("step,lo")  # and before that, another one while it took back lines
    log.load_state_dict({"step": 2})
    assert log.path.read_text() == "step,loss\n1,3.0\n2,2.0\n"
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def reports_of(steps, first=0):
    return (Report(step + 1, 1.5 / (step + 1), 2.0, 12345.6, 1.0, 0.1) for step in range(first, steps))


def test_the_line_on_a_terminal_has_all_one_wants_to_know(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    screen, clock = Terminal(), iter(range(0, 1000, 65))
    monkeypatch.setattr("tinyseq.train.bar.time.perf_counter", lambda: next(clock))
    assert [report.step for report in ts.train.progress(reports_of(4), 4, "fish", file=screen)] == [1, 2, 3, 4]
    before, *lines = screen.getvalue().split("\r")
    assert before == ""
    clocked = ["0:03:15 left", "0:02:10 left", "0:01:05 left", "took 0:04:20"]
    for step, (text, when) in enumerate(zip(lines, clocked, strict=True), start=1):
        bar, loss = "=" * (5 * step) + " " * (20 - 5 * step), f"{1.5 / step:.3f}"
        assert text.rstrip() == f"fish [{bar}] {step}/4  loss {loss}  |g| 2.00  12,346 tokens/s  {when}"
    assert text.endswith("\n")


def test_in_a_narrow_terminal_the_bar_gives_way_to_the_numbers(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    screen = Terminal()
    list(ts.train.progress(reports_of(3000), 3000, file=screen))
    *_, text = screen.getvalue().rstrip("\n").split("\r")
    assert len(text) == 79
    assert re.search(r"\[=+\] 3000/3000  loss 0.001  \|g\| 2.00  12,346 tokens/s  took 0:00:0\d$", text)


def test_the_line_in_a_file_is_one_line_and_a_resumed_run_counts_its_own_time(monkeypatch):
    log, clock = io.StringIO(), iter(range(0, 1000, 10))
    monkeypatch.setattr("tinyseq.train.bar.time.perf_counter", lambda: next(clock))
    list(ts.train.progress(reports_of(8, first=6), 8, file=log))
    assert log.getvalue() == f"training [{'=' * 20}] 8/8  loss 0.188  |g| 2.00  12,346 tokens/s  took 0:00:20\n"
    screen, clock = Terminal(), iter(range(0, 1000, 10))
    next(ts.train.progress(reports_of(8, first=6), 8, file=screen))
    assert "0:00:10 left" in screen.getvalue()


def test_the_line_ends_where_a_run_is_left_and_is_not_there_without_a_step():
    screen = Terminal()
    run = ts.train.progress(reports_of(4), 4, file=screen)
    next(run)
    run.close()
    assert screen.getvalue().count("\n") == 1
    assert screen.getvalue().endswith("\n")
    screen = Terminal()
    assert list(ts.train.progress(iter(()), 4, file=screen)) == []
    assert screen.getvalue() == ""


def test_a_callback_that_returns_true_stops_the_run():
    w = ts.tensor(4.0, requires_grad=True)
    reports = train(
        lambda step: Loss(ts.square(w), 1),
        ts.optim.SGD([w], lr=0.1),
        steps=100,
        callbacks=[lambda report: report.loss < 5],
    )
    assert [round(report.loss, 2) for report in reports] == [16.0, 10.24, 6.55, 4.19]


def test_the_text_model_goes_on_from_its_checkpoint(tmp_path):
    def losses(stop=None):
        ts.manual_seed(2)
        model = RNNLM(sorted(set(TEXT)), hidden_size=6, cell="gru", dropout=0.1, num_layers=2)
        path = None if stop is None else tmp_path / "run.safetensors"
        found = {}
        for report in model.fit(TEXT, steps=30, window=7, batch=3, checkpoint=path, every=4):
            found[report.step] = report.loss
            if report.step == stop:
                break
        return found

    assert {**losses(3), **losses(13), **losses(30)} == losses()
