"""An HMM that scikit-learn's tools can handle: clone, Pipeline, GridSearchCV, cross_val_score."""

import inspect
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.em import Fitted, shuffled
from tinyseq.hmm.emissions import Gaussian
from tinyseq.hmm.estimate import Smoothing
from tinyseq.hmm.hmm import HMM
from tinyseq.hmm.reading import Reading


class HMMEstimator:
    """A hidden Markov model with scikit-learn's interface.

    One sample is one *sequence*: X is a list of sequences, and y, if given, the list of their state sequences. So whole
    sequences are what cross-validation splits. As hmmlearn's users are used to, X may also be one array (rows, 1) of
    ids or (rows, D) of numbers with ``lengths``; without these it is one long sequence.

    Args:
        n_components: the number of states, where there are no labels to tell it.
        emission: ``"categorical"``, or ``"diag"`` or ``"full"`` for Gaussian emissions with such covariances.
        n_features: the number of symbols, where these are ids; by default as many as the largest id asks for.
        order: n; with labels or without.
        smoothing, emission_smoothing: with labels, as in `HMM.from_labelled`.
        unknown: with labels, the symbol for all those that were not seen.
        n_iter: without labels, the most steps of Baum-Welch.
        tol: stop when steps gain no more than this, in nats for all sequences together.
        restarts: without labels, how many random starts; the better half of them goes on each time.
        floor: the least variance of Gaussian emissions; None for a millionth of the observations' own.
        random_state: a seed, or None.

    Attributes:
        hmm_: the model found.
        fitted_: the report of Baum-Welch, without labels.
        n_features_in_: 1 for symbols, D for vectors.

    Example:
        >>> X, y = [["the", "cat"], ["the", "cat", "runs"]], [["DT", "NN"], ["DT", "NN", "VB"]]
        >>> tagger = HMMEstimator().fit(X, y)
        >>> tagger.predict([["the", "cat"]]), tagger.score(X, y)
        ([['DT', 'NN']], 1.0)
    """

    def __init__(
        self,
        n_components: int = 2,
        *,
        emission: str = "categorical",
        n_features: int | None = None,
        order: int = 2,
        smoothing: Smoothing = None,
        emission_smoothing: Smoothing = None,
        unknown: Any = None,
        n_iter: int = 300,
        tol: float = 1e-3,
        restarts: int = 10,
        floor: float | None = None,
        random_state: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.emission = emission
        self.n_features = n_features
        self.order = order
        self.smoothing = smoothing
        self.emission_smoothing = emission_smoothing
        self.unknown = unknown
        self.n_iter = n_iter
        self.tol = tol
        self.restarts = restarts
        self.floor = floor
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, lengths: Sequence[int] | None = None) -> Self:
        """Learn by counting if there are labels, else by Baum-Welch.

        Args:
            X: the sequences.
            y: the states of each sequence, or None.
            lengths: the lengths of the sequences that lie one after the other in X.

        Raises:
            ValueError: if there is nothing to learn from, or X, y and lengths do not fit each other.
            TypeError: for lengths that are no whole numbers.
        """
        sequences = _sequences(X, lengths)
        if not sum(map(len, sequences)):
            raise ValueError("X holds no observations to learn from")
        seen = (item for x in sequences for item in x if item is not None)
        self.n_features_in_ = int(np.size(next(seen, 0.0))) if self._vectors() else 1
        if y is None:
            rng = np.random.default_rng(self.random_state)
            self.fitted_: Fitted = self._start(sequences, rng).fit_em(
                sequences, max_steps=self.n_iter, tolerance=self.tol, restarts=self.restarts, rng=rng
            )
            self.hmm_ = self.fitted_.model
            return self
        if self._vectors():
            raise ValueError('labels can be counted with emission="categorical" only')
        labels = _labels(y, lengths, sequences)
        self.hmm_ = HMM.from_labelled(
            [list(zip(x, states, strict=True)) for x, states in zip(sequences, labels, strict=True)],
            self.order,
            self.smoothing,
            emission_smoothing=self.emission_smoothing,
            unknown=self.unknown,
        )
        return self

    def _vectors(self) -> bool:
        """Whether observations are vectors, not symbols."""
        if self.emission not in ("categorical", "diag", "full"):
            raise ValueError(f'emission must be "categorical", "diag" or "full", got {self.emission!r}')
        return self.emission != "categorical"

    def _start(self, sequences: list[Any], rng: np.random.Generator) -> HMM:
        """A random model to learn from."""
        size = self.n_components
        tables = [np.full((size,) * (i + 1), 1 / size) for i in range(self.order)]
        flat = HMM(tuple(tables[:-1]), tables[-1], **self._flat_emission(sequences))
        return shuffled(flat, Reading(flat, sequences).rows, rng)

    def _flat_emission(self, sequences: list[Any]) -> dict[str, Any]:
        """Emissions that are alike in all states, and the names of the symbols."""
        size = self.n_components
        if self._vectors():
            shape = (size, self.n_features_in_)
            unit = np.ones(shape) if self.emission == "diag" else np.tile(np.eye(shape[1]), (size, 1, 1))
            return {"emission": Gaussian(np.zeros(shape), unit * max(1.0, self.floor or 0.0), self.floor)}
        names = {symbol for x in sequences for symbol in x} - {None}
        if all(isinstance(name, int | np.integer) for name in names):
            if min(names, default=0) < 0:
                raise ValueError(f"symbols that are numbers are ids from 0 on, got {min(names)}")
            number = self.n_features or max(names, default=0) + 1
            return {"emission": np.full((size, number), 1 / number)}
        return {"emission": np.full((size, len(names)), 1 / len(names)), "symbols": sorted(names, key=str)}

    def predict(self, X: Any, lengths: Sequence[int] | None = None) -> Any:
        """The best path of each sequence; one array for all if X is one array.

        Args:
            X, lengths: as for `fit`.

        Raises:
            sklearn.exceptions.NotFittedError: before `fit`. (An AttributeError where scikit-learn is not installed.)
        """
        return _joined([d.path for d in self._model().viterbi(_sequences(X, lengths))], X)

    def predict_proba(self, X: Any, lengths: Sequence[int] | None = None) -> Any:
        """The posterior of the states at each step, for each sequence (T, K); one array for all if X is one array.

        Args:
            X, lengths: as for `fit`.
        """
        return _joined([p.states for p in self._model().posterior(_sequences(X, lengths))], X)

    def score(self, X: Any, y: Any = None, lengths: Sequence[int] | None = None) -> float:
        """The log-likelihood of all sequences; with labels, the share of states that `predict` finds.

        Args:
            X, y, lengths: as for `fit`.

        Raises:
            ValueError: X and y do not fit each other.
        """
        sequences = _sequences(X, lengths)
        if y is None:
            return float(self._model().log_likelihood(sequences).sum())
        labels = _labels(y, lengths, sequences)
        pairs = [
            pair
            for decoding, states in zip(self._model().viterbi(sequences), labels, strict=True)
            for pair in zip(decoding.path, states, strict=True)
        ]
        return float(np.mean([found == wanted for found, wanted in pairs]))

    @property
    def classes_(self) -> Array:
        """The names of the states, in the order of the columns of `predict_proba`."""
        return np.array(list(self._model().states))

    def _model(self) -> HMM:
        if not hasattr(self, "hmm_"):
            raise _not_fitted("this HMMEstimator is not fitted yet; call fit first")
        return self.hmm_

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments, by name."""
        return {name: getattr(self, name) for name in _ARGUMENTS}

    def set_params(self, **params: Any) -> Self:
        """Change arguments.

        Raises:
            ValueError: for a name that is none.
        """
        for name, value in params.items():
            if name not in _ARGUMENTS:
                raise ValueError(f"HMMEstimator has no parameter {name!r}; it has {', '.join(_ARGUMENTS)}")
            setattr(self, name, value)
        return self

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn wants to know about an estimator."""
        from sklearn.utils import InputTags, Tags, TargetTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            input_tags=InputTags(two_d_array=False, string=True),
        )

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "hmm_")

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self)).parameters
        changed = {k: v for k, v in self.get_params().items() if v != defaults[k].default}
        return f"HMMEstimator({', '.join(f'{k}={v!r}' for k, v in changed.items())})"


