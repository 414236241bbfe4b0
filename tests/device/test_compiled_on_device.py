"""Compiled steps on the device give what the functions give there: ops, layers, losses, steps of an optimiser."""

import device_stand_in
import numpy as np
import pytest
from executor_trials import LAYERS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.autograd.declare import OPS
from tinyseq.compiler.gpu import executor
from tinyseq.testing.battery import op_trial
from tinyseq.testing.calls import calls_of
from tinyseq.testing.subject import flat, is_real

ENGINE = [op for op in OPS.values() if op.module.startswith("tinyseq.autograd.ops.")]
rng = np.random.default_rng(0)


class NoGraphs:
    """A device without kernels: programs run call by call."""

    xp = device_stand_in.LIBRARY


@pytest.fixture(autouse=True)
def without_graphs_on_the_stand_in(cupy, monkeypatch):
    if cupy is device_stand_in.LIBRARY:
        monkeypatch.setattr(executor, "Cuda", NoGraphs)
        monkeypatch.setattr(executor, "lowered", refuse)


def refuse(program):
    raise executor.Unsupported("the stand-in has no kernels")


def close(found, wanted, rtol):
    for a, b in zip(found, wanted, strict=True):
        if a is None or b is None:
            assert a is b
            continue
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_allclose(
            a, b, rtol=rtol if a.dtype.itemsize >= 8 else 1e-4, atol=1e-10 if rtol < 1e-6 else 1e-6
        )


def results(cupy, function, arrays, real, upstreams):
    """The function's values on the device, and the gradients of its real inputs."""
    leaves = [ts.Tensor(cupy.asarray(a)).requires_grad_(i in real) for i, a in enumerate(arrays)]
    outputs = flat(function(*leaves))
    parts = [(y * ts.Tensor(cupy.asarray(u))).sum() for y, u in zip(outputs, upstreams, strict=True) if y.requires_grad]
    if parts:
        sum(parts[1:], parts[0]).backward()
    assert all(type(y._array) is cupy.ndarray for y in outputs)
    return [y.numpy() for y in outputs] + [None if leaf.grad is None else leaf.grad.numpy() for leaf in leaves]


@pytest.mark.parametrize("op", ENGINE, ids=lambda op: op.name)
@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_op(cupy, op, data):
    if op.name in ("eigh", "svd"):
        pytest.skip("another LAPACK chooses other signs of the vectors")
    subject = op_trial(op, data.draw(calls_of(op))).subject
    if not subject.arrays:
        return  # nothing is on the device
    real = subject.real if op.vjp else ()
    fast = ts.compile(subject.fn)
    for shift in (0.0, 0.03125):
        arrays = [a + shift if a.dtype == np.float64 else a for a in subject.arrays]
        outputs = flat(subject.fn(*subject.tensors(arrays)))
        ups = [
            np.ones(y.shape) * 0.75 if not is_real(y) else rng.standard_normal(y.shape).astype(y.dtype) for y in outputs
        ]
        with np.errstate(all="ignore"):
            close(*(results(cupy, f, arrays, real, ups) for f in (fast, subject.fn)), 1e-9)


def trained(build, loss, calls, compiled):
    """The losses and the parameters of a few steps of Adam."""
    ts.manual_seed(0)
    model = build().to("cuda")
    parameters = list(model.parameters())
    optimizer = ts.optim.Adam(parameters, 1e-2)
    function = ts.compile(lambda *args: loss(model, *args)) if compiled else lambda *args: loss(model, *args)
    losses = []
    for args in calls:
        optimizer.zero_grad()
        found = function(*args)
        found.backward()
        ts.nn.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        losses.append(np.asarray(found.item()))
    return losses + [p.numpy() for p in parameters], function


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("ragged", [False, True], ids=["one length", "lengths"])
def test_recurrent_layers(cupy, name, ragged):
    calls = [
        (ts.tensor(cupy.asarray(rng.standard_normal((5, 3, 3)).astype("f4"))), *([np.array(lengths)] if ragged else []))
        for lengths in ([5, 2, 3], [1, 1, 5], [5, 4, 4])
    ]
    loss = lambda m, x, *lengths: (m(x, lengths=lengths[0] if lengths else None)[0] ** 2).sum()
    (eager, _), (compiled, function) = (trained(LAYERS[name], loss, calls, each) for each in (False, True))
    close(compiled, eager, 1e-4)
    assert sum(map(len, function._replays.values())) == 1
    if cupy is not device_stand_in.LIBRARY:
        assert function._newest.executor.reason is None


