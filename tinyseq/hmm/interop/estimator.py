"""An HMM with scikit-learn's interface, for clone, Pipeline, GridSearchCV and cross_val_score."""

import inspect
from collections.abc import Collection, Hashable, Sequence
from typing import Any, ClassVar, NoReturn, Self, TypedDict

import numpy as np
from numpy.typing import NDArray

from tinyseq.arguments import finite, order_refused, refuses_order, whole
from tinyseq.hmm.emissions import Gaussian
from tinyseq.hmm.emissions.densities.covariances import KINDS, shape_of
from tinyseq.hmm.emissions.emission import Priors
from tinyseq.hmm.interop.estimator_inputs import Given, Samples, labels, samples
from tinyseq.hmm.learning.baum_welch import Callback, tolerated
from tinyseq.hmm.learning.counting import Smoothing
from tinyseq.hmm.learning.initialisation import shuffled
from tinyseq.hmm.learning.maximisation import warn_of_narrow
from tinyseq.hmm.learning.reports import Fitted
from tinyseq.hmm.model.hmm import HMM
from tinyseq.hmm.model.labels import Items
from tinyseq.hmm.observations import Observations
from tinyseq.torch_names.other_names import ESTIMATOR
from tinyseq.torch_names.owners import Hinted


class Settings(TypedDict, total=False):
    """The arguments of `HMMEstimator`, apart from the number of states."""

    emission: str
    n_features: int | None
    n: int
    smoothing: Smoothing
    emission_smoothing: Smoothing
    unknown: Hashable | None
    n_iter: int
    tol: float
    restarts: int
    floor: float | None
    learn: Collection[str]
    priors: Priors | None
    random_state: int | None


