"""tinyseq: sequence models to learn from and to rely on.

One reverse-mode tape on NumPy or CuPy arrays; recurrent layers written from its primitives, so that backpropagation
through time is nothing but the tape; hidden Markov models as one recurrence over a semiring; and drawings of everything
that is computed.
"""

import sys
from typing import TYPE_CHECKING

from tinyseq import classify, data, hmm, inspect, lm, memory, nn, optim, random, tagging, testing, train, viz
from tinyseq.autograd.anomaly import detect_anomaly
from tinyseq.autograd.backward import grad, trace_backward
from tinyseq.autograd.declare import FUNCTIONS
from tinyseq.autograd.modes import enable_grad, no_grad, scope, step
from tinyseq.autograd.ops import PUBLIC
from tinyseq.autograd.ops.creation import arange, eye, full, ones, zeros
from tinyseq.autograd.ops.moves.index import one_hot
from tinyseq.autograd.tensor import Tensor, tensor
from tinyseq.autograd.transforms.derivatives import hessian, hvp, jacobian, jvp, vjp
from tinyseq.autograd.transforms.recompute import checkpoint
from tinyseq.compiler import compile
from tinyseq.io import load, load_model, save
from tinyseq.random import manual_seed
from tinyseq.torch_names.lookup import explain, guide

__version__ = "0.1.0"

if TYPE_CHECKING:
    from tinyseq import exercises


__all__ = [
    "Tensor",
    "amax",
    "amin",
    "arange",
    "checkpoint",
    "classify",
    "compile",
    "data",
    "detect_anomaly",
    "enable_grad",
    "exercises",
    "eye",
    "full",
    "grad",
    "hessian",
    "hmm",
    "hvp",
    "inspect",
    "jacobian",
    "jvp",
    "lm",
    "load",
    "load_model",
    "manual_seed",
    "memory",
    "nn",
    "no_grad",
    "one_hot",
    "ones",
    "optim",
    "power",
    "random",
    "save",
    "scope",
    "step",
    "tagging",
    "tensor",
    "testing",
    "trace_backward",
    "train",
    "viz",
    "vjp",
    "zeros",
    *PUBLIC,
]

# The functions of ops need no import: type checkers and editors find them in `__init__.pyi`.
globals().update({name: FUNCTIONS[name] for name in PUBLIC})
amax, amin, power = FUNCTIONS["max"], FUNCTIONS["min"], FUNCTIONS["pow"]
explain(sys.modules["tinyseq.autograd"], "ts.autograd")
guide(sys.modules[__name__], later=["tinyseq.exercises", "tinyseq.testing.strategies"])
