"""The two chains that all else is made of, each as one node of the tape.

`log_partition` is `chain` in the log semiring, and `best_score` is `chain` in the max semiring: the same arguments and
the same numbers. But the passes run on raw arrays for a whole batch, and the gradient comes from forward-backward and
from the best path. A gradient that is to be differentiated again is taken through the readable recurrence instead, and
so is everything on arrays other than NumPy's.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinyseq.autograd.op import op
from tinyseq.autograd.tape import grad
from tinyseq.autograd.tensor import Tensor, TensorLike
from tinyseq.backend import Array
from tinyseq.hmm.chain import Initial, chain, checked
from tinyseq.hmm.inference import expectations, log_likelihood
from tinyseq.hmm.ragged import Ragged
from tinyseq.hmm.semirings import LOG, MAX, Semiring
from tinyseq.hmm.tables import Arcs, Dense
from tinyseq.hmm.viterbi import best_paths


def log_partition(
    initial: Initial,
    transition: TensorLike,
    emission: TensorLike,
    end: TensorLike | None = None,
    *,
    lengths: Sequence[int] | None = None,
) -> Tensor:
    """The log of the sum over all paths: ``chain(..., semiring=LOG)``, fast.

    Its gradient is the posterior: of the state at each step with respect to ``emission``, and the expected number of
    uses of each arc with respect to the tables.

    Args:
        initial, transition, emission, end, lengths: as for `chain`, in log scores.

    Returns:
        A number, or (B,) for a batch.

    Example:
        >>> import numpy as np
        >>> import tinyseq as ts
        >>> emission = ts.tensor(np.log([[0.9, 0.2], [0.9, 0.2], [0.1, 0.8]]), requires_grad=True)
        >>> log_partition(np.log([0.5, 0.5]), np.log([[0.7, 0.3], [0.3, 0.7]]), emission).backward()
        >>> emission.grad.numpy().round(3)
        array([[0.862, 0.138],
               [0.799, 0.201],
               [0.191, 0.809]])
    """
    return _run(_log_partition, LOG, initial, transition, emission, end, lengths)


def best_score(
    initial: Initial,
    transition: TensorLike,
    emission: TensorLike,
    end: TensorLike | None = None,
    *,
    lengths: Sequence[int] | None = None,
) -> Tensor:
    """The score of the best path: ``chain(..., semiring=MAX)``, fast. Its gradient is that path.

    Args:
        initial, transition, emission, end, lengths: as for `chain`, in log scores.

    Returns:
        A number, or (B,) for a batch.

    Example:
        >>> import tinyseq as ts
        >>> emission = ts.tensor([[0.0, -1.0], [-3.0, 0.0]], requires_grad=True)
        >>> best_score([0.0, 0.0], [[0.0, -1.0], [-1.0, 0.0]], emission).backward()
        >>> emission.grad.numpy()
        array([[1., 0.],
               [0., 1.]])
    """
    return _run(_best_score, MAX, initial, transition, emission, end, lengths)


def _run(node: Any, semiring: Semiring, initial: Any, transition: Any, emission: Any, end: Any, lengths: Any) -> Tensor:
    tables, transition, emission, end = checked(initial, transition, emission, end, semiring, lengths)
    if type(emission.detach()._array) is not np.ndarray:
        return chain(tables, transition, emission, end, semiring=semiring, lengths=lengths)
    single = emission.ndim == 2
    if single:
        emission = emission[:, None]
    steps, size = emission.shape[:2]
    stops = np.full(size, steps) if lengths is None else np.array(lengths, dtype=np.intp)
    scores = (*tables, transition, emission, *(() if end is None else (end,)))
    out: Tensor = node(*scores, order=len(tables) + 1, lengths=stops, work={})
    return out[0] if single else out


def _split(scores: Any, order: int) -> tuple[Any, Any, Any, Any]:
    """The op's arguments by name."""
    return (
        tuple(scores[: order - 1]),
        scores[order - 1],
        scores[order],
        scores[order + 1] if len(scores) > order + 1 else None,
    )


def _prepared(scores: Any, order: int, lengths: Array) -> tuple[Arcs, Dense, Ragged]:
    initial, transition, emission, end = _split(scores, order)
    rows = emission.reshape(-1, emission.shape[-1])
    return Arcs.of(initial, transition, end), Dense(rows), Ragged(lengths, padded=emission.shape[0])


def _log_forward(xp, *scores, order, lengths, work):  # type: ignore[no-untyped-def]
    return log_likelihood(*_prepared(scores, order, lengths)).astype(scores[order].dtype)


def _best_forward(xp, *scores, order, lengths, work):  # type: ignore[no-untyped-def]
    path, best = best_paths(*_prepared(scores, order, lengths))
    work["path"] = path.reshape(scores[order].shape[:2])
    return best


def _slopes(semiring: Semiring, all_of_them: Callable[..., list[Array]]) -> Callable[..., Any]:
    """A rule for each argument; the gradients of all of them are found together, once."""

    def rule(xp, g, i, scores, *, order, lengths, work):  # type: ignore[no-untyped-def]
        if isinstance(g, Tensor):
            initial, transition, emission, end = _split(scores, order)
            total = chain(initial, transition, emission, end, semiring=semiring, lengths=lengths)
            return grad(total, scores[i], g, create_graph=True)
        if work.get("upstream") is not g:
            work["upstream"], work["slopes"] = g, all_of_them(g, scores, order, lengths, work)
        return work["slopes"][i]

    return rule


def _log_slopes(g, scores, order, lengths, work):  # type: ignore[no-untyped-def]
    found = expectations(*_prepared(scores, order, lengths), weight=g)
    shapes = [part.shape for part in scores]
    varies = scores[order - 1].ndim > order
    counts = [count.reshape(shape) for count, shape in zip(found.counts, shapes[: order - 1], strict=False)]
    rest = found.counts[order - 1 :]
    counts.append((np.stack(rest) if varies and rest else rest[0] if rest else np.zeros(0)).reshape(shapes[order - 1]))
    return [*counts, found.states.reshape(shapes[order]), found.stops]


def _best_slopes(g, scores, order, lengths, work):  # type: ignore[no-untyped-def]
    """Along the best path each score counts once."""
    path = work["path"]
    slopes = [np.zeros(part.shape) for part in scores]
    varies = scores[order - 1].ndim > order
    for t in range(len(path)):
        running = np.flatnonzero(lengths > t)
        states = tuple(path[j, running] for j in range(max(t - order + 1, 0), t + 1))
        number = min(t, order - 1)
        step = (np.full(len(running), t - order + 1),) if varies and number == order - 1 else ()
        np.add.at(slopes[number], step + states, g[running])
        slopes[order][t, running, states[-1]] = g[running]
        if len(slopes) > order + 1:
            last = running[lengths[running] == t + 1]
            np.add.at(slopes[order + 1], path[t, last], g[last])
    return slopes


_log_partition = op(
    "log_partition",
    forward=_log_forward,
    saves="scores",
    vjp=_slopes(LOG, _log_slopes),
    tex=r"\bar e_{ti} = \bar y\,P(s_t = i \mid o),\quad \bar a_{ij} = \bar y \sum_t P(s_t = i, s_{t+1} = j \mid o)",
    analytic=False,
    calls="chain",
)
_best_score = op(
    "best_score",
    forward=_best_forward,
    saves="scores",
    vjp=_slopes(MAX, _best_slopes),
    tex=r"\bar e_{ti} = \bar y\,[s^*_t = i],\quad \bar a_{ij} = \bar y \sum_t [s^*_t = i, s^*_{t+1} = j]",
    analytic=False,
    calls="chain",
)
