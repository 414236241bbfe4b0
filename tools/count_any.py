"""List the public signatures that say `Any`, where an editor can tell a user nothing.

    python tools/count_any.py            # one line for each parameter, result and attribute, and their number

Public are the names in the `__all__` of the package's modules, and the members of classes among them. mypy, with the
settings of the repository, says what each type is: annotations, stubs, and what it infers. An alias that means `Any` is
listed too, with its name; the element type of a NumPy array is not.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from mypy import build
from mypy.main import process_options
from mypy.modulefinder import BuildSource
from mypy.nodes import ArgKind, Decorator, FuncDef, OverloadedFuncDef, SymbolNode, TypeInfo, Var
from mypy.type_visitor import TypeQuery
from mypy.types import (
    AnyType,
    CallableType,
    Instance,
    Overloaded,
    Parameters,
    ParamSpecType,
    TupleType,
    Type,
    TypeAliasType,
    TypeVarType,
    get_proper_type,
)
from programs import as_program

ROOT = Path(__file__).resolve().parent.parent
FREE = {"builtins.slice", "numpy.dtype", "numpy.ndarray"}  # generic classes that are seldom used as such
DUNDERS = {"__call__", "__contains__", "__enter__", "__getitem__", "__init__", "__iter__", "__len__", "__next__"}


class _Any(TypeQuery[set[str]]):
    """How a type says `Any`: by this word, or by the name of an alias."""

    known: ClassVar[dict[str, bool]] = {}  # whether an alias does

    def strategy(self, items: list[set[str]]) -> set[str]:
        return set().union(*items)

    def visit_any(self, t: AnyType, /) -> set[str]:
        return {"Any"}

    def visit_instance(self, t: Instance, /) -> set[str]:
        return set() if t.type.fullname in FREE else super().visit_instance(t)

    def visit_tuple_type(self, t: TupleType, /) -> set[str]:
        return self.query_types(t.items)

    def visit_callable_type(self, t: CallableType, /) -> set[str]:
        return t.ret_type.accept(self) if t.is_ellipsis_args else super().visit_callable_type(t)

    def visit_parameters(self, t: Parameters, /) -> set[str]:
        every = t.arg_kinds == [ArgKind.ARG_STAR, ArgKind.ARG_STAR2]  # written `...`
        return set() if every else super().visit_parameters(t)

    def visit_param_spec(self, t: ParamSpecType, /) -> set[str]:
        return set()

    def visit_type_var(self, t: TypeVarType, /) -> set[str]:
        return set()

    def visit_type_alias_type(self, t: TypeAliasType, /) -> set[str]:
        means = get_proper_type(t)
        if t.alias is None or not t.alias.fullname.startswith("tinyseq.") or isinstance(means, TupleType):
            return set()  # NumPy's own, or a named tuple, whose fields are listed with its class
        if t.alias.fullname not in self.known:
            self.known[t.alias.fullname] = False  # a recursive alias, seen from inside
            self.known[t.alias.fullname] = bool(means.accept(self))
        return {t.alias.name} if self.known[t.alias.fullname] else self.query_types(t.args)


def modules() -> list[str]:
    """The modules that say what is public."""
    files = [file for file in (ROOT / "tinyseq").rglob("*.py") if "\n__all__ = " in file.read_text("utf-8")]
    parts = [file.relative_to(ROOT).with_suffix("").parts for file in sorted(files)]
    return [".".join(part[:-1] if part[-1] == "__init__" else part) for part in parts]


def found() -> dict[str, set[str]]:
    """Where public signatures say `Any` -> how: ``"tinyseq.load(path)": {"Any"}``, or an alias's name."""
    names = modules()
    imports = BuildSource(None, "probe", "\n".join(f"import {name}" for name in names))
    sources, options = process_options(["--config-file", str(ROOT / "pyproject.toml")])
    result = build.build([*sources, imports], options)
    assert not result.errors, result.errors
    places: dict[str, set[str]] = {}
    for name in names:
        for symbol in result.files[name].names.values():
            if symbol.module_public and symbol.node is not None and symbol.node.fullname.startswith("tinyseq."):
                places.update(_of_symbol(symbol.node))
    return dict(sorted(places.items()))


def _of_symbol(node: SymbolNode) -> Iterator[tuple[str, set[str]]]:
    if isinstance(node, TypeInfo):
        for info in node.mro:
            if info.fullname.startswith("tinyseq."):
                for name, member in info.names.items():
                    if member.node is not None and (name in DUNDERS or not name.startswith("_")):
                        yield from _of_symbol(member.node)
    elif isinstance(node, Decorator | FuncDef | OverloadedFuncDef | Var):
        said = node.var.type if isinstance(node, Decorator) else node.type
        if said is not None:
            yield from _of_type(node.fullname, said)


def _of_type(name: str, said: Type) -> Iterator[tuple[str, set[str]]]:
    proper = get_proper_type(said)
    callables = proper.items if isinstance(proper, Overloaded) else [proper]
    for each in callables:
        if not isinstance(each, CallableType):
            parts = [(name, said)]
        else:
            arguments = zip(each.arg_names, each.arg_types, strict=True)
            parts = [(f"{name}({argument})", kind) for argument, kind in arguments if not each.is_ellipsis_args]
            parts.append((f"{name}()", each.ret_type))
        for place, kind in parts:
            if how := kind.accept(_Any()):
                yield place, how


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args(arguments)
    places = found()
    for place, how in places.items():
        print(f"{place}: {', '.join(sorted(how))}")
    print(f"{len(places)} places in {len({place.partition('(')[0] for place in places})} signatures")
    return 0


if __name__ == "__main__":
    as_program(main)
