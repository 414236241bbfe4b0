"""Which array library an array belongs to.

The engine never asks "NumPy or CuPy?": it looks up the *namespace* of the array it was given and calls functions on
that. A namespace answers with the array library's own function where the library has the name (``xp.exp``), and
otherwise with one registered here (``xp.erf``, ``xp.sigmoid``). CuPy is never imported: it is found only when one of
its arrays arrives.
"""

import sys
from collections.abc import Callable
from functools import cache, partial, wraps
from types import ModuleType
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]  # or of another library: typed as NumPy's, whose methods theirs have
Whole = TypeVar("Whole", bound=Callable[..., Any])
DeviceArray = Any  # an array of CuPy, with what NumPy's do not have: ``set``, ``data.ptr``

EXTENSIONS: dict[str, Callable[..., Any]] = {}  # name -> f(xp, ...): what array libraries lack, or do not agree upon


class Namespace:
    """An array library seen through one set of names.

    Attributes are looked up in the library first, then among the registered extensions, and kept.

    Example:
        >>> xp = namespace_of(np.ones(2))
        >>> xp.exp(np.zeros(2))
        array([1., 1.])
        >>> xp.name
        'numpy'
    """

    whole: Callable[..., Any] | None = None  # of a library that records: notes down ``function(xp, ...)`` as one step

    asarray: Callable[..., Array]  # found as all other names are; its type is stated for those who only convert

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.name = module.__name__

    @property
    def on_host(self) -> bool:
        """Whether its arrays are NumPy's: now, or when a recorded step is replayed."""
        return self.module is np

    def operand(self, array: Array, copies: bool) -> Array:
        """An array of the caller's as an operand beside tensors: a copy, unless the op neither keeps nor returns it."""
        return self.asarray(array, copy=True) if copies else array

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.module, name, None)
        if value is None:
            if name not in EXTENSIONS:
                raise AttributeError(f"neither {self.module.__name__} nor tinyseq has a function {name!r}")
            value = partial(EXTENSIONS[name], self)
        elif name == "isdtype":  # asked at each call of a layer, and NumPy takes 2 us to answer
            value = cache(value)
        setattr(self, name, value)
        return value

    def __repr__(self) -> str:
        return f"Namespace({self.name})"


NUMPY = Namespace(np)


class Namespaces(dict[type, Namespace]):
    """The namespace of each type of array, entered when the type is first looked up."""

    def __missing__(self, kind: type) -> Namespace:
        if issubclass(kind, np.generic | np.ndarray):
            return NUMPY  # and the type is not noted down: a scalar is not an array, and a memory map is more than one
        module = _home(kind)
        if module is None:
            raise KeyError(kind)
        return self.enter(kind, module)

    def enter(self, kind: type, module: ModuleType) -> Namespace:
        """Note down that arrays of this type belong to ``module``."""
        found = next((known for known in self.values() if known.module is module), None) or Namespace(module)
        self[kind] = found
        return found


def _home(kind: type) -> ModuleType | None:
    """The package in which an array type was defined, if it is that package's ``ndarray``.

    CuPy's arrays have no ``__array_namespace__``, so the type itself has to say where it belongs.
    """
    module = sys.modules.get(kind.__module__.partition(".")[0])
    own = getattr(module, "ndarray", None)
    return module if isinstance(own, type) and issubclass(kind, own) else None


NAMESPACES = Namespaces({np.ndarray: NUMPY})


def namespace_of(array: Array) -> Namespace:
    """The namespace of a raw array, by its type.

    Args:
        array: an array of NumPy, CuPy or any library with ``__array_namespace__``.

    Returns:
        The `Namespace` whose functions take such arrays.

    Raises:
        TypeError: if the object is not an array.

    Example:
        >>> namespace_of(np.zeros(3)).name
        'numpy'
    """
    kind = type(array)
    try:
        return NAMESPACES[kind]
    except KeyError:
        if hasattr(array, "__array_namespace__"):
            return NAMESPACES.enter(kind, array.__array_namespace__())
    raise TypeError(f"expected an array, got {kind.__name__}; make it one with ts.tensor(...)")


def is_array(value: object) -> bool:
    """Whether a value is a raw array that the engine can compute with (NumPy scalars are not)."""
    if type(value) in NAMESPACES:
        return True
    if isinstance(value, np.generic) or not hasattr(value, "dtype"):
        return False
    array: Any = value
    try:
        namespace_of(array)
    except TypeError:
        return False
    return True


def library_of(value: Any) -> str:
    """The name of the library that a raw array belongs to; empty for anything else."""
    return namespace_of(value).name if is_array(value) else ""


def forget(name: str) -> None:
    """Forget an extension, in all namespaces that have looked it up."""
    EXTENSIONS.pop(name, None)
    for found in NAMESPACES.values():
        vars(found).pop(name, None)


def extension(function: Callable[..., Any]) -> Callable[..., Any]:
    """Register ``function(xp, ...)`` under its name in every namespace."""
    EXTENSIONS[function.__name__] = function
    return function


def is_recorded(array: Array) -> bool:
    """Whether an array has no values yet: it stands for those of later replays (see `tinyseq.compile`)."""
    return namespace_of(array).whole is not None


def recorded_whole(function: Whole) -> Whole:
    """``function(xp, ...)``, which a library that records notes down as one step, without its inner calls.

    So it may read values, loop as often as they say, and write to its own arrays: each replay runs it anew.

    Example:
        >>> @recorded_whole
        ... def halved_if_large(xp, x):
        ...     return x / 2 if x.max() > 1 else x
        >>> halved_if_large(NUMPY, np.array([4.0, 1.0]))
        array([2. , 0.5])
    """

    @wraps(function)
    def call(xp: Any, *args: Any, **settings: Any) -> Any:
        whole = getattr(xp, "whole", None)
        return function(xp, *args, **settings) if whole is None else whole(function, *args, **settings)

    return cast(Whole, call)
