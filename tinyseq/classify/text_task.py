"""The training of `RNNClassifier`: batches of texts, and their loss."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from tinyseq.autograd.tensor import Tensor
from tinyseq.classify.classifier import Label, Text
from tinyseq.classify.encoder import Ids, Network
from tinyseq.compiler import compiled_if
from tinyseq.data.batches import padded
from tinyseq.nn import cross_entropy
from tinyseq.train import Loss
from tinyseq.train.bucketed import BucketedTask

_STEPS = 16  # batches of a compiled run are padded to a multiple of it, so that there are few recordings


class TextTask(BucketedTask):
    """The training task: batches of texts."""

    def __init__(
        self,
        network: Network,
        texts: Sequence[Text],
        labels: Sequence[Label],
        counts: Mapping[str, int],
        batch: int,
        compile: bool | str = False,
    ) -> None:
        self.network = network
        self._compiled = compiled_if(compile, partial(_mean_loss, network)) if compile is not False else None
        self.texts, self.labels = [network.encode(text) for text in texts], network.classes.encode(labels)
        super().__init__([len(ids) for ids in self.texts], batch, [counts.get(word, 0) for word in network.words])

    def __call__(self, step: int) -> Loss:
        """The loss of a batch; see `tinyseq.train.Task`."""
        chosen = self.chosen(step)
        words, lengths = padded(self.with_unknown([self.texts[i] for i in chosen]))
        if self._compiled is None:
            loss = _mean_loss(self.network, words, lengths, self.labels[chosen])
        else:
            words = np.pad(words, ((0, -len(words) % _STEPS), (0, 0)))
            loss = self._compiled(words, lengths, self.labels[chosen])
        return Loss(loss, len(chosen), self.place(step, "texts"))


def _mean_loss(network: Network, words: Ids, lengths: Ids, labels: Ids) -> Tensor:
    """The mean of -log P(label) over the texts of a padded batch."""
    return cross_entropy(network.scores(words, lengths), labels)
