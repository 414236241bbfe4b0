"""After every test here, nothing of a graph is left: reference counting has freed it, and no cycle was made."""

import gc
import types

import pytest

from tinyseq.autograd.graph import Leaf, Node, Output
from tinyseq.autograd.tensor import Tensor

OURS = (Node, Output, Leaf, Tensor)


@pytest.fixture(scope="session", autouse=True)
def older_objects_are_set_aside():
    """What lived before the first test (modules, parameters of tests) need not be looked at after each one."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def no_graph_is_left():
    gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)  # keeps what the collector finds, so that it can be looked at
    try:
        yield
        gc.collect()
        garbage = list(gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
    # A test that catches an error leaves a cycle of its own: the error's traceback and the frame that holds the error.
    caught = any(isinstance(thing, types.TracebackType | types.FrameType) for thing in garbage)
    cycles = [thing for thing in garbage if isinstance(thing, OURS)]
    assert caught or not cycles, f"only the garbage collector could free {cycles[:5]}"
    del garbage, cycles
    gc.collect()
    alive = [thing for thing in gc.get_objects() if type(thing) in (Node, Output)]
    assert not alive, f"still alive after the test: {alive[:5]}"
