"""After every test here, nothing of a graph is left: reference counting has freed it, and no cycle was made."""

import gc
import types

import pytest

from tinyseq.autograd.graph import Leaf, Node, Output
from tinyseq.autograd.tensor import Tensor

OURS = (Node, Output, Leaf, Tensor)


@pytest.fixture(autouse=True)
def no_graph_is_left():
    """The collector is off during the test; what it finds afterwards is looked at."""
    gc.collect()
    gc.freeze()  # sets aside what lived before, as all of PyTorch, so that it need not be looked at again
    gc.disable()
    try:
        yield
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        garbage = list(gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    # A test that catches an error leaves a cycle of its own: the error's traceback and the frame that holds the error.
    # By type, as `isinstance` asks what a weak proxy stands for, and Numba leaves proxies of what is gone.
    caught = any(issubclass(type(thing), types.TracebackType | types.FrameType) for thing in garbage)
    cycles = [thing for thing in garbage if issubclass(type(thing), OURS)]
    assert caught or not cycles, f"only the garbage collector could free {cycles[:5]}"
    del garbage, cycles
    gc.collect()
    alive = [thing for thing in gc.get_objects() if type(thing) in (Node, Output)]
    assert not alive, f"still alive after the test: {alive[:5]}"
