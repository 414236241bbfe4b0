"""Packed sequences give what a padded batch gives, and what each sequence gives alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.nn.recurrent.layers import Recurrent
from tinyseq.nn.recurrent.packed import packing, run_packed

lengths_of = st.lists(st.integers(1, 6), min_size=1, max_size=6).map(lambda found: np.array(sorted(found)[::-1]))


def last(final):
    return final[0] if isinstance(final, tuple) else final


@given(lengths_of)
def test_packing_lists_each_step_of_each_sequence_once_in_the_order_of_steps(lengths):
    sequence, sizes, step = packing(lengths)
    pairs = list(zip(step.tolist(), sequence.tolist(), strict=True))
    assert pairs == [(t, b) for t in range(lengths[0]) for b in range(len(lengths)) if t < lengths[b]]
    assert sizes == [sum(t < length for length in lengths) for t in range(lengths[0])]


@settings(deadline=None)
@given(
    lengths_of,
    st.sampled_from(["rnn", "lstm", "gru", "gru_before"]),
    st.integers(1, 2),
    st.booleans(),
    st.booleans(),
    st.integers(0, 9),
)
def test_packed_outputs_states_and_gradients_are_those_of_a_padded_batch(lengths, cell, layers, both, bias, seed):
    ts.manual_seed(seed)
    rng = np.random.default_rng(seed)
    layer = Recurrent(cell, 3, 4, layers, bias=bias, bidirectional=both, dtype="float64")
    sequence, sizes, step = packing(lengths)
    padded = ts.tensor(rng.standard_normal((lengths[0], len(lengths), 3)), requires_grad=True)
    packed = ts.tensor(padded.numpy()[step, sequence], requires_grad=True)
    weights = rng.standard_normal((lengths[0], len(lengths), 4 * (1 + both)))
    weights_of_ends = rng.standard_normal((len(lengths), 4 * (1 + both)))

    expected, final = layer(padded, lengths=lengths)
    ends = last(final)
    ends = ts.concatenate([ends[i] for i in range(len(ends) - 1 - both, len(ends))], axis=1)
    ((expected * weights).sum() + (ends * weights_of_ends).sum()).backward()
    wanted = [p.grad.numpy().copy() for p in layer.parameters()]
    layer.zero_grad()
    found, found_ends = run_packed(layer, packed, sizes)
    ((found * weights[step, sequence]).sum() + (found_ends * weights_of_ends).sum()).backward()

    np.testing.assert_allclose(found.numpy(), expected.numpy()[step, sequence], atol=1e-12)
    np.testing.assert_allclose(found_ends.numpy(), ends.numpy(), atol=1e-12)
    np.testing.assert_allclose(packed.grad.numpy(), padded.grad.numpy()[step, sequence], atol=1e-12)
    for parameter, gradient in zip(layer.parameters(), wanted, strict=True):
        np.testing.assert_allclose(parameter.grad.numpy(), gradient, atol=1e-12)


def test_pytorch_agrees_with_its_packed_sequences():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    ts.manual_seed(0)
    layer = Recurrent("lstm", 3, 4, 2, bidirectional=True)
    theirs = torch.nn.LSTM(3, 4, 2, bidirectional=True)
    theirs.load_state_dict({name: torch.from_numpy(value) for name, value in layer.state_dict().items()})
    _, sizes, _ = packing(np.array([5, 3, 3, 1]))
    x = np.random.default_rng(0).standard_normal((12, 3)).astype("float32")
    found, ends = run_packed(layer, ts.tensor(x), sizes)
    expected, (h, _) = theirs(torch.nn.utils.rnn.PackedSequence(torch.from_numpy(x), torch.tensor(sizes)))
    np.testing.assert_allclose(found.numpy(), expected.data.detach().numpy(), atol=1e-6)
    np.testing.assert_allclose(ends.numpy(), torch.cat([h[-2], h[-1]], 1).detach().numpy(), atol=1e-6)


@pytest.mark.parametrize("sizes", [[2, 2], [1, 2], [3, 0], [], [4]])
def test_sizes_that_do_not_fit_are_an_error(sizes):
    with pytest.raises(ValueError, match="sizes must be positive and in descending order, and add up to 3 rows of x"):
        run_packed(Recurrent("rnn", 2, 2), ts.zeros(3, 2, dtype="float32"), sizes)
