"""The model: its answers are those of all paths, and its tables can learn."""

import numpy as np
import pytest
from hmm.enumeration import log_sum, paths, state_posterior, transition_posterior
from hmm.models import SEQUENCES, SYMBOLS, enumerated, models
from hypothesis import given
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.hmm import HMM, ImpossibleSequenceError


@given(models(), SEQUENCES)
def test_log_likelihood_of_ragged_lists(model, x):
    wanted = [log_sum(paths(enumerated(model, s)).values()) for s in x]
    np.testing.assert_allclose(model.log_likelihood(x), wanted, rtol=1e-10, atol=1e-12)


@given(models(), SEQUENCES)
def test_answers_for_a_list_are_those_for_each_alone(model, x):
    x = [s for s in x if np.isfinite(model.log_likelihood(s))] or [[]]
    for s, decoding, posterior in zip(x, model.viterbi(x), model.posterior(x), strict=True):
        assert decoding == model.viterbi(s)
        alone = model.posterior(s)
        np.testing.assert_allclose(posterior.states, alone.states, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(posterior.transitions, alone.transitions, rtol=1e-12, atol=1e-14)


@given(models(), SEQUENCES)
def test_viterbi_and_posterior_are_those_of_all_paths(model, x):
    for s in x:
        scores = enumerated(model, s)
        found = paths(scores)
        if max(found.values()) == -np.inf:
            with pytest.raises(ImpossibleSequenceError):
                model.viterbi(s)
            with pytest.raises(ImpossibleSequenceError):
                model.posterior(s)
            continue
        path, log_prob = model.viterbi(s)
        assert log_prob == pytest.approx(max(found.values()))
        assert found[tuple(model.states.index(state) for state in path)] == pytest.approx(log_prob)
        posterior = model.posterior(s)
        np.testing.assert_allclose(posterior.states, state_posterior(scores), atol=1e-10)
        np.testing.assert_allclose(posterior.transitions, transition_posterior(scores), atol=1e-10)
        assert posterior.log_likelihood == pytest.approx(log_sum(found.values()))


@pytest.mark.host
@given(models(zeros=False, varying=False), st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=4))
def test_the_posterior_is_the_gradient_of_the_log_likelihood_through_the_tape(model, x):
    initial = model.initial if model.n > 2 else (model.initial,)
    logs = [ts.tensor(np.log(t), requires_grad=True) for t in (*initial, model.transition, model.emission)]
    taped = HMM.from_logs(tuple(logs[:-2]), *logs[-2:], end=None if model.end is None else np.log(model.end))
    ids = [SYMBOLS.index(s) for s in x]
    value = taped.log_likelihood(ids)
    *_, transition, emission = ts.grad(value, logs)
    posterior = model.posterior(x)
    assert value.item() == pytest.approx(posterior.log_likelihood)
    np.testing.assert_allclose(transition.numpy(), posterior.transitions.sum(axis=0), atol=1e-10)
    for symbol in range(4):
        at = [t for t, i in enumerate(ids) if i == symbol]
        np.testing.assert_allclose(emission.numpy()[:, symbol], posterior.states[at].sum(axis=0), atol=1e-10)


def test_gradients_reach_probabilities_and_zeros_stay_zero():
    transition = ts.tensor([[1.0, 0.0], [0.5, 0.5]], requires_grad=True)
    model = HMM([0.5, 0.5], transition, [[0.9, 0.1], [0.2, 0.8]])
    model.log_likelihood([[0, 1, 1], [1], []]).sum().backward()
    assert np.isfinite(transition.grad.numpy()).all()
    assert transition.grad.numpy()[0, 1] == 0
    assert transition.grad.numpy()[1, 0] > 0


def test_gradient_descent_on_the_tape_learns():
    rng = np.random.default_rng(0)
    truth = HMM([0.9, 0.1], [[0.9, 0.1], [0.2, 0.8]], [[0.8, 0.2], [0.1, 0.9]])
    data = [truth.sample(20, rng).observations for _ in range(20)]
    logits = [ts.tensor(0.1 * rng.normal(size=shape), requires_grad=True) for shape in ((2,), (2, 2), (2, 2))]
    losses = []
    for _ in range(30):
        model = HMM.from_logs(*(ts.log_softmax(part) for part in logits))
        loss = -model.log_likelihood(data).sum() / 400
        losses.append(loss.item())
        for part, slope in zip(logits, ts.grad(loss, logits), strict=True):
            part.copy_(part.numpy() - slope.numpy())
    assert losses[-1] < losses[0] - 0.01
    assert sorted(losses, reverse=True) == losses


def test_scores_need_not_be_logs_of_probabilities():
    """They may be larger than any number's log, and lie further apart than a float64 reaches."""
    initial, transition, emission = [900.0, 100.0], [[0.0, -2000.0], [0.0, 800.0]], [[0.0, -np.inf], [-np.inf, 5.0]]
    model = HMM.from_logs(initial, transition, emission)
    assert model.log_likelihood([0, 1]) == 900 - 2000 + 5
    assert model.viterbi([[0, 1], [1, 1]])[1].log_prob == 100 + 800 + 10
    assert model.sample(2, np.random.default_rng(0)).states.tolist() == [1, 1]  # of the score 910, [0, 0] of 900


@pytest.mark.parametrize("which", ["initial", "transition", "emission", "end"])
@pytest.mark.parametrize("logs", [False, True])
def test_a_model_follows_its_tensors_when_an_optimizer_changes_them(which, logs):
    tables = {
        "initial": np.array([0.5, 0.5]),
        "transition": np.array([[0.8, 0.1], [0.2, 0.7]]),
        "emission": np.array([[0.9, 0.1], [0.2, 0.8]]),
        "end": np.array([0.1, 0.1]),
    }
    if logs:
        tables = {name: np.log(table) for name, table in tables.items()}
    make, x = HMM.from_logs if logs else HMM, [0, 0, 1]
    leaf = ts.nn.Parameter(tables[which])
    model = make(**(tables | {which: leaf}))
    optimizer = ts.optim.SGD([leaf], lr=0.001)
    for _ in range(3):  # one model, several steps
        optimizer.zero_grad()
        model.log_likelihood(x).backward()
        optimizer.step()
        now = HMM.from_logs(
            **{k: v if logs else np.log(v) for k, v in (tables | {which: leaf.numpy().copy()}).items()},
        )
        assert model.log_likelihood(x).item() == pytest.approx(now.log_likelihood(x), rel=1e-12)
        assert model.viterbi(x).log_prob == pytest.approx(now.viterbi(x).log_prob, rel=1e-12)
        np.testing.assert_allclose(model.posterior(x).states, now.posterior(x).states)
        np.testing.assert_allclose(getattr(model, which).numpy(), getattr(now, which))
