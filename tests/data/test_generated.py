"""Generated data follow the tables and grammars that they cite: counts, enumeration of strings and of derivations."""

from collections import Counter
from itertools import product

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.data import CASINO, CPG_ISLANDS, FISH_PEOPLE


def close(counts, expected):
    """Whether counts are within five standard deviations of expected ones; those below 5 are taken together."""
    counts, expected = np.ravel(counts).astype(float), np.ravel(expected).astype(float)
    assert (counts[expected == 0] == 0).all()
    few = expected < 5
    counts = np.append(counts[~few], counts[few].sum())
    expected = np.append(expected[~few], expected[few].sum())
    return (np.abs(counts - expected) <= 5 * np.sqrt(expected)).all()


@pytest.mark.parametrize(
    ("make", "tables"), [(ts.data.casino, CASINO), (ts.data.cpg_islands, CPG_ISLANDS)], ids=["casino", "CpG islands"]
)
def test_a_labelled_sequence_follows_its_tables(make, tables):
    truth = ts.hmm.HMM(**tables)
    pairs = make(40_000, rng=0)
    states, symbols = [state for _, state in pairs], [symbol for symbol, _ in pairs]
    at, of = truth.states.ids(states), truth.symbols.ids(symbols)
    arcs = Counter(zip(at[:-1].tolist(), at[1:].tolist(), strict=True))
    emitted = Counter(zip(at.tolist(), of.tolist(), strict=True))
    size = len(truth.states)
    starts = np.bincount(at[:-1], minlength=size)[:, None]
    assert close([[arcs[i, j] for j in range(size)] for i in range(size)], starts * truth.transition)
    uses = np.bincount(at, minlength=size)[:, None]
    assert close([[emitted[i, v] for v in range(len(truth.symbols))] for i in range(size)], uses * truth.emission)
    firsts = Counter(make(1, rng=seed)[0][1] for seed in range(2000))
    assert close([firsts[state] for state in truth.states], 2000 * truth.initial)
    assert ts.hmm.HMM.from_labelled([pairs]).log_likelihood(symbols) > truth.log_likelihood(symbols) - 1e-6


def test_the_cpg_tables_are_the_published_ones():
    truth = ts.hmm.HMM(**CPG_ISLANDS)
    at = truth.states.index
    for mark, c_to_g, t_to_a in (("+", 0.274, 0.079), ("-", 0.078, 0.177)):
        block = truth.transition[np.ix_(*[[at(base + mark) for base in "ACGT"]] * 2)]
        block = block / block.sum(axis=1, keepdims=True)
        assert block[1, 2] == pytest.approx(c_to_g, abs=0.0005)
        assert block[3, 0] == pytest.approx(t_to_a, abs=0.0005)
    share = truth.stationary()[:4].sum()
    assert share == pytest.approx(250 / (250 + 800))


def balanced(length, kinds, depth):
    """All balanced strings, by trying all strings."""
    pairs = ("()", "[]", "{}", "<>")[:kinds]
    for string in map("".join, product("".join(pairs), repeat=length)):
        stack, deepest = [], 0
        for symbol in string:
            if any(symbol == pair[0] for pair in pairs):
                stack.append(symbol)
                deepest = max(deepest, len(stack))
            elif not stack or stack.pop() + symbol not in pairs:
                break
        else:
            if not stack and deepest <= depth:
                yield string


@pytest.mark.parametrize(
    ("length", "kinds", "depth"), [(0, 1, 1), (2, 4, 1), (8, 1, 4), (8, 1, 2), (6, 2, 3), (6, 2, 1)]
)
def test_brackets_are_uniform_among_all_balanced_strings(length, kinds, depth):
    wanted = list(balanced(length, kinds, depth))
    rng, draws = np.random.default_rng(0), 300 * len(wanted)
    limits = [depth] if depth < length // 2 else [depth, None, depth + 7]
    for limit in limits:
        counts = Counter(ts.data.dyck(length, kinds, limit, rng) for _ in range(draws))
        assert set(counts) <= set(wanted)
        assert close([counts[string] for string in wanted], np.full(len(wanted), 300.0))


