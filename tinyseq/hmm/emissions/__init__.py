"""Emission models: P(observation | hidden state), one family per file."""

from tinyseq.hmm.emissions.categorical import Categorical
from tinyseq.hmm.emissions.densities.counts import Multinomial, Poisson
from tinyseq.hmm.emissions.densities.density import Density
from tinyseq.hmm.emissions.densities.gaussian import Gaussian
from tinyseq.hmm.emissions.densities.mixture import GaussianMixture
from tinyseq.hmm.emissions.densities.student import StudentT
from tinyseq.hmm.emissions.draws import draw, redrawn, shares
from tinyseq.hmm.emissions.emission import Emission, Rows, kinds
from tinyseq.hmm.emissions.given import Given
from tinyseq.hmm.emissions.shared import Shared

__all__ = [
    "Categorical",
    "Density",
    "Emission",
    "Gaussian",
    "GaussianMixture",
    "Given",
    "Multinomial",
    "Poisson",
    "Rows",
    "Shared",
    "StudentT",
    "draw",
    "kinds",
    "redrawn",
    "shares",
]
