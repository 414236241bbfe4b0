"""What beginners get wrong: every error names the argument, what was found, what was expected, and the cure."""

import inspect
import math
import re

import numpy as np
import pytest

import tinyseq as ts

x = ts.tensor([1.0, 2.0], requires_grad=True)


# -- misspelt keyword arguments ----------------------------------------------------------------------------------------

ENTRIES = [
    *(ts.tensor, ts.zeros, ts.nn.LSTM, ts.nn.cross_entropy, ts.optim.Adam, ts.train.train),
    *(
        ts.hmm.HMM,
        ts.hmm.HMM.from_labelled,
        ts.hmm.HMM.fit_em,
        ts.tagging.HMMTagger,
        ts.tagging.RNNTagger,
        ts.tagging.RNNTagger.fit,
    ),
    *(ts.lm.NgramLM, ts.lm.RNNLM, ts.lm.RNNLM.fit, ts.classify.NaiveBayes, ts.classify.RNNClassifier),
    *(ts.classify.RNNClassifier.fit, ts.viz.graph, ts.viz.trellis, ts.viz.automaton, ts.viz.cell),
]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.__qualname__)
def test_a_misspelt_keyword_is_named(entry):
    named = [
        p.name
        for p in inspect.signature(entry).parameters.values()
        if p.kind in {p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY}
    ]
    long = [name for name in named if len(name) > 3 and name != "self"]
    assert long
    for name in long:
        with pytest.raises(TypeError, match=f"(?i)did you mean '?{name}"):
            entry(**{name[:2] + name[3:]: None})


coin = ts.hmm.HMM([1.0], [[1.0]], [[0.5, 0.5]])


@pytest.mark.parametrize(
    ("entry", "name", "cure"),
    [
        (ts.nn.LSTM, "return_sequences", "the layer returns output, state; output has all steps"),
        (ts.nn.LSTM, "activation", "the step's own is tanh"),
        (ts.nn.LSTM, "units", "use hidden_size="),
        (ts.nn.LSTM, "input_dim", "use input_size="),
        (ts.hmm.HMM, "observations", "use symbols="),
        (ts.hmm.HMM, "n_components", "see ts.hmm.HMMEstimator"),
        (ts.lm.RNNLM.fit, "epochs", "use steps="),
        (ts.hmm.HMM.fit_em, "n_iter", "use max_steps="),
        (ts.hmm.HMM.fit_em, "tol", "use tolerance="),
        (ts.lm.RNNLM.fit, "batch_size", "use batch="),
        (ts.hmm.HMM, "startprob", "use initial="),
        (ts.hmm.HMM, "A", "use transition="),
        (ts.hmm.HMM, "emissionprob", "use emission="),
        (ts.hmm.HMM.fit_em, "verbose", "use progress="),
        (ts.hmm.HMM.fit_em, "pseudocount", 'as priors={"transition": 1 + pseudocount}'),
        (coin.viterbi, "lengths", "use x=, a list of sequences, as np.split(x, np.cumsum(lengths)[:-1]) makes"),
        (coin.log_likelihood, "algorithm", "viterbi and posterior_decode are two methods"),
        (coin.sample, "n_samples", "use length="),
        (coin.sample, "random_state", "use rng="),
        (coin.sample_posterior, "seed", "use rng="),
        (ts.hmm.Gaussian, "covars", "use covariances="),
        (ts.hmm.Gaussian, "stds", "use covariances=, which takes squares"),
        (ts.nn.CRF(2).decode, "emissions", "use scores="),
        (ts.nn.CRF(2).log_likelihood, "emissions", "use scores="),
        (ts.tagging.RNNTagger, "CRF", "did you mean crf="),
        (ts.viz.graph, "input", "did you mean inputs="),
        (ts.tensor, "name", 'name it where it is drawn, as in ts.viz.graph(loss, names={"W": w})'),
        (ts.viz.trellis, "blank", "use values=False"),
        (lambda **given: ts.softmax(x, **given), "axs", "did you mean axis="),
    ],
)
def test_a_keyword_of_another_library_has_a_cure(entry, name, cure):
    with pytest.raises(TypeError, match=re.escape(cure)):
        entry(**{name: 1})