def test_long_brackets_are_balanced_and_not_too_deep():
    for depth in (1, 3, 50, None):
        string = ts.data.dyck(4000, 4, depth, rng=1)
        level = np.cumsum([1 if symbol in "([{<" else -1 for symbol in string])
        assert len(string) == 4000
        assert level.min() >= 0
        assert level[-1] == 0
        assert level.max() <= (depth or 2000)
        for _ in range(100):
            string = string.replace("()", "").replace("[]", "").replace("{}", "").replace("<>", "")
        assert depth is None or not string
    # The mean height of a long excursion is sqrt(pi n / 2), of n/2 pairs: here within a tenth over 50 strings.
    rng = np.random.default_rng(2)
    heights = [
        np.cumsum([1 if symbol == "(" else -1 for symbol in ts.data.dyck(1000, 1, rng=rng)]).mean() for _ in range(50)
    ]
    assert np.mean(heights) == pytest.approx(np.sqrt(np.pi * 1000 / 8), rel=0.1)


def derivations(longest):
    """The probability of each tagged sentence of at most ``longest`` words: the sum over all leftmost derivations."""
    found, open_ = Counter(), [((), ("S",), 1.0)]
    while open_:
        words, rest, probability = open_.pop()
        if not rest:
            found[words] += probability
            continue
        if len(words) + len(rest) > longest:
            continue
        symbol, *others = rest
        for left, right, share in FISH_PEOPLE:
            if left == symbol and symbol in ("N", "V", "P"):
                open_.append(((*words, (right[0], symbol)), tuple(others), probability * share))
            elif left == symbol:
                open_.append((words, (*right, *others), probability * share))
    return found


def test_sentences_of_the_grammar_have_the_probabilities_of_their_derivations():
    for left in {rule[0] for rule in FISH_PEOPLE}:
        assert sum(share for name, _, share in FISH_PEOPLE if name == left) == pytest.approx(1)
    wanted = derivations(4)
    assert wanted[("people", "N"), ("fish", "V")] == pytest.approx(0.9 * 0.7 * 0.5 * 0.1 * 0.6)
    assert wanted[("people", "V"), ("fish", "N")] == pytest.approx(0.1 * 0.5 * 0.1 * 0.7 * 0.2)
    rng, draws = np.random.default_rng(0), 20_000
    counts = Counter(tuple(ts.data.ambiguous_sentence(rng)) for _ in range(draws))
    total = sum(counts.values())
    assert all(len(sentence) <= 40 for sentence in counts)
    assert close([counts[sentence] for sentence in wanted], [total * share for share in wanted.values()])
    short = Counter(tuple(ts.data.ambiguous_sentence(rng, longest=2)) for _ in range(5000))
    shares = derivations(2)
    assert close([short[s] for s in shares], [5000 * share / sum(shares.values()) for share in shares.values()])


@pytest.mark.parametrize(
    "make",
    [
        lambda rng=None: ts.data.casino(20, rng),
        lambda rng=None: ts.data.cpg_islands(20, rng),
        lambda rng=None: ts.data.dyck(20, rng=rng),
        lambda rng=None: ts.data.ambiguous_sentence(rng),
        lambda rng=None: ts.data.embedded_reber(30, rng),
        lambda rng=None: [a.tolist() for a in ts.data.copy_task(5, 3, 4, 2, rng)],
        lambda rng=None: [a.tolist() for a in ts.data.adding_problem(8, 2, rng)],
    ],
    ids=["casino", "cpg_islands", "dyck", "ambiguous_sentence", "embedded_reber", "copy_task", "adding_problem"],
)
def test_a_seed_a_generator_and_the_manual_seed(make):
    assert make(7) == make(np.random.default_rng(7))
    ts.manual_seed(7)
    one = make()
    ts.manual_seed(7)
    assert make() == one
    assert any(make(7) != make(seed) for seed in range(8, 20))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ts.data.casino(-1), ValueError, "length must be a whole number of at least 0|length"),
        (lambda: ts.data.cpg_islands(2.5), TypeError, "length"),
        (lambda: ts.data.dyck(7), ValueError, "length must be even, as every bracket is closed, got 7"),
        (lambda: ts.data.dyck(8, 5), ValueError, "kinds must be at most 4, got 5"),
        (lambda: ts.data.dyck(8, depth=0), ValueError, "depth"),
        (lambda: ts.data.ambiguous_sentence(longest=0), ValueError, "longest"),
        (lambda: ts.data.casino(3, rng="a"), TypeError, "rng must be a NumPy Generator, a whole number"),
    ],
)
def test_wrong_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
