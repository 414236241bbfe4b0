"""However the factors of a product lie in memory, the product and its gradients are the same."""

from itertools import permutations

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.autograd.ops.moves.layout import LONG, product, rows_of, side_by_side
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
    assert (ts.Tensor(weight) @ ts.Tensor(sequences.transpose(0, 2, 1)))._array.strides == found.strides
    assert product(weight, np.ascontiguousarray(sequences.transpose(0, 2, 1))).flags.c_contiguous


def test_factors_that_do_not_fit_are_refused_as_ever():
    y = ts.Tensor(np.ones((3, 2, LONG)).transpose(0, 2, 1))
    for x in (ts.ones(4, LONG - 1), ts.ones(()), ts.ones(LONG + 1)):
        with pytest.raises(ValueError, match="matmul"):
            x @ y
    assert (ts.ones(LONG) @ y).shape == (3, 2)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex128"])
@pytest.mark.parametrize("shape", [(1, 1), (5, 16), (64, 3), (0, 4), (4, 0)], ids=str)
@pytest.mark.parametrize("odd", ["none", "turned", "strided", "broadcast", "width", "dtype"])
def test_matrices_side_by_side_are_joined_bit_for_bit_in_any_size_and_layout(odd, shape, dtype):
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=shape).astype(dtype) for _ in range(8)]
    parts[0][:1] = -0.0
    parts[2][-1:] = np.nan
    parts[3] = {
        "none": parts[3],
        "turned": np.asfortranarray(parts[3]),
        "strided": np.repeat(parts[3], 2, axis=1)[:, ::2],
        "broadcast": np.broadcast_to(parts[0][:1], shape),
        "width": rng.normal(size=(shape[0], shape[1] + 2)).astype(dtype),
        "dtype": parts[3].astype("complex64"),
    }[odd]
    before = [part.copy() for part in parts]
    joined, wanted = side_by_side(NUMPY, parts), np.concatenate(parts, axis=1)
    assert joined.dtype == wanted.dtype
    assert joined.shape == wanted.shape
    assert joined.tobytes() == wanted.tobytes()
    assert joined.flags.c_contiguous
    assert joined.flags.writeable
    assert not any(np.shares_memory(joined, part) for part in parts)
    np.testing.assert_equal(parts, before)


def test_a_long_loop_s_gradients_are_the_same_copied_by_rows_and_by_numbers(monkeypatch):
    """Those of steps and of a shared weight, twice through one graph, with a hook's and the caller's own in between."""
    rng = np.random.default_rng(0)
    w, z = (ts.tensor(rng.normal(size=s) / 20, requires_grad=True) for s in ((100, 100), (20, 100, 3)))
    heard, h, steps = [], ts.zeros(100, 3), ts.unbind(z * 1.0)
    for step in steps:
        h = ts.tanh(step + w @ h)
    steps[4].register_hook(heard.append)
    found = []
    for by_rows in (True, False, True):
        if not by_rows:
            monkeypatch.setattr("tinyseq.autograd.ops.moves.layout._lies_in_rows", lambda *part: False)
        found.append([g.numpy().copy() for g in ts.grad(h.sum(), [w, z, steps[3]], retain_graph=True)])
        monkeypatch.undo()
    copies = [g.numpy().copy() for g in heard]
    for again in found[1:]:
        for one, other in zip(found[0], again, strict=True):
            np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(found[0][1][3], found[0][2])
    assert len(heard) == 3
    np.testing.assert_equal([g.numpy() for g in heard], [copies[0]] * 3)
