"""Every exercise: its solution passes, each mistake is recognised as itself, and its starting code is missing."""

import ast
import importlib.util
import inspect
import json
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.exercises import EXERCISES, check, check_file, write_sheet
from tinyseq.exercises.child import decode, encode
from tinyseq.exercises.marking import agree, mark
from tinyseq.exercises.record import made
from tinyseq.exercises.submissions import read

ROOT = Path(__file__).resolve().parents[2]


@cache
def mathml():
    """What writes the formulas of the site."""
    specification = importlib.util.spec_from_file_location("mathml", ROOT / "docs" / "_ext" / "mathml.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


pytestmark = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=list(EXERCISES))


def test_the_solution_passes_as_it_is_shown(exercise):
    assert mark(exercise, exercise.tried(made(exercise.solution, exercise.name))) == (exercise.name, "right", "")


FORMS = {
    "tensors": lambda x: ts.tensor(x) if isinstance(x, np.ndarray) else x,
    "lists": lambda x: x.tolist() if isinstance(x, np.ndarray) else x,
    "rows in a list": lambda x: list(x) if np.ndim(x) and isinstance(x, np.ndarray) else x,
    "objects": lambda x: x.astype(object) if np.size(x) and isinstance(x, np.ndarray) else x,
    "numbers of NumPy": lambda x: np.asarray(x)[()] if isinstance(x, int | float) else x,
}


def in_form(value, change):
    """A result with each array or number in it changed to another form."""
    if isinstance(value, list | tuple):
        return type(value)(in_form(item, change) for item in value)
    return change(value)


@pytest.mark.parametrize("form", FORMS)
def test_a_right_answer_in_another_form_is_right(exercise, form):
    outcomes = exercise.tried(lambda *arguments: in_form(exercise.function(*arguments), FORMS[form]))
    assert mark(exercise, outcomes) == (exercise.name, "right", "")


def test_every_mistake_is_recognised_as_itself(exercise):
    assert 6 <= len(exercise.mistakes) <= 9
    for mistake in exercise.mistakes:
        outcomes = exercise.tried(made(mistake.source, exercise.name))
        assert mark(exercise, outcomes) == (exercise.name, "wrong", mistake.message)


def test_no_two_versions_give_the_same_results(exercise):
    versions = [exercise.expected, *exercise.mistaken]
    for i, one in enumerate(versions):
        for other in versions[:i]:
            assert not all(agree(exercise, a, b) for a, b in zip(one, other, strict=True))


def test_a_mistake_gives_a_result_on_some_inputs(exercise):
    for outcomes in exercise.mistaken:
        assert not all(outcome.error for outcome in outcomes)


def test_messages_do_not_give_the_answer(exercise):
    messages = [mistake.message for mistake in exercise.mistakes]
    assert len(set(messages)) == len(messages)
    body = [line.strip() for line in exercise.solution.splitlines() if "=" in line or "return" in line]
    assert not [(message, line) for message in messages for line in body if len(line) > 8 and line in message]


def test_the_properties_hold_for_the_solution(exercise):
    for case, outcome in zip(exercise.cases, exercise.expected, strict=True):
        assert not outcome.error
        assert [holds(tuple(map(decode, case)), outcome.value) for holds in exercise.properties] == [None] * len(
            exercise.properties
        )


def test_the_solution_does_not_change_its_arguments(exercise):
    assert not [outcome for outcome in exercise.expected if outcome.changed]


def test_the_inputs_are_many_and_the_same_every_time(exercise):
    rng = np.random.default_rng
    first, second = ([[encode(a) for a in case] for case in exercise.inputs(rng(5))] for _ in range(2))
    assert repr(first) == repr(second)
    assert len(exercise.cases) >= 7
    assert len({repr(case) for case in exercise.cases}) == len(exercise.cases)
    assert json.loads(json.dumps(exercise.cases)) is not None


def test_the_starting_code_is_missing_and_no_error(exercise, tmp_path):
    (tmp_path / "sheet.py").write_text(exercise.starter, "utf-8")
    assert read(tmp_path / "sheet.py").functions[exercise.name] is False
    assert check_file(tmp_path / "sheet.py") == [(exercise.name, "missing", "")]
    function = made(exercise.starter, exercise.name)
    assert function.__doc__ == exercise.function.__doc__
    assert list(inspect.signature(function).parameters) == exercise.parameters


def test_what_is_shown_is_complete_and_short(exercise):
    for source in (exercise.starter, exercise.solution):
        names = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
        assert "tinyseq" not in source
        assert names.isdisjoint({"Rng", "Case", "exercise"})
    lines = exercise.solution.count("\n") - exercise.starter.count("\n")
    assert lines <= 25
    assert 1 <= exercise.chapter <= 16
    assert exercise.task.count("$") % 2 == 0
    assert inspect.getdoc(exercise.function).count("Args:") == inspect.getdoc(exercise.function).count("Returns:") == 1


def test_every_formula_of_the_task_becomes_mathml(exercise):
    """On the site, which knows fewer commands than a notebook; there, a formula in a line must not be broken."""
    pytest.importorskip("latex2mathml", reason="the extra docs writes formulas with it")
    inline = re.sub(r"\$\$.+?\$\$", "", exercise.task, flags=re.DOTALL).split("$")[1::2]
    for formula in [*inline, *re.findall(r"\$\$(.+?)\$\$", exercise.task, re.DOTALL)]:
        assert "<math" in mathml().mathml(formula, "inline")
    assert not [formula for formula in inline if "\n" in formula]


def test_in_a_notebook(exercise, tmp_path):
    write_sheet([exercise], tmp_path / "sheet.ipynb")
    notebook = json.loads((tmp_path / "sheet.ipynb").read_text("utf-8"))
    sources = ["".join(cell["source"]) for cell in notebook["cells"]]
    assert exercise.task in sources[2]
    namespace = {}
    exec(sources[1], namespace)
    exec(sources[3], namespace)
    assert check(namespace[exercise.name])[0].status == "wrong"  # its source is not at hand, it returns None
    assert ts.exercises.check is check
