"""The fixed-window language model: a network that sees only the last few symbols."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from tinyseq.arguments import check_flags, dropped, whole
from tinyseq.autograd.ops.elementwise.activations import tanh
from tinyseq.autograd.ops.moves.parts import concatenate
from tinyseq.autograd.tensor import Tensor, TensorLike, tensor
from tinyseq.data.vocabulary import Vocabulary
from tinyseq.lm.networks.neural import NeuralLM
from tinyseq.lm.networks.readout import readout, vector_length
from tinyseq.nn import Dropout, Embedding, Linear
from tinyseq.nn.checks import State, as_ids, check_ids


class WindowLM(NeuralLM):
    """A language model over characters or words: h = tanh(W [e_{t-n+1}; ...; e_t] + b_1), y_t = softmax(U h + b_2).

    Unlike relative frequencies, its probabilities are never 0, and similar symbols share what is learned. But symbols
    outside the window have no effect, and W grows with the window: it has a block of columns for each position.

    Args:
        vocabulary: the symbols, for example the characters of a text; for words, what `word_vocabulary` returns.
        context: how many symbols it sees, like an n-gram model with n = context + 1.
        hidden_size: length of h.
        embedding_size: length of e_t; by default ``hidden_size``, at most 64 unless ``tied``.
        dropout: dropout probability of the vectors e_t and of h, in training.
        words: whether the symbols are words; see `LanguageModel`.
        tied: U = E, the vectors of the symbols; ``embedding_size`` is then ``hidden_size``.

    Attributes:
        embedding, hidden, output: the three layers. The embedding's last row is the vector for positions
            before the beginning of a text.

    Raises:
        ValueError, TypeError: ``context`` or a size is not a positive whole number.

    Source: the lectures' fixed-window model; Bengio, Ducharme, Vincent and Jauvin, "A neural probabilistic language
    model", 2003, without the direct connections from e to y.

    Example:
        >>> import tinyseq as ts
        >>> _ = ts.manual_seed(0)
        >>> model = ts.lm.WindowLM("helo", context=2, hidden_size=8)
        >>> model = model.fit("hello", steps=60, window=4, batch=1, lr=0.05)
        >>> "h" + "".join(model.sample(4, prompt="h", temperature=0))
        'hello'
    """

    def __init__(
        self,
        vocabulary: Vocabulary[Any] | Sequence[Hashable],
        context: int = 8,
        hidden_size: int = 128,
        embedding_size: int | None = None,
        dropout: float = 0.0,
        words: bool = False,
        tied: bool = False,
    ) -> None:
        check_flags(words=words, tied=tied)
        context, hidden_size = whole("context", context), whole("hidden_size", hidden_size)
        embedding_size = vector_length(embedding_size, hidden_size, tied)
        settings = {
            "context": context,
            "hidden_size": hidden_size,
            "embedding_size": embedding_size,
            "dropout": dropped("dropout", dropout),
            "words": words,
            "tied": tied,
        }
        super().__init__(vocabulary, settings)
        size = len(self.vocabulary)
        self.context = context
        self.embedding = Embedding(size + 1, embedding_size)
        self.hidden = Linear(context * embedding_size, hidden_size)
        self.dropout = Dropout(dropout)
        self.output = readout(self.embedding, hidden_size, size, tied)

    def forward(self, ids: TensorLike, state: TensorLike | None = None) -> tuple[Tensor, State]:
        """Scores of the next symbol after each one.

        Args:
            ids: (T, B) integers.
            state: the n - 1 symbols before them (n - 1, B); None at the beginning of a text.

        Returns:
            Logits (T, B, V), and the last n - 1 symbols.

        Raises:
            ValueError: ``ids`` or ``state`` has the wrong shape.
            IndexError: for an id outside the vocabulary.
        """
        read = as_ids(ids, "ids")
        if read.ndim != 2:
            raise ValueError(f"ids must have shape (T, B), got {read.shape}")
        check_ids(read, len(self.vocabulary), "ids")  # the embedding has an extra row, for before the beginning
        steps, batch = read.shape
        before = np.full((self.context - 1, batch), len(self.vocabulary)) if state is None else as_ids(state, "state")
        if before.shape != (self.context - 1, batch):
            raise ValueError(f"state must have shape {(self.context - 1, batch)} (context - 1, B), got {before.shape}")
        symbols = np.concatenate([before, read])
        vectors = self.dropout(self.embedding(symbols))
        windows = concatenate([vectors[place : place + steps] for place in range(self.context)], axis=2)
        return self.output(self.dropout(tanh(self.hidden(windows)))), tensor(symbols[steps:])
