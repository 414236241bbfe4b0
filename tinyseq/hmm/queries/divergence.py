"""How far apart two models are: the Kullback-Leibler divergence and the cross entropy, in nats.

For hidden paths they are exact: an expectation along a chain. For observations there is no closed form, so they are
estimated from draws, with a standard error.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyseq.arguments import whole
from tinyseq.autograd.modes import no_grad
from tinyseq.backend import Array
from tinyseq.hmm.inference.chain import chain
from tinyseq.hmm.inference.passes import dispatch
from tinyseq.hmm.inference.semirings import Expectation
from tinyseq.hmm.model.labels import Items
from tinyseq.hmm.model.parameters import Model, Parameters, parameters_of
from tinyseq.hmm.model.probabilities import exact, plain
from tinyseq.hmm.model.stationary import stationary
from tinyseq.hmm.observations import Observations
from tinyseq.hmm.queries.forms import Many, One, Restriction
from tinyseq.hmm.queries.likelihood import entropy, log_likelihood
from tinyseq.hmm.queries.simulation import sample
from tinyseq.random import Rng, as_generator

Tables = tuple[tuple[Array, ...], Array]


class Divergence(NamedTuple):
    """The divergence of a second distribution from a first, in nats.

    Attributes:
        kl: the Kullback-Leibler divergence, the expectation of log p - log q under p; 0 if they are equal, inf if q
            rules out what p can produce.
        cross_entropy: the expectation of -log q under p: the entropy of p plus ``kl``.

    Example:
        >>> from tinyseq.hmm import HMM, path_divergence
        >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]])
        >>> found = path_divergence(hmm, hmm, [0, 1])
        >>> found.kl, bool(np.isclose(found.cross_entropy, hmm.entropy([0, 1])))
        (0.0, True)
    """

    kl: float | NDArray[Any]
    cross_entropy: float | NDArray[Any]


class SampledDivergence(NamedTuple):
    """An estimate of a `Divergence` from draws.

    Attributes:
        kl, cross_entropy: the means over the draws.
        kl_error, cross_entropy_error: their standard errors.
        samples: the number of draws.

    Example:
        >>> from tinyseq.hmm import HMM, sampled_divergence
        >>> p, q = HMM([1.0], [[1.0]], [[0.9, 0.1]]), HMM([1.0], [[1.0]], [[0.5, 0.5]])
        >>> found = sampled_divergence(p, q, length=5, samples=100, rng=0)
        >>> found.samples, found.kl > 3 * found.kl_error
        (100, True)
    """

    kl: float
    cross_entropy: float
    kl_error: float
    cross_entropy_error: float
    samples: int


def path_divergence(p: Model, q: Model, x: One | Many, states: Restriction = None) -> Divergence:
    """The exact divergence between the distributions of hidden paths that two models give to the same observations.

    Where all observations are missing (``[None] * T``), it is that of the Markov chains of states, for T steps. (An
    expectation along the chain: Eisner, 2002; `tinyseq.hmm.semirings.Expectation`.)

    Args:
        p, q: models with the same number of states, of any n; the expectation is under ``p``.
        x: a sequence, or a list of sequences, that both models can read.
        states: what is known about the hidden states.

    Returns:
        A `Divergence` of numbers, or of arrays (N,).

    Raises:
        ValueError: if the models have different numbers of states.
        ImpossibleSequenceError: if ``p`` cannot produce a sequence; the error says where it fails.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> p = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[0.8, 0.2], [0.2, 0.8]])
        >>> q = HMM([0.5, 0.5], [[0.5, 0.5], [0.5, 0.5]], [[0.8, 0.2], [0.2, 0.8]])
        >>> round(path_divergence(p, q, [None] * 3).kl, 4)  # two steps of 0.9 log 1.8 + 0.1 log 0.2
        0.7361
    """
    models = parameters_of("p", p), parameters_of("q", q)
    _check_states(*models)
    one, other = (Observations(model, x, states) for model in models)
    with no_grad():
        total, mean, lost = _expected_difference(one, other)
        under_q = dispatch.log_likelihood(other.arcs, other.scores, other.batch)
    one.require_possible(total)
    impossible = (lost > 0) | (under_q == -np.inf)
    kl = np.where(impossible, np.inf, mean - total + np.where(impossible, 0.0, under_q))
    kl = np.maximum(kl, 0.0)  # of equal distributions, rounding may leave a little less
    cross = np.reshape(plain(entropy(p, x, states)), -1) + kl
    return Divergence(float(kl[0]), float(cross[0])) if one.one else Divergence(kl, cross)


def divergence_rate(p: Model, q: Model) -> Divergence:
    """The divergence per step, in the long run, between the Markov chains of states of two models.

    It is the limit of `path_divergence` over T for T missing observations: the mean of the divergence between the rows
    of the transitions, weighted by the stationary distribution of ``p``. (Cover and Thomas, 2006, section 4.2, for the
    entropy rate.)

    Args:
        p, q: models with the same number of states, of any n; the expectation is under ``p``.

    Returns:
        A `Divergence` of numbers, in nats per step.

    Raises:
        ValueError: if the models have different numbers of states, if transitions vary with time, if ``p`` has no
            stationary distribution, or several; or for models of scores that are not probabilities.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> p = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[1.0], [1.0]])
        >>> q = HMM([0.5, 0.5], [[0.5, 0.5], [0.5, 0.5]], [[1.0], [1.0]])
        >>> round(divergence_rate(p, q).kl, 4)
        0.3681
    """
    one, other = parameters_of("p", p), parameters_of("q", q)
    _check_states(one, other)
    for model in (one, other):
        model.require_probabilities("divergence_rate")
        if model.longest is not None:
            raise ValueError("the transitions vary with time, so there is no long-run rate")
    n = max(one.n, other.n)
    (_, log_p), (_, log_q) = _lifted(one, n), _lifted(other, n)
    if other.end is not None and (plain(other.end) > 0).any():
        raise ValueError("q stops, as it has an end, so there is no long-run rate")
    table = np.exp(log_p)
    joint = stationary(table, None if one.end is None else plain(one.end))[..., None] * table
    used = joint > 0
    with np.errstate(invalid="ignore"):
        kl = float(np.sum(np.where(used, joint * (log_p - log_q), 0.0)))
        cross = float(np.sum(np.where(used, joint * -log_q, 0.0)))
    return Divergence(max(kl, 0.0), cross)


def sampled_divergence(
    p: Model, q: Model, length: int | None = None, *, samples: int = 1000, rng: Rng = None
) -> SampledDivergence:
    """Estimate the divergence between the distributions of observations of two models, from sequences drawn from one.

    There is no closed form for hidden Markov models. The errors of the estimates fall as 1 / sqrt(samples).

    Args:
        p, q: models that read the same observations; their states need not match. Sequences are drawn from ``p``.
        length: the length of the sequences, which the two distributions are then conditioned on; None to draw until
            ``p`` stops, which requires ``end``.
        samples: the number of sequences, at least 2.
        rng: a NumPy generator, or a seed; by default the generator of `tinyseq.manual_seed`.

    Returns:
        A `SampledDivergence`: means over whole sequences, with standard errors. An estimate of ``kl`` may be negative;
        it is inf if ``q`` cannot produce a sequence that was drawn.

    Raises:
        ValueError: as for `HMM.sample`, for ``q`` too; for fewer than 2 samples; or if no sequence of ``p`` has this
            length.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> p = HMM([1.0], [[1.0]], [[0.9, 0.1]])
        >>> q = HMM([1.0], [[1.0]], [[0.5, 0.5]])
        >>> found = sampled_divergence(p, q, 1, samples=2000, rng=0)
        >>> bool(abs(found.kl - 0.3681) < 3 * found.kl_error), round(found.kl_error, 3)
        (True, 0.015)
    """
    for name, model in (("p", p), ("q", q)):
        parameters_of(name, model).require_probabilities("sampled_divergence")
    samples, rng = whole("samples", samples, 2), as_generator(rng)
    if length is None or p.parameters.end is None:
        drawn = [sample(p, length, rng).observations for _ in range(samples)]
    else:
        drawn = _of_length(p, length, samples, rng)
    log_p, log_q = (_log_given_length(model, drawn, length) for model in (p, q))
    means, errors = [], []
    for values in (log_p - log_q, -log_q):
        finite = bool(np.isfinite(values).all())
        means.append(float(values.mean()) if finite else float("inf"))
        errors.append(float(values.std(ddof=1) / np.sqrt(samples)) if finite else float("inf"))
    return SampledDivergence(means[0], means[1], errors[0], errors[1], samples)


def _of_length(p: Model, length: int, samples: int, rng: np.random.Generator) -> list[Items]:
    """Observations drawn from a model with an end, given their number: where a path can stop, it does so then."""
    unseen = Observations(p.parameters, [[None] * whole("length", length, 0)])
    if not np.isfinite(dispatch.log_likelihood(unseen.arcs, unseen.scores, unseen.batch)).all():
        raise ValueError(f"no sequence of p has length={length}")
    paths = dispatch.posterior_paths(unseen.arcs, unseen.scores, unseen.batch, samples, rng)
    return [p.parameters.emissions.sample(path, rng) for path in paths]


def _log_given_length(model: Model, x: Many, length: int | None) -> NDArray[Any]:
    """log P(x), or if the length is not random log P(x | its length)."""
    found = np.asarray(plain(log_likelihood(model, x)))
    if length is None or model.parameters.end is None:
        return found
    whole_length = float(plain(log_likelihood(model, [[None] * length]))[0])
    return found - whole_length if whole_length > -np.inf else found


def _check_states(one: Parameters, other: Parameters) -> None:
    if len(one.states) != len(other.states):
        raise ValueError(
            f"p has {len(one.states)} states, but q has {len(other.states)}: their paths cannot be compared; "
            "sampled_divergence compares their observations"
        )


def _lifted(model: Parameters, n: int) -> Tables:
    """The logs of the initial tables and of the transitions, as those of a model with longer n-grams."""
    initial, transition, _ = model.logs
    tables, size = [exact(table) for table in initial], len(model.states)
    steps = exact(transition)
    varies = steps.ndim > model.n
    for known in range(model.n, n):  # states before a further one that has no full history yet
        step = steps[known - model.n] if varies and known - model.n < len(steps) else steps[-1] if varies else steps
        tables.append(np.broadcast_to(step, (size,) * known))
    rest = steps[n - model.n :] if varies else steps
    lead = rest.shape[:1] if varies else ()
    rest = rest.reshape(*lead, *(1,) * (n - model.n), *(size,) * model.n)
    return tuple(tables), np.broadcast_to(rest, (*lead, *(size,) * n))


def _expected_difference(one: Observations, other: Observations) -> tuple[Array, Array, Array]:
    """For each sequence log P(x) under p, the expected log p - log q of path and observations where q allows the path,
    and the expected number of times that it does not."""
    first, second = one.model, other.model
    n = max(first.n, second.n)
    (initial_p, transition_p), (initial_q, transition_q) = _lifted(first, n), _lifted(second, n)
    shorter = [len(t) for t in (transition_p, transition_q) if t.ndim > n]
    if shorter:
        transition_p, transition_q = (
            t[: min(shorter)] if t.ndim > n else np.broadcast_to(t, (min(shorter), *t.shape))
            for t in (transition_p, transition_q)
        )
    rows = one.rows.padded()
    pairs = [*zip(initial_p, initial_q, strict=True), (transition_p, transition_q)]
    pairs.append((exact(one.all_scores()[rows]), exact(other.all_scores()[rows])))
    ends = [np.zeros(len(m.states)) if m.end is None else exact(m.logs[2]) for m in (first, second)]
    axes = [*[0] * len(initial_p), int(transition_p.ndim > n), 1, 0]
    found = []
    for feature in (_difference, _ruled_out):
        scores = [np.stack([p, feature(p, q)], axis=a) for (p, q), a in zip([*pairs, tuple(ends)], axes, strict=True)]
        answer = chain(tuple(scores[: n - 1]), *scores[n - 1 :], semiring=Expectation(), lengths=one.rows.lengths)
        found.append(answer.numpy() if one.rows.lengths else np.zeros((2, 0)))
    return found[0][0], found[0][1], found[1][1]


def _difference(p: Array, q: Array) -> Array:
    """log p - log q, where both are possible."""
    both = (p > -np.inf) & (q > -np.inf)
    return np.where(both, p, 0.0) - np.where(both, q, 0.0)


def _ruled_out(p: Array, q: Array) -> Array:
    return np.where((p > -np.inf) & (q == -np.inf), 1.0, 0.0)
