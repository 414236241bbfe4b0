"""An object of every public class, and a way to tell whether two objects are alike.

The public names are found at run time, so that a new class without an object here makes a test fail.
"""

import importlib
import inspect
import pkgutil
import tempfile
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

import tinyseq as ts
from tinyseq.book import Cell, Chapter, Exercise, Prose
from tinyseq.compiler import RecordingError
from tinyseq.compiler.executors import Changed
from tinyseq.compiler.gpu.nodes import Unsupported
from tinyseq.exercises.sandbox import Stopped
from tinyseq.hmm.interop.estimator import HMMEstimator

SENTENCES = [
    [("the", "DT"), ("fish", "NN"), ("swims", "VB")],
    [("they", "PRP"), ("fish", "VB")],
    [("the", "DT"), ("cat", "NN"), ("swims", "VB")],
]


def sentence_of_conllu() -> ts.data.ConlluSentence:
    return ts.data.conllu_sentences.parse("# sent_id = 1\n1\tcats\tcat\tNOUN\tNNS\t_\t0\troot\t_\t_\n")[0]


def modules() -> list[ModuleType]:
    """Every module of the package whose own requirements are installed."""
    found = [ts]
    for module in pkgutil.walk_packages(ts.__path__, "tinyseq."):
        try:
            found.append(importlib.import_module(module.name))
        except ImportError as error:
            if (error.name or "").startswith("tinyseq"):
                raise
    return found


def is_error(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, BaseException)


@cache
def public() -> dict[str, Any]:
    """What a user may import, by name: from packages, from the modules that these offer, and every error anywhere."""
    packages = [module for module in modules() if hasattr(module, "__all__")]
    named = [(module, name) for module in packages for name in module.__all__]
    offered = {getattr(module, name) for module, name in named if inspect.ismodule(getattr(module, name))}
    named += [(m, name) for m in offered for name, value in vars(m).items() if made_in(value) == m.__name__]
    named += [(m, name) for m in modules() for name, value in vars(m).items() if is_error(value)]
    found = {f"{made_in(value)}.{name}": value for m, name in named if name[0] != "_" for value in [getattr(m, name)]}
    return {name: value for name, value in found.items() if name.startswith("tinyseq.")}


def made_in(value: Any) -> str:
    """The module of a class, a function, or the class of an object."""
    return str(getattr(value, "__module__", None) or type(value).__module__)


def classes() -> dict[str, type]:
    """The public classes that have objects of their own: not the bases, and not the parts of an op's rule."""
    inner = ("tinyseq.autograd.record.op", "tinyseq.autograd.record.promises", "tinyseq.autograd.backward")
    return {
        name: value
        for name, value in public().items()
        if inspect.isclass(value) and not inspect.isabstract(value) and made_in(value) not in inner
    }


def of_a_loss(look: Callable[[ts.Tensor, ts.nn.RNN], Any]) -> Any:
    """What a function finds in the graph of a small recurrent network."""
    _ = ts.manual_seed(0)
    rnn = ts.nn.RNN(2, 3)
    output, _ = rnn(ts.ones(3, 1, 2, dtype="float32"))
    return look((output * output).mean(), rnn)


def norms() -> Any:
    output, _ = ts.nn.RNN(2, 3)(ts.ones(3, 1, 2, dtype="float32"))
    return ts.inspect.jacobian_norms(output[0], output[2])


def compared() -> ts.hmm.Comparison:
    return ts.hmm.compare([[0, 1, 1, 0]], [1, 2], restarts=1, n_iter=2, random_state=0)


def filtering() -> ts.hmm.Filter:
    found = ts.hmm.Filter(hmm())
    found.update("a")
    return found


def hmm() -> ts.hmm.HMM:
    return ts.hmm.HMM([0.6, 0.4], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]], states="LH", symbols="ab")


def stepped(rule: type[ts.optim.Optimizer], **settings: Any) -> ts.optim.Optimizer:
    """An optimiser that remembers something."""
    w = ts.tensor([1.0, -2.0], requires_grad=True)
    optimizer = rule([w], **settings)
    (w * w).sum().backward()
    optimizer.step()
    return optimizer