def test_lengths_in_place_of_states_say_how_to_give_several_sequences():
    x, lengths = np.array([0, 1, 1, 0]), [1, 3]
    with pytest.raises(ValueError, match="if these are lengths") as error:
        coin.viterbi(x, lengths)
    cure = re.search(r"as (np.*) makes", str(error.value))
    with pytest.raises(ValueError, match="as long as x; use None where nothing is known"):
        coin.viterbi(x, [0, 0])  # which are no lengths
    several = eval(cure[1], {"np": np, "x": x, "lengths": lengths})
    assert [len(one) for one in several] == lengths
    with pytest.raises(ValueError, match=r"those of a mask \(T, B\) are mask.sum\(axis=0\)"):
        ts.nn.CRF(2).log_likelihood(np.zeros((3, 1, 2)), np.zeros((3, 1), int), np.ones((3, 1), bool))


def test_a_cure_names_no_keyword_that_is_not_there():
    with pytest.raises(TypeError, match=r"'n_iter'$"):
        ts.tagging.RNNTagger().fit([], n_iter=3)
    with pytest.raises(TypeError, match=r"'iterations'; use epochs=, an argument of RNNTagger\(\.\.\.\)$"):
        ts.tagging.RNNTagger().fit([], iterations=3)


def test_labelled_sequences_that_are_iterators_get_no_cure_for_lists_of_words():
    """What is left of an iterator does not tell what it held."""
    with pytest.raises(ValueError, match=r"expected a pair \(symbol, state\), got \('a', 'b', 'c'\)$"):
        ts.hmm.HMM.from_labelled([iter([("a", "b", "c")])])


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("owner", "name", "cure"),
    [
        (ts.nn, "Dense", r"use ts\.nn\.Linear"),
        (ts.nn, "SimpleRNN", r"use ts\.nn\.RNN"),
        (ts.nn, "Bidirectional", "use bidirectional=True"),
        (ts, "layers", r"use ts\.nn"),
        (ts, "keras", r"use ts\.nn"),
        (ts.tagging.RNNTagger(), "predict", r"use tagger\.tag\(words\)"),
        (ts.tagging.HMMTagger(), "evaluate", r"use tagger\.accuracy\(sentences\)"),
        (ts.lm.NgramLM(2), "generate", r"use model\.text\(model\.sample\(length\)\)"),
        (ts.lm.RNNLM("ab", 2), "predict", r"use model\.sample\(1, prompt=text, temperature=0\)"),
        (ts.lm.RNNLM("ab", 2), "cuda", r'use model\.to\("cuda"\)'),
        (ts.classify.NaiveBayes(), "classify", r"use classifier\.predict\(texts\)"),
        (ts.viz.cell("rnn"), "show", r"use drawing\.save\(path\)"),
        (ts.viz.cell("rnn"), "render", r"use drawing\.save"),
        (ts.data, "read_conllu", r"use ts\.data\.conllu"),
    ],
)
def test_a_name_of_another_library_says_what_to_use(owner, name, cure):
    with pytest.raises(AttributeError, match=cure):
        getattr(owner, name)


def test_no_name_is_said_to_be_pytorchs():
    with pytest.raises(AttributeError) as found:
        _ = ts.data.my_conllu
    assert "PyTorch" not in str(found.value)


def test_a_module_without_forward_names_its_methods():
    with pytest.raises(NotImplementedError, match=r"CRF defines no forward\(\); call one of its methods: .*decode"):
        ts.nn.CRF(3)(ts.zeros(4, 3), [0, 1, 2, 2])
    with pytest.raises(NotImplementedError, match=r"Module defines no forward\(\)$"):
        ts.nn.Module()(1.0)


# -- values of the wrong kind ------------------------------------------------------------------------------------------

