"""NumPy's functions as ops give PyTorch's and HIPS autograd's values, gradients, and gradients of gradients."""

import warnings

import numpy as np
import pytest
from oracles import oracle

import tinyseq as ts

RNG = np.random.default_rng(7)
WIDE = np.linspace(-2.3, 2.7, 6).reshape(2, 3)
POSITIVE = np.linspace(0.2, 2.9, 6).reshape(2, 3)
INSIDE = np.linspace(-0.95, 0.9, 6).reshape(2, 3)
OTHER = np.array([1.7, -0.6, 0.9])
SQUARE = RNG.standard_normal((2, 3, 3)) + 2 * np.eye(3)
TALL, SIDES = RNG.standard_normal((2, 4, 3)), RNG.standard_normal((2, 3, 2))
FLAT = np.swapaxes(TALL, -1, -2).copy()
GROWN = SQUARE @ np.swapaxes(SQUARE, -1, -2) + np.eye(3)  # symmetric and positive

BY_NAME = {
    **dict.fromkeys(
        ("tan", "arctan", "sinh", "cosh", "arcsinh", "exp2", "sinc", "deg2rad", "rad2deg", "ravel"), (WIDE,)
    ),
    **dict.fromkeys(
        ("floor", "ceil", "trunc", "round", "positive", "nan_to_num", "fliplr", "flipud", "ravel"), (WIDE,)
    ),
    **dict.fromkeys(("arcsin", "arccos", "arctanh"), (INSIDE,)),
    **dict.fromkeys(("log2", "log10"), (POSITIVE,)),
    **dict.fromkeys(("arctan2", "hypot", "fmax", "fmin", "copysign", "logaddexp2", "fmod"), (WIDE, OTHER)),
    **dict.fromkeys(("inner", "kron"), (WIDE, OTHER)),
    **dict.fromkeys(("tril", "triu"), (TALL,)),
    **dict.fromkeys(("vstack", "hstack", "dstack", "column_stack"), (WIDE, POSITIVE)),
    "arccosh": (POSITIVE + 1.05,),
    "diag": (OTHER,),
    "diff": (TALL,),
    "trace": (SQUARE[0],),
}
LISTS = ("vstack", "hstack", "dstack", "column_stack")
HIPS_LACKS = {"positive", "nan_to_num", "trunc", "round", "copysign", "fmod", "hypot", "column_stack", "dstack"}


def of_name(module, name):
    function = getattr(module, name)
    return (lambda *xs: function(xs)) if name in LISTS else function


def vectors(found):
    """Singular or eigenvectors but for their signs."""
    return found * found


def half(a, x):
    """The symmetric part, of which alone HIPS autograd gives the gradient of one triangle."""
    return (x + a.swapaxes(x, -1, -2)) / 2


