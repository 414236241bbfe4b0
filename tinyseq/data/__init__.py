"""Readers of files, vocabularies, batches, and text that every Python carries."""

from .readers import DataError, Reader, conllu, fasta, labelled, plain_text, two_column, word_tag
