"""What a model takes: forms of sequences, and errors that say what is wrong with them."""

import copy
import pickle
import re

import numpy as np
import pytest
from hmm.models import models
from hypothesis import example, given
from hypothesis import strategies as st
from oracles import oracle

import tinyseq as ts
from tinyseq.hmm import HMM, Categorical, Filter, ImpossibleSequenceError


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


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (["A", "X"], "sequence 0, position 1: 'X' is not a symbol of this model; the symbols are 'A', 'C', 'G', 'T'"),
        (["A", -1], "sequence 0, position 1: -1 is not a symbol"),
        ([[0, 1], [2, 4]], "sequence 1, position 1: 4 is not a symbol"),
        ([np.array([0]), np.array([1, -1])], "sequence 1, position 1: -1 is not a symbol"),
        ([0, 1.5], "position 1: 1.5 is not a symbol"),
        (
            [[0], [1, 2, 9]],
            "sequence 1, position 2: 9 is not a symbol of this model; the symbols are 'A', 'C', 'G', 'T'",
        ),
        ([0, True], "position 1: True is not a symbol"),
        ([0, 1.0], "position 1: 1.0 is not a symbol"),
        (np.array([0.0, 1.0]), "position 0: 0.0 is not a symbol"),
        (np.array([False]), "position 0: False is not a symbol"),
        (["AX", "A"], "sequence 0, position 1: 'X' is not a symbol"),
    ],
)
def test_unknown_symbols_are_named_with_their_place(dna, x, message):
    with pytest.raises(ValueError, match=message):
        dna.log_likelihood(x)


@pytest.mark.parametrize("named", [True, False])
def test_ids_are_whole_numbers(dna, named):
    model = dna if named else HMM(dna.initial, dna.transition, dna.emission)
    for wrong in (1.0, np.float32(1), True, np.True_, -1, 4, "E"):
        with pytest.raises(ValueError, match=r"position 1: .* is not a symbol of this model"):
            model.log_likelihood([0, wrong])


def test_symbols_may_be_true_and_false(dna):
    model = HMM(dna.initial, dna.transition, dna.emission[:, :2] / 0.5, symbols=[False, True])
    assert model.log_likelihood([True, False]) == model.log_likelihood(np.array([True, False])) < 0
    with pytest.raises(ValueError, match="position 0: 1 is not a symbol of this model; the symbols are False, True"):
        model.log_likelihood([1])


@pytest.mark.parametrize("x", [None, 5, {0, 1}, {"A": 1}, iter("A"), (a for a in "A"), np.array(1)])
def test_what_is_no_sequence_is_refused(dna, x):
    with pytest.raises(TypeError, match="x must be a list or an array, of symbols or of sequences, got "):
        dna.log_likelihood(x)


KINDS_OF_SEQUENCES = {
    "ids": (np.eye(2), [0, 1]),
    "words": (Categorical(np.eye(2), ["to", "be"]), ["to", "be"]),
    "tuples": (Categorical(np.eye(2), [("a", 1), ("b", 2)]), [("a", 1)]),
    "numbers": (ts.hmm.Gaussian([[0.0], [1.0]], [[1.0], [1.0]]), [[0.0], [1.0]]),
    "vectors": (ts.hmm.Gaussian(np.eye(2), np.ones((2, 2))), [[[0.0, 1.0]]]),
    "scores": (None, [np.zeros((3, 2))]),
}


@pytest.mark.parametrize("wrong", [None, 1, 2.5, np.int64(1), {0}, np.array(1.0)], ids=repr)
@pytest.mark.parametrize("kind", KINDS_OF_SEQUENCES)
@pytest.mark.parametrize("query", ["log_likelihood", "viterbi", "posterior", "fit_em", "filter"])
def test_a_list_of_sequences_holds_nothing_else(query, kind, wrong):
    emission, sequence = KINDS_OF_SEQUENCES[kind]
    hmm = HMM([0.5, 0.5], np.full((2, 2), 0.5), emission)
    with pytest.raises(TypeError, match=r"(x|sequences)\[1\] must be a sequence, as others in the list are, got"):
        getattr(hmm, query)([sequence, wrong])


