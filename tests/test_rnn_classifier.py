"""The recurrent classifier: padding changes nothing, and what only the order of the words tells is learnt."""

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.classify import RNNClassifier
from tinyseq.data import padded
from tinyseq.nn import cross_entropy
from tinyseq.train import Validation

TEXTS = ["good", "not good", "bad", "not bad", "good , not bad , not", "not not bad"]
LABELS = ["+", "-", "-", "+", "+", "-"]
POOLINGS = ["last", "mean", "max"]
KINDS = [(pooling, both, False) for pooling in POOLINGS for both in (False, True)]
KINDS += [(pooling, both, True) for pooling in ("mean", "max") for both in (False, True)]


def network(pooling, bidirectional, skip, **settings):
    ts.manual_seed(0)
    settings = {"epochs": 1, "num_layers": 2, "dropout": 0.0} | settings
    model = RNNClassifier(4, 3, pooling=pooling, bidirectional=bidirectional, skip=skip, **settings).fit(TEXTS, LABELS)
    model.network.load_state_dict({name: 3 * value for name, value in model.network.state_dict().items()})
    return model.network


def value_and_gradients(net, loss):
    net.zero_grad()
    loss.backward()
    return [loss.numpy(), *(parameter.grad.numpy().copy() for parameter in net.parameters())]


@pytest.mark.parametrize(("pooling", "both", "skip"), KINDS)
@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_padding_changes_neither_scores_nor_gradients(pooling, both, skip, cell):
    """A batch is its texts one by one, and whatever stands in the padding, however much of it, has no effect."""
    net = network(pooling, both, skip, cell=cell)
    texts = [net.encode(text) for text in TEXTS]
    words, lengths = padded(texts)
    upstream = np.random.default_rng(0).normal(size=(len(texts), 2)).astype("float32")
    alone = sum((net([ids])[0] * row).sum() for ids, row in zip(texts, upstream, strict=True))
    wanted = value_and_gradients(net, alone)
    other = np.where(np.arange(len(words))[:, None] < lengths, words, 1)
    for batch in (words, other, np.pad(other, ((0, 5), (0, 0)), constant_values=2)):
        found = value_and_gradients(net, (net.scores(batch, lengths) * upstream).sum())
        for one, two in zip(found, wanted, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("pooling", "both", "skip"), KINDS)
def test_the_pooled_vector_is_its_definition(pooling, both, skip):
    net = network(pooling, both, skip)
    for text in TEXTS:
        vectors = net.word_vectors(net.encode(text)[:, None])
        states = net.recurrent(vectors)[0].numpy()[:, 0]
        last = np.concatenate([states[-1, :4], states[0, 4:]])
        states = np.concatenate([states, vectors.numpy()[:, 0]], axis=1) if skip else states
        pooled = {"last": last, "mean": states.mean(axis=0), "max": states.max(axis=0)}[pooling]
        wanted = net.output.weight.numpy() @ pooled + net.output.bias.numpy()
        np.testing.assert_allclose(net([net.encode(text)]).numpy()[0], wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("pooling", "both", "skip"), KINDS)
@pytest.mark.parametrize("units", ["words", "chars"])
def test_the_order_of_the_words_is_learnt(pooling, both, skip, units):
    ts.manual_seed(0)
    texts, labels = ["ab", "ba", "xab", "xba", "xxab", "xxba"] * 3, [0, 1, 0, 1, 0, 1] * 3
    given = texts if units == "chars" else [" ".join(text) for text in texts]
    settings = {"pooling": pooling, "bidirectional": both, "skip": skip, "units": units, "dropout": 0.0}
    model = RNNClassifier(8, 8, epochs=60, lr=0.05, **settings)
    model.fit(given, labels)
    assert model.score(given, labels) == 1.0
    assert model.evaluate(given, labels).confusion.tolist() == [[9, 0], [0, 9]]
    p = model.predict_proba(given)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)
    assert model.classes_[p.argmax(axis=1)].tolist() == model.predict(given).tolist() == labels


@pytest.mark.parametrize(("pooling", "both", "skip"), KINDS)
def test_the_gradients_of_the_loss_are_quotients_of_differences(pooling, both, skip):
    net = network(pooling, both, skip).to("float64")
    words, lengths = padded([net.encode(text) for text in TEXTS])
    labels = np.array([0, 1, 1, 0, 0, 1])

    def loss():
        return cross_entropy(net.scores(words, lengths), labels)

    net.zero_grad()
    loss().backward()
    rng = np.random.default_rng(0)
    for name, parameter in net.named_parameters():
        value, along, losses = parameter.numpy().copy(), rng.standard_normal(parameter.shape), []
        for sign in (1, -1):
            parameter.copy_(value + sign * 1e-6 * along)
            losses.append(loss().item())
        parameter.copy_(value)
        slope = (parameter.grad.numpy() * along).sum()
        assert slope == pytest.approx((losses[0] - losses[1]) / 2e-6, rel=1e-5, abs=1e-8), name
        assert slope != 0, name


