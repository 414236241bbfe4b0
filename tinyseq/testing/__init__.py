"""Testing gradients: of functions, of layers, and of ops."""

from tinyseq.testing.gradcheck import gradcheck, gradgradcheck
from tinyseq.testing.report import GradcheckError, GradcheckReport

__all__ = ["GradcheckError", "GradcheckReport", "gradcheck", "gradgradcheck"]
