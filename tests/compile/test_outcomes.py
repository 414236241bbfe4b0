"""What calls return is found without their values."""

import operator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyseq.compiler.recording.active import RecordingError
from tinyseq.compiler.recording.outcomes import Outcome, Outcomes
from tinyseq.compiler.steps import Ref, kind_of

SHAPES = [((3, 4), (4, 5)), ((1, 4), (4, 1)), ((2, 3, 4), (4, 5)), ((3, 4), (2, 4, 5)), ((2, 6, 3, 4), (1, 6, 4, 5))]
SHAPES += [((4,), (4, 5)), ((3, 4), (4,)), ((0, 4), (4, 5))]


def found(function, arrays, *args, **settings):
    kinds = {number: kind_of(array) for number, array in enumerate(arrays)}
    return Outcomes().of(function, (*map(Ref, kinds), *args), settings, kinds)


@st.composite
def laid_out(draw, shape):
    """An array with its axes in any order in memory, some of them backward."""
    order = draw(st.permutations(range(len(shape))))
    array = np.zeros([shape[axis] for axis in order], np.float32).transpose(np.argsort(order))
    return array[tuple(slice(None, None, draw(st.sampled_from([1, -1]))) for _ in shape)]


@given(data=st.data())
def test_a_product_is_laid_out_as_with_all_its_terms(data):
    one, other = data.draw(st.sampled_from(SHAPES))
    x, y = data.draw(laid_out(one)), data.draw(laid_out(other))
    assert found(np.matmul, [x, y]).kind == kind_of(np.asarray(x @ y))


def test_products_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="mismatch"):
        found(np.matmul, [np.zeros((3, 4)), np.zeros((5, 3))])


def test_views_are_found_and_what_holds_several_results():
    x = np.zeros((3, 4))
    assert found(np.transpose, [x]) == Outcome(kind_of(x.T), view=0)
    assert found(operator.getitem, [x], 1).owner((Ref(7), 1), {}) == Ref(7)
    assert found(np.add, [x, x]).owner((Ref(0), Ref(1)), {}) is None
    assert found(np.reshape, [x, x][:1], (4, 3)).view == 0
    assert found(np.split, [x], 3) == Outcome((kind_of(x[:1]),) * 3, list)


def test_scalars_are_told_from_arrays_without_axes():
    assert found(np.sum, [np.zeros(3)]).scalar is np.float64
    assert found(np.sum, [np.zeros(3)], keepdims=True).scalar is None
    assert found(operator.getitem, [np.zeros(3)], 0).scalar
    assert not found(operator.getitem, [np.zeros(3)], (0, ...)).scalar


def test_what_is_no_array_is_not_recorded():
    with pytest.raises(RecordingError, match="reads a value"):
        found(np.ndim, [np.zeros(3)])
