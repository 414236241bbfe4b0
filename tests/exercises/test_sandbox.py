"""Submissions that misbehave: none gets a point that it did not earn, harms what is outside, or stops the marking."""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest

import tinyseq as ts
from tinyseq.exercises import EXERCISES, Limits, check_file, check_folder
from tinyseq.exercises.sandbox import environment

RIGHT = "def vjp_of_tanh(y, g):\n    return g * (1 - y * y)\n"
AFTER = "\ndef vjp_of_broadcast_add(g):\n    return g, g.sum(0)\n"
IN_CALL = "def vjp_of_tanh(y, g):\n    {}\n"
SHORT = Limits(seconds=1.5)


@pytest.fixture
def marked(tmp_path):
    """The verdicts on a source, by name, and the whole report."""

    def marked(source, limits=SHORT):
        file = tmp_path / "submission.py"
        file.write_text(source, "utf-8")
        report = check_file(file, limits=limits)
        return {verdict.name: verdict for verdict in report}, report

    return marked


@pytest.mark.parametrize("name", ["seconds", "memory"])
@pytest.mark.parametrize("value", [-1, 0, 0.0, float("nan"), float("inf"), 1e300, 2**70, True, "1", None, [1]])
def test_limits_are_positive_numbers_that_a_machine_can_keep(name, value):
    with pytest.raises((TypeError, ValueError), match=f"^{name} must be"):
        Limits(**{name: value})


