"""What beginners get wrong in values and shapes, and the cure that each error names."""

import inspect
import math
import re
import warnings

import numpy as np
import pytest

import tinyseq as ts

scores = ts.tensor(np.random.default_rng(0).standard_normal((5, 2, 4)), requires_grad=True)
classes = np.zeros((5, 2), dtype=int)


# -- keyword arguments of another call of the same class ---------------------------------------------------------------

FITTED = [ts.lm.RNNLM, ts.lm.WindowLM, ts.lm.NgramLM, ts.tagging.HMMTagger, ts.tagging.RNNTagger]
FITTED += [ts.classify.NaiveBayes, ts.classify.RNNClassifier]


@pytest.mark.parametrize("kind", FITTED, ids=lambda kind: kind.__name__)
def test_an_argument_of_the_constructor_given_to_fit_and_the_reverse_are_sent_where_they_belong(kind):
    made, fitted = (inspect.signature(call).parameters for call in (kind, kind.fit))
    first = next(iter(made.values()))
    model = kind() if first.default is not first.empty else kind({"n": 2, "vocabulary": "ab"}[first.name])
    named = {p.name for p in [*made.values(), *fitted.values()] if p.kind is p.KEYWORD_ONLY}
    for name in sorted(named & (made.keys() - fitted.keys())):
        with pytest.raises(TypeError, match=rf"'{name}'; (use \w+=$|give it to {kind.__name__}\(\.\.\.\)$)"):
            model.fit([], **{name: 1})
    for name in sorted(named & (fitted.keys() - made.keys())):
        with pytest.raises(TypeError, match=rf"'{name}'; (use \w+=$|give it to {kind.__name__}\.fit\(\.\.\.\)$)"):
            kind("ab", **{name: 1})


def test_a_layers_setting_given_to_its_call_is_sent_to_the_layer():
    x = np.zeros((3, 1, 2), dtype="f4")
    for layer in (ts.nn.RNN(2, 3), ts.nn.LSTM(2, 3), ts.nn.GRU(2, 3)):
        with pytest.raises(TypeError, match=rf"'batch_first'; give it to {type(layer).__name__}\(\.\.\.\)$"):
            layer(x, batch_first=True)


# -- names and keywords ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attempt", "cure"),
    [
        (lambda: ts.nn.cross_entropy(scores, classes, from_logits=True), "the scores are always logits"),
        (lambda: ts.nn.Embedding(4, 2, mask_zero=True), "use padding_idx=0, and lengths="),
        (lambda: ts.optim.Adam([ts.nn.Parameter(np.zeros(1))], momentum=0.9), "use betas="),
        (lambda: ts.hmm.HMM([1.0], [[1.0]], [[1.0]]).fit_em([[0]], epochs=3), "use max_steps="),
        (lambda: ts.nn.binary_cross_entropy, "use ts.nn.binary_cross_entropy_with_logits("),
        (lambda: ts.save_model, "or ts.save(model.state_dict(), path)"),
        (lambda: ts.lm.load, "use ts.load_model(path)"),
        (lambda: ts.nn.Linear(2, 3).fit, "use ts.train.train("),
        (lambda: ts.nn.Linear(2, 3).summary, "use print(model)"),
        (lambda: ts.Tensor(3, 4), "ts.zeros(3, 4) makes one of a shape"),
        (lambda: ts.viz.Drawing("digraph {}").save("a.png", dpi=300), "sharp at any size"),
        (lambda: scores.zero_grad, "or optimizer.zero_grad()"),
        (lambda: ts.data.Vocabulary("ab").stoi, "use vocabulary.encode(symbols)"),
        (lambda: ts.data.Vocabulary("ab").itos, "use vocabulary.decode(ids)"),
        (lambda: ts.data.pad_sequence, "use ts.data.padded(sequences)"),
        (lambda: ts.data.padded([[1]], padding_value=3), "use padding="),
        (lambda: ts.data.padded([[1]], batch_first=True), "arrays are time x batch"),
        (lambda: ts.hmm.HMM([1.0], [[1.0]], [[1.0]]).log_joint, "use model.probability(x, states)"),
    ],
)
def test_a_name_of_another_library_has_a_cure(attempt, cure):
    with pytest.raises((AttributeError, TypeError), match=re.escape(cure)):
        attempt()


def test_a_module_with_a_method_call_as_in_keras_is_told_its_name_here():
    class Doubled(ts.nn.Module):
        def call(self, x):
            return 2 * x

    with pytest.raises(NotImplementedError, match=r"give its method call the name forward$"):
        Doubled()(1.0)


# -- losses ------------------------------------------------------------------------------------------------------------


def test_labels_that_count_from_1_and_padding_of_minus_1_have_their_cures():
    with pytest.raises(IndexError, match="subtract 1 from labels that count from 1"):
        ts.nn.cross_entropy(scores, classes + 4)
    with pytest.raises(IndexError, match="ignore_index= names the one that is ignored"):
        ts.nn.cross_entropy(scores, classes - 1)