SPECIAL = {  # ours, PyTorch's (t), and HIPS autograd's (a)
    "%": (
        lambda x, y: x % y + 5.0 % y,
        lambda t, x, y: x % y + (t.full_like(y, 5.0) % y),
        lambda a, x, y: x % y + 5.0 % y,
    ),
    "mod": (ts.mod, lambda t, x, y: t.remainder(x, y), lambda a, x, y: a.mod(x, y)),
    "sort": (ts.sort, lambda t, x: t.sort(x)[0], None),
    "moveaxis": (
        lambda x: ts.moveaxis(x, 0, -1),
        lambda t, x: t.moveaxis(x, 0, -1),
        lambda a, x: a.moveaxis(x, 0, -1),
    ),
    "rot90": (lambda x: ts.rot90(x, 3, (1, 2)), lambda t, x: t.rot90(x, 3, (1, 2)), None),
    "diff, twice": (lambda x: ts.diff(x, n=2), lambda t, x: t.diff(x, n=2), lambda a, x: a.diff(x, 2)),
    "cross": (ts.cross, lambda t, x, y: t.linalg.cross(x, y[None]), None),
    "clip": (ts.clip, lambda t, x, low, high: t.clamp(x, low, high), None),
    "diagonal": (
        lambda x: ts.diagonal(x, 1),
        lambda t, x: t.diagonal(x, 1, -2, -1),
        None,
    ),
    "linspace": (lambda x: ts.linspace(x[0], x[1], 5), None, lambda a, x: a.linspace(x[0], x[1], 5)),
    "inv": (ts.inv, lambda t, x: t.linalg.inv(x), lambda a, x: a.linalg.inv(x)),
    "pinv": (ts.pinv, lambda t, x: t.linalg.pinv(x), lambda a, x: a.linalg.pinv(x)),
    "solve": (ts.solve, lambda t, x, y: t.linalg.solve(x, y), lambda a, x, y: a.linalg.solve(x, y)),
    "det": (ts.det, lambda t, x: t.linalg.det(x), lambda a, x: a.linalg.det(x)),
    "slogdet": (
        lambda x: ts.slogdet(x).logabsdet,
        lambda t, x: t.linalg.slogdet(x)[1],
        lambda a, x: a.linalg.slogdet(x)[1],
    ),
    "cholesky": (ts.cholesky, lambda t, x: t.linalg.cholesky(x), lambda a, x: a.linalg.cholesky(x)),
    "eigvalsh": (ts.eigvalsh, lambda t, x: t.linalg.eigvalsh(x), lambda a, x: a.linalg.eigh(half(a, x))[0]),
    "eigh": (
        lambda x: vectors(ts.eigh(x).eigenvectors),
        lambda t, x: vectors(t.linalg.eigh((x + x.mT) / 2)[1]),
        lambda a, x: vectors(a.linalg.eigh(half(a, x))[1]),
    ),
    "svdvals": (ts.svdvals, lambda t, x: t.linalg.svdvals(x), lambda a, x: a.linalg.svd(x, full_matrices=False)[1]),
    "U of svd": (
        lambda x: vectors(ts.svd(x, full_matrices=False).U),
        lambda t, x: vectors(t.linalg.svd(x, full_matrices=False)[0]),
        lambda a, x: vectors(a.linalg.svd(x, full_matrices=False)[0]),
    ),
    "Vh of svd": (
        lambda x: vectors(ts.svd(x, full_matrices=False).Vh),
        lambda t, x: vectors(t.linalg.svd(x, full_matrices=False)[2]),
        lambda a, x: vectors(a.linalg.svd(x, full_matrices=False)[2]),
    ),
    "Q of qr": (lambda x: vectors(ts.qr(x).Q), lambda t, x: vectors(t.linalg.qr(x)[0]), None),
    "R of qr": (lambda x: vectors(ts.qr(x).R), lambda t, x: vectors(t.linalg.qr(x)[1]), None),
    "matrix_power": (lambda x: ts.matrix_power(x, -3), lambda t, x: t.linalg.matrix_power(x, -3), None),
}
POINTS = {
    **dict.fromkeys(("%", "mod", "cross"), ((WIDE, OTHER),)),
    **dict.fromkeys(("sort", "moveaxis", "rot90", "diff, twice", "diagonal"), ((TALL,),)),
    **dict.fromkeys(("inv", "det", "slogdet", "matrix_power"), ((SQUARE,),)),
    **dict.fromkeys(("cholesky", "eigvalsh", "eigh"), ((GROWN,),)),
    **dict.fromkeys(
        ("svdvals", "U of svd", "Vh of svd", "pinv"),
        (
            (TALL,),
            (FLAT,),
            (SQUARE,),
        ),
    ),
    **dict.fromkeys(
        ("Q of qr", "R of qr"),
        (
            (TALL,),
            (FLAT,),
            (SQUARE,),
        ),
    ),
    "clip": [(WIDE, OTHER - 1.0, OTHER + 0.2 + 0 * WIDE)],
    "linspace": [(OTHER,)],
    "solve": [(SQUARE, SIDES)],
}
CALLS = [(name, None, arrays) for name, arrays in BY_NAME.items()]
CALLS += [(name, parts, arrays) for name, parts in SPECIAL.items() for arrays in POINTS[name]]


