"""Every op keeps the contract: value, gradients of both orders, types, and good manners with memory."""

import array_api_strict
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.autograd.declare import OPS
from tinyseq.backend import namespace_of
from tinyseq.testing.battery import check_library, check_op
from tinyseq.testing.calls import calls_of

ENGINE = [op for op in OPS.values() if op.module.startswith("tinyseq.autograd.ops.")]
ELSEWHERE = {
    "log_partition": "tests/hmm/test_fast.py",
    "best_score": "tests/hmm/test_fast.py",
    "left_to_right": "tests/hmm/test_left_to_right.py",
}
ENOUGH = 50  # calls of each op in which all faults that tools/inject_faults.py plants are noticed: it needs 40


@pytest.mark.parametrize("op", ENGINE, ids=lambda op: op.name)
@settings(max_examples=max(ENOUGH, settings.default.max_examples // 2))
@given(data=st.data())
def test_every_op_keeps_the_contract(op, data):
    check_op(op, data.draw(calls_of(op)))


@pytest.mark.parametrize("op", ENGINE, ids=lambda op: op.name)
@settings(max_examples=20)
@given(data=st.data())
def test_another_array_library_gives_the_same(op, data):
    check_library(op, data.draw(calls_of(op)), namespace_of(array_api_strict.asarray([0.0])))


def test_no_op_of_the_package_escapes_the_battery(pytestconfig):
    """An op declared outside of the engine names the test file that calls the battery for it."""
    for op in OPS.values():
        if op.module.startswith("tinyseq.") and op not in ENGINE and not op.name.endswith("_example"):
            assert op.name in ELSEWHERE, f"no test gives {op.name} the battery; see tinyseq.testing.battery.check_op"
            text = (pytestconfig.rootpath / ELSEWHERE[op.name]).read_text("utf-8")
            assert "check_op(" in text
            assert f'"{op.name}"' in text


PAIRS = [op for op in ENGINE if op.calls == "elementwise" and len(op.inputs) == 2 and op.vjp]


@pytest.mark.parametrize("op", PAIRS, ids=lambda op: op.name)
@pytest.mark.parametrize("number", [2, 2.0, np.float64(2.0), np.int64(2), True], ids=lambda n: type(n).__name__)
def test_a_number_beside_a_float32_widens_nothing(op, number):
    """Nor does it change the gradient, on whichever side it stands."""
    function = getattr(ts, op.name)
    x = np.array([0.5, 1.5], dtype=np.float32)
    full = np.full(2, number, dtype=np.float32)
    for i, call in enumerate((lambda x: function(x, number), lambda x: function(number, x))):
        leaf = ts.tensor(x, requires_grad=True)
        y = call(leaf)
        assert y.dtype == np.float32
        y.sum().backward()
        assert leaf.grad.dtype == np.float32
        both = [ts.tensor(a, requires_grad=True) for a in ((x, full) if i == 0 else (full, x))]
        function(*both).sum().backward()
        np.testing.assert_allclose(leaf.grad.numpy(), both[i].grad.numpy(), rtol=1e-6)
        np.testing.assert_allclose(y.numpy(), function(*both).numpy(), rtol=1e-6)