def optimizers(base: type = ts.optim.Optimizer) -> list[type[ts.optim.Optimizer]]:
    """Every optimiser that a module of the package declares."""
    found = []
    for rule in base.__subclasses__():
        found += [rule] if rule.__module__.startswith("tinyseq.") else []
        found += optimizers(rule)
    return found


def objects_of_optimizers() -> dict[str, list[Callable[[], ts.optim.Optimizer]]]:
    """Each optimiser after a step, with each of the settings that it is tried with."""
    return {rule.__name__: [partial(stepped, rule, **settings) for settings in rule.trials] for rule in optimizers()}


def learnt(model: Any) -> Any:
    for _ in model.fit_steps("hello", steps=2, window=4, batch=1):
        pass
    return model


def error_of(call: Callable[[], Any]) -> Exception:
    """The error that a call ends in."""
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("the call was meant to fail")


def wrong(x: ts.Tensor) -> ts.Tensor:
    """A function whose gradient is wrong, for want of one factor."""
    return x.detach() * x


def run_of_three() -> Any:
    """A validation, after some steps."""
    model, values = ts.nn.Linear(1, 1), iter([3.0, 2.0, 2.5])
    validation = ts.train.Validation(model, partial(next, values), every=1)
    for step in range(1, 4):
        validation(step)
    validation.measure = float  # an iterator cannot be copied
    return validation


def average_of_two() -> Any:
    """An average of a model's weights, after two steps."""
    average = ts.train.WeightAverage(ts.nn.Linear(1, 1))
    for step in (1, 2):
        average(ts.train.Report(step, 0.4, 1.0, 100.0, 2.0, 0.01))
        average.model.weight.copy_([[float(step)]])
    return average


def ragged() -> Any:
    from hypothesis import find

    return find(ts.testing.strategies.sequence_batches(2), lambda batch: True)


def sequential() -> ts.nn.Module:
    return ts.nn.Sequential(ts.nn.Linear(2, 3), ts.tanh, ts.nn.Dropout(0.5), ts.nn.Linear(3, 1)).eval()


def affine() -> ts.nn.Module:
    module = ts.nn.Module()
    module.factor, module.shift = ts.nn.Parameter([2.0, 1.0], requires_grad=False), ts.nn.Parameter([2.0, 1.0])
    return module


FOLDER = tempfile.gettempdir()
COUNTED = {"n": 2, "smoothing": "witten-bell"}

BOOK = Path(__file__).resolve().parents[1] / "docs" / "book"

