"""What a report says, what is found in files and notebooks, and the command."""

import csv
import json
import os
import pickle
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from typer.testing import CliRunner

import tinyseq as ts
from tinyseq.commands.main import app
from tinyseq.exercises import (
    EXERCISES,
    Report,
    Verdict,
    check,
    check_file,
    check_folder,
    checking,
    write_csv,
    write_sheet,
)
from tinyseq.exercises.checking import harmless
from tinyseq.exercises.child import Other
from tinyseq.exercises.compare import difference, shown
from tinyseq.exercises.marking import mark
from tinyseq.exercises.record import Outcome, read_edits
from tinyseq.exercises.sandbox import Limits
from tinyseq.exercises.submissions import plain_python, read

RIGHT = "import numpy as np\ndef vjp_of_tanh(y, g):\n    return g * (1 - y * y)\n"


def named(name, function):
    function.__name__ = name
    return function


def verdict_of(function, name="vjp_of_tanh"):
    (verdict,) = check(named(name, function))
    return verdict.status, verdict.message


def test_a_right_function():
    assert verdict_of(lambda y, g: g - g * y * y) == ("right", "")


def test_a_usual_mistake_is_told():
    assert verdict_of(lambda y, g: g - g * y) == ("wrong", "the output is not squared")


def test_a_mistake_that_nobody_foresaw_is_told_by_the_smallest_input():
    status, message = verdict_of(lambda y, g: g * (1 - y**4))
    assert status == "wrong"
    assert message == "vjp_of_tanh(y=[0.5], g=[1]): at [0]: expected 0.75, got 0.9375"


def test_a_wrong_shape_is_told():
    assert "expected an array of shape (0,), got an array of shape (1,)" in verdict_of(lambda y, g: np.zeros(1))[1]


def test_a_broken_property_is_told():
    status, message = verdict_of(lambda grads, threshold: [3 * g for g in grads], "clip_by_norm")
    assert (status, "the norm of the result is above the threshold" in message) == ("wrong", True)


def test_an_error_is_told_with_its_line():
    def vjp_of_tanh(y, g):
        return g * undefined  # noqa: F821

    line = vjp_of_tanh.__code__.co_firstlineno + 1
    (verdict,) = check(vjp_of_tanh)
    assert verdict.status == "error"
    assert verdict.message.startswith(f"line {line}: NameError: name 'undefined' is not defined, in vjp_of_tanh(y=[")


def test_an_error_is_told_before_a_wrong_result():
    def sometimes(y, g):
        return 3 * g if y.size < 4 else undefined  # noqa: F821

    status, message = verdict_of(sometimes)
    assert (status, "NameError" in message) == ("error", True)


def test_a_change_of_an_argument_is_told():
    def vjp_of_tanh(y, g):
        g *= 1 - y**2
        return g

    assert verdict_of(vjp_of_tanh) == ("wrong", "the results are right, but g is modified in place; work on a copy")


def test_none_and_starting_code():
    def vjp_of_tanh(y, g):
        """What it does."""
        ...

    assert verdict_of(vjp_of_tanh) == ("missing", "")
    assert verdict_of(lambda y, g: None) == ("wrong", "it returns None: is a return statement missing?")


def test_tensors_lists_and_other_types_are_results_too():
    assert verdict_of(lambda y, g: ts.tensor(g * (1 - y**2)))[0] == "right"
    assert verdict_of(lambda y, g: (g * (1 - y**2)).tolist())[0] == "right"
    assert verdict_of(lambda y, g: (g * (1 - y**2)).astype("f4"))[0] == "right"
    assert verdict_of(lambda grads, t: tuple(grads), "clip_by_norm")[0] == "wrong"


def test_exercises_are_given_by_name_too(tmp_path):
    file = tmp_path / "a.py"
    write_sheet(["vjp_of_tanh", EXERCISES["softmax"]], file)
    names = ["vjp_of_tanh", "softmax", "forward"]
    assert [verdict.name for verdict in check_file(file, names)] == names
    assert [verdict.name for verdict in check_folder(tmp_path, names)[0]] == names
    for call in (lambda given: write_sheet(given, file), lambda given: check_file(file, given)):
        with pytest.raises(TypeError, match="a list of exercises or of their names, got 'softmax'"):
            call("softmax")
        with pytest.raises(TypeError, match="a list of exercises or of their names, got"):
            call([check])
        with pytest.raises(ValueError, match="no exercise named 'softmx'; did you mean softmax"):
            call(["softmx"])