def test_word_vectors_reach_the_scores_past_the_recurrent_layer():
    """With the states at 0, the scores depend on the words through the skip connection alone."""
    for skip in (False, True):
        net = network("mean", True, skip)
        for parameter in net.recurrent.parameters():
            parameter.copy_(np.zeros(parameter.shape))
        one, other = net([net.encode("good good"), net.encode("bad bad")]).numpy()
        assert np.allclose(one, other) != skip


def test_a_file_from_before_the_skip_connection_is_read(tmp_path):
    pytest.importorskip("safetensors", reason="model files are not installed: pip install 'tinyseq[io]'")
    ts.manual_seed(0)
    model = RNNClassifier(4, 3, epochs=1).fit(TEXTS, LABELS)
    arrays, metadata = model.saved()
    older = {**metadata, "settings": {name: value for name, value in model.settings.items() if name != "skip"}}
    read = RNNClassifier.restored(arrays, older)
    np.testing.assert_array_equal(read.predict_proba(TEXTS), model.predict_proba(TEXTS))
    assert read.settings == model.settings
    model = RNNClassifier(4, 3, epochs=1, skip=True).fit(TEXTS, LABELS)
    model.save(tmp_path / "m.cls")
    read = RNNClassifier.load(tmp_path / "m.cls")
    np.testing.assert_array_equal(read.predict_proba(TEXTS), model.predict_proba(TEXTS))
    assert read.settings["skip"]


def test_texts_of_no_words_and_no_texts_are_predicted():
    model = RNNClassifier(4, 3, epochs=1).fit([*TEXTS, ""], [*LABELS, "+"])
    np.testing.assert_allclose(model.predict_proba(["", "unseen"]), model.predict_proba([[], ["new"]]), rtol=1e-6)
    assert model.predict_proba([]).shape == (0, 2)


@pytest.mark.parametrize(("pooling", "skip"), sorted({(pooling, skip) for pooling, _, skip in KINDS}))
def test_compiled_runs_have_the_same_losses_up_to_rounding(pooling, skip):
    losses = []
    for compile in (False, True):
        ts.manual_seed(0)
        model = RNNClassifier(4, 3, pooling=pooling, skip=skip, dropout=0.0, epochs=4, batch=3)
        losses.append([report.loss for report in model.fit_steps(TEXTS, LABELS, compile=compile)])
    assert len(losses[0]) == 8
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-4)


def test_the_weights_that_were_best_on_held_out_texts_are_kept(monkeypatch):
    made = []
    monkeypatch.setattr(
        "tinyseq.classify.network.Validation", lambda *a, **k: made.append(Validation(*a, **k)) or made[0]
    )
    ts.manual_seed(0)
    model = RNNClassifier(8, 8, epochs=40, batch=3, lr=0.1)
    model.fit(TEXTS, LABELS, validation=(["good", "bad"], ["-", "+"]), patience=3)
    (validation,) = made
    assert len(validation.history) < 40  # patience ended it
    assert validation.best_step < validation.history[-1][0]
    found = -np.log(model.predict_proba(["good", "bad"])[[0, 1], [1, 0]]).mean()
    assert found == pytest.approx(validation.best, rel=1e-6)


def test_a_run_resumes_from_its_checkpoint(tmp_path):
    found = []
    for stops in ([12], [5, 12]):
        for stop in stops:
            ts.manual_seed(0)
            model = RNNClassifier(4, 3, epochs=4, batch=2)
            for report in model.fit_steps(TEXTS, LABELS, checkpoint=tmp_path / f"{len(stops)}.run", every=1):
                if report.step == stop:
                    break
        found.append(model.predict_proba(TEXTS))
    np.testing.assert_array_equal(*found)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="pooling must be 'last', 'mean' or 'max', got 'sum'"):
        RNNClassifier(pooling="sum")
    with pytest.raises(ValueError, match="skip=True pools word vectors, which pooling='last' does not"):
        RNNClassifier(pooling="last", skip=True)
    with pytest.raises(TypeError, match="skip must be True or False, got 1"):
        RNNClassifier(skip=1)
    with pytest.raises(ValueError, match="patience needs held-out texts"):
        RNNClassifier(2, 2).fit(TEXTS, LABELS, patience=2)
    with pytest.raises(ValueError, match="validation has a text with the label 'x', which no training text has"):
        RNNClassifier(2, 2).fit(TEXTS, LABELS, validation=(["good"], ["x"]))
    for wrong in (TEXTS, "ab", 3):
        with pytest.raises(TypeError, match=r"validation must be a pair \(texts, labels\), got"):
            RNNClassifier(2, 2).fit(TEXTS, LABELS, validation=wrong)
