"""A line on the screen that tells how a run is going."""

import sys
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from shutil import get_terminal_size
from typing import TextIO

from tinyseq.train.loop import Report

BAR = 20  # characters, or fewer where the line is short
PAUSE = 0.1  # seconds between two looks of the line


def progress(
    reports: Iterable[Report], steps: int, title: str = "training", *, file: TextIO | None = None
) -> Iterator[Report]:
    """Pass reports on, and keep a line: a bar, the loss, the norm of the gradient, tokens per second, and time left.

    On a terminal and in a notebook the line is written over and over. Elsewhere, as in a job's log, only the last one
    is written.

    Args:
        reports: what `train` yields.
        steps: how many steps the run has in all.
        title: what stands before the bar.
        file: where the line is written; by default the error stream.

    Yields:
        The reports.

    Example:
        >>> import tinyseq as ts
        >>> w = ts.tensor(4.0, requires_grad=True)
        >>> run = ts.train.train(lambda step: ts.train.Loss(ts.square(w), 1), ts.optim.SGD([w], lr=0.1), steps=50)
        >>> for report in ts.train.progress(run, 50):
        ...     pass
    """
    file = file or sys.stderr
    live = file.isatty() or "ipykernel" in sys.modules
    start, shown, taken = time.perf_counter(), 0.0, 0
    text, left_well = "", False
    try:
        for taken, report in enumerate(reports, start=1):
            seconds = time.perf_counter() - start
            left = (steps - report.step) * seconds / taken
            width = get_terminal_size().columns - 1 if live else 1000
            text = line(report, steps, title, f"{clock(left)} left" if left else f"took {clock(seconds)}", width)
            due = seconds - shown > PAUSE or taken == 1 or not left
            if live and due:
                shown = seconds
                file.write("\r" + text[:width].ljust(width))
                file.flush()
            yield report
        left_well = True
    except GeneratorExit:  # a break in the loop that reads the reports
        left_well = True
        raise
    finally:
        if text and live:  # a run that stops early ends between two looks
            file.write("\n" if due else "\r" + text[:width].ljust(width) + "\n")
        elif text and left_well:
            file.write(text + "\n")


def line(report: Report, steps: int, title: str, clocked: str, width: int) -> str:
    """What is known after a step, in one line; the bar gives way to the numbers."""
    found = (
        f"] {report.step:>{len(str(steps))}}/{steps}  loss {report.loss:.3f}  |g| {report.grad_norm:.2f}  "
        f"{report.tokens_per_second:,.0f} tokens/s  {clocked}"
    )
    bar = max(min(width - len(f"{title} [{found}"), BAR), 1)
    return f"{title} [{'=' * (bar * report.step // max(steps, 1)):<{bar}}{found}"


def clock(seconds: float) -> str:
    """Seconds as 0:01:05."""
    return str(timedelta(seconds=round(seconds)))
