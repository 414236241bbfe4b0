"""Taggers: one label per word of a sentence, by counting or with a recurrent network."""

from tinyseq.tagging.counting import HMMTagger, MostFrequentTag
from tinyseq.tagging.lexicon import Endings, Lexicon
from tinyseq.tagging.network import RNNTagger
from tinyseq.tagging.tagger import Accuracy, Tagger

__all__ = ["Accuracy", "Endings", "HMMTagger", "Lexicon", "MostFrequentTag", "RNNTagger", "Tagger"]
