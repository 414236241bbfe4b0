"""Whose code it is: the user's, that of an installed package, or Python's and this package's own."""

import functools
import sys
import sysconfig
import types
from pathlib import Path

_FOLDERS = (str(Path(__file__).parents[2]), sysconfig.get_paths()["stdlib"])


def of_library(module: object) -> bool:
    """Whether a module, by its name, belongs to this or an installed package. A class may have None for it.

    Example:
        >>> of_library("numpy.linalg"), of_library("json"), of_library(None)
        (True, True, False)
    """
    first = str(module).partition(".")[0]
    file = getattr(sys.modules.get(str(module)), "__file__", None)
    return of_tinyseq(module) or first in sys.stdlib_module_names or (file is not None and installed(file, module))


def of_tinyseq(module: object) -> bool:
    """Whether a module belongs to this package."""
    return str(module).partition(".")[0] == "tinyseq"


def installed(file: str, module: object) -> bool:
    """Whether the code of a module in a file is that of a library, and not the user's.

    A package that uses this one is a user's, wherever it is installed.
    """
    return _in_folders(file) and not _uses_this(str(module).partition(".")[0], len(sys.modules))


@functools.cache
def _in_folders(file: str) -> bool:
    return file.startswith(_FOLDERS) or "site-packages" in file or "dist-packages" in file


@functools.lru_cache
def _uses_this(package: str, _modules: int) -> bool:
    """Whether a module of a package, among so many modules that are imported, holds something of this one."""
    modules = [each for name, each in [*sys.modules.items()] if name.partition(".")[0] == package]
    tables = [getattr(each, "__dict__", {}) for each in modules]  # None stands for a module that is not to be imported
    parts = [part for table in tables for part in [*table.values()] if issubclass(type(part), types.ModuleType | type)]
    names = (part.__name__ if issubclass(type(part), types.ModuleType) else part.__module__ for part in parts)
    return not of_tinyseq(package) and any(map(of_tinyseq, names))
