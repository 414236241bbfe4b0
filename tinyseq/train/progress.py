"""Progress of a training run: the step, the loss, the norm of the gradient and the speed."""

from collections.abc import Iterable, Iterator
from typing import TextIO

from tinyseq.arguments import whole
from tinyseq.progress import shown
from tinyseq.torch_names.settings import explained
from tinyseq.train.loop import Report


@explained
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

    Returns:
        The reports.

    Raises:
        ValueError, TypeError: ``steps`` is not a whole number of at least 0, or ``reports`` yields nothing.

    Example:
        >>> import tinyseq as ts
        >>> w = ts.tensor(4.0, requires_grad=True)
        >>> run = ts.train.train(lambda step: ts.train.Loss(ts.square(w), 1), ts.optim.SGD([w], lr=0.1), steps=50)
        >>> for report in ts.train.progress(run, 50):
        ...     pass
    """
    if not isinstance(reports, Iterable):
        raise TypeError(f"reports must be what ts.train.train yields, got {reports!r}")
    return shown(reports, whole("steps", steps, 0), title, _numbers, file)


def _numbers(report: Report) -> str:
    speed = f"{report.tokens_per_second:,.0f} tokens/s"
    return f"loss {report.loss:.3f}  |g| {report.grad_norm:.2f}  {speed}"


def progress_if(wanted: bool, reports: Iterator[Report], steps: int) -> Iterator[Report]:
    """The reports of a run, with or without showing its progress."""
    return progress(reports, steps) if wanted else reports
