"""`explain`: the chain rule of a graph, written out."""

import re

import numpy as np
import pytest
from loops import LAYERS, layer, normal, plain_loop

import tinyseq as ts
from tinyseq.autograd.declare import OPS
from tinyseq.autograd.record.formula import plain, read, rules, tex

OURS = [op for op in OPS.values() if op.module.startswith("tinyseq.") and not op.name.endswith("_example")]


def test_two_steps_of_a_plain_network_are_written_out():
    weight = ts.nn.Parameter(normal(0, 2, 2))
    weight.node.name = "rnn.weight_hh_l0"
    losses, _ = plain_loop([weight] * 2, normal(1, 2, 2, 1))
    explanation = ts.inspect.explain(losses[1], weight)
    assert explanation.text.splitlines() == [
        "dL/dW = the sum of 2 uses of W = rnn.weight_hh_l0, shape (2, 2): matmul at steps 0, 1",
        "",
        "             L = sum(u_1)                ∇u_1[i] = ∇L",
        "             u_1 = multiply(h_1, h_1)    ∇h_1 += ∇u_1 h_1",
        "             u_1 = multiply(h_1, h_1)    ∇h_1 += ∇u_1 h_1",
        "  step 1     h_1 = tanh(b_1)             ∇b_1 = ∇h_1 (1 - h_1²)",
        "  step 1     b_1 = add(const, a_1)       ∇a_1 = ∇b_1",
        "  step 1     a_1 = matmul(W, h_0)        ∇W += ∇a_1 h_0ᵀ",
        "  step 1     a_1 = matmul(W, h_0)        ∇h_0 = Wᵀ ∇a_1",
        "  step 0     h_0 = tanh(b_0)             ∇b_0 = ∇h_0 (1 - h_0²)",
        "  step 0     b_0 = add(const, a_0)       ∇a_0 = ∇b_0",
        "  step 0     a_0 = matmul(W, const)      ∇W += ∇a_0 constᵀ",
    ]
    assert r"&\bar{W} \mathrel{+}= \bar{a_{1}}\,{h_{0}}^\top && t = 1 \\" in explanation.tex.splitlines()
    assert r"\sum_{t=0}^{1}" in explanation.headline_tex


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_every_edge_on_the_way_is_a_line_and_long_sequences_are_elided(name):
    net = layer(name, 2, 3, 2)
    loss = (net(ts.tensor(normal(0, 30, 1, 2)))[0] ** 2.0).mean()
    explanation = ts.inspect.explain(loss, net.weight_hh_l0)
    per_step = {t: sum(line.step == t for line in explanation.lines) for t in range(30)}
    assert len({per_step[t] for t in range(1, 29)}) == 1  # the same code in every step
    assert sum(line.text.startswith(("∇W +=", "∇W =")) for line in explanation.lines) >= 30 * (1 - ("taught" in name))
    shown = re.findall(r"^ +step (\d+)", explanation.text, re.MULTILINE)
    assert set(shown) == {"29", "28", "0"}
    assert "⋮" in explanation.text
    assert explanation.tex.count("{") == explanation.tex.count("}")
    assert explanation._repr_latex_().startswith("$$")


def test_a_name_of_any_kind_breaks_neither_text_nor_tex():
    weight, other = ts.nn.Parameter([2.0]), ts.nn.Parameter([3.0])
    other.node.name = "a_b\n{$x^2$} \\end{aligned} & %" + "z" * 1000
    with ts.scope("new\nline_{"), ts.step(0):
        h = ts.tanh(weight * other)
    with ts.scope("plain"), ts.step(0):
        loss = (h * other).sum()
    explanation = ts.inspect.explain(loss, weight)
    assert len(explanation.text.splitlines()) == 2 + len(explanation.lines) == 6
    assert max(map(len, explanation.text.splitlines())) < 250
    unescaped = re.sub(r"\\[{}]", "", explanation.tex)
    assert unescaped.count("{") == unescaped.count("}")
    assert unescaped.count(r"\end") == 1
    assert not re.search(r"(?<!\\)[$%]", explanation.tex)


def test_every_op_with_a_rule_has_a_formula():
    for op in OURS:
        assert op.vjp is None or op.tex, op.name


@pytest.mark.parametrize("op", [op for op in OURS if op.tex], ids=lambda op: op.name)
def test_a_formula_is_read_whole_and_written_without_tex(op):
    """Signs of TeX have signs in text: what is left of a command is the name of a function."""
    assert tex(read(op.tex)) == op.tex
    functions = {"cos", "cosh", "ln", "sin", "sinh", *re.findall(r"operatorname\{(\w+)\}", op.tex)}
    for rule in rules(op.tex):
        assert not set(rule.text) & set("\\{}"), rule.text
        assert set(re.findall(r"(?<![a-z])[a-z]{3,}", rule.text)) <= functions, rule.text
        assert re.match(r"∇[a-z]", rule.text)