def test_names_of_no_exercise():
    with pytest.raises(ValueError, match=r"no exercise named 'vjp_of_tan'; did you mean vjp_of_tanh"):
        check(named("vjp_of_tan", lambda y, g: g))
    with pytest.raises(ValueError, match="tinyseq check --list"):
        check(named("zzz", lambda y, g: g))
    with pytest.raises(TypeError, match="the functions themselves, got str"):
        check("vjp_of_tanh")


def test_ctrl_c_stops_a_check(interruptible):
    def vjp_of_tanh(y, g):
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        check(vjp_of_tanh)


def test_a_report_in_a_notebook_escapes_what_it_shows():
    report = Report([Verdict("softmax", "error", "<script>alert(1)</script> & more")], "a.py", ["<b>"])
    html = report._repr_html_()
    assert "<script" not in html
    assert "<b>" not in html
    assert "&amp; more" in html
    assert pickle.loads(pickle.dumps(report)) == report
    assert repr(report) == ("a.py\nsoftmax  ! error: <script>alert(1)</script> & more\nnote: <b>\n0 of 1 points")


@pytest.mark.parametrize(
    ("expected", "got", "said"),
    [
        (1.0, 1.0 + 1e-9, None),
        (1, 1.0, None),
        (np.array(1.0), 1.0, None),
        (1.0, np.ones(1), "expected the number 1, got an array of shape (1,)"),
        (np.ones(2), [1, 1], None),
        (np.ones(2), ["a", "b"], "expected an array of shape (2,), got a list: ['a', 'b']"),
        (np.ones((0, 2)), [], None),
        (np.ones((0, 2)), np.ones(0), "expected an array of shape (0, 2), got an array of shape (0,)"),
        (np.ones((1, 0)), [], "expected an array of shape (1, 0), got an array of shape (0,)"),
        (1.0, 1.00001, "expected 1, got 1.00001"),
        (1.0, 1.0000001, None),
        (1.0, 2**70, "expected 1, got 1180591620717411303424"),
        (2**70, 2**70, None),
        (np.ones(2), np.array(["a", "b"]), "expected an array of shape (2,), got an array of text of shape (2,)"),
        (np.array([5.0, 1.0]), np.array([5.0, 1.000002]), "at [1]: expected 1.0, got 1.000002"),
        (np.ones((2, 1)), [[1], [1, 2]], "expected an array of shape (2, 1), got a list: [[1], [1, 2]]"),
        (float("nan"), float("nan"), None),
        (-np.inf, -np.inf, None),
        (-np.inf, 0.0, "expected -inf, got 0"),
        (np.ones(2), None, "expected an array of shape (2,), got None"),
        ([1, 2], (1, 2), None),
        ([1, 2], np.array([1, 2]), None),
        ([1, 2], [1, 3], "at [1]: expected 2, got 3"),
        ([1, 2], [1], "expected 2 elements, got 1: [1]"),
        ([1], [1, 2], "expected 1 element, got 2: [1, 2]"),
        ({"a": 1}, 1, "expected a dict of 1 key, got the number 1"),
        ([1, 2], 1, "expected a list of 2, got the number 1"),
        ([[1], [2, 3]], [[1], [2, 4]], "at [1][1]: expected 3, got 4"),
        ("ab", "ab", None),
        ("ab", "ac", "expected 'ab', got 'ac'"),
        ("ab", None, "expected a str: 'ab', got None"),
        ({"a": 1}, {"a": 1.0}, None),
        ({"a": 1}, {"a": 2}, "at ['a']: expected 1, got 2"),
        ({"a": 1}, {}, "expected a key 'a', got an empty dict"),
        ({"a": 1}, {"a": 1, "b": 2}, "expected no other keys, got the key 'b'"),
        (1j, 1j, None),
        (np.array([1.0, 2.0]), np.array([1.0, np.nan]), "at [1]: expected 2, got nan"),
    ],
)
def test_what_differs(expected, got, said):
    assert difference(expected, got, 1e-6, 1e-9) == said


NUMBERS = st.one_of(st.booleans(), st.integers(), st.floats(), st.complex_numbers())
PLAIN = st.one_of(NUMBERS, st.text(max_size=3), st.none(), st.builds(Other, st.sampled_from(["set", "generator"])))
ARRAYS = arrays(st.sampled_from(["f8", "i8", "?", "c16", "U2"]), array_shapes(min_dims=0, min_side=0, max_side=2))
RESULTS = st.recursive(
    st.one_of(PLAIN, ARRAYS),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=1), inner, max_size=2)),
    max_leaves=3,
)


