"""What a training step copies between the host and the device, counted on the stand-in."""

import device_stand_in
import numpy as np
import pytest
from device_stand_in import TRAFFIC

import tinyseq as ts


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
def test_a_step_of_a_language_model_reads_back_nothing_but_the_norm(lengths):
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
    assert down == 1  # clip_grad_norm_ returns a number
    assert up <= 4 + (lengths is not None)  # ids and targets, forward and backward, and the mask


def test_a_ragged_crf_reads_back_two_verdicts_and_uploads_only_what_is_new():
    crf = ts.nn.CRF(5).to("cuda")
    rng = np.random.default_rng(0)
    scores = ts.tensor(rng.normal(size=(9, 4, 5))).to("cuda").requires_grad_()
    tags = rng.integers(0, 5, (9, 4))

    def step():
        scores.grad = None
        (-crf.log_likelihood(scores, tags, lengths=[9, 4, 3, 2]).sum()).backward()

    up, down = copies(step)
    assert down == 2  # whether all scores are numbers, and whether every sequence has a path
    assert up <= 24
