"""Submissions: the code of a file or a notebook, read without running it."""

import ast
import inspect
import json
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import decode_source
from pathlib import Path
from typing import Any

LARGEST = 4 << 20  # bytes; a notebook holds its outputs, too
SUFFIXES = (".py", ".ipynb")
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)


@dataclass
class Submission:
    """The code of a submission.

    Args:
        file: where it comes from.
        cells: the name and the source of each part: the whole of a file, or a notebook's cells of code.
        functions: the names that it defines, and whether each is more than the starting code.
        checked: the names that it passes to ``exercises.check``.
        imported: the names that it imports, which are not misspelt names of exercises.
        fault: why it could not be read, with the line; empty if it could.
    """

    file: Path
    cells: list[tuple[str, str]]
    functions: dict[str, bool] = field(default_factory=dict)
    checked: set[str] = field(default_factory=set)
    imported: set[str] = field(default_factory=set)
    fault: str = ""


def read(path: Path) -> Submission:
    """Read a submission. Whatever is wrong with the file is reported in ``fault``; no error is raised."""
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"the file has more than {LARGEST >> 20} MiB")
        content = path.read_bytes()
        if path.suffix == ".ipynb":
            cells = notebook_cells(content.decode("utf-8-sig"))
        else:
            cells = [(path.name, source_of(content))]
    except UnicodeDecodeError as error:
        return Submission(path, [], fault=f"the file is not UTF-8 text: byte {error.start} is not valid")
    except (OSError, *UNREADABLE) as error:
        return Submission(path, [], fault=str(error))
    submission = Submission(path, cells)
    for _, source in cells:
        try:
            tree = ast.parse(source)
            submission.functions |= dict(definitions(tree))
            submission.imported |= set(imports(tree))
            submission.checked |= set(checked(tree))
        except UNREADABLE as error:
            if path.suffix != ".ipynb":
                line = getattr(error, "lineno", None) or 1
                submission.fault = f"line {line}: {type(error).__name__}: {getattr(error, 'msg', error)}"
            submission.functions |= dict.fromkeys(_by_eye(source), True)
    return submission


def source_of(content: bytes) -> str:
    """The text of a file of Python, in UTF-8 or in the encoding that its first lines declare."""
    try:
        return decode_source(content)
    except (SyntaxError, LookupError):  # there is no such encoding, or it is none of texts
        return content.decode("utf-8-sig")


def notebook_cells(text: str) -> list[tuple[str, str]]:
    """A notebook's code cells, numbered in order, without IPython's magics.

    Raises:
        ValueError: the text is not a notebook.
    """
    try:
        cells = json.loads(text)["cells"]
        sources = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
        code = [source if isinstance(source, str) else "".join(source) for source in sources]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"the file is not a notebook of nbformat 4 ({type(error).__name__}: {error})") from error
    return [(f"cell {number}", plain_python(source)) for number, source in enumerate(code, 1)]


def plain_python(source: str) -> str:
    """A cell without magics: lines that start with % or ! become ``pass``; a cell that starts with %% is left out."""
    if source.lstrip().startswith("%%"):
        return ""
    try:
        ast.parse(source)
    except UNREADABLE:
        lines = source.splitlines()
        return "\n".join(_indent(line) + "pass" if line.lstrip()[:1] in ("%", "!") else line for line in lines)
    return source


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def definitions(tree: ast.AST) -> Iterator[tuple[str, bool]]:
    """The names that a module binds outside functions and classes; False for a function without a body."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, not is_starter(node)
        elif isinstance(node, ast.ClassDef):
            yield node.name, True
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from ((name.id, True) for t in targets for name in ast.walk(t) if isinstance(name, ast.Name))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name, True) for alias in node.names)
        elif isinstance(node, ast.stmt):  # if, try, with, ...
            yield from definitions(node)


def imports(tree: ast.AST) -> Iterator[str]:
    """The names that imports bind."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)


def checked(tree: ast.AST) -> Iterator[str]:
    """The names that are arguments of a call of ``check``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "check":
            yield from (argument.id for argument in node.args if isinstance(argument, ast.Name))


def is_starter(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function's body is only a docstring, dots, ``pass`` or ``raise NotImplementedError``."""
    return all(
        isinstance(node, ast.Pass)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        or (isinstance(node, ast.Raise) and "NotImplementedError" in ast.unparse(node))
        for node in function.body
    )


def _by_eye(source: str) -> Iterator[str]:
    """The functions of a source with syntax errors."""
    for line in source.splitlines():
        if line.startswith("def ") and "(" in line:
            yield line[4 : line.index("(")].strip()


def is_written(function: Callable[..., Any]) -> bool:
    """Whether a function is more than the starting code; true if its source is not available."""
    try:
        (node,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    except (OSError, TypeError, *UNREADABLE):
        return True
    return not (isinstance(node, ast.FunctionDef) and is_starter(node))