@given(RESULTS, RESULTS)
def test_what_was_expected_is_never_said_to_be_what_was_got(expected, got):
    said = difference(expected, got, 1e-6, 1e-9)
    assert difference(expected, expected, 1e-6, 1e-9) is None
    if said is not None:
        wanted, came = said.partition("expected ")[2].split(", got ", 1)
        assert wanted != came


@given(RESULTS, st.sampled_from(list(EXERCISES.values())))
def test_whatever_comes_back_is_marked(result, exercise):
    status = mark(exercise, [Outcome(result) for _ in exercise.cases]).status
    assert status in ("wrong", "right")


def test_long_values_are_cut():
    assert len(shown(np.arange(1000.0))) == 70
    assert shown(0.1 + 0.2) == "0.3"
    assert shown({("a", "b"): (1,)}) == "{('a', 'b'): (1,)}"
    assert shown(10**10000) == "a very large integer"


def notebook(*sources):
    cells = [{"cell_type": "code", "source": source.splitlines(keepends=True)} for source in sources]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": "def f(): pass"}, *cells], "nbformat": 4})


def test_a_notebook_with_magics(tmp_path):
    file = tmp_path / "solved.ipynb"
    file.write_text(
        notebook(
            "%matplotlib inline\nimport numpy as np\n!pip install x\nif True:\n    %time 3",
            "%%bash\nrm -rf /",
            "def vjp_of_tanh(y, g):\n    return g * (1 - y\n        % 2)",
            "vjp_of_tanh?",
            "def vjp_of_broadcast_add(g):\n    return undefined",
        )
    )
    report = check_file(file)
    assert [verdict.status for verdict in report] == ["wrong", "error"]
    assert "expected 0.75, got 0.5" in report[0].message
    assert report[1].message.startswith("cell 5, line 2: NameError")
    assert report.notes == ("cell 4, line 1: SyntaxError: invalid syntax",)


def test_magics_only_where_python_is_not():
    assert plain_python("x = (5\n% 3)") == "x = (5\n% 3)"
    assert plain_python("%time x\n  !ls") == "pass\n  pass"


def test_in_a_notebook_that_checks_its_functions_only_their_chapters_count(tmp_path):
    file = tmp_path / "03.ipynb"
    own = "def softmax(x):\n    return x.value\nposterior = 3"  # exercises of other chapters
    cells = [own, RIGHT, "exercises.check(vjp_of_tanh)", "def vjp_of_broadcast_add(g):\n    return g, g.sum(0)"]
    file.write_text(notebook(*cells))
    assert [(v.name, v.status) for v in check_file(file)] == [
        ("vjp_of_tanh", "right"),
        ("vjp_of_broadcast_add", "right"),
    ]
    file.write_text(notebook(own, RIGHT))
    assert {verdict.name for verdict in check_file(file)} == {"vjp_of_tanh", "softmax", "posterior"}


def test_the_last_definition_counts_and_names_may_be_assigned(tmp_path):
    file = tmp_path / "a.py"
    file.write_text(
        RIGHT + "def vjp_of_tanh(y, g):\n    return g * (1 - y)\nvjp_of_broadcast_add = lambda g: (g, g.sum(0))"
    )
    assert [verdict.status for verdict in check_file(file)] == ["wrong", "right"]
    file.write_text("if True:\n    from os import getcwd as vjp_of_tanh\nvjp_of_broadcast_add = 3")
    assert [verdict.status for verdict in check_file(file)] == ["error", "missing"]


def test_a_name_that_is_nearly_an_exercise_is_remarked_on(tmp_path):
    file = tmp_path / "a.py"
    file.write_text(RIGHT + "def Viterbi(): ...\ndef vjp_of_tahn(y, g): ...\ndef helper(): ...\ndef back(): ...\n")
    assert check_file(file).notes == ("there is no exercise named 'Viterbi'; did you mean viterbi?",)
    chapter = tmp_path / "a.ipynb"  # whose own functions may have whatever names, as its cells say what is checked
    chapter.write_text(
        notebook(RIGHT, "def Viterbi(): ...", "from tinyseq import exercises\nexercises.check(vjp_of_tanh)")
    )
    assert check_file(chapter).notes == ()


def run(*arguments):
    return CliRunner().invoke(app, ["check", *map(str, arguments)])


def test_the_command_marks_a_file(tmp_path):
    file = tmp_path / "a.py"
    file.write_text(RIGHT)
    result = run(file)
    assert (result.exit_code, result.output) == (0, "a.py\nvjp_of_tanh  ✓ right\n1 of 1 points\n")
    result = run(file, "--chapter", 3)
    assert result.exit_code == 1
    assert "vjp_of_matmul                 - missing" in result.output
    file.write_text("x = 1")
    result = run(file)
    assert (result.exit_code, "defines no exercise; `tinyseq check --list`" in result.output) == (1, True)


