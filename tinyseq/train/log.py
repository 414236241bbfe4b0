"""A log file with one line for each step."""

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

from tinyseq.arguments import whole
from tinyseq.io.files import atomic_write, check_output, named_if_full, remove_unfinished
from tinyseq.io.names import check_entries
from tinyseq.torch_names.settings import explained
from tinyseq.train.loop import Report


class Log:
    """A callback that writes each report as a row of CSV, or as a line of JSON.

    A run that resumes from a checkpoint removes the lines of the steps that it repeats.

    Args:
        path: a ``.csv`` or ``.jsonl`` file; an existing file is replaced.

    Raises:
        ValueError: if the file has another extension.
        OSError: if the file cannot be written.

    Example:
        >>> import tempfile, tinyseq as ts
        >>> w = ts.tensor(4.0, requires_grad=True)
        >>> task = lambda step: ts.train.Loss(ts.square(w), 1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     log = ts.train.Log(folder + "/log.csv")
        ...     reports = list(ts.train.train(task, ts.optim.SGD([w], lr=0.5), steps=2, callbacks=[log]))
        ...     print(log.path.read_text().splitlines()[0])
        step,loss,grad_norm,tokens_per_second,seconds,lr,held_out
    """

    @explained
    def __init__(self, path: str | Path) -> None:
        self.path = check_output(path, "the log")
        if self.path.suffix not in (".csv", ".jsonl"):
            raise ValueError(f"path must be a .csv or .jsonl file, got {self.path.name!r}")
        self._begun = False
        self._step = 0

    def __repr__(self) -> str:
        return f"Log({str(self.path)!r})"

    def __call__(self, report: Report) -> None:
        """Add a line."""
        with named_if_full(self.path):
            self._add(report)
        self._step = report.step

    def _add(self, report: Report) -> None:
        values = report._asdict()
        if not self._begun:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text("" if self.path.suffix == ".jsonl" else _row(list(values)), encoding="utf-8")
            self._begun = True
        line = _json(values) if self.path.suffix == ".jsonl" else _row(list(values.values()))
        with self.path.open("a", encoding="utf-8", newline="") as file:
            file.write(line)

    def state_dict(self) -> dict[str, Any]:
        """The last step written."""
        return {"step": self._step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Remove the lines after the saved step.

        Raises:
            ValueError, TypeError: it is no `state_dict` of a log.
        """
        check_entries(self, state, "step")
        step = whole("the state's step", state["step"], 0)
        remove_unfinished(self.path)
        self._step = step
        self._begun = self._step > 0 and self.path.is_file()
        if self._begun:
            lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = "".join(line for line in lines if line.endswith("\n") and self._step_of(line) <= self._step)
            atomic_write(self.path, lambda temporary: temporary.write_text(kept, encoding="utf-8"))

    def _step_of(self, line: str) -> int:
        """The step of a line; 0 for the header."""
        if self.path.suffix == ".jsonl":
            return int(json.loads(line)["step"])
        first = line.partition(",")[0]
        return int(first) if first.isdecimal() else 0


def _json(values: dict[str, Any]) -> str:
    """A line of JSON, with null for NaN and infinity, which JSON lacks."""
    known = {name: None if value is None or not math.isfinite(value) else value for name, value in values.items()}
    return json.dumps(known) + "\n"


def _row(values: list[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    return text.getvalue()
