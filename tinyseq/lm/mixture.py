"""Language models interpolated: a weighted mean of their probabilities, with weights learned by EM."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar, Self

import numpy as np

from tinyseq.arguments import check_unmasked, listed, shown
from tinyseq.data.vocabulary import Vocabulary
from tinyseq.io.arrays import Arrays
from tinyseq.io.models import MODELS
from tinyseq.lm.model import Floats, LanguageModel, Read, Text
from tinyseq.torch_names.of_tasks import MIXTURE
from tinyseq.torch_names.settings import explained

ENOUGH = 1e-10  # nats a symbol: an iteration of EM that gains less is the last one


class Mixture(LanguageModel):
    """Linear interpolation of language models: P(w | history) = sum over m of weight_m P_m(w | history).

    Models that make different mistakes predict better together: a network generalises, and n-grams remember.

    Args:
        models: at least two fitted models over the same symbols.
        weights: one for each model, at least 0; they are divided by their sum. By default all are equal; `fit` learns
            them.

    Attributes:
        models: the models.
        weights: (M,), which sum to one.

    Raises:
        ValueError, TypeError: fewer than two models, models of different symbols, or weights that do not fit.
        RuntimeError: a model is not fitted.

    Source: Jelinek and Mercer (1980).

    Example:
        >>> import tinyseq as ts
        >>> text = "hello world, hello there, hello all"
        >>> short, long = ts.lm.NgramLM(1).fit(text), ts.lm.NgramLM(3).fit(text)
        >>> both = Mixture([short, long], [0.5, 0.5])
        >>> round(both.nats("hello") - both.fit("hello").nats("hello"), 2) > 0
        True
        >>> "".join(both.sample(4, prompt="h", temperature=0))
        'ello'
    """

    _other_names: ClassVar[dict[str, str]] = MIXTURE

    @explained
    def __init__(self, models: Sequence[LanguageModel], weights: Sequence[float] | Floats | None = None) -> None:
        self.models: list[LanguageModel] = listed("models", models, "a list of language models")
        if len(self.models) < 2:
            raise ValueError(f"models must be at least two language models, got {len(self.models)}")
        for i, model in enumerate(self.models):
            if not isinstance(model, LanguageModel):
                raise TypeError(f"models[{i}] must be a language model, got {type(model).__name__}")
        self.words = self.models[0].words
        for i, model in enumerate(self.models[1:], 1):
            _check_alike(self.models[0], model, f"models[{i}]")
        self.weights = _normalised(weights, len(self.models))

    @property
    def vocabulary(self) -> Vocabulary[Any]:
        """The symbols, in the order of the first model."""
        return self.models[0].vocabulary

    def fit(self, text: Text) -> Self:
        """Learn the weights by expectation maximisation, which finds the global optimum here.

        Args:
            text: a held-out text: on their training text, models seem better than they are.

        Returns:
            The mixture itself. A model that does not help gets a weight near 0.

        Raises:
            ValueError: a symbol of the text is impossible in all models, or as for `log_probs`.
        """
        parts = self._parts(text)
        if np.isneginf(parts.max(0)).any():
            raise ValueError("a symbol of the text has probability 0 in all models; smooth one of them")
        weights, best = np.full(len(parts), 1 / len(parts)), -np.inf
        while True:
            joint = _log(weights)[:, None] + parts
            total = np.logaddexp.reduce(joint, 0)
            if total.mean() < best + ENOUGH:
                self.weights = weights
                return self
            best = total.mean()
            weights = np.exp(joint - total).mean(1)  # the share of the symbols that each model explains

    def log_probs(self, text: Text) -> Floats:
        """log P of each symbol of `symbols_of`, given those before it, in nats (N,).

        Raises:
            ValueError: a model gives NaN, or as for the models.
            TypeError: the models are of characters, and the text is not a string.
        """
        return np.asarray(np.logaddexp.reduce(_log(self.weights)[:, None] + self._parts(text), 0))

    def _parts(self, text: Text) -> Floats:
        """log P of each symbol that all models predict, by each of them (M, N)."""
        # of a list, n-gram models would read sequences, and networks symbols
        if not (self.words or isinstance(text, str)):
            raise TypeError(f"text must be a string for a mixture of models of characters, got {type(text).__name__}")
        text = text if isinstance(text, str) else list(text)
        parts = [model.log_probs(text) for model in self.models]
        for i, part in enumerate(parts):
            if np.isnan(part).any():
                raise ValueError(f"models[{i}] gives NaN; has its training diverged?")
        count = min(map(len, parts))  # a network does not predict the first character of a text
        return np.array([part[len(part) - count :] for part in parts])

    def symbols_of(self, text: Text) -> list[Any]:
        """See `LanguageModel`: the symbols that all models predict."""
        text = text if isinstance(text, str) else list(text)
        return min((model.symbols_of(text) for model in self.models), key=len)

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """See `LanguageModel`."""
        with ExitStack() as stack:
            for model in self.models:
                stack.enter_context(model.evaluating())
            yield

    def reader(self) -> Read:
        """See `LanguageModel`; models that say nothing about the first symbol have no share in it."""
        ours = self.vocabulary.symbols
        readers = [(model.reader(), model.vocabulary.encode(ours)) for model in self.models]

        def read(ids: Sequence[int]) -> Floats | None:
            parts = []
            for weight, (read_by, theirs) in zip(self.weights, readers, strict=True):
                scores = read_by(theirs[list(ids)].tolist())
                if scores is not None:
                    parts.append(weight * _probabilities(scores)[theirs])
            return _log(np.sum(parts, 0)) if parts else None

        return read

    def saved(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """See `SavedModel`: what the models save, by their index, and the weights."""
        arrays: dict[str, Any] = {"weights": self.weights}
        described = []
        for i, model in enumerate(self.models):
            own, metadata = model.saved()
            arrays |= {f"{i}.{name}": array for name, array in own.items()}
            described.append({"kind": model.file_kind, **metadata})
        return arrays, {"models": described}

    @classmethod
    def restored(cls, arrays: Arrays, metadata: dict[str, Any]) -> Self:
        """See `SavedModel`."""
        models = []
        for i, described in enumerate(metadata["models"]):
            made, own = MODELS[described.pop("kind")], f"{i}."
            if not issubclass(made, LanguageModel):
                raise TypeError(f"its part {i} is a {made.__name__}, not a language model")
            named = {name.removeprefix(own): array for name, array in arrays.items() if name.startswith(own)}
            models.append(made.restored(named, described))
        return cls(models, arrays["weights"])


def _check_alike(first: LanguageModel, other: LanguageModel, name: str) -> None:
    """Refuse models whose probabilities are of different things."""
    if first.words != other.words:
        kinds = ["words" if model.words else "characters" for model in (first, other)]
        raise ValueError(f"{name} is a model of {kinds[1]}, but models[0] is one of {kinds[0]}")
    ours, theirs = set(first.vocabulary), set(other.vocabulary)
    if ours != theirs:
        apart = ", ".join(sorted(map(repr, ours ^ theirs))[:6])
        raise ValueError(
            f"{name} has a different vocabulary from models[0]: only one of them knows {apart}; "
            "pass the same vocabulary= to all models"
        )
    if first.vocabulary.unknown != other.vocabulary.unknown:
        raise ValueError(
            f"{name} has the unknown symbol {other.vocabulary.unknown!r}, models[0] {first.vocabulary.unknown!r}"
        )


def _normalised(weights: Sequence[float] | Floats | None, count: int) -> Floats:
    """The weights, checked, with the sum one."""
    if weights is None:
        return np.full(count, 1 / count)
    check_unmasked(weights)
    try:
        given = np.asarray(weights, np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"weights must be {count} numbers, one for each model, got {shown(weights)}") from None
    if given.shape != (count,):
        raise ValueError(f"weights must have shape ({count},), one for each model, got {given.shape}")
    if not ((given >= 0).all() and 0 < given.sum() < np.inf):
        raise ValueError(f"weights must be at least 0, finite and not all 0, got {given.tolist()}")
    total = given.sum()
    if abs(total - 1) <= count * np.finfo(np.float64).eps:  # those of a saved mixture come back to the last bit
        return given.copy()
    return given / float(total)


def _probabilities(scores: Floats) -> Floats:
    """Scores (V,) as probabilities; all 0 where an unsmoothed model has seen nothing like the history."""
    best = scores.max()
    if best == -np.inf:
        return np.zeros(scores.shape)
    shares: Floats = np.exp(np.subtract(scores, best, dtype=np.float64))
    shares /= shares.sum()
    return shares


def _log(p: Floats) -> Floats:
    """log p, -inf for 0."""
    with np.errstate(divide="ignore"):
        return np.log(p)
