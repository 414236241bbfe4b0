"""gradcheck accepts right rules, refuses wrong ones, and tells kinks and ill-conditioned points from them."""

import re
import warnings

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.autograd.declare import Op, apply
from tinyseq.testing import GradcheckError, gradcheck, gradgradcheck


def faulty(forward, vjp, saves="x"):
    """A function with a rule of its own, right or wrong, that no table of ops knows."""
    record = Op("faulty", forward, vjp, (saves,), module=__name__, analytic=False)
    return lambda x: apply(record, (x,), {})


def failure(fn, inputs, check=gradcheck, **settings):
    with pytest.raises(GradcheckError) as caught:
        check(fn, inputs, **settings)
    return caught.value.report


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3)], ids=str)
def test_inputs_of_any_shape(shape):
    x = np.random.default_rng(0).uniform(-1, 1, shape)
    size = int(np.prod(shape))
    assert gradcheck(ts.tanh, x).checked == size * size
    assert gradgradcheck(ts.tanh, x)


def test_several_inputs_and_nested_outputs():
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(2, 3)), rng.normal(size=(3, 2))]
    report = gradcheck(lambda a, b: (a @ b, (ts.sin(a), [b * b])), inputs)
    assert report
    assert report.checked == (4 + 6 + 6) * (6 + 6)
    assert gradgradcheck(lambda a, b: (a @ b, (ts.sin(a), [b * b])), inputs)


def test_integers_are_passed_on_and_not_differentiated():
    report = gradcheck(lambda x, ids: ts.take(x, ids), [np.array([0.1, 0.2, 0.3]), np.array([2, 2])])
    assert report.checked == 6


def test_outputs_that_depend_on_nothing_have_zero_derivatives():
    with pytest.warns(UserWarning, match="does not use its inputs"):
        assert gradcheck(lambda x: ts.zeros(2), np.ones(3)).largest == 0
    assert gradgradcheck(lambda x: x.sum(), np.ones(3)).largest < 1e-9


def test_a_passing_report_is_true_and_says_how_much_was_compared():
    report = gradcheck(ts.sin, np.array([0.5, 1.0]))
    assert report
    assert report.verdict == "agree"
    assert re.fullmatch(r"sin: 4 first derivatives agree \(largest difference \S+\)", str(report))


@pytest.mark.parametrize(
    ("slope", "hint"),
    [
        (lambda xp, g, x: -2 * g * x, "a flipped sign"),
        (lambda xp, g, x: g * x, "half of it missing"),
        (lambda xp, g, x: 4 * g * x, "twice too much"),
        (lambda xp, g, x: 0.0 * g, "does some step leave the graph"),
        (lambda xp, g, x: 2.01 * g * x, "but the rule gives 2.01"),
        (lambda xp, g, x: g * x * float("nan"), "but the rule gives nan"),
    ],
)
def test_a_wrong_rule_is_named_so(slope, hint):
    report = failure(faulty(lambda xp, x: x * x, slope), np.array([1.0, 0.5]))
    assert not report
    assert report.verdict == "wrong rule"
    assert hint in report.diagnosis.reason


def test_a_rule_that_is_right_once_and_wrong_twice():
    """First derivatives agree; but the rule hides its use of x from the graph."""
    cube = faulty(lambda xp, x: x**3, lambda xp, g, x: 3 * g * getattr(x, "detach", lambda: x)() ** 2)
    x = np.array([0.5, -1.5])
    assert gradcheck(cube, x)
    report = failure(cube, x, gradgradcheck)
    assert report.order == 2
    assert report.verdict == "wrong rule"
    assert "ts.testing.gradgradcheck(<lambda>, inputs)" in report.snippet


@pytest.mark.parametrize("distance", [0.0, 2e-7, 5e-7, 9e-7, -5e-7])
def test_a_kink_is_no_wrong_rule(distance):
    report = failure(ts.relu, np.array([1.0, distance]), atol=1e-3)
    assert report.verdict == "kink"
    assert report.differing[0].input_index == (1,)


def test_at_a_kink_a_rule_outside_of_both_slopes_is_wrong():
    slope = faulty(lambda xp, x: xp.abs(x), lambda xp, g, x: 3 * g)
    assert failure(slope, np.array([0.0])).verdict == "wrong rule"


def test_a_kink_further_away_is_no_excuse():
    wrong = faulty(lambda xp, x: xp.abs(x), lambda xp, g, x: 2 * g * xp.sign(x))
    assert failure(wrong, np.array([5e-6])).verdict == "wrong rule"


