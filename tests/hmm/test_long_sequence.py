"""A long sequence cut into blocks gives the same answers as the plain walk."""

import numpy as np
import pytest
from hmm.models import random_model

import tinyseq as ts
from tinyseq.hmm import HMM, Gaussian, ImpossibleSequenceError, best_score, log_partition
from tinyseq.hmm.inference.passes import long_sequence as blocks
from tinyseq.hmm.inference.passes.algebras import LogSpace
from tinyseq.hmm.inference.passes.batching import Ragged
from tinyseq.hmm.inference.passes.scaled import Scaled


@pytest.fixture
def plainly(monkeypatch):
    """Ask a question without any blocks."""

    def ask(question, *args, **settings):
        with monkeypatch.context() as patch:
            patch.setattr(blocks, "LONG", 1 << 60)
            return question(*args, **settings)

    return ask


def sticky(model, share):
    """The same model, that stays in its state more often."""
    still = 1.0 if model.end is None else (1 - model.end)[:, None]
    stays = np.eye(len(model.states)) * still
    return HMM(model.initial, (1 - share) * model.transition + share * stays, model.emission, end=model.end)


def kinds():
    rng = np.random.default_rng(0)
    yield "bigram", random_model(rng, 4, 5)
    yield "with an end", random_model(rng, 4, 5, end=True)
    yield "slow to forget", sticky(random_model(rng, 3, 5), 0.8)
    yield "very slow to forget", sticky(random_model(rng, 3, 5, end=True), 0.999)
    yield "trigram", random_model(rng, 3, 5, 3)
    yield "trigram with an end", random_model(rng, 3, 5, 3, end=True)
    yield "with zeros", random_model(rng, 6, 5, zeros=0.2)
    yield "one state", random_model(rng, 1, 5)
    yield "never forgets", HMM([0.5, 0.5], np.eye(2), rng.dirichlet(np.ones(5), 2))
    yield "in turns", HMM([0.5, 0.5], np.eye(2)[::-1], rng.dirichlet(np.ones(5), 2))


@pytest.mark.parametrize(("name", "model"), list(kinds()), ids=[name for name, _ in kinds()])
@pytest.mark.parametrize("rows", [512, 700, 2500, 2561])
def test_likelihoods_posteriors_and_counts(name, model, rows, plainly):
    x = np.random.default_rng(1).integers(0, 5, rows)
    likelihood = plainly(model.log_likelihood, x)
    if likelihood == -np.inf:
        x = model.sample(rows, np.random.default_rng(1)).observations
        likelihood = plainly(model.log_likelihood, x)
    assert model.log_likelihood(x) == pytest.approx(likelihood, rel=1e-12)
    found, wanted = model.posterior(x), plainly(model.posterior, x)
    assert found.log_likelihood == pytest.approx(likelihood, rel=1e-12)
    np.testing.assert_allclose(found.states, wanted.states, atol=1e-11)
    learned, same = (ask(model.fit_em, x, max_steps=1).model for ask in (lambda f, *a, **k: f(*a, **k), plainly))
    for one, other in ((learned.transition, same.transition), (learned.emission, same.emission)):
        np.testing.assert_allclose(one, other, atol=1e-11)
    for one, other in zip(learned.parameters.tables, same.parameters.tables, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-11)
    if model.end is not None:
        np.testing.assert_allclose(learned.end, same.end, atol=1e-11)


@pytest.mark.parametrize("rows", [512, 4000])
def test_blocks_are_used_where_the_chain_forgets(rows, monkeypatch):
    """Otherwise the tests above would compare the plain walk with itself."""
    model, walked = random_model(np.random.default_rng(0), 4, 5), []
    x = np.random.default_rng(1).integers(0, 5, rows)
    plain = blocks.expectations
    monkeypatch.setattr(blocks, "expectations", lambda *args: walked.append(plain(*args)) or walked[-1])
    model.log_likelihood(x)
    model.posterior(x)
    assert len(walked) == 2
    assert None not in walked


def test_long_and_short_sequences_in_one_list(plainly):
    rng = np.random.default_rng(2)
    model = random_model(rng, 4, 5)
    data = [rng.integers(0, 5, n) for n in (10, 3000, 0, 2100, 1)]
    np.testing.assert_allclose(model.log_likelihood(data), plainly(model.log_likelihood, data), rtol=1e-12)
    for one, other in zip(model.posterior(data), plainly(model.posterior, data), strict=True):
        np.testing.assert_allclose(one.states, other.states, atol=1e-11)


