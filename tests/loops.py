"""Small recurrent networks that several tests look into."""

import numpy as np
from hypothesis import strategies as st

import tinyseq as ts

LAYERS = {"RNN": {}, "LSTM": {}, "GRU": {}, "GRU as taught": {"reset": "before"}}


SETTINGS = {  # of a layer, drawn by Hypothesis
    "name": st.sampled_from(sorted(LAYERS)),
    "num_layers": st.integers(1, 2),
    "bidirectional": st.booleans(),
    "seed": st.integers(0, 2**31),
}


def layer(name, *sizes, seed=0, **settings):
    ts.manual_seed(seed)
    return getattr(ts.nn, name.split()[0])(*sizes, **LAYERS[name], **settings, dtype="float64")


def normal(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def plain_loop(weights, x, h=None, keep_state=lambda t, h: h):
    """h_t = tanh(x_t + W_t h_{t-1}), with one weight for each step; the losses are sums of squares."""
    h = ts.zeros(weights[0].shape[0], x.shape[2]) if h is None else h
    losses, states = [], []
    for t, weight in enumerate(weights):
        with ts.step(t):
            h = ts.tanh(ts.tensor(x[t]) + weight @ keep_state(t, h))
        states.append(h)
        losses.append((h * h).sum())
    return losses, states