def _not_fitted(message: str) -> Exception:
    """scikit-learn's error where it is installed; it is an AttributeError, too."""
    try:
        from sklearn.exceptions import NotFittedError
    except ImportError:
        return AttributeError(message)
    error: Exception = NotFittedError(message)
    return error


_ARGUMENTS = tuple(inspect.signature(HMMEstimator).parameters)


def _sequences(x: Any, lengths: Sequence[int] | None) -> list[Any]:
    """A list of sequences, from a list or from one array and lengths."""
    if not isinstance(x, np.ndarray) or x.dtype == object:
        if lengths is not None:
            raise ValueError("lengths go with one array of all sequences; X is a list of sequences already")
        return list(x)
    if x.ndim == 2 and x.shape[1] == 1:
        x = x[:, 0]
    if lengths is None:
        return [x]
    given = np.asarray(lengths)
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise TypeError(f"lengths must be a list of whole numbers, got {lengths!r}")
    if given.min(initial=0) < 0:
        raise ValueError(f"lengths must not be negative, got {given.min()}")
    if given.sum() != len(x):
        raise ValueError(f"lengths sum to {given.sum()}, but X has {len(x)} rows")
    return np.split(x, np.cumsum(given)[:-1])


def _labels(y: Any, lengths: Sequence[int] | None, sequences: list[Any]) -> list[Any]:
    """The states of each sequence."""
    labels = _sequences(y, lengths)
    if list(map(len, sequences)) != list(map(len, labels)):
        raise ValueError("X and y must have as many sequences, and each of y as many states as X has symbols")
    return labels


def _joined(parts: list[Any], x: Any) -> Any:
    """Answers in the form of the question."""
    return np.concatenate(parts) if isinstance(x, np.ndarray) and x.dtype != object else parts
