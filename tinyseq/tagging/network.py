"""A neural tagger: P(tag | word and its context), by a recurrent network.

A hidden Markov model generates the words from the tags; the network predicts the tags from the words directly. A
bidirectional network reads the whole sentence before it predicts. With a CRF on top, all tags are predicted jointly.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any, Self

from tinyseq import arguments
from tinyseq.arguments import check_flags, dropped, whole
from tinyseq.autograd.modes import no_grad
from tinyseq.data.batches import bucketed
from tinyseq.data.readers import Sentence, Tag, Word
from tinyseq.data.treebanks.chunks import convert_sentences, convert_tags
from tinyseq.data.vocabulary import Vocabulary
from tinyseq.io.arrays import Arrays
from tinyseq.io.names import check_sizes, kept_settings
from tinyseq.nn.checks import check_device
from tinyseq.nn.recurrent.registry import cell_named
from tinyseq.optim.optimizer import not_negative
from tinyseq.progress import with_arguments_of
from tinyseq.tagging.encoders import UNKNOWN, Ids, Network, ending
from tinyseq.tagging.rules import Rules, check_gold, checked
from tinyseq.tagging.sentence_task import SentenceTask, share_right
from tinyseq.tagging.tagger import Tagger, labelled, learnt, of_pairs
from tinyseq.torch_names.settings import explained
from tinyseq.train import Callback, Report, Validation
from tinyseq.train.bucketed import epochs
from tinyseq.train.checkpoint import named
from tinyseq.train.progress import progress_if


class RNNTagger(Tagger):
    """A recurrent network that reads a sentence and scores each word's tags.

    A word is represented by the vector of its lower-cased form, and by its letters, which a second, smaller network
    reads in both directions, so that unknown words are represented too. In training, rare words are sometimes replaced
    by the unknown word. An `HMMTagger` learns in seconds; this network takes minutes, and is more accurate.

    Args:
        hidden_size: length of the state in each direction.
        embedding_size: length of a word's vector.
        cell: ``"rnn"``, ``"lstm"``, ``"gru"``, or any other declared cell.
        num_layers: number of stacked recurrent layers.
        bidirectional: whether a second network reads the sentence backwards.
        crf: whether tags are predicted jointly, by a `CRF`, or independently.
        rules: with ``crf``, constraints on the tags: the scheme ``"bio"``, ``"bioes"`` or ``"iob1"``, or a list of
            forbidden pairs (tag, next tag), with None for the tag before the first word or after the last. Tags of IOB1
            are converted to BIO for the network, and back.
        dropout: dropout probability between layers, and of the states that tags are scored from.
        epochs: number of passes over the sentences.
        batch: sentences in a batch, all of about the same length.
        lr: the peak learning rate of Adam, with linear warm-up and cosine decay.
        input_dropout: dropout probability of the words' vectors.
        chars: whether words are read letter by letter. If not, a word has a vector of its ending (three letters and its
            capitalisation) beside its own, which is then that of the word as written.
        char_embedding_size: length of a letter's vector.
        char_hidden_size: length of the state of the network that reads letters, in each direction.
        min_count: words that occur less often share the unknown word's vector.

    Attributes:
        network: the `tinyseq.nn.Module`, after `fit`.
        history: the held-out accuracy after each epoch, after a `fit` with ``validation``: pairs (epoch, accuracy).

    Raises:
        ValueError, TypeError: the cell is unknown, a size or a count is not a positive whole number, ``lr`` is
            negative, a dropout is not a probability below 1, or ``rules`` are invalid, or given without ``crf``.

    Source: Plank, Søgaard and Goldberg (2016), for the network; Lample and others (2016), for that with the CRF.

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

    @explained
    def __init__(
        self,
        hidden_size: int = 150,
        embedding_size: int = 100,
        cell: str = "lstm",
        num_layers: int = 1,
        bidirectional: bool = True,
        crf: bool = False,
        dropout: float = 0.33,
        epochs: int = 10,
        batch: int = 32,
        lr: float = 0.006,
        rules: Rules = None,
        *,
        input_dropout: float = 0.5,
        chars: bool = True,
        char_embedding_size: int = 32,
        char_hidden_size: int = 50,
        min_count: int = 2,
    ) -> None:
        check_flags(bidirectional=bidirectional, crf=crf, chars=chars)
        if rules is not None and not crf:
            raise ValueError("rules need a CRF; pass crf=True as well")
        settings = {
            "hidden_size": whole("hidden_size", hidden_size),
            "embedding_size": whole("embedding_size", embedding_size),
            "cell": cell_named(cell).name,
            "num_layers": whole("num_layers", num_layers),
            "bidirectional": bidirectional,
            "crf": crf,
            "dropout": dropped("dropout", dropout),
            "epochs": whole("epochs", epochs),
            "batch": whole("batch", batch),
            "lr": not_negative("lr", lr),
            "rules": checked(rules),
            "input_dropout": dropped("input_dropout", input_dropout),
            "chars": chars,
            "char_embedding_size": whole("char_embedding_size", char_embedding_size),
            "char_hidden_size": whole("char_hidden_size", char_hidden_size),
            "min_count": whole("min_count", min_count),
        }
        self.settings = kept_settings(settings)
        self.history: list[tuple[int, float]] = []
        self._network: Network | None = None
        self._known: Vocabulary[Word] | None = None

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
        return learnt(self._known)

    @explained
    @of_pairs
    def fit_steps(
        self,
        sentences: Iterable[Sentence],
        *,
        validation: Iterable[Sentence] | None = None,
        patience: int | None = None,
        progress: bool = False,
        callbacks: Sequence[Callback] = (),
        checkpoint: str | Path | None = None,
        every: int = 100,
        depends_on: Mapping[str, object] | None = None,
        device: str | None = None,
        compile: bool | str = False,
    ) -> Iterator[Report]:
        """Train like `fit`, but as an iterator: each report runs one step, and the tagger can be used in between.

        Args:
            sentences: the training data.
            validation: held-out sentences. The accuracy on them is measured after each epoch (the report's
                ``held_out``), and at the end the weights of the best measurement are restored.
            patience: stop after this many epochs without improvement; None for never.
            progress: show progress with `tinyseq.train.progress`.
            callbacks: called with a `Report` after each step; one that returns True stops the run.
            checkpoint: a file to save the run in; if it exists, the run resumes from it (see `Checkpoint`).
            every: steps between checkpoints.
            depends_on: what else the run depends on, by name, such as the seed: see `Checkpoint`.
            device: ``"cuda"`` to train and tag on the GPU; by default the CPU.
            compile: compute the loss by `tinyseq.compile`, by the executor of this name if it is one. Batches are then
                padded to a length that is a multiple of 16, so that there are few recordings. The losses are those
                without it up to rounding, but dropout, if there is any, draws different random numbers. Only with
                ``chars=False``: the arrays of letters have a different shape in each batch.

        Returns:
            An iterator over a `Report` for each step. Training runs as the iterator is read.

        Raises:
            ValueError: there are no words, an item is not a pair of strings, or it breaks the rules; the error gives
                its position. Or ``compile`` is an unknown executor, or the tagger cannot be compiled;
                or there is ``patience`` without ``validation``.
            RuntimeError: ``"cuda"`` without CuPy installed.
        """
        check_flags(progress=progress)
        check_device(device)
        if compile and self.settings["chars"]:
            raise ValueError(
                "letters cannot be compiled, as their number differs from batch to batch; leave out compile=, or pass "
                "chars=False"
            )
        if patience is not None and validation is None:
            raise ValueError("patience needs held-out sentences; pass validation=sentences as well")
        kept = self._with_own_tags(labelled(sentences))
        network, known = self._new_network(kept)
        network.to(device or "cpu")
        task = SentenceTask(network, [sentence for sentence in kept if sentence], self.settings["batch"], compile)
        measured = None if validation is None else self._validation(network, validation, task, patience)
        reports = epochs(
            task,
            network,
            self.settings,
            floor=0.01,
            validation=measured,
            callbacks=callbacks,
            checkpoint=checkpoint,
            every=every,
            depends_on={"sentences": kept, **named(depends_on)},
        )
        self._network, self._known, self.history = network, known, []
        if measured is not None:
            reports = self._keeping_best(reports, measured)
        return progress_if(progress, reports, self.settings["epochs"] * task.batches_in_epoch)

    @with_arguments_of(fit_steps)
    def fit(self, *args: Any, **settings: Any) -> Self:
        """Train on sentences of (word, tag) pairs, by all the steps of `fit_steps`.

        Returns:
            The tagger itself. If training fails, a tagger fitted before is left unchanged.

        Raises:
            ValueError, RuntimeError: as for `fit_steps`.
        """
        trained = copy(self)
        for _ in trained.fit_steps(*args, **settings):
            pass
        self._network, self._known, self.history = trained._network, trained._known, trained.history
        return self

    def _new_network(self, sentences: Sequence[Sentence]) -> tuple[Network, Vocabulary[Word]]:
        """A network for the words and tags of sentences, with random weights; and these words."""
        check_gold(sentences, self.settings["rules"])
        occurrences = Counter(word for sentence in sentences for word, _ in sentence)
        if not occurrences:
            raise ValueError("there are no words to learn from")
        counts = Counter[Word]()
        for word, count in occurrences.items():
            counts[word.lower() if self.settings["chars"] else word] += count
        frequent = [word for word, count in counts.items() if count >= self.settings["min_count"]]
        shapes = [part for word in occurrences for part in (word if self.settings["chars"] else [ending(word)])]
        network = Network(
            Vocabulary(dict.fromkeys([UNKNOWN, *frequent]), unknown=UNKNOWN),
            Vocabulary(dict.fromkeys([UNKNOWN, *shapes]), unknown=UNKNOWN),
            Vocabulary(sorted({tag for sentence in sentences for _, tag in sentence})),
            self.settings,
        )
        return network, Vocabulary(occurrences)

    def _validation(
        self, network: Network, held_out: Iterable[Sentence], task: SentenceTask, patience: int | None
    ) -> Validation:
        """The measurements of the accuracy on held-out sentences, after each epoch."""
        sentences = [sentence for sentence in labelled(held_out) if sentence]
        if not sentences:
            raise ValueError("validation has no words")
        self._with_own_tags(sentences)  # which names a tag that is not of the scheme
        measure = partial(share_right, network, sentences, partial(self._read, network))
        every = task.batches_in_epoch
        return Validation(network, measure, every=every, patience=patience, higher_is_better=True)

    def _keeping_best(self, reports: Iterator[Report], validation: Validation) -> Iterator[Report]:
        """The reports of a run, whose measurements become the `history`; at its end the best weights are restored."""
        for report in reports:
            self.history = [(step // validation.every, value) for step, value in validation.history]
            yield report
        validation.restore_best()

    def _with_own_tags(self, sentences: list[Sentence]) -> list[Sentence]:
        """Sentences with the tags that the network learns: BIO in place of IOB1."""
        return convert_sentences(sentences, "iob1", "bio") if self.settings["rules"] == "iob1" else sentences

    def tag_many(self, sentences: Iterable[Sequence[Word]]) -> list[list[Tag]]:
        """The tags of several sentences, each a list of words."""
        network, given = self.network, arguments.sentences("sentences", sentences)
        found: list[list[Tag]] = [[] for _ in given]
        full = [i for i, words in enumerate(given) if words]
        with no_grad(), network.evaluating():
            for chosen in bucketed([len(given[i]) for i in full], 256):
                batch = [full[i] for i in chosen]
                for i, ids in zip(batch, network.decode([given[i] for i in batch]), strict=True):
                    found[i] = self._read(network, ids)
        return found

    def _read(self, network: Network, ids: Ids) -> list[Tag]:
        """The tags of a sentence from the network's ids: IOB1 in place of BIO."""
        tags = network.tags.decode(ids)
        return convert_tags(tags, "bio", "iob1") if self.settings["rules"] == "iob1" else tags

    def saved(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """See `tinyseq.io.SavedModel`: the weights, the settings and the vocabularies."""
        network = self.network
        vocabularies = {
            "words": network.words,
            "shapes": network.shapes,
            "tags": network.tags,
            "known": learnt(self._known),
        }
        saved = {name: vocabulary.to_dict() for name, vocabulary in vocabularies.items()}
        return network.state_dict(), {"settings": self.settings, "history": self.history, **saved}

    @classmethod
    def restored(cls, arrays: Arrays, metadata: dict[str, Any]) -> Self:
        """See `tinyseq.io.SavedModel`."""
        if "endings" in metadata:  # in older files, all words are read by their endings
            older = {"settings": {"chars": False, "min_count": 1, **metadata["settings"]}, "history": []}
            metadata = {**metadata, **older, "shapes": metadata["endings"], "known": metadata["words"]}
        sizes = metadata["settings"]
        if not sizes.get("chars", True):
            sizes = {name: size for name, size in sizes.items() if not name.startswith("char_")}
        check_sizes(sizes, arrays)
        tagger = cls(**metadata["settings"])
        names = ("words", "shapes", "tags", "known")
        words, shapes, tags, known = (Vocabulary.from_dict(metadata[name]) for name in names)
        tagger._network, tagger._known = Network(words, shapes, tags, tagger.settings), known
        tagger._network.load_state_dict(arrays)
        tagger.history = [(int(epoch), float(accuracy)) for epoch, accuracy in metadata["history"]]
        return tagger
