"""Every public argument that is a count, an order, a size or an index takes whole numbers and refuses all else by name.

The callables are found at run time, by what their annotations say. So a new one with such an argument makes a test fail
until it has an example call here.
"""

import inspect
import re
from collections.abc import Callable
from functools import cache, partial
from types import FunctionType, MethodType
from typing import Any, NamedTuple

import numpy as np
import pytest

import tinyseq as ts

PACKAGES = [
    ts,
    ts.nn,
    ts.optim,
    ts.hmm,
    ts.lm,
    ts.tagging,
    ts.classify,
    ts.data,
    ts.inspect,
    ts.viz,
    ts.viz.plots,
    ts.testing,
    ts.train,
]


class Argument(NamedTuple):
    """An argument of a public callable, and what its annotation says."""

    owner: str
    name: str
    annotation: str
    default: Any

    @property
    def optional(self) -> bool:
        return "None" in self.annotation


def is_number(annotation: str) -> bool:
    """Whether a whole number is taken, by itself or in a tuple or list; not in a function's type, nor as a label."""
    return bool(re.search(r"\bint\b", re.sub(r"(Callable|Mapping)\[.*|\bstr \| int\b", "", annotation)))


def has_fields(kind: type) -> bool:
    """Records of results, whose attributes are not arguments that a user gives."""
    return hasattr(kind, "_fields") or hasattr(kind, "__dataclass_fields__") or issubclass(kind, Exception)


@cache
def arguments() -> dict[tuple[str, str], Argument]:
    """All of them, by their owner, named from the package, and their name."""
    found = {}
    for package in PACKAGES:
        for name in package.__all__:
            value = getattr(package, name)
            prefix = f"{package.__name__.removeprefix('tinyseq').removeprefix('.')}.{name}".removeprefix(".")
            for owner, function in owned(prefix, value):
                for parameter in inspect.signature(function).parameters.values():
                    annotation = str(parameter.annotation).replace("<class 'int'>", "int")
                    if is_number(annotation):
                        argument = Argument(owner, parameter.name, annotation, parameter.default)
                        found[owner, parameter.name] = argument
    return found


def owned(prefix: str, value: Any) -> list[tuple[str, Callable[..., Any]]]:
    """A function, or a class and its methods."""
    if isinstance(value, FunctionType):
        return [(prefix, value.op.forward if hasattr(value, "op") else value)]  # an op declares its settings there
    if not inspect.isclass(value):
        return []
    methods = [
        (f"{prefix}.{name}", method)
        for name, method in inspect.getmembers(value, lambda m: isinstance(m, FunctionType | MethodType))
        if name[0] != "_" and method.__module__.startswith("tinyseq")
    ]
    return methods if has_fields(value) else [(prefix, value.__init__), *methods]


# -- an example call of each -------------------------------------------------------------------------------------------

X = ts.tensor(np.arange(27.0).reshape(3, 3, 3))
SQUARE = ts.tensor([[2.0, 1.0], [1.0, 3.0]])
IDS = np.zeros((3, 3, 3), int)
PAIRS = [[("the", "DT"), ("fish", "NN")], [("a", "DT"), ("cat", "NN")]]
# What ops take besides X, or in place of it. All of it is given by name but for the first arguments.
OPS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "append": ([X, X], {}),
    "chunk": ([X], {"chunks": 3}),
    "concatenate": ([[X, X]], {}),
    "cross": ([X, X], {}),
    "diag": ([SQUARE], {}),
    "expand_dims": ([X], {"axis": 0}),
    "eye": ([], {"n": 2}),
    "gather": ([X, 0, IDS], {}),
    "linspace": ([0.0, 1.0], {}),
    "manual_seed": ([], {"seed": 0}),
    "matrix_power": ([SQUARE], {"n": 2}),
    "moveaxis": ([X], {"source": 0, "destination": 1}),
    "one_hot": ([[0, 1]], {"num_classes": 2}),
    "pad": ([X], {"pad_width": [(1, 1), (0, 0), (0, 0)]}),
    "repeat": ([X], {"repeats": 2}),
    "roll": ([X], {"shift": 1}),
    "tensordot": ([X, X], {}),
    "squeeze": ([X[:, :1, :1]], {}),
    "stack": ([[X, X]], {}),
    "swapaxes": ([X], {"axis1": 0, "axis2": 1}),
    "take": ([X, [0]], {}),
    "take_along_axis": ([X, IDS], {"axis": 0}),
    "tile": ([X], {"reps": 2}),
}


