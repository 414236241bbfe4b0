"""Every semiring keeps the laws, and the recurrence in it equals the sum over all paths, one by one.

The semirings are found in their module, so a new one is tested without a line here.
"""

import inspect
from itertools import product
from types import ModuleType
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyseq.hmm import chain
from tinyseq.hmm.inference import semirings
from tinyseq.hmm.inference.semirings import Semiring

ARGUMENTS = {"int": lambda: 3, "Generator": lambda: np.random.default_rng(0)}  # by their type


def found_in(module):
    """The semirings of a module by name: those declared there, and one of each function that makes some."""
    made = {}
    for name, item in vars(module).items():
        if isinstance(item, Semiring):
            made[name] = item
        elif inspect.isfunction(item) and inspect.signature(item).return_annotation is Semiring:
            annotations = [parameter.annotation for parameter in inspect.signature(item).parameters.values()]
            kinds = [(get_args(annotation) or (annotation,))[0].__name__ for annotation in annotations]
            made[name] = item(*(ARGUMENTS[kind]() for kind in kinds))
    return made


def draw(semiring, rng, *shape):
    """Scores, some of them impossible: probabilities where the impossible one is 0, else any numbers."""
    scores = rng.uniform(0.1, 1, shape) if semiring.zero == 0 else rng.integers(-4, 3, shape) / 2
    scores = np.where(rng.random(shape) < 0.15, semiring.zero, scores)
    return np.stack([scores, rng.normal(size=shape)]) if semiring.pairs else scores


def empty_path(semiring, *shape):
    one = np.asarray(semiring.one, dtype=float)
    return np.broadcast_to(one.reshape(one.shape + (1,) * len(shape)), one.shape + shape)


def check_equal(semiring, found, wanted):
    """Equal weights; where a path is impossible, what else its weight says means nothing."""
    if np.ndim(semiring.one):
        found, wanted = (np.where(weight[0] == semiring.zero, semiring.zero, weight) for weight in (found, wanted))
    np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-11)


def check_laws(semiring, seed):
    """Alternatives join in any grouping, extending distributes over joining, and what is impossible adds nothing."""
    rng = np.random.default_rng(seed)
    weights = empty_path(semiring, 4)
    for _ in range(2):
        weights = semiring.times(weights, draw(semiring, rng, 4))
    score, nothing = draw(semiring, rng, 1), draw(semiring, rng, 1)
    nothing[..., 0] = [semiring.zero, rng.normal()] if semiring.pairs else semiring.zero
    whole = semiring.sum(weights, -1)
    halves = [semiring.sum(part, -1) for part in (weights[..., :1], weights[..., 1:])]
    check_equal(semiring, semiring.sum(np.stack(halves, axis=-1), -1), whole)
    check_equal(semiring, semiring.sum(weights[..., ::-1], -1), whole)
    check_equal(
        semiring, semiring.times(whole[..., None], score)[..., 0], semiring.sum(semiring.times(weights, score), -1)
    )
    more = np.concatenate([weights, semiring.times(weights[..., :1], nothing)], axis=-1)
    check_equal(semiring, semiring.sum(more, -1), whole)


def check_paths(semiring, seed):
    """The chain is the sum of the products along all paths, for each n and every length from 0."""
    rng = np.random.default_rng(seed)
    n, states, steps = int(rng.integers(2, 5)), int(rng.integers(1, 4)), int(rng.integers(0, 5))
    initial = tuple(draw(semiring, rng, *(states,) * (i + 1)) for i in range(n - 1))
    transition, end = draw(semiring, rng, *(states,) * n), draw(semiring, rng, states)
    emission = np.stack([draw(semiring, rng, states) for _ in range(steps)] or [draw(semiring, rng, states)])[:steps]
    weights = []
    for path in product(range(states), repeat=steps):
        weight = empty_path(semiring, 1)
        for t, state in enumerate(path):
            table = initial[t] if t < n - 1 else transition
            weight = semiring.times(weight, table[(..., *path[max(t - n + 1, 0) : t + 1], None)])
            weight = semiring.times(weight, emission[t][..., state, None])
        weights.append(semiring.times(weight, end[..., path[-1], None]) if path else weight)
    wanted = semiring.sum(np.concatenate(weights, axis=-1), -1)
    check_equal(semiring, chain(initial, transition, emission, end, semiring=semiring).numpy(), wanted)


@pytest.mark.parametrize("name", found_in(semirings))
@given(seed=st.integers(0, 2**32 - 1))
def test_the_laws_hold(name, seed):
    check_laws(found_in(semirings)[name], seed)


@pytest.mark.parametrize("name", found_in(semirings))
@given(seed=st.integers(0, 2**32 - 1))
def test_the_chain_is_the_sum_over_all_paths(name, seed):
    check_paths(found_in(semirings)[name], seed)


def check_many(semiring):
    with np.errstate(invalid="ignore"):
        for seed in range(20):
            check_laws(semiring, seed)
            check_paths(semiring, seed)


def declared(text):
    module = ModuleType("scratch")
    exec(
        "from tinyseq.hmm.inference.semirings import Semiring, namespace\nfrom math import inf\n" + text,
        module.__dict__,
    )
    return found_in(module)


def test_a_semiring_declared_in_one_file_is_found_and_tested():
    made = declared('CHEAPEST = Semiring("cheapest", sum=lambda x, axis: namespace(x).min(x, axis=axis), zero=inf)')
    assert list(made) == ["CHEAPEST"]
    check_many(made["CHEAPEST"])


@pytest.mark.parametrize(
    "text",
    [
        'Semiring("a mean is no sum", sum=lambda x, axis: namespace(x).mean(x, axis=axis))',
        'Semiring("the wrong zero", sum=lambda x, axis: namespace(x).min(x, axis=axis))',
        'Semiring("does not distribute", sum=lambda x, axis: namespace(x).sum(x, axis=axis))',
    ],
)
def test_what_is_no_semiring_breaks_a_law(text):
    wrong = declared(f"WRONG = {text}")["WRONG"]
    with pytest.raises(AssertionError):
        check_many(wrong)
