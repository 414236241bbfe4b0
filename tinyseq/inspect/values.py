"""Values of a recorded network: the gates at each step, and which outputs depend on which inputs."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyseq.arguments import listed
from tinyseq.autograd.calls.tensors import one_tensor
from tinyseq.autograd.graph import readable
from tinyseq.autograd.tensor import Tensor, as_node
from tinyseq.backend import to_numpy
from tinyseq.structure.paths import gradients, leading_to, made_of, ones, size_of, steps_of
from tinyseq.structure.states import by_prefix

Floats = np.ndarray[Any, np.dtype[np.floating[Any]]]


def gate_values(result: Tensor) -> dict[str, Floats]:
    """The values of the gates in a recorded graph, by name as in `gradient_flow`.

    Args:
        result: any value computed from the network's outputs, before its graph is freed.

    Returns:
        For each gate, (T, H, B) after its sigmoid or tanh: a column for each sequence of the batch. Steps that the
        result does not depend on are NaN.

    Raises:
        ValueError: if no gates are found: in a plain RNN, or in a loop without ``with ts.step(t):``.
        RuntimeError: if the tensor has no graph, or a backward pass has freed it.

    Example:
        >>> import tinyseq as ts
        >>> output, _ = ts.nn.LSTM(3, 4)(ts.ones(7, 2, 3))
        >>> gates = gate_values(output)
        >>> {name: values.shape for name, values in gates.items()}
        {'i': (7, 4, 2), 'f': (7, 4, 2), 'g': (7, 4, 2), 'o': (7, 4, 2)}
        >>> bool((gates["f"] > 0).all() and (gates["f"] < 1).all())
        True
    """
    nodes = readable([as_node(one_tensor(result, "result"))])
    steps = steps_of(nodes)
    values: dict[str, Floats] = {}
    for prefix, loop in by_prefix(nodes):
        for name in loop.gates:
            for step, block in loop.gates[name].items():
                if block.node.saved is None:
                    raise RuntimeError(
                        "the gates' values are gone, because backward() has freed this graph; call gate_values first"
                    )
                array = to_numpy(block.node.saved[block.node.op.saves.index("out")])[block.rows]
                series = values.setdefault(prefix + name, np.full((steps, *array.shape), np.nan, dtype=array.dtype))
                series[step] = array
    if not values:
        raise ValueError(
            "this graph has no gates: they are the sigmoids and tanhs of blocks of rows in the steps of an LSTM or GRU"
        )
    return values


def influence(outputs: Sequence[Tensor], inputs: Tensor) -> Floats:
    """How much each output depends on each position of a sequence: an alignment without attention.

    Args:
        outputs: single numbers, such as the score of the word chosen at each step.
        inputs: (T, ...), the sequence, which requires grad; a result of ops, such as embedded words, is allowed.

    Returns:
        (len(outputs), T), the norm of the gradient of each output with respect to each position. Where an output does
        not depend on the inputs, zeros.

    Raises:
        ValueError: if there are no outputs.
        RuntimeError: an output or the inputs have no graph, or ``backward()`` has freed it.

    Example:
        >>> import tinyseq as ts
        >>> x = ts.tensor([[1.0], [1.0], [1.0]], requires_grad=True)
        >>> influence([2.0 * x[0, 0] + x[1, 0], x[2, 0]], x)
        array([[2., 1., 0.],
               [0., 0., 1.]])
    """
    outputs = listed("outputs", outputs, "a list of single numbers")
    if not outputs:
        raise ValueError("outputs must hold at least one number")
    target, rows = as_node(one_tensor(inputs, "inputs")), []
    for i, output in enumerate(outputs):
        slope = gradients(ones(output, f"outputs[{i}]"), leading_to(target, made_of(output)), {target}).get(target)
        flat = np.zeros((inputs.shape[0], 1)) if slope is None else to_numpy(slope).reshape(inputs.shape[0], -1)
        rows.append(size_of(flat, axis=1))
    return np.stack(rows)
