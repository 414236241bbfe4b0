"""Arrays that record the operations on them.

The engine chooses its array library by the type of the arrays, so recorded arrays are one more library: ops
and their rules run on them unchanged, and their calls are the program. A `Recorded` array has a shape, a
type and a layout, but no value: reading one would fix it for all replays, so it is an error.
"""

import operator
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np

from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import EXTENSIONS, NAMESPACES, NUMPY, Namespace
from tinyseq.compiler.recording.active import (
    ACTIVE,
    Active,
    RecordingError,
    called_by_the_library,
    changing,
    reading,
    user_line,
)
from tinyseq.compiler.steps import Kind, Ref, blank, mapped


def _blanks(tree: Any) -> Any:
    return mapped(tree, Recorded, lambda array: blank(array.kind))


def _has_recorded(tree: Any) -> bool:
    if isinstance(tree, tuple | list):
        return any(map(_has_recorded, tree))
    return type(tree) is Recorded or (type(tree) is dict and any(map(_has_recorded, tree.values())))


def _masks(index: Any) -> bool:
    """Whether an index contains a recorded mask, whose values determine how many elements it selects."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(type(part) is Recorded and part.dtype == bool for part in parts)


def _recorder() -> Active:
    recorder = ACTIVE.get()
    if recorder is None:
        raise RecordingError(
            f"a tensor that a compiled function stored is used at {user_line()}; it has no value. "
            "Return it from the function, and delete what was stored"
        )
    return recorder


# NumPy functions by how they are recorded; for any other function, each replay checks the result's shape.
_ABOUT = {"shape", "ndim", "size", "result_type", "can_cast", "isdtype", "iscomplexobj", "isrealobj"}
_FILLED = {"zeros_like", "ones_like", "empty_like", "full_like"}
_FIXED = {"where", "concatenate", "concat", "stack", "reshape", "transpose", "permute_dims", "matrix_transpose", "sum"}
_FIXED |= {"broadcast_to", "expand_dims", "squeeze", "astype", "asarray", "copy", "max", "min", "mean", "prod", "any"}
_FIXED |= {"all", "flip", "roll", "cumulative_sum", "cumulative_prod", "argmax", "argmin", "sort", "argsort", "tril"}
_FIXED |= {"triu", "clip", "ravel", "swapaxes", "moveaxis", "cumsum", "cumprod", "nan_to_num", "real", "imag", "round"}
_FIXED |= {"pow"}
_PLACING = {"scattered", "replaced", "erf", "normal_cdf"}
_PLACING |= {"losses", "losses_and_exponentials", "gradient_of_exponentials", "sum_in_blocks", "contract_in_blocks"}
_TAKING_NUMBERS = {"where", "clip", "pow"}  # beside arrays, as universal functions do, without a wider type
_PYTHON = {"b": False, "u": 0, "i": 0, "f": 0.0, "c": 0j}  # a number of Python for each kind of type
_CHANGES = {"copyto", "put", "place", "putmask", "fill_diagonal", "put_along_axis"}


def _called(function: Callable[..., Any], args: Any, settings: dict[str, Any]) -> Any:
    """A call of one of NumPy's functions with recorded arrays among its arguments."""
    name = getattr(function, "__name__", "")
    if name in _ABOUT:
        return function(*_blanks(_with_numbers(args)), **_blanks(settings))
    if name in _FILLED and not _has_recorded(args[1:]):
        return function(*_blanks(args), **settings)
    if name in _CHANGES:
        raise changing(f"np.{name}")
    if isinstance(function, np.ufunc) or name in _TAKING_NUMBERS:
        args = _with_numbers(args)
    fixed = name in _FIXED or isinstance(function, np.ufunc)
    found = _recorder().call(function, args, settings, fixed)
    if function is np.astype:
        found.scalar = args[0].scalar
    return found


def _with_numbers(args: Any) -> Any:
    """Arguments, with numbers of the type that Python's numbers take beside real ones; see `is_weak_beside`."""
    if not any(type(part) is Recorded and part.is_number for part in args):
        return args
    types = [part.dtype for part in args if hasattr(part, "dtype") and not getattr(part, "is_number", False)]
    weak = any(dtype.kind in "fc" for dtype in types)

    def converted(part: Any) -> Any:
        if not (type(part) is Recorded and part.is_number and (weak or part.scalar is int)):
            return part
        dtype = np.result_type(*types, _PYTHON[part.dtype.kind])
        return part if dtype == part.dtype else _called(np.astype, (part, dtype), {})

    return tuple(map(converted, args))


