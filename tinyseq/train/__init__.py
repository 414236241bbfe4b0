"""Training: a short loop, with validation, checkpoints, logs and progress."""

from tinyseq.optim.schedules import warm_up_cosine
from tinyseq.train.average import WeightAverage
from tinyseq.train.checkpoint import AnotherRun, Checkpoint
from tinyseq.train.log import Log
from tinyseq.train.loop import Callback, Loss, Report, Task, train
from tinyseq.train.nonfinite import NonFiniteLoss
from tinyseq.train.progress import progress
from tinyseq.train.validation import Validation

__all__ = [
    "AnotherRun",
    "Callback",
    "Checkpoint",
    "Log",
    "Loss",
    "NonFiniteLoss",
    "Report",
    "Task",
    "Validation",
    "WeightAverage",
    "progress",
    "train",
    "warm_up_cosine",
]
