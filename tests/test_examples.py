"""Every example that trains something runs in its short form and reaches the figure that it states."""

import base64
import re
import runpy
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from short_examples import PROGRAMS, keep, outcome_of, run

STATED = re.compile(
    r"^(.*): (?:error )?([\d.]+(?:e[+-]?\d+)?|inf)(%?).*\(expected: (at least|at most|above|below|less than) ([\d.]+)%?"
)


def stated(output: str) -> list[tuple[str, float, str, float]]:
    """The figures that an example prints: what, found, how it compares, expected."""
    found = [STATED.match(line) for line in output.splitlines()]
    return [(match[1], float(match[2]), match[4], float(match[5])) for match in found if match]


def reached(value: float, comparison: str, expected: float) -> bool:
    return value >= expected if comparison in ("at least", "above") else value <= expected


TRAINING = [path for path in PROGRAMS if "TINYSEQ_EXAMPLE_QUICK" in path.read_text("utf-8")]


@pytest.mark.slow
@pytest.mark.parametrize("example", TRAINING, ids=lambda path: path.stem)
def test_an_example_reaches_its_figure(example):
    outcome = run(example)
    keep(example, outcome)
    figures = stated(outcome.output)
    assert len(figures) >= 2, outcome.output
    for name, value, comparison, expected in figures:
        assert reached(value, comparison, expected), f"{name}: {value}, expected {comparison} {expected}"
    assert "Expected: " in example.read_text(encoding="utf-8")
    for picture in re.findall(r"^Writes (\S+\.png) ", example.read_text(encoding="utf-8"), re.MULTILINE):
        if "no picture" not in outcome.output:  # which it says where matplotlib is not installed
            assert base64.b64decode(outcome.pictures[picture]).startswith(b"\x89PNG\r\n"), picture


@pytest.mark.parametrize("folder", [None, "kept"])
def test_the_gallery_shows_what_the_tests_ran_or_runs_it(folder, tmp_path, monkeypatch):
    program = tmp_path / "program.py"
    program.write_text("print(len(list(__import__('pathlib').Path(__file__).parent.glob('*.py'))))")
    monkeypatch.delenv("TINYSEQ_EXAMPLES", raising=False)
    if folder:
        monkeypatch.setenv("TINYSEQ_EXAMPLES", str(tmp_path / folder))
    first = run(program)
    keep(program, first)
    (tmp_path / "another.py").touch()
    assert outcome_of(program).output == (first.output if folder else "2\n")


def test_an_example_that_fails_or_warns_is_an_error(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import warnings; warnings.warn('mind')")
    with pytest.raises(RuntimeError, match=r"program.py failed:(?s:.*)UserWarning: mind"):
        run(program)


def test_the_examples_are_found():
    assert len(TRAINING) >= 6


def test_a_missed_figure_is_seen():
    assert stated("LSTM: 72.5% of 300 (expected: at least 90%)") == [("LSTM", 72.5, "at least", 90.0)]
    assert stated("GRU: error 0.3 (expected: below 0.05)") == [("GRU", 0.3, "below", 0.05)]
    assert not reached(72.5, "at least", 90.0)
    assert not reached(0.3, "below", 0.05)


@pytest.fixture
def saved(monkeypatch):
    """The figures that are saved in a test, in place of their files."""
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    matplotlib.use("agg")
    from matplotlib.figure import Figure

    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: figures.append(figure))
    return figures


def test_the_scale_of_the_daily_returns_and_the_names_of_the_regimes_stand_apart(tmp_path, saved):
    example = runpy.run_path(str(Path(__file__).parent.parent / "examples" / "gaussian_hmm.py"))
    rng = np.random.default_rng(0)
    example["picture"](rng.random(500), rng.normal(0, 0.02, 500), rng.integers(0, 2, 500), tmp_path)
    figure = saved[0]
    figure.canvas.draw()
    scale = figure.axes[-1].yaxis
    places = [text.get_window_extent() for text in (*scale.get_ticklabels(), scale.label)]
    places += [figure.axes[0].get_legend().get_window_extent()]
    assert not any(one.overlaps(other) for one, other in combinations(places, 2))


def test_time_steps_are_marked_by_whole_numbers(tmp_path, saved):
    kit = runpy.run_path(str(Path(__file__).parent.parent / "examples" / "memory_kit.py"))
    x, norms = np.ones((20, 1, 2), np.float32), np.linspace(0.01, 1, 21)
    run = kit["Run"](
        **{"model": kit["Reader"]("GRU", 2, 3, 1, 0.0), "losses": [0.3, 0.2], "before": norms, "after": norms}
    )
    kit["draw"](tmp_path / "kit.png", "", {"GRU": run}, x, [""] * 20, loss="", guessing=0.1)
    steps = saved[0].subfigs[0].axes[1]
    assert "time step" in steps.get_xlabel()
    assert all(tick == int(tick) for tick in steps.get_xticks())