def seeded(make: Callable[..., Any], **settings: Any) -> Any:
    ts.manual_seed(0)
    return make(**settings)


def hmm() -> ts.hmm.HMM:
    return ts.hmm.HMM([0.6, 0.4], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]], symbols="ab")


class Flat(ts.hmm.Density):
    """A family of one's own that says nothing of its states."""

    def log_density(self, x: Any) -> Any:
        return np.zeros((len(x), self.states))

    def draw(self, states: Any, rng: np.random.Generator) -> Any:
        return np.zeros((len(states), self.size))

    def fitted(self, x: Any, weights: Any, learn: Any) -> Any:
        return self


def in_steps() -> tuple[ts.Tensor, ts.Tensor]:
    """A loss of two steps, and its weight."""
    w, h = ts.tensor(0.5, requires_grad=True), ts.tensor(1.0)
    for t in range(2):
        with ts.step(t):
            h = w * h
    return h, w


def lags() -> Any:
    loss, w = in_steps()
    return ts.inspect.grad_by_lag([loss], w)


def run(**settings: Any) -> None:
    w = ts.tensor(1.0, requires_grad=True)
    for _ in ts.train.train(lambda step: ts.train.Loss(w * w, 1), ts.optim.SGD([w], lr=0.1), **settings):
        pass


SHORT = {"steps": 1, "window": 2, "batch": 1}


def checkpoint(**settings: Any) -> ts.train.Checkpoint:
    return ts.train.Checkpoint("run.safetensors", ts.nn.Linear(1, 1), **settings)


def validation(**settings: Any) -> ts.train.Validation:
    return ts.train.Validation(ts.nn.Linear(1, 1), float, **{"every": 1} | settings)


def seq2seq(**settings: Any) -> ts.nn.EncoderDecoder:
    return ts.nn.EncoderDecoder(**{"source_symbols": 2, "target_symbols": 2, "hidden_size": 3} | settings)


def mixture():
    return ts.lm.Mixture([ts.lm.RNNLM("helo", 3), ts.lm.NgramLM(2).fit("hello")])


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