@pytest.mark.parametrize(
    ("formula", "written"),
    [
        (r"\frac{1}{2} \bar y", "1/2 ∇y"),
        (r"\frac{x + 1}{\sqrt x} \sqrt{2\pi}", "(x + 1)/√x √(2π)"),
        (r"\bar y\cosh x", "∇y cosh x"),
        (r"2\tanh(x)\operatorname{erf} x", "2 tanh(x) erf x"),
        (r"\lfloor x \rfloor_{i} \langle x, y \rangle", "⌊x⌋_i ⟨x, y⟩"),
        (r"x^{-1} x^{-\top} x^{12} x^{y-1} e^y", "x⁻¹ x⁻ᵀ x¹² x^(y-1) e^y"),
        (r"\sum_{k=0}^{2} x_{k+1} \omega_k \Gamma", "Σ_(k=0)^2 x[k+1] ω_k Γ"),
        (r"x^{2", "x²"),
        (r"x} y_", "x y[]"),
    ],
)
def test_a_formula_with_any_commands_is_written_as_text(formula, written):
    assert plain(formula) == written


def test_rules_in_any_order_belong_to_the_arguments_that_they_name():
    matrix, right = ts.tensor(normal(0, 3, 3), requires_grad=True), ts.tensor(normal(1, 3, 2), requires_grad=True)
    loss = ts.solve(matrix, right).sum()
    assert "∇W = -∇solve" not in ts.inspect.explain(loss, right).text
    assert "∇W = (constᵀ)⁻¹ ∇u_1" in ts.inspect.explain(ts.solve(matrix.detach(), right).sum(), right).text
    assert re.search(r"∇W = -∇\w+ u_1ᵀ", ts.inspect.explain(loss, matrix).text)


def test_all_outputs_are_counted_from_0():
    x = ts.tensor(np.diag([1.0, 2.0]), requires_grad=True)
    assert "∇W = u_1[1] (diag ∇u_1[0] + F ⊙ u_1[1]ᵀ ∇u_1[1]) u_1[1]ᵀ" in ts.inspect.explain(ts.eigh(x)[0].sum(), x).text


def test_a_sum_over_the_axes_of_a_batch_is_written():
    """The rule of W x for a batch of x, and of a bias that is added to every column."""
    weight, bias = ts.tensor(normal(0, 3, 2), requires_grad=True), ts.tensor(normal(1, 3, 1), requires_grad=True)
    loss = (weight @ ts.tensor(normal(2, 5, 2, 4)) + bias).sum()
    explanation = ts.inspect.explain(loss, weight)
    assert "∇W = Σ_(axis 0) ∇u_1 constᵀ" in explanation.text
    assert r"\bar{W} = \sum_{\operatorname{axis} 0} \bar{u_{1}}\,{\text{const}}^\top" in explanation.tex
    assert "∇W = Σ_(axes 0, 2) ∇u_2" in ts.inspect.explain(loss, bias).text
    scale = ts.tensor(2.0, requires_grad=True)
    assert "∇W = Σ_(axis 0) (-∇u_1 const / W²)" in ts.inspect.explain((ts.ones(2) / scale).sum(), scale).text


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_the_formulas_can_be_typeset(name):
    """By matplotlib's own reader of TeX, which knows less than a notebook does."""
    mathtext = pytest.importorskip("matplotlib.mathtext", reason="the reader of TeX is matplotlib's")
    net = layer(name, 2, 3)
    output, _ = net(ts.tensor(normal(0, 2, 2, 2)), lengths=[2, 1])
    explanation = ts.inspect.explain(ts.nn.cross_entropy(output[:, 0], [0, 2]), net.weight_hh_l0)
    parser = mathtext.MathTextParser("path")
    for formula in [explanation.headline_tex, *(line.tex for line in explanation.lines)]:
        for source, target in ((r"\mathrel{+}=", "+="), (r"\tfrac", r"\frac"), (r"\top", "T")):
            formula = formula.replace(source, target)
        parser.parse(f"${formula}$")


def test_parts_are_counted_as_everywhere_else():
    net = layer("LSTM", 2, 3)
    explanation = ts.inspect.explain(net(ts.tensor(normal(0, 2, 1, 2)))[0].sum(), net.weight_hh_l0)
    assert "∇b_1 = [∇d_1[0]; …; ∇d_1[3]]" in explanation.text
    assert "o_1 = sigmoid(d_1[3])" in explanation.text


def test_the_second_argument_has_its_own_rule():
    w = ts.tensor(2.0, requires_grad=True)
    assert "∇W = -∇L 3 / W²" in ts.inspect.explain(ts.divide(3.0, w), w).text
    assert "∇W = ∇L [¬const]" in ts.inspect.explain(ts.where(True, 1.0, w), w).text
    assert "∇W = ∇u_1[1]" in ts.inspect.explain(ts.stack([ts.tensor(1.0), w]).sum(), w).text


def test_a_constant_that_is_a_single_number_stands_for_itself():
    x = ts.tensor(2.0, requires_grad=True)
    explanation = ts.inspect.explain(x**3 * -2.5, x)
    assert "∇W = ∇u_1 3 W^(3-1)" in explanation.text
    assert "L = multiply(u_1, (-2.5))" in explanation.text
    assert r"{3}\,{W}" in explanation.tex
