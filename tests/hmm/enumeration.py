"""The oracle: every path, one by one. Random chains small enough for it."""

from itertools import product
from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

INF = np.inf


class Scores(NamedTuple):
    """A chain in log scores: initial is a tuple of order - 1 tables."""

    initial: tuple
    transition: np.ndarray
    emission: np.ndarray
    end: np.ndarray | None

    @property
    def order(self):
        return len(self.initial) + 1

    def alone(self, b, length):
        """One sequence of a batch."""
        return self._replace(emission=self.emission[:length, b])


def paths(scores):
    """Every path and its score, added in the order of the recurrence."""
    initial, transition, emission, end = scores
    steps, states = emission.shape
    order, varies = scores.order, transition.ndim == scores.order + 1
    found = {}
    for path in product(range(states), repeat=steps):
        total = 0.0
        for t, state in enumerate(path):
            if t < order - 1:
                total = total + initial[t][path[: t + 1]]
            else:
                table = transition[t - order + 1] if varies else transition
                total = total + table[path[t - order + 1 : t + 1]]
            total = total + emission[t, state]
        if end is not None and path:
            total = total + end[path[-1]]
        found[path] = total
    return found


def log_sum(values):
    values = np.asarray(list(values))
    top = values.max()
    return top + np.log(np.exp(values - top).sum()) if top > -INF else -INF


def ranked(found):
    """Paths by falling score; of equal ones the lowest last state first, then the one before it, and so on."""
    return sorted(found, key=lambda path: (-found[path], path[::-1]))


def state_posterior(scores):
    found, (steps, states) = paths(scores), scores.emission.shape
    total, table = log_sum(found.values()), np.zeros((steps, states))
    for path, score in found.items():
        if score > -INF:
            table[range(steps), path] += np.exp(score - total)
    return table


def transition_posterior(scores):
    found, order, (steps, states) = paths(scores), scores.order, scores.emission.shape
    total, table = log_sum(found.values()), np.zeros((max(steps - order + 1, 0), *(states,) * order))
    for path, score in found.items():
        for t in range(len(table)):
            if score > -INF:
                table[(t, *path[t : t + order])] += np.exp(score - total)
    return table


def entropy(scores):
    values = np.asarray(list(paths(scores).values()))
    log_p = values[values > -INF] - log_sum(values)
    return -(np.exp(log_p) * log_p).sum()


real = st.floats(-4, 2, width=32)
FINITE = real
WITH_ZEROS = st.one_of(real, real, real, st.just(-INF))
WIDE = st.sampled_from([0.0, -1.0, -400.0, -800.0, -1e4, -INF])  # possible, but beyond the reach of a float64
TIED = st.one_of(st.integers(-2, 0).map(float), st.just(-INF))  # small integers: sums are exact, ties are common


@st.composite
def tables(draw, shape, values):
    size = int(np.prod(shape))
    return np.asarray(draw(st.lists(values, min_size=size, max_size=size))).reshape(shape)


@st.composite
def chains(draw, values=None, orders=(2, 3, 4), batch=False, max_steps=None, varying=None, ends=None):
    """Scores of a random chain, and lengths where a batch is asked for."""
    values = draw(st.sampled_from([FINITE, WITH_ZEROS, WIDE, TIED])) if values is None else values
    order = draw(st.sampled_from(orders))
    states = draw(st.integers(1, 4 if order == 2 else 3))
    longest = max_steps or {1: 6, 2: 6, 3: 5, 4: 4}[states]
    steps = draw(st.integers(0, longest))
    initial = tuple(draw(tables((states,) * (i + 1), values)) for i in range(order - 1))
    many = draw(st.booleans()) if varying is None else varying
    length = (max(steps - order + 1, 0),) if many else ()
    transition = draw(tables(length + (states,) * order, values))
    end = draw(tables((states,), values)) if (draw(st.booleans()) if ends is None else ends) else None
    if not batch:
        return Scores(initial, transition, draw(tables((steps, states), values)), end)
    size = draw(st.integers(1, 3))
    lengths = draw(st.lists(st.integers(0, steps), min_size=size, max_size=size))
    return Scores(initial, transition, draw(tables((steps, size, states), values)), end), lengths
