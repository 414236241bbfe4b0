"""Errors for missing names.

A name is looked up in this order: the table of its owner (`TENSOR`, `PACKAGE`, ...); how it is written here
(`WRITTEN`); where else the library has it, under the same name or one that differs in case and underscores
(``nn.LogSigmoid`` is ``ts.log_sigmoid``); why it is not here (`REASONS`); NumPy, which has it without a gradient.
"""

import difflib
import functools
import re
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from tinyseq.torch_names.names import REASONS, WRITTEN


def missing(owner: str, name: str, cures: dict[str, str], own: bool = False) -> AttributeError:
    """The error for an attribute that is not there.

    Args:
        owner: what it was looked for in, for the error.
        name: the name of the attribute.
        cures: what to use in place of the attributes of PyTorch's counterpart of the owner.
        own: search nowhere else; for objects whose attributes are the user's own, such as a model's ``lstm``.
    """
    ending = (f"; use {cures[name]}" if name in cures else "") if own else _ending(name, cures)
    return AttributeError(f"{owner} has no attribute {name!r}{ending}", name=name)


def _ending(name: str, cures: dict[str, str]) -> str:
    if name.startswith("_"):
        return ""
    found = written(name, cures)
    if found is not None:
        return f"; use {found}"
    if name.endswith("_"):
        return f"; values never change in place; assign the result of an op{_ending(name[:-1], cures)}"
    reason = next((reason for pattern, reason in REASONS if re.search(pattern, name)), None)
    if reason is not None:
        return f"; tinyseq has no counterpart of PyTorch's {name}: {reason}"
    if callable(getattr(np, name, None)) and name.islower():
        return f"; use np.{name} on t.numpy(), which has no gradient"
    near = _nearest(name)
    return f"; the nearest name is {near}" if near else ""


def written(name: str, cures: dict[str, str]) -> str | None:
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
    """Where the library has a name, ignoring case and underscores."""
    plain = name.replace("_", "").lower()
    return next((f"{place}.{public}" for place, public in _public() if public.replace("_", "").lower() == plain), None)


@functools.cache
def _nearest(name: str) -> str | None:
    """The public name with the most similar spelling."""
    near = difflib.get_close_matches(name, [public for _, public in _public()], n=1, cutoff=0.8)
    return near[0] if near else None


def _public() -> list[tuple[str, str]]:
    """Every public name of the library, and the module that a user finds it in."""
    places = {
        "tinyseq": "ts",
        **{f"tinyseq.{room}": f"ts.{room}" for room in ("nn", "optim", "data", "nn.init", "testing")},
    }
    found = [
        (place, name) for module, place in places.items() for name in getattr(sys.modules.get(module), "__all__", ())
    ]
    tensor = getattr(sys.modules.get("tinyseq"), "Tensor", None)
    return found + [("t", name) for name in dir(tensor) if not name.startswith("_")]


def of_module(module: str, cures: dict[str, str]) -> Callable[[str], Any]:
    """The ``__getattr__`` of a module."""

    def absent(name: str) -> NoReturn:
        raise missing(f"module {module!r}", name, cures)

    return absent
