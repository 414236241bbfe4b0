"""A neural tagger: P(tag | word and its context), by a recurrent network.

A hidden Markov model generates the words from the tags; the network predicts the tags from the words directly. A
bidirectional network reads the whole sentence before it predicts. With a CRF on top, all tags are predicted jointly.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tinyseq import arguments
from tinyseq.arguments import whole
from tinyseq.autograd.modes import no_grad
from tinyseq.autograd.ops.moves.shape import concatenate
from tinyseq.autograd.tensor import Tensor
from tinyseq.compiler import compiled_if
from tinyseq.data.batches import IGNORE, bucketed, padded
from tinyseq.data.readers import Sentence, Tag, Word
from tinyseq.data.vocabulary import Vocabulary
from tinyseq.io.arrays import Arrays
from tinyseq.io.names import check_sizes, kept_settings
from tinyseq.nn import CRF, Dropout, Embedding, Linear, Module, cross_entropy
from tinyseq.nn.checks import check_device
from tinyseq.nn.recurrent.layers import Recurrent
from tinyseq.nn.recurrent.registry import cell_named
from tinyseq.optim import Adam
from tinyseq.tagging.rules import Rules, check_gold, checked, forbidden
from tinyseq.tagging.tagger import Tagger, labelled, learnt
from tinyseq.train import Callback, Checkpoint, Loss, Report, train, warm_up_cosine
from tinyseq.train.bucketed import BucketedTask
from tinyseq.train.progress import run

_STEPS = 16
UNKNOWN = ""  # stands for every unknown word and every unknown ending

Ids = NDArray[np.int64]


class RNNTagger(Tagger):
    """A recurrent network that reads a sentence and scores each word's tags.

    A word is represented by two vectors, its own and that of its ending and capitalisation, which is known for many
    unknown words too. In training, rare words are randomly replaced by the unknown word.

    Args:
        hidden_size: length of the state in each direction.
        embedding_size: length of a word's vector.
        cell: ``"rnn"``, ``"lstm"``, ``"gru"``, or any other declared cell.
        num_layers: number of stacked recurrent layers.
        bidirectional: whether a second network reads the sentence backwards.
        crf: whether tags are predicted jointly, by a `CRF`, or independently.
        rules: with ``crf``, constraints on the tags: the scheme ``"bio"`` or ``"bioes"``, or a list of forbidden pairs
            (tag, next tag), with None for the tag before the first word or after the last.
        dropout: dropout probability of the word vectors and between layers.
        epochs: number of passes over the sentences.
        batch: sentences in a batch, all of about the same length.
        lr: the peak learning rate of Adam, with linear warm-up and cosine decay.

    Attributes:
        network: the `tinyseq.nn.Module`, after `fit`.

    Raises:
        ValueError, TypeError: the cell is unknown, a size or a count is not a positive whole number, or ``rules`` are
            invalid, or given without ``crf``.

    Source: Huang, Xu and Yu (2015), for the network with the CRF.

    Example:
        >>> import tinyseq as ts
        >>> sentences = [
        ...     [("the", "DT"), ("fish", "NN"), ("swims", "VB")],
        ...     [("they", "PRP"), ("fish", "VB")],
        ...     [("the", "DT"), ("cat", "NN"), ("swims", "VB")],
        ... ]
        >>> _ = ts.manual_seed(0)
        >>> tagger = ts.tagging.RNNTagger(hidden_size=8, epochs=40, lr=0.05).fit(sentences)
        >>> tagger.tag(["the", "fish"]), tagger.tag(["they", "fish"])
        (['DT', 'NN'], ['PRP', 'VB'])
    """

    def __init__(
        self,
        hidden_size: int = 64,
        embedding_size: int = 64,
        cell: str = "lstm",
        num_layers: int = 1,
        bidirectional: bool = True,
        crf: bool = False,
        dropout: float = 0.2,
        epochs: int = 4,
        batch: int = 32,
        lr: float = 0.01,
        rules: Rules = None,
    ) -> None:
        if rules is not None and not crf:
            raise ValueError("rules need a CRF; pass crf=True as well")
        settings = {
            "hidden_size": whole("hidden_size", hidden_size),
            "embedding_size": whole("embedding_size", embedding_size),
            "cell": cell_named(cell).name,
            "num_layers": whole("num_layers", num_layers),
            "bidirectional": bidirectional,
            "crf": crf,
            "dropout": dropout,
            "epochs": whole("epochs", epochs),
            "batch": whole("batch", batch),
            "lr": lr,
            "rules": checked(rules),
        }
        self.settings = kept_settings(settings)
        self._network: Network | None = None

    @property
    def network(self) -> "Network":
        """The network; raises RuntimeError before `fit`."""
        return learnt(self._network)

    def to(self, device: str) -> Self:
        """See `Tagger`."""
        check_device(device)
        self.network.to(device)
        return self

    @property
    def known(self) -> Collection[Word]:
        """See `Tagger`."""
        return self.network.words

    def fit(
        self,
        sentences: Iterable[Sentence],
        *,
        progress: bool = False,
        callbacks: Sequence[Callback] = (),
        checkpoint: str | Path | None = None,
        every: int = 100,
        depends_on: Mapping[str, Any] | None = None,
        device: str | None = None,
        compile: bool | str = False,
    ) -> Self:
        """Train on sentences of (word, tag) pairs.

        Args:
            sentences: the training data.
            progress: show progress with `tinyseq.train.progress`.
            callbacks, checkpoint, every, depends_on, device, compile: see `fit_steps`.

        Returns:
            The tagger itself. If training fails, a tagger fitted before is left unchanged.

        Raises:
            ValueError, RuntimeError: as for `fit_steps`.
        """
        network, reports, steps = self._training(sentences, callbacks, checkpoint, every, depends_on, device, compile)
        run(reports, steps, progress)
        self._network = network
        return self

    def fit_steps(
        self,
        sentences: Iterable[Sentence],
        *,
        callbacks: Sequence[Callback] = (),
        checkpoint: str | Path | None = None,
        every: int = 100,
        depends_on: Mapping[str, Any] | None = None,
        device: str | None = None,
        compile: bool | str = False,
    ) -> Iterator[Report]:
        """Train like `fit`, but step by step: each report read runs one step, and the tagger can be used in between.

        Args:
            sentences: the training data.
            callbacks: called with a `Report` after each step; one that returns True stops the run.
            checkpoint: a file to save the run in; if it exists, the run resumes from it (see `Checkpoint`).
            every: steps between checkpoints.
            depends_on: what else the run depends on, by name, such as the seed: see `Checkpoint`.
            device: ``"cuda"`` to train and tag on the GPU; by default the CPU.
            compile: compute the loss by `tinyseq.compile`, by the executor of this name if it is one. Batches are then
                padded to a length that is a multiple of 16, so that there are few recordings. The losses are those
                without it up to rounding; but dropout, where there is any, draws other numbers. Not with a CRF.

        Returns:
            An iterator over a `Report` for each step. Training runs as the iterator is read.

        Raises:
            ValueError: there are no words, an item is not a pair of strings, or it breaks the rules; the error gives
                its position. Or ``compile`` is an unknown executor, or is wanted of a tagger with a CRF.
            RuntimeError: ``"cuda"`` without CuPy installed.
        """
        self._network, reports, _ = self._training(sentences, callbacks, checkpoint, every, depends_on, device, compile)
        return reports

    def _training(
        self,
        sentences: Iterable[Sentence],
        callbacks: Sequence[Callback],
        checkpoint: str | Path | None,
        every: int,
        depends_on: Mapping[str, Any] | None,
        device: str | None,
        compile: bool | str,
    ) -> "tuple[Network, Iterator[Report], int]":
        """A new network, the training run, and its number of steps."""
        check_device(device)
        if compile and self.settings["crf"]:
            raise ValueError("a CRF reads values, which cannot be compiled; leave out compile=, or pass crf=False")
        kept = labelled(sentences)
        pairs = [pair for sentence in kept for pair in sentence]
        if not pairs:
            raise ValueError("there are no words to learn from")
        check_gold(kept, self.settings["rules"])
        network = Network(
            Vocabulary(dict.fromkeys([UNKNOWN, *(word for word, _ in pairs)]), unknown=UNKNOWN),
            Vocabulary(dict.fromkeys([UNKNOWN, *(_ending(word) for word, _ in pairs)]), unknown=UNKNOWN),
            Vocabulary(sorted({tag for _, tag in pairs})),
            self.settings,
        )
        network.to(device or "cpu")
        task = SentenceTask(network, [sentence for sentence in kept if sentence], self.settings["batch"], compile)
        steps, lr = self.settings["epochs"] * task.batches_in_epoch, self.settings["lr"]
        settings = {name: value for name, value in self.settings.items() if name != "epochs"}  # may be raised to resume
        depends_on = {"sentences": kept, **settings, **(depends_on or {})}
        saved = None if checkpoint is None else Checkpoint(checkpoint, network, every=every, depends_on=depends_on)
        reports = train(
            task,
            Adam(network.parameters(), lr=lr),
            steps=steps,
            clip=5.0,
            schedule=warm_up_cosine(lr, steps, warm_up=min(50, steps // 10), floor=0.05),
            callbacks=callbacks,
            checkpoint=saved,
        )
        return network, reports, steps

    def tag_many(self, sentences: Iterable[Sequence[Word]]) -> list[list[Tag]]:
        """The tags of several sentences, each a list of words."""
        network, given = self.network, arguments.sentences("sentences", sentences)
        found: list[list[Tag]] = [[] for _ in given]
        full = [i for i, words in enumerate(given) if words]
        network.eval()
        with no_grad():
            for chosen in bucketed([len(given[i]) for i in full], 256):
                batch = [full[i] for i in chosen]
                for i, ids in zip(batch, network.decode([given[i] for i in batch]), strict=True):
                    found[i] = network.tags.decode(ids)
        return found

    def saved(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """See `tinyseq.io.SavedModel`: the weights, the settings and the vocabularies."""
        network = self.network
        vocabularies = {name: getattr(network, name).to_dict() for name in ("words", "endings", "tags")}
        return network.state_dict(), {"settings": self.settings, **vocabularies}

    @classmethod
    def restored(cls, arrays: Arrays, metadata: dict[str, Any]) -> Self:
        """See `tinyseq.io.SavedModel`."""
        check_sizes(metadata["settings"], arrays)
        tagger = cls(**metadata["settings"])
        words, endings, tags = (Vocabulary.from_dict(metadata[name]) for name in ("words", "endings", "tags"))
        tagger._network = Network(words, endings, tags, tagger.settings)
        tagger._network.load_state_dict(arrays)
        return tagger


class Network(Module):
    """Maps words to scores of tags.

    Args:
        words, endings, tags: the vocabularies; `UNKNOWN` is the first word and the first ending.
        settings: the arguments of `RNNTagger`.
    """

    def __init__(
        self,
        words: Vocabulary[Word],
        endings: Vocabulary[str],
        tags: Vocabulary[Tag],
        settings: Mapping[str, Any],
    ) -> None:
        self.words, self.endings, self.tags = words, endings, tags
        size, hidden, directions = settings["embedding_size"], settings["hidden_size"], 1 + settings["bidirectional"]
        self.word_vectors = Embedding(len(words), size)
        self.ending_vectors = Embedding(len(endings), size)
        self.dropout = Dropout(settings["dropout"])
        self.recurrent = Recurrent(
            settings["cell"],
            2 * size,
            hidden,
            settings["num_layers"],
            dropout=settings["dropout"],
            bidirectional=settings["bidirectional"],
        )
        self.output = Linear(directions * hidden, len(tags))
        self.crf = CRF(len(tags), *forbidden(settings.get("rules"), tags.symbols)) if settings["crf"] else None

    def encode(self, words: Sequence[Word]) -> tuple[Ids, Ids]:
        """The ids of words and of their endings; 0 for unknown ones."""
        return self.words.encode(words), self.endings.encode(map(_ending, words))

    def forward(self, words: Sequence[Ids], endings: Sequence[Ids]) -> tuple[Tensor, Ids]:
        """Scores (T, B, K) of the tags of B sentences, and the sentences' lengths."""
        ids, lengths = padded(words)
        return self.scores(ids, padded(endings)[0], lengths), lengths

    def scores(self, words: Ids, endings: Ids, lengths: Ids) -> Tensor:
        """Scores (T, B, K) of the tags; words and endings are (T, B), padded."""
        vectors = concatenate([self.word_vectors(words), self.ending_vectors(endings)], axis=2)
        hidden, _ = self.recurrent(self.dropout(vectors), lengths=lengths)
        return self.output(self.dropout(hidden))

    def loss(self, words: Sequence[Ids], endings: Sequence[Ids], tags: Sequence[Ids]) -> Tensor:
        """The mean of -log P(tag) over all words."""
        scores, lengths = self(words, endings)
        if self.crf is None:
            return cross_entropy(scores, padded(tags, IGNORE)[0], ignore_index=IGNORE)
        return -self.crf.log_likelihood(scores, padded(tags)[0], lengths).sum() * (1.0 / int(lengths.sum()))

    def decode(self, sentences: Sequence[Sequence[Word]]) -> list[list[int]]:
        """The ids of the best tags."""
        words, endings = zip(*map(self.encode, sentences), strict=True)
        scores, lengths = self(words, endings)
        if self.crf is not None:
            return list(self.crf.decode(scores, lengths))
        best = scores.numpy().argmax(axis=-1)
        return [column[:length].tolist() for column, length in zip(best.T, lengths, strict=True)]


