"""Ten submissions as students write them, not made from the declared mistakes: five right, five wrong in known ways."""

import csv
import json
import re
from pathlib import Path

from typer.testing import CliRunner

from tinyseq.commands.main import app

CLIP = """
def clip_by_norm(gradients, threshold):
    total = 0.0
    for g in gradients:
        total += float((g * g).sum())
    length = total ** 0.5
    if {compared} <= threshold:
        return [g.copy() for g in gradients]
    return [g / length * threshold for g in gradients]
"""
GRU = """
def gru_step(x, h, w):
    n = len(h)
    gate = lambda rows: 1 / (1 + np.exp(-(rows[:, :n] @ h + rows[:, n:] @ x)))
    z, r = gate(w[:n]), gate(w[n:2 * n])
    candidate = np.tanh({candidate} + w[2 * n:, n:] @ x)
    return h + z * (candidate - h)
"""
LSTM = """
def lstm_step(x, h, c, w, b):
    n = len(h)
    a = w[:, :n] @ h + w[:, n:] @ x + b
    i, f, o = (1 / (1 + np.exp(-a[k * n:(k + 1) * n])) for k in range(3))
    c_new = f * c + i * np.tanh(a[3 * n:])
    h_new = o * np.tanh({cell})
    return h_new, c_new
"""
VITERBI = """
def viterbi(initial, transition, emission, observations):
    K, T = len(initial), len(observations)
    v = np.zeros((T, K))
    back = np.zeros((T, K), int)
    for j in range(K):
        v[0, j] = initial[j] * emission[j, observations[0]]
    for t in range(1, T):
        for j in range(K):
            scores = [v[t - 1, i] * transition[i, j] for i in range(K)]
            back[t, j] = max(range(K), key=lambda i: scores[i])
            v[t, j] = {choose}(scores) * emission[j, observations[t]]
    path = [int(np.argmax(v[T - 1]))]
    for t in range(T - 1, 0, -1):
        path.{put}back[t, path[{last}]])
    return [int(s) for s in path], v[T - 1].max()
"""
STATE = """
def state_gradient(weight, states, local):
    out = [None] * len(states)
    for t in reversed(range(len(states))):
        out[t] = local[t].copy()
        if t + 1 < len(states):
            out[t] += (out[t + 1] * (1 - states[t + {slope}] ** 2)) @ weight
    return np.stack(out)
"""
RIGHT = {
    CLIP: {"compared": "length"},
    GRU: {"candidate": "w[2 * n:, :n] @ (r * h)"},
    LSTM: {"cell": "c_new"},
    VITERBI: {"choose": "max", "put": "insert(0, ", "last": "0"},
    STATE: {"slope": "1"},
}
WRONG = {
    "frida.py": (CLIP, {"compared": "total"}, "clip_by_norm: wrong, the squared norm is compared with the threshold"),
    "gus.py": (
        GRU,
        {"candidate": "r * (w[2 * n:, :n] @ h)"},
        "gru_step: wrong, the reset gate is applied after the product, as PyTorch does",
    ),
    "hana.ipynb": (
        LSTM,
        {"cell": "c"},
        "lstm_step: wrong, the output uses the previous cell; it should use the new one",
    ),
    "ivo.py": (
        VITERBI,
        {"choose": "max", "put": "append(", "last": "-1"},
        "viterbi: wrong, the path is in reverse order",
    ),
    "jun.py": (
        STATE,
        {"slope": "0"},
        "state_gradient: wrong, the slope of tanh is taken one step too early, at the state before",
    ),
}


def source(parts):
    return "import numpy as np\n" + "".join(
        # the braces of the templates stand for what a student chose
        template.format(**choice)
        for template, choice in parts.items()
    )


def test_ten_submissions_are_marked_and_the_mistakes_named(tmp_path):
    folder = tmp_path / "submissions"
    folder.mkdir()
    for name in ("ann.py", "bob.py", "cyd.py", "dan.py", "eve.py"):
        (folder / name).write_text(source(RIGHT))
    for name, (template, choice, _) in WRONG.items():
        text = source(RIGHT | {template: choice})
        cells = [{"cell_type": "code", "source": text}]
        (folder / name).write_text(json.dumps({"cells": cells}) if name.endswith("ipynb") else text)
    result = CliRunner().invoke(app, ["check", str(folder), "--csv", str(tmp_path / "marks.csv")])
    assert result.exit_code == 0, result.output
    docs = (Path(__file__).resolve().parents[2] / "docs" / "exercises.md").read_text("utf-8")
    assert re.search(r"```text\n(.*?)```", docs, re.DOTALL)[1] in result.output
    with (tmp_path / "marks.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["points"] for row in rows] == ["5"] * 5 + ["4"] * 5
    assert [row["comments"] for row in rows] == [""] * 5 + [comment for _, _, comment in WRONG.values()]
