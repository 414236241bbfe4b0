"""tinyseq: sequence models to learn from and to rely on."""

import tinyseq.autograd
from tinyseq.autograd.modes import detect_anomaly, enable_grad, no_grad, scope, step
from tinyseq.autograd.op import FUNCTIONS as _FUNCTIONS
from tinyseq.autograd.ops.creation import arange, eye, full, ones, ones_like, zeros, zeros_like
from tinyseq.autograd.tape import grad, trace_backward
from tinyseq.autograd.tensor import Tensor, tensor

globals().update(_FUNCTIONS)
