"""Constructors for common structures: left-to-right, cyclic, and with explicit durations."""

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np

from tinyseq.arguments import check_flags
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import Array
from tinyseq.hmm.emissions import Categorical, Emission, Shared
from tinyseq.hmm.emissions.draws import require_shares
from tinyseq.hmm.model.labels import Labels
from tinyseq.hmm.model.parameters import Parameters
from tinyseq.hmm.model.probabilities import as_table, plain


def left_to_right(
    emission: Any,
    *,
    stay: Any = 0.5,
    skip: Any = 0.0,
    stop: bool = False,
    states: Iterable[Hashable] | None = None,
    symbols: Iterable[Hashable] | None = None,
) -> Parameters:
    """See `HMM.left_to_right`."""
    check_flags(stop=stop)
    size = _states(emission)
    staying, skipping = _each("stay", stay, size), _each("skip", skip, size)
    if (staying + skipping > 1 + 1e-12).any():
        raise ValueError(f"stay and skip must not sum to more than 1, got {staying} and {skipping}")
    transition = np.diag(staying)
    for k in range(size - 1):
        onward = skipping[k] if k + 2 < size else 0.0
        transition[k, k + 1] = max(1 - staying[k] - onward, 0.0)
        transition[k, k + 2 : k + 3] = onward
    end = None
    if stop:
        end = np.zeros(size)
        end[-1] = 1 - staying[-1]
    else:
        transition[-1, -1] = 1.0
    return Parameters(np.eye(size)[0], transition, emission, end=end, states=states, symbols=symbols)


def cyclic(
    emission: Any,
    *,
    stay: Any = 0.5,
    initial: Any = None,
    states: Iterable[Hashable] | None = None,
    symbols: Iterable[Hashable] | None = None,
) -> Parameters:
    """See `HMM.cyclic`."""
    size = _states(emission)
    staying = _each("stay", stay, size)
    transition = np.diag(staying) + (1 - staying)[:, None] * np.roll(np.eye(size), 1, axis=1)
    first = np.full(size, 1 / size) if initial is None else initial
    return Parameters(first, transition, emission, states=states, symbols=symbols)


def semi_markov(
    initial: Any,
    jumps: Any,
    durations: Any,
    emission: Any,
    *,
    states: Iterable[Hashable] | None = None,
    symbols: Iterable[Hashable] | None = None,
) -> Parameters:
    """See `HMM.semi_markov`."""
    size = _states(emission)
    names = Labels(states, size, "state")
    initial, jumps = _numbers("initial", initial), _numbers("jumps", jumps)
    durations = _numbers("durations", durations)
    if durations.ndim != 2 or len(durations) != size or not durations.size:
        raise ValueError(
            f"durations must have shape ({size}, longest), as emission has {size} states; got {durations.shape}"
        )
    if initial.shape != (size,) or jumps.shape != (size, size):
        raise ValueError(
            f"initial and jumps must have shapes ({size},) and ({size}, {size}), as emission has {size} states; "
            f"got {initial.shape} and {jumps.shape}"
        )
    longest = durations.shape[1]
    require_shares("initial", initial)
    require_shares("jumps", jumps)
    require_shares("durations", durations)
    entered = (initial[:, None] * durations).reshape(-1)
    transition = np.kron(np.eye(size), np.eye(longest, k=-1))  # count down by one
    transition[::longest] = (jumps[:, :, None] * durations).reshape(size, -1)
    if not isinstance(emission, Emission):
        emission = Categorical(emission, symbols)
    elif symbols is not None:
        raise ValueError("symbols go with an emission table, not with an emission model")
    shared = Shared(emission, np.repeat(np.arange(size), longest))
    pairs = [(name, left) for name in names for left in range(1, longest + 1)]
    return Parameters(entered, transition, shared, states=pairs)


def _states(emission: Any) -> int:
    """The number of states of emissions; a table has a row for each."""
    if isinstance(emission, Emission):
        return emission.states
    table = as_table(emission, "emission")
    if table.ndim != 2:
        raise ValueError(f"emission must have shape (states, symbols), got {table.shape}")
    return len(table)


def _numbers(name: str, value: Any) -> Array:
    """An array of numbers, through which no gradient goes.

    Raises:
        TypeError: it has one, which would end here.
    """
    table = as_table(value, name)
    if isinstance(table, Tensor) and table.requires_grad:
        raise TypeError(
            f"{name} has a gradient, which would end here; give {name}.detach(), or compute the tables of HMM(...)"
        )
    return np.asarray(plain(table), dtype=np.float64)


def _each(name: str, value: Any, size: int) -> Array:
    """A probability for each state.

    Raises:
        ValueError: if there are too few or too many, or one is not a probability.
    """
    found = _numbers(name, value)
    if found.shape not in ((), (size,)) or not ((found >= 0) & (found <= 1)).all():
        raise ValueError(f"{name} must be a probability or one for each of {size} states, got {value!r}")
    return np.full(size, found) if found.ndim == 0 else found
