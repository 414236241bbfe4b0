"""Windows cover a text once and in order; padding and buckets lose nothing."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyseq.data import Windows, bucketed, padded, padded_values
from tinyseq.data.batches import IGNORE

sequences = st.lists(st.lists(st.integers(0, 9), max_size=8), min_size=1, max_size=10)


@st.composite
def windows_on_a_text(draw):
    length = draw(st.integers(2, 60))
    steps, batch = draw(st.integers(1, 12)), draw(st.integers(1, length - 1))
    # The id of a symbol is its position, so that each is told from all others.
    return np.arange(length), Windows(np.arange(length), steps=steps, batch=batch)


@given(windows_on_a_text())
def test_every_symbol_but_the_first_is_a_target_exactly_once(case):
    text, windows = case
    targets = np.concatenate([targets.ravel() for _, targets in windows])
    assert sorted(targets[targets != IGNORE]) == text[1:].tolist()


@given(windows_on_a_text())
def test_a_target_follows_its_input_and_a_column_follows_itself(case):
    _, windows = case
    inputs = np.concatenate([inputs for inputs, _ in windows])
    targets = np.concatenate([targets for _, targets in windows])
    real = targets != IGNORE
    assert (targets[real] == inputs[real] + 1).all()
    assert (inputs[1:][real[1:]] == targets[:-1][real[1:]]).all()


@given(windows_on_a_text())
def test_windows_are_full_but_for_the_last_and_hardly_padded(case):
    _, windows = case
    shapes = [(inputs.shape, targets.shape) for inputs, targets in windows]
    assert all(inputs == targets for inputs, targets in shapes)
    assert all(inputs[0] == windows.steps for inputs, _ in shapes[:-1])
    ignored = np.concatenate([targets for _, targets in windows]) == IGNORE
    assert not ignored[:-1].any()  # at most the last step of a part
    assert not ignored.all(axis=1).any()


@given(windows_on_a_text(), st.data())
def test_windows_can_be_taken_up_again_at_any_position(case, data):
    _, windows = case
    position = data.draw(st.integers(0, len(windows)))
    rest = [windows[i] for i in range(position, len(windows))]
    for (inputs, targets), (again, targets_again) in zip(list(windows)[position:], rest, strict=True):
        np.testing.assert_array_equal(inputs, again)
        np.testing.assert_array_equal(targets, targets_again)
    with pytest.raises(IndexError, match=f"window {len(windows)} of {len(windows)}"):
        windows[len(windows)]


def test_a_window_that_is_written_to_leaves_the_text_as_it_was():
    windows = Windows(np.arange(9), steps=2, batch=2)
    for inputs, targets in windows:
        inputs[:] = targets[:] = -1
    assert (windows.inputs >= 0).all()
    assert (windows.targets >= 0).all()


@given(sequences, st.integers(-100, 100))
def test_padding_round_trip(sequences, padding):
    ids, lengths = padded(sequences, padding)
    assert ids.shape == (max(map(len, sequences)), len(sequences))
    assert [ids[:length, b].tolist() for b, length in enumerate(lengths)] == sequences
    assert all((ids[length:, b] == padding).all() for b, length in enumerate(lengths))


@given(st.lists(st.integers(0, 20), max_size=40), st.integers(1, 9), st.none() | st.integers(0, 99))
def test_every_sequence_is_in_one_bucket_and_buckets_do_not_overlap_in_length(lengths, size, seed):
    batches = bucketed(lengths, size, None if seed is None else np.random.default_rng(seed))
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert sum(len(batch) < size for batch in batches) <= 1
    ranges = sorted((min(lengths[i] for i in batch), max(lengths[i] for i in batch)) for batch in batches)
    assert all(shorter[1] <= longer[0] for shorter, longer in itertools.pairwise(ranges))


def test_the_generator_alone_decides_the_shuffle():
    lengths = np.random.default_rng(0).integers(1, 5, size=100)
    first, again, other = (
        [batch.tolist() for batch in bucketed(lengths, 8, np.random.default_rng(seed))] for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
    assert {frozenset(batch) for batch in first} != {frozenset(batch) for batch in other}


def test_what_cannot_be_cut_is_an_error():
    with pytest.raises(ValueError, match=r"ids must be one text of shape \(N,\), got shape \(2, 2\)"):
        Windows(np.zeros((2, 2), int), steps=1, batch=1)
    with pytest.raises(ValueError, match="steps must be at least 1, got 0"):
        Windows([1, 2], steps=0, batch=1)
    with pytest.raises(ValueError, match="3 symbols are too few for batch=3, which needs at least 4"):
        Windows([1, 2, 3], steps=1, batch=3)


def test_what_cannot_be_padded_is_an_error():
    with pytest.raises(ValueError, match="no sequence to pad"):
        padded([])
    with pytest.raises(ValueError, match=r"sequence 1 has shape \(1, 1\)"):
        padded([[1], [[2]]])
    with pytest.raises(ValueError, match="size must be at least 1, got 0"):
        bucketed([1, 2], 0)
    with pytest.raises(ValueError, match=r"one number for each sequence \(N,\), got shape \(1, 2\)"):
        bucketed([[1, 2]], 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Windows([0.5, 1.0, 2.0], steps=1, batch=1), "ids must hold integers, got float64; write ids as"),
        (lambda: Windows("hello", steps=1, batch=1), "ids must hold integers, got <U5; ts.data.Vocabulary"),
        (
            lambda: padded([[1], [1.5]]),
            "sequence 1 must hold integers, got float64; .* padded_values",
        ),
        (lambda: padded_values([[1.0], ["a"]]), "sequence 1 must hold real numbers, got <U1"),
        (lambda: padded([[1], [[2], [3, 4]]]), "sequence 1 must hold integers, got rows of different lengths"),
        (lambda: bucketed([1.5, 2.0], 1), "lengths must hold integers, got float64"),
    ],
)
def test_no_fraction_is_cut_off_without_a_word(call, message):
    with pytest.raises(TypeError, match=message):
        call()


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=5), st.sampled_from([None, 1, 3]), st.sampled_from(["f4", "f8"])
)
def test_padded_values_hold_each_sequence_and_nothing_else(lengths, features, dtype):
    rng = np.random.default_rng(0)
    shape = () if features is None else (features,)
    sequences = [rng.standard_normal((length, *shape)).astype(dtype) for length in lengths]
    values, found = padded_values(sequences, padding=9.0)
    assert values.dtype == dtype
    assert values.shape == (max(lengths), len(lengths), *shape)
    assert found.tolist() == lengths
    for i, sequence in enumerate(sequences):
        np.testing.assert_array_equal(values[: lengths[i], i], sequence)
        assert (values[lengths[i] :, i] == 9.0).all()


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        ([], "no sequence to pad"),
        ([1.0], r"sequence 0 has shape \(\)"),
        ([[[1.0, 2.0]], [[1.0]]], r"sequence 1 has shape \(1, 1\); expected \(T, 2\), as sequence 0"),
        ([[1.0], [[1.0]]], r"sequence 1 has shape \(1, 1\); expected \(T,\), as sequence 0"),
    ],
)
def test_what_values_cannot_be_padded_is_an_error(sequences, message):
    with pytest.raises(ValueError, match=message):
        padded_values(sequences)
