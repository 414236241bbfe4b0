"""Checkpoints: the whole state of a run in one file, so that it resumes as if it had never stopped."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinyseq import io
from tinyseq.arguments import shown, whole
from tinyseq.autograd.tensor import Tensor
from tinyseq.io import ModelFileError
from tinyseq.io.files import remove_unfinished
from tinyseq.nn.module import Module
from tinyseq.torch_names.settings import explained
from tinyseq.train.fingerprint import differences
from tinyseq.train.state import Snapshot, Stateful, random_state, set_random_state

KIND = "tinyseq.train.Checkpoint"


class AnotherRun(ModelFileError):
    """Raised if a checkpoint belongs to another run; the message names what differs, with both values.

    Example:
        >>> import tempfile, tinyseq as ts
        >>> model = ts.lm.RNNLM("helo", hidden_size=4)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = model.fit("hello", steps=2, window=4, checkpoint=f"{folder}/run")
        ...     try:
        ...         _ = model.fit("hello", steps=4, window=3, checkpoint=f"{folder}/run")
        ...     except ts.train.AnotherRun as error:
        ...         print(str(error).split(": ")[2].split(".")[0])
        window was 4, now 3
    """


class Checkpoint:
    """Saves a run: weights, optimiser, schedule, random state, position in the data, and the state of other parts.

    Writing is atomic: if the run is killed, the file is either the old or the new one. It is a safetensors file, with
    arrays and JSON.

    Args:
        path: the file.
        model: the model being trained.
        every: save after this many steps; the last step is always saved.
        depends_on: what else the run depends on, by name, such as ``{"text": text, "window": 64, "seed": 0}``. For long
            values a checksum is stored. The model, optimiser, schedule and clipping are included automatically.

    Raises:
        ValueError, TypeError: if ``every`` is not a whole number of at least 1.
        OSError: if the file cannot be written.
        RuntimeError: if safetensors is not installed.

    Example:
        >>> import tempfile, tinyseq as ts
        >>> def run(folder, steps):
        ...     _ = ts.manual_seed(0)
        ...     model = ts.nn.Linear(2, 1)
        ...     task = lambda step: ts.train.Loss(ts.square(model(ts.ones(2, dtype="float32"))).sum(), 1)
        ...     checkpoint = ts.train.Checkpoint(f"{folder}/run.safetensors", model)
        ...     optimizer = ts.optim.Adam(model.parameters())
        ...     return [report.step for report in ts.train.train(task, optimizer, steps=steps, checkpoint=checkpoint)]
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run(folder, 2), run(folder, 5)
        ([1, 2], [3, 4, 5])
    """

    @explained
    def __init__(
        self, path: str | Path, model: Module, *, every: int = 100, depends_on: Mapping[str, object] | None = None
    ) -> None:
        if not isinstance(model, Module):
            raise TypeError(f"model must be a Module, got {type(model).__name__}")
        self.path = io.check_model_output(path, "the checkpoint")
        self.model = model
        self.every = whole("every", every)
        self.depends_on = named(depends_on)
        self._run: dict[str, Any] = {}

    def __repr__(self) -> str:
        return f"Checkpoint({str(self.path)!r}, every={self.every})"

    def after(self, step: int, parts: Sequence[object], *, stopped: bool, at_once: bool) -> None:
        """Save the run if it is due.

        Args:
            step: the number of steps taken.
            parts: the parts of the run besides the model, in the same order as for `restore`.
            stopped: whether the run was stopped before its last step.
            at_once: save now, whatever the step.
        """
        if at_once or step % self.every == 0:
            self.save(step, parts, stopped)

    def save(self, step: int, parts: Sequence[object], stopped: bool = False) -> None:
        """Save the run after a number of steps.

        Args:
            step: the number of steps taken.
            parts: as for `after`.
            stopped: whether the run was stopped before its last step.
        """
        arrays: dict[str, Any] = {}
        plain: dict[str, dict[str, Any]] = {}
        for name, part in self._named(parts).items():
            plain[name] = {}
            for key, value in part.state_dict().items():
                if isinstance(value, np.ndarray | np.generic | Tensor):
                    arrays[f"{name}/{key}"] = np.asarray(value.numpy() if isinstance(value, Tensor) else value)
                else:
                    plain[name][key] = value
        metadata = {"kind": KIND, "step": step, "stopped": stopped, "random": random_state()}
        metadata |= {"run": self._run, "parts": plain}
        try:
            io.save(arrays, self.path, metadata)
        except TypeError:
            for name, part in self._named(parts).items():
                for key, value in plain[name].items():
                    _check_plain(part, key, value)
            raise

    def restore(self, parts: Sequence[object], steps: int, run: Mapping[str, object]) -> int:
        """Restore the saved state, if the file exists.

        Args:
            parts: as for `after`.
            steps: the total number of steps of the run.
            run: what the run depends on, from `fingerprint.of_run`; the file must be of the same run.

        Returns:
            The step to resume from; ``steps`` if the run was stopped early.

        Raises:
            ModelFileError: if the file is damaged, or is not a checkpoint of this run; nothing has been changed.
        """
        self._run = dict(run)
        remove_unfinished(self.path)
        if not self.path.exists():
            return 0
        arrays, metadata = io.load_with_metadata(self.path, KIND)
        named = self._named(parts)
        before = Snapshot(*named.values())
        try:
            states = _states(arrays, metadata["parts"])
            held, wanted = ([name for name in names if name[0] in "0123"] for names in (states, named))
            if held != wanted:
                raise ValueError(f"it contains {', '.join(held)}, but the run has {', '.join(wanted)}")
            self._require_same(metadata["run"], states)
            step, stopped = metadata["step"], metadata["stopped"]
            if type(step) is not int or step < 0 or type(stopped) is not bool:
                raise ValueError(f"its step is {step!r} and stopped {stopped!r}; expected a number of steps and a bool")
            position = steps if stopped else step
            set_random_state(metadata["random"])
            for name, part in named.items():
                if name in states:  # callbacks may be added or removed between runs
                    part.load_state_dict(states[name])
        except AnotherRun:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            before.restore()
            raise ModelFileError(f"{self.path}: not a checkpoint of this run ({error}); nothing was changed") from error
        return position

    def _require_same(self, saved: dict[str, Any], states: dict[str, dict[str, Any]]) -> None:
        """Raise an error for the checkpoint of another run.

        The learning rate may also be the one at the time of saving: the optimiser may be the same object as then.
        """
        now, rates = dict(self._run), [state["lr"] for state in states.values() if "lr" in state]
        for rate in ("optimizer.lr", "schedule.lr"):
            if rate in saved and now.get(rate) in rates:
                now[rate] = saved[rate]
        if unlike := differences(saved, now):
            raise AnotherRun(
                f"{self.path}: a checkpoint of another run: {'; '.join(unlike)}. Use another file for this run, or "
                "delete this one to start over; nothing was changed"
            )
        self._run = saved

    def _named(self, parts: Sequence[object]) -> dict[str, Stateful]:
        """The parts that have a state, by name: model, task, optimiser and schedule, then validation and callbacks."""
        named: dict[str, Stateful] = {}
        for i, part in enumerate([self.model, *parts]):
            if isinstance(part, Stateful):
                kind = type(part).__name__
                name = f"{i}.{kind}" if i < 4 else kind
                count = sum(other.partition("#")[0] == name for other in named)
                named[f"{name}#{count + 1}" if count else name] = part
        return named


def named(depends_on: Mapping[str, object] | None) -> dict[str, object]:
    """What a run depends on, by name; a TypeError for what has no names."""
    if not isinstance(depends_on, Mapping | None):
        raise TypeError(f'depends_on must be a dictionary, such as {{"seed": 0}}, got {shown(depends_on)}')
    return dict(depends_on or {})


def _check_plain(part: object, key: str, value: object) -> None:
    """Raise an error that names the entry of a state that cannot be saved."""
    try:
        json.dumps(value)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{type(part).__name__}.state_dict() has an entry {key!r} that a checkpoint cannot store ({error}); "
            "entries must be arrays, tensors or JSON values, with distinct names"
        ) from error


def _states(arrays: dict[str, Any], plain: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The state of each part, from the contents of a file."""
    states = {name: dict(values) for name, values in plain.items()}
    for name, array in arrays.items():
        part, _, key = name.partition("/")
        states[part][key] = array
    return states
