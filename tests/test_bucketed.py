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