TEXTS = ["a b", "c"], ["x", "y"]
OF_A_RUN = {"checkpoint": "classifier.safetensors", "validation": TEXTS}
SCORES, TABLE = np.zeros((3, 1, 2)), np.full((2, 2), 0.5)
CALLS: dict[str, Callable[..., Any]] = {
    "compile": lambda **a: ts.compile(ts.tanh, **a),
    "nn.CRF": lambda **a: ts.nn.CRF(**{"num_tags": 3} | a),
    "nn.CRF.decode": lambda **a: ts.nn.CRF(2).decode(SCORES, **a),
    "nn.CRF.log_likelihood": lambda **a: ts.nn.CRF(2).log_likelihood(SCORES, np.zeros((3, 1), int), **a),
    "nn.CRF.marginals": lambda **a: ts.nn.CRF(2).marginals(SCORES, **a),
    "nn.GRU.forward": lambda **a: ts.nn.GRU(2, 3)(SCORES, **a),
    "nn.LSTM.forward": lambda **a: ts.nn.LSTM(2, 3)(SCORES, **a),
    "nn.RNN.forward": lambda **a: ts.nn.RNN(2, 3)(SCORES, **a),
    "nn.GRU": lambda **a: ts.nn.GRU(**{"input_size": 2, "hidden_size": 3} | a),
    "nn.GRUCell": lambda **a: ts.nn.GRUCell(**{"input_size": 2, "hidden_size": 3} | a),
    "nn.LSTM": lambda **a: ts.nn.LSTM(**{"input_size": 2, "hidden_size": 3} | a),
    "nn.LSTMCell": lambda **a: ts.nn.LSTMCell(**{"input_size": 2, "hidden_size": 3} | a),
    "nn.RNN": lambda **a: ts.nn.RNN(**{"input_size": 2, "hidden_size": 3} | a),
    "nn.RNNCell": lambda **a: ts.nn.RNNCell(**{"input_size": 2, "hidden_size": 3} | a),
    "nn.Dropout": lambda **a: ts.nn.Dropout(**a)(ts.ones(2, 2, 2)),
    "nn.Embedding": lambda **a: ts.nn.Embedding(**{"num_embeddings": 3, "embedding_dim": 2} | a),
    "nn.EncoderDecoder": seq2seq,
    "nn.EncoderDecoder.beam": lambda **a: seq2seq().beam([0], **{"width": 2, "longest": 2} | a),
    "nn.EncoderDecoder.greedy": lambda **a: seq2seq().greedy([[0]], **a),
    "nn.LayerNorm": ts.nn.LayerNorm,
    "nn.Linear": lambda **a: ts.nn.Linear(**{"in_features": 2, "out_features": 2} | a),
    "nn.cross_entropy": lambda **a: ts.nn.cross_entropy(TABLE, [0, 1], **a),
    "nn.nll_loss": lambda **a: ts.nn.nll_loss(np.log(np.full((2, 2), 0.5)), [0, 1], **a),
    "nn.ctc_align": lambda **a: ts.nn.ctc_align(np.log(np.full((4, 3), 1 / 3)), [1], **a),
    "nn.ctc_collapse": lambda **a: ts.nn.ctc_collapse([1, 1, 0], **a),
    "nn.ctc_decode": lambda **a: ts.nn.ctc_decode(np.log(np.full((4, 1, 3), 1 / 3)), **a),
    "nn.ctc_loss": lambda **a: ts.nn.ctc_loss(np.log(np.full((4, 1, 3), 1 / 3)), [[1]], [4], [1], **a),
    "optim.Plateau": lambda **a: ts.optim.Plateau(1.0, **a),
    "optim.cosine_decay": lambda **a: ts.optim.cosine_decay(1.0, **a),
    "optim.step_decay": lambda **a: ts.optim.step_decay(1.0, **a),
    "optim.warm_up": lambda **a: ts.optim.warm_up(1.0, **a),
    "optim.warm_up_cosine": lambda **a: ts.optim.warm_up_cosine(1.0, **{"steps": 9} | a),
    "train.WeightAverage": lambda **a: ts.train.WeightAverage(ts.nn.Linear(1, 1), **a),
    "train.warm_up_cosine": lambda **a: ts.train.warm_up_cosine(1.0, **{"steps": 9} | a),
    "hmm.Density": lambda **a: Flat(**{"states": 2} | a),
    "hmm.Multinomial": lambda **a: ts.hmm.Multinomial(TABLE, **a),
    "hmm.HMM.fit_em_steps": lambda **a: hmm().fit_em_steps("abba", **a),
    "hmm.HMM.fit_em": lambda **a: hmm().fit_em("abba", **{"max_steps": 1} | a),
    "hmm.HMM.from_labelled": lambda **a: ts.hmm.HMM.from_labelled(PAIRS, **a),
    "hmm.HMM.kbest": lambda **a: hmm().kbest("ab", **a),
    "hmm.check_semiring": lambda **a: ts.hmm.check_semiring(ts.hmm.semirings.LOG, **a),
    "hmm.compare": lambda **a: ts.hmm.compare([[0, 1, 1, 0]], restarts=1, n_iter=1, **a),
    "hmm.HMM.predict": lambda **a: hmm().predict("ab", **a),
    "hmm.HMM.durations": lambda **a: hmm().durations(**a),
    "hmm.observed_durations": lambda **a: ts.hmm.observed_durations(["abba"], **a),
    "hmm.sampled_divergence": lambda **a: ts.hmm.sampled_divergence(
        hmm(), hmm(), **{"length": 2, "samples": 2, "rng": rng()} | a
    ),
    "hmm.Filter.predict": lambda **a: ts.hmm.Filter(hmm()).predict(**a),
    "hmm.Density.kmeans": lambda **a: Flat(1, 1).kmeans([[0.0], [1.0]], **a),
    "hmm.Gaussian.kmeans": lambda **a: ts.hmm.Gaussian([[0.0]], [[1.0]]).kmeans([[0.0], [1.0]], **a),
    "hmm.GaussianMixture.kmeans": lambda **a: ts.hmm.GaussianMixture([[1.0]], [[[0.0]]], [[[1.0]]]).kmeans(
        [[0.0], [1.0]], **a
    ),
    "hmm.Multinomial.kmeans": lambda **a: ts.hmm.Multinomial([[0.5, 0.5]]).kmeans([[1, 0], [1, 1]], **a),
    "hmm.Poisson.kmeans": lambda **a: ts.hmm.Poisson([1.0]).kmeans([0, 1], **a),
    "hmm.StudentT.kmeans": lambda **a: ts.hmm.StudentT([[0.0]], [[1.0]], [3.0]).kmeans([[0.0], [1.0]], **a),
    "hmm.Categorical.sample": lambda **a: ts.hmm.Categorical([[0.5, 0.5]]).sample([0], **a),
    "hmm.Density.sample": lambda **a: Flat(1, 1).sample([0], **a),
    "hmm.Gaussian.sample": lambda **a: ts.hmm.Gaussian([[0.0]], [[1.0]]).sample([0], **a),
    "hmm.GaussianMixture.sample": lambda **a: ts.hmm.GaussianMixture([[1.0]], [[[0.0]]], [[[1.0]]]).sample([0], **a),
    "hmm.Multinomial.sample": lambda **a: ts.hmm.Multinomial([[0.5, 0.5]], trials=2).sample([0], **a),
    "hmm.Poisson.sample": lambda **a: ts.hmm.Poisson([1.0]).sample([0], **a),
    "hmm.Shared.sample": lambda **a: ts.hmm.Shared(ts.hmm.Poisson([1.0]), [0]).sample([0], **a),
    "hmm.StudentT.sample": lambda **a: ts.hmm.StudentT([[0.0]], [[1.0]], [3.0]).sample([0], **a),
    "hmm.HMM.sample": lambda **a: hmm().sample(**{"length": 3, "rng": rng()} | a),
    "hmm.HMM.sample_posterior": lambda **a: hmm().sample_posterior("ab", **{"rng": rng()} | a),
    "hmm.best_score": lambda **a: ts.hmm.best_score([0.0, 0.0], TABLE, SCORES, **a),
    "hmm.chain": lambda **a: ts.hmm.chain([0.0, 0.0], TABLE, SCORES, **a),
    "hmm.log_partition": lambda **a: ts.hmm.log_partition([0.0, 0.0], TABLE, SCORES, **a),
    "lm.RNNLM": lambda **a: ts.lm.RNNLM("helo", **{"hidden_size": 3} | a),
    "lm.RNNLM.fit": lambda **a: ts.lm.RNNLM("helo", 3).fit("hello", **SHORT | {"validation": "hello"} | a),
    "lm.RNNLM.fit_steps": lambda **a: list(
        ts.lm.RNNLM("helo", 3).fit_steps("hello", **SHORT | {"validation": "hello"} | a)
    ),
    "lm.Mixture.sample": lambda **a: mixture().sample(**{"length": 3, "rng": rng()} | a),
    "lm.RNNLM.log_probs": lambda **a: ts.lm.RNNLM("helo", 3).log_probs("hello", **a),
    "lm.RNNLM.nats": lambda **a: ts.lm.RNNLM("helo", 3).nats("hello", **a),
    "lm.RNNLM.sample": lambda **a: ts.lm.RNNLM("helo", 3).sample(**{"length": 3, "rng": rng()} | a),
    "lm.WindowLM": lambda **a: ts.lm.WindowLM("helo", **{"hidden_size": 3} | a),
    "lm.WindowLM.fit": lambda **a: ts.lm.WindowLM("helo", 2, 3).fit("hello", **SHORT | {"validation": "hello"} | a),
    "lm.WindowLM.fit_steps": lambda **a: list(
        ts.lm.WindowLM("helo", 2, 3).fit_steps("hello", **SHORT | {"validation": "hello"} | a)
    ),
    "lm.WindowLM.log_probs": lambda **a: ts.lm.WindowLM("helo", 2, 3).log_probs("hello", **a),
    "lm.WindowLM.nats": lambda **a: ts.lm.WindowLM("helo", 2, 3).nats("hello", **a),
    "lm.WindowLM.sample": lambda **a: ts.lm.WindowLM("helo", 2, 3).sample(**{"length": 3, "rng": rng()} | a),
    "lm.NgramLM": lambda n=2, **a: ts.lm.NgramLM(n, words="min_count" in a, **a),
    "lm.word_vocabulary": lambda **a: ts.lm.word_vocabulary("a a", **a),
    "lm.filtered": lambda **a: ts.lm.filtered([0.5, 0.5], **a),
    "lm.NgramLM.sample": lambda **a: ts.lm.NgramLM(2).fit("hello").sample(**{"length": 3, "rng": rng()} | a),
    "lm.NgramLM.prob": lambda **a: NGRAMS.prob("o", "l", **a),
    "lm.NgramLM.distribution": lambda **a: NGRAMS.distribution("l", **a),
    "lm.NgramLM.log_probs": lambda **a: NGRAMS.log_probs("hello", **a),
    "lm.NgramLM.nats": lambda **a: NGRAMS.nats("hello", **a),
    "lm.NgramLM.perplexity": lambda **a: NGRAMS.perplexity("hello", **a),
    "tagging.Endings": lambda **a: ts.tagging.Endings(ts.tagging.Lexicon.of(PAIRS), **a),
    "tagging.Analysis.confusions": lambda **a: (
        ts.tagging.MostFrequentTag().fit(PAIRS).analyse([[("a", "no such tag")]]).confusions(**a)
    ),
    "tagging.learning_curve": lambda **a: ts.tagging.learning_curve(ts.tagging.MostFrequentTag, PAIRS * 8, PAIRS, **a),
    "tagging.HMMTagger": ts.tagging.HMMTagger,
    "tagging.RNNTagger": ts.tagging.RNNTagger,
    "tagging.RNNTagger.fit_steps": lambda **a: list(
        ts.tagging.RNNTagger(2, 2, epochs=1).fit_steps(PAIRS, checkpoint="tagger.safetensors", **a)
    ),
    "tagging.RNNTagger.fit": lambda **a: ts.tagging.RNNTagger(2, 2, epochs=1).fit(
        PAIRS, checkpoint="tagger.safetensors", **a
    ),
    "classify.RNNClassifier": ts.classify.RNNClassifier,
    "classify.RNNClassifier.fit_steps": lambda **a: list(
        ts.classify.RNNClassifier(2, 2, epochs=1).fit_steps(*TEXTS, **OF_A_RUN | a)
    ),
    "classify.RNNClassifier.fit": lambda **a: ts.classify.RNNClassifier(2, 2, epochs=1).fit(*TEXTS, **OF_A_RUN | a),
    "data.Vocabulary.from_counts": lambda **a: ts.data.Vocabulary.from_counts("hello" * 2, **a),
    "data.Windows": lambda **a: ts.data.Windows(np.arange(9), **{"steps": 2, "batch": 2} | a),
    "data.adding_problem": lambda **a: ts.data.adding_problem(rng=rng(), **{"length": 4, "batch": 2} | a),
    "data.bucketed": lambda **a: ts.data.bucketed([1, 2, 3], **{"size": 2} | a),
    "data.copy_task": lambda **a: ts.data.copy_task(
        rng=rng(), **dict.fromkeys(("symbols", "count", "blanks", "batch"), 2) | a
    ),
    "data.ambiguous_sentence": lambda **a: ts.data.ambiguous_sentence(rng=rng(), **a),
    "data.casino": lambda **a: ts.data.casino(rng=rng(), **a),
    "data.cpg_islands": lambda **a: ts.data.cpg_islands(rng=rng(), **a),
    "data.dyck": lambda **a: ts.data.dyck(rng=rng(), **{"length": 4} | a),
    "data.embedded_reber": lambda **a: ts.data.embedded_reber(rng=rng(), **a),
    "data.padded": lambda **a: ts.data.padded([[1], [2, 3]], **a),
    "data.python_source": lambda **a: ts.data.python_source(**{"train": 5, "held_out": 5} | a),
    "data.span_tags": lambda **a: ts.data.span_tags([], **a),
    "data.split_documents": lambda **a: ts.data.split_documents(TREEBANK, **a),
    "inspect.LagTable.dropped": lambda **a: lags().dropped(**a),
    "inspect.LagTable.dropped_by_windows": lambda **a: lags().dropped_by_windows(**a),
    "inspect.SavedMemory.checkpointed": lambda **a: ts.inspect.saved_memory(in_steps()[0]).checkpointed(**a),
    "viz.Drawing.page": lambda **a: ts.viz.trellis(hmm(), "ab").page(**a),
    "viz.vanishing": lambda **a: ts.viz.vanishing(**{"hidden_size": 3} | a),
    "viz.Page": lambda **a: ts.viz.Page("<p>", "a title", **a),
    "viz.gates": lambda **a: ts.viz.gates({"i": np.full((2, 3, 3), 0.5)}, **a),
    "viz.graph": lambda **a: ts.viz.graph(in_steps()[0], **a),
    "viz.posteriors": lambda **a: ts.viz.posteriors(np.full((1, 3), 1 / 3), **a),
    "viz.trellis": lambda **a: ts.viz.trellis(hmm(), "ab", **a),
    "viz.plots.gates": lambda **a: ts.viz.plots.gates({"i": np.full((2, 3, 3), 0.5)}, **a),
    "viz.plots.posteriors": lambda **a: ts.viz.plots.posteriors(np.full((1, 3), 1 / 3), **a),
    "train.Checkpoint": checkpoint,
    "hmm.HMMEstimator": lambda **a: ts.hmm.HMMEstimator(**{"restarts": 1, "n_iter": 1} | a).fit([[0, 1, 1, 0]]),
    "hmm.HMMEstimator.fit": lambda **a: ts.hmm.HMMEstimator(restarts=1, n_iter=1).fit(np.array([[0], [1]]), **a),
    "hmm.HMMEstimator.predict": lambda **a: ESTIMATOR.predict(np.array([[0], [1]]), **a),
    "hmm.HMMEstimator.predict_proba": lambda **a: ESTIMATOR.predict_proba(np.array([[0], [1]]), **a),
    "hmm.HMMEstimator.score": lambda **a: ESTIMATOR.score(np.array([[0], [1]]), **a),
    "train.Validation": validation,
    "train.train": run,
}
TREEBANK = ts.data.conllu_sentences.parse("# newdoc\n1\tcats" + "\t_" * 8 + "\n\n# newdoc\n1\tpurr" + "\t_" * 8 + "\n")
NGRAMS = ts.lm.NgramLM(3).fit("hello")
ESTIMATOR = ts.hmm.HMMEstimator(restarts=1, n_iter=1).fit(np.array([[0], [1]]))
# Called by the training loop or by fit_em, with numbers of their own, or only declared for subclasses.
INTERNAL = {
    "lm.LanguageModel.sample",
    "train.Checkpoint.after",
    "train.Checkpoint.restore",
    "train.Checkpoint.save",
    "train.progress",
}
# Arguments that hand on what they are given to a function that is tried itself.
HANDED_ON = {
    ("data.Vocabulary.from_counts", "counts"),
}


