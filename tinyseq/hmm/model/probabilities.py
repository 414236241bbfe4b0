"""A table of probabilities and its logs, computed from whichever of the two is given."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyseq.autograd.declare import FUNCTIONS
from tinyseq.autograd.tensor import Tensor, constant
from tinyseq.backend import is_recorded, library_of, on_host

Table = NDArray[Any] | Tensor  # a tensor if gradients are wanted


class Probabilities:
    """Probabilities, or scores, and their logs.

    Values derived from a tensor are recomputed on each access: an optimiser may have changed the tensor, and each
    backward pass needs its own graph. Arrays are read-only: writing to one of the two would leave the other as it was.

    Args:
        given: an array, or a tensor if gradients are wanted.
        in_logs: whether ``given`` holds the logs.

    Example:
        >>> half = Probabilities(np.array([0.5, 0.5]))
        >>> half.logs.round(3), Probabilities(half.logs, in_logs=True).values
        (array([-0.693, -0.693]), array([0.5, 0.5]))
    """

    def __init__(self, given: Any, in_logs: bool = False) -> None:
        self.given: Table = constant(given) if library_of(given) == "cupy" else given
        self.in_logs = in_logs
        self.changes = isinstance(self.given, Tensor)
        self._derived: Table | None = None if self.changes else self._derive()
        for array in (self.given, self._derived):
            if isinstance(array, np.ndarray):
                array.flags.writeable = False

    def __reduce__(self) -> tuple[type["Probabilities"], tuple[Table, bool]]:
        return Probabilities, (self.given, self.in_logs)  # a copied array is writable until the constructor has it

    @property
    def values(self) -> Table:
        """The probabilities."""
        return self._other() if self.in_logs else self.given

    @property
    def logs(self) -> Table:
        """Their logs."""
        return self.given if self.in_logs else self._other()

    def _other(self) -> Table:
        return self._derive() if self._derived is None else self._derived

    def _derive(self) -> Any:
        if not self.in_logs:
            return log_of(self.given)
        with np.errstate(over="ignore"):  # unnormalised scores may be large: exp gives inf
            return FUNCTIONS["exp"](self.given) if self.changes else np.exp(self.given)


def as_table(value: Any, name: str) -> Table:
    """A copy as an array of floats; a tensor of floats as it is. Errors call it by its name.

    Raises:
        ValueError: if rows have different lengths.
        TypeError: if they do not hold numbers.
    """
    if library_of(value) == "cupy":
        value = constant(value)
    if isinstance(value, Tensor) and value.dtype.kind == "f":
        return value
    if isinstance(value, Tensor):
        value = value.numpy()
    try:
        array = np.array(on_host(value))
    except ValueError as error:
        raise ValueError(
            f"{name} must be a table, got rows of different lengths; for n > 2, initial is a tuple of n - 1 tables"
        ) from error
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be a table of numbers, got {type(value).__name__} of dtype {array.dtype}")
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def plain(table: Any) -> NDArray[Any]:
    """The values of an array or a tensor."""
    return np.asarray(table.numpy() if isinstance(table, Tensor) else table)


def exact(table: Any) -> NDArray[np.float64]:
    """The values in double precision, for sums over the steps of long sequences, where rounding adds up."""
    return plain(table).astype(np.float64, copy=False)


def in_recording(*tables: Any) -> bool:
    """Whether the values of a table are those of later replays (see `tinyseq.compile`), so that none can be checked."""
    return any(isinstance(table, Tensor) and is_recorded(table._array) for table in tables)


def log_of(probabilities: Any) -> Any:
    """Logs, with log 0 = -inf; through a tensor, a zero has gradient 0, so it stays zero."""
    if isinstance(probabilities, Tensor):
        where = FUNCTIONS["where"]
        possible = FUNCTIONS["greater"](probabilities.detach(), 0.0)
        return where(possible, FUNCTIONS["log"](where(possible, probabilities, 1.0)), -np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):  # negative values are refused elsewhere
        return np.log(probabilities)
