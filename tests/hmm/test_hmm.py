"""The model: its answers, its inputs and its errors."""

import numpy as np
import pytest
from hmm.enumeration import Scores, entropy, log_sum, paths, ranked, state_posterior, transition_posterior
from hypothesis import given
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.hmm import HMM, ImpossibleSequenceError

STATES, SYMBOLS = ["a", "b", "c"], ["x", "y", "z", "w"]


@st.composite
def models(draw, orders=(2, 3, 4), zeros=True, varying=None):
    """A random model, its tables with some zeros, its transitions perhaps another table at each step."""
    order, size = draw(st.sampled_from(orders)), draw(st.integers(1, 3))
    changes = draw(st.booleans()) if varying is None else varying
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def table(*shape):
        weights = rng.gamma(1.0, size=shape) * (rng.random(shape) > (0.25 if zeros else 0))
        weights[..., rng.integers(shape[-1])] += 0.1
        return weights / weights.sum(axis=-1, keepdims=True)

    end = rng.random(size) * 0.5 if draw(st.booleans()) else None
    initial = tuple(table(*(size,) * (i + 1)) for i in range(order - 1))
    transition = table(*((5,) if changes else ()), *(size,) * order)
    return HMM(initial, transition, table(size, 4), end=end, states=STATES[:size], symbols=SYMBOLS, unknown="w")


def enumerated(model, x, known=None):
    """The scores of one sequence, for the oracle; with what is known about its states."""
    with np.errstate(divide="ignore"):
        columns = [SYMBOLS.index(s if s in SYMBOLS else "w") if s else None for s in x]
        emission = [np.ones(len(model.states)) if v is None else model.emission[:, v] for v in columns]
        for row, item in enumerate(known or ()):
            if item is not None:
                emission[row] = emission[row] * [name in item for name in model.states]
        emission = np.log(np.reshape(emission, (len(x), len(model.states))))
        initial = model.initial if model.order > 2 else (model.initial,)
        end = None if model.end is None else np.log(model.end)
        return Scores(tuple(map(np.log, initial)), np.log(model.transition), emission, end)


SEQUENCES = st.lists(st.lists(st.sampled_from([*SYMBOLS, None, "never seen"]), max_size=4), min_size=1, max_size=4)


@given(models(), SEQUENCES)
def test_log_likelihood_of_ragged_lists(model, x):
    wanted = [log_sum(paths(enumerated(model, s)).values()) for s in x]
    np.testing.assert_allclose(model.log_likelihood(x), wanted, rtol=1e-10, atol=1e-12)


@given(models(), SEQUENCES)
def test_answers_for_a_list_are_those_for_each_alone(model, x):
    x = [s for s in x if np.isfinite(model.log_likelihood(s))] or [[]]
    for s, decoding, posterior in zip(x, model.viterbi(x), model.posterior(x), strict=True):
        assert decoding == model.viterbi(s)
        alone = model.posterior(s)
        np.testing.assert_allclose(posterior.states, alone.states, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(posterior.transitions, alone.transitions, rtol=1e-12, atol=1e-14)


@given(models(), SEQUENCES)
def test_viterbi_and_posterior_are_those_of_all_paths(model, x):
    for s in x:
        scores = enumerated(model, s)
        found = paths(scores)
        if max(found.values()) == -np.inf:
            with pytest.raises(ImpossibleSequenceError):
                model.viterbi(s)
            with pytest.raises(ImpossibleSequenceError):
                model.posterior(s)
            continue
        path, log_prob = model.viterbi(s)
        assert log_prob == pytest.approx(max(found.values()))
        assert found[tuple(model.states.index(state) for state in path)] == pytest.approx(log_prob)
        posterior = model.posterior(s)
        np.testing.assert_allclose(posterior.states, state_posterior(scores), atol=1e-10)
        np.testing.assert_allclose(posterior.transitions, transition_posterior(scores), atol=1e-10)
        assert posterior.log_likelihood == pytest.approx(log_sum(found.values()))


@given(models(zeros=False, varying=False), st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=4))
def test_the_posterior_is_the_gradient_of_the_log_likelihood_through_the_tape(model, x):
    initial = model.initial if model.order > 2 else (model.initial,)
    logs = [ts.tensor(np.log(t), requires_grad=True) for t in (*initial, model.transition, model.emission)]
    taped = HMM.from_logs(tuple(logs[:-2]), *logs[-2:], end=None if model.end is None else np.log(model.end))
    ids = [SYMBOLS.index(s) for s in x]
    value = taped.log_likelihood(ids)
    *_, transition, emission = ts.grad(value, logs)
    posterior = model.posterior(x)
    assert value.item() == pytest.approx(posterior.log_likelihood)
    np.testing.assert_allclose(transition.numpy(), posterior.transitions.sum(axis=0), atol=1e-10)
    for symbol in range(4):
        at = [t for t, i in enumerate(ids) if i == symbol]
        np.testing.assert_allclose(emission.numpy()[:, symbol], posterior.states[at].sum(axis=0), atol=1e-10)


