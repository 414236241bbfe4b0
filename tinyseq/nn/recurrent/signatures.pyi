"""What calls of layers and cells take and give, for type checkers: the state is h, or for an LSTM the pair (h, c)."""

from collections.abc import Sequence

from tinyseq.autograd.tensor import Tensor, TensorLike
from tinyseq.nn.module import Module

Pair = tuple[Tensor, Tensor]
Lengths = Sequence[int] | None

def layer_of_h(
    self: Module, x: TensorLike, state: TensorLike | None = None, lengths: Lengths = None
) -> tuple[Tensor, Tensor]: ...
def layer_of_pairs(
    self: Module, x: TensorLike, state: Sequence[TensorLike] | None = None, lengths: Lengths = None
) -> tuple[Tensor, Pair]: ...
def cell_of_h(self: Module, x: TensorLike, state: TensorLike | None = None) -> Tensor: ...
def cell_of_pairs(self: Module, x: TensorLike, state: Sequence[TensorLike] | None = None) -> Pair: ...
