"""The base class of classifiers: one label for a text."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinyseq import arguments
from tinyseq.arguments import shown
from tinyseq.data.vocabulary import Vocabulary
from tinyseq.data.words import split_words
from tinyseq.io import SavedModel
from tinyseq.io.names import kept_name
from tinyseq.nn.checks import check_device
from tinyseq.torch_names.of_tasks import CLASSIFIER
from tinyseq.torch_names.owners import HintedABC

Learnt = TypeVar("Learnt")
Label = str | int
Text = str | Sequence[str]
Floats = NDArray[np.float64]

UNITS = ("words", "chars")


class Evaluation(NamedTuple):
    """How well predicted labels agree with the given ones.

    Attributes:
        accuracy: the share of texts with the right label, from 0 to 1.
        macro_f1: the mean over the classes of F1, the harmonic mean of precision and recall; 0 for a class that is
            never predicted correctly.
        confusion: how many texts of class i were labelled j (K, K).
        classes: the K labels that were given or predicted, sorted.

    Example:
        >>> import tinyseq as ts
        >>> model = ts.classify.NaiveBayes().fit(["a warm film", "a dull film"], ["good", "bad"])
        >>> found = model.evaluate(["warm", "dull", "dull and dull"], ["good", "bad", "good"])
        >>> round(found.accuracy, 3), round(found.macro_f1, 3), found.classes, found.confusion.tolist()
        (0.667, 0.667, ('bad', 'good'), [[1, 0], [1, 1]])
    """

    accuracy: float
    macro_f1: float
    confusion: NDArray[np.int64]
    classes: tuple[Label, ...]

    @classmethod
    def of(cls, gold: Iterable[Label], predicted: Iterable[Label]) -> "Evaluation":
        """Compare labels; scikit-learn's `accuracy_score`, `f1_score` (macro) and `confusion_matrix` agree.

        Args:
            gold: the given labels.
            predicted: as many predicted ones.

        Returns:
            The evaluation.

        Raises:
            ValueError: there are none, or their numbers differ.
            TypeError: a label is neither a string nor a whole number, or strings and numbers are mixed.
        """
        gold, predicted = checked_labels("gold", gold), checked_labels("predicted", predicted)
        if not gold and not predicted:
            raise ValueError("there are no labels to compare")
        if len(gold) != len(predicted):
            raise ValueError(f"expected one predicted label for each given one, got {len(predicted)} for {len(gold)}")
        classes = class_names([*gold, *predicted])
        confusion = np.zeros((len(classes), len(classes)), np.int64)
        np.add.at(confusion, (classes.encode(gold), classes.encode(predicted)), 1)
        right = confusion.diagonal()
        f1 = 2 * right / (confusion.sum(axis=0) + confusion.sum(axis=1))  # no class is without texts
        return cls(float(right.sum() / len(gold)), float(f1.mean()), confusion, classes.symbols)


class Classifier(SavedModel, metaclass=HintedABC):
    """The base class of classifiers, with the methods of scikit-learn's.

    A subclass defines `classes`, `fit` and `log_proba`. With `saved` and `restored` (see `tinyseq.io.SavedModel`) it
    can also be saved to a file.

    Example:
        >>> class Even(Classifier):
        ...     classes = Vocabulary(["even", "odd"])
        ...     def fit(self, texts, labels):
        ...         return self
        ...     def log_proba(self, texts):
        ...         return np.log([[0.9, 0.1] if len(text) % 2 == 0 else [0.2, 0.8] for text in texts])
        >>> Even().predict(["ab", "a"])
        array(['even', 'odd'], dtype='<U4')
    """

    _other_names: ClassVar[dict[str, str]] = CLASSIFIER
    settings: dict[str, Any]  # the constructor's arguments

    @property
    @abstractmethod
    def classes(self) -> Vocabulary[Label]:
        """The K labels, sorted."""

    @abstractmethod
    def fit(self, texts: Iterable[Text], labels: Iterable[Label]) -> Self:
        """Train on texts and the label of each.

        Args:
            texts: N texts, each a string or a list of words.
            labels: the label of each.
        """

    @abstractmethod
    def log_proba(self, texts: Iterable[Text]) -> Floats:
        """log P(label | text) of N texts (N, K)."""

    def to(self, device: str) -> Self:
        """Move the classifier to a device; returns the classifier itself.

        Args:
            device: ``"cuda"`` for a GPU, or ``"cpu"``.

        Returns:
            The classifier itself.

        Raises:
            ValueError: an unknown device, or a GPU for a classifier that only counts.
            RuntimeError: there is no GPU, or the classifier is not fitted.
        """
        check_device(device)
        if device != "cpu":
            raise ValueError(f"{type(self).__name__} computes on the CPU only; leave out the device")
        return self

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels as an array (K,): the columns of `predict_proba`, as in scikit-learn."""
        return np.array(self.classes.symbols)

    def predict_proba(self, texts: Iterable[Text]) -> Floats:
        """P(label | text) of N texts (N, K); the columns are `classes_`.

        Raises:
            TypeError: the texts are one string, or one of them is neither a string nor a list of strings.
            RuntimeError: the classifier is not fitted.
        """
        return np.exp(self.log_proba(texts))

    def predict(self, texts: Iterable[Text]) -> NDArray[Any]:
        """The most probable label of each of N texts (N,).

        Raises:
            TypeError, RuntimeError: as for `predict_proba`.
        """
        return np.asarray(self.classes_[self.log_proba(texts).argmax(axis=1)])

    def evaluate(self, texts: Iterable[Text], labels: Iterable[Label]) -> Evaluation:
        """Compare the predicted labels of texts with the given ones.

        Raises:
            ValueError: there are no texts, or not as many as labels.
            TypeError, RuntimeError: as for `predict_proba`; or a label is neither a string nor a whole number.
        """
        given, gold = labelled(texts, labels)
        return Evaluation.of(gold, self.predict(given).tolist())

    def score(self, texts: Iterable[Text], labels: Iterable[Label]) -> float:
        """The accuracy; see `evaluate`.

        Args:
            texts, labels: as for `fit`.
        """
        return self.evaluate(texts, labels).accuracy

    def get_params(self, deep: bool = True) -> dict[str, object]:
        """The constructor's arguments, by name, as scikit-learn's `clone` and `GridSearchCV` ask for them."""
        return dict(self.settings)

    def set_params(self, **params: object) -> Self:
        """Change constructor arguments; a fitted classifier must be fitted again.

        Raises:
            ValueError: for an unknown name or an invalid value.
            TypeError: for a value of a wrong type.
        """
        for name in params:
            if name not in self.settings:
                raise ValueError(f"{type(self).__name__} has no parameter {name!r}; it has {', '.join(self.settings)}")
        vars(self).update(vars(type(self)(**self.settings | params)))
        return self

    def __sklearn_tags__(self) -> Any:
        """The estimator tags that scikit-learn asks for."""
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(),
            input_tags=InputTags(two_d_array=False, string=True),
        )