def test_gradients_reach_probabilities_and_zeros_stay_zero():
    transition = ts.tensor([[1.0, 0.0], [0.5, 0.5]], requires_grad=True)
    model = HMM([0.5, 0.5], transition, [[0.9, 0.1], [0.2, 0.8]])
    model.log_likelihood([[0, 1, 1], [1], []]).sum().backward()
    assert np.isfinite(transition.grad.numpy()).all()
    assert transition.grad.numpy()[0, 1] == 0
    assert transition.grad.numpy()[1, 0] > 0


def test_gradient_descent_on_the_tape_learns():
    rng = np.random.default_rng(0)
    truth = HMM([0.9, 0.1], [[0.9, 0.1], [0.2, 0.8]], [[0.8, 0.2], [0.1, 0.9]])
    data = [truth.sample(20, rng).observations for _ in range(20)]
    logits = [ts.tensor(0.1 * rng.normal(size=shape), requires_grad=True) for shape in ((2,), (2, 2), (2, 2))]
    losses = []
    for _ in range(30):
        model = HMM.from_logs(*(ts.log_softmax(part) for part in logits))
        loss = -model.log_likelihood(data).sum() / 400
        losses.append(loss.item())
        for part, slope in zip(logits, ts.grad(loss, logits), strict=True):
            part.copy_(part.numpy() - slope.numpy())
    assert losses[-1] < losses[0] - 0.01
    assert sorted(losses, reverse=True) == losses


def test_scores_need_not_be_logs_of_probabilities():
    """They may be larger than any number's log, and lie further apart than a float64 reaches."""
    initial, transition, emission = [900.0, 100.0], [[0.0, -2000.0], [0.0, 800.0]], [[0.0, -np.inf], [-np.inf, 5.0]]
    model = HMM.from_logs(initial, transition, emission)
    assert model.log_likelihood([0, 1]) == 900 - 2000 + 5
    assert model.viterbi([[0, 1], [1, 1]])[1].log_prob == 100 + 800 + 10
    assert model.sample(2, np.random.default_rng(0)).states.tolist() == [0, 0]


# -- forms of input ----------------------------------------------------------------------------------------------------


@pytest.fixture
def dna():
    return HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.4, 0.1, 0.1, 0.4], [0.1, 0.4, 0.4, 0.1]], symbols="ACGT")


def test_a_string_is_a_sequence_of_letters(dna):
    assert dna.log_likelihood("ACGT") == dna.log_likelihood(list("ACGT")) == dna.log_likelihood([0, 1, 2, 3])


def test_ids_and_arrays_and_lists_are_all_sequences(dna):
    one = dna.log_likelihood([0, 3, 2])
    for same in (np.array([0, 3, 2]), (0, 3, 2), np.array([0, 3, 2], dtype=np.uint8)):
        assert dna.log_likelihood(same) == one
    assert dna.log_likelihood(np.array([[0, 3, 2], [0, 3, 2]])).tolist() == [one, one]
    assert dna.log_likelihood([np.array([0, 3, 2]), "ATG"]).tolist() == [one, one]


def test_empty_and_single_observations(dna):
    assert dna.log_likelihood([]) == 0.0
    assert dna.log_likelihood([[], "A"]).tolist() == [0.0, dna.log_likelihood("A")]
    assert dna.log_likelihood([[]]).tolist() == [0.0]
    path, log_prob = dna.viterbi([])
    assert len(path) == 0
    assert log_prob == 0.0
    assert dna.posterior([]).states.shape == (0, 2)
    assert dna.viterbi("A").path.tolist() == [0]


def test_no_sequences_have_no_answers(dna):
    nothing = np.zeros((0, 3), dtype=int)
    assert dna.log_likelihood(nothing).shape == dna.entropy(nothing).shape == (0,)
    for answer in (dna.viterbi, dna.posterior, dna.posterior_decode, dna.sample_posterior):
        assert answer(nothing) == []
    assert dna.kbest(nothing, 2) == []
    varying = HMM(dna.initial, dna.transition[None], dna.emission)
    assert varying.viterbi(nothing) == []


def test_without_names_paths_are_arrays_of_ids(dna):
    path = dna.viterbi("AACCGG").path
    assert isinstance(path, np.ndarray)
    assert path.tolist() == [0, 0, 1, 1, 1, 1]


