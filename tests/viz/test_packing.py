"""Arrays as a page holds them."""

import base64

import numpy as np
import pytest

from tinyseq.viz.page.packing import MOST_TERMS, block, blocks, strip


def unpacked(text):
    return np.frombuffer(base64.b64decode(text), dtype="<f4")


@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (2, 3, 4), (1, 1), (0, 3)])
def test_a_small_array_is_packed_whole(shape):
    array = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = block(array.shape, most=64)
    assert found.whole
    np.testing.assert_array_equal(unpacked(found.pack(array)), array.ravel())


def test_a_large_array_keeps_its_first_rows_and_columns():
    array = np.arange(100 * 50, dtype=np.float64).reshape(100, 50)
    found = block(array.shape, most=8)
    assert found == (8, 8, False)
    np.testing.assert_array_equal(unpacked(found.pack(array)).reshape(8, 8), array[:8, :8])


def test_many_terms_of_large_arrays_stay_within_what_a_page_holds():
    for terms in (1, 10, 100, 1000):
        found = blocks([(4096, 1024), (4096, 1024), (4096,)], terms)
        assert terms * sum(block.rows * block.columns for block in found) <= MOST_TERMS


def test_numbers_too_large_for_32_bits_are_infinite():
    assert unpacked(block((1,), 4).pack(np.array([1e300]))).tolist() == [np.inf]


@pytest.mark.parametrize("array", [None, np.zeros(65), np.zeros(0), np.zeros(2, dtype=complex)])
def test_what_cannot_be_shown_as_a_strip_is_none(array):
    assert strip(array) is None
