"""However the factors of a product lie in memory, the product and its gradients are the same."""

from itertools import permutations

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.autograd.ops.moves.layout import BLOCK, LARGE, LONG, product, rows_of, side_by_side
from tinyseq.backend import NUMPY

BATCHES = [(), (3,), (2, 3), (1,), (0,)]
LENGTHS = [1, 5, LONG, LONG + 1]  # of the sums, on both sides of where one product is made of many


def laid_out(values, order):
    """The same values, with the axes in another order in memory."""
    back = np.argsort(order)
    return np.ascontiguousarray(values.transpose(order)).transpose(back)


def gradients(x, y, weight, create_graph=False):
    # Tensor(array) keeps the memory as it is; ts.tensor would copy it in order.
    x, y = ts.Tensor(x).requires_grad_(), ts.Tensor(y).requires_grad_()
    product = x @ y
    assert product.shape == weight.shape
    return product.numpy(), *(g.numpy() for g in ts.grad(product, [x, y], ts.tensor(weight), create_graph=create_graph))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("batch", BATCHES, ids=str)
@pytest.mark.parametrize("of_x", [(), (3,), (2, 1)], ids=str)
def test_products_do_not_depend_on_how_their_factors_lie_in_memory(of_x, batch, length, dtype):
    try:
        whole = np.broadcast_shapes(of_x, batch)
    except ValueError:
        pytest.skip("the batches do not broadcast")
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=s).astype(dtype) for s in ((*of_x, 4, length), (*batch, length, 2)))
    weight = rng.normal(size=(*whole, 4, 2)).astype(dtype)
    wanted = gradients(x.astype("float64"), y.astype("float64"), weight.astype("float64"))
    close = 1e-12 if dtype == "float64" else 2e-5 * max(1, length) ** 0.5
    for order in permutations(range(y.ndim)):
        for turned in (x, laid_out(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))):
            for create_graph in (False, True):
                found = gradients(turned, laid_out(y, order), weight, create_graph)
                for one, other in zip(found, wanted, strict=True):
                    assert one.dtype == dtype
                    np.testing.assert_allclose(one, other, rtol=close, atol=close)


def test_a_layer_s_sequences_become_one_matrix_without_a_copy():
    sequences = np.arange(3 * 2 * LONG, dtype="float32").reshape(3, 2, LONG)  # (T, B, I)
    rows = rows_of(sequences.transpose(0, 2, 1))
    assert rows is not None
    assert rows.shape == (6, LONG)
    assert np.shares_memory(rows, sequences)
    assert rows_of(sequences) is None
    assert rows_of(sequences.transpose(1, 2, 0)) is None
    weight = np.ones((4, LONG), "float32")
    found = product(weight, sequences.transpose(0, 2, 1))
    assert found.strides == (2 * 4, 3 * 2 * 4, 4)  # as a view of (4, T, B): one product made it
    assert product(weight, np.ascontiguousarray(sequences.transpose(0, 2, 1))).flags.c_contiguous


def test_factors_that_do_not_fit_are_refused_as_ever():
    y = ts.Tensor(np.ones((3, 2, LONG)).transpose(0, 2, 1))
    for x in (ts.ones(4, LONG - 1), ts.ones(()), ts.ones(LONG + 1)):
        with pytest.raises(ValueError, match="matmul"):
            x @ y
    assert (ts.ones(LONG) @ y).shape == (3, 2)


@pytest.mark.parametrize("rows", [1, BLOCK - 1, BLOCK, 3 * BLOCK + 5])
@pytest.mark.parametrize("size", [0.1, 1.5])
def test_matrices_side_by_side_are_joined_in_any_size_and_layout(rows, size):
    rng = np.random.default_rng(0)
    columns = int(size * LARGE / (4 * 8 * rows)) + 1
    parts = [rng.normal(size=(rows, columns + i % 3)).astype("float64") for i in range(8)]
    parts[1] = np.asfortranarray(parts[1])
    parts[2] = np.broadcast_to(parts[2][:1], parts[2].shape)
    before = [part.copy() for part in parts]
    joined = side_by_side(NUMPY, parts)
    np.testing.assert_array_equal(joined, np.concatenate(parts, axis=1))
    assert not any(np.shares_memory(joined, part) for part in parts)
    np.testing.assert_equal(parts, before)
    mixed = [parts[0].astype("float32"), *parts[1:]]
    assert side_by_side(NUMPY, mixed).dtype == "float64"


def test_a_long_loop_s_gradients_are_the_same_in_blocks_of_rows_and_at_once(monkeypatch):
    """Those of steps and of a shared weight, twice through one graph, with a hook's and the caller's own in between."""
    rng = np.random.default_rng(0)
    w, z = (ts.tensor(rng.normal(size=s) / 20, requires_grad=True) for s in ((100, 100), (20, 100, 3)))
    heard, h, steps = [], ts.zeros(100, 3), ts.unbind(z * 1.0)
    for step in steps:
        h = ts.tanh(step + w @ h)
    steps[4].register_hook(heard.append)
    found = []
    for large in (0, 1 << 40, 0):
        monkeypatch.setattr("tinyseq.autograd.ops.moves.layout.LARGE", large)
        found.append([g.numpy().copy() for g in ts.grad(h.sum(), [w, z, steps[3]], retain_graph=True)])
    copies = [g.numpy().copy() for g in heard]
    for again in found[1:]:
        for one, other in zip(found[0], again, strict=True):
            np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(found[0][1][3], found[0][2])
    assert len(heard) == 3
    np.testing.assert_equal([g.numpy() for g in heard], [copies[0]] * 3)