def test_a_missing_observation_says_nothing(dna):
    posterior = dna.posterior([None, None])
    np.testing.assert_allclose(posterior.states[0], dna.initial)
    np.testing.assert_allclose(posterior.states[1], dna.initial @ dna.transition)
    assert posterior.log_likelihood == pytest.approx(0.0)


def test_what_is_known_about_the_states_narrows_the_paths(dna):
    x = "ACG"
    whole = np.exp(dna.log_likelihood(x))
    parts = [np.exp(dna.log_likelihood(x, states=[None, s, None])) for s in (0, 1)]
    assert sum(parts) == pytest.approx(whole)
    assert np.exp(dna.log_likelihood(x, states=[None, {0, 1}, None])) == pytest.approx(whole)
    assert dna.viterbi(x, states=[1, None, {0}]).path.tolist()[::2] == [1, 0]


def test_log_scores_of_another_model_are_observations_too(dna):
    outside = HMM(dna.initial, dna.transition, None)
    scores = np.log(dna.emission[:, [0, 1, 2]]).T
    assert outside.log_likelihood(scores) == pytest.approx(dna.log_likelihood("ACG"))
    assert outside.viterbi([scores, scores[:1]])[1].path.tolist() == dna.viterbi("A").path.tolist()


def test_a_batch_of_log_scores_may_be_one_array_or_tensor(dna):
    outside = HMM(dna.initial, dna.transition, None)
    scores = np.log(dna.emission[:, [[0, 1, 2], [3, 3, 0]]]).transpose(1, 2, 0)
    wanted = dna.log_likelihood(["ACG", "TTA"])
    np.testing.assert_allclose(outside.log_likelihood(scores), wanted)
    leaf = ts.tensor(scores, requires_grad=True)
    found = outside.log_likelihood(leaf)
    np.testing.assert_allclose(found.numpy(), wanted)
    slope = ts.grad(found.sum(), leaf).numpy()
    np.testing.assert_allclose(slope, [p.states for p in dna.posterior(["ACG", "TTA"])], atol=1e-12)
    assert outside.log_likelihood([]) == 0.0
    assert outside.viterbi([scores[0], []])[1].log_prob == 0.0


def test_gradients_reach_the_log_scores_of_another_model(dna):
    outside = HMM(dna.initial, dna.transition, None)
    scores = ts.tensor(np.log(dna.emission[:, [0, 1, 2]]).T, requires_grad=True)
    value = outside.log_likelihood([scores, np.zeros((2, 2))])
    slope = ts.grad(value.sum(), scores)
    np.testing.assert_allclose(slope.numpy(), dna.posterior("ACG").states, atol=1e-12)


def test_gradients_flow_through_a_network_in_front_and_through_the_tables(dna):
    rng = np.random.default_rng(0)
    frames = [ts.tensor(rng.normal(size=(n, 3))) for n in (4, 1)]

    def value(weight, initial, transition, end):
        model = HMM.from_logs(ts.log_softmax(initial), ts.log_softmax(transition), None, end=end)
        return model.log_likelihood([ts.tanh(x @ weight) for x in frames]).sum()

    parts = [ts.tensor(rng.normal(size=shape), requires_grad=True) for shape in ((3, 2), (2,), (2, 2), (2,))]
    ts.testing.gradcheck(value, parts)
    ts.testing.gradgradcheck(value, parts)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_gradients_reach_every_table_of_every_order(order):
    rng = np.random.default_rng(order)
    shapes = [*[(2,) * (i + 1) for i in range(order - 1)], (4, *(2,) * order), (2, 3), (2,)]
    data, known = [[0, None, 2, 1, 1], [2], []], [[None, {0}, None, None, 1], None, None]

    def value(*parts):
        model = HMM.from_logs(tuple(parts[: order - 1]), *parts[order - 1 : -1], end=parts[-1])
        return model.log_likelihood(data, states=known).sum()

    parts = [ts.tensor(rng.normal(size=shape), requires_grad=True) for shape in shapes]
    ts.testing.gradcheck(value, parts)
    for part, slope in zip(parts, ts.grad(value(*parts), parts), strict=True):
        assert slope.numpy().any(), part.shape


