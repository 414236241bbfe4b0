"""From nats to perplexity."""

import math


def perplexity(nats: float) -> float:
    """exp(nats): how many equally likely symbols would be as hard to guess.

    Args:
        nats: a cross entropy.

    Returns:
        Its exponential; inf where that is above the largest number, as far off as a model may be.

    Example:
        >>> perplexity(0.0), perplexity(1000.0)
        (1.0, inf)
    """
    try:
        return math.exp(nats)
    except OverflowError:
        return math.inf
