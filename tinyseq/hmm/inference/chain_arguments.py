"""Checks of the arguments of `tinyseq.hmm.chain`."""

from typing import Any

from tinyseq.autograd.tensor import Tensor, constant
from tinyseq.backend import host_array
from tinyseq.hmm.inference.semirings import Semiring


def checked(
    initial: Any, transition: Any, emission: Any, end: Any, semiring: Semiring, lengths: Any
) -> tuple[tuple[Tensor, ...], Tensor, Tensor, Tensor | None]:
    """Convert the scores to tensors, and check their shapes."""
    if not isinstance(semiring, Semiring):
        raise TypeError(f"semiring must be one of tinyseq.hmm.semirings, such as LOG or MAX, got {semiring!r}")
    tables = tuple(constant(table) for table in (initial if isinstance(initial, tuple) else (initial,)))
    transition, emission = constant(transition), constant(emission)
    end = None if end is None else constant(end)
    n, own = len(tables) + 1, int(semiring.pairs)
    if emission.ndim not in (2 + own, 3 + own):
        raise ValueError(f"emission must have shape (T, K) or (T, B, K), got {emission.shape}")
    states = emission.shape[-1]
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
