"""Hypothesis strategies for your own tests: tensors, groups that broadcast, and batches of sequences.

Needs Hypothesis: ``pip install hypothesis``.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinyseq.autograd.declare import REAL, Domain
from tinyseq.autograd.graph import Shape
from tinyseq.autograd.tensor import Tensor
from tinyseq.testing.calls.values import distinct, within


@st.composite
def tensors(
    draw: st.DrawFn,
    shape: Shape | st.SearchStrategy[Shape] | None = None,
    *,
    low: float = -3.0,
    high: float = 3.0,
    avoid: Sequence[float] = (),
    dtype: str = "float64",
    requires_grad: bool = True,
) -> Tensor:
    """Tensors of well-separated numbers, so that difference quotients never step over a tie.

    Args:
        shape: a shape, or a strategy for shapes; by default up to three axes of up to three, empty ones too.
        low, high: the interval.
        avoid: points to keep a distance of 0.05 from, such as the kink of relu at 0.
        dtype: a floating-point type.
        requires_grad: whether they are leaves that require grad.

    Returns:
        A strategy for tensors.

    Example:
        >>> from hypothesis import given
        >>> import tinyseq as ts
        >>> @given(ts.testing.strategies.tensors((2, 3), avoid=[0.0]))
        ... def test_relu_is_not_negative(x):
        ...     assert (ts.relu(x).numpy() >= 0).all()
        >>> test_relu_is_not_negative()
    """
    if shape is None:
        shape = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
    chosen = draw(shape) if isinstance(shape, st.SearchStrategy) else shape
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return _made(rng, [chosen], Domain(low, high, tuple(avoid)), dtype, requires_grad)[0]


@st.composite
def broadcastable(
    draw: st.DrawFn, count: int = 2, *, domain: Domain = REAL, dtype: str = "float64", requires_grad: bool = True
) -> tuple[Tensor, ...]:
    """Groups of tensors whose shapes broadcast against each other.

    Args:
        count: tensors in a group.
        domain: the domain of their numbers.
        dtype: a floating-point type.
        requires_grad: whether they are leaves.

    Returns:
        A strategy for tuples of tensors.

    Example:
        >>> from hypothesis import given
        >>> import tinyseq as ts
        >>> @given(ts.testing.strategies.broadcastable(2))
        ... def test_addition_commutes(pair):
        ...     x, y = pair
        ...     assert ((x + y).numpy() == (y + x).numpy()).all()
        >>> test_addition_commutes()
    """
    shapes = draw(hnp.mutually_broadcastable_shapes(num_shapes=count, max_dims=3, max_side=3)).input_shapes
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return tuple(_made(rng, shapes, domain, dtype, requires_grad))


class SequenceBatch(NamedTuple):
    """A batch of sequences of different lengths.

    Attributes:
        x: (T, B, F); beyond a sequence's length it is padding, filled with numbers that must not matter.
        lengths: for each sequence, from 1 to T.

    Example:
        >>> import tinyseq as ts
        >>> batch = SequenceBatch(ts.zeros(3, 2, 1), [3, 1])
        >>> output, _ = ts.nn.RNN(1, 4, dtype="float64")(batch.x, lengths=batch.lengths)
        >>> output.shape
        (3, 2, 4)
    """

    x: Tensor
    lengths: list[int]


@st.composite
def sequence_batches(
    draw: st.DrawFn,
    features: int,
    *,
    max_steps: int = 5,
    max_batch: int = 3,
    dtype: str = "float64",
    requires_grad: bool = True,
) -> SequenceBatch:
    """Batches for recurrent layers: ``layer(batch.x, lengths=batch.lengths)``.

    Args:
        features: length F of the last axis.
        max_steps, max_batch: the largest T and B.
        dtype: a floating-point type.
        requires_grad: whether x is a leaf.

    Returns:
        A strategy for `SequenceBatch`.

    Example:
        >>> from hypothesis import given
        >>> import tinyseq as ts
        >>> layer = ts.nn.GRU(2, 3, dtype="float64")
        >>> @given(ts.testing.strategies.sequence_batches(2))
        ... def test_padding_gives_zeros(batch):
        ...     output, _ = layer(batch.x, lengths=batch.lengths)
        ...     for b, length in enumerate(batch.lengths):
        ...         assert (output.numpy()[length:, b] == 0).all()
        >>> test_padding_gives_zeros()
    """
    steps, batch = draw(st.integers(1, max_steps)), draw(st.integers(1, max_batch))
    lengths = draw(st.lists(st.integers(1, steps), min_size=batch, max_size=batch))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return SequenceBatch(_made(rng, [(steps, batch, features)], REAL, dtype, requires_grad)[0], lengths)


def _made(
    rng: np.random.Generator, shapes: Sequence[Shape], domain: Domain, dtype: str, requires_grad: bool
) -> list[Tensor]:
    arrays = [within(domain, positions).astype(dtype) for positions in distinct(rng, shapes)]
    return [Tensor(array).requires_grad_(requires_grad) for array in arrays]