def example(argument: Argument) -> Callable[..., Any] | None:
    """A call that takes the argument by its name; None where nobody gives it a value."""
    owner = argument.owner
    if owner in INTERNAL or (owner, argument.name) in HANDED_ON or owner.startswith("nn.Parameter."):
        return None
    if owner in CALLS:
        return partial(seeded, CALLS[owner])
    name = owner.removeprefix("Tensor.")
    first, settings = OPS.get(name, ([X], {}))
    function = partial(getattr(ts, name), *first) if name == owner else partial(getattr(first[0], name), *first[1:])
    return lambda **a: function(**settings | a)


def given(argument: Argument, value: Any) -> Any:
    """The value as the argument wants it: alone, in a list, in a list of pairs, or as one of several axes."""
    if argument.owner.endswith(("permute", "transpose")):
        return [0, 1, value]
    if argument.annotation.startswith("tuple[int, int]"):
        return (0, value)
    if "tuple[int, int]" in argument.annotation:
        return [(0, value)] * 3
    return value if argument.annotation.startswith("int") else [value]


TRIED = [argument for argument in arguments().values() if example(argument) is not None]
FRACTIONS = {"2.5": 2.5, "2.0": 2.0, "np.float64": np.float64(2), "'3'": "3", "True": True, "np.True_": np.True_}


