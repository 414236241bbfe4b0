"""CTC against PyTorch, against all alignments one by one, and at its edges."""

import itertools
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import oracle

import tinyseq as ts

SEEDS = st.integers(0, 2**31)


def collapsed(path, blank):
    """The definition, by itertools: merge repeats, then drop blanks."""
    return tuple(label for label, _ in itertools.groupby(path) if label != blank)


def by_labels(log_probs, blank):
    """For each sequence of labels, the log probability of each of its alignments."""
    steps, ids = log_probs.shape
    found = defaultdict(dict)
    for path in itertools.product(range(ids), repeat=steps):
        found[collapsed(path, blank)][path] = sum(log_probs[t, v] for t, v in enumerate(path))
    return found


def log_softmax(scores):
    return scores - np.log(np.exp(scores).sum(-1, keepdims=True))


@st.composite
def batches(draw):
    """A batch with repeated labels, lengths of 0, and labels for which there is no room."""
    steps, size, ids, most = (draw(st.integers(low, high)) for low, high in ((1, 9), (1, 4), (2, 4), (0, 4)))
    rng = np.random.default_rng(draw(SEEDS))
    blank = draw(st.integers(0, ids - 1))
    labels = np.array([v for v in range(ids) if v != blank])
    return {
        "logits": rng.standard_normal((steps, size, ids)) * 2,
        "targets": rng.choice(labels, (size, most)),
        "input_lengths": rng.integers(0, steps + 1, size),
        "target_lengths": rng.integers(0, most + 1, size),
        "blank": blank,
    }


@given(
    batch=batches(),
    reduction=st.sampled_from(["mean", "sum", "none"]),
    zero_infinity=st.booleans(),
    in_a_row=st.booleans(),
)
def test_values_and_gradients_are_pytorchs(batch, reduction, zero_infinity, in_a_row):
    torch = oracle("torch")
    stops, counts, targets = (batch[name] for name in ("input_lengths", "target_lengths", "targets"))
    if in_a_row:
        targets = np.concatenate([row[:count] for row, count in zip(targets, counts, strict=True)])
    settings = {"blank": batch["blank"], "reduction": reduction, "zero_infinity": zero_infinity}
    x, y = ts.tensor(batch["logits"], requires_grad=True), torch.tensor(batch["logits"], requires_grad=True)
    found = ts.nn.ctc_loss(ts.log_softmax(x, axis=-1), targets, stops, counts, **settings)
    expected = torch.nn.functional.ctc_loss(
        y.log_softmax(-1), torch.tensor(targets), torch.tensor(stops), torch.tensor(counts), **settings
    )
    np.testing.assert_allclose(found.numpy(), expected.detach().numpy(), rtol=1e-9, atol=1e-12)
    found.sum().backward()
    assert np.isfinite(x.grad.numpy()).all()
    if np.isfinite(found.numpy()).all():  # where there is no alignment, PyTorch's gradient is NaN
        expected.sum().backward()
        np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), rtol=1e-9, atol=1e-9)


@given(steps=st.integers(0, 5), ids=st.integers(1, 3), data=st.data(), seed=SEEDS)
def test_it_sums_over_all_alignments_and_its_gradient_is_the_posterior(steps, ids, data, seed):
    """Against the definition: every path is written out and collapsed. Best paths and counts too."""
    rng = np.random.default_rng(seed)
    blank = data.draw(st.integers(0, ids - 1))
    log_probs = log_softmax(rng.standard_normal((steps, ids)))
    found = by_labels(log_probs, blank)
    labels = data.draw(st.sampled_from(sorted(found)))
    scores = found[labels]
    total = np.logaddexp.reduce(list(scores.values()))
    leaf = ts.tensor(log_probs, requires_grad=True)
    loss = ts.nn.ctc_loss(leaf, labels, blank=blank, reduction="sum")
    assert loss.item() == pytest.approx(-total, rel=1e-10, abs=1e-12)
    loss.backward()
    posterior = np.zeros(log_probs.shape)
    for path, score in scores.items():
        for t, v in enumerate(path):
            posterior[t, v] += np.exp(score - total)
    np.testing.assert_allclose(leaf.grad.numpy(), -posterior, atol=1e-10)
    best = ts.nn.ctc_align(log_probs, labels, blank=blank)
    assert scores[tuple(best)] == pytest.approx(max(scores.values()), abs=1e-12)


