"""What the lectures say about HMMs, number by number."""

import numpy as np
import pytest

import tinyseq as ts
import tinyseq.hmm as ts_hmm
from tinyseq.hmm import HMM, chain, messages
from tinyseq.hmm.inference.semirings import MAX_PRODUCT, SUM_PRODUCT


@pytest.fixture
def tagger():
    """COS 484, precept 3: the part-of-speech model."""
    return HMM(
        [0.5, 0.3, 0.2],
        [[0.1, 0.5, 0.4], [0.2, 0.3, 0.5], [0.4, 0.3, 0.3]],
        [[0.4, 0.5, 0.1], [0.5, 0.4, 0.1], [0.2, 0.3, 0.5]],
        states=["DT", "NN", "VB"],
        symbols=["the", "cat", "runs"],
    )


def test_the_tagger_is_the_product_of_its_three_tables(tagger):
    # P(the cat runs, DT NN VB) = P(DT) P(the|DT) P(NN|DT) P(cat|NN) P(VB|NN) P(runs|VB)
    joint = tagger.log_likelihood(["the", "cat", "runs"], states=["DT", "NN", "VB"])
    assert np.exp(joint) == pytest.approx(0.5 * 0.4 * 0.5 * 0.4 * 0.5 * 0.5)


def test_the_tagger_tags_the_cat_runs(tagger):
    path, log_prob = tagger.viterbi(["the", "cat", "runs"])
    every = {
        (a, b, c): np.exp(tagger.log_likelihood(["the", "cat", "runs"], states=[a, b, c]))
        for a in tagger.states
        for b in tagger.states
        for c in tagger.states
    }
    assert tuple(path) == max(every, key=every.get)
    assert np.exp(log_prob) == pytest.approx(max(every.values()))
    assert sum(every.values()) == pytest.approx(np.exp(tagger.log_likelihood(["the", "cat", "runs"])))


def test_the_next_state_depends_on_the_last_one_only(tagger):
    """The Markov assumption: P(s_t | s_1..s_{t-1}) = P(s_t | s_{t-1})."""
    anything = [None] * 3
    for first in tagger.states:
        asked = tagger.probability(anything, [None, None, "VB"], given=(anything, [first, "NN", None]))
        assert asked == pytest.approx(0.5)
    # It is no independence: without s_2, the first state does tell something of the third.
    others = {
        tagger.probability(anything, [None, None, "VB"], given=(anything, [s, None, None])) for s in tagger.states
    }
    assert len(others) == 3


def test_an_observation_depends_on_its_own_state_only(tagger):
    """Output independence: P(o_t | s_1..s_t, o_1..o_{t-1}) = P(o_t | s_t)."""
    for before in (["the", "cat", None], ["runs", None, None], [None, None, None]):
        for states in (["DT", "NN", "VB"], [None, "DT", "VB"]):
            asked = tagger.probability([None, None, "runs"], given=(before, states))
            assert asked == pytest.approx(0.5)


def test_the_generative_model_and_the_discriminative_one_are_two_readings_of_one_table(tagger):
    """P(Y | X) = P(X | Y) P(Y) / P(X) is what a CRF with the HMM's logs as its scores says at once."""
    words, tags = ["the", "cat", "runs"], ["DT", "NN", "VB"]
    joint, whole = tagger.log_likelihood(words, states=tags), tagger.log_likelihood(words)
    crf = ts.nn.CRF(3, dtype="float64")
    for parameter, table in zip(
        (crf.start, crf.transition, crf.end), (tagger.initial, tagger.transition, np.ones(3)), strict=True
    ):
        parameter.copy_(np.log(table))
    scores = np.log(tagger.emission[:, tagger.symbols.ids(words)]).T
    assert crf.log_likelihood(scores, tagger.states.ids(tags)).item() == pytest.approx(joint - whole, rel=1e-12)
    assert crf.decode(scores) == tagger.states.ids(tagger.viterbi(words).path).tolist()
    np.testing.assert_allclose(crf.marginals(scores), tagger.posterior(words).states, atol=1e-12)


def test_viterbi_columns_of_i_like_cats(cats):
    """The slides print .0179, .0269 and .0100 in column 3, a shifted decimal point, and so conclude <Z, Y, Z>."""
    model = cats
    columns = [
        column.numpy() for column in messages(model.initial, model.transition, model.emission.T, semiring=MAX_PRODUCT)
    ]
    np.testing.assert_allclose(columns[1], [0.02, 0.02, 0.28], rtol=1e-12)
    np.testing.assert_allclose(columns[2], [0.0168, 0.0448, 0.0168], rtol=1e-12)
    np.testing.assert_allclose(columns[3], [0.012544, 0.001792, 0.002688], rtol=1e-12)


