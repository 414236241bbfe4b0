"""Explains why a sequence is impossible: where all paths end, and why."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.inference.passes.algebras import Max
from tinyseq.hmm.inference.passes.batching import Ragged
from tinyseq.hmm.inference.passes.score_tables import Arcs, Scores
from tinyseq.hmm.results import ImpossibleSequenceError


def explain(
    arcs: Arcs,
    scores: Scores,
    batch: Ragged,
    number: int,
    observations: Sequence[str],
    names: Sequence[Any],
    allowed: Array | None = None,
) -> ImpossibleSequenceError:
    """Build the error that says where an impossible sequence fails.

    Args:
        arcs, scores, batch: the chain, the emission scores, and all sequences.
        number: the index of the sequence.
        observations: a description of the observation at each position.
        names: the names of the states.
        allowed: (T, K), which states are known to be possible at each position; None for all.
    """
    alone = batch.only(number)
    messages = Max(arcs, scores).forward(alone).messages
    reached = [message.reshape(-1, message.shape[1]) > -np.inf for message in messages]
    dead = next((t for t, message in enumerate(reached) if not message.any()), None)
    start = f"sequence {number} is impossible: "
    if dead is None:
        last = _listed(np.any(reached[-1], axis=0), names)
        return ImpossibleSequenceError(
            f"{start}it can only end in {last}, in which no sequence stops", number, len(reached) - 1
        )
    position = dead - 1
    able = scores.logs(alone.rows(position))[:, 0] > -np.inf
    what = f"{observations[position]} at position {position}"
    if not able.any() and allowed is not None and not allowed[position].all():
        if not allowed[position].any():
            return ImpossibleSequenceError(f"{start}states allows no state at position {position}", number, position)
        which = _listed(allowed[position], names)
        return ImpossibleSequenceError(
            f"{start}states allows only {which} at position {position}, which cannot emit {observations[position]}",
            number,
            position,
        )
    if not able.any():
        return ImpossibleSequenceError(f"{start}no state can emit {what}", number, position)
    if position:
        before = _listed(np.any(reached[position], axis=0), names)
        where = f"no path leads there: the observations before it end in {before}, which has no transition to it"
    else:
        where = "no sequence can begin there"
    return ImpossibleSequenceError(f"{start}only {_listed(able, names)} can emit {what}, and {where}", number, position)


def _listed(which: Array, names: Sequence[Any], most: int = 5) -> str:
    chosen = np.flatnonzero(which)
    listed = ", ".join(repr(names[i]) for i in chosen[:most].tolist())
    return f"state {listed}" + (f" and {len(chosen) - most} others" if len(chosen) > most else "")
