"""Sample the next symbol from its distribution, with a temperature."""

import numpy as np
from numpy.typing import NDArray


def check_temperature(temperature: float) -> None:
    """Raise a ValueError if the temperature is negative or NaN."""
    if not temperature >= 0:
        raise ValueError(f"temperature must not be negative, got {temperature}")


def draw(logits: NDArray[np.float64], temperature: float, rng: np.random.Generator) -> int:
    """A symbol's id, drawn from softmax(logits / temperature).

    Args:
        logits: (V,), at least one of them above -inf.
        temperature: 0 always gives the most probable symbol.
        rng: the random number generator.

    Raises:
        ValueError: a logit is NaN.
    """
    if np.isnan(logits).any():
        raise ValueError("the model's scores for the next symbol are NaN; has its training diverged?")
    if temperature == 0:
        return int(logits.argmax())
    shares = np.exp((logits - logits.max()) / temperature)
    return int(rng.choice(len(shares), p=shares / shares.sum()))
