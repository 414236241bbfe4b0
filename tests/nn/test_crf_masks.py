"""A CRF's mask, reduction and batch_first say what lengths, sums and a transposed batch do."""

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.nn import CRF

LENGTHS = [4, 1, 3]
TAGS = np.array([[0, 2, 1], [1, 0, 1], [2, 0, 0], [1, 0, 0]])


@pytest.fixture
def case():
    ts.manual_seed(0)
    rng = np.random.default_rng(0)
    crf = CRF(3, forbidden=[(2, 2)], dtype="float64")
    first = CRF(3, forbidden=[(2, 2)], dtype="float64", batch_first=True)
    first.load_state_dict(crf.state_dict())
    return crf, first, rng.standard_normal((4, 3, 3)), np.arange(4)[:, None] < np.array(LENGTHS)


def test_a_mask_says_what_lengths_say(case):
    crf, _, scores, mask = case
    by_length = crf.log_likelihood(scores, TAGS, LENGTHS).numpy()
    for given in (mask, mask.astype(int), ts.tensor(mask.astype("uint8"))):
        np.testing.assert_array_equal(crf.log_likelihood(scores, TAGS, mask=given).numpy(), by_length)
    assert crf.decode(scores, mask=mask) == crf.decode(scores, LENGTHS)
    np.testing.assert_array_equal(crf.marginals(scores, mask=mask), crf.marginals(scores, LENGTHS))


def test_the_likelihoods_are_reduced_as_their_names_say_with_their_gradients(case):
    crf, _, scores, mask = case
    each = crf.log_likelihood(scores, TAGS, mask=mask).numpy()
    wanted = {"sum": each.sum(), "mean": each.mean(), "token_mean": each.sum() / sum(LENGTHS)}
    slopes = {}
    for reduction, value in wanted.items():
        leaf = ts.tensor(scores, requires_grad=True)
        found = crf.log_likelihood(leaf, TAGS, mask=mask, reduction=reduction)
        assert found.item() == pytest.approx(value, rel=1e-13)
        found.backward()
        slopes[reduction] = leaf.grad.numpy()
    np.testing.assert_allclose(slopes["mean"] * 3, slopes["sum"], rtol=1e-12)
    np.testing.assert_allclose(slopes["token_mean"] * sum(LENGTHS), slopes["sum"], rtol=1e-12)
    one = crf.log_likelihood(scores[:, 0], TAGS[:, 0], reduction="sum")
    assert one.item() == pytest.approx(each[0])


@pytest.mark.parametrize("how", ["lengths", "mask"])
def test_batch_first_is_the_batch_transposed(case, how):
    crf, first, scores, mask = case
    turned = scores.swapaxes(0, 1)
    given = {"lengths": LENGTHS} if how == "lengths" else {"mask": mask.T}
    np.testing.assert_array_equal(
        first.log_likelihood(turned, TAGS.T, **given).numpy(), crf.log_likelihood(scores, TAGS, LENGTHS).numpy()
    )
    assert first.decode(turned, **given) == crf.decode(scores, LENGTHS)
    np.testing.assert_array_equal(first.marginals(turned, **given), crf.marginals(scores, LENGTHS).swapaxes(0, 1))
    leaf, plain = ts.tensor(turned, requires_grad=True), ts.tensor(scores, requires_grad=True)
    first.log_likelihood(leaf, TAGS.T, **given, reduction="sum").backward()
    crf.log_likelihood(plain, TAGS, LENGTHS, reduction="sum").backward()
    np.testing.assert_allclose(leaf.grad.numpy(), plain.grad.numpy().swapaxes(0, 1), atol=1e-14)
    assert first.decode(scores[:, 0]) == crf.decode(scores[:, 0])


@pytest.mark.parametrize(
    ("mask", "lengths", "message"),
    [
        (np.ones((4, 3), bool), [4, 4, 4], "give mask or lengths, not both"),
        (np.ones((3, 4), bool), None, r"mask must say of each position \(T, B\) = \(4, 3\) whether it is real"),
        (np.ones((4, 3)), None, r"mask must say of each position \(T, B\) = \(4, 3\)"),
        (np.array([[1, 1, 1], [1, 0, 1], [1, 1, 1], [1, 0, 1]]), None, "that of sequence 1 is not"),
        (np.array([[1, 1, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0]]), None, "that of sequence 2 is not"),
    ],
)
def test_a_mask_that_does_not_fit_is_an_error(case, mask, lengths, message):
    crf, _, scores, _ = case
    with pytest.raises(ValueError, match=message):
        crf.log_likelihood(scores, TAGS, lengths, mask=mask)
    with pytest.raises(ValueError, match=message):
        crf.decode(scores, lengths, mask=mask)


def test_unknown_reductions_and_flags_are_errors(case):
    crf, _, scores, _ = case
    with pytest.raises(ValueError, match="reduction must be one of none, sum, mean, token_mean, got 'max'"):
        crf.log_likelihood(scores, TAGS, reduction="max")
    with pytest.raises(TypeError, match="batch_first must be True or False, got 1"):
        CRF(3, batch_first=1)
