"""A submission run in a subprocess with limits: the file's functions are called there, and only results come back.

The limits stop accidents and simple cheating. They do not stop an expert; against one, use a container.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from tinyseq.arguments import number, whole
from tinyseq.exercises import child
from tinyseq.exercises.record import Exercise, Outcome, plain
from tinyseq.exercises.submissions import Submission

MOST_BYTES = 64 << 20  # the most that a submission may send back
DAY = 86400.0  # seconds
STARTING = 30.0  # seconds for Python and NumPy to start, even on a busy machine
SOLUTIONS = Path(__file__).resolve().parent
SYSTEM = (
    "SYSTEMROOT",
    "WINDIR",
    "PATH",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
)  # variables that a program needs to start
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Limits:
    """What a submission may use.

    Args:
        seconds: for one function, on all of its inputs; loading the file may take as long again. At most a day.
        memory: bytes of address space, where the platform has such a limit.

    Raises:
        ValueError: a limit is not positive, or too large.
        TypeError: ``seconds`` is not a number, or ``memory`` not a whole number.

    Example:
        >>> Limits(seconds=2.0).seconds
        2.0
    """

    seconds: float = 10.0
    memory: int = 2 << 30

    def __post_init__(self) -> None:
        if not 0 < number("seconds", self.seconds) <= DAY:
            raise ValueError(f"seconds must be above 0 and at most {DAY:g}, a day, got {self.seconds}")
        whole("memory", self.memory, most=sys.maxsize)


class Failed(NamedTuple):
    """Why a function gave no results."""

    status: str  # "error" or "too slow"
    message: str


class Ran(NamedTuple):
    """What came back from a submission: for each function, and about the file."""

    results: dict[str, list[Outcome] | Failed]
    errors: list[str]  # in statements outside functions, with their lines
    peeked: bool  # whether it tried to read the solutions
    definitions: bool = False  # whether only definitions are run, because the other statements took too long


def run(submission: Submission, exercises: Sequence[Exercise], limits: Limits) -> Ran:
    """Call a submission's functions, each with the inputs of its exercise.

    A function that does not finish, or that ends the process, is abandoned, and a new process goes on with the next.
    If the statements outside functions do not finish, only imports and definitions are run.
    """
    ran = Ran({}, [], False)
    pending = list(exercises)
    while pending:
        with (
            tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
            _Process(folder, submission, pending, limits, ran.definitions) as process,
        ):
            ran = _listen(process, pending, limits, ran)
        pending = [exercise for exercise in pending if exercise.name not in ran.results]
    note = f"the statements outside functions did not finish within {limits.seconds:g} seconds, and were left out"
    return ran._replace(errors=[note]) if ran.definitions else ran  # errors of definitions follow from what is left out


def _listen(process: "_Process", pending: Sequence[Exercise], limits: Limits, ran: Ran) -> Ran:
    """Read what a process sends until it finishes or fails. Then at least one more exercise has its result, or the next
    process runs only definitions.
    """
    results, errors, peeked = dict(ran.results), ran.errors, ran.peeked
    names = {exercise.name for exercise in pending}
    current: str | None = None
    awaited = ["ready", "loaded"]
    end = time.monotonic() + STARTING + limits.seconds * (len(pending) + 2)  # however often it reports
    wait = STARTING
    while names - results.keys():
        try:
            message = process.next(min(wait, end - time.monotonic()))
            if awaited and awaited[0] in message:
                if awaited.pop(0) == "loaded":
                    errors = [plain(f"{where}: {error}") for error, where in message["loaded"][: child.MOST_ERRORS]]
            elif current is None and message.get("start") in names - results.keys():
                current = message["start"]
            elif current is not None and message.get("result") == current:
                results[current] = [Outcome.read(outcome) for outcome in message["outcomes"]]
                current = None
            else:
                raise ValueError("an unexpected message")
            peeked = peeked or bool(message.get("peeked"))
            wait = limits.seconds
        except Stopped as stop:
            failed = Failed(stop.status, str(stop))
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
            failed = Failed("error", "its result could not be read")
        else:
            continue
        if awaited == ["loaded"] and failed.status == "too slow" and not ran.definitions:
            return Ran(results, errors, peeked, definitions=True)
        if current is None:  # it hung while loading
            failed = Failed(failed.status, f"before any function was called: {failed.message}")
        left = [current] if current is not None else [exercise.name for exercise in pending]
        results |= {name: failed for name in left if name not in results}
        break
    return Ran(results, errors, peeked, ran.definitions)


class Stopped(Exception):
    """Nothing more will come from a process."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message

    def __str__(self) -> str:
        return self.message


