"""Kinds of steps of random programs: each adds a step to a draft, if there are values for it."""

from typing import Any

import numpy as np
from random_programs import Draft, Program, Values, apart, fit, off

SMOOTH = ["tanh", "sigmoid", "sin", "cos", "erf", "gelu", "softplus", "log_sigmoid", "square", "negative", "exp"]
SMOOTH += ["expm1", "arctan", "arcsinh", "normal_cdf", "positive", "deg2rad", "rad2deg"]
STEPPED = ["floor", "ceil", "trunc", "round"]


def smooth(draft: Draft) -> None:
    (i,) = draft.any()
    draft.add(str(draft.rng.choice(SMOOTH)), i)


def kinked(draft: Draft) -> None:
    (i,) = draft.any()
    x = draft.values[i]
    if off(x, 0.0):  # for sinc, too, of which PyTorch's second derivative at 0 is NaN
        draft.add(str(draft.rng.choice(["relu", "leaky_relu", "elu", "abs", "sign", "sinc"])), i)
    if off(x, -0.5, 1.0):
        draft.add("clip", i, low=-0.5, high=1.0)
    if off(2 * x - np.round(2 * x), 0.0) and draft.rng.random() < 0.3:
        draft.add(str(draft.rng.choice(STEPPED)), i)


def narrow(draft: Draft) -> None:
    """Steps that need numbers of a small range get those of a sigmoid or a tangent."""
    (i,) = draft.any()
    if np.abs(draft.values[i]).max(initial=0.0) < 3:
        draft.add("tanh", i)
        last = len(draft.values) - 1
        draft.add(str(draft.rng.choice(["arcsin", "arccos", "arctanh", "tan", "sinh", "cosh", "exp2"])), last)


def positive(draft: Draft) -> None:
    """Steps that need positive numbers get those of a sigmoid."""
    (i,) = draft.any()
    if draft.values[i].min(initial=0.0) < -10:  # what is nearly 0 has a root and a reciprocal that amplify rounding
        return
    draft.add("sigmoid", i)
    name = str(draft.rng.choice(["sqrt", "log1p", "log2", "log10", "reciprocal", "pow", "divide"]))
    last, pair = len(draft.values) - 1, draft.pair()
    if name not in ("pow", "divide"):
        draft.add(name, last)
    elif pair is not None and fit(draft.values[pair[0]].shape, draft.values[last].shape):
        if name == "pow" and off(draft.values[pair[0]], 0.0):  # where y is 0, PyTorch has 0 for d²(x^y)/dx dy, not 1/x
            draft.add(name, last, pair[0])
        elif name == "divide":
            draft.add(name, pair[0], last)


def binary(draft: Draft) -> None:
    if (pair := draft.pair()) is None:
        return
    x, y = (draft.values[i] for i in pair)
    names = ["add", "subtract", "multiply", "logaddexp", "logaddexp2", "where", "compared"]
    if pair[0] != pair[1] and apart(x, y):
        names += ["maximum", "minimum", "fmax", "fmin"]
    if off(y, 0.0) and np.abs(y).min(initial=1.0) > 0.1 and fit_to_divide(x, y):
        names += ["fmod", "mod", "copysign"]
    if off(x, 0.0) and off(y, 0.0):
        names += ["hypot", "arctan2"]
    name = str(draft.rng.choice(names))
    shape = np.broadcast_shapes(x.shape, y.shape)
    draft.add(name, *pair, **({"condition": draft.rng.random(shape) < 0.5} if name == "where" else {}))


def fit_to_divide(x: Values, y: Values) -> bool:
    """Whether no quotient is nearly a whole number, and no dividend nearly 0."""
    quotient = x / y
    return off(quotient - np.round(quotient), 0.0) and off(x, 0.0)


def reduction(draft: Draft) -> None:
    (i,) = draft.any()
    x = draft.values[i]
    if not x.ndim:
        return
    names, axes = ["sum", "prod"], draft.axes(x)
    if all(x.shape[axis] for axis in axes):  # nothing is the mean or the largest of nothing
        names += ["mean", "logsumexp", "var", "norm", "std"] + ["max", "min"] * apart(x)
    name = str(draft.rng.choice(names))
    if name not in ("norm", "std") or (off(x, 0.0) and x.var(axis=axes).min(initial=1.0) > 1e-3):
        draft.add(name, i, axis=axes, keepdims=bool(draft.rng.random() < 0.5))


