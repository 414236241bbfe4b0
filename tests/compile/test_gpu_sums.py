"""Sums over axes on a GPU: the generated source, compiled as C++, on arrays of any layout."""

import shutil

import kernels_stand_in
import numpy as np
import pytest

from tinyseq.compiler.gpu.sums import pieces_of, sum_kernel

ARRAYS = {  # with the number of axes that are kept, which come first
    "everything": (np.ones((3, 50)), 0),
    "rows": (np.ones((5, 70)), 1),
    "columns": (np.ones((9, 70)).T, 1),
    "columns of three axes": (np.ones((4, 3, 40)).transpose(2, 0, 1), 1),
    "two axes around one": (np.ones((20, 3, 7)).transpose(1, 0, 2), 1),
    "a part": (np.ones((20, 9))[::2, 1:6], 1),
    "backwards": (np.ones((6, 33))[::-1, ::-1], 1),
    "spread": (np.broadcast_to(np.ones((6, 1)), (6, 5)), 1),
    "nothing": (np.ones((4, 33)), 2),
    "one number": (np.ones(()), 0),
}


@pytest.mark.parametrize("compiles", [False, True], ids=["NumPy", "C++"])
@pytest.mark.parametrize("pieces", [1, 3])
@pytest.mark.parametrize("name", ARRAYS)
def test_sums_of_arrays_of_any_layout(name, pieces, compiles):
    if compiles and shutil.which("g++") is None:
        pytest.skip("there is no g++")
    array, kept = ARRAYS[name]
    base = array
    while base.base is not None:
        base = base.base
    base[...] = np.random.default_rng(0).standard_normal(base.shape)
    out = np.zeros((*array.shape[:kept], pieces))
    kernel = sum_kernel(array, kept, pieces)
    (kernels_stand_in.compiled(kernel) if compiles else lambda a: kernels_stand_in.interpreted(kernel, a))([array, out])
    np.testing.assert_allclose(out.sum(axis=-1), array.sum(axis=tuple(range(kept, array.ndim))), atol=1e-13)


def test_a_long_sum_is_cut_into_pieces_and_many_short_ones_are_not():
    assert pieces_of((100, 64, 512), 0) == 800
    assert pieces_of((2048, 6400), 1) == 1
    assert pieces_of((4, 100), 1) == 1
    assert pieces_of((4, 1 << 20), 1) == 256
