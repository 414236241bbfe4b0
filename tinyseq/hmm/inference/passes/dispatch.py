"""Log-likelihoods, posteriors, expected counts and best paths of many sequences: chooses the pass for each sequence.

Sequences are processed in tiles, so that messages stay in the cache and memory does not grow with the number of
sequences. Where probabilities (`Scaled`) could underflow, the sequence is computed again in log space (`LogSpace`), as
are sequences with transitions of their own.
"""

import math
from typing import NamedTuple

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.inference.passes import long_sequence as blocks
from tinyseq.hmm.inference.passes import viterbi
from tinyseq.hmm.inference.passes.batching import Ragged
from tinyseq.hmm.inference.passes.log_space import LogSpace
from tinyseq.hmm.inference.passes.scaled import SINGLE_THREADED, Scaled
from tinyseq.hmm.inference.passes.score_tables import Arcs, Scores, of_sequences

TERMS = 1 << 21  # numbers that a step in log space computes at a time


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
    return expectations(arcs, scores, batch, backward=False).log_likelihood


def expectations(
    arcs: Arcs,
    scores: Scores,
    batch: Ragged,
    weight: Array | None = None,
    with_states: bool = True,
    with_counts: bool = True,
    backward: bool = True,
) -> Expected:
    """Forward-backward: log-likelihoods, posteriors and expected counts.

    Args:
        arcs: the tables.
        scores: the emission scores of all rows.
        batch: the sequences.
        weight: (N,), the weight of each sequence; 1 by default.
        with_states: whether to compute the state posteriors.
        with_counts: whether to compute the expected counts of arcs.
        backward: False to compute the log-likelihoods only.
    """
    arcs = arcs.to(np.float64)
    found = np.empty(len(batch.order))
    states = np.zeros((batch.count, len(arcs.end))) if with_states and backward else None
    counts = [np.zeros(table.shape) for table in arcs.tables] if with_counts and backward else None
    stops = np.zeros(len(arcs.end))
    weight = np.ones(len(batch.order)) if weight is None else weight

    def run(passes: Scaled | LogSpace, part: Ragged) -> Array:
        done = passes.forward(part, keep=backward)
        found[part.order] = passes.log_likelihood(done)
        if backward:
            uses = None if counts is None else of_sequences(counts, part.order)
            stops[:] += passes.backward(done, np.where(done.unsafe, 0.0, weight[part.order]), states, uses)[0]
            for count, used in zip(counts or (), uses or (), strict=True):
                if count.ndim == 4:
                    count[..., part.order] = used
        return done.unsafe

    rest = np.ones(len(batch.order), dtype=bool)
    fast = None if arcs.own else Scaled(arcs, scores)
    if fast is not None and (states is not None or not backward):
        for column, first, rows in blocks.long_columns(fast, batch):
            number = batch.order[column]
            value = blocks.expectations(fast, first, rows, weight[number], states, counts)
            if value is not None:
                found[number], rest[column] = value, False
                if states is not None:
                    stops += states[first + rows - 1]
    for tile in batch.columns(rest).tiles(_width(arcs)):
        unsafe = np.ones(len(tile.order), dtype=bool) if fast is None else run(fast, tile)
        for part in _unsafe(tile, unsafe, arcs):
            run(LogSpace(arcs.of_sequences(part.order), scores), part)
    return Expected(found, np.zeros((0, len(arcs.end))) if states is None else states, counts or [], stops)


def best_paths(arcs: Arcs, scores: Scores, batch: Ragged) -> tuple[Array, Array]:
    """The best path of each sequence: the state at each row (rows,), and each path's log score (N,).

    Args:
        arcs: the tables.
        scores: the emission scores of all rows.
        batch: the sequences.
    """
    certain, rest = [], np.ones(len(batch.order), dtype=bool)
    if arcs.n == 2 and len(arcs.tables) == 2 and not arcs.own:
        for column, first, rows in batch.longer(blocks.LONG):
            found = blocks.best_path(viterbi.Max(arcs, scores), first, rows)
            if found is not None:
                certain.append((batch.order[column], slice(first, first + rows), *found))
                rest[column] = False
    paths, best = viterbi.best_paths(arcs, scores, batch.columns(rest), len(batch.order))
    for number, where, path, score in certain:
        paths[where], best[number] = path, score
    return paths, best


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


def _width(arcs: Arcs) -> int:
    """Sequences per tile: few enough that a matrix product runs in one thread, and fits in the cache."""
    oldest, others, states = arcs.tables[-1].shape[:3]
    width = np.clip(SINGLE_THREADED // (oldest * states), 128, 1024)
    return int(min(width, max((1 << 20) // (oldest * others), 1)))


def _unsafe(tile: Ragged, unsafe: Array, arcs: Arcs) -> list[Ragged]:
    """The columns to compute in log space, in pieces whose terms (H, R, V, columns) fit in about 16 MB."""
    if not unsafe.any():
        return []
    width = max(1, TERMS // math.prod(arcs.tables[-1].shape[:3]))
    return list(tile.columns(np.flatnonzero(unsafe)).tiles(width))
