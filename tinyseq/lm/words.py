"""Texts as words: sentences, the symbol that ends each, and a vocabulary with an unknown word."""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from tinyseq import arguments
from tinyseq.arguments import whole
from tinyseq.data.vocabulary import Vocabulary
from tinyseq.data.words import split_words
from tinyseq.torch_names.settings import explained

END = "</s>"
UNKNOWN = "<unk>"

Words = str | Iterable[Sequence[str]]
"""A text with a sentence in each line, or sentences as lists of words."""


@explained
def word_vocabulary(text: Words, min_count: int = 2) -> Vocabulary[str]:
    """The words of a text, the end of a sentence ``"</s>"``, and ``"<unk>"`` for every other word.

    Args:
        text: a string with a sentence in each line, or sentences as lists of words.
        min_count: how often a word must occur; rarer ones become unknown words, so that a model learns to predict
            unknown words. With 1 it never sees any.

    Returns:
        The vocabulary: the end of a sentence first, then the words by frequency, and the unknown word last.

    Raises:
        ValueError, TypeError: there are no words; the text is neither a string nor lists of words; or ``min_count`` is
            not a whole number of at least 1.

    Example:
        >>> word_vocabulary("the cat runs\\nthe dog runs").symbols
        ('</s>', 'the', 'runs', '<unk>')
    """
    min_count = whole("min_count", min_count)
    given = sentences_of(text)
    frequent = Vocabulary.from_counts(chain.from_iterable(given), min_count=min_count, unknown=UNKNOWN)
    return Vocabulary([END, *(word for word in frequent if word not in (END, UNKNOWN))], UNKNOWN)


def sentences_of(text: Words) -> list[list[str]]:
    """The sentences of a text: the lines of a string that are not blank, split into words and punctuation marks.

    Raises:
        ValueError: there are no words.
        TypeError: it is neither a string nor a list of lists of words.

    Example:
        >>> sentences_of("It's late.\\n\\nGo!")
        [["It's", 'late', '.'], ['Go', '!']]
    """
    if isinstance(text, str):
        found = [words_of(line) for line in text.splitlines()]
    else:
        found = arguments.sentences("text", text)
    found = [sentence for sentence in found if sentence]
    if not found:
        raise ValueError("the text has no words")
    return found


def words_of(line: str) -> list[str]:
    """The words of a line: runs of letters, digits and apostrophes, ``</s>`` and ``<unk>``, and other characters."""
    return split_words(line, END, UNKNOWN)


def joined(words: Iterable[str]) -> str:
    """Words as text, with a space between them, and each sentence on a line of its own.

    Example:
        >>> joined(["Go", "!", "</s>", "It's", "late"])
        "Go !\\nIt's late"
    """
    lines: list[list[str]] = [[]]
    for word in words:
        if word == END:
            lines.append([])
        else:
            lines[-1].append(word)
    return "\n".join(map(" ".join, lines))


def check_word_vocabulary(vocabulary: Vocabulary[Any]) -> None:
    """Raise a ValueError for a vocabulary that a model of words cannot use."""
    missing = [] if END in vocabulary else [f"the end of a sentence {END!r}"]
    missing += [] if vocabulary.unknown is not None else ["an unknown word"]
    if missing:
        raise ValueError(
            f"the vocabulary of a model of words lacks {' and '.join(missing)}; ts.lm.word_vocabulary(text) makes one"
        )
