"""The arguments of `tinyseq.hmm.chain`: checks, and their precision."""

import warnings
from typing import Any

import numpy as np

from tinyseq.arguments import shown
from tinyseq.autograd.anomaly import frames_inside
from tinyseq.autograd.tensor import Tensor, constant
from tinyseq.backend import host_array, namespace_of
from tinyseq.hmm.inference.semirings import Semiring

Scores = tuple[tuple[Tensor, ...], Tensor, Tensor, Tensor | None]
NARROW = {"e", "f"}  # NumPy's characters of float16 and float32


def checked(initial: Any, transition: Any, emission: Any, end: Any, semiring: Semiring, lengths: Any) -> Scores:
    """Convert the scores to tensors, and check their shapes."""
    require_semiring(semiring)
    tables = tuple(_scores("initial", table) for table in (initial if isinstance(initial, tuple) else (initial,)))
    transition, emission = _scores("transition", transition), _scores("emission", emission)
    end = None if end is None else _scores("end", end)
    n, own = len(tables) + 1, int(semiring.pairs)
    if emission.ndim not in (2 + own, 3 + own):
        raise ValueError(f"emission must have shape (T, K) or (T, B, K), got {emission.shape}")
    states = emission.shape[-1]
    if not states:
        raise ValueError(f"emission must have scores of at least one state, got shape {emission.shape}")
    for i, table in enumerate(tables):
        _expect(table, f"initial[{i}]" if n > 2 else "initial", (states,) * (i + 1), own)
    batch = emission.shape[1 + own : -1]
    varies = transition.ndim - own - n  # 1: with time, 2: with time and from sequence to sequence
    if varies == 2 and batch:
        _check_number(transition, emission, n, alike=True)
        _expect(transition, "transition", (*transition.shape[:1], *batch, *(states,) * n), own, time=1)
    elif varies == 1:
        _check_number(transition, emission, n)
        _expect(transition, "transition", (*transition.shape[:1], *(states,) * n), own, time=1)
    else:
        _expect(transition, "transition", (states,) * n, own)
    if end is not None:
        _expect(end, "end", (states,), own)
    if lengths is not None:
        found = host_array(lengths)
        if found.shape != batch:
            raise ValueError(f"lengths must have shape {batch}, one for each sequence, got {found.shape}")
        if found.size and found.dtype.kind not in "iu":
            raise TypeError(f"lengths must be whole numbers, one for each sequence; got {found.tolist()}")
        if ((found < 0) | (found > emission.shape[0])).any():
            raise ValueError(
                f"lengths must lie in 0..{emission.shape[0]}, the length of emission, got {found.tolist()}"
            )
    return tables, transition, emission, end


def require_semiring(semiring: object) -> None:
    """Raise a TypeError for anything but a semiring."""
    if not isinstance(semiring, Semiring):
        cure = f"; call it, as in {getattr(semiring, '__name__', 'KBest')}(...)" if callable(semiring) else ""
        raise TypeError(f"semiring must be a Semiring, such as ts.hmm.semirings.LOG, got {shown(semiring)}{cure}")


def _scores(name: str, table: Any) -> Tensor:
    """Scores as a tensor of real numbers: sums of whole ones may overflow, and have no -inf."""
    try:
        found = constant(table)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from None
    return found.to("float64") if getattr(found.dtype, "kind", "f") in "biu" else found


def warn_of_probabilities(tables: tuple[Tensor, ...], transition: Tensor, cure: str) -> None:
    """Warn of tables in place of their logarithms: their rows sum to 1, and not all entries are alike, or 0 and 1.

    Only on the host, where looking at values is free; what is recorded for a compiled step is not looked at either.
    """
    arrays = [table._array for table in (*tables, transition)]
    if not all(map(_look_like_probabilities, arrays)) or (arrays[-1] == arrays[-1].flat[0]).all():
        return
    warnings.warn(
        f"initial and transition look like probabilities, where their logarithms are expected; {cure}",
        stacklevel=1 + frames_inside(),
    )


def _look_like_probabilities(values: Any) -> bool:
    if not isinstance(values, np.ndarray) or not (values >= 0).all():
        return False
    return bool((np.abs(values.sum(axis=-1) - 1) <= 1e-5).all() and ((values > 0) & (values < 1)).any())


def in_double(tables: tuple[Tensor, ...], transition: Tensor, emission: Tensor, end: Tensor | None) -> Scores:
    """Scores of a lower precision in double: a message of thousands of steps is large, and would round their sums."""

    def wide(scores: Tensor) -> Tensor:
        return scores.to("float64") if _is_narrow(scores.dtype) else scores

    return tuple(map(wide, tables)), wide(transition), wide(emission), None if end is None else wide(end)


def as_precise_as(
    found: Tensor, tables: tuple[Tensor, ...], transition: Tensor, emission: Tensor, end: Tensor | None
) -> Tensor:
    """A result in the dtype of the scores that it was computed from."""
    parts = (*tables, transition, emission, *(() if end is None else (end,)))
    dtype = namespace_of(emission._array).result_type(*(part.dtype for part in parts))
    with np.errstate(over="ignore", under="ignore"):  # of probabilities and counts
        return found.to(dtype) if _is_narrow(dtype) else found


def _is_narrow(dtype: Any) -> bool:
    return getattr(dtype, "char", "") in NARROW


def _check_number(transition: Tensor, emission: Tensor, n: int, alike: bool = False) -> None:
    """Refuse too few tables for the steps; where ``alike``, a single one counts for all."""
    tables, steps = transition.shape[0], emission.shape[0]
    needed = max(steps - n + 1, 0)
    if tables >= needed or (alike and tables == 1):
        return
    hint = "; transition[None] is one table for each sequence" if not alike and emission.shape[1:2] == (tables,) else ""
    raise ValueError(
        f"transition has shape {transition.shape}, so {tables} tables, but {steps} observations need {needed}: "
        f"one for each state from number {n} on{hint}"
    )


def _expect(table: Tensor, name: str, shape: tuple[int, ...], own: int, time: int = 0) -> None:
    wanted = (*shape[:time], *(2,) * own, *shape[time:])
    if table.shape != wanted:
        raise ValueError(f"{name} must have shape {wanted} to go with {shape[-1]} states, got {table.shape}")
