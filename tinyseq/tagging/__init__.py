"""Taggers: one label per word of a sentence, by counting or with a recurrent network."""

from tinyseq.tagging.analysis import Analysis, ChunkScores, CurvePoint, WordErrors, learning_curve
from tinyseq.tagging.counting import HMMTagger, MostFrequentTag
from tinyseq.tagging.lexicon import Endings, Lexicon
from tinyseq.tagging.network import RNNTagger
from tinyseq.tagging.tagger import Accuracy, Tagger

__all__ = [
    "Accuracy",
    "Analysis",
    "ChunkScores",
    "CurvePoint",
    "Endings",
    "HMMTagger",
    "Lexicon",
    "MostFrequentTag",
    "RNNTagger",
    "Tagger",
    "WordErrors",
    "learning_curve",
]
