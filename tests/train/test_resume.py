"""A run that was stopped, killed or interrupted goes on as if nothing had happened."""

import csv
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from instances import OBJECTS

import tinyseq as ts
from tinyseq.io import ModelFileError, load_with_metadata
from tinyseq.lm import RNNLM
from tinyseq.train import Checkpoint, Log, Loss, Validation, train

pytest.importorskip("safetensors", reason="safetensors is not installed")
ROOT = Path(__file__).resolve().parents[2]
TEXT = "so long and thanks for all the fish. " * 4
STATEFUL = [
    part
    for name in ("Plateau", "Log", "Validation", "WeightAverage", "Adam", "Linear")
    for part in [OBJECTS[name][0]()]
]


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
    whole, before = Run(tmp_path / "a"), signal.getsignal(signal.SIGINT)
    reports = list(whole.steps(20))
    assert signal.getsignal(signal.SIGINT) == before
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


def test_what_a_run_killed_while_saving_left_behind_is_taken_away(tmp_path):
    list(Run(tmp_path).steps(2))
    (tmp_path / ".run.safetensors.a1b2c3.unfinished").write_bytes(b"half")
    others = [".run.safetensors-of-another", ".run.safetensors.swp"]  # such as an editor's
    for name in others:
        (tmp_path / name).write_bytes(b"")
    list(Run(tmp_path).steps(3))
    assert sorted(path.name for path in tmp_path.iterdir()) == [*others, "log.csv", "run.safetensors"]


def test_the_checkpoint_has_everything(tmp_path):
    list(Run(tmp_path).steps(4))
    arrays, metadata = load_with_metadata(tmp_path / "run.safetensors")
    assert metadata["step"] == 4
    assert metadata["random"]["bit_generator"] == "PCG64"
    assert {"0.Noisy/linear.weight", "2.Adam/0.mean", "2.Adam/0.square", "Validation/best.linear.bias"} <= set(arrays)
    assert metadata["parts"]["2.Adam"]["0.step"] == 4


