"""Every argument of every drawing and plot: one of the wrong type is named, with what was found."""

import inspect
import re

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.viz import plots

HMM = ts.hmm.HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]], states="LH", symbols="ab")
X = ts.ones(3, 1, 2)
RNN, LSTM = ts.nn.RNN(2, 3), ts.nn.LSTM(2, 3)
W = ts.tensor([1.0, 2.0], requires_grad=True)
FAST = ts.compile(lambda x: ts.tanh(W * x).sum())
FAST(ts.ones(2))
RUN = RNN(X)[0]
CALLS = {
    "graph": {"loss": RUN.sum()},
    "cell": {"what": "lstm"},
    "trellis": {"hmm": HMM, "x": "abb"},
    "automaton": {"hmm": HMM},
    "program": {"compiled": FAST},
    "vanishing": {"hidden_size": 2},
    "defaults": {},
    "loss_curve": {"steps": [0, 1, 2], "train": [3.0, 2.0, 1.0]},
    "learning_curve": {"points": [ts.tagging.CurvePoint(100, 0.7, 0.8, 0.4)]},
    "gradient_flow": {"norms": ts.inspect.gradient_flow(RNN(X)[0].sum())},
    "jacobian_norms": {"found": ts.inspect.jacobian_norms(*ts.unbind(RNN(X)[0])[:2])},
    "durations": {"expected": HMM.durations(4)},
    "lag_heatmap": {"norms": np.ones((3, 3))},
    "posteriors": {"probabilities": HMM.posterior("abb"), "truth": [0, 1, 1]},
    "confusion": {"counts": [[1, 2], [3, 4]], "tags": ["a", "b"]},
    "activations": {"values": np.ones((3, 4))},
    "alignment": {"weights": np.ones((2, 3)), "source": "abc", "target": "de"},
    "gates": {"values": ts.inspect.gate_values(LSTM(X)[0])},
}
FUNCTIONS = {
    name: getattr(place, name)
    for place in (ts.viz, plots)
    for name in place.__all__
    if inspect.isfunction(getattr(place, name)) and name[0].islower()
}
WRONG = [
    1,
    2.5,
    "zz",
    b"x",
    [1, 2],
    (3,),
    None,
    True,
    {1: 2},
    {"a": "b"},
    object(),
    len,
    np.ones(3),
    {1, 2},
    np.ones(()),
]
FITS = {  # what an argument takes, or what is no error: a page's seed 1, the names "zz"
    "steps": (1, None, [1, 2], (3,), {1, 2}, {1: 2}), "depth": (1, None), "k": (1,), "height": (), "seed": (1,),
    "title": ("zz",), "unit": ("zz",), "view": (), "semiring": (), "theme": (None,),
    "hidden_size": (1,), "font_size": (None,), "size": (None, [1, 2]), "sequence": (),
    **dict.fromkeys(("posterior", "candidates"), (True,)),
    **dict.fromkeys(("values", "gradients", "legend"), (True, None)),
    **dict.fromkeys(("marks", "baselines"), (None, {1: 2})),
    **dict.fromkeys(("names", "train", "validation", "truth", "observed", "expected"), (None,)),
}  # fmt: skip


def test_no_drawing_is_left_out():
    assert set(CALLS) == set(FUNCTIONS)


@pytest.mark.parametrize("name", CALLS)
def test_an_argument_of_the_wrong_type_is_named(name):
    function = FUNCTIONS[name]
    call = (lambda **given: function(**given).__enter__()) if name == "defaults" else function
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL:
            continue
        for wrong in WRONG:
            fits = FITS.get(parameter.name, ())
            if parameter.name == "title" and name == "cell":
                fits = (None, "zz")
            if any(type(wrong) is type(fit) and wrong == fit for fit in fits):
                continue
            try:
                call(**{**CALLS[name], parameter.name: wrong})
            except (TypeError, ValueError) as error:
                said = str(error)
                by = (parameter.name, name, "symbol of this model")
                assert any(re.search(rf"\b{word}\b", said) for word in by), (parameter.name, wrong, said)
                assert "'NoneType' object" not in said, (parameter.name, wrong, said)
                assert "truth value" not in said, (parameter.name, wrong, said)
                assert "object of type" not in said, (parameter.name, wrong, said)
            else:
                listed = isinstance(wrong, str | bytes | list | tuple | set | np.ndarray | None | dict)
                lists = ("inputs", "symbols", "units", "tags", "states", "source", "target", "values", "names")
                if name == "loss_curve":
                    lists += ("steps", "train")
                assert parameter.name in lists, (parameter.name, wrong)
                assert listed, (parameter.name, wrong)
