"""The recurrent language model learns, judges, samples and is saved."""

import math
from contextlib import nullcontext

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.data import Windows
from tinyseq.io import ModelFileError
from tinyseq.lm import RNNLM
from tinyseq.lm.networks.task import TextTask
from tinyseq.train import NonFiniteLoss

TEXT = "so long and thanks for all the fish. " * 30


@pytest.fixture(scope="module")
def trained():
    ts.manual_seed(0)
    model = RNNLM(sorted(set(TEXT)), hidden_size=24, cell="gru")
    reports = list(model.fit_steps(TEXT, steps=150, window=16, batch=8, lr=0.02))
    return model, reports


def test_it_learns_a_text_by_heart(trained):
    model, reports = trained
    assert [report.step for report in reports] == list(range(1, 151))
    assert reports[0].loss == pytest.approx(math.log(len(model.vocabulary)), abs=0.5)
    assert model.perplexity(TEXT) < 1.2


def test_nats_are_those_of_one_reader_with_the_whole_history(trained):
    model, _ = trained
    text = TEXT[:40]
    logits, _ = model(model.vocabulary.encode(text[:-1])[:, None])
    loss = ts.nn.cross_entropy(logits[:, 0], model.vocabulary.encode(text[1:]))
    assert model.nats(text, window=7, batch=1) == pytest.approx(loss.item(), rel=1e-5)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_windows_carry_the_state_on_detached_and_begin_anew_with_the_text(cell):
    """Values are those of one long run; gradients go back to the window's beginning and no further."""
    ts.manual_seed(0)
    model = RNNLM("helo", hidden_size=5, cell=cell).to("float64")
    windows = Windows(np.random.default_rng(0).integers(4, size=40), steps=5, batch=2)
    whole, _ = model(windows.inputs)
    task, reached = TextTask(model, windows), []
    for step in range(2 * len(windows)):  # the text is read twice
        window = slice(5 * (step % len(windows)), 5 * (step % len(windows)) + 5)
        loss = task(step).value
        expected = ts.nn.cross_entropy(whole[window], windows.targets[window])
        assert loss.item() == pytest.approx(expected.item(), rel=1e-12)

        with ts.no_grad():
            before = model(windows.inputs[: window.start])[1] if window.start else None
        alone = ts.nn.cross_entropy(model(windows.inputs[window], before)[0], windows.targets[window])
        weight = model.recurrent.weight_hh_l0
        found, truncated = ts.grad(loss, weight).numpy(), ts.grad(alone, weight).numpy()
        np.testing.assert_allclose(found, truncated, rtol=1e-9, atol=1e-12)
        reached.append(np.allclose(found, ts.grad(expected, weight, retain_graph=True).numpy(), rtol=1e-6))
    assert reached == ([True] + [False] * (len(windows) - 1)) * 2  # what is cut off is something


def test_sampling_is_reproducible_and_goes_on_from_a_prompt(trained):
    model, _ = trained
    draws = ["".join(model.sample(30, prompt="so l", rng=np.random.default_rng(1))) for _ in range(2)]
    assert draws[0] == draws[1]
    assert "".join(model.sample(11, prompt="so l", temperature=0)) == "ong and tha"
    assert len(model.sample(5)) == 5


def test_the_same_seed_trains_the_same_model():
    def run():
        ts.manual_seed(3)
        model = RNNLM("helo", hidden_size=4, num_layers=2, dropout=0.3)
        return [report.loss for report in model.fit_steps("hello" * 5, steps=5, window=4, batch=2)]

    assert run() == run()


def test_saved_and_loaded_it_says_the_same(trained, tmp_path):
    model, _ = trained
    model.save(tmp_path / "model.safetensors")
    again = RNNLM.load(tmp_path / "model.safetensors")
    assert again.vocabulary == model.vocabulary
    assert again.nats(TEXT) == model.nats(TEXT)


