"""Emission models: how hidden states make observations visible. One file is one family."""

from tinyseq.hmm.emissions.categorical import Categorical
from tinyseq.hmm.emissions.density import Density
from tinyseq.hmm.emissions.draws import draw, redrawn, shares
from tinyseq.hmm.emissions.emission import Emission, Rows, kinds
from tinyseq.hmm.emissions.gaussian import FLOOR, Gaussian
from tinyseq.hmm.emissions.given import Given

__all__ = [
    "FLOOR",
    "Categorical",
    "Density",
    "Emission",
    "Gaussian",
    "Given",
    "Rows",
    "draw",
    "kinds",
    "redrawn",
    "shares",
]
