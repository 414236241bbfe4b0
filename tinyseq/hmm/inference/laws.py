"""The laws of a semiring, checked on random scores: what makes the chain in it the sum over all paths."""

from itertools import product
from typing import Any

import numpy as np

from tinyseq.arguments import whole
from tinyseq.backend import to_numpy
from tinyseq.hmm.inference.chain import chain
from tinyseq.hmm.inference.chain_arguments import require_semiring
from tinyseq.hmm.inference.semirings import Semiring, Value
from tinyseq.testing.properties import ContractError


def check_semiring(semiring: Semiring, trials: int = 20) -> None:
    """Check that a semiring keeps the laws, and that `chain` in it is the sum over all paths, listed one by one.

    Alternatives may be joined in any order and grouping, extending a path distributes over joining, and an impossible
    alternative adds nothing. The laws say nothing about the meaning of the gradient.

    Args:
        semiring: the semiring.
        trials: the number of random chains, of up to four steps, three states and 4-grams of states.

    Raises:
        ContractError: at the first law that does not hold, with both values.

    Example:
        >>> import numpy as np, tinyseq as ts
        >>> ts.hmm.check_semiring(ts.hmm.semirings.Semiring("min", sum=np.min, zero=np.inf))
        >>> ts.hmm.check_semiring(ts.hmm.semirings.Semiring("mean", sum=np.mean))  # doctest: +IGNORE_EXCEPTION_DETAIL
        Traceback (most recent call last):
        tinyseq.testing.properties.ContractError: mean: joining in two steps gives ...
    """
    require_semiring(semiring)
    for seed in range(whole("trials", trials)):
        with np.errstate(invalid="ignore"):
            check_laws(semiring, seed)
            check_paths(semiring, seed)


def check_laws(semiring: Semiring, seed: int) -> None:
    """The laws, for random weights."""
    rng = np.random.default_rng(seed)
    weights = _empty_path(semiring, 4)
    for _ in range(2):
        weights = semiring.times(weights, _scores(semiring, rng, 4))
    score, nothing = _scores(semiring, rng, 1), _scores(semiring, rng, 1)
    nothing[..., 0] = [semiring.zero, rng.normal()] if semiring.pairs else semiring.zero
    whole = semiring.sum(weights, -1)
    halves = [semiring.sum(part, -1) for part in (weights[..., :1], weights[..., 1:])]
    _check(semiring, "joining in two steps", semiring.sum(np.stack(halves, axis=-1), -1), whole)
    _check(semiring, "joining in the opposite order", semiring.sum(weights[..., ::-1], -1), whole)
    extended = semiring.times(whole[..., None], score)[..., 0]
    _check(semiring, "extending before joining", semiring.sum(semiring.times(weights, score), -1), extended)
    more = np.concatenate([weights, semiring.times(weights[..., :1], nothing)], axis=-1)
    _check(semiring, "joining with an impossible path", semiring.sum(more, -1), whole)


def check_paths(semiring: Semiring, seed: int) -> None:
    """The chain is the sum of the products along all paths, for n from 2 to 4 and every length from 0."""
    rng = np.random.default_rng(seed)
    n, states, steps = int(rng.integers(2, 5)), int(rng.integers(1, 4)), int(rng.integers(0, 5))
    initial = tuple(_scores(semiring, rng, *(states,) * (i + 1)) for i in range(n - 1))
    transition, end = _scores(semiring, rng, *(states,) * n), _scores(semiring, rng, states)
    emission = np.stack([_scores(semiring, rng, states) for _ in range(max(steps, 1))])[:steps]
    weights = []
    for path in product(range(states), repeat=steps):
        weight = _empty_path(semiring, 1)
        for t, state in enumerate(path):
            table = initial[t] if t < n - 1 else transition
            weight = semiring.times(weight, table[(..., *path[max(t - n + 1, 0) : t + 1], None)])
            weight = semiring.times(weight, emission[t][..., state, None])
        weights.append(semiring.times(weight, end[..., path[-1], None]) if path else weight)
    one_by_one = semiring.sum(np.concatenate(weights, axis=-1), -1)
    found = to_numpy(chain(initial, transition, emission, end, semiring=semiring)._array)
    _check(semiring, f"the chain of {steps} steps with n = {n}", found, one_by_one)


def _scores(semiring: Semiring, rng: np.random.Generator, *shape: int) -> Any:
    """Scores, some of them impossible: probabilities where the impossible one is 0, else any numbers."""
    scores = rng.uniform(0.1, 1, shape) if semiring.zero == 0 else rng.integers(-4, 3, shape) / 2
    scores = np.where(rng.random(shape) < 0.15, semiring.zero, scores)
    return np.stack([scores, rng.normal(size=shape)]) if semiring.pairs else scores


def _empty_path(semiring: Semiring, *shape: int) -> Value:
    one = np.asarray(semiring.one, dtype=float)
    return np.broadcast_to(one.reshape(one.shape + (1,) * len(shape)), one.shape + shape)


def _check(semiring: Semiring, what: str, found: Value, wanted: Value) -> None:
    """Equal weights; where a path is impossible, what else its weight says means nothing."""
    if np.shape(found) != np.shape(wanted):
        shapes = f"gives shape {np.shape(found)} and not {np.shape(wanted)}"
        raise ContractError(f"{semiring.name}: {what} {shapes}; sum(x, axis) must remove the axis")
    if np.ndim(semiring.one):
        found, wanted = (np.where(weight[0] == semiring.zero, semiring.zero, weight) for weight in (found, wanted))
    if not np.allclose(found, wanted, rtol=1e-11, atol=1e-11, equal_nan=True):
        raise ContractError(f"{semiring.name}: {what} gives {found}, and otherwise {wanted}")
