"""Baum-Welch: learning without labels, by expectation and maximisation.

The expectation step counts how often each arc, symbol and stop is used on average over all hidden paths, each as
probable as the model says. The maximisation step takes relative frequencies of these counts, as if they were labels.
The likelihood never falls; what has probability zero keeps it.
"""

import sys
import warnings
from collections.abc import Callable, Collection
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np

from tinyseq.arguments import whole
from tinyseq.backend import Array
from tinyseq.hmm.emissions import Rows, redrawn, shares
from tinyseq.hmm.inference.passes.dispatch import Expected, expectations
from tinyseq.hmm.learning.initialisation import redrawn_transition
from tinyseq.hmm.model.parameters import Model, Parameters
from tinyseq.hmm.model.probabilities import plain
from tinyseq.hmm.observations import Observations
from tinyseq.random import Rng, as_generator

M = TypeVar("M")
H = TypeVar("H", bound=Model)

TRIAL = 10  # steps of every start, before the better half goes on


class Fitted(NamedTuple, Generic[M]):
    """The result of learning.

    Attributes:
        model: the best model found.
        log_likelihoods: the log-likelihood of all sequences before each step, and after the last.
        converged: whether the last steps gained no more than was asked for.
        restarts: the last log-likelihood of each start; those that fell behind were not followed to the end.
    """

    model: M
    log_likelihoods: list[float]
    converged: bool
    restarts: list[float]

    def __repr__(self) -> str:
        first, last = self.log_likelihoods[0], self.log_likelihoods[-1]
        state = "converged" if self.converged else "not converged"
        steps = len(self.log_likelihoods) - 1
        chosen = f", best of {len(self.restarts)} starts" if len(self.restarts) > 1 else ""
        return f"Fitted({self.model!r}, {state} after {steps} steps: log-likelihood {first:.6g} -> {last:.6g}{chosen})"


class Climb:
    """Steps of Baum-Welch from one start.

    Args:
        model: where it starts.
        data: what it learns from.
        learn: what it learns.
        tolerance: it has converged when two steps gain no more than this each, and the second no more than the first:
            leaving a saddle, they grow.
        callback: called with each step and its log-likelihood; or None.

    Attributes:
        model: where it is.
        curve: the log-likelihood at each step so far.
        converged: whether it has.
    """

    def __init__(
        self,
        model: Parameters,
        data: Observations,
        learn: frozenset[str],
        tolerance: float,
        callback: Callable[[int, float], Any] | None,
    ) -> None:
        self.model, self.data, self.learn = model, data, learn
        self.tolerance, self.callback = tolerance, callback
        self.curve: list[float] = []
        self.converged = False
        self._expected: Expected | None = None
        self._ahead: Parameters | None = model  # where the next step leads, if that is known already

    def go_on(self, last: int) -> None:
        """Go on until step ``last``, if it does not converge before."""
        while len(self.curve) <= last and not self.converged:
            self._look_ahead()
            assert self._ahead is not None
            self.model, self._ahead = self._ahead, None
            seen = self.data.by(self.model)
            self._expected = expectations(seen.arcs, seen.scores, seen.batch)
            seen.require_possible(self._expected.log_likelihood)
            self.curve.append(float(self._expected.log_likelihood.sum()))
            if self.callback is not None:
                self.callback(len(self.curve) - 1, self.curve[-1])
            if len(self.curve) > 2:
                before, gain = self.curve[-2] - self.curve[-3], self.curve[-1] - self.curve[-2]
                self.converged = gain <= before <= self.tolerance

    def pause(self) -> None:
        """Let go of the posteriors, which take as much memory as the data."""
        if not self.converged:
            self._look_ahead()
        self._expected = None

    def _look_ahead(self) -> None:
        if self._ahead is None:
            assert self._expected is not None
            self._ahead = maximised(self.model, self.data.rows, self._expected, self.learn)


def fit_em(
    hmm: H,
    sequences: Any,
    states: Any = None,
    *,
    max_steps: int = 100,
    tolerance: float = 1e-3,
    restarts: int = 1,
    rng: Rng = None,
    learn: Collection[str] = ("initial", "transition", "emission", "end"),
    callback: Callable[[int, float], Any] | None = None,
) -> Fitted[H]:
    """Learn from sequences without labels, or with some, by Baum-Welch (EM); this model is where it starts.

    (Baum and others 1970; Rabiner 1989, section III C.)

    The likelihood never falls. Probabilities that are zero stay zero, so a model keeps its shape (left to right,
    for example). A state that the sequences never use keeps its tables. What is learned is in float64.

    Args:
        sequences: a sequence, or a list of sequences.
        states: what is known about their hidden states; with it learning is semi-supervised.
        max_steps: when to stop at the latest.
        tolerance: stop when two steps gain no more than this each, in nats for all sequences together, and the
            second no more than the first; leaving a saddle, steps grow.
        restarts: how many starts; all but the first have random tables, with the zeros of this model. The likelier
            half of them goes on each time, twice as far, and the last one to its end.
        rng: where their randomness comes from: a NumPy generator, or a seed; by default the generator of
            `tinyseq.manual_seed`.
        learn: what is learned, a name or several; the rest stays as it is. Arrays of the emission model have names
            of their own, such as ``"means"``.
        callback: called with the number of each step and the log-likelihood; `tinyseq.hmm.show` prints them.

    Returns:
        `Fitted`: the model, the log-likelihood at each step, and whether it converged.

    Raises:
        ImpossibleSequenceError: if the model cannot produce a sequence, with the place where it goes wrong.
        ValueError: for sequences without an observation, an unknown name in ``learn``, fewer than one start, or a
            model made of scores that are no probabilities.
        TypeError: for a number of steps or restarts that is not whole.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> start = HMM([0.5, 0.5], [[0.6, 0.4], [0.4, 0.6]], [[0.7, 0.3], [0.3, 0.7]])
        >>> fitted = start.fit_em([[0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1]])
        >>> fitted.converged, fitted.log_likelihoods[-1] > fitted.log_likelihoods[0]
        (True, True)
    """
    found = baum_welch(
        hmm.parameters,
        sequences,
        states,
        max_steps=max_steps,
        tolerance=tolerance,
        restarts=restarts,
        rng=rng,
        learn=learn,
        callback=callback,
    )
    return Fitted(hmm.from_parameters(found.model), *found[1:])


