"""Readers of files, vocabularies, batches, text that every Python carries, and tasks made by chance."""

from tinyseq.data.batches import Windows, bucketed, padded, padded_values
from tinyseq.data.corpora import FISH, HELLO, Split, python_docs, python_source
from tinyseq.data.memory import adding_problem, copy_task, embedded_reber
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
    "adding_problem",
    "bucketed",
    "conllu",
    "copy_task",
    "embedded_reber",
    "fasta",
    "labelled",
    "padded",
    "padded_values",
    "plain_text",
    "python_docs",
    "python_source",
    "two_column",
    "word_tag",
]
