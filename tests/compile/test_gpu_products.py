"""How products are given to cuBLAS: a BLAS made of NumPy reads the same memory by the same numbers."""

import ctypes

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided

from tinyseq.compiler.gpu import cuda


class Library:
    """BLAS by NumPy: C = op(A) op(B), of matrices by columns at addresses."""

    def cublasDgemmStridedBatched(
        self, handle, op_a, op_b, m, n, k, alpha, a, lda, sa, b, ldb, sb, beta, c, ldc, sc, count
    ):
        assert (alpha._obj.value, beta._obj.value) == (1.0, 0.0)
        first = seen(a, (m, k) if op_a == 0 else (k, m), lda, sa.value, count)
        second = seen(b, (k, n) if op_b == 0 else (n, k), ldb, sb.value, count)
        first, second = (x.swapaxes(1, 2) if op else x for x, op in ((first, op_a), (second, op_b)))
        seen(c, (m, n), ldc, sc.value, count)[...] = first @ second
        return 0

    def cublasDgemm_v2(self, handle, op_a, op_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):
        none = ctypes.c_longlong(0)
        sizes = handle, op_a, op_b, m, n, k
        return self.cublasDgemmStridedBatched(*sizes, alpha, a, lda, none, b, ldb, none, beta, c, ldc, none, 1)


def seen(pointer, shape, leading, step, count):
    assert leading >= shape[0]
    memory = np.ctypeslib.as_array(ctypes.cast(pointer, ctypes.POINTER(ctypes.c_double)), (1,))
    return as_strided(memory, (count, *shape), (step * 8, 8, leading * 8))


@pytest.fixture
def blas(monkeypatch):
    monkeypatch.setattr(cuda, "_pointer", lambda array: ctypes.c_void_p(array.__array_interface__["data"][0]))
    made = cuda.Blas.__new__(cuda.Blas)
    made._library, made._handle = Library(), None
    return made


def laid_out(draw, rows, columns, batch):
    """A batch of matrices, in one of the ways in which views lie in memory."""
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    way = draw(st.sampled_from(["in order", "part", "transposed", "backwards", "spread", "one for all"]))
    if way == "in order":
        return rng.standard_normal((*batch, rows, columns))
    if way == "part":
        return rng.standard_normal((*batch, rows + 2, columns + 3))[..., 1 : rows + 1, 2 : columns + 2]
    if way == "transposed":
        return rng.standard_normal((*batch, columns, rows)).swapaxes(-1, -2)
    if way == "backwards":
        return rng.standard_normal((*batch, rows, columns))[..., ::-1, ::-1]
    if way == "spread":
        return np.broadcast_to(rng.standard_normal((*batch, 1, columns)), (*batch, rows, columns))
    return rng.standard_normal((rows, columns))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), sizes=st.tuples(*[st.integers(1, 5)] * 3), batch=st.sampled_from([(), (3,), (2, 3), (1, 2)]))
def test_products_of_views_of_any_layout(blas, data, sizes, batch):
    rows, inner, columns = sizes
    a, b = laid_out(data.draw, rows, inner, batch), laid_out(data.draw, inner, columns, batch)
    if data.draw(st.booleans()):
        out = np.zeros((*batch, rows, columns + 2))[..., 1 : columns + 1]
    else:
        out = np.zeros((*batch, columns, rows)).swapaxes(-1, -2)
    blas.product(cuda.gemm_of(np, a, b, out))
    np.testing.assert_allclose(out, np.broadcast_to(np.matmul(a, b), out.shape), atol=1e-13)


def test_a_result_with_gaps_along_both_axes_is_refused():
    with pytest.raises(ValueError, match="layout that BLAS cannot write"):
        cuda.gemm_of(np, np.ones((2, 2)), np.ones((2, 2)), np.ones((4, 4))[::2, ::2])


def test_factors_that_lie_well_are_not_copied():
    a, b = np.ones((3, 4, 5)), np.ones((7, 3, 5)).transpose(1, 2, 0)
    product = cuda.gemm_of(np, a, b, np.zeros((3, 4, 7)))
    assert np.shares_memory(product.first.array, a)
    assert np.shares_memory(product.second.array, b)
