"""Compiled sums over paths: chains in all semirings, CRF and CTC are what they are without a recording."""

import numpy as np
import pytest
from executor_trials import SMALLEST, growth
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.autograd.declare import op, recorded_whole
from tinyseq.compiler import RecordingError
from tinyseq.hmm import best_score, chain, log_partition
from tinyseq.hmm.inference.left_to_right import left_to_right
from tinyseq.hmm.inference.semirings import (
    COUNT,
    LOG,
    MAX,
    MAX_PRODUCT,
    SUM_PRODUCT,
    Entropy,
    Expectation,
    KBest,
    Sample,
)

SEMIRINGS = [LOG, MAX, SUM_PRODUCT, MAX_PRODUCT, COUNT, KBest(3), Entropy(), Expectation(), Sample()]
EXECUTORS = ["numpy", "numba"]
pytestmark = pytest.mark.usefixtures("shared_kernels")


@pytest.fixture(params=EXECUTORS, scope="module")
def executor(request):
    """The name of an executor."""
    if request.param == "numba":
        pytest.importorskip("numba")
    return request.param


def results(function, args, leaves, upstream_seed):
    """The value of a call, and the gradients of leaves; random draws are the same in each call."""
    ts.manual_seed(3)
    with np.errstate(all="ignore"):
        value = function(*args)
        if value.requires_grad:
            up = np.random.default_rng(upstream_seed).standard_normal(value.shape).astype(value.dtype)
            value.backward(ts.Tensor(up))
    # a recording has a gradient of zeros where eager, which has seen the lengths, has none
    grads = [np.zeros(leaf.shape) if leaf.grad is None else leaf.grad.numpy() for leaf in leaves]
    for leaf in leaves:
        leaf.grad = None
    return [value.numpy(), *grads]


def check(function, calls, leaves, executor, recordings=1):
    """Compiled calls equal eager ones within rounding, as gradients may be added in another order."""
    fast = ts.compile(function, executor=executor)
    for i, args in enumerate(calls):
        found, wanted = (results(f, args, leaves, i) for f in (fast, function))
        for a, b in zip(found, wanted, strict=True):
            assert a.shape == b.shape
            near = 1e-12 if a.dtype == np.float64 else 2e-5
            np.testing.assert_allclose(a, b, rtol=near, atol=near)
    assert sum(map(len, fast._replays.values())) == recordings


def leaf(rng, *shape, dtype="float64"):
    return ts.tensor(rng.normal(size=shape).astype(dtype), requires_grad=True)


def structure(seed, executor, part=0):
    """What draws the shapes of an example; for Numba, which compiles loops of its own for each, those of one of two.

    These are bigrams of three states without an end, and trigrams of two states with an end and tables for each step.
    Semirings take them by turns.
    """
    return np.random.default_rng((1, 4)[part % 2] if executor == "numba" else seed)


class Problem:
    """A random chain: its tables, and random lengths and other numbers for each call."""

    def __init__(self, seed, executor, part, pairs=False):
        self.rng, rng = np.random.default_rng(seed), structure(seed, executor, part)
        n, own = int(rng.integers(2, 4)), ((2,) if pairs else ())
        self.steps, self.size, self.states = (int(rng.integers(low, high)) for low, high in ((1, 7), (1, 4), (1, 4)))
        k = self.states
        self.initial = tuple(leaf(self.rng, *own, *(k,) * (i + 1)) for i in range(n - 1))
        tables = {0: (), 1: (max(self.steps - n + 1, 1),), 2: (max(self.steps - n + 1, 1), self.size)}
        form = int(rng.integers(2 if pairs else 3))
        self.transition = leaf(self.rng, *tables[form][:1], *own, *tables[form][1:], *(k,) * n)
        self.emission = leaf(self.rng, self.steps, *own, self.size, k)
        self.end = leaf(self.rng, *own, k) if rng.random() < 0.5 else None
        self.leaves = [*self.initial, self.transition, self.emission, *([self.end] if self.end is not None else [])]

    def positive(self):
        """Probabilities in place of log scores."""
        for one in self.leaves:
            one.copy_(np.exp(one.numpy()))

    def calls(self, count=3):
        """Lengths, each time after the scores have changed."""
        for _ in range(count):
            self.emission.copy_(self.emission.numpy() * self.rng.uniform(0.5, 1.5))
            yield (self.rng.integers(0, self.steps + 1, size=self.size),)


@pytest.mark.parametrize("semiring", SEMIRINGS, ids=str)
@settings(max_examples=8)
@given(seed=st.integers(0, 2**31))
def test_chains_in_every_semiring(semiring, seed, executor):
    """One recording serves all lengths; with lengths that it cannot know it draws more paths than are needed."""
    problem = Problem(seed, executor, SEMIRINGS.index(semiring), semiring.pairs)
    if semiring.zero == 0.0:
        problem.positive()

    def total(lengths=None):
        return chain(
            problem.initial, problem.transition, problem.emission, problem.end, semiring=semiring, lengths=lengths
        )

    calls = [() for _ in problem.calls()] if semiring.name == "sample" else problem.calls()
    check(total, calls, problem.leaves, executor)