@pytest.mark.parametrize("error", [1e-3, 1e-5, 1e-6])
@pytest.mark.parametrize("table", ["initial", "transition", "emission"])
def test_a_sum_that_is_not_quite_1_is_not_called_1(table, error):
    tables = {"initial": np.full(2, 0.5), "transition": np.full((2, 2), 0.5), "emission": np.full((2, 2), 0.5)}
    tables[table].flat[0] += error
    with pytest.raises(ValueError, match=f"sums to {1 + error:.10g}; it must sum to 1$"):
        HMM(**tables)


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
    with pytest.raises(ImpossibleSequenceError, match="states allows only state 'b' at position 0, which cannot emit"):
        model.viterbi("xy", states=["b", None])
    with pytest.raises(ImpossibleSequenceError, match="states allows no state at position 1"):
        model.viterbi("xy", states=[None, set()])
    with pytest.raises(ValueError, match="states of sequence 1, position 1: 'c' is not a state of this model"):
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
    with pytest.raises(ImpossibleSequenceError, match="sequence 1 is impossible: no state can emit 'z' at position 1"):
        model.viterbi([list("xy"), list("xz")])
    with pytest.raises(ImpossibleSequenceError, match=r"only state 'a' can emit 'x' at position 1, and no path leads"):
        model.posterior("xx")
    with pytest.raises(
        ImpossibleSequenceError, match=r"state 'b', 'c' can emit 'y' at position 0, and no sequence can"
    ):
        model.viterbi("yy")
    with pytest.raises(ImpossibleSequenceError) as raised:
        model.viterbi("xyx")
    assert (raised.value.sequence, raised.value.position) == (0, 2)
    stopping = HMM([1.0, 0.0], [[0.0, 1.0], [0.5, 0.0]], np.eye(2), end=[0.0, 0.5], symbols="xy")
    with pytest.raises(ImpossibleSequenceError, match="it can only end in state 0, in which no sequence stops"):
        stopping.viterbi("xyx")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"initial": [0.5, 0.6]}, r"initial sums to 1.1; it must sum to 1"),
        ({"initial": [0.0, 0.0]}, r"initial sums to 0; it must sum to 1"),
        ({"initial": ()}, r"initial must hold at least one table, P\(s_1\), got an empty tuple"),
        ({"initial": [0.5, np.nan]}, r"initial\[1\] is nan; probabilities must lie between 0 and 1"),
        ({"transition": [[0.5, 0.5], [1.5, -0.5]]}, r"transition\[1, 1\] is -0.5"),
        ({"transition": [[0.5, 0.5], [0.3, 0.3]]}, r"transition\[1\] sums to 0.6"),
        ({"transition": [[1.0]]}, r"initial must have shape \(1,\), as transition has 1 states; got \(2,\)"),
        ({"initial": ([0.5, 0.5], np.eye(2))}, r"transition must have shape \(2, 2, 2\)"),
        ({"emission": [[1.0]]}, r"emission has 1 states \(rows\), but transition has 2"),
        ({"emission": [1.0, 1.0]}, r"emission must have shape \(states, symbols\), got \(2,\)"),
        ({"emission": [["a"], ["b"]]}, "emission must be a table of numbers"),
        ({"states": ["a"]}, "states has 1 names, but the tables have 2 states"),
        ({"symbols": ["a", "a"]}, "symbols contains 'a' twice"),
        ({"unknown": "<unk>"}, "unknown='<unk>' is not among the symbols"),
        ({"initial": [[0.5, 0.5], np.eye(2)[0], [1.0]]}, "for n > 2, initial is a tuple of n - 1 tables"),
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
    with pytest.raises(ValueError, match="2 is not a state of this model"):
        dna.log_likelihood("A", states=[2])
    for x, states in (("A", 5), (["A", "C"], 5), (["A", "CG"], [[0], 1])):
        with pytest.raises(TypeError, match=r"states must hold None, a state or a set of states for each .* got [15]"):
            dna.log_likelihood(x, states=states)


def test_repr_says_what_it_is(dna):
    assert repr(dna) == "HMM(n=2, states=2, symbols=4)"
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
    assert "n=3" in HMM(([1.0], [[1.0]]), [[[1.0]]], [[1.0]])._repr_html_()


def tables_of(model):
    """The arrays through which a model shows its probabilities, by name."""
    shown = {"transition": model.transition, "end": model.end}
    shown |= {f"initial[{i}]": table for i, table in enumerate(model.parameters.tables)}
    if isinstance(model.emissions, Categorical):
        shown |= {"emission": model.emissions.probabilities, "emission logs": model.emissions.logs}
    return {name: table for name, table in shown.items() if isinstance(table, np.ndarray)}


