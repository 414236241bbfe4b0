"""The error function, the normal distribution function, and GELU."""

import math
from typing import Any

import numpy as np

from tinyseq.autograd.declare import Accuracy, op
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import namespace_of


def _bell(xp: Any, x: Any, factor: float) -> Any:
    """exp(-factor x²), which is 0 beyond 50. The square is taken in two parts, as exp would magnify its rounding."""
    x = xp.clip(x, -50.0, 50.0)
    values = x._array if isinstance(x, Tensor) else x
    library = namespace_of(values)
    near: Any = library.asarray(library.round(values * 16.0) / 16.0)
    near = Tensor(near) if isinstance(x, Tensor) else near
    return xp.exp(-factor * near * near) * xp.exp(-factor * (x - near) * (x + near))


erf = op(
    "erf",
    forward="erf",
    saves="x",
    vjp=lambda xp, g, x: g * (2 / math.sqrt(math.pi)) * _bell(xp, x, 1.0),
    tex=r"\bar x = \bar y\,\tfrac{2}{\sqrt\pi} e^{-x^2}",
    analytic=False,
    method=True,
    reference=np.vectorize(math.erf, otypes=[float]),
    ulps=Accuracy(gradient=8),
    doc="The error function.",
    example=("ts.erf(ts.tensor([0.0, 1.0]))", "tensor([0.        , 0.84270079])"),
)


def _gelu_slope(xp: Any, g: Any, x: Any) -> Any:
    density = _bell(xp, x, 0.5) / math.sqrt(2 * math.pi)
    return g * (xp.normal_cdf(x) + xp.clip(x, -50.0, 50.0) * density)


normal_cdf = op(
    "normal_cdf",
    forward="normal_cdf",
    saves="x",
    vjp=lambda xp, g, x: g * _bell(xp, x, 0.5) / math.sqrt(2 * math.pi),
    tex=r"\bar x = \bar y\,\varphi(x)",
    analytic=False,
    reference=np.vectorize(lambda v: 0.5 * math.erfc(-v / math.sqrt(2)), otypes=[float]),
    ulps=Accuracy(gradient=8),
    doc="The standard normal distribution function, (1 + erf(x / sqrt 2)) / 2, accurate for negative x too.",
    example=("ts.normal_cdf(ts.tensor([0.0, -40.0]))", "tensor([0.5, 0. ])"),
)
gelu = op(
    "gelu",
    forward=lambda xp, x: xp.maximum(x, -50.0) * xp.normal_cdf(x),  # at -inf 0, and not -inf times 0
    saves="x",
    vjp=_gelu_slope,
    tex=r"\bar x = \bar y\,(\Phi(x) + x\varphi(x))",
    analytic=False,
    reference=lambda x: (
        np.asarray(x, dtype=float) * np.vectorize(lambda v: 0.5 * math.erfc(-v / math.sqrt(2)), otypes=[float])(x)
    ),
    ulps=Accuracy(gradient=6, cancels="gradient", why="the slope is a sum of two signs around its zero, x = -0.75"),
    doc="x times the normal distribution function of x (Hendrycks and Gimpel, 2016), the exact form.",
    example=("ts.gelu(ts.tensor([-1.0, 0.0, 1.0]))", "tensor([-0.15865525,  0.        ,  0.84134475])"),
)