LOSSES = {
    "cross_entropy": lambda y, ids, t: ts.nn.cross_entropy(y, ids),
    "smoothed": lambda y, ids, t: ts.nn.cross_entropy(y, ids, label_smoothing=0.1, reduction="sum"),
    "ignoring": lambda y, ids, t: ts.nn.cross_entropy(y, ids, ignore_index=0),
    "yes or no": lambda y, ids, t: ts.nn.binary_cross_entropy_with_logits(y, t),
    "mse_loss": lambda y, ids, t: ts.nn.mse_loss(y, t),
    "smooth_l1_loss": lambda y, ids, t: ts.nn.smooth_l1_loss(y, t, beta=0.5),
}


@pytest.mark.parametrize("name", LOSSES)
def test_an_embedding_dropout_and_a_loss(cupy, name):
    """Ids and targets come as NumPy arrays, and other ones each time."""
    calls = [
        (
            rng.integers(0, 6, (4, 3)),
            rng.integers(0, 5, (4, 3)),
            cupy.asarray(rng.uniform(0.1, 0.9, (4, 3, 5)).astype("f4")),
        )
        for _ in range(4)
    ]

    def loss(model, words, ids, targets):
        embedding, dropout, readout = model
        return LOSSES[name](readout(dropout(embedding(words))), ids, ts.tensor(targets))

    build = lambda: ts.nn.ModuleList([ts.nn.Embedding(6, 4), ts.nn.Dropout(0.25), ts.nn.Linear(4, 5)])
    calls = [(words, ids, ts.tensor(targets)) for words, ids, targets in calls]
    (eager, _), (compiled, _) = (trained(build, loss, calls, each) for each in (False, True))
    close(compiled, eager, 1e-4)


def test_a_model_that_is_not_on_the_device_is_an_error(cupy):
    layer = ts.nn.Linear(3, 2)
    x = ts.tensor(cupy.asarray(np.ones((2, 3), "f4")))
    with pytest.raises(TypeError, match="cuda"):
        ts.compile(lambda x: layer(x).sum())(x)


def test_a_model_that_moves_is_recorded_again(cupy):
    layer, x = ts.nn.Linear(3, 2), ts.tensor(np.ones((2, 3), "f4"))
    fast = ts.compile(lambda x: layer(x).sum())
    here = fast(x).item()
    layer.to("cuda")
    loss = fast(x.to("cuda"))
    assert (loss.device, len(fast._replays)) == ("cuda", 2)
    np.testing.assert_allclose(loss.item(), here, rtol=1e-6)


def test_ids_on_the_device_are_read_on_the_host(cupy):
    table = ts.tensor(cupy.asarray(np.arange(6.0).reshape(3, 2)), requires_grad=True)
    fast = ts.compile(lambda ids: table[ids].sum())
    for ids in ([0, 2], [1, 1]):
        assert fast(cupy.asarray(ids)).item() == table.numpy()[ids].sum()
    with pytest.raises(IndexError):
        fast(cupy.asarray([0, 3]))


def test_a_compiled_fit_learns_there_what_it_learns_here(cupy):
    text, nats = "so long and thanks for all the fish. " * 20, []
    for device in ("cpu", "cuda"):
        ts.manual_seed(0)
        model = ts.lm.RNNLM(sorted(set(text)), hidden_size=8, cell="lstm")
        list(model.fit_steps(text, steps=4, window=8, batch=4, device=device, compile=True))
        nats.append(model.nats(text[:80]))
    np.testing.assert_allclose(nats, nats[0], rtol=1e-4)


def test_a_long_run_needs_no_more_memory(cupy):
    if cupy is device_stand_in.LIBRARY:
        pytest.skip("the stand-in has no pool of memory")
    layer = ts.nn.LSTM(8, 16).to("cuda")
    x = ts.tensor(cupy.asarray(rng.standard_normal((6, 4, 8)).astype("f4")))
    fast = ts.compile(lambda x: (layer(x)[0] ** 2).mean())
    used = []
    for step in range(600):
        fast(x).backward()
        layer.zero_grad()
        if step % 200 == 199:
            used.append(
                (
                    cupy.get_default_memory_pool().total_bytes(),
                    fast._newest.executor._graphs._device._pool.total_bytes(),
                )
            )
    assert used[0] == used[1] == used[2]
