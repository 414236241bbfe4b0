"""Attributes that a class and its objects do not have: tables of the class say what to use instead."""

from abc import ABCMeta
from collections import ChainMap
from typing import TYPE_CHECKING, Any, NoReturn

from tinyseq.torch_names.lookup import missing


def no_attribute(owned: object, name: str) -> AttributeError:
    """The error for an attribute that a class, or one of its objects, does not have.

    Args:
        owned: the class or the object. The class and its bases may have tables `_other_names`, from names of other
            libraries to what to use instead.
        name: the name of the attribute.
    """
    kind = owned if isinstance(owned, type) else type(owned)
    cures = ChainMap(*(vars(base).get("_other_names", {}) for base in kind.__mro__))
    owner = f"type object {kind.__name__!r}" if owned is kind else f"{kind.__name__!r} object"
    return missing(owner, name, cures, owned=owned)


def _absent(owned: object, name: str) -> NoReturn:
    """The ``__getattr__`` of objects."""
    raise no_attribute(owned, name)


class Hinted(type):
    """A metaclass whose classes, and their objects, say what to use in place of a missing attribute.

    For type checkers a missing name stays an error, as a class is given its ``__getattr__`` when it is made.
    """

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **settings: Any) -> None:
        super().__init__(name, bases, namespace, **settings)
        if not any("__getattr__" in vars(base) for base in cls.__mro__):
            type.__setattr__(cls, "__getattr__", _absent)

    if not TYPE_CHECKING:  # for type checkers a missing name stays an error

        def __getattr__(cls, name: str) -> NoReturn:
            raise no_attribute(cls, name)


class HintedABC(Hinted, ABCMeta):
    """The same for abstract base classes."""
