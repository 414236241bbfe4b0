"""Optimisers and learning-rate schedules, with PyTorch's values."""

from typing import TYPE_CHECKING

from tinyseq.optim.optimizer import Optimizer, elementwise
from tinyseq.optim.rules import SGD, Adagrad, Adam, AdamW, RMSprop
from tinyseq.optim.schedules import (
    Plateau,
    Schedule,
    cosine_decay,
    exponential_decay,
    step_decay,
    warm_up,
    warm_up_cosine,
)
from tinyseq.torch_names.lookup import of_module
from tinyseq.torch_names.names import OPTIM

if not TYPE_CHECKING:  # for type checkers a missing name stays an error
    __getattr__ = of_module("tinyseq.optim", OPTIM)

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Optimizer",
    "Plateau",
    "RMSprop",
    "Schedule",
    "cosine_decay",
    "elementwise",
    "exponential_decay",
    "step_decay",
    "warm_up",
    "warm_up_cosine",
]
