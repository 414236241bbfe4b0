"""Learning from many short texts: the order of batches, unknown words in place of rare ones, and a run of epochs."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tinyseq.arguments import whole
from tinyseq.data.batches import Ids, bucketed
from tinyseq.io.names import check_entries
from tinyseq.nn.module import Module
from tinyseq.optim import Adam
from tinyseq.optim.schedules import warm_up_cosine
from tinyseq.random import generator
from tinyseq.train.checkpoint import Checkpoint
from tinyseq.train.loop import Callback, Loss, Report, train
from tinyseq.train.validation import Validation


class BucketedTask:
    """Base of tasks whose steps are batches of texts of about the same length, shuffled for each epoch.

    A word that occurs n times is replaced by the unknown word with probability ``rate / (n + rate)``, so that the
    unknown word's vector is learned from rare words, and the model does not overfit them.

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

    def __call__(self, step: int) -> Loss:
        """The loss of a batch; see `tinyseq.train.Task`."""
        raise NotImplementedError(f"{type(self).__name__} defines no __call__()")

    def state_dict(self) -> dict[str, Any]:
        """What the order of the batches depends on."""
        return {"seed": self.seed}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned; anything else is a ValueError or a TypeError."""
        check_entries(self, state, "seed")
        self.seed, self._shuffled = whole("the state's seed", state["seed"], 0), (-1, [])


def epochs(
    task: BucketedTask,
    network: Module,
    settings: Mapping[str, Any],
    *,
    floor: float,
    validation: Validation | None,
    callbacks: Sequence[Callback],
    checkpoint: str | Path | None,
    every: int,
    depends_on: Mapping[str, object],
) -> Iterator[Report]:
    """The run of a task over all texts a number of times, by Adam with linear warm-up and cosine decay.

    Args:
        task: the task.
        network: what it trains.
        settings: those of the model: ``epochs``, the peak learning rate ``lr``, and others.
        floor: the last learning rate, as a share of the peak.
        validation, callbacks: see `train`.
        checkpoint, every, depends_on: see `Checkpoint`; a run depends on the settings, too, but not on the number of
            epochs, which may be raised to resume it.
    """
    steps, lr = settings["epochs"] * task.batches_in_epoch, settings["lr"]
    depends_on = {**{name: value for name, value in settings.items() if name != "epochs"}, **depends_on}
    return train(
        task,
        Adam(network.parameters(), lr=lr),
        steps=steps,
        clip=5.0,
        schedule=warm_up_cosine(lr, steps, warm_up=min(50, steps // 10), floor=floor),
        validation=validation,
        callbacks=callbacks,
        checkpoint=None if checkpoint is None else Checkpoint(checkpoint, network, every=every, depends_on=depends_on),
    )