def test_the_command_lists_all():
    result = run("--list")
    assert result.exit_code == 0
    assert [line.split()[1] for line in result.output.splitlines()] == list(EXERCISES)
    chapters = [int(line.split()[0]) for line in result.output.splitlines()]
    assert chapters == sorted(chapters)


@pytest.mark.parametrize("declared", ["latin-1", "utf-8", "", "no-such-encoding", "rot13"])
def test_a_file_is_read_in_the_encoding_that_it_declares_as_python_reads_it(tmp_path, declared):
    source = f"# coding: {declared}\r\ncafé = 1\r\n" if declared else "café = 1"
    file = tmp_path / "a.py"
    file.write_bytes(source.encode("latin-1" if declared == "latin-1" else "utf-8"))
    assert (read(file).functions, read(file).fault) == ({"café": True}, "")
    file.write_bytes(b"\xe9 = 1")
    assert read(file).fault == "the file is not UTF-8 text: byte 0 is not valid"


@pytest.mark.parametrize("suffix", ["py", "ipynb"])
def test_a_sheet_is_written_and_can_be_marked(suffix, tmp_path):
    file = tmp_path / f"sheet.{suffix}"
    assert run("--sheet", "all", "--out", file).exit_code == 0
    report = check_file(file)
    assert [verdict.name for verdict in report] == list(EXERCISES)
    assert {verdict.status for verdict in report} == {"missing"}
    assert report.notes == ()
    solved = file.read_text("utf-8")
    body = "return g * (1 - y * y)"
    stub = EXERCISES["vjp_of_tanh"].stub.strip()
    if suffix == "ipynb":
        stub, body = json.dumps(stub, ensure_ascii=False)[1:-1].replace("\\n", '\\n",\n    "'), body
        assert "nbformat" in solved
    else:
        assert stub in solved
        file.write_text(solved.replace(stub, stub[:-3] + body), "utf-8")
        assert {verdict.name: verdict.status for verdict in check_file(file)}["vjp_of_tanh"] == "right"


def test_what_several_exercises_need_stands_in_a_sheet_once(tmp_path):
    for name in ("sheet.py", "sheet.ipynb"):
        assert run("--sheet", 7, "--out", tmp_path / name).exit_code == 0
        text = (tmp_path / name).read_text("utf-8")
        assert [text.count(piece) for piece in ("import numpy as np", "def sigmoid(", "def gru_step(")] == [1, 1, 1]


