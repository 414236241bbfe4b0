"""The CRF agrees with the enumeration of all label sequences, and learns what single labels cannot."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.data import spans
from tinyseq.nn import CRF, bio_rules, bioes_rules


def sequences(crf, scores):
    """Every label sequence (a tuple) of scores (T, K), and its total score."""
    start, transition, end = (table.numpy() for table in crf.tables())
    found = {}
    for path in product(range(crf.num_tags), repeat=len(scores)):
        total = start[path[0]] + end[path[-1]] + sum(scores[t, tag] for t, tag in enumerate(path))
        found[path] = total + sum(transition[a, b] for a, b in pairwise(path))
    return found


@st.composite
def fields(draw):
    """A field with some transitions forbidden, ragged scores (T, B, K), lengths, and allowed tags."""
    tags, lengths = draw(st.integers(1, 3)), draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    # Label 0 may follow and be followed by every label, so that no sequence is impossible.
    pairs = [(a, b) for a in range(1, tags) for b in range(1, tags)]
    forbidden = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    starts, ends = (range(1, draw(st.integers(1, tags))) for _ in range(2))
    crf = CRF(tags, forbidden, forbidden_start=starts, forbidden_end=ends, dtype="float64")
    for parameter in crf.parameters():
        parameter.copy_(rng.standard_normal(parameter.shape))
    steps = max(lengths) + draw(st.integers(0, 1))
    scores = rng.standard_normal((steps, len(lengths), tags))
    padding = np.arange(steps)[:, None] >= np.array(lengths)
    scores[padding] = draw(st.sampled_from([0.0, 1e300, np.nan, -np.inf]))  # nobody looks there
    return crf, scores, lengths


def log_sum(values):
    values = np.array(list(values))
    return values.max() + np.log(np.exp(values - values.max()).sum())


@given(field=fields())
def test_likelihood_decoding_and_marginals_are_those_of_the_enumeration(field):
    crf, scores, lengths = field
    decoded, marginals = crf.decode(scores, lengths), crf.marginals(scores, lengths)
    for b, length in enumerate(lengths):
        found = sequences(crf, scores[:length, b])
        whole = log_sum(found.values())
        best = max(found, key=lambda path: (found[path], [-tag for tag in path[::-1]]))
        assert found[tuple(decoded[b])] == pytest.approx(found[best], rel=1e-12)
        expected = np.zeros((len(scores), crf.num_tags))
        for path, score in found.items():
            expected[range(length), path] += np.exp(score - whole)
        np.testing.assert_allclose(marginals[:, b], expected, atol=1e-9)
        assert crf.decode(scores[:length, b]) == decoded[b]
    for rank in (0, -1):  # the likelihood of an allowed and of a hardly allowed sequence of each length
        ranked = [
            sorted(sequences(crf, scores[:length, b]).items(), key=lambda item: -item[1])
            for b, length in enumerate(lengths)
        ]
        tags = np.full(scores.shape[:2], 99)
        expected = []
        for b, length in enumerate(lengths):
            allowed = [item for item in ranked[b] if item[1] > -np.inf]
            path, score = allowed[rank]
            tags[:length, b] = path
            expected.append(score - log_sum(score for _, score in ranked[b]))
        for by_step in (False, True):
            found = crf.log_likelihood(scores, tags, lengths, by_step=by_step)
            np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9, atol=1e-9)


@given(field=fields(), by_step=st.booleans())
def test_gradients_are_what_is_observed_less_what_is_expected(field, by_step):
    """d log P / d scores = [y_t = k] - P(y_t = k | x), and likewise for the tables, all of it summed by enumeration."""
    crf, scores, lengths = field
    tags = np.zeros(scores.shape[:2], dtype=int)
    leaf = ts.tensor(scores, requires_grad=True)
    crf.log_likelihood(leaf, tags, lengths, by_step=by_step).sum().backward()
    slopes = {"scores": np.zeros(scores.shape), "transition": 0.0 * crf.transition.numpy()}
    slopes |= {"start": np.zeros(crf.num_tags), "end": np.zeros(crf.num_tags)}
    for b, length in enumerate(lengths):
        found = sequences(crf, scores[:length, b])
        whole = log_sum(found.values())
        for path, score in [*((path, np.exp(score - whole)) for path, score in found.items()), ((0,) * length, -1.0)]:
            slopes["scores"][range(length), b, path] -= score
            slopes["start"][path[0]] -= score
            slopes["end"][path[-1]] -= score
            for pair in pairwise(path):
                slopes["transition"][pair] -= score
    np.testing.assert_allclose(leaf.grad.numpy(), slopes["scores"], atol=1e-9)
    for name in ("start", "transition", "end"):
        slope = getattr(crf, name).grad  # no step of a short sequence uses the transitions
        np.testing.assert_allclose(0.0 if slope is None else slope.numpy(), slopes[name], atol=1e-9)


@given(field=fields())
def test_a_ragged_batch_is_each_sequence_alone(field):
    crf, scores, lengths = field
    drawn = np.random.default_rng(0).standard_normal(scores.shape)
    tags = np.full(scores.shape[:2], 99)
    for b, path in enumerate(crf.decode(drawn, lengths)):  # an allowed sequence
        tags[: len(path), b] = path
    together = crf.log_likelihood(scores, tags, lengths)
    alone = [crf.log_likelihood(scores[:n, b], tags[:n, b]).item() for b, n in enumerate(lengths)]
    np.testing.assert_allclose(together.numpy(), alone, rtol=1e-9, atol=1e-9)


def test_gradients_agree_with_difference_quotients():
    ts.manual_seed(0)
    crf = CRF(3, [(0, 2)], dtype="float64")
    tags, lengths = [[0, 2], [1, 1], [0, 2]], [2, 3]

    def loss(scores, start, transition, end):
        vars(crf).update(start=start, transition=transition, end=end)
        return crf.log_likelihood(scores, tags, lengths).sum()

    scores = ts.tensor(np.random.default_rng(0).standard_normal((3, 2, 3)), requires_grad=True)
    ts.testing.gradcheck(loss, [scores, crf.start, crf.transition, crf.end])


def test_bio_rules_let_only_whole_entities_through():
    names = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
    crf = CRF(5, *bio_rules(names), dtype="float64")
    rng = np.random.default_rng(0)
    for _ in range(50):
        decoded = [names[tag] for tag in crf.decode(3 * rng.standard_normal((6, 5)))]
        for before, after in zip(["O", *decoded], decoded, strict=False):
            assert not after.startswith("I-") or before[2:] == after[2:]
    with pytest.raises(ValueError, match="tags of sequence 0, position 1: tag 4 follows tag 1, which the CRF forbids"):
        crf.log_likelihood(rng.standard_normal((2, 5)), [1, 4])


@given(field=fields(), seed=st.integers(0, 2**32), by_step=st.booleans())
def test_forbidden_tags_are_named_with_sequence_position_and_pair(field, seed, by_step):
    """The first of them, by a look at each position in turn, instead of an infinite loss."""
    crf, scores, lengths = field
    tags = np.random.default_rng(seed).integers(0, crf.num_tags, scores.shape[:2])
    start, transition, end = (table.numpy() for table in crf.tables())
    for b, length in enumerate(lengths):
        path = tags[:length, b].tolist()
        places = [(0, f"tag {path[0]} begins it")] if start[path[0]] == -np.inf else []
        places += [
            (t, f"tag {b} follows tag {a}")
            for t, (a, b) in enumerate(pairwise(path), start=1)
            if transition[a, b] == -np.inf
        ]
        places += [(length - 1, f"tag {path[-1]} ends it")] if end[path[-1]] == -np.inf else []
        if places:
            position, pair = places[0]
            with pytest.raises(ValueError, match=f"^tags of sequence {b}, position {position}: {pair}, which the CRF"):
                crf.log_likelihood(scores, tags, lengths, by_step=by_step)
            return
    assert np.isfinite(crf.log_likelihood(scores, tags, lengths, by_step=by_step).numpy()).all()


@pytest.mark.parametrize("scheme", ["bio", "bioes"])
def test_rules_forbid_exactly_what_the_scheme_does(scheme):
    """All sequences of up to four tags of two kinds: the CRF allows those that are chunks, and only those."""
    names = ["O", *(f"{letter}-{kind}" for kind in "XY" for letter in {"bio": "BI", "bioes": "BIES"}[scheme])]
    rules = {"bio": bio_rules, "bioes": bioes_rules}[scheme]
    crf = CRF(len(names), *rules(names))
    start, transition, end = (table.numpy() > -np.inf for table in crf.tables())
    for length in (1, 2, 3, 4):
        for path in product(range(len(names)), repeat=length):
            possible = start[path[0]] and end[path[-1]] and all(transition[pair] for pair in pairwise(path))
            try:
                spans([names[tag] for tag in path], scheme)
            except ValueError:
                assert not possible
            else:
                assert possible


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: bio_rules(["PER"]), ValueError, r"tags\[0\] is 'PER', but tags of the scheme 'bio' are O, B-X, I-X"),
        (lambda: bio_rules(["O", "I-PER"]), ValueError, "tags have 'I-PER' but not 'B-PER', .*convert_sentences"),
        (lambda: bio_rules("OBI"), TypeError, "tags must be a list of words, got the string 'OBI'"),
        (lambda: bio_rules(["O", 3]), TypeError, r"tags\[1\] must be a word, a string, got 3"),
        (lambda: bioes_rules(["O", "B-X", "I-X"]), ValueError, "tags have 'I-X' but not 'E-X', without which it can"),
        (lambda: bioes_rules(["O", "E-X"]), ValueError, "tags have 'E-X' but not 'B-X'"),
    ],
)
def test_tags_that_are_of_no_scheme_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_it_learns_an_order_that_single_labels_cannot_tell():
    """Every position looks the same, but labels go 0 1 2 0 1 2: only the transitions can know it."""
    ts.manual_seed(0)
    crf, tags = CRF(3), [0, 1, 2, 0, 1, 2]
    optimizer = ts.optim.Adam(crf.parameters(), lr=0.2)
    for _ in range(60):
        optimizer.zero_grad()
        (-crf.log_likelihood(ts.zeros(6, 3, dtype="float32"), tags)).backward()
        optimizer.step()
    assert crf.decode(np.zeros((6, 3), dtype="f4")) == tags
    assert crf.log_likelihood(ts.zeros(6, 3, dtype="float32"), tags).item() > -0.05


def test_its_parameters_are_saved_and_its_rules_are_not():
    assert {name: value.shape for name, value in CRF(4, [(1, 2)]).state_dict().items()} == {
        "start": (4,),
        "transition": (4, 4),
        "end": (4,),
    }


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda crf: crf.decode(np.zeros((4, 2))), ValueError, r"\(T, 3\) or \(T, B, 3\) with T >= 1, got \(4, 2\)"),
        (lambda crf: crf.decode(np.zeros((0, 3))), ValueError, r"T >= 1, got \(0, 3\)"),
        (lambda crf: crf.decode(np.zeros((4, 2, 3)), [4, 5]), ValueError, r"lengths\[1\] is 5,.* 1 and T = 4"),
        (lambda crf: crf.decode(np.zeros((4, 2, 3)), [[1], [1, 2]]), ValueError, "lengths must be integers in a rect"),
        (lambda crf: crf.decode(np.zeros((4, 3)), [4]), ValueError, "cut a single sequence"),
        (lambda crf: crf.log_likelihood(np.zeros((4, 3)), [0, 1]), ValueError, "one id for each of"),
        (lambda crf: crf.log_likelihood(np.zeros((2, 3)), [0, 3]), IndexError, "id 3 at position"),
        (lambda crf: crf.decode(np.full((2, 3), -np.inf)), ValueError, "sequence 0 has no tags that are allowed"),
        (lambda crf: CRF(3, [(0, 3)]), IndexError, r"forbidden holds \(0, 3\), which lies outside \[0, 3\)"),
        (lambda crf: CRF(0), ValueError, "at least 1, got 0"),
        (lambda crf: CRF(3, [1]), TypeError, r"forbidden must hold pairs \(from, to\) of tags, got 1"),
        (lambda crf: crf.decode(None), TypeError, "scores must be a tensor or an array of numbers"),
        (lambda crf: crf.decode([[0, np.nan, 0]]), ValueError, r"scores of the CRF is nan at \(0, 0, 1\); has the"),
        (lambda crf: crf.marginals([[0, np.inf, 0]]), ValueError, r"scores of the CRF is inf at \(0, 0, 1\)"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call(CRF(3, dtype="float64"))


def test_integers_and_lists_are_scores():
    crf = CRF(2)
    assert crf.decode([[3, 0], [0, 3]]) == crf.decode(np.array([[3, 0], [0, 3]])) == [0, 1]
    assert crf.log_likelihood([[3, 0], [0, 3]], [0, 1]).item() < 0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("where", ["scores", "transition"])
def test_a_training_run_says_where_scores_that_are_no_numbers_come_from(bad, where):
    crf, layer = CRF(3), ts.nn.Linear(2, 3)
    broken = layer.weight if where == "scores" else crf.transition
    broken.copy_(np.full(broken.shape, bad))
    task = lambda step: ts.train.Loss(-crf.log_likelihood(layer(np.ones((4, 2))), [0, 1, 2, 0]), 4, "sentence 7")
    optimizer = ts.optim.SGD([*crf.parameters(), *layer.parameters()], lr=0.1)
    with pytest.raises(ts.train.NonFiniteLoss, match=r"the loss of step 0 is (nan|inf|-inf) \(sentence 7\)"):
        next(ts.train.train(task, optimizer, steps=1))


def test_it_runs_on_arrays_of_another_library():
    """As it must on a GPU: no NumPy array may be mixed in on the way."""
    xp = pytest.importorskip("array_api_strict", reason="array-api-strict is not installed")
    crf, twin = CRF(3, [(0, 2)], dtype="float64"), CRF(3, [(0, 2)], dtype="float64")
    twin.load_state_dict(crf.state_dict())
    for name, value in crf.state_dict().items():
        setattr(crf, name, ts.nn.Parameter(xp.asarray(value)))
    values, lengths = np.random.default_rng(0).standard_normal((4, 2, 3)), [4, 2]
    tags = [[0, 1], [1, 1], [2, 0], [0, 0]]
    x, y = ts.Tensor(xp.asarray(values)).requires_grad_(), ts.tensor(values, requires_grad=True)
    for field, scores in ((crf, x), (twin, y)):
        field.log_likelihood(scores, tags, lengths).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), atol=1e-12)
    np.testing.assert_allclose(crf.transition.grad.numpy(), twin.transition.grad.numpy(), atol=1e-12)
    assert crf.decode(x.detach(), lengths) == twin.decode(values, lengths)


def test_a_long_batch_in_single_precision_keeps_its_digits():
    """Added up one step after the other, the score of the observed path would be off by several times as much."""
    rng = np.random.default_rng(0)
    scores, tags = rng.normal(5.0, size=(30_000, 2, 3)).astype("f4"), np.zeros((30_000, 2), int)
    found = []
    for dtype in ("float32", "float64"):
        crf = ts.nn.CRF(3, dtype=dtype)
        for parameter in crf.parameters():
            parameter.copy_(np.zeros(parameter.shape, dtype))
        found.append(crf.log_likelihood(ts.tensor(scores.astype(dtype)), tags, reduction="none").numpy())
    np.testing.assert_allclose(*found, rtol=1e-6)


@pytest.mark.parametrize("by_step", [False, True])
@pytest.mark.parametrize("reduction", ["sum", "mean", "token_mean"])
def test_the_mean_of_no_sequences_is_0_as_in_the_losses(reduction, by_step):
    crf, scores = CRF(3), ts.tensor(np.zeros((4, 0, 3)), requires_grad=True)
    loss = crf.log_likelihood(scores, np.zeros((4, 0), int), reduction=reduction, by_step=by_step)
    loss.backward()
    assert (loss.item(), scores.grad.shape) == (0.0, scores.shape)
