"""Progress of a run: tqdm's bar where it is installed, else a plain line at intervals."""

import sys
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

from tinyseq.train.loop import Report

LINES = 10  # lines per run without a bar


def progress(
    reports: Iterable[Report], steps: int, title: str = "training", *, file: TextIO | None = None
) -> Iterator[Report]:
    """Pass reports through, and show the step, the loss, the norm of the gradient and the speed.

    On a terminal and in a notebook this is a progress bar of tqdm, if it is installed (the extra ``progress``). Without
    tqdm, and in log files, it is a plain line after each tenth of the run.

    Args:
        reports: what `train` yields.
        steps: the total number of steps of the run.
        title: a label before the numbers.
        file: where to write; standard error by default.

    Yields:
        The reports.

    Example:
        >>> import tinyseq as ts
        >>> w = ts.tensor(4.0, requires_grad=True)
        >>> run = ts.train.train(lambda step: ts.train.Loss(ts.square(w), 1), ts.optim.SGD([w], lr=0.1), steps=50)
        >>> for report in ts.train.progress(run, 50):
        ...     pass
    """
    file = sys.stderr if file is None else file
    live, bar = file.isatty() or "ipykernel" in sys.modules, None
    try:
        for report in reports:
            if live and bar is None:
                bar = _bar(steps, report.step - 1, title, file)
                live = bar is not None
            speed = f"{report.tokens_per_second:,.0f} tokens/s"
            numbers = f"loss {report.loss:.3f}  |g| {report.grad_norm:.2f}  {speed}"
            if bar is not None:
                bar.set_postfix_str(numbers, refresh=False)
                bar.update(report.step - bar.n)
            elif report.step == steps or report.step % max(steps // LINES, 1) == 0:
                file.write(f"{title} {report.step}/{steps}  {numbers}\n")
            yield report
    finally:
        if bar is not None:
            bar.close()


def run(reports: Iterable[Report], steps: int, shown: bool) -> None:
    """Take all steps of a run, with or without showing its progress."""
    for _ in progress(reports, steps) if shown else reports:
        pass


def _bar(steps: int, taken: int, title: str, file: TextIO) -> Any:
    """A progress bar of tqdm; None if it is not installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm(total=steps, initial=taken, desc=title, file=file, unit=" steps", dynamic_ncols=True)
