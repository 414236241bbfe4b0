"""Sampling of hidden paths from the prior."""

from bisect import bisect_right

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.inference.passes.score_tables import Arcs


def hidden_path(arcs: Arcs, length: int | None, rng: np.random.Generator, longest: int | None = None) -> Array:
    """Draw a path from the prior, as ids.

    Args:
        arcs: the tables.
        length: the number of states; None to continue until the model stops.
        rng: the random number generator.
        longest: the maximum length, if the transitions vary with time; else None.

    Raises:
        ValueError: if the path reaches a dead end, or a history from which it cannot stop, or time-varying transitions
            run out.
    """
    history, end = arcs.n - 1, np.exp(arcs.end).tolist()
    path: list[int] = []
    edges: dict[tuple[int, ...], list[float]] = {}  # the cumulative weights of the states after a history
    can_stop = _leading_to_a_stop(arcs) if length is None and longest is None else None
    while length is None or len(path) < length:
        if len(path) == longest:
            raise ValueError(f"transition has tables for sequences of up to {longest} steps; the one drawn is longer")
        number, known = arcs.which(len(path)), path[-history:]
        ways = edges.get((number, *known))
        if ways is None:
            row = arcs.tables[number].reshape(*(len(end),) * len(known), -1)[tuple(known)]
            if not (row > -np.inf).any():
                raise ValueError(f"after the states {known} the model has a dead end; drew {len(path)} states so far")
            ways = edges[number, *known] = np.cumsum(np.exp(row - row.max())).tolist()
        path.append(bisect_right(ways, rng.random() * ways[-1]))
        if can_stop is not None and len(path) >= history and not can_stop[tuple(path[-history:])]:
            raise ValueError(f"no state that can stop follows the states {path[-history:]}; pass a length")
        if length is None and rng.random() < end[path[-1]]:
            break
    return np.array(path, dtype=np.intp)


def _leading_to_a_stop(arcs: Arcs) -> Array:
    """The histories (the last n - 1 states) from which a stop can be reached."""
    possible = arcs.tables[-1].reshape((len(arcs.end),) * arcs.n) > -np.inf
    found = np.broadcast_to(arcs.end > -np.inf, possible.shape[:-1])
    while True:
        more = found | (possible & found).any(axis=-1)
        if (more == found).all():
            return more
        found = more