class SentenceTask(BucketedTask):
    """The training task: batches of sentences."""

    def __init__(
        self, network: Network, sentences: Sequence[Sentence], batch: int, compile: bool | str = False
    ) -> None:
        self.network = network
        self._scores_loss = compiled_if(compile, partial(_mean_loss, network)) if compile is not False else None
        self.sentences = [network.encode([word for word, _ in sentence]) for sentence in sentences]
        self.tags = [network.tags.encode(tag for _, tag in sentence) for sentence in sentences]
        counts = Counter(int(i) for words, _ in self.sentences for i in words)
        super().__init__([len(tags) for tags in self.tags], batch, [counts[i] for i in range(len(network.words))])

    def __call__(self, step: int) -> Loss:
        """The loss of a batch; see `tinyseq.train.Task`."""
        chosen = self.chosen(step)
        words = self.with_unknown([self.sentences[i][0] for i in chosen])
        endings, tags = [self.sentences[i][1] for i in chosen], [self.tags[i] for i in chosen]
        if self._scores_loss is None:
            loss = self.network.loss(words, endings, tags)
        else:
            loss = self._scores_loss(*_rounded_up(words, endings, tags))
        return Loss(loss, sum(map(len, words)), self.place(step, "sentences"))


def _mean_loss(network: Network, words: Ids, endings: Ids, tags: Ids, lengths: Ids) -> Tensor:
    """`Network.loss` of padded batches."""
    return cross_entropy(network.scores(words, endings, lengths), tags, ignore_index=IGNORE)


def _rounded_up(words: Sequence[Ids], endings: Sequence[Ids], tags: Sequence[Ids]) -> list[Ids]:
    """Words, endings and tags (T, B), padded to a number of steps that is a multiple of `_STEPS`; and the lengths."""
    found = [padded(words)[0], padded(endings)[0], padded(tags, IGNORE)[0]]
    more = -len(found[0]) % _STEPS
    found = [
        np.pad(ids, ((0, more), (0, 0)), constant_values=fill) for ids, fill in zip(found, (0, 0, IGNORE), strict=True)
    ]
    return [*found, padded(words)[1]]


def _ending(word: Word) -> str:
    """The last three letters, and a code for the word's capitalisation."""
    shape = "A" if word.isupper() else "a" if word.islower() else "Aa" if word[:1].isupper() else "-"
    return f"{shape} {word[-3:].lower()}"
