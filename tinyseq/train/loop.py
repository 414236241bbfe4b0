"""The training loop: the same few lines for every model, with what one wants to watch.

A task gives the loss of each step by the step's number. So the position in the data is a number too, a run that was
stopped resumes from any step, and a step that went wrong can be repeated under inspection.
"""

import math
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from tinyseq.arguments import whole
from tinyseq.autograd.tensor import Tensor
from tinyseq.memory import reuse
from tinyseq.nn.clipping import clip_grad_norm_
from tinyseq.optim import Optimizer, Plateau, Schedule
from tinyseq.train.checkpoint import Checkpoint
from tinyseq.train.fingerprint import of_run
from tinyseq.train.interrupt import HeldBack
from tinyseq.train.nonfinite import failure
from tinyseq.train.state import Snapshot
from tinyseq.train.validation import Validation


class Loss(NamedTuple):
    """A loss to take a step on.

    Attributes:
        value: the mean loss, a tensor of one element.
        tokens: how many targets it is the mean of.
        batch: which part of the data it is of, in words, for messages.

    Example:
        >>> import tinyseq as ts
        >>> Loss(ts.nn.cross_entropy(ts.zeros(5, 4), [0, 1, 2, 3, 0]), tokens=5, batch="sentence 7").tokens
        5
    """

    value: Tensor
    tokens: int
    batch: str = ""


class Report(NamedTuple):
    """What is known after a step.

    Attributes:
        step: how many steps have been taken.
        loss: the mean loss of this step's targets, in nats.
        grad_norm: the norm of all gradients together, before clipping.
        tokens_per_second: since the loop began, or went on.
        seconds: since the loop began, or went on.
        lr: the learning rate of this step.
        held_out: what the validation measured after this step, if it did.

    Example:
        >>> stop_below = lambda report: report.loss < 0.5  # a callback
        >>> stop_below(Report(7, 0.4, 1.0, 100.0, 2.0, 0.01))
        True
    """

    step: int
    loss: float
    grad_norm: float
    tokens_per_second: float
    seconds: float
    lr: float
    held_out: float | None = None


Task = Callable[[int], Loss]
"""The loss of a step, counted from 0. A task that carries something from step to step, such as a recurrent state, also
has ``state_dict`` and ``load_state_dict``."""

Callback = Callable[[Report], object]
"""Called after each step; what it returns stops the run if it is True. One that remembers something across steps also
has ``state_dict`` and ``load_state_dict``."""


def train(
    task: Task,
    optimizer: Optimizer,
    *,
    steps: int,
    clip: float | None = None,
    schedule: Schedule | None = None,
    validation: Validation | None = None,
    callbacks: Sequence[Callback] = (),
    checkpoint: Checkpoint | None = None,
) -> Iterator[Report]:
    """Take steps on the losses of a task, one for each report that is read, so that one can look or stop between them.

    Args:
        task: the loss of each step.
        optimizer: what updates the parameters.
        steps: how many steps to take, those of earlier runs from the same checkpoint included.
        clip: the largest norm that the gradients may have together; larger ones are scaled down.
        schedule: the learning rate of each step. A `Plateau` observes what the validation measures.
        validation: judges the model from time to time, and may stop the run early.
        callbacks: called with the report after each step.
        checkpoint: saves the whole run from time to time. If its file exists, the run resumes from it; a run killed
            at any moment ends with the same weights, bit for bit, as one that was not. Ctrl-C lets the step end, saves,
            and then raises KeyboardInterrupt.

    During the run, the process reuses freed memory and searches less often for cycles (`tinyseq.memory.reuse`).

    Returns:
        An iterator of a `Report` after each step. Reading it is what trains.

    Raises:
        TypeError, ValueError: an argument is of another kind, or the task gives no `Loss` of one number; the message
            says what was found and expected.
        NonFiniteLoss: a loss or a gradient is not finite; nothing has been updated by that step.
        ModelFileError: the checkpoint is damaged, or of another run: another model, optimiser, schedule, clipping, or
            something that the checkpoint ``depends_on``; nothing has been changed. More steps are no other run.

    Example:
        >>> import tinyseq as ts
        >>> w = ts.tensor(4.0, requires_grad=True)
        >>> for report in train(lambda step: Loss(ts.square(w - 1), 1), ts.optim.SGD([w], lr=0.1), steps=50):
        ...     pass
        >>> report.step, round(w.item(), 3)
        (50, 1.0)
    """
    _check(task, optimizer, clip, schedule, validation, callbacks, checkpoint)
    steps = whole("steps", steps, 0)
    return Run(_reports(task, optimizer, steps, clip, schedule, validation, callbacks, checkpoint))


class Run(Iterator[Report]):
    """The reports of a run. It advances only while they are read, which is easily forgotten."""

    def __init__(self, reports: Generator[Report]) -> None:
        self._reports, self._begun = reports, False

    def __next__(self) -> Report:
        self._begun = True
        return next(self._reports)

    def close(self) -> None:
        """End the run here, as leaving its loop does."""
        self._begun = True
        self._reports.close()

    def __del__(self) -> None:
        if not self._begun:
            warnings.warn(
                "no step was taken, as nobody read the reports of this run; write `for report in ...: pass`",
                stacklevel=2,
            )


