"""The batches of tasks that learn from short texts: each text once an epoch, rare words often unknown."""

import numpy as np

import tinyseq as ts
from tinyseq.train.bucketed import BucketedTask


def test_each_epoch_has_every_text_once_in_an_order_of_its_own():
    ts.manual_seed(0)
    task = BucketedTask([3, 1, 2, 5, 1, 2, 4], 2, [0])
    assert task.batches_in_epoch == 4
    epochs = [[task.chosen(4 * e + b).tolist() for b in range(4)] for e in range(3)]
    assert all(sorted(i for batch in epoch for i in batch) == list(range(7)) for epoch in epochs)
    assert epochs[0] != epochs[1]
    other = BucketedTask([3, 1, 2, 5, 1, 2, 4], 2, [0])
    other.load_state_dict(task.state_dict())
    assert [other.chosen(b).tolist() for b in range(4)] == epochs[0]


def test_a_word_that_occurs_n_times_is_unknown_once_in_n_plus_1():
    ts.manual_seed(0)
    counts, n = [0, 1, 3, 9], 40_000
    task = BucketedTask([4], 1, counts)
    for word in (1, 2, 3):
        (ids,) = task.with_unknown([np.full(n, word)])
        assert set(ids.tolist()) == {0, word}
        p = 1 / (counts[word] + 1)
        assert abs((ids == 0).mean() - p) < 5 * np.sqrt(p * (1 - p) / n)


def test_jitter_mixes_nearly_equal_lengths_anew_in_each_epoch():
    ts.manual_seed(0)
    lengths = list(range(1, 101))
    task = BucketedTask(lengths, 10, [0], jitter=0.1)
    epochs = [[sorted(task.chosen(10 * e + b).tolist()) for b in range(10)] for e in range(2)]
    assert all(sorted(i for batch in epoch for i in batch) == list(range(100)) for epoch in epochs)
    assert sorted(epochs[0]) != sorted(epochs[1])
    plain = BucketedTask(lengths, 10, [0])
    assert len({str(sorted(sorted(plain.chosen(10 * e + b).tolist()) for b in range(10))) for e in range(2)}) == 1
    for batch in epochs[0]:  # by lengths of a factor from 0.9 to 1.1, ten of them stay within about twice that
        assert lengths[batch[-1]] <= 1.3 * lengths[batch[0]] + 10


def test_rare_words_are_unknown_at_the_rate_that_is_wanted():
    ts.manual_seed(0)
    task = BucketedTask([4], 1, [0, 1, 3], rate=0.25)
    for word, count in ((1, 1), (2, 3)):
        (ids,) = task.with_unknown([np.full(40_000, word)])
        assert abs((ids == 0).mean() - 0.25 / (count + 0.25)) < 0.01
