"""Inspection of recorded graphs: gradients, states, gates and memory in backpropagation through time.

Nothing here changes the graph or a ``.grad``, except `trace_backward`, which is ``backward()`` one node at a time.
Inspect as often as you like, then call ``backward()``.
"""

from tinyseq.autograd.backward import Visit, trace_backward
from tinyseq.inspect.explain import Explanation, Line, explain
from tinyseq.inspect.flow import GradientFlow, gradient_flow
from tinyseq.inspect.jacobian import JacobianNorms, jacobian_norms
from tinyseq.inspect.saved_memory import Crossing, Kept, SavedMemory, saved_memory
from tinyseq.inspect.terms import LagTable, grad_by_lag, grad_by_step
from tinyseq.inspect.values import gate_values, influence

__all__ = [
    "Crossing",
    "Explanation",
    "GradientFlow",
    "JacobianNorms",
    "Kept",
    "LagTable",
    "Line",
    "SavedMemory",
    "Visit",
    "explain",
    "gate_values",
    "grad_by_lag",
    "grad_by_step",
    "gradient_flow",
    "influence",
    "jacobian_norms",
    "saved_memory",
    "trace_backward",
]
