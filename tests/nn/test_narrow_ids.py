"""Ids and lengths of a narrow type, such as uint8, in which sums and products of them would overflow."""

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.nn.recurrent.packed import packing

TAGS, STEPS = 16, 140
RNG = np.random.default_rng(0)
SCORES = RNG.standard_normal((2, 1, TAGS))
LOGS = ts.log_softmax(ts.tensor(RNG.standard_normal((STEPS, 2, TAGS)))).numpy()
IDS = RNG.integers(0, TAGS, (STEPS, 2))
LABELS = np.arange(140).reshape(2, 70) % (TAGS - 1) + 1
WIDE = ts.tensor(RNG.standard_normal((300, 4)))
CELL = ts.nn.GRU(4, 3, dtype="float64")


def crf(by_step):
    ts.manual_seed(0)
    model = ts.nn.CRF(TAGS, dtype="float64")
    return lambda kind: model.log_likelihood(SCORES, np.array([[15], [15]], dtype=kind), by_step=by_step)


def ctc(kind):
    return ts.nn.ctc_loss(LOGS, LABELS.astype(kind), target_lengths=np.array([70, 65], kind), reduction="none")


def embedded(kind):
    ts.manual_seed(0)
    layer = ts.nn.Embedding(300, 4, dtype="float64")
    return ts.grad((layer(IDS.astype(kind)) ** 2.0).sum(), layer.weight)


CALLS = {
    "CRF": crf(False),
    "CRF by step": crf(True),
    "CTC": ctc,
    "Embedding": embedded,
    "cross entropy": lambda kind: ts.nn.cross_entropy(LOGS, IDS.astype(kind), weight=np.arange(TAGS) + 1.0),
    "nll_loss": lambda kind: ts.nn.nll_loss(LOGS, IDS.astype(kind), reduction="none"),
    "lengths": lambda kind: CELL(LOGS[:, :, :4], lengths=np.array([STEPS // 2, 3], kind))[1],
    "packing": lambda kind: np.concatenate(packing(np.array([100, 90, 80, 3], kind))[::2]),
    "getitem": lambda kind: ts.vjp(lambda x: x[IDS.astype(kind)] ** 2.0, WIDE, np.ones((STEPS, 2, 4)))[1],
    "tensor as index": lambda kind: ts.vjp(lambda x: x[ts.tensor(IDS.astype(kind))] ** 2.0, WIDE, LOGS[:, :, :4])[1],
    "scatter_add": lambda kind: ts.scatter_add(WIDE, (IDS[:, 0].astype(kind), 1), 1.0),
    "take": lambda kind: ts.vjp(lambda x: ts.take(x, IDS.astype(kind)), WIDE, LOGS[:, :, :4])[1],
    "one_hot": lambda kind: ts.one_hot(IDS.astype(kind), 300),
    "chain": lambda kind: ts.hmm.chain(LOGS[0, 0], LOGS[:16, 0], LOGS, lengths=np.array([70, 2], kind)),
}


def numbers(found):
    return np.asarray(found.detach().numpy() if isinstance(found, ts.Tensor) else found)


@pytest.mark.parametrize("kind", ["uint8", "int8", "int16", "uint64"])
@pytest.mark.parametrize("name", CALLS)
def test_narrow_ids_and_lengths_mean_what_wide_ones_do(name, kind):
    np.testing.assert_array_equal(numbers(CALLS[name](kind)), numbers(CALLS[name]("int64")))
