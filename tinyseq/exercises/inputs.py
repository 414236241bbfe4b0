"""Random inputs shared by several exercises."""

from typing import Any

import numpy as np

Rng = np.random.Generator
Array = np.ndarray[Any, np.dtype[Any]]


def distribution(rng: Rng, *shape: int) -> Array:
    """Probabilities that sum to one over the last axis."""
    weights: Array = rng.uniform(0.1, 1.0, shape)
    weights /= weights.sum(-1, keepdims=True)
    return weights


def model(rng: Rng, states: int, symbols: int) -> tuple[Array, Array, Array]:
    """The tables of a hidden Markov model: initial, transition, emission."""
    return distribution(rng, states), distribution(rng, states, states), distribution(rng, states, symbols)


def cats() -> tuple[Array, Array, Array]:
    """The lectures' model of "I like cats", with the states X, Y, Z."""
    initial = np.array([0.1, 0.2, 0.7])
    transition = np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [0.6, 0.2, 0.2]])
    return initial, transition, np.array([[0.2, 0.1, 0.7], [0.1, 0.8, 0.1], [0.4, 0.3, 0.3]])
