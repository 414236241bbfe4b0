"""What all runs share that report their steps: showing their progress, and callbacks that may stop them."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TextIO, TypeVar

import numpy as np

LINES = 10  # lines per run without a bar


class Step(Protocol):
    """A report of a step."""

    @property
    def step(self) -> int:
        """How many steps have been taken."""
        ...


S = TypeVar("S", bound=Step)


def shown(
    reports: Iterable[S], steps: int, title: str, numbers: Callable[[S], str], file: TextIO | None = None
) -> Iterator[S]:
    """Pass reports through, and show the step and some numbers.

    On a terminal and in a notebook this is a progress bar of tqdm, if it is installed (the extra ``progress``). Without
    tqdm, and in log files, it is a plain line after each tenth of the run.

    Args:
        reports: the reports of the steps.
        steps: the total number of steps.
        title: a label before the numbers.
        numbers: what to show of a report.
        file: where to write; standard error by default.

    Yields:
        The reports.
    """
    file = sys.stderr if file is None else file
    live, bar = file.isatty() or "ipykernel" in sys.modules, None
    try:
        for report in reports:
            if live and bar is None:
                bar = _bar(steps, max(report.step - 1, 0), title, file)
                live = bar is not None
            if bar is not None:
                bar.set_postfix_str(numbers(report), refresh=False)
                bar.update(report.step - bar.n)
            elif report.step == steps or report.step % max(steps // LINES, 1) == 0:
                file.write(f"{title} {report.step}/{steps}  {numbers(report)}\n")
            yield report
    finally:
        if bar is not None:
            bar.close()


def _bar(steps: int, taken: int, title: str, file: TextIO) -> Any:
    """A progress bar of tqdm; None if it is not installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm(total=steps, initial=taken, desc=title, file=file, unit=" steps", dynamic_ncols=True)


def stops(callbacks: Sequence[Callable[[S], object]], report: S) -> bool:
    """Call all callbacks with a report; returns whether one of them returned True (1 does not count)."""
    answers = [callback(report) for callback in callbacks]
    return any(isinstance(answer, bool | np.bool_) and bool(answer) for answer in answers)
