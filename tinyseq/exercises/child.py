"""What runs in the marker's subprocess: a submission's functions are called, and their results sent back.

Only results leave this process, and the marker compares them in its own; so nothing that a submission prints, patches
or raises can make a wrong answer right. As a script, this file reads the job from the standard input and writes one
line of JSON per message to the standard output, which the submission itself cannot print to. It needs NumPy only, and
imports nothing of the package: the solutions are not in the process that runs the submission.
"""

import ast
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType, TracebackType
from typing import Any, NoReturn

import numpy as np

MOST_ELEMENTS, DEEPEST, LONGEST_INTEGER = 200_000, 20, 4096  # of a result; the last is the bits of an integer
LONGEST, MOST_ERRORS = 400, 5  # characters of an error message; errors outside functions that are reported
KINDS = {"b": "bool", "i": "int64", "u": "int64", "f": "float64", "c": "complex128", "U": "str"}
REFUSED = {
    *("os.fork", "os.forkpty", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.startfile", "pty.spawn"),
    *("subprocess.Popen", "os.kill", "os.killpg", "signal.pthread_kill", "ctypes.dlopen", "ctypes.dlsym"),
}  # fmt: skip
# What changes files, and which arguments are open folders that paths are relative to.
PATHS: dict[str, tuple[int, ...]] = {
    **{"os.remove": (1,), "os.rmdir": (1,), "os.mkdir": (2,), "os.rename": (2, 3), "os.link": (2, 3)},
    **{"os.symlink": (2,), "os.chmod": (2,), "os.chown": (3,), "os.truncate": ()},
}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Code(str):
    """An argument that is a function: a Python expression, in which ``np`` is NumPy.

    Example:
        >>> Code("lambda x: x**2")
        lambda x: x**2
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


# -- values as JSON ----------------------------------------------------------------------------------------------------


def encode(value: Any, depth: int = 0) -> Any:
    """A value as JSON can hold it; for one that it cannot hold, the name of its type.

    Args:
        value: anything.
        depth: how deeply it is nested.

    Raises:
        ValueError: too many elements, or nested too deeply.
    """
    if depth > DEEPEST:
        raise ValueError(f"the result is nested more than {DEEPEST} levels deep")
    if hasattr(value, "detach") and hasattr(value, "numpy"):  # a tensor
        value = value.detach().numpy()
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind == "O":
        value = _within(value).tolist()
    if isinstance(value, Code):
        return {"code": str(value)}
    if isinstance(value, int) and value.bit_length() > LONGEST_INTEGER:
        raise ValueError(f"the result is an integer of more than {LONGEST_INTEGER} bits")
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return _within(value)
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    if isinstance(value, np.ndarray) and value.dtype.kind in KINDS:
        flat = _within(value).astype(KINDS[value.dtype.kind]).ravel()
        parts = np.stack([flat.real, flat.imag], -1) if flat.dtype.kind == "c" else flat
        return {"array": parts.tolist(), "shape": list(value.shape), "kind": value.dtype.kind}
    if isinstance(value, dict):
        return {"dict": [[encode(k, depth + 1), encode(v, depth + 1)] for k, v in _within(value).items()]}
    for kind, name in ((list, "list"), (tuple, "tuple"), (set, "set"), (frozenset, "set")):
        if isinstance(value, kind):
            return {name: [encode(item, depth + 1) for item in _within(value)]}
    return {"other": type(value).__name__[:LONGEST]}


def _within(value: Any) -> Any:
    size = value.size if isinstance(value, np.ndarray) else len(value)
    if size > MOST_ELEMENTS:
        raise ValueError(f"the result has {size} elements, more than {MOST_ELEMENTS}")
    return value


class Other(str):
    """The name of a type whose values do not leave their process.

    Example:
        >>> Other("generator")
        'generator'
    """

    __slots__ = ()


def decode(data: Any) -> Any:
    """The value that `encode` was given.

    Raises:
        ValueError, TypeError, KeyError, OverflowError, RecursionError: it is not what `encode` returns.
    """
    if data is None or isinstance(data, bool | int | float | str):
        return data
    ((name, inner), *rest) = data.items()
    if name == "array":
        kind = data["kind"]
        flat = np.array(inner, KINDS[kind] if kind != "c" else "float64")
        if kind == "c":
            flat = flat.reshape(-1, 2) @ np.array([1, 1j])
        return flat.reshape([int(size) for size in data["shape"]])
    if rest:
        raise ValueError("unknown keys")
    if name == "complex":
        return complex(*inner)
    if name == "dict":
        return {decode(k): decode(v) for k, v in inner}
    kinds: dict[str, Callable[[Any], Any]] = {"list": list, "tuple": tuple, "set": frozenset}
    return {"code": Code, "other": Other}[name](inner) if name not in kinds else kinds[name](map(decode, inner))


# -- calls -------------------------------------------------------------------------------------------------------------


def outcomes(function: Callable[..., Any], cases: Sequence[Any], files: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Call a function once for each case.

    Args:
        function: the submitted function.
        cases: encoded arguments, a list for each call.
        files: the names of the files, or cells, whose lines errors should name.

    Yields:
        ``value``, encoded, or ``error`` and ``where``; ``changed``, the positions of arguments modified in place.
    """
    for case in cases:
        arguments = [decode(argument) for argument in case]
        called = [_runnable(argument) for argument in arguments]
        try:
            with np.errstate(all="ignore"):
                yield {"value": encode(function(*called)), "changed": _changed(arguments, case)}
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit, too
            yield {"error": described(error), "where": place(error.__traceback__, files)}


def _runnable(argument: Any) -> Any:
    """An argument with functions instead of their source."""
    if isinstance(argument, list):
        return [_runnable(item) for item in argument]
    return eval(argument, {"np": np}) if isinstance(argument, Code) else argument


def _changed(arguments: list[Any], case: Any) -> list[int]:
    """Which arguments were modified. NaN does not equal itself, but its repr does."""
    return [i for i, (now, before) in enumerate(zip(arguments, case, strict=True)) if repr(encode(now)) != repr(before)]


def described(error: BaseException) -> str:
    """An error in one line."""
    if isinstance(error, SystemExit):
        return "the submission calls exit() or sys.exit()"
    try:
        text = str(error)
    except Exception:  # of a class that the submission defines
        text = ""
    return " ".join(f"{type(error).__name__}: {text}".split())[:LONGEST].removesuffix(":")


def place(traceback: TracebackType | None, files: Sequence[str]) -> str:
    """The innermost line of a submission that an error passed through, such as "line 3" or "cell 2, line 1"."""
    found = ""
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        if name in files:
            found = f"{name}, line {traceback.tb_lineno}" if name.startswith("cell ") else f"line {traceback.tb_lineno}"
        traceback = traceback.tb_next
    return found


# -- the process -------------------------------------------------------------------------------------------------------


def defines(statement: ast.stmt) -> bool:
    """Whether a statement does no more than give names: an import, a definition, or an assignment without calls."""
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        calls = any(isinstance(node, ast.Call) for node in ast.walk(statement))
        return isinstance(statement.value, ast.Lambda) or not calls
    return isinstance(statement, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def load(cells: Sequence[Sequence[str]], namespace: dict[str, Any], definitions: bool = False) -> list[list[str]]:
    """Run a submission statement by statement, so that the rest still runs if one fails.

    Args:
        cells: the name and the source of each part.
        namespace: where the names go.
        definitions: leave out all statements that do more than give names.

    Returns:
        The errors, each with its place.
    """
    errors = []
    for name, source in cells:
        try:
            statements = ast.parse(source, name).body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            line = f"line {getattr(error, 'lineno', None) or 1}"
            where = f"{name}, {line}" if name.startswith("cell ") else line
            errors.append([f"{type(error).__name__}: {getattr(error, 'msg', error)}", where])
            continue
        for statement in filter(defines, statements) if definitions else statements:
            try:
                exec(compile(ast.Module([statement], []), name, "exec"), namespace)
            except BaseException as error:
                errors.append([described(error), place(error.__traceback__, [name]) or f"line {statement.lineno}"])
    return errors


def limit(job: dict[str, Any]) -> None:
    """Limit this process's resources, as far as the operating system allows."""
    try:
        import pwd
        import resource
    except ImportError:  # Windows
        return
    if os.geteuid() == 0 and job["unprivileged"]:
        with contextlib.suppress(OSError, KeyError):
            nobody = pwd.getpwnam("nobody")
            os.setgroups([])
            os.setgid(nobody.pw_gid)
            os.setuid(nobody.pw_uid)
    bounds = {"CPU": job["cpu"], "AS": job["memory"], "FSIZE": 10 << 20, "NOFILE": 64, "CORE": 0, "NPROC": 0}
    for name, bound in bounds.items():
        with contextlib.suppress(AttributeError, OSError, ValueError):
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (bound, bound))


def guard(folder: str, solutions: str, seen: list[str]) -> None:
    """Refuse subprocesses, signals, network access, writes elsewhere, and reading the solutions. Cannot be undone.

    Args:
        folder: where files may be written.
        solutions: the folder that may not be read.
        seen: where an attempt to read them is recorded.
    """
    real, inside, text = os.path.realpath, os.path.join(os.path.realpath(folder), ""), os.fsdecode
    hidden = os.path.join(real(solutions), "")

    def refuse(what: str) -> NoReturn:
        raise PermissionError(f"{what} is not allowed while a submission is marked")

    def outside(path: Any) -> bool:
        return isinstance(path, str | bytes | os.PathLike) and not real(text(path)).startswith(inside)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in REFUSED or event.startswith("socket."):
            refuse(event)
        if event == "open" and not isinstance(arguments[0], int):
            path, mode, flags = arguments
            if real(text(path)).startswith(hidden):
                seen.append(str(path))
                refuse("reading the solutions")
            writes = any(sign in (mode or "") for sign in "wax+") or (flags or 0) & WRITING
            elsewhere = mode is None and not os.path.isabs(path)  # os.open may start from any folder
            if writes and path != os.devnull and (elsewhere or outside(path)):
                refuse("writing a file outside the temporary folder")
        if event in PATHS and (any(arguments[i] != -1 for i in PATHS[event]) or any(map(outside, arguments))):
            refuse("changing a file outside the temporary folder")

    sys.addaudithook(hook)


def stand_in(seen: list[str]) -> None:
    """Make a notebook's own ``exercises.check(...)`` do nothing, and record attempts to get at the solutions."""
    module = ModuleType("tinyseq.exercises")

    def absent(name: str) -> NoReturn:
        if not name.startswith("_"):
            seen.append(name)
        raise AttributeError("the solutions are not available while a submission is marked")

    vars(module).update(check=lambda *functions: None, __getattr__=absent)
    sys.modules["tinyseq.exercises"] = module


def main() -> None:
    """Run the job read from the standard input."""
    job = json.load(sys.stdin)
    library = os.path.dirname(os.path.dirname(job["solutions"]))
    if library not in sys.path:  # a submission imports the tinyseq that marks it, not another one that is installed
        sys.path.insert(0, library)
    messages = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    sys.stdout = sys.stderr = os.fdopen(nothing, "w", encoding="utf-8")

    def say(**message: Any) -> None:
        messages.write(json.dumps(message) + "\n")
        messages.flush()

    seen: list[str] = []
    stand_in(seen)
    limit(job)
    guard(os.getcwd(), job["solutions"], seen)
    namespace: dict[str, Any] = {"__name__": "submission"}
    say(ready=True)
    errors = load(job["cells"], namespace, job["definitions"])
    say(loaded=errors[:MOST_ERRORS], peeked=bool(seen))
    names = [name for name, _ in job["cells"]]
    for exercise, cases in job["exercises"]:
        say(start=exercise)
        if callable(namespace.get(exercise)):
            say(result=exercise, outcomes=list(outcomes(namespace[exercise], cases, names)), peeked=bool(seen))
        else:
            say(result=exercise, outcomes=[], peeked=bool(seen))


if __name__ == "__main__":
    main()