@given(steps=st.integers(0, 5), ids=st.integers(1, 3), data=st.data(), seed=SEEDS)
def test_decoding_finds_the_best_path_and_a_wide_beam_the_best_labels(steps, ids, data, seed):
    log_probs = log_softmax(np.random.default_rng(seed).standard_normal((steps, ids)) * 2)
    blank = data.draw(st.integers(0, ids - 1))
    found = by_labels(log_probs, blank)
    best = max((score, path) for scores in found.values() for path, score in scores.items())[1]
    assert ts.nn.ctc_decode(log_probs, blank=blank) == list(collapsed(best, blank)) == ts.nn.ctc_collapse(best, blank)
    totals = {labels: np.logaddexp.reduce(list(scores.values())) for labels, scores in found.items()}
    wide = ts.nn.ctc_decode(log_probs, blank=blank, width=500)
    assert totals[tuple(wide)] == pytest.approx(max(totals.values()), abs=1e-12)


@given(batch=batches())
def test_a_batch_gives_what_each_sequence_gives_alone(batch):
    log_probs, targets, blank = log_softmax(batch["logits"]), batch["targets"], batch["blank"]
    stops, counts = batch["input_lengths"], batch["target_lengths"]
    together = ts.nn.ctc_loss(log_probs, targets, stops, counts, blank, reduction="none")
    rows = [row[:count].tolist() for row, count in zip(targets, counts, strict=True)]
    if len({len(row) for row in rows}) > 1 or any(rows):
        as_lists = ts.nn.ctc_loss(log_probs, rows, stops, blank=blank, reduction="none")
        np.testing.assert_array_equal(as_lists.numpy(), together.numpy())
    decoded = ts.nn.ctc_decode(log_probs, stops, blank)
    for b, (stop, row) in enumerate(zip(stops, rows, strict=True)):
        alone = ts.nn.ctc_loss(log_probs[:stop, b], row, blank=blank, reduction="sum")
        np.testing.assert_allclose(together.numpy()[b], alone.numpy(), rtol=1e-12)
        assert decoded[b] == ts.nn.ctc_decode(log_probs[:stop, b], blank=blank)
    possible = np.flatnonzero(np.isfinite(together.numpy()))
    if len(possible):
        paths = ts.nn.ctc_align(log_probs[:, possible], targets[possible], stops[possible], counts[possible], blank)
        for path, b in zip(paths, possible, strict=True):
            assert len(path) == stops[b]
            assert list(collapsed(path, blank)) == rows[b]


@settings(max_examples=15)
@given(batch=batches())
def test_gradients_of_both_orders_are_right(batch):
    """With respect to the log probabilities themselves, where PyTorch returns those behind a log_softmax."""
    log_probs = log_softmax(batch["logits"])[:4]
    stops = np.minimum(batch["input_lengths"], len(log_probs))

    def loss(scores):
        return ts.nn.ctc_loss(scores, batch["targets"], stops, batch["target_lengths"], batch["blank"], "sum", True)

    ts.testing.gradcheck(lambda x: loss(x - 0.01), [ts.tensor(log_probs, requires_grad=True)])
    ts.testing.gradgradcheck(lambda x: loss(x - 0.01), [ts.tensor(log_probs, requires_grad=True)])


@pytest.mark.parametrize("rubbish", [np.nan, np.inf, -np.inf, 7.0])
def test_what_lies_beyond_a_length_is_not_looked_at(rubbish):
    log_probs = log_softmax(np.random.default_rng(0).standard_normal((5, 2, 3)))
    answers = []
    for filling, label in ((log_probs[3:, 0], 2), (rubbish, 99)):
        spoilt, targets = log_probs.copy(), np.array([[1, label], [2, 1]])
        spoilt[3:, 0] = filling
        leaf = ts.tensor(spoilt, requires_grad=True)
        loss = ts.nn.ctc_loss(leaf, targets, [3, 5], [1, 2])
        loss.backward()
        assert not leaf.grad.numpy()[3:, 0].any()
        answers.append((loss.item(), leaf.grad.numpy(), ts.nn.ctc_align(spoilt, targets, [3, 5], [1, 2])))
    assert answers[0][0] == answers[1][0]
    np.testing.assert_array_equal(answers[0][1], answers[1][1])
    assert answers[0][2] == answers[1][2]


def test_labels_without_an_alignment_cost_infinity_or_nothing_and_never_spoil_the_others():
    scores = np.random.default_rng(0).standard_normal((3, 2, 3))
    for zero, value in ((False, np.inf), (True, 0.0)):
        x = ts.tensor(scores, requires_grad=True)
        losses = ts.nn.ctc_loss(
            ts.log_softmax(x), [[1, 1], [1, 2]], [2, 3], [2, 2], reduction="none", zero_infinity=zero
        )
        assert losses.numpy()[0] == value
        losses.sum().backward()
        alone = ts.tensor(scores[:, 1], requires_grad=True)
        ts.nn.ctc_loss(ts.log_softmax(alone), [1, 2], reduction="sum").backward()
        assert not x.grad.numpy()[:, 0].any()
        np.testing.assert_allclose(x.grad.numpy()[:, 1], alone.grad.numpy(), atol=1e-14)


