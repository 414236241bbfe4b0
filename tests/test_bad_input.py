"""Bad input to data, models of text, training and inspection: the error names the argument, and nothing is taken."""

import math
import re

import numpy as np
import pytest

import tinyseq as ts

TEXT, LETTERS = "hello hello ", "ehlo "
SENTENCES = [[("the", "DT"), ("cat", "NN")]]
ngrams = ts.lm.NgramLM(2).fit(TEXT)
weight = ts.nn.Parameter(np.ones(2))
line = ts.nn.Linear(2, 1)


def trained(**given):
    def task(step):
        return ts.train.Loss(line(np.ones((1, 2), "f4")).sum(), given.pop("tokens", 1))

    settings = {"optimizer": ts.optim.SGD(line.parameters(), 0.01), "steps": 1, **given}
    settings.pop("tokens", None)
    return list(ts.train.train(task, **settings))


NO_LIST = (None, math.nan, 1.5, True, object(), len)
TAKES_A_LIST = {
    "sequences": [ts.data.padded, ts.data.padded_values],
    "counts": [ts.data.Vocabulary.from_counts],
    "tags": [ts.data.spans, lambda tags: ts.data.convert_tags(tags, "bio", "iob1")],
    "chunks": [lambda chunks: ts.data.span_tags(chunks, 3)],
    "sentences": [
        lambda sentences: ts.data.convert_sentences(sentences, "bio", "iob1"),
        ts.data.documents,
        ts.data.split_documents,
        ts.data.conllu_text,
        ts.tagging.HMMTagger(2).fit,
        ts.tagging.MostFrequentTag().fit(SENTENCES).accuracy,
        ts.tagging.Lexicon.of,
    ],
    "gold": [lambda gold: ts.tagging.ChunkScores.of(gold, [["O"]])],
    "predicted": [lambda predicted: ts.tagging.ChunkScores.of([["O"]], predicted)],
    "symbols": [ngrams.text, ts.data.Vocabulary, ts.data.Vocabulary("ab").encode],
    "models": [ts.lm.Mixture],
    "reports": [lambda reports: ts.train.progress(reports, 3)],
    "losses": [lambda losses: ts.inspect.grad_by_lag(losses, weight)],
    "outputs": [lambda outputs: ts.inspect.influence(outputs, weight)],
}
CALLS = [(name, i, call) for name, calls in TAKES_A_LIST.items() for i, call in enumerate(calls)]


