"""The networks of `RNNTagger`: from the words of sentences to scores of tags.

A word is represented by its own vector, and by its spelling: the final states of a recurrent network that reads its
letters in both directions (Plank, Søgaard and Goldberg, 2016), or simply a vector of its ending.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyseq.autograd.ops.moves.index import getitem
from tinyseq.autograd.ops.moves.parts import concatenate
from tinyseq.autograd.tensor import Tensor
from tinyseq.data.readers import Tag, Word
from tinyseq.data.vocabulary import Vocabulary
from tinyseq.nn import CRF, Dropout, Embedding, Linear, Module, cross_entropy
from tinyseq.nn.recurrent.layers import Recurrent
from tinyseq.nn.recurrent.packed import packing, run_packed
from tinyseq.tagging.rules import forbidden

UNKNOWN = ""  # stands for every unknown word, letter and ending
LONGEST = 24  # the most letters of a word that are read; of a longer one, the first and the last 12

Ids = NDArray[np.int64]


class LetterReader(Module):
    """Vectors of words from their letters: the final states of a network that reads them in both directions.

    Args:
        letters: the known letters; `UNKNOWN` is the first.
        size: length of a letter's vector.
        hidden: length of the state in each direction.
        cell: the name of the cell.
    """

    def __init__(self, letters: Vocabulary[str], size: int, hidden: int, cell: str) -> None:
        self.letters = letters
        self.vectors = Embedding(len(letters), size)
        self.recurrent = Recurrent(cell, size, hidden, bidirectional=True)

    def encode(self, words: Sequence[Word]) -> Ids:
        """The ids of the letters of each word (T, LONGEST), -1 after its end; an empty word is one unknown letter."""
        found = np.full((len(words), LONGEST), -1, np.int64)
        for row, word in zip(found, words, strict=True):
            kept = word if len(word) <= LONGEST else word[: LONGEST // 2] + word[-LONGEST // 2 :]
            row[: max(len(kept), 1)] = self.letters.encode(kept) if kept else 0
        return found

    def forward(self, rows: Ids) -> Tensor:
        """Vectors (N, 2 * hidden) of N words, given by the ids of their letters; a word that recurs is read once."""
        rows = np.ascontiguousarray(rows)
        _, first, which = np.unique(
            rows.view(f"V{rows.itemsize * rows.shape[1]}"), return_index=True, return_inverse=True
        )
        distinct = rows[first]
        lengths = (distinct >= 0).sum(axis=1)
        by_length = np.argsort(-lengths, kind="stable")
        word, sizes, step = packing(lengths[by_length])
        _, final = run_packed(self.recurrent, self.vectors(distinct[by_length[word], step]), sizes)
        place = np.empty_like(by_length)
        place[by_length] = np.arange(len(place))
        return getitem(final, place[which.ravel()])


class Network(Module):
    """Maps words to scores of tags.

    Args:
        words: the vocabulary of words; `UNKNOWN` is the first.
        shapes: the vocabulary of letters, or of endings; `UNKNOWN` is the first.
        tags: the vocabulary of tags.
        settings: the arguments of `RNNTagger`.
    """

    def __init__(
        self,
        words: Vocabulary[Word],
        shapes: Vocabulary[str],
        tags: Vocabulary[Tag],
        settings: Mapping[str, Any],
    ) -> None:
        self.words, self.shapes, self.tags = words, shapes, tags
        size, cell, both = settings["embedding_size"], settings["cell"], settings["bidirectional"]
        self.word_vectors = Embedding(len(words), size)
        self.letters, self.ending_vectors = None, None
        if settings["chars"]:
            self.letters = LetterReader(shapes, settings["char_embedding_size"], settings["char_hidden_size"], cell)
            size += 2 * settings["char_hidden_size"]
        else:
            self.ending_vectors = Embedding(len(shapes), size)
            size += size
        self.input_dropout, self.dropout = Dropout(settings["input_dropout"]), Dropout(settings["dropout"])
        hidden, layers = settings["hidden_size"], settings["num_layers"]
        self.recurrent = Recurrent(cell, size, hidden, layers, dropout=settings["dropout"], bidirectional=both)
        self.output = Linear((1 + both) * hidden, len(tags))
        self.crf = CRF(len(tags), *forbidden(settings["rules"], tags.symbols)) if settings["crf"] else None

    def encode(self, words: Sequence[Word]) -> tuple[Ids, Ids]:
        """The ids of T words (T,), 0 for unknown ones; and of their letters (T, LONGEST), or of their endings (T,)."""
        if self.letters is not None:
            return self.words.encode(word.lower() for word in words), self.letters.encode(words)
        return self.words.encode(words), self.shapes.encode(map(ending, words))

    def forward(self, words: Sequence[Ids], shapes: Sequence[Ids]) -> tuple[Tensor, Ids, Ids]:
        """The scores of the tags of B encoded sentences.

        Returns:
            The scores of all N words (N, K), packed step by step (see `packing`); for each of these rows the place of
            its word when the sentences are laid end to end (N,); and the order of the sentences, longest first (B,).
        """
        lengths = np.array([len(ids) for ids in words])
        by_length = np.argsort(-lengths, kind="stable")
        sentence, sizes, step = packing(lengths[by_length])
        places = (np.cumsum(lengths) - lengths)[by_length[sentence]] + step
        vectors = self.vectors(np.concatenate(words)[places], np.concatenate(shapes)[places])
        hidden, _ = run_packed(self.recurrent, self.input_dropout(vectors), sizes)
        return self.output(self.dropout(hidden)), places, by_length

    def vectors(self, words: Ids, shapes: Ids) -> Tensor:
        """The vectors of words from their encoding: the words' own beside those of their spelling."""
        spelled = self.ending_vectors if self.letters is None else self.letters
        assert spelled is not None
        return concatenate([self.word_vectors(words), spelled(shapes)], axis=-1)

    def padded_scores(self, words: Ids, endings: Ids, lengths: Ids) -> Tensor:
        """Scores (T, B, K) of sentences of words and endings (T, B) that are padded, as a recording needs them."""
        hidden, _ = self.recurrent(self.input_dropout(self.vectors(words, endings)), lengths=lengths)
        return self.output(self.dropout(hidden))

    def loss(self, words: Sequence[Ids], shapes: Sequence[Ids], tags: Sequence[Ids]) -> Tensor:
        """The mean of -log P(tag) over all words."""
        scores, places, by_length = self(words, shapes)
        gold = np.concatenate(tags)[places]
        if self.crf is None:
            return cross_entropy(scores, gold)
        rows = _rows(lengths := [len(tags[i]) for i in by_length])
        return -self.crf.log_likelihood(getitem(scores, rows), gold[rows], lengths).sum() * (1.0 / len(gold))

    def decode(self, sentences: Sequence[Sequence[Word]]) -> list[Ids]:
        """The ids of the best tags of sentences, none of them empty."""
        words, shapes = zip(*map(self.encode, sentences), strict=True)
        scores, places, by_length = self(words, shapes)
        if self.crf is None:
            best = np.empty(len(places), np.int64)
            best[places] = scores.numpy().argmax(axis=-1)
            return np.split(best, np.cumsum([len(ids) for ids in words])[:-1])
        rows = _rows(lengths := [len(words[i]) for i in by_length])
        found = self.crf.decode(getitem(scores, rows), lengths)
        return [np.array(found[i]) for i in np.argsort(by_length)]


def _rows(lengths: Sequence[int]) -> Ids:
    """Which packed row stands at each step of each sequence (T, B), the longest first; row 0 in the padding."""
    real = np.arange(lengths[0])[:, None] < np.array(lengths)
    return np.where(real, np.cumsum(real).reshape(real.shape) - 1, 0)


def ending(word: Word) -> str:
    """The last three letters, and a code for the word's capitalisation."""
    shape = "A" if word.isupper() else "a" if word.islower() else "Aa" if word[:1].isupper() else "-"
    return f"{shape} {word[-3:].lower()}"
