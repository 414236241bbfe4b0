"""The average of a model's weights over the steps of a run."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinyseq.arguments import number, whole
from tinyseq.backend import Array, namespace_of, to_numpy
from tinyseq.io.names import check_entries
from tinyseq.nn.module import Module
from tinyseq.torch_names.settings import explained
from tinyseq.train.loop import Report


class WeightAverage:
    """A callback that averages a model's weights over the steps of a run; the training itself does not change.

    For the first 1 / (1 - decay) steps it is their plain mean; after that, an exponential moving average. It often
    predicts better than the last weights, most of all where the learning rate does not fall to 0. It is kept in double
    precision: in single precision, the small part of a step that enters it would be rounded away.

    Args:
        model: the model being trained.
        decay: the share of the old average that each step keeps, from 0 to 1; with 1, all steps count equally.
        start: how many steps to leave out at the beginning of the run.

    Attributes:
        count: how many steps have been averaged.

    Raises:
        TypeError: ``model`` is not a Module, ``decay`` not a number, or ``start`` not a whole number.
        ValueError: ``decay`` is not from 0 to 1, or ``start`` is negative.

    Source: Polyak and Juditsky (1992), for decay=1; Tarvainen and Valpola (2017), for the moving average.

    Example:
        >>> import tinyseq as ts
        >>> w = ts.nn.Linear(1, 1, bias=False)
        >>> average = ts.train.WeightAverage(w, decay=1.0)
        >>> task = lambda step: ts.train.Loss(w(ts.ones(1, dtype="float32")).sum(), 1)
        >>> _ = w.weight.copy_([[0.0]])
        >>> reports = ts.train.train(task, ts.optim.SGD(w.parameters(), lr=1.0), steps=3, callbacks=[average])
        >>> [w.weight.item() for report in reports]
        [-1.0, -2.0, -3.0]
        >>> with average.applied():
        ...     w.weight.item()
        -2.0
        >>> w.weight.item()
        -3.0
    """

    @explained
    def __init__(self, model: Module, decay: float = 0.999, start: int = 0) -> None:
        if not isinstance(model, Module):
            raise TypeError(f"model must be a Module, got {type(model).__name__}")
        self.model = model
        self.decay = number("decay", decay)
        if not 0 <= self.decay <= 1:
            raise ValueError(f"decay must be from 0 to 1, got {decay}")
        self.start = whole("start", start, 0)
        self.count = 0
        self._averages: dict[str, Array] = {}

    def __repr__(self) -> str:
        return f"WeightAverage(decay={self.decay}, start={self.start}, count={self.count})"

    def __call__(self, report: Report) -> None:
        """Include the weights after a step."""
        if report.step <= self.start:
            return
        self.count += 1
        rate = max(1 / self.count, 1 - self.decay)
        for name, parameter in self.model.named_parameters():
            value = parameter._array
            if self.count == 1:
                self._averages[name] = _exact(value, value)
            else:
                self._averages[name] += rate * (value - self._averages[name])

    def apply(self) -> None:
        """Replace the model's weights by the average.

        Raises:
            RuntimeError: no step has been averaged.
        """
        if not self.count:
            raise RuntimeError(
                "no step has been averaged yet; pass the average to the run in callbacks=[...], and take more steps "
                f"than start={self.start}"
            )
        self.model.load_state_dict({name: to_numpy(array) for name, array in self._averages.items()})

    @contextmanager
    def applied(self) -> Iterator[Module]:
        """The model with the average, within a ``with`` block; after it, the model has its own weights again."""
        own = self.model.state_dict()
        self.apply()
        try:
            yield self.model
        finally:
            self.model.load_state_dict(own)

    def state_dict(self) -> dict[str, Any]:
        """The count and the average so far."""
        averages = {f"average.{name}": to_numpy(array).copy() for name, array in self._averages.items()}
        return {"count": self.count, **averages}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` gave.

        Raises:
            ValueError: it belongs to another model, or has no valid count.
            TypeError: it is not a dictionary, or its count is not a whole number.
        """
        check_entries(self, state, "count")
        count = whole("the state's count", state["count"], 0)
        own = {f"average.{name}": parameter for name, parameter in self.model.named_parameters()} if count else {}
        found = {name: np.shape(value) for name, value in state.items() if name != "count"}
        if found != {name: parameter.shape for name, parameter in own.items()}:
            raise ValueError("the average belongs to a model with other weights")
        self._averages = {
            name.removeprefix("average."): _exact(state[name], parameter._array) for name, parameter in own.items()
        }
        self.count = count


def _exact(values: Array, like: Array) -> Array:
    """A copy in double precision, on the device of an array."""
    xp = namespace_of(like)
    return xp.asarray(values, dtype=xp.float64, copy=True)
