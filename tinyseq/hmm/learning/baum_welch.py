"""Baum-Welch: training without labels, by expectation maximisation (EM).

The expectation step counts how often each arc, symbol and stop is used in expectation over all hidden
paths, under the current model. The maximisation step takes relative frequencies of these expected counts.
The likelihood never decreases; zero probabilities stay zero. With priors, it is the log-likelihood plus the log density
of the priors that never decreases (`tinyseq.hmm.learning.priors`).
"""

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TypeVar

import numpy as np

from tinyseq.arguments import check_flags, listed, number, whole
from tinyseq.hmm.emissions.emission import Priors as PriorValues
from tinyseq.hmm.inference.passes.dispatch import Expected, expectations
from tinyseq.hmm.learning.initialisation import shuffled
from tinyseq.hmm.learning.maximisation import maximised, warn_of_narrow
from tinyseq.hmm.learning.priors import Priors
from tinyseq.hmm.learning.reports import EMReport, EMStep, Fitted
from tinyseq.hmm.model.parameters import Model, Parameters
from tinyseq.hmm.observations import Observations
from tinyseq.hmm.queries.forms import Many, One, Restriction
from tinyseq.progress import shown, stops
from tinyseq.random import Rng, as_generator
from tinyseq.torch_names.settings import explained

H = TypeVar("H", bound=Model)

TRIAL = 10  # steps of every start before the worse half is dropped


Callback = Callable[[EMReport], object]
EVERYTHING = ("initial", "transition", "emission", "end")  # that is learned by default


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
        start: int = 0,
    ) -> None:
        self.model, self.data, self.learn, self.priors = model, data, learn, priors
        self.tolerance, self.start = tolerance, start
        self.curve: list[float] = []
        self.objectives: list[float] = []
        self.converged = False
        self._expected: Expected | None = None
        self._ahead: Parameters | None = model  # the model after the next step, if already computed

    def from_another(self, start: Parameters, number: int) -> "Climb":
        """The same climb from another start."""
        return Climb(start, self.data, self.learn, self.priors, self.tolerance, number)

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

    def warn_if_narrow(self) -> bool:
        """Warn about states that have collapsed onto a few observations; returns whether there are any."""
        moved = len(self.curve) > 1 and not self.learn.isdisjoint({"emission", "covariances", "scales"})
        return moved and warn_of_narrow(self.model, self.data.rows)

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
    learn: Collection[str] = EVERYTHING,
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
    check_flags(progress=progress)
    max_steps, restarts = whole("max_steps", max_steps, 0), whole("restarts", restarts, 1)
    if not (isinstance(callbacks, Sequence) and all(map(callable, callbacks))):
        raise TypeError(f"callbacks must be a list of functions, got {callbacks!r}")
    climb = _climb(model, sequences, states, tolerance, learn, priors)
    rng = as_generator(rng)
    others = (shuffled(climb.model, climb.data.rows, rng) for _ in range(restarts - 1))
    climbs = [climb, *(climb.from_another(start, number) for number, start in enumerate(others, 1))]
    reports = _halving(climbs, max_steps)
    for report in shown(reports, max_steps, "Baum-Welch", _numbers) if progress else reports:
        if stops(callbacks, report):
            break
    best = max((climb for climb in climbs if climb.objectives), key=lambda climb: climb.objectives[-1])
    best.warn_if_narrow()
    ends = [climb.objectives[-1] if climb.objectives else -np.inf for climb in climbs]
    return Fitted(best.model, best.curve, best.converged, ends, best.objectives)


@explained
def fit_em_steps(
    hmm: H,
    sequences: One | Many,
    states: Restriction = None,
    *,
    max_steps: int = 100,
    tolerance: float = 1e-3,
    learn: Collection[str] = EVERYTHING,
    priors: PriorValues | None = None,
) -> Iterator[EMStep[H]]:
    """The same steps as `HMM.fit_em` takes from this model, one at a time, each with its model.

    Args:
        sequences, states, max_steps, tolerance, learn, priors: as for `HMM.fit_em`.

    Returns:
        An iterator of `EMStep`, first of this model itself. It ends with ``max_steps``, or at convergence.

    Raises:
        ImpossibleSequenceError, ValueError, TypeError: as for `HMM.fit_em`.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> start = HMM([0.5, 0.5], [[0.6, 0.4], [0.4, 0.6]], [[0.7, 0.3], [0.3, 0.7]])
        >>> for step in start.fit_em_steps([0, 0, 0, 1, 1, 1, 1], max_steps=2):
        ...     print(step.step, round(step.log_likelihood, 2), step.model.emission[0].round(2))
        0 -4.73 [0.7 0.3]
        1 -4.12 [0.68 0.32]
        2 -3.26 [0.79 0.21]
    """
    last = whole("max_steps", max_steps, 0)
    return _with_models(hmm, _climb(hmm.parameters, sequences, states, tolerance, learn, priors), last)


def _with_models(hmm: H, climb: Climb, last: int) -> Iterator[EMStep[H]]:
    """The steps of a climb; a state that collapses is told once, with the first model in which it has."""
    told = False
    for report in climb.go_on(last):
        told = told or climb.warn_if_narrow()
        yield EMStep(report.step, report.log_likelihood, hmm.from_parameters(climb.model))


def _climb(
    model: Parameters,
    sequences: One | Many,
    states: Restriction,
    tolerance: float,
    learn: Collection[str],
    priors: PriorValues | None,
) -> Climb:
    """A climb from a model, after a check of what it is to learn from."""
    learn, tolerance = _names(learn, model), tolerated("tolerance", tolerance)
    data = Observations(model, sequences, states, name="sequences")
    if not len(data.rows.data):
        raise ValueError("sequences hold no observation to learn from")
    shape: tuple[int, ...] = getattr(sequences, "shape", ())
    if len(shape) == 2 and shape[1] == 1 < shape[0] and not data.one and "transition" in learn:
        raise ValueError(
            f"sequences of shape {shape} are {shape[0]} sequences of one symbol each, which have no transitions to "
            "learn from; one sequence of them all is sequences[:, 0]"
        )
    # Refuse scores that are not probabilities: a step would normalise them, and the likelihood could decrease.
    model = model.replaced(model.tables, model.transition, model.emissions, model.end)
    return Climb(model, data, learn, Priors(model, priors), tolerance)


def tolerated(name: str, tolerance: float) -> float:
    """A tolerance as a float: with NaN, no step would ever be the last one."""
    found = number(name, tolerance)
    if math.isnan(found):
        raise ValueError(f"{name} must be a number, got nan")
    return found


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
    names = [learn] if isinstance(learn, str) else listed("learn", learn, "a name, or a set of names", ordered=False)
    if not all(isinstance(name, str) for name in names):
        raise TypeError(f"learn must be a name, or a set of names, got {learn!r}")
    found = frozenset(names)
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
