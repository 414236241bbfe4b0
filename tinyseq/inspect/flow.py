"""Gradient norms at each time step of one graph: vanishing and exploding gradients."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyseq.autograd.graph import Leaf, Node, Output, owner
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import to_numpy
from tinyseq.structure.paths import made_of, ones, size_of, steps_of, visits
from tinyseq.structure.states import by_prefix

Norms = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, eq=False)
class GradientFlow:
    """The norms of a loss's gradient with respect to states and gates, by time step.

    Names are ``"h"`` and ``"c"`` for states, ``"i"``, ``"f"``, ``"g"``, ``"o"`` for the gates of an LSTM and ``"r"``,
    ``"z"``, ``"n"`` for those of a GRU. Where a graph has several loops, the module comes first: ``"l1_reverse.h"``.

    Attributes:
        states: for each state, the Frobenius norm of dL/dh_t at each step, (T,).
        gates: the same for the gates, after their sigmoid or tanh.

    Example:
        >>> import tinyseq as ts
        >>> output, _ = ts.nn.RNN(2, 3, dtype="float64")(ts.ones(4, 1, 2))
        >>> flow = ts.inspect.gradient_flow(output[3].sum())
        >>> list(flow.states), flow.states["h"].shape
        (['h'], (4,))
    """

    states: dict[str, Norms]
    gates: dict[str, Norms]

    @property
    def norms(self) -> dict[str, Norms]:
        """States and gates together: what ``ts.viz.plots.gradient_flow`` takes."""
        return {**self.states, **self.gates}

    def __repr__(self) -> str:
        width = max(map(len, self.norms))
        lines = [f"GradientFlow over {len(next(iter(self.states.values())))} steps, norm of the gradient:"]
        for name, norms in self.norms.items():
            lines.append(f"  {name:<{width}} {norms[0]:9.3g} at step 0, {norms[-1]:9.3g} at step {len(norms) - 1}")
        return "\n".join(lines)


def gradient_flow(loss: Tensor) -> GradientFlow:
    """The norms of dL/dh_t, dL/dc_t and of the gates' gradients at every time step.

    States and gates are found in the graph, and have the letters that they have in its drawing: see
    `tinyseq.structure.states`. Each norm is that of the complete gradient:
    what the loss at step t sends and what comes back from step t + 1.

    Args:
        loss: a single number.

    Returns:
        The norms, by name.

    Raises:
        ValueError: if the loss is not a single number, or no step of its graph passes a state to another. A single
            number that is passed on counts as a running total, not as a state.

    Source: the discussion of ``|dh_t/dh_k|`` in the lectures.

    Example:
        >>> import tinyseq as ts
        >>> _ = ts.manual_seed(0)
        >>> output, _ = ts.nn.LSTM(3, 4)(ts.ones(20, 1, 3))
        >>> flow = gradient_flow(output[19].sum())
        >>> list(flow.states), list(flow.gates), flow.states["h"].shape
        (['h', 'c'], ['i', 'f', 'g', 'o'], (20,))
        >>> bool(flow.states["h"][0] < 0.1 * flow.states["h"][19])
        True
    """
    nodes = made_of(loss)
    found = by_prefix(nodes)
    if not found:
        raise ValueError(
            "no state is passed from one time step to another in this graph; "
            "run the loop under `with ts.step(t):`, as ts.nn.RNN, LSTM and GRU do. "
            "A state of shape () counts as a running total; give it an axis, as shape (1,)"
        )
    handed_on = (by_step for _, loop in found for by_step in loop.states.values())
    steps = max([steps_of(nodes), *(1 + step for by_step in handed_on for step in by_step)])
    states: dict[str, Norms] = {}
    gates: dict[str, Norms] = {}
    wanted: dict[Leaf | Node, list[tuple[int | None, slice, Norms, int]]] = defaultdict(list)
    for prefix, loop in found:
        for name, by_step in sorted(loop.states.items(), reverse=True):
            norms = states[prefix + name] = np.zeros(steps)
            for step, state in by_step.items():
                index = state.index if isinstance(state, Output) else None
                wanted[owner(state)].append((index, slice(None), norms, step))
        for name in loop.gates:
            norms = gates[prefix + name] = np.zeros(steps)
            for step, block in loop.gates[name].items():
                wanted[block.node].append((None, block.rows, norms, step))
    for node, upstream, _ in visits(ones(loss)):
        for index, rows, norms, step in wanted.get(node, ()):
            gradient = upstream if index is None else upstream[index]
            if gradient is not None:
                norms[step] = size_of(to_numpy(gradient)[rows])
    return GradientFlow(states, gates)
