"""Functions that are made of ops, beside what NumPy says: cases for test_composites.py."""

from typing import NamedTuple

import numpy as np

import tinyseq as ts
from tinyseq.autograd.declare import FUNCTIONS


class Case(NamedTuple):
    """A composite, what NumPy says, and the shapes of the inputs."""

    name: str
    ours: object
    numpy: object
    shapes: tuple
    converts: bool = False  # to a type of its own

    def arrays(self):
        rng = np.random.default_rng(0)
        return [rng.permutation(np.linspace(-2, 2, int(np.prod(s)))).reshape(s) for s in self.shapes]


def same(name, *shapes, of=None, many=False, **settings):
    """A case of a function that has NumPy's name and arguments, or another's (``of``); ``many`` joins a list."""
    ours, theirs = FUNCTIONS[name], getattr(np, of or name)
    converts = "dtype" in settings
    if many:
        return Case(name, lambda *xs: ours(xs, **settings), lambda *xs: theirs(xs, **settings), shapes)
    return Case(name, lambda *xs: ours(*xs, **settings), lambda *xs: theirs(*xs, **settings), shapes, converts)


def listed(case):
    """A case whose function gives several tensors."""
    return case._replace(ours=lambda *xs: list(case.ours(*xs)), numpy=lambda *xs: list(case.numpy(*xs)))


