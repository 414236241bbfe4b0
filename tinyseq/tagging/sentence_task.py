"""The training of `RNNTagger`: batches of sentences, and what is measured between epochs."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from tinyseq.autograd.tensor import Tensor
from tinyseq.compiler import compiled_if
from tinyseq.data.batches import IGNORE, Ids, bucketed, padded
from tinyseq.data.readers import Sentence, Tag
from tinyseq.nn import cross_entropy
from tinyseq.tagging.encoders import Network
from tinyseq.train import Loss
from tinyseq.train.bucketed import BucketedTask

STEPS = 16  # recordings have a multiple of this many steps
RATE = 0.25  # a word that occurs n times is unknown with probability RATE / (RATE + n), as in Kiperwasser and Goldberg
JITTER = 0.1


class SentenceTask(BucketedTask):
    """The training task: batches of sentences of nearly the same length; some rare words become the unknown one.

    Args:
        network: what is trained.
        sentences: none of them empty.
        batch: sentences in a batch.
        compile: see `tinyseq.tagging.RNNTagger.fit_steps`.
    """

    def __init__(
        self, network: Network, sentences: Sequence[Sentence], batch: int, compile: bool | str = False
    ) -> None:
        self.network = network
        self._compiled = compiled_if(compile, partial(_padded_loss, network)) if compile is not False else None
        self.sentences = [network.encode([word for word, _ in sentence]) for sentence in sentences]
        self.tags = [network.tags.encode(tag for _, tag in sentence) for sentence in sentences]
        counts = Counter(int(i) for words, _ in self.sentences for i in words)
        occurrences = [counts[i] for i in range(len(network.words))]
        super().__init__([len(tags) for tags in self.tags], batch, occurrences, rate=RATE, jitter=JITTER)

    def __call__(self, step: int) -> Loss:
        """The loss of a batch; see `tinyseq.train.Task`."""
        chosen = self.chosen(step)
        words = self.with_unknown([self.sentences[i][0] for i in chosen])
        shapes, tags = [self.sentences[i][1] for i in chosen], [self.tags[i] for i in chosen]
        if self._compiled is None:
            loss = self.network.loss(words, shapes, tags)
        else:
            loss = self._compiled(*_rounded_up(words, shapes, tags))
        return Loss(loss, sum(map(len, words)), self.place(step, "sentences"))


def share_right(network: Network, sentences: Sequence[Sentence], read: Callable[[Ids], list[Tag]]) -> float:
    """The share of words whose predicted tag, read from the ids of a sentence, is the given one."""
    right = total = 0
    for chosen in bucketed([len(sentence) for sentence in sentences], 256):
        batch = [sentences[i] for i in chosen]
        found = network.decode([[word for word, _ in sentence] for sentence in batch])
        for sentence, ids in zip(batch, found, strict=True):
            right += sum(tag == guess for (_, tag), guess in zip(sentence, read(ids), strict=True))
            total += len(sentence)
    return right / total


def _padded_loss(network: Network, words: Ids, endings: Ids, tags: Ids, lengths: Ids) -> Tensor:
    """`Network.loss` of padded batches."""
    scores = network.padded_scores(words, endings, lengths)
    if network.crf is None:
        return cross_entropy(scores, tags, ignore_index=IGNORE)
    return -network.crf.log_likelihood(scores, tags, lengths, reduction="token_mean")


def _rounded_up(words: Sequence[Ids], endings: Sequence[Ids], tags: Sequence[Ids]) -> list[Ids]:
    """Words, endings and tags (T, B), padded to a number of steps that is a multiple of `STEPS`; and the lengths."""
    found = [padded(words)[0], padded(endings)[0], padded(tags, IGNORE)[0]]
    more = -len(found[0]) % STEPS
    found = [
        np.pad(ids, ((0, more), (0, 0)), constant_values=fill) for ids, fill in zip(found, (0, 0, IGNORE), strict=True)
    ]
    return [*found, padded(words)[1]]
