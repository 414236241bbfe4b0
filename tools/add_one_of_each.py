"""Show that an op, a cell, a semiring, an optimiser and a reader are each added in one file, and tested for it.

    python tools/add_one_of_each.py                       # the tests that name what was added
    python tools/add_one_of_each.py --suite               # then the whole suite as well
    python tools/add_one_of_each.py --suite tests/nn      # then these tests as well

Each is added to a scratch copy of what git tracks, in one file. Printed are the file, the lines added, and how many
tests found the newcomer and passed; exits with 1 if a test fails, or if none found it.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from programs import as_program

ROOT = Path(__file__).resolve().parent.parent


class Addition(NamedTuple):
    """One newcomer: its kind, its name in the tests, the file that declares it, and the declaration."""

    kind: str
    name: str
    file: str
    text: str


ADDITIONS = [
    Addition(
        "op",
        "softsign",
        "tinyseq/autograd/ops/elementwise/activations.py",
        '''
softsign = op(
    "softsign",
    forward=lambda xp, x: x / (1 + xp.abs(x)),
    saves="x",
    vjp=lambda xp, g, x: g / xp.square(1 + xp.abs(x)),
    tex=r"\\bar x = \\bar y / (1 + |x|)^2",
    domain=NONZERO,
    analytic=False,
    reference=lambda x: x / (1 + np.abs(x)),
    method=True,
    doc="""The softsign, x / (1 + \\\\|x\\\\|).""",
    example=("ts.softsign(ts.tensor([-1.0, 3.0]))", "tensor([-0.5 ,  0.75])"),
)
''',
    ),
    Addition(
        "cell",
        "ugrnn",
        "tinyseq/nn/recurrent/steps.py",
        '''

@cell("ugrnn", gates="un")
def ugrnn_step(z: Tensor, h: Tensor, weight_hh: Tensor) -> Tensor:
    """The update-gate network (Collins, Sohl-Dickstein and Sussillo, 2017)."""
    z_u, z_n = split(z, 2)
    weight_u, weight_n = split(weight_hh, 2)
    u = sigmoid(z_u + weight_u @ h)
    return u * h + (1 - u) * tanh(z_n + weight_n @ h)
''',
    ),
    Addition(
        "semiring",
        "CHEAPEST",
        "tinyseq/hmm/inference/semirings.py",
        """
CHEAPEST = Semiring("min", sum=np.min, zero=inf)
""",
    ),
    Addition(
        "optimiser",
        "Heavy",
        "tinyseq/optim/rules.py",
        '''

class Heavy(Optimizer):
    """Polyak's heavy ball."""

    trials: ClassVar[Trials] = ({"lr": 0.05},)

    def remembered(self) -> set[str]:
        return {"velocity"}

    def update(self, value: Array, gradient: Array, state: dict[str, Any]) -> Array:
        state["velocity"] = 0.9 * state.get("velocity", 0) - self.lr * gradient
        return value + state["velocity"]
''',
    ),
    Addition(
        "reader",
        "scored",
        "tinyseq/data/formats.py",
        """

def _scored_items(lines: Lines) -> list[tuple[str, int]]:
    items = []
    for number, line in lines:
        word, comma, score = line.partition(",")
        if line.strip() and not (comma and score.strip().isdigit()):
            raise Malformed(number, f"{line!r} has no whole number after its comma")
        if line.strip():
            items.append((word.strip(), int(score)))
    return items


scored = Reader("scored words", "a word, a comma, a number", _scored_items, example="café,3\\ndog,4\\n")
""",
    ),
]


def scratch_copy(folder: Path) -> None:
    """Copy what git tracks, with changes that are not committed yet."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    for name in filter(None, map(os.fsdecode, tracked)):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(folder), "MPLBACKEND": "agg"}
    return subprocess.run([sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True)


def passed(result: subprocess.CompletedProcess[str]) -> list[str]:
    """The names of the tests that passed, in lower case, as pytest's -k compares them."""
    return [test.lower() for test in re.findall(r"^(tests/.*) PASSED\b", result.stdout, re.MULTILINE)]


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--suite",
        nargs=argparse.REMAINDER,
        metavar="TESTS",
        help="then run these tests on the copy, too; without any, the whole suite",
    )
    arguments = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        scratch_copy(folder)
        for addition in ADDITIONS:
            with (folder / addition.file).open("a", encoding="utf-8") as file:
                file.write(addition.text)
        made = run(folder, "tools/make_stubs.py")
        print(made.stdout + made.stderr, end="")
        newcomers = " or ".join(addition.name for addition in ADDITIONS)
        result = run(folder, "-m", "pytest", "-v", "tests", "-k", newcomers)
        tests, failed = passed(result), result.returncode != 0
        for kind, newcomer, where, text in ADDITIONS:
            lines, found = len(text.strip().splitlines()), sum(newcomer.lower() in test for test in tests)
            print(f"{kind:10} {newcomer:10} {where:52} {lines:3} lines, {found:4} tests passed", flush=True)
            failed |= not found
        if failed:
            print(result.stdout[-3000:] + result.stderr[-2000:])
        if arguments.suite is not None:
            result = run(folder, "-m", "pytest", "-q", *arguments.suite)
            print(result.stdout[-20_000 if result.returncode else -200 :])
            failed |= result.returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    as_program(main)
