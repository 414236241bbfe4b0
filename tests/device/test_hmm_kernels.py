"""The kernels of the chain: equal to the passes on the host, and to all paths listed one by one."""

import itertools

import cuda_on_the_host
import numpy as np
import pytest

import tinyseq as ts
from tinyseq.hmm.inference.gpu import chains
from tinyseq.hmm.inference.gpu.chains import DeviceChain, flat
from tinyseq.hmm.inference.passes import dispatch
from tinyseq.hmm.inference.passes.batching import Ragged
from tinyseq.hmm.inference.passes.score_tables import Arcs, Scores

TOLERANCE = {"float64": {"rtol": 1e-10, "atol": 1e-12}, "float32": {"rtol": 2e-5, "atol": 1e-6}}
SPREADS = (0.0, 1.0, 30.0, 400.0, 2000.0)  # ties; sums that underflow, and have to be taken in logs


class Case:
    """Random scores of a ragged batch, on the host and on the device."""

    def __init__(self, cupy, rng, order, states, lengths, dtype="float64", **settings):
        self.order, self.lengths, self.dtype = order, lengths, dtype
        self.padded, self.spread = settings.get("padded", True), settings.get("spread", 1.0)
        self.zeros, self.rng = settings.get("zeros", 0.2), rng
        steps, size = max(lengths, default=0), len(lengths)
        several = (max(steps - order + 1, 0),) if settings.get("varies") else ()
        self.tables = tuple(self.scores((states,) * (i + 1)) for i in range(order - 1))
        self.transition = self.scores((*several, *(states,) * order))
        self.emission = self.scores((steps * size if self.padded else sum(lengths), states))
        self.end = self.scores((states,)) if settings.get("end") else None
        self.factors = rng.normal(size=size).astype(dtype)
        self.factors_there = cupy.asarray(self.factors)
        there = [cupy.asarray(table) for table in (*self.tables, self.transition)]
        end = None if self.end is None else cupy.asarray(self.end)
        emission = cupy.asarray(self.emission)
        xp = ts.backend.namespace_of(emission)
        self.device = DeviceChain(flat(xp, there), emission, end, order, lengths, steps if self.padded else None)
        self.host = (
            Arcs.of(self.tables, self.transition, self.end),
            Scores.dense(self.emission),
            Ragged(lengths, padded=steps if self.padded else None),
        )

    def scores(self, shape):
        found = self.rng.normal(size=shape) * self.spread
        found[self.rng.random(shape) < self.zeros] = -np.inf
        return found.astype(self.dtype)

    def rows(self, i):
        """The rows of one sequence."""
        steps = np.arange(self.lengths[i])
        return steps * len(self.lengths) + i if self.padded else steps + sum(self.lengths[:i])


def random_case(cupy, seed):
    rng = np.random.default_rng(seed)
    order = int(rng.integers(2, 5))
    states = int(rng.integers(1, 4 if order == 4 else 7))
    lengths = rng.integers(0, 9, rng.integers(0, 7)).tolist()
    flags = {name: bool(rng.random() < 0.5) for name in ("padded", "end")} | {"varies": bool(rng.random() < 0.3)}
    spread, zeros = float(rng.choice(SPREADS)), float(rng.choice([0.0, 0.2, 0.6]))
    return Case(
        cupy, rng, order, states, lengths, str(rng.choice(list(TOLERANCE))), spread=spread, zeros=zeros, **flags
    )


def check(case):
    """Everything that the kernels compute, compared with the host; returns how many sequences were impossible."""
    near = TOLERANCE[case.dtype]
    expected = dispatch.expectations(*case.host, weight=case.factors)
    np.testing.assert_allclose(case.device.log_partition().get(), expected.log_likelihood, **near)
    totals, slopes = case.device.posteriors(case.factors_there)
    np.testing.assert_allclose(totals.get(), expected.log_likelihood, **near)
    np.testing.assert_allclose(slopes.states.get(), expected.states, **near)
    counts = np.concatenate([count.reshape(-1) for count in expected.counts])
    np.testing.assert_allclose(slopes.arcs.get(), counts, **near)
    np.testing.assert_allclose(slopes.stops.get(), expected.stops, **near)
    impossible = expected.log_likelihood == -np.inf
    paths, best = dispatch.best_paths(*case.host)
    best = best.astype(case.dtype)  # both add up in double precision, in the same order
    np.testing.assert_array_equal(case.device.best_scores().get(), best)
    paths_there, best_there = case.device.best_paths()
    np.testing.assert_array_equal(best_there.get(), best)
    ones, one = np.zeros(case.emission.shape), case.device.best_slopes(case.factors_there)
    for i in np.flatnonzero(~impossible):
        rows = case.rows(i)
        np.testing.assert_array_equal(paths_there.get()[rows], paths[rows])
        ones[rows, paths[rows]] = case.factors[i]
    np.testing.assert_array_equal(one.states.get(), ones)
    stops = case.factors[(best > -np.inf) & (np.array(case.lengths, dtype=int) > 0)].sum()
    np.testing.assert_allclose(one.stops.get().sum(), stops, **near)
    return int(impossible.sum())


@pytest.mark.parametrize("block", range(8))
def test_random_ragged_batches_are_as_on_the_host(cupy, block):
    impossible = sum(check(random_case(cupy, (block, seed))) for seed in range(25))
    assert impossible > 5


@pytest.mark.parametrize("threads", [2, 32, 64])
def test_threads_wait_for_each_other(cupy, threads, monkeypatch):
    monkeypatch.setattr(cuda_on_the_host, "THREADS", threads)
    for seed in range(10 if threads == 2 else 3):
        check(random_case(cupy, (threads, seed)))