@given(models(), st.sampled_from(["as given", "in logs", "saved", "pickled", "copied", "learned"]))
def test_tables_cannot_be_written_to_as_answers_would_not_change(model, how):
    p = model.parameters
    with np.errstate(divide="ignore"):
        logs = [tuple(np.log(t) for t in p.tables), *(None if t is None else np.log(t) for t in (p.transition, p.end))]
        emission = np.log(model.emission)
    made = {
        "as given": lambda: model,
        "in logs": lambda: HMM.from_logs(logs[0], logs[1], emission, end=logs[2]),
        "saved": lambda: HMM.restored(*model.saved()),
        "pickled": lambda: pickle.loads(pickle.dumps(model)),
        "copied": lambda: copy.deepcopy(model),
        "learned": lambda: HMM.from_labelled([[("x", "a"), ("y", "a")]], n=model.n, end=True),
    }[how]()
    assert len(tables_of(made)) >= 4
    for table in tables_of(made).values():
        with pytest.raises(ValueError, match="read-only"):
            table[...] = 0.5


def test_arrays_that_a_model_was_made_of_may_change_and_it_does_not():
    initial, transition, emission = np.array([0.5, 0.5]), np.full((2, 2), 0.5), np.full((2, 3), 1 / 3)
    model = HMM(initial, transition, emission)
    for table in (initial, transition, emission):
        table[...] = 0.0
    assert model.log_likelihood([0, 1]) == pytest.approx(2 * np.log(1 / 3))
    np.testing.assert_array_equal(model.initial, 0.5)


HOLDERS = {
    "tensor": ts.tensor,
    "list of tensors": lambda a: [ts.tensor(row) for row in a],
    "torch": lambda a: oracle("torch").tensor(a),
    "list of torch": lambda a: [oracle("torch").tensor(row) for row in a],
    "pandas": lambda a: (oracle("pandas").Series if a.ndim == 1 else oracle("pandas").DataFrame)(
        a, np.arange(5, 5 + len(a))
    ),
}
BY_KIND = {
    "symbols": ([[0.7, 0.3], [0.2, 0.8]], [0, 1, 1]),
    "counts": (ts.hmm.Poisson([1.0, 4.0]), [0, 5, 1]),
    "rows of counts": (ts.hmm.Multinomial([[0.5, 0.5], [0.1, 0.9]], trials=3), [[1, 2], [3, 0], [0, 3]]),
    "numbers": (ts.hmm.Gaussian([0.0, 1.0], [1.0, 2.0]), [0.5, 2.0]),
    "vectors": (ts.hmm.Gaussian([[0.0, 1.0], [1.0, 0.0]], np.ones((2, 2))), [[0.5, 2.0], [1.0, 1.0], [0.0, 3.0]]),
}


@pytest.mark.parametrize("kind", BY_KIND)
@pytest.mark.parametrize("holder", HOLDERS)
def test_what_holds_an_array_is_read_as_the_array(holder, kind):
    emission, x = BY_KIND[kind][0], np.array(BY_KIND[kind][1])
    model, held = HMM([0.5, 0.5], [[0.7, 0.3], [0.4, 0.6]], emission), HOLDERS[holder](x)
    assert model.log_likelihood(held) == model.log_likelihood(x)
    assert model.viterbi(held).path.tolist() == model.viterbi(x).path.tolist()
    np.testing.assert_array_equal(
        model.log_likelihood([x, x[:1]]), model.log_likelihood([held, HOLDERS[holder](x[:1])])
    )
    states = np.zeros(len(x), dtype=int)
    assert model.viterbi(held, states=HOLDERS[holder](states)).path.tolist() == states.tolist()
    assert repr(model.fit_em(held, max_steps=1)) == repr(model.fit_em(x, max_steps=1))


@pytest.mark.parametrize("given", [5, None, {"a": 1}, {0}, (x for x in [0])], ids=lambda given: type(given).__name__)
def test_errors_name_the_argument_of_the_call(dna, given):
    with pytest.raises(TypeError, match=r"^x must be a list or an array"):
        dna.log_likelihood(given)
    with pytest.raises(TypeError, match=r"^sequences must be a list or an array"):
        dna.fit_em(given)


