"""The training loop: its steps, what it refuses, and what it says of numbers that are not finite."""

import math
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.train import Loss, NonFiniteLoss, train

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
    assert "forward pass: log made 2 of 2 values not finite (in decoder, step 7), called at" in message
    assert "test_loop.py" in message


@pytest.mark.parametrize(
    ("losses", "steps"),
    [
        ([1.0] + [100.0] * 60, [21]),  # once
        ([1.0] + [100.0] * 19 + [1.0] + [100.0] * 19, []),  # it came down again
        ([0.5, 1e5, 0.1, 1e6, 0.1], [2]),
        ([-100.0] + [0.9] * 30, []),
        ([-100.0] + [2.0] * 30, [21]),
        ([0.0] + [0.9] * 30, []),
        ([4.0, 3.0, 5.0, 2.0], []),
    ],
)
def test_a_loss_that_grows_far_above_the_first_one_is_warned_of_once(losses, steps):
    w = ts.tensor(1.0, requires_grad=True)
    task = lambda step: Loss(w - w.detach() + losses[step], 1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = list(train(task, ts.optim.SGD([w], lr=0.25), steps=len(losses)))
    assert [report.loss for report in found] == pytest.approx(losses, rel=1e-6)
    said = [
        re.search(r"has diverged: .* at step (\d+); .* learning rate \(now 0\.25\)", str(w.message)) for w in caught
    ]
    assert [int(match[1]) for match in said] == steps
    assert {Path(w.filename).name for w in caught} <= {"test_loop.py"}


def test_a_gradient_that_is_not_finite_updates_nothing():
    w = ts.tensor([0.0, 4.0], requires_grad=True)
    with pytest.raises(NonFiniteLoss, match="VJP of sqrt") as caught:
        list(train(lambda step: Loss(ts.sqrt(w).sum(), 1), ts.optim.SGD([w], lr=0.1), steps=1))
    assert "the norm of its gradient is" in str(caught.value)
    assert w.tolist() == [0.0, 4.0]


def test_a_weight_that_is_not_finite_is_told_from_an_op():
    w = ts.tensor([np.nan], requires_grad=True)
    with pytest.raises(NonFiniteLoss, match="an input or a weight is not finite; look for it in the data"):
        list(train(lambda step: Loss(w.sum(), 1), ts.optim.SGD([w], lr=0.1), steps=1))


def test_an_input_that_is_not_finite_is_told_from_an_op_of_a_whole_network():
    net = ts.nn.LSTM(2, 3)
    x = np.ones((4, 1, 2), dtype="f4")
    x[1, 0, 1] = np.nan
    task = lambda step: Loss(net(x)[0].sum(), 4, "sentence 7")
    with pytest.raises(
        NonFiniteLoss, match=r"is nan \(sentence 7\); no op produced it.* an input or a weight is not finite"
    ):
        list(train(task, ts.optim.SGD(net.parameters(), lr=0.1), steps=1))


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
    with pytest.raises(NonFiniteLoss, match="the first op that went wrong is in the forward pass: log made 1 of 1"):
        list(train(task, ts.optim.SGD([task.weight], lr=0.0), steps=5))
    assert task.calls == 2


def test_each_step_is_taken_at_the_rate_that_the_schedule_gives_for_it():
    w = ts.tensor(10.0, requires_grad=True)
    reports = list(
        train(lambda step: Loss(w * 1.0, 1), ts.optim.SGD([w], lr=9.0), steps=3, schedule=lambda step: 2 - step)
    )
    assert [report.lr for report in reports] == [2, 1, 0]
    assert w.item() == 10 - 2 - 1 - 0


def test_a_callback_that_returns_true_stops_the_run():
    w = ts.tensor(4.0, requires_grad=True)
    reports = train(
        lambda step: Loss(ts.square(w), 1),
        ts.optim.SGD([w], lr=0.1),
        steps=100,
        callbacks=[lambda report: report.loss < 5],
    )
    assert [round(report.loss, 2) for report in reports] == [16.0, 10.24, 6.55, 4.19]


@pytest.mark.parametrize(("answer", "taken"), [(True, 1), (np.True_, 1), (1, 3), (np.ones(3), 3), (None, 3)])
def test_only_true_stops_the_run(answer, taken):
    w = ts.tensor(4.0, requires_grad=True)
    run = train(lambda step: Loss(w * w, 1), ts.optim.SGD([w], lr=0.1), steps=3, callbacks=[lambda report: answer])
    assert len(list(run)) == taken


@pytest.mark.parametrize("rate", [math.nan, math.inf, -1.0])
def test_a_rate_that_is_none_is_refused_before_it_spoils_a_weight(rate):
    w = ts.tensor(4.0, requires_grad=True)
    run = train(lambda step: Loss(w * w, 1), ts.optim.SGD([w], lr=0.1), steps=3, schedule=lambda step: rate)
    with pytest.raises(
        ValueError, match=f"the schedule's learning rate must be a number of at least 0, got {rate} at step 0"
    ):
        next(run)
    assert w.item() == 4.0


def test_a_loss_that_does_not_depend_on_the_optimisers_parameters_is_an_error():
    model, other = ts.nn.Linear(1, 1), ts.nn.Linear(1, 1)
    task = lambda step: Loss(model(ts.ones(1, 1)).sum(), 1)
    with pytest.raises(ValueError, match="the loss of step 0 depends on none of the optimiser's parameters"):
        next(train(task, ts.optim.SGD(other.parameters(), lr=0.1), steps=3))


def test_a_plateau_needs_a_validation_that_means_the_same():
    model = ts.nn.Linear(1, 1)
    run = lambda **settings: next(
        train(
            lambda step: Loss(model(ts.ones(1, 1)).sum(), 1),
            ts.optim.SGD(model.parameters(), lr=0.1),
            steps=3,
            schedule=ts.optim.Plateau(0.1),
            **settings,
        )
    )
    with pytest.raises(ValueError, match="a Plateau observes the results of a validation; pass validation= as well"):
        run()
    with pytest.raises(
        ValueError, match="for the validation higher values are better, but the Plateau's mode is 'min'"
    ):
        run(validation=ts.train.Validation(model, lambda: 0.0, every=1, higher_is_better=True))
    with pytest.raises(TypeError, match="a Plateau inside another schedule would observe nothing"):
        ts.optim.warm_up(ts.optim.Plateau(0.1), 2)


def test_gradients_are_clipped_and_their_norm_before_it_is_reported():
    w = ts.tensor([3.0, 4.0], requires_grad=True)
    task = lambda step: Loss((w * ts.tensor([30.0, 40.0])).sum(), 1)
    (report,) = train(task, ts.optim.SGD([w], lr=1.0), steps=1, clip=1.0)
    assert report.grad_norm == 50
    np.testing.assert_allclose(w.numpy(), [3 - 0.6, 4 - 0.8], rtol=1e-6)
    (report,) = train(task, ts.optim.SGD([w], lr=1.0), steps=1, clip=None)
    np.testing.assert_allclose(w.numpy(), [2.4 - 30, 3.2 - 40], rtol=1e-6)


def test_tokens_per_second_are_those_of_all_steps_so_far(monkeypatch):
    clock = iter([100.0, 102.0, 103.0, 110.0])
    monkeypatch.setattr("tinyseq.train.loop.time.perf_counter", lambda: next(clock))
    w = ts.tensor(1.0, requires_grad=True)
    reports = list(train(lambda step: Loss(w * 1.0, 10 * (step + 1)), ts.optim.SGD([w], lr=0.1), steps=3))
    assert [report.seconds for report in reports] == [2, 3, 10]
    assert [report.tokens_per_second for report in reports] == [10 / 2, 30 / 3, 60 / 10]


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


def test_a_run_that_nobody_reads_warns_that_no_step_was_taken():
    w = ts.tensor(4.0, requires_grad=True)
    run = lambda: train(lambda step: Loss(w * w, 1), ts.optim.SGD([w], lr=0.1), steps=3)
    with pytest.warns(UserWarning, match="no step was taken, as the reports of this run were not read"):
        run()
    assert w.item() == 4.0
    next(run())  # one that is left early is read
    run().close()  # and one that is closed was meant to be
    with pytest.raises(TypeError, match="steps must be"):
        train(lambda step: None, ts.optim.SGD([w], lr=0.1), steps="3")  # said at once, not at the first report