# One or several objects of each public class, made anew at each call.
OBJECTS: dict[str, list[Callable[[], Any]]] = {
    "Tensor": [lambda: ts.tensor([[1.0, -2.0]]), lambda: ts.tensor(3, dtype="int32"), lambda: ts.zeros(0, 2)],
    "Parameter": [lambda: ts.nn.Parameter([1.0, 2.0]), lambda: ts.nn.Parameter([1.0], requires_grad=False)],
    "no_grad": [lambda: ts.no_grad()],
    "reuse": [lambda: ts.memory.reuse()],
    "enable_grad": [lambda: ts.enable_grad()],
    "detect_anomaly": [lambda: ts.detect_anomaly()],
    "EighResult": [lambda: ts.eigh(ts.tensor(np.eye(2)))],
    "SVDResult": [lambda: ts.svd(ts.tensor(np.eye(2)))],
    "QRResult": [lambda: ts.qr(ts.tensor(np.eye(2)))],
    "SlogdetResult": [lambda: ts.slogdet(ts.tensor(np.eye(2)))],
    "Compiled": [lambda: ts.compile(ts.tanh), lambda: ts.compile(ts.nn.Linear(2, 1), limit=3)],
    "scope": [lambda: ts.scope("encoder")],
    "step": [lambda: ts.step(3)],
    # the lecture book
    "Prose": [lambda: Prose("## The formula")],
    "Cell": [lambda: Cell("1 + 1", 12, ("figure-sum",))],
    "Exercise": [lambda: Exercise("viterbi"), lambda: ts.exercises.EXERCISES["viterbi"]],
    "Chapter": [lambda: Chapter(BOOK / "05-backpropagation-through-time.md")],
    # errors
    "Changed": [lambda: Changed("a shape")],
    "RecordingError": [lambda: RecordingError("a tensor was read")],
    "Unsupported": [lambda: Unsupported("an array without elements")],
    "AnotherRun": [lambda: ts.train.AnotherRun("run.safetensors: a checkpoint of another run")],
    "AnomalyError": [lambda: ts.autograd.anomaly.AnomalyError("forward: log made 1 of 2 values not finite")],
    "ContractError": [lambda: ts.testing.ContractError("the rule is wrong")],
    "DataError": [lambda: error_of(lambda: ts.data.two_column.parse("the\tDT\ncat"))],
    "DrawingError": [lambda: ts.viz.DrawingError("nothing here can draw")],
    "GradcheckError": [lambda: error_of(lambda: ts.testing.gradcheck(wrong, [np.ones(2)]))],
    "ImpossibleSequenceError": [
        lambda: error_of(lambda: ts.hmm.HMM([1, 0], np.eye(2), np.eye(2), symbols="ab").viterbi("ab"))
    ],
    "Malformed": [lambda: ts.data.readers.Malformed(3, "no tab", "a tab"), lambda: ts.data.readers.Malformed(3, "x")],
    "SavedModel": [ts.io.SavedModel],
    "ModelFileError": [lambda: error_of(lambda: ts.load("nowhere.safetensors"))],
    "NotMoved": [lambda: ts.autograd.numpy_functions.moves.NotMoved("an element is computed")],
    "NonFiniteLoss": [lambda: ts.train.NonFiniteLoss("the loss is nan", 3, "sentence 7", "log")],
    # data
    "ConlluSentence": [lambda: sentence_of_conllu()],
    "ConlluToken": [lambda: sentence_of_conllu().tokens[0]],
    "Reader": [lambda: ts.data.conllu],
    "Span": [lambda: ts.data.Span("PER", 0, 2)],
    "Split": [lambda: ts.data.Split("learnt", "held out")],
    "Vocabulary": [lambda: ts.data.Vocabulary("helo"), lambda: ts.data.Vocabulary(["a", 1], unknown="?")],
    "Windows": [lambda: ts.data.Windows(np.arange(9), steps=2, batch=2)],
    # hidden Markov models
    "HMM": [
        hmm,
        lambda: ts.hmm.HMM.from_labelled([[("a", "X"), ("b", "Y")]], n=3, smoothing="witten-bell", end=True),
        lambda: ts.hmm.HMM([1.0], [[1.0]], ts.hmm.Gaussian([0.0], [1.0])),
        lambda: ts.hmm.HMM([1.0], [[1.0]], None),
    ],
    "HMMEstimator": [lambda: HMMEstimator(random_state=0).fit([[0, 1, 1, 0]]), HMMEstimator],
    "AddK": [lambda: ts.hmm.AddK(0.5)],
    "Categorical": [lambda: ts.hmm.Categorical(np.array([[0.5, 0.5]]), symbols="ab", unknown="b")],
    "Gaussian": [lambda: ts.hmm.Gaussian([[0.0, 1.0]], [[1.0, 1.0]]), lambda: ts.hmm.Gaussian([[0.0]], [[[1.0]]])],
    "GaussianMixture": [lambda: ts.hmm.GaussianMixture([[0.5, 0.5]], [[0.0, 4.0]], [[1.0, 1.0]])],
    "Poisson": [lambda: ts.hmm.Poisson([1.0, 4.0])],
    "Multinomial": [lambda: ts.hmm.Multinomial([[0.5, 0.5], [0.1, 0.9]], trials=3)],
    "StudentT": [lambda: ts.hmm.StudentT([0.0, 1.0], [1.0, 2.0])],
    "Shared": [lambda: ts.hmm.Shared(ts.hmm.Poisson([1.0, 4.0]), [0, 0, 1])],
    "Given": [lambda: ts.hmm.emissions.Given(2)],
    "Rows": [lambda: ts.hmm.emissions.Rows(np.arange(3), [2, 1])],
    "Decoding": [lambda: hmm().viterbi("ab")],
    "MarginalDecoding": [lambda: hmm().posterior_decode("ab")],
    "Comparison": [lambda: compared()],
    "Candidate": [lambda: compared()[0]],
    "Filter": [lambda: filtering(), lambda: ts.hmm.Filter(hmm())],
    "Durations": [lambda: hmm().durations(3), lambda: ts.hmm.observed_durations(["abba"])],
    "Divergence": [lambda: ts.hmm.divergence_rate(hmm(), hmm()), lambda: ts.hmm.path_divergence(hmm(), hmm(), "ab")],
    "SampledDivergence": [lambda: ts.hmm.sampled_divergence(hmm(), hmm(), 2, samples=2, rng=0)],
    "ForwardTable": [lambda: hmm().forward_table("ab")],
    "Prediction": [lambda: hmm().predict("ab", 2)],
    "Drawn": [lambda: hmm().sample(3, np.random.default_rng(0))],
    "Posterior": [lambda: hmm().posterior("abb"), lambda: hmm().posterior(["ab", "a"])[0]],
    "EMReport": [lambda: ts.hmm.EMReport(3, -1.5, 0)],
    "EMStep": [lambda: next(hmm().fit_em_steps("abba"))],
    "Fitted": [lambda: hmm().fit_em(["abba", "ab"], max_steps=2)],
    "Semiring": [
        lambda: ts.hmm.semirings.LOG,
        lambda: ts.hmm.semirings.KBest(2),
        ts.hmm.semirings.Entropy,
        ts.hmm.semirings.Expectation,
        lambda: ts.hmm.semirings.Sample(np.random.default_rng(0)),
    ],
    # what was found by looking
    "Crossing": [lambda: ts.inspect.Crossing((0, 1), 8, None, 2)],
    "Explanation": [lambda: of_a_loss(lambda loss, rnn: ts.inspect.explain(loss, rnn.weight_hh_l0))],
    "Line": [lambda: ts.inspect.Line(1, "h = x", "dL/dh", r"\bar h")],
    "GradientFlow": [lambda: of_a_loss(lambda loss, rnn: ts.inspect.gradient_flow(loss))],
    "JacobianNorms": [norms],
    "Kept": [lambda: ts.inspect.Kept("tanh", ("rnn",), 1, "value", 8)],
    "LagTable": [lambda: of_a_loss(lambda loss, rnn: ts.inspect.grad_by_lag([loss], rnn.weight_hh_l0))],
    "SavedMemory": [lambda: of_a_loss(lambda loss, rnn: ts.inspect.saved_memory(loss))],
    "GradcheckReport": [
        lambda: ts.testing.gradcheck(ts.tanh, [np.ones(2)]),
        lambda: error_of(lambda: ts.testing.gradcheck(wrong, [np.ones(2)])).report,
    ],
    "SequenceBatch": [ragged],
    # models
    "NgramLM": [
        lambda: ts.lm.NgramLM(3).fit("hello"),
        lambda: ts.lm.NgramLM(2, words=True, min_count=1).fit("a rose is\na rose"),
    ],
    "LanguageModel": [ts.lm.LanguageModel],
    "Mixture": [lambda: ts.lm.Mixture([ts.lm.NgramLM(2).fit("hello"), ts.lm.RNNLM("helo", 4)])],
    "TextScore": [lambda: ts.lm.NgramLM(2).fit("hello").evaluate("hello")],
    "TiedReadout": [lambda: ts.lm.RNNLM("helo", 4, tied=True).output],
    "RNNLM": [lambda: learnt(ts.lm.RNNLM("helo", 4)), lambda: ts.lm.RNNLM("helo", 4, cell="gru", dropout=0.1)],
    "WindowLM": [lambda: learnt(ts.lm.WindowLM("helo", 2, 4))],
    "Accuracy": [lambda: ts.tagging.Accuracy(0.5, 1.0, 0.0)],
    "Lexicon": [lambda: ts.tagging.Lexicon.of(SENTENCES)],
    "Endings": [lambda: ts.tagging.Endings(ts.tagging.Lexicon.of(SENTENCES))],
    "MostFrequentTag": [lambda: ts.tagging.MostFrequentTag().fit(SENTENCES), ts.tagging.MostFrequentTag],
    "HMMTagger": [lambda: ts.tagging.HMMTagger(**COUNTED).fit(SENTENCES), ts.tagging.HMMTagger],
    "Analysis": [lambda: ts.tagging.MostFrequentTag().fit(SENTENCES).analyse([[("no such word", "X")], *SENTENCES])],
    "WordErrors": [lambda: ts.tagging.WordErrors("that", 1, 2, "X", "Y")],
    "ChunkScores": [lambda: ts.tagging.ChunkScores.of([["B-X"]], [["B-X"]])],
    "CurvePoint": [lambda: ts.tagging.CurvePoint(10, 0.5, 0.6, 0.4)],
    "RNNTagger": [
        lambda: ts.tagging.RNNTagger(hidden_size=4, embedding_size=3, epochs=1, crf=True).fit(SENTENCES),
        ts.tagging.RNNTagger,
    ],
    "Evaluation": [lambda: ts.classify.Evaluation.of(["a", "b"], ["a", "a"])],
    "NaiveBayes": [lambda: ts.classify.NaiveBayes().fit(["a b", "c"], ["x", "y"]), ts.classify.NaiveBayes],
    "RNNClassifier": [
        lambda: ts.classify.RNNClassifier(4, 3, epochs=1).fit(["a b", "c"], ["x", "y"]),
        ts.classify.RNNClassifier,
    ],
    # exercises
    "Mistake": [lambda: ts.exercises.EXERCISES["vjp_of_tanh"].mistakes[0]],
    "Limits": [lambda: ts.exercises.Limits(seconds=2.0)],
    "Verdict": [lambda: ts.exercises.Verdict("softmax", "wrong", "a sign")],
    "Stopped": [lambda: Stopped("too slow", "it does not end")],
    # layers
    "Module": [affine],
    "ModuleList": [lambda: ts.nn.ModuleList([ts.nn.Linear(1, 1), ts.nn.Linear(1, 2)])],
    "Sequential": [sequential],
    "Linear": [lambda: ts.nn.Linear(2, 3, bias=False)],
    "Embedding": [lambda: ts.nn.Embedding(4, 2)],
    "Dropout": [lambda: ts.nn.Dropout(0.25)],
    "LayerNorm": [lambda: ts.nn.LayerNorm(3)],
    "CRF": [lambda: ts.nn.CRF(3)],
    "EncoderDecoder": [lambda: ts.nn.EncoderDecoder(5, 5, 4)],
    **{name: [partial(getattr(ts.nn, name), 2, 3)] for name in ("RNN", "LSTM", "GRU")},
    **{f"{name}Cell": [partial(getattr(ts.nn, f"{name}Cell"), 2, 3)] for name in ("RNN", "LSTM", "GRU")},
    # training
    "Optimizer": [lambda: ts.optim.Optimizer([ts.tensor([1.0], requires_grad=True)], lr=0.5)],
    **objects_of_optimizers(),
    "Plateau": [lambda: ts.optim.Plateau(0.5, patience=2)],
    "Checkpoint": [lambda: ts.train.Checkpoint(f"{FOLDER}/run.safetensors", ts.nn.Linear(1, 1))],
    "Log": [lambda: ts.train.Log(f"{FOLDER}/log.csv")],
    "Loss": [lambda: ts.train.Loss(ts.tensor(2.0), 3, "sentence 7")],
    "Report": [
        lambda: ts.train.Report(7, 0.4, 1.0, 100.0, 2.0, 0.01),
        lambda: ts.exercises.Report([ts.exercises.Verdict("softmax", "right")], "a.py", ["a note"]),
    ],
    "Validation": [run_of_three],
    "WeightAverage": [average_of_two],
    "Drawing": [
        lambda: ts.viz.Drawing("digraph { a -> b }", "two nodes"),
        lambda: of_a_loss(lambda loss, rnn: ts.viz.graph(loss, gradients=True)),
        lambda: ts.viz.trellis(hmm(), "abb"),
    ],
    "Page": [lambda: ts.viz.trellis(hmm(), "abb").page(height=400)],
}

