"""NumPy's functions as ops at zero, at infinity, at jumps, poles and ties, and at the ends of their range."""

import operator

import array_api_strict
import numpy as np
import pytest

import tinyseq as ts

INF, NAN = float("inf"), float("nan")
QUIET = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy warns of divisions by zero, as for 1 / x


def gradient(fn, *arrays):
    """The value, and the gradient of its sum with respect to every input, in plain lists."""
    leaves = [ts.tensor(np.asarray(a, dtype=float), requires_grad=True) for a in arrays]
    y = fn(*leaves)
    y.sum().backward()
    found = [leaf.grad.tolist() for leaf in leaves]
    return y.tolist(), found[0] if len(found) == 1 else found


def same(found, wanted):
    np.testing.assert_allclose(np.array(found), np.array(wanted), rtol=1e-15)


@QUIET
@pytest.mark.parametrize(
    ("fn", "x", "value", "slope"),
    [
        (ts.arctan, INF, np.pi / 2, 0.0),
        (ts.arctan, -1e200, -np.pi / 2, 0.0),
        (ts.arctan, 1e150, np.pi / 2, 1e-300),
        (ts.arcsin, 1.0, np.pi / 2, INF),
        (ts.arccos, -1.0, np.pi, -INF),
        (ts.arcsin, 1.5, NAN, NAN),
        (ts.arcsinh, INF, INF, 0.0),
        (ts.arcsinh, -1e200, -np.log(2.0) - 200 * np.log(10.0), 1e-200),
        (ts.arccosh, 1.0, 0.0, INF),
        (ts.arccosh, INF, INF, 0.0),
        (ts.arccosh, 1e200, np.log(2.0) + 200 * np.log(10.0), 1e-200),
        (ts.arctanh, 1.0, INF, INF),
        (ts.arctanh, -1.0, -INF, INF),
        (ts.sinh, INF, INF, INF),
        (ts.cosh, -INF, INF, -INF),
        (ts.exp2, -INF, 0.0, 0.0),
        (ts.exp2, INF, INF, INF),
        (ts.log2, 0.0, -INF, INF),
        (ts.log10, INF, INF, 0.0),
        (ts.log2, -1.0, NAN, -1 / np.log(2)),
        (ts.cbrt, 0.0, 0.0, INF),
        (ts.cbrt, -INF, -INF, 0.0),
        (ts.cbrt, -8.0, -2.0, 1 / 12),
        (ts.cbrt, 1e-300, 1e-100, 1e200 / 3),
        (ts.sinc, 0.0, 1.0, 0.0),
        (ts.sinc, 3.0, 0.0, -1 / 3),
        (ts.sinc, 1e10 + 0.5, 1 / (np.pi * (1e10 + 0.5)), -1 / (np.pi * (1e10 + 0.5) ** 2)),
        (ts.floor, -0.5, -1.0, 0.0),
        (ts.floor, 2.0, 2.0, 0.0),
        (ts.ceil, INF, INF, 0.0),
        (ts.trunc, -1.7, -1.0, 0.0),
        (ts.round, 2.5, 2.0, 0.0),
        (ts.round, -INF, -INF, 0.0),
        (ts.nan_to_num, NAN, 0.0, 0.0),
        (ts.nan_to_num, INF, np.finfo(float).max, 0.0),
        (ts.nan_to_num, -INF, np.finfo(float).min, 0.0),
        (lambda x: ts.nan_to_num(x, nan=5.0), NAN, 5.0, 0.0),
        (operator.pos, -INF, -INF, 1.0),
        (lambda x: x % 3.0, -1.0, 2.0, 1.0),
        (lambda x: x % 3.0, 3.0, 0.0, 1.0),
        (lambda x: x % INF, 5.0, 5.0, 1.0),
        (lambda x: x // 3.0, -1.0, -1.0, 0.0),
        (lambda x: ts.fmod(x, 3.0), -1.0, -1.0, 1.0),
        (lambda x: ts.copysign(x, -0.0), 2.0, -2.0, -1.0),
        (lambda x: ts.copysign(x, 1.0), 0.0, 0.0, 0.0),
        (lambda x: ts.fmax(x, NAN), 2.0, 2.0, 1.0),
        (lambda x: ts.fmax(NAN, x), 2.0, 2.0, 1.0),
        (lambda x: ts.fmin(x, 2.0), 2.0, 2.0, 1.0),
        (lambda x: ts.fmax(2.0, x), 2.0, 2.0, 0.0),
    ],
)
def test_each_function_has_a_value_and_a_slope(fn, x, value, slope):
    same(gradient(fn, x), (value, slope))


@pytest.mark.parametrize(
    "name", ["tan", "arctan", "sinh", "arcsinh", "exp2", "sinc", "cbrt", "floor", "round", "deg2rad"]
)
def test_a_nan_is_handed_on(name):
    assert np.isnan(getattr(ts, name)(ts.tensor(NAN)).item())


@pytest.mark.parametrize(
    ("x", "y", "slopes"),
    [
        (0.0, 0.0, [0.0, 0.0]),
        (3.0, -4.0, [0.6, -0.8]),
        (3e200, 4e200, [0.6, 0.8]),
        (3e-320, 4e-320, [0.6, 0.8]),
        (1.5e308, 1.5e308, [0.5**0.5, 0.5**0.5]),
        (INF, 1.0, [1.0, 0.0]),
        (2.0, -INF, [0.0, -1.0]),
        (INF, -INF, [0.5**0.5, -(0.5**0.5)]),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_hypot_points_away_from_the_origin(x, y, slopes):
    value, found = gradient(ts.hypot, x, y)
    assert value == np.hypot(x, y)
    np.testing.assert_allclose(found, slopes, rtol=1e-3 if 0 < x < 1e-300 else 1e-15)


@pytest.mark.parametrize(
    ("x", "y", "slopes"),
    [
        (0.0, 0.0, [0.0, 0.0]),
        (0.0, -1.0, [-1.0, 0.0]),
        (1.0, 0.0, [0.0, -1.0]),
        (3e200, 4e200, [1.6e-201, -1.2e-201]),
        (1.0, INF, [0.0, 0.0]),
    ],
)
def test_arctan2_in_every_direction(x, y, slopes):
    value, found = gradient(ts.arctan2, x, y)
    assert value == np.arctan2(x, y)
    same(found, slopes)


def test_the_slope_of_sinc_keeps_its_digits_near_zero():
    x = np.array([1e-12, 1e-6, 1e-3, 0.1, 0.31, 0.33])
    t = np.longdouble(np.pi) * x
    powers = [
        (-1) ** k * 2 * k * t ** (2 * k - 1) / np.prod(np.arange(1, 2 * k + 2, dtype=np.longdouble))
        for k in range(1, 16)
    ]
    np.testing.assert_allclose(gradient(ts.sinc, x)[1], np.pi * np.sum(powers, axis=0), rtol=2e-15)


def test_of_equal_elements_the_earlier_one_is_sorted_first():
    leaf = ts.tensor([[2.0, 1.0, 2.0, 1.0]], requires_grad=True)
    (ts.sort(leaf) * [1.0, 2.0, 3.0, 4.0]).sum().backward()
    assert leaf.grad.tolist() == [[3.0, 1.0, 4.0, 2.0]]
    assert ts.argsort(leaf).tolist() == [[1, 3, 0, 2]]
    assert not ts.argsort(leaf).requires_grad
    assert ts.sort([NAN, 1.0, -INF]).tolist()[:2] == [-INF, 1.0]


@pytest.mark.parametrize(
    "operation",
    [operator.mod, operator.floordiv, divmod, operator.xor, operator.and_, operator.or_],
    ids=lambda f: f.__name__,
)
def test_operators_are_those_of_arrays_from_both_sides(operation):
    whole = operation in (operator.xor, operator.and_, operator.or_)
    x = np.array([5, 12, 7]) if whole else np.array([5.5, -12.0, 7.25])
    other = 6 if whole else 2.5
    for left, right in ((x, other), (other, x), (x, x[::-1].copy())):
        wrapped = [ts.tensor(part) if isinstance(part, np.ndarray) else part for part in (left, right)]
        found, wanted = operation(*wrapped), operation(left, right)
        for f, w in zip(
            found if operation is divmod else [found], wanted if operation is divmod else [wanted], strict=True
        ):
            np.testing.assert_array_equal(f.numpy(), w)


def test_round_is_a_method_and_python_s_own_too():
    x = ts.tensor([1.25, -0.456])
    assert round(x).tolist() == x.round().tolist() == [1.0, -0.0]
    assert round(x, 2).tolist() == x.round(2).tolist() == ts.round(x, decimals=2).tolist() == [1.25, -0.46]
    assert (+x).tolist() == x.tolist()


@pytest.mark.parametrize("name", ["argsort", "ceil", "floor", "trunc", "ravel", "trace", "tan", "log2", "tril", "triu"])
def test_methods_that_arrays_or_pytorch_s_tensors_have(name):
    x = ts.tensor([[1.5, 0.3], [0.2, 2.5]])
    assert getattr(x, name)().tolist() == getattr(ts, name)(x).tolist()


def test_logic_of_numbers_and_bits_of_whole_numbers():
    one, two = ts.tensor([1, 0, 4]), ts.tensor([2, 0, 0])
    assert ts.logical_and(one, two).tolist() == [True, False, False]
    assert ts.logical_or(one, 0.0).tolist() == [True, False, True]
    assert ts.logical_xor(one, two).tolist() == [False, False, True]
    assert ts.logical_not(ts.tensor([0.0, -2.0])).tolist() == [True, False]
    assert (one | two).tolist() == [3, 0, 4]
    assert (~one).tolist() == [-2, -1, -5]
    with pytest.raises(TypeError, match="bitwise_and"):
        one & ts.tensor([1.5, 2.0, 3.0])


@pytest.mark.parametrize(
    ("x", "y", "value", "slopes"),
    [
        (1000.0, -1000.0, 1000.0, [1.0, 0.0]),
        (3000.0, 3000.0, 3001.0, [0.5, 0.5]),
        (-INF, -INF, -INF, [0.0, 0.0]),
        (INF, INF, INF, [0.5, 0.5]),
        (-INF, 2.0, 2.0, [0.0, 1.0]),
        (INF, 2.0, INF, [1.0, 0.0]),
        (-1000.0, 20.0, 20.0, [2.0**-1020, 1.0]),
    ],
)
def test_logaddexp2_shares_its_gradient(x, y, value, slopes):
    found = gradient(ts.logaddexp2, x, y)
    same(found[0], value)
    same(found[1], slopes)


def test_the_gradient_passes_on_bounds_that_are_tensors():
    value, slopes = gradient(ts.clip, [1.0, 2.0, 3.0], [1.0, 0.0, 0.0], [9.0, 9.0, 3.0])
    assert value == [1.0, 2.0, 3.0]
    assert slopes == [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]


def moves(seed):
    """A function of ours and NumPy's that picks elements, and an array for it: random shapes, axes and indices."""
    rng = np.random.default_rng(seed)
    ndim = int(rng.integers(1, 4))
    shape = tuple(int(side) for side in rng.integers(1, 4, ndim))
    axis = int(rng.integers(-ndim, ndim))
    sides = [int(rng.choice([1, side])) if side > 1 else int(rng.integers(1, 4)) for side in shape]
    sides[axis] = int(rng.integers(0, 5))
    ids = rng.integers(-shape[axis], shape[axis], sides)
    yield "take_along_axis", shape, lambda m, x: m.take_along_axis(x, ids, axis)
    if ndim > 1:
        one, two = (int(a) for a in rng.permutation(ndim)[:2])
        k, turns = int(rng.integers(-3, 4)), int(rng.integers(-4, 5))
        yield "diagonal", shape, lambda m, x: m.diagonal(x, k, one, two)
        yield "rot90", shape, lambda m, x: m.rot90(x, turns, (one, two))
        yield "moveaxis", shape, lambda m, x: m.moveaxis(x, (one, two), (two, axis if axis % ndim != two else one))
        yield "tril", shape, lambda m, x: m.tril(x, k)


@pytest.mark.parametrize("seed", range(60))
def test_what_picks_elements_gives_each_its_gradient_back(seed):
    """NumPy's function is asked which elements it picks, by the same call on their numbers."""
    for name, shape, call in moves(seed):
        x = np.random.default_rng(seed).standard_normal(shape)
        picked = call(np, np.arange(1, x.size + 1).reshape(shape))
        leaf = ts.tensor(x, requires_grad=True)
        y = call(ts, leaf)
        np.testing.assert_array_equal(y.numpy(), call(np, x), err_msg=name)
        weights = np.arange(1.0, y.size + 1).reshape(y.shape)
        (y * weights).sum().backward()
        wanted = np.bincount(picked.reshape(-1), weights.reshape(-1), x.size + 1)[1:]  # place 0 is what tril leaves out
        np.testing.assert_array_equal(leaf.grad.numpy().reshape(-1), wanted, err_msg=name)


def test_the_triangle_of_a_vector_is_that_of_a_matrix_with_such_rows():
    value, slope = gradient(lambda x: ts.tril(x, k=1) * [1.0, 10.0, 100.0], [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(value, np.tril([1.0, 2.0, 3.0], 1) * [1.0, 10.0, 100.0])
    assert slope == [3.0, 30.0, 200.0]


@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_the_determinant_of_a_singular_matrix_has_its_cofactors_as_gradient(n, rank):
    """At any rank below n, to second order: det is a polynomial, so differences in whole numbers are exact."""
    if rank >= n:
        return
    x = np.zeros((n, n))
    x[:rank, :rank] = np.tri(rank)
    x = x[:, ::-1].copy()

    def minors(x):
        kept = [[np.delete(np.delete(x, i, 0), j, 1) for j in range(n)] for i in range(n)]
        return np.array([[(-1) ** (i + j) * round(np.linalg.det(kept[i][j])) for j in range(n)] for i in range(n)])

    assert ts.det(x).item() == 0.0
    leaf = ts.tensor(x, requires_grad=True)
    g = ts.grad(ts.det(leaf), leaf, create_graph=True)
    np.testing.assert_allclose(g.numpy(), minors(x), atol=1e-12)
    np.testing.assert_allclose(gradient(ts.det, np.stack([x, np.eye(n)]))[1], [minors(x), np.eye(n)], atol=1e-12)
    if n > 1:
        v = np.arange(1.0, n * n + 1).reshape(n, n)
        along = ts.grad((g * v).sum(), leaf).numpy()
        direction = np.zeros((n, n))
        direction[0, 0] = 1.0
        wanted = ((minors(x + direction) - minors(x - direction)) * v).sum() / 2  # linear in one element
        assert along[0, 0] == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("library", [np, array_api_strict], ids=["numpy", "array_api_strict"])
def test_equal_eigenvalues_have_a_gradient_and_their_vectors_none(library):
    x = np.diag([2.0, 2.0, 5.0])
    for of_values, of_vectors in (
        (lambda x: ts.eigh(x).eigenvalues, lambda x: ts.eigh(x).eigenvectors),
        (lambda x: ts.svd(x).S, lambda x: ts.svd(x).U),
        (lambda x: ts.svd(x).S, lambda x: ts.svd(x).Vh),
    ):
        leaf = ts.tensor(library.asarray(x), requires_grad=True)
        (of_values(leaf) ** 2.0).sum().backward()
        np.testing.assert_allclose(leaf.grad.numpy(), 2 * x, atol=1e-12)
        leaf = ts.tensor(library.asarray(x), requires_grad=True)
        (of_vectors(leaf) ** 2.0).sum().backward()
        assert np.isnan(leaf.grad.numpy()).any()


def test_matrices_without_a_derivative_are_refused():
    leaf = ts.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    assert ts.grad(ts.svd(leaf).S.sum(), leaf).shape == (2, 3)
    with pytest.raises(ValueError, match="2 x 3 have no derivative; use full_matrices=False"):
        ts.svd(leaf).Vh.sum().backward()
    singular = ts.tensor(np.zeros((2, 2)), requires_grad=True)
    assert ts.slogdet(singular).sign.item() == 0.0
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        ts.slogdet(singular).logabsdet.backward()


def test_a_matrix_to_the_power_of_zero():
    x = np.arange(8.0).reshape(2, 2, 2)
    np.testing.assert_array_equal(ts.matrix_power(x, 0).numpy(), np.linalg.matrix_power(x, 0))


def test_a_large_determinant_has_a_logarithm():
    x = np.random.default_rng(0).standard_normal((300, 300)).astype(np.float32)
    sign, size = ts.slogdet(ts.tensor(x))
    wanted = np.linalg.slogdet(x.astype(float))
    assert sign.item() == wanted.sign
    assert size.item() == pytest.approx(wanted.logabsdet, rel=1e-5)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint64, np.int8])
@pytest.mark.parametrize(
    "name", ["log_sigmoid", "softplus", "sigmoid", "logsumexp", "softmax", "log_softmax", "std", "var"]
)
def test_whole_numbers_and_booleans_have_the_values_of_real_ones(name, dtype):
    x = np.array([[0, 1, 1], [1, 0, 0]])
    found, wanted = (getattr(ts, name)(ts.tensor(x.astype(kind))).numpy() for kind in (dtype, float))
    np.testing.assert_allclose(found, wanted, rtol=2e-3)


@pytest.mark.parametrize(
    ("name", "size"), {"std": 9000, "mean": 9000, "norm": 900, "logsumexp": 900, "softmax": 900}.items()
)
def test_in_half_precision_nothing_overflows_on_the_way(name, size):
    """The squares of 256, and sums of many large numbers, are infinite there."""
    x = (np.random.default_rng(0).normal(size=(2, 300)) * size).astype(np.float16)
    found, wanted = (ts.tensor(x.astype(kind), requires_grad=True) for kind in (np.float16, float))
    results = [getattr(ts, name)(each, axis=1) for each in (found, wanted)]
    np.testing.assert_allclose(results[0].numpy(), results[1].numpy(), rtol=2e-3, atol=1e-7)
    slopes = [ts.grad(y.sum(), each).numpy() for y, each in zip(results, (found, wanted), strict=True)]
    np.testing.assert_allclose(*slopes, rtol=0.02, atol=2e-4)
    assert results[0].dtype == slopes[0].dtype == np.float16


@pytest.mark.parametrize("chunks", [1, 2, 5])
@pytest.mark.parametrize("axis", [0, -2])
def test_chunks_of_nothing_are_empty(chunks, axis):
    x = ts.ones((0, 3)).requires_grad_()
    parts = ts.chunk(x, chunks, axis=axis)
    assert [part.shape for part in parts] == [(0, 3)] * chunks
    sum(part.sum() for part in parts).backward()
    assert x.grad.shape == (0, 3)
