"""Observations that are log scores from another model."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyseq.autograd.declare import FUNCTIONS
from tinyseq.autograd.tensor import Tensor, constant
from tinyseq.backend import Array, library_of, to_numpy
from tinyseq.hmm.emissions.emission import Emission, Priors, Rows
from tinyseq.hmm.inference.passes.score_tables import Scores
from tinyseq.hmm.model.labels import Items
from tinyseq.hmm.model.probabilities import plain
from tinyseq.random import Rng


class Given(Emission):
    """Observations that are themselves log scores: each sequence is an array (T, K), computed by any other model.

    Args:
        states: K.
    """

    settings = ("states",)

    def __init__(self, states: int) -> None:
        self.states = states

    def is_one(self, x: object) -> bool:
        """Whether x is one array (T, K)."""
        given: Any = x
        return bool(given.ndim == 2) if hasattr(given, "ndim") else not len(given)

    def read(self, sequences: Sequence[Any]) -> Rows:
        """See `Emission`.

        Raises:
            ValueError: if an array has another shape, or contains NaN or +inf; what is on a GPU is not read for that.
        """
        if hasattr(sequences, "ndim"):  # a batch (N, T, K) on a GPU
            return self._read_batch(constant(sequences))
        if any(_is_there(s) for s in sequences):
            return self._read_there([constant(s) for s in sequences])
        arrays = [np.asarray(plain(s), dtype=np.float64) for s in sequences]
        arrays = [scores if scores.size else scores.reshape(0, self.states) for scores in arrays]
        for i, scores in enumerate(arrays):
            self._check_shape(i, scores)
            if not (scores < np.inf).all():
                t = int(np.argwhere(~(scores < np.inf))[0, 0])
                raise ValueError(f"sequence {i}, position {t}: log scores must be finite or -inf, got {scores[t]}")
        recorded = None
        if any(isinstance(s, Tensor) for s in sequences):
            recorded = FUNCTIONS["concatenate"](list(sequences))
        return Rows(np.concatenate([np.zeros((0, self.states)), *arrays]), [len(s) for s in arrays], recorded)

    def _read_there(self, sequences: list[Tensor]) -> Rows:
        """Log scores on a GPU, which stay there."""
        for i, scores in enumerate(sequences):
            self._check_shape(i, scores)
        recorded: Tensor = FUNCTIONS["concatenate"](sequences)
        return Rows(recorded.detach()._array, [len(scores) for scores in sequences], recorded)

    def _read_batch(self, batch: Tensor) -> Rows:
        """Log scores (N, T, K) on a GPU."""
        size, steps = batch.shape[:2]
        if size:
            self._check_shape(0, batch[0])
        recorded = batch.reshape(size * steps, self.states)
        return Rows(recorded.detach()._array, [steps] * size, recorded)

    def _check_shape(self, i: int, scores: Any) -> None:
        if scores.ndim != 2 or scores.shape[1] != self.states:
            raise ValueError(f"sequence {i}: log scores must have shape (T, {self.states}), got {scores.shape}")

    def scores(self, data: Array) -> Scores:
        """See `Emission`."""
        if isinstance(data, np.ndarray):
            return Scores.dense(data)
        return Scores.dense(self.read([to_numpy(data)]).data)

    def recorded(self, data: Array) -> Tensor:
        """See `Emission`."""
        return Tensor(data)

    def sample(self, states: Array, rng: Rng = None) -> Items:
        """Not supported.

        Raises:
            TypeError: always.
        """
        raise TypeError("an HMM without an emission model cannot draw observations; pass emission to HMM")

    def learned(
        self, data: Array, states: Array, learn: frozenset[str] | None = None, priors: Priors | None = None
    ) -> "Given":
        """Unchanged: the model that computed the scores is trained elsewhere."""
        return self

    def shuffled(self, data: Array, rng: np.random.Generator) -> "Given":
        """Unchanged."""
        return self

    def free(self) -> int:
        """Unknown.

        Raises:
            TypeError: always.
        """
        raise TypeError("an HMM without an emission model does not know how many parameters made its log scores")

    def describe(self, datum: object) -> str:
        """See `Emission`."""
        return f"log scores {np.asarray(datum)}"

    def both(self, data: Array, other: Array) -> Array:
        """The product of both: log scores add up."""
        return to_numpy(data) + to_numpy(other)


def _is_there(scores: Any) -> bool:
    """Whether log scores are on a GPU."""
    return library_of(scores.detach()._array if isinstance(scores, Tensor) else scores) == "cupy"
