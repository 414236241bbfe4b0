"""What type checkers and editors know of the library."""

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import make_stubs
import pytest

import tinyseq as ts
from tinyseq.autograd.declare import FUNCTIONS, OPS, op
from tinyseq.backend import EXTENSIONS

HERE = Path(__file__).parent
MARK = re.compile(r"# refused: ([\w-]+)$")


@pytest.fixture(scope="module")
def complaints():
    """(file name, line, code) of every error that mypy finds in the two files."""
    pytest.importorskip("mypy", reason="mypy is not installed")
    files = [str(HERE / "accepted.py"), str(HERE / "refused.py")]
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", *files]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=make_stubs.ROOT)
    errors = re.findall(r"^(.+?):(\d+): error: .*\[([\w-]+)\]$", result.stdout, re.MULTILINE)
    assert len(errors) == result.stdout.count(": error: "), result.stdout + result.stderr
    return [(Path(path).name, int(line), code) for path, line, code in errors], result.stdout


@pytest.mark.slow
def test_a_type_checker_accepts_what_is_right(complaints):
    errors, output = complaints
    assert [error for error in errors if error[0] != "refused.py"] == [], output


@pytest.mark.slow
def test_a_type_checker_refuses_each_mistake_and_nothing_else(complaints):
    errors, output = complaints
    lines = (HERE / "refused.py").read_text("utf-8").splitlines()
    marked = {(i, found[1]) for i, line in enumerate(lines, 1) if (found := MARK.search(line))}
    assert len(marked) > 40
    refused = {(line, code) for file, line, code in errors if file == "refused.py"}
    assert refused - marked == set(), output
    assert marked - refused == set(), output


def test_what_a_type_checker_accepts_runs():
    namespace: dict[str, object] = {}
    exec(compile((HERE / "accepted.py").read_text("utf-8"), "accepted.py", "exec"), namespace)
    assert len(namespace["USES"]) == 7
    for use in namespace["USES"]:
        use()


@pytest.mark.parametrize("file", sorted(Path(ts.__file__).parent.rglob("*.py")), ids=lambda file: file.name)
def test_what_a_type_checker_shall_ignore_has_a_reason_on_its_line(file):
    ignored = re.findall(r"# type: ignore.*", file.read_text("utf-8"))
    assert [comment for comment in ignored if not re.match(r"# type: ignore\[[\w-]+\]  # \w", comment)] == []


def test_the_stubs_are_what_the_records_say():
    assert make_stubs.main(["--check"]) == 0, "run python tools/make_stubs.py"


def test_editors_find_the_docstring_of_every_function_and_method():
    functions = ast.parse((make_stubs.ROOT / make_stubs.FACADE).read_text("utf-8")).body
    methods = ast.parse((make_stubs.ROOT / make_stubs.METHODS).read_text("utf-8")).body[-1].body
    for owner, nodes, least in ((ts, functions, 150), (ts.Tensor, methods, 60)):
        stubs = {node.name: ast.get_docstring(node) for node in nodes if isinstance(node, ast.FunctionDef)}
        public = {name: doc for name, doc in stubs.items() if not name.startswith("__")}
        assert len(public) >= least
        assert {name: inspect.getdoc(getattr(owner, name)) for name in public} == public


def test_an_op_that_is_new_makes_the_stubs_stale(monkeypatch, capsys):
    new = op("doubled_here", forward=lambda xp, x, *, times=2: x * times, vjp=lambda xp, g, *, times: g * times)
    monkeypatch.setattr(new, "__module__", "tinyseq.autograd.ops.elementwise.arithmetic")
    try:
        monkeypatch.setattr(ts, "doubled_here", new, raising=False)
        monkeypatch.setattr(ts, "__all__", sorted([*ts.__all__, "doubled_here"]))
        monkeypatch.setattr(ts.Tensor, "doubled_here", new, raising=False)
        assert make_stubs.main(["--check"]) == 1
        assert capsys.readouterr().out.count("is out of date; run python tools/make_stubs.py") == 2
        assert "def doubled_here(x: TensorLike, /, times: int=2) -> Tensor:" in make_stubs.facade()
        assert "def doubled_here(self, /, times: int=2) -> Tensor:" in make_stubs.methods()
    finally:
        del FUNCTIONS["doubled_here"], OPS["doubled_here"], EXTENSIONS["doubled_here"]


def test_a_setting_whose_type_nothing_says_is_an_error():
    new = op("shifted_here", forward=lambda xp, x, *, by: x + by, vjp=lambda xp, g, *, by: g)
    try:
        with pytest.raises(TypeError, match="shifted_here: say the type of by, as in"):
            make_stubs.Stub().function("shifted_here", new)
    finally:
        del FUNCTIONS["shifted_here"], OPS["shifted_here"], EXTENSIONS["shifted_here"]