@pytest.mark.parametrize("loss", [ts.nn.cross_entropy, ts.nn.nll_loss], ids=lambda loss: loss.__name__)
@pytest.mark.parametrize(
    ("shape", "cure"),
    [((5, 4), r"ts\.moveaxis\(\w+, 1, -1\)$"), ((2, 5), r"targets\.T$"), ((10,), r"targets\.reshape\(\.\.\.\)$")],
)
def test_targets_whose_axes_stand_otherwise_have_a_cure(loss, shape, cure):
    with pytest.raises(ValueError, match=cure):
        loss(ts.log_softmax(scores), np.zeros(shape, dtype=int))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(4,), (3, 4), (5, 2, 3)])
def test_a_second_softmax_is_warned_of(shape, dtype):
    x = ts.tensor(np.random.default_rng(1).standard_normal(shape), dtype=dtype, requires_grad=True)
    targets = np.zeros(shape[:-1], dtype=int)
    with pytest.warns(
        UserWarning, match="cross_entropy applies the softmax itself; pass the scores from before your softmax"
    ):
        ts.nn.cross_entropy(ts.softmax(x), targets)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ts.nn.cross_entropy(x, targets)
        ts.nn.cross_entropy(ts.log_softmax(x), targets)  # which changes nothing
        ts.nn.cross_entropy(x * 0.0 + ts.tensor(np.eye(shape[-1])[0], dtype=dtype), targets)


def test_nll_loss_refuses_probabilities_and_scores_where_they_cannot_be_logs():
    for wrong in (ts.softmax(scores), ts.abs(scores)):
        with pytest.raises(ValueError, match=r"or give the scores to ts.nn.cross_entropy"):
            ts.nn.nll_loss(wrong, classes)
    ignored = np.where(np.arange(10).reshape(5, 2) == 0, -100, classes)  # whatever is there may be anything
    log_probs = ts.index_set(ts.log_softmax(scores), (0, 0), 5.0)
    assert ts.nn.nll_loss(log_probs, ignored).item() > 0


# -- layers ------------------------------------------------------------------------------------------------------------


def test_ids_and_features_on_another_axis_have_a_cure():
    layer = ts.nn.LSTM(4, 3)
    with pytest.raises(ValueError, match=r"ts\.nn\.Embedding\(count, 4\), or by np\.eye\(4\)\[ids\]$"):
        layer(np.array([0, 1, 2]))
    with pytest.raises(ValueError, match=r"ts\.moveaxis\(x, axis, -1\)$"):
        layer(np.zeros((5, 4, 2)))
    with pytest.raises(TypeError, match=r"\[len\(x\) for x in sequences\]$"):
        layer(np.zeros((5, 2, 4), dtype="f4"), lengths=["a", "b"])