@pytest.mark.parametrize(
    ("fn", "x", "reason"),
    [
        (lambda x: ts.sin(x * 1e9), 1.0, "do not converge"),
        (lambda x: ts.sin(x * 1e4) * 1e4, 0.3, "check with that eps"),
        (lambda x: (1e9 + x) ** 2 * 1e-9, 0.3, "do not converge"),
        (ts.log, 1e-7, "not finite at this point or close to it"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_where_quotients_cannot_judge_the_verdict_is_ill_conditioned(fn, x, reason):
    report = failure(fn, np.array([x]), rtol=1e-6)
    assert report.verdict == "ill-conditioned"
    assert reason in report.diagnosis.reason


def test_the_text_shows_the_worst_coordinates_both_values_the_sweep_and_code(capsys):
    half = faulty(lambda xp, x: x * x, lambda xp, g, x: g * x)
    report = failure(lambda x, y: (y, half(x)), [np.array([[0.5, -2.0]]), np.array(1.0)])
    text = str(report)
    assert text.startswith("<lambda>: 2 of 9 first derivatives differ: wrong rule\n")
    worst, second = text.splitlines()[3:5]
    assert worst.split() == ["d", "outputs[1][0,", "1]", "/", "d", "inputs[0][0,", "1]", "-2", "-4"]
    assert second.split()[-2:] == ["0.5", "1"]
    assert [line.split()[0] for line in text.splitlines()[7:17]] == [f"1e-{k:02}" for k in range(1, 11)]
    assert "wrong rule: the quotients converge to -4" in text
    code = report.snippet.replace("<lambda>", "fn")
    exec(code, {"fn": lambda x, y: (y, half(x))})
    assert capsys.readouterr().out == "tensor(-2.)\n"


def test_the_report_draws_itself_for_notebooks():
    good = gradcheck(ts.sin, np.array([0.5]))._repr_html_()
    assert "1 first derivatives agree" in good
    half = faulty(lambda xp, x: x * x, lambda xp, g, x: g * x)
    bad = failure(half, np.array([0.5]))._repr_html_()
    assert "&lt;lambda&gt;: 1 of 1" in bad
    assert bad.count("<tr>") == 2
    assert bad.count("<polyline") == 1


def test_large_inputs_are_named_and_not_printed():
    half = faulty(lambda xp, x: x * x, lambda xp, g, x: g * x)
    report = failure(half, np.ones(61))
    assert "error.report.inputs[0]" in report.snippet
    assert report.inputs[0].shape == (61,)


def test_short_floats_are_refused_with_the_cure():
    with pytest.raises(TypeError, match=r"inputs\[0\] of tanh has dtype float32; .*need float64: .*to\('float64'\)"):
        gradcheck(ts.tanh, np.ones(2, dtype=np.float32))
    with pytest.raises(TypeError, match="output 0 of <lambda> has dtype float32"):
        gradcheck(lambda x: x.to("float32"), np.ones(2))


def test_a_function_that_changes_its_mind_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"two different results.*model\.eval\(\)"):
        gradcheck(lambda x: x * rng.normal(), np.ones(2))


def test_outputs_that_are_no_tensors_are_refused():
    with pytest.raises(TypeError, match="must return a tensor or a tuple of tensors, got float"):
        gradcheck(lambda x: 1.0, np.ones(2))


def test_where_there_is_nothing_to_check_it_says_so():
    with pytest.raises(TypeError, match="has no floating-point input, so there is no derivative to check"):
        ts.testing.gradcheck(lambda x: x * 1.5, [ts.tensor([1, 2])])


def test_a_function_that_does_not_use_its_inputs_is_warned_of():
    outside, x = ts.tensor([1.0, 2.0], requires_grad=True), ts.tensor([1.0, 2.0], requires_grad=True)
    for unused in (lambda x: ts.tanh(outside), lambda x: ts.tensor([1.0])):
        with pytest.warns(UserWarning, match="does not use its inputs, so there is nothing to check") as found:
            ts.testing.gradcheck(unused, [x])
        assert found[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for flat in (ts.sign, np.rint, lambda x: ts.tensor(np.floor(x.numpy()))):  # whose gradient is 0
            ts.testing.gradcheck(flat, [ts.tensor([1.3, 2.4])])
            ts.testing.gradgradcheck(flat, [ts.tensor([1.3, 2.4])])
        ts.testing.gradcheck(lambda x, y: ts.tanh(x), [x, x])
        ts.testing.gradgradcheck(lambda x: 2.0 * x, [x])
