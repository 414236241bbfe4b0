"""Calls of everything that NumPy exports, found at run time: arguments are tried, and kept where NumPy takes them.

A function that a new NumPy brings is covered without a line here: what is tried for a parameter depends on its name
only where the value must be a special one. ``python tests/numpy_calls.py 40`` prints what becomes of 40 calls of each.
"""

import functools
import inspect
import itertools
import sys
import types
import warnings
import zlib
from collections import Counter
from typing import NamedTuple

import numpy as np

import tinyseq as ts

MODULES = (np, np.linalg, np.fft, np.emath, np.lib.stride_tricks, np.char, np.ma)
FILES = {"file", "fname", "filename", "fp"}  # parameters of functions that read or write files
SETTINGS = {"test", "info", "show_config", "show_runtime", "setbufsize", "seterr", "seterrcall", "set_printoptions"}
APART = {"bmat", "asmatrix", "nested_iters"}  # np.matrix, which NumPy advises against, and iterators
UNSET = {"empty", "empty_like", "as_strided"}  # give whatever memory holds
METHODS = ("reduce", "accumulate", "reduceat", "outer", "at")
STRINGS = [
    *("constant", "edge", "linear_ramp", "maximum", "mean", "median", "minimum", "reflect", "symmetric", "wrap"),
    *("empty", "C", "F", "A", "clip", "raise", "same", "valid", "full", "ij", "xy", "left", "right", "U", "L", "fro"),
    *("nuc", "nearest", "lower", "higher", "midpoint", "hazen", "stable", "f", "b", "reduced", "r", "ortho", "forward"),
]
GENERAL = [None, True, False, 0, 1, 2, -1, 0.5, (0, 1), [1, 0], "mask", "vector", "matrix"]
NAMED = {  # what is tried for a parameter of the name, beside or instead of the general
    "axis": [0, -1, 1, None, (0, 1), (-1, 0), ()],
    "axes": [(1, 0), (0, 1), 0, 1, ([1], [0]), ([0, 1], [0, 1])],
    "dtype": [np.float32, np.float64, int],
    "out": ["result"],
    "where": ["mask", True],
    "initial": [0.5, -9.0],
    "keepdims": [True, False],
    "k": [0, 1, -1, 2],
    "ord": [1, 2, -1, -2, 0, 3, np.inf, -np.inf, "fro", "nuc"],
    "func1d": ["reversing"],
    "func": ["reversing"],
}
MORE = {  # keywords that a signature hides behind **kwargs
    "pad": {
        "constant_values": [2.5, ((1.0, 2.0),)],
        "end_values": [2.5],
        "stat_length": [1, 2],
        "reflect_type": ["odd"],
    },
    "clip": {"dtype": [np.float32]},
}
FIRST = [
    *("vector", "matrix", "square", "positive", "number", "cube", "empty", "pair", "squares", "row", "column"),
    *(2, 0, (0, 1), (2, 2), [1, 0], "mask", "masks", "ids", "few", "ij,jk->ik", "ii", "ij->j"),
]
CONSTANTS = {
    "mask": np.array([True, False, True]),
    "masks": np.array([[True, False, True], [True, True, False]]),
    "ids": np.array([[0, 1, 1], [1, 0, 1]]),
    "few": np.array([[1], [0]]),
}


def arrays(dtype=np.float64):
    """What the names of arrays stand for: distinct numbers between 0 and 1, in small shapes."""
    rng = np.random.default_rng(5)

    def draw(*shape):
        values = rng.permutation(np.linspace(0.11, 0.93, int(np.prod(shape)))).reshape(shape)
        return np.asarray(values + 0.003 * rng.random(shape), dtype)

    square = draw(3, 3)
    return {
        "vector": draw(3),
        "matrix": draw(2, 3),
        "square": square,
        "positive": (square @ square.T + np.eye(3) + np.triu(0.01 * square, 1)).astype(dtype),
        "number": draw(),
        "cube": draw(2, 3, 2),
        "empty": np.zeros((0, 3), dtype),
        "row": draw(1, 3),
        "column": draw(2, 1),
        "pair": [draw(3), draw(3)],
        "squares": [draw(3, 3), draw(3, 3)],
    }


