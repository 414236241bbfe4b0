"""Random models and data for tests."""

import numpy as np

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
