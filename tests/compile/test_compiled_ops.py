"""What a compiled function gives is what the function gives, to the last bit: every op, random programs."""

import numpy as np
import pytest
from executor_trials import ENGINE, agree, op_replayed, program_replayed
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.compiler.recording.outcomes import Outcomes
from tinyseq.compiler.recording.trace import Trace
from tinyseq.compiler.steps import kind_of
from tinyseq.testing.battery import op_trial
from tinyseq.testing.calls import calls_of


@pytest.mark.parametrize("op", ENGINE, ids=lambda op: op.name)
@settings(max_examples=15)
@given(data=st.data())
def test_every_op_replays_what_it_does(op, data):
    for found, wanted in op_replayed(op, data, None):
        agree(found, wanted)


@pytest.mark.parametrize("op", ENGINE, ids=lambda op: op.name)
@settings(max_examples=5)
@given(data=st.data())
def test_shapes_types_layouts_and_views_are_recorded_as_they_are(op, data):
    """A recording finds them without the values."""
    subject = op_trial(op, data.draw(calls_of(op))).subject
    real = subject.real if op.vjp else ()
    tensors = [ts.Tensor(array.copy()).requires_grad_(i in real) for i, array in enumerate(subject.arrays)]
    recorder = Trace(subject.fn, tuple(tensors), {}, Outcomes()).recorder
    for step in recorder.program.steps:
        value, recorded = recorder.computed(step.out), recorder.program.values[step.out]
        assert (tuple(map(kind_of, value)) if isinstance(value, list) else kind_of(value)) == recorded
        if step.view is not None and recorded.size:
            assert np.may_share_memory(value, recorder.computed(step.view.number))


@settings(max_examples=20)
@given(seed=st.integers(0, 2**31))
def test_random_programs_replay_what_they_do(seed):
    for found, wanted in program_replayed(seed, None):
        agree(found, wanted)
