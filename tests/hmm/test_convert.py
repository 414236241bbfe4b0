"""Models survive files and other libraries."""

import numpy as np
import pytest
from hmm.models import random_data, random_model
from oracles import oracle

import tinyseq as ts
from tinyseq.hmm import HMM, Gaussian
from tinyseq.io import ModelFileError

pytest.importorskip("safetensors", reason="safetensors is not installed: pip install 'tinyseq[io]'")


@pytest.mark.parametrize("order", [2, 3])
@pytest.mark.parametrize("end", [False, True])
def test_a_saved_model_is_the_same_model(tmp_path, order, end):
    rng = np.random.default_rng(order)
    model = random_model(rng, 3, 4, order, end=end, states=["a", ("b", True), "c"], symbols=["x", "y", 3, "<unk>"])
    model.save(tmp_path / "model.safetensors")
    again = HMM.load(tmp_path / "model.safetensors")
    assert repr(again) == repr(model)
    assert list(again.states) == list(model.states)
    assert list(again.symbols) == list(model.symbols)
    x = ["x", "y", 3, "x"]
    assert again.log_likelihood(x) == model.log_likelihood(x)
    assert again.viterbi(x) == model.viterbi(x)


def test_models_with_other_emissions_are_saved_too(tmp_path):
    for emission in (Gaussian([0.0, 1.0], [1.0, 2.0]), Gaussian(np.eye(2), [np.eye(2)] * 2, floor=0.1), None):
        model = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], emission)
        model.save(tmp_path / "model")
        again = HMM.load(tmp_path / "model")
        x = {1: np.zeros(3), 2: np.zeros((3, 2))}[emission.size] if emission else np.zeros((3, 2))
        assert again.log_likelihood(x) == model.log_likelihood(x)
    assert again.transition.dtype == np.float64


def test_the_unknown_and_float32_survive(tmp_path):
    model = HMM(np.float32([1.0]), np.float32([[1.0]]), np.float32([[0.75, 0.25]]), symbols="ab", unknown="b")
    model.save(tmp_path / "model")
    again = HMM.load(tmp_path / "model")
    assert again.dtype == np.float32
    assert again.log_likelihood(["z"]) == pytest.approx(np.log(0.25))


@pytest.mark.parametrize("order", [2, 3, 4])
def test_scores_that_change_with_time_come_back_to_the_last_bit(tmp_path, order):
    rng = np.random.default_rng(order)
    initial = tuple(rng.normal(size=(2,) * (i + 1)) for i in range(order - 1))
    transition, emission = 300 * rng.normal(size=(5, *(2,) * order)), rng.normal(size=(2, 3))
    transition[rng.random(transition.shape) < 0.2] = -np.inf
    model = HMM.from_logs(initial, transition, emission, end=np.array([0.5, -np.inf]), symbols="xyz")
    model.save(tmp_path / "model")
    again = HMM.load(tmp_path / "model")
    data = ["xyzx", "", "z", "xy"]
    np.testing.assert_array_equal(again.log_likelihood(data), model.log_likelihood(data))
    np.testing.assert_array_equal(again.parameters.parts[1].logs, transition)


def test_a_damaged_file_is_refused_or_holds_a_model(tmp_path):
    rng, path = np.random.default_rng(0), tmp_path / "model"
    random_model(rng, 2, 2, states=["<a>", ("b", 1)], symbols="xy", unknown="y").save(path)
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(ModelFileError):
            HMM.load(path)
    for _ in range(300):
        damaged = bytearray(whole)
        for place in rng.integers(len(whole), size=rng.integers(1, 4)):
            damaged[place] = rng.integers(256)
        path.write_bytes(bytes(damaged))
        try:
            model = HMM.load(path)
        except ModelFileError:
            continue
        assert not np.isnan(model.log_likelihood([0, 1]))


def test_a_file_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(ModelFileError, match="no such file"):
        HMM.load(tmp_path / "nothing")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(ModelFileError, match="is a text file that begins with 'hello'"):
        HMM.load(tmp_path / "text")
    ts.save({"w": np.ones(2)}, tmp_path / "other", {"kind": "something else"})
    with pytest.raises(ModelFileError, match="holds something else, expected"):
        HMM.load(tmp_path / "other")
    ts.save({"w": np.ones(2)}, tmp_path / "part", {"kind": "hidden Markov model", "n": 2})
    with pytest.raises(ModelFileError, match=r"the HMM does not fit its arrays \('initial.0' is missing\)"):
        HMM.load(tmp_path / "part")
    for order, message in (
        (-1, "n must be at least 2, got -1"),
        (float("inf"), "float infinity"),
    ):
        ts.save({"w": np.ones(2)}, tmp_path / "part", {"kind": "hidden Markov model", "n": order})
        with pytest.raises(ModelFileError, match=message):
            HMM.load(tmp_path / "part")


def test_to_hmmlearn_and_back():
    oracle("hmmlearn.hmm")
    rng = np.random.default_rng(0)
    data = random_data(rng, 4, [9, 4])
    x, lengths = np.concatenate(data)[:, None], [9, 4]
    model = random_model(rng, 3, 4)
    other = model.to_hmmlearn()
    assert other.score(x, lengths) == pytest.approx(model.log_likelihood(data).sum(), rel=1e-9)
    np.testing.assert_array_equal(HMM.from_hmmlearn(other).transition, model.transition)
    roots = rng.normal(size=(3, 2, 2))
    for covariances in (rng.uniform(1, 2, (3, 2)), roots @ roots.swapaxes(1, 2) + np.eye(2)):
        model = HMM(model.initial, model.transition, Gaussian(rng.normal(size=(3, 2)), covariances))
        points = rng.normal(size=(12, 2))
        other = model.to_hmmlearn()
        assert other.score(points) == pytest.approx(model.log_likelihood(points), rel=1e-9)
        again = HMM.from_hmmlearn(other)
        np.testing.assert_array_equal(again.emissions.covariances, covariances)
        assert again.emissions.full == (covariances.ndim == 3)


def test_what_hmmlearn_lacks_is_said():
    hmmlearn = oracle("hmmlearn.hmm")
    with pytest.raises(TypeError, match="hmmlearn has models with n=2 only"):
        random_model(np.random.default_rng(0), 2, 2, 3).to_hmmlearn()
    with pytest.raises(TypeError, match="Given has no counterpart"):
        HMM([1.0], [[1.0]], None).to_hmmlearn()
    with pytest.raises(TypeError, match="dict has no counterpart"):
        HMM.from_hmmlearn({})
    with pytest.raises(ValueError, match="this CategoricalHMM is not fitted yet"):
        HMM.from_hmmlearn(hmmlearn.CategoricalHMM())
    mixture = hmmlearn.GMMHMM()
    mixture.means_ = np.zeros((1, 1, 1))
    with pytest.raises(ValueError, match="this GMMHMM is not fitted yet"):
        HMM.from_hmmlearn(mixture)
