"""A masked element has no value, so an array with one is refused, wherever arrays are taken."""

import numpy as np
import pytest

import tinyseq as ts
from tinyseq import nn

IDS = np.array([0, 1, 2])
NUMBERS = np.array([0.25, 0.5, 0.25])
X = ts.tensor(np.linspace(-1, 1, 9).reshape(3, 3), requires_grad=True)
V = ts.tensor([1.0, 2.0, 3.0], requires_grad=True)
SEQUENCES = np.zeros((3, 3, 1), np.float32)
TABLE = np.full((3, 3), 1 / 3)
CRF = nn.CRF(3)


def put(index, value):
    ts.zeros(3)[index] = value


def loaded(a):
    nn.Linear(3, 1, bias=False).load_state_dict({"weight": a[None]})


def hooked(a):
    x = ts.tensor([1.0, 2.0, 3.0], requires_grad=True)
    x.register_hook(lambda g: a)
    (x * 1.0).sum().backward()


OF_IDS = {
    "targets": lambda a: nn.cross_entropy(X, a),
    "targets of nll_loss": lambda a: nn.nll_loss(-ts.abs(X), a),
    "targets in a list": lambda a: nn.cross_entropy(ts.stack([X, X]), [a, a]),
    "embedding": lambda a: nn.Embedding(3, 2)(a),
    "index": lambda a: V[a],
    "index of several": lambda a: X[a, a],
    "index list": lambda a: V[[*a]],
    "mask": lambda a: V[a > -1],
    "condition": lambda a: ts.where(a > -1, V, 0.0),
    "take": lambda a: ts.take(V, a),
    "gather": lambda a: ts.gather(V, 0, a),
    "take_along_axis": lambda a: ts.take_along_axis(V, a, 0),
    "scatter_add": lambda a: ts.scatter_add(V, a, V),
    "index_set": lambda a: ts.index_set(V, a, V),
    "assignment": lambda a: put(a, 1.0),
    "one_hot": lambda a: ts.one_hot(a, 3),
    "repeat": lambda a: ts.repeat(V, a),
    "lengths": lambda a: nn.GRU(1, 2)(SEQUENCES, lengths=a + 1),
    "tags of a CRF": lambda a: CRF.log_likelihood(X, a),
    "lengths of a CRF": lambda a: CRF.log_likelihood(ts.zeros(3, 3, 3), np.zeros((3, 3), int), a + 1),
    "mask of a CRF": lambda a: CRF.log_likelihood(ts.zeros(3, 1, 3), np.zeros((3, 1), int), mask=a[:, None] > -1),
    "lengths of a chain": lambda a: ts.hmm.log_partition(NUMBERS, TABLE, ts.zeros(3, 3, 3), lengths=a + 1),
    "labels of CTC": lambda a: nn.ctc_loss(ts.zeros(9, 4), a + 1),
    "lengths of CTC": lambda a: nn.ctc_decode(ts.zeros(3, 3, 4), a),
    "path of CTC": lambda a: nn.ctc_collapse(a),
    "windows": lambda a: ts.data.Windows(a, steps=1, batch=1),
    "padded": lambda a: ts.data.padded([a, a]),
    "bucketed": lambda a: ts.data.bucketed(a, 2),
    "decode": lambda a: ts.data.Vocabulary("abc").decode(a),
}
OF_NUMBERS = {
    "tensor": ts.tensor,
    "list": lambda a: ts.tensor([a, a]),
    "operand": lambda a: V * a,
    "operand on the left": lambda a: ts.multiply(a, V),
    "join": lambda a: ts.concatenate([V, a]),
    "product": lambda a: V @ a,
    "bound": lambda a: ts.clip(V, a),
    "parameter": nn.Parameter,
    "copy": lambda a: ts.zeros(3).copy_(a),
    "assigned": lambda a: put(slice(None), a),
    "gradient": lambda a: (V * 1.0).backward(a),
    "hook": hooked,
    "vector": lambda a: ts.vjp(lambda x: x * 2.0, V, a),
    "weights of classes": lambda a: nn.cross_entropy(X, [0, 1, 2], weight=a),
    "soft targets": lambda a: nn.cross_entropy(V, a),
    "targets": lambda a: nn.mse_loss(V, a),
    "layer": lambda a: nn.Linear(3, 1)(a),
    "scores of a CRF": lambda a: CRF.decode(a[None]),
    "padded": lambda a: ts.data.padded_values([a, a]),
    "saved": lambda a: ts.save({"a": a}, "never.safetensors"),
    "loaded": loaded,
    "optimiser": lambda a: ts.optim.SGD([V], momentum=0.9).load_state_dict({"lr": 1.0, "0.momentum": a}),
    "table": lambda a: ts.hmm.HMM(a, TABLE, TABLE),
    "table of transitions": lambda a: ts.hmm.HMM(NUMBERS, np.ma.array([a, NUMBERS, NUMBERS]), TABLE),
    "table of emissions": lambda a: ts.hmm.HMM(NUMBERS, TABLE, np.ma.array([a, NUMBERS, NUMBERS])),
    "log table": lambda a: ts.hmm.HMM.from_logs(np.log(a), np.log(TABLE), np.log(TABLE)),
    "probability to stay": lambda a: ts.hmm.HMM.left_to_right(TABLE, stay=a),
    "durations": lambda a: ts.hmm.HMM.semi_markov(NUMBERS, TABLE, np.ma.array([a, NUMBERS, NUMBERS]), TABLE),
    "scores of a chain": lambda a: ts.hmm.log_partition(NUMBERS, TABLE, a[None]),
}
WAYS = [*((way, IDS) for way in OF_IDS.items()), *((way, NUMBERS) for way in OF_NUMBERS.items())]


@pytest.mark.parametrize(("way", "values"), WAYS, ids=[f"{values.dtype.kind}-{way[0]}" for way, values in WAYS])
def test_masked_elements_are_refused(way, values):
    with pytest.raises(TypeError, match=r"masked elements?, which have no value; fill them in with a\.filled\(value\)"):
        way[1](np.ma.array(values, mask=[False, False, True]))


@pytest.mark.parametrize(("way", "values"), WAYS, ids=[f"{values.dtype.kind}-{way[0]}" for way, values in WAYS])
def test_a_masked_array_without_masked_elements_is_an_array(way, values, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = []
    for given in (values, np.ma.array(values)):
        _ = ts.manual_seed(0)
        results.append(repr(way[1](given)))
    assert results[0] == results[1]