def baum_welch(
    model: Parameters,
    sequences: Any,
    states: Any = None,
    *,
    max_steps: int,
    tolerance: float,
    restarts: int,
    rng: Rng,
    learn: Collection[str],
    callback: Callable[[int, float], Any] | None,
) -> Fitted[Parameters]:
    """`fit_em`, on parameters.

    With several starts, the better half goes on each time, twice as far: most time is spent where it pays.
    """
    learn = frozenset({learn} if isinstance(learn, str) else learn)
    known = ("initial", "transition", "emission", "end", *model.emissions.arrays)
    if learn - set(known):
        raise ValueError(f"learn names {min(learn - set(known))!r}; it may name {', '.join(known)}")
    data = Observations(model, sequences, states)
    if not len(data.rows.data):
        raise ValueError("sequences hold no observation to learn from")
    max_steps, restarts = whole("max_steps", max_steps, 0), whole("restarts", restarts, 1)
    rng = as_generator(rng)
    # Scores that are no probabilities are refused here: a step would make them some, and the likelihood could fall.
    model = model.replaced(model.tables, model.transition, model.emissions, model.end)
    starts = [model, *(shuffled(model, data.rows, rng) for _ in range(restarts - 1))]
    climbs = [Climb(start, data, learn, tolerance, callback) for start in starts]
    leading, last = climbs, TRIAL
    while len(leading) > 1:
        for climb in leading:
            climb.go_on(min(last, max_steps))
            climb.pause()
        leading = sorted(leading, key=lambda climb: -climb.curve[-1])[: len(leading) // 2]
        last *= 2
    best = leading[0]
    best.go_on(max_steps)
    if max_steps and not learn.isdisjoint({"emission", "covariances"}):
        warn_of_narrow(best.model, data.rows)
    return Fitted(best.model, best.curve, best.converged, [climb.curve[-1] for climb in climbs])


def warn_of_narrow(model: Parameters, rows: Rows) -> None:
    """Warn where states have closed in on a few observations."""
    narrow = model.emissions.narrow(rows.data)
    if narrow:
        names = ", ".join(repr(model.states[k]) for k in narrow)
        warnings.warn(
            f"a variance of state {names} was kept at its floor: the state has closed in on observations that are"
            " (nearly) equal; learn fewer states, or pass another least variance as floor=",
            stacklevel=4,
        )


def maximised(model: Parameters, rows: Rows, expected: Expected, learn: frozenset[str]) -> Parameters:
    """The model whose tables are the relative frequencies of expected counts; rows never used stay as they are."""
    initial, transition, end = tuple(map(plain, model.tables)), plain(model.transition), model.end
    counts = [count.reshape(table.shape) for count, table in zip(expected.counts, initial, strict=False)]
    n = model.n
    uses = np.reshape(expected.counts[n - 1 :], transition.shape) if expected.counts[n - 1 :] else 0 * transition
    # Shares are of what does not stop; without an end, nothing stops.
    going_on = np.ones(1) if end is None else 1 - plain(end)
    if "end" in learn and end is not None:
        visits = expected.states.sum(axis=0)
        end = np.where(visits > 0, expected.stops / np.where(visits > 0, visits, 1.0), plain(end)).clip(0, 1)
    still = np.ones(1) if end is None else 1 - plain(end)

    def settled(name: str, counts: Array, before: Array) -> Array:
        if name in learn:
            return _conditional(counts, before, going_on, still)
        # What is not learned keeps its shares, but an end that is learned leaves more or less for them to share.
        return _conditional(0 * counts, before, going_on, still) if "end" in learn else before

    first = shares(counts[0], initial[0]) if "initial" in learn else initial[0]
    rest = (settled("initial", c, t) for c, t in zip(counts[1:], initial[1:], strict=True))
    transition = settled("transition", uses, transition)
    arrays = None if "emission" in learn else learn & frozenset(model.emissions.arrays)
    emission = model.emissions
    if arrays is None or arrays:
        emission = emission.learned(rows.data, expected.states, arrays)
    return model.replaced((first, *rest), transition, emission, end)


def _conditional(counts: Array, before: Array, going_on: Array, still: Array) -> Array:
    """Shares of counts for each history, times the probability to go on from its last state."""
    old = np.where(going_on[:, None] > 0, before / np.where(going_on > 0, going_on, 1.0)[:, None], 0.0)
    return shares(counts, old) * still[:, None]


def shuffled(model: Parameters, rows: Rows, rng: np.random.Generator) -> Parameters:
    """Random tables with the zeros of the model's own."""
    initial = tuple(redrawn(plain(table), rng) for table in model.tables)
    transition = redrawn_transition(plain(model.transition), rng)
    return model.replaced(initial, transition, model.emissions.shuffled(rows.data, rng), model.end)


def show(step: int, log_likelihood: float) -> None:
    """A callback for `HMM.fit_em` that keeps one line of progress on the screen.

    Args:
        step: the number of the step.
        log_likelihood: of all sequences, before the step.
    """
    print(f"\rBaum-Welch step {step:4d}: log-likelihood {log_likelihood:.4f}", end="", file=sys.stderr, flush=True)
