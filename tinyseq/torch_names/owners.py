"""Attributes that a class and its objects do not have: tables of the class say what to use instead."""

from abc import ABCMeta
from collections import ChainMap
from typing import TYPE_CHECKING, NoReturn

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


class Hinted(type):
    """A metaclass whose classes say what to use in place of a missing attribute, such as ``HMM.train``."""

    if not TYPE_CHECKING:  # for type checkers a missing name stays an error

        def __getattr__(cls, name: str) -> NoReturn:
            raise no_attribute(cls, name)


class HintedABC(Hinted, ABCMeta):
    """The same for abstract base classes."""
