"""Naive Bayes: the words of a text are independent of each other, given its class."""

from collections.abc import Iterable
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from tinyseq.arguments import shown
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
from tinyseq.data.vocabulary import Vocabulary
from tinyseq.io.arrays import Arrays
from tinyseq.io.names import kept_settings
from tinyseq.torch_names.of_tasks import NAIVE_BAYES
from tinyseq.torch_names.settings import explained


class NaiveBayes(Classifier):
    """Multinomial naive Bayes, learned by counting.

        P(class | text) ~ P(class) prod_t P(word_t | class),
        P(word | class) = (count(word, class) + alpha) / (count(class) + alpha V),

    with V distinct words in training. Other words are ignored.

    Args:
        alpha: added to each count; 1 is Laplace smoothing.
        units: ``"words"`` or ``"chars"``, into which a string is split; a list of strings is taken as it is.

    Attributes:
        classes: the labels, a `tinyseq.data.Vocabulary`; `classes_` is an array of them.
        words: the V distinct words or characters, a `tinyseq.data.Vocabulary`.
        log_prior: log P(class) (K,).
        log_likelihood: log P(word | class) (K, V).

    Raises:
        ValueError: alpha is not positive, or the units are unknown.
        TypeError: alpha is not a number.

    Source: McCallum and Nigam (1998), for the multinomial model.

    Example:
        >>> import tinyseq as ts
        >>> texts = ["a warm and funny film", "a dull film", "warm", "dull, dull"]
        >>> model = ts.classify.NaiveBayes().fit(texts, ["good", "bad", "good", "bad"])
        >>> model.predict(["a funny end"]).tolist(), model.predict_proba(["dull"]).round(3).tolist()
        (['good'], [[0.8, 0.2]])
    """

    _other_names: ClassVar[dict[str, str]] = NAIVE_BAYES

    @explained
    def __init__(self, alpha: float = 1.0, units: str = "words") -> None:
        if isinstance(alpha, bool) or not isinstance(alpha, int | float | np.number):
            raise TypeError(f"alpha must be a number, got {shown(alpha)}")
        if not 0 < alpha < float("inf"):
            raise ValueError(f"alpha must be positive and finite, got {alpha}")
        self.settings = kept_settings({"alpha": float(alpha), "units": checked_units(units)})
        self._words: Vocabulary[str] | None = None

    @property
    def words(self) -> Vocabulary[str]:
        """The words or characters of the training texts; raises RuntimeError before `fit`."""
        return learnt(self._words)

    @property
    def classes(self) -> Vocabulary[Label]:
        """See `Classifier`."""
        learnt(self._words)
        return self._classes

    @explained
    def fit(self, texts: Iterable[Text], labels: Iterable[Label]) -> Self:
        """Count the words of texts for each class.

        Args:
            texts: N texts, each a string or a list of words.
            labels: the label of each, a string or a whole number.

        Returns:
            The classifier itself. If there is an error, one fitted before is left unchanged.

        Raises:
            ValueError: there are no texts, no words in them, or not as many texts as labels.
            TypeError: the texts are one string; a text is neither a string nor a list of strings; a label is neither a
                string nor a whole number, or both kinds occur.
        """
        given, gold = labelled(texts, labels)
        split = [units_of(text, self.settings["units"]) for text in given]
        distinct = dict.fromkeys(word for words in split for word in words)
        if not distinct:
            raise ValueError("there are no words to learn from: all texts are empty")
        words, classes = Vocabulary(distinct), class_names(gold)
        rows, size = classes.encode(gold), len(classes) * len(words)
        ids = words.encode(word for words in split for word in words)
        owner = np.repeat(rows, [len(words) for words in split])
        counts = np.bincount(owner * len(words) + ids, minlength=size).reshape(len(classes), len(words))
        self._set(words, classes, counts, np.bincount(rows))
        return self

    def _set(
        self, words: Vocabulary[str], classes: Vocabulary[Label], counts: NDArray[Any], texts: NDArray[Any]
    ) -> None:
        if counts.shape != (len(classes), len(words)) or texts.shape != (len(classes),):
            raise ValueError(
                f"expected counts of shapes {(len(classes), len(words))} and {(len(classes),)}, got {counts.shape} and "
                f"{texts.shape}"
            )
        if not (counts.dtype.kind == texts.dtype.kind == "i" and (counts >= 0).all() and (texts > 0).all()):
            raise ValueError("counts must be whole numbers of at least 0, and each class must have a text")
        self._words, self._classes, self._counts, self._texts = words, classes, counts, texts
        smoothed = counts + self.settings["alpha"]
        self.log_prior: Floats = np.log(texts / texts.sum())
        self.log_likelihood: Floats = np.log(smoothed) - np.log(smoothed.sum(axis=1, keepdims=True))

    def log_joint(self, texts: Iterable[Text]) -> Floats:
        """log P(class) P(text | class) of N texts (N, K), over the known words.

        Raises:
            TypeError, RuntimeError: as for `predict_proba`.
        """
        known, table = self.words, self.log_likelihood.T
        given = checked_texts(texts)
        found = np.empty((len(given), len(self.classes)))
        for row, text in zip(found, given, strict=True):
            ids = known.encode(word for word in units_of(text, self.settings["units"]) if word in known)
            row[:] = self.log_prior + table[ids].sum(axis=0)
        return found

    def log_proba(self, texts: Iterable[Text]) -> Floats:
        """log P(class | text) of N texts (N, K); see `predict_proba`."""
        joint = self.log_joint(texts)
        joint -= joint.max(axis=1, keepdims=True, initial=-np.inf)
        joint -= np.log(np.exp(joint).sum(axis=1, keepdims=True))
        return joint

    def saved(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """See `tinyseq.io.SavedModel`: the counts, the words and the classes."""
        names = {"words": self.words.to_dict(), "classes": self.classes.to_dict()}
        return {"counts": self._counts, "texts": self._texts}, {"settings": self.settings, **names}

    @classmethod
    def restored(cls, arrays: Arrays, metadata: dict[str, Any]) -> Self:
        """See `tinyseq.io.SavedModel`."""
        model = cls(**metadata["settings"])
        words, classes = (Vocabulary.from_dict(metadata[name]) for name in ("words", "classes"))
        model._set(words, classes, arrays["counts"], arrays["texts"])
        return model