def _reports(
    task: Task,
    optimizer: Optimizer,
    steps: int,
    clip: float | None,
    schedule: Schedule | None,
    validation: Validation | None,
    callbacks: Sequence[Callback],
    checkpoint: Checkpoint | None,
) -> Generator[Report]:
    """The run itself."""
    parts = [task, optimizer, schedule, validation, *callbacks]
    first = 0
    if checkpoint is not None:
        run = of_run(checkpoint.model, optimizer, schedule, clip, checkpoint.depends_on)
        first = checkpoint.restore(parts, steps, run)
    start, tokens = time.perf_counter(), 0
    with reuse(), HeldBack(wanted=checkpoint is not None) as interrupt:
        for step in range(first, steps):
            with np.errstate(all="ignore"):  # what is not finite is an error below, and more than a warning
                loss, value, norm = _updated(step, task, optimizer, clip, schedule)
            tokens += loss.tokens
            seconds = time.perf_counter() - start
            held_out = None if validation is None else validation(step + 1)
            if held_out is not None and isinstance(schedule, Plateau):
                schedule.observe(held_out)
            report = Report(step + 1, value, norm, tokens / max(seconds, 1e-9), seconds, optimizer.lr, held_out)
            answers = [callback(report) for callback in callbacks]
            stop = any(isinstance(answer, bool | np.bool_) and bool(answer) for answer in answers)  # 1 is not True
            stop = stop or (validation is not None and validation.exhausted)
            if checkpoint is not None:
                last = stop or step + 1 == steps
                checkpoint.after(step + 1, parts, stopped=stop, at_once=last or interrupt.pending)
                if interrupt.pending:
                    raise KeyboardInterrupt(
                        f"stopped after step {step + 1}; the same call resumes from {checkpoint.path}"
                    )
            yield report
            if stop:
                return


def _updated(
    step: int, task: Task, optimizer: Optimizer, clip: float | None, schedule: Schedule | None
) -> tuple[Loss, float, float]:
    """One step: the loss, its value, and the norm of its gradient."""
    before = Snapshot(task)
    loss = _checked(task(step))
    value = loss.value.item()
    if not math.isfinite(value):
        raise failure(f"the loss of step {step} is {value}", step, loss.batch, task, before)
    optimizer.zero_grad()
    loss.value.backward()
    if all(parameter.grad is None for parameter in optimizer.parameters):
        raise ValueError(
            f"the loss of step {step} depends on none of the optimiser's parameters; does it hold those of the model "
            "that the task calls?"
        )
    norm = clip_grad_norm_(optimizer.parameters, math.inf if clip is None else clip)
    if not math.isfinite(norm):
        what = f"the loss of step {step} is {value:.4g}, but the norm of its gradient is {norm}"
        raise failure(what, step, loss.batch, task, before)
    if schedule is not None:
        rate = float(schedule(step))  # as JSON keeps it; a NumPy scalar would widen float32 states
        if not 0 <= rate < math.inf:
            raise ValueError(f"the schedule gives step {step} the rate {rate}; a rate is a number from 0 upwards")
        optimizer.lr = rate
    optimizer.step()
    return loss, value, norm


def _check(
    task: object,
    optimizer: object,
    clip: float | None,
    schedule: object,
    validation: Validation | None,
    callbacks: object,
    checkpoint: object,
) -> None:
    """Raise an error for the first argument that is not what it should be, before anything is done."""
    wanted: list[tuple[str, object, bool, str]] = [
        ("task", task, callable(task), "a function from a step's number to a ts.train.Loss"),
        ("optimizer", optimizer, isinstance(optimizer, Optimizer), "an optimiser, such as ts.optim.Adam(parameters)"),
        ("schedule", schedule, schedule is None or callable(schedule), "a function from a step's number to its rate"),
        ("validation", validation, isinstance(validation, Validation | None), "a ts.train.Validation"),
        (
            "callbacks",
            callbacks,
            isinstance(callbacks, Sequence) and all(map(callable, callbacks)),
            "a list of functions",
        ),
        ("checkpoint", checkpoint, isinstance(checkpoint, Checkpoint | None), "ts.train.Checkpoint(path, model)"),
    ]
    for name, value, fits, expected in wanted:
        if not fits:
            raise TypeError(f"{name} must be {expected}, got {value!r}")
    if isinstance(schedule, Plateau):
        if validation is None:
            raise ValueError("a Plateau observes what the validation measures; give a validation as well")
        if (schedule.mode == "max") != validation.higher_is_better:
            better = "higher" if validation.higher_is_better else "lower"
            raise ValueError(
                f"for the validation {better} values are better, but the Plateau's mode is {schedule.mode!r}"
            )
    if isinstance(checkpoint, Checkpoint) and isinstance(optimizer, Optimizer):
        kept = {id(parameter) for parameter in checkpoint.model.parameters()}
        lost = [i for i, parameter in enumerate(optimizer.parameters) if id(parameter) not in kept]
        if lost:
            raise ValueError(
                f"the checkpoint's {type(checkpoint.model).__name__} does not hold parameters {lost} of the optimiser, "
                "which a resumed run would start afresh; give Checkpoint a module that holds them all, such as "
                "ts.nn.ModuleList([...])"
            )
    if clip is not None and not clip > 0:
        raise ValueError(f"clip must be above 0, or None for no clipping, got {clip}")


def _checked(loss: object) -> Loss:
    """What a task gave, if it is a `Loss` of one number."""
    if not isinstance(loss, Loss):
        found = type(loss).__name__
        raise TypeError(
            f"the task must return ts.train.Loss(value, tokens), got {found}; tokens are counted for the speed"
        )
    if not isinstance(loss.value, Tensor):
        raise TypeError(f"the value of a Loss must be a tensor, to go backward from, got {type(loss.value).__name__}")
    if loss.value.size != 1:
        raise ValueError(f"the value of a Loss must be one number, got shape {loss.value.shape}; take its mean")
    return loss
