"""The training loop: the same few lines for every model, reporting on each step.

A task is a function from the number of a step to its loss. So the position in the data is just a number: a stopped run
resumes from any step, and a step that failed can be repeated for diagnosis.
"""

import math
import re
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from tinyseq.arguments import number, shown, whole
from tinyseq.autograd.tensor import Tensor
from tinyseq.memory import reuse
from tinyseq.nn.clipping import clip_grad_norm_
from tinyseq.optim import Optimizer, Plateau, Schedule
from tinyseq.optim.optimizer import not_negative
from tinyseq.progress import stops
from tinyseq.torch_names.settings import explained
from tinyseq.train.checkpoint import Checkpoint
from tinyseq.train.fingerprint import of_run
from tinyseq.train.interrupt import HeldBack
from tinyseq.train.nonfinite import Divergence, failure
from tinyseq.train.state import Snapshot
from tinyseq.train.validation import Validation

Result = TypeVar("Result")


class Loss(NamedTuple):
    """The loss of one step.

    Attributes:
        value: the mean loss, a tensor of one element.
        tokens: the number of targets it is averaged over.
        batch: a description of the batch, for error messages.

    Example:
        >>> import tinyseq as ts
        >>> Loss(ts.nn.cross_entropy(ts.zeros(5, 4), [0, 1, 2, 3, 0]), tokens=5, batch="sentence 7").tokens
        5
    """

    value: Tensor
    tokens: int
    batch: str = ""


class Report(NamedTuple):
    """The state of the run after a step.

    Attributes:
        step: the number of steps taken.
        loss: the mean loss of this step's targets, in nats.
        grad_norm: the norm of all gradients together, before clipping.
        tokens_per_second: since the start of the loop, or since it resumed.
        seconds: since the start of the loop, or since it resumed.
        lr: the learning rate of this step.
        held_out: the result of the validation after this step, or None if there was none.

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
"""Called after each step; if it returns True, the run stops. One that remembers something across steps also
has ``state_dict`` and ``load_state_dict``."""


@explained
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
    """Train, one step for each report that is read, so that the caller can look at it, or stop, between steps.

    Args:
        task: a function from the number of a step to its loss.
        optimizer: updates the parameters.
        steps: the total number of steps, including those of earlier runs from the same checkpoint.
        clip: the maximum norm of all gradients together; larger ones are scaled down.
        schedule: the learning rate of each step. A `Plateau` observes the results of the validation.
        validation: measures the model at intervals, and may stop the run early.
        callbacks: called with the report after each step.
        checkpoint: saves the whole run at intervals. If its file exists, the run resumes from it; a run that is killed
            at any moment and resumed ends with the same weights, bit for bit, as one that was not. Ctrl-C finishes the
            step, saves, and then raises KeyboardInterrupt.

    During the run, the process reuses freed memory and collects cyclic garbage less often (`tinyseq.memory.reuse`).

    Returns:
        An iterator that yields a `Report` after each step. Training happens as it is iterated.

    Raises:
        TypeError, ValueError: if an argument is invalid, or the task does not return a `Loss` of one number.
        NonFiniteLoss: if a loss or a gradient is not finite; the weights are those before that step.
        ModelFileError: if the checkpoint is damaged, or is of another run: another model, optimiser, schedule, clipping
            or value in ``depends_on``; nothing has been changed. Only the number of steps may differ.

    Warns:
        UserWarning: if the loss stays far above that of the first step: the training has diverged.

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
    """The iterator of a run's reports; warns if it is discarded without having been read."""

    def __init__(self, reports: Generator[Report]) -> None:
        self._reports, self._begun = reports, False

    def __next__(self) -> Report:
        self._begun = True
        return next(self._reports)

    def close(self) -> None:
        """End the run now, as breaking out of its loop does."""
        self._begun = True
        self._reports.close()

    def __del__(self) -> None:
        if not self._begun:
            warnings.warn(
                "no step was taken, as the reports of this run were not read; write `for report in ...: pass`",
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
    divergence = Divergence()
    start, tokens = time.perf_counter(), 0
    with reuse(), HeldBack(wanted=checkpoint is not None) as interrupt:
        for step in range(first, steps):
            with np.errstate(all="ignore"):  # non-finite values raise an error below, so no warning is needed
                loss, value, norm = _updated(step, task, optimizer, clip, schedule)
            divergence.observe(value, step + 1, optimizer.lr)
            tokens += loss.tokens
            seconds = time.perf_counter() - start
            held_out = None if validation is None else validation(step + 1)
            if held_out is not None and isinstance(schedule, Plateau):
                schedule.observe(held_out)
            report = Report(step + 1, value, norm, tokens / max(seconds, 1e-9), seconds, optimizer.lr, held_out)
            stop = stops(callbacks, report) or (validation is not None and validation.exhausted)
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
    loss = _checked(_called("task", task, step))
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
    norm = float(clip_grad_norm_(optimizer.parameters, math.inf if clip is None else clip))
    if not math.isfinite(norm):
        what = f"the loss of step {step} is {value:.4g}, but the norm of its gradient is {norm}"
        raise failure(what, step, loss.batch, task, before)
    if schedule is not None:
        rate = _rate(schedule, step)
        if not 0 <= rate < math.inf:
            raise ValueError(f"the schedule's learning rate must be a number of at least 0, got {rate} at step {step}")
        optimizer.lr = rate
    optimizer.step()
    return loss, value, norm


def _rate(schedule: Schedule, step: int) -> float:
    """The learning rate of a step, as a Python float, as in JSON; a NumPy scalar would promote float32 states."""
    found = _called("schedule", schedule, step)
    try:
        return float(found)
    except (TypeError, ValueError):
        raise TypeError(f"the schedule must return a number, got {shown(found)} at step {step}") from None


def _check(
    task: object,
    optimizer: object,
    clip: float | None,
    schedule: object,
    validation: Validation | None,
    callbacks: object,
    checkpoint: object,
) -> None:
    """Raise an error for the first invalid argument, before anything is done."""
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
            raise ValueError("a Plateau observes the results of a validation; pass validation= as well")
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
                f"the checkpoint's {type(checkpoint.model).__name__} does not contain parameters {lost} of the "
                "optimiser, so a resumed run would lose them; pass Checkpoint a module that contains all of them, such "
                "as ts.nn.ModuleList([...])"
            )
    if clip is not None and not number("clip", clip) > 0:
        raise ValueError(f"clip must be above 0, or None for no clipping, got {clip}")


def _called(what: str, function: Callable[[int], Result], step: int) -> Result:
    """What a task or a schedule returns; the error of one that takes no number says that it must."""
    try:
        return function(step)
    except TypeError as error:
        if re.search(r"takes 0 positional arguments but 1 was given$", str(error)):
            error.args = (f"{error}; the {what} is called with the number of the step: def {what}(step)",)
        raise


def _checked(loss: object) -> Loss:
    """Check that a task returned a `Loss` of one number."""
    if not isinstance(loss, Loss):
        found = type(loss).__name__
        raise TypeError(
            f"the task must return ts.train.Loss(value, tokens), got {found}; tokens is the number of targets"
        )
    if not isinstance(loss.value, Tensor):
        raise TypeError(f"the value of a Loss must be a tensor, got {type(loss.value).__name__}")
    not_negative("the tokens of a Loss", loss.tokens)
    if loss.value.size != 1:
        raise ValueError(f"the value of a Loss must be one number, got shape {loss.value.shape}; take its mean")
    return loss