def test_tensors_in_tensors_out_whether_or_not_they_require_gradients(dna):
    for requires_grad in (True, False):
        tables = [ts.tensor(part, requires_grad=requires_grad) for part in (dna.initial, dna.transition, dna.emission)]
        model = HMM(*tables, symbols="ACGT")
        for x in ("ACG", ["ACG", "T", ""]):
            found = model.log_likelihood(x)
            assert isinstance(found, ts.Tensor)
            assert found.requires_grad == requires_grad
            np.testing.assert_allclose(found.numpy(), dna.log_likelihood(x))
        with ts.no_grad():
            assert isinstance(model.log_likelihood("ACG"), ts.Tensor)
        assert isinstance(model.viterbi("ACG").log_prob, float)
    whole = HMM(ts.tensor([1, 0]), ts.tensor([[0, 1], [1, 0]]), None)  # whole numbers are probabilities, too
    np.testing.assert_allclose(whole.posterior(np.zeros((2, 2))).states, np.eye(2))


def test_a_name_for_the_unknown(dna):
    model = HMM([1.0], [[1.0]], [[0.75, 0.25]], symbols=["known", "<unk>"], unknown="<unk>")
    assert np.exp(model.log_likelihood(["known", "never seen"])) == pytest.approx(0.75 * 0.25)


def test_float32_in_float32_out(dna):
    single = HMM(*(part.astype("f4") for part in (dna.initial, dna.transition, dna.emission)), symbols="ACGT")
    assert single.log_likelihood(["ACG", "T"]).dtype == np.float32
    np.testing.assert_allclose(single.log_likelihood(["ACG"]), dna.log_likelihood(["ACG"]), rtol=1e-5)
    assert single.posterior("ACGT").states.dtype == np.float32
    assert single.viterbi("ACGT").path.tolist() == dna.viterbi("ACGT").path.tolist()


def test_no_argument_is_ever_changed_or_shared():
    initial, transition, emission = np.array([0.5, 0.5]), np.eye(2), np.array([[0.9, 0.1], [0.2, 0.8]])
    before = [part.copy() for part in (initial, transition, emission)]
    model, x = HMM(initial, transition, emission), np.array([0, 1, 0])
    wanted = model.log_likelihood(x)
    model.viterbi(x)
    model.posterior(x).states[:] = 7
    for part, old in zip((initial, transition, emission), before, strict=True):
        np.testing.assert_array_equal(part, old)
        part[:] = 0
    assert model.log_likelihood(x) == wanted


# -- errors ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (["A", "X"], "sequence 0, position 1: 'X' is no symbol of this model; known are 'A', 'C', 'G', 'T'"),
        (["A", -1], "sequence 0, position 1: -1 is no symbol"),
        ([[0, 1], [2, 4]], "sequence 1, position 1: 4 is no symbol"),
        ([np.array([0]), np.array([1, -1])], "sequence 1, position 1: -1 is no symbol"),
        ([0, 1.5], "position 1: 1.5 is no symbol"),
        ([[0], [1, 2, 9]], "sequence 1, position 2: 9 is no symbol of this model; known are 'A', 'C', 'G', 'T'"),
        ([0, True], "position 1: True is no symbol"),
        ([0, 1.0], "position 1: 1.0 is no symbol"),
        (np.array([0.0, 1.0]), "position 0: 0.0 is no symbol"),
        (np.array([False]), "position 0: False is no symbol"),
        (["AX", "A"], "sequence 0, position 1: 'X' is no symbol"),
    ],
)
def test_unknown_symbols_are_named_with_their_place(dna, x, message):
    with pytest.raises(ValueError, match=message):
        dna.log_likelihood(x)


@pytest.mark.parametrize("named", [True, False])
def test_ids_are_whole_numbers(dna, named):
    model = dna if named else HMM(dna.initial, dna.transition, dna.emission)
    for wrong in (1.0, np.float32(1), True, np.True_, -1, 4, "E"):
        with pytest.raises(ValueError, match=r"position 1: .* is no symbol of this model"):
            model.log_likelihood([0, wrong])


def test_symbols_may_be_true_and_false(dna):
    model = HMM(dna.initial, dna.transition, dna.emission[:, :2] / 0.5, symbols=[False, True])
    assert model.log_likelihood([True, False]) == model.log_likelihood(np.array([True, False])) < 0
    with pytest.raises(ValueError, match="position 0: 1 is no symbol of this model; known are False, True"):
        model.log_likelihood([1])


@pytest.mark.parametrize("x", [None, 5, {0, 1}, {"A": 1}, iter("A"), (a for a in "A"), np.array(1)])
def test_what_is_no_sequence_is_refused(dna, x):
    with pytest.raises(TypeError, match="x must be a list or an array, of symbols or of sequences; got "):
        dna.log_likelihood(x)


