"""Small networks to draw, and whether this machine can draw at all."""

import importlib.util
import os
import shutil

import numpy as np
import pytest
import zoo_students  # noqa: F401  (it adds its networks to the zoo)
from browser import PROGRAM, chromium
from played import Played
from zoo import read_and_write

import tinyseq as ts
from tinyseq.viz import graph

HAS_RENDERER = importlib.util.find_spec("pygraphviz") is not None or shutil.which("dot") is not None


MISSING = {
    "renders": None if HAS_RENDERER else "drawing needs pygraphviz or a `dot` program",
    # With TINYSEQ_REQUIRE_BROWSER=1, as in CI, a test fails where there is none
    "browser": None
    if PROGRAM or os.environ.get("TINYSEQ_REQUIRE_BROWSER") == "1"
    else "needs Chromium or Chrome on the PATH",
}


@pytest.hookimpl(tryfirst=True)  # before items are chosen by their marks
def pytest_collection_modifyitems(items):
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
        for marker, reason in MISSING.items():
            if reason and marker in item.keywords:
                item.add_marker(pytest.mark.skip(reason=reason))


def pytest_configure(config):
    config.addinivalue_line("markers", "renders: needs pygraphviz or a `dot` program")
    config.addinivalue_line("markers", "browser: needs Chromium or Chrome")


class CharRNN(ts.nn.Module):
    """A recurrent layer, and scores for the next character."""

    def __init__(self, layer, states):
        self.rnn = layer
        self.out = ts.nn.Linear(states, 4)

    def forward(self, x):
        return self.out(self.rnn(x)[0])


@pytest.fixture
def char_loss():
    """The loss of a character network over some steps: the lectures' "hello" example, in any kind of layer."""

    def make(steps=4, kind=None, **settings):
        ts.manual_seed(0)
        layer = (kind or ts.nn.RNN)(4, 8, **settings)
        model = CharRNN(layer, 16 if settings.get("bidirectional") else 8)
        ids = np.arange(steps) % 4
        x = ts.tensor(np.eye(4, dtype=np.float32)[ids][:, None])
        return ts.nn.cross_entropy(model(x), (ids[:, None] + 1) % 4)

    return make


@pytest.fixture
def lstm_page(char_loss):
    """Four steps of an LSTM, with gradients."""
    return graph(char_loss(steps=4, kind=ts.nn.LSTM), gradients=True)


@pytest.fixture(scope="module")
def played(request):
    """A network of the zoo in a view, and its play, for tests that only look: `each_network` and its kin name it."""
    return Played(*request.param)


@pytest.fixture
def encoder_decoder_loss():
    return read_and_write(6)


@pytest.fixture(scope="session")
def browser():
    """One Chromium for all tests, with a wide window that prefers light and no motion."""
    with chromium() as started:
        yield started


@pytest.fixture
def opened(browser, tmp_path):
    """`opened(drawing)` saves the drawing as a page and is a browser that has opened it without complaint."""

    def open_page(drawing, width=1400, height=900, **preferences):
        browser.size(width, height)
        browser.prefer(**{"color_scheme": "light", "reduced_motion": "reduce", **preferences})
        browser.open(drawing.save(tmp_path / "page.html"))
        return browser

    return open_page


@pytest.fixture
def cell_loop_loss():
    """A loop as a user writes it: an LSTM's cell over slices of the data, and a loss that is summed up on the way."""
    ts.manual_seed(0)
    cell, out, state, loss = ts.nn.LSTMCell(3, 5), ts.nn.Linear(5, 2), None, 0.0
    x = ts.tensor(np.random.default_rng(0).standard_normal((4, 2, 3)).astype(np.float32))
    for t in range(4):
        with ts.step(t):
            state = cell(x[t], state)
            loss = loss + ts.nn.cross_entropy(out(state[0]), [0, 1])
    return loss
