"""The network of `RNNClassifier`: word vectors, a recurrent layer, and its states pooled into the scores of classes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyseq.autograd.modes import no_grad
from tinyseq.autograd.ops.elementwise.choice import where
from tinyseq.autograd.ops.moves.parts import concatenate
from tinyseq.autograd.ops.reduce import max as largest
from tinyseq.autograd.ops.stable import log_softmax
from tinyseq.autograd.tensor import Tensor, constant_like
from tinyseq.classify.classifier import Floats, Label, Text, units_of
from tinyseq.data.batches import bucketed, padded
from tinyseq.data.vocabulary import Vocabulary
from tinyseq.nn import Dropout, Embedding, Linear, Module
from tinyseq.nn.recurrent.layers import Recurrent

UNKNOWN = ""  # stands for every unknown word, and for the words of an empty text
_BEGINNING = 0.1  # standard deviation of untrained vectors; with larger ones, networks memorise rare words as noise

Ids = NDArray[np.int64]


class Network(Module):
    """Maps texts to scores of classes.

    Args:
        words, classes: the vocabularies; `UNKNOWN` is the first word.
        settings: the arguments of `RNNClassifier`.
    """

    def __init__(self, words: Vocabulary[str], classes: Vocabulary[Label], settings: Mapping[str, Any]) -> None:
        self.words, self.classes = words, classes
        self.pooling, self.units, self.skip = settings["pooling"], settings["units"], settings["skip"]
        size, hidden, directions = settings["embedding_size"], settings["hidden_size"], 1 + settings["bidirectional"]
        self.directions = directions
        self.word_vectors = Embedding(len(words), size)
        self.word_vectors.weight.copy_(_BEGINNING * self.word_vectors.weight.numpy())
        self.dropout = Dropout(settings["dropout"])
        options = {name: settings[name] for name in ("dropout", "bidirectional")}
        self.recurrent = Recurrent(settings["cell"], size, hidden, settings["num_layers"], **options)
        self.output = Linear(directions * hidden + self.skip * size, len(classes))

    def encode(self, text: Text) -> Ids:
        """The ids of a text's words, 0 for unknown ones; an empty text is one unknown word."""
        return self.words.encode(units_of(text, self.units) or [UNKNOWN])

    def forward(self, texts: Sequence[Ids]) -> Tensor:
        """Scores (B, K) of the classes of B texts, each the ids of its words."""
        return self.scores(*padded(texts))

    def scores(self, words: Ids, lengths: Ids) -> Tensor:
        """Scores (B, K) of the classes; words are (T, B), padded."""
        vectors = self.dropout(self.word_vectors(words))
        states, final = self.recurrent(vectors, lengths=lengths)
        if self.pooling == "last":
            h = final[0] if isinstance(final, tuple) else final
            pooled = concatenate([h[i] for i in range(-self.directions, 0)], axis=1)
        else:
            pooled = self._over_time(concatenate([states, vectors], axis=2) if self.skip else states, lengths)
        return self.output(self.dropout(pooled))

    def _over_time(self, x: Tensor, lengths: Ids) -> Tensor:
        """The mean or the maximum (B, H) of the real steps of x (T, B, H)."""
        real = constant_like(x, (np.arange(len(x))[:, None] < lengths)[:, :, None])
        if self.pooling == "mean":
            return where(real, x, 0.0).sum(axis=0) * constant_like(x, 1 / lengths[:, None])
        return largest(where(real, x, -np.inf), axis=0)

    def log_proba(self, texts: Sequence[Ids]) -> Floats:
        """log P(class | text) (N, K), in batches of similar length."""
        found = np.empty((len(texts), len(self.classes)))
        with no_grad(), self.evaluating():
            for chosen in bucketed([len(ids) for ids in texts], 256):
                scores = self([texts[i] for i in chosen]).astype("float64")
                found[chosen] = log_softmax(scores, axis=-1).numpy()
        return found
