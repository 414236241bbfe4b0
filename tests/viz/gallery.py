"""The gallery, whose geometry is checked: the zoo in eight views, cells, and hidden Markov models."""

import warnings

import numpy as np
import zoo_students  # noqa: F401  (it adds its networks to the zoo)
from compiled import PROGRAMS
from long import LONG
from zoo import STEPS, ZOO, Reader, data, kept_parameters, letters, model, read, weight

import tinyseq as ts
from tinyseq.nn.recurrent.registry import CELLS

VIEWS = {
    "unrolled": {"gradients": True},
    "folded": {"view": "folded"},
    "closed": {"depth": 0},
    "values": {"depth": 1, "values": True},
    "values and gradients": {"values": True, "gradients": True},
    "folded, closed, gradients": {"view": "folded", "depth": 0, "gradients": True},
    "folded, values": {"view": "folded", "values": True},
    "folded, values and gradients": {"view": "folded", "values": True, "gradients": True},
}


def _drawn(name, settings):
    def draw():
        with kept_parameters():
            return ts.viz.graph(ZOO[name].loss(), **settings)

    return draw


def _mixed(name, settings):
    """A network of the zoo, or a layer, that reads the other kind of numbers."""

    def draw():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # they say that the types are mixed
            return ts.viz.graph(MIXED[name](), **settings)

    return draw


def _read_in_float64(kind, **settings):
    return lambda: ts.nn.cross_entropy(Reader(kind, **settings)(data(STEPS, 1, 4)), letters(STEPS, 1))


def _own_loop():
    """Weights in float32, and inputs and states in float64."""
    w, x, h = weight(3, 3, name="W", dtype="float32"), data(STEPS, 3, 1), ts.zeros(3, 1)
    for t in range(STEPS):
        with ts.step(t):
            h = ts.tanh(w @ h + x[t])
    return ts.sum(h)


MIXED = {
    "rnn": _read_in_float64(ts.nn.RNN),
    "lstm": _read_in_float64(ts.nn.LSTM),
    "gru": _read_in_float64(ts.nn.GRU),
    "both directions": _read_in_float64(ts.nn.RNN, bidirectional=True),
    "two layers": _read_in_float64(ts.nn.GRU, num_layers=2),
    "own loop": _own_loop,
}
MIXED_VIEWS = VIEWS | {"large type": {"font_size": 16}, "flat": {"view": "flat"}}


LONG_VIEWS = {
    "unrolled": {},
    "values and gradients": {"values": True, "gradients": True},
    "folded": {"view": "folded", "values": True, "gradients": True},
}


def _long(name, settings):
    return lambda: ts.viz.graph(LONG[name](), **settings)


def _gaussian():
    emission = ts.hmm.Gaussian([[0.123456, -10.0], [5.0, 1e4]], [[0.001, 1.0], [1.0, 1e6]])
    observations = np.array([[0.1234567, -9.87654321], [4.7, 9876.54321], [5.3, 12345.678]])
    return ts.viz.trellis(ts.hmm.HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], emission), observations)


GALLERY = {f"{name}: {view}": _drawn(name, settings) for name in ZOO for view, settings in VIEWS.items()}
GALLERY |= {
    f"long: {name}, {view}" if name != "tree" else f"flat: long, {name}, {view}": _long(name, settings)
    for name in LONG
    for view, settings in LONG_VIEWS.items()
    if "thirty" not in name or view == "values and gradients"
}
GALLERY |= {
    f"flat: long, {name}": _long(name, {"view": "flat"})
    for name in ("parts_of_a_sequence", "thirty steps of quasi_recurrent")
}
CELL_SETTINGS = {"plain": {}, "values": {"values": True}, "large type": {"font_size": 16}}
GALLERY |= {
    **{
        f"flat: mixed types, {name}" if view == "flat" else f"mixed types: {name}, {view}": _mixed(name, settings)
        for name in MIXED
        for view, settings in MIXED_VIEWS.items()
    },
    **{
        f"cell: {name}, {how}": (lambda name=name, settings=settings: ts.viz.cell(name, **settings))
        for name in CELLS
        for how, settings in CELL_SETTINGS.items()
    },
    "letters: lstm": lambda: ts.viz.graph(ZOO["lstm"].loss(), inputs="hel", title="h e l l o"),
    "letters: rnn with values": lambda: ts.viz.graph(ZOO["rnn"].loss(), inputs="hel", values=True, gradients=True),
    "numbers: attention before the loop": lambda: ts.viz.graph(
        ZOO["attention_before_the_loop"].loss(), values=True, gradients=True
    ),
    "no legend: rnn": lambda: ts.viz.graph(ZOO["rnn"].loss(), legend=False),
    "large type: rnn": lambda: ts.viz.graph(ZOO["rnn"].loss(), font_size=16, title="Large"),
    "forty steps: lstm": lambda: ts.viz.graph(read(ts.nn.LSTM, steps=40), depth=1, gradients=True),
    "trellis: to fill in": lambda: ts.viz.trellis(model(3), "abc", values=False, title="Worksheet"),
    "trellis: candidates": lambda: ts.viz.trellis(model(3), "abc", candidates=True),
    "automaton: small states": lambda: ts.viz.automaton(
        ts.hmm.HMM(
            [0.3, 0.3, 0.4],
            [[0.701, 0.199, 0.1], [0.123, 0.777, 0.1], [0.222, 0.333, 0.445]],
            ts.hmm.Gaussian([0, 1, 2], [1, 1, 1]),
        )
    ),
    "automaton: no numbers": lambda: ts.viz.automaton(model(4), values=False),
    "flat: rnn": lambda: ts.viz.graph(ZOO["rnn"].loss(), view="flat", values=True),
    "flat: lstm": lambda: ts.viz.graph(ZOO["lstm"].loss(), view="flat", gradients=True),
    **{
        f"one step: {kind.__name__}": (lambda kind=kind: ts.viz.graph(read(kind, steps=1)))
        for kind in (ts.nn.RNN, ts.nn.GRU)
    },
    **{f"program: {name}": (lambda make=make: ts.viz.program(make())) for name, make in PROGRAMS.items()},
    "trellis: two states": lambda: ts.viz.trellis(model(2), "abca"),
    "trellis: forward": lambda: ts.viz.trellis(model(3), "abca", semiring="log", posterior=True),
    "trellis: three best": lambda: ts.viz.trellis(model(3), "abca", k=3),
    "trellis: densities": _gaussian,
    "trellis: third order": lambda: ts.viz.trellis(model(2, n=3), "abca"),
    **{f"long trellis: {n}": (lambda n=n: ts.viz.trellis(model(3), "abcd" * (n // 4))) for n in (20, 48)},
    **{f"automaton: {n}": (lambda n=n: ts.viz.automaton(model(n))) for n in (1, 2, 3, 4, 6, 8, 10, 12)},
}
