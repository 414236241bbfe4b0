"""Training runs of the commands: which options apply, where a run is saved, and what is said of long or failed ones."""

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyseq.commands.common import console, tell
from tinyseq.io import check_model_output
from tinyseq.train import NonFiniteLoss, Report, progress
from tinyseq.train.nonfinite import DIVERGED

DEEPEST = 1000  # layers
MEASURED = 10  # steps after which the time of a run is known
DAY = 24 * 60 * 60  # seconds


def check_memory(hidden: int, matrices: int) -> None:
    """Raise an error, instead of waiting for the memory to be full, if a network is too large for this computer.

    Args:
        hidden: the length of its hidden state.
        matrices: how many matrices (hidden, hidden) it has at least; training keeps the gradient and two averages of
            each number, in 32 bits.

    Raises:
        ValueError: it is.
    """
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # of systems that do not tell
        return
    weights = matrices * hidden**2
    if 16 * weights > memory > 0:
        raise ValueError(
            f"--hidden {hidden} makes at least {weights:,} weights, whose training takes {16 * weights / 1e9:,.0f} GB, "
            f"but this computer has {memory / 1e9:,.0f} GB of memory; make the network smaller"
        )


class Options:
    """The options that a user gave, some of which apply to one kind of model only.

    Args:
        given: the values of all options by name; None where one was not given.
        kinds: for each kind of model, the names of the options that do not apply to every kind.
        option: what chooses the kind, such as ``"--model"``.
        kind: the chosen kind.

    Raises:
        ValueError: one of the given options does not apply to this kind.
    """

    def __init__(self, given: Mapping[str, Any], kinds: Mapping[str, Sequence[str]], option: str, kind: str) -> None:
        self._given = {name: given[name] for names in kinds.values() for name in names if given[name] is not None}
        for name in self._given:
            if name not in kinds[kind]:
                having = " or ".join(f"{option} {other}" for other in kinds if name in kinds[other])
                raise ValueError(f"--{name.replace('_', '-')} is for {having}; leave it out with {option} {kind}")

    def get(self, name: str, default: Any) -> Any:
        """The value of an option."""
        return self._given.get(name, default)


class Run:
    """A training run that Ctrl-C saves.

    Args:
        out: the model file that it will write.
        checkpoint: where to save the run; by default beside the model, until the run is finished.
        inputs: the files that are read, which must not be overwritten.
    """

    def __init__(self, out: Path, checkpoint: Path | None, inputs: Iterable[Path]) -> None:
        self.path = out.with_name(f"{out.name}.run") if checkpoint is None else checkpoint
        self._temporary = checkpoint is None
        check_model_output(self.path, "--checkpoint", inputs=inputs)

    def taken(
        self, reports: Iterable[Report], steps: int, title: str, settings: Mapping[str, float], quiet: bool = False
    ) -> dict[str, Any]:
        """Take the steps of the run.

        Args:
            reports: the reports of its steps.
            steps: how many it has.
            title: the label of the progress bar.
            settings: the settings to lower if the run diverges, by option.
            quiet: print nothing.

        Returns:
            The number of steps, and the last loss and speed if there were any.

        Raises:
            ValueError: the run has diverged; the message says what to change.
        """
        last: Report | None = None
        cure = " or ".join(f"{option} (now {value:g})" for option, value in settings.items())
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("error", DIVERGED)
                for taken, report in enumerate(progress(reports, steps, title), 1):
                    last, left = report, steps - report.step
                    if taken == MEASURED and (days := report.seconds / taken * left / DAY) > 1:
                        tell(f"the other {left:,} steps will take about {days:,.0f} days; Ctrl-C saves the run")
        except (UserWarning, NonFiniteLoss) as error:
            self.finished()
            found = str(error).removeprefix(f"{DIVERGED}: ").partition("; start over")[0]
            raise ValueError(f"{DIVERGED}: {found}; start over with a lower {cure}") from error
        if last is None:
            if not quiet:
                console.print(f"{self.path} has taken all {steps:,} steps already")
            return {"steps": steps}
        if not quiet:
            speed = last.tokens_per_second
            console.print(f"training loss {last.loss:.3f} nats, {speed:,.0f} symbols per second")
        return {"steps": last.step, "loss": last.loss, "symbols_per_second": last.tokens_per_second}

    def finished(self) -> None:
        """Remove the saved run, unless it should be kept."""
        if self._temporary:
            self.path.unlink(missing_ok=True)
