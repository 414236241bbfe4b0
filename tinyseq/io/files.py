"""Atomic writing of files, and checks of output paths before the work begins."""

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from glob import escape
from pathlib import Path

from tinyseq.arguments import as_path, listed, shown, text

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # errors that name no file
UNFINISHED = ".unfinished"  # the suffix of our temporary files, so that no others are removed


def check_output(path: str | Path, name: str = "path", *, inputs: Iterable[str | Path] = ()) -> Path:
    """Check that a file can be written, before the work whose result it will hold.

    Missing parent folders are fine: they will be created. The check itself writes nothing.

    Args:
        path: the output file.
        name: the name of the argument, for errors.
        inputs: the input files, which must not be overwritten.

    Returns:
        The path.

    Raises:
        OSError: if the path is a folder or a device, its name is too long, or the folder is not writable.
        ValueError: if it is one of the inputs, contains a NUL character, or is a sign of the shell: ``-`` or ``~``.
        TypeError: if the path, or one of the inputs, is neither a string nor a path.

    Example:
        >>> try:
        ...     check_output(".", "--out")
        ... except OSError as error:
        ...     print(error)
        --out . is a folder; give the name of a file, such as model.safetensors in it
    """
    path = as_path(text("name", name), path)
    if "\0" in str(path):
        raise ValueError(f"{name} must not contain a NUL character, got {shown(str(path))}")
    check_signs(path, name)
    try:
        absolute = _written(path).absolute()
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{name} {path}: the working folder has been deleted; go to another one") from error
    if isinstance(inputs, str | Path):
        raise TypeError(f"inputs must be a list of paths, got {shown(inputs)}; put a single one in a list")
    for read in listed("inputs", inputs, "a list of paths", ordered=False):
        if path.resolve() == as_path("an entry of inputs", read).resolve():
            raise ValueError(f"{name} {path} is also an input file and would be overwritten; choose another name")
    if path.is_dir():
        raise IsADirectoryError(f"{name} {path} is a folder; give the name of a file, such as model.safetensors in it")
    if os.path.lexists(path) and (not path.is_file() or _names_a_device(path)):
        raise OSError(f"{name} {path} is a device or a broken link; give the name of a file")
    folder = next(parent for parent in absolute.parents if os.path.lexists(parent))
    try:
        handle, probe = _beside(path, folder)
        try:
            os.close(handle)
        finally:  # also if Ctrl-C is pressed meanwhile
            os.unlink(probe)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise type(error)(f"{name} {path} cannot be written in the folder {folder}: {reason}") from error
    return path


def check_signs(path: Path, name: str = "path") -> None:
    """Raise a ValueError if a path to write is a sign that means something else in a shell."""
    if str(path) == "-":
        raise ValueError(f"{name} - stands for standard output, to which this is not written; give the name of a file")
    if found := at_home(path):
        raise ValueError(f"{name} {path}: there is no folder {path.parts[0]!r}; {found}")


def at_home(path: Path) -> str:
    """What to write in place of a path with a ``~`` that no shell has expanded; nothing if there is none.

    Example:
        >>> at_home(Path("models/a.lm"))
        ''
    """
    home = os.path.expanduser(path)
    if home == str(path) or os.path.lexists(path.parts[0]):
        return ""
    return f"a shell expands ~ at the beginning of a word only, and not in quotes: write {home}"


def _names_a_device(path: Path) -> bool:
    """Whether a path, or a link it is, leads to a folder of devices, where even a file, as redirected output, stays."""
    parts = path.absolute().parts
    if os.name == "posix" and parts[1:2] in (("dev",), ("proc",)) and parts[1:3] != ("dev", "shm"):
        return True
    return path.is_symlink() and _names_a_device(path.parent / path.readlink())


def _written(path: Path) -> Path:
    """The file that is written under a path: a symbolic link stays, and leads to it."""
    return Path(os.path.realpath(path)) if os.path.islink(path) else path


def _beside(path: Path, folder: Path) -> tuple[int, str]:
    """A new temporary file in the same folder, to replace a path later."""
    return tempfile.mkstemp(dir=folder, prefix=f".{path.name}.", suffix=UNFINISHED)


def atomic_write(path: str | Path, write: Callable[[Path], object]) -> None:
    """Write a file atomically: a failure leaves the old file as it was, never a partial new one.

    A file that is replaced passes on its permissions.

    Args:
        path: the file, or a symbolic link to it.
        write: a function that writes to the path it is given, a temporary file in the same folder, which then replaces
            the old one in one step.

    Raises:
        OSError: if the folder or the file cannot be written; an existing file is kept.
        TypeError: if ``path`` is neither a string nor a path, or ``write`` is not a function.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     atomic_write(folder + "/a.txt", lambda temporary: temporary.write_text("whole"))
        ...     Path(folder, "a.txt").read_text()
        'whole'
    """
    if not callable(write):
        raise TypeError(f"write must be a function of the path to write to, got {shown(write)}")
    path = check_output(path)
    target = _written(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else 0o666 & ~_umask()
    handle, name = _beside(path, target.parent)
    temporary = Path(name)
    try:
        os.close(handle)
        with named_if_full(path):
            write(temporary)
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
        temporary.chmod(mode)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def named_if_full(path: Path) -> Iterator[None]:
    """A block that writes a file; an error about a full disk, which names none, names it."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise OSError(f"{path} cannot be written: {os.strerror(error.errno).lower()}") from error


def remove_unfinished(path: str | Path) -> None:
    """Remove the temporary files that an `atomic_write` of this file left when its process was killed."""
    path = Path(path)
    for unfinished in _written(path).parent.glob(f".{escape(path.name)}.*{UNFINISHED}"):
        unfinished.unlink(missing_ok=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
