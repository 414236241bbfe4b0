"""Generators of labelled sequences from models in the literature: dice, CpG islands, brackets, an ambiguous grammar."""

from bisect import bisect
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Generic, TypedDict, TypeVar

import numpy as np

from tinyseq.arguments import whole
from tinyseq.random import Rng, as_generator
from tinyseq.torch_names.settings import explained

Symbol = TypeVar("Symbol", str, int)


class Tables(TypedDict, Generic[Symbol]):
    """The arguments of a hidden Markov model, ``ts.hmm.HMM(**tables)``."""

    initial: list[float]
    transition: list[list[float]]
    emission: list[list[float]]
    states: list[str]
    symbols: list[Symbol]


CASINO: Tables[int] = {
    "initial": [1.0, 0.0],
    "transition": [[0.95, 0.05], [0.1, 0.9]],
    "emission": [[1 / 6] * 6, [0.1, 0.1, 0.1, 0.1, 0.1, 0.5]],
    "states": ["fair", "loaded"],
    "symbols": [1, 2, 3, 4, 5, 6],
}
"""The occasionally dishonest casino (Durbin and others, 1998, section 3.2), ``ts.hmm.HMM(**CASINO)``."""

BASES = "ACGT"
INSIDE = [
    [0.180, 0.274, 0.426, 0.120],
    [0.171, 0.368, 0.274, 0.188],
    [0.161, 0.339, 0.375, 0.125],
    [0.079, 0.355, 0.384, 0.182],
]
OUTSIDE = [
    [0.300, 0.205, 0.285, 0.210],
    [0.322, 0.298, 0.078, 0.302],
    [0.248, 0.246, 0.298, 0.208],
    [0.177, 0.239, 0.292, 0.292],
]
ENTER, LEAVE = 1 / 800, 1 / 250


def _islands() -> Tables[str]:
    """The two chains of bases joined to one of eight states, each of which emits its own base."""
    tables = np.array([INSIDE, OUTSIDE])
    tables /= tables.sum(axis=2, keepdims=True)  # the published rows are rounded
    regions = np.array([[1 - LEAVE, LEAVE], [ENTER, 1 - ENTER]])
    return {
        "initial": [0.0] * 4 + [0.25] * 4,
        "transition": np.einsum("mn,nxy->mxny", regions, tables).reshape(8, 8).tolist(),
        "emission": np.tile(np.eye(4), (2, 1)).tolist(),
        "states": [base + mark for mark in "+-" for base in BASES],
        "symbols": list(BASES),
    }


CPG_ISLANDS: Tables[str] = _islands()
"""DNA with CpG islands, ``ts.hmm.HMM(**CPG_ISLANDS)``: states A+, C+, G+, T+ inside islands and A-, ..., T- outside.

The transitions within the two regions are those that Durbin and others (1998, section 3.1) estimated from human DNA.
The book gives no probabilities for entering and leaving an island: here islands are 250 bases long on average, and the
gaps between them 800.
"""


@explained
def casino(length: int, rng: Rng = None) -> list[tuple[int, str]]:
    """Rolls of the occasionally dishonest casino, with the die that was used (Durbin and others, 1998, section 3.2).

    A fair die is replaced by a loaded one with probability 0.05 before each roll, and the loaded one by the fair one
    with probability 0.1. The loaded die shows a six half of the time, and every other number with probability 0.1. The
    first die is fair.

    Args:
        length: the number of rolls.
        rng: a NumPy generator, or a seed; by default the generator of `tinyseq.manual_seed`.

    Returns:
        Pairs of a roll from 1 to 6 and ``"fair"`` or ``"loaded"``, as for `tinyseq.hmm.HMM.from_labelled`. The tables
        are in ``ts.data.CASINO``.

    Raises:
        ValueError, TypeError: if ``length`` is not a whole number of at least 0.

    Example:
        >>> casino(4, rng=1)
        [(6, 'fair'), (6, 'fair'), (3, 'fair'), (3, 'fair')]
    """
    return _sequence(CASINO, whole("length", length, 0), as_generator(rng))


@explained
def cpg_islands(length: int, rng: Rng = None) -> list[tuple[str, str]]:
    """DNA with CpG islands, in which C is often followed by G (Durbin and others, 1998, section 3.1).

    Args:
        length: the number of bases.
        rng: a NumPy generator, or a seed; by default the generator of `tinyseq.manual_seed`.

    Returns:
        Pairs of a base and its state, such as ``("C", "C+")`` inside an island and ``("C", "C-")`` outside, as for
        `tinyseq.hmm.HMM.from_labelled`. The tables, and where they come from, are in ``ts.data.CPG_ISLANDS``.

    Raises:
        ValueError, TypeError: if ``length`` is not a whole number of at least 0.

    Example:
        >>> cpg_islands(4, rng=1)
        [('G', 'G-'), ('A', 'A-'), ('C', 'C-'), ('T', 'T-')]
    """
    return _sequence(CPG_ISLANDS, whole("length", length, 0), as_generator(rng))


def _sequence(tables: Tables[Symbol], length: int, rng: np.random.Generator) -> list[tuple[Symbol, str]]:
    """Symbols and states of a first-order hidden Markov model."""
    edges = {"transition": list(map(_edges, tables["transition"])), "emission": list(map(_edges, tables["emission"]))}
    before, pairs = _edges(tables["initial"]), []
    for step, symbol in rng.random((length, 2)).tolist():
        state = bisect(before, step)
        before = edges["transition"][state]
        pairs.append((tables["symbols"][bisect(edges["emission"][state], symbol)], tables["states"][state]))
    return pairs


