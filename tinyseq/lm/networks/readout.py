"""The last layer of neural language models, with weights of its own or those of the embedding."""

from typing import TYPE_CHECKING

from tinyseq.arguments import whole
from tinyseq.autograd.tensor import Tensor
from tinyseq.nn import Embedding, Linear, Module, init


class TiedReadout(Module):
    """y = x Eᵀ + b: the score of a symbol is how well its vector fits the state.

    Args:
        embedding: the vectors E; rows beyond ``symbols`` are not scored.
        symbols: how many symbols are scored.

    Source: Press and Wolf (2017); Inan, Khosravi and Socher (2017).

    Example:
        >>> import tinyseq as ts
        >>> TiedReadout(ts.nn.Embedding(5, 3), 4)(ts.zeros(2, 3)).shape
        (2, 4)
    """

    def __init__(self, embedding: Embedding, symbols: int) -> None:
        self.embedding = embedding
        self.bias = init.constant((symbols,), 0.0)

    def forward(self, x: Tensor) -> Tensor:
        """(..., E) to (..., symbols)."""
        vectors = self.embedding.weight[: self.bias.shape[0]]
        return x @ vectors.T + self.bias

    if TYPE_CHECKING:  # a call takes and gives what `forward` does
        __call__ = forward


def readout(embedding: Embedding, hidden_size: int, symbols: int, tied: bool) -> "Linear | TiedReadout":
    """The last layer.

    Args:
        embedding: the model's symbol vectors.
        hidden_size: the length of the vectors that it reads.
        symbols: how many symbols are scored.
        tied: whether the symbols' vectors are also the weights; they are then initialised as weights are.

    Raises:
        ValueError: ``tied`` is true, but the vectors are not as long as the state.
    """
    if not tied:
        return Linear(hidden_size, symbols)
    size = embedding.weight.shape[1]
    if size != hidden_size:
        raise ValueError(
            f"tied=True needs vectors as long as the state, got embedding_size={size} and hidden_size={hidden_size}; "
            "leave out embedding_size"
        )
    embedding.weight.copy_(embedding.weight.numpy() * hidden_size**-0.5)
    return TiedReadout(embedding, symbols)


def vector_length(embedding_size: int | None, hidden_size: int, tied: bool) -> int:
    """The length of the symbols' vectors where none is given: that of the state if tied, else at most 64."""
    if embedding_size is not None:
        return whole("embedding_size", embedding_size)
    return hidden_size if tied else min(hidden_size, 64)
