"""Which array library an array belongs to.

The engine never asks "NumPy or CuPy?": it looks up the *namespace* of the array it was given and calls functions on
that. A namespace answers with the array library's own function where the library has the name (``xp.exp``), and
otherwise with one registered here (``xp.erf``, ``xp.sigmoid``). CuPy is never imported: it is found only when one of
its arrays arrives.
"""

import math
import sys
import weakref
from collections.abc import Callable, Hashable
from functools import cache, partial, wraps
from types import ModuleType
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from tinyseq.arguments import check_unmasked
from tinyseq.indexed_sums import add_at

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


def dtype_of(xp: Namespace, dtype: Any) -> Any:
    """A library's own dtype for one named as NumPy does (``"float32"``, ``np.float32``, ``float``).

    Raises:
        TypeError: there is no such type.

    Example:
        >>> dtype_of(NUMPY, "float23")
        Traceback (most recent call last):
        TypeError: dtype must be an element type, such as "float32", got 'float23'
    """
    if not isinstance(dtype, str | type | np.dtype | int | float | list | tuple):  # None, or another library's own
        return dtype
    try:
        known: np.dtype[Any] = np.dtype(dtype)  # type: ignore[arg-type]  # of which some is none
    except TypeError:
        cure = "; put the values in one list" if isinstance(dtype, int | float) else ""
        raise TypeError(f'dtype must be an element type, such as "float32", got {dtype!r}{cure}') from None
    if xp.name in ("numpy", "cupy"):
        return known if known.isnative else np.dtype(known.char)
    return getattr(xp, known.name)


def target_type(target: Any) -> Any:
    """The target of a ``to()`` that is no device: a dtype.

    Raises:
        TypeError: it is none.
    """
    try:
        return dtype_of(NUMPY, target)
    except TypeError:
        raise TypeError(f'to() takes "cpu", "cuda" or a dtype such as "float64", got {target!r}') from None


def to_numpy(array: Any) -> np.ndarray[Any, np.dtype[Any]]:
    """The values of any backend's array as a NumPy array (a copy where the data lies on a device)."""
    if isinstance(array, np.ndarray):
        return array
    return array.get() if hasattr(array, "get") else np.asarray(array)


def on_host(values: Any) -> Any:
    """Arrays of any library as NumPy's; anything else, such as a list, as it is. Masked elements are a TypeError."""
    check_unmasked(values)
    return to_numpy(values) if is_array(values) else values


def host_array(values: Any) -> Any:
    """Arrays of any library, and lists, as a NumPy array; an array that records stays one."""
    found = on_host(values)
    return found if is_array(found) and not isinstance(found, np.ndarray) else np.asarray(found)


def to_device(array: Array, device: str) -> Array:
    """Move a raw array between the processor and a GPU.

    Args:
        array: the array.
        device: ``"cpu"`` (NumPy) or ``"cuda"`` (CuPy).

    Returns:
        The same values on that device; the same array if it is there already.

    Raises:
        ValueError: for another device name.
        RuntimeError: if CuPy is not installed, or finds no GPU.

    Example:
        >>> to_device(np.ones(2), "cpu")
        array([1., 1.])
    """
    if device == "cpu":
        return to_numpy(array)
    if device != "cuda":
        raise ValueError(f'device must be "cpu" or "cuda", got {device!r}')
    try:
        import cupy
    except ImportError as error:
        raise RuntimeError(
            'to("cuda") needs CuPy: pip install "tinyseq[cuda12]" or "tinyseq[cuda13]" for your driver'
        ) from error
    try:
        return cupy.asarray(array)
    except RuntimeError as error:
        if cupy.is_available():
            raise
        raise RuntimeError(f'to("cuda") found CuPy, but no NVIDIA GPU that it can use: {error}') from error


def scattered(xp: Namespace, values: Array, index: Any, shape: tuple[int, ...]) -> Array:
    """Zeros of a shape with ``values`` added at ``index``; places named twice receive both."""
    if xp.whole is not None:
        return xp.whole(scattered, values, index, shape)
    if xp.name in ("numpy", "cupy"):
        out = xp.zeros(shape, dtype=values.dtype)
        index = _native(xp, index, shape)
        if _names_places_once(index):
            out[index] = values
        elif is_half(values):  # 2,048 + 1 is 2,048
            return xp.astype(scattered(xp, xp.astype(values, xp.float32), index, shape), values.dtype)
        elif xp is NUMPY:
            add_at(out, index, values)
        else:
            xp.add.at(out, index, values)
        return out
    # A library without scatter: number the cells, index the numbers, and add one value at a time.
    cells = np.arange(math.prod(shape)).reshape(shape)[index].reshape(-1)
    flat, given = xp.zeros((math.prod(shape),), dtype=values.dtype), xp.reshape(values, (-1,))
    for i, cell in enumerate(cells.tolist()):
        flat[cell] = flat[cell] + given[i]
    return xp.reshape(flat, shape)


def gathered(xp: Namespace, array: Array, index: Any) -> Array:
    """``array[index]`` for any index that NumPy understands, as an array of its own."""
    if xp.whole is not None:
        return xp.whole(gathered, array, index)
    if xp.name in ("numpy", "cupy"):
        found = array[_native(xp, index, array.shape)]
        return found.copy() if isinstance(found, np.ndarray) and found.base is not None else found
    cells = np.arange(math.prod(array.shape)).reshape(array.shape)[index]
    flat = xp.take(xp.reshape(array, (-1,)), xp.asarray(cells.reshape(-1)), axis=0)
    return xp.reshape(flat, cells.shape)


