"""What all language models share: texts of characters or words, their evaluation, and samples as text."""

import math
import warnings
from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyseq.arguments import listed, whole
from tinyseq.data.vocabulary import SYMBOLS, Vocabulary, refuse_letters
from tinyseq.io import SavedModel
from tinyseq.lm.perplexity import perplexity
from tinyseq.lm.sampling import Choice
from tinyseq.lm.words import END, joined, words_of
from tinyseq.random import Rng, as_generator
from tinyseq.torch_names.of_tasks import LANGUAGE_MODEL
from tinyseq.torch_names.owners import Hinted
from tinyseq.torch_names.settings import explained

Ids = NDArray[np.int64]
Floats = NDArray[np.floating[Any]]
Text = str | Iterable[Any]  # characters; or sentences, as lines or as lists of words
Read = Callable[[Sequence[int]], Floats | None]  # see `LanguageModel.reader`


class TextScore(NamedTuple):
    """How well a language model predicts a text.

    Attributes:
        nats: the cross entropy, the mean of -log P(symbol | those before it).
        bits: the same in bits.
        perplexity: exp(nats): the text is as hard to predict as a choice among this many equally probable symbols.
        symbols: how many symbols were predicted; in models of words, the ends of sentences are among them.
        unknown: the share of symbols that the vocabulary's unknown symbol stands for. Perplexities are comparable only
            between models with the same vocabulary.

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


class LanguageModel(SavedModel, metaclass=Hinted):
    """The base of the language models.

    A subclass defines `vocabulary`, `log_probs`, `symbols_of` and `reader`.

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

    _other_names: ClassVar[dict[str, str]] = LANGUAGE_MODEL
    words: bool = False

    if TYPE_CHECKING:  # an attribute of networks, which checkpoints compare; a property of n-gram models

        @property
        def vocabulary(self) -> Vocabulary[Any]:
            """The symbols over which the probabilities sum to one."""

    def log_probs(self, text: Text) -> Floats:
        """log P of every symbol that `symbols_of` lists, given those before it, in nats (N,)."""
        raise NotImplementedError(f"{type(self).__name__} defines no log_probs()")

    def symbols_of(self, text: Text) -> list[Any]:
        """The symbols of a text that the model predicts, in order."""
        raise NotImplementedError(f"{type(self).__name__} defines no symbols_of()")

    def reader(self) -> Read:
        """A function that reads ids, and returns the scores (V,) of the symbol after all ids that it has read.

        Scores are log-probabilities up to a constant. They are None if nothing was read, and the model says nothing
        about the first symbol of a text.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no reader()")

    def ids_before(self, prompt: Sequence[Hashable]) -> list[int]:
        """The ids to read before a sample after a prompt; for words, these begin with the end of a sentence."""
        return list(map(int, self.vocabulary.encode([END, *prompt] if self.words else prompt)))

    def evaluating(self) -> AbstractContextManager[None]:
        """A context in which the model is evaluated: dropout is off, and nothing is recorded."""
        return nullcontext()

    def nats(self, text: Text) -> float:
        """The cross entropy of a text: the mean of -log P(symbol | those before it), in nats per symbol.

        Args:
            text: for characters a string; for words a string with a sentence in each line, or lists of words.

        Returns:
            The cross entropy, a number.

        Raises:
            ValueError: the text is too short, or a symbol is not in the vocabulary.
        """
        return -float(self.log_probs(text).mean())

    @explained
    def sample(
        self,
        length: int,
        rng: Rng = None,
        *,
        prompt: Iterable[Hashable] = (),
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
    ) -> list[Any]:
        """Sample symbols one by one, each given all symbols before it.

        Args:
            length: how many.
            rng: a NumPy generator, or a seed; by default the generator of `tinyseq.manual_seed`.
            prompt: the symbols before the sample; for a model of words a string or a list of words, which begins a
                sentence. Without a prompt, a network draws the first character uniformly, and an n-gram model begins a
                new sequence.
            temperature: divides log P; below 1: more conservative; 0: always the most probable symbol.
            top_k: draw only from the k most probable symbols.
            top_p: draw only from the smallest set of most probable symbols whose probabilities, after the temperature
                and ``top_k``, sum to at least this.

        Returns:
            The symbols, without the prompt; fewer than ``length`` if an n-gram model without smoothing reaches an
            unseen history.

        Raises:
            ValueError, TypeError: a setting is out of range or of the wrong type, a symbol is not in a network's
                vocabulary, or the model gives NaN.
        """
        length, choice, rng = whole("length", length, 0), Choice.checked(temperature, top_k, top_p), as_generator(rng)
        if not self.words:
            refuse_letters("prompt", prompt, self.vocabulary)
        before = words_of(prompt) if self.words and isinstance(prompt, str) else listed("prompt", prompt, SYMBOLS)
        drawn: list[int] = []
        with self.evaluating():
            read, ids = self.reader(), self.ids_before(before)
            while len(drawn) < length:
                scores = read(ids)
                if scores is None:
                    ids = [int(rng.integers(len(self.vocabulary)))]
                elif scores.max() == -np.inf:
                    break
                else:
                    ids = [choice.draw(scores, rng)]
                drawn += ids
        return self.vocabulary.decode(drawn)

    def evaluate(self, text: Text, **settings: float | None) -> TextScore:
        """How well the model predicts a text.

        Args:
            text: as for `nats`.
            settings: those of `nats`.

        Returns:
            The cross entropy in nats and in bits, the perplexity, and the counts.

        Warns:
            RuntimeWarning: the cross entropy is infinite, as the model gives a symbol, which is named, probability 0.

        Raises:
            ValueError, TypeError: as for `nats`.
        """
        text = text if isinstance(text, str) else listed("text", text, SYMBOLS)  # which is read twice
        measure: Callable[..., float] = self.nats
        nats = measure(text, **settings)
        symbols, vocabulary = self.symbols_of(text), self.vocabulary
        if math.isinf(nats):
            log_probs: Callable[..., Floats] = self.log_probs
            why = first_impossible(self, text, log_probs(text, **settings))
            warnings.warn(f"the cross entropy is infinite, as {why}", RuntimeWarning, stacklevel=2)
        unknown = sum(symbol not in vocabulary for symbol in symbols) / len(symbols)
        return TextScore(nats, nats / math.log(2), perplexity(nats), len(symbols), unknown)

    def perplexity(self, text: Text, **settings: float | None) -> float:
        """exp(`nats`): 1 for a perfect model, the size of the vocabulary for a uniform one, inf where P is 0."""
        measure: Callable[..., float] = self.nats
        return perplexity(measure(text, **settings))

    def text(self, symbols: Iterable[Hashable]) -> str:
        """Symbols, such as a sample, as text: words with spaces between them and a sentence in each line.

        Example:
            >>> import tinyseq as ts
            >>> model = ts.lm.NgramLM(2, words=True, min_count=1).fit("a rose is a rose")
            >>> model.text(["a", "rose", "</s>", "a"])
            'a rose\\na'
        """
        written = map(str, listed("symbols", symbols, SYMBOLS))
        return joined(written) if self.words else "".join(written)


def first_impossible(model: LanguageModel, text: Text, log_probs: Floats) -> str:
    """Name the first symbol of a text that a model gives probability 0, and say what to do."""
    place, symbols = int(np.argmin(log_probs)), model.symbols_of(text)
    what = "word" if model.words else "character" if isinstance(text, str) else "symbol"
    reason = "does not occur in the training text; leave it out, or train on a text that has it"
    if symbols[place] in model.vocabulary:
        reason = "never follows the symbols before it in the training text; smoothing gives it a probability"
    return f"the model gives probability 0 to {what} {place + 1}, {symbols[place]!r}: it {reason}"
