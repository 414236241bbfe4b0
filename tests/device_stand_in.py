"""A stand-in for CuPy, so that what a GPU needs of the library is tested where there is none.

It computes with NumPy, and is strange in the ways in which CuPy is (version 14): its arrays have no
``__array_namespace__``, are never converted to NumPy's or mixed with them by themselves, and wrap an integer index that
is out of bounds round. Every copy between "host" and "device" is counted in `TRAFFIC`.
"""

import math
import sys
import types

import cuda_on_the_host
import numpy as np

from tinyseq.backend import NAMESPACES

TRAFFIC = {"up": 0, "down": 0}
LIBRARY = types.ModuleType("cupy")
EXTRAS = types.ModuleType("cupyx")
SCIPY = types.ModuleType("cupyx.scipy")
SPECIAL = types.ModuleType("cupyx.scipy.special")
_ABSENT = {"erf", "unstack", "vecdot", "errstate", "ma", "random", "nditer", "testing"}  # what CuPy has not


class ndarray:
    """An array "on the device"."""

    __array_priority__ = 100

    def __init__(self, values):
        self._values = values

    def __array__(self, *_, **__):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    def __array_ufunc__(self, function, method, *inputs, **settings):
        return _on_device(getattr(function, method))(*inputs, **settings)

    def get(self):
        TRAFFIC["down"] += 1
        return self._values.copy()

    def item(self, *index):
        TRAFFIC["down"] += 1
        return self._values.item(*index)

    def tolist(self):
        TRAFFIC["down"] += 1
        return self._values.tolist()

    def __bool__(self):
        TRAFFIC["down"] += 1
        return bool(self._values)

    def __float__(self):
        TRAFFIC["down"] += 1
        return float(self._values)

    def __int__(self):
        TRAFFIC["down"] += 1
        return int(self._values)

    def __complex__(self):
        TRAFFIC["down"] += 1
        return complex(self._values)

    def __index__(self):
        TRAFFIC["down"] += 1
        return self._values.__index__()

    def __len__(self):
        return len(self._values)

    def __iter__(self):
        return iter([self[i] for i in range(len(self._values))])

    def __repr__(self):
        return repr(self._values)

    __hash__ = None

    def __getitem__(self, index):
        return _wrapped(self._values[_bent(index, self._values.shape)])

    def __setitem__(self, index, values):
        if isinstance(values, np.ndarray):
            raise TypeError("Unsupported type <class 'numpy.ndarray'>")
        self._values[_bent(index, self._values.shape)] = _plain(values)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        value = getattr(self._values, name)
        return _on_device(value) if callable(value) else _wrapped(value)


def _binary(name):
    def method(self, other):
        if isinstance(other, list | tuple):
            return NotImplemented
        return _on_device(getattr(self._values, name))(other)

    return method


_ARITHMETIC = ["add", "sub", "mul", "truediv", "pow", "matmul", "floordiv", "mod", "and", "or", "xor"]
_COMPARISONS = ["lt", "le", "gt", "ge", "eq", "ne"]
for _name in [f"__{before}{name}__" for name in _ARITHMETIC for before in ("", "r", "i")] + [
    f"__{name}__" for name in _COMPARISONS
]:
    setattr(ndarray, _name, _binary(_name))
for _name in ("__neg__", "__abs__", "__invert__", "__pos__"):
    setattr(ndarray, _name, lambda self, _name=_name: _wrapped(getattr(self._values, _name)()))


def _bent(index, shape):
    """An index with what is out of bounds wrapped round, as CuPy reads it."""
    parts = index if isinstance(index, tuple) else (index,)
    bent, axis = [], 0
    rest = len(shape) - sum(_axes(part) for part in parts)
    for part in parts:
        if isinstance(part, np.ndarray | list):
            raise IndexError("an index on the device must be an array of the device")
        value = _plain(part)
        if isinstance(value, np.ndarray) and value.dtype.kind in "iu":
            value = value % shape[axis] if shape[axis] else value
        elif isinstance(value, float):
            value = int(value)  # accepted without a word
        bent.append(value)
        axis += rest if part is Ellipsis else _axes(part)
    return tuple(bent)


