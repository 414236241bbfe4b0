"""Functions that are made of ops equal NumPy's, and their gradients follow."""

import array_api_strict
import numpy as np
import pytest
from composite_cases import MORE, Case
from hypothesis import given
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.autograd.declare import FUNCTIONS, OPS
from tinyseq.backend import namespace_of
from tinyseq.testing import gradcheck, gradgradcheck
from tinyseq.testing.calls import numbers
from tinyseq.testing.calls.axes import an_index, shapes
from tinyseq.testing.properties import FIRST_ORDER, Trial, check_short_floats
from tinyseq.testing.subject import Subject

IDS = np.array([[2, 0], [-1, 2]])
ALONG = np.array([[0, 2, 1], [1, 1, -1]])
PAD_MODES = ["edge", "wrap", "linear_ramp", "maximum", "mean", "median", "minimum", "reflect", "symmetric"]
CASES = [
    *(
        Case(f.__name__, lambda x, f=f, a=a, k=k: f(x, axis=a, keepdims=k), n, ((2, 3, 2),))
        for f, n_ in ((ts.mean, np.mean), (ts.var, np.var), (ts.std, np.std))
        for a in (None, 0, -1, (0, 2))
        for k in (False, True)
        for n in (lambda x, n_=n_, a=a, k=k: n_(x, axis=a, keepdims=k),)
    ),
    Case("var", lambda x: ts.var(x, ddof=1), lambda x: np.var(x, ddof=1), ((2, 3),)),
    Case("std", lambda x: ts.std(x, axis=1, ddof=1), lambda x: np.std(x, axis=1, ddof=1), ((2, 3),)),
    Case("mean", ts.mean, np.mean, ((),)),
    Case("mean", lambda x: ts.mean(x, axis=0), lambda x: np.mean(x, axis=0), ((2, 0),)),
    Case("tensordot", ts.tensordot, np.tensordot, ((2, 3, 4), (3, 4, 2))),
    *(
        Case("tensordot", lambda x, y, a=a: ts.tensordot(x, y, a), lambda x, y, a=a: np.tensordot(x, y, a), s)
        for a, s in (
            (0, ((2,), (3,))),
            (1, ((2, 3), (3, 2))),
            (([0, 2], [1, 0]), ((2, 3, 4), (4, 2))),
            (([-1], [0]), ((2, 3), (3,))),
            ((0, 1), ((2, 3), (4, 2))),
        )
    ),
    *(
        Case("dot", ts.dot, np.dot, s)
        for s in (((), (2,)), ((3,), (3,)), ((2, 3), (3,)), ((2, 3), (3, 2)), ((2, 3), (4, 3, 2)), ((3,), (2, 3, 4)))
    ),
    *(Case("outer", ts.outer, np.outer, s) for s in (((2,), (3,)), ((), (3,)), ((2, 2), (0,)), ((2, 2), (3,)))),
    Case("trace", ts.trace, np.trace, ((3, 3),)),
    Case("trace", ts.trace, lambda x: np.trace(x, axis1=-2, axis2=-1), ((2, 3, 3),)),
    Case("diagonal", ts.diagonal, np.diagonal, ((3, 3),)),
    Case("diagonal", ts.diagonal, lambda x: np.diagonal(x, axis1=-2, axis2=-1), ((2, 3, 3),)),
    *(
        Case("pad", lambda x, k=k: ts.pad(x, **k), lambda x, k=k: np.pad(x, **k), (s,))
        for k, s in (
            ({"pad_width": [(1, 0), (0, 2)]}, (2, 3)),
            ({"pad_width": [(2, 1)], "constant_values": 7.0}, (0,)),
            ({"pad_width": (1, 2), "constant_values": ((1.0, 2.0), (3.0, 4.0))}, (2, 3)),
            ({"pad_width": 0, "mode": "edge"}, (0, 2)),
            *(({"pad_width": (3, 1), "mode": mode}, (2, 3)) for mode in PAD_MODES),
            *(({"pad_width": ((0, 7), (5, 8)), "mode": m, "reflect_type": "odd"}, (1, 3)) for m in PAD_MODES[-2:]),
            *(({"pad_width": 1, "mode": mode, "stat_length": (2, 1)}, (3, 2)) for mode in PAD_MODES[3:7]),
            ({"pad_width": (3, 2), "mode": "linear_ramp", "end_values": (5.0, -1.0)}, (2, 3)),
        )
    ),
    Case("pad", lambda x: ts.pad(x, {-1: (1, 2)}), lambda x: np.pad(x, ((0, 0), (1, 2))), ((2, 3),)),
    Case("pad", lambda x: ts.pad(x, []), lambda x: x, ((),)),
    *(
        Case("tile", lambda x, n=n: ts.tile(x, n), lambda x, n=n: np.tile(x, n), (s,))
        for n, s in ((2, (3,)), ((2, 2), (3,)), ((2, 1), (2, 3)), (0, (2,)), (3, ()), ((2,), (2, 3)))
    ),
    *(
        Case("repeat", lambda x, n=n, a=a: ts.repeat(x, n, a), lambda x, n=n, a=a: np.repeat(x, n, a), (s,))
        for n, a, s in ((2, 0, (3,)), (3, -1, (2, 2)), (0, 0, (2, 3)), ([1, 0, 2], 1, (2, 3)), ([2], 0, (2, 3)))
    ),
    Case("repeat", lambda x: ts.repeat(x, ts.tensor([2, 0, 1])), lambda x: np.repeat(x, [2, 0, 1]), ((3,),)),
    *(
        Case("take", lambda x, i=i, a=a: ts.take(x, i, a), lambda x, i=i, a=a: np.take(x, i, a), ((3, 3),))
        for i in (1, [2, 0, 2], IDS, ts.tensor(IDS), np.zeros((0,), dtype=int))
        for a in (0, -1)
    ),
    *(
        Case(name, ours, lambda x: np.take_along_axis(x, ALONG, 1), ((2, 3),))
        for name, ours in (
            ("take_along_axis", lambda x: ts.take_along_axis(x, ALONG, 1)),
            ("take_along_axis", lambda x: ts.take_along_axis(x, ts.tensor(ALONG), -1)),
            ("gather", lambda x: ts.gather(x, 1, ALONG)),
        )
    ),
    *(
        Case("squeeze", lambda x, a=a: ts.squeeze(x, a), lambda x, a=a: np.squeeze(x, a), ((1, 3, 1),))
        for a in (None, 0, -1, (0, 2), (0, -1))
    ),
    *(
        Case("expand_dims", lambda x, a=a: ts.expand_dims(x, a), lambda x, a=a: np.expand_dims(x, a), ((2, 3),))
        for a in (0, 1, 2, -1, -3)
    ),
    *(
        Case("swapaxes", lambda x, a=a: ts.swapaxes(x, *a), lambda x, a=a: np.swapaxes(x, *a), ((2, 3, 1),))
        for a in ((0, 1), (-1, 0), (1, 1))
    ),
    Case("matrix_transpose", FUNCTIONS["matrix_transpose"], np.matrix_transpose, ((2, 3, 4),)),
    Case("flatten", ts.flatten, np.ravel, ((2, 3),)),
    Case("flatten", ts.flatten, np.ravel, ((),)),
    Case("flatten", ts.flatten, np.ravel, ((2, 0),)),
    Case("transpose", ts.transpose, np.transpose, ((2, 3, 4),)),
    Case("transpose", lambda x: ts.transpose(x, (-1, 0, 1)), lambda x: np.transpose(x, (-1, 0, 1)), ((2, 3, 4),)),
    Case("permute", lambda x: ts.permute(x, 1, 0), np.transpose, ((2, 3),)),
    Case("permute_dims", lambda x: FUNCTIONS["permute_dims"](x, (1, 0)), np.transpose, ((2, 3),)),
    *(
        Case(
            "chunk",
            lambda x, n=n: ts.chunk(x, n),
            lambda x, n=n: [x[i : i + -(-5 // n)] for i in range(0, 5, -(-5 // n))],
            s,
        )
        for n in (1, 2, 3, 5, 7)
        for s in (((5, 2),),)
    ),
    Case("chunk", lambda x: ts.chunk(x, 2, axis=-1), lambda x: [x[:, :2], x[:, 2:]], ((2, 3),)),
    Case("concat", lambda x, y: FUNCTIONS["concat"]([x, y]), lambda x, y: np.concatenate([x, y]), ((2,), (3,))),
    Case("concatenate", lambda x, y: ts.concatenate([x, y], 1), lambda x, y: np.hstack([x, y]), ((2, 1), (2, 3))),
    Case("stack", lambda x, y: ts.stack((x, y), -1), lambda x, y: np.stack([x, y], -1), ((2, 3), (2, 3))),
    Case("cumulative_sum", lambda x: FUNCTIONS["cumulative_sum"](x, axis=0), lambda x: np.cumsum(x, 0), ((3, 2),)),
    Case("cumulative_prod", lambda x: FUNCTIONS["cumulative_prod"](x, axis=0), lambda x: np.cumprod(x, 0), ((3, 2),)),
    Case("einsum", lambda x, y: ts.einsum("ij, kj", x, y), lambda x, y: np.einsum("ij,kj", x, y), ((2, 3), (4, 3))),
    Case("astype", lambda x: ts.astype(x, "float64"), lambda x: x, ((2, 3),), converts=True),
    Case("zeros_like", lambda x: x + ts.zeros_like(x), lambda x: x, ((2, 3),)),
    Case("ones_like", lambda x: x * ts.ones_like(x), lambda x: x, ((2, 3),)),
    Case("getitem", lambda x: x[1:, None, [0, 2, 2]], lambda x: x[1:, None, [0, 2, 2]], ((3, 3),)),
    Case("getitem", lambda x: x[ts.tensor(IDS)], lambda x: x[IDS], ((3, 2),)),
    Case("getitem", lambda x: x[ts.tensor([True, False, True])], lambda x: x[[True, False, True]], ((3, 2),)),
    *MORE,
]
FOR_INDICES = {"scatter_add", "index_set"}  # these have random tests of their own, below
NO_GRADIENT = {"any", "all"}


def identity(case):
    return f"{case.name}-{'-'.join('x'.join(map(str, s)) or 'number' for s in case.shapes)}"


def test_every_composite_has_a_case():
    covered = {case.name for case in CASES} | FOR_INDICES | NO_GRADIENT
    assert set(FUNCTIONS) - set(OPS) <= covered


def compared(case, library=None):
    """Our outputs and NumPy's, as lists."""
    inputs = [ts.tensor(x if library is None else library.asarray(x)) for x in case.arrays()]
    found, wanted = case.ours(*inputs), case.numpy(*case.arrays())
    assert isinstance(found, list) == isinstance(wanted, list)
    return (found, wanted) if isinstance(found, list) else ([found], [wanted])


@pytest.mark.parametrize("case", CASES, ids=identity)
def test_the_value_is_that_of_numpy(case):
    for found, wanted in zip(*compared(case), strict=True):
        assert found.shape == np.shape(wanted)
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-12, atol=1e-14)


HALVES = [  # arguments that are no whole numbers beside arrays of them
    Case("diff", lambda x: ts.diff(x, prepend=0.5), lambda x: np.diff(x, prepend=0.5), ((3,),)),
    Case("linspace", lambda x: ts.linspace(0.5, x, 4), lambda x: np.linspace(0.5, x, 4), ((2,),)),
    Case("pad", lambda x: ts.pad(x, 1, constant_values=2.5), lambda x: np.pad(x, 1, constant_values=2.5), ((2,),)),
    Case("scatter_add", lambda x: ts.scatter_add(x, 0, 0.5), lambda x: x + np.array([0.5, 0, 0]), ((3,),)),
    Case("scatter_add", lambda x: ts.scatter_add(x, [0, 0], [0.5, 1]), lambda x: x + np.array([1.5, 0]), ((2,),)),
    Case("index_set", lambda x: ts.index_set(x, 0, 0.5), lambda x: np.append([0.5], x[1:]), ((3,),)),
    Case("index_set", lambda x: ts.index_set(x, 1, 7), lambda x: np.concatenate([x[:1], [7]]), ((2,),)),
    Case("index_set", lambda x: ts.index_set(x > 0, 1, True), lambda x: np.append(x[:1] > 0, True), ((2,),)),
    Case("index_set", lambda x: ts.index_set(x + 2**60, 1, 7), lambda x: np.append(x[:1] + 2**60, 7), ((2,),)),
    Case("matrix_power", lambda x: ts.matrix_power(x, 0), lambda x: np.linalg.matrix_power(x, 0), ((2, 2),)),
]


@pytest.mark.parametrize("case", [*CASES, *HALVES], ids=identity)
def test_the_value_for_whole_numbers_is_that_of_numpy(case):
    given = [np.arange(x.size).reshape(x.shape) * 3 % 7 - 2 for x in case.arrays()]
    try:
        wanted = case.numpy(*given)
    except np.linalg.LinAlgError:
        pytest.skip("a singular matrix")
    found = case.ours(*map(ts.tensor, given))
    many = isinstance(wanted, list)
    for ours, numpys in zip(found if many else [found], wanted if many else [wanted], strict=True):
        assert ours.dtype.kind == np.asarray(numpys).dtype.kind or case.name in {"astype", "rint"}
        if ours.dtype.kind == "f":
            np.testing.assert_allclose(ours.numpy(), numpys, rtol=1e-12, atol=1e-12)
        else:
            np.testing.assert_array_equal(ours.numpy(), numpys)


@pytest.mark.parametrize("case", CASES, ids=identity)
def test_the_gradient_keeps_the_contract(case):
    subject = Subject(case.ours, case.arrays(), case.name)
    trial = Trial(subject)
    for check in FIRST_ORDER:
        check(trial)
    check_short_floats(trial, converts=case.converts)
    gradcheck(case.ours, case.arrays())
    gradgradcheck(case.ours, case.arrays())


@pytest.mark.parametrize("case", CASES, ids=identity)
def test_on_another_array_library(case):
    for found, wanted in zip(*compared(case, array_api_strict), strict=True):
        assert namespace_of(found._array).name == "array_api_strict"
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-12, atol=1e-14)
    trial = Trial(Subject(case.ours, case.arrays(), case.name))
    other = Trial(Subject(case.ours, [array_api_strict.asarray(x) for x in case.arrays()], case.name))
    for found, wanted in zip(other.gradients, trial.gradients, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)


@given(data=st.data())
def test_scatter_add_and_index_set_at_any_index(data):
    shape = data.draw(shapes())
    index = data.draw(st.composite(lambda draw: an_index(draw, shape))())
    picked = np.zeros(shape)[index].shape
    x, values = data.draw(st.composite(lambda draw: numbers(draw, OPS["add"], [shape, picked]))())
    wanted = x.copy()
    np.add.at(wanted, index, values)
    np.testing.assert_allclose(ts.scatter_add(x, index, values).numpy(), wanted)
    gradcheck(lambda x, v: ts.scatter_add(x, index, v), [x, values])
    counts = np.zeros(shape)
    np.add.at(counts, index, 1)
    if (counts > 1).any():
        with pytest.raises(ValueError, match="repeats a position"):
            ts.index_set(x, index, values)
    else:
        wanted = x.copy()
        wanted[index] = values
        np.testing.assert_array_equal(ts.index_set(x, index, values).numpy(), wanted)
        gradcheck(lambda x, v: ts.index_set(x, index, v), [x, values])


def test_any_and_all_ask_without_a_gradient():
    x = ts.tensor([[1.0, 0.0], [1.0, 1.0]], requires_grad=True)
    assert ts.any(x, axis=0).tolist() == [True, True]
    assert ts.all(x, axis=1, keepdims=True).tolist() == [[False], [True]]
    assert not ts.all(x).requires_grad


def test_lengths_of_parts_may_come_from_an_iterator():
    assert [part.tolist() for part in ts.split(ts.arange(4), iter([1, 3]))] == [[0], [1, 2, 3]]


def test_one_hot():
    assert ts.one_hot(ts.tensor([[1], [0]]), 2, dtype="float64").tolist() == [[[0, 1]], [[1, 0]]]
    assert ts.one_hot([], 3).shape == (0, 3)
    with pytest.raises(ValueError, match=r"id 3 lies outside \[0, 3\)"):
        ts.one_hot([0, 3], 3)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: ts.mean(x[:0]), ValueError, r"mean: 0 elements along axis None of shape \(0, 3\) leave nothing"),
        (lambda x: ts.var(x[:1], 0, ddof=1), ValueError, "var: 1 elements less ddof=1 along axis 0"),
        (lambda x: ts.std(x[:, :0], -1), ValueError, "std: 0 elements along axis -1"),
        (lambda x: ts.max(x[:0]), ValueError, r"max\(x\(0, 3\)\).*zero-size array"),
        (lambda x: ts.argmin(x[:0], axis=0), ValueError, r"argmin\(x\(0, 3\), axis=0\).*empty sequence"),
        (lambda x: ts.squeeze(x, 0), ValueError, r"axis 0 of shape \(2, 3\) has length 2, not 1"),
        (lambda x: ts.squeeze(x, 2), IndexError, "axis 2 is out of bounds for 2 axes"),
        (lambda x: ts.take(x, [0], axis=2), IndexError, "axis 2 is out of bounds for 2 axes"),
        (lambda x: ts.take(x, [5], axis=1), IndexError, "index 5 is out of bounds for axis 1 with size 3"),
        (lambda x: ts.expand_dims(x, 4), IndexError, "axis 4 is out of bounds for 3 axes"),
        (lambda x: ts.transpose(x, 0, 2), IndexError, "axis 2 is out of bounds for 2 axes"),
        (lambda x: ts.transpose(x, 0, 0), ValueError, r"order \(0, 0\) must name each axis of shape \(2, 3\) once"),
        (lambda x: ts.unbind(x, axis=2), IndexError, r"unbind\(x\(2, 3\), axis=2\)"),
        (lambda x: ts.split(x, 2, axis=1), ValueError, "cannot split a length of 3 into 2 equal parts"),
        (lambda x: ts.split(x, [1, 2], axis=0), ValueError, r"parts of \[1, 2\] add up to 3, but the length is 2"),
        (lambda x: ts.split(x, [3, -1], axis=0), ValueError, r"must not have negative lengths, got \[3, -1\]"),
        (lambda x: ts.sum(x, axis=5), ValueError, r"sum\(x\(2, 3\), axis=5\).*axis 5 is out of bounds"),
        (
            lambda x: ts.take_along_axis(x, [[0], [0], [0]], 1),
            ValueError,
            "of the same lengths, or of length 1, except along axis 1",
        ),
        (lambda x: ts.gather(x, 0, [[5]]), IndexError, "index 5 is out of bounds"),
        (
            lambda x: ts.gather(x, 1, [[0]] * 3),
            ValueError,
            r"indices have shape \(3, 1\).*none longer than",
        ),
        (lambda x: ts.gather(x, 0, [[True]]), IndexError, "gather: indices must be whole numbers, got bool"),
        (
            lambda x: ts.take_along_axis(x, np.array([[True, False, True]]), 0),
            IndexError,
            "take_along_axis: indices must be whole numbers, got bool",
        ),
        (lambda x: ts.one_hot([True, False], 2), IndexError, "one_hot: ids must be whole numbers, got bool"),
        (lambda x: ts.clip(x, 1.0, low=2.0), TypeError, "low"),
        (lambda x: ts.clip(x, 1.0, a_min=2.0), TypeError, "low= and a_min=, which are the same bound"),
        (lambda x: ts.clip(x, lower=1.0), TypeError, "clip.*'lower'"),
        (lambda x: ts.clip(x, ts.ones(4)), ValueError, r"maximum\(x\(2, 3\), y\(4,\)\)"),
        (lambda x: ts.diagonal(x, 0, 1, -1), ValueError, "axis1=1 and axis2=-1 are the same axis"),
        (lambda x: ts.diagonal(x[0]), IndexError, "axis -2 is out of bounds for 1 axes"),
        (lambda x: ts.diag(x[None]), ValueError, r"a vector or a matrix, got shape \(1, 2, 3\)"),
        (lambda x: ts.moveaxis(x, (0, 1), 0), ValueError, "must name equally many axes, each once"),
        (lambda x: ts.moveaxis(x, (0, -2), (0, 1)), ValueError, "must name equally many axes, each once"),
        (lambda x: ts.rot90(x, 1, (1, -1)), ValueError, "must be two different ones"),
        (lambda x: ts.diff(x, -1), ValueError, "n must be 0 or more, got -1"),
        (lambda x: ts.cross(x, x[:, :2]), ValueError, "vectors of length 3 along axis -1, got 3 and 2"),
        (lambda x: ts.linspace(x, 1.0, -1), ValueError, "num must be 0 or more, got -1"),
        (lambda x: ts.meshgrid(x, indexing="yx"), ValueError, 'indexing must be "xy" or "ij", got \'yx\''),
        (lambda x: ts.einsum(x, ["i"]), ValueError, "after each operand comes a list of axes"),
        (lambda x: ts.einsum(x, [0, 77]), ValueError, "after each operand comes a list of axes"),
        (lambda x: ts.matrix_power(x, 2), ValueError, r"square matrices, got shape \(2, 3\)"),
        (lambda x: ts.inv(x), np.linalg.LinAlgError, r"inv\(x\(2, 3\)\): .*square"),
        (lambda x: ts.solve(x[:, :2], x[0]), ValueError, r"solve\(x\(2, 2\), y\(3,\)\)"),
        (lambda x: ts.solve(x[:, :2], x), np.linalg.LinAlgError, r"solve\(x\(2, 2\), y\(2, 3\)\): Singular matrix"),
        (lambda x: ts.eigh(ts.zeros(2, 3)), ValueError, r"eigh\(x\(2, 3\)\): expected a square matrix.*shape \(2, 3\)"),
        (
            lambda x: ts.eigvalsh(ts.zeros(3)),
            ValueError,
            r"expected a square matrix, or a batch of them, got shape \(3,\)",
        ),
        (lambda x: ts.cholesky(ts.zeros(2, 3)), ValueError, r"cholesky\(x\(2, 3\)\): expected a square matrix"),
        (lambda x: ts.cholesky(-ts.eye(2)), np.linalg.LinAlgError, r"cholesky\(x\(2, 2\)\): .*positive definite"),
        (lambda x: ts.var(x, ddof=1, correction=1), TypeError, "var got ddof=1 and correction=1, which are the same"),
        (lambda x: ts.sum(x, dtype=int), TypeError, r"sum\(x\(2, 3\), dtype=.*would truncate float64"),
        (lambda x: ts.sort(x, axis=2), ValueError, "axis 2 is out of bounds"),
        (lambda x: ts.take_along_axis(x, [0], 0), ValueError, r"indices have shape \(1,\), x has shape \(2, 3\)"),
        (lambda x: x[["a"]], IndexError, "an index must hold integers or booleans"),
        (lambda x: x[0.5], IndexError, r"getitem\(x\(2, 3\), index=0.5\).*only integers"),
        (lambda x: ts.pad(x, [(1, 1)] * 3), ValueError, r"shape \(2, 3\) needs 2 pairs of pad_width"),
        (
            lambda x: ts.pad(x, 1, 7.0),
            ValueError,
            "mode must be one of .* got 7.0; for another constant .* constant_values=",
        ),
        (lambda x: ts.pad(x, 1, "edge", stat_length=2), ValueError, "mode 'edge' has no setting stat_length="),
        (lambda x: ts.pad(x, -1), ValueError, "pad_width must not be negative, got -1"),
        (lambda x: ts.pad(x, 0.5), ValueError, "pad_width must be whole numbers, got 0.5"),
        (lambda x: ts.pad(x[:0], 1, "wrap"), ValueError, "axis 0 of shape .* is empty, and only mode 'constant'"),
        (lambda x: ts.stack([]), ValueError, "stack takes a list of at least one tensor, got none"),
        (lambda x: ts.concatenate(x), ValueError, "concatenate takes a list of at least one tensor, got a tensor"),
        (lambda x: ts.concatenate([x, x[0]]), ValueError, r"concatenate\(xs\[0\]\(2, 3\), xs\[1\]\(3,\)\)"),
        (lambda x: x.reshape(4), ValueError, r"reshape\(x\(2, 3\), shape=\(4,\)\): cannot reshape array of size 6"),
        (lambda x: ts.einsum("ij,jk", x), ValueError, "names 2 operands, got 1"),
        (lambda x: ts.einsum("i", x), ValueError, r"gives operand 0 1 axes, but its shape is \(2, 3\)"),
        (lambda x: x @ x, ValueError, r"matmul\(x\(2, 3\), y\(2, 3\)\)"),
        (lambda x: ts.roll(x), TypeError, "roll needs shift="),
        (lambda x: ts.softmax(x, dim=1), TypeError, r"softmax has no setting 'dim'; it has \['axis'\]"),
        (lambda x: ts.where(x > 0), TypeError, "where takes 3 tensors"),
    ],
)
def test_bad_arguments_get_an_error_that_names_them(call, error, text):
    with pytest.raises(error, match=text):
        call(ts.ones(2, 3))
