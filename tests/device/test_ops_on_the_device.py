"""Every op and every function made of ops gives on the device what it gives on the host, values and gradients."""

import device_stand_in
import numpy as np
import pytest
from composite_cases import MORE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.autograd.declare import OPS
from tinyseq.backend import namespace_of
from tinyseq.testing.battery import check_library
from tinyseq.testing.calls import calls_of

ENGINE = [op for op in OPS.values() if op.module.startswith("tinyseq.autograd.ops.")]


@pytest.mark.parametrize("op", ENGINE, ids=lambda op: op.name)
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_op_gives_the_same_on_the_device(cupy, op, data):
    if op.name in ("eigh", "svd") and cupy is not device_stand_in.LIBRARY:
        pytest.skip("another LAPACK chooses other signs of the vectors")
    check_library(op, data.draw(calls_of(op)), namespace_of(cupy.asarray([0.0])))


def test_factors_are_right_whatever_the_signs_of_their_vectors(cupy):
    a = np.random.default_rng(0).normal(size=(2, 4, 4))
    found = []
    for make in (lambda x: x, cupy.asarray):
        x, weight = ts.tensor(make(a), requires_grad=True), ts.tensor(make(np.arange(4.0)))
        values, vectors = ts.eigh(x + ts.swapaxes(x, -1, -2))
        u, s, vh = ts.svd(x)
        np.testing.assert_allclose(((u * s[:, None, :]) @ vh).numpy(), a, atol=1e-12)
        projected = (vectors * weight) @ ts.swapaxes(vectors, -1, -2) + (u * weight) @ ts.swapaxes(u, -1, -2)
        (ts.square(projected + values[:, None, :]).sum() + ts.square(vh * ts.log(s)[:, :, None]).sum()).backward()
        found.append(x.grad.numpy())
    np.testing.assert_allclose(*found, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("case", MORE, ids=lambda case: case.name)
def test_functions_made_of_ops_give_the_same_on_the_device(cupy, case):
    there = [ts.tensor(cupy.asarray(x), requires_grad=True) for x in case.arrays()]
    here = [ts.tensor(x, requires_grad=True) for x in case.arrays()]
    found, wanted = case.ours(*there), case.ours(*here)
    for y, known in zip(*((y if isinstance(y, list) else [y]) for y in (found, wanted)), strict=True):
        assert type(y._array) is cupy.ndarray
        np.testing.assert_allclose(y.numpy(), known.numpy(), rtol=1e-12)
        if y.requires_grad:
            (y * y).sum().backward(retain_graph=True)
            (known * known).sum().backward(retain_graph=True)
    for x, known in zip(there, here, strict=True):
        if known.grad is not None:
            np.testing.assert_allclose(x.grad.numpy(), known.grad.numpy(), rtol=1e-9, atol=1e-12)
