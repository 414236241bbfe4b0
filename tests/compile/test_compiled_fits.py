"""Training with ``compile=``: the same losses, fewer Python calls."""

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.compiler.replay import Replay

TEXT = "how much wood would a woodchuck chuck if a woodchuck could chuck wood " * 4
SENTENCES = [
    [("the", "DT"), ("fish", "NN"), ("swims", "VB")],
    [("they", "PRP"), ("fish", "VB")],
    [("the", "DT"), ("old", "JJ"), ("cat", "NN"), ("swims", "VB")],
    [(f"word{i}", "NN" if i % 2 else "VB") for i in range(20)],
] * 3
ROUNDING = {"rtol": 1e-4, "atol": 1e-6}  # of all steps in float32: a product may be summed in another order


@pytest.fixture
def replays(monkeypatch):
    """The number of replays so far, in a list."""
    count, run = [0], Replay.run

    def counted(self, given):
        count[0] += 1
        return run(self, given)

    monkeypatch.setattr(Replay, "run", counted)
    return count


def language_model(compile, steps=30, **settings):
    ts.manual_seed(0)
    model = ts.lm.RNNLM(sorted(set(TEXT)), hidden_size=8, **settings)
    reports = model.fit_steps(TEXT, steps=steps, window=7, batch=4, lr=0.02, compile=compile)
    return model, [report.loss for report in reports]


@pytest.mark.parametrize(
    "settings", [{"cell": "lstm"}, {"cell": "gru", "num_layers": 2, "dropout": 0.3}, {"cell": "rnn"}]
)
def test_a_language_model_is_the_same(settings, replays):
    """The last window of the text is shorter, the first has no state before it, and dropout draws the same numbers."""
    model, losses = language_model(False, **settings)
    assert not replays[0]
    other, compiled = language_model(True, **settings)
    assert replays[0] >= 30
    np.testing.assert_allclose(compiled, losses, **ROUNDING)
    for name, weights in model.state_dict().items():
        np.testing.assert_allclose(other.state_dict()[name], weights, **ROUNDING)


def test_a_model_with_a_window_is_the_same(replays):
    def run(compile):
        ts.manual_seed(0)
        model = ts.lm.WindowLM(sorted(set(TEXT)), context=3, hidden_size=8)
        return [r.loss for r in model.fit_steps(TEXT, steps=30, window=7, batch=4, lr=0.02, compile=compile)]

    losses = run(False)
    assert not replays[0]
    np.testing.assert_allclose(run(True), losses, **ROUNDING)
    assert replays[0] >= 30


def test_a_run_that_was_stopped_goes_on_compiled_or_not(tmp_path):
    whole = language_model(False)[1]
    for first, second in ((True, False), (False, True)):
        settings = {"window": 7, "batch": 4, "lr": 0.02, "checkpoint": tmp_path / f"{first}.run", "every": 5}
        found = []
        for compile, stop in ((first, 10), (second, 30)):
            ts.manual_seed(0)
            model = ts.lm.RNNLM(sorted(set(TEXT)), hidden_size=8)
            for report in model.fit_steps(TEXT, steps=30, compile=compile, **settings):
                found.append(report.loss)
                if report.step == stop:
                    break
        np.testing.assert_allclose(found, whole, **ROUNDING)


@pytest.mark.parametrize("crf", [False, True])
def test_a_tagger_has_the_same_losses_up_to_rounding(crf, replays):
    losses, tags = [], []
    for compile in (False, True):
        ts.manual_seed(0)
        tagger = ts.tagging.RNNTagger(
            8, 8, epochs=6, batch=5, dropout=0.0, input_dropout=0.0, lr=0.01, chars=False, crf=crf
        )
        losses.append([report.loss for report in tagger.fit_steps(SENTENCES, compile=compile)])
        tags.append(tagger.tag_many([["the", "cat", "swims"], ["they", "fish"]]))
    np.testing.assert_allclose(losses[1], losses[0], rtol=2e-4)
    assert losses[1][0] == pytest.approx(losses[0][0], rel=1e-6)
    assert tags[0] == tags[1]
    assert replays[0] >= len(losses[1])


@pytest.mark.parametrize("crf", [False, True])
def test_a_tagger_with_dropout_trains_and_one_with_letters_says_that_it_cannot(crf):
    ts.manual_seed(0)
    tagger = ts.tagging.RNNTagger(8, 64, epochs=12, dropout=0.2, input_dropout=0.2, lr=0.01, chars=False, crf=crf)
    losses = [report.loss for report in tagger.fit_steps(SENTENCES, compile=True)]
    assert losses[-1] < 0.8 * losses[0]
    with pytest.raises(ValueError, match="letters cannot be compiled, as their number differs"):
        ts.tagging.RNNTagger(crf=crf).fit(SENTENCES, compile=True)


def test_what_is_not_a_number_is_traced_to_its_op():
    ts.manual_seed(0)
    model = ts.lm.RNNLM(sorted(set(TEXT)), hidden_size=8)
    model.output.weight.copy_(np.full(model.output.weight.shape, np.nan, "float32"))
    with pytest.raises(ts.train.NonFiniteLoss, match="an input or a weight is not finite"):
        model.fit(TEXT, steps=3, compile=True)


def test_compile_is_a_flag_or_the_name_of_an_executor():
    model = ts.lm.RNNLM(sorted(set(TEXT)), hidden_size=8)
    with pytest.raises(ValueError, match="executor must be None or one of"):
        model.fit(TEXT, steps=1, compile="fast")
    with pytest.raises(TypeError, match="compile must be True, False or the name of an executor, got 1"):
        model.fit(TEXT, steps=1, compile=1)
    assert len(list(model.fit_steps(TEXT, steps=2, compile="numpy"))) == 2
