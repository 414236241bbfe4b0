"""Answers have the type of their question, for type checkers too; and an answer about one sequence is small."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from .models import random_model

MUST_PASS = """
from typing import assert_type

import numpy as np

from tinyseq.hmm import HMM, Decoding, Fitted, MarginalDecoding, Posterior

hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[0.9, 0.1], [0.1, 0.9]])
assert_type(hmm.viterbi([0, 1]), Decoding)
assert_type(hmm.viterbi("ab"), Decoding)
assert_type(hmm.viterbi(["the", None]), Decoding)
assert_type(hmm.viterbi(np.array([0, 1])), Decoding)
assert_type(hmm.viterbi([[0, 1], [1]]), list[Decoding])
assert_type(hmm.viterbi([np.array([0]), np.array([1])], states=[[None], [0]]), list[Decoding])
assert_type(hmm.kbest([0, 1], 2), list[Decoding])
assert_type(hmm.kbest([[0, 1]], k=2), list[list[Decoding]])
assert_type(hmm.posterior([0, 1]), Posterior)
assert_type(hmm.posterior([[0, 1]]), list[Posterior])
assert_type(hmm.posterior_decode([0, 1]), MarginalDecoding)
assert_type(hmm.fit_em([[0, 1]]), Fitted[HMM])
assert_type(hmm.fit_em([0, 1]).model, HMM)
assert_type(HMM.from_labelled([[("a", "X")]], n=3), HMM)
"""
MUST_FAIL = [
    "hmm.viterbi([0, 1]).pth",
    "hmm.viterbi([[0, 1]]).path",
    "hmm.posterior([0, 1], stats=None)",
    "hmm.kbest([0, 1])",
    "hmm.sample(length='3')",
    "HMM.from_labelled([[('a', 'X')]], order=3)",
]


def test_a_type_checker_knows_answers_and_finds_mistakes(tmp_path, monkeypatch):
    api = pytest.importorskip("mypy.api")
    root = Path(__file__).parents[2]
    monkeypatch.chdir(root)
    good, bad = tmp_path / "good.py", tmp_path / "bad.py"
    good.write_text(MUST_PASS)
    bad.write_text("\n".join([*MUST_PASS.strip().splitlines()[:7], *MUST_FAIL]))
    out, _, _ = api.run(["--strict", "--no-error-summary", "--cache-dir", str(root / ".mypy_cache"), str(good)])
    assert out == ""
    out, _, _ = api.run(["--strict", "--no-error-summary", "--cache-dir", str(root / ".mypy_cache"), str(bad)])
    wrong = {int(line.split(":")[1]) for line in out.splitlines() if ": error:" in line}
    assert wrong == set(range(8, 8 + len(MUST_FAIL)))


@pytest.mark.parametrize("n", [2, 3])
def test_a_posterior_does_not_keep_the_batch(n):
    rng = np.random.default_rng(0)
    model = random_model(rng, 3, 4, n)
    short, long = rng.integers(0, 4, 5), rng.integers(0, 4, 100_000)
    one, alone = model.posterior([long, short])[1], model.posterior(short)
    np.testing.assert_allclose(one.transitions, alone.transitions, rtol=1e-12)
    assert one.states.base is None
    assert len(pickle.dumps(one)) <= len(pickle.dumps(alone)) + 100
