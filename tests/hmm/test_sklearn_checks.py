"""scikit-learn's own checks of estimators: which pass, and for those that do not, why they cannot apply."""

import warnings

import pytest
from oracles import oracle

from tinyseq.hmm.interop.estimator import HMMEstimator

checks = oracle("sklearn.utils.estimator_checks")

NEIGHBOURS = "an answer depends on the neighbouring rows: a table is a sequence, not a set of rows"
COLUMNS = "it passes several columns of real numbers, and symbols are one column of ids or names"
VECTORS = {
    "check_methods_sample_order_invariance": NEIGHBOURS,
    "check_methods_subset_invariance": NEIGHBOURS,
}
SYMBOLS = dict.fromkeys(
    [
        "check_fit_score_takes_y",
        "check_estimators_overwrite_params",
        "check_dont_overwrite_parameters",
        "check_estimators_fit_returns_self",
        "check_readonly_memmap_input",
        "check_n_features_in_after_fitting",
        "check_positive_only_tag_during_fit",
        "check_estimators_dtypes",
        "check_dtype_object",
        "check_pipeline_consistency",
        "check_estimators_nan_inf",
        "check_estimators_pickle",
        "check_f_contiguous_array_estimator",
        "check_methods_sample_order_invariance",
        "check_methods_subset_invariance",
        "check_fit2d_1sample",
        "check_fit2d_1feature",
        "check_dict_unchanged",
        "check_fit_idempotent",
        "check_fit_check_is_fitted",
        "check_n_features_in",
        "check_fit2d_predict1d",
    ],
    COLUMNS,
)


class Forced(HMMEstimator):
    """Says that it takes tables of several columns, so that scikit-learn runs all of its checks."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


def outcome(estimator):
    """The number of checks that were run, and the names of those that failed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = checks.check_estimator(estimator, on_skip=None, on_fail=None)
    return len(found), {one["check_name"] for one in found if one["status"] == "failed"}


@pytest.mark.parametrize("kind", ["diag", "full", "spherical", "tied"])
def test_all_checks_pass_that_can_apply_to_vectors(kind):
    count, failed = outcome(HMMEstimator(emission=kind, n_iter=3, restarts=2))
    assert count > 35
    assert failed == set(VECTORS), {name: VECTORS.get(name, "new") for name in failed ^ set(VECTORS)}


def test_all_checks_pass_that_can_apply_to_symbols():
    assert outcome(HMMEstimator(n_iter=3, restarts=2))[1] == set()  # scikit-learn runs those that need no table
    count, failed = outcome(Forced(n_iter=3, restarts=2))
    assert count > 35
    assert failed == set(SYMBOLS), {name: SYMBOLS.get(name, "new") for name in failed ^ set(SYMBOLS)}
