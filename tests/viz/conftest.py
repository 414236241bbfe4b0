"""Small networks to draw, and whether this machine can draw at all."""

import importlib.util
import shutil

import numpy as np
import pytest

import tinyseq as ts

HAS_RENDERER = importlib.util.find_spec("pygraphviz") is not None or shutil.which("dot") is not None


def pytest_collection_modifyitems(items):
    skip = pytest.mark.skip(reason="drawing needs pygraphviz or a `dot` program")
    for item in items:
        if "renders" in item.keywords and not HAS_RENDERER:
            item.add_marker(skip)


def pytest_configure(config):
    config.addinivalue_line("markers", "renders: needs pygraphviz or a `dot` program")


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
def encoder_decoder_loss():
    """An encoder whose last state begins a decoder, three and two steps long."""
    ts.manual_seed(0)
    encoder, decoder = ts.nn.RNN(4, 6), ts.nn.RNN(4, 6)
    with ts.scope("encoder"):
        _, h = encoder(ts.ones(3, 1, 4))
    with ts.scope("decoder"):
        outputs, _ = decoder(ts.ones(2, 1, 4), h)
    return (outputs * outputs).sum()
