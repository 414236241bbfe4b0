"""The base class of taggers: one label per word of a sentence."""

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import wraps
from typing import ClassVar, NamedTuple, ParamSpec, Self, TypeVar

from tinyseq import arguments
from tinyseq.data.readers import Sentence, Tag, Word
from tinyseq.data.treebanks.chunks import Scheme
from tinyseq.io import SavedModel
from tinyseq.nn.checks import check_device
from tinyseq.tagging.analysis import Analysis, analysis
from tinyseq.torch_names.of_tasks import TAGGER
from tinyseq.torch_names.owners import HintedABC

Learnt = TypeVar("Learnt")
P = ParamSpec("P")
R = TypeVar("R")


class Accuracy(NamedTuple):
    """The share of words with the right tag, from 0 to 1; nan if there is no such word.

    Attributes:
        all: accuracy on all words.
        known, unknown: accuracy on words seen in training, and on the other words.

    Example:
        >>> import tinyseq as ts
        >>> tagger = ts.tagging.MostFrequentTag().fit([[("a", "DT"), ("cat", "NN")]])
        >>> tagger.accuracy([[("a", "DT"), ("dog", "NN")]])
        Accuracy(all=0.5, known=1.0, unknown=0.0)
    """

    all: float
    known: float
    unknown: float


class Tagger(SavedModel, metaclass=HintedABC):
    """The base class of taggers.

    A subclass defines `known`, `fit` and `tag_many`. With `saved` and `restored` (see `tinyseq.io.SavedModel`) it can
    also be saved to a file.

    Example:
        >>> class Shouting(Tagger):
        ...     known = frozenset()
        ...     def fit(self, sentences):
        ...         return self
        ...     def tag_many(self, sentences):
        ...         return [[word.upper() for word in words] for words in sentences]
        >>> Shouting().tag(["a", "cat"])
        ['A', 'CAT']
    """

    _other_names: ClassVar[dict[str, str]] = TAGGER

    @property
    @abstractmethod
    def known(self) -> Collection[Word]:
        """The words seen in training."""

    @abstractmethod
    def fit(self, sentences: Iterable[Sentence]) -> Self:
        """Train on sentences of (word, tag) pairs."""

    @abstractmethod
    def tag_many(self, sentences: Iterable[Sequence[Word]]) -> list[list[Tag]]:
        """The tags of several sentences, each a list of words; check them with `tinyseq.arguments.sentences`."""

    def to(self, device: str) -> Self:
        """Move the tagger to a device; returns the tagger itself.

        Args:
            device: ``"cuda"`` for a GPU, or ``"cpu"``.

        Returns:
            The tagger itself.

        Raises:
            ValueError: an unknown device, or a GPU for a tagger that only counts.
            RuntimeError: there is no GPU.
        """
        check_device(device)
        if device != "cpu":
            raise ValueError(f"{type(self).__name__} computes on the CPU only; leave out the device")
        return self

    def tag(self, words: Sequence[Word]) -> list[Tag]:
        """The tags of one sentence, given as a list of words.

        Raises:
            TypeError: the sentence is a string instead of a list of words, or an item is not a word.
        """
        return self.tag_many([arguments.words("words", words)])[0]

    def accuracy(self, sentences: Iterable[Sentence]) -> Accuracy:
        """The share of words whose predicted tag agrees with the given one.

        Raises:
            ValueError: an item is not a pair of strings; the error gives its position.
        """
        found = self.analyse(sentences)
        return Accuracy(found.all, found.known, found.unknown)

    def analyse(self, sentences: Iterable[Sentence], *, scheme: Scheme | None = None) -> Analysis:
        """What the tagger gets wrong on sentences: confused tags, the worst words, and the accuracy.

        Args:
            sentences: with the right tags.
            scheme: ``"bio"``, ``"bioes"`` or ``"iob1"``, to compare chunks, too.

        Returns:
            An `Analysis`; ``print`` shows it as a table, and ``ts.viz.plots.confusion(found.confusion, found.tags)``
            draws it.

        Raises:
            ValueError: an item is not a pair of strings, with its position; or a tag is not one of the scheme's.
        """
        gold = labelled(sentences)
        return analysis(gold, self.tag_many([[word for word, _ in sentence] for sentence in gold]), self.known, scheme)


def of_pairs(method: Callable[P, R]) -> Callable[P, R]:
    """Let a method that takes sentences of pairs, and options by name, say so where words and tags are given apart."""

    @wraps(method)
    def called(*args: P.args, **settings: P.kwargs) -> R:
        if len(args) > 2:
            raise arguments.apart(method.__qualname__)
        return method(*args, **settings)

    return called


def labelled(sentences: Iterable[Sentence]) -> list[Sentence]:
    """Sentences as lists of (word, tag) tuples; in JSON, pairs are lists.

    Raises:
        ValueError: an item is not a pair of strings; the error gives its position.
        TypeError: something is no list of sentences, or no sentence.
    """
    given = arguments.listed("sentences", sentences, "a list of sentences of (word, tag) pairs")
    wanted = "a sentence, a list of (word, tag) pairs"
    found = [arguments.listed(f"sentences[{i}]", sentence, wanted) for i, sentence in enumerate(given)]
    for i, sentence in enumerate(found):
        for j, pair in enumerate(sentence):
            match pair:
                case (str(word), str(tag)):
                    sentence[j] = word, tag
                case _:
                    cure = arguments.as_pairs(given[i])
                    raise ValueError(f"sentence {i}, position {j}: expected a (word, tag) pair, got {pair!r}{cure}")
    return found


def learnt(value: Learnt | None) -> Learnt:
    """A value that `fit` sets; raises RuntimeError if it is None."""
    if value is None:
        raise RuntimeError("the tagger is not fitted yet; call fit first")
    return value
