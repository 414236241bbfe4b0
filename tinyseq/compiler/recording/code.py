"""What the code of a function reads: names, modules that it imports, and whether it may read any global."""

import dis
import functools
import sys
import types
from importlib.util import resolve_name
from itertools import pairwise
from typing import NamedTuple

_READ_ANY = {"eval", "exec", "globals"}
_BY_TEXT = {"modules", "import_module", "__import__"}  # what finds a module by text


class Reads(NamedTuple):
    """What code reads, including that of functions inside it.

    Attributes:
        names: the names of globals and attributes.
        passed: those of them, and of variables, that it does more with than read an attribute of theirs.
        imports: the modules that it imports when it runs: the number of dots, the name, and what is taken from it.
        any_global: whether it calls `eval`, `exec` or `globals`, and may so read what it does not name.
    """

    names: tuple[str, ...]
    passed: frozenset[str]
    imports: tuple[tuple[int, str, tuple[str, ...]], ...]
    any_global: bool


@functools.lru_cache(maxsize=256)
def reads_of(code: types.CodeType) -> Reads:
    """What code reads.

    Example:
        >>> def function(x):
        ...     from math import pi
        ...     return abs(x.real) * pi
        >>> found = reads_of(function.__code__)
        >>> found.names, found.imports, found.any_global
        (('math', 'pi', 'abs', 'real'), ((0, 'math', ('pi',)),), False)
        >>> sorted(found.passed)
        ['abs', 'pi', 'real']
    """
    inner = [reads_of(const) for const in code.co_consts if isinstance(const, types.CodeType)]
    names = [*code.co_names, *(name for part in inner for name in part.names)]
    passed = {name for part in inner for name in part.passed}
    imports = [each for part in inner for each in part.imports]
    if not _BY_TEXT.isdisjoint(code.co_names):
        imports += [(0, const, ()) for const in code.co_consts if type(const) is str]
    any_global = any(part.any_global for part in inner)
    instructions = [each for each in dis.get_instructions(code) if each.opname != "EXTENDED_ARG"]
    for level, taken, each in zip(instructions, instructions[1:], instructions[2:], strict=False):
        if each.opname == "IMPORT_NAME":
            imports.append((level.argval, each.argval, taken.argval or ()))
    for each, after in pairwise(instructions):
        if each.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            any_global |= each.argval in _READ_ANY
        is_name = each.opname.startswith("LOAD_") and each.opname not in ("LOAD_CONST", "LOAD_CLOSURE")
        is_read = after.opname in ("LOAD_ATTR", "LOAD_METHOD") and after.argval != "__dict__"
        if is_name and not is_read and type(each.argval) is str:
            passed.add(each.argval)
    return Reads(tuple(dict.fromkeys(names)), frozenset(passed), tuple(imports), any_global)


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
