"""Kernels of `tinyseq.compiler.jit` run by Python, element by element: slow, but without Numba and its compile time."""

import ctypes

import numpy as np

from tinyseq.compiler.jit import blas, cache, executor, threads

FUNCTIONS = {}


def pointer(address, like):
    return ctypes.cast(int(address), ctypes.POINTER(np.ctypeslib.as_ctypes_type(like.dtype))), type(like)


def load(source, index):
    return source[1](source[0][index])


def store(target, index, value):
    assert type(value) in (target[1], bool), (type(value), target[1])
    target[0][index] = value.item() if isinstance(value, np.generic) else value


def accumulate(target, index, value):
    store(target, index, target[1](target[0][index] + value))


def tile(x, row, term, panel, y, across, terms, more, rows, vectors, lanes):
    """The sums of a tile, as matrices over the same memory."""

    def matrix(address, shape, steps):
        extent = sum(step * (length - 1) for step, length in zip(steps, shape, strict=True)) + 4
        return np.ndarray(shape, np.float32, (ctypes.c_char * extent).from_address(int(address)), 0, steps)

    width = vectors * lanes
    found = matrix(x, (rows, terms), (row, term)) @ matrix(panel, (terms, width), (4 * width, 4))
    out = matrix(y, (rows, width), (across, 4))
    out[...] = out + found if more else found


NAMES = {np.dtype(kind).str[1:].upper(): np.dtype(kind).type(0) for kind in executor.LOOPED}
NAMES |= {
    "at": lambda args, bases, place: bases[args[place]] + args[place + 1],
    "row": lambda args, bases, place, first, index: (
        bases[args[place]] + args[place + 1] + sum(i * args[first + axis] for axis, i in enumerate(index))
    ),
    "tile": tile,
    "np": np,
    "pointer": pointer,
    "load": load,
    "store": store,
    "accumulate": accumulate,
    "choose": lambda condition, one, other: one if condition else other,
    "smaller": np.minimum,
    "larger": np.maximum,
    "exp32": np.exp,
    "tanh32": np.tanh,
}


class Compiled:
    def __init__(self, function):
        self.address = len(FUNCTIONS) + 1
        FUNCTIONS[self.address] = function


def kernel(source):
    names = dict(NAMES)
    exec(source, names)
    return Compiled(names["kernel"])


def product(args, bases):
    """The kernel for products, with NumPy's."""
    _, double, order, m, n, k, count = (int(arg) for arg in args[:7])
    dtype = np.dtype(np.float64 if double else np.float32)
    matrices = []
    for index, shape in enumerate([(m, k), (k, n), (m, n)]):
        place = 1 - index if order & 4 and index < 2 else index
        leading, step, base, offset = (int(args[i]) for i in (7 + index, 10 + index, 13 + 2 * place, 14 + 2 * place))
        along = (
            (dtype.itemsize, leading * dtype.itemsize)
            if index < 2 and order >> index & 1
            else (leading * dtype.itemsize, dtype.itemsize)
        )
        extent = (
            step * (count - 1) + sum(s * (length - 1) for s, length in zip(along, shape, strict=True)) + dtype.itemsize
        )
        memory = (ctypes.c_char * extent).from_address(int(bases[base]) + offset)
        matrices.append(np.ndarray((count, *shape), dtype, memory, 0, (step, *along)))
    for a, b, c in zip(*matrices, strict=True):
        c[...] = a @ b


def drive(code, bases, start, stop):
    while start < stop:
        with np.errstate(all="ignore"):
            FUNCTIONS[int(code[start + 1])]([int(n) for n in code[start + 2 : start + code[start]]], bases)
        start += code[start]


class Team:
    """Parts one after another, the last first: what holds for every order of them holds for this one."""

    def run(self, code, bases, table):
        segments, parts, *places = map(int, table)
        for segment in range(segments):
            for part in reversed(range(parts)):
                drive(code, bases, *places[2 * (segment * parts + part) :][:2])


def use(monkeypatch):
    """Let Python run the kernels until a test ends."""
    monkeypatch.setattr(executor, "find_spec", lambda name: name)
    monkeypatch.setattr(cache, "kernel", kernel)
    monkeypatch.setattr(cache, "from_runtime", {"drive": drive, "product": Compiled(product)}.__getitem__)
    monkeypatch.setattr(threads, "count", lambda: 1)
    monkeypatch.setattr(threads, "team", lambda count: Team())
    monkeypatch.setattr(blas, "gemm", lambda dtype: 1)
