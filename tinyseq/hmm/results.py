"""The result types of inference."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyseq.backend import host_array
from tinyseq.hmm.interop import notebook
from tinyseq.hmm.model.labels import Items


class Decoding(NamedTuple):
    """A path of hidden states and its score.

    Attributes:
        path: the state at each step: names if the model has them, else an array of ids.
        log_prob: the log of the joint probability of path and observations.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]])
        >>> path, log_prob = hmm.viterbi([0, 1])
        >>> path.tolist(), round(log_prob, 3)
        ([0, 0], -2.185)
    """

    path: Items
    log_prob: float

    def _repr_html_(self) -> str:
        return notebook.strip({"state": self.path}, f"the most probable path, log probability {self.log_prob:.6g}")


class MarginalDecoding(NamedTuple):
    """The most probable state at each step, chosen independently of the others.

    Attributes:
        path: the states; taken together they may be an impossible path.
        expected_accuracy: the expected share of correct states; no other path has a larger one.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]])
        >>> path, expected_accuracy = hmm.posterior_decode([0, 1])
        >>> path.tolist(), round(expected_accuracy, 3)
        ([0, 0], 0.717)
    """

    path: Items
    expected_accuracy: float

    def _repr_html_(self) -> str:
        caption = f"the most probable state at each step, expected accuracy {self.expected_accuracy:.1%}"
        return notebook.strip({"state": self.path}, caption)


class Drawn(NamedTuple):
    """A sequence drawn from a model.

    Attributes:
        observations: the emitted observations.
        states: the hidden states that emitted them.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> drawn = HMM([1, 0], [[0, 1], [1, 0]], np.eye(2), symbols="ab").sample(3, rng=0)
        >>> drawn.observations, drawn.states.tolist()
        (['a', 'b', 'a'], [0, 1, 0])
    """

    observations: Items
    states: Items

    def _repr_html_(self) -> str:
        return notebook.strip({"state": self.states, "observation": self.observations}, "drawn from the model")


class Posterior:
    """The posterior distribution of the hidden states of one sequence.

    Attributes:
        log_likelihood: log P(observations).
        states: (T, K), P(state at t | observations).
        transitions: (T - n + 1, K, ..., K) P(states at t, ..., t + n - 1 | observations) for n-grams of states. It is
            computed on first access, as it is K times as large as everything else.
        names: the names of the states.
        symbols: the observations as the model names them, None where one is missing; empty if they are not symbols.

    Example:
        >>> import tinyseq as ts
        >>> hmm = ts.hmm.HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[0.8, 0.2], [0.2, 0.8]])
        >>> hmm.posterior([0, 0]).states.round(2)
        array([[0.92, 0.08],
               [0.92, 0.08]])
    """

    def __init__(
        self,
        log_likelihood: float,
        states: NDArray[Any],
        transitions: Callable[[], NDArray[Any]],
        names: Sequence[Any] = (),
        symbols: Callable[[], Sequence[Any]] = tuple,
    ) -> None:
        self.log_likelihood = log_likelihood
        self.states = states
        self.names = names
        self._transitions = transitions
        self._symbols = symbols

    @cached_property
    def symbols(self) -> Sequence[Any]:
        """The observations as the model names them."""
        return self._symbols()

    @cached_property
    def transitions(self) -> NDArray[Any]:
        """P(states at t, ..., t + n - 1 | observations), (T - n + 1, K, ..., K)."""
        return self._transitions()

    def _repr_html_(self) -> str:
        rows, columns = range(len(self.states)), range(self.states.shape[1])
        caption = f"P(state | observations) by step, log-likelihood {self.log_likelihood:.6g}"
        return notebook.table(self.states, rows, self.names or columns, caption)

    def __repr__(self) -> str:
        states = np.array2string(host_array(self.states), precision=3, threshold=60, prefix="states=")
        return f"Posterior(log_likelihood={self.log_likelihood:.6g}, states={states})"


class Prediction(NamedTuple):
    """The predicted continuation of a sequence, step by step.

    Attributes:
        states: (steps, K), P(state h steps ahead | observations). With ``end``, a row sums to the probability that the
            sequence is at least that long.
        observations: (steps, V), the same for symbols; for numbers (steps, D), their mean, given that the sequence goes
            on; None if the emission model does not define a mean.
        names: the names of the states.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> ahead = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]]).predict([0], steps=1)
        >>> ahead.states.round(3), ahead.observations.round(3)
        (array([[0.783, 0.217]]), array([[0.413, 0.587]]))
    """

    states: NDArray[Any]
    observations: NDArray[Any] | None
    names: Sequence[Any] = ()

    def _repr_html_(self) -> str:
        rows, columns = range(1, len(self.states) + 1), range(self.states.shape[1])
        return notebook.table(self.states, rows, self.names or columns, "P(state | observations) by steps ahead")


class ForwardTable(NamedTuple):
    """The table of the forward algorithm.

    Attributes:
        alpha: (T, K), P(observations up to t, state at t), scaled as requested.
        log_likelihoods: (T,), log P(observations up to t): the log of the sum of each row before scaling.
        names: the names of the states.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> table = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]]).forward_table([0, 1])
        >>> table.alpha.round(3), table.log_likelihoods.round(3)
        (array([[0.25 , 0.05 ],
               [0.118, 0.059]]), array([-1.204, -1.737]))
    """

    alpha: NDArray[Any]
    log_likelihoods: NDArray[Any]
    names: Sequence[Any] = ()

    def _repr_html_(self) -> str:
        rows, columns = range(len(self.alpha)), range(self.alpha.shape[1])
        return notebook.table(self.alpha, rows, self.names or columns, "the forward table, alpha by step")


class ImpossibleSequenceError(ValueError):
    """Raised for a sequence that no path of states can produce.

    Attributes:
        sequence: the index of the sequence.
        position: the first position that no path can reach, or the length if no path can end there.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> try:
        ...     HMM([1, 0], [[0, 1], [1, 0]], [[1, 0], [0, 1]], symbols="ab").viterbi("abb")
        ... except ImpossibleSequenceError as error:
        ...     print(error.position, error)
        2 sequence 0 is impossible: only state 1 can emit 'b' at position 2, and no path leads there: the observations
        before it end in state 1, which has no transition to it
    """

    def __init__(self, message: str, sequence: int, position: int) -> None:
        super().__init__(message, sequence, position)  # pickle calls the constructor with these
        self.sequence = sequence
        self.position = position

    def __str__(self) -> str:
        return str(self.args[0])
