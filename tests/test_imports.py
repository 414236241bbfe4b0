"""The import-direction check passes on the package and sees violations planted in a copy of its layout."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("autograd", "data", "hmm", "lm", "nn", "testing", "viz")
MODULES = ("__init__", "backend", "classify", "cli", "inspect", "io", "optim", "tagging", "train")


def check(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "tools" / "check_imports.py"), str(root)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def house(tmp_path):
    """An empty package with every room of the real one."""
    package = tmp_path / "tinyseq"
    for room in ROOMS:
        (package / room).mkdir(parents=True)
        (package / room / "__init__.py").touch()
    for module in MODULES:
        (package / f"{module}.py").touch()
    return tmp_path


def test_the_package_imports_one_way():
    result = check(ROOT)
    assert result.returncode == 0, result.stdout


def test_an_empty_house_passes(house):
    assert check(house).returncode == 0


@pytest.mark.parametrize(
    ("path", "statement", "rule"),
    [
        ("autograd/tensor.py", "from tinyseq.nn import rnn", "autograd imports nn, which stands above it"),
        ("autograd/ops/reduce.py", "from ...viz.graph import draw", "autograd imports viz, which stands above it"),
        ("autograd/backward.py", "import tinyseq.train", "autograd imports train, which stands above it"),
        ("autograd/backward.py", "import tinyseq as ts", "autograd imports __init__, which stands above it"),
        ("autograd/backward.py", "from tinyseq import Tensor", "autograd imports __init__, which stands above it"),
        ("autograd/backward.py", "from .. import optim", "autograd imports optim, which stands above it"),
        ("progress.py", "from . import autograd", "progress imports autograd, which stands above it"),
        ("hmm/inference/chain.py", "import tinyseq.nn", "hmm imports nn, which stands beside it, behind a wall"),
        ("nn/recurrent/layers.py", "from tinyseq import hmm", "nn imports hmm, which stands beside it, behind a wall"),
        ("data/batches.py", "from ..optim import SGD", "data imports optim, which stands beside it, behind a wall"),
        ("lm/ngram.py", "from tinyseq import cli", "lm imports cli, which stands above it"),
        ("hmm/inference/chain.py", "def f():\n    import tinyseq.viz", "hmm imports viz, which stands above it"),
    ],
)
def test_a_planted_violation_is_named_with_file_line_and_rule(house, path, statement, rule):
    file = house / "tinyseq" / path
    file.parent.mkdir(exist_ok=True)
    file.write_text(f'"""A module."""\n\n{statement}\n')
    line = 3 + statement.count("\n")
    result = check(house)
    assert result.returncode == 1
    assert result.stdout.splitlines() == [f"tinyseq/{path}:{line}: {rule}", "import directions: 1 violation(s)"]


@pytest.mark.parametrize(
    ("path", "statement"),
    [
        ("nn/chains/crf.py", "from tinyseq.hmm import chain"),
        ("nn/recurrent/layers.py", "from .cells import lstm_step"),
        ("lm/rnn.py", "from tinyseq.train import fit"),
        ("viz/hmm/trellis.py", "from ..hmm.chain import chain"),
        ("autograd/ops/stable.py", "from ..op import op\nfrom ... import backend\nimport numpy.linalg"),
        ("cli.py", "import tinyseq as ts\nfrom tinyseq import viz"),
        ("__init__.py", "from .autograd import Tensor\nfrom . import hmm, nn, viz"),
    ],
)
def test_an_allowed_import_passes(house, path, statement):
    file = house / "tinyseq" / path
    file.parent.mkdir(exist_ok=True)
    file.write_text(statement + "\n")
    result = check(house)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    "files",
    [
        {
            "hmm/chain.py": "from tinyseq.hmm import semirings",
            "hmm/semirings.py": "from tinyseq.hmm.chain import chain",
        },
        {"hmm/chain.py": "from .viterbi import best", "hmm/viterbi.py": "def f():\n    from .chain import chain"},
        {
            "nn/crf.py": "import typing\nif typing.TYPE_CHECKING:\n    from . import init",
            "nn/init.py": "from . import crf",
        },
        {"hmm/chain.py": "from tinyseq.hmm import HMM", "hmm/__init__.py": "from tinyseq.hmm.chain import chain"},
    ],
    ids=["modules", "in a function", "for types only", "through the package"],
)
def test_files_that_import_each_other_are_named(house, files):
    for path, text in files.items():
        (house / "tinyseq" / path).write_text(text + "\n")
    result = check(house)
    assert result.returncode == 1
    circle, summary = result.stdout.splitlines()
    assert circle.startswith("circle: ")
    assert summary == "import directions: 1 violation(s)"
    assert set(circle.removeprefix("circle: ").split(" -> ")) == {f"tinyseq/{path}" for path in files}


def test_a_module_that_the_table_does_not_know_is_a_violation(house):
    (house / "tinyseq" / "attic.py").touch()
    result = check(house)
    assert result.returncode == 1
    assert "tinyseq/attic.py:1: attic has no place in the house" in result.stdout


def test_a_folder_without_the_package_is_an_error(tmp_path):
    result = check(tmp_path)
    assert result.returncode == 2
    assert "holds no folder tinyseq/" in result.stderr