def units_of(text: Text, units: str) -> list[str]:
    """The words or characters of a text. A list of strings stays as it is.

    Words are runs of letters, digits, apostrophes and underscores; every other character that is not a blank is a word
    of its own. Accents and vowel signs belong to what they are written on.

    Example:
        >>> units_of("It's warm, isn't it?", "words")
        ["It's", 'warm', ',', "isn't", 'it', '?']
        >>> units_of("Hey", "chars"), units_of(["New York", "!"], "words")
        (['H', 'e', 'y'], ['New York', '!'])
    """
    if not isinstance(text, str):
        return list(text)
    return split_words(text) if units == "words" else list(text)


def checked_units(units: str) -> str:
    """One of `UNITS`; a ValueError says what else was given."""
    if units not in UNITS:
        raise ValueError(f"units must be 'words' or 'chars', got {units!r}")
    return units


def checked_texts(texts: Iterable[Text]) -> list[Text]:
    """Texts as a list; a TypeError says which of them is neither a string nor a list of strings."""
    if isinstance(texts, str | bytes) or not isinstance(texts, Iterable):
        raise TypeError(f"texts must be a list of texts, got {shown(texts)}; put a single text in a list: [text]")
    found = list(texts)
    return [text if isinstance(text, str) else arguments.words(f"texts[{i}]", text) for i, text in enumerate(found)]


def checked_labels(name: str, given: Iterable[Label]) -> list[Label]:
    """Labels as a list of Python's strings and whole numbers; a TypeError says which of them is neither."""
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise TypeError(f"{name} must be a list of labels, got {shown(given)}")
    found = [label.item() if isinstance(label, np.generic) else label for label in given]
    for i, label in enumerate(found):
        if not isinstance(label, str | int):
            raise TypeError(f"{name}[{i}] must be a string or a whole number, got {shown(label)}")
    return [kept_name(label, "label") for label in found]


def class_names(given: Iterable[Label]) -> Vocabulary[Label]:
    """The distinct labels, sorted."""
    distinct = set(given)
    if len({isinstance(label, str) for label in distinct}) > 1:
        raise TypeError("labels must be all strings or all whole numbers, got both; convert them with str(label)")
    return Vocabulary(sorted(distinct))


def labelled(texts: Iterable[Text], given: Iterable[Label]) -> tuple[list[Text], list[Label]]:
    """Checked texts, and a label for each.

    Raises:
        ValueError: there are no texts, or not as many as labels.
        TypeError: a text is neither a string nor a list of strings, or a label neither a string nor a whole number.
    """
    found, gold = checked_texts(texts), checked_labels("labels", given)
    if len(found) != len(gold):
        raise ValueError(f"expected one label for each text, got {len(found)} texts and {len(gold)} labels")
    if not found:
        raise ValueError("there are no texts")
    return found, gold


def learnt(value: Learnt | None) -> Learnt:
    """A value that `fit` sets; raises RuntimeError if it is None."""
    if value is None:
        raise RuntimeError("the classifier is not fitted yet; call fit first")
    return value