def test_words_over_an_alphabet_are_sequences_in_any_order(dna):
    whole = [dna.log_likelihood(word) for word in ("A", "CG", "")]
    assert dna.log_likelihood(["A", "CG", ""]).tolist() == whole
    assert dna.log_likelihood(["CG", "A"]).tolist() == [whole[1], whole[0]]
    assert dna.log_likelihood(["C", "G"]) == whole[1]  # single letters are one sequence


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda m: m.kbest("A", 0), "k must be at least 1, got 0"),
        (lambda m: m.kbest("A", 1.5), "k must be a whole number, got 1.5"),
        (lambda m: m.sample(-1), "length must be at least 0, got -1"),
        (lambda m: m.sample(2.5), "length must be a whole number, got 2.5"),
        (lambda m: m.sample_posterior("A", -1), "n must be at least 0, got -1"),
    ],
)
def test_how_many_must_be_a_whole_number(dna, ask, message):
    with pytest.raises((ValueError, TypeError), match=message):
        ask(dna)


def test_what_is_known_of_the_states_can_be_the_reason_why_a_sequence_is_impossible():
    model = HMM([1, 0], [[0.5, 0.5], [0, 1]], [[1, 0], [0, 1]], states="ab", symbols="xy")
    with pytest.raises(ImpossibleSequenceError, match="states allows only state 'b' at position 0, which cannot make"):
        model.viterbi("xy", states=["b", None])
    with pytest.raises(ImpossibleSequenceError, match="states allows none at position 1"):
        model.viterbi("xy", states=[None, set()])
    with pytest.raises(ValueError, match="states of sequence 1, position 1: 'c' is no state of this model"):
        model.viterbi(["xy", "xy"], states=[None, [None, "c"]])
    assert model.viterbi(["xx", "xy"], states=[None, ["a", "b"]])[1].path == ["a", "b"]


def test_an_impossible_sequence_is_reported_with_its_place():
    model = HMM(
        [1.0, 0.0, 0.0],
        [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]],
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]],
        states="abc",
        symbols="xyz",
    )
    assert model.log_likelihood(["xy", "xz"]).tolist()[1] == -np.inf
    with pytest.raises(ImpossibleSequenceError, match="sequence 1 is impossible: no state can make 'z' at position 1"):
        model.viterbi([list("xy"), list("xz")])
    with pytest.raises(ImpossibleSequenceError, match=r"only state 'a' can make 'x' at position 1, and no path leads"):
        model.posterior("xx")
    with pytest.raises(
        ImpossibleSequenceError, match=r"state 'b', 'c' can make 'y' at position 0, and no sequence can"
    ):
        model.viterbi("yy")
    with pytest.raises(ImpossibleSequenceError) as raised:
        model.viterbi("xyx")
    assert (raised.value.sequence, raised.value.position) == (0, 2)
    stopping = HMM([1.0, 0.0], [[0.0, 1.0], [0.5, 0.0]], np.eye(2), end=[0.0, 0.5], symbols="xy")
    with pytest.raises(ImpossibleSequenceError, match="it can only end in state 0, where no sequence stops"):
        stopping.viterbi("xyx")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"initial": [0.5, 0.6]}, r"initial sums to 1.1; it must sum to 1"),
        ({"initial": [0.5, np.nan]}, r"initial\[1\] is nan; probabilities lie between 0 and 1"),
        ({"transition": [[0.5, 0.5], [1.5, -0.5]]}, r"transition\[1, 1\] is -0.5"),
        ({"transition": [[0.5, 0.5], [0.3, 0.3]]}, r"transition\[1\] sums to 0.6"),
        ({"transition": [[1.0]]}, r"initial must have shape \(1,\), as transition has 1 states; got \(2,\)"),
        ({"initial": ([0.5, 0.5], np.eye(2))}, r"transition must have shape \(2, 2, 2\)"),
        ({"emission": [[1.0]]}, r"emission has 1 states \(rows\), but transition has 2"),
        ({"emission": [1.0, 1.0]}, r"emission must have shape \(states, symbols\), got \(2,\)"),
        ({"emission": [["a"], ["b"]]}, "expected a table of numbers"),
        ({"states": ["a"]}, "states has 1 names, but the tables have 2 states"),
        ({"symbols": ["a", "a"]}, "symbols names 'a' twice"),
        ({"unknown": "<unk>"}, "unknown='<unk>' is not among the symbols"),
        ({"initial": [[0.5, 0.5], np.eye(2)[0], [1.0]]}, "for order n, initial is a tuple of n - 1 tables"),
        ({"transition": np.zeros((0, 0))}, "transition must have at least one state"),
        ({"emission": [[1.5, -0.5], [1.0, 0.0]]}, r"emission\[0, 1\] is -0.5; probabilities"),
        ({"end": [0.5]}, r"end must have shape \(2,\)"),
        ({"end": [0.5, 1.5]}, r"end must hold probabilities"),
        ({"emission": [[np.inf, 0.5], [0.5, 0.5]]}, r"emission\[0\] sums to inf"),
        ({"emission": [[0.5, np.nan], [0.5, 0.5]]}, r"emission\[0, 1\] is nan"),
    ],
)
def test_bad_tables_are_refused_with_the_reason(change, message):
    good = {"initial": [0.5, 0.5], "transition": np.eye(2), "emission": np.eye(2)}
    with pytest.raises(ValueError if "table of numbers" not in message else TypeError, match=message):
        HMM(**(good | change))


