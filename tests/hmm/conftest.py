"""A model that many tests ask."""

import pytest

from tinyseq.hmm import HMM


@pytest.fixture
def dna():
    return HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.4, 0.1, 0.1, 0.4], [0.1, 0.4, 0.4, 0.1]], symbols="ACGT")