class _Process:
    """The subprocess, from its start until it and everything it started have ended."""

    def __init__(
        self, folder: str, submission: Submission, exercises: Sequence[Exercise], limits: Limits, definitions: bool
    ) -> None:
        self.limits = limits
        if os.name == "posix" and os.geteuid() == 0:
            os.chmod(folder, 0o777)  # it will not run as root
        job = {
            "cells": submission.cells,
            "definitions": definitions,
            "exercises": [(exercise.name, exercise.cases) for exercise in exercises],
            "cpu": int(STARTING + limits.seconds * (len(exercises) + 2)),
            "memory": limits.memory,
            "solutions": str(SOLUTIONS),
            "unprivileged": all(readable_by_all(Path(file)) for file in (os.__file__, np.__file__, __file__)),
        }
        file = Path(folder, "job.json")
        file.write_text(json.dumps(job), "utf-8")
        with file.open("rb") as standard_input:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-B", child.__file__],
                stdin=standard_input,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env=environment(folder),
                start_new_session=True,
            )
        self.messages: queue.Queue[bytes | None] = queue.Queue()
        assert self.process.stdout is not None
        self.reader = threading.Thread(target=_read, args=(self.process.stdout, self.messages), daemon=True)
        self.reader.start()

    def __enter__(self) -> "_Process":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # it has already ended, with everything that it started
            if os.name == "posix":
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
        self.process.wait()
        self.reader.join(2.0)  # longer only if something escaped that holds the pipe open

    def next(self, seconds: float) -> dict[str, Any]:
        """The next message.

        Raises:
            Stopped: there was none in time, or the process has ended.
            ValueError: it is not JSON.
        """
        try:
            if seconds <= 0:
                raise queue.Empty
            line = self.messages.get(timeout=seconds)
        except queue.Empty:
            raise Stopped("too slow", f"it did not finish within {self.limits.seconds:g} seconds") from None
        if line is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(2.0)
            raise Stopped("error", f"the process {_ending(self.process.poll())}")
        message = json.loads(line)
        if not isinstance(message, dict):
            raise ValueError("not a message")
        return message


def _read(stream: IO[bytes], messages: "queue.Queue[bytes | None]") -> None:
    """Pass on the lines of a stream, up to a limit, and close it."""
    left = MOST_BYTES
    with contextlib.suppress(OSError, ValueError), stream:
        while left > 0 and (line := stream.readline(left)):
            left -= len(line)
            messages.put(line)
    messages.put(None)


def _ending(status: int | None) -> str:
    if status is None:
        return "sent too much output"
    if status >= 0:
        return f"ended with exit status {status} before it returned a result"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"number {-status}"
    return f"was killed by signal {name}" + (": out of time or memory" if name in ("SIGKILL", "SIGXCPU") else "")


def environment(folder: str) -> dict[str, str]:
    """The variables of the subprocess: no secrets, one thread, and files in its own folder."""
    kept = {name: os.environ[name] for name in SYSTEM if name in os.environ}
    own = dict.fromkeys(("HOME", "TMPDIR", "TEMP", "TMP", "MPLCONFIGDIR", "USERPROFILE"), folder)
    return {**kept, **own, **ONE_THREAD, "LANG": "C.UTF-8", "MPLBACKEND": "agg"}


def readable_by_all(path: Path) -> bool:
    """Whether a user without special permissions could read a file or a folder."""
    try:
        return all(place.stat().st_mode & (0o1 if place.is_dir() else 0o4) for place in (path, *path.parents))
    except OSError:
        return False
