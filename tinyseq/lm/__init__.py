"""Language models: n-gram counts, fixed-window networks and recurrent networks, and mixtures of them."""

from tinyseq.lm.mixture import Mixture
from tinyseq.lm.model import LanguageModel, TextScore
from tinyseq.lm.networks.rnn import RNNLM
from tinyseq.lm.networks.window import WindowLM
from tinyseq.lm.ngram import NgramLM
from tinyseq.lm.sampling import filtered
from tinyseq.lm.words import word_vocabulary

__all__ = ["RNNLM", "LanguageModel", "Mixture", "NgramLM", "TextScore", "WindowLM", "filtered", "word_vocabulary"]
