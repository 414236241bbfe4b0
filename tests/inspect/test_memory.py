"""`saved_memory`: what a graph keeps, against measured memory and ledgers by hand."""

import gc
import tracemalloc

import pytest
from loops import LAYERS, layer, normal

import tinyseq as ts


@pytest.mark.host
@pytest.mark.parametrize("name", sorted(LAYERS))
def test_the_bytes_are_those_that_the_death_of_the_graph_gives_back(name):
    net, x = layer(name, 32, 64, 2), ts.tensor(normal(0, 12, 64, 32))
    tracemalloc.start()
    try:
        output, _ = net(x)
        loss = (output * output).sum()
        del output, _
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        results = ts.inspect.saved_memory(loss).by_kind["result"]
        gc.collect()
        del loss
        freed = before - tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert results == pytest.approx(freed, rel=0.05)  # nodes and labels take the rest


def test_the_ledger_of_a_plain_network_is_the_one_by_hand():
    """tanh saves h_t; matmul saves W, a parameter, and h_{t-1}, which is the same array as tanh's."""
    net, T, B, width, H = layer("RNN", 5, 3), 6, 2, 5, 3
    output, _ = net(ts.tensor(normal(0, T, B, width)))
    memory = ts.inspect.saved_memory(output.sum())
    state = 8 * B * H
    assert memory.by_kind["parameter"] == 8 * (H * width + H * H)
    assert memory.by_kind["result"] == T * state
    assert memory.by_kind["constant"] == 8 * T * B * width + state  # x, and h_{-1} = 0
    assert memory.total == sum(memory.by_op.values()) == sum(memory.by_module.values()) == sum(memory.by_step.values())
    assert memory.by_step[3] == state
    assert memory.by_op["tanh"] == T * state
    # Windows of two: the constants, h_1 and h_3, and the two states of one window.
    assert memory.checkpointed(2) == memory.by_kind["constant"] + 2 * state + 2 * state
    assert memory.checkpointed(6) == memory.by_kind["constant"] + 6 * state == memory.total
    with pytest.raises(ValueError, match="every must be at least 1, got 0"):
        memory.checkpointed(0)


@pytest.mark.host
@pytest.mark.parametrize("name", sorted(LAYERS))
def test_what_checkpointing_would_keep_is_what_a_checkpointed_run_keeps(name):
    """The memory after the forward pass in windows, and that of the one window that is computed again."""
    steps, batch, width, every = 48, 64, 16, 6
    net, values = layer(name, width, 32), normal(0, steps, batch, width)
    memory = ts.inspect.saved_memory(net(ts.tensor(values))[0].sum())

    def window(x, *state):
        output, state = net(x, state if len(state) > 1 else state[0])
        return output.sum(), *(state if isinstance(state, tuple) else (state,))

    tracemalloc.start()
    try:
        parts = [ts.tensor(values[t : t + every]) for t in range(0, steps, every)]
        start = state = tuple(ts.zeros(1, batch, 32).to("float64") for _ in net.cell.states)
        total = 0.0
        for x in parts:
            part, *state = ts.checkpoint(window, x, *state)
            total = total + part
        state = start
        gc.collect()
        result = window(parts[0], *state)[0]
        del part
        gc.collect()
        kept_with_a_window = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert result.size == total.size == 1
    assert kept_with_a_window < 0.6 * memory.total
    assert memory.checkpointed(every) == pytest.approx(kept_with_a_window, rel=0.08)  # nodes and labels take the rest


def test_the_ledger_tells_what_checkpointing_would_keep():
    output, _ = layer("LSTM", 8, 16)(ts.tensor(normal(0, 36, 4, 8)))
    memory = ts.inspect.saved_memory(output.sum())
    assert memory.checkpointed(6) < 0.4 * memory.total
    assert "checkpointed every 6 steps" in repr(memory)


def test_a_decoder_s_windows_keep_the_state_that_it_begins_with():
    """The state that an encoder hands over is no sequence that is handed out step by step."""
    encoder, decoder = layer("RNN", 2, 3), layer("RNN", 2, 3, seed=1)
    _, h = encoder(ts.tensor(normal(0, 4, 1, 2)))
    with ts.scope("decoder"):
        output, _ = decoder(ts.tensor(normal(1, 6, 1, 2)), h)
    memory = ts.inspect.saved_memory(output.sum())
    state = 8 * 3
    handed = {crossing.key for crossing in memory.crossings if crossing.made is None}
    assert len(handed) == 1
    assert memory.checkpointed(2) == memory.by_kind["constant"] + (1 + 1 + 2) * state + 2 * state


@pytest.mark.host
def test_a_view_counts_as_the_array_that_it_keeps():
    x = ts.tensor(normal(0, 100, 2), requires_grad=True)
    memory = ts.inspect.saved_memory((ts.exp(x).T ** 2.0).sum())
    assert memory.by_op["exp"] == 1600
    assert memory.total == 3200  # exp's result, which pow's argument looks into, and pow's own
    weight = ts.tensor(normal(0, 3, 3), requires_grad=True)
    memory = ts.inspect.saved_memory((ts.ones(2, 3) @ weight.T).sum())
    assert memory.by_kind == {"result": 0, "constant": 48, "parameter": 72}
