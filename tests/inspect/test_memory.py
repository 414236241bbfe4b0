"""`saved_memory`: what a graph keeps, against measured memory and ledgers by hand."""

import gc
import tracemalloc

import pytest
from loops import LAYERS, layer, normal

import tinyseq as ts


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
    # Windows of two: z of all steps, the constants, h_1 and h_3, and the two states of one window.
    assert memory.checkpointed(2) == memory.by_kind["constant"] + T * state + 2 * state + 2 * state
    assert memory.checkpointed(6) == memory.by_kind["constant"] + T * state + 6 * state
    with pytest.raises(ValueError, match="at least 1 step"):
        memory.checkpointed(0)


def test_checkpointing_an_lstm_saves_memory_and_says_so():
    output, _ = layer("LSTM", 8, 16)(ts.tensor(normal(0, 36, 4, 8)))
    memory = ts.inspect.saved_memory(output.sum())
    assert memory.checkpointed(6) < 0.85 * memory.total
    assert "checkpointed every 6 steps" in repr(memory)


def test_a_view_counts_as_the_array_that_it_keeps():
    x = ts.tensor(normal(0, 100, 2), requires_grad=True)
    memory = ts.inspect.saved_memory((ts.exp(x).T ** 2.0).sum())
    assert memory.by_op["exp"] == 1600
    assert memory.total == 3200  # exp's result, which pow's argument looks into, and pow's own
    weight = ts.tensor(normal(0, 3, 3), requires_grad=True)
    memory = ts.inspect.saved_memory((ts.ones(2, 3) @ weight.T).sum())
    assert memory.by_kind == {"result": 0, "constant": 48, "parameter": 72}
