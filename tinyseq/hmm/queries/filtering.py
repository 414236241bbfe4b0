"""Online inference: filtering, prediction, and the forward table behind both."""

from collections.abc import Hashable
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from tinyseq.arguments import whole
from tinyseq.backend import Array
from tinyseq.hmm.inference.passes.algebras import LogSpace, log_sum
from tinyseq.hmm.model.parameters import Model, Parameters, parameters_of
from tinyseq.hmm.model.probabilities import plain
from tinyseq.hmm.observations import Observations
from tinyseq.hmm.queries.forms import Many, One, Restriction
from tinyseq.hmm.results import ForwardTable, ImpossibleSequenceError, Prediction
from tinyseq.torch_names.settings import explained

SCALES = ("none", "step", "log")
NUMBERS = 1 << 20  # terms of a step that are computed at a time


class Filter:
    """Process a sequence one observation at a time, in constant memory: P(state now | observations so far).

    (Rabiner, 1989, equations 18 to 20, scaled at each step.)

    Args:
        hmm: the model; any n, and transitions may vary with time.

    Attributes:
        steps: the number of observations so far.
        log_likelihood: log P(observations so far), without the probability of ending here.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> rain = HMM([0.5, 0.5], [[0.7, 0.3], [0.3, 0.7]], [[0.9, 0.1], [0.2, 0.8]], states="RS", symbols="UN")
        >>> now = Filter(rain)
        >>> now.update("U").round(3), now.update("U").round(3)
        (array([0.818, 0.182]), array([0.883, 0.117]))
        >>> now.predict(1).states.round(3)
        array([[0.653, 0.347]])
    """

    def __init__(self, hmm: Model) -> None:
        self._parameters = parameters_of("hmm", hmm)
        self._message: Array = np.zeros(())  # log P(the last n - 1 states | observations)
        self.steps = 0
        self.log_likelihood = 0.0

    @property
    def states(self) -> NDArray[Any]:
        """P(state now | observations so far), (K,).

        Raises:
            ValueError: before the first observation.
        """
        if not self.steps:
            raise ValueError("there is no state before the first observation; use predict(1) for the first state")
        return np.asarray(np.exp(_newest(self._message)), dtype=self._parameters.dtype)

    def __repr__(self) -> str:
        return f"Filter(steps={self.steps}, log_likelihood={self.log_likelihood:.6g})"

    def update(self, x: Hashable | NDArray[Any]) -> NDArray[Any]:
        """Add the next observation.

        Args:
            x: an element of a sequence: a symbol, a number or a vector; None if it is missing.

        Returns:
            P(state now | observations so far), (K,).

        Raises:
            ImpossibleSequenceError: if no path can produce the observation. The filter is left unchanged.
            ValueError: for an observation unknown to the model, or after the last of time-varying transitions.
        """
        emissions = self._parameters.emissions
        try:
            rows = emissions.read([np.asarray(plain(x))[None] if hasattr(x, "shape") else [x]])
        except ValueError as error:
            raise ValueError(
                str(error).replace("sequence 0", f"step {self.steps}").replace(", position 0", "")
            ) from None
        scores = emissions.scores(rows.data).logs(np.arange(1))[:, 0]
        before = extended(self._parameters, self._message, self.steps)
        message = before + scores
        total = np.logaddexp.reduce(message.ravel())
        if total == -np.inf:
            raise self._impossible(emissions.describe(rows.data[0]), scores, _newest(before))
        self._message = message - total
        self.steps += 1
        self.log_likelihood += float(total)
        return self.states

    def _impossible(self, what: str, scores: Array, reached: Array) -> ImpossibleSequenceError:
        names = self._parameters.states
        able, there = ([repr(names[k]) for k in np.flatnonzero(row > -np.inf)] for row in (scores, reached))
        if not able:
            why = f"no state can emit {what}"
        else:
            why = (
                f"only {', '.join(able)} can emit {what}, but the states possible now are {', '.join(there) or 'none'}"
            )
        return ImpossibleSequenceError(f"step {self.steps} is impossible: {why}", 0, self.steps)

    def predict(self, steps: int = 1) -> Prediction:
        """Predict the next steps: see `HMM.predict`."""
        self._parameters.require_probabilities("predict")
        return _predicted(self._parameters, self._message, self.steps, whole("steps", steps, 1))


