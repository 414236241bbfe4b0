"""Arguments and names that users of other libraries type for data, models of text and training: each has a cure."""

import dataclasses
import inspect
import re

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.torch_names.settings import SETTINGS

ROOMS = (ts.data, ts.lm, ts.tagging, ts.classify, ts.train, ts.optim, ts.inspect, ts.testing)
TEXT, LETTERS = "hello hello ", "ehlo "
SENTENCES = [[("the", "DT"), ("cat", "NN")]]


def is_result(kind):
    return issubclass(kind, tuple | Exception) or dataclasses.is_dataclass(kind) or inspect.isabstract(kind)


def takes_keywords():
    """Every function, class and method of these rooms, but not the results that a call returns."""
    for room in ROOMS:
        for name in room.__all__:
            value = getattr(room, name)
            if inspect.isfunction(value):
                yield f"{room.__name__}.{name}", value
            elif inspect.isclass(value) and not is_result(value):
                yield f"{room.__name__}.{name}", value
                for method in ("fit", "fit_steps", "sample", "nats", "log_probs", "from_counts"):
                    if inspect.isfunction(found := getattr(value, method, None)) or inspect.ismethod(found):
                        yield f"{room.__name__}.{name}.{method}", found


def collects(call):
    """Whether it takes any argument, and gives it to another call."""
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in inspect.signature(call).parameters.values())


CALLS = {place: call for place, call in takes_keywords() if not collects(call)}


@pytest.mark.parametrize("place", sorted(CALLS))
def test_an_argument_of_another_library_is_told_its_name_here(place):
    call = CALLS[place]
    parameters = inspect.signature(call).parameters
    for name, cures in SETTINGS.items():
        named = [re.match(r"use (\w+)=", cure) for cure in ((cures,) if isinstance(cures, str) else cures)]
        wanted = [found[1] for found in named if found and found[1] in parameters]
        if wanted and name not in parameters:
            with pytest.raises(TypeError, match=rf"unexpected keyword argument '{name}'; use {wanted[0]}="):
                call(**{name: 1})


ngrams = ts.lm.NgramLM(2).fit(TEXT)
network = ts.lm.RNNLM(LETTERS, hidden_size=2)
vocabulary = ts.data.Vocabulary(LETTERS)
weight = ts.nn.Parameter(np.ones(2))


