"""Random models and data for tests."""

import numpy as np
from hmm.enumeration import Scores
from hypothesis import strategies as st

from tinyseq.hmm import HMM


def random_model(rng, size, vocabulary, order=2, zeros=0.0, end=False, tables=None, **names):
    """A model whose tables are drawn from a Dirichlet distribution, some entries zero.

    With ``tables``, there are so many transitions, one for each step that has a full history.
    """

    def table(*shape):
        weights = rng.gamma(1.0, size=shape) * (rng.random(shape) >= zeros)
        weights[..., rng.integers(shape[-1])] += 0.1
        return weights / weights.sum(axis=-1, keepdims=True)

    stop = rng.uniform(0.1, 0.5, size) if end else None
    going_on = np.ones(size) if stop is None else 1 - stop
    initial = tuple(table(*(size,) * (i + 1)) * (going_on[:, None] if i else 1.0) for i in range(order - 1))
    transition = table(*(() if tables is None else (tables,)), *(size,) * order) * going_on[:, None]
    return HMM(initial, transition, table(size, vocabulary), end=stop, **names)


def random_data(rng, vocabulary, lengths):
    """Sequences of ids."""
    return [rng.integers(0, vocabulary, length) for length in lengths]


STATES, SYMBOLS = ["a", "b", "c"], ["x", "y", "z", "w"]


@st.composite
def models(draw, orders=(2, 3, 4), zeros=True, varying=None):
    """A random model, its tables with some zeros, its transitions perhaps another table at each step."""
    order, size = draw(st.sampled_from(orders)), draw(st.integers(1, 3))
    changes = draw(st.booleans()) if varying is None else varying
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def table(*shape):
        weights = rng.gamma(1.0, size=shape) * (rng.random(shape) > (0.25 if zeros else 0))
        weights[..., rng.integers(shape[-1])] += 0.1
        return weights / weights.sum(axis=-1, keepdims=True)

    end = rng.random(size) * 0.5 if draw(st.booleans()) else None
    going_on = np.ones((size, 1)) if end is None else 1 - end[:, None]
    initial = tuple(table(*(size,) * (i + 1)) * (going_on if i else 1.0) for i in range(order - 1))
    transition = table(*((5,) if changes else ()), *(size,) * order) * going_on
    return HMM(initial, transition, table(size, 4), end=end, states=STATES[:size], symbols=SYMBOLS, unknown="w")


def enumerated(model, x, known=None):
    """The scores of one sequence, for the oracle; with what is known about its states."""
    with np.errstate(divide="ignore"):
        columns = [SYMBOLS.index(s if s in SYMBOLS else "w") if s else None for s in x]
        emission = [np.ones(len(model.states)) if v is None else model.emission[:, v] for v in columns]
        for row, item in enumerate(known or ()):
            if item is not None:
                emission[row] = emission[row] * [name in item for name in model.states]
        emission = np.log(np.reshape(emission, (len(x), len(model.states))))
        initial = model.initial if model.n > 2 else (model.initial,)
        end = None if model.end is None else np.log(model.end)
        return Scores(tuple(map(np.log, initial)), np.log(model.transition), emission, end)


SEQUENCES = st.lists(st.lists(st.sampled_from([*SYMBOLS, None, "?"]), max_size=4), min_size=1, max_size=4)
