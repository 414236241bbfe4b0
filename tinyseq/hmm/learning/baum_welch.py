"""Baum-Welch: training without labels, by expectation maximisation (EM).

The expectation step counts how often each arc, symbol and stop is used in expectation over all hidden
paths, under the current model. The maximisation step takes relative frequencies of these expected counts.
The likelihood never decreases; zero probabilities stay zero. With priors, it is the log-likelihood plus the log density
of the priors that never decreases (`tinyseq.hmm.learning.priors`).
"""

import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from tinyseq.arguments import whole
from tinyseq.autograd.anomaly import frames_inside
from tinyseq.backend import Array
from tinyseq.hmm.emissions import Rows, redrawn, shares
from tinyseq.hmm.emissions.emission import Priors as PriorValues
from tinyseq.hmm.inference.passes.dispatch import Expected, expectations
from tinyseq.hmm.learning.initialisation import redrawn_transition
from tinyseq.hmm.learning.priors import Priors
from tinyseq.hmm.model.parameters import Model, Parameters
from tinyseq.hmm.model.probabilities import plain
from tinyseq.hmm.observations import Observations
from tinyseq.hmm.queries.forms import Many, One, Restriction
from tinyseq.progress import shown, stops
from tinyseq.random import Rng, as_generator
from tinyseq.torch_names.settings import explained

M = TypeVar("M")
H = TypeVar("H", bound=Model)

TRIAL = 10  # steps of every start before the worse half is dropped


class EMReport(NamedTuple):
    """The state of a run of Baum-Welch.

    Attributes:
        step: the number of steps taken; with several starts, from this start.
        log_likelihood: of all sequences, after these steps.
        start: which start it is, from 0.
    """

    step: int
    log_likelihood: float
    start: int


Callback = Callable[[EMReport], object]


class Fitted(NamedTuple, Generic[M]):
    """The result of training.

    Attributes:
        model: the best model found.
        log_likelihoods: the log-likelihood of all sequences before each step, and after the last.
        converged: whether the last steps gained no more than the tolerance.
        restarts: the last log-likelihood of each start, with priors the last objective; the worse ones were stopped
            early. -inf for a start that a callback left no time for.
        objectives: what never decreases: with priors the log-likelihoods plus the log density of the priors, up to a
            constant; else the log-likelihoods.
    """

    model: M
    log_likelihoods: list[float]
    converged: bool
    restarts: list[float]
    objectives: list[float]

    def __repr__(self) -> str:
        first, last = self.log_likelihoods[0], self.log_likelihoods[-1]
        state = "converged" if self.converged else "not converged"
        steps = len(self.log_likelihoods) - 1
        chosen = f", best of {len(self.restarts)} starts" if len(self.restarts) > 1 else ""
        return f"Fitted({self.model!r}, {state} after {steps} steps: log-likelihood {first:.6g} -> {last:.6g}{chosen})"


