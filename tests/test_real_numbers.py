"""Every public argument that is a real number refuses NaN, booleans and all that is no number, by its name.

The callables are found at run time, by what their annotations say. So a new one with such an argument makes a test fail
until it has an example call here.
"""

import inspect
import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import tinyseq as ts

PACKAGES = [ts.nn, ts.nn.init, ts.optim, ts.hmm, ts.lm, ts.tagging, ts.classify, ts.data, ts.train, ts.exercises]
TEXT = "hello world, hello there"
PAIRS = [[("the", "DT"), ("fish", "NN")], [("a", "DT"), ("cat", "NN")]]
SHORT = {"steps": 1, "window": 4, "batch": 1}
TREEBANK = ts.data.conllu_sentences.parse("# newdoc\n1\tcats" + "\t_" * 8 + "\n\n# newdoc\n1\tpurr" + "\t_" * 8 + "\n")


def weight(gradient: bool = False) -> ts.nn.Parameter:
    w = ts.nn.Parameter(np.ones((3, 2)))
    w.grad = ts.ones(3, 2) if gradient else None
    return w


def hmm() -> ts.hmm.HMM:
    return ts.hmm.HMM([0.6, 0.4], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]])


def train(**settings: Any) -> None:
    w = ts.tensor(1.0, requires_grad=True)
    list(ts.train.train(lambda step: ts.train.Loss(w * w, 1), ts.optim.SGD([w], lr=0.1), steps=1, **settings))


def mixture() -> ts.lm.Mixture:
    return ts.lm.Mixture([ts.lm.NgramLM(1).fit(TEXT), ts.lm.NgramLM(2).fit(TEXT)])


def window(*sizes: int, **settings: Any) -> ts.lm.WindowLM:
    return ts.lm.WindowLM(sorted(set(TEXT)), 2, 4, **settings)


def recurrent(**settings: Any) -> ts.lm.RNNLM:
    return ts.lm.RNNLM(sorted(set(TEXT)), 4, **settings)


Y = np.ones(2), np.zeros(2)
CALLS: dict[str, Callable[..., Any]] = {
    **{f"nn.{name}": partial(getattr(ts.nn, name), 2, 2, 2) for name in ("RNN", "LSTM", "GRU")},
    "nn.Dropout": ts.nn.Dropout,
    "nn.LayerNorm": partial(ts.nn.LayerNorm, 2),
    "nn.EncoderDecoder": partial(ts.nn.EncoderDecoder, 2, 2, 3),
    "nn.clip_grad_norm_": lambda **a: ts.nn.clip_grad_norm_([weight(True)], **{"max_norm": 1.0} | a),
    "nn.clip_grad_value_": lambda **a: ts.nn.clip_grad_value_([weight(True)], **a),
    "nn.cross_entropy": partial(ts.nn.cross_entropy, np.ones((2, 3)), [0, 1]),
    "nn.huber_loss": partial(ts.nn.huber_loss, *Y),
    "nn.smooth_l1_loss": partial(ts.nn.smooth_l1_loss, *Y),
    "nn.init.constant": partial(ts.nn.init.constant, (2,)),
    "nn.init.normal": partial(ts.nn.init.normal, (2,)),
    "nn.init.uniform": partial(ts.nn.init.uniform, (2,)),
    "nn.init.forget_bias_": lambda **a: ts.nn.init.forget_bias_(ts.nn.LSTM(2, 2), **a),
    **{
        f"nn.init.{name}": lambda name=name, **a: getattr(ts.nn.init, name)(weight(), **a)
        for name in ("orthogonal_", "xavier_normal_", "xavier_uniform_")
    },
    **{
        f"optim.{name}": lambda name=name, **a: getattr(ts.optim, name)([weight()], **{"lr": 0.1} | a)
        for name in ("SGD", "Adagrad", "Adam", "AdamW", "RMSprop", "Optimizer")
    },
    "optim.Plateau": lambda **a: ts.optim.Plateau(**{"lr": 0.1} | a),
    "optim.cosine_decay": lambda **a: ts.optim.cosine_decay(**{"lr": 0.1, "steps": 2} | a),
    "optim.exponential_decay": lambda **a: ts.optim.exponential_decay(**{"lr": 0.1, "factor": 0.5} | a),
    "optim.step_decay": lambda **a: ts.optim.step_decay(**{"lr": 0.1, "every": 2} | a),
    "optim.warm_up": lambda **a: ts.optim.warm_up(**{"schedule": 0.1, "steps": 2} | a),
    "optim.warm_up_cosine": lambda **a: ts.optim.warm_up_cosine(**{"peak": 0.1, "steps": 2} | a),
    "train.warm_up_cosine": lambda **a: ts.train.warm_up_cosine(**{"peak": 0.1, "steps": 2} | a),
    "train.WeightAverage": lambda **a: ts.train.WeightAverage(ts.nn.Linear(1, 1), **a),
    "train.train": train,
    "hmm.AddK": ts.hmm.AddK,
    "hmm.HMM.fit_em": lambda **a: hmm().fit_em([0, 1, 1], **{"max_steps": 1} | a),
    "hmm.HMM.fit_em_steps": lambda **a: hmm().fit_em_steps([0, 1, 1], **a),
    "hmm.Gaussian": partial(ts.hmm.Gaussian, [[0.0]], [[1.0]]),
    "hmm.GaussianMixture": partial(ts.hmm.GaussianMixture, [[1.0]], [[[0.0]]], [[[1.0]]]),
    "hmm.StudentT": partial(ts.hmm.StudentT, [[0.0]], [[1.0]], [3.0]),
    "hmm.HMMEstimator": lambda **a: ts.hmm.HMMEstimator(2, n_iter=1, emission="diag", **a).fit(np.eye(4)[:, :1]),
    "lm.NgramLM": lambda **a: ts.lm.NgramLM(2, "kneser-ney" if "discount" in a else "add-k", **a),
    "lm.RNNLM": recurrent,
    "lm.WindowLM": window,
    **{
        f"lm.{name}.{method}": lambda make=make, method=method, **a: list(
            getattr(make(), method)(TEXT, **SHORT | a) if method == "fit_steps" else [make().fit(TEXT, **SHORT | a)]
        )
        for name, make in (("RNNLM", recurrent), ("WindowLM", window))
        for method in ("fit", "fit_steps")
    },
    **{
        f"lm.{name}.{method}": lambda make=make, method=method, **a: getattr(make(), method)(TEXT, **a)
        for name, make in (("RNNLM", recurrent), ("WindowLM", window))
        for method in ("log_probs", "nats")
    },
    **{
        f"lm.{name}.sample": lambda make=make, **a: make().sample(2, **a)
        for name, make in (
            ("RNNLM", recurrent),
            ("WindowLM", window),
            ("Mixture", mixture),
            ("NgramLM", lambda: ts.lm.NgramLM(2).fit(TEXT)),
            ("LanguageModel", lambda: ts.lm.NgramLM(2).fit(TEXT)),
        )
    },
    "lm.filtered": partial(ts.lm.filtered, [0.5, 0.5]),
    "tagging.HMMTagger": ts.tagging.HMMTagger,
    "tagging.RNNTagger": lambda **a: ts.tagging.RNNTagger(2, 2, epochs=1, **a).fit(PAIRS),
    "classify.NaiveBayes": ts.classify.NaiveBayes,
    "classify.RNNClassifier": lambda **a: ts.classify.RNNClassifier(2, 2, epochs=1, **a).fit(["a", "b"], ["x", "y"]),
    "data.bucketed": lambda **a: ts.data.bucketed([1, 2, 3], 2, 0, **a),
    "data.split_documents": lambda **a: ts.data.split_documents(TREEBANK, **a),
    "exercises.Limits": ts.exercises.Limits,
}
FREE = {  # any value is one that could be meant, as what was measured, or what fills a gap
    ("optim.Plateau.observe", "value"),
    ("data.padded_values", "padding"),
}
HANDED_ON = {"evaluate", "perplexity"}  # methods that hand their settings on to `nats` and `log_probs`
RECORDS = {"hmm.Posterior", "exercises.Exercise"}  # made by the library
WRONG = {"nan": math.nan, "True": True, "'0.5'": "0.5", "[0.5]": [0.5], "None": None}


