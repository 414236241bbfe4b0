"""The number of free parameters, and the information criteria AIC and BIC."""

import math

import numpy as np

from tinyseq.hmm.emissions.draws import free_shares
from tinyseq.hmm.model.parameters import Model
from tinyseq.hmm.model.probabilities import plain
from tinyseq.hmm.observations import Observations
from tinyseq.hmm.queries.forms import Many, One
from tinyseq.hmm.queries.likelihood import log_likelihood
from tinyseq.torch_names.settings import explained


def free_parameters(hmm: Model) -> int:
    """The number of free parameters of the model.

    A row with m nonzero probabilities has m - 1, and each state that may stop or go on has one more, however many rows
    it ends; zeros are part of the model's structure, which training keeps. Of a symmetric matrix, the diagonal and half
    of the rest are free.

    Raises:
        TypeError: for a model without an emission model.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]]).free_parameters()
        7
    """
    model = hmm.parameters
    first, *rest = [plain(table) for table in (*model.tables, model.transition)]
    found = free_shares(first) + sum(map(free_shares, rest)) + model.emissions.free()
    if model.end is None:
        return found
    goes_on = np.any([(table > 0).any(axis=-1).reshape(-1, len(first)).any(axis=0) for table in rest], axis=0)
    return found + int(np.count_nonzero(goes_on & (plain(model.end) > 0)))


@explained
def aic(hmm: Model, x: One | Many) -> float:
    """Akaike's information criterion, 2 free parameters - 2 log-likelihood; lower is better. (Akaike, 1974.)

    Args:
        x: a sequence, or a list of sequences: the training data.

    Raises:
        ValueError: for a model of scores that are not probabilities.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> round(HMM([1.0], [[1.0]], [[0.5, 0.5]]).aic([0, 1, 0, 1]), 3)  # 2 + 8 log 2
        7.545
    """
    return 2 * free_parameters(hmm) - 2 * _total(hmm, x)


@explained
def bic(hmm: Model, x: One | Many) -> float:
    """The Bayesian information criterion, free parameters x log observations - 2 log-likelihood. (Schwarz, 1978.)

    Args:
        x: a sequence, or a list of sequences: the training data.

    Raises:
        ValueError: if the sequences hold no observations, or for a model of scores that are not probabilities.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> round(HMM([1.0], [[1.0]], [[0.5, 0.5]]).bic([0, 1, 0, 1]), 3)  # log 4 + 8 log 2
        6.931
    """
    number = sum(Observations(hmm.parameters, x).rows.lengths)
    if not number:
        raise ValueError("x holds no observations")
    return free_parameters(hmm) * math.log(number) - 2 * _total(hmm, x)


def _total(hmm: Model, x: One | Many) -> float:
    """The log-likelihood of all sequences together, which scores that are not probabilities do not have."""
    hmm.parameters.require_probabilities("a criterion")
    value = log_likelihood(hmm, x)
    return float(np.sum(plain(value)))