class Climb:
    """Steps of Baum-Welch from one start.

    Args:
        model: the initial model.
        data: the training data.
        learn: what is learned.
        priors: the priors of its parameters.
        tolerance: converged when two steps each gain no more than this, and the second no more than the first; near a
            saddle point, gains increase.
        start: which start it is, from 0.

    Attributes:
        model: the current model.
        curve: the log-likelihood at each step so far.
        objectives: the same with the log density of the priors.
        converged: whether it has converged.
    """

    def __init__(
        self,
        model: Parameters,
        data: Observations,
        learn: frozenset[str],
        priors: Priors,
        tolerance: float,
        start: int,
    ) -> None:
        self.model, self.data, self.learn, self.priors = model, data, learn, priors
        self.tolerance, self.start = tolerance, start
        self.curve: list[float] = []
        self.objectives: list[float] = []
        self.converged = False
        self._expected: Expected | None = None
        self._ahead: Parameters | None = model  # the model after the next step, if already computed

    def go_on(self, last: int) -> Iterator[EMReport]:
        """Continue until step ``last``, or until convergence; yields a report before the first step and after each."""
        while len(self.curve) <= last and not self.converged:
            self._look_ahead()
            assert self._ahead is not None
            self.model, self._ahead = self._ahead, None
            seen = self.data.by(self.model)
            self._expected = expectations(seen.arcs, seen.scores, seen.batch)
            seen.require_possible(self._expected.log_likelihood)
            self.curve.append(float(self._expected.log_likelihood.sum()))
            self.objectives.append(self.curve[-1] + self.priors.log_density(self.model))
            if len(self.objectives) > 2:
                first, second, third = self.objectives[-3:]
                self.converged = third - second <= second - first <= self.tolerance
            yield EMReport(len(self.curve) - 1, self.curve[-1], self.start)

    def pause(self) -> None:
        """Free the posteriors, which take as much memory as the data."""
        if not self.converged:
            self._look_ahead()
        self._expected = None

    def _look_ahead(self) -> None:
        if self._ahead is None:
            assert self._expected is not None
            self._ahead = maximised(self.model, self.data.rows, self._expected, self.learn, self.priors)


