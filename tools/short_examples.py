"""Running examples in their short form. The tests check the figures that they print, and the gallery shows them.

With TINYSEQ_EXAMPLES=FOLDER the tests leave there what they ran, and the gallery shows that: CI runs each only once.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = [
    path for path in sorted((ROOT / "examples").glob("*.py")) if '__name__ == "__main__"' in path.read_text("utf-8")
]
PICTURES = (".png", ".svg")


class Outcome(NamedTuple):
    """Of an example: what it printed, its seconds, and the pictures it wrote, by name and in base 64."""

    output: str
    seconds: float
    pictures: dict[str, str]


def run(example: Path) -> Outcome:
    """Run an example in its short form, with warnings as errors.

    Raises:
        RuntimeError: it failed.
    """
    short = {"TINYSEQ_EXAMPLE_QUICK": "1", "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", str(example)]
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        result = subprocess.run(
            command, cwd=folder, env={**os.environ, "COLUMNS": "100", **short}, capture_output=True, text=True
        )
        seconds = time.perf_counter() - start
        if result.returncode:
            raise RuntimeError(f"{example.name} failed:\n{result.stderr}")
        written = [path for path in sorted(Path(folder).iterdir()) if path.suffix in PICTURES]
        pictures = {path.name: base64.b64encode(path.read_bytes()).decode() for path in written}
    return Outcome(result.stdout, seconds, pictures)


def keep(example: Path, outcome: Outcome) -> None:
    """Leave an outcome in the folder TINYSEQ_EXAMPLES, if there is one."""
    file = _kept(example)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part")
        part.write_text(json.dumps(outcome), "utf-8")
        part.replace(file)


def outcome_of(example: Path) -> Outcome:
    """What was left in that folder; otherwise the example is run.

    Raises:
        RuntimeError: it failed.
    """
    file = _kept(example)
    return run(example) if file is None or not file.exists() else Outcome(*json.loads(file.read_text("utf-8")))


def _kept(example: Path) -> Path | None:
    folder = os.environ.get("TINYSEQ_EXAMPLES")
    return Path(folder, f"{example.stem}.json") if folder else None
