"""A neural classifier: a recurrent network reads the text, and its pooled states give the scores of the classes."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from tinyseq.arguments import check_flags, dropped, shown, whole
from tinyseq.classify.classifier import (
    Classifier,
    Floats,
    Label,
    Text,
    checked_texts,
    checked_units,
    class_names,
    labelled,
    learnt,
    units_of,
)
from tinyseq.classify.encoder import UNKNOWN, Ids, Network
from tinyseq.classify.text_task import TextTask
from tinyseq.data.vocabulary import Vocabulary
from tinyseq.io.arrays import Arrays
from tinyseq.io.names import check_sizes, kept_settings
from tinyseq.nn.checks import check_device
from tinyseq.nn.recurrent.registry import cell_named
from tinyseq.optim.optimizer import not_negative
from tinyseq.progress import with_arguments_of
from tinyseq.torch_names.settings import explained
from tinyseq.train import Callback, Report, Validation
from tinyseq.train.bucketed import epochs
from tinyseq.train.checkpoint import named
from tinyseq.train.progress import progress_if
from tinyseq.train.validation import keeping_best

POOLINGS = ("last", "mean", "max")


class RNNClassifier(Classifier):
    """A recurrent network that reads a text, and scores the classes from its states.

    In training, rare words are randomly replaced by the unknown word.

    Args:
        hidden_size: length of the state in each direction.
        embedding_size: length of a word's vector.
        cell: ``"rnn"``, ``"lstm"``, ``"gru"``, or any other declared cell.
        num_layers: number of stacked recurrent layers.
        bidirectional: whether a second network reads the text backwards.
        pooling: what the classes are scored from: the ``"last"`` state of each direction, or the ``"mean"`` or
            ``"max"`` of all states over time.
        units: ``"words"`` or ``"chars"``, into which a string is split; a list of strings is taken as it is.
        dropout: dropout probability of the word vectors, between layers and of the pooled states.
        epochs: number of passes over the texts.
        batch: texts in a batch, all of about the same length.
        lr: the peak learning rate of Adam, with linear warm-up and cosine decay.
        skip: also pool the word vectors, beside the states: a skip connection, which helps where single words are
            informative.

    Attributes:
        network: the `tinyseq.nn.Module`, after `fit`.
        classes: the labels, a `tinyseq.data.Vocabulary`; `classes_` is an array of them.

    Raises:
        ValueError, TypeError: the cell, the pooling or the units are unknown, a size or a count is not a positive
            whole number, ``lr`` is negative, a dropout is not a probability below 1, or the pooling is ``"last"`` with
            ``skip``.

    Source: Conneau and others (2017), for the mean and the maximum of states; Nie and Bansal (2017), for the skip.

    Example:
        >>> import tinyseq as ts
        >>> texts = ["good", "not good", "bad", "not bad"] * 4
        >>> _ = ts.manual_seed(0)
        >>> model = ts.classify.RNNClassifier(8, 8, pooling="last", dropout=0.0, epochs=30, lr=0.05)
        >>> model.fit(texts, ["+", "-", "-", "+"] * 4).predict(["not good", "not bad"]).tolist()
        ['-', '+']
    """

    @explained
    def __init__(
        self,
        hidden_size: int = 64,
        embedding_size: int = 64,
        cell: str = "lstm",
        num_layers: int = 1,
        bidirectional: bool = True,
        pooling: str = "mean",
        units: str = "words",
        dropout: float = 0.2,
        epochs: int = 10,
        batch: int = 32,
        lr: float = 0.01,
        *,
        skip: bool = False,
    ) -> None:
        if pooling not in POOLINGS:
            raise ValueError(f"pooling must be 'last', 'mean' or 'max', got {pooling!r}")
        check_flags(bidirectional=bidirectional, skip=skip)
        if skip and pooling == "last":
            raise ValueError("skip=True pools word vectors, which pooling='last' does not; use pooling='mean' or 'max'")
        settings = {
            "hidden_size": whole("hidden_size", hidden_size),
            "embedding_size": whole("embedding_size", embedding_size),
            "cell": cell_named(cell).name,
            "num_layers": whole("num_layers", num_layers),
            "bidirectional": bidirectional,
            "pooling": pooling,
            "units": checked_units(units),
            "dropout": dropped("dropout", dropout),
            "epochs": whole("epochs", epochs),
            "batch": whole("batch", batch),
            "lr": not_negative("lr", lr),
            "skip": skip,
        }
        self.settings = kept_settings(settings)
        self._network: Network | None = None

    @property
    def network(self) -> "Network":
        """The network; raises RuntimeError before `fit`."""
        return learnt(self._network)

    def to(self, device: str) -> Self:
        """See `Classifier`."""
        check_device(device)
        self.network.to(device)
        return self

    @property
    def classes(self) -> Vocabulary[Label]:
        """See `Classifier`."""
        return self.network.classes

    @explained
    def fit_steps(
        self,
        texts: Iterable[Text],
        labels: Iterable[Label],
        *,
        validation: tuple[Iterable[Text], Iterable[Label]] | None = None,
        patience: int | None = None,
        progress: bool = False,
        callbacks: Sequence[Callback] = (),
        checkpoint: str | Path | None = None,
        every: int = 100,
        depends_on: Mapping[str, object] | None = None,
        device: str | None = None,
        compile: bool | str = False,
    ) -> Iterator[Report]:
        """Train like `fit`, but as an iterator: each report runs one step, and the classifier can be used in between.

        Args:
            texts, labels: the training data.
            validation: held-out texts and their labels. Their loss is measured after each epoch, and the weights of the
                best measurement are kept.
            patience: stop after this many epochs without improvement; None for never.
            progress: show progress with `tinyseq.train.progress`.
            callbacks: called with a `Report` after each step; one that returns True stops the run.
            checkpoint: a file to save the run in; if it exists, the run resumes from it (see `Checkpoint`).
            every: steps between checkpoints.
            depends_on: what else the run depends on, by name, such as the seed: see `Checkpoint`.
            device: ``"cuda"`` to train and predict on the GPU; by default the CPU.
            compile: compute the loss by `tinyseq.compile`, by the executor of this name if it is one. Batches are then
                padded to a length that is a multiple of 16. The losses are those without it up to rounding; but
                dropout, if there is any, draws different random numbers.

        Returns:
            An iterator over a `Report` for each step. Training runs as the iterator is read.

        Raises:
            ValueError: there are no texts, no words in them, or not as many texts as labels; a held-out label does not
                occur in training; or ``compile`` is an unknown executor.
            TypeError: the texts are one string; a text is neither a string nor a list of strings; a label is neither a
                string nor a whole number, or both kinds occur.
            RuntimeError: ``"cuda"`` without CuPy installed.
        """
        check_flags(progress=progress)
        check_device(device)
        given, gold = labelled(texts, labels)
        counts = Counter(word for text in given for word in units_of(text, self.settings["units"]))
        if not counts:
            raise ValueError("there are no words to learn from: all texts are empty")
        network = Network(Vocabulary(dict.fromkeys([UNKNOWN, *counts]), UNKNOWN), class_names(gold), self.settings)
        network.to(device or "cpu")
        task = TextTask(network, given, gold, counts, self.settings["batch"], compile)
        measured = None
        if validation is not None:
            measure = partial(_held_out_loss, network, *_held_out(network, validation))
            measured = Validation(network, measure, every=task.batches_in_epoch, patience=patience)
        elif patience is not None:
            raise ValueError("patience needs held-out texts; pass validation=(texts, labels) as well")
        reports = epochs(
            task,
            network,
            self.settings,
            floor=0.05,
            validation=measured,
            callbacks=callbacks,
            checkpoint=checkpoint,
            every=every,
            depends_on={"texts": given, "labels": gold, **named(depends_on)},
        )
        self._network = network
        if measured is not None:
            reports = keeping_best(reports, measured)
        return progress_if(progress, reports, self.settings["epochs"] * task.batches_in_epoch)

    @with_arguments_of(fit_steps)
    def fit(self, *args: Any, **settings: Any) -> Self:
        """Train on texts and the label of each, by all the steps of `fit_steps`.

        Returns:
            The classifier itself. If training fails, a classifier fitted before is left unchanged.

        Raises:
            ValueError, TypeError, RuntimeError: as for `fit_steps`.
        """
        trained = copy(self)
        for _ in trained.fit_steps(*args, **settings):
            pass
        self._network = trained._network
        return self

    def log_proba(self, texts: Iterable[Text]) -> Floats:
        """log P(class | text) of N texts (N, K); see `predict_proba`."""
        network = self.network
        return network.log_proba([network.encode(text) for text in checked_texts(texts)])

    def saved(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """See `tinyseq.io.SavedModel`: the weights, the settings and the vocabularies."""
        network = self.network
        names = {"words": network.words.to_dict(), "classes": network.classes.to_dict()}
        return network.state_dict(), {"settings": self.settings, **names}

    @classmethod
    def restored(cls, arrays: Arrays, metadata: dict[str, Any]) -> Self:
        """See `tinyseq.io.SavedModel`."""
        check_sizes(metadata["settings"], arrays)
        model = cls(**metadata["settings"])
        words, classes = (Vocabulary.from_dict(metadata[name]) for name in ("words", "classes"))
        model._network = Network(words, classes, model.settings)
        model._network.load_state_dict(arrays)
        return model


def _held_out(network: Network, given: tuple[Iterable[Text], Iterable[Label]]) -> tuple[list[Ids], Ids]:
    """The ids of held-out texts, and of their labels."""
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise TypeError(f"validation must be a pair (texts, labels), got {shown(given)}")
    texts, labels = labelled(*given)
    for label in labels:
        if label not in network.classes:
            raise ValueError(f"validation has a text with the label {label!r}, which no training text has")
    return [network.encode(text) for text in texts], network.classes.encode(labels)


def _held_out_loss(network: Network, texts: Sequence[Ids], labels: Ids) -> float:
    """The mean of -log P(label) over texts."""
    return -float(network.log_proba(texts)[np.arange(len(labels)), labels].mean())
