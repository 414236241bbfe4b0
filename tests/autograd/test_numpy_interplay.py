"""NumPy's functions and operators on tensors either are ours or say what to call."""

import operator

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.testing import gradcheck


def leaf(values):
    return ts.tensor(np.array(values, dtype=float), requires_grad=True)


@pytest.mark.parametrize(
    "operation",
    [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.matmul],
    ids=lambda f: f.__name__,
)
def test_an_array_on_the_left_of_a_tensor(operation):
    a = np.array([[1.0, 2.0], [3.0, 4.0]])
    x = leaf([[0.5, 1.5], [2.5, 3.5]])
    y = operation(a, x)
    assert isinstance(y, ts.Tensor)
    np.testing.assert_allclose(y.numpy(), operation(a, x.numpy()))
    y.sum().backward()
    assert x.grad is not None


@pytest.mark.parametrize("operation", [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne])
def test_comparisons_with_arrays_and_numbers(operation):
    x = ts.tensor([1.0, 2.0, 3.0])
    for other in (2.0, np.array([3.0, 2.0, 1.0])):
        np.testing.assert_array_equal(operation(x, other).numpy(), operation(x.numpy(), other))
        np.testing.assert_array_equal(operation(other, x).numpy(), operation(other, x.numpy()))


@pytest.mark.parametrize(
    "function",
    [np.exp, np.log, np.tanh, np.sqrt, np.abs, np.negative, np.square, np.sin, np.sign, np.reciprocal, np.log1p],
    ids=lambda f: f.__name__,
)
def test_functions_of_numpy_are_ours_when_given_a_tensor(function):
    x = leaf([0.5, 1.5])
    y = function(x)
    assert isinstance(y, ts.Tensor)
    assert y.requires_grad
    np.testing.assert_allclose(y.numpy(), function(x.numpy()))


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.sum(x, axis=0),
        lambda x: np.mean(x, axis=1, keepdims=True),
        lambda x: np.max(x, axis=1),
        lambda x: np.maximum(x, 1.0),
        lambda x: np.power(x, 2.0),
        lambda x: np.true_divide(x, 2.0),
        lambda x: np.logaddexp(x, 0.0),
        lambda x: np.matmul(x, x),
        lambda x: np.concatenate([x, x]),
        lambda x: np.stack([x, x], axis=1),
        lambda x: np.reshape(x, (4,)),
        lambda x: np.transpose(x),
        lambda x: np.where(x > 1, x, 0.0),
        lambda x: np.einsum("ij,kj->ik", x, x),
        lambda x: np.cumsum(x, axis=0),
        lambda x: np.expand_dims(x, 0),
        lambda x: np.squeeze(x[None]),
        lambda x: np.tensordot(x, x, 1),
        lambda x: np.outer(x, x),
        lambda x: np.dot(x, x),
        lambda x: np.trace(x),
        lambda x: np.var(x),
        lambda x: np.std(x, axis=0),
        lambda x: np.prod(x),
        lambda x: np.flip(x, 0),
        lambda x: np.tile(x, 2),
        lambda x: np.broadcast_to(x, (3, 2, 2)),
    ],
)
def test_array_functions_of_numpy_are_ours_when_given_a_tensor(call):
    x = leaf([[0.5, 1.5], [2.5, 3.5]])
    y = call(x)
    assert isinstance(y, ts.Tensor)
    assert y.requires_grad
    np.testing.assert_allclose(y.numpy(), call(x.numpy()))


