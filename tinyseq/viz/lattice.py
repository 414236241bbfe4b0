"""The numbers of a trellis: what each cell of (time, state) holds, and what each arc into it brings."""

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinyseq.autograd.modes import no_grad
from tinyseq.autograd.tensor import Tensor
from tinyseq.hmm.chain import messages
from tinyseq.hmm.hmm import HMM
from tinyseq.hmm.semirings import LOG, MAX
from tinyseq.viz.style import clean, number

Floats = NDArray[np.float64]
SEMIRINGS = {"max": MAX, "log": LOG}


class Lattice(NamedTuple):
    """The forward recurrence of one sequence, cell by cell. All scores are natural logs; -inf is impossible.

    Attributes:
        scores: (T, K), the message after each observation.
        emission: (T, K), log P(o_t | s).
        arcs: (T - 1, K, K), log P(s' | s) for the step after each observation but the last.
        initial: (K,), log P(s_1).
        end: (K,), log P(stop | s), or None.
        symbols: what was observed.
    """

    scores: Floats
    emission: Floats
    arcs: Floats
    initial: Floats
    end: Floats | None
    symbols: list[str]

    @property
    def incoming(self) -> Floats:
        """(T - 1, K, K): the score that each arc brings to its head, before the emission."""
        return self.scores[:-1, :, None] + self.arcs

    def best_tails(self) -> NDArray[np.intp]:
        """(T - 1, K): the arc of the best path into each cell; the lowest state of equally good ones."""
        tails: NDArray[np.intp] = self.incoming.argmax(axis=1)
        return tails

    def shares(self) -> Floats:
        """(T - 1, K, K): each arc's share of the sum in its head; 0 where nothing arrives."""
        incoming = self.incoming
        top = incoming.max(axis=1, keepdims=True, initial=-np.inf)
        weights = np.exp(incoming - np.where(np.isfinite(top), top, 0.0))
        total = weights.sum(axis=1, keepdims=True)
        shares: Floats = np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)
        return shares


def lattice(hmm: HMM, x: Any, semiring: Literal["max", "log"]) -> Lattice:
    """Run the forward recurrence and keep every cell.

    Args:
        hmm: a model of order 2.
        x: one sequence of observations.
        semiring: ``"max"`` or ``"log"``.

    Raises:
        ValueError: another order or semiring, several sequences, or none.
    """
    if semiring not in SEMIRINGS:
        raise ValueError(f'semiring must be "max" or "log", got {semiring!r}')
    if hmm.order != 2:
        raise ValueError(
            f"a trellis is drawn for models of order 2, where a cell is a state; this one has order {hmm.order}"
        )
    if not hmm.emissions.is_one(x):
        raise ValueError("a trellis shows one sequence, got a list of them; pass one, as trellis(hmm, sequences[0])")
    rows = hmm.emissions.read([x])
    length = rows.lengths[0]
    if not length:
        raise ValueError("there is nothing to draw: the sequence is empty")
    with np.errstate(divide="ignore", invalid="ignore"), no_grad():  # the log of 0 is -inf
        initial, transition = np.log(plain(hmm.initial)), np.log(plain(hmm.transition))
        end = None if hmm.end is None else np.log(plain(hmm.end))
        emission = hmm.emissions.scores(rows.data).logs(np.arange(length)).T.astype(np.float64)
        columns = [message.numpy() for message in messages(initial, transition, emission, semiring=SEMIRINGS[semiring])]
    arcs = transition if transition.ndim == 3 else np.broadcast_to(transition, (length - 1, *transition.shape))
    symbols = [_shown(hmm, item, datum) for item, datum in zip(x, rows.data, strict=True)]
    return Lattice(np.stack(columns[1:]), emission, arcs[: length - 1], initial, end, symbols)


def plain(table: Any) -> Floats:
    """The values of a table of probabilities."""
    values: Floats = np.asarray(table.numpy() if isinstance(table, Tensor) else table, dtype=np.float64)
    return values


def _shown(hmm: HMM, item: Any, datum: Any) -> str:
    """An observation as it is written below its column."""
    if item is None:
        return "(missing)"
    if isinstance(item, int | np.integer) and np.ndim(datum) == 0 and int(datum) < len(hmm.symbols):
        return clean(hmm.symbols[int(datum)], limit=16)
    if isinstance(item, float | np.floating):
        return number(float(item))
    return clean(item, limit=16)
