"""Language models: by counting, with a fixed window, and recurrent."""

from tinyseq.lm.ngram import NgramLM

__all__ = ["NgramLM"]