PLACES = np.array([[0, 2, 1], [1, 1, -1]])
LEFT, RIGHT = [-0.9, 0.1, 0.4], [[0.3], [1.1]]
MORE = [
    same("logaddexp2", (2, 3), (3,)),
    *(
        Case("einsum", lambda x, n=n: ts.einsum("ij,->ji", x, n), lambda x, n=n: np.einsum("ij,->ji", x, n), ((2, 3),))
        for n in (2, 0.5, np.float64(0.5))
    ),
    Case("float_power", lambda x: ts.float_power(x, 3), lambda x: np.float_power(x, 3), ((2, 3),), converts=True),
    listed(Case("divmod", lambda x: ts.divmod(x, 0.7), lambda x: np.divmod(x, 0.7), ((2, 3),))),
    same("rint", (2, 3)),
    # bounds that are tensors, or wider than what they limit, or under NumPy's names
    *(same("clip", (2, 3), **named) for named in ({"a_min": -0.5, "a_max": 0.5}, {"min": -0.5, "max": None})),
    Case("clip", lambda x: ts.clip(x, -x, x + 1), lambda x: np.clip(x, -x, x + 1), ((2, 3),)),
    Case(
        "clip",
        lambda x, low, high: ts.clip(x, low - 0.3, high + 0.17),
        lambda x, low, high: np.clip(x, low - 0.3, high + 0.17),
        ((2, 1), (3,), (2, 3)),
    ),
    Case("clip", lambda x: ts.clip(x, LEFT, RIGHT), lambda x: np.clip(x, LEFT, RIGHT), ((3,),), converts=True),
    Case("clip", lambda x: ts.clip(x, None, RIGHT), lambda x: np.clip(x, None, RIGHT), ((3,),), converts=True),
    # NumPy's keywords
    *(same(name, (2, 3), axis=1, dtype=np.float64) for name in ("sum", "prod", "mean", "var", "std")),
    *(same(name, (2, 3), axis=0, correction=1) for name in ("var", "std")),
    same("tile", (2, 3), reps=(2, 1)),
    same("transpose", (2, 3, 4), axes=(2, 0, 1)),
    same("swapaxes", (2, 3, 4), axis1=0, axis2=-1),
    # diagonals of any matrix, at any place
    *(
        Case(
            name,
            lambda x, f=f, k=k, a=a: f(x, k, *a),
            lambda x, n=n, k=k, a=a: n(x, k, *a),
            (s,),
        )
        for name, f, n in (("diagonal", ts.diagonal, np.diagonal), ("trace", ts.trace, np.trace))
        for k in (0, 1, -1, 3)
        for a, s in (((0, 1), (2, 3)), ((-1, 0), (3, 2)), ((0, 2), (2, 4, 3)), ((-2, -1), (2, 3, 2)), ((1, 0), (0, 2)))
    ),
    *(same("diag", s, k=k) for s in ((3,), (2, 3), (3, 2), (0,)) for k in (0, 1, -2)),
    *(same("diagflat", s, k=k) for s in ((2, 2), ()) for k in (0, -1)),
    # along an axis
    *(
        Case(
            "take_along_axis",
            lambda x, i=i, a=a: ts.take_along_axis(x, i, axis=a),
            lambda x, i=i, a=a: np.take_along_axis(x, i, axis=a),
            (s,),
        )
        for i, a, s in (
            (PLACES, 1, (2, 3)),
            (PLACES[:, :1], 0, (2, 3)),
            (PLACES[:1], 1, (2, 3)),
            (PLACES, -1, (1, 3)),
            (PLACES[:, :, None], 1, (2, 3, 2)),
            (PLACES[0], None, (2, 3)),
            (PLACES[:, :0], 1, (2, 3)),
        )
    ),
    Case("gather", lambda x: ts.gather(x, 0, PLACES[:, :1]), lambda x: x[[[0], [1]], [[0], [0]]], ((2, 3),)),
    *(same("sort", (2, 3), axis=axis) for axis in (-1, 0, None)),
    *(same("diff", (3, 4), n=n, axis=axis) for n in (0, 1, 2) for axis in (-1, 0)),
    same("diff", (3,), prepend=1.0),
    Case("diff", lambda x, y: ts.diff(x, 2, 0, 1, y), lambda x, y: np.diff(x, 2, 0, 1, y), ((3, 2), (1, 2))),
    # axes
    *(
        Case("moveaxis", lambda x, a=a: ts.moveaxis(x, *a), lambda x, a=a: np.moveaxis(x, *a), ((2, 3, 4),))
        for a in ((0, -1), (-1, 0), (1, 1), ((0, 1), (-1, -2)), ((2, 0), (0, 1)))
    ),
    same("ravel", (2, 3)),
    same("fliplr", (2, 3, 2)),
    same("flipud", (2, 3)),
    *(same("rot90", (2, 3, 4), k=k, axes=axes) for k in (-1, 0, 1, 2, 3, 5) for axes in ((0, 1), (2, 0))),
    *(same(f"atleast_{n}d", s) for n in (1, 2, 3) for s in ((), (2,), (2, 3), (2, 3, 4))),
    listed(same("atleast_2d", (), (2,))),
    # joining
    *(
        same(name, *s, many=True)
        for name in ("vstack", "hstack", "dstack", "column_stack")
        for s in (((2,), (2,)), ((2, 3), (2, 3)), ((2, 1, 2),))
    ),
    same("hstack", (), (2,), many=True),
    same("column_stack", (2,), (2, 3), many=True),
    same("append", (2, 3), (2,)),
    same("append", (2, 3), (1, 3), axis=0),
    # products
    *(same("kron", *s) for s in (((2,), (3,)), ((2, 3), (2, 2)), ((2, 3), (2,)), ((), (2,)), ((2,), (2, 1, 2)))),
    *(same("inner", *s) for s in (((3,), (3,)), ((2, 3), (4, 3)), ((), (2,)), ((2, 3), (3,)))),
    same("vdot", (2, 3), (3, 2)),
    *(same("cross", *s, axis=a) for s, a in ((((3,), (2, 3)), -1), (((3, 2), (3, 2)), 0), (((2, 3, 1), (2, 3, 2)), 1))),
    # matrices
    *(
        Case(
            "matrix_power",
            lambda x, n=n: ts.matrix_power(x, n),
            lambda x, n=n: np.linalg.matrix_power(x, n),
            ((2, 3, 3),),
        )
        for n in (1, 2, 3, 6, -1, -2)
    ),
    Case("eigvalsh", lambda x: ts.eigvalsh(x @ x.T), lambda x: np.linalg.eigvalsh(x @ x.T), ((3, 3),)),
    *(Case("svdvals", ts.svdvals, lambda x: np.linalg.svd(x, compute_uv=False), (s,)) for s in ((2, 3), (2, 3, 2))),
    # grids
    *(
        same("linspace", *s, num=n, endpoint=e)
        for s in (((), ()), ((2,), (3, 1)))
        for n, e in ((5, True), (4, False), (1, True), (0, True))
    ),
    Case("linspace", lambda x: ts.linspace(1, x, 3, axis=-1), lambda x: np.linspace(1, x, 3, axis=-1), ((2, 2),)),
    *(listed(same("meshgrid", (2,), (3,), (2,), indexing=how)) for how in ("xy", "ij")),
    listed(same("meshgrid", (2,))),
    # einsum with lists of axes
    Case(
        "einsum",
        lambda x, y: ts.einsum(x, [0, 1], y, [1, 2], [0, 2]),
        lambda x, y: np.einsum(x, [0, 1], y, [1, 2], [0, 2]),
        ((2, 3), (3, 2)),
    ),
    Case("einsum", lambda x: ts.einsum(x, [7, 30]), lambda x: np.einsum(x, [7, 30]), ((2, 3),)),
    Case("einsum", lambda x: ts.einsum(x, [30, 7]), lambda x: np.einsum(x, [30, 7]), ((2, 3),)),
    Case("einsum", lambda x: ts.einsum(x, [..., 1, 1]), lambda x: np.einsum(x, [..., 1, 1]), ((2, 3, 3),)),
]
