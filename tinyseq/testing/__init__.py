"""Testing gradients: of functions, of layers, and of ops."""

from typing import TYPE_CHECKING

from tinyseq.testing.gradcheck import gradcheck, gradgradcheck
from tinyseq.testing.kit import assert_gradients
from tinyseq.testing.properties import ContractError
from tinyseq.testing.report import GradcheckError, GradcheckReport

if TYPE_CHECKING:  # imported when it is first used, as it needs Hypothesis
    from tinyseq.testing import strategies as strategies

__all__ = [
    "ContractError",
    "GradcheckError",
    "GradcheckReport",
    "assert_gradients",
    "gradcheck",
    "gradgradcheck",
]