KILLED = """
    import hashlib, sys
    import tinyseq as ts
    from tinyseq.lm import RNNLM

    ts.manual_seed(1)
    model = RNNLM(sorted(set(TEXT)), hidden_size=12, num_layers=2, dropout=0.2)
    print("ready", flush=True)
    for report in model.fit_steps(TEXT, steps=250, window=9, batch=4, checkpoint=sys.argv[1], every=1):
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

    with pytest.raises(KeyboardInterrupt, match=r"stopped after step 6; the same call resumes from .*run\.safetensors"):
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


DAMAGES = {  # and what the error says of each
    "truncated": "",
    "foreign": "holds something",
    "of another model": "it contains 0.Noisy",
    "of another optimiser": "it contains .*2.Adam",
    "of other parts": r"\(7, 7\)",
    "steps that are none": "step",
    "a step that is none": "its step is -5",
    "a bool that is none": "stopped 'no'",
    "a rate that is none": "lr",
}


@pytest.mark.parametrize("damage", DAMAGES)
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
        run.optimizer = ts.optim.Adam(run.model.parameters())
    elif damage == "of another optimiser":
        run.optimizer = ts.optim.SGD(run.model.parameters(), lr=0.1)
    elif damage != "of other parts":
        arrays, metadata = load_with_metadata(path)
        if damage == "steps that are none":
            metadata["parts"]["2.Adam"]["0.step"] = -1
        elif damage == "a rate that is none":
            metadata["parts"]["3.Plateau"]["lr"] = -0.1
        else:
            metadata |= {"step": -5} if "step" in damage else {"stopped": "no"}
        ts.save(arrays, path, metadata)
    else:
        arrays, metadata = load_with_metadata(path)
        arrays["2.Adam/0.mean"] = np.zeros((7, 7), dtype="f4")  # found only after the model has been restored
        ts.save(arrays, path, metadata)
    before = {name: value.tobytes() for name, value in run.model.state_dict().items()}
    log, numbers = run.log.path.read_text(), ts.random.generator().bit_generator.state
    contents = path.read_bytes()
    with pytest.raises(ModelFileError, match=rf"run\.safetensors.*{DAMAGES[damage]}"):
        next(
            train(
                lambda step: None,
                run.optimizer,
                steps=9,
                clip=1.0,
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


def test_the_text_model_goes_on_from_its_checkpoint(tmp_path):
    def losses(stop=None):
        ts.manual_seed(2)
        model = RNNLM(sorted(set(TEXT)), hidden_size=6, cell="gru", dropout=0.1, num_layers=2)
        path = None if stop is None else tmp_path / "run.safetensors"
        found = {}
        for report in model.fit_steps(TEXT, steps=30, window=7, batch=3, checkpoint=path, every=4):
            found[report.step] = report.loss
            if report.step == stop:
                break
        return found

    assert {**losses(3), **losses(13), **losses(30)} == losses()


def test_a_checkpoint_must_hold_all_that_is_learnt(tmp_path):
    body, head = ts.nn.Linear(2, 3), ts.nn.Linear(3, 1)
    optimizer = ts.optim.Adam([*body.parameters(), *head.parameters()])
    task = lambda step: Loss(head(body(ts.ones(1, 2))).sum(), 1)
    with pytest.raises(
        ValueError, match=r"the checkpoint's Linear does not contain parameters \[2, 3\] of the optimiser"
    ):
        next(train(task, optimizer, steps=3, checkpoint=Checkpoint(tmp_path / "run.safetensors", body)))
    both = ts.nn.ModuleList([body, head])
    assert len(list(train(task, optimizer, steps=3, checkpoint=Checkpoint(tmp_path / "run.safetensors", both)))) == 3
    with pytest.raises(TypeError, match="model must be a Module, got NoneType"):
        Checkpoint(tmp_path / "run.safetensors", None)


class Carrying:
    """A task that carries something from step to step."""

    def __init__(self, carried):
        self.weight, self.carried = ts.nn.Linear(1, 1), carried

    def __call__(self, step):
        return Loss(self.weight(ts.ones(1, 1)).sum(), 1)

    def state_dict(self):
        return {"carried": self.carried}

    def load_state_dict(self, state):
        self.carried = state["carried"]


@pytest.mark.parametrize("carried", [ts.ones(2, 3), np.float32(0.5), np.arange(3), [1, "a"]])
def test_what_a_task_carries_comes_back(tmp_path, carried):
    for _ in range(2):
        task = Carrying(carried)
        checkpoint = Checkpoint(tmp_path / "run.safetensors", task.weight)
        list(train(task, ts.optim.SGD(task.weight.parameters(), lr=0.1), steps=2, checkpoint=checkpoint))
    assert np.asarray(task.carried).tolist() == (carried.tolist() if hasattr(carried, "tolist") else ["1", "a"])


def test_what_a_checkpoint_cannot_keep_is_named(tmp_path):
    task = Carrying({1, 2})
    checkpoint = Checkpoint(tmp_path / "run.safetensors", task.weight)
    with pytest.raises(
        TypeError, match=r"Carrying\.state_dict\(\) has an entry 'carried' that a checkpoint cannot store .*set"
    ):
        list(train(task, ts.optim.SGD(task.weight.parameters(), lr=0.1), steps=2, checkpoint=checkpoint))


def test_ctrl_c_after_the_last_step_is_not_lost(tmp_path, interruptible):
    run, before = Run(tmp_path), signal.getsignal(signal.SIGINT)

    def press_at_step_3():
        for report in run.steps(3):
            if report.step == 3:
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        press_at_step_3()
    assert signal.getsignal(signal.SIGINT) == before
    assert load_with_metadata(tmp_path / "run.safetensors")[1]["step"] == 3


def test_numbers_drawn_in_a_thread_follow_the_seed():
    drawn = []
    for _ in range(2):
        ts.manual_seed(3)
        thread = threading.Thread(target=lambda: drawn.append(ts.nn.Linear(2, 1).weight.tolist()))
        thread.start()
        thread.join()
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize("part", STATEFUL, ids=lambda part: type(part).__name__)
def test_what_is_no_state_is_named_and_changes_nothing(part):
    """None; a state without one of its entries; and one with a text in place of a number."""
    before = part.state_dict()
    name = next(iter(before))
    for state in (None, {key: value for key, value in before.items() if key != name}, {**before, name: "many"}):
        with pytest.raises((TypeError, ValueError, KeyError), match="must be a dictionary" if state is None else name):
            part.load_state_dict(state)
        assert repr(part.state_dict()) == repr(before)
