"""Recurrent networks over sequences that are packed without padding.

Sequences of different lengths, sorted from the longest to the shortest, are laid one step after the other:

    words "cats", "is", "a"        c i a | a s | t | s        sizes 3, 2, 1, 1

At step t only the sequences that are long enough take part, so nothing is computed for padding. This is PyTorch's
PackedSequence.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyseq.autograd.modes import scope, stacked_gates, step
from tinyseq.autograd.ops.moves.parts import concatenate, split
from tinyseq.autograd.ops.moves.shape import expand_dims, transpose
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import namespace_of
from tinyseq.nn.recurrent.layers import Recurrent
from tinyseq.nn.recurrent.registry import States

Ids = NDArray[np.int64]


def packing(lengths: Ids) -> tuple[Ids, list[int], Ids]:
    """Where the steps of sequences lie when packed.

    Args:
        lengths: (B,), each at least 1, from the longest to the shortest.

    Returns:
        For each of the N packed rows, the sequence it belongs to (N,); the sizes, how many sequences have a t-th step;
        and for each row its step (N,).

    Example:
        >>> sequence, sizes, step = packing(np.array([4, 2, 1]))
        >>> sequence.tolist(), sizes, step.tolist()
        ([0, 1, 2, 0, 1, 0, 0], [3, 2, 1, 1], [0, 0, 0, 1, 1, 2, 3])
    """
    real = np.arange(lengths[0])[:, None] < lengths
    steps, sequences = np.nonzero(real)
    return sequences, real.sum(axis=1).tolist(), steps


def run_packed(recurrent: Recurrent, x: Tensor, sizes: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Run a recurrent network, from zero states, over packed sequences.

    Args:
        recurrent: the layers, whose parameters are used; its ``batch_first`` is ignored.
        x: (N, I), packed.
        sizes: how many sequences have a t-th step, from `packing`; they do not rise, and add up to N.

    Returns:
        The outputs of the last layer (N, directions * H), packed; and its final hidden states (B, directions * H): of
        each sequence after its last step, and for the backward direction after its first.

    Raises:
        ValueError: the sizes do not fit x.
    """
    if sum(sizes) != x.shape[0] or min(sizes, default=0) < 1 or any(a < b for a, b in pairwise(sizes)):
        raise ValueError(
            f"sizes must be positive and in descending order, and add up to {x.shape[0]} rows of x, got {list(sizes)}"
        )
    columns = transpose(x, 1, 0)
    ends: list[Tensor] = []
    for layer in range(recurrent.num_layers):
        if layer:
            columns = transpose(recurrent.dropout(transpose(columns, 1, 0)), 1, 0)
        outputs, ends = [], []
        for direction in ("", "_reverse") if recurrent.bidirectional else ("",):
            run = _backward if direction else _forward
            output, end = run(recurrent, columns, sizes, f"l{layer}{direction}")
            outputs.append(output)
            ends.append(end)
        columns = outputs[0] if len(outputs) == 1 else concatenate(outputs, axis=0)
    final = ends[0] if len(ends) == 1 else concatenate(ends, axis=0)
    return transpose(columns, 1, 0), transpose(final, 1, 0)


def _forward(recurrent: Recurrent, x: Tensor, sizes: Sequence[int], suffix: str) -> tuple[Tensor, Tensor]:
    """The outputs (H, N) and final hidden states (H, B) of a layer that reads forwards: sequences end one by one."""
    cell = recurrent.cell
    with scope(suffix), stacked_gates(cell.gates, recurrent.hidden_size, len(cell.states)):
        zs, weight_hh, bias_hh = _inputs(recurrent, x, sizes, suffix)
        states, hs, ends = _zeros(recurrent, sizes[0]), [], []
        for t, size in enumerate(sizes):
            with step(t):
                if t and size < sizes[t - 1]:
                    parts = [split(state, [size, sizes[t - 1] - size], axis=1) for state in states]
                    states = tuple(kept for kept, _ in parts)
                    ends.append(parts[0][1])
                states = recurrent.cell.as_states(recurrent.step(zs[t], states, weight_hh, bias_hh), states)
            hs.append(states[0])
        ends.append(states[0])
    return _beside(hs), _beside(ends[::-1])


def _backward(recurrent: Recurrent, x: Tensor, sizes: Sequence[int], suffix: str) -> tuple[Tensor, Tensor]:
    """The same of a layer that reads backwards: sequences begin one by one."""
    cell = recurrent.cell
    with scope(suffix), stacked_gates(cell.gates, recurrent.hidden_size, len(cell.states)):
        zs, weight_hh, bias_hh = _inputs(recurrent, x, sizes, suffix)
        states, hs = _zeros(recurrent, sizes[-1]), []
        for t in range(len(sizes) - 1, -1, -1):
            with step(t):
                if more := sizes[t] - states[0].shape[1]:
                    new = _zeros(recurrent, more)
                    states = tuple(concatenate(pair, axis=1) for pair in zip(states, new, strict=True))
                states = recurrent.cell.as_states(recurrent.step(zs[t], states, weight_hh, bias_hh), states)
            hs.append(states[0])
    return _beside(hs[::-1]), states[0]


def _inputs(
    recurrent: Recurrent, x: Tensor, sizes: Sequence[int], suffix: str
) -> tuple[list[Tensor], Tensor, Tensor | None]:
    """The input's share of each step, and the weights of the step."""
    z = getattr(recurrent, f"weight_ih_{suffix}") @ x
    bias_hh = expand_dims(getattr(recurrent, f"bias_hh_{suffix}"), 1) if recurrent.bias else None
    if bias_hh is not None:
        z = z + recurrent.cell.input_bias(expand_dims(getattr(recurrent, f"bias_ih_{suffix}"), 1), bias_hh)
    return split(z, list(sizes), axis=1), getattr(recurrent, f"weight_hh_{suffix}"), bias_hh


def _zeros(recurrent: Recurrent, size: int) -> States:
    weight: Any = recurrent.weight_ih_l0._array
    zeros = Tensor(namespace_of(weight).zeros((recurrent.hidden_size, size), dtype=weight.dtype))
    return (zeros,) * len(recurrent.cell.states)


def _beside(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else concatenate(parts, axis=1)