@pytest.mark.parametrize(
    ("attempt", "cure"),
    [
        (lambda: ts.nn.Embedding.from_pretrained, 'load_state_dict({"weight": table})'),
        (lambda: ts.nn.Embedding(3, 2, freeze=True), "requires_grad_(False) freezes it"),
        (lambda: ts.nn.Embedding(input_dim=3, output_dim=2), "use num_embeddings="),
        (lambda: ts.nn.Linear(units=3), "use out_features="),
        (lambda: ts.nn.Dropout(rate=0.5), "use p="),
        (lambda: ts.data.padded([[1]], value=0), "use padding="),
        (lambda: ts.data.padded([[1]], maxlen=2), "cut what is too long first"),
        (lambda: ts.data.padded([[1]], padding="post"), "it stands behind each sequence"),
        (lambda: ts.data.padded_values([[1.0]], padding="pre"), "it stands behind each sequence"),
        (lambda: ts.data.Windows(np.arange(9), bptt=3, batch=2), "use steps="),
        (lambda: ts.data.bucketed([1, 2], batch_size=2), "use size="),
        (lambda: ts.data.Tokenizer, "use text.split() for words"),
        (lambda: ts.data.build_vocab_from_iterator, "use ts.data.Vocabulary(symbols)"),
        (lambda: ts.data.Vocabulary("ab", min_freq=2), "leave rare words out"),
        (lambda: ts.data.Vocabulary("ab", specials=["<unk>"]), "use unknown="),
        (lambda: vocabulary.convert_tokens_to_ids, "use vocabulary.encode(symbols)"),
        (lambda: vocabulary.unk_token, "use vocabulary.unknown"),
        (lambda: ts.data.conllu.load, "use the reader itself"),
        (lambda: ts.lm.Interpolated, "use ts.lm.Mixture(models)"),
        (lambda: ts.lm.padded_everygram_pipeline, "use ts.lm.NgramLM(n).fit(text)"),
        (lambda: ts.lm.NgramLM(3, gamma=0.1), "use k="),
        (lambda: ngrams.score, "use model.prob(symbol, history)"),
        (lambda: ngrams.sample(3, text_seed="h"), "use prompt="),
        (lambda: ngrams.sample(3, random_state=2), "use rng="),
        (lambda: network.sample(max_new_tokens=3), "use length="),
        (lambda: network.evaluate(TEXT, batch_size=2), "use batch="),
        (lambda: network.fit(TEXT, steps=1, seq_len=4), "use window="),
        (lambda: network.fit(TEXT, steps=1, optimizer="adam"), "ts.train.train takes any optimiser"),
        (lambda: network.fit(TEXT, steps=1, seed=1), "call ts.manual_seed(seed) before it"),
        (lambda: network.init_hidden, "use scores, state = model(ids)"),
        (lambda: ts.lm.RNNLM(vocab_size=10), "use vocabulary=, the symbols themselves"),
        (lambda: ts.lm.WindowLM(LETTERS, window_size=3), "use context="),
        (lambda: ts.tagging.RNNTagger(2, 2).fit(SENTENCES, batch_size=2), "use batch=, an argument of RNNTagger(...)"),
        (lambda: ts.tagging.RNNTagger(2, 2).fit(SENTENCES, dev=SENTENCES), "use validation="),
        (lambda: ts.tagging.HMMTagger(2).fit(SENTENCES, epochs=2), "counting reads the data once"),
        (lambda: ts.tagging.BiLSTM_CRF, "use ts.tagging.RNNTagger(crf=True)"),
        (lambda: ts.classify.MultinomialNB, "use ts.classify.NaiveBayes"),
        (lambda: ts.classify.NaiveBayes().fit(["a"], y=["x"]), "use labels="),
        (lambda: ts.optim.Adam([weight], l2=0.1), "use weight_decay="),
        (lambda: ts.optim.cosine_decay(0.1, T_max=3), "use steps="),
        (lambda: ts.optim.step_decay(0.1, step_size=3), "use every="),
        (lambda: ts.optim.Plateau(0.1).step, "use plateau.observe(value)"),
        (lambda: ts.optim.SGD([weight], 0.1).minimize, "loss.backward() and optimizer.step()"),
        (lambda: ts.train.train(None, None, steps=3, max_grad_norm=1.0), "use clip="),
        (lambda: ts.train.train(None, None, n_epochs=3), "use steps="),
        (lambda: ts.train.SummaryWriter, 'use ts.train.Log("log.csv")'),
        (lambda: ts.testing.gradcheck(lambda x: x, [weight], epsilon=1e-3), "use eps="),
        (lambda: ts.inspect.plot_grad_flow, "use ts.viz.gradient_flow("),
        (lambda: ts.LongTensor, 'use ts.tensor(values, dtype="int64")'),
        (lambda: ts.nn.Seq2Seq, "use ts.nn.EncoderDecoder"),
        (lambda: ts.nn.Attention, "attention is ts.softmax(q @ k.T, axis=-1) @ v"),
        (lambda: ts.nn.LSTM(2, 3)(np.zeros((4, 1, 2), "f4"), initial_state=None), "use state="),
        (lambda: ts.nn.LSTM(2, 3)(np.zeros((4, 1, 2), "f4"), mask=None), "use lengths="),
        (lambda: ts.nn.LSTM(2, 3).trainable_variables, "use model.parameters()"),
        (lambda: ts.nn.LSTM(2, 3).count_params, "use print(model)"),
        (lambda: ts.lm.RNNLM.from_pretrained, "use ts.load_model(path)"),
        (lambda: ts.hmm.HMM.from_labelled([[("a", "X")]], labels=[["X"]]), "give pairs (symbol, state)"),
        (lambda: ts.viz.confusion_matrix, "use ts.viz.confusion(counts, names)"),
    ],
)
def test_what_tutorials_of_other_libraries_say_has_a_cure(attempt, cure):
    with pytest.raises((AttributeError, TypeError), match=re.escape(cure)):
        attempt()


def test_a_table_of_vectors_is_taken_as_the_cure_says():
    table = np.arange(6.0, dtype="float32").reshape(3, 2)
    embedding = ts.nn.Embedding(*table.shape)
    embedding.load_state_dict({"weight": table})
    embedding.weight.requires_grad_(False)
    assert embedding([2]).tolist() == [[4.0, 5.0]]
