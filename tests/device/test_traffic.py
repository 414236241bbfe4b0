"""What a training step copies between the host and the device, counted on the stand-in."""

import gc

import device_stand_in
import numpy as np
import pytest
from device_stand_in import TRAFFIC

import tinyseq as ts
from tinyseq.autograd.ops.moves.index import scattered


@pytest.fixture(autouse=True)
def device(monkeypatch):
    device_stand_in.install(monkeypatch)


def copies(step):
    """(up, down) of one step, after a first one."""
    step()
    TRAFFIC.update(up=0, down=0)
    step()
    return TRAFFIC["up"], TRAFFIC["down"]


class Model(ts.nn.Module):
    def __init__(self):
        self.embedding, self.lstm, self.output = ts.nn.Embedding(20, 8), ts.nn.LSTM(8, 8), ts.nn.Linear(8, 20)

    def forward(self, ids, lengths=None):
        return self.output(self.lstm(self.embedding(ids), lengths=lengths)[0])


@pytest.mark.parametrize("lengths", [None, [6, 4, 3, 1]], ids=["full", "ragged"])
def test_a_step_of_a_language_model_reads_back_nothing(lengths):
    model = Model().to("cuda")
    optimizer = ts.optim.Adam(model.parameters(), lr=1e-2)
    ids = np.random.default_rng(0).integers(0, 20, (6, 4))

    def step():
        loss = ts.nn.cross_entropy(model(ids, lengths), ids)
        optimizer.zero_grad()
        loss.backward()
        ts.nn.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    up, down = copies(step)
    assert down == 0
    assert up == 2 + (lengths is not None)  # ids and targets, once for forward and backward, and the mask


def test_a_ragged_crf_reads_back_nothing_and_uploads_only_its_tags_and_lengths():
    crf = ts.nn.CRF(5, forbidden=[(0, 1)], forbidden_start=[3]).to("cuda")
    rng = np.random.default_rng(0)
    scores = ts.tensor(rng.normal(size=(9, 4, 5))).to("cuda").requires_grad_()
    tags = np.full((9, 4), 2)
    lengths = iter(([9, 4, 3, 2], [9, 5, 3, 1]))

    def step():
        scores.grad = None
        (-crf.log_likelihood(scores, tags, lengths=next(lengths)).sum()).backward()

    assert copies(step) == (2, 0)  # which scores the tags pick, and the lengths, once for forward and backward


def test_tags_and_marginals_are_read_with_the_totals_that_tell_whether_they_are_right():
    crf = ts.nn.CRF(5, forbidden=[(0, 1)]).to("cuda")
    scores = ts.tensor(np.random.default_rng(0).normal(size=(9, 4, 5))).to("cuda")
    for query in (crf.decode, crf.marginals):
        assert copies(lambda query=query: query(scores, [9, 4, 3, 2])) == (0, 2)


def test_a_hidden_markov_model_uploads_observations_and_reads_one_verdict():
    rng = np.random.default_rng(0)
    tables = [ts.tensor(rng.dirichlet(np.ones(4), shape)).to("cuda") for shape in ((), 4, 4)]
    hmm = ts.hmm.HMM(*tables)
    x = [rng.integers(0, 4, length) for length in (5, 3, 1)]
    lengths = iter(range(1, 100))

    def another(query):
        return lambda: query([*x, np.zeros(next(lengths), dtype=int)])

    assert copies(another(hmm.log_likelihood)) == (3, 0)  # ids, where they lie, lengths
    assert copies(another(hmm.viterbi)) == (2, 1)  # ids, lengths; all scores at once
    assert copies(another(hmm.posterior)) == (2, 1)
    assert copies(another(hmm.posterior_decode)) == (2, 2)  # and how sure each state is


def test_an_index_that_may_change_is_sent_anew():
    values, index = ts.tensor([1.0, 2.0]).to("cuda"), np.array([0, 1])
    assert scattered(values, index=index, shape=(3,)).numpy().tolist() == [1.0, 2.0, 0.0]
    index[1] = 2
    assert scattered(values, index=index, shape=(3,)).numpy().tolist() == [1.0, 0.0, 2.0]
    x = ts.tensor(np.arange(3.0)).to("cuda").requires_grad_()
    picked = x[index]
    index[0] = 1  # the op has its own copy
    picked.sum().backward()
    assert x.grad.numpy().tolist() == [1.0, 0.0, 1.0]


def test_copies_of_an_index_on_the_device_go_with_it():
    gc.collect()  # those of earlier tests
    before = len(ts.backend.devices._MADE)
    x = ts.tensor(np.arange(3.0)).to("cuda").requires_grad_()
    picked = x[np.array([2, 0])]
    assert len(ts.backend.devices._MADE) == before + 1
    picked.sum().backward()
    del picked
    gc.collect()
    assert len(ts.backend.devices._MADE) == before
