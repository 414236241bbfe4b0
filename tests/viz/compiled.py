"""Compiled programs of long sequences, forward and backward: name -> a function that compiles one."""

import numpy as np

import tinyseq as ts

STEPS, BATCH = 100, 2
PROGRAMS = {}


def _layer(kind, **settings):
    def make():
        ts.manual_seed(0)
        layer, x = getattr(ts.nn, kind)(4, 5, **settings), ts.ones(STEPS, BATCH, 4)
        fast = ts.compile(lambda x: (layer(x)[0] ** 2).mean())
        fast(x).backward()
        return fast

    return make


def _model_of_characters():
    """An embedding, an LSTM and a cross entropy; clipping and the optimiser are outside of the program."""
    ts.manual_seed(0)
    model = ts.nn.Sequential(ts.nn.Embedding(20, 4), ts.nn.LSTM(4, 5))
    out, text = ts.nn.Linear(5, 20), np.arange(STEPS * BATCH).reshape(STEPS, BATCH) % 20
    fast = ts.compile(lambda x, y: ts.nn.cross_entropy(out(model(x)[0]), y))
    optimiser = ts.optim.Adam([*model.parameters(), *out.parameters()])
    fast(text, text).backward()
    ts.nn.clip_grad_norm_(optimiser.parameters, 1.0)
    optimiser.step()
    return fast


for _kind in ("RNN", "LSTM", "GRU"):
    PROGRAMS[_kind] = _layer(_kind)
PROGRAMS["GRU of the lectures"] = _layer("GRU", reset="before")
PROGRAMS["two layers"] = _layer("LSTM", num_layers=2)
PROGRAMS["both directions"] = _layer("LSTM", bidirectional=True)
PROGRAMS["characters"] = _model_of_characters