@overload
def filter(hmm: Model, x: One, states: Restriction = None) -> NDArray[Any]: ...


@overload
def filter(hmm: Model, x: Many, states: Restriction = None) -> list[NDArray[Any]]: ...


@explained
def filter(hmm: Model, x: One | Many, states: Restriction = None) -> NDArray[Any] | list[NDArray[Any]]:
    """P(state at t | observations up to t) at each step t; `posterior` also uses the observations after t.

    `tinyseq.hmm.Filter` takes one observation at a time.

    Args:
        x: a sequence, or a list of sequences.
        states: what is known about the hidden states.

    Returns:
        An array (T, K), or a list of them. With ``end``, given that the sequence has not ended before t.

    Raises:
        ImpossibleSequenceError: if no path can produce a sequence; the error says where it fails.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> rain = HMM([0.5, 0.5], [[0.7, 0.3], [0.3, 0.7]], [[0.9, 0.1], [0.2, 0.8]])
        >>> rain.filter([0, 0, 1]).round(3)
        array([[0.818, 0.182],
               [0.883, 0.117],
               [0.191, 0.809]])
    """
    seen, tables, _ = _forward(hmm.parameters, x, states)
    totals = [np.logaddexp.reduce(table, axis=1) for table in tables]
    seen.require_possible(np.array([total.min(initial=0.0) for total in totals]))
    shares = [np.exp(table - total[:, None]) for table, total in zip(tables, totals, strict=True)]
    return seen.answer([share.astype(hmm.parameters.dtype, copy=False) for share in shares])


@overload
def forward_table(hmm: Model, x: One, states: Restriction = None, *, scale: str = "none") -> ForwardTable: ...


@overload
def forward_table(hmm: Model, x: Many, states: Restriction = None, *, scale: str = "none") -> list[ForwardTable]: ...


@explained
def forward_table(
    hmm: Model, x: One | Many, states: Restriction = None, *, scale: str = "none"
) -> ForwardTable | list[ForwardTable]:
    """The table of the forward algorithm: alpha_t(s) = P(observations up to t, state at t is s).

    For n > 2, an entry is the sum over all histories that end in its state.

    Args:
        x: a sequence, or a list of sequences.
        states: what is known about the hidden states.
        scale: ``"none"`` for alpha as defined, which underflows after a few hundred steps (densities may overflow to
            inf instead); ``"step"`` for rows that sum to 1; ``"log"`` for log alpha.

    Returns:
        A `ForwardTable`, or a list of them; a notebook shows it as a table.

    Raises:
        ValueError: for an unknown ``scale``.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> rain = HMM([0.5, 0.5], [[0.7, 0.3], [0.3, 0.7]], [[0.9, 0.1], [0.2, 0.8]])
        >>> rain.forward_table([0, 0, 1]).alpha.round(4)
        array([[0.45  , 0.1   ],
               [0.3105, 0.041 ],
               [0.023 , 0.0975]])
    """
    if not isinstance(scale, str) or scale not in SCALES:
        raise ValueError(f"scale must be one of {', '.join(map(repr, SCALES))}, got {scale!r}")
    seen, tables, _ = _forward(hmm.parameters, x, states)
    found = []
    for table in tables:
        totals = np.logaddexp.reduce(table, axis=1)
        shift = np.where(totals > -np.inf, totals, 0.0)[:, None] if scale == "step" else 0.0
        with np.errstate(over="ignore"):
            alpha = table if scale == "log" else np.exp(table - shift)
        found.append(ForwardTable(alpha, totals, hmm.parameters.states))
    return seen.answer(found)


@overload
def predict(hmm: Model, x: One, steps: int = 1, states: Restriction = None) -> Prediction: ...


@overload
def predict(hmm: Model, x: Many, steps: int = 1, states: Restriction = None) -> list[Prediction]: ...


