"""What a compiled function gives is what the function gives, to the last bit: every op, random programs."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))
from executor_trials import ENGINE, op_replayed, program_replayed

import tinyseq as ts
from tinyseq.compiler.program import kind_of
from tinyseq.compiler.trace import Trace
from tinyseq.testing.battery import op_trial
from tinyseq.testing.calls import calls_of


def same(found, wanted):
    for a, b in zip(found, wanted, strict=True):
        if a is None or b is None:
            assert a is b
            continue
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("op", ENGINE, ids=lambda op: op.name)
@settings(max_examples=15)
@given(data=st.data())
def test_every_op_replays_what_it_does(op, data):
    for found, wanted in op_replayed(op, data, None):
        same(found, wanted)


@pytest.mark.parametrize("op", ENGINE, ids=lambda op: op.name)
@settings(max_examples=5)
@given(data=st.data())
def test_shapes_types_layouts_and_views_are_recorded_as_they_are(op, data):
    """A recording finds them without the values."""
    subject = op_trial(op, data.draw(calls_of(op))).subject
    real = subject.real if op.vjp else ()
    tensors = [ts.Tensor(array.copy()).requires_grad_(i in real) for i, array in enumerate(subject.arrays)]
    recorder = Trace(subject.fn, tuple(tensors), {}).recorder
    for step in recorder.program.steps:
        value, recorded = recorder.computed(step.out), recorder.program.values[step.out]
        assert (tuple(map(kind_of, value)) if isinstance(value, list) else kind_of(value)) == recorded
        if step.view is not None and recorded.size:
            assert np.may_share_memory(value, recorder.computed(step.view.number))


@settings(max_examples=20)
@given(seed=st.integers(0, 2**31))
def test_random_programs_replay_what_they_do(seed):
    for found, wanted in program_replayed(seed, None):
        same(found, wanted)
