"""Optimisers and learning-rate schedules, with PyTorch's values."""

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