@pytest.mark.parametrize("which", ["initial", "transition", "emission", "end"])
@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_log_scores_that_are_no_numbers_are_refused(which, wrong):
    tables = {"initial": np.zeros(2), "transition": np.zeros((2, 2)), "emission": np.zeros((2, 3)), "end": np.zeros(2)}
    tables[which][..., 1] = wrong
    with pytest.raises(ValueError, match=rf"{which}\[.*1\] is {wrong}; log scores must be finite or -inf"):
        HMM.from_logs(**tables)


def test_states_must_be_as_long_as_the_observations(dna):
    with pytest.raises(ValueError, match="states must be as long as x"):
        dna.log_likelihood("ACG", states=[None])
    with pytest.raises(ValueError, match="2 is no state of this model"):
        dna.log_likelihood("A", states=[2])


def test_repr_says_what_it_is(dna):
    assert repr(dna) == "HMM(order=2, states=2, symbols=4)"
    assert repr(dna.posterior("A")).startswith("Posterior(log_likelihood=")


def test_tables_in_a_notebook_escape_every_name():
    hostile = ['<script>alert("x")</script>', "a & b"]
    model = HMM([0.5, 0.5], np.eye(2), np.full((2, 40), 1 / 40), states=hostile, symbols=[f"<{i}>" for i in range(40)])
    for html in (model._repr_html_(), model.posterior(["<0>"] * 30)._repr_html_()):
        assert "<script" not in html
        assert "a &amp; b" in html
        assert "…" in html  # long tables are cut
        assert len(html) < 10_000
    taped = HMM([0.5, 0.5], ts.tensor(np.eye(2), requires_grad=True), np.full((2, 40), 1 / 40))
    assert "transition" in taped._repr_html_()
    assert "order=3" in HMM(([1.0], [[1.0]]), [[[1.0]]], [[1.0]])._repr_html_()


# -- k best, sampling, entropy, decoding by posteriors, queries -----------------------------------------------------


@given(models(), SEQUENCES, st.integers(1, 5))
def test_k_best_are_the_first_of_all_paths(model, x, k):
    x = [s for s in x if np.isfinite(model.log_likelihood(s))] or [[]]
    for s, decodings in zip(x, model.kbest(x, k), strict=True):
        found = {path: score for path, score in paths(enumerated(model, s)).items() if score > -np.inf}
        wanted = sorted(found.values(), reverse=True)[:k]
        np.testing.assert_allclose([d.log_prob for d in decodings], wanted)
        every = [tuple(model.states.index(state) for state in d.path) for d in decodings]
        assert len(set(every)) == len(every)
        for path, decoding in zip(every, decodings, strict=True):
            assert found[path] == pytest.approx(decoding.log_prob)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_k_best_ties_go_to_the_lowest_last_states(order):
    initial = tuple(np.full((2,) * (i + 1), 0.5) for i in range(order - 1))
    model = HMM(initial, np.full((2,) * order, 0.5), np.ones((2, 1)))
    for steps in range(1, 5):
        x = [0] * steps
        scores = Scores(tuple(map(np.log, initial)), np.log(model.transition), np.zeros((steps, 2)), None)
        wanted = ranked(paths(scores))
        assert [tuple(d.path.tolist()) for d in model.kbest(x, 16)] == wanted
        assert tuple(model.viterbi(x).path.tolist()) == wanted[0]


@given(models(), SEQUENCES)
def test_entropy_is_that_of_all_paths(model, x):
    np.testing.assert_allclose(model.entropy(x), [entropy(enumerated(model, s)) for s in x], rtol=1e-9, atol=1e-9)


@given(models(), st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=4))
def test_expected_accuracy_is_the_expected_share_of_right_states(model, x):
    if not np.isfinite(model.log_likelihood(x)):
        return
    found = paths(enumerated(model, x))
    total = log_sum(found.values())

    def accuracy(guess):
        return sum(np.exp(v - total) * np.mean(np.equal(path, guess)) for path, v in found.items() if v > -np.inf)

    decoding = model.posterior_decode(x)
    guess = [model.states.index(state) for state in decoding.path]
    assert decoding.expected_accuracy == pytest.approx(accuracy(guess))
    assert accuracy(guess) >= max(map(accuracy, found)) - 1e-12


