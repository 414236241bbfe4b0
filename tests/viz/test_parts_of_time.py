"""Of a sequence of states, an arrow comes from those alone that are read."""

import tracemalloc

import numpy as np
import pytest
from zoo import data, weight

import tinyseq as ts
from tinyseq.structure.parts import steps_taken
from tinyseq.structure.record import record
from tinyseq.structure.timewise import Track
from tinyseq.viz.content.unrolled import sheet

STEPS = 5
PARTS = {
    "the last": lambda s: s[-1],
    "a slice of the last": lambda s: s[-1:],
    "a slice of the first": lambda s: s[0:1],
    "every second": lambda s: s[::2],
    "backward": lambda s: s[3:0:-2],
    "a slice of a slice": lambda s: s[1:][::2],
    "a list of places": lambda s: s[[1, 3]],
    "a range that is taken": lambda s: ts.take(s, range(1, 3), axis=0),
    "a mask": lambda s: s[np.array([True, False, False, True, False])],
    "a split": lambda s: ts.split(s, [2, 3])[1],
    "slices side by side": lambda s: ts.stack(ts.unbind(s)[1:4:2]),
    "with the time in the middle": lambda s: ts.expand_dims(s.T, 0)[:, :, 2:4],
    "rows of a list": lambda s: s.reshape(-1)[3:9],
    "some of the features": lambda s: s[1:4, 0:2],
}


def states():
    w, u, x, h, found = weight(3, 2, name="W"), weight(3, 3, name="U"), data(STEPS, 2), ts.zeros(3), []
    for t in range(STEPS):
        with ts.step(t):
            h = ts.tanh(w @ x[t] + u @ h)
            found.append(h)
    return found


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("after", [lambda s: s, ts.exp], ids=["states", "what is made of each"])
def test_arrows_come_from_the_steps_that_are_read(part, after):
    content = sheet(record(ts.sum(PARTS[part](after(ts.stack(states()))) ** 2)))
    outside = {arrow.tail.step for arrow in content.arrows if arrow.tail.column and not arrow.head.column}
    numbers = ts.tensor(np.broadcast_to(np.arange(STEPS)[:, None], (STEPS, 3)).astype(float))
    assert outside == {*np.unique(PARTS[part](numbers).numpy()).astype(int)}


COPIED = {"a list of places", "a range that is taken", "a mask"}  # what they pick
RESHAPED = {"slices side by side", "rows of a list", "with the time in the middle"}  # to a shape with few features


@pytest.mark.parametrize("part", [part for part in PARTS if part not in COPIED | RESHAPED])
def test_to_know_the_steps_that_are_read_takes_no_memory_for_the_values(part):
    leaf, features = ts.nn.Parameter(np.zeros((STEPS, 3))), 10**6
    vertices = record(ts.sum(PARTS[part](leaf))).vertices
    taken, source = [], vertices[-1].parents[0]
    while source[0]:
        taken.append((vertices[source[0]], source[1]))
        source = taken[-1][0].parents[0]
    tracemalloc.start()
    found = steps_taken(Track(0, tuple(range(STEPS))), (STEPS, features), taken)
    assert tracemalloc.get_traced_memory()[1] < features
    tracemalloc.stop()
    numbers = ts.tensor(np.broadcast_to(np.arange(STEPS)[:, None], (STEPS, 3)).astype(float))
    assert {*found} == {*np.unique(PARTS[part](numbers).numpy()).astype(int)}