class Call(NamedTuple):
    """One call that NumPy takes; arrays stand in it by their names."""

    name: str
    function: object
    args: tuple
    kwargs: dict

    def __repr__(self):
        parts = [*map(repr, self.args), *(f"{key}={value!r}" for key, value in self.kwargs.items())]
        return f"{self.name}({', '.join(parts)})"

    def run(self, values, change=lambda array, i: array):
        """The result with the named arrays, each made into what ``change(array, number)`` gives."""
        if "result" not in values and any(_is(v, "result") for v in (*self.args, *self.kwargs.values())):
            values = values | {"result": np.empty_like(self.run(values | {"result": None}))}
        seen = itertools.count()

        def put(value):
            if _is(value, "result"):
                return values["result"]
            if _is(value, "reversing"):
                return lambda row, *more: row[::-1]
            if isinstance(value, str) and value in CONSTANTS:
                return CONSTANTS[value].copy()
            if not isinstance(value, str) or value not in values:
                return value
            made = []
            for part in values[value] if isinstance(values[value], list) else [values[value]]:
                i = next(seen)  # the same name twice is told apart, so that there are no ties
                made.append(change(np.asarray(part + part.dtype.type(0.0137 * i)), i))
            return made if isinstance(values[value], list) else made[0]

        args = [put(value) for value in self.args]
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return self.function(*args, **{key: put(value) for key, value in self.kwargs.items()})


def _is(value, name):
    return isinstance(value, str) and value == name


# -- finding calls -----------------------------------------------------------------------------------------------------


def functions():
    """Every public function of NumPy's by its name, and the methods of its ufuncs of two arguments."""
    found = {}
    for module in MODULES:
        for name in sorted(set(dir(module)) - SETTINGS - APART - UNSET):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of names such as char.chararray, since NumPy 2.5
                thing = getattr(module, name)
            plain = callable(thing) and not isinstance(thing, type | types.ModuleType) and not name.startswith("_")
            if not plain or FILES & set(parameters(thing)):
                continue
            found.setdefault(id(thing), (f"{module.__name__}.{name}", thing))
            if isinstance(thing, np.ufunc) and (thing.nin, thing.nout, thing.signature) == (2, 1, None):
                for method in METHODS:
                    found.setdefault(
                        (id(thing), method), (f"{module.__name__}.{name}.{method}", getattr(thing, method))
                    )
    return dict(found.values())


def parameters(function):
    """The parameters by name; of a function that does not tell them, some that could be."""
    try:
        if not isinstance(function, np.ufunc):
            return dict(inspect.signature(function).parameters)
        names, more = range(function.nin), {"out": None, "where": True, "dtype": None, "axis": None, "keepdims": False}
    except (ValueError, TypeError):
        names, more = range(2), {}
    by_place = [inspect.Parameter(f"x{i}", inspect.Parameter.POSITIONAL_ONLY) for i in names]
    named = [inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=value) for key, value in more.items()]
    return {p.name: p for p in (*by_place, *named)}