LOOKS = {
    "viz.graph": ("loss", ts.viz.graph),
    "gradient_flow": ("loss", ts.inspect.gradient_flow),
    "saved_memory": ("loss", ts.inspect.saved_memory),
    "gate_values": ("result", ts.inspect.gate_values),
    "grad_by_step, loss": ("loss", lambda given: ts.inspect.grad_by_step(given, x)),
    "grad_by_step, W": ("W", lambda given: ts.inspect.grad_by_step((x * x).sum(), given)),
    "grad_by_lag": ("losses[0]", lambda given: ts.inspect.grad_by_lag([given], x)),
    "explain, loss": ("loss", lambda given: ts.inspect.explain(given, x)),
    "explain, W": ("W", lambda given: ts.inspect.explain((x * x).sum(), given)),
    "jacobian_norms, h_s": ("h_s", lambda given: ts.inspect.jacobian_norms(given, x)),
    "jacobian_norms, h_t": ("h_t", lambda given: ts.inspect.jacobian_norms(x, given)),
    "influence": ("inputs", lambda given: ts.inspect.influence([(x * x).sum()], given)),
}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize(
    ("given", "message"),
    [
        (3.0, "got float, which has no graph; leave out .item(), float() and .numpy()"),
        (np.ones(2), "got ndarray, which has no graph"),
        (ts.nn.RNN(2, 3), "got RNN; give what it computes, such as model(x)"),
        ((x, x), "got tuple; give one of its tensors: a recurrent layer returns output, state = rnn(x)"),
        ("weight_hh_l0", "got str"),
        (None, "got NoneType"),
    ],
    ids=["number", "array", "model", "pair", "name", "nothing"],
)
def test_what_is_looked_at_must_be_a_tensor(look, given, message):
    name, call = LOOKS[look]
    with pytest.raises(TypeError, match=re.escape(f"{name} must be a tensor, {message}")):
        call(given)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: ts.testing.gradcheck(ts.tanh(x), [x]),
            "fn must be a function or a module, got Tensor; give f, not f(x)",
        ),
        (lambda: ts.testing.gradgradcheck(ts.tanh(x), [x]), "fn must be a function or a module"),
        (lambda: ts.testing.assert_gradients(ts.tanh(x), x), "fn must be a function or a module"),
        (lambda: ts.jacobian(ts.tanh(x), x), "function must be a function or a module, got Tensor; give f, not f(x)"),
        (lambda: ts.hessian(ts.tanh(x), x), "function must be a function or a module, got Tensor"),
        (lambda: ts.checkpoint(ts.tanh(x), x), "function must be a function or a module, got Tensor"),
        (lambda: ts.sum(x, np.float32), "sum(x(2,), axis=<class 'numpy.float32'>)"),
        (lambda: ts.any(x, np.float32), "any(x(2,), axis=<class 'numpy.float32'>)"),
        (lambda: ts.full((2, 0.5), 1.0), "shape must be a whole number, got 0.5"),
        (lambda: ts.nn.clip_grad_norm_(None, 1.0), "parameters is of type NoneType; give tensors"),
        (lambda: ts.nn.ModuleList(ts.nn.Linear(2, 2)), "modules must be modules in a list, got Linear"),
        (
            lambda: ts.grad(ts.tanh, x),
            "outputs must be a tensor or a list of tensors, got function; give what it computes",
        ),
        (lambda: ts.grad(ts.nn.RNN(2, 3), x), "got RNN; give what it computes, as in ts.grad(f(x), x)"),
        (lambda: ts.tensor(1.0, 2.0, 3.0), "got 2.0; put the values in one list"),
        (lambda: ts.tensor([1.0], dtype="torch.float32"), "got 'torch.float32'"),
        (lambda: ts.zeros(2, dtype="floot"), "dtype must be an element type, such as \"float32\", got 'floot'"),
        (lambda: ts.arange(2, dtype="floot"), "dtype must be an element type"),
        (lambda: ts.eye(2, dtype="floot"), "dtype must be an element type"),
        (lambda: ts.nn.LSTM(2, 3, dtype="floot"), "dtype must be an element type"),
        (lambda: x.astype("floot"), "dtype must be an element type"),
        (lambda: x.to("gpu"), 'to() takes "cpu", "cuda" or a dtype such as "float64", got \'gpu\''),
        (lambda: ts.nn.LSTM(2, 3).to("gpu"), 'to() takes "cpu", "cuda" or a dtype such as "float64", got \'gpu\''),
        (lambda: ts.nn.Sequential([ts.nn.Linear(2, 3)]), "got list; unpack it, as in Sequential(*steps)"),
        (lambda: ts.hmm.HMM(["a"], [[1.0]], [[1.0]]), "initial must be a table of numbers, got list"),
        (lambda: ts.hmm.HMM([1.0], [["a"]], [[1.0]]), "transition must be a table of numbers, got list"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(call, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ts.jvp(ts.tanh, (), ()), "inputs must hold at least one tensor, got ()"),
        (lambda: ts.zeros(2, -1), "shape must be at least 0, got -1"),
        (lambda: ts.nn.GRU(2, 3, reset=["after"]), 'reset must be "after" or "before", got [\'after\']'),
        (lambda: ts.nn.mse_loss(x, x, reduction=np.ones(2)), 'reduction must be "mean", "sum" or "none"'),
        (lambda: ts.inspect.influence([x], x), "outputs[0] must be a single number, got shape (2,)"),
    ],
)
def test_a_value_that_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


