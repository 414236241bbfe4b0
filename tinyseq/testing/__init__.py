"""Testing gradients: of functions, of layers, and of ops."""

from tinyseq.testing.gradcheck import gradcheck, gradgradcheck
from tinyseq.testing.kit import assert_gradients
from tinyseq.testing.properties import ContractError
from tinyseq.testing.report import GradcheckError, GradcheckReport

__all__ = [
    "ContractError",
    "GradcheckError",
    "GradcheckReport",
    "assert_gradients",
    "gradcheck",
    "gradgradcheck",
]


def __getattr__(name: str) -> object:
    """`strategies`, which needs Hypothesis, is imported when it is first used."""
    if name == "strategies":
        import importlib

        return importlib.import_module("tinyseq.testing.strategies")
    raise AttributeError(f"module 'tinyseq.testing' has no attribute {name!r}")