def test_other_functions_of_numpy_take_constants():
    x = ts.tensor([3.0, 1.0, 2.0])
    assert np.median(x) == 2.0
    assert np.sinh(x).shape == (3,)
    np.testing.assert_array_equal(np.sort(x), [1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.multiply.outer(x, x),
        lambda x: np.add.reduce(x, axis=1),
        lambda x: np.split(x, [1, 3]),
        lambda x: np.split(x, 2),
        lambda x: np.take(x, [0, 5]),
        lambda x: np.cumsum(x),
        lambda x: np.cumprod(x),
        lambda x: np.concatenate([x, x], axis=None),
        lambda x: np.repeat(x, 2),
        lambda x: np.clip(x, a_min=2, a_max=4),
        lambda x: np.clip(x, -x, x + 1),
        lambda x: np.sum(x, 0, float),
        lambda x: np.max(x, axis=0, initial=3.0),
        lambda x: np.roll(x, 1),
        lambda x: np.roll(x, (1, -1), (0, 1)),
        lambda x: np.pad(x, 1, "constant"),
        lambda x: np.pad(x, ((1, 0), (0, 2)), mode="reflect"),
        lambda x: np.astype(x, np.float64),
        lambda x: np.expand_dims(x, (0, 2)),
        lambda x: np.sort(-x, axis=0),
        lambda x: np.rot90(x),
        lambda x: np.amax(x, axis=1),
    ],
)
def test_numpy_means_what_it_means_and_the_gradient_follows(call):
    values = np.arange(8.0).reshape(4, 2) + 0.5
    recorded = call(leaf(values))
    for found, constant, expected in zip(recorded, call(ts.tensor(values)), call(values), strict=True):
        np.testing.assert_array_equal(found.detach(), expected)
        np.testing.assert_array_equal(constant, expected)
        assert isinstance(constant, ts.Tensor)
        assert found.requires_grad
    gradcheck(call, [values])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda x: np.add.reduceat(x, [0, 1]), r"np.add.reduceat is not recorded by tinyseq"),
        (lambda x: np.fft.fft(x), r"np.fft.fft is not recorded by tinyseq; use .*np.fft.fft\(t.detach\(\).numpy\(\)\)"),
        (lambda x: np.linalg.norm(x, 1), r"np.linalg.norm is not recorded by tinyseq with ord; use ts.norm\(x, axis="),
        (lambda x: np.sum(x, where=x > 1), r"with where; use ts.sum\(x, axis=.*choose first, with ts.where"),
        (lambda x: np.exp(x, where=x.numpy() > 1), r"np.exp is not recorded by tinyseq with where"),
        (lambda x: np.exp(x, out=np.ones((4, 2))), r"np.exp would write.*y = np.f\(...\)"),
        (lambda x: np.sum(x, 0, None, np.ones(2)), r"np.sum would write.*y = np.f\(...\)"),
        (lambda x: np.copyto(np.ones((4, 2)), x), r"np.copyto would write.*ts.index_set"),
        (lambda x: np.fill_diagonal(x, 0.0), r"np.fill_diagonal would write.*t.copy_\(values\)"),
        (lambda x: np.multiply.at(np.ones((4, 2)), 0, x), r"np.multiply.at would write"),
        (lambda x: np.frompyfunc(float, 1, 1)(x), r"is not recorded by tinyseq"),
    ],
)
def test_what_has_no_gradient_names_function_and_cure(call, text):
    with pytest.raises(TypeError, match=text):
        call(leaf(np.arange(8.0).reshape(4, 2)))


UFUNCS = [f for f in vars(np).values() if isinstance(f, np.ufunc) and f.signature is None and f.nout == 1]


@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("index", [0, [0], slice(1)], ids=str)
def test_no_ufunc_adds_at_places_of_a_tensor(ufunc, index):
    """NumPy itself writes to a locked array here, so that what a graph has saved would change."""
    for requires_grad in (False, True):
        x = ts.tensor([0.5, 0.75], requires_grad=requires_grad)
        with pytest.raises(TypeError, match=r"\.at would write to a tensor.*ts\.scatter_add"):
            ufunc.at(x, index, *[0.25] * (ufunc.nin - 1))
        assert x.tolist() == [0.5, 0.75]


@pytest.mark.parametrize("ufunc", [f for f in UFUNCS if f.nin == 2], ids=lambda f: f.__name__)
@pytest.mark.parametrize("index", [0, [0], [0, 0], slice(2), np.array([True, False])], ids=str)
def test_no_ufunc_adds_a_tensor_at_places_of_an_array(ufunc, index):
    """Its values would go on without their gradient."""
    array = np.array([0.5, 0.75])
    with pytest.raises(TypeError, match=r"\.at would write to a tensor, or .* into an array.*ts\.scatter_add"):
        ufunc.at(array, index, leaf([2.0])[0] * 2)
    assert array.tolist() == [0.5, 0.75]


def test_a_constant_may_be_written_into_an_array_but_never_written_to():
    x, out = ts.ones(2), np.zeros(2)
    assert np.add(x, 1.0, out=out) is out
    assert np.sum(ts.ones((2, 2)), 0, None, out) is out
    np.copyto(out, x)
    assert out.tolist() == [1.0, 1.0]
    with pytest.raises(TypeError, match=r"np.copyto would write to a tensor.*t.copy_\(values\)"):
        np.copyto(x, out)


