"""Saves arrays as safetensors, and everything else as JSON in the file's metadata. Loading executes no code."""

import codecs
import json
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tinyseq.arguments import as_path, shown, text
from tinyseq.autograd.tensor import TensorLike
from tinyseq.backend import on_host
from tinyseq.io.files import atomic_write, check_output

CHECKSUM = "crc32"  # our own entry in the metadata of a file

Arrays = dict[str, np.ndarray[Any, np.dtype[Any]]]


class ModelFileError(ValueError):
    """Raised if a file is missing, damaged, or not a model of the expected kind.

    Example:
        >>> try:
        ...     load("nowhere.safetensors")
        ... except ModelFileError as error:
        ...     print(error)
        nowhere.safetensors: no such file; expected a model saved by tinyseq
    """


def check_model_output(path: str | Path, name: str = "path", *, inputs: Iterable[str | Path] = ()) -> Path:
    """Like `check_output`, for a file that `save` will write.

    Args:
        path, name, inputs: as for `check_output`.

    Returns:
        The path.

    Raises:
        RuntimeError: if safetensors is not installed.
        OSError, ValueError: as for `check_output`.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> folder = Path(tempfile.mkdtemp())
        >>> check_model_output(folder / "model.tag").name
        'model.tag'
    """
    _safetensors()
    return check_output(path, name, inputs=inputs)


def save(state: Mapping[str, TensorLike], path: str | Path, metadata: Mapping[str, object] | None = None) -> None:
    """Save arrays by name in a safetensors file, which PyTorch and others can read.

    Args:
        state: arrays or tensors by name, such as a model's ``state_dict()``.
        path: the file. Writing is atomic: a failure leaves no partial file.
        metadata: JSON values by name, stored in the file's header.

    Raises:
        RuntimeError: if safetensors is not installed.
        TypeError: if ``state`` is not a dictionary of numeric arrays, the metadata is not a JSON value, or ``path`` is
            neither a string nor a path.
        OSError: if the file cannot be written; an existing file is kept.

    Example:
        >>> import tempfile, tinyseq as ts
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ts.save({"w": ts.ones(2)}, folder + "/w.safetensors", {"kind": "example"})
        ...     ts.load(folder + "/w.safetensors")["w"].tolist()
        [1.0, 1.0]
    """
    safetensors = _safetensors()
    if not isinstance(state, Mapping):
        swapped = "; the order is save(state, path)" if isinstance(state, str | Path) else ""
        cure = "; give its state_dict()" if hasattr(state, "state_dict") else swapped
        raise TypeError(f"state must be a dictionary of arrays by name, got {type(state).__name__}{cure}")
    if not isinstance(metadata, Mapping | None):
        raise TypeError(f"metadata must be a dictionary of JSON values by name, got {shown(metadata)}")
    arrays = {name: _array(name, value) for name, value in state.items()}
    for name, array in arrays.items():
        if not isinstance(name, str) or array.dtype.kind not in "biuf" or array.itemsize > 8:
            raise TypeError(f"state must hold arrays of real numbers by name, got {array.dtype} for {name!r}")
        if name == "__metadata__":
            raise TypeError("state has an entry '__metadata__', a name that safetensors reserves; choose another name")
    try:
        described = json.loads(json.dumps({**(metadata or {}), CHECKSUM: _checksum(arrays)}))
    except TypeError as error:
        raise TypeError(f"metadata must be a JSON value: {error}") from error
    header = {"tinyseq": json.dumps([described, _checksum_of_the_rest(described, arrays)])}
    contents = safetensors.save(
        arrays, header
    )  # save_file makes its own temporary file, which would be left if the process were killed
    atomic_write(path, lambda temporary: temporary.write_bytes(contents))


