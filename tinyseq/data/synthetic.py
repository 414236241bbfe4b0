"""Tasks that only a long memory can do: what the network has to know was said long before it is asked.

All three are made by chance, of any length, so that a network can be trained and judged on as much as it takes.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from tinyseq.arguments import whole
from tinyseq.data.batches import IGNORE, Ids

Numbers = NDArray[np.float32]


def adding_problem(length: int, batch: int, rng: np.random.Generator) -> tuple[Numbers, Numbers]:
    """Add the two marked ones of many numbers (Hochreiter and Schmidhuber, 1997).

    At every step there are a number, evenly distributed in [0, 1), and a mark, which is 1 at one step of the first half
    and at one of the second half, else 0. Who does not know the numbers says 1, with a squared error of 1/6.

    Args:
        length: T, the steps, at least 2.
        batch: B, the sequences.
        rng: draws them.

    Returns:
        Numbers and marks (T, B, 2), and the sum of the two marked numbers (B,).

    Raises:
        ValueError, TypeError: ``length`` is no whole number from 2 upwards, for two marks, or ``batch`` none from 1.

    Example:
        >>> x, sums = adding_problem(10, 3, np.random.default_rng(0))
        >>> x.shape, bool(((x[:, :, 0] * x[:, :, 1]).sum(axis=0) == sums).all())
        ((10, 3, 2), True)
    """
    length, batch = whole("length", length, 2), whole("batch", batch)
    numbers, marks, columns = rng.random((length, batch)), np.zeros((length, batch)), np.arange(batch)
    marks[rng.integers(0, length // 2, batch), columns] = 1
    marks[rng.integers(length // 2, length, batch), columns] = 1
    x = np.stack([numbers, marks], axis=2).astype(np.float32)
    sums: Numbers = (x[:, :, 0] * x[:, :, 1]).sum(axis=0)
    return x, sums


def copy_task(symbols: int, count: int, blanks: int, batch: int, rng: np.random.Generator) -> tuple[Ids, Ids]:
    """Say some symbols again after a long silence (Hochreiter and Schmidhuber, 1997; Arjovsky and others, 2016).

    The input is ``count`` random symbols, then ``blanks`` steps of silence, of which the last is a sign to begin, then
    silence; after the sign the symbols are to be said in their order. Who does not know them loses log(symbols) each.

    Args:
        symbols: how many different ones there are, with the ids from 0; silence is the id ``symbols``, and the sign the
            next one.
        count: how many are to be remembered.
        blanks: steps from the last symbol to the sign, at least 1.
        batch: B, the sequences.
        rng: draws the symbols.

    Returns:
        Inputs and targets (T, B), T = 2 count + blanks. Before the answer the target is -100, which a loss ignores.

    Raises:
        ValueError, TypeError: a number is not whole and positive.

    Example:
        >>> inputs, targets = copy_task(4, count=2, blanks=3, batch=1, rng=np.random.default_rng(0))
        >>> inputs[:, 0].tolist(), targets[:, 0].tolist()
        ([3, 2, 4, 4, 5, 4, 4], [-100, -100, -100, -100, -100, 3, 2])
    """
    symbols, count = whole("symbols", symbols), whole("count", count)
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


def embedded_reber(length: int, rng: np.random.Generator) -> str:
    """A string of the embedded Reber grammar (Cleeremans and others, 1989; Hochreiter and Schmidhuber, 1997).

    It is B, then T or P, then a string of the Reber grammar, then the same T or P again, then E. At most places the
    last symbols tell which ones may follow; the last but one symbol needs a memory of the second.

    Args:
        length: of the whole string, at least 9.
        rng: draws it; all strings of this length are equally likely.

    Returns:
        The string, of the letters B, T, P, S, X, V and E.

    Raises:
        ValueError, TypeError: there is no string of this length, or it is no whole number.

    Example:
        >>> embedded_reber(20, np.random.default_rng(0))
        'BPBTSXXTVPXVPXTVVEPE'
    """
    inner = whole("length", length, 9) - 4
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
    """How many strings of each length, up to the longest, lead from each state to the end."""
    found = [{state: int(state == "end") for state in REBER}]
    for _ in range(longest):
        found.append({state: sum(found[-1][after] for after in arcs.values()) for state, arcs in REBER.items()})
    return found