def test_what_sequences_end_with_is_taken_from_the_transitions():
    """Rows that sum to 1 beside a chance to stop make no distribution: all lengths together would have P > 1."""
    tables = {"initial": [0.5, 0.5], "emission": [[0.9, 0.1], [0.2, 0.8]]}
    rows, end = np.array([[0.7, 0.3], [0.4, 0.6]]), np.array([0.2, 0.5])
    with pytest.raises(
        ValueError, match=r"transition\[0\] sums to 1; it must sum to 1 - end = 0.8; write transition \*"
    ):
        HMM(transition=rows, end=end, **tables)
    model = HMM(transition=rows * (1 - end)[:, None], end=end, **tables)
    total = sum(
        np.exp(model.log_likelihood(np.array(list(np.ndindex(*[2] * length))).reshape(-1, length))).sum()
        for length in range(1, 9)
    )
    assert total == pytest.approx(1 - np.linalg.matrix_power(model.transition.T, 8).sum(axis=0) @ [0.5, 0.5])


@pytest.mark.parametrize(
    ("symbols", "x", "cure"),
    [
        (None, [0.0, 1.0], r"0.0 is not a symbol of this model; ids run from 0 to 1; convert them with .astype\(int\)"),
        (None, "ab", "'a' is not a symbol of this model; ids run from 0 to 1; give the model its symbols to read text"),
        (["the", "cat"], "the cat", r"if it is a letter of a text, make a list of words with .split\(\)"),
        (["a", "b"], "c", r"'c' is not a symbol of this model; the symbols are 'a', 'b'$"),
        (["a", "b"], ["a", np.nan], "position 1: nan .*; write None for a missing observation"),
        (["a", "b"], ["a", b"b"], r"position 1: b'b' .*; text is read by \.decode\(\)"),
    ],
)
def test_an_unknown_symbol_says_what_to_do(symbols, x, cure):
    model = HMM([0.5, 0.5], np.full((2, 2), 0.5), np.full((2, 2), 0.5), symbols=symbols)
    with pytest.raises(ValueError, match=cure):
        model.viterbi(x)


@pytest.mark.parametrize("kind", [float, "object"])
def test_what_is_missing_is_no_unknown_symbol(kind):
    """NaN, or NA of pandas, was read as the symbol that stands for unknown ones."""
    model = HMM([1.0], [[1.0]], [[0.75, 0.25]], symbols=["a", "?"], unknown="?")
    marks = [np.nan, np.float32("nan")] if kind is float else [oracle("pandas").NA, oracle("pandas").NaT]
    for mark in marks:
        with pytest.raises(ValueError, match=r"position 1: .*; write None for a missing observation"):
            model.log_likelihood(["a", mark])
    assert np.exp(model.log_likelihood(["a", None, "b"])) == pytest.approx(0.75 * 0.25)


def test_a_transposed_table_of_emissions_is_told_by_its_shape():
    with pytest.raises(
        ValueError, match=r"emission has shape \(3, 2\), but needs one row for each of 2 states; use its .T"
    ):
        HMM([0.5, 0.5], np.full((2, 2), 0.5), np.full((3, 2), 0.5))


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("wrong", ["initial", "transition", "emission", "Categorical"])
@pytest.mark.parametrize(("change", "said"), [(0.25, "it must sum to 1"), (-2.0, "must lie between 0 and 1")])
def test_a_table_whose_rows_are_no_distributions_is_named(n, wrong, change, said):
    """Also the tables for the second state and later ones, in models of longer n-grams."""
    for number in range(n - 1 if wrong == "initial" else 1):
        initial = [np.full((2,) * (i + 1), 0.5) for i in range(n - 1)]
        transition, emission = np.full((2,) * n, 0.5), np.full((2, 2), 0.5)
        table = {"initial": initial[number], "transition": transition}.get(wrong, emission)
        table.flat[-1] += change
        name = "initial" if wrong == "initial" else "transition" if wrong == "transition" else "emission"
        name = f"{name}[{number}]" if wrong == "initial" and n > 2 else name
        with pytest.raises(ValueError, match=rf"^{re.escape(name)}.*{said}"):
            HMM(
                tuple(initial) if n > 2 else initial[0],
                transition,
                Categorical(emission) if wrong == "Categorical" else emission,
            )


