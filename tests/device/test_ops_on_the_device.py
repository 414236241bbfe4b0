"""Every op and every function made of ops gives on the device what it gives on the host, values and gradients."""

import numpy as np
import pytest
from composite_cases import MORE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.autograd.op import OPS
from tinyseq.backend import namespace_of
from tinyseq.testing.battery import check_library
from tinyseq.testing.calls import calls_of

ENGINE = [op for op in OPS.values() if op.module.startswith("tinyseq.autograd.ops.")]


@pytest.mark.parametrize("op", ENGINE, ids=lambda op: op.name)
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_op_gives_the_same_on_the_device(cupy, op, data):
    check_library(op, data.draw(calls_of(op)), namespace_of(cupy.asarray([0.0])))


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
