"""The average of the weights over a run: its value, beside the run, and after a stop."""

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.lm import RNNLM
from tinyseq.train import Report, WeightAverage

TEXT = "so long and thanks for all the fish. " * 4
LETTERS = sorted(set(TEXT))
SETTINGS = {"window": 8, "batch": 2, "lr": 0.05}


def trained(steps, callbacks=(), **settings):
    """A small model after some steps, and its losses."""
    ts.manual_seed(0)
    model = RNNLM(LETTERS, 4, dropout=0.2, tied=True)
    average = WeightAverage(model, **settings)
    reports = model.fit_steps(TEXT, steps=steps, callbacks=[average, *[c(model) for c in callbacks]], **SETTINGS)
    return model, average, [report.loss for report in reports]


@pytest.mark.parametrize("decay", [0, 0.5, 0.9, 0.999, 1])
@pytest.mark.parametrize("start", [0, 3])
def test_the_average_is_the_weighted_mean_of_the_weights_after_each_step(decay, start):
    """The weight of each step, from what each later one leaves of it, in long doubles."""
    states = []
    steps = 12
    keep = lambda model: lambda report: states.append(model.state_dict())
    model, average, _ = trained(steps, [keep], decay=decay, start=start)
    averaged = states[start:]
    assert average.count == len(averaged) == steps - start
    shares = [np.longdouble(0)] * len(averaged)
    for i in range(len(averaged)):
        rate = max(1 / np.longdouble(i + 1), 1 - np.longdouble(decay))
        shares = [share * (1 - rate) for share in shares]
        shares[i] = rate
    if decay == 1:
        np.testing.assert_allclose(shares, 1 / len(averaged), rtol=1e-15)
    if decay == 0.5:  # from the third step on, an exponential moving average
        np.testing.assert_allclose(shares[2:], [0.5 ** (len(averaged) - i) for i in range(2, len(averaged))])
    assert float(sum(shares)) == pytest.approx(1)
    average.apply()
    for name, found in model.state_dict().items():
        expected = sum(share * state[name].astype("longdouble") for share, state in zip(shares, averaged, strict=True))
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
        assert found.dtype == np.float32


def test_the_run_is_the_same_beside_it():
    ts.manual_seed(0)
    model = RNNLM(LETTERS, 4, dropout=0.2, tied=True)
    losses = [report.loss for report in model.fit_steps(TEXT, steps=10, **SETTINGS)]
    other, _, found = trained(10)
    assert found == losses
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(other.state_dict()[name], value)


def test_within_the_block_the_model_has_the_average_and_after_it_its_own_weights():
    model, average, _ = trained(8, decay=0.9)
    own = model.state_dict()
    inside = {}

    def fails():
        with average.applied() as same:
            assert same is model
            inside.update(model.state_dict())
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert any((inside[name] != own[name]).any() for name in own)
    for name, value in own.items():
        np.testing.assert_array_equal(model.state_dict()[name], value)
    average.apply()
    for name, value in inside.items():
        np.testing.assert_array_equal(model.state_dict()[name], value)


def test_a_later_change_of_the_weights_does_not_change_the_average():
    model = ts.nn.Linear(1, 1, bias=False)
    average = WeightAverage(model)
    model.weight.copy_([[3.0]])
    average(Report(1, 0.0, 0.0, 0.0, 0.0, 0.1))
    model.weight._array[:] = 5.0  # in place, as a compiled step may
    average.state_dict()["average.weight"][:] = 7.0
    average.apply()
    assert model.weight.item() == 3.0


def test_a_stopped_run_goes_on_with_its_average(tmp_path):
    pytest.importorskip("safetensors", reason="safetensors is not installed")

    def run(path, stops):
        for stop in stops:
            ts.manual_seed(0)
            model = RNNLM(LETTERS, 4)
            average = WeightAverage(model, decay=0.8, start=2)
            reports = model.fit_steps(TEXT, steps=9, callbacks=[average], checkpoint=path, every=1, **SETTINGS)
            for report in reports:
                if report.step == stop:
                    break
            reports.close()
        return average.state_dict()

    whole, parts = run(tmp_path / "a", [9]), run(tmp_path / "b", [1, 4, 9])
    assert whole.keys() == parts.keys()
    assert whole["count"] == 7
    for name, value in whole.items():
        np.testing.assert_array_equal(parts[name], value)


def test_the_average_of_another_model_is_refused_and_changes_nothing():
    average = WeightAverage(ts.nn.Linear(1, 1))
    average(Report(1, 0.0, 0.0, 0.0, 0.0, 0.1))
    before = average.state_dict()
    for other in (ts.nn.Linear(1, 1, bias=False), ts.nn.Linear(2, 1)):
        wrong = WeightAverage(other)
        wrong(Report(1, 0.0, 0.0, 0.0, 0.0, 0.1))
        with pytest.raises(ValueError, match="the average belongs to a model with other weights"):
            average.load_state_dict(wrong.state_dict())
    assert all((average.state_dict()[name] == value).all() for name, value in before.items() if name != "count")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_small_part_of_each_step_is_not_rounded_away(dtype):
    """A step changes the average by less than half a unit in the last place of single precision."""
    model = ts.nn.Linear(1, 1, bias=False, dtype=dtype)
    average, steps = WeightAverage(model, decay=0.9999), range(1, 5001)
    for step in steps:
        model.weight.copy_([[1.0 if step <= 10 else 1.0005]])
        average(Report(step, 0.0, 0.0, 0.0, 0.0, 0.1))
    average.load_state_dict(average.state_dict())
    average.apply()
    expected = np.mean([1.0 if step <= 10 else np.array(1.0005, dtype) for step in steps], dtype="f8")
    np.testing.assert_allclose(model.weight.item(), expected, rtol=1e-7)


def test_what_cannot_be_averaged_is_named():
    model = ts.nn.Linear(1, 1)
    with pytest.raises(TypeError, match="model must be a Module, got list"):
        WeightAverage([model.weight])
    with pytest.raises(ValueError, match=r"decay must be from 0 to 1, got 1\.5"):
        WeightAverage(model, decay=1.5)
    with pytest.raises(ValueError, match="decay must be from 0 to 1, got nan"):
        WeightAverage(model, decay=float("nan"))
    with pytest.raises(ValueError, match="start must be at least 0, got -1"):
        WeightAverage(model, start=-1)
    with pytest.raises(RuntimeError, match=r"no step has been averaged yet; .* more steps than start=5"):
        WeightAverage(model, start=5).apply()
