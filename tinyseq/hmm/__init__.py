"""Hidden Markov models of any n-gram order, as one recurrence over a semiring."""

from tinyseq.hmm.emissions import (
    Categorical,
    Density,
    Gaussian,
    GaussianMixture,
    Multinomial,
    Poisson,
    Shared,
    StudentT,
)
from tinyseq.hmm.inference import semirings
from tinyseq.hmm.inference.autodiff import best_score, log_partition
from tinyseq.hmm.inference.chain import chain, messages
from tinyseq.hmm.inference.laws import check_semiring
from tinyseq.hmm.interop.estimator import HMMEstimator
from tinyseq.hmm.interop.hmmlearn_priors import hmmlearn_priors
from tinyseq.hmm.learning.counting import AddK
from tinyseq.hmm.learning.reports import EMReport, EMStep, Fitted
from tinyseq.hmm.model.hmm import HMM
from tinyseq.hmm.queries.divergence import (
    Divergence,
    SampledDivergence,
    divergence_rate,
    path_divergence,
    sampled_divergence,
)
from tinyseq.hmm.queries.durations import Durations, observed_durations
from tinyseq.hmm.queries.filtering import Filter
from tinyseq.hmm.results import (
    Decoding,
    Drawn,
    ForwardTable,
    ImpossibleSequenceError,
    MarginalDecoding,
    Posterior,
    Prediction,
)
from tinyseq.hmm.selection import Candidate, Comparison, compare

__all__ = [
    "HMM",
    "AddK",
    "Candidate",
    "Categorical",
    "Comparison",
    "Decoding",
    "Density",
    "Divergence",
    "Drawn",
    "Durations",
    "EMReport",
    "EMStep",
    "Filter",
    "Fitted",
    "ForwardTable",
    "Gaussian",
    "GaussianMixture",
    "HMMEstimator",
    "ImpossibleSequenceError",
    "MarginalDecoding",
    "Multinomial",
    "Poisson",
    "Posterior",
    "Prediction",
    "SampledDivergence",
    "Shared",
    "StudentT",
    "best_score",
    "chain",
    "check_semiring",
    "compare",
    "divergence_rate",
    "hmmlearn_priors",
    "log_partition",
    "messages",
    "observed_durations",
    "path_divergence",
    "sampled_divergence",
    "semirings",
]
