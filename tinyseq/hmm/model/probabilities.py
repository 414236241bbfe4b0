"""A table of probabilities and its logs, whichever of the two was given."""

from typing import Any

import numpy as np

from tinyseq.autograd.declare import FUNCTIONS
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import Array


class Probabilities:
    """Probabilities, or scores, and their logs.

    What follows from a tensor is computed anew each time: an optimiser may have changed it since, and each backward
    pass needs a graph of its own.

    Args:
        given: an array, or a tensor through which gradients shall flow.
        in_logs: whether these are the logs.

    Example:
        >>> half = Probabilities(np.array([0.5, 0.5]))
        >>> half.logs.round(3), Probabilities(half.logs, in_logs=True).values
        (array([-0.693, -0.693]), array([0.5, 0.5]))
    """

    def __init__(self, given: Any, in_logs: bool = False) -> None:
        self.given = given
        self.in_logs = in_logs
        self.changes = isinstance(given, Tensor)
        self._derived = None if self.changes else self._derive()

    @property
    def values(self) -> Any:
        """The probabilities."""
        return self._other() if self.in_logs else self.given

    @property
    def logs(self) -> Any:
        """Their logs."""
        return self.given if self.in_logs else self._other()

    def _other(self) -> Any:
        return self._derive() if self.changes else self._derived

    def _derive(self) -> Any:
        if not self.in_logs:
            return log_of(self.given)
        with np.errstate(over="ignore"):  # scores need not be logs of probabilities: those beyond all bounds are inf
            return FUNCTIONS["exp"](self.given) if self.changes else np.exp(self.given)


def plain(table: Any) -> Array:
    """The values of an array or a tensor."""
    return table.numpy() if isinstance(table, Tensor) else table


def log_of(probabilities: Any) -> Any:
    """Logs, with log 0 = -inf; through a tensor, a zero has gradient 0: it stays zero."""
    if isinstance(probabilities, Tensor):
        where = FUNCTIONS["where"]
        possible = probabilities.numpy() > 0
        return where(possible, FUNCTIONS["log"](where(possible, probabilities, 1.0)), -np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):  # negative numbers are refused elsewhere, with their place
        return np.log(probabilities)