@explained
def predict(hmm: Model, x: One | Many, steps: int = 1, states: Restriction = None) -> Prediction | list[Prediction]:
    """The distributions of the states and observations that follow a sequence.

    Args:
        x: a sequence, or a list of sequences; [] predicts from the start.
        steps: how many steps ahead.
        states: what is known about the hidden states.

    Returns:
        A `Prediction`, or a list of them.

    Raises:
        ImpossibleSequenceError: if no path can produce a sequence; the error says where it fails.
        ValueError: if ``steps`` is below 1, or goes beyond the last of time-varying transitions; or for a model of
            scores that are not probabilities.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> rain = HMM([0.5, 0.5], [[0.7, 0.3], [0.3, 0.7]], [[0.9, 0.1], [0.2, 0.8]])
        >>> ahead = rain.predict([0, 0], 2)
        >>> ahead.states.round(3), ahead.observations.round(3)
        (array([[0.653, 0.347],
               [0.561, 0.439]]), array([[0.657, 0.343],
               [0.593, 0.407]]))
    """
    steps = whole("steps", steps, 1)
    hmm.parameters.require_probabilities("predict")
    seen, _, last = _forward(hmm.parameters, x, states)
    totals = np.array([np.logaddexp.reduce(message.ravel()) for message in last])
    seen.require_possible(totals)
    return seen.answer(
        [
            _predicted(hmm.parameters, message - total, length, steps)
            for message, total, length in zip(last, totals, seen.rows.lengths, strict=True)
        ]
    )


def extended(model: Parameters, message: Array, t: int) -> Array:
    """The message after one more state, before its observation: log P(last n - 1 states, observations before).

    Args:
        model: the parameters.
        message: the message after t states, with an axis for each of the last n - 1.
        t: the number of states so far.

    Raises:
        ValueError: after the last of time-varying transitions.
    """
    initial, transition, _ = model.logs
    if model.longest is not None and t >= model.longest:
        raise ValueError(f"transition has tables for sequences of up to {model.longest} steps; step {t} has none")
    if t < model.n - 1:
        return message[..., None] + plain(initial[t])
    arcs = plain(transition) if model.longest is None else plain(transition)[t - model.n + 1]
    return np.logaddexp.reduce(message[..., None] + arcs, axis=0)


def _newest(message: Array) -> Array:
    """The log scores of the newest state, summed over the others."""
    return np.logaddexp.reduce(message.reshape(-1, message.shape[-1]), axis=0)


def _predicted(model: Parameters, message: Array, t: int, steps: int) -> Prediction:
    states = np.empty((steps, len(model.states)))
    for h in range(steps):
        message = extended(model, message, t + h)
        states[h] = np.exp(_newest(message))
    typical = model.emissions.typical()
    observations = None
    if typical is not None:
        unknown = np.isnan(typical)  # the mean of heavy tails, which matters only where a state is possible
        observations = np.where(states @ unknown > 0, np.nan, states @ np.where(unknown, 0.0, typical))
        if not model.emissions.symbolic:  # a mean, given that the sequence goes on
            going_on = states.sum(axis=1, keepdims=True)
            observations = np.where(going_on > 0, observations / np.where(going_on > 0, going_on, 1.0), np.nan)
    return Prediction(states.astype(model.dtype, copy=False), observations, model.states)


def _forward(model: Parameters, x: Any, states: Any) -> tuple[Observations, list[Array], list[Array]]:
    """The sequences, log P(observations up to t, state at t) of each (T, K), and the last message of each."""
    seen = Observations(model, x, states)
    size = len(model.states)
    table = np.empty((len(seen.rows.data), size))
    last: list[Array] = [np.zeros(()) for _ in seen.rows.lengths]
    passes = LogSpace(seen.arcs.to(np.float64), seen.scores)
    for tile in seen.batch.tiles(max(1, NUMBERS // passes.arcs.tables[-1].size)):
        done = passes.forward(tile)
        scale = np.zeros(len(tile.order))
        for t, message in enumerate(done.messages[1:]):
            running = tile.sizes[t]
            divisor = done.scales[t]
            if divisor is not None:
                scale[:running] += divisor
            newest = message[0] if len(message) == 1 else log_sum(message, 0)
            table[tile.rows(t)] = (newest + scale[:running]).T
            for column in range(tile.sizes[t + 1] if t + 1 < len(tile.sizes) else 0, running):  # those that end here
                found = message[..., column] + scale[column]
                last[tile.order[column]] = found.reshape((size,) * min(t + 1, model.n - 1))
    return seen, seen.rows.split(table), last
