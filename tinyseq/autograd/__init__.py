"""A small reverse-mode engine: tensors, ops declared once, and the tape that runs them backward."""

from tinyseq.autograd import ops
from tinyseq.autograd.methods import install

install()

__all__ = ["ops"]
