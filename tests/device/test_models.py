"""Whole models on the device: trained, resumed, sampled from, saved, looked at and drawn."""

import numpy as np
import pytest

import tinyseq as ts

TEXT = "so long and thanks for all the fish. " * 20


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_language_model_learns_there_what_it_learns_here(cupy, cell, tmp_path):
    nats = []
    for device in ("cpu", "cuda"):
        ts.manual_seed(0)
        model = ts.lm.RNNLM(sorted(set(TEXT)), hidden_size=8, cell=cell).to(device)
        for steps in (3, 6):  # stopped, and gone on from its checkpoint
            list(model.fit_steps(TEXT, steps=steps, window=8, batch=4, checkpoint=tmp_path / device))
        assert {p.device for p in model.parameters()} == {device}
        assert len("".join(model.sample(5, prompt="so "))) == 5
        model.save(tmp_path / f"{device}.model")
        nats += [model.nats(TEXT[:80]), ts.lm.RNNLM.load(tmp_path / f"{device}.model").nats(TEXT[:80])]
    np.testing.assert_allclose(nats, nats[0], rtol=1e-4)


def test_a_window_model_learns_there(cupy):
    model = ts.lm.WindowLM(sorted(set(TEXT)), context=3, hidden_size=8).to("cuda")
    before = model.nats(TEXT[:80])
    list(model.fit_steps(TEXT, steps=30, window=8, batch=4))
    assert model.nats(TEXT[:80]) < before


def test_gradients_are_checked_there(cupy):
    x = ts.tensor(np.random.default_rng(0).normal(size=(2, 3))).to("cuda").requires_grad_()
    ts.testing.gradcheck(lambda x: ts.tanh(x) @ x.T, [x])
    ts.testing.gradgradcheck(lambda x: ts.logsumexp(x * x, axis=1), [x])


def test_graphs_of_the_device_are_looked_at_and_drawn(cupy):
    found = []
    for device in ("cpu", "cuda"):
        ts.manual_seed(0)
        layer = ts.nn.LSTM(3, 4, dtype="float64").to(device)
        x = ts.tensor(np.random.default_rng(0).normal(size=(4, 1, 3))).to(device)
        output, _ = layer(x)
        loss = (output * output).mean()
        terms = ts.inspect.grad_by_step(loss, layer.weight_hh_l0)
        flow = ts.inspect.gradient_flow(loss)
        found.append((terms.numpy(), flow.states["h"], ts.viz.graph(loss, gradients=True, values=True).svg()))
    for here, there in zip(*found, strict=True):
        if isinstance(here, str):
            assert here.count("<text") == there.count("<text")
        else:
            np.testing.assert_allclose(there, here, rtol=1e-10)


@pytest.mark.parametrize("crf", [False, True], ids=["each tag alone", "with a CRF"])
def test_a_tagger_learns_and_tags_there(cupy, crf):
    sentences = [[("the", "D"), ("cat", "N"), ("sat", "V")], [("cats", "N"), ("sit", "V")]] * 20
    tagger = ts.tagging.RNNTagger(crf=crf, epochs=3).fit(sentences, device="cuda")
    assert {p.device for p in tagger.network.parameters()} == {"cuda"}
    assert tagger.tag(["the", "cat", "sat"]) == ["D", "N", "V"]
    assert tagger.accuracy(sentences).all > 0.9


def test_fit_moves_a_model_and_names_a_device_that_it_does_not_know(cupy):
    model = ts.lm.RNNLM(sorted(set(TEXT)), hidden_size=8)
    list(model.fit_steps(TEXT, steps=2, window=8, batch=4, device="cuda"))
    assert {p.device for p in model.parameters()} == {"cuda"}
    with pytest.raises(ValueError, match='device must be "cpu" or "cuda", got \'tpu\''):
        model.fit(TEXT, steps=2, device="tpu")


@pytest.mark.parametrize("pooling", ["last", "mean", "max"])
def test_a_classifier_learns_there_what_it_learns_here(cupy, pooling):
    texts, labels = ["good", "not good", "bad", "not bad"] * 4, ["+", "-", "-", "+"] * 4
    found = []
    for device in ("cpu", "cuda"):
        ts.manual_seed(0)
        model = ts.classify.RNNClassifier(8, 8, pooling=pooling, dropout=0.0, epochs=3, batch=3)
        model.fit(texts, labels, device=device)
        assert {p.device for p in model.network.parameters()} == {device}
        found += [model.predict_proba(texts), model.to("cpu").predict_proba(texts)]
    for one in found[1:]:
        np.testing.assert_allclose(one, found[0], rtol=1e-3)
