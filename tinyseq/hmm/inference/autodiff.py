"""The log partition function and the best score, each as one node of the tape.

`log_partition` is `chain` in the log semiring, and `best_score` is `chain` in the max semiring: the same arguments and
the same results. But the passes run on raw arrays for a whole batch, and the gradient comes from forward-backward and
from the best path; on a GPU, each is one kernel. For higher derivatives, and for arrays other than NumPy's and CuPy's,
the readable recurrence is used instead.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyseq.autograd.backward import grad
from tinyseq.autograd.declare import FUNCTIONS, op
from tinyseq.autograd.tensor import Tensor, TensorLike
from tinyseq.backend import Array, host_array, is_recorded, namespace_of, recorded_whole, to_numpy
from tinyseq.hmm.inference.chain import Initial, chain
from tinyseq.hmm.inference.chain_arguments import checked
from tinyseq.hmm.inference.gpu.chains import DeviceChain, Slopes, runs_here
from tinyseq.hmm.inference.passes.batching import Ragged
from tinyseq.hmm.inference.passes.dispatch import best_paths, expectations, log_likelihood
from tinyseq.hmm.inference.passes.score_tables import Arcs, Scores
from tinyseq.hmm.inference.semirings import LOG, MAX, Semiring


def log_partition(
    initial: Initial,
    transition: TensorLike,
    emission: TensorLike,
    end: TensorLike | None = None,
    *,
    lengths: Sequence[int] | None = None,
) -> Tensor:
    """The log of the sum over all paths: ``chain(..., semiring=LOG)``, fast.

    Its gradient with respect to ``emission`` is the posterior of the state at each step, and with respect to the tables
    the expected count of each arc.

    Args:
        initial, transition, emission, end, lengths: as for `chain`, in log scores.

    Returns:
        A number, or (B,) for a batch.

    Raises:
        ValueError: if the shapes do not fit each other.
        TypeError: if lengths are not whole numbers.

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
    """The score of the best path: ``chain(..., semiring=MAX)``, fast.

    Its gradient is that path, and 0 if none is possible.

    Args:
        initial, transition, emission, end, lengths: as for `chain`, in log scores.

    Returns:
        A number, or (B,) for a batch.

    Raises:
        ValueError: if the shapes do not fit each other.
        TypeError: if lengths are not whole numbers.

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
    xp, own = namespace_of(emission._array), transition.ndim == len(tables) + 3
    runs = is_recorded(emission._array) or runs_here(emission._array)
    if not xp.on_host and (own or not runs):  # no kernel of a GPU takes tables of each sequence
        return chain(tables, transition, emission, end, semiring=semiring, lengths=lengths)
    single = emission.ndim == 2
    if single:
        emission = emission[:, None]
    steps, size = emission.shape[:2]
    stops = np.full(size, steps) if lengths is None else host_array(lengths).astype(np.intp).reshape(-1)  # a copy
    parts = (*tables, transition, emission, *(() if end is None else (end,)))
    # All scores are packed into one vector, so that forward-backward runs once, not once for each table.
    scores = FUNCTIONS["concatenate"]([part.reshape(-1) for part in parts])
    shapes = tuple(part.shape for part in parts)
    learns = any(part.requires_grad for i, part in enumerate(parts) if i != len(tables) + 1)  # other than emission
    out: Tensor = node(scores, shapes=shapes, n=len(tables) + 1, lengths=stops, learns=learns)
    return out[0] if single else out


Shapes = tuple[tuple[int, ...], ...]


def _unpacked(scores: Any, shapes: Shapes, n: int) -> tuple[Any, Any, Any, Any]:
    """Unpack a vector of scores into the initial tables, transition, emission and end."""
    parts, start = [], 0
    for shape in shapes:
        stop = start + math.prod(shape)
        parts.append(scores[start:stop].reshape(shape))
        start = stop
    return (
        tuple(parts[: n - 1]),
        parts[n - 1],
        parts[n],
        parts[n + 1] if len(parts) > n + 1 else None,
    )


def _prepared(scores: Array, shapes: Shapes, n: int, lengths: Any) -> tuple[Arcs, Scores, Ragged]:
    initial, transition, emission, end = _unpacked(scores, shapes, n)
    rows = Scores.dense(emission.reshape(-1, emission.shape[-1]))
    return Arcs.of(initial, transition, end), rows, Ragged(lengths, padded=emission.shape[0])


def _on_device(scores: Array, shapes: Shapes, n: int, lengths: Any) -> DeviceChain:
    tables = sum(math.prod(shape) for shape in shapes[:n])
    emission, end = _unpacked(scores, shapes, n)[2:]
    steps, _, states = emission.shape
    stops = to_numpy(lengths).tolist()
    return DeviceChain(scores[:tables], emission.reshape(-1, states), end, n, stops, padded=steps)


def _packed(slopes: Slopes, scores: Array, shapes: Shapes, n: int) -> Array:
    """The uses of all scores as one vector; of the tables zeros, if they were not counted."""
    xp = namespace_of(scores)
    tables, end = sum(math.prod(shape) for shape in shapes[:n]), math.prod(shapes[-1])
    arcs = xp.zeros(tables, dtype=scores.dtype) if slopes.arcs is None else slopes.arcs
    stops = xp.zeros(end, dtype=scores.dtype) if slopes.stops is None else slopes.stops
    return xp.concatenate([arcs, xp.reshape(slopes.states, (-1,)), *([stops] if len(shapes) > n + 1 else [])])


def _readable(semiring: Semiring, scores: Any, shapes: Shapes, n: int, lengths: Any, learns: bool = True) -> Tensor:
    return chain(*_unpacked(scores, shapes, n), semiring=semiring, lengths=lengths)


def _posteriors(scores: Array, g: Array, shapes: Shapes, n: int, lengths: Any, learns: bool) -> Array:
    """The posterior of every state and arc, times the upstream gradient of its sequence, as one vector."""
    if runs_here(scores):
        return _packed(_on_device(scores, shapes, n, lengths).posteriors(g, learns)[1], scores, shapes, n)
    found = expectations(*_prepared(scores, shapes, n, lengths), weight=g, with_counts=learns)
    each = [np.moveaxis(part, -1, 0) if part.ndim == 4 else part for part in found.counts]
    counts = np.concatenate([part.reshape(-1) for part in each]) if learns else None
    return _packed(Slopes(found.states, counts, found.stops), scores, shapes, n)


def _on_best_path(scores: Array, g: Array, shapes: Shapes, n: int, lengths: Any, learns: bool) -> Array:
    """How often the best path uses each score, times the upstream gradient of its sequence, as one vector."""
    if runs_here(scores):
        return _packed(_on_device(scores, shapes, n, lengths).best_slopes(g, learns), scores, shapes, n)
    paths, best = best_paths(*_prepared(scores, shapes, n, lengths))
    g = np.where(best != -np.inf, g, 0.0)  # no gradient where no path is possible
    paths = paths.reshape(shapes[n][:2])
    slopes = np.zeros(scores.shape)
    initial, transition, emission, end = _unpacked(slopes, shapes, n)  # views of the vector
    tables = [*initial, *(transition if transition.ndim > n else [transition])]
    stops = np.asarray(lengths, dtype=np.intp)
    for t, path in enumerate(paths):
        running = np.flatnonzero(stops > t)
        arc = tuple(paths[max(t - n + 1, 0) : t + 1, running])
        table = tables[min(t, len(tables) - 1)]
        np.add.at(table, arc if table.ndim <= n else (running, *arc), g[running])
        emission[t, running, path[running]] = g[running]
        if end is not None:
            last = running[stops[running] == t + 1]
            np.add.at(end, path[last], g[last])
    return slopes


def _differentiable_slope(semiring: Semiring, scores: Tensor, g: Tensor, setting: dict[str, Any]) -> Tensor:
    """The gradient through the readable chain, which is differentiable itself."""
    return grad(_readable(semiring, scores, **setting), scores, g, create_graph=True)


@recorded_whole
def _log_slope(xp: Any, g: Any, scores: Any, **setting: Any) -> Any:
    if isinstance(g, Tensor):
        return _differentiable_slope(LOG, scores, g, setting)
    return _posteriors(scores, g, **setting)


@recorded_whole
def _best_slope(xp: Any, g: Any, scores: Any, **setting: Any) -> Any:
    if isinstance(g, Tensor):
        return _differentiable_slope(MAX, scores, g, setting)
    return _on_best_path(scores, g, **setting)


@recorded_whole
def _log_total(
    xp: Any, scores: Array, *, shapes: Shapes = (), n: int = 2, lengths: Any = (), learns: bool = True
) -> Array:
    if runs_here(scores):
        return _on_device(scores, shapes, n, lengths).log_partition()
    return log_likelihood(*_prepared(scores, shapes, n, lengths)).astype(scores.dtype)


@recorded_whole
def _best(xp: Any, scores: Array, *, shapes: Shapes = (), n: int = 2, lengths: Any = (), learns: bool = True) -> Array:
    if runs_here(scores):
        return _on_device(scores, shapes, n, lengths).best_scores()
    return best_paths(*_prepared(scores, shapes, n, lengths))[1].astype(scores.dtype)


_log_partition = op(
    "log_partition",
    forward=_log_total,
    saves="scores",
    vjp=_log_slope,
    tex=r"\bar e_{ti} = \bar y\,P(s_t = i \mid o),\quad \bar a_{ij} = \bar y \sum_t P(s_t = i, s_{t+1} = j \mid o)",
    analytic=False,
    calls="chain",
    reference=lambda scores, **setting: _readable(LOG, scores, **setting).numpy(),
)
_best_score = op(
    "best_score",
    forward=_best,
    saves="scores",
    vjp=_best_slope,
    tex=r"\bar e_{ti} = \bar y\,[s^*_t = i],\quad \bar a_{ij} = \bar y \sum_t [s^*_t = i, s^*_{t+1} = j]",
    analytic=False,
    calls="chain",
    reference=lambda scores, **setting: _readable(MAX, scores, **setting).numpy(),
)
