"""Models of a certain shape by one call: left to right, round in a circle, and with durations."""

from collections.abc import Hashable, Iterable
from typing import Any, Self

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.emissions import Categorical, Emission, Shared
from tinyseq.hmm.emissions.draws import require_shares
from tinyseq.hmm.model.labels import Labels
from tinyseq.hmm.model.parameters import Parameters


class Structures(Parameters):
    """Ways to make an `HMM` whose zeros are its structure; learning keeps them."""

    @classmethod
    def left_to_right(
        cls,
        emission: Any,
        *,
        stay: Any = 0.5,
        skip: Any = 0.0,
        stop: bool = False,
        states: Iterable[Hashable] | None = None,
        symbols: Iterable[Hashable] | None = None,
    ) -> Self:
        """A model that begins in its first state and only goes forward, as speech does (Bakis 1976).

        Args:
            emission: a table (K, V), or an emission model with K states.
            stay: the probability to stay in a state, a number or (K,).
            skip: the probability to leave out the next state, likewise; the last but one state has none to leave out.
            stop: whether a sequence may end, and then only in the last state; otherwise it may be cut off anywhere, and
                the last state is never left.
            states, symbols: names, as for `HMM`.

        Raises:
            ValueError: for probabilities below 0, or above 1 in sum.

        Example:
            >>> from tinyseq.hmm import HMM
            >>> HMM.left_to_right(np.full((3, 2), 0.5), stay=0.6, skip=0.1).transition.round(2)
            array([[0.6, 0.3, 0.1],
                   [0. , 0.6, 0.4],
                   [0. , 0. , 1. ]])
        """
        size = _states(emission)
        staying, skipping = _each("stay", stay, size), _each("skip", skip, size)
        if (staying + skipping > 1 + 1e-12).any():
            raise ValueError(f"stay and skip must not exceed 1 in sum, got {staying} and {skipping}")
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
        return cls(np.eye(size)[0], transition, emission, end=end, states=states, symbols=symbols)

    @classmethod
    def cyclic(
        cls,
        emission: Any,
        *,
        stay: Any = 0.5,
        initial: Any = None,
        states: Iterable[Hashable] | None = None,
        symbols: Iterable[Hashable] | None = None,
    ) -> Self:
        """A model whose states follow each other round and round, as the phases of a day or a machine do.

        Args:
            emission: a table (K, V), or an emission model with K states.
            stay: the probability to stay in a state, a number or (K,).
            initial: P(s_1), (K,); by default any state is as probable as any other.
            states, symbols: names, as for `HMM`.

        Raises:
            ValueError: for probabilities below 0 or above 1.

        Example:
            >>> from tinyseq.hmm import HMM
            >>> HMM.cyclic(np.full((3, 2), 0.5), stay=0.75).transition
            array([[0.75, 0.25, 0.  ],
                   [0.  , 0.75, 0.25],
                   [0.25, 0.  , 0.75]])
        """
        size = _states(emission)
        staying = _each("stay", stay, size)
        transition = np.diag(staying) + (1 - staying)[:, None] * np.roll(np.eye(size), 1, axis=1)
        first = np.full(size, 1 / size) if initial is None else initial
        return cls(first, transition, emission, states=states, symbols=symbols)

    @classmethod
    def semi_markov(
        cls,
        initial: Any,
        jumps: Any,
        durations: Any,
        emission: Any,
        *,
        states: Iterable[Hashable] | None = None,
        symbols: Iterable[Hashable] | None = None,
    ) -> Self:
        """A model whose states last as long as you say, exactly, where those of an HMM last geometrically long.

        Each state becomes R states that count down, (state, steps left): a state is entered where its duration begins,
        and left after the last step. They share its emissions. (Explicit durations: Ferguson 1980; as an HMM: Johnson
        2005.) The first duration begins with the sequence, and the last may be cut off by its end.

        Learning keeps all that: with two states, the durations are learned as the probabilities to enter; with more,
        they may come to depend on the state before. ``learn={"emission"}`` leaves them as they are.

        Args:
            initial: P(first state), (K,).
            jumps: P(next state | state that ends), (K, K).
            durations: P(duration | state), (K, R), for 1 to R steps.
            emission: a table (K, V), or an emission model with K states.
            states, symbols: names, as for `HMM`; the model's own states are pairs (name, steps left).

        Raises:
            ValueError: for shapes that do not fit, or rows that are no probabilities.

        Example:
            >>> from tinyseq.hmm import HMM
            >>> three_or_one = HMM.semi_markov([1, 0], [[0, 1], [1, 0]], [[0, 0, 1], [1, 0, 0]], np.eye(2), states="ab")
            >>> three_or_one.viterbi([0, 0, 0, 1, 0]).path
            [('a', 3), ('a', 2), ('a', 1), ('b', 1), ('a', 3)]
        """
        size = _states(emission)
        names = Labels(states, size, "state")
        initial, jumps, durations = (np.asarray(table, dtype=np.float64) for table in (initial, jumps, durations))
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
        transition = np.kron(np.eye(size), np.eye(longest, k=-1))  # one step less to go
        transition[::longest] = (jumps[:, :, None] * durations).reshape(size, -1)
        if not isinstance(emission, Emission):
            emission = Categorical(np.asarray(emission, dtype=np.float64), symbols)
        elif symbols is not None:
            raise ValueError("symbols belong to a table of emissions, not to an emission model")
        shared = Shared(emission, np.repeat(np.arange(size), longest))
        pairs = [(name, left) for name in names for left in range(1, longest + 1)]
        return cls(entered, transition, shared, states=pairs)


def _states(emission: Any) -> int:
    return emission.states if isinstance(emission, Emission) else len(emission)


def _each(name: str, value: Any, size: int) -> Array:
    """A probability for each state.

    Raises:
        ValueError: for another number of them, or what is no probability.
    """
    found = np.asarray(value, dtype=np.float64)
    if found.shape not in ((), (size,)) or not ((found >= 0) & (found <= 1)).all():
        raise ValueError(f"{name} must be a probability or one for each of {size} states, got {value!r}")
    return np.full(size, found) if found.ndim == 0 else found
