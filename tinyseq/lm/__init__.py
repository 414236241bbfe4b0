"""Language models: n-gram counts, fixed-window networks and recurrent networks."""

from tinyseq.lm.ngram import NgramLM
from tinyseq.lm.rnn import RNNLM
from tinyseq.lm.window import WindowLM

__all__ = ["RNNLM", "NgramLM", "WindowLM"]
