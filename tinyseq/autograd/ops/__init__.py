"""The ops, one family a file; importing this package registers them all."""

from tinyseq.autograd.ops import creation, elementwise, index, linalg, reduce, shape, stable

__all__ = ["creation", "elementwise", "index", "linalg", "reduce", "shape", "stable"]