@pytest.mark.parametrize("order", [2, 3])
def test_posterior_samples_are_as_frequent_as_they_are_probable(order):
    rng = np.random.default_rng(order)
    initial = tuple(rng.dirichlet(np.ones(2), (2,) * i) for i in range(order - 1))
    model = HMM(initial, rng.dirichlet(np.ones(2), (2,) * (order - 1)), rng.dirichlet(np.ones(4), 2), symbols=SYMBOLS)
    x, n = ["x", None, "z", "w"], 20_000
    drawn = np.array(model.sample_posterior(x, n, rng))
    found = paths(enumerated(model, x))
    total = log_sum(found.values())
    for path, score in found.items():
        p = np.exp(score - total)
        assert abs((drawn == path).all(axis=1).mean() - p) < 5 * np.sqrt(p * (1 - p) / n)


def test_posterior_samples_of_ragged_lists_are_possible_paths():
    model = HMM([0.5, 0.5], [[0.0, 1.0], [1.0, 0.0]], [[0.5, 0.5], [0.5, 0.5]], states=["odd", "even"])
    drawn = model.sample_posterior([[0, 1, 0], [], [1]], 5, np.random.default_rng(0))
    assert [len(paths) for paths in drawn] == [5, 5, 5]
    assert {tuple(path) for path in drawn[0]} <= {("odd", "even", "odd"), ("even", "odd", "even")}
    assert drawn[1] == [[]] * 5


def test_one_posterior_sample_for_each_of_many_sequences_of_one_length():
    model = HMM([0.5, 0.5], [[0.0, 1.0], [1.0, 0.0]], np.eye(2))
    x = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]])
    drawn = model.sample_posterior(x, 1, np.random.default_rng(0))
    assert [paths[0].tolist() for paths in drawn] == x.tolist()


def test_sampled_sequences_have_the_models_frequencies():
    rng = np.random.default_rng(1)
    model = HMM(
        [0.7, 0.3], [[0.5, 0.3], [0.2, 0.3]], [[0.9, 0.1], [0.3, 0.7]], end=[0.2, 0.5], states="ab", symbols="xy"
    )
    drawn = [model.sample(rng=rng) for _ in range(5000)]
    lengths = np.array([len(d.observations) for d in drawn])
    # The mean length is that of an absorbing chain: (I - A)^-1 1, from the initial distribution.
    mean = model.initial @ np.linalg.solve(np.eye(2) - model.transition, np.ones(2))
    assert abs(lengths.mean() - mean) < 5 * lengths.std() / np.sqrt(5000)
    ones = sum(d.observations == ["x"] for d in drawn) / 5000
    p = np.exp(model.log_likelihood(["x"]))
    assert abs(ones - p) < 5 * np.sqrt(p * (1 - p) / 5000)


def test_all_sequences_of_all_lengths_have_probability_one():
    model = HMM([0.7, 0.3], [[0.5, 0.3], [0.2, 0.3]], np.eye(2), end=[0.2, 0.5])
    missing = [[None] * length for length in range(1, 200)]
    assert np.exp(model.log_likelihood(missing)).sum() == pytest.approx(1, rel=1e-12)


def test_sampling_without_an_end_needs_a_length():
    model = HMM([1.0], [[1.0]], [[1.0]])
    with pytest.raises(ValueError, match="a model without end never stops; pass a length"):
        model.sample()
    nowhere = HMM([1.0, 0.0], [[0.0, 1.0], [0.0, 0.0]], np.eye(2))
    with pytest.raises(ValueError, match=r"after the states \[1\] the model leads nowhere; drew 2 states so far"):
        nowhere.sample(3)


@given(models(), st.integers(0, 99))
def test_sampled_sequences_are_possible(model, seed):
    drawn = model.sample(5, np.random.default_rng(seed))
    unending = (
        HMM(model.initial, model.transition, model.emission, symbols=SYMBOLS, states=list(model.states))
        if (model.end is None)
        else model
    )
    assert unending.log_likelihood(drawn.observations, states=drawn.states) > -np.inf