def test_a_file_of_another_kind_is_refused(tmp_path):
    ts.save({"a": np.ones(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelFileError, match=r"other\.safetensors: holds no tinyseq model"):
        RNNLM.load(tmp_path / "other.safetensors")


def test_a_loss_that_is_not_finite_stops_before_the_weights_change():
    model = RNNLM("helo", hidden_size=4)
    model.output.weight.copy_(np.full(model.output.weight.shape, np.inf))
    before = model.state_dict()
    with np.errstate(invalid="ignore"), pytest.raises(NonFiniteLoss, match="loss of step 0 is nan"):
        list(model.fit_steps("hello", steps=3, window=4, batch=1))
    for name, value in model.state_dict().items():
        assert np.array_equal(value, before[name])


def spoilt(model):
    model.output.bias.copy_(np.full(4, np.nan))
    return model


@pytest.mark.parametrize("look", [lambda model: model.nats("hello"), lambda model: model.sample(2)])
@pytest.mark.parametrize("broken", [False, True])
def test_looking_at_a_model_leaves_the_mode_of_each_of_its_parts(look, broken, monkeypatch):
    model = RNNLM("helo", hidden_size=4)
    model.recurrent.eval()
    before = [module.training for module in model.modules()]
    if broken:
        monkeypatch.setattr(type(model.output), "forward", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError) if broken else nullcontext():
        look(model)
    assert [module.training for module in model.modules()] == before
    assert {*before} == {True, False}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda model: list(model.fit_steps("", steps=1)),
            "the text must have at least 2 symbols, for a first prediction, got 0",
        ),
        (lambda model: model.perplexity("h"), "the text must have at least 2 symbols, for a first prediction, got 1"),
        (lambda model: model.sample(-1), "length must be at least 0, got -1"),
        (lambda model: model.sample(1, temperature=-0.5), "temperature must be a finite number, at least 0; got -0.5"),
        (lambda model: spoilt(model).sample(2), "scores for the next symbol are NaN; has its training diverged"),
        (lambda model: spoilt(model).sample(2, temperature=0), "scores for the next symbol are NaN"),
        (lambda model: RNNLM("helo", hidden_size=0), "hidden_size must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_learnt_or_drawn_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(RNNLM("helo", hidden_size=4))


def test_a_text_shorter_than_a_batch_and_a_window_is_learnt():
    model = RNNLM("helo", hidden_size=4)
    assert [report.step for report in model.fit_steps("hello", steps=2, window=50, batch=50)] == [1, 2]


def test_a_symbol_outside_the_vocabulary_is_named():
    with pytest.raises(ValueError, match="symbol 'x' at position 2"):
        RNNLM("helo").nats("hex")


def test_a_run_that_nobody_reads_warns_that_nothing_was_learnt():
    model = RNNLM("helo", hidden_size=4)
    with pytest.warns(UserWarning, match="no step was taken, as the reports of this run were not read; write `for"):
        model.fit_steps("hello", steps=3)
    with pytest.raises(ValueError, match="the text must have at least 2 symbols"):
        model.fit_steps("", steps=3)
    next(model.fit_steps("hello", steps=3))


def test_a_checkpoint_of_another_batch_is_refused(tmp_path):
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    path, text = tmp_path / "run.safetensors", "hello" * 20
    list(RNNLM("helo", hidden_size=4).fit_steps(text, steps=2, window=4, batch=2, checkpoint=path))
    with pytest.raises(ModelFileError, match=r"a checkpoint of another run: batch was 2, now 3\. Use another file"):
        next(RNNLM("helo", hidden_size=4).fit_steps(text, steps=4, window=4, batch=3, checkpoint=path))


def test_a_text_as_long_as_all_windows_together_is_judged():
    """As many readers as symbols would leave one of them without a target."""
    model = RNNLM("helo", 3)
    assert model.nats("hello", window=1) == pytest.approx(model.nats("hello", window=1, batch=4))