@pytest.mark.parametrize("total", [log_partition, best_score])
@settings(max_examples=8)
@given(seed=st.integers(0, 2**31))
def test_the_fast_passes(total, seed, executor):
    problem = Problem(seed, executor, seed)
    tables = (problem.initial, problem.transition, problem.emission, problem.end)
    check(lambda lengths: total(*tables, lengths=lengths), problem.calls(), problem.leaves, executor)
    fast = ts.compile(lambda: total(*tables), executor=executor)
    assert len([step for step in fast_program(fast).steps if "slope" in str(step)]) == 1


def fast_program(fast):
    fast()
    return fast.program


@pytest.mark.parametrize(
    "semiring", [each for each in SEMIRINGS if each.name not in ("expectation", "sample")], ids=str
)
@settings(max_examples=8)
@given(seed=st.integers(0, 2**31))
def test_left_to_right_chains(semiring, seed, executor):
    rng = np.random.default_rng(seed)
    shapes = structure(seed, executor, SEMIRINGS.index(semiring))
    steps, size, states = (int(shapes.integers(1, high)) for high in (7, 4, 5))
    emission = leaf(rng, steps, size, states)
    if semiring.zero == 0.0:
        emission.copy_(np.exp(emission.numpy()))
    calls = [
        (rng.random((size, states)) < 0.5, rng.random((size, states)) < 0.7, rng.integers(0, steps + 1, size=size))
        for _ in range(3)
    ]
    check(
        lambda skips, ends, stops: left_to_right(emission, skips, ends, stops, semiring=semiring),
        calls,
        [emission],
        executor,
    )


@settings(max_examples=8)
@given(seed=st.integers(0, 2**31))
def test_crfs(seed, executor):
    """Every form: lengths or masks, batch first or not, rules, reductions, step by step or at once."""
    rng = np.random.default_rng(seed)
    steps, size, tags = (int(rng.integers(1, high)) for high in (7, 4, 5))
    first, masked, by_step = rng.random(3) < 0.5
    ruled = tags > 1 and rng.random() < 0.5
    rules = {"forbidden": [(0, tags - 1)], "forbidden_end": [tags - 1]} if ruled else {}
    ts.manual_seed(seed)
    crf = ts.nn.CRF(tags, **rules, batch_first=bool(first))
    shape = (size, steps) if first else (steps, size)
    scores = leaf(rng, *shape, tags, dtype="float32")
    reduction = str(rng.choice(["none", "sum", "mean", "token_mean"]))

    def calls():
        for _ in range(4):
            ids = np.zeros(shape, int) if rules else rng.integers(0, tags, size=shape)
            lengths = rng.integers(1, steps + 1, size=size)
            mask = np.arange(steps)[:, None] < lengths
            scores.copy_(rng.normal(size=scores.shape).astype("float32"))
            yield ids, (mask.T if first else mask) if masked else lengths

    def loss(ids, real):
        settings = {"mask": real} if masked else {"lengths": real}
        return crf.log_likelihood(scores, ids, **settings, reduction=reduction, by_step=bool(by_step))

    check(loss, calls(), [scores, *crf.parameters()], executor)


FORMS = ["padded", "in a row", "a list", "one"]


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=5)
@given(seed=st.integers(0, 2**31))
def test_ctc(form, seed, executor):
    """Every form of targets, any lengths: labels with too few steps for them have infinite losses."""
    rng = np.random.default_rng(seed)
    steps, size, ids, most = (int(rng.integers(low, high)) for low, high in ((1, 8), (1, 4), (2, 5), (1, 4)))
    blank = int(rng.integers(ids))
    logits = leaf(rng, steps, *(() if form == "one" else (size,)), ids, dtype=str(rng.choice(["float32", "float64"])))
    labels = np.delete(np.arange(ids), blank)
    reduction, infinite = str(rng.choice(["none", "sum", "mean"])), bool(rng.random() < 0.5)
    lengths = rng.integers(0, most + 1, size=size)

    def calls():
        for _ in range(4):
            logits.copy_(rng.normal(size=logits.shape).astype(logits.dtype))
            stops = rng.integers(0, steps + 1, size=1 if form == "one" else size)
            if form == "padded":
                yield rng.choice(labels, size=(size, most)), stops, rng.integers(0, most + 1, size=size)
            elif form == "in a row":
                yield rng.choice(labels, size=lengths.sum()), stops, rng.permutation(lengths)
            elif form == "a list":
                yield [rng.choice(labels, size=length) for length in lengths], stops, None
            else:
                yield rng.choice(labels, size=most), stops, rng.integers(0, most + 1, size=1)

    def loss(targets, stops, counts):
        log_probs = ts.log_softmax(logits, axis=-1)
        return ts.nn.ctc_loss(log_probs, targets, stops, counts, blank, reduction, infinite)

    check(loss, calls(), [logits], executor)


