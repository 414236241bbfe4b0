"""The recurrent language model: a history of any length in a state of fixed size."""

from collections.abc import Hashable, Sequence
from typing import Any

from tinyseq.arguments import check_flags, dropped, whole
from tinyseq.autograd.tensor import Tensor, TensorLike
from tinyseq.data.vocabulary import Vocabulary
from tinyseq.lm.networks.neural import NeuralLM
from tinyseq.lm.networks.readout import readout, vector_length
from tinyseq.nn import Dropout, Embedding
from tinyseq.nn.checks import State
from tinyseq.nn.recurrent.layers import Recurrent


class RNNLM(NeuralLM):
    """A language model over characters or words: e_t = E x_t, h_t = cell(e_t, h_{t-1}), y_t = softmax(U h_t + b).

    Args:
        vocabulary: the symbols, for example the characters of a text; for words, what `word_vocabulary` returns.
        hidden_size: length of h_t.
        embedding_size: length of e_t; by default ``hidden_size``, at most 64 unless ``tied``.
        cell: ``"rnn"``, ``"lstm"``, ``"gru"``, or any other declared cell.
        num_layers: number of stacked recurrent layers.
        dropout: dropout probability of the vectors e_t, between layers, and of the last layer's h_t, in training.
        words: whether the symbols are words; see `LanguageModel`.
        tied: U = E, the vectors of the symbols; ``embedding_size`` is then ``hidden_size``.
        bidirectional: must be false: the probability of a symbol may not depend on what comes after it.

    Attributes:
        embedding, recurrent, output: the three layers.

    Raises:
        ValueError, TypeError: the cell is unknown, a size is not a positive whole number, or the vocabulary is empty or
            has a symbol twice; or ``bidirectional`` is true.

    Source: Mikolov and others (2010); Zaremba, Sutskever and Vinyals (2014), for dropout.

    Example:
        >>> import tinyseq as ts
        >>> _ = ts.manual_seed(0)
        >>> model = ts.lm.RNNLM("helo", hidden_size=8, cell="rnn")
        >>> model = model.fit("hello", steps=60, window=4, batch=1, lr=0.05)
        >>> "h" + "".join(model.sample(4, prompt="h", temperature=0))
        'hello'
    """

    def __init__(
        self,
        vocabulary: Vocabulary[Any] | Sequence[Hashable],
        hidden_size: int = 128,
        embedding_size: int | None = None,
        cell: str = "lstm",
        num_layers: int = 1,
        dropout: float = 0.0,
        words: bool = False,
        tied: bool = False,
        bidirectional: bool = False,
    ) -> None:
        check_flags(bidirectional=bidirectional, words=words, tied=tied)
        if bidirectional:
            raise ValueError(
                "a bidirectional network cannot be a language model: it needs the whole input, and would see the "
                "symbol that it is to predict; leave out bidirectional"
            )
        hidden_size, num_layers = whole("hidden_size", hidden_size), whole("num_layers", num_layers)
        embedding_size = vector_length(embedding_size, hidden_size, tied)
        settings = {
            "hidden_size": hidden_size,
            "embedding_size": embedding_size,
            "cell": cell,
            "num_layers": num_layers,
            "dropout": dropped("dropout", dropout),
            "words": words,
            "tied": tied,
        }
        super().__init__(vocabulary, settings)
        size = len(self.vocabulary)
        self.embedding = Embedding(size, embedding_size)
        self.recurrent = Recurrent(cell, embedding_size, hidden_size, num_layers, dropout=dropout)
        self.dropout = Dropout(dropout)
        self.output = readout(self.embedding, hidden_size, size, tied)

    def forward(self, ids: TensorLike, state: TensorLike | None = None) -> tuple[Tensor, State]:
        """Scores of the next symbol after each one.

        Args:
            ids: (T, B) integers.
            state: the state of the recurrent layer to continue from.

        Returns:
            Logits (T, B, V), and the state after the last symbol.
        """
        hidden, after = self.recurrent(self.dropout(self.embedding(ids)), state)
        return self.output(self.dropout(hidden)), after
