"""Every program of the repository says what it does when asked for help, and takes no option for a file."""

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = [
    path
    for folder in ("tools", "benchmarks", "examples")
    for path in sorted((ROOT / folder).glob("*.py"))
    if re.search(r"^if __name__ == \"__main__\":", path.read_text("utf-8"), re.MULTILINE)
]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_help_is_the_docstring_and_nothing_else_happens(program, tmp_path, monkeypatch, capsys):
    if program.stem == "count_any":
        pytest.importorskip("mypy", reason="mypy is not installed")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINYSEQ_EXAMPLE_QUICK", "1")
    monkeypatch.setattr(sys, "argv", [str(program), "--help"])
    monkeypatch.syspath_prepend(str(program.parent))
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(program), run_name="__main__")
    assert not ended.value.code
    said = " ".join(capsys.readouterr().out.split())
    assert "usage:" in said
    assert " ".join(program.read_text("utf-8").split('"""')[1].split()[:4]) in said
    assert not list(tmp_path.iterdir())


def test_the_check_of_a_bare_install_runs_without_the_modules_beside_it():
    tool = ROOT / "tools" / "check_bare_install.py"
    assert subprocess.run([sys.executable, "-I", tool, "--help"], capture_output=True).returncode == 0


def test_there_are_programs():
    assert len(PROGRAMS) > 30


@pytest.mark.skipif(sys.platform == "win32", reason="pipes break in another way")
@pytest.mark.parametrize("name", ["count_lines", "check_imports", "check_offline"])
def test_a_reader_that_stops_early_gets_no_traceback(name, tmp_path):
    (tmp_path / "page.html").write_text("<img src='https://example.org/x.png'>")
    words = [str(tmp_path)] if name == "check_offline" else []
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "tools" / f"{name}.py"), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    assert process.communicate()[1] == b""
    assert process.returncode == 1
