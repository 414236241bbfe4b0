"""The recurrent language model: any length of history in a state of one size."""

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
        vocabulary: the symbols; a text's characters, for example.
        hidden_size: length of h_t.
        embedding_size: length of e_t; by default ``hidden_size``, at most 64.
        cell: ``"rnn"``, ``"lstm"``, ``"gru"``, or another cell that was declared.
        num_layers: recurrent layers on top of one another.
        dropout: probability of dropping between layers, while training.

    Attributes:
        embedding, recurrent, output: the three layers.

    Raises:
        ValueError, TypeError: there is no such cell, a size is no whole number from 1 upwards, or the vocabulary is
            empty or has a symbol twice.

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
            state: the state to go on from, as the recurrent layer's.

        Returns:
            Logits (T, B, V), and the state after the last symbol.
        """
        hidden, state = self.recurrent(self.embedding(ids), state)
        return self.output(hidden), state
