"""Annotated sentences: treebanks in CoNLL-U, chunks, and the noun phrases of a treebank."""