def owned(prefix: str, value: Any) -> list[tuple[str, Any]]:
    """A function, or a class and its methods, but for records of results."""
    if not inspect.isclass(value):
        return [(prefix, value)] if inspect.isfunction(value) else []
    if hasattr(value, "_fields") or issubclass(value, Exception) or prefix in RECORDS:
        return []
    return [(prefix, value)] + [
        (f"{prefix}.{name}", method)
        for name, method in inspect.getmembers(value, callable)
        if name[0] != "_" and name not in HANDED_ON and getattr(method, "__module__", "").startswith("tinyseq")
    ]


def arguments() -> list[tuple[str, inspect.Parameter]]:
    """All arguments that are one real number, or a pair of them."""
    found = {}
    for package in PACKAGES:
        for name in package.__all__:
            prefix = f"{package.__name__}.{name}".removeprefix("tinyseq.")
            for owner, function in owned(prefix, getattr(package, name)):
                for parameter in inspect.signature(function).parameters.values():
                    annotation = re.sub(r"Callable\[.*\], float\]|<class '(\w+)'>", r"\1", str(parameter.annotation))
                    if re.search(r"\bfloat\b", annotation) and not re.search(r"ndarray|Sequence|list|dict", annotation):
                        found[owner, parameter.name] = parameter
    return [(owner, parameter) for (owner, name), parameter in found.items() if (owner, name) not in FREE]


@pytest.mark.parametrize(("owner", "parameter"), arguments(), ids=lambda part: getattr(part, "name", part))
def test_what_is_no_number_is_refused_by_the_arguments_name(owner, parameter):
    accepted = []
    for shown, value in WRONG.items():
        if value is None and "None" in str(parameter.annotation):
            continue
        pair = "tuple[float, float]" in str(parameter.annotation)
        try:
            CALLS[owner](**{parameter.name: (0.5, value) if pair else value})
        except (TypeError, ValueError) as error:
            if re.search(rf"(^|\W){parameter.name} must", str(error)):
                continue
            shown = f"{shown}: {error!r}"
        accepted.append(shown)
    assert accepted == []
