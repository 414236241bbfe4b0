"""The base of tasks that learn from many short texts: the order of batches, and unknown words in place of rare ones."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tinyseq.data.batches import Ids, bucketed
from tinyseq.random import generator


class BucketedTask:
    """Base of tasks whose steps are batches of texts of about the same length, shuffled for each epoch.

    A word that occurs n times is replaced by the unknown word with probability ``rate / (n + rate)``, so that the
    unknown word's vector is learnt from rare words, and the model does not overfit them.

    Args:
        lengths: the length of each text.
        batch: the number of texts in a batch.
        counts: how often each word occurs, by its id; the unknown word has the id 0.
        rate: how often words become unknown.
        jitter: how much the lengths in a batch may differ; see `tinyseq.data.bucketed`.
    """

    def __init__(
        self, lengths: Sequence[int], batch: int, counts: ArrayLike, *, rate: float = 1.0, jitter: float = 0.0
    ) -> None:
        self.batch, self.jitter = batch, jitter
        self._lengths = lengths
        self._unknown = rate / (np.asarray(counts) + rate)
        self.seed = int(generator().integers(2**32))
        self._shuffled: tuple[int, list[Ids]] = (-1, [])

    @property
    def batches_in_epoch(self) -> int:
        """The number of steps in an epoch."""
        return -(-len(self._lengths) // self.batch)

    def chosen(self, step: int) -> Ids:
        """Which texts are in the batch of a step."""
        epoch, place = divmod(step, self.batches_in_epoch)
        if self._shuffled[0] != epoch:
            rng = np.random.default_rng([self.seed, epoch])
            self._shuffled = epoch, bucketed(self._lengths, self.batch, rng, jitter=self.jitter)
        return self._shuffled[1][place]

    def with_unknown(self, texts: Sequence[Ids]) -> list[Ids]:
        """The ids of texts, some words replaced by the unknown one."""
        return [np.where(generator().random(len(ids)) < self._unknown[ids], 0, ids) for ids in texts]

    def place(self, step: int, texts: str) -> str:
        """The position of a step, for messages: its epoch, and the first of its ``texts``, as the task calls them."""
        first = ", ".join(map(str, self.chosen(step)[:5]))
        return f"epoch {step // self.batches_in_epoch}, {texts} {first} and others"

    def state_dict(self) -> dict[str, Any]:
        """What the order of the batches depends on."""
        return {"seed": self.seed}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.seed, self._shuffled = int(state["seed"]), (-1, [])