plots = ts.viz.plots
tagger = ts.tagging.MostFrequentTag()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.gradient_flow(x), "norms must be what ts.inspect.gradient_flow(loss) returns, got Tensor"),
        (lambda: plots.gradient_flow(None), "norms must be what ts.inspect.gradient_flow(loss) returns, got NoneType"),
        (lambda: plots.jacobian_norms(x), "found must be what ts.inspect.jacobian_norms(h_s, h_t) returns, got Tensor"),
        (lambda: plots.gates(x), "values must be what ts.inspect.gate_values(output) returns, got Tensor"),
        (lambda: plots.durations([1.0]), "durations must be what HMM.durations or ts.hmm.observed_durations returns"),
        (lambda: plots.learning_curve([0.5]), "points must be what ts.tagging.learning_curve returns, got float"),
        (lambda: ts.viz.automaton(None), "hmm must be a ts.hmm.HMM, got NoneType; as in automaton(hmm)"),
        (lambda: ts.viz.automaton(tagger), "got MostFrequentTag; ts.hmm.HMM.from_labelled(sentences) makes one"),
        (lambda: ts.viz.trellis(tagger, ["a"]), "got MostFrequentTag; ts.hmm.HMM.from_labelled(sentences) makes one"),
        (
            lambda: ts.viz.trellis(ts.tagging.HMMTagger(), ["a"]),
            "got HMMTagger; trellis(tagger.hmm, tagger.log_scores(words)) draws how it decides",
        ),
        (lambda: ts.viz.trellis(["a"], ["a"]), "got list; the model comes first: trellis(hmm, x)"),
    ],
)
def test_what_is_drawn_says_what_it_must_be(call, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        call()


def test_losses_alone_are_plotted_by_their_steps():
    line = plots.loss_curve([3.0, 2.0, 1.5]).axes[0].lines[0]
    assert line.get_xydata().tolist() == [[0.0, 3.0], [1.0, 2.0], [2.0, 1.5]]
    with pytest.raises(ValueError, match="losses"):
        plots.loss_curve([])


@pytest.mark.parametrize("number", [math.nan, math.inf])
@pytest.mark.parametrize("setting", ["lr", "weight_decay", "eps"])
def test_what_is_no_finite_number_is_not_called_negative(setting, number):
    with pytest.raises(ValueError, match=f"{setting} must be a finite number, got {number}"):
        ts.optim.Adam([x], **{setting: number})


def test_a_warning_of_training_points_at_the_line_that_called_it():
    model = ts.hmm.HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], ts.hmm.Gaussian([0.0, 5.0], [1.0, 1.0]))
    with pytest.warns(UserWarning, match="was kept at its floor") as found:
        model.fit_em(np.array([0.0, 0.0, 0.0, 5.0, 5.2, 4.9] * 5))
    assert found[0].filename == __file__