FAILING = {
    "sys.exit": ("import sys; sys.exit(0)", "error", "line 2: the submission calls exit() or sys.exit()"),
    "os._exit": ("import os; os._exit(0)", "error", "the process ended with exit status 0"),
    "infinite loop": ("while True: pass", "too slow", "it did not finish within 1.5 seconds"),
    "sleep": ("import time; time.sleep(60)", "too slow", "it did not finish within"),
    "catches everything": (
        "while True:\n        try:\n            while True: pass\n        except BaseException: pass", "too slow", "",
    ),
    "recursion": ("return vjp_of_tanh(y, g)", "error", "RecursionError"),
    "huge array": ("import numpy; return numpy.ones(4 * 10**8)", "error", "MemoryError"),
    "huge list": ("return [0] * 10**6", "error", "more than 200000"),
    "deep list": ("x = []\n    for _ in range(50): x = [x]\n    return x", "error", "nested"),
    "endless list": ("x = []; x.append(x); return x", "error", "nested"),
    "fork": ("import os; os.fork()", "error", "os.fork is not allowed"),
    "shell": ("import os; os.system('true')", "error", "os.system is not allowed"),
    "process": ("import subprocess; subprocess.run(['true'])", "error", "subprocess.Popen is not allowed"),
    "network": ("import socket; socket.create_connection(('127.0.0.1', 9))", "error", "not allowed"),
    "signal": ("import os; os.kill(os.getppid(), 15)", "error", "os.kill is not allowed"),
    "C functions": ("import ctypes; ctypes.CDLL(None)", "error", "ctypes.dlopen is not allowed"),
    "crash": ("import os, signal; signal.raise_signal(signal.SIGSEGV)", "error", "SIGSEGV"),
    "its own error": (
        "class E(Exception):\n        def __str__(self): raise E\n    raise E", "error", "line 4: E, in vjp_of_tanh",
    ),
    "generator": ("yield g", "wrong", "an object of type generator"),
    "function": ("return lambda: 1", "wrong", "an object of type function"),
    "class of its own": ("return type('A', (float,), {})(2.0)", "wrong", "expected an array"),
    "big integer": ("return 10**100000", "error", "an integer of more than 4096 bits"),
    "object array": ("import numpy; return numpy.array([None])", "wrong", "got a list: [None]"),
    "no argument": ("raise SystemExit", "error", "the submission calls exit() or sys.exit()"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILING)
def test_a_function_that_fails_is_said_to_and_the_next_is_marked(name, marked):
    code, status, message = FAILING[name]
    verdicts, report = marked(IN_CALL.format(code) + AFTER)
    assert verdicts["vjp_of_tanh"].status == status
    assert message in verdicts["vjp_of_tanh"].message
    assert verdicts["vjp_of_broadcast_add"].status == "right"
    assert report.points == 1


FORGERIES = {
    "prints": 'print(\'{"result": "vjp_of_tanh", "outcomes": [{"value": 1, "changed": []}]}\')\nraise SystemExit',
    "writes to every descriptor": """
import os
for descriptor in range(64):
    try: os.write(descriptor, b'{"result": "vjp_of_tanh", "outcomes": []}\\n')
    except OSError: pass
os._exit(0)
""",
    "writes nonsense to every descriptor": """
import os
for descriptor in range(64):
    try: os.write(descriptor, b'[[[[[\\n')
    except OSError: pass
""",
    "nests without end": """
import os
for descriptor in range(3, 64):
    try: os.write(descriptor, b'[' * 100000 + b'\\n')
    except OSError: pass
""",
    "a shape without end": """
import os
for descriptor in range(3, 64):
    try: os.write(descriptor, b'{"result": "vjp_of_tanh", "outcomes": '
                  b'[{"value": {"array": [], "shape": [999999999, 99999], "kind": "f"}}]}\\n')
    except OSError: pass
""",
    **{
        f"says again and again {message}": f"""
import os
while True:
    for descriptor in range(3, 9):
        try: os.write(descriptor, b'{message}\\n')
        except OSError: pass
"""
        for message in ('{"start": "nothing"}', '{"start": "vjp_of_tanh"}', '{"ready": true}', '{"loaded": []}', "[]")
    },
    "patches NumPy": """
import numpy as np
np.allclose = np.isclose = np.array_equal = lambda *a, **k: np.True_
class Equal(float):
    def __eq__(self, other): return True
def vjp_of_tanh(y, g): return Equal(0)
""",
    "patches the encoding": """
import sys, json
main = sys.modules["__main__"]
main.encode = lambda value, depth=0: {"right": True}
json.dumps = lambda *a, **k: "true"
""",
    "equal to all": """
class Equal:
    def __eq__(self, other): return True
    __array__ = None
def vjp_of_tanh(y, g): return Equal()
""",
    "deletes what it runs in": """
import sys
main = sys.modules["__main__"]
for name in list(vars(main)): delattr(main, name)
""",
}


@pytest.mark.parametrize("name", FORGERIES)
def test_no_forged_result_gets_a_point(name, marked):
    source = FORGERIES[name]
    wrong = "" if "def vjp_of_tanh" in source else "def vjp_of_tanh(y, g): return 0 * g\n"
    started = time.monotonic()
    verdicts, _ = marked(wrong + source)
    assert verdicts["vjp_of_tanh"].points == 0
    assert time.monotonic() - started < 60


PEEKING = {
    "by name": "from tinyseq.exercises import EXERCISES",
    "by attribute": "import tinyseq as ts\nsolution = ts.exercises.EXERCISES['vjp_of_tanh'].function",
    "by file": "import tinyseq as ts\ntext = open(ts.__file__.replace('__init__', 'exercises/record')).read()",
    "anew": "import sys, tinyseq\ndel sys.modules['tinyseq.exercises']\nimport tinyseq.exercises",
    "by another name": """
import importlib.util, tinyseq, os
path = os.path.join(os.path.dirname(tinyseq.__file__), "exercises", "networks", "ch03_reverse_mode.py")
spec = importlib.util.spec_from_file_location("mine", path)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
""",
}


@pytest.mark.parametrize("way", PEEKING)
def test_the_solutions_cannot_be_read_and_the_attempt_is_reported(way, marked):
    verdicts, report = marked(RIGHT + PEEKING[way], Limits())
    assert "it tried to read the solutions; this was refused" in report.notes
    assert any("solutions" in note or "EXERCISES" in note for note in report.notes[1:])
    assert verdicts["vjp_of_tanh"].status == "right"  # its own work


def test_a_notebooks_own_check_is_no_attempt(marked):
    source = "import tinyseq as ts\nfrom tinyseq import exercises\nfrom tinyseq.exercises import check\n"
    verdicts, report = marked(
        source + RIGHT + "check(vjp_of_tanh)\nts.exercises.check(vjp_of_tanh)\nexercises.check(vjp_of_tanh)", Limits()
    )
    assert report.notes == ()
    assert verdicts["vjp_of_tanh"].status == "right"


def test_files_stay_in_the_temporary_folder(marked, tmp_path):
    kept = tmp_path / "kept.txt"
    kept.write_text("kept")
    attempts = [
        f"open({str(tmp_path / 'new.txt')!r}, 'w')",
        f"os.open({str(tmp_path / 'new.txt')!r}, os.O_CREAT | os.O_WRONLY)",
        f"open({str(kept)!r}, 'a')",
        f"os.remove({str(kept)!r})",
        f"os.rename({str(kept)!r}, 'here')",
        f"os.symlink({str(kept)!r}, {str(tmp_path / 'link')!r})",
        f"__import__('shutil').rmtree({str(tmp_path)!r})",
        f"os.link({str(kept)!r}, 'hard')",
        f"os.open('new.txt', os.O_CREAT | os.O_WRONLY, dir_fd=os.open({str(tmp_path)!r}, os.O_RDONLY))",
        f"os.chdir({str(tmp_path)!r}) or open('new.txt', 'w')",
        f"os.mkdir({str(tmp_path / 'new')!r})",
        f"__import__('pathlib').Path({str(kept)!r}).write_text('')",
    ]
    _, report = marked("import os\n" + "\n".join(attempts) + "\n" + RIGHT)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["kept.txt", "submission.py"]
    assert kept.read_text() == "kept"
    assert len(report.notes) == 5  # the first five are told
    assert report.points == 1
    own = "with open('own.txt', 'w') as f: f.write('x')\nassert open('own.txt').read() == 'x'\nimport os\n"
    own += "os.mkdir('a'); os.rename('own.txt', 'a/b'); os.truncate('a/b', 0); os.remove('a/b'); os.rmdir('a')\n"
    _, report = marked(own + RIGHT)
    assert report.notes == ()


@pytest.mark.skipif(shutil.which("ps") is None, reason="there is no ps to list processes")
def test_nothing_is_left_running(marked):
    """A loop that ignores signals is ended with its process."""
    marked(
        "import signal\nfor s in (1, 2, 15): signal.signal(s, signal.SIG_IGN)\n" + IN_CALL.format("while True: pass")
    )
    own = subprocess.run(["ps", "-o", "args=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=False)
    assert not [line for line in own.stdout.splitlines() if "child.py" in line]


def test_statements_that_do_not_finish_are_left_out(marked):
    slow = "import time\nbase = 1\ntwice = lambda x: sum([x, x])\ntime.sleep(60)\n"
    verdicts, report = marked(slow + RIGHT.replace("1 -", "twice(base) - 1 -") + AFTER)
    assert {verdict.status for verdict in verdicts.values()} == {"right"}
    assert report.notes == ("the statements outside functions did not finish within 1.5 seconds, and were left out",)


def test_definitions_may_not_hang_either(marked):
    verdicts, _ = marked("class Endless:\n    while True: pass\n" + RIGHT + AFTER)
    assert {verdict.status for verdict in verdicts.values()} == {"too slow"}
    assert verdicts["vjp_of_tanh"].message == "before any function was called: it did not finish within 1.5 seconds"


def test_the_librarys_own_training_runs(marked):
    code = "import tinyseq as ts\nmodel = ts.lm.RNNLM('ab', hidden_size=2).fit('ab' * 20, steps=2, window=4, batch=2)\n"
    verdicts, report = marked(code + RIGHT, limits=Limits())
    assert (verdicts["vjp_of_tanh"].status, report.notes) == ("right", ())


def test_no_text_of_a_submission_controls_a_terminal_or_fills_the_report(marked):
    source = "x = lambda: (_ for _ in ()).throw(ValueError('\\x1b[2J\\r' + 'a' * 10**6))\n" + "x()\n" * 9
    verdicts, report = marked(source + IN_CALL.format("x()"))
    assert [len(note) for note in report.notes] == [400] * 5
    assert len(verdicts["vjp_of_tanh"].message) < 500
    assert "ValueError: ?[2J a" in verdicts["vjp_of_tanh"].message
    assert all(sign.isprintable() or sign == "\n" for sign in repr(report))
    flood = "import os\nfor d in range(3, 64):\n    try: os.write(d, b'{}\\n')\n    except OSError: pass\n"
    flood = flood.format(json.dumps({"loaded": [["e" * 5000, "w"]] * 500}))
    _, report = marked(flood + IN_CALL.format("return g"))
    assert sum(map(len, report.notes)) <= 2000


def test_the_environment_holds_no_secrets(monkeypatch):
    monkeypatch.setenv("API_TOKEN", "secret")
    assert "secret" not in str(environment("/tmp"))


def test_the_child_runs_without_the_package(tmp_path):
    """So that no solution is in its process."""
    code = (
        f"import runpy, sys; runpy.run_path({ts.exercises.check.__code__.co_filename.replace('checking', 'child')!r})"
    )
    code += "; print(sorted(name for name in sys.modules if name.startswith('tinyseq')))"
    found = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_submission_imports_the_tinyseq_that_marks_it(tmp_path):
    """Not another one that is installed, whose solutions it could read."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(os.path.dirname(ts.__file__), tmp_path / "another" / "tinyseq", ignore=ignored)
    file = tmp_path / "submission.py"
    file.write_text(RIGHT + PEEKING["by file"], "utf-8")
    code = "import sys; from tinyseq.exercises import check_file; print(check_file(sys.argv[1]).notes)"
    result = subprocess.run(
        [sys.executable, "-c", code, str(file)],
        env=os.environ | {"PYTHONPATH": str(tmp_path / "another")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert "it tried to read the solutions; this was refused" in result.stdout


def test_one_bad_file_does_not_stop_a_folder(tmp_path):
    (tmp_path / "a.py").write_text(RIGHT)
    (tmp_path / "b.py").write_text("def vjp_of_tanh(y, g:\n")
    (tmp_path / "c.py").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "d.ipynb").write_text("{")
    (tmp_path / "e.py").write_text(IN_CALL.format("import os; os._exit(3)"))
    (tmp_path / "f.py").write_text("-" * 200_000 + "1")
    (tmp_path / "g.py").write_text("")
    (tmp_path / "h.py").write_text("\0")
    (tmp_path / "z.py").write_text(RIGHT)
    reports = check_folder(tmp_path, limits=Limits())
    assert [report.file for report in reports] == [
        "a.py",
        "b.py",
        "c.py",
        "d.ipynb",
        "e.py",
        "f.py",
        "g.py",
        "h.py",
        "z.py",
    ]
    assert [report.points for report in reports] == [1, 0, 0, 0, 0, 0, 0, 0, 1]
    assert all(report[0].name == "vjp_of_tanh" and len(report) == 1 for report in reports)
    assert "line 1: SyntaxError" in reports[1][0].message
    assert "not UTF-8" in reports[2][0].message
    assert "not a notebook" in reports[3][0].message
    assert reports[6][0].status == "missing"
    assert len(EXERCISES) >= 50
