"""The captions of the play: formulas with numbers, as a mathematician writes them, and true."""

import re
from pathlib import Path

import numpy as np
import pytest
from played import Played, each_network, each_network_in_every_view

import tinyseq as ts

NUMBER = re.compile(r"-?\d[\d.]*(?:e[+-]?\d+)?")


@each_network
def test_the_numbers_of_the_captions_are_those_of_the_computation(played):
    gradients, told = played.gradients(), 0
    for events, values in ((played.forward, None), (played.backward, gradients)):
        for event in events:
            if not event.result or not event.boxes:
                continue
            box = played.box[event.boxes[0]]
            if values is None:
                expected = np.ravel(played.labels.values.value(box))
            elif box.kind == "result":
                expected = np.ones(1)
            elif box.vertices[-1] in values:
                expected = played.at_step(values[box.vertices[-1]], box).ravel()
            else:
                continue
            shown = np.array([float(text) for text in NUMBER.findall(event.result)])
            np.testing.assert_allclose(shown, expected[: len(shown)], rtol=6e-3, atol=1e-12)
            assert len(shown) == min(3, len(expected))
            if event.asked:
                assert event.answer == pytest.approx(float(expected[0]), rel=1e-5)
            told += 1
    assert told > 10


FUNCTIONS = {
    "tanh": np.tanh,
    "σ": lambda x: 1 / (1 + np.exp(-x)),
    "exp": np.exp,
    "relu": lambda x: max(x, 0.0),
    "mean": lambda *x: np.mean(x),
    "sum": lambda *x: sum(x),
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
}
ALL_OF = {"mean", "sum"}  # whose result depends on every number
SIGN = str.maketrans({"−": "-", "×": "*", "÷": "/", "²": "^"})


def computed(text, names=()):
    """What a formula comes to, of the first numbers of all arrays; None if it has more than numbers and functions."""
    if "] [" in text:  # a product of matrices
        return None
    for name, value in sorted(names, key=lambda pair: -len(pair[0])):
        text = text.replace(name, f"({value})")
    text = re.sub(r"\[(-?[\d.]+(?:e-?\d+)?)(, [^\]]*)?\]", r"(\1)", text).translate(SIGN).replace("^", "**2")
    text = re.sub(r"\[(.*?); .*\]", r"\1", text)  # of what is written one above the other, the first
    text = re.sub(r"(?<=[\d)])\s*(?=\()", "*", text)
    words = set(re.findall(r"[^\W\d]+", re.sub(r"\de-?\d", "", text)))
    if "…" in text or not words <= set(FUNCTIONS) or not re.search(r"\d", text):
        return None
    try:
        return float(eval(text, {"__builtins__": {}}, FUNCTIONS))
    except (SyntaxError, TypeError):  # prose, such as a module's name
        return None


def is_near(found, number, text):
    """Whether a formula comes to a number, given that all numbers are rounded to three digits."""
    size = sum(abs(float(part)) for part in NUMBER.findall(text))
    return abs(found - number) <= 0.02 * abs(number) + 0.005 * min(size, 3)


@each_network_in_every_view
def test_what_captions_compute_comes_out(played):
    """Forward with numbers in place of names, backward by a rule with the numbers given beside it."""
    checked = {"forward": 0, "backward": 0}
    for act, events in (("forward", played.forward), ("backward", played.backward)):
        for event in events:
            result = NUMBER.search(event.result)
            if not result or " = " not in event.formula:
                continue
            _, *steps = event.formula.split(" = ")
            given = [pair.split(" = ") for pair in event.given]
            names = [(left, right.split(",")[0].strip("[]")) for left, right in given if NUMBER.search(right)]
            array = any(word in steps[-1] for word in ALL_OF) and "[" in steps[-1]  # a sum over an array's elements
            found = None if array else computed(steps[-1], names)
            if found is not None and (act == "forward" or names):
                assert is_near(found, float(result[0]), steps[-1] + str(names)), (
                    event.formula,
                    event.given,
                    event.result,
                )
                checked[act] += 1
    assert played.view == "closed" or sum(checked.values()), checked


@each_network_in_every_view
def test_captions_have_names_and_numbers_for_all_and_signs_as_in_mathematics(played):
    texts = [
        text
        for event in played.forward + played.backward
        for text in (event.formula, event.result, *event.given, *(addition.rule for addition in event.additions))
    ]
    texts += [part.origin for event in played.backward for part in event.parts]
    for text in texts:
        assert not re.search(r"constant|·|\+ -|− -|- -|× -|÷ -|-0(?![\d.])|\( | \)|= *$|= =", text), text
        assert not re.search(r"^(.+) = \1$", text), text