def test_an_impossible_symbol_closes_its_alignments_only():
    log_probs = np.array([[np.log(0.5), np.log(0.5)], [0.0, -np.inf]])
    leaf = ts.tensor(log_probs, requires_grad=True)
    loss = ts.nn.ctc_loss(leaf, [1], reduction="sum")
    assert loss.item() == pytest.approx(np.log(2))
    loss.backward()
    np.testing.assert_allclose(leaf.grad.numpy(), [[0, -1], [-1, 0]])


def test_a_long_single_precision_batch_keeps_its_digits():
    rng = np.random.default_rng(0)
    scores, targets = rng.standard_normal((1000, 2, 20)), rng.integers(1, 20, (2, 100))
    results = []
    for dtype in ("float64", "float32"):
        x = ts.tensor(scores, dtype=dtype, requires_grad=True)
        loss = ts.nn.ctc_loss(ts.log_softmax(x), targets)
        loss.backward()
        assert loss.dtype == x.grad.dtype == dtype
        results.append((loss.item(), x.grad.numpy()))
    assert results[1][0] == pytest.approx(results[0][0], rel=3e-7)
    np.testing.assert_allclose(results[1][1], results[0][1], atol=3e-7 * abs(results[0][1]).max())


ZEROS = np.full((4, 2, 3), np.log(1 / 3))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ts.nn.ctc_loss(ts.zeros(3), [1]), ValueError, r"shape \(T, B, V\) or \(T, V\).* got \(3,\)"),
        (lambda: ts.nn.ctc_loss(ZEROS + 3, [[1], [1]]), ValueError, r"at most 0, got 1.901; apply ts.log_softmax"),
        (lambda: ts.nn.ctc_loss(ZEROS, [[1], [0]]), ValueError, "targets of sequence 1 hold the blank, 0"),
        (lambda: ts.nn.ctc_loss(ZEROS, [[1], [3]]), IndexError, r"targets of sequence 1: id 3 .* outside \[0, 3\)"),
        (lambda: ts.nn.ctc_loss(ZEROS, [[1.0], [2.0]]), IndexError, "integer ids, got float64"),
        (lambda: ts.nn.ctc_loss(ZEROS, [1, 2]), ValueError, "in a row need target_lengths="),
        (
            lambda: ts.nn.ctc_loss(ZEROS, [1, 2], None, [1, 2]),
            ValueError,
            "target_lengths add up to 3, but there are 2 targets",
        ),
        (lambda: ts.nn.ctc_loss(ZEROS, [[1]]), ValueError, r"with B = 2, .* got 1 rows of shapes \[\(1,\)\]"),
        (lambda: ts.nn.ctc_loss(ZEROS, [[1], [1]], [4, 5]), ValueError, r"input_lengths\[1\] is 5.* between 0 and 4"),
        (lambda: ts.nn.ctc_loss(ZEROS, [[1], [1]], [4]), ValueError, r"input_lengths must .* \(2,\).* \(1,\)"),
        (lambda: ts.nn.ctc_loss(ZEROS, [[1], [1]], None, [1, 2]), ValueError, r"target_lengths\[1\] is 2, but"),
        (
            lambda: ts.nn.ctc_loss(ZEROS, [[1], [1, 2]], None, [2, 2]),
            ValueError,
            r"target_lengths\[0\] is 2, but there",
        ),
        (lambda: ts.nn.ctc_loss(ZEROS, [[1], [1]], blank=3), ValueError, "blank must be at most 2, got 3"),
        (lambda: ts.nn.ctc_loss(ZEROS, [[1], [1]], blank=0.0), TypeError, "blank must be a whole number"),
        (lambda: ts.nn.ctc_loss(ZEROS, [[1], [1]], reduction="max"), ValueError, "\"none\", got 'max'"),
        (lambda: ts.nn.ctc_align(ZEROS, [[1], [1]], [4, 0]), ValueError, "sequence 1 has no alignment: 1 labels in 0"),
        (lambda: ts.nn.ctc_decode(ts.zeros(3)), ValueError, r"got \(3,\)"),
        (lambda: ts.nn.ctc_decode(ZEROS, width=0), ValueError, "width must be at least 1, got 0"),
        (lambda: ts.nn.ctc_decode(ZEROS * np.nan), ValueError, "log_probs hold NaN"),
        (lambda: ts.nn.ctc_decode(ZEROS, [4, 5]), ValueError, r"lengths\[1\] is 5"),
        (lambda: ts.nn.ctc_collapse([[1]]), ValueError, r"path must have shape \(T,\).*got \(1, 1\)"),
        (lambda: ts.nn.ctc_collapse([-1]), IndexError, "id -1"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