def test_queries_are_ratios_of_probabilities(dna):
    by_hand = sum(dna.transition[0, j] * dna.emission[j, 2] for j in range(2))
    assert dna.probability([None, "G"], given=([None, None], [0, None])) == pytest.approx(by_hand)
    assert dna.probability("AC") == pytest.approx(np.exp(dna.log_likelihood("AC")))
    everything = sum(dna.probability([None, s, None], given=("ANA".replace("N", "C"), None)) for s in "C")
    assert everything == pytest.approx(1.0)
    with pytest.raises(ValueError, match="position 0: cannot be 'A' and 'C' at once"):
        dna.probability("A", given=("C", None))
    for wrong in (["C"], ("C",), "C", ("C", None, None), 5):
        with pytest.raises(TypeError, match=r"given must be a pair \(x, states\)"):
            dna.probability("A", given=wrong)
    with pytest.raises(ValueError, match="given speaks of 2 steps, but x of 1"):
        dna.probability("A", given=("CC", None))


def test_a_condition_that_cannot_be_is_an_error():
    model = HMM([1.0, 0.0], np.eye(2), np.eye(2))
    with pytest.raises(ImpossibleSequenceError):
        model.probability([0], given=([None], [1]))


@given(models(), SEQUENCES, st.data())
def test_with_partly_known_states_every_answer_is_that_of_the_paths_that_fit(model, x, data):
    item = st.one_of(st.none(), st.sets(st.sampled_from(list(model.states)), min_size=1), st.sampled_from(model.states))
    known = [data.draw(st.one_of(st.none(), st.lists(item, min_size=len(s), max_size=len(s)))) for s in x]
    every = [paths(enumerated(model, s, k)) for s, k in zip(x, known, strict=True)]
    totals = [log_sum(found.values()) for found in every]
    np.testing.assert_allclose(model.log_likelihood(x, known), totals, rtol=1e-10, atol=1e-12)
    wanted = [entropy(enumerated(model, s, k)) for s, k in zip(x, known, strict=True)]
    np.testing.assert_allclose(model.entropy(x, known), wanted, rtol=1e-9, atol=1e-9)
    possible = [i for i, total in enumerate(totals) if total > -np.inf]
    if len(possible) < len(x):
        with pytest.raises(ImpossibleSequenceError) as raised:
            model.kbest(x, 2, known)
        assert raised.value.sequence == totals.index(-np.inf)
    if not possible:
        return
    x, known, every = ([part[i] for i in possible] for part in (x, known, every))
    rng = np.random.default_rng(0)
    answers = model.viterbi(x, known), model.posterior(x, known), model.kbest(x, 3, known)
    for s, k, found, best, posterior, ranks, drawn, total in zip(
        x, known, every, *answers, model.sample_posterior(x, 2, rng, known), [totals[i] for i in possible], strict=True
    ):
        assert best.log_prob == pytest.approx(max(found.values()))
        np.testing.assert_allclose(posterior.states, state_posterior(enumerated(model, s, k)), atol=1e-10)
        np.testing.assert_allclose(posterior.transitions, transition_posterior(enumerated(model, s, k)), atol=1e-10)
        assert posterior.log_likelihood == pytest.approx(total)
        scores = sorted((score for score in found.values() if score > -np.inf), reverse=True)
        np.testing.assert_allclose([rank.log_prob for rank in ranks], scores[:3])
        for path in drawn:
            assert found[tuple(map(model.states.index, path))] > -np.inf


# -- tables that learn ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["initial", "transition", "emission", "end"])
@pytest.mark.parametrize("logs", [False, True])
def test_a_model_follows_its_tensors_when_an_optimizer_changes_them(which, logs):
    tables = {
        "initial": np.array([0.5, 0.5]),
        "transition": np.array([[0.8, 0.1], [0.2, 0.7]]),
        "emission": np.array([[0.9, 0.1], [0.2, 0.8]]),
        "end": np.array([0.1, 0.1]),
    }
    if logs:
        tables = {name: np.log(table) for name, table in tables.items()}
    make, x = HMM.from_logs if logs else HMM, [0, 0, 1]
    leaf = ts.nn.Parameter(tables[which])
    model = make(**(tables | {which: leaf}))
    optimizer = ts.optim.SGD([leaf], lr=0.001)
    for _ in range(3):  # one model, several steps
        optimizer.zero_grad()
        model.log_likelihood(x).backward()
        optimizer.step()
        now = HMM.from_logs(
            **{k: v if logs else np.log(v) for k, v in (tables | {which: leaf.numpy().copy()}).items()},
        )
        assert model.log_likelihood(x).item() == pytest.approx(now.log_likelihood(x), rel=1e-12)
        assert model.viterbi(x).log_prob == pytest.approx(now.viterbi(x).log_prob, rel=1e-12)
        np.testing.assert_allclose(model.posterior(x).states, now.posterior(x).states)
        np.testing.assert_allclose(getattr(model, which).numpy(), getattr(now, which))
