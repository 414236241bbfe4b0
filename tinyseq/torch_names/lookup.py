"""Errors for missing names.

A name is looked up in this order: the table of its owner (`TENSOR`, `HMM`, `MODULES`, ...); how it is written here
(`WRITTEN`); where else the library has it, under the same name or one that differs in case and underscores
(``nn.LogSigmoid`` is ``ts.log_sigmoid``); for a module, the tables of the others; why it is not here (`REASONS`);
NumPy, which has it without a gradient.
"""

import difflib
import functools
import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from tinyseq.torch_names.names import NN, OPTIM, PACKAGE, REASONS, WRITTEN
from tinyseq.torch_names.of_tasks import CLASSIFY, DATA, INSPECT, LM, TAGGING, TRAIN
from tinyseq.torch_names.other_names import AUTOGRAD, HMM_MODULE, INIT, OF_A_MODEL, RANDOM, TESTING, VIZ

ROOT = __name__.partition(".")[0]
MODULES = {
    "ts": {**OF_A_MODEL, **PACKAGE},
    "ts.autograd": AUTOGRAD,
    "ts.classify": CLASSIFY,
    "ts.data": DATA,
    "ts.hmm": HMM_MODULE,
    "ts.inspect": INSPECT,
    "ts.lm": LM,
    "ts.nn": NN,
    "ts.nn.init": INIT,
    "ts.optim": OPTIM,
    "ts.random": RANDOM,
    "ts.tagging": TAGGING,
    "ts.testing": TESTING,
    "ts.train": TRAIN,
    "ts.viz": VIZ,
}


def missing(owner: str, name: str, cures: Mapping[str, str], owned: object = None) -> AttributeError:
    """The error for an attribute that is not there.

    Args:
        owner: what it was looked for in, for the error.
        name: the name of the attribute.
        cures: what to use in place of the attributes of the owner's counterparts in other libraries.
        owned: the owner itself, where attributes may be the user's own, such as a model's ``lstm``: what the tables do
            not have is then looked for nowhere else, and Python suggests the nearest of its names.
    """
    if owned is None:
        return AttributeError(f"{owner} has no attribute {name!r}{_ending(name, cures)}", name=name)
    ending = f"; use {cures[name]}" if name in cures else ""
    return AttributeError(f"{owner} has no attribute {name!r}{ending}", name=name, obj=owned)


def _ending(name: str, cures: Mapping[str, str]) -> str:
    if name.startswith("_"):
        return ""
    found = written(name, cures)
    if found is not None:
        return f"; use {found}"
    if name.endswith("_"):
        return f"; values never change in place; assign the result of an op{_ending(name[:-1], cures)}"
    reason = next((reason for pattern, reason in REASONS if re.search(pattern, name)), None)
    if reason is not None:
        return f"; there is no counterpart here: {reason}"
    if callable(getattr(np, name, None)) and name.islower():
        return f"; use np.{name} on t.numpy(), which has no gradient"
    near = _nearest(name)
    return f"; the nearest name is {near}" if near else ""


def written(name: str, cures: Mapping[str, str]) -> str | None:
    """How a PyTorch function is written here, or None if there is no counterpart."""
    known = cures.get(name) or WRITTEN.get(name)
    if known is not None:
        return known
    if name.endswith("_") and len(name) > 1:
        base = written(name[:-1], cures)
        call = "(...)" if base and base.replace(".", "").replace("_", "").isalnum() else ""
        return base and f"t = {base}{call}, as values never change in place"
    return _elsewhere(name)


@functools.cache  # hasattr calls it too, and often
def _elsewhere(name: str) -> str | None:
    """Where the library has a name, ignoring case and underscores if there is none spelled like it."""
    plain = name.replace("_", "").lower()
    alike = [(place, public) for place, public in _public() if public.replace("_", "").lower() == plain]
    alike.sort(key=lambda found: (found[1] != name, found[1].islower() and not name.islower()))  # Hmm: HMM, not hmm
    return f"{alike[0][0]}.{alike[0][1]}" if alike else None


@functools.cache
def _nearest(name: str) -> str | None:
    """The public name with the most similar spelling, and where it is."""
    places = {public: place for place, public in reversed(_public())}
    near = difflib.get_close_matches(name, places, n=1, cutoff=0.8)
    return f"{places[near[0]]}.{near[0]}" if near else None


def _public() -> list[tuple[str, str]]:
    """Every public name of the library, and where a user finds it."""
    root = sys.modules[ROOT]
    found = [(place, name) for place, module in public_modules(root) for name in module.__all__]
    tensor = vars(root).get("Tensor")
    return found + [("t", name) for name in dir(tensor) if not name.startswith("_")]


def public_modules(package: ModuleType, place: str = "ts") -> Iterator[tuple[str, ModuleType]]:
    """A package and all modules below it that are among the public names of the one above, and how users write them."""
    yield place, package
    for name in package.__all__:
        below = vars(package).get(name)  # one that was not imported yet, stays so
        if isinstance(below, ModuleType) and below.__name__.startswith(ROOT):
            yield from public_modules(below, f"{place}.{name}")


def guide(package: ModuleType, place: str = "ts", *, later: Collection[str] = ()) -> None:
    """Let `dir` list the public names of a package and of the public modules below it, and errors say what to use.

    Args:
        package: the package.
        place: how users write it.
        later: the full names of modules that are imported when they are first used.
    """
    for found, module in public_modules(package, place):
        vars(module).update(__dir__=_names_of(module), __getattr__=_absent(module, found, later))


def explain(module: ModuleType, place: str) -> None:
    """Let errors for what a module lacks say what to use; for one that is not among the public names."""
    vars(module).update(__getattr__=_absent(module, place, ()))


def _names_of(module: ModuleType) -> Callable[[], list[str]]:
    """The ``__dir__`` of a module; without it, completion also offers what the module itself imports."""
    return lambda: sorted({*module.__all__, *(name for name in vars(module) if name.startswith("__"))})


def _absent(module: ModuleType, place: str, later: Collection[str]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a module."""

    def absent(name: str) -> Any:
        if (full := f"{module.__name__}.{name}") in later:
            return import_module(full)
        raise missing(f"module {module.__name__!r}", name, _cures(place, name))

    return absent


def _cures(place: str, name: str) -> dict[str, str]:
    """The table of a module or, where neither it nor the library has the name, what all other tables say of it."""
    own = MODULES.get(place, {})
    if written(name, own) is not None:
        return own
    others = {table[name] for table in MODULES.values() if name in table}
    return {name: others.pop()} if len(others) == 1 else own
