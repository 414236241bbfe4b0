"""Hidden Markov models of any n-gram order, as one recurrence over a semiring."""

from tinyseq.hmm import semirings
from tinyseq.hmm.chain import chain, messages
from tinyseq.hmm.fast import best_score, log_partition