@pytest.mark.parametrize("upstream", [-2.5, 0.0, 1e-3])
def test_gradients_of_a_long_sequence_carry_the_upstream_gradient(upstream, plainly):
    rng = np.random.default_rng(7)
    initial, transition, scores = rng.normal(size=3), rng.normal(size=(3, 3)), rng.normal(size=(2500, 3))

    def slopes():
        leaves = [ts.tensor(part, requires_grad=True) for part in (initial, transition, scores)]
        (log_partition(*leaves) * upstream).backward()
        return [leaf.grad.numpy() for leaf in leaves]

    for found, wanted in zip(slopes(), plainly(slopes), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-11)
    assert slopes()[2].sum() == pytest.approx(2500 * upstream)


def test_blocks_must_meet_to_the_last_digits(plainly, monkeypatch):
    """A warm-up that is guessed too short, after which messages differ by 1e-8, is not long enough."""
    monkeypatch.setattr(blocks, "memory", lambda *_: 8)  # then 24, then 72
    model = HMM([1.0, 0.0], [[0.86, 0.14], [0.4, 0.6]], np.eye(2))  # two messages come together by 0.46 at each step
    x = [None] * 3000 + [1]
    found, wanted = model.posterior(x), plainly(model.posterior, x)
    np.testing.assert_allclose(found.states, wanted.states, atol=1e-12)
    assert found.log_likelihood == pytest.approx(wanted.log_likelihood, rel=1e-10)


def test_an_impossible_long_sequence_is_still_named():
    model = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5, 0.0], [0.1, 0.9, 0.0]])
    x = np.zeros(3000, dtype=int)
    x[2900] = 2
    assert model.log_likelihood(x) == -np.inf
    with pytest.raises(ImpossibleSequenceError, match="no state can emit 2 at position 2900"):
        model.posterior(x)


def test_a_long_sequence_with_a_spread_of_more_than_a_float_goes_through_logs(plainly):
    rng = np.random.default_rng(3)
    model = HMM.from_logs(50 * rng.normal(size=3), 50 * rng.normal(size=(3, 3)), 300 * rng.normal(size=(3, 4)))
    x = rng.integers(0, 4, 2500)
    assert model.log_likelihood(x) == pytest.approx(plainly(model.log_likelihood, x), rel=1e-12)
    np.testing.assert_allclose(model.posterior(x).states.sum(axis=1), 1, rtol=1e-9)


@pytest.mark.parametrize("apart", [3.0, 40.0, 1000.0])
def test_a_long_series_whose_levels_are_far_apart(apart, monkeypatch):
    """In blocks and in probabilities, though each level is impossible in practice in all states but one."""
    model = HMM([0.5, 0.5], [[0.95, 0.05], [0.1, 0.9]], Gaussian([0.0, apart], [1.0, 1.0]))
    x = model.sample(3000, np.random.default_rng(0)).observations
    walked = []
    plain = blocks.expectations
    monkeypatch.setattr(blocks, "expectations", lambda *args: walked.append(plain(*args)) or walked[-1])
    found = model.posterior(x)
    assert walked[0] is not None
    passes, states = LogSpace(model.parameters.arcs(), model.emissions.scores(x)), np.zeros((3000, 2))
    done = passes.forward(Ragged([3000]))
    passes.backward(done, np.ones(1), states, None)
    assert found.log_likelihood == pytest.approx(passes.log_likelihood(done).item(), rel=1e-12)
    np.testing.assert_allclose(found.states, states, atol=1e-11)


@pytest.mark.parametrize(("name", "model"), list(kinds()), ids=[name for name, _ in kinds()])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_best_paths(name, model, dtype, plainly):
    model = HMM(
        tuple(table.astype(dtype) for table in model.parameters.tables),
        model.transition.astype(dtype),
        model.emission.astype(dtype),
        end=None if model.end is None else model.end.astype(dtype),
    )
    rng = np.random.default_rng(4)
    for rows in (2048, 2561, 4000) if dtype is np.float64 else (2561,):
        x = model.sample(rows, rng).observations
        found, wanted = model.viterbi(x), plainly(model.viterbi, x)
        close = 1e-10 if dtype is np.float64 else 1e-4
        assert found.log_prob == pytest.approx(wanted.log_prob, rel=close)
        # The paths are the same, or equally good: then both have this score.
        assert model.log_likelihood(x, states=found.path) == pytest.approx(wanted.log_prob, rel=close)
        assert np.mean(found.path == wanted.path) > 0.99


