"""What all language models share: texts of characters or words, their evaluation, and samples as text."""

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyseq.data.vocabulary import Vocabulary
from tinyseq.io import SavedModel
from tinyseq.lm.perplexity import perplexity
from tinyseq.lm.words import joined
from tinyseq.random import Rng

Ids = NDArray[np.int64]
Text = str | Iterable[Any]  # characters; or sentences, as lines or as lists of words


class TextScore(NamedTuple):
    """How well a language model predicts a text.

    Attributes:
        nats: the cross entropy, the mean of -log P(symbol | those before it).
        bits: the same to base 2.
        perplexity: exp(nats): as hard as choosing among so many equally probable symbols.
        symbols: how many symbols were predicted; in models of words, the ends of sentences are among them.
        unknown: the share of symbols that the vocabulary's unknown symbol stands for. Perplexities can only be compared
            if the models have the same vocabulary.

    Example:
        >>> import tinyseq as ts
        >>> ts.lm.NgramLM(1, smoothing=None).fit("abcd").evaluate("abba")
        TextScore(nats=1.3862943611198906, bits=2.0, perplexity=4.0, symbols=4, unknown=0.0)
    """

    nats: float
    bits: float
    perplexity: float
    symbols: int
    unknown: float = 0.0


class LanguageModel(SavedModel):
    """The base of the language models.

    A subclass defines `vocabulary`, `nats`, `sample` and `symbols_of`.

    Attributes:
        vocabulary: the symbols over which the probabilities sum to one.
        words: whether the symbols are the words of sentences. Texts are then strings with a sentence in each line, or
            sentences as lists of words, and the end of each sentence is a symbol, too.

    Example:
        >>> import tinyseq as ts
        >>> letters = sorted(set("hello"))
        >>> models = ts.lm.NgramLM(2).fit("hello"), ts.lm.WindowLM(letters, 2, 4), ts.lm.RNNLM(letters, 4)
        >>> all(isinstance(model, ts.lm.LanguageModel) and model.evaluate("hello").nats > 0 for model in models)
        True
    """

    words: bool = False

    if TYPE_CHECKING:  # an attribute of networks, which checkpoints compare; a property of n-gram models

        @property
        def vocabulary(self) -> Vocabulary[Any]:
            """The symbols over which the probabilities sum to one."""

    def nats(self, text: Text) -> float:
        """The cross entropy of a text, in nats per symbol."""
        raise NotImplementedError(f"{type(self).__name__} defines no nats()")

    def symbols_of(self, text: Text) -> list[Any]:
        """The symbols of a text that the model predicts, in order."""
        raise NotImplementedError(f"{type(self).__name__} defines no symbols_of()")

    def sample(
        self,
        length: int,
        rng: Rng = None,
        *,
        prompt: Iterable[Any] = (),
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
    ) -> list[Any]:
        """Symbols drawn one by one, each given those before it."""
        raise NotImplementedError(f"{type(self).__name__} defines no sample()")

    def evaluate(self, text: Text, **settings: Any) -> TextScore:
        """How well the model predicts a text.

        Args:
            text: as for `nats`.
            settings: those of `nats`.

        Returns:
            The cross entropy in nats and in bits, the perplexity, and what was counted.

        Raises:
            ValueError, TypeError: as for `nats`.
        """
        text = text if isinstance(text, str) else list(text)  # which is read twice
        measure: Callable[..., float] = self.nats
        nats = measure(text, **settings)
        symbols, vocabulary = self.symbols_of(text), self.vocabulary
        unknown = sum(symbol not in vocabulary for symbol in symbols) / len(symbols)
        return TextScore(nats, nats / math.log(2), perplexity(nats), len(symbols), unknown)

    def perplexity(self, text: Text, **settings: Any) -> float:
        """exp(`nats`): 1 for a perfect model, the size of the vocabulary for a uniform one, inf where P is 0."""
        measure: Callable[..., float] = self.nats
        return perplexity(measure(text, **settings))

    def text(self, symbols: Iterable[Any]) -> str:
        """Symbols, such as a sample, as text: words with spaces between them and a sentence in each line.

        Example:
            >>> import tinyseq as ts
            >>> model = ts.lm.NgramLM(2, words=True, min_count=1).fit("a rose is a rose")
            >>> model.text(["a", "rose", "</s>", "a"])
            'a rose\\na'
        """
        return joined(map(str, symbols)) if self.words else "".join(map(str, symbols))