def tried(argument: Argument, value: Any) -> Exception | None:
    """What a call ends in."""
    call = example(argument)
    assert call is not None
    try:
        call(**{argument.name: given(argument, value)})
    except Exception as error:
        return error
    return None


def names_it(argument: Argument, error: Exception | None) -> bool:
    """Whether it is an error of the argument's, called by its name."""
    named = re.search(rf"(^|\W){argument.name}\b", str(error))
    return isinstance(error, TypeError | ValueError | IndexError) and named is not None


def called(argument: Argument) -> str:
    return f"{argument.owner}({argument.name})"


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("argument", TRIED, ids=called)
def test_what_is_no_whole_number_is_refused_by_the_arguments_name(argument):
    values = FRACTIONS if argument.optional else FRACTIONS | {"None": None}
    accepted = {name: tried(argument, value) for name, value in values.items()}
    assert {name: repr(error) for name, error in accepted.items() if not names_it(argument, error)} == {}


@pytest.mark.parametrize("argument", TRIED, ids=called)
def test_integers_of_numpy_are_whole_numbers(argument):
    """And do what Python's do."""
    for number in (1, 2):
        plain, numpys = tried(argument, number), tried(argument, np.int64(number))
        assert type(plain) is type(numpys)
        assert str(plain) == re.sub(r"np\.int64\((\d)\)", r"\1", str(numpys))


@pytest.mark.parametrize("argument", [a for a in TRIED if "axis" in a.name and "." not in a.owner], ids=called)
def test_an_axis_may_be_a_tensor_of_one_integer(argument):
    def found(value):
        try:
            return str(example(argument)(**{argument.name: given(argument, value)}))
        except Exception as error:
            return type(error)

    assert found(ts.tensor(1)) == found(1)


@pytest.mark.parametrize("argument", TRIED, ids=called)
def test_a_negative_number_is_meant_or_refused_by_the_arguments_name(argument):
    error = tried(argument, -1)
    assert error is None or names_it(argument, error)


def test_every_argument_is_tried_but_those_that_the_library_fills_in():
    untried = {argument.owner for argument in arguments().values()} - {argument.owner for argument in TRIED}
    assert {owner for owner in untried if not owner.startswith("nn.Parameter.")} == INTERNAL
    assert len(TRIED) >= 170
