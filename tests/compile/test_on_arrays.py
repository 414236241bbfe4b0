"""A recording as a function of plain arrays."""

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.compiler import RecordingError


@pytest.mark.parametrize("executor", [None, "numba"])
def test_a_recording_on_arrays_gives_what_the_function_gives_call_after_call(executor):
    if executor:
        pytest.importorskip("numba", reason="numba is not installed")
    ts.manual_seed(0)
    layer = ts.nn.LSTM(3, 4, num_layers=2)
    x = ts.tensor(np.random.default_rng(0).standard_normal((6, 1, 2, 3)).astype("float32"))
    with ts.no_grad():
        _, (h, c) = layer(x[0])
        step = ts.compile(lambda x, state: layer(x, state), executor=executor).on_arrays(x[0], (h, c))
        kept, arrays = [], [h.numpy(), c.numpy()]
        for t in range(1, 6):
            output, *arrays = step([x[t].numpy(), *arrays])
            kept.append(output)
        expected, _ = layer(x[:, 0])
    np.testing.assert_allclose(kept, expected.numpy()[1:, None], rtol=1e-5, atol=1e-6)  # results are not written over


def test_a_function_that_draws_is_refused():
    layer = ts.nn.Dropout(0.5)
    with pytest.raises(RecordingError, match="draws random numbers cannot be run on arrays alone"):
        ts.compile(layer).on_arrays(ts.ones(3))