@pytest.mark.parametrize("suffix", ["py", "ipynb"])
def test_the_answer_key_gets_all_points(suffix, tmp_path):
    """All solutions in one file, in one process: names do not get in each other's way."""
    file = tmp_path / f"key.{suffix}"
    assert run("--sheet", "all", "--solutions", "--out", file).exit_code == 0
    report = check_file(file)
    assert [verdict for verdict in report if verdict.status != "right"] == []
    assert report.points == len(EXERCISES)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give a file or a folder to mark, or --list, or --sheet"),
        (["a.py", "--list"], "give a file or a folder to mark, or --list, or --sheet"),
        (["--list", "--out", "x.py"], "--out does not apply here"),
        (["--list", "--csv", "x.csv"], "--csv does not apply here"),
        (["a.py", "--solutions"], "--solutions does not apply here"),
        (["--sheet", "3"], "--sheet needs --out"),
        (["--sheet", "99", "--out", "x.py"], "there is no chapter '99'; choose one of"),
        (["--sheet", "3", "--out", "x.txt"], "--out must be a .py or .ipynb file, got 'x.txt'"),
        (["nowhere.py"], "there is no file nowhere.py"),
        (["nowhere.py", "--csv", "x.csv"], "--csv is for a folder of submissions"),
        (["."], "there is no .py or .ipynb file in"),
    ],
)
def test_the_commands_errors(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 1
    assert said in result.output
    assert list(tmp_path.iterdir()) == []


def test_a_folder_becomes_a_table(tmp_path):
    folder = tmp_path / "submissions"
    (folder / "group b").mkdir(parents=True)
    (folder / ".ipynb_checkpoints").mkdir()
    (folder / ".ipynb_checkpoints" / "old.ipynb").write_text(notebook(RIGHT))
    (folder / "=1+1.py").write_text(RIGHT.replace("y * y", "y"))
    (folder / "ann.py").write_text(RIGHT + "def vjp_of_broadcast_add(g):\n    return g, g.sum(0)\n")
    (folder / "group b" / "bob.ipynb").write_text(notebook(RIGHT))
    (folder / "notes.txt").write_text("not a submission")
    result = run(folder, "--csv", tmp_path / "marks.csv")
    assert result.exit_code == 0, result.output
    text = (tmp_path / "marks.csv").read_bytes()
    assert text.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(text.decode("utf-8-sig").splitlines()))
    assert rows == [
        ["file", "vjp_of_tanh", "vjp_of_broadcast_add", "points", "comments"],
        ["'=1+1.py", "0", "0", "0", "vjp_of_tanh: wrong, the output is not squared; vjp_of_broadcast_add: missing"],
        ["ann.py", "1", "1", "2", ""],
        ["group b/bob.ipynb", "1", "0", "1", "vjp_of_broadcast_add: missing"],
    ]
    again = check_folder(folder)
    write_csv(again, tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == text


def test_a_fault_of_the_marker_itself_does_not_stop_the_rest(tmp_path, monkeypatch):
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(RIGHT)
    true = checking.check_file
    faulty = lambda path, *rest: 1 / 0 if path.name == "a.py" else true(path, *rest)
    monkeypatch.setattr(checking, "check_file", faulty)
    first, second = check_folder(tmp_path)
    assert (first[0].status, first.notes, second.points) == ("error", ("ZeroDivisionError('division by zero')",), 1)


def test_cells_that_spreadsheets_would_run():
    assert [harmless(cell) for cell in ("=1", "+1", "-1", "@a", "\t=1", "a=1", "")] == [
        "'=1",
        "'+1",
        "'-1",
        "'@a",
        "'\t=1",
        "a=1",
        "",
    ]


def test_the_package_is_imported_without_the_exercises():
    code = "import sys, tinyseq as ts; print('tinyseq.exercises' in sys.modules, len(ts.exercises.EXERCISES))"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert found.stdout.split() == ["False", str(len(EXERCISES))]


def test_an_exercise_is_pickled_by_its_name():
    exercise = EXERCISES["vjp_of_tanh"]
    assert pickle.loads(pickle.dumps(exercise)) is exercise
    assert repr(exercise) == "Exercise('vjp_of_tanh', chapter 3: The rule of tanh)"
    with pytest.raises(ValueError, match=r"must be a .py or .ipynb file"):
        write_sheet([exercise], "sheet.txt")


@pytest.mark.parametrize(
    ("spoilt", "fault"),
    [
        ("def softmax(x)\n    return x\n", "line 5: SyntaxError"),
        ("import os\nos._exit(5)\n", "exit status 5"),
        ("class Endless:\n    while True:\n        pass\n", "before any function was called"),
    ],
)
def test_a_fault_of_the_whole_file_is_told_once(tmp_path, spoilt, fault):
    file = tmp_path / "solved.py"
    file.write_text("".join(f"def {name}(*_): return 0\n" for name in list(EXERCISES)[:4]) + spoilt)
    report = check_file(file, limits=Limits(seconds=1.0))
    assert len(report) >= 4
    assert all(fault in verdict.message for verdict in report)
    for text in (repr(report), report._repr_html_(), report.comments):
        assert text.count(fault) == 1
        assert all(verdict.name in text for verdict in report)


def test_faults_of_single_functions_stay_beside_them():
    report = Report([Verdict("softmax", "error", "x"), Verdict("forward", "error", "y"), Verdict("viterbi", "right")])
    assert repr(report).splitlines()[:2] == ["softmax  ! error: x", "forward  ! error: y"]
    assert report.comments == "softmax: error, x; forward: error, y"


EDITS = """
the sum runs over the rows
    x.sum(1) => x.sum(0)
    keep => drop
nothing is returned
    return x =>
the loop is left out
    for x in xs: =>
        if xs:
            x = xs[0]
"""


def test_how_mistakes_are_written():
    assert read_edits(EDITS) == [
        ["the sum runs over the rows", "x.sum(1)", "x.sum(0)", "keep", "drop"],
        ["nothing is returned", "return x", ""],
        ["the loop is left out", "for x in xs:", "if xs:\n    x = xs[0]"],
    ]


def test_an_edit_without_an_arrow_is_an_error():
    with pytest.raises(ValueError, match="below the message of a mistake, expected `old => new`, got 'y to x'"):
        read_edits("the letter is wrong\n    y to x")


def test_a_piece_that_does_not_occur_once_is_an_error():
    exercise = replace(EXERCISES["vjp_of_tanh"], edits="wrong\n    y**3 => y")
    with pytest.raises(ValueError, match=r"vjp_of_tanh: 'y\*\*3' occurs 0 times in the solution, expected once"):
        _ = exercise.mistakes
