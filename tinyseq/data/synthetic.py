"""Synthetic tasks that require a long memory: the network needs information from many steps earlier.

All three are random and of any length, so there is no limit to the training and test data.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from tinyseq.arguments import whole
from tinyseq.data.batches import IGNORE, Ids
from tinyseq.random import Rng, as_generator
from tinyseq.torch_names.settings import explained

Numbers = NDArray[np.float32]


@explained
def adding_problem(length: int, batch: int, rng: Rng = None) -> tuple[Numbers, Numbers]:
    """The adding problem: the sum of the two marked numbers in a sequence (Hochreiter and Schmidhuber, 1997).

    Each step has a number, uniformly distributed in [0, 1), and a mark, which is 1 at one step of the first half and
    one of the second half, else 0. The best constant answer is 1, with a mean squared error of 1/6.

    Args:
        length: T, the number of steps, at least 2.
        batch: B, the number of sequences.
        rng: a NumPy generator, or a seed; by default the generator of `tinyseq.manual_seed`.

    Returns:
        Numbers and marks (T, B, 2), and the sum of the two marked numbers (B,).

    Raises:
        ValueError, TypeError: if ``length`` is not a whole number of at least 2, or ``batch`` not one of at least 1.

    Example:
        >>> x, sums = adding_problem(10, 3, np.random.default_rng(0))
        >>> x.shape, bool(((x[:, :, 0] * x[:, :, 1]).sum(axis=0) == sums).all())
        ((10, 3, 2), True)
    """
    length, batch, rng = whole("length", length, 2), whole("batch", batch), as_generator(rng)
    numbers, marks, columns = rng.random((length, batch)), np.zeros((length, batch)), np.arange(batch)
    marks[rng.integers(0, length // 2, batch), columns] = 1
    marks[rng.integers(length // 2, length, batch), columns] = 1
    x = np.stack([numbers, marks], axis=2).astype(np.float32)
    sums: Numbers = (x[:, :, 0] * x[:, :, 1]).sum(axis=0)
    return x, sums


@explained
def copy_task(symbols: int, count: int, blanks: int, batch: int, rng: Rng = None) -> tuple[Ids, Ids]:
    """The copy task: repeat symbols after a long delay (Hochreiter and Schmidhuber, 1997; Arjovsky and others, 2016).

    The input is ``count`` random symbols, then ``blanks`` blanks, the last of which is a delimiter, then blanks again;
    after the delimiter the targets are the symbols in their order. Guessing costs log(symbols) nats per symbol.

    Args:
        symbols: the number of different symbols, with ids from 0; the blank has the id ``symbols``, and the delimiter
            the next one.
        count: the number of symbols to remember.
        blanks: steps from the last symbol to the delimiter, at least 1.
        batch: B, the number of sequences.
        rng: a NumPy generator, or a seed; by default the generator of `tinyseq.manual_seed`.

    Returns:
        Inputs and targets (T, B), T = 2 count + blanks. Before the answer the target is -100, which a loss ignores.

    Raises:
        ValueError, TypeError: if an argument is not a positive whole number.

    Example:
        >>> inputs, targets = copy_task(4, count=2, blanks=3, batch=1, rng=np.random.default_rng(0))
        >>> inputs[:, 0].tolist(), targets[:, 0].tolist()
        ([3, 2, 4, 4, 5, 4, 4], [-100, -100, -100, -100, -100, 3, 2])
    """
    symbols, count, rng = whole("symbols", symbols), whole("count", count), as_generator(rng)
    blanks, batch = whole("blanks", blanks), whole("batch", batch)
    said = rng.integers(symbols, size=(count, batch))
    inputs = np.full((2 * count + blanks, batch), symbols)
    targets = np.full_like(inputs, IGNORE)
    inputs[:count], targets[-count:] = said, said
    inputs[count + blanks - 1] = symbols + 1
    return inputs, targets


REBER = {
    "start": {"B": "1"},
    "1": {"T": "2", "P": "3"},
    "2": {"S": "2", "X": "4"},
    "3": {"T": "3", "V": "5"},
    "4": {"X": "3", "S": "6"},
    "5": {"P": "4", "V": "6"},
    "6": {"E": "end"},
    "end": {},
}
"""Reber's grammar (1967) as an automaton: from each state, the symbols that may come, and where each leads."""


@explained
def embedded_reber(length: int, rng: Rng = None) -> str:
    """A random string of the embedded Reber grammar (Cleeremans and others, 1989; Hochreiter and Schmidhuber, 1997).

    It is B, then T or P, then a string of the Reber grammar, then the same T or P again, then E. In most positions the
    last few symbols determine which ones may follow; the last but one depends on the second.

    Args:
        length: the length of the whole string, at least 9.
        rng: a NumPy generator, or a seed; by default the generator of `tinyseq.manual_seed`.

    Returns:
        The string, of the letters B, T, P, S, X, V and E; all strings of this length are equally likely.

    Raises:
        ValueError, TypeError: if there is no string of this length, or it is not a whole number.

    Example:
        >>> embedded_reber(20, np.random.default_rng(0))
        'BPBTSXXTVPXVPXTVVEPE'
    """
    inner, rng = whole("length", length, 9) - 4, as_generator(rng)
    ways = _ways(inner)
    outer, state, string = "TP"[rng.integers(2)], "start", ""
    for left in reversed(range(inner)):
        arcs = REBER[state]
        share = [ways[left][after] / ways[left + 1][state] for after in arcs.values()]
        symbol = list(arcs)[rng.choice(len(arcs), p=share)]
        string, state = string + symbol, arcs[symbol]
    return f"B{outer}{string}{outer}E"


@cache
def _ways(longest: int) -> list[dict[str, int]]:
    """The number of strings of each length, up to the longest, from each state to the end."""
    found = [{state: int(state == "end") for state in REBER}]
    for _ in range(longest):
        found.append({state: sum(found[-1][after] for after in arcs.values()) for state, arcs in REBER.items()})
    return found
