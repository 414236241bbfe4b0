"""Check that the package's imports go one way: between rooms down the floors, and between files in no circle.

    python tools/check_imports.py [ROOT]

ROOT is the folder that holds `tinyseq/` (default: this repository). Every import statement counts, also one inside a
function or under `if TYPE_CHECKING`. Prints one line `file:line: what is wrong` per violation, one line
`circle: a.py -> b.py -> a.py` for files that import each other, and exits with 1 if there is any.
"""

import argparse
import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from programs import as_program

PACKAGE = "tinyseq"
FACADE = "__init__"  # tinyseq/__init__.py, what `import tinyseq` gives: it stands above all that it gathers

# The floors of the house, top first. Sides of one floor (the inner sets) do not import each other.
FLOORS: list[list[set[str]]] = [
    [{"cli", "commands", "__main__"}],
    [{"book"}],
    [{FACADE}],
    [{"exercises"}],
    [{"viz"}],
    [{"lm", "train", "tagging", "classify"}],
    [{"nn"}, {"hmm"}],
    [{"optim", "inspect", "testing"}, {"data"}, {"compiler"}],
    [{"structure"}],
    [{"io"}],
    [{"autograd"}],
    [{"arguments", "backend", "html_tables", "memory", "progress", "random", "torch_names"}],
]
PLACE = {
    room: (level, side)
    for level, floor in enumerate(reversed(FLOORS))
    for side, rooms in enumerate(floor)
    for room in rooms
}

# The doors through a wall, (importing module, imported room), each with its reason.
DOORS = {
    ("nn.chains.crf", "hmm"): "a CRF is a chain with neural scores",
    ("nn.chains.ctc", "hmm"): "CTC sums over the alignments of labels to steps, which are the paths of a chain",
}


def module_name(path: Path, package: Path) -> str:
    """The dotted name of a file below the package: `nn/losses.py` is `nn.losses`, `nn/__init__.py` is `nn`."""
    parts = path.relative_to(package).with_suffix("").parts
    if parts[-1] == "__init__" and len(parts) > 1:
        parts = parts[:-1]
    return ".".join(parts)


def room_of(module: str) -> str:
    return module.split(".")[0]


def imported_modules(tree: ast.AST, path: Path, package: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, module) for each import of something inside the package."""
    folder = (PACKAGE, *path.parent.relative_to(package).parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = folder[: len(folder) - node.level + 1] if node.level else ()
            source = [*origin, *(node.module.split(".") if node.module else ())]
            targets = [[*source, alias.name] for alias in node.names]
        else:
            continue
        for target in targets:
            if target[0] == PACKAGE:
                yield node.lineno, deepest_module(target[1:], package)


def deepest_module(target: list[str], package: Path) -> str:
    """The module that an import reaches: `from tinyseq import Tensor` takes a name of the facade, `nn` a room."""
    for length in range(len(target), 0, -1):
        file = package.joinpath(*target[:length])
        if file.is_dir() or any(file.with_suffix(kind).is_file() for kind in (".py", ".pyi")):
            return ".".join(target[:length])
    return FACADE


def objection(module: str, target: str) -> str | None:
    """Why `module` may not import from the room `target`, or None if it may."""
    room = room_of(module)
    if room == target or (module, target) in DOORS:
        return None
    if target not in PLACE:
        return f"imports {target}, which has no place in the house (add it to FLOORS)"
    (level, side), (target_level, target_side) = PLACE[room], PLACE[target]
    if target_level > level:
        return f"{room} imports {target}, which stands above it"
    if target_level == level and target_side != side:
        return f"{room} imports {target}, which stands beside it, behind a wall"
    return None


def violations(root: Path) -> Iterator[str]:
    """Yield one line per violation in `root/tinyseq`, and one for the first circle of files."""
    package = root / PACKAGE
    files: dict[str, str] = {}
    graph: dict[str, set[str]] = {}
    for path in sorted(package.rglob("*.py")):
        where = path.relative_to(root).as_posix()
        module = module_name(path, package)
        files[module] = where
        if room_of(module) not in PLACE:
            yield f"{where}:1: {room_of(module)} has no place in the house (add it to FLOORS)"
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
        for line, target in imported_modules(tree, path, package):
            graph.setdefault(module, set()).add(target)
            reason = objection(module, room_of(target))
            if reason is not None:
                yield f"{where}:{line}: {reason}"
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = reversed(error.args[1])  # graphlib names each file after those that it needs
        yield "circle: " + " -> ".join(files.get(module, module) for module in circle)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, nargs="?", default=Path(__file__).resolve().parent.parent)
    root: Path = parser.parse_args(arguments).root
    if not (root / PACKAGE).is_dir():
        print(f"{root} holds no folder {PACKAGE}/", file=sys.stderr)
        return 2
    found = list(violations(root))
    for line in found:
        print(line)
    print(f"import directions: {len(found)} violation(s)")
    return 1 if found else 0


if __name__ == "__main__":
    as_program(main)
