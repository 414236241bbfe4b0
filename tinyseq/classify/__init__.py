"""Classifiers: one label for a text, by counting or with a recurrent network."""

from tinyseq.classify.classifier import Classifier, Evaluation
from tinyseq.classify.naive_bayes import NaiveBayes
from tinyseq.classify.network import RNNClassifier

__all__ = ["Classifier", "Evaluation", "NaiveBayes", "RNNClassifier"]
