"""Count lines of code: without docstrings, comments and blank lines.

    python tools/count_lines.py [PATH ...]

Prints one line for each PATH, a file or a folder (default: the folders of the package), and their sum.
"""

import argparse
import ast
import io
import tokenize
from pathlib import Path

from programs import as_program

PACKAGE = Path(__file__).resolve().parent.parent / "tinyseq"
NOT_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


def lines_of_code(file: Path) -> int:
    """The number of lines with code on them, in Python, JavaScript or CSS."""
    text = file.read_text("utf-8")
    if file.suffix != ".py":
        return sum(bool(line.strip()) and not line.strip().startswith(("//", "/*", "*")) for line in text.splitlines())
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in NOT_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - docstring_lines(ast.parse(text)))


def docstring_lines(tree: ast.Module) -> set[int]:
    lines: set[int] = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if ast.get_docstring(node, clean=False) is not None:
            lines.update(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return lines


def total(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.suffix in {".py", ".js", ".css"}]
    return sum(map(lines_of_code, files))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, nargs="*", help="a file or a folder")
    given: list[Path] = parser.parse_args(arguments).path
    default = sorted(path for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir())
    paths = given or [path for path in default if path.name != "__pycache__"]
    for path in paths:
        name = path.resolve().relative_to(PACKAGE.parent) if path.resolve().is_relative_to(PACKAGE.parent) else path
        print(f"{total(path):7,} {name}")
    print(f"{sum(map(total, paths)):7,} together")
    return 0


if __name__ == "__main__":
    as_program(main)