@explained
def fit_em(
    hmm: H,
    sequences: One | Many,
    states: Restriction = None,
    *,
    max_steps: int = 100,
    tolerance: float = 1e-3,
    restarts: int = 1,
    rng: Rng = None,
    learn: Collection[str] = ("initial", "transition", "emission", "end"),
    priors: PriorValues | None = None,
    progress: bool = False,
    callbacks: Sequence[Callback] = (),
) -> Fitted[H]:
    """Train on sequences without labels, or with some, by Baum-Welch (EM), starting from this model.

    (Baum and others, 1970; Rabiner, 1989, section III C.)

    The likelihood never decreases. Zero probabilities stay zero, so a model keeps its structure (left-to-right, for
    example). A state that is never used keeps its tables. The learned tables are float64.

    Args:
        sequences: a sequence, or a list of sequences.
        states: what is known about their hidden states, for semi-supervised training.
        max_steps: the maximum number of steps.
        tolerance: stop when two steps each gain no more than this, in nats summed over all sequences, and the second
            no more than the first; near a saddle point, gains increase.
        restarts: how many starts; all but the first have random tables, with the zeros of this model. The worse
            half is dropped each round, and the rest run twice as long; the last one runs to its end.
        rng: the randomness of the restarts: a NumPy generator, or a seed; by default the generator of
            `tinyseq.manual_seed`.
        learn: what is learned, one name or several; the rest is left unchanged. Arrays of the emission model have names
            of their own, such as ``"means"``.
        priors: conjugate priors, by the names of what they are priors of, for maximum a posteriori estimates (MAP:
            Gauvain and Lee, 1994). Probability tables (``"initial"``, ``"transition"``, ``"emission"``, and arrays of
            probabilities) take the parameters of a Dirichlet distribution, at least 1: a number, or an array that
            broadcasts to the table; for n > 2, ``"initial"`` takes a tuple of them, too. ``"end"`` takes the pair (a,
            b) of a Beta distribution. ``"means"`` takes a pair (mean, weight): as though ``weight`` observations at
            ``mean`` had been made; ``"covariances"`` (``"scales"`` of `StudentT`) a pair (scatter, weight): as though
            ``weight`` observations with that sum of squared deviations had been made. ``"rates"`` takes the pair (a,
            b) of a Gamma distribution. Densities: `tinyseq.hmm.emissions.densities.priors`.
        progress: show the step and the log-likelihood, as `tinyseq.train.progress` does.
        callbacks: called with an `EMReport` before the first step and after each; one that returns True stops the run.

    Returns:
        `Fitted`: the model, the log-likelihood at each step, and whether it converged.

    Raises:
        ImpossibleSequenceError: if the model cannot produce a sequence; the error says where it fails.
        ValueError: for sequences without observations, an unknown name in ``learn`` or ``priors``, a prior that does
            not fit, fewer than one start, or a model made of scores that are not probabilities.
        TypeError: if ``max_steps`` or ``restarts`` is not a whole number, or a prior has another form.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> start = HMM([0.5, 0.5], [[0.6, 0.4], [0.4, 0.6]], [[0.7, 0.3], [0.3, 0.7]])
        >>> fitted = start.fit_em([[0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1]])
        >>> fitted.converged, fitted.log_likelihoods[-1] > fitted.log_likelihoods[0]
        (True, True)
        >>> careful = start.fit_em([[0, 0, 1]], priors={"emission": 2.0}, max_steps=1)  # one more of each symbol
        >>> bool((careful.model.emission > 0.2).all())
        True
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
        priors=priors,
        progress=progress,
        callbacks=callbacks,
    )
    return Fitted(hmm.from_parameters(found.model), *found[1:])


def baum_welch(
    model: Parameters,
    sequences: One | Many,
    states: Restriction = None,
    *,
    max_steps: int,
    tolerance: float,
    restarts: int,
    rng: Rng,
    learn: Collection[str],
    priors: PriorValues | None,
    progress: bool,
    callbacks: Sequence[Callback],
) -> Fitted[Parameters]:
    """`fit_em`, on parameters.

    With several starts, the worse half is dropped each round, and the rest run twice as long (successive halving).
    """
    learn = _names(learn, model)
    data = Observations(model, sequences, states, name="sequences")
    if not len(data.rows.data):
        raise ValueError("sequences hold no observation to learn from")
    max_steps, restarts = whole("max_steps", max_steps, 0), whole("restarts", restarts, 1)
    rng = as_generator(rng)
    if not (isinstance(callbacks, Sequence) and all(map(callable, callbacks))):
        raise TypeError(f"callbacks must be a list of functions, got {callbacks!r}")
    # Refuse scores that are not probabilities: a step would normalise them, and the likelihood could decrease.
    model = model.replaced(model.tables, model.transition, model.emissions, model.end)
    given = Priors(model, priors)
    starts = [model, *(shuffled(model, data.rows, rng) for _ in range(restarts - 1))]
    climbs = [Climb(start, data, learn, given, tolerance, number) for number, start in enumerate(starts)]
    reports = _halving(climbs, max_steps)
    for report in shown(reports, max_steps, "Baum-Welch", _numbers) if progress else reports:
        if stops(callbacks, report):
            break
    best = max((climb for climb in climbs if climb.objectives), key=lambda climb: climb.objectives[-1])
    if max_steps and not learn.isdisjoint({"emission", "covariances", "scales"}):
        warn_of_narrow(best.model, data.rows)
    ends = [climb.objectives[-1] if climb.objectives else -np.inf for climb in climbs]
    return Fitted(best.model, best.curve, best.converged, ends, best.objectives)


def _halving(climbs: list[Climb], max_steps: int) -> Iterator[EMReport]:
    """Run all starts, drop the worse half, run the rest twice as long, and so on; run the last one to its end."""
    last = TRIAL
    while len(climbs) > 1:
        for climb in climbs:
            yield from climb.go_on(min(last, max_steps))
            climb.pause()
        climbs = sorted(climbs, key=lambda climb: -climb.objectives[-1])[: len(climbs) // 2]
        last *= 2
    yield from climbs[0].go_on(max_steps)


def _numbers(report: EMReport) -> str:
    return f"log-likelihood {report.log_likelihood:.4f}" + f"  start {report.start}" * (report.start > 0)


def _names(learn: Collection[str], model: Parameters) -> frozenset[str]:
    """What is learned.

    Raises:
        ValueError: for an unknown name; for hmmlearn's letters, the error says what to write instead.
    """
    found = frozenset({learn} if isinstance(learn, str) else learn)
    known = ("initial", "transition", "emission", "end", *model.emissions.learnable)
    unknown = sorted(found - set(known))
    if unknown:
        letters = {"s": "initial", "t": "transition", "m": "means", "c": "covariances", "w": "weights", "l": "rates"}
        names = [repr(name) for letter in unknown[0] for name in known if letters.get(letter, "emission") == name]
        hint = ""
        if set(unknown[0]) <= {*letters, "e"} and len(names) == len(unknown[0]):
            hint = f"; hmmlearn's params={unknown[0]!r} is learn={{{', '.join(names)}}}"
        raise ValueError(f"learn names {unknown[0]!r}; it may name {', '.join(known)}{hint}")
    return found


def warn_of_narrow(model: Parameters, rows: Rows) -> None:
    """Warn about states that have collapsed onto a few observations."""
    narrow = model.emissions.narrow(rows.data)
    if narrow:
        names = ", ".join(repr(model.states[k]) for k in narrow)
        warnings.warn(
            f"a variance of state {names} was kept at its floor: the state has collapsed onto observations that are"
            " (nearly) equal; use fewer states, or pass another minimum variance as floor=",
            stacklevel=1 + frames_inside(),
        )


def maximised(model: Parameters, rows: Rows, expected: Expected, learn: frozenset[str], priors: Priors) -> Parameters:
    """The model whose tables are the relative frequencies of expected counts; unused rows are left unchanged.

    Priors add counts of their own.
    """
    initial, transition, end = tuple(map(plain, model.tables)), plain(model.transition), model.end
    counts = [count.reshape(table.shape) for count, table in zip(expected.counts, initial, strict=False)]
    n = model.n
    uses = np.reshape(expected.counts[n - 1 :], transition.shape) if expected.counts[n - 1 :] else 0 * transition
    counts = [count + more for count, more in zip(counts, priors.initial(initial), strict=True)]
    uses = uses + priors.transition(transition)
    # Rows sum to 1 - end, or to 1 without an end.
    going_on = np.ones(1) if end is None else 1 - plain(end)
    if "end" in learn and end is not None:
        stopping, going = priors.end(plain(end))
        visits, stops = expected.states.sum(axis=0) + stopping + going, expected.stops + stopping
        end = np.where(visits > 0, stops / np.where(visits > 0, visits, 1.0), plain(end)).clip(0, 1)
    still = np.ones(1) if end is None else 1 - plain(end)

    def settled(name: str, counts: Array, before: Array) -> Array:
        if name in learn:
            return _conditional(counts, before, going_on, still)
        # Tables that are not learned keep their proportions, but are rescaled if the end is learned.
        return _conditional(0 * counts, before, going_on, still) if "end" in learn else before

    first = shares(counts[0], initial[0]) if "initial" in learn else initial[0]
    rest = (settled("initial", c, t) for c, t in zip(counts[1:], initial[1:], strict=True))
    transition = settled("transition", uses, transition)
    arrays = None if "emission" in learn else learn & frozenset(model.emissions.learnable)
    emission = model.emissions
    if arrays is None or arrays:
        emission = emission.learned(rows.data, expected.states, arrays, priors.emission)
    return model.replaced((first, *rest), transition, emission, end)


def _conditional(counts: Array, before: Array, going_on: Array, still: Array) -> Array:
    """Shares of counts for each history, times the probability of continuing from its last state."""
    old = np.where(going_on[:, None] > 0, before / np.where(going_on > 0, going_on, 1.0)[:, None], 0.0)
    return shares(counts, old) * still[:, None]


def shuffled(model: Parameters, rows: Rows, rng: np.random.Generator) -> Parameters:
    """Random tables with the same zeros as the model's."""
    initial = tuple(redrawn(plain(table), rng) for table in model.tables)
    transition = redrawn_transition(plain(model.transition), rng)
    return model.replaced(initial, transition, model.emissions.shuffled(rows.data, rng), model.end)
