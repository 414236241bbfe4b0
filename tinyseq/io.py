"""Model files: arrays as safetensors, everything else as JSON in the file's metadata. Nothing in them is executed."""

import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from glob import escape
from pathlib import Path
from typing import Any

import numpy as np

from tinyseq.backend import on_host

UNFINISHED = ".unfinished"  # ends the names of our temporary files, so that no one else's are taken away
CHECKSUM = "crc32"  # in the metadata of a file, besides what was given
Arrays = dict[str, np.ndarray[Any, np.dtype[Any]]]


class ModelFileError(ValueError):
    """A file that is missing, damaged, or not a model of the expected kind.

    Example:
        >>> try:
        ...     load("nowhere.safetensors")
        ... except ModelFileError as error:
        ...     print(error)
        nowhere.safetensors: no such file; expected a model saved by tinyseq
    """


def check_output(path: str | Path, name: str = "path", *, inputs: Iterable[str | Path] = ()) -> Path:
    """Refuse a file that could not be written, before the work begins that it shall keep.

    Folders above it that do not exist will be made. Nothing is written by this check.

    Args:
        path: where the file shall be.
        name: of the argument, for errors.
        inputs: files that are read, which it must not take the place of.

    Returns:
        The path.

    Raises:
        OSError: the path is a folder or a device, its name is too long, or nothing can be written there.
        ValueError: it is one of the inputs.

    Example:
        >>> try:
        ...     check_output(".", "--out")
        ... except OSError as error:
        ...     print(error)
        --out . is a folder; give the name of a file, such as model.safetensors in it
    """
    path = Path(path)
    for read in inputs:
        if path.resolve() == Path(read).resolve():
            raise ValueError(f"{name} {path} is a file that is read, too, and would be overwritten; give another name")
    if path.is_dir():
        raise IsADirectoryError(f"{name} {path} is a folder; give the name of a file, such as model.safetensors in it")
    if os.path.lexists(path) and not path.is_file():
        raise OSError(f"{name} {path} is a device or a broken link; give the name of a file")
    folder = next(parent for parent in path.absolute().parents if os.path.lexists(parent))
    try:
        handle, probe = _beside(path, folder)
        os.close(handle)
        os.unlink(probe)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise type(error)(f"{name} {path} cannot be written in the folder {folder}: {reason}") from error
    return path


def check_model_output(path: str | Path, name: str = "path", *, inputs: Iterable[str | Path] = ()) -> Path:
    """As `check_output`, for a file that `save` will write.

    Raises:
        RuntimeError: safetensors is not installed.
        OSError, ValueError: as for `check_output`.
    """
    _safetensors()
    return check_output(path, name, inputs=inputs)


def _beside(path: Path, folder: Path) -> tuple[int, str]:
    """A new temporary file for what will take the place of a path."""
    return tempfile.mkstemp(dir=folder, prefix=f".{path.name}.", suffix=UNFINISHED)


