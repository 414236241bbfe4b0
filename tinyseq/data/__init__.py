"""Readers of files, vocabularies, batches, and text that every Python carries."""

from tinyseq.data.batches import Windows, bucketed, padded
from tinyseq.data.corpora import FISH, HELLO, Split, python_docs, python_source
from tinyseq.data.readers import DataError, Reader, conllu, fasta, labelled, plain_text, two_column, word_tag
from tinyseq.data.vocabulary import Vocabulary

__all__ = [
    "FISH",
    "HELLO",
    "DataError",
    "Reader",
    "Split",
    "Vocabulary",
    "Windows",
    "bucketed",
    "conllu",
    "fasta",
    "labelled",
    "padded",
    "plain_text",
    "python_docs",
    "python_source",
    "two_column",
    "word_tag",
]