def along_one_axis(draft: Draft) -> None:
    (i,) = draft.any()
    x = draft.values[i]
    if x.ndim:
        name = str(
            draft.rng.choice(["softmax", "log_softmax", "cumsum", "cumprod", "unbind", "diff"] + ["sort"] * apart(x))
        )
        draft.add(name, i, axis=draft.axis(x))


def product(draft: Draft) -> None:
    (i,) = draft.any()
    x = draft.values[i]
    for j in draft.any(8):
        y = draft.values[j]
        if x.ndim and y.ndim and x.shape[-1] == y.shape[max(y.ndim - 2, 0)] and fit(x.shape[:-2], y.shape[:-2]):
            return draft.add("matmul", i, j)
    if x.ndim == 2:
        rest = ["ij->ji", "ij->j", "ij,ij->i", "ij,kj->ik", "...j,ij->i..."] + ["ii->i", "ii->"] * (
            x.shape[0] == x.shape[1]
        )
        subscripts = str(draft.rng.choice(rest))
        draft.add("einsum", *[i] * (subscripts.count(",") + 1), subscripts=subscripts)
    return None


def rearrangement(draft: Draft) -> None:
    (i,) = draft.any()
    x, rng = draft.values[i], draft.rng
    if not x.ndim:
        return draft.add("broadcast_to", i, shape=(2, 1))
    axis = draft.axis(x)
    widths = [tuple(int(n) for n in rng.integers(0, 2, size=2)) for _ in range(x.ndim)]
    settings: dict[str, dict[str, Any]] = {
        "transpose": {"order": tuple(int(a) for a in rng.permutation(x.ndim))},
        "reshape": {"shape": (-1, x.shape[-1]) if x.size else (0,)},
        "flatten": {},
        "squeeze": {},
        "expand_dims": {"axis": int(rng.integers(-x.ndim - 1, x.ndim + 1))},
        "moveaxis": {"source": axis, "destination": draft.axis(x)},
        "swapaxes": {"axis1": axis, "axis2": draft.axis(x)},
        "tile": {"reps": tuple(int(n) for n in rng.integers(1, 3, size=x.ndim))},
        "broadcast_to": {"shape": (2, *x.shape)},
        "flip": {"axis": draft.axes(x)},
        "roll": {"shift": int(rng.integers(-2, 3)), "axis": axis},
        "pad": {"widths": widths},
        "repeat": {"n": 2, "axis": axis},
    }
    name = str(rng.choice(list(settings)))
    return draft.add(name, i, **settings[name])


def parts(draft: Draft) -> None:
    (i,) = draft.any()
    x = draft.values[i]
    if x.ndim:
        axis = draft.axis(x)
        length = x.shape[axis]
        cut = int(draft.rng.integers(0, length + 1))
        if draft.rng.random() < 0.5:
            draft.add("split", i, sections=[cut, length - cut], axis=axis)
        else:
            draft.add("chunk", i, n=int(draft.rng.integers(1, 4)), axis=axis)


def joint(draft: Draft) -> None:
    (i,) = draft.any()
    alike = [j for j in draft.any(6) if draft.values[j].shape == draft.values[i].shape][:2]
    x = draft.values[i]
    if x.ndim and draft.rng.random() < 0.5:
        draft.add("concatenate", i, *alike, axis=draft.axis(x))
    else:
        draft.add("stack", i, *alike, axis=int(draft.rng.integers(-x.ndim - 1, x.ndim + 1)))


def index(draft: Draft) -> None:
    (i,) = draft.any()
    x, rng = draft.values[i], draft.rng
    if not x.ndim:
        return None
    kind = str(rng.choice(["slice", "ids", "mask", "along", "add", "set", "part"]))
    length = x.shape[0]
    if kind == "part":
        return assignment(draft, i)
    if not length and kind not in ("slice", "mask"):
        return None
    if kind == "slice":
        start = int(rng.integers(0, max(length, 1)))
        return draft.add("getitem", i, index=(slice(start, None, int(rng.integers(1, 3))), None, ...))
    if kind == "ids":
        return draft.add("getitem", i, index=(rng.integers(-length, length, size=(2, 2)),))
    if kind == "mask":
        return draft.add("getitem", i, index=(rng.random(x.shape[: rng.integers(1, x.ndim + 1)]) < 0.6,))
    if kind == "along":
        axis = draft.axis(x)
        if not x.size:
            return None
        return draft.add("take_along_axis", i, ids=rng.integers(0, x.shape[axis], size=x.shape), axis=axis)
    for j in draft.any(6):
        y = draft.values[j]
        if y.ndim == x.ndim and y.shape[1:] == x.shape[1:]:
            if kind == "add":
                return draft.add("scatter_add", i, j, ids=rng.integers(0, length, size=y.shape[0]))
            if y.shape[0] <= length:
                return draft.add("index_set", i, j, ids=rng.permutation(length)[: y.shape[0]])
    return None


