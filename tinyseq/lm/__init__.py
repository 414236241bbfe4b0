"""Language models: n-grams by counting, and recurrent networks."""

from tinyseq.lm.ngram import NgramLM
from tinyseq.lm.rnn import RNNLM

__all__ = ["RNNLM", "NgramLM"]