def weights(shape, seed):
    return np.random.default_rng(seed).uniform(0.5, 1.5, shape)


def ours(function, arrays):
    """The value, the gradient of its weighted sum, and the gradient of that gradient's weighted sum."""
    leaves = [ts.tensor(x, requires_grad=True) for x in arrays]
    y = function(*leaves)
    first = ts.grad((y * weights(y.shape, 1)).sum(), leaves, create_graph=True, allow_unused=True)
    total = sum((g * weights(g.shape, 2)).sum() for g in first if g is not None)
    second = ts.grad(total, leaves, allow_unused=True) if total.requires_grad else [None] * len(leaves)
    return [y.numpy(), *(None if g is None else g.detach().numpy() for g in (*first, *second))]


def pytorch(torch, function, arrays):
    leaves = [torch.tensor(x, requires_grad=True) for x in arrays]
    y = function(*leaves)
    total = (y * torch.tensor(weights(tuple(y.shape), 1))).sum()
    first = torch.autograd.grad(total, leaves, create_graph=True, allow_unused=True)
    total = sum((g * torch.tensor(weights(tuple(g.shape), 2))).sum() for g in first if g is not None)
    second = torch.autograd.grad(total, leaves, allow_unused=True) if total.requires_grad else [None] * len(leaves)
    return [y.detach().numpy(), *(None if g is None else g.detach().numpy() for g in (*first, *second))]


def hips(autograd, function, arrays):
    places = list(range(len(arrays)))

    def total(*xs):
        y = function(*xs)
        return autograd.numpy.sum(y * weights(y.shape, 1))

    def again(*xs):
        return sum(autograd.numpy.sum(g * weights(g.shape, 2)) for g in autograd.grad(total, places)(*xs))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of outputs that do not depend on the input
        return [function(*arrays), *autograd.grad(total, places)(*arrays), *autograd.grad(again, places)(*arrays)]


def agree(found, wanted, arrays):
    for k, (f, w) in enumerate(zip(found, wanted, strict=True)):
        shape = found[0].shape if k == 0 else arrays[(k - 1) % len(arrays)].shape
        f, w = (np.zeros(shape) if part is None else np.asarray(part) for part in (f, w))
        scale = max(1.0, float(np.abs(w).max(initial=0.0)))
        np.testing.assert_allclose(f, w, rtol=1e-9, atol=1e-10 * scale, err_msg=f"result {k}")


@pytest.mark.parametrize(("name", "parts", "arrays"), CALLS, ids=lambda part: part if isinstance(part, str) else "")
def test_pytorch_gives_the_same(name, parts, arrays):
    torch = oracle("torch")
    if parts is None:
        agree(ours(of_name(ts, name), arrays), pytorch(torch, of_name(torch, name), arrays), arrays)
    elif parts[1] is not None:
        agree(ours(parts[0], arrays), pytorch(torch, lambda *xs: parts[1](torch, *xs), arrays), arrays)


@pytest.mark.parametrize(("name", "parts", "arrays"), CALLS, ids=lambda part: part if isinstance(part, str) else "")
def test_hips_autograd_gives_the_same(name, parts, arrays):
    autograd, anp = oracle("autograd"), oracle("autograd.numpy")

    if parts is None and name not in HIPS_LACKS:
        agree(ours(of_name(ts, name), arrays), hips(autograd, of_name(anp, name), arrays), arrays)
    elif parts is not None and parts[2] is not None:
        agree(ours(parts[0], arrays), hips(autograd, lambda *xs: parts[2](anp, *xs), arrays), arrays)
