"""Log-likelihoods, posteriors, expected counts and best paths of many sequences: chooses the pass for each sequence.

Sequences are processed in tiles, so that messages stay in the cache and memory does not grow with the number of
sequences. Where probabilities (`Scaled`) could underflow, the sequence is computed again in log space (`LogSpace`), as
are sequences with transitions of their own.
"""

import math
import os
from typing import NamedTuple

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.inference.passes import long_sequence as blocks
from tinyseq.hmm.inference.passes.algebras import KBest, LogSpace, Max, Sampling
from tinyseq.hmm.inference.passes.batching import Ragged
from tinyseq.hmm.inference.passes.recurrence import decode
from tinyseq.hmm.inference.passes.scaled import SINGLE_THREADED, Scaled
from tinyseq.hmm.inference.passes.score_tables import Arcs, Scores

TERMS = 1 << 21  # numbers that a step in log space computes at a time: 16 MB


class Expected(NamedTuple):
    """The result of forward-backward.

    Attributes:
        log_likelihood: (N,), -inf for an impossible sequence.
        states: (rows, K), the state posteriors at each row, zeros where the sequence is impossible; (0, K) if not asked
            for.
        counts: the expected counts of each arc, summed over steps and sequences, one array per table; [] if not asked
            for.
        stops: (K,), the expected number of sequences that end in each state.
    """

    log_likelihood: Array
    states: Array
    counts: list[Array]
    stops: Array


def log_likelihood(arcs: Arcs, scores: Scores, batch: Ragged) -> Array:
    """The log-likelihood of each sequence, (N,).

    Args:
        arcs: the tables.
        scores: the emission scores of all rows.
        batch: the sequences.
    """
    return expectations(arcs, scores, batch, with_states=False, with_counts=False).log_likelihood


