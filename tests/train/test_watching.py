"""What watches a run: validation, early stopping, logs, and the line on the screen."""

import csv
import io
import json
import re
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.train import Checkpoint, Log, Loss, Report, Validation, train

pytest.importorskip("safetensors", reason="safetensors is not installed")


def test_a_validation_neither_records_nor_changes_the_mode_of_the_model():
    model = ts.nn.Sequential(ts.nn.Linear(1, 1), ts.nn.Dropout(0.5))
    seen = []

    def measure():
        seen.append((model(np.ones((1, 1), dtype="f4")).requires_grad, model[1].training))
        return 0.0

    for mode, inner in [(True, True), (False, False), (True, False)]:
        model.train(mode)
        model[1].train(inner)
        Validation(model, measure, every=1)(1)
        assert [module.training for module in model.modules()] == [mode, mode, inner]
    assert seen == [(False, False)] * 3


def test_where_nothing_was_measured_the_model_keeps_its_weights():
    model = ts.nn.Linear(1, 1)
    validation = Validation(model, lambda: float("nan"), every=2)
    model.weight.copy_(np.full((1, 1), 42.0))
    for step in (1, 2):
        validation(step)
        validation.restore_best()
        assert model.weight.item() == 42.0
    assert [step for step, _ in validation.history] == [2]


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, float("nan")]), min_size=1, max_size=6), st.booleans(), st.booleans())
def test_the_best_weights_come_back_also_those_before_the_first_step(values, higher, saved):
    model, measured = ts.nn.Linear(1, 1), iter(values)
    validation = Validation(model, lambda: next(measured), every=1, higher_is_better=higher)
    for step in range(len(values)):
        model.weight.copy_([[float(step)]])
        validation(step)
    if saved:
        again = Validation(model, lambda: 0.0, every=1, higher_is_better=higher)
        again.load_state_dict(validation.state_dict())
        validation = again
    validation.restore_best()
    numbers = [value for value in values if value == value]
    best = (max if higher else min)(numbers, default=values[-1])
    assert model.weight.item() == (values.index(best) if numbers else len(values) - 1)


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


def test_a_measure_that_gives_no_number_is_named():
    w = ts.nn.Linear(1, 1)
    validation = Validation(w, lambda: None, every=1)
    with pytest.raises(TypeError, match="measure must return a number, got NoneType"):
        list(
            train(
                lambda step: Loss(w(ts.ones(1)).sum(), 1), ts.optim.SGD(w.parameters()), steps=1, validation=validation
            )
        )


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
    # And before that, another one was killed while it took back lines.
    (tmp_path / ".log.csv.a1b2c3.unfinished").write_text("step,lo")
    log.load_state_dict({"step": 2})
    assert log.path.read_text() == "step,loss\n1,3.0\n2,2.0\n"
    assert [path.name for path in tmp_path.iterdir()] == ["log.csv"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def reports_of(steps, first=0):
    return (Report(step + 1, 1.5 / (step + 1), 2.0, 12345.6, 1.0, 0.1) for step in range(first, steps))


NUMBERS = r"loss {:.3f}  \|g\| 2\.00  12,346 tokens/s"


def test_on_a_terminal_there_is_a_bar_with_all_one_wants_to_know():
    pytest.importorskip("tqdm", reason="the bar is not installed: pip install 'tinyseq[progress]'")
    screen = Terminal()
    assert [report.step for report in ts.train.progress(reports_of(8, first=6), 8, "fish", file=screen)] == [7, 8]
    *_, text = screen.getvalue().rstrip("\n").split("\r")
    assert re.search(r"^fish: 100%.* 8/8 .*" + NUMBERS.format(1.5 / 8), text)
    assert screen.getvalue().endswith("\n")


def test_a_bar_ends_where_a_run_is_left_and_is_not_there_without_a_step():
    pytest.importorskip("tqdm", reason="the bar is not installed: pip install 'tinyseq[progress]'")
    screen = Terminal()
    run = ts.train.progress(reports_of(4), 4, file=screen)
    next(run)
    run.close()
    assert screen.getvalue().count("\n") == 1
    assert screen.getvalue().endswith("\n")
    screen = Terminal()
    assert list(ts.train.progress(iter(()), 4, file=screen)) == []
    assert screen.getvalue() == ""


@pytest.mark.parametrize("where", ["a file", "a terminal without tqdm"])
def test_elsewhere_there_is_a_line_after_each_tenth_of_the_run(monkeypatch, where):
    if where != "a file":
        monkeypatch.setitem(sys.modules, "tqdm", None)
    log = io.StringIO() if where == "a file" else Terminal()
    for steps in (3, 40, 45):
        log.seek(0)
        log.truncate()
        list(ts.train.progress(reports_of(steps), steps, "fish", file=log))
        lines = log.getvalue().splitlines()
        assert re.fullmatch(rf"fish {steps}/{steps}  " + NUMBERS.format(1.5 / steps), lines[-1])
        assert len(lines) == {3: 3, 40: 10, 45: 12}[steps]


@pytest.mark.parametrize("steps", [0, 5])
def test_fit_shows_a_run_on_request(capsys, steps):
    model = ts.lm.RNNLM("helo", hidden_size=4)
    assert model.fit("hello", steps=steps, window=4, batch=1, progress=True) is model
    assert capsys.readouterr().err.count("training") == steps
    model.fit("hello", steps=steps, window=4, batch=1)
    assert capsys.readouterr().err == ""


def test_a_log_in_json_is_json_where_a_measurement_is_no_number(tmp_path):
    log = Log(tmp_path / "log.jsonl")
    log(Report(1, 0.5, 1.0, 10.0, 1.0, 0.1, float("nan")))
    log(Report(2, 0.5, 1.0, 10.0, 1.0, 0.1))
    strictly = lambda constant: pytest.fail(f"{constant} is no JSON")
    rows = [json.loads(line, parse_constant=strictly) for line in log.path.read_text().splitlines()]
    assert [(row["step"], row["held_out"]) for row in rows] == [(1, None), (2, None)]
