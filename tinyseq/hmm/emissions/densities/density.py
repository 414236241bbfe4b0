"""The base class of emissions that are numbers or vectors."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from tinyseq.arguments import whole
from tinyseq.autograd.modes import no_grad
from tinyseq.autograd.ops.elementwise.choice import where
from tinyseq.autograd.tensor import Tensor, TensorLike
from tinyseq.backend import Array
from tinyseq.hmm.emissions.densities.groups import kmeans
from tinyseq.hmm.emissions.emission import Emission, Priors, Rows
from tinyseq.hmm.inference.passes.score_tables import Scores
from tinyseq.hmm.model.probabilities import Table, in_recording, plain
from tinyseq.random import Rng, as_generator

CHUNK = 2048  # rows whose densities are computed at a time, so that intermediate results stay in the cache


class Density(Emission):
    """Emissions that are numbers or vectors, defined by a log density, a sampler and a weighted fit.

    A sequence is an array (T, D), or (T,) if D = 1. None, or a row of NaN, is a missing observation.

    To add a family, write a subclass that lists its parameter arrays in ``arrays`` (attributes and arguments of its
    constructor) and its other arguments in ``settings``, and defines ``log_density``, ``draw`` and ``fitted``. It
    inherits everything else: training, gradients, decoding, sampling, missing observations, files.

    Args:
        states: K.
        size: D.

    Example:
        >>> from tinyseq.hmm import HMM, Density
        >>> class Exponential(Density):
        ...     arrays = ("rates",)
        ...
        ...     def __init__(self, rates):
        ...         self.rates = self.taken("rates", rates)
        ...         super().__init__(states=len(self.rates))
        ...
        ...     def log_density(self, x):  # (rows, D) -> (rows, K)
        ...         return np.log(self.rates) - self.rates * x
        ...
        ...     def draw(self, states, rng):
        ...         return rng.exponential(1 / self.rates[states])[:, None]
        ...
        ...     def fitted(self, x, weights, learn):
        ...         return {"rates": weights.sum(axis=0) / (weights.T @ x)[:, 0]}
        >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], Exponential([0.1, 10.0]))
        >>> hmm.viterbi([9.0, 12.0, None, 0.1, 0.2]).path.tolist()
        [0, 0, 0, 1, 1]
        >>> hmm.fit_em([9.0, 12.0, 7.0, 0.1, 0.2, 0.05]).model.emissions.rates.round(1)
        array([0.1, 8.6])
    """

    density = True
    shared: tuple[str, ...] = ()  # arrays without an axis for the states
    support: ClassVar[str] = "finite"  # what an observation must be, for error messages

    def __init__(self, states: int, size: int = 1) -> None:
        self.states = whole("states", states)
        self.size = whole("size", size)

    # -- to be defined by a subclass -----------------------------------------------------------------------------------

    @abstractmethod
    def log_density(self, x: Array) -> Table:
        """Log densities (rows, K) of observations (rows, D), none of them missing.

        Parameters may be tensors: if it is written with operators and NumPy's functions, they receive gradients.
        """

    @abstractmethod
    def draw(self, states: Array, rng: np.random.Generator) -> Array:
        """One observation for each state, (rows, D).

        Args:
            states: (rows,), ids.
            rng: the random number generator.
        """

    @abstractmethod
    def fitted(self, x: Array, weights: Array, learn: frozenset[str]) -> Mapping[str, Array]:
        """The arrays that maximise the weighted log density of the observations, or at least increase it.

        Args:
            x: (rows, D), none of them missing.
            weights: (rows, K).
            learn: the names of the arrays to fit; the others are fixed.

        Returns:
            The arrays by name.
        """

    def fitted_with(self, x: Array, weights: Array, learn: frozenset[str], priors: Priors) -> Mapping[str, Array]:
        """As `fitted`, with priors of the arrays in ``conjugate``: see `priors.Conjugate`."""
        return self.fitted(x, weights, learn)

    def possible(self, x: Array) -> Array:
        """Which observations (rows, D) are in the support, (rows,); by default all finite ones."""
        return np.asarray(np.isfinite(x).all(axis=1))

    # -- inherited -----------------------------------------------------------------------------------------------------

    @staticmethod
    def taken(name: str, values: TensorLike) -> Table:
        """A copy of a parameter as a float array, which is read-only; a tensor stays a tensor.

        Args:
            name: of the parameter, for errors.
            values: numbers, an array or a tensor.

        Raises:
            ValueError: if it is not numeric, or not finite.
        """
        try:
            if isinstance(values, Tensor):
                values = values if values.dtype.kind == "f" else values.numpy().astype(np.float64)
            else:
                values = np.array(values, dtype=np.float64)
                values.flags.writeable = False  # models share their emissions
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} must be numbers ({error})") from error
        if in_recording(values):
            return values
        wrong = np.argwhere(~np.isfinite(plain(values)))
        if len(wrong):
            place = tuple(wrong[0].tolist())
            raise ValueError(f"{name}{list(place)} is {plain(values)[place]}, but must be finite")
        return values

    @staticmethod
    def columns(name: str, values: TensorLike) -> Table:
        """The same as `taken`, with an axis for D, also where D = 1.

        Args:
            name, values: as for `taken`.

        Raises:
            ValueError: as `taken`, and for a single number.
        """
        values = Density.taken(name, values)
        if values.ndim == 0:
            raise ValueError(f"{name} must have an entry for each state, got a number")
        return values.reshape(-1, 1) if values.ndim == 1 else values

    def replaced(self, **arrays: Table) -> Self:
        """A copy with other arrays."""
        given = {name: getattr(self, name) for name in (*self.arrays, *self.settings)}
        return type(self)(**given | arrays)

    def is_one(self, x: object) -> bool:
        """Whether x is one sequence: numbers, or vectors of length D."""
        if isinstance(x, np.ndarray) and x.dtype != object:
            return x.ndim == 1 or (x.ndim == 2 and x.shape[1] == self.size)
        items: Any = x
        first: Any = next((item for item in items if item is not None), 0.0)
        if not hasattr(first, "__len__") or getattr(first, "ndim", 1) == 0:
            return True
        numbers = not any(value is None or hasattr(value, "__len__") for value in first)
        return self.size > 1 and len(first) == self.size and numbers

    def read(self, sequences: Sequence[Any]) -> Rows:
        """Sequences as arrays (T, D).

        Raises:
            ValueError: if observations are not numeric, have another shape, are outside the support, or if a row is
                partly NaN; the error gives the position.
        """
        parts = [np.zeros((0, self.size))]
        for i, sequence in enumerate(sequences):
            if isinstance(sequence, list | tuple) and any(item is None for item in sequence):
                vectors = self.size > 1 or any(getattr(item, "shape", ()) == (1,) for item in sequence)
                sequence = [
                    ([np.nan] * self.size if vectors else np.nan) if item is None else item for item in sequence
                ]
            try:
                values = np.asarray(sequence, dtype=np.float64)
            except (TypeError, ValueError) as error:
                raise ValueError(f"sequence {i}: observations must be numbers ({error})") from error
            values = values.reshape(-1, 1) if values.ndim == 1 and self.size == 1 else values
            values = values.reshape(0, self.size) if not values.size else values
            if values.ndim != 2 or values.shape[1] != self.size:
                raise ValueError(f"sequence {i}: observations must have shape (T, {self.size}), got {values.shape}")
            wrong = ~(self.possible(values) | np.isnan(values).all(axis=1))
            if wrong.any():
                t = int(np.argmax(wrong))
                raise ValueError(
                    f"sequence {i}, position {t}: {values[t]} must be {self.support}, or all NaN if it is missing"
                )
            parts.append(values)
        return Rows(np.concatenate(parts), [len(part) for part in parts[1:]])

    def scores(self, data: Array) -> Scores:
        """Log densities; 0 for a missing observation.

        Raises:
            ValueError: if ``log_density`` returns another shape than (rows, K), NaN or infinity.
        """
        seen = ~np.isnan(data[:, 0])
        whole = bool(seen.all())
        rows = data if whole else data[seen]
        found = np.empty((self.states, len(rows))).T  # a state's scores side by side, as the passes read them
        with no_grad(), np.errstate(over="ignore", divide="ignore"):  # an overflow is a log density of -inf
            for start in range(0, len(rows), CHUNK):
                found[start : start + CHUNK] = self._checked(plain(self.log_density(rows[start : start + CHUNK])))
        if not (found < np.inf).all():
            t, k = np.argwhere(~(found < np.inf))[0].tolist()
            raise ValueError(
                f"{type(self).__name__}.log_density must be finite or -inf, got {found[t, k]} for the observation "
                f"{rows[t]} in state {k}"
            )
        if whole:
            return Scores.dense(found)
        scores = np.zeros((self.states, len(data))).T
        scores[seen] = found
        return Scores.dense(scores)

    def _checked(self, scores: Any) -> Any:
        if scores.ndim != 2 or scores.shape[1] != self.states:
            raise ValueError(
                f"{type(self).__name__}.log_density must return one column for each of {self.states} states, (rows, "
                f"{self.states}); got {scores.shape}"
            )
        return scores

    def recorded(self, data: Array) -> Tensor:
        """See `Emission`."""
        if not any(isinstance(part, Tensor) and part.requires_grad for part in self.parameters):
            return Tensor(self.scores(data).logs(np.arange(len(data))).T)
        seen = ~np.isnan(data[:, :1])
        if not seen.any():
            return Tensor(np.zeros((len(data), self.states)))
        stand_in = data[seen[:, 0]][0]  # any observation with a density; its score is masked out
        scores = self._checked(self.log_density(np.where(seen, data, stand_in)))
        return where(seen, scores, 0.0)

    def sample(self, states: Array, rng: Rng = None) -> Array:
        """See `Emission`."""
        return self.draw(states, as_generator(rng))

    def learned(
        self, data: Array, states: Array, learn: frozenset[str] | None = None, priors: Priors | None = None
    ) -> Self:
        """A weighted fit; a state that is never used keeps its parameters, except arrays with a prior."""
        wanted = frozenset(self.arrays) if learn is None else learn & frozenset(self.arrays)
        seen = ~np.isnan(data[:, 0])
        if not seen.all():
            data, states = data[seen], states[seen]
        used = np.ones(len(states)) @ states > 0
        before = {name: np.array(plain(getattr(self, name))) for name in self.arrays}
        if not used.any() and not priors:
            return self.replaced(**before)
        with np.errstate(divide="ignore", invalid="ignore"):  # states without weight are restored below
            found = self.replaced(**before).fitted_with(data, states, wanted, priors or {})
        after = {name: np.array(found[name]) for name in found if name in wanted}
        for name, values in after.items():
            if name in self.shared:
                values[...] = values if np.isfinite(values).all() else before[name]
                continue
            rows = values.reshape(len(values), -1)
            lost = ~used if name not in (priors or ()) else ~used & ~np.isfinite(rows).all(axis=1)
            values[lost] = before[name][lost]
        return self.replaced(**before | after)

    def shuffled(self, data: Array, rng: np.random.Generator) -> Self:
        """A fit to clusters around random observations that lie far apart."""
        return self._from_groups(data, rng, steps=0)

    def kmeans(self, sequences: Sequence[object] | Array, rng: Rng = None) -> Self:
        """Emissions of the same family, with each state fitted to one cluster of k-means: a start for training.

        (k-means++, Arthur and Vassilvitskii, 2007, and Lloyd's algorithm.)

        Args:
            sequences: a sequence, or a list of them.
            rng: the randomness of the first centres: a NumPy generator, or a seed; by default the generator of
                `tinyseq.manual_seed`.

        Returns:
            The emissions, fitted.

        Example:
            >>> from tinyseq.hmm import Gaussian
            >>> start = Gaussian([0.0, 0.0], [1.0, 1.0]).kmeans([1.0, 1.2, 7.0, 7.4], rng=0)
            >>> sorted(start.means[:, 0].tolist())
            [1.1, 7.2]
        """
        data = self.read([sequences] if self.is_one(sequences) else list(sequences)).data
        return self._from_groups(data, as_generator(rng), steps=50)

    def _from_groups(self, data: Array, rng: np.random.Generator, steps: int) -> Self:
        data = data[~np.isnan(data[:, 0])]
        if not len(data):
            return self
        _, groups = kmeans(data, self.states, rng, steps)
        return self.learned(data, (groups[:, None] == np.arange(self.states)).astype(np.float64))

    def describe(self, datum: object) -> str:
        """See `Emission`."""
        return f"the observation {np.asarray(datum)}"

    def both(self, data: Array, other: Array) -> Array:
        """The observations of either list; None where both are missing."""
        missing, clash = np.isnan(data), (data != other) & ~np.isnan(data) & ~np.isnan(other)
        if clash.any():
            t = int(np.argwhere(clash)[0, 0])
            raise ValueError(f"position {t}: cannot be {data[t]} and {other[t]} at once")
        return np.where(missing, other, data)