def expectations(
    arcs: Arcs,
    scores: Scores,
    batch: Ragged,
    weight: Array | None = None,
    with_states: bool = True,
    with_counts: bool = True,
) -> Expected:
    """Forward-backward: log-likelihoods, posteriors and expected counts.

    Args:
        arcs: the tables.
        scores: the emission scores of all rows.
        batch: the sequences.
        weight: (N,), the weight of each sequence; 1 by default.
        with_states: whether to compute the state posteriors.
        with_counts: whether to compute the expected counts of arcs; without either, only log-likelihoods are computed.
    """
    backward = with_states or with_counts
    arcs = arcs.to(np.float64)
    found, stops = np.empty(len(batch.order)), np.zeros(len(arcs.end))
    states = np.zeros((batch.count, len(arcs.end))) if with_states else None
    counts = [np.zeros(table.shape) for table in arcs.tables] if with_counts else None
    weight = np.ones(len(batch.order)) if weight is None else weight

    def run(passes: Scaled | LogSpace, part: Ragged) -> Array:
        done = passes.forward(part, keep=backward)
        found[part.order] = passes.log_likelihood(done)
        if backward:
            uses = None if counts is None else arcs._replace(tables=counts).of_sequences(part.order).tables
            stops[:] += passes.backward(done, np.where(done.unsafe, 0.0, weight[part.order]), states, uses)[0]
            for count, used in zip(counts or (), uses or (), strict=True):
                if count.ndim == 4:
                    count[..., part.order] = used
        return done.unsafe

    rest = np.ones(len(batch.order), dtype=bool)
    fast = None if arcs.own else Scaled(arcs, scores)
    if fast is not None and len(arcs.tables) == arcs.n and fast.lost == -np.inf and (with_states or not with_counts):
        for column, first, rows in batch.longer(blocks.LONG * min(len(batch.order), 4) // 4, blocks.FEW):
            number = batch.order[column]
            value = blocks.expectations(fast, first, rows, weight[number], states, counts)
            if value is not None:
                found[number], rest[column] = value, False
                if states is not None:
                    stops += states[first + rows - 1]
    # Few enough sequences per tile that a matrix product runs in one thread, and fits in the cache.
    oldest, others, _ = arcs.tables[-1].shape[:3]
    width = min(max(SINGLE_THREADED // (oldest * len(arcs.end)), 128), 1024, max((1 << 20) // (oldest * others), 1))
    for tile in batch.columns(rest).tiles(width):
        unsafe = np.ones(len(tile.order), dtype=bool) if fast is None else run(fast, tile)
        for part in tile.columns(unsafe).tiles(max(1, TERMS // math.prod(arcs.tables[-1].shape[:3]))):
            run(LogSpace(arcs.of_sequences(part.order), scores), part)
    return Expected(found, np.zeros((0, len(arcs.end))) if states is None else states, counts or [], stops)


def best_paths(arcs: Arcs, scores: Scores, batch: Ragged) -> tuple[Array, Array]:
    """The best path of each sequence: the state at each row (rows,), and each path's log score (N,).

    Args:
        arcs: the tables.
        scores: the emission scores of all rows.
        batch: the sequences.
    """
    arcs = arcs.to(np.float64)
    certain, rest = [], np.ones(len(batch.order), dtype=bool)
    if arcs.n == 2 and len(arcs.tables) == 2 and not arcs.own:
        for column, first, rows in batch.longer(blocks.LONG):
            found = blocks.best_path(Max(arcs, scores), first, rows)
            if found is not None:
                certain.append((batch.order[column], slice(first, first + rows), *found))
                rest[column] = False
    others = batch.columns(rest)
    # Where possible, a message takes at most 1 MB and all kept messages 128 MB, and each core has a tile.
    numbers, cores = min(1 << 17, (1 << 24) // max(len(others.sizes), 1)), os.cpu_count() or 1
    width = max(1, min(numbers // math.prod(arcs.tables[-1].shape[:2]), max(8, -(-len(others.order) // cores))))
    paths, best = decode(lambda part: Max(part, scores), arcs, others, len(batch.order), width, cores)
    for number, where, path, score in certain:
        paths[0, where], best[number] = path, score
    return paths[0], best


def best_lists(arcs: Arcs, scores: Scores, batch: Ragged, k: int) -> tuple[Array, Array]:
    """The k best paths of each sequence.

    Args:
        arcs: the tables.
        scores: the emission scores of all rows.
        batch: the sequences.
        k: the number of paths, at least 1; no more than the longest sequence has are looked for.

    Returns:
        The states of the path of each rank (k, rows); and the scores of the paths (k, N), -inf where there are fewer
        than k.
    """
    arcs = arcs.to(np.float64)
    k = min(k, len(arcs.end) ** min(len(batch.sizes), 64))  # of short sequences there are fewer paths
    width = max(1, (1 << 20) // (arcs.tables[-1].size * k))
    return decode(lambda part: KBest(part, scores, k), arcs, batch, len(batch.order), width)


def posterior_paths(arcs: Arcs, scores: Scores, batch: Ragged, count: int, rng: np.random.Generator) -> Array:
    """Draw paths from the posterior: forward filtering, backward sampling.

    Each state is drawn in proportion to the weight of all paths to it, times that of the arc to the state after it.

    Args:
        arcs: the tables.
        scores: the emission scores of all rows.
        batch: the sequences.
        count: the number of paths for each sequence.
        rng: the random number generator.

    Returns:
        The states, (count, rows).
    """
    arcs = arcs.to(np.float64)
    width = max(1, (1 << 20) // (arcs.tables[-1].size * max(count, 1)))
    return decode(lambda part: Sampling(part, scores, count, rng), arcs, batch, len(batch.order), width)[0]


def transition_posteriors(arcs: Arcs, scores: Scores, length: int) -> Array:
    """P(n neighbouring states | observations) of one sequence, (T - n + 1,) + (K,) * n.

    Args:
        arcs: the tables.
        scores: the emission scores of the sequence's rows.
        length: T.
    """
    states, steps = arcs.end.shape[0], max(length - arcs.n + 1, 0)
    # With a separate table for each step, the expected count of an arc is its posterior at that step.
    each = [arcs.tables[arcs.which(t)] for t in range(arcs.n - 1 + steps)]
    found = expectations(Arcs(each, arcs.end, arcs.n), scores, Ragged([length]), with_states=False)
    return np.reshape(found.counts[arcs.n - 1 :], (steps, *(states,) * arcs.n))
