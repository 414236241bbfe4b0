"""Feed-forward layers: linear maps, embeddings, dropout and normalisation."""

from typing import TYPE_CHECKING, ClassVar

from tinyseq.arguments import check_flags, dropped, finite, whole
from tinyseq.autograd.ops.elementwise.arithmetic import sqrt, square
from tinyseq.autograd.ops.elementwise.choice import where
from tinyseq.autograd.ops.moves.index import getitem
from tinyseq.autograd.ops.reduce import mean
from tinyseq.autograd.tensor import Tensor, TensorLike, constant, constant_like
from tinyseq.backend import is_half
from tinyseq.nn import init
from tinyseq.nn.checks import as_ids, as_input, as_numbers, check_ids
from tinyseq.nn.module import Module
from tinyseq.random import generator
from tinyseq.torch_names.of_tasks import EMBEDDING


class Linear(Module):
    """y = x Wᵀ + b, with PyTorch's layout.

    Args:
        in_features, out_features: lengths of the last axis of x and of y.
        bias: whether to add a bias b.
        dtype: the dtype of the parameters.

    Raises:
        ValueError, TypeError: if a size is not a positive whole number.

    Attributes:
        weight: (out_features, in_features).
        bias: (out_features,), or None.

    Example:
        >>> import tinyseq as ts
        >>> ts.nn.Linear(3, 2)(ts.zeros(4, 3)).shape
        (4, 2)
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, dtype: str = "float32") -> None:
        in_features = whole("in_features", in_features)
        out_features = whole("out_features", out_features)
        check_flags(bias=bias)
        self.weight = init.fan_in((out_features, in_features), in_features, dtype)
        self.bias = init.fan_in((out_features,), in_features, dtype) if bias else None

    def forward(self, x: TensorLike) -> Tensor:
        """(..., in_features) to (..., out_features).

        Raises:
            ValueError, TypeError: the last axis has another length, or x does not hold real numbers.
        """
        x = as_input(x, self.weight, "Linear: x")
        if x.shape[-1:] != self.weight.shape[1:]:
            raise ValueError(
                f"Linear: x has shape {x.shape}; its last axis must be {self.weight.shape[1]} (in_features)"
            )
        y: Tensor = x @ self.weight.T
        return y if self.bias is None else y + self.bias

    if TYPE_CHECKING:  # a call takes and gives what `forward` does
        __call__ = forward


class Embedding(Module):
    """A learned vector for each id.

    Args:
        num_embeddings: the number of ids, which start at 0.
        embedding_dim: the length of a vector.
        padding_idx: an id whose vector is not trained: it starts at 0, and its gradient is 0. A negative id counts
            from the end.
        dtype: the dtype of the vectors.

    Raises:
        ValueError, TypeError: if a size is not a positive whole number, or ``padding_idx`` is not an id.

    Attributes:
        weight: (num_embeddings, embedding_dim).

    Example:
        >>> import tinyseq as ts
        >>> ts.nn.Embedding(10, 4)([[1, 2, 9]]).shape
        (1, 3, 4)
    """

    _other_names: ClassVar[dict[str, str]] = EMBEDDING

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None = None, dtype: str = "float32"
    ) -> None:
        num_embeddings = whole("num_embeddings", num_embeddings)
        embedding_dim = whole("embedding_dim", embedding_dim)
        self.weight = init.normal((num_embeddings, embedding_dim), dtype=dtype)
        self.padding_idx = padding_idx
        if padding_idx is not None:
            self.padding_idx = whole("padding_idx", padding_idx, -num_embeddings, num_embeddings - 1) % num_embeddings
            values = self.weight.numpy().copy()
            values[self.padding_idx] = 0
            self.weight.copy_(values)

    def forward(self, ids: TensorLike) -> Tensor:
        """Look up ids of any shape; the result has one more axis, for the vectors.

        Raises:
            IndexError: an id is not an integer, or outside [0, num_embeddings).
            ValueError: the rows have different lengths.
        """
        chosen = as_ids(ids, "ids")
        check_ids(chosen, self.weight.shape[0], "Embedding")
        picked: Tensor = getitem(self.weight, chosen)
        if self.padding_idx is not None and (padding := chosen == self.padding_idx).any():
            picked = where(constant_like(self.weight, padding[..., None]), picked.detach(), picked)
        return picked

    if TYPE_CHECKING:  # a call takes and gives what `forward` does
        __call__ = forward


class Dropout(Module):
    """In training mode, set each element to 0 with probability p, and scale the others by 1 / (1 - p).

    Args:
        p: the probability, in [0, 1).
        shared: the axis or axes along which the mask is shared; ``shared=0`` on (T, B, F) is the variational dropout
            of Gal and Ghahramani (2016), with one mask per sequence.

    Raises:
        ValueError, TypeError: ``p`` is out of range, or not a number.

    Source: Srivastava and others (2014).

    Example:
        >>> import tinyseq as ts
        >>> y = ts.nn.Dropout(0.5, shared=0)(ts.ones(7, 2, 3))
        >>> bool((y.numpy() == y.numpy()[0]).all())
        True
    """

    def __init__(self, p: float = 0.5, shared: int | tuple[int, ...] = ()) -> None:
        self.p = dropped("p", p)
        axes = shared if isinstance(shared, tuple | list) else (shared,)
        self.shared = tuple(whole("shared", axis, None) for axis in axes)

    def forward(self, x: TensorLike) -> Tensor:
        """A tensor of x's shape; x itself in evaluation mode.

        Raises:
            ValueError: ``shared`` names an axis that x does not have.
            TypeError: x does not hold real numbers.
        """
        x = as_numbers(x, constant(0.0), "Dropout: x")
        if not self.training or self.p == 0:
            return x
        for axis in self.shared:
            if not -x.ndim <= axis < x.ndim:
                raise ValueError(f"Dropout: shared has the axis {axis}, but x has shape {x.shape}")
        shared = {axis % x.ndim for axis in self.shared}
        shape = tuple(1 if axis in shared else side for axis, side in enumerate(x.shape))
        keep = generator().random(shape) >= self.p
        return x * constant_like(x, keep / (1 - self.p))

    if TYPE_CHECKING:  # a call takes and gives what `forward` does
        __call__ = forward


class LayerNorm(Module):
    """Normalise the last axis to mean 0 and variance 1, then apply a learned scale and shift (Ba and others, 2016).

    Args:
        features: the length of the last axis.
        eps: added to the variance.
        dtype: the dtype of the parameters.

    Raises:
        ValueError, TypeError: ``features`` is not a positive whole number.

    Attributes:
        weight, bias: (features,).

    Example:
        >>> import tinyseq as ts
        >>> ts.nn.LayerNorm(2)([[1.0, 3.0]]).numpy().round(3)
        array([[-1.,  1.]], dtype=float32)
    """

    def __init__(self, features: int, eps: float = 1e-5, dtype: str = "float32") -> None:
        features = whole("features", features)
        self.weight = init.constant((features,), 1.0, dtype)
        self.bias = init.constant((features,), 0.0, dtype)
        self.eps = finite("eps", eps, least=0.0)

    def forward(self, x: TensorLike) -> Tensor:
        """A tensor of x's shape.

        Raises:
            ValueError, TypeError: the last axis has another length, or x does not hold real numbers.
        """
        x = as_input(x, self.weight, "LayerNorm: x")
        if x.shape[-1:] != self.weight.shape:
            raise ValueError(
                f"LayerNorm: x has shape {x.shape}; its last axis must be {self.weight.shape[0]} (features)"
            )
        wide = x.to("float32") if is_half(x) else x  # in which the square of 256 is infinite
        centred = wide - mean(wide, axis=-1, keepdims=True)
        deviation: Tensor = sqrt(mean(square(centred), axis=-1, keepdims=True) + self.eps)
        normed = centred / deviation
        return (normed if wide is x else normed.to(x.dtype)) * self.weight + self.bias

    if TYPE_CHECKING:  # a call takes and gives what `forward` does
        __call__ = forward
