"""Noun phrases of a treebank as chunks, derived from the relations of Universal Dependencies.

Source: Abney (1991), for chunks; universaldependencies.org/u/dep for the relations.
"""

from collections.abc import Sequence

from tinyseq.data.readers import Sentence
from tinyseq.data.treebanks.chunks import Scheme, Span, span_tags
from tinyseq.data.treebanks.conllu import ConlluSentence, ConlluToken, annotated

HEADS = {"NOUN", "PROPN", "PRON"}
BEFORE = {"det", "amod", "nummod", "compound", "flat", "goeswith", "advmod", "nmod:poss"}
AFTER = {"flat", "fixed", "goeswith", "compound"}  # that belong to a noun which they follow


def noun_phrases(sentence: ConlluSentence) -> list[Span]:
    """The base noun phrases of a sentence: nouns and pronouns, each with the words before it that belong to it.

    A phrase extends from the first determiner, adjective, number, possessive or part of a compound to the noun, with
    everything that depends on these, as far as the words are adjacent; it includes the other parts of a name. Phrases
    are not nested, and what follows a noun, such as a relative clause, is left out.

    Args:
        sentence: as ``ts.data.conllu_sentences`` reads it, with the relations of Universal Dependencies.

    Returns:
        The phrases in order, all of the kind "NP"; ``ts.data.span_tags`` writes them as tags.

    Raises:
        ValueError: a word's head is not the number of a word, or heads form a cycle.
        TypeError: the sentence is not a `ConlluSentence`.

    Example:
        >>> import tinyseq as ts
        >>> columns = ["my DET 3 nmod:poss", "old ADJ 3 amod", "cat NOUN 4 nsubj", "likes VERB 0 root", "it PRON 4 obj"]
        >>> tokens = []
        >>> for i, (form, upos, head, relation) in enumerate(map(str.split, columns), 1):
        ...     tokens.append(ts.data.ConlluToken(str(i), form, "_", upos, "_", "_", head, relation, "_", "_"))
        >>> ts.data.noun_phrases(ts.data.ConlluSentence((), tuple(tokens)))
        [Span(kind='NP', start=0, end=3), Span(kind='NP', start=4, end=5)]
    """
    words = annotated("sentence", sentence).words
    below = _descendants(words)
    dependents: list[list[int]] = [[] for _ in words]
    for i, word in enumerate(words):
        if word.head != "0":
            dependents[int(word.head) - 1].append(i)
    found = [_phrase(i, words, dependents[i], below) for i, word in enumerate(words) if word.upos in HEADS]
    kept: list[Span] = []
    for phrase in sorted(found, key=lambda phrase: phrase.start - phrase.end):
        if all(phrase.end <= other.start or other.end <= phrase.start for other in kept):
            kept.append(phrase)
    return sorted(kept, key=lambda phrase: phrase.start)


def noun_phrase_tags(sentence: ConlluSentence, scheme: Scheme = "bio") -> Sentence:
    """The words of a sentence, each with its tag for the sentence's noun phrases, as for a tagger.

    Args:
        sentence: as for `noun_phrases`.
        scheme: ``"bio"``, ``"bioes"`` or ``"iob1"``.

    Returns:
        Pairs of a word and its tag.

    Raises:
        ValueError: as for `noun_phrases`; or the scheme is unknown.

    Example:
        >>> import tinyseq as ts
        >>> [sentence] = ts.data.conllu_sentences.parse("1\\tcats\\tcat\\tNOUN\\tNNS\\t_\\t0\\troot\\t_\\t_\\n")
        >>> ts.data.noun_phrase_tags(sentence)
        [('cats', 'B-NP')]
    """
    words = [word.form for word in annotated("sentence", sentence).words]
    return list(zip(words, span_tags(noun_phrases(sentence), len(words), scheme), strict=True))


def _phrase(head: int, words: Sequence[ConlluToken], dependents: list[int], below: list[set[int]]) -> Span:
    """The phrase of a noun: its dependents on both sides, the nearest first, while the words are adjacent."""
    start, end = head, head + 1
    for i in reversed([i for i in dependents if i < head]):
        if not _is(words[i], BEFORE) or below[i] != set(range(start - len(below[i]), start)):
            break
        start -= len(below[i])
    for i in [i for i in dependents if i > head]:
        if not _is(words[i], AFTER) or below[i] != set(range(end, end + len(below[i]))):
            break
        end += len(below[i])
    return Span("NP", start, end)


def _is(word: ConlluToken, relations: set[str]) -> bool:
    """Whether a word's relation, or what it is a subtype of, is among some."""
    return word.deprel in relations or word.deprel.partition(":")[0] in relations


def _descendants(words: Sequence[ConlluToken]) -> list[set[int]]:
    """The places of the words that depend on each word, itself included."""
    below = [{i} for i in range(len(words))]
    for i, word in enumerate(words):
        if not word.head.isdecimal() or int(word.head) > len(words):
            raise ValueError(f"the head of word {i + 1}, {word.form!r}, must be 0 to {len(words)}, got {word.head!r}")
    for i in range(len(words)):
        above, steps = i, 0
        while words[above].head != "0":
            above, steps = int(words[above].head) - 1, steps + 1
            if steps > len(words):
                raise ValueError(f"the heads above word {i + 1}, {words[i].form!r}, form a cycle")
            below[above].add(i)
    return below
