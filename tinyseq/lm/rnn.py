"""The recurrent language model: a history of any length in a state of fixed size."""

from collections.abc import Sequence
from typing import Any

from tinyseq.arguments import whole
from tinyseq.autograd.tensor import Tensor
from tinyseq.data.vocabulary import Vocabulary
from tinyseq.lm.neural import NeuralLM
from tinyseq.nn import Embedding, Linear
from tinyseq.nn.recurrent.layers import Recurrent


class RNNLM(NeuralLM):
    """A language model over characters or words: e_t = E x_t, h_t = cell(e_t, h_{t-1}), y_t = softmax(U h_t + b).

    Args:
        vocabulary: the symbols, for example the characters of a text.
        hidden_size: length of h_t.
        embedding_size: length of e_t; by default ``hidden_size``, at most 64.
        cell: ``"rnn"``, ``"lstm"``, ``"gru"``, or any other declared cell.
        num_layers: number of stacked recurrent layers.
        dropout: dropout probability between layers, in training.

    Attributes:
        embedding, recurrent, output: the three layers.

    Raises:
        ValueError, TypeError: the cell is unknown, a size is not a positive whole number, or the vocabulary is empty or
            has a symbol twice.

    Source: Mikolov and others (2010).

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
        vocabulary: Vocabulary[Any] | Sequence[Any],
        hidden_size: int = 128,
        embedding_size: int | None = None,
        cell: str = "lstm",
        num_layers: int = 1,
        dropout: float = 0.0,
    ) -> None:
        hidden_size, num_layers = whole("hidden_size", hidden_size), whole("num_layers", num_layers)
        embedding_size = min(hidden_size, 64) if embedding_size is None else whole("embedding_size", embedding_size)
        settings = {
            "hidden_size": hidden_size,
            "embedding_size": embedding_size,
            "cell": cell,
            "num_layers": num_layers,
            "dropout": dropout,
        }
        super().__init__(vocabulary, settings)
        size = len(self.vocabulary)
        self.embedding = Embedding(size, embedding_size)
        self.recurrent = Recurrent(cell, embedding_size, hidden_size, num_layers, dropout=dropout)
        self.output = Linear(hidden_size, size)

    def forward(self, ids: Any, state: Any = None) -> tuple[Tensor, Any]:
        """Scores of the next symbol after each one.

        Args:
            ids: (T, B) integers.
            state: the state of the recurrent layer to continue from.

        Returns:
            Logits (T, B, V), and the state after the last symbol.
        """
        hidden, state = self.recurrent(self.embedding(ids), state)
        return self.output(hidden), state