@pytest.mark.parametrize("value", NO_LIST, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("call", [call for _, _, call in CALLS], ids=[f"{name}-{i}" for name, i, _ in CALLS])
def test_what_is_no_list_is_refused_by_the_name_of_the_argument(call, value):
    name = next(name for name, _, found in CALLS if found is call)
    with pytest.raises(TypeError, match=rf"^{name} must be .*got "):
        call(value)


@pytest.mark.parametrize("value", ["x", [], {}, ["x"], [[("a", "B")]]], ids=repr)
def test_a_sentence_without_its_columns_is_refused(value):
    for call in (ts.data.noun_phrases, ts.data.noun_phrase_tags):
        with pytest.raises(TypeError, match=r"^sentence must be a ConlluSentence, got .*ts\.data\.conllu_sentences"):
            call(value)


@pytest.mark.parametrize(
    ("attempt", "kind", "message"),
    [
        # what was taken, and gave wrong results
        (lambda: ts.lm.filtered([2.0, -1.0, 0.5], top_k=2), ValueError, "ts.softmax makes them of scores"),
        (lambda: ts.lm.filtered([0.5, math.nan]), ValueError, "p must be probabilities, finite"),
        (lambda: ts.lm.filtered([0.5, math.inf]), ValueError, "p must be probabilities, finite"),
        (lambda: ts.lm.filtered([0.0, 0.0]), ValueError, "not all 0"),
        (
            lambda: ts.lm.filtered([[0.5, 0.5]]),
            ValueError,
            "p must be a vector of probabilities (V,), got shape (1, 2)",
        ),
        (lambda: ts.lm.filtered([]), ValueError, "got shape (0,)"),
        (lambda: ts.lm.filtered(np.ma.array([0.5, 0.5], mask=[0, 1])), TypeError, "masked"),
        (lambda: ts.lm.Mixture([ngrams, ngrams], np.ma.array([1, 2], mask=[0, 1])), TypeError, "masked"),
        (lambda: ts.data.bucketed([3, -1], 2), ValueError, "lengths must be at least 0, got -1 at position 1"),
        (lambda: ts.data.bucketed([3, 1], 2, 0, jitter=1.5), ValueError, "jitter must be at most 1, got 1.5"),
        (lambda: ts.data.spans("BI"), TypeError, "tags must be a list of tags, one for each word, got the string 'BI'"),
        (lambda: ts.data.convert_tags("O", "bio", "iob1"), TypeError, "got the string 'O'"),
        (lambda: ts.testing.gradcheck(lambda x: x * x, [weight], atol=math.inf), ValueError, "atol must be a finite"),
        (lambda: ts.testing.gradcheck(lambda x: x * x, [weight], rtol=math.nan), ValueError, "rtol must be a finite"),
        (
            lambda: ts.testing.gradcheck(lambda x: x * x, [weight], eps=-1e-6),
            ValueError,
            "eps must be above 0, got -1e-06",
        ),
        (lambda: trained(tokens=math.nan), ValueError, "the tokens of a Loss must be a finite number, got nan"),
        (lambda: trained(tokens=-1), ValueError, "the tokens of a Loss must not be negative, got -1"),
        (lambda: trained(tokens=np.ones(2)), TypeError, "the tokens of a Loss must be a number"),
        (lambda: ts.tagging.RNNTagger(lr="x"), TypeError, "lr must be a number, got 'x'"),
        (lambda: ts.classify.RNNClassifier(lr=-1.0), ValueError, "lr must not be negative"),
        (lambda: ts.train.progress([], "x"), TypeError, "steps must be a whole number"),
        (lambda: ts.lm.RNNLM(LETTERS, bidirectional=0), TypeError, "bidirectional must be True or False"),
        # what had an error of NumPy's or Python's own
        (lambda: ts.lm.filtered({}), TypeError, "p must be a vector of probabilities (V,), got {}"),
        (lambda: ts.lm.Mixture([ngrams, ngrams], [[1, 2], [3]]), TypeError, "weights must be 2 numbers"),
        (lambda: ts.lm.RNNLM(LETTERS, tied=np.ones(2)), TypeError, "tied must be True or False"),
        (lambda: ts.data.Vocabulary("ab").decode([[1], [0, 1]]), ValueError, "rows of different lengths"),
        (lambda: ts.data.Vocabulary.from_counts([["a"]]), TypeError, "a symbol is a string or a number, got ['a']"),
        (lambda: ts.data.Vocabulary.from_dict([1]), TypeError, "state must be what to_dict returns, got [1]"),
        (
            lambda: ts.data.span_tags(["PER"], 3),
            TypeError,
            "chunks[0] must be a ts.data.Span(kind, start, end), got 'PER'",
        ),
        (lambda: ts.data.bases(["A"]), TypeError, "sequence must be a string, got ['A']"),
        (
            lambda: ts.data.convert_sentences([["the"]], "bio", "iob1"),
            ValueError,
            "expected (word, tag) pairs, got 'the'",
        ),
        (lambda: ts.tagging.HMMTagger(2).fit([1]), TypeError, "sentences[0] must be a sentence"),
        (lambda: ts.tagging.ChunkScores.of([["O"]], []), ValueError, "gold has 1 sentences, but predicted has 0"),
        (lambda: ts.optim.Adam([weight], np.ones(2)), TypeError, "lr must be a number, got array([1., 1.])"),
        (lambda: ts.optim.Plateau(0.1).observe(None), TypeError, "value must be a number, got None"),
        (lambda: ts.train.Validation(None, len, every=1), TypeError, "model must be a Module, got NoneType"),
        (lambda: ts.train.Validation(line, 0.5, every=1), TypeError, "measure must be a function without arguments"),
        (lambda: ts.train.Checkpoint("run", line, depends_on="seed"), TypeError, "depends_on must be a dictionary"),
        (lambda: trained(schedule=lambda: 0.1), TypeError, "def schedule(step)"),
        (
            lambda: trained(schedule=lambda step: None),
            TypeError,
            "the schedule must return a number, got None at step 0",
        ),
        (lambda: list(ts.inspect.trace_backward(3.0)), TypeError, "output must be a tensor, got float"),
    ],
)
def test_the_error_names_what_is_wrong(attempt, kind, message):
    with pytest.raises(kind, match=re.escape(message)):
        attempt()


def test_what_looks_unusual_and_is_right_is_taken():
    assert ts.data.span_tags([("PER", 0, 2)], 3) == ["B-PER", "I-PER", "O"]
    assert ts.lm.filtered(ts.tensor([3.0, 1.0]), top_k=1).tolist() == [1.0, 0.0]  # need not sum to one
    assert ts.data.spans(iter(["B-X", "O"])) == [ts.data.Span("X", 0, 1)]
    assert ts.data.convert_tags(iter(["I-X"]), "iob1", "bio") == ["B-X"]
    plateau = ts.optim.Plateau(0.1)
    plateau.observe(ts.tensor([2.0]))
    assert plateau.best == 2.0
    assert trained(tokens=np.float64(2.0))[0].step == 1
    assert trained(tokens=ts.tensor(3))[0].step == 1
