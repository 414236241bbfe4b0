"""Run tests with the oldest versions of all libraries that `pyproject.toml` allows, in an environment of its own.

    python tools/check_lowest.py [TEST ...]

Each bound ``library>=version`` of the package and of its extras all, jit and test is installed as ``library==version``.
A bound that is too low makes tests fail. By default all tests run; some of them expect newer versions, such as those
that look at a progress bar, or that turn the warnings of an old Matplotlib into errors. CI runs those of plots and
commands.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from programs import as_program

REPOSITORY = Path(__file__).resolve().parent.parent
EXTRAS = ("all", "jit", "test")


def lowest() -> list[str]:
    """The requirements, with the oldest version of each library."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    own, extras = f"{project['name']}[", project["optional-dependencies"]
    found, todo = list(project["dependencies"]), list(EXTRAS)
    while todo:
        for requirement in extras[todo.pop()]:
            if requirement.startswith(own):
                todo += requirement.removeprefix(own).rstrip("]").split(",")
            else:
                found.append(requirement)
    return sorted(requirement.replace(">=", "==") for requirement in found)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("test", nargs="*", help="a file or a folder of tests")
    tests: list[str] = parser.parse_args(arguments).test
    print(" ".join(pins := lowest()), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        python = str(Path(folder, "bin", "python"))
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *pins], check=True)
        settings = os.environ | {"PYTHONPATH": str(REPOSITORY)}
        command = [python, "-m", "pytest", "--quiet", "--numprocesses=auto", *tests]
        return subprocess.run(command, cwd=REPOSITORY, env=settings, check=False).returncode


if __name__ == "__main__":
    as_program(main)