def test_logarithms_in_place_of_probabilities_are_noticed():
    tables = np.log([0.5, 0.5]), np.log([[0.5, 0.5], [0.5, 0.5]]), np.log([[0.9, 0.1], [0.2, 0.8]])
    with pytest.raises(ValueError, match=r"must lie between 0 and 1; HMM\.from_logs takes logarithms"):
        ts.hmm.HMM(*tables)
    assert ts.hmm.HMM.from_logs(*tables).viterbi([0, 1]).path.tolist() == [0, 1]


@pytest.mark.parametrize("learn", [ts.hmm.HMM.from_labelled, lambda given: ts.tagging.HMMTagger().fit(given)])
@pytest.mark.parametrize(
    ("given", "cure"),
    [
        ([("the", "DT"), ("cat", "NN")], "got 'the'; put a single sequence in a list"),
        ([["the", "old", "cat"]], "got 'the'; make pairs with list(zip(words, tags))"),
        (["the/DT cat/NN"], "got 't'; a sequence is a list of pairs, not a string"),
    ],
)
def test_what_is_not_labelled_says_how_to_make_pairs(learn, given, cure):
    with pytest.raises(ValueError, match=re.escape(cure)):
        learn(given)


@pytest.mark.parametrize(
    "learn",
    [
        ts.hmm.HMM.from_labelled,
        ts.tagging.MostFrequentTag().fit,
        ts.tagging.HMMTagger().fit,
        ts.tagging.RNNTagger().fit,
        ts.tagging.RNNTagger().fit_steps,
    ],
)
def test_words_and_tags_apart_say_how_to_make_pairs(learn):
    words, tags = [["the", "cat"], ["it"]], [["DT", "NN"], ["PRP"]]
    with pytest.raises(TypeError, match="words and tags are apart") as error:
        learn(words, tags)
    cure = re.search(r"give (\[.*\])$", str(error.value))
    assert eval(cure[1], {"words": words, "tags": tags}) == [[("the", "DT"), ("cat", "NN")], [("it", "PRP")]]


@pytest.mark.parametrize("unknown", [None, "?"])
def test_several_sequences_at_once_are_no_symbols(unknown):
    vocabulary = ts.data.Vocabulary("ab?", unknown)
    with pytest.raises(TypeError, match=r"got \['b', 'a'\] at position 1; give several sequences one by one"):
        vocabulary.encode(["a", ["b", "a"]])


@pytest.mark.parametrize(
    "ask",
    [
        lambda model: model.sample(3),
        lambda model: model.prob("a"),
        lambda model: model.distribution("a"),
        lambda model: model.perplexity("ab"),
        lambda model: model.evaluate("ab"),
        lambda model: model.vocabulary,
        lambda model: model.save("model"),
    ],
)
def test_counts_that_are_not_fitted_say_so(ask):
    with pytest.raises(RuntimeError, match="the model is not fitted yet; call fit first"):
        ask(ts.lm.NgramLM(2))


# -- optimisers of one's own -------------------------------------------------------------------------------------------


def one_step(update, size):
    """A step of an optimiser with this rule."""
    rule = type("Mine", (ts.optim.Optimizer,), {} if update is None else {"update": update})
    w = ts.tensor(np.ones(size), requires_grad=True)
    w.grad = ts.ones(size)
    rule([w], lr=0.1).step()
    return w


@pytest.mark.parametrize("size", [2, (1 << 15) + 1], ids=["whole", "in pieces"])
@pytest.mark.parametrize(
    ("update", "error", "message"),
    [
        (None, NotImplementedError, r"Mine defines no update\(self, value, gradient, state\)"),
        (lambda self, value, gradient, state: None, TypeError, r"got None; return it, as in `return value - "),
        (lambda self, value, gradient, state: 0.5, TypeError, r"Mine\.update must return the new value, .*got 0\.5"),
        (lambda self, value, gradient, state: value[:1], TypeError, r"must return the new value, .*shape \(1,\)"),
    ],
)
def test_an_update_that_is_no_value_of_the_parameter_is_an_error(update, error, message, size):
    if update is not None:
        update = ts.optim.elementwise(update)
    with pytest.raises(error, match=message):
        one_step(update, size)


def test_an_update_that_is_a_value_of_the_parameter_is_none():
    assert one_step(lambda self, value, gradient, state: value - self.lr * gradient, ()).item() == 0.9