def _axes(part):
    if part is None or part is Ellipsis:
        return 0
    return part._values.ndim if isinstance(part, ndarray) and part._values.dtype == bool else 1


def _wrapped(value):
    """Values of NumPy as an array of the device; tuples and lists of them too."""
    if isinstance(value, np.ndarray | np.generic):
        return ndarray(np.asarray(value))
    if isinstance(value, tuple | list) and any(isinstance(part, np.ndarray | np.generic) for part in value):
        return type(value)(*map(_wrapped, value)) if hasattr(value, "_fields") else type(value)(map(_wrapped, value))
    return value


def _plain(value):
    """What stands behind an argument; an array of NumPy is none that the device takes."""
    if isinstance(value, ndarray):
        return value._values
    if isinstance(value, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    if isinstance(value, tuple | list):
        return type(value)(map(_plain, value)) if not hasattr(value, "_fields") else value
    return value


def _on_device(function):
    def call(*args, **settings):
        return _wrapped(function(*map(_plain, args), **{name: _plain(value) for name, value in settings.items()}))

    return call


def _uploaded(function):
    def call(values, *args, **settings):
        if not _holds(values):
            TRAFFIC["up"] += 1
            return _wrapped(np.array(function(values, *args, **settings)))
        return _wrapped(function(_plain(values), *args, **settings))

    return call


def _holds(values):
    return isinstance(values, ndarray) or (isinstance(values, list | tuple) and any(map(_holds, values)))


def _where(condition, x, y):
    return _on_device(np.where)(condition.astype("?"), x, y)  # a Python bool has no astype


def _add(x, y, **settings):
    return _on_device(np.add)(x, y, **settings)


def _empty(*args, **settings):
    values = np.empty(*args, **settings)
    if values.dtype.kind == "f":
        values.fill(np.nan)  # so that a read of what nobody wrote shows
    return _wrapped(values)


def _add_at(out, index, values):
    np.add.at(out._values, _bent(index, out._values.shape), _plain(values))


def _library(name):
    if name in _ABSENT or name.startswith("__"):
        raise AttributeError(name)
    value = getattr(np, name)
    if isinstance(value, types.ModuleType):
        module = types.ModuleType(f"cupy.{name}")
        module.__getattr__ = lambda inner: _on_device(getattr(value, inner))
        return module
    return value if isinstance(value, type) or not callable(value) else _on_device(value)


ndarray.__module__ = "cupy"
LIBRARY.ndarray = ndarray
LIBRARY.where = _where
LIBRARY.empty = _empty
LIBRARY.RawModule = cuda_on_the_host.RawModule
LIBRARY.asarray, LIBRARY.array = _uploaded(np.asarray), _uploaded(np.array)
LIBRARY.asnumpy = lambda values: values.get() if isinstance(values, ndarray) else np.asarray(values)
LIBRARY.__version__ = "a stand-in"
LIBRARY.__getattr__ = _library
_add.at = _add_at
LIBRARY.add = _add
EXTRAS.scipy, SCIPY.special = SCIPY, SPECIAL


def _erf(values):
    return _wrapped(np.vectorize(math.erf, otypes=[values.dtype])(values._values))


def _ndtr(values):
    half = np.vectorize(lambda x: 0.5 * math.erfc(-x / math.sqrt(2)), otypes=[values.dtype])
    return _wrapped(half(values._values))


SPECIAL.erf, SPECIAL.ndtr = _erf, _ndtr
MODULES = {"cupy": LIBRARY, "cupyx": EXTRAS, "cupyx.scipy": SCIPY, "cupyx.scipy.special": SPECIAL}


def install(monkeypatch):
    """Let ``import cupy`` find the stand-in."""
    for name, module in MODULES.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(NAMESPACES, ndarray, raising=False)  # as in a fresh process