def calls(name, function, most):
    """Up to so many different calls of a function that NumPy takes: by place and by name, with and without options."""
    ps = parameters(function).values()
    by_place = [p for p in ps if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = sum(p.default is p.empty for p in by_place)
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    if not required and any(p.kind is p.VAR_POSITIONAL for p in ps):
        tried = [[FIRST] * n for n in (1, 2, 3)]
    else:
        choices = [NAMED.get(p.name, FIRST) for p in by_place]
        tried = [choices[:n] for n in {required, min(required + 1, len(by_place))}]
    starts = (Call(name, function, args, {}) for args in _drawn(rng, [each for each in tried if each], 1500))
    starts = _taken(starts, max(8, most // 3))
    options = [option for call in starts for option in _with_options(call, ps, by_place)]
    return starts + _taken([options[i] for i in rng.permutation(len(options))[: 40 * most]], most - len(starts))


def _taken(tried, most):
    return list(itertools.islice(filter(_accepted, tried), max(most, 0)))


def _with_options(call, ps, by_place):
    for p in ps:
        place = by_place.index(p) if p in by_place else -1
        if 0 <= place < len(call.args) or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            continue
        between = tuple(q.default for q in by_place[len(call.args) : max(place, 0)])
        for value in _options(p):
            yield call._replace(kwargs={p.name: value})
            if place >= 0 and inspect.Parameter.empty not in between:
                yield call._replace(args=(*call.args, *between, value))
    short = call.name.rpartition(".")[2]
    for key, values in MORE.get(short, {}).items():
        modes = [{"mode": mode} for mode in STRINGS[:10]] if short == "pad" else []
        yield from (call._replace(kwargs=base | {key: value}) for value in values for base in ({}, *modes))


def _options(p):
    if p.name in NAMED:
        return NAMED[p.name]
    return STRINGS if isinstance(p.default, str) else [*GENERAL, *STRINGS] if p.default is None else GENERAL


def _drawn(rng, tried, most):
    """Up to so many tuples that hold an array, of the products of lists of choices, which have millions."""
    holds = [
        functools.reduce(np.logical_or.outer, [[isinstance(v, str) and v in VALUES for v in each] for each in choices])
        for choices in tried
    ]
    places = [np.argwhere(each) for each in holds]
    ends = np.cumsum([0, *map(len, places)])
    for i in rng.permutation(ends[-1])[:most]:
        which = np.searchsorted(ends, i, side="right") - 1
        yield tuple(each[j] for each, j in zip(tried[which], places[which][i - ends[which]], strict=True))


def _accepted(call):
    try:
        call.run(VALUES)
    except Exception:
        return False
    return True


VALUES = arrays()

# -- what becomes of them ----------------------------------------------------------------------------------------------


class Wrong(Exception):
    """A call that means something else than NumPy, loses a gradient, or ends in an error that helps nobody."""


def leaves(value):
    """The parts of a nested result, in their order."""
    if isinstance(value, list | tuple | dict):
        return [leaf for part in (value.values() if isinstance(value, dict) else value) for leaf in leaves(part)]
    return [value]


def nesting(value):
    """The kinds of containers that hold them."""
    return [type(value).__name__, *map(nesting, value)] if isinstance(value, list | tuple) else None


def outcome(call):
    """`_outcome`, where any other error is wrong too, and so is a warning that NumPy does not give."""
    with np.errstate(all="ignore"):
        try:
            return _outcome(call)
        except Wrong:
            raise
        except Exception as error:
            raise Wrong(f"{type(error).__name__}: {error}") from error


def _outcome(call):
    """What becomes of a call on tensors that require grad, after all has been compared with NumPy.

    Returns:
        "gradient", "no slope" (floating-point numbers that do not depend on the arrays, or only by steps), "no numbers"
        (whole numbers, truth values, text, nothing), or "refused" (an error with the cure).

    Raises:
        Wrong: if values, types, nesting or gradients differ from NumPy's and from finite differences.
    """
    wanted = call.run(VALUES)
    tensors = {}

    def leaf(array, i):
        tensors[i] = ts.tensor(array, requires_grad=True)
        return tensors[i]

    try:
        found = call.run(VALUES, leaf)
    except Exception as error:
        return refused(call, error)
    if nesting(found) != nesting(wanted):
        raise Wrong(f"nesting {nesting(found)}, NumPy's {nesting(wanted)}")
    pairs = list(zip(leaves(found), leaves(wanted), strict=True))
    floating = [_compared(*pair) for pair in pairs]
    if not any(floating):
        return "no numbers"
    return _with_gradient(call, tensors, [x for x, _ in pairs], floating)


def refused(call, error):
    """An error that says what to do instead is an answer; another one is wrong."""
    text = " ".join(str(e) for e in (error, error.__cause__, error.__context__) if e is not None)
    cures = (
        "ts.",
        "t.detach",
        "t.item",
        "Tensor",
        "tensor",
        "use ",
        "leave nothing",
        "takes ",
        "must ",
        "whole number",
    )
    if not call.name.startswith("numpy.ma.") and not any(cure in text for cure in cures):
        raise Wrong(f"{type(error).__name__} without a cure: {error}")
    return "refused"


def _compared(found, wanted):
    """Whether these are floating-point numbers, after a look at values and types."""
    if not isinstance(wanted, np.ndarray | np.generic):
        if type(found) is not type(wanted) and not isinstance(found, type(wanted)):
            raise Wrong(f"a {type(found).__name__}, NumPy gives a {type(wanted).__name__}")
        return isinstance(wanted, float | complex)
    if isinstance(wanted, np.ma.MaskedArray) or wanted.dtype.kind not in "biufc":
        return False
    values = found.numpy() if isinstance(found, ts.Tensor) else found
    if (values.shape, values.dtype) != (wanted.shape, wanted.dtype):
        raise Wrong(f"shape {values.shape}, {values.dtype}; NumPy gives {wanted.shape}, {wanted.dtype}")
    rtol = 1e-12 if wanted.dtype.itemsize >= 8 else 2e-6
    if not np.allclose(values, wanted, rtol=rtol, atol=rtol, equal_nan=True):
        raise Wrong(f"value {values.tolist()}, NumPy's {wanted.tolist()}")
    return wanted.dtype.kind in "fc"


def _with_gradient(call, tensors, found, floating):
    """Compare the slope along a random direction with a central difference."""
    rng = np.random.default_rng(1)
    shapes = [np.shape(x) if seen else None for x, seen in zip(found, floating, strict=True)]
    weights = [None if shape is None else np.asarray(rng.standard_normal(shape)) for shape in shapes]
    ways = {i: np.asarray(rng.standard_normal(tensor.shape)) for i, tensor in tensors.items()}
    recorded = [(x, w) for x, w in zip(found, weights, strict=True) if isinstance(x, ts.Tensor) and x.requires_grad]
    try:
        if recorded:
            sum((x * ts.astype(w, x.dtype)).sum() for x, w in recorded).backward()
    except ValueError as error:
        return refused(call, error)
    slope = sum(float((t.grad.numpy() * ways[i]).sum()) for i, t in tensors.items() if t.grad is not None)
    double = call._replace(
        args=tuple(np.float64 if arg is np.float32 else arg for arg in call.args),
        kwargs={key: np.float64 if value is np.float32 else value for key, value in call.kwargs.items()},
    )

    def total(step):
        shifted = leaves(double.run(VALUES, lambda array, i: np.asarray(array + step * ways[i])))
        return sum(float(np.sum(x * w).real) for x, w in zip(shifted, weights, strict=True) if w is not None)

    wanted = (total(1e-6) - total(-1e-6)) / 2e-6
    if (
        any(np.size(w) for w in weights if w is not None)
        and np.isfinite(wanted)
        and not abs(slope - wanted) <= 2e-6 * (1 + abs(wanted))
    ):
        raise Wrong(f"slope {slope}, by differences {wanted}")
    return "gradient" if recorded else "no slope"


def main():
    """Print how many functions and calls end in which way."""
    warnings.simplefilter("error")
    most = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    by_call, by_function, wrong = Counter(), Counter(), []
    for name, function in functions().items():
        seen = set()
        for call in calls(name, function, most):
            try:
                seen.add(kind := outcome(call))
            except Wrong as error:
                seen.add(kind := "WRONG")
                wrong.append(f"{call}: {error}")
            by_call[kind] += 1
        by_function[" and ".join(sorted(seen)) or "takes no floating-point numbers"] += 1
    print(f"NumPy {np.__version__}: {by_function.total()} functions, {by_call.total()} calls")
    for title, counts in (("calls", by_call), ("functions", by_function)):
        print(title, *(f"  {count:6}  {kind}" for kind, count in counts.most_common()), sep="\n")
    print(*wrong, sep="\n")


if __name__ == "__main__":
    main()