def test_the_products_whose_decimal_point_the_slides_shift(cats):
    step = 0.0448 * cats.transition[1] * cats.emission[:, 2]  # from Y, for "cats"
    assert step[1] == pytest.approx(0.001792)
    assert step[2] == pytest.approx(0.002688)
    assert pytest.approx(0.001008) == 0.0168 * 0.2 * 0.3


def test_best_path_of_i_like_cats_is_z_y_x(cats):
    path, log_prob = cats.viterbi(["I", "like", "cats"])
    assert path == ["Z", "Y", "X"]
    assert np.exp(log_prob) == pytest.approx(0.012544, rel=1e-12)


def test_the_lie_detector():
    """SP23 midterm, problem 5: P(x_t = b | y_{t-1} = N) = P(b|L) P(L|N) + P(b|H) P(H|N) = 11/20."""
    triplets = [("N", "L", "a")] * 9 + [("U", "L", "b")] * 9 + [("N", "H", "b")]
    detector = HMM.from_labelled([[(None, before), (x, now)] for before, now, x in triplets])
    at = detector.states.index
    assert detector.transition[at("N"), at("L")] == pytest.approx(9 / 10)
    assert detector.transition[at("N"), at("H")] == pytest.approx(1 / 10)
    np.testing.assert_allclose(detector.emission[at("L")], [1 / 2, 1 / 2])
    np.testing.assert_allclose(detector.emission[at("H")], [0, 1])
    asked = detector.probability([None, "b"], ["N", None], given=([None, None], ["N", None]))
    assert asked == pytest.approx(11 / 20)


def test_trigram_estimates_are_count_of_three_over_count_of_two():
    tags = ["DT", "NN", "VB", "DT", "NN", "NN", "VB", "DT", "NN", "VB"]
    words = ["w"] * len(tags)
    model = HMM.from_labelled([list(zip(words, tags, strict=True))], n=3)
    three = list(zip(tags, tags[1:], tags[2:], strict=False))
    two = [gram[:2] for gram in three]
    for a, b, c in set(three):
        i, j, k = (model.states.index(tag) for tag in (a, b, c))
        assert model.transition[i, j, k] == three.count((a, b, c)) / two.count((a, b))


@pytest.mark.parametrize("order", [3, 4])
def test_viterbi_of_any_order_is_the_lectures_recurrence(order):
    """M[i, j, k] = max_r M[i-1, k, r] P(s_j | s_k, s_r) P(o_i | s_j), written out; and its 4-gram."""
    rng = np.random.default_rng(order)
    states, steps = 3, 7
    initial = tuple(rng.dirichlet(np.ones(states), (states,) * i) for i in range(order - 1))
    transition = rng.dirichlet(np.ones(states), (states,) * (order - 1))
    emission = rng.uniform(size=(steps, states))
    table = emission[0] * initial[0]
    for i in range(1, steps):
        if i < order - 1:
            table = table[..., None] * initial[i] * emission[i]
        else:
            table = (table[..., None] * transition).max(axis=0) * emission[i]
    found = chain(initial if order > 2 else initial[0], transition, emission, semiring=MAX_PRODUCT)
    assert found.item() == pytest.approx(table.max(), rel=1e-12)


def test_the_cost_of_a_step_grows_as_states_to_the_order():
    """O(n K^order): a step's largest array has K^order numbers, never the K^(2 order - 2) of pairs of histories."""
    states, order = 5, 4
    initial = tuple(np.ones((states,) * (i + 1)) for i in range(order - 1))
    emission = ts.tensor(np.ones((8, states)), requires_grad=True)
    out = chain(initial, np.ones((states,) * order), emission, semiring=SUM_PRODUCT)
    sizes = [int(np.prod(visit.node.shape)) for visit in ts.trace_backward(out)]
    assert max(sizes) == states**order


def test_an_hmm_trained_by_counting_is_the_maximum_of_the_likelihood():
    data = [[("the", "DT"), ("cat", "NN"), ("runs", "VB")], [("cat", "NN"), ("runs", "VB")], [("the", "DT")]]
    words, tags = [[w for w, _ in s] for s in data], [[t for _, t in s] for s in data]
    model = HMM.from_labelled(data)
    best = model.log_likelihood(words, states=tags).sum()
    rng = np.random.default_rng(0)
    for _ in range(20):
        mixed = [
            0.9 * table + 0.1 * rng.dirichlet(np.ones(3), table.shape[:-1])
            for table in (model.initial, model.transition, model.emission)
        ]
        transition = mixed[1] / mixed[1].sum(axis=-1, keepdims=True)
        other = HMM(mixed[0], transition, mixed[2], states=model.states, symbols=model.symbols)
        assert other.log_likelihood(words, states=tags).sum() < best


def test_the_package_has_the_names_of_the_lectures():
    assert {"HMM", "chain", "semirings"} <= set(dir(ts_hmm))