SCHEDULES: list[Callable[[], Any]] = [
    lambda: ts.optim.step_decay(0.1, 3),
    lambda: ts.optim.exponential_decay(0.1, 0.9),
    lambda: ts.optim.cosine_decay(0.1, 9, 0.01),
    lambda: ts.optim.warm_up(ts.optim.cosine_decay(0.1, 9), 3),
    lambda: ts.optim.warm_up(0.1, 3),
    lambda: ts.optim.warm_up_cosine(0.1, 9, 2),
]


def made() -> dict[str, Any]:
    """All of these objects, by name and number, and the functions and constants that are public."""
    objects = {f"{name}-{i}": make() for name, makes in OBJECTS.items() for i, make in enumerate(makes)}
    objects |= {f"schedule-{i}": make() for i, make in enumerate(SCHEDULES)}
    return objects | {name: value for name, value in public().items() if made_in(value) != "tinyseq.autograd.declare"}


def alike(a: Any, b: Any) -> bool:
    """Whether two objects are of one type, and alike in all that they are made of."""
    return not differences(a, b)


def differences(a: Any, b: Any, path: str = "", seen: frozenset[int] = frozenset()) -> list[str]:
    """Where two objects differ, as paths of attributes and entries."""
    if a is b or id(a) in seen:
        return []
    seen |= {id(a)}
    if type(a) is not type(b):
        return [f"{path}: {type(a).__name__} and {type(b).__name__}"]
    if isinstance(a, np.ndarray):
        same = a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
        return [] if same else [f"{path}: {a!r} and {b!r}"]
    if isinstance(a, ts.Tensor):
        of = lambda t: (t.detach().numpy(), t.requires_grad, getattr(t.node, "name", None))
        return differences(of(a), of(b), path, seen)
    if isinstance(a, ts.viz.Drawing):
        seen_of = lambda d: (d.dot, d.title, d._svg and d.svg(), d._tell and d._html())
        return differences(seen_of(a), seen_of(b), path, seen)
    if isinstance(a, Mapping):
        if list(a) != list(b):
            return [f"{path}: the keys {list(a)} and {list(b)}"]
        return [found for key in a for found in differences(a[key], b[key], f"{path}[{key!r}]", seen)]
    if isinstance(a, partial):
        return differences((a.func, a.args, a.keywords), (b.func, b.args, b.keywords), path, seen)
    if isinstance(a, list | tuple):
        if len(a) != len(b):
            return [f"{path}: {len(a)} and {len(b)} entries"]
        pairs = enumerate(zip(a, b, strict=True))
        found = [line for i, (x, y) in pairs for line in differences(x, y, f"{path}[{i}]", seen)]
        return found + differences(getattr(a, "__dict__", {}), getattr(b, "__dict__", {}), path, seen)
    if isinstance(a, np.random.Generator):
        return differences(a.bit_generator.state, b.bit_generator.state, path, seen)
    if isinstance(a, BaseException) and str(a) != str(b):
        return [f"{path}: the messages {a} and {b}"]
    parts = getattr(a, "__dict__", None)
    slots = [name for kind in type(a).__mro__ for name in getattr(kind, "__slots__", ())]
    if type(a).__module__.startswith("tinyseq") and (parts is not None or hasattr(a, "__slots__")):
        inside = [{n: getattr(x, n) for n in [*(parts or ()), *slots] if hasattr(x, n)} for x in (a, b)]
        return differences(*({n: v for n, v in d.items() if not is_cache(v)} for d in inside), path, seen)
    if isinstance(a, FunctionType | type) or a != b:
        return [f"{path}: {a!r} and {b!r}"]
    return []


def is_cache(value: Any) -> bool:
    """What is remembered only for speed."""
    return hasattr(value, "cache_info")
