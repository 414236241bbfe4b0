"""The settings of a call of an op: given by position or by name, checked, with the defaults of the others."""

from typing import Any

from tinyseq.autograd.calls.errors import place
from tinyseq.autograd.record.op import Op
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import Array
from tinyseq.torch_names.settings import setting


def by_name(record: Op, names: tuple[str, ...], values: tuple[Any, ...], attrs: dict[str, Any]) -> None:
    """Move settings passed by position into ``attrs``.

    Raises:
        TypeError: there are too many, or one is given twice.
    """
    if len(values) > len(names):
        takes = f"{len(record.inputs)} tensors and {len(names)} settings {names}"
        raise TypeError(f"{record.name} takes {takes}, got {len(record.inputs) + len(values)} arguments")
    for i, value in enumerate(values):
        if names[i] in attrs:
            raise TypeError(f"{record.name} got {names[i]}= twice, by position and by name")
        attrs[names[i]] = value


def settings_of(record: Op, attrs: dict[str, Any]) -> dict[str, Any]:
    """All settings of a call.

    Args:
        record: the op.
        attrs: those that were given; a tensor without a graph becomes its array.

    Raises:
        TypeError: one is unknown or missing, or a gradient would flow through it.
    """
    settings = record.defaults | attrs
    if len(settings) > len(record.defaults):
        name = min(attrs.keys() - record.defaults.keys())
        cure = setting(name, record.defaults)
        raise TypeError(f"{record.name} has no setting {name!r}; it has {sorted(record.defaults)}{cure}")
    for name in record.required:
        if name not in attrs:
            raise TypeError(f"{record.name} needs {name}=")
    for name, value in attrs.items():
        if isinstance(value, Tensor):
            settings[name] = _array(record, name, value)
    return settings


def _array(record: Op, name: str, value: Tensor) -> Array:
    if value.node is not None:
        raise TypeError(
            f"{record.name}({name}){place()}: {name} is a setting, through which no gradient flows; "
            f"give {name}.detach(), or write the formula in other ops"
        )
    return value._array
