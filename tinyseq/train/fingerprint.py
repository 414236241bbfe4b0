"""A fingerprint of what a run depends on, stored in its checkpoint, so that the checkpoint of another run is refused.

A resumed run may have more steps and other callbacks. Everything that its weights depend on must be the same: otherwise
the resumed run would be neither the old nor the new one.
"""

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import to_numpy
from tinyseq.data.vocabulary import Vocabulary
from tinyseq.nn.module import Module
from tinyseq.optim import Optimizer, Plateau

SHOWN = 60  # values up to this many characters are stored in full
MOST = 40  # dictionaries up to this size are stored entry by entry
LENGTHS = frozenset({"steps", "warm_up", "every"})  # attributes of a schedule that may grow with the run

Items = dict[str, Any]


def of_run(
    model: Module,
    optimizer: Optimizer,
    schedule: Callable[[int], float] | None,
    clip: float | None,
    depends_on: Mapping[str, object],
) -> Items:
    """The fingerprint of a run: plain values, or summaries with a checksum, by name.

    Args:
        model: included are the classes of its modules, and their stored arguments.
        optimizer: included are its rule and settings; the learning rate only if there is no schedule.
        schedule: included are its rates, but not its number of steps.
        clip: as for `train`.
        depends_on: anything else that the caller names.
    """
    items: Items = {}
    for name, value in depends_on.items():
        items |= _of_value(str(name), value)
    items |= _of_model("model", model)
    items["optimizer"] = type(optimizer).__name__
    kept = {name: value for name, value in vars(optimizer).items() if name not in ("parameters", "states")}
    if schedule is not None:
        kept.pop("lr")
        items["schedule"] = _of_schedule(schedule)
    if isinstance(schedule, Plateau):
        items["schedule.lr"] = summary(schedule.lr)
    items |= {f"optimizer.{name}": summary(value) for name, value in kept.items()}
    items["clip"] = summary(clip)
    return items


def differences(saved: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The differences of two fingerprints, each with the saved and the current value."""
    names = [*saved, *(name for name in now if name not in saved)]
    sides = ((name, saved.get(name, "not there"), now.get(name, "not there")) for name in names)
    return [f"{name} was {before}, now {after}" for name, before, after in sides if before != after]


def summary(value: Any) -> Any:
    """Numbers and short strings unchanged; size and checksum of longer values; the type name of unknown objects."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Tensor):
        value = to_numpy(value._array)
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        return f"{value.dtype} {value.shape} ({_checksum(np.ascontiguousarray(value).tobytes())})"
    if isinstance(value, str):
        return value if len(value) <= SHOWN else f"{len(value):,} characters ({_checksum(value)})"
    if callable(value) or isinstance(value, np.random.Generator):
        return str(getattr(value, "__name__", type(value).__name__))
    try:
        text = json.dumps(value, default=_plain, ensure_ascii=False)
    except (TypeError, ValueError):
        return type(value).__name__
    return text if len(text) <= SHOWN else f"{text[: SHOWN // 2]}... ({_checksum(text)})"


def _of_value(name: str, value: Any) -> Items:
    """The summary of a value; for a small dictionary, of each of its entries."""
    if isinstance(value, Mapping) and len(value) <= MOST:
        return {f"{name}.{key}": summary(entry) for key, entry in value.items()}
    return {name: summary(value)}


def _plain(value: Any) -> Any:
    """A JSON value for an object that JSON cannot represent."""
    if isinstance(value, Vocabulary):
        return value.symbols if value.unknown is None else [value.symbols, value.unknown]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, set | frozenset):
        return sorted(map(repr, value))
    raise TypeError(type(value).__name__)


def _checksum(value: str | bytes) -> str:
    data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    return f"sha256 {hashlib.sha256(data).hexdigest()[:16]}"


def _of_model(name: str, module: Module, above: frozenset[int] = frozenset()) -> Items:
    """The class of a module, its constructor arguments, as far as it stores them, and its submodules."""
    items = {name: type(module).__name__}
    for argument in _arguments(type(module)):
        value = vars(module).get(argument)
        if argument in vars(module) and not isinstance(value, Module | Tensor):
            items |= _of_value(f"{name}.{argument}", value)
    for child, inside in module.children():
        if id(inside) not in above | {id(module)}:  # modules may refer to each other
            items |= _of_model(f"{name}.{child}", inside, above | {id(module)})
    return items


def _arguments(kind: type) -> list[str]:
    """The names of the constructor arguments of a class and its bases."""
    makers = [vars(base)["__init__"] for base in kind.__mro__[:-1] if "__init__" in vars(base)]
    return list(dict.fromkeys(name for make in makers for name in list(inspect.signature(make).parameters)[1:]))


def _of_schedule(schedule: Any) -> Any:
    """A schedule of this package with its rates; a user's own by its name."""
    if isinstance(schedule, Plateau):
        kept = {name: getattr(schedule, name) for name in ("mode", "factor", "patience", "threshold", "cooldown")}
        return f"Plateau({_listed({**kept, 'min_lr': schedule.min_lr})})"
    if isinstance(schedule, partial):
        given = inspect.signature(schedule.func).bind_partial(*schedule.args, **schedule.keywords).arguments
        kept = {name: _of_schedule(value) for name, value in given.items() if name not in LENGTHS}
        return f"{schedule.func.__name__.lstrip('_')}({_listed(kept)})"
    return summary(schedule)


def _listed(items: Items) -> str:
    return ", ".join(f"{name}={value}" for name, value in items.items())
