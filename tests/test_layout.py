"""CONTRIBUTING gives every folder a sentence, and leads through the code in an evening: both are held to the code."""

import ast
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from count_lines import lines_of_code

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tinyseq"
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
FILES = sorted(PACKAGE.rglob("*.py"))
MOST_FILES = 12  # in a folder, `__init__.py` among them
MOST_LINES = 400


def row(init: Path) -> str:
    sentence = (ast.get_docstring(ast.parse(init.read_text("utf-8"))) or "").partition("\n")[0]
    return f"| `{init.parent.relative_to(ROOT).as_posix()}/` | {sentence} |"


def test_every_folder_has_its_row_with_its_own_sentence():
    folders = [file for file in FILES if file.name == "__init__.py" and file.parent != PACKAGE]
    assert re.findall(r"^\| `tinyseq/.*/` \| .* \|$", CONTRIBUTING, re.MULTILINE) == [row(init) for init in folders]


def test_every_file_lies_in_a_folder_of_the_table():
    assert [str(file) for file in FILES if not (file.parent / "__init__.py").exists()] == []


def test_a_file_is_short_enough_to_read_and_a_folder_holds_few_enough_files_to_see_at_once():
    files = Counter({file.relative_to(PACKAGE).as_posix(): len(file.read_text("utf-8").splitlines()) for file in FILES})
    folders = Counter(file.parent.relative_to(PACKAGE).as_posix() for file in FILES)
    larger = {name: count for name, count in files.items() if count > MOST_LINES}
    larger |= {name: count for name, count in folders.items() if count > MOST_FILES}
    assert larger == {}


def test_the_engine_the_cells_and_the_chain_are_read_in_an_evening():
    tour = CONTRIBUTING.partition("## One evening")[2].partition("\n## ")[0]
    files = re.findall(r"`(tinyseq/[\w/]+\.py)`", tour)
    assert len(files) == len(set(files)) >= 10
    core = [name for name in files if "/ops/" not in name and not name.endswith("layers.py")]
    assert {"tinyseq/autograd/backward.py", "tinyseq/nn/recurrent/steps.py", "tinyseq/hmm/inference/chain.py"} <= set(
        core
    )
    assert sum(lines_of_code(ROOT / name) for name in core) < 1500


def test_a_name_of_a_class_does_not_mean_many_things():
    """Executors share theirs, as `compiler.executors` looks it up in their modules."""
    names = Counter(
        node.name
        for file in FILES
        for node in ast.parse(file.read_text("utf-8")).body
        if isinstance(node, ast.ClassDef) and node.name != "Executor"
    )
    assert {name: count for name, count in names.items() if count > 3} == {}


def test_the_root_holds_what_every_project_has_there():
    """What a command wrote while somebody tried it is easily committed with the rest."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("this is no checkout of git, or git is not installed")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    folders = {".ci", "benchmarks", "docs", "examples", "tests", "tinyseq", "tools"}
    texts = {"CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "README.md", "pyproject.toml"}
    assert {name.partition("/")[0] for name in listed.stdout.splitlines()} == folders | texts | {
        ".gitignore",
        ".pre-commit-config.yaml",
    }