def assignment(draft: Draft, i: int) -> None:
    """Numbers, and values that are broadcast, in place of a slice or of the elements of a mask."""
    x, rng = draft.values[i], draft.rng
    places = [(slice(int(rng.integers(0, x.shape[0] + 1)), None),), (..., 0), (rng.random(x.shape) < 0.5,)]
    index = places[rng.integers(3 if x.shape[-1] else 1)]
    alike = [j for j in draft.any(6) if fits_into(draft.values[j].shape, x[index].shape)]
    if alike:
        draft.add("assign", i, alike[0], index=index)


def fits_into(shape: tuple[int, ...], whole: tuple[int, ...]) -> bool:
    return fit(shape, whole) and np.broadcast_shapes(shape, whole) == whole


def matrix(draft: Draft) -> None:
    """Steps on matrices; those that need one that is regular or positive definite get x xᵀ + 2 I."""
    (i,) = draft.any()
    x, rng = draft.values[i], draft.rng
    if x.ndim < 2:
        pair_of_vectors(draft, i)
        return
    name = str(rng.choice(["tril", "triu", "trace", "diagonal", "rot90", "cholesky", "det", "inv", "slogdet", "solve"]))
    if name in ("tril", "triu", "trace", "diagonal"):
        draft.add(name, i, offset=int(rng.integers(-1, 2)) if min(x.shape[-2:]) > 1 else 0)
        return
    if name == "rot90":
        draft.add(name, i, k=int(rng.integers(-1, 4)))
        return
    if not x.size or np.abs(x).max() > 5:
        return
    if not draft.add("regular", i):
        return
    last = len(draft.values) - 1
    right = [j for j in draft.any(8) if draft.values[j].ndim == 2 and draft.values[j].shape[0] == x.shape[-2]]
    if name != "solve":
        draft.add(name, last)
    elif right and x.ndim == 2:  # for several matrices, PyTorch may take the columns for vectors
        draft.add(name, last, right[0])


def pair_of_vectors(draft: Draft, i: int) -> None:
    """A step on a vector, or on two."""
    x = draft.values[i]
    vectors = [j for j in draft.any(8) if draft.values[j].ndim == 1]
    if x.ndim != 1 or not vectors:
        return
    j = vectors[0]
    alike = x.shape == draft.values[j].shape
    name = str(draft.rng.choice(["outer", "kron", "diag", "meshgrid"] + ["inner", "dot", "vdot"] * alike))
    draft.add(name, *([i] if name == "diag" else [i, j]))


def joined_otherwise(draft: Draft) -> None:
    (i,) = draft.any()
    alike = [j for j in draft.any(6) if draft.values[j].shape == draft.values[i].shape][:2]
    draft.add(str(draft.rng.choice(["hstack", "vstack", "dstack", "column_stack"])), i, *alike)


def loss(draft: Draft) -> None:
    (i,) = draft.any()
    x = draft.values[i]
    if x.ndim == 2 and x.size:
        draft.add("cross_entropy", i, targets=draft.rng.integers(0, x.shape[1], size=x.shape[0]))


def cut(draft: Draft) -> None:
    if draft.rng.random() < 0.3:
        draft.add("detach", *draft.any())


KINDS = (smooth, smooth, kinked, positive, binary, binary, binary, reduction, along_one_axis, product, rearrangement)
KINDS += (parts, joint, index, index, loss, cut, narrow, matrix, joined_otherwise)


def draw(rng: np.random.Generator, functions: dict[str, Any], steps: int = 20) -> Program:
    """A random program."""
    draft = Draft(rng, functions)
    for _ in range(3 * steps):
        KINDS[rng.integers(len(KINDS))](draft)
        if len(draft.program.steps) >= steps:
            break
    return draft.program