@pytest.mark.parametrize("kind", [ts.nn.RNN, ts.nn.LSTM, ts.nn.GRU], ids=lambda kind: kind.__name__)
def test_dropout_that_does_nothing_is_warned_of(kind):
    with pytest.warns(UserWarning, match="it does nothing with num_layers=1; set a larger one"):
        kind(2, 3, dropout=0.3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kind(2, 3, num_layers=2, dropout=0.3)
        ts.lm.RNNLM("ab", 3, dropout=0.3)  # which drops before and after its layer


# -- tables and symbols ------------------------------------------------------------------------------------------------


def test_tables_that_are_transposed_or_counts_have_a_cure():
    table = np.array([[0.2, 0.8], [0.5, 0.5]])
    with pytest.raises(ValueError, match=r"give transition\.T: rows are 'from'$"):
        ts.hmm.HMM([0.5, 0.5], table.T, table)
    with pytest.raises(ValueError, match=r"give emission\.T$"):
        ts.hmm.HMM([0.5, 0.5], table, table.T)
    with pytest.raises(ValueError, match="divide counts by the sum of their row"):
        ts.hmm.HMM([0.5, 0.5], [[3, 1], [2, 2]], table)
    with pytest.raises(ValueError, match=r"it must sum to 1$"):
        ts.hmm.HMM([0.5, 0.4], table, table)


def test_symbols_that_a_vocabulary_does_not_have_are_shown_shortly_and_cured():
    letters = ts.data.Vocabulary("abc")
    with pytest.raises(ValueError, match=r"^symbol 'a{36}\.\.\. at .* join the text to one string"):
        letters.encode(["a" * 5000])
    with pytest.raises(ValueError, match=r"^symbol 7 at position 0 .* Vocabulary\(symbols, unknown=\"<unk>\"\)$"):
        letters.encode(np.array([7]))
    with pytest.raises(ValueError, match=r"make it of sorted\(set\(symbols\)\)"):
        ts.data.Vocabulary("hello")


def test_a_text_in_place_of_a_path_is_recognised():
    for reader in (ts.data.conllu, ts.data.two_column, ts.data.fasta):
        with pytest.raises(ts.data.DataError, match=r"this is the text itself.*\.parse\(text\) reads a text"):
            reader("the\tDT\ncat\tNN\n" * 100)


def test_a_task_without_a_number_is_told_of_it():
    w = ts.nn.Parameter(np.ones(1))
    with pytest.raises(TypeError, match=r"called with the number of the step: def task\(step\)$"):
        next(ts.train.train(lambda: (w * w).sum(), ts.optim.SGD([w], lr=0.1), steps=2))


SENTENCES = {
    "conllu": "1\tthe\tthe\tDET\tDT\t_\t2\tdet\t_\t_\n2\tcat\tcat\tNOUN\tNN\t_\t0\troot\t_\t_\n",
    "two_column": "the DT\ncat NN\n",
    "word_tag": "the/DT cat/NN runs/VB\n",
    "conll2003": "the DT B-NP O\ncat NN I-NP O\n",
}


@pytest.mark.parametrize("theirs", SENTENCES)
@pytest.mark.parametrize("reader", SENTENCES)
def test_a_text_of_another_format_is_recognised_where_one_fits(reader, theirs, tmp_path):
    if reader == theirs:
        assert getattr(ts.data, reader).parse(SENTENCES[theirs])
        return
    hint = f"; it reads as {theirs.replace('_', '-')}: ts.data.{theirs}(path)"
    with pytest.raises(ts.data.DataError, match=re.escape(hint)):
        getattr(ts.data, reader).parse(SENTENCES[theirs])
    (tmp_path / "file").write_text(SENTENCES[theirs], "utf-8")
    with pytest.raises(ts.data.DataError, match=re.escape(hint)):
        list(getattr(ts.data, reader).stream(tmp_path / "file"))


def test_a_text_of_no_format_or_of_several_gets_no_hint():
    for text in ("a\tb\tc\n", "the/DT cat/NN\n"):
        with pytest.raises(ts.data.DataError, match=r"expected [^;]*$"):
            ts.data.conllu.parse(text)


def test_a_table_without_a_header_is_read_by_the_columns_numbers():
    with pytest.raises(ts.data.DataError, match=r"for a table without a header give numbers, as label_column=\"1\""):
        ts.data.table.parse("good film,pos\nbad film,neg\n")
    assert ts.data.table.parse("good film,pos\n", label_column="2", text_column="1") == [("pos", "good film")]


# -- words given as one string -----------------------------------------------------------------------------------------

COUNTED = ts.lm.NgramLM(2).fit([["the", "cat", "sat"]])
NETWORK = ts.lm.RNNLM(["the", "cat", "sat"], hidden_size=2)
AS_ONE_STRING = {
    "symbols": [ts.data.Vocabulary(["the", "cat"], unknown="<unk>").encode, ts.data.Vocabulary(["the", "cat"]).encode],
    "history": [lambda text: COUNTED.prob("sat", text), COUNTED.distribution],
    "data": [COUNTED.log_probs, COUNTED.perplexity],
    "text": [NETWORK.nats, lambda text: NETWORK.fit(text, steps=1)],
    "prompt": [lambda text: COUNTED.sample(1, prompt=text), lambda text: NETWORK.sample(1, prompt=text)],
}


@pytest.mark.parametrize("name", AS_ONE_STRING)
def test_a_string_is_not_read_letter_by_letter_where_symbols_are_words(name):
    for call in AS_ONE_STRING[name]:
        with pytest.raises(TypeError, match=rf"^{name} is a string, .* holds words, .*: {name}\.split\(\)$"):
            call("the cat")


def test_a_string_is_read_letter_by_letter_where_symbols_are_letters():
    assert ts.data.Vocabulary("helo", unknown="<unk>").encode("help").tolist() == [0, 1, 2, 4]
    assert ts.lm.NgramLM(2).fit("abab").prob("b", "xa") > 0.5
    assert ts.data.Vocabulary(["th", "e"]).encode("e").tolist() == [1]


# -- names and ids -----------------------------------------------------------------------------------------------------


def test_a_state_that_a_model_lacks_is_named():
    tagger = ts.hmm.HMM([1.0], [[1.0]], [[1.0]], states=["NN"])
    assert tagger.states.index("NN") == 0
    with pytest.raises(ValueError, match=r"^'V' is not a state of this model; the states are 'NN'$"):
        tagger.states.index("V")


@pytest.mark.parametrize("ids", ["hello", ["h"], [0.5]])
def test_one_hot_names_what_is_no_id(ids):
    cure = r", got float64$" if ids == [0.5] else r"; ts\.data\.Vocabulary\(symbols\)\.encode\(text\) makes ids"
    with pytest.raises(IndexError, match=f"^one_hot: ids must be whole numbers.*{cure}"):
        ts.one_hot(ids, 3)


def test_functions_of_pythons_math_have_a_cure():
    with pytest.raises(TypeError, match=r"use t\.item\(\), or ts\.exp\(t\) for math\.exp\(t\), \.\.\.$"):
        math.exp(ts.tensor(1.0, requires_grad=True))
