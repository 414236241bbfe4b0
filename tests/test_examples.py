"""Every example that trains something runs in its short form and reaches the figure that it states."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
STATED = re.compile(
    r"^(.*): (?:error )?([\d.]+(?:e[+-]?\d+)?|inf)(%?).*\(expected: (at least|at most|above|below|less than) ([\d.]+)%?"
)


def stated(output: str) -> list[tuple[str, float, str, float]]:
    """The figures that an example prints: what, found, how it compares, expected."""
    found = [STATED.match(line) for line in output.splitlines()]
    return [(match[1], float(match[2]), match[4], float(match[5])) for match in found if match]


def reached(value: float, comparison: str, expected: float) -> bool:
    return value >= expected if comparison in ("at least", "above") else value <= expected


TRAINING = [path for path in sorted(EXAMPLES.glob("*.py")) if "TINYSEQ_EXAMPLE_QUICK" in path.read_text("utf-8")]


@pytest.mark.parametrize("example", TRAINING, ids=lambda path: path.stem)
def test_an_example_reaches_its_figure(example, tmp_path):
    environment = {
        **os.environ,
        "TINYSEQ_EXAMPLE_QUICK": "1",
        "PYTHONPATH": str(EXAMPLES.parent),
        "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-W", "error", str(example)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert result.returncode == 0, result.stderr
    figures = stated(result.stdout)
    assert len(figures) >= 2, result.stdout
    for name, value, comparison, expected in figures:
        assert reached(value, comparison, expected), f"{name}: {value}, expected {comparison} {expected}"
    assert "Expected: " in example.read_text(encoding="utf-8")
    for picture in re.findall(r"^Writes (\S+\.png) ", example.read_text(encoding="utf-8"), re.MULTILINE):
        if "no picture" not in result.stdout:  # which it says where matplotlib is not installed
            assert (tmp_path / picture).read_bytes().startswith(b"\x89PNG\r\n"), picture


def test_the_examples_are_found():
    assert len(TRAINING) >= 6


def test_a_missed_figure_is_seen():
    assert stated("LSTM: 72.5% of 300 (expected: at least 90%)") == [("LSTM", 72.5, "at least", 90.0)]
    assert stated("GRU: error 0.3 (expected: below 0.05)") == [("GRU", 0.3, "below", 0.05)]
    assert not reached(72.5, "at least", 90.0)
    assert not reached(0.3, "below", 0.05)
