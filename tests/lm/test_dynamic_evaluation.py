"""Dynamic evaluation beside a loop written here, which trains a copy of the model as it reads."""

import copy

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.lm import RNNLM, WindowLM

TEXT = "she sells sea shells by the sea shore; " * 3
LETTERS = sorted(set(TEXT))

MODELS = {
    "lstm": lambda: RNNLM(LETTERS, 7, num_layers=2, dropout=0.5),
    "tied": lambda: RNNLM(LETTERS, 7, cell="gru", tied=True),
    "window": lambda: WindowLM(LETTERS, 3, 6),
}


def by_hand(model, text, window, batch, adapt):
    """log P of each symbol, where the parts of the text lie side by side."""
    model = copy.deepcopy(model).eval()
    ids, descent = model.vocabulary.encode(text), ts.optim.SGD(model.parameters(), lr=adapt)
    ends = np.cumsum([len(part) for part in np.array_split(ids[1:], batch)])
    parts = [ids[end - length : end + 1] for end, length in zip(ends, np.diff(ends, prepend=0), strict=True)]
    found, state = [[] for _ in parts], None
    longest = max(map(len, parts))
    for start in range(0, longest - 1, window):
        steps = min(window, longest - 1 - start)
        # a part that is over repeats its last input, and does not count
        inputs = [[part[min(start + t, len(part) - 2)] for part in parts] for t in range(steps)]
        logits, after = model(np.array(inputs), state)
        state = tuple(s.detach() for s in after) if isinstance(after, tuple) else after.detach()
        log_p, total, count = ts.log_softmax(logits, -1), 0.0, 0
        for b, part in enumerate(parts):
            for t in range(steps):
                if start + t + 1 < len(part):
                    p = log_p[t, b, int(part[start + t + 1])]
                    found[b].append(p.item())
                    total, count = total - p, count + 1
        descent.zero_grad()
        (total / count).backward()
        descent.step()
    return np.concatenate(found)


@pytest.mark.parametrize("name", [*MODELS])
@pytest.mark.parametrize(("window", "batch"), [(9, 1), (16, 2), (5, 4)])
@pytest.mark.parametrize("adapt", [0.0, 0.5])
def test_it_equals_a_loop_that_trains_as_it_reads(name, window, batch, adapt):
    ts.manual_seed(0)
    model = MODELS[name]().train()
    before = {key: np.array(value) for key, value in model.state_dict().items()}
    found = model.log_probs(TEXT, window=window, batch=batch, adapt=adapt)
    np.testing.assert_allclose(found, by_hand(model, TEXT, window, batch, adapt), rtol=2e-4)
    assert found.shape == (len(TEXT) - 1,) == (len(model.symbols_of(TEXT)),)
    if not adapt:
        np.testing.assert_allclose(found, model.log_probs(TEXT, window=window, batch=batch), rtol=1e-5)
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[key])
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_adapting_to_a_repetitive_text_helps():
    ts.manual_seed(0)
    model = MODELS["lstm"]()
    fixed, adapted = model.evaluate(TEXT, batch=1), model.evaluate(TEXT, batch=1, window=8, adapt=1.0)
    assert adapted.nats < fixed.nats - 0.1
    assert adapted.symbols == fixed.symbols


def test_weights_come_back_also_after_an_error():
    ts.manual_seed(0)
    model = MODELS["tied"]()
    before, calls = {key: np.array(value) for key, value in model.state_dict().items()}, []
    forward = model.forward

    def fails(ids, state=None):
        calls.append(ids)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return forward(ids, state)

    model.forward = fails
    with pytest.raises(KeyboardInterrupt):
        model.nats(TEXT, window=8, batch=1, adapt=0.5)
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[key])


def test_parameters_that_are_frozen_do_not_adapt():
    ts.manual_seed(0)
    model = MODELS["lstm"]()
    fixed = model.nats(TEXT, window=8, batch=1)
    for parameter in model.parameters():
        parameter.requires_grad = False
    with pytest.raises(ValueError, match="are frozen"):
        model.nats(TEXT, window=8, batch=1, adapt=0.5)
    model.output.bias.requires_grad = True
    assert model.nats(TEXT, window=8, batch=1, adapt=0.5) != pytest.approx(fixed, abs=1e-4)


@pytest.mark.parametrize(("adapt", "error"), [(-0.1, ValueError), (float("nan"), ValueError), ("fast", TypeError)])
def test_a_wrong_rate_is_refused(adapt, error):
    with pytest.raises(error, match="adapt must"):
        MODELS["lstm"]().nats(TEXT, adapt=adapt)