def load(path: str | Path) -> Arrays:
    """The arrays of a safetensors file, by name.

    Args:
        path: the file, saved by `save`, PyTorch or others.

    Returns:
        NumPy arrays by name, as for ``load_state_dict``.

    Raises:
        RuntimeError: if safetensors is not installed.
        ModelFileError: if the file is missing, or is not a complete safetensors file.
        TypeError: if ``path`` is neither a string nor a path.

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
        kind: if given, the required ``metadata["kind"]``.

    Returns:
        NumPy arrays by name, and the metadata, which is empty if the file was not saved by `save`.

    Raises:
        RuntimeError: if safetensors is not installed.
        ModelFileError: if the file is missing, damaged, or of another kind.
        TypeError: if ``path`` is neither a string nor a path, or ``kind`` is not a string.

    Example:
        >>> import tempfile, tinyseq as ts
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ts.save({"w": ts.ones(2)}, folder + "/w.safetensors", {"kind": "example", "epoch": 3})
        ...     load_with_metadata(folder + "/w.safetensors", "example")[1]["epoch"]
        3
    """
    safetensors = _safetensors()
    from safetensors import SafetensorError, safe_open

    path = as_path("path", path)
    if kind is not None:
        text("kind", kind)
    if path.is_dir():
        raise ModelFileError(f"{path}: is a folder; expected a model saved by tinyseq")
    if not path.exists():
        raise ModelFileError(f"{path}: no such file; expected a model saved by tinyseq")
    if not path.is_file():
        raise ModelFileError(f"{path}: is a pipe or a device; write the model to a file first")
    try:
        arrays = safetensors.load_file(path)
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
        found = json.loads(header.get("tinyseq", "{}"))
    except (TypeError, AttributeError) as error:  # NumPy has no bfloat16, and no 8-bit floats
        raise ModelFileError(f"{path}: holds numbers that NumPy lacks ({error}); save them as float32") from error
    except (SafetensorError, ValueError, OSError, RecursionError) as error:
        raise ModelFileError(f"{path}: {_found_instead(path, error)}") from error
    metadata, rest = found if isinstance(found, list) and len(found) == 2 else (found, None)  # older files have no rest
    if not isinstance(metadata, dict):
        raise ModelFileError(f"{path}: its metadata is {type(metadata).__name__}, expected an object")
    whole = rest in (None, _checksum_of_the_rest(metadata, arrays))
    if not whole or metadata.pop(CHECKSUM, None) not in (None, _checksum(arrays)):
        raise ModelFileError(f"{path}: damaged: checksum mismatch; copy, download or save it again")
    if kind is not None and metadata.get("kind") != kind:
        raise ModelFileError(f"{path}: holds {metadata.get('kind') or 'no tinyseq model'}, expected {kind}")
    return arrays, metadata


def _checksum(arrays: Arrays) -> str:
    """A checksum of the numbers, which safetensors does not have itself."""
    total = 0
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name], dtype=arrays[name].dtype.newbyteorder("<"))
        total = zlib.crc32(array.data, zlib.crc32(name.encode(), total))
    return f"{total:08x}"


def _checksum_of_the_rest(metadata: dict[str, Any], arrays: Arrays) -> str:
    """A checksum of the metadata, and of the names, types and shapes of the arrays."""
    rest = [(name, array.dtype.kind, array.itemsize, array.shape) for name, array in sorted(arrays.items())]
    return f"{zlib.crc32(json.dumps([metadata, rest]).encode()):08x}"


def _found_instead(path: Path, error: Exception) -> str:
    """Say what a file is that safetensors cannot read, judged by its first bytes, and what to do."""
    with path.open("rb") as file:
        start = file.read(64)
    wanted = "expected a model file, as a model's save(path) or ts.save(arrays, path) writes"
    if not start:
        return f"is empty; {wanted}"
    if start.startswith(b"\x1f\x8b"):
        return f"is compressed with gzip, so unpack it first; {wanted}"
    if start[8:9] == b"{":
        return f"not a complete safetensors file: damaged, or cut off ({error}); copy, download or save it again"
    if other := _of_another_library(path, start):
        return other
    text = _as_text(start)
    if text is not None:
        return f"is a text file that begins with {text!r}; {wanted}"
    return f"begins with the bytes {start[:8].hex(' ')}, which no model file does; {wanted}"


def _as_text(start: bytes) -> str | None:
    """The beginning of a file as text, if it looks like text."""
    marked = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = start.decode("utf-16" if marked else "utf-8", errors="ignore").lstrip("\ufeff")
    beginning = text[:20]
    return beginning if beginning and all(c.isprintable() or c.isspace() for c in beginning) else None


def _of_another_library(path: Path, start: bytes) -> str | None:
    """Identify a file of another library, and say how to convert it."""
    if start.startswith(b"\x93NUMPY"):
        return "is a NumPy array file; read it with np.load, and save it with ts.save({name: array}, path)"
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        names = []
    if names and not any(name.endswith("data.pkl") for name in names):
        return "is a zip file; if it is NumPy's .npz, ts.save(dict(np.load(path)), 'model.safetensors') converts it"
    if names or start.startswith(b"\x80"):
        return (
            "is a pickle, like PyTorch's .pt files; it is not read, because unpickling can run code. With PyTorch "
            "installed, ts.save(torch.load(path, weights_only=True), 'model.safetensors') converts a state_dict"
        )
    return None


def _array(name: str, value: Any) -> np.ndarray[Any, np.dtype[Any]]:
    """The numbers of an array, a tensor or a list."""
    try:
        return np.asarray(value.numpy() if hasattr(value, "numpy") else on_host(value), order="C")
    except (TypeError, ValueError) as error:
        raise TypeError(f"state must hold arrays of real numbers by name; {name!r} is not one: {error}") from error


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise RuntimeError('model files need safetensors: pip install "tinyseq[io]"') from error
    return safetensors.numpy
