"""What all runs share that report their steps: showing their progress, callbacks that may stop them, and `fit`."""

import functools
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Concatenate, ParamSpec, Protocol, TextIO, TypeVar, overload

import numpy as np

from tinyseq.torch_names.settings import setting

LINES = 10  # lines per run without a bar
ARGUMENTS = re.compile(r"^Args:\n(?:    .*\n|\n)*", re.MULTILINE)
P = ParamSpec("P")
Model = TypeVar("Model")


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


class Fit(Protocol[P]):
    """The type of a method that takes certain arguments, and returns its object."""

    @overload
    def __get__(self, model: None, owner: object) -> Callable[Concatenate[Any, P], Any]: ...
    @overload
    def __get__(self, model: Model, owner: object) -> Callable[P, Model]: ...


def with_arguments_of(
    fit_steps: Callable[Concatenate[Any, P], Iterator[Step]],
) -> Callable[[Callable[..., object]], Fit[P]]:
    """Say that a `fit`, which passes its arguments on to `fit_steps`, takes those of `fit_steps`.

    Type checkers and editors complete them, `help` lists them with what their docstring says of them, and an error
    about one of them names `fit`.

    Example:
        >>> from tinyseq.lm import RNNLM
        >>> "window: time steps in a window." in RNNLM.fit.__doc__
        True
        >>> RNNLM("ab", 2).fit("abab")
        Traceback (most recent call last):
        TypeError: NeuralLM.fit() missing 1 required keyword-only argument: 'steps'
    """
    signature = inspect.signature(fit_steps)
    ours = fit_steps.__qualname__

    def decorate(fit: Callable[..., Any]) -> Any:
        name = fit.__qualname__

        @functools.wraps(fit)
        def called(*args: Any, **settings: Any) -> Any:
            for unknown in (each for each in settings if each not in signature.parameters):
                cure = setting(unknown, signature.parameters, args[0] if args else None)
                raise TypeError(f"{name}() got an unexpected keyword argument {unknown!r}{cure}")
            try:
                return fit(*args, **settings)
            except TypeError as error:
                if str(error).startswith(ours):
                    error.args = (f"{name}{str(error).removeprefix(ours)}",)
                raise

        returned = inspect.signature(fit).return_annotation
        vars(called)["__signature__"] = signature.replace(return_annotation=returned)  # which `inspect` reads
        arguments = ARGUMENTS.search(inspect.getdoc(fit_steps) or "")
        if arguments:
            called.__doc__ = (inspect.getdoc(called) or "").replace("Returns:\n", f"{arguments[0]}Returns:\n", 1)
        return called

    return decorate
