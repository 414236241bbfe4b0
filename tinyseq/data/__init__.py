"""Readers of files, vocabularies, batches, and text that every Python carries."""

from .batches import Windows, bucketed, padded
from .corpora import FISH, HELLO, Split, python_docs, python_source
from .readers import DataError, Reader, conllu, fasta, labelled, plain_text, two_column, word_tag
from .vocabulary import Vocabulary
