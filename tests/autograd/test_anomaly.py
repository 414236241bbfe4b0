"""detect_anomaly names the first op whose value is not finite, and apart from it the first gradient."""

import sys
from pathlib import Path

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.autograd.anomaly import AnomalyError


def leaf(values):
    return ts.tensor(np.array(values, dtype=float), requires_grad=True)


def here():
    """File and line of the caller, as the error names it."""
    frame = sys._getframe(1)
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_first_value_that_is_not_finite_is_named_with_op_module_step_and_line():
    x = leaf([1.0, 0.0, -1.0])
    lines = []
    with ts.detect_anomaly(), ts.scope("encoder"), ts.scope("cell"), ts.step(4):
        y = x * 2.0
        with pytest.raises(AnomalyError) as caught:
            ts.exp(lines.append(here()) or ts.log(y))
    assert str(caught.value) == (
        f"forward: log made 2 of 3 values not finite (in encoder.cell, step 4), called at {lines[0]}"
    )


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_first_gradient_that_is_not_finite_is_named_with_the_line_of_the_forward_pass():
    x = leaf([0.0, 4.0])
    with ts.detect_anomaly():
        with ts.step(2):
            lines = [here(), ts.sqrt(x)]
        loss = lines.pop().sum()
        with pytest.raises(AnomalyError) as caught:
            loss.backward()
    assert str(caught.value) == (
        f"backward: the VJP of sqrt made 1 of 2 gradients not finite (at the top level, step 2), called at {lines[0]}"
    )


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_gradients_that_are_recorded_are_watched_too():
    x = leaf([0.0, 4.0])
    with ts.detect_anomaly():
        loss = ts.sqrt(x).sum()
        with pytest.raises(AnomalyError, match=r"sqrt|divide"):
            ts.grad(loss, x, create_graph=True)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_gradients_of_a_weight_are_watched_at_each_of_its_uses():
    w = leaf([[1e-200]])
    with ts.detect_anomaly():
        with ts.step(7):
            h = ts.tensor([[1e200]]) @ w
        loss = (h * 1e200).sum()
        with pytest.raises(AnomalyError, match=r"VJP of matmul made 1 of 1 .* \(at the top level, step 7\)"):
            loss.backward()


def test_infinities_that_were_given_are_no_anomaly():
    x = leaf([0.0, -np.inf])
    with ts.detect_anomaly():
        y = ts.logsumexp(x) + ts.max(x * 2.0)
        y.backward()
    assert x.grad.tolist() == [3.0, 0.0]
    mask = np.array([True, False])
    with ts.detect_anomaly():
        ts.logsumexp(ts.where(mask, x, -np.inf)).backward()
        with pytest.raises(AnomalyError, match="log made 1 of 2 values not finite"):
            ts.where(mask, ts.log(leaf([0.0, 1.0])), -np.inf)


def test_whole_numbers_and_several_outputs_pass():
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    with ts.detect_anomaly():
        a, b = ts.unbind(x)
        (a * ts.argmax(b) + ts.split(b, 2)[0]).sum().backward()
    assert x.grad.tolist() == [[1.0, 1.0], [2.0, 0.0]]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_without_it_nothing_is_watched():
    x = leaf([0.0])
    ts.sqrt(x).sum().backward()
    assert np.isinf(x.grad.numpy()).all()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_it_is_left_after_an_error():
    x = leaf([-1.0])
    with pytest.raises(AnomalyError), ts.detect_anomaly():
        ts.log(x)
    assert np.isnan(ts.log(x).numpy()).all()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", ["{}_tools.py", "{}.py", "{}-examples/run.py"])
def test_a_file_beside_the_package_is_the_users(name):
    """Also one whose path begins as the package's does."""
    package = Path(ts.__file__).parent
    path = str(package.parent / name.format(package.name))
    space = {"ts": ts, "x": leaf([0.0])}
    with ts.detect_anomaly(), pytest.raises(AnomalyError) as caught:
        exec(compile("\n\nts.log(x)", path, "exec"), space)
    assert str(caught.value).endswith(f"called at {path}:3")