def atomic_write(path: str | Path, write: Callable[[Path], object]) -> None:
    """Write a file so that it is there whole or not at all.

    Args:
        path: where the file shall be.
        write: writes to the path it is given, a temporary file in the same folder, which then takes the place of
            ``path`` in one step.

    Raises:
        OSError: the folder or the file cannot be written; what was there stays.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     atomic_write(folder + "/a.txt", lambda temporary: temporary.write_text("whole"))
        ...     Path(folder, "a.txt").read_text()
        'whole'
    """
    path = check_output(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = _beside(path, path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_unfinished(path: str | Path) -> None:
    """Remove what an `atomic_write` of this file left behind when its process was killed."""
    path = Path(path)
    for unfinished in path.parent.glob(f".{escape(path.name)}.*{UNFINISHED}"):
        unfinished.unlink(missing_ok=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def save(state: Mapping[str, Any], path: str | Path, metadata: Mapping[str, Any] | None = None) -> None:
    """Save arrays by name in a safetensors file, which PyTorch and others can read.

    Args:
        state: arrays or tensors by name, such as a model's ``state_dict()``.
        path: the file to write, as a whole or not at all.
        metadata: what JSON can hold, kept in the file's header.

    Raises:
        RuntimeError: if safetensors is not installed.
        TypeError: ``state`` is no dictionary of arrays of numbers by name, or JSON cannot hold the metadata.
        OSError: the file cannot be written; what was there stays.

    Example:
        >>> import tempfile, tinyseq as ts
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ts.save({"w": ts.ones(2)}, folder + "/w.safetensors", {"kind": "example"})
        ...     ts.load(folder + "/w.safetensors")["w"].tolist()
        [1.0, 1.0]
    """
    safetensors = _safetensors()
    if not isinstance(state, Mapping):
        cure = "; give its state_dict()" if hasattr(state, "state_dict") else ""
        raise TypeError(f"state must be a dictionary of arrays by name, got {type(state).__name__}{cure}")
    arrays = {name: np.asarray(_detached(value), order="C") for name, value in state.items()}
    for name, array in arrays.items():
        if not isinstance(name, str) or array.dtype.kind not in "biuf" or array.itemsize > 8:
            raise TypeError(f"state must hold arrays of real numbers by name, got {array.dtype} under {name!r}")
        if name == "__metadata__":
            raise TypeError(
                "state has an entry '__metadata__', a name that safetensors keeps for itself; call it otherwise"
            )
    try:
        header = {"tinyseq": json.dumps({**(metadata or {}), CHECKSUM: _checksum(arrays)})}
    except TypeError as error:
        raise TypeError(f"metadata must be what JSON can hold: {error}") from error
    contents = safetensors.save(arrays, header)  # save_file makes a temporary file of its own, which a kill would leave
    atomic_write(path, lambda temporary: temporary.write_bytes(contents))


def load(path: str | Path) -> Arrays:
    """The arrays of a safetensors file, by name.

    Args:
        path: the file, saved by `save`, PyTorch or others.

    Returns:
        NumPy arrays by name, as ``load_state_dict`` takes them.

    Raises:
        RuntimeError: if safetensors is not installed.
        ModelFileError: if the file is missing, or is no whole safetensors file.

    Example:
        >>> import tempfile, tinyseq as ts
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ts.save(ts.nn.GRU(2, 3).state_dict(), folder + "/gru.safetensors")
        ...     ts.nn.GRU(2, 3).load_state_dict(ts.load(folder + "/gru.safetensors"))
    """
    return load_with_metadata(path)[0]


def load_with_metadata(path: str | Path, kind: str | None = None) -> tuple[Arrays, dict[str, Any]]:
    """The arrays of a safetensors file, and the metadata it was saved with.

    Args:
        path: the file.
        kind: if given, what ``metadata["kind"]`` must be.

    Returns:
        NumPy arrays by name, and the metadata; empty for a file that was not saved by `save`.

    Raises:
        RuntimeError: if safetensors is not installed.
        ModelFileError: if the file is missing, damaged, or of another kind.

    Example:
        >>> import tempfile, tinyseq as ts
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ts.save({"w": ts.ones(2)}, folder + "/w.safetensors", {"kind": "example", "epoch": 3})
        ...     load_with_metadata(folder + "/w.safetensors", "example")[1]["epoch"]
        3
    """
    safetensors = _safetensors()
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if path.is_dir():
        raise ModelFileError(f"{path}: is a folder; expected a model saved by tinyseq")
    if not path.is_file():
        raise ModelFileError(f"{path}: no such file; expected a model saved by tinyseq")
    try:
        arrays = safetensors.load_file(path)
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
        metadata = json.loads(header.get("tinyseq", "{}"))
    except (TypeError, AttributeError) as error:  # NumPy has no bfloat16, and no numbers of 8 bits
        raise ModelFileError(f"{path}: holds numbers that NumPy lacks ({error}); save them as float32") from error
    except (SafetensorError, ValueError, OSError, RecursionError) as error:
        what = _foreign(path) or f"not a whole safetensors file ({error})"
        raise ModelFileError(f"{path}: {what}") from error
    if not isinstance(metadata, dict):
        raise ModelFileError(f"{path}: its metadata is {type(metadata).__name__}, expected an object")
    if metadata.pop(CHECKSUM, None) not in (None, _checksum(arrays)):
        raise ModelFileError(f"{path}: damaged, for its numbers are not those that were saved")
    if kind is not None and metadata.get("kind") != kind:
        raise ModelFileError(f"{path}: holds {metadata.get('kind') or 'no tinyseq model'}, expected {kind}")
    return arrays, metadata


def kept_name(name: Any, kind: str = "name") -> Any:
    """A name of a state or symbol that a file can keep, before anything is learnt under it.

    Args:
        name: a string, bytes, a number, a truth value, None, or a tuple of these, nested as it may be. NumPy's scalars
            become Python's, which are equal to them.
        kind: what it names, for the error.

    Returns:
        The name.

    Raises:
        TypeError: no file could keep it.
        ValueError: it is NaN, which is equal to nothing.

    Example:
        >>> kept_name(np.int64(3)), kept_name((("DT", np.float32(0.5)), True))
        (3, (('DT', 0.5), True))
    """
    if type(name) is str or type(name) is int:  # nearly all of them
        return name
    if isinstance(name, tuple):
        parts = tuple(kept_name(part, kind) for part in name)
        return name if all(a is b for a, b in zip(parts, name, strict=True)) else parts
    plain = name.item() if isinstance(name, np.generic) else name
    if not isinstance(plain, str | bytes | int | float | None):
        raise TypeError(
            f"a {kind} must be a string, a number or a tuple of them, which a file can keep; got {name!r} of type "
            f"{type(name).__name__}. str({kind}) may serve"
        )
    if plain != plain:
        raise ValueError(f"a {kind} is NaN, which is equal to nothing, itself included; give a string or None for it")
    return plain


def written_name(name: Any) -> Any:
    """A name as JSON keeps it: tuples as lists, as no list can be a name, and bytes marked as such."""
    if isinstance(name, tuple):
        return [written_name(part) for part in name]
    return {"bytes": name.hex()} if isinstance(name, bytes) else name


def read_name(name: Any) -> Any:
    """What `written_name` was given."""
    if isinstance(name, list):
        return tuple(read_name(part) for part in name)
    return bytes.fromhex(name["bytes"]) if isinstance(name, dict) else name


def kept_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that a file can keep, before a model is trained with them: NumPy's scalars become Python's.

    Raises:
        TypeError: no file could keep one of them.
    """
    plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in settings.items()}
    for name, value in plain.items():
        try:
            json.dumps(value)
        except (TypeError, ValueError) as error:
            raise TypeError(f"{name} must be a plain value, which a model's file can keep; got {value!r}") from error
    return plain


SIZES = ("hidden_size", "embedding_size", "num_layers", "context")  # the settings that decide how large a model is


def check_sizes(settings: Mapping[str, Any], arrays: Arrays) -> None:
    """Refuse a model that its file cannot fill, before it is made: a small file may describe one of any size.

    Args:
        settings: the arguments that the model will be made with.
        arrays: its parameters.

    Raises:
        ValueError: a size is larger than every side of the arrays, and than their number.
    """
    largest = max([len(arrays), *(side for array in arrays.values() for side in array.shape)])
    for name in SIZES:
        size = settings.get(name, 0)
        if isinstance(size, int) and size > largest:
            raise ValueError(f"{name} is {size}, but no array has more than {largest} rows or columns")


def _checksum(arrays: Arrays) -> str:
    """Tells whether a bit has changed since a file was written; safetensors itself does not."""
    total = 0
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name], dtype=arrays[name].dtype.newbyteorder("<"))
        total = zlib.crc32(array.data, zlib.crc32(name.encode(), total))
    return f"{total:08x}"


def _foreign(path: Path) -> str | None:
    """What a file of another library is, by its first bytes, and how to convert it."""
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(b"\x93NUMPY"):
        return "is an array of NumPy; np.load reads it, and ts.save({name: array}, path) makes a model file"
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        names = []
    if names and not any(name.endswith("data.pkl") for name in names):
        return "is a zip file; if it is NumPy's .npz, ts.save(dict(np.load(path)), 'model.safetensors') converts it"
    if names or start.startswith(b"\x80"):
        return (
            "is a pickle, as PyTorch's .pt files are, which is not read, as it could run code; where PyTorch is "
            "installed, ts.save(torch.load(path, weights_only=True), 'model.safetensors') converts a state_dict"
        )
    return None


def _detached(value: Any) -> Any:
    return value.numpy() if hasattr(value, "numpy") else on_host(value)


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise RuntimeError('model files need safetensors: pip install "tinyseq[io]"') from error
    return safetensors.numpy