def replaced(xp: Namespace, array: Array, index: Any, values: Array) -> Array:
    """A copy of an array with ``values`` at ``index``."""
    if xp.whole is not None:
        return xp.whole(replaced, array, index, values)
    if xp.name in ("numpy", "cupy"):
        out = xp.asarray(array, copy=True)
        out[_native(xp, index, array.shape)] = xp.asarray(values)
        return out
    out = to_numpy(array).copy()
    out[index] = to_numpy(values)
    return xp.asarray(out)


def _native(xp: Namespace, index: Any, shape: tuple[int, ...]) -> Any:
    """An index into an array of this shape whose arrays are of this library."""
    if xp is NUMPY:
        return index
    # CuPy checks no bounds, and wraps what lies outside round. NumPy checks, on an array that takes no memory.
    parts = index if isinstance(index, tuple) else (index,)
    reached = len(shape) if any(part is Ellipsis for part in parts) else sum(map(_axes, parts))
    np.broadcast_to(np.False_, shape[:reached])[index]
    native = tuple(made_once(part, xp, xp.asarray) if isinstance(part, np.ndarray) else part for part in parts)
    return native if isinstance(index, tuple) else native[0]


_MADE: dict[int, dict[Hashable, Any]] = {}  # by the ids of frozen arrays that live


def frozen(array: Array) -> Array:
    """The array with memory of its own, read-only if NumPy's, so that `made_once` can keep what it makes of it."""
    if isinstance(array, np.ndarray):
        array.setflags(write=False)
    return array


def made_once(array: Array, key: Hashable, make: Callable[[Array], Any]) -> Any:
    """``make(array)``, such as a copy on a device; of a frozen array made once per key, and kept as long as the array.

    So ids that a forward pass has sent to a device are there for the backward pass.
    """
    if not isinstance(array, np.ndarray) or array.flags.writeable or not array.flags.owndata:
        return make(array)
    number = id(array)
    if number not in _MADE:
        _MADE[number] = {}
        weakref.finalize(array, _MADE.pop, number, None)
    found = _MADE[number]
    if key not in found:
        found[key] = make(array)
    return found[key]


def _axes(part: Any) -> int:
    """How many axes one part of an index takes up."""
    if part is None or isinstance(part, bool | np.bool_):
        return 0
    return part.ndim if isinstance(part, np.ndarray) and part.dtype == bool else 1


def _names_places_once(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return all(not hasattr(part, "dtype") or part.dtype == bool for part in parts)


@extension
def erf(xp: Namespace, array: Array) -> Array:
    """The error function, which array libraries lack; the C library's, element by element."""
    if xp.name == "cupy":
        from cupyx.scipy.special import erf as on_device

        return on_device(array)
    values = _real(to_numpy(array))
    return xp.asarray(np.asarray(_ERF(values), dtype=values.dtype))


@extension
def normal_cdf(xp: Namespace, array: Array) -> Array:
    """erfc(-x / sqrt 2) / 2. The quotient is taken in two parts, as erfc would magnify its rounding."""
    if xp.name == "cupy":
        from cupyx.scipy.special import ndtr as on_device

        return on_device(array)
    values = _real(to_numpy(array))
    with np.errstate(under="ignore", invalid="ignore"):
        exact = -np.clip(values, -50, 50).astype(np.longdouble) / np.sqrt(np.longdouble(2))
        rounded = exact.astype(np.float64)
        rest = (exact - rounded).astype(np.float64)
        found = np.asarray(_ERFC(rounded), dtype=np.float64)
        found = (found - rest * (2 / math.sqrt(math.pi)) * np.exp(-rounded * rounded)) / 2
    return xp.asarray(found.astype(values.dtype))


def is_half(x: Any) -> bool:
    """Whether an array or a tensor is of float16, in which sums and squares soon overflow."""
    return getattr(x.dtype, "char", "") == "e"


def of_real(xp: Any, x: Any) -> Any:
    """The array itself; complex numbers are a TypeError, for functions whose formula is of real ones."""
    if xp.isdtype(x.dtype, "complex floating"):
        raise TypeError(f"takes real numbers, got {x.dtype}")
    return x


def _real(values: np.ndarray[Any, np.dtype[Any]]) -> np.ndarray[Any, np.dtype[Any]]:
    """Whole numbers as float64."""
    of_real(NUMPY, values)
    return values if values.dtype.kind == "f" else values.astype(np.float64)


_ERF, _ERFC = np.frompyfunc(math.erf, 1, 1), np.frompyfunc(math.erfc, 1, 1)


@extension
def fmin(xp: Namespace, x: Array, y: Array) -> Array:
    """The smaller of two; where one is NaN, the other one."""
    return xp.where(xp.isnan(x), y, xp.minimum(x, y))


@extension
def einsum(xp: Namespace, subscripts: str, *operands: Array) -> Array:
    """Sums of products for libraries without einsum, by way of NumPy."""
    return xp.asarray(np.einsum(subscripts, *(to_numpy(x) for x in operands)))


@extension
def cumulative_sum(xp: Namespace, array: Array, *, axis: int) -> Array:
    """The standard's name for cumsum, where a library has only the older one."""
    return xp.cumsum(array, axis=axis)


@extension
def cumulative_prod(xp: Namespace, array: Array, *, axis: int) -> Array:
    """The standard's name for cumprod, where a library has only the older one."""
    return xp.cumprod(array, axis=axis)
