"""Convert nats to perplexity."""

import math


def perplexity(nats: float) -> float:
    """exp(nats): the number of equally likely symbols that would be as hard to predict.

    Args:
        nats: a cross entropy.

    Returns:
        Its exponential; inf on overflow.

    Example:
        >>> perplexity(0.0), perplexity(1000.0)
        (1.0, inf)
    """
    try:
        return math.exp(nats)
    except OverflowError:
        return math.inf