@pytest.mark.parametrize("ask", ["log_likelihood", "viterbi", "posterior", "fit_em", "entropy", "filter"])
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((2, 3, 1), int), r"got \(3, 1\); a column of symbols is sequence\[:, 0\]"),
        (np.zeros((2, 3, 4), int), r"must have shape \(T,\), got \(3, 4\)"),
        ([np.zeros((2, 1), int), np.zeros(3, int)], r"sequence 0: .* got \(2, 1\); a column of symbols"),
        ([[0, 1], np.zeros((1, 1))], r"sequence 1: .* got \(1, 1\)"),
    ],
    ids=["columns", "cube", "list", "mixed"],
)
def test_arrays_of_symbols_with_too_many_axes_are_named(ask, x, message):
    """NumPy said that operands could not be broadcast together."""
    with pytest.raises(ValueError, match=message):
        getattr(HMM([0.3, 0.7], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]]), ask)(x)


@given(x=st.lists(st.text("abz", max_size=3), min_size=1, max_size=3))
@example(["ab", "az"])
def test_strings_of_letters_are_sequences_whichever_letters_are_known(x):
    """A letter that was not known made one sequence of unknown words of several sequences."""
    tables = [0.3, 0.7], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]]
    model = HMM(*tables, symbols="ab?", unknown="?")
    if all(len(letters) == 1 for letters in x):
        assert model.log_likelihood(x) == model.log_likelihood("".join(x))
    else:
        assert model.log_likelihood(x).tolist() == [model.log_likelihood(letters) for letters in x]


@given(x=st.lists(st.sampled_from([("a", 1), ("b", 2), ("z", 3)]), min_size=1, max_size=3))
def test_tuples_are_symbols_in_a_model_of_tuples_also_unknown_ones(x):
    """A first symbol that was not known made a sequence of it."""
    tables = [0.3, 0.7], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]]
    model = HMM(*tables, symbols=[("a", 1), ("b", 2), ("?", 0)], unknown=("?", 0))
    known = [item if item in model.symbols else ("?", 0) for item in x]
    assert model.log_likelihood(x) == model.log_likelihood(known)
    for several in ([x, x], [tuple(x), tuple(x)], (x, x)):
        assert model.log_likelihood(several).tolist() == [model.log_likelihood(known)] * 2


@given(x=st.text("abz", max_size=4), known=st.text("abz", min_size=1, max_size=4), unknown=st.booleans())
def test_a_probability_is_of_the_same_sequence_as_the_likelihood(x, known, unknown):
    """Letters outside of the alphabet made a string a single unknown word."""
    symbols = "ab?" if unknown else "abz"
    model = HMM(
        [0.3, 0.7],
        [[0.9, 0.1], [0.2, 0.8]],
        [[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]],
        symbols=symbols,
        unknown="?" if unknown else None,
    )
    for same in (x, list(x), tuple(x)):
        assert model.probability(same) == pytest.approx(np.exp(model.log_likelihood(x)))
    states = [0, *[None] * (len(known) - 1)]
    within = model.probability(known, states) / model.probability([None] * len(known), states)
    assert model.probability(known, given=([None] * len(known), states)) == pytest.approx(within)
    assert model.probability([None] * len(known), states, given=(known, None)) == pytest.approx(
        model.posterior(known).states[0, 0]
    )


def test_strings_of_numpy_are_strings():
    """They have a shape, (), as arrays of one number have."""
    model = HMM([0.3, 0.7], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]], symbols=np.str_("ab"))
    assert list(model.symbols) == ["a", "b"]
    assert model.log_likelihood(np.str_("abb")) == model.log_likelihood("abb")
    several = list(np.array(["ab", "bba"]))
    assert model.log_likelihood(several).tolist() == model.log_likelihood(["ab", "bba"]).tolist()
    assert HMM.from_labelled([[(np.str_("a"), "L")]], states=np.str_("LH"), symbols=np.str_("ab"))


def test_the_unknown_symbol_stands_for_names_and_not_for_lists_of_them():
    model = HMM([1.0], [[1.0]], [[0.5, 0.5]], symbols="ab", unknown="b")
    assert Filter(model).update("zzz").tolist() == [1]
    with pytest.raises(ValueError, match=r"step 0: \['a'\] is not a symbol"):
        Filter(model).update(["a"])