def crf_step(executor):
    """A compiled CRF on a recurrent network's scores, and a function that makes its next arguments."""
    rng = np.random.default_rng(0)
    ts.manual_seed(0)
    net, output, crf = ts.nn.GRU(3, 4), ts.nn.Linear(4, 3), ts.nn.CRF(3)

    def loss(x, tags, lengths):
        hidden, _ = net(x, lengths=lengths)
        return -crf.log_likelihood(output(hidden), tags, lengths, reduction="token_mean")

    def batch():
        x = rng.standard_normal((6, 4, 3)).astype("float32")
        lengths = np.append(rng.integers(1, 7, size=3), 5)  # a batch without padding is another recording of the GRU
        return ts.tensor(x), rng.integers(0, 3, size=(6, 4)), lengths

    parameters = [*net.parameters(), *output.parameters(), *crf.parameters()]
    return loss, ts.compile(loss, executor=executor), batch, parameters


def test_hundreds_of_replays_are_what_training_without_them_is(executor):
    """Other numbers, tags and lengths each time, while the weights move."""
    loss, fast, batch, parameters = crf_step(executor)
    optimizer = ts.optim.Adam(parameters, 1e-2)
    for _ in range(300):
        args, pair = batch(), []
        for function in (loss, fast):
            optimizer.zero_grad()
            value = function(*args)
            value.backward()
            pair.append([value.numpy(), *(p.grad.numpy().copy() for p in parameters)])
        for a, b in zip(*pair, strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)
        optimizer.step()
    assert sum(map(len, fast._replays.values())) == 1


def test_replays_take_no_more_memory(executor):
    _, fast, batch, parameters = crf_step(executor)

    def replay():
        for p in parameters:
            p.grad = None
        fast(*batch()).backward()

    assert growth(replay, 50) < SMALLEST


WRONG = {
    "tags": (lambda x, tags, lengths: (x, tags + 7, lengths), IndexError, "tags: id"),
    "forbidden": (lambda x, tags, lengths: (x, tags * 0 + 2, lengths), ValueError, "which the CRF forbids"),
    "lengths": (lambda x, tags, lengths: (x, tags, lengths + 6), ValueError, "lengths"),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("first", [True, False], ids=["recorded", "replayed"])
def test_what_is_wrong_is_said_as_without_a_recording(wrong, first):
    change, kind, message = WRONG[wrong]
    crf = ts.nn.CRF(3, forbidden=[(2, 2)])
    fast = ts.compile(lambda x, tags, lengths: crf.log_likelihood(x, tags, lengths))
    good = (ts.zeros(4, 2, 3), np.zeros((4, 2), int), np.array([4, 3]))
    if not first:
        fast(*good)
    with pytest.raises(kind, match=message):
        fast(*change(*good))
    assert fast(*good).numpy().tolist() == crf.log_likelihood(*good).numpy().tolist()


def test_scores_that_are_no_numbers_and_paths_that_are_impossible():
    crf = ts.nn.CRF(2)
    fast = ts.compile(lambda x: crf.log_likelihood(x, np.zeros(3, int)))
    fast(ts.zeros(3, 2))
    assert np.isnan(fast(ts.tensor([[0.0, np.nan]] * 3)).item())
    with pytest.raises(ValueError, match="every path is forbidden or scores -inf"):
        fast(ts.tensor(np.full((3, 2), -np.inf)))
    loss = ts.compile(lambda x: ts.nn.ctc_loss(x, [1]))
    loss(ts.tensor(np.log([[0.5, 0.5]])))
    with pytest.raises(ValueError, match="log_probs must be logs of probabilities"):
        loss(ts.tensor([[0.5, 0.5]]))
    with pytest.raises(ValueError, match="hold the blank"):
        ts.compile(lambda t: ts.nn.ctc_loss(np.log([[0.5, 0.5]]), t))(np.array([0]))


def test_any_op_can_be_recorded_whole(executor):
    """It reads values, loops as they say and writes to its arrays; an op that is not declared so is refused."""
    forgotten = ts.autograd.declare.OPS

    def forward(xp, x):
        found = x.copy()
        for i in range(int(x[0])):
            found[i] *= 2
        return found

    def rule(xp, g, x):
        found = g.copy()
        found[: int(x[0])] *= 2
        return found

    try:
        plain = op("doubled_by_hand", forward=forward, saves="x", vjp=rule)
        whole = op("doubled_whole", forward=recorded_whole(forward), saves="x", vjp=recorded_whole(rule))
        x = ts.tensor([1.0, 2.0, 3.0], requires_grad=True)
        check(lambda: whole(x * x), [()], [x], executor)
        fast = ts.compile(lambda: whole(x * x).sum(), executor=executor)
        for first in (1.0, 1.5, 0.0, 1.5):
            x.copy_(np.array([first, 2.0, 3.0]))
            fast().backward()
            wanted = np.where(np.arange(3) < int(first**2), 2.0, 1.0) * 2 * x.numpy()
            np.testing.assert_array_equal(x.grad.numpy(), wanted)
            x.grad = None
        assert "doubled" in str(fast.program) or "forward(" in str(fast.program)
        with pytest.raises(RecordingError, match="reads a value"):
            ts.compile(lambda: plain(x * x))()
    finally:
        for name in ("doubled_by_hand", "doubled_whole"):
            forgotten.pop(name, None)
            ts.autograd.declare.FUNCTIONS.pop(name, None)
