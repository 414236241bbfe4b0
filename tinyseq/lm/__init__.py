"""Language models: n-grams by counting, and networks, with a fixed window or recurrent."""

from tinyseq.lm.ngram import NgramLM
from tinyseq.lm.rnn import RNNLM
from tinyseq.lm.window import WindowLM

__all__ = ["RNNLM", "NgramLM", "WindowLM"]