@pytest.mark.parametrize("shared", [768, 2000, 4000])
def test_tables_that_do_not_fit_into_shared_memory(cupy, shared, monkeypatch):
    monkeypatch.setattr(chains, "SHARED", shared)
    monkeypatch.setattr(chains, "WORK", 20_000)  # so that a block has several sequences
    for seed in range(15):
        check(random_case(cupy, (shared, seed)))


def test_many_states_and_sequences(cupy):
    for states, lengths in ((45, [25, 1, 0, 13, 25]), (130, [3, 2])):
        check(Case(cupy, np.random.default_rng(states), 2, states, lengths, zeros=0.0, end=True))
    check(Case(cupy, np.random.default_rng(0), 2, 3, [2, 3] * 3000))


@pytest.mark.parametrize("order", [2, 3])
def test_sums_and_best_paths_are_those_of_all_paths(cupy, order):
    rng = np.random.default_rng(order)
    for lengths in ([4, 1, 0, 3], [2, 2]):
        case = Case(cupy, rng, order, 3, lengths, end=True)
        totals, slopes = case.device.posteriors()
        paths, best = case.device.best_paths()
        for i, length in enumerate(lengths):
            emission = case.emission[case.rows(i)]
            listed = list(itertools.product(range(3), repeat=length))
            scores = np.array([_score(case, path, emission) for path in listed])
            share = np.exp(scores - scores.max())
            share /= share.sum()
            posterior = np.zeros((length, 3))
            for path, part in zip(listed, share, strict=True):
                posterior[np.arange(length), list(path)] += part
            np.testing.assert_allclose(totals.get()[i], np.logaddexp.reduce(scores), rtol=1e-12)
            np.testing.assert_allclose(slopes.states.get()[case.rows(i)], posterior, atol=1e-12)
            np.testing.assert_allclose(best.get()[i], scores.max(), rtol=1e-12)
            assert tuple(paths.get()[case.rows(i)].tolist()) == listed[int(scores.argmax())]


def _score(case, path, emission):
    total = 0.0
    for t, state in enumerate(path):
        table = case.tables[t] if t < case.order - 1 else case.transition
        total += table[path[max(t - case.order + 1, 0) : t + 1]] + emission[t, state]
    return total + (case.end[path[-1]] if path else 0.0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("where", ["emission", "transition", "tables", "end"])
def test_what_is_no_number_gives_nan(cupy, where, value):
    rng = np.random.default_rng(0)
    case = Case(cupy, rng, 2, 3, [4, 2], zeros=0.0, end=True)
    parts = {"tables": 0, "transition": 5, "emission": 1, "end": 2}  # an entry that both or only the first reads
    there = {"tables": case.device.tables, "transition": case.device.tables, "emission": case.device.emission}
    array = there.get(where, case.device.end).reshape(-1)
    array[parts[where]] = value
    totals, slopes = case.device.posteriors()
    wrong = [True, where != "emission"]
    assert np.isnan(case.device.log_partition().get()).tolist() == wrong
    assert np.isnan(totals.get()).tolist() == wrong
    assert np.isnan(slopes.states.get()).reshape(4, 2, 3)[:2].all(axis=(0, 2)).tolist() == wrong
    if np.isnan(value):
        assert np.isnan(case.device.best_scores().get()).tolist() == wrong


def test_gradients_are_the_same_bits_each_time(cupy):
    case = Case(cupy, np.random.default_rng(0), 2, 8, [6, 5, 4] * 50)
    for slopes in (lambda: case.device.posteriors(case.factors_there)[1], lambda: case.device.best_slopes()):
        first, second = slopes(), slopes()
        for a, b in zip(first, second, strict=True):
            np.testing.assert_array_equal(a.get(), b.get())


@pytest.mark.parametrize("function", [ts.hmm.log_partition, ts.hmm.best_score])
@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("learns", ["all", "emission", "tables"])
def test_values_and_gradients_of_the_ops(cupy, function, order, dtype, learns):
    rng = np.random.default_rng(0)
    case = Case(cupy, rng, order, 4, [7, 5, 1, 0], dtype, end=True)
    given = [*case.tables, case.transition, case.emission.reshape(7, 4, 4), case.end]
    found = []
    for device in ("cpu", "cuda"):
        parts = [ts.tensor(part).to(device) for part in given]
        leaves = {"all": parts, "emission": parts[-2:-1], "tables": parts[:-2]}[learns]
        for leaf in leaves:
            leaf.requires_grad_()
        initial = tuple(parts[: order - 1])
        out = function(initial if order > 2 else initial[0], *parts[order - 1 :], lengths=case.lengths)
        assert out.device == device
        gradients = ts.grad((out[:1] * 2.0 + out[1:2]).sum(), leaves)
        found.append([out.numpy(), *(gradient.numpy() for gradient in gradients)])
    for here, there in zip(*found, strict=True):
        assert here.dtype == there.dtype
        np.testing.assert_allclose(there, here, **TOLERANCE[dtype])


def test_second_derivatives_go_through_the_readable_chain(cupy):
    rng = np.random.default_rng(0)
    tables = [ts.tensor(rng.normal(size=shape)).to("cuda").requires_grad_() for shape in ((3,), (3, 3), (4, 2, 3))]
    ts.testing.gradgradcheck(lambda *parts: ts.hmm.log_partition(*parts, lengths=[4, 2]), tables)
