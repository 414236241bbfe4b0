"""Baum-Welch: learning without labels, by expectation and maximisation.

The expectation step counts how often each arc, symbol and stop is used on average over all hidden paths, each as
probable as the model says. The maximisation step takes relative frequencies of these counts, as if they were labels.
The likelihood never falls; what has probability zero keeps it.
"""

import sys
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.emissions import Rows, redrawn, shares
from tinyseq.hmm.inference.passes.dispatch import Expected, expectations
from tinyseq.hmm.learning.initialisation import redrawn_transition
from tinyseq.hmm.model.probabilities import plain
from tinyseq.hmm.observations import Reading

if TYPE_CHECKING:
    from tinyseq.hmm.model.hmm import HMM

TRIAL = 10  # steps of every start, before the better half goes on


class Fitted(NamedTuple):
    """The result of learning.

    Attributes:
        model: the best model found.
        log_likelihoods: the log-likelihood of all sequences before each step, and after the last.
        converged: whether the last steps gained no more than was asked for.
        restarts: the last log-likelihood of each start; those that fell behind were not followed to the end.
    """

    model: "HMM"
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
        model: "HMM",
        data: Reading,
        learn: frozenset[str],
        tolerance: float,
        callback: Callable[[int, float], Any] | None,
    ) -> None:
        self.model, self.data, self.learn = model, data, learn
        self.tolerance, self.callback = tolerance, callback
        self.curve: list[float] = []
        self.converged = False
        self._expected: Expected | None = None
        self._ahead: HMM | None = model  # where the next step leads, if that is known already

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


def baum_welch(
    model: "HMM",
    data: Reading,
    *,
    max_steps: int,
    tolerance: float,
    restarts: int,
    rng: np.random.Generator,
    learn: frozenset[str],
    callback: Callable[[int, float], Any] | None,
) -> Fitted:
    """`HMM.fit_em` on sequences that the model has read.

    With several starts, the better half goes on each time, twice as far: most time is spent where it pays.
    """
    # Scores that are no probabilities are refused here: a step would make them some, and the likelihood could fall.
    model = model.replaced(model._tables, model.transition, model.emissions, model.end)
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


def warn_of_narrow(model: "HMM", rows: Rows) -> None:
    """Warn where states have closed in on a few observations."""
    narrow = model.emissions.narrow(rows.data)
    if narrow:
        names = ", ".join(repr(model.states[k]) for k in narrow)
        warnings.warn(
            f"a variance of state {names} was kept at its floor: the state has closed in on observations that are"
            " (nearly) equal; learn fewer states, or pass another least variance as floor=",
            stacklevel=4,
        )


def maximised(model: "HMM", rows: Rows, expected: Expected, learn: frozenset[str]) -> "HMM":
    """The model whose tables are the relative frequencies of expected counts; rows never used stay as they are."""
    initial, transition, end = tuple(map(plain, model._tables)), plain(model.transition), model.end
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


def shuffled(model: "HMM", rows: Rows, rng: np.random.Generator) -> "HMM":
    """Random tables with the zeros of the model's own."""
    initial = tuple(redrawn(plain(table), rng) for table in model._tables)
    transition = redrawn_transition(plain(model.transition), rng)
    return model.replaced(initial, transition, model.emissions.shuffled(rows.data, rng), model.end)


def show(step: int, log_likelihood: float) -> None:
    """A callback for `HMM.fit_em` that keeps one line of progress on the screen.

    Args:
        step: the number of the step.
        log_likelihood: of all sequences, before the step.
    """
    print(f"\rBaum-Welch step {step:4d}: log-likelihood {log_likelihood:.4f}", end="", file=sys.stderr, flush=True)
