"""The language model with a fixed window: its formula, what it can and cannot know, and what it shares with RNNLM."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.io import ModelFileError
from tinyseq.lm import RNNLM, NgramLM, WindowLM

TEXT = "so long and thanks for all the fish. " * 30


def probabilities(model, ids):
    """P(w | the symbols before) for each symbol but the first, (N - 1, V): the formula in NumPy, one at a time."""
    w = {name: value.astype(np.float64) for name, value in model.state_dict().items()}
    beginning, found = len(model.vocabulary), []
    for t in range(1, len(ids)):
        seen = ([beginning] * model.context + ids[:t])[-model.context :]
        e = np.concatenate([w["embedding.weight"][i] for i in seen])
        h = np.tanh(w["hidden.weight"] @ e + w["hidden.bias"])
        scores = np.exp(w["output.weight"] @ h + w["output.bias"])
        found.append(scores / scores.sum())
    return np.array(found)


@given(
    ids=st.lists(st.integers(0, 3), min_size=2, max_size=30),
    context=st.integers(1, 6),
    window=st.integers(1, 9),
    seed=st.integers(0, 2**31),
)
def test_perplexity_is_that_of_the_formula(ids, context, window, seed):
    ts.manual_seed(seed)
    model = WindowLM("helo", context=context, hidden_size=5, embedding_size=3)
    text = "".join("helo"[i] for i in ids)
    expected = -np.log(probabilities(model, ids)[np.arange(len(ids) - 1), ids[1:]]).mean()
    assert model.nats(text, window=window, batch=1) == pytest.approx(expected, rel=1e-5)
    assert model.perplexity(text, window=window, batch=1) == pytest.approx(math.exp(expected), rel=1e-4)


@given(context=st.integers(1, 5), far=st.integers(1, 5), seed=st.integers(0, 2**31))
def test_it_sees_its_window_and_nothing_before(context, far, seed):
    ts.manual_seed(seed)
    model = WindowLM("ab", context=context, hidden_size=4)
    ids = np.random.default_rng(seed).integers(2, size=context + 5)
    changed = ids.copy()
    changed[-far] = 1 - changed[-far]
    logits, other = (model(x[:, None])[0].numpy()[-1] for x in (ids, changed))
    assert np.array_equal(logits, other) == (far > context)


def test_what_it_learns_comes_near_the_counts_and_cannot_pass_them():
    """On the text that was learnt, the relative frequencies are the best that any model with this window can say."""
    rng = np.random.default_rng(0)
    text = "".join(rng.choice(list("abc"), p=p) for p in rng.dirichlet([0.5] * 3, 40) for _ in range(10))
    ts.manual_seed(0)
    model = WindowLM("abc", context=2, hidden_size=16)
    for _ in model.fit_steps(text, steps=400, window=40, batch=10, lr=0.02):
        pass
    ids = model.vocabulary.encode(text)
    learnt = -np.log(probabilities(model, list(ids))[np.arange(len(ids) - 1), ids[1:]])[1:].mean()
    counted = -NgramLM(3, smoothing=None).fit(text).log_probs(text)[2:].mean()  # both from the third symbol on
    assert counted <= learnt <= 1.005 * counted


def test_it_learns_a_text_by_heart_goes_on_from_a_prompt_and_repeats_itself():
    def run():
        ts.manual_seed(0)
        model = WindowLM(sorted(set(TEXT)), context=6, hidden_size=32)
        return model, [report.loss for report in model.fit_steps(TEXT, steps=150, window=16, batch=8, lr=0.02)]

    model, losses = run()
    assert losses == run()[1]
    assert losses[0] == pytest.approx(math.log(len(model.vocabulary)), abs=0.7)
    assert model.perplexity(TEXT) < 1.1
    assert "".join(model.sample(11, prompt="so l", temperature=0)) == "ong and tha"
    draws = [model.sample(20, prompt="s", rng=np.random.default_rng(1)) for _ in range(2)]
    assert draws[0] == draws[1]
    assert len(model.sample(5)) == 5


def test_it_goes_on_from_its_checkpoint(tmp_path):
    pytest.importorskip("safetensors", reason="safetensors is not installed")

    def weights(steps_at_a_time):
        for stop in steps_at_a_time:
            ts.manual_seed(2)
            model = WindowLM(sorted(set(TEXT)), context=4, hidden_size=6)
            path = tmp_path / f"{len(steps_at_a_time)}.safetensors"
            for report in model.fit_steps(TEXT, steps=20, window=7, batch=3, checkpoint=path, every=3):
                if report.step == stop:
                    break
        return {name: value.tobytes() for name, value in model.state_dict().items()}

    assert weights([5, 11, 20]) == weights([20])


def test_saved_and_loaded_it_says_the_same_and_is_no_other_kind(tmp_path):
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    model = WindowLM("helo", context=3, hidden_size=4, embedding_size=2)
    model.save(tmp_path / "model.safetensors")
    again = WindowLM.load(tmp_path / "model.safetensors")
    assert again.settings == model.settings
    assert again.nats("hello") == model.nats("hello")
    with pytest.raises(ModelFileError, match=r"holds tinyseq\.lm\.WindowLM, expected tinyseq\.lm\.RNNLM"):
        RNNLM.load(tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: WindowLM("ab", context=0), ValueError, "context must be at least 1, got 0"),
        (lambda: WindowLM("ab")([0, 1]), ValueError, r"ids must have shape \(T, B\), got \(2,\)"),
        (lambda: WindowLM("ab")([[2]]), IndexError, r"ids: id 2 at position \(0, 0\) lies outside \[0, 2\)"),
        (
            lambda: WindowLM("ab", context=3)([[1]], ts.tensor([[0, 0], [0, 0]])),
            ValueError,
            r"state must have shape \(2, 1\) \(context - 1, B\), got \(2, 2\)",
        ),
        (lambda: WindowLM("ab").nats("abc"), ValueError, "symbol 'c' at position 2"),
    ],
)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