def test_what_numpy_makes_of_a_constant_shares_no_memory_with_the_callers_array():
    a = np.ones(2)
    _, b = np.broadcast_arrays(ts.ones((2, 2)), a)
    a[:] = 5.0
    assert b.tolist() == [[1.0, 1.0], [1.0, 1.0]]


def test_looking_needs_no_gradient():
    x = leaf([[3.0, 1.0], [2.0, 4.0]])
    assert (np.shape(x), np.ndim(x), np.size(x), np.argmax(x)) == ((2, 2), 2, 4, 3)
    assert np.argsort(x, axis=1).tolist() == [[1, 0], [0, 1]]
    assert np.array_repr(x) == "array([[3., 1.],\n       [2., 4.]])"
    assert np.array_equal(x, x)
    with ts.no_grad():
        assert np.median(x) == 2.5


def test_constants_become_numbers_and_arrays():
    x = ts.tensor(2.0)
    assert (float(x), int(x), bool(x), x.item()) == (2.0, 2, True, 2.0)
    assert np.asarray(x).shape == ()
    assert np.asarray(ts.ones(2), dtype=np.float32).dtype == np.float32
    assert [10, 20, 30][ts.tensor(1)] == 20


def test_item_and_comparisons_work_on_recorded_tensors():
    x = leaf(2.0)
    assert x.item() == 2.0
    assert x > 1
    assert (x * x).tolist() == 4.0


@pytest.mark.parametrize(
    "array",
    [
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(12.0).reshape(2, 6)[:, ::2],
        np.arange(6.0).reshape(2, 3)[::-1, ::-1],
        np.broadcast_to(np.arange(3.0), (2, 3)),
    ],
    ids=["fortran", "strided", "reversed", "read-only"],
)
def test_arrays_in_any_layout_of_memory(array):
    x = ts.tensor(array, requires_grad=True)
    y = (ts.tanh(x) @ x.T).sum() + x[:, 1:].sum()
    y.backward()
    plain = ts.tensor(np.ascontiguousarray(array), requires_grad=True)
    ((ts.tanh(plain) @ plain.T).sum() + plain[:, 1:].sum()).backward()
    np.testing.assert_array_equal(x.grad.numpy(), plain.grad.numpy())


def test_iteration_and_length():
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    rows = list(x)
    assert len(x) == len(rows) == 2
    (rows[0] * rows[1]).sum().backward()
    assert x.grad.tolist() == [[3.0, 4.0], [1.0, 2.0]]


def test_a_tensor_is_hashed_by_identity():
    x, y = ts.ones(2), ts.ones(2)
    assert len({x, y, x}) == 2


def test_copies_and_pickles_of_leaves():
    import copy
    import pickle

    x = leaf([1.0, 2.0])
    x.node.name = "weight"
    for twin in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert twin.requires_grad
        assert twin.node is not x.node
        (twin * twin).sum().backward()
        assert twin.grad.tolist() == [2.0, 4.0]
    assert x.grad is None
    assert copy.deepcopy(x).node.name == "weight"


@pytest.mark.parametrize("make", [leaf, ts.nn.Parameter])
def test_a_deep_copy_has_a_gradient_of_its_own(make):
    import copy

    x = make([1.0, 2.0])
    assert copy.deepcopy(x).grad is None
    (x * x).sum().backward()
    twin = copy.deepcopy(x)
    assert twin.grad.tolist() == [2.0, 4.0]
    twin.grad.copy_([7.0, 7.0])
    (3 * twin).sum().backward()
    assert twin.grad.tolist() == [10.0, 10.0]
    assert x.grad.tolist() == [2.0, 4.0]


def test_representations():
    x = leaf([1.0, 2.0])
    assert repr(x) == "tensor([1., 2.], requires_grad=True)"
    assert repr(x * 2.0) == "tensor([2., 4.], made by multiply)"
    assert repr(ts.tensor([1, 2])) == "tensor([1, 2])"
    assert repr(ts.tensor(1.0, dtype="float32")) == "tensor(1., dtype=float32)"
    assert repr(x.node) == "Leaf(unnamed, shape=(2,))"
    with ts.scope("cell"), ts.step(2):
        y = ts.split(x, 2)[1]
    assert repr(y.node) == "Output(1 of Node(split, shape=((1,), (1,)), cell, step 2))"
