"""What the code of a function reads: names, modules that it imports, and whether it may read any global."""

import dis
import functools
import sys
import types
from collections import deque
from importlib.util import resolve_name
from typing import NamedTuple

_READ_ANY = {"eval", "exec", "globals"}


class Reads(NamedTuple):
    """What code reads, including that of functions inside it.

    Attributes:
        names: the names of globals and attributes.
        imports: the modules that it imports when it runs: the number of dots, the name, and what is taken from it.
        any_global: whether it calls `eval`, `exec` or `globals`, and may so read what it does not name.
    """

    names: tuple[str, ...]
    imports: tuple[tuple[int, str, tuple[str, ...]], ...]
    any_global: bool


@functools.lru_cache(maxsize=256)
def reads_of(code: types.CodeType) -> Reads:
    """What code reads.

    Example:
        >>> def function(x):
        ...     from math import pi
        ...     return abs(x.real) * pi
        >>> reads_of(function.__code__)
        Reads(names=('math', 'pi', 'abs', 'real'), imports=((0, 'math', ('pi',)),), any_global=False)
    """
    inner = [reads_of(const) for const in code.co_consts if isinstance(const, types.CodeType)]
    names = [*code.co_names, *(name for part in inner for name in part.names)]
    imports = [each for part in inner for each in part.imports]
    any_global, before = any(part.any_global for part in inner), deque[dis.Instruction](maxlen=2)
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME":
            level, taken = (each.argval for each in before)
            imports.append((level, instruction.argval, taken or ()))
        elif instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            any_global |= instruction.argval in _READ_ANY
        before.append(instruction)
    return Reads(tuple(dict.fromkeys(names)), tuple(imports), any_global)


def modules_of(code: types.CodeType, package: str) -> list[str]:
    """The names of the modules that code imports when it runs, and of those around them.

    Args:
        code: the code.
        package: that of its module, for relative imports.
    """
    found: list[str] = []
    for level, name, taken in reads_of(code).imports:
        if level and not package:
            continue
        whole = resolve_name("." * level + name, package) if level else name
        parts = whole.split(".")
        found += [".".join(parts[: i + 1]) for i in range(len(parts))]
        found += [f"{whole}.{part}" for part in taken if f"{whole}.{part}" in sys.modules]
    return found
