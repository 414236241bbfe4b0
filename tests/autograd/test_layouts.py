"""However the factors of a product lie in memory, the product and its gradients are the same."""

from itertools import permutations

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.autograd.ops.matrices.layout import LONG, product, rows_of

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
