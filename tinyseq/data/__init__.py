"""Readers of files, vocabularies, batches, corpora that come with Python, and synthetic tasks."""

from tinyseq.data.batches import Windows, bucketed, padded, padded_values
from tinyseq.data.corpora import CATS, FISH, HELLO, Split, python_docs, python_source
from tinyseq.data.documents import documents, split_documents
from tinyseq.data.formats import bases, conll2003, fasta, labelled, plain_text, two_column, word_tag
from tinyseq.data.generated import CASINO, CPG_ISLANDS, FISH_PEOPLE, ambiguous_sentence, casino, cpg_islands, dyck
from tinyseq.data.readers import DataError, Reader
from tinyseq.data.synthetic import adding_problem, copy_task, embedded_reber
from tinyseq.data.tables import table
from tinyseq.data.treebanks.chunks import Span, convert_sentences, convert_tags, span_tags, spans
from tinyseq.data.treebanks.conllu import (
    ConlluSentence,
    ConlluToken,
    conllu,
    conllu_sentences,
    conllu_text,
    write_conllu,
)
from tinyseq.data.treebanks.noun_phrases import noun_phrase_tags, noun_phrases
from tinyseq.data.vocabulary import Vocabulary

__all__ = [
    "CASINO",
    "CATS",
    "CPG_ISLANDS",
    "FISH",
    "FISH_PEOPLE",
    "HELLO",
    "ConlluSentence",
    "ConlluToken",
    "DataError",
    "Reader",
    "Span",
    "Split",
    "Vocabulary",
    "Windows",
    "adding_problem",
    "ambiguous_sentence",
    "bases",
    "bucketed",
    "casino",
    "conll2003",
    "conllu",
    "conllu_sentences",
    "conllu_text",
    "convert_sentences",
    "convert_tags",
    "copy_task",
    "cpg_islands",
    "documents",
    "dyck",
    "embedded_reber",
    "fasta",
    "labelled",
    "noun_phrase_tags",
    "noun_phrases",
    "padded",
    "padded_values",
    "plain_text",
    "python_docs",
    "python_source",
    "span_tags",
    "spans",
    "split_documents",
    "table",
    "two_column",
    "word_tag",
    "write_conllu",
]
