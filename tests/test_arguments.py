"""What every public argument is asked for: whole numbers that are whole, and lists of words that are no strings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.arguments import sentences, whole, words

HMM = ts.hmm.HMM([0.6, 0.4], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]], symbols="ab")
TAGGER = ts.tagging.HMMTagger().fit([[("the", "DT"), ("fish", "NN")]])


@given(st.integers(-(2**62), 2**62), st.sampled_from([int, np.int64, np.asarray]))
def test_whole_numbers_come_back_as_plain_ints(number, kind):
    found = whole("n", kind(number), None)
    assert (found, type(found)) == (number, int)


@pytest.mark.parametrize(
    ("value", "cure"),
    [
        (2.5, ""),
        (2.0, "; write 2"),
        (np.float32(2), "; write 2"),
        (float("inf"), ""),
        (float("nan"), ""),
        (True, ""),
        (np.False_, ""),
        ("3", "; int('3') makes one"),
        ("three", ""),
        (None, ""),
        ([2], ""),
        (np.array([2]), ""),
        (1j, ""),
    ],
)
def test_what_is_no_whole_number_is_named_with_the_cure(value, cure):
    with pytest.raises(TypeError) as caught:
        whole("steps", value)
    message = str(caught.value)
    assert message.startswith("steps must be a whole number, got ")
    assert message.endswith(cure)
    assert (";" in message) == bool(cure)


@given(st.integers(-5, 5), st.integers(-5, 5), st.integers(-5, 5))
def test_bounds_are_inclusive(number, least, most):
    if least <= number <= most:
        assert whole("n", number, least, most) == number
    else:
        bound = f"at least {least}" if number < least else f"at most {most}"
        with pytest.raises(ValueError, match=f"n must be {bound}, got {number}"):
            whole("n", number, least, most)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: words("words", "a cat"),
            r"words must be a list of words, got the string 'a cat'; words\.split\(\) makes",
        ),
        (lambda: words("words", ["a", None]), r"words\[1\] must be a word, a string, got None"),
        (lambda: words("words", 3), "words must be a list of words, got 3"),
        (lambda: sentences("texts", "a cat"), "texts must be a list of lists of words, got the string 'a cat'"),
        (lambda: sentences("texts", [["a"], "cat"]), r"texts\[1\] must be a list of words, got the string 'cat'; put"),
        (lambda: sentences("texts", [["a", 1]]), r"texts\[0\]\[1\] must be a word, a string, got 1"),
        (lambda: sentences("texts", [None]), r"texts\[0\] must be a list of words, got None"),
        (lambda: sentences("texts", None), "texts must be a list of lists of words, got None"),
    ],
)
def test_what_is_no_list_of_words_is_named_with_its_place(call, message):
    with pytest.raises(TypeError, match=message):
        call()


@given(st.lists(st.lists(st.text())))
def test_lists_of_words_come_back(given_sentences):
    assert sentences("texts", (tuple(sentence) for sentence in given_sentences)) == given_sentences


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: ts.step("a"), TypeError, "the step must be a whole number, got 'a'"),
        (lambda: ts.step(-1), ValueError, "the step must be at least 0, got -1"),
        (lambda: ts.nn.cross_entropy(np.zeros((2, 3)), ["a", "b"]), TypeError, "targets must be integers, got strings"),
        (lambda: ts.nn.nll_loss(np.zeros((2, 3)), ["a", "b"]), TypeError, "targets must be integers, got strings"),
        (
            lambda: ts.nn.CRF(3).log_likelihood(np.zeros((2, 3)), ["O", "B"]),
            TypeError,
            "tags must be integers, got str",
        ),
        (lambda: ts.nn.Embedding(3, 2)(["a"]), TypeError, r"ids must be integers, got strings; ts\.data\.Vocabulary"),
        (
            lambda: ts.inspect.grad_by_lag(ts.ones(1).sum(), ts.ones(1)),
            TypeError,
            r"losses must be a list .* grad_by_st",
        ),
        (lambda: HMM.fit_em([]), ValueError, "sequences hold no observation to learn from"),
        (lambda: HMM.fit_em([[], []]), ValueError, "sequences hold no observation to learn from"),
        (
            lambda: ts.data.Vocabulary("ab").decode([[0, 1]]),
            ValueError,
            r"ids must be a vector \(N,\), got shape \(1, 2",
        ),
        (lambda: TAGGER.tag(["a", None]), TypeError, r"words\[1\] must be a word, a string, got None"),
        (lambda: TAGGER.tag_many("text"), TypeError, "sentences must be a list of lists of words, got the string 'tex"),
        (lambda: TAGGER.accuracy("text"), ValueError, r"sentence 0, position 0: expected a \(word, tag\) pair"),
    ],
)
def test_what_newcomers_tried_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


NETWORK = ts.lm.RNNLM("ab", hidden_size=2)
COUNTED = ts.lm.NgramLM(2).fit("abab")
LISTED = {
    "Vocabulary": ("symbols", ts.data.Vocabulary),
    "Vocabulary.encode": ("symbols", NETWORK.vocabulary.encode),
    "Vocabulary.from_counts": ("counts", ts.data.Vocabulary.from_counts),
    "RNNLM": ("symbols", lambda x: ts.lm.RNNLM(x, hidden_size=2)),
    "RNNLM.fit": ("text", lambda x: NETWORK.fit(x, steps=1)),
    "RNNLM.nats": ("text", NETWORK.nats),
    "RNNLM.evaluate": ("text", NETWORK.evaluate),
    "RNNLM.sample": ("prompt", lambda x: NETWORK.sample(1, prompt=x)),
    "WindowLM.fit": ("text", lambda x: ts.lm.WindowLM("ab").fit(x, steps=1)),
    "NgramLM.fit": ("data", ts.lm.NgramLM(2).fit),
    "NgramLM.nats": ("data", COUNTED.nats),
    "NgramLM.perplexity": ("data", COUNTED.perplexity),
    "NgramLM.sample": ("prompt", lambda x: COUNTED.sample(1, prompt=x)),
}


@pytest.mark.parametrize("value", [5, None, 1.5, True])
@pytest.mark.parametrize("call", LISTED)
def test_what_cannot_be_read_as_text_is_named(call, value):
    name, function = LISTED[call]
    with pytest.raises(TypeError, match=rf"^{name} must be a string or a list of \w+, got {value}$"):
        function(value)


ROWS = [[0.5, 0.5], [0.5, 0.5]]
ONE = ts.ones(2)
OF_SETS = {  # where the order of a list matters
    "states": lambda: ts.hmm.HMM([0.5, 0.5], ROWS, ROWS, states={"rain", "sun"}),
    "symbols": lambda: ts.hmm.HMM([0.5, 0.5], ROWS, ROWS, symbols=frozenset("ab")),
    "known states": lambda: ts.hmm.HMM([0.5, 0.5], ROWS, ROWS).viterbi([0, 1], states={0, 1}),
    "groups": lambda: ts.hmm.HMM([0.5, 0.5], ROWS, ROWS).durations(of={"p", "q"}),
    "Vocabulary": lambda: ts.data.Vocabulary(set("abc")),
    "encode": lambda: ts.data.Vocabulary("abc").encode(set("ab")),
    "prompt": lambda: ts.lm.NgramLM(2).fit("ab").sample(2, prompt={"a", "b"}),
    "SGD": lambda: ts.optim.SGD({ts.ones(2, requires_grad=True)}, lr=0.1),
    "ModuleList": lambda: ts.nn.ModuleList({ts.nn.Linear(1, 1)}),
    "grad": lambda: ts.grad(ONE.sum(), {ONE}),
    **{
        name: lambda f=f: f({ONE})
        for f in (ts.stack, ts.concatenate, ts.vstack, ts.hstack, ts.dstack, ts.column_stack)
        for name in (f.__name__,)
    },
}


@pytest.mark.parametrize("name", OF_SETS)
def test_a_set_is_refused_where_the_order_matters(name):
    with pytest.raises(TypeError, match="is a set, whose order changes from run to run; give a list, as sorted"):
        OF_SETS[name]()
