"""Passes cut into parts for several threads: whatever the order of the parts, they give what one thread gives."""

from itertools import pairwise

import numpy as np
import pytest
import python_kernels
import test_jit_rows
from executor_trials import ENGINE, agree, op_replayed, program_replayed
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.autograd.graph import readable
from tinyseq.compiler.jit import threads
from tinyseq.compiler.jit.threads import Call, Span, Work, shared, stretches
from tinyseq.nn.recurrent.layers import Recurrent
from tinyseq.nn.recurrent.registry import CELLS


@pytest.fixture(autouse=True, scope="module")
def parts(kernels_in_python):
    """Kernels in Python, and all in three parts, of which the last runs first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "count", lambda: 3)
        patch.setattr(threads, "ENOUGH", 0.0)
        patch.setattr(threads, "LEAST", 0.0)
        yield


def close(a, b):
    np.testing.assert_allclose(a, b, rtol=1e-5 if a.dtype == np.float32 else 1e-11, atol=1e-11)


@pytest.mark.parametrize("op", ENGINE, ids=lambda op: op.name)
@settings(max_examples=10)
@given(data=st.data())
def test_every_op_in_parts(op, data):
    for found, wanted in op_replayed(op, data, "numba"):
        agree(found, wanted, close)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**31))
def test_random_programs_in_parts(seed):
    for found, wanted in program_replayed(seed, "numba"):
        agree(found, wanted, close)


@pytest.mark.parametrize("cell", [*CELLS])
@pytest.mark.parametrize("settings", [{}, {"num_layers": 2, "bidirectional": True}], ids=str)
@pytest.mark.parametrize("batch", [1, 3, 33])
@pytest.mark.parametrize("ragged", [False, True])
def test_every_cell_in_parts(cell, settings, batch, ragged, monkeypatch):
    made = []
    run = python_kernels.Team.run
    monkeypatch.setattr(python_kernels.Team, "run", lambda *args: (made.append(args[3]), run(*args)))
    test_jit_rows.test_every_cell_gives_what_it_gives_uncompiled(cell, settings, batch, ragged)
    assert made


def multiplies_its_whole_weight(cell):
    """Whether a step does, in one product; the gradients of a weight's blocks are added up step by step."""
    layer = Recurrent(cell, 3, 5)
    output, _ = layer(ts.ones(2, 1, 3))
    nodes = readable([output.node])
    return any(node.op.kind == "product" and layer.weight_hh_l0.node in node.edges for node in nodes)


@pytest.mark.parametrize("cell", [cell for cell in CELLS if multiplies_its_whole_weight(cell)])
def test_the_parts_of_a_recurrence_do_not_wait_at_its_steps(cell):
    def segments(steps):
        made = test_jit_rows.compiled_layer(cell, 33, steps)
        return [int(table[0]) for table in made.code.tables]

    assert sum(segments(12)) == sum(segments(6)) > 0


def touched(calls, kind):
    return {(span.base, byte) for call in calls for span in getattr(call, kind) for byte in range(*span[1:])}


@given(st.data())
def test_parts_of_a_segment_never_touch_what_another_writes(data):
    """Beside sets of bytes: works in their order, each whole, and cut where no bytes of two parts meet."""
    spans = st.builds(
        lambda base, start, length: Span(base, start, start + length), *map(st.integers, (0, 0, 1), (1, 30, 6))
    )
    works = []
    for place in range(data.draw(st.integers(1, 8))):
        rows = data.draw(st.integers(1, 4))
        made = [(data.draw(st.lists(spans, max_size=2)), data.draw(st.lists(spans, max_size=2))) for _ in range(rows)]

        def call(start, stop, made=made, place=place):
            reads, writes = ([span for some in made[start:stop] for span in some[kind]] for kind in (0, 1))
            return Call([place, start, stop], reads, writes)

        works.append(Work(call, rows, 1.0))
    segments = shared(works, 3)
    rows = [[] for _ in works]
    for segment in segments:
        for part, calls in enumerate(segment):
            others = [call for other, calls in enumerate(segment) if other != part for call in calls]
            mine = {id(call.numbers): call for call in calls}.values()
            for call in mine:
                rows[call.numbers[0]] += range(*call.numbers[1:])
                beside = [other for other in others if other.numbers[0] != call.numbers[0]]
                assert not touched([call], "writes") & (touched(beside, "writes") | touched(beside, "reads"))
    assert rows == [[*range(work.rows)] for work in works]
    places = [[call.numbers[0] for calls in segment for call in calls] for segment in segments]
    assert all(max(one) < min(two) for one, two in pairwise(places))


def test_products_that_use_all_threads_themselves_stand_alone(monkeypatch):
    monkeypatch.setattr(threads, "ENOUGH", 2.0)
    monkeypatch.setattr(threads, "LEAST", 1.0)
    one, small, blas = (Work(None, 1, cost) for cost in (1.0, 0.9, float("inf")))
    assert [*stretches([one, one, blas, one, small, small, blas])] == [
        ([one, one], True),
        ([blas], False),
        ([one, small, small], False),
        ([blas], False),
    ]
    assert [*stretches([])] == []
