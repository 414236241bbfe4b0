"""Read a text symbol by symbol with a network, quickly: a single step is recorded once, and then replayed."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import Array, library_of
from tinyseq.compiler import RecordingError, compile

PLAIN_STEPS = 8  # single steps until one is recorded, which takes longer than a few of them


class Reader:
    """Reads symbols, and gives the scores of the next one.

    Args:
        model: called with ids (T, 1) and a state, it returns logits (T, 1, V) and the next state. It must not change
            while the reader is in use.

    Example:
        >>> import tinyseq as ts
        >>> model = ts.lm.RNNLM("helo", hidden_size=3)
        >>> with model.evaluating():
        ...     Reader(model).read([0, 1]).shape
        (4,)
    """

    def __init__(self, model: Callable[[Any, Any], tuple[Tensor, Any]]) -> None:
        self._model = model
        self._state: Any = None
        self._steps = 0
        self._step: Callable[[list[Array]], tuple[Array, ...]] | None = None
        self._arrays: list[Array] = []  # of the state, once a step is recorded

    def read(self, ids: Sequence[int]) -> NDArray[np.floating[Any]]:
        """Read some symbols, at least one.

        Args:
            ids: the symbols.

        Returns:
            The scores (V,) of the symbol after them.
        """
        if self._step is None:
            scores, self._state = self._model(np.array(ids)[:, None], self._state)
            self._steps += 1
            if self._steps == PLAIN_STEPS and library_of(scores._array) == "numpy":
                self._record()
            logits = scores.numpy()
        else:
            for symbol in ids:
                logits, *self._arrays = self._step([np.array([[symbol]]), *self._arrays])
        return np.asarray(logits[-1, 0])

    def _record(self) -> None:
        """Record a step, if the state is of tensors, and the model can be recorded."""
        state = self._state if isinstance(self._state, tuple) else (self._state,)
        if not all(isinstance(part, Tensor) for part in state):
            return
        try:
            self._step = compile(self._model).on_arrays(np.zeros((1, 1), np.int64), self._state)
        except RecordingError:
            return
        self._arrays = [part._array for part in state]