def _edges(probabilities: Sequence[float]) -> list[float]:
    """The inner edges of intervals with these lengths; an outcome without probability has an empty one."""
    edges = list(accumulate(probabilities))
    return [edge if edge < edges[-1] * (1 - 1e-12) else 1.0 for edge in edges[:-1]]


BRACKETS = ("()", "[]", "{}", "<>")


@explained
def dyck(length: int, kinds: int = 2, depth: int | None = None, rng: Rng = None) -> str:
    """A random string of balanced brackets: the Dyck language (Chomsky and Schuetzenberger, 1963).

    A network needs a counter for one kind of brackets, and a stack for several (Weiss and others, 2018; Hewitt and
    others, 2020, with bounded depth).

    Args:
        length: the length of the string, an even number.
        kinds: the number of kinds of brackets, from 1 to 4.
        depth: the maximum depth of nesting; None for no limit.
        rng: a NumPy generator, or a seed; by default the generator of `tinyseq.manual_seed`.

    Returns:
        The string; all balanced strings of this length, of at most this depth, are equally likely.

    Raises:
        ValueError, TypeError: if ``length`` is odd, or an argument is not a whole number in its range.

    Example:
        >>> dyck(16, rng=0)
        '([([])])()(()[])'
    """
    length, kinds = whole("length", length, 0), whole("kinds", kinds)
    if length % 2:
        raise ValueError(f"length must be even, as every bracket is closed, got {length}")
    if kinds > len(BRACKETS):
        raise ValueError(f"kinds must be at most {len(BRACKETS)}, got {kinds}")
    most = length // 2 if depth is None else min(whole("depth", depth), length // 2)
    rng = as_generator(rng)
    opens = _opens(length, most)
    string: list[str] = []
    stack: list[str] = []
    choice, which = rng.random(length).tolist(), rng.integers(kinds, size=length).tolist()
    for place in range(length):
        if choice[place] < opens[length - place][len(stack)]:
            stack.append(BRACKETS[which[place]])
            string.append(stack[-1][0])
        else:
            string.append(stack.pop()[1])
    return "".join(string)


@lru_cache(maxsize=4)
def _opens(length: int, depth: int) -> list[list[float]]:
    """P(the next bracket opens one), by the number of brackets that are left and of those that are open.

    It is the share of the completions that begin so. Their numbers are kept relative to the largest of each row.
    """
    ways, shares = np.eye(1, depth + 2)[0], [[0.0] * (depth + 1)]
    for _ in range(length):
        up, down = ways[1:], np.concatenate([[0.0], ways[:-2]])
        both = up + down
        shares.append(np.divide(up, both, out=np.zeros_like(up), where=both > 0).tolist())
        ways = np.append(both / both.max(), 0.0)
    return shares


def _rules(text: str) -> list[tuple[str, tuple[str, ...], float]]:
    parts = (line.replace("->", " ").split() for line in text.strip().splitlines())
    return [(left, tuple(right), float(probability)) for left, *right, probability in parts]


FISH_PEOPLE = _rules("""
S -> NP VP 0.9
S -> VP 0.1
VP -> V NP 0.5
VP -> V 0.1
VP -> V NP PP 0.3
VP -> V PP 0.1
NP -> NP NP 0.1
NP -> NP PP 0.2
NP -> N 0.7
PP -> P NP 1.0
N -> people 0.5
N -> fish 0.2
N -> tanks 0.2
N -> rods 0.1
V -> people 0.1
V -> fish 0.6
V -> tanks 0.3
P -> with 1.0
""")
"""The grammar of "fish people fish tanks with rods" (Manning, Stanford lectures): rules (left, right, probability).

People, fish and tanks are nouns and verbs, and a phrase with "with" may belong to a noun or to the verb.
"""


@explained
def ambiguous_sentence(rng: Rng = None, longest: int = 40) -> list[tuple[str, str]]:
    """A sentence of the small ambiguous grammar ``ts.data.FISH_PEOPLE``, with the part of speech of each word.

    Only the context tells nouns from verbs, and it may leave several parses, as in "fish people fish tanks with rods".

    Args:
        rng: a NumPy generator, or a seed; by default the generator of `tinyseq.manual_seed`.
        longest: sentences with more words are drawn again; one in two thousand has more than 40.

    Returns:
        Pairs of a word and ``"N"``, ``"V"`` or ``"P"``.

    Raises:
        ValueError, TypeError: if ``longest`` is not a whole number of at least 1.

    Example:
        >>> ambiguous_sentence(rng=1)
        [('people', 'N'), ('fish', 'V'), ('with', 'P'), ('fish', 'N')]
    """
    longest, rng = whole("longest", longest), as_generator(rng)
    while True:
        sentence: list[tuple[str, str]] = []
        rest = ["S"]
        while rest and len(sentence) + len(rest) <= longest:
            symbol = rest.pop()
            rules = [(right, probability) for left, right, probability in FISH_PEOPLE if left == symbol]
            right = rules[bisect(_edges([probability for _, probability in rules]), rng.random())][0]
            if symbol in ("N", "V", "P"):
                sentence.append((right[0], symbol))
            else:
                rest.extend(reversed(right))
        if not rest:
            return sentence
