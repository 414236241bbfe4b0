"""tinyseq: sequence models to learn from and to rely on.

One reverse-mode tape on NumPy or CuPy arrays; recurrent layers written from its primitives, so that backpropagation
through time is nothing but the tape; hidden Markov models as one recurrence over a semiring; and drawings of all that is
computed.
"""

import tinyseq.autograd  # registers the ops
from tinyseq import nn, optim, testing
from tinyseq.autograd.modes import detect_anomaly, enable_grad, no_grad, scope, step
from tinyseq.autograd.ops.creation import arange, eye, full, ones, ones_like, zeros, zeros_like
from tinyseq.autograd.ops.elementwise import (
    abs,
    add,
    astype,
    clip,
    cos,
    divide,
    elu,
    erf,
    exp,
    expm1,
    gelu,
    leaky_relu,
    log,
    log1p,
    maximum,
    minimum,
    multiply,
    negative,
    pow,
    reciprocal,
    relu,
    sigmoid,
    sign,
    sin,
    sqrt,
    square,
    subtract,
    tanh,
    where,
)
from tinyseq.autograd.ops.index import gather, index_set, one_hot, scatter_add, take, take_along_axis
from tinyseq.autograd.ops.linalg import diagonal, dot, einsum, matmul, outer, tensordot, trace
from tinyseq.autograd.ops.reduce import (
    all,
    any,
    argmax,
    argmin,
    cumprod,
    cumsum,
    max,
    mean,
    min,
    norm,
    prod,
    std,
    sum,
    var,
)
from tinyseq.autograd.ops.shape import (
    broadcast_to,
    chunk,
    concatenate,
    expand_dims,
    flatten,
    flip,
    pad,
    repeat,
    reshape,
    roll,
    split,
    squeeze,
    stack,
    swapaxes,
    tile,
    transpose,
    unbind,
)
from tinyseq.autograd.ops.stable import log_sigmoid, log_softmax, logaddexp, logsumexp, softmax, softplus
from tinyseq.autograd.tape import grad, trace_backward
from tinyseq.autograd.tensor import Tensor, tensor
from tinyseq.io import load, save
from tinyseq.random import manual_seed

amax, amin, permute, power = max, min, transpose, pow

__version__ = "0.1.0"