def by_hand(step):
    """Three steps h = f(h, w x) by hand, and the sum of the last one."""
    w, h = ts.tensor([[0.5]], requires_grad=True), ts.tensor([[0.25]])
    for t in range(3):
        with ts.step(t):
            h = step(h, w @ ts.tensor([[t + 1.0]]))
    return h.sum()


@pytest.mark.parametrize(
    ("step", "forward", "backward"),
    [
        (lambda h, a: (a * 3 + -1) * h, "d₁ = b₁ - 1 = 3 - 1", "∇b₁ = ∇d₁"),
        (lambda h, a: (a * 3 - -2) * h, "d₁ = b₁ + 2 = 3 + 2", "∇b₁ = ∇d₁"),
        (lambda h, a: (-1.5 - a * 3) * h, "d₁ = -1.5 - b₁ = -1.5 - 3", "∇b₁ = -∇d₁"),
        (lambda h, a: (2 - a * -3) * h, "d₁ = 2 - b₁ = 2 + 3", "∇a₁ = -3 ∇b₁"),
        (lambda h, a: ts.tanh(h + a) * -0.5, "h₁ = d₁ × (-0.5)", "∇d₁ = -0.5 ∇h₁"),
        (lambda h, a: (h + a) * -0.5 + -1 * h, "e₁ = -1 × h₀ = -1 × (-0.625)", "∇h₁ = -∇e₂ + ∇b₂"),
    ],
)
def test_negative_numbers_are_written_as_a_mathematician_writes_them(step, forward, backward):
    played = Played(by_hand(step))
    said = [event.formula.replace("−", "-") for event in played.forward + played.backward]
    assert any(formula.startswith(forward) for formula in said)
    assert backward in said


def test_a_folded_loop_tells_values_of_other_steps_by_their_names():
    said = [event.formula for event in Played("lstm", "folded").forward]
    rules = [addition.rule for event in Played("lstm", "folded").backward for addition in event.additions]
    assert any(formula.startswith("eₜ = fₜ × cₜ₋₁ = [") for formula in said)
    assert any(formula.startswith("L = mean(ℓ₀, ℓ₁, ℓ₂) = mean(") for formula in said)
    assert "∇bₜ hₜ₋₁ᵀ" in rules


def test_a_caption_reads_as_the_lecture_writes_it():
    played = Played("rnn")
    said = [event.formula for event in played.forward + played.backward]
    for formula in (
        "b₁ = W_hh h₀",
        "h₁ = tanh(d₁)",
        "y₁ = W_out h₁ + b",
        "∇L = dL/dL",
        "∇ℓ₁ = ∇L ÷ 3",
        "∇y₁ = ∇ℓ₁ (ŷ - target)",
        "∇h₁ = ∇y₁ W_out + W_hhᵀ ∇b₂",
        "∇d₁ = ∇h₁ (1 - h₁²)",
    ):
        assert formula in said
    assert any(formula.startswith("L = mean(ℓ₀, ℓ₁, ℓ₂) = mean(") for formula in said)
    rules = [addition.rule for event in played.backward for addition in event.additions]
    assert {"∇b₂ h₁ᵀ", "∇a₂ x₂ᵀ", "∇y₂ᵀ h₂"} <= set(rules)
    lstm = [event.formula for event in Played("lstm").backward]
    assert "∇c₁ = ∇e₂ f₂ + ∇m₁ (1 - m₁²)" in lstm


def test_the_formula_that_the_docs_quote_is_on_the_page_that_they_draw(tmp_path, monkeypatch):
    text = (Path(__file__).resolve().parents[2] / "docs" / "page.md").read_text("utf-8")
    namespace = {}
    monkeypatch.chdir(tmp_path)
    exec(re.search(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[1], namespace)
    (event,) = [event for event in Played(namespace["loss"]).backward if event.formula.startswith("∇h₁ = ")]
    parts = " + ".join(f"{part.numbers} from {part.origin}" for part in event.parts)
    assert f"> {event.formula} = {event.result}\\\n> {parts}\n" in text


@pytest.mark.parametrize("name", ["lstm", "gru", "two_layers_in_both_directions"])
def test_gates_that_read_rows_of_their_own_send_back_no_zeros_for_the_other_rows(name):
    """The first numbers that each sends back would be zeros but for one gate; and a quiz asks for the first number."""
    stacked = [event for event in Played(name).backward if "; " in event.formula and event.parts]
    assert stacked or name == "gru"
    for event in stacked:
        gates = re.findall(r"∇([^ ;\]]+)", event.formula.partition(" = ")[2])
        origins = [part.origin for part in event.parts]
        assert origins == list(dict.fromkeys(gates))
        assert not any(part.numbers for part in event.parts)
        assert any(text.startswith(f"∇{gates[0]} = ") for text in event.given)
