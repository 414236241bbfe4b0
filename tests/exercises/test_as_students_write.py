"""Mistakes that students make in code of their own are recognised, and right answers written otherwise pass."""

from itertools import pairwise

import numpy as np
import pytest

from tinyseq.exercises import check, check_file


def backward(A, B, o):
    T, K = len(o), len(A)
    b = np.zeros((T, K))
    for t in range(T - 2, -1, -1):
        b[t] = A @ (B[:, o[t + 1]] * b[t + 1])
    return b


def messages(pi, A, B, o):
    T, K = len(o), len(pi)
    a, b = np.ones((T, K)), np.ones((T, K))
    a[0] = pi * B[:, o[0]]
    for t in range(1, T):
        a[t] = a[t - 1] @ A * B[:, o[t]]
    for t in range(T - 2, -1, -1):
        b[t] = A @ (B[:, o[t + 1]] * b[t + 1])
    return a, b


def expected_transitions(pi, A, B, o):
    a, _ = messages(pi, A, B, o)
    out = np.zeros_like(A)
    for t in range(len(o) - 1):
        out += a[t][:, None] * A * B[:, o[t + 1]]
    return out / a[-1].sum()


def baum_welch_step(pi, A, B, o, hard=False):
    a, b = messages(pi, A, B, o)
    gamma = np.eye(len(pi))[(a * b).argmax(axis=1)] if hard else a * b / a[-1].sum()
    moves = sum(np.outer(a[t], B[:, o[t + 1]] * b[t + 1]) * A for t in range(len(o) - 1))
    counts = np.zeros_like(B)
    if hard:
        for t in range(len(o)):
            counts[:, o[t]] += gamma[t]
    else:
        counts[:, o] += gamma.T
    with np.errstate(all="ignore"):
        return gamma[0], moves / moves.sum(axis=1, keepdims=True), counts / counts.sum(axis=1, keepdims=True)


def crf_log_partition(scores, transition):
    alpha = np.zeros(scores.shape[1])
    for s in scores:
        alpha = s + np.logaddexp.reduce(alpha[:, None] + transition, axis=0)
    return np.logaddexp.reduce(alpha)


def crf_score(scores, transition, tags):
    total = sum(scores[t, y] for t, y in enumerate(tags))
    return np.exp(total + sum(transition[i, j] for i, j in pairwise(tags)))


def ctc_collapse(frames):
    return [symbol for i, symbol in enumerate(frames) if i == 0 or symbol != frames[i - 1]]


def ctc_alphas(frames, text):
    labels = [0]
    for y in text:
        labels += [y, 0]
    a = np.zeros((len(frames), len(labels)))
    a[0, :2] = frames[0, labels[:2]]
    for t in range(1, len(frames)):
        for s, label in enumerate(labels):
            skipped = a[t - 1, s - 2] if s > 1 and label != labels[s - 2] else 0
            a[t, s] = frames[t, label] * (a[t - 1, s] + (a[t - 1, s - 1] if s else 0) + skipped)
    return a


def kneser_ney_bigram(counts, d):
    seen = counts > 0
    q, c = seen.sum(axis=0) / seen.sum(), counts.sum(axis=1, keepdims=True)
    backed_off = (counts - d + d * seen.sum(axis=1, keepdims=True) * q) / np.maximum(c, 1)
    return np.where(c > 0, backed_off, q)


def sample_top_k(scores, k, temperature, u):
    kept = np.sort(np.argsort(scores)[-k:])
    p = np.exp(scores[kept] / temperature)
    return int(np.searchsorted(np.cumsum(p / p.sum()), u, side="right"))


def state_gradient(W, h, local):
    g = local.copy()
    for t in range(len(h) - 2, -1, -1):
        g[t] += g[t + 1] @ W * (1 - h[t + 1] ** 2)
    return g


def lstm_step(x, h, c, W, b):
    i, f, o, g = (W @ np.append(h, x) + b).reshape(4, -1)
    i, f, o = (1 / (1 + np.exp(-a)) for a in (i, f, o))
    c = f * c + i * g
    return o * np.tanh(c), c


def hmm_counts(states, observations, K, V):
    pi, A, B = np.zeros(K), np.zeros((K, K)), np.zeros((K, V))
    for s, o in zip(states, observations, strict=True):
        pi[s[0]] += 1
        np.add.at(A, (s[:-1], s[1:]), 1)
        np.add.at(B, (s, o), 1)
    return pi / pi.sum(), A / A.sum(axis=1), B / B.sum(axis=1)[:, None]


def forward(pi, A, B, o):
    alpha = [pi]
    for word in o:
        alpha.append(alpha[-1] @ A * B[:, word])
    return alpha[1:]


def viterbi(pi, A, B, o):
    scores = pi * B[:, o[0]]
    path, p = [scores.argmax()], scores.max()
    for word in o[1:]:
        scores = p * A[path[-1]] * B[:, word]
        path.append(scores.argmax())
        p = scores.max()
    return path, p


def named(name, function):
    function.__name__ = name
    return function


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (named("add_one", lambda c: (c + 1) / (c + 1).sum(axis=1)), "the row totals broadcast along the wrong axis"),
        (kneser_ney_bigram, "the discount is subtracted from counts of 0"),
        (sample_top_k, "this is the position among the kept symbols"),
        (state_gradient, "the slope of tanh is applied after W"),
        (named("bptt_term", lambda g, h, b: np.outer(g, b) * (1 - h**2)), "the slope of tanh scales the columns"),
        (named("lstm_path", lambda f: np.cumprod(f[::-1], axis=0)[::-1]), "the last row is missing"),
        (lstm_step, "tanh of the candidate is missing"),
        (hmm_counts, "the row totals broadcast along the wrong axis"),
        (forward, "a transition comes before the first observation"),
        (viterbi, "each step continues only the best path so far"),
        (backward, "the last row is 0"),
        (expected_transitions, "the backward probability is missing"),
        (baum_welch_step, "a symbol that occurs twice is counted once"),
        (named("baum_welch_step", lambda *model: baum_welch_step(*model, hard=True)), "only the best state is counted"),
        (crf_log_partition, "there is a transition into the first tag"),
        (crf_score, "this is exp of the score"),
        (ctc_collapse, "blanks are not removed"),
        (named("ctc_loss", lambda f, y: -np.log(ctc_alphas(f, y)[-1].sum())), "paths may end anywhere"),
        (named("ctc_loss", lambda f, y: np.log(ctc_alphas(f, y)[-1, -2:].sum())), "the sign is wrong"),
    ],
)
def test_a_mistake_in_other_words_is_recognised(function, message):
    (verdict,) = check(function)
    assert verdict.status == "wrong"
    assert verdict.message.startswith(message) or message in verdict.message


def test_the_same_code_without_its_mistake_is_right():
    assert check(named("ctc_loss", lambda f, y: -np.log(ctc_alphas(f, y)[-1, -2:].sum()))).points == 1


def test_what_is_imported_is_no_misspelt_exercise(tmp_path):
    file = tmp_path / "one.py"
    file.write_text("from numpy import add as logsumexp\ndef log_sumexp(x):\n    return x\n", "utf-8")
    assert check_file(file).notes == ("there is no exercise named 'log_sumexp'; did you mean log_sum_exp?",)