class HMMEstimator(metaclass=Hinted):
    """A hidden Markov model with scikit-learn's interface.

    One sample is one *sequence*: X is a list of sequences, and y, if given, the list of their state sequences. So
    cross-validation splits between sequences, not within them. As in hmmlearn, X may also be one table: an array or
    data frame, (rows, 1) of symbols or (rows, D) of numbers, or a series. With ``lengths`` it holds several
    concatenated sequences; without, it is one long sequence.

    Args:
        n_components: the number of states, if there are no labels.
        emission: ``"categorical"``, or the covariance type of Gaussian emissions: ``"diag"``, ``"full"``,
            ``"spherical"`` or ``"tied"``.
        n_features: the number of symbols, if these are ids; by default the largest id plus one.
        n: the length of the n-grams of states; 2, the usual model, is what the literature calls first order.
        smoothing, emission_smoothing: with labels, as in `HMM.from_labelled`.
        unknown: with labels, the symbol that stands for all symbols not seen in training.
        n_iter: without labels, the maximum number of Baum-Welch iterations.
        tol: stop when the log-likelihood of all sequences together increases by no more than this, in nats.
        restarts: without labels, the number of random starts; the worse half is dropped each round.
        floor: the least variance of Gaussian emissions; None for a millionth of the variance of the observations.
        learn: without labels, what is learned, as for `HMM.fit_em`; the rest stays as it was drawn.
        priors: without labels, priors for maximum a posteriori estimates, as for `HMM.fit_em`.
        random_state: a seed, or None.

    Attributes:
        hmm_: the fitted model.
        fitted_: without labels, the report of Baum-Welch.
        n_features_in_: 1 for symbols, D for vectors.
        feature_names_in_: the names of the columns, if X was a data frame whose column names are strings.

    Example:
        >>> X, y = [["the", "cat"], ["the", "cat", "runs"]], [["DT", "NN"], ["DT", "NN", "VB"]]
        >>> tagger = HMMEstimator().fit(X, y)
        >>> tagger.predict([["the", "cat"]]), tagger.score(X, y)
        ([['DT', 'NN']], 1.0)
    """

    _other_names: ClassVar[dict[str, str]] = ESTIMATOR

    @refuses_order
    def __init__(
        self,
        n_components: int = 2,
        *,
        emission: str = "categorical",
        n_features: int | None = None,
        n: int = 2,
        smoothing: Smoothing = None,
        emission_smoothing: Smoothing = None,
        unknown: Hashable | None = None,
        n_iter: int = 300,
        tol: float = 1e-3,
        restarts: int = 10,
        floor: float | None = None,
        learn: Collection[str] = ("initial", "transition", "emission"),
        priors: Priors | None = None,
        random_state: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.emission = emission
        self.n_features = n_features
        self.n = n
        self.smoothing = smoothing
        self.emission_smoothing = emission_smoothing
        self.unknown = unknown
        self.n_iter = n_iter
        self.tol = tol
        self.restarts = restarts
        self.floor = floor
        self.learn = learn
        self.priors = priors
        self.random_state = random_state

    def fit(
        self,
        X: Given,
        y: Given | None = None,
        lengths: Sequence[int] | None = None,
        *,
        progress: bool = False,
        callbacks: Sequence[Callback] = (),
    ) -> Self:
        """Fit by counting if there are labels, else by Baum-Welch.

        Args:
            X: the sequences.
            y: the states of each sequence, or None.
            lengths: the lengths of the sequences, if X is one table of concatenated sequences.
            progress, callbacks: without labels, as for `HMM.fit_em`.

        Returns:
            The estimator itself.

        Raises:
            ValueError: if X is empty or ambiguous (the error says what to pass instead), or if X, y and lengths do not
                match.
            TypeError: if an item of X is not a sequence, or if lengths are not whole numbers.
        """
        for name, least in (("n_components", 1), ("n", 2), ("n_iter", 0), ("restarts", 1)):
            whole(name, getattr(self, name), least)
        for name, least in (("n_features", 1), ("random_state", 0)):
            if not isinstance(getattr(self, name), np.random.RandomState | np.random.Generator | None):
                whole(name, getattr(self, name), least)
        tolerated("tol", self.tol)
        if self.floor is not None:
            finite("floor", self.floor, least=0.0)
        x = samples(X, lengths, self._vectors())
        if not sum(map(len, x.sequences)):
            raise ValueError("X holds no observations to learn from")
        self.n_features_in_ = x.features or 1
        if x.names is not None:
            self.feature_names_in_ = np.array(x.names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        if y is None:
            rng = np.random.default_rng(self.random_state)
            self.fitted_: Fitted[HMM] = self._start(x.sequences, rng).fit_em(
                x.sequences,
                max_steps=self.n_iter,
                tolerance=self.tol,
                restarts=self.restarts,
                rng=rng,
                learn=self.learn,
                priors=self.priors,
                progress=progress,
                callbacks=callbacks,
            )
            self.hmm_ = self.fitted_.model
        elif self.priors:
            raise ValueError("priors are for learning without labels; with labels, pass smoothing=AddK(k)")
        else:
            self.hmm_ = self._counted(x.sequences, labels(y, lengths, x))
        return self

    def _counted(self, sequences: list[Any], paths: list[Any]) -> HMM:
        """A model from labels."""
        seen = [[0] * len(x) for x in sequences] if self._vectors() else sequences
        pairs = [list(zip(x, states, strict=True)) for x, states in zip(seen, paths, strict=True)]
        smoothing: dict[str, Any] = (
            {} if self._vectors() else {"emission_smoothing": self.emission_smoothing, "unknown": self.unknown}
        )
        found = HMM.from_labelled(pairs, self.n, self.smoothing, **smoothing)
        if not self._vectors():
            return found
        emission = self._gaussian(len(found.states))
        rows = emission.read(sequences)
        ids = np.concatenate([found.states.ids(states, missing=-1) for states in paths])
        emission = emission.learned(rows.data, (ids[:, None] == np.arange(emission.states)).astype(np.float64))
        model = HMM(found.initial, found.transition, emission, states=found.states)
        warn_of_narrow(model.parameters, rows)
        return model

    def _vectors(self) -> bool:
        """Whether observations are vectors, not symbols."""
        if not isinstance(self.emission, str) or self.emission not in ("categorical", *KINDS):
            raise ValueError(f"emission must be 'categorical' or one of {', '.join(KINDS)}; got {self.emission!r}")
        return self.emission != "categorical"

    def _start(self, sequences: list[Any], rng: np.random.Generator) -> HMM:
        """A random model to start from."""
        size = self.n_components
        tables = [np.full((size,) * (i + 1), 1 / size) for i in range(self.n)]
        flat = HMM(tuple(tables[:-1]), tables[-1], **self._flat_emission(sequences))
        rows = Observations(flat.parameters, sequences).rows
        return HMM.from_parameters(shuffled(flat.parameters, rows, rng))

    def _flat_emission(self, sequences: list[Any]) -> dict[str, Any]:
        """Emissions that are equal in all states, and the names of the symbols."""
        size = self.n_components
        if self._vectors():
            return {"emission": self._gaussian(size)}
        names = _symbols(sequences)
        if all(isinstance(name, int | np.integer) and not isinstance(name, bool) for name in names):
            if min(names, default=0) < 0:
                raise ValueError(f"symbols that are integers are ids and must be at least 0, got {min(names)}")
            number = self.n_features or max(names, default=0) + 1
            return {"emission": np.full((size, number), 1 / number)}
        return {"emission": np.full((size, len(names)), 1 / len(names)), "symbols": sorted(names, key=str)}

    def _gaussian(self, states: int) -> Gaussian:
        """Normal distributions that are equal in all states."""
        size, least = self.n_features_in_, max(1.0, self.floor or 0.0)
        shape = shape_of(self.emission, states, size)
        spread = np.broadcast_to(np.eye(size), shape) if self.emission in ("full", "tied") else np.ones(shape)
        return Gaussian(np.zeros((states, size)), least * spread, self.floor, self.emission)

    def predict(self, X: Given, lengths: Sequence[int] | None = None) -> NDArray[Any] | list[Items]:
        """The best path of each sequence; one array for all if X is one array.

        Args:
            X, lengths: as for `fit`.

        Raises:
            sklearn.exceptions.NotFittedError: before `fit`. (An AttributeError where scikit-learn is not installed.)
        """
        model, x = self._model(), self._known(X, lengths)
        return x.joined([decoding.path for decoding in model.viterbi(x.sequences)])

    def predict_proba(self, X: Given, lengths: Sequence[int] | None = None) -> NDArray[Any] | list[Items]:
        """The state posteriors at each step of each sequence (T, K); one array for all if X is one array.

        Args:
            X, lengths: as for `fit`.
        """
        model, x = self._model(), self._known(X, lengths)
        return x.joined([posterior.states for posterior in model.posterior(x.sequences)])

    def score(self, X: Given, y: Given | None = None, lengths: Sequence[int] | None = None) -> float:
        """The log-likelihood of all sequences; with labels, the accuracy of `predict` where the label is not None.

        Args:
            X, y, lengths: as for `fit`.

        Raises:
            ValueError: if X and y do not match, or no label is known.
        """
        model, x = self._model(), self._known(X, lengths)
        if y is None:
            return float(model.log_likelihood(x.sequences).sum())
        pairs = [
            pair
            for decoding, states in zip(model.viterbi(x.sequences), labels(y, lengths, x), strict=True)
            for pair in zip(decoding.path, states, strict=True)
            if pair[1] is not None
        ]
        if not pairs:
            raise ValueError("y holds no known state to compare with")
        return float(np.mean([found == wanted for found, wanted in pairs]))

    @property
    def classes_(self) -> NDArray[Any]:
        """The names of the states, in the order of the columns of `predict_proba`."""
        return np.array(list(self._model().states))

    def _known(self, X: Given, lengths: Sequence[int] | None) -> Samples:
        """The sequences in X, checked against those seen in `fit`."""
        x = samples(X, lengths, self._vectors())
        if x.features not in (0, self.n_features_in_):
            raise ValueError(
                f"X has {x.features} features, but HMMEstimator is expecting {self.n_features_in_} features as input"
            )
        wanted = list(getattr(self, "feature_names_in_", []))
        if wanted and x.names is not None and x.names != wanted:
            raise ValueError(
                f"The feature names should match those that were passed during fit: {wanted}, got {x.names}"
            )
        return x

    def _model(self) -> HMM:
        if not hasattr(self, "hmm_"):
            _refuse_unfitted("this HMMEstimator is not fitted yet; call fit first")
        return self.hmm_

    def get_params(self, deep: bool = True) -> dict[str, object]:
        """The constructor's arguments, by name."""
        return {name: getattr(self, name) for name in _ARGUMENTS}

    def set_params(self, **params: object) -> Self:
        """Change constructor arguments.

        Raises:
            ValueError: for an unknown name.
            TypeError: for ``order``, which is called ``n``.
        """
        for name, value in params.items():
            if name == "order":
                raise TypeError(order_refused("HMMEstimator", value))
            if name not in _ARGUMENTS:
                raise ValueError(f"HMMEstimator has no parameter {name!r}; it has {', '.join(_ARGUMENTS)}")
            setattr(self, name, value)
        return self

    def __sklearn_tags__(self) -> Any:
        """The estimator tags that scikit-learn asks for."""
        from sklearn.utils import InputTags, Tags, TargetTags

        vectors = (
            self.emission in KINDS
        )  # for symbols a table has one column, of ids or names, which scikit-learn does not expect
        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            input_tags=InputTags(two_d_array=vectors, string=not vectors),  # NaN only in whole rows
        )

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "hmm_")

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self)).parameters
        changed = {k: v for k, v in self.get_params().items() if v != defaults[k].default}
        return f"HMMEstimator({', '.join(f'{k}={v!r}' for k, v in changed.items())})"


def _refuse_unfitted(message: str) -> NoReturn:
    """Raise scikit-learn's NotFittedError if it is installed, otherwise an AttributeError, its base class."""
    try:
        from sklearn.exceptions import NotFittedError
    except ImportError:
        raise AttributeError(message) from None
    raise NotFittedError(message)


_ARGUMENTS = tuple(inspect.signature(HMMEstimator).parameters)


def _symbols(sequences: list[Any]) -> set[Any]:
    """The symbols that occur in the sequences."""
    found: set[Any] = set()
    for x in sequences:
        found.update(np.unique(x).tolist() if isinstance(x, np.ndarray) and x.dtype != object else x)
    return found - {None}
