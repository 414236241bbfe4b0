"""Kernels by their source: generated modules in a folder, where Numba caches their compiled code.

The folder is ``NUMBA_CACHE_DIR`` if that is set, and otherwise the user's cache folder. Several processes may use it at
once. If it is not writable, each process compiles its kernels anew.
"""

import hashlib
import importlib.util
import inspect
import os
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np


def folder() -> Path:
    """Where generated modules are kept."""
    if named := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(named) / "tinyseq"
    if sys.platform == "win32":
        root = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        root = Path.home() / "Library" / "Caches"
    else:
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "tinyseq" / "kernels"


@cache
def _shared() -> str:
    """Everything else that a kernel's compiled code depends on."""
    import numba

    from tinyseq.compiler.jit import runtime

    return f"# Numba {numba.__version__}, NumPy {np.__version__}\n# {_digest(inspect.getsource(runtime))}\n"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]


_HEAD = "import numpy as np\nfrom numba import cfunc, njit\n\nfrom tinyseq.compiler.jit.runtime import *\n\n\n"


@cache
def kernel(source: str) -> Any:
    """Compile the source of a function ``kernel(args, bases)`` to a C function; it has an ``.address``."""
    head, line, rest = source.partition(":\n")
    return _compiled("cfunc(KERNEL", f"{head}{line}    wide()\n{rest}", "kernel")


_KINDS = {
    "drive": "njit(DRIVER, nogil=True",
    "share": "njit(SHARE, nogil=True",
    "serve": "njit(SERVE, nogil=True",
    "product": "cfunc(KERNEL",
}


@cache
def from_runtime(name: str) -> Any:
    """A function of `runtime`, compiled."""
    from tinyseq.compiler.jit import runtime

    return _compiled(_KINDS[name], inspect.getsource(getattr(runtime, name)), name)


def _compiled(decorator: str, source: str, name: str) -> Any:
    """A function of a generated module; the module is written if it is new."""
    text = f'{_shared()}{_HEAD}@{decorator}, cache=True, error_model="numpy")\n{source}'
    module = f"tinyseq_kernel_{_digest(text)}"
    try:
        return getattr(_imported(module, text), name)
    except (OSError, RuntimeError):  # no folder to write to
        names: dict[str, Any] = {"__name__": module}
        exec(text.replace("cache=True", "cache=False", 1), names)
        return names[name]


def _imported(name: str, text: str) -> ModuleType:
    """The module of a file in the folder."""
    file = folder() / f"{name}.py"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=file.parent, suffix=".tmp")
        with os.fdopen(handle, "w", encoding="utf-8") as lines:
            lines.write(text)
        os.utime(draft, (0, 0))  # Numba compares the time: make it the same whichever process writes the file
        os.replace(draft, file)
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    found = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found