def test_best_paths_do_not_depend_on_the_batch(plainly):
    rng = np.random.default_rng(5)
    model = random_model(rng, 4, 5)
    data = [rng.integers(0, 5, n) for n in (2100, 10, 3000, *[30] * 20)]
    for x, together in zip(data, model.viterbi(data), strict=True):
        alone = model.viterbi(x)
        assert alone.log_prob == together.log_prob
        np.testing.assert_array_equal(alone.path, together.path)


def test_blocks_of_best_paths_fit_where_the_chain_forgets(monkeypatch):
    model, walked = random_model(np.random.default_rng(0), 4, 5), []
    plain = blocks.best_path
    monkeypatch.setattr(blocks, "best_path", lambda *args: walked.append(plain(*args)) or walked[-1])
    model.viterbi(np.random.default_rng(1).integers(0, 5, 4000))
    assert walked[0] is not None


def test_blocks_cover_a_sequence_and_each_holds_a_warm_up(monkeypatch):
    """Whatever the length and the warm-up: the backward warm-up of a block reads the first rows of the next."""
    model = random_model(np.random.default_rng(0), 2, 5, 3)
    passes = Scaled(model.parameters.arcs(), model.emissions.scores([0]))
    for rows in range(512, 1200, 7):
        for guess in (1, 36, 63, 64, 100, rows // 4):
            monkeypatch.setattr(blocks, "memory", lambda *_, warm=guess: warm)
            for cut in blocks.cuts(passes, 7, rows):
                read = [t for part in (cut.head, cut.blocks) for t in sorted(_rows(part))]
                assert read == list(range(7, 7 + rows))
                assert len(cut.blocks.order) > 1
                assert cut.blocks.order.tolist() == list(range(len(cut.blocks.order)))
                assert cut.blocks.lengths[-1] >= len(cut.behind.sizes)


def _rows(part):
    for t in range(len(part.sizes)):
        rows = part.rows(t)
        yield from range(rows.start, rows.stop, rows.step) if isinstance(rows, slice) else rows.tolist()


def test_blocks_that_end_in_another_state_than_guessed_are_mended(monkeypatch, plainly):
    """Where the last message of a block prefers another state than the best path takes."""
    model, wrong, agreed = random_model(np.random.default_rng(0), 4, 5), [], blocks._agreed

    def watched(passes, done, path, entered):
        wrong.append(np.count_nonzero(path[-1, :-1] != entered[1:]))
        assert agreed(passes, done, path, entered)
        wrong.append(np.count_nonzero(path[-1, :-1] != entered[1:]))
        return True

    monkeypatch.setattr(blocks, "_agreed", watched)
    x = np.random.default_rng(1).integers(0, 5, 4000)
    np.testing.assert_array_equal(model.viterbi(x).path, plainly(model.viterbi, x).path)
    assert wrong[0] > 5
    assert wrong[1:] == [0]


def test_long_sequences_side_by_side_in_one_padded_array(plainly):
    rng = np.random.default_rng(6)
    initial, transition, emission = rng.normal(size=3), rng.normal(size=(3, 3)), rng.normal(size=(2500, 2, 3))
    lengths = [2500, 2200]
    for run in (log_partition, best_score):
        together = run(initial, transition, emission, lengths=lengths).numpy()
        alone = [run(initial, transition, emission[:n, b]).item() for b, n in enumerate(lengths)]
        plain = [plainly(run, initial, transition, emission[:n, b]).item() for b, n in enumerate(lengths)]
        np.testing.assert_allclose(together, plain, rtol=1e-12)
        np.testing.assert_allclose(alone, plain, rtol=1e-12)


@pytest.mark.parametrize(
    ("first", "last"),
    [(690, 1040), (321, 360)],
    ids=["longer than blocks", "all of the warm-up behind a block, and of none before one"],
)
def test_a_stretch_in_which_nothing_is_forgotten_is_noticed(first, last, plainly):
    """The chain seems to forget at once, as most symbols tell the state; but in some stretch they tell nothing."""
    model = HMM([0.5, 0.5], [[0.9999, 0.0001], [0.0002, 0.9998]], [[0.499, 0.001, 0.5], [0.001, 0.499, 0.5]])
    x = np.repeat([0, 1, 0, 1], 1000)
    x[first:last] = 2
    passes = Scaled(model.parameters.arcs(), model.emissions.scores(x))
    assert blocks.memory(passes, 1, 3999, 250) < 40  # the probes meet no such stretch
    assert model.log_likelihood(x) == pytest.approx(plainly(model.log_likelihood, x), rel=1e-13)
    np.testing.assert_allclose(model.posterior(x).states, plainly(model.posterior, x).states, atol=1e-11)
    assert model.viterbi(x).path.tolist() == plainly(model.viterbi, x).path.tolist()