_READING = {"item", "tolist", "view", "tobytes", "flags", "data", "setflags", "dump", "dumps", "flat", "ctypes"}
_WRITING = {"fill", "sort", "put", "resize", "partition", "itemset", "setfield", "byteswap"}
_METHODS = {"sum", "prod", "max", "min", "mean", "any", "all", "std", "var", "argmax", "argmin", "argsort", "cumsum"}
_METHODS |= {"cumprod", "copy", "ravel", "squeeze", "swapaxes", "take", "repeat", "clip", "round", "diagonal", "trace"}
_METHODS |= {"astype", "nonzero", "dot", "conj", "searchsorted", "compress"}


class Recorded(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that records.

    Attributes:
        ref: the value in the program; one object shared by all steps that read it.
        kind: its shape, type and layout.
        recorder: the recording that it belongs to.
        scalar: the type of what NumPy gives instead, if that is a number, as the sum of an array is. Beside tensors, it
            is one.
        is_number: whether it stands beside tensors as a number, so that it widens no type of real numbers.
    """

    __slots__ = ("is_number", "kind", "recorder", "ref", "scalar")
    __hash__ = object.__hash__

    def __init__(
        self, number: int, kind: Kind, recorder: Active, scalar: type | None = None, is_number: bool = False
    ) -> None:
        self.ref = Ref(number)
        self.kind = kind
        self.recorder = recorder
        self.scalar = scalar
        self.is_number = is_number

    number = property(lambda self: self.ref.number)
    shape = property(lambda self: self.kind.shape)
    dtype = property(lambda self: self.kind.dtype)
    strides = property(lambda self: self.kind.strides)
    ndim = property(lambda self: self.kind.ndim)
    size = property(lambda self: self.kind.size)
    itemsize = property(lambda self: self.kind.dtype.itemsize)
    nbytes = property(lambda self: self.kind.nbytes)
    T = property(lambda self: _called(np.transpose, (self,), {}))
    mT = property(lambda self: _called(np.matrix_transpose, (self,), {}))
    real = property(lambda self: _called(np.real, (self,), {}))
    imag = property(lambda self: _called(np.imag, (self,), {}))

    @property  # type: ignore[misc]  # of a class that stands for another
    def __class__(self) -> type:
        """For `isinstance` in the user's code, NumPy's arrays."""
        return Recorded if called_by_the_library() else np.ndarray

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        if any(isinstance(part, Tensor) for part in inputs):
            return NotImplemented  # it is an op with an array among its arguments
        if method == "at":
            raise changing(f"np.{ufunc.__name__}.at")
        if settings.pop("out", None) is not None and not called_by_the_library():
            raise changing(f"out= of np.{ufunc.__name__}, or an operator such as +=,")
        # in a rule, x += y is on an array that it owns: here it makes a new one, which Python then binds to x
        return _called(ufunc if method == "__call__" else getattr(ufunc, method), inputs, settings)

    def __array_function__(self, function: Any, types: Any, args: Any, settings: Any) -> Any:
        if any(issubclass(kind, Tensor) for kind in types):
            return NotImplemented
        return _called(function, args, settings)

    def __array_namespace__(self, **_: Any) -> Any:
        return RECORDING

    def __pow__(self, exponent: Any) -> Any:
        if not isinstance(exponent, int | float | complex | np.generic) or self.recorder.on_device:
            return np.power(self, exponent)
        if self.dtype.kind == "f":  # for numbers, NumPy's operator has short cuts that np.power has not
            return np.sqrt(self) if exponent == 0.5 else np.power(self, exponent)
        return _called(operator.pow, (self, exponent), {})

    def __getitem__(self, index: Any) -> Any:
        return _recorder().call(operator.getitem, (self, index), {}, not _masks(index))

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise changing("x[...] = y")

    def __len__(self) -> int:
        return len(blank(self.kind))

    def __iter__(self) -> Iterator[Any]:
        return iter([self[i] for i in range(len(self))])

    def __bool__(self) -> bool:
        return _recorder().truth(self)

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise reading("np.asarray")

    def __float__(self) -> NoReturn:
        raise reading("float()")

    def __int__(self) -> NoReturn:
        raise reading("int()")

    def __index__(self) -> NoReturn:
        raise reading("an index")

    def __complex__(self) -> NoReturn:
        raise reading("complex()")

    def __reduce__(self) -> NoReturn:
        raise reading("pickle")

    def __copy__(self) -> Any:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()

    def __repr__(self) -> str:
        return f"<an array being recorded, {self.dtype}{self.shape}>"

    def get(self) -> "Recorded":
        """The array on the host: the library's computations on it are recorded as well."""
        return self

    def reshape(self, *shape: Any) -> Any:
        """Like NumPy's."""
        return _called(np.reshape, (self, shape[0] if len(shape) == 1 else shape), {})

    def transpose(self, *axes: Any) -> Any:
        """Like NumPy's."""
        order = axes[0] if len(axes) == 1 else axes or None
        return _called(np.transpose, (self, order), {})

    def flatten(self) -> Any:
        """Like NumPy's."""
        return self.reshape(-1).copy()

    def __getattr__(self, name: str) -> Any:
        if name in _METHODS:
            return lambda *args, **settings: _called(getattr(np, name), (self, *args), settings)
        if name in _READING:
            raise reading(".numpy()" if name == "view" and called_by_the_library() else f".{name}")
        if name in _WRITING:
            raise changing(f".{name}")
        raise AttributeError(f"arrays being recorded have no attribute {name!r}")


class Recording(Namespace):
    """The library of recorded arrays: NumPy's functions, recorded if a recorded array is among the arguments."""

    def __init__(self) -> None:
        super().__init__(np)

    @property
    def on_host(self) -> bool:
        """Whether replays compute with NumPy."""
        active = ACTIVE.get()
        return active is None or not active.on_device

    def __getattr__(self, name: str) -> Any:
        value = getattr(np, name, None)
        if value is None:
            value = self._extension(name)
        elif callable(value) and not isinstance(value, type):
            value = _noting(value)
        setattr(self, name, value)
        return value

    def whole(self, function: Callable[..., Any], *args: Any, **settings: Any) -> Any:
        """Record ``function(xp, ...)`` as one step, without its inner calls."""
        on_numpy = _ON_NUMPY.setdefault(function, Whole(function))
        if not _has_recorded((args, settings)):
            return on_numpy(*args, **settings)
        fixed = function.__name__ in _PLACING or (function.__name__ == "gathered" and not _masks(args[1]))
        return _recorder().call(on_numpy, args, settings, fixed)

    def operand(self, array: Any, copies: bool) -> Any:
        """See `Namespace.operand`."""
        if array.scalar:
            return Recorded(array.number, array.kind, array.recorder, array.scalar, is_number=True)
        return super().operand(array, copies)

    def asarray(self, x: Any, dtype: Any = None, copy: bool | None = None) -> Any:
        """Like NumPy's."""
        if type(x) is not Recorded:
            return np.asarray(x, dtype=dtype, copy=copy)
        if x.is_number and dtype is None:
            return x
        if not copy and dtype in (None, x.dtype):
            return x
        return _called(np.astype, (x, np.dtype(dtype or x.dtype)), {})

    def _extension(self, name: str) -> Callable[..., Any]:
        if name not in EXTENSIONS:
            raise AttributeError(f"neither numpy nor tinyseq has a function {name!r}")
        function = EXTENSIONS[name]

        def traced(*args: Any, **settings: Any) -> Any:
            active = ACTIVE.get()
            before = None if active is None else active.refused
            try:
                return function(self, *args, **settings)
            except RecordingError:  # it reads values, so it becomes one step
                if active is not None:
                    active.refused = before
                return self.whole(function, *args, **settings)

        return traced


class Whole:
    """``function(NUMPY, ...)``, with a name to display."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.__name__ = function.__name__

    def __call__(self, *args: Any, **settings: Any) -> Any:
        return self.function(NUMPY, *args, **settings)


_ON_NUMPY: dict[Callable[..., Any], Whole] = {}


def _noting(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **settings: Any) -> Any:
        if _has_recorded((args, settings)):
            return _called(function, args, settings)
        return function(*args, **settings)

    return call


RECORDING = Recording()
NAMESPACES[Recorded] = RECORDING
