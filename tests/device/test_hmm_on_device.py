"""Hidden Markov models whose tables, or whose given scores, are on the device: the same answers as on the host."""

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.hmm import HMM, Gaussian

SYMBOLS = ["abca", "b", "", "ccab"]


def tables(n=2, states=3, symbols=3, end=True, zeros=True):
    rng = np.random.default_rng(n)

    def rows(*shape, rest=1.0):
        found = rng.dirichlet(np.ones(shape[-1]), shape[:-1])
        if zeros and len(shape) > 1:
            found[..., 0, 0] = 0.0
        return found / found.sum(axis=-1, keepdims=True) * rest

    stop = rng.uniform(0.1, 0.4, states) if end else None
    rest = 1.0 if stop is None else (1 - stop)[:, None]
    first = tuple(rows(*(states,) * (i + 1), rest=rest if i else 1.0) for i in range(n - 1))
    return (first if n > 2 else first[0]), rows(*(states,) * n, rest=rest), rows(states, symbols), stop


def there(cupy, how, value):
    if isinstance(value, tuple):
        return tuple(there(cupy, how, part) for part in value)
    if value is None:
        return None
    return cupy.asarray(value) if how == "CuPy arrays" else ts.tensor(value).to("cuda")


def pair(cupy, how="tensors", n=2, in_logs=False, emission=True, stops=True, **settings):
    """The same model on the host and on the device."""
    made = []
    initial, transition, table, end = tables(n, end=stops)
    for place in (lambda value: value, lambda value: there(cupy, how, value)):
        parts = place(initial), place(transition), place(table) if emission else None
        if in_logs:
            with np.errstate(divide="ignore"):
                logs = lambda part: tuple(map(np.log, part)) if isinstance(part, tuple) else np.log(part)
                parts = place(logs(initial)), place(logs(transition)), place(np.log(table)) if emission else None
                made.append(HMM.from_logs(*parts, end=place(np.log(end)), **settings))
        else:
            made.append(HMM(*parts, end=place(end), **settings))
    return made


def host(value):
    """A result with everything of the device brought to the host."""
    if isinstance(value, ts.Tensor):
        return value.numpy()
    return value.get() if type(value).__module__.partition(".")[0] == "cupy" else np.asarray(value)


def is_there(array):
    return type(array).__module__.partition(".")[0] == "cupy"


@pytest.mark.parametrize("how", ["tensors", "CuPy arrays"])
@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("in_logs", [False, True], ids=["probabilities", "logs"])
@pytest.mark.parametrize("known", [False, True], ids=["", "known states"])
def test_likelihoods_paths_and_posteriors_are_computed_there(cupy, how, n, in_logs, known):
    here, device = pair(cupy, how, n, in_logs, symbols="abc")
    states = [[None, {1, 2}, None, 2], None, [], None] if known else None
    totals = device.log_likelihood(SYMBOLS, states)
    assert totals.device == "cuda"
    np.testing.assert_allclose(totals.numpy(), here.log_likelihood(SYMBOLS, states), rtol=1e-12)
    for found, expected in zip(device.viterbi(SYMBOLS, states), here.viterbi(SYMBOLS, states), strict=True):
        assert is_there(found.path)
        np.testing.assert_array_equal(found.path.get(), expected.path)
        assert found.path.dtype == expected.path.dtype
        np.testing.assert_allclose(found.log_prob, expected.log_prob, rtol=1e-12)
    for found, expected in zip(device.posterior(SYMBOLS, states), here.posterior(SYMBOLS, states), strict=True):
        assert is_there(found.states)
        assert is_there(found.transitions)
        np.testing.assert_allclose(found.states.get(), expected.states, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(found.transitions.get(), expected.transitions, rtol=1e-10, atol=1e-14)
        np.testing.assert_allclose(found.log_likelihood, expected.log_likelihood, rtol=1e-12)
        assert repr(found)[:40] == repr(expected)[:40]
        assert found._repr_html_() == expected._repr_html_()
    for found, expected in zip(
        device.posterior_decode(SYMBOLS, states), here.posterior_decode(SYMBOLS, states), strict=True
    ):
        np.testing.assert_array_equal(host(found.path), expected.path)
        np.testing.assert_allclose(found.expected_accuracy, expected.expected_accuracy, rtol=1e-12)


def test_names_and_single_sequences(cupy):
    here, device = pair(cupy, symbols="abc", states="XYZ")
    assert device.viterbi("abca").path == here.viterbi("abca").path
    assert device.posterior_decode("abca").path == here.posterior_decode("abca").path
    assert device.viterbi("abca")._repr_html_() == here.viterbi("abca")._repr_html_()


@pytest.mark.parametrize("model", ["on the host", "there"])
@pytest.mark.parametrize("how", ["tensors", "CuPy arrays"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scores_given_on_the_device_are_used_there(cupy, model, how, dtype):
    here, device = pair(cupy, emission=False)
    rng = np.random.default_rng(0)
    scores = [rng.normal(size=(length, 3)).astype(dtype) for length in (4, 1, 6)]
    given = [there(cupy, how, part) for part in scores]
    asked = here if model == "on the host" else device
    near = {"rtol": 1e-5 if dtype == "float32" else 1e-12, "atol": 1e-6 if dtype == "float32" else 1e-14}
    np.testing.assert_allclose(host(asked.log_likelihood(given)), here.log_likelihood(scores), **near)
    assert asked.log_likelihood(given).device == "cuda"
    for found, expected in zip(asked.viterbi(given), here.viterbi(scores), strict=True):
        assert is_there(found.path)
        np.testing.assert_array_equal(found.path.get(), expected.path)
    for found, expected in zip(asked.posterior(given), here.posterior(scores), strict=True):
        np.testing.assert_allclose(found.states.get(), expected.states, **near)
    alone = asked.viterbi(given[0])
    np.testing.assert_array_equal(alone.path.get(), here.viterbi(scores[0]).path)


@pytest.mark.parametrize("how", ["tensors", "CuPy arrays"])
def test_a_batch_of_scores_is_one_array(cupy, how):
    here, device = pair(cupy, emission=False)
    scores = np.random.default_rng(0).normal(size=(4, 5, 3))
    given = there(cupy, how, scores)
    np.testing.assert_allclose(device.log_likelihood(given).numpy(), here.log_likelihood(scores), rtol=1e-12)
    for found, expected in zip(device.viterbi(given), here.viterbi(scores), strict=True):
        np.testing.assert_array_equal(found.path.get(), expected.path)
    with pytest.raises(ValueError, match=r"sequence 0: log scores must have shape \(T, 3\), got \(5, 2\)"):
        device.viterbi(given[:, :, :2])


def test_gradients_reach_scores_and_tables_there(cupy):
    initial, transition, _, _ = tables(end=False)
    rng = np.random.default_rng(0)
    scores, found = rng.normal(size=(5, 3)), []
    for device in ("cpu", "cuda"):
        leaves = [ts.tensor(part).to(device).requires_grad_() for part in (transition, scores)]
        HMM(initial if device == "cpu" else ts.tensor(initial).to(device), leaves[0], None).log_likelihood(
            leaves[1]
        ).backward()
        found.append([leaf.grad.numpy() for leaf in leaves])
    for here, on_device in zip(*found, strict=True):
        np.testing.assert_allclose(on_device, here, rtol=1e-10)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scores_that_are_no_numbers_are_named(cupy, value):
    _, device = pair(cupy, emission=False)
    scores = [np.zeros((2, 3)), np.zeros((3, 3))]
    scores[1][2, 0] = value
    given = [cupy.asarray(part) for part in scores]
    for query in (device.viterbi, device.posterior):
        with pytest.raises(ValueError, match="sequence 1, position 2: log scores must be finite or -inf"):
            query(given)
    with pytest.raises(ValueError, match=r"sequence 1: log scores must have shape \(T, 3\), got \(3, 2\)"):
        device.viterbi([given[0], given[1][:, :2]])
    with pytest.raises(ValueError, match="log scores must be finite or -inf"):
        device.kbest(given, 2)


def test_impossible_sequences_are_explained(cupy):
    messages = []
    for model in pair(cupy, symbols="abc"):
        with pytest.raises(ts.hmm.ImpossibleSequenceError) as error:
            model.viterbi(["ab", "abc"], states=[None, [0, 0, 0]])
        messages.append(str(error.value))
        with pytest.raises(ts.hmm.ImpossibleSequenceError):
            model.posterior(["ab", "abc"], states=[None, [0, 0, 0]])
    assert messages[0] == messages[1]


QUERIES = {
    "kbest": lambda hmm: [(d.path, d.log_prob) for d in hmm.kbest("abca", 3)],
    "filter": lambda hmm: hmm.filter("abca"),
    "forward_table": lambda hmm: hmm.forward_table("abca").alpha,
    "predict": lambda hmm: hmm.predict("abca", 2).states,
    "entropy": lambda hmm: hmm.entropy(["abca", "bc"]),
    "probability": lambda hmm: hmm.probability(["a", None], given=([None, "b"], [1, None])),
    "aic": lambda hmm: hmm.aic("abca"),
    "bic": lambda hmm: hmm.bic(["abca", "b"]),
    "free_parameters": lambda hmm: hmm.free_parameters(),
    "sample": lambda hmm: hmm.sample(5, rng=0).states,
    "sample_posterior": lambda hmm: hmm.sample_posterior("abca", 3, rng=0),
    "stationary": lambda hmm: hmm.stationary(),
    "expected_durations": lambda hmm: hmm.expected_durations(),
    "Filter": lambda hmm: ts.hmm.Filter(hmm).update("a"),
}


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("how", ["tensors", "CuPy arrays"])
def test_every_other_query_answers_from_the_host(cupy, query, how):
    here, device = pair(cupy, how, symbols="abc", stops=query != "stationary")
    found, expected = QUERIES[query](device), QUERIES[query](here)
    if query == "kbest":
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one[0], other[0])
            np.testing.assert_allclose(one[1], other[1], rtol=1e-12)
    else:
        np.testing.assert_allclose(host(found), expected, rtol=1e-10)


def test_training_saving_and_drawing(cupy, tmp_path):
    here, device = pair(cupy, symbols="abc")
    data = ["abca", "bcab", "cc"] * 3
    found, expected = (model.fit_em(data, max_steps=3).model.transition for model in (device, here))
    np.testing.assert_allclose(host(found), expected, rtol=1e-8)
    device.save(tmp_path / "model")
    np.testing.assert_array_equal(HMM.load(tmp_path / "model").transition, here.transition)
    assert device._repr_html_() == here._repr_html_()


def test_an_emission_model_on_the_host_goes_with_tables_there(cupy):
    initial, transition, _, _ = tables(end=False)
    emission = Gaussian([0.0, 1.0, 3.0], [1.0, 0.5, 2.0])
    x = [np.array([0.1, 2.0, np.nan, 1.0]), np.array([3.0])]
    here = HMM(initial, transition, emission)
    device = HMM(there(cupy, "tensors", initial), there(cupy, "tensors", transition), emission)
    np.testing.assert_allclose(device.log_likelihood(x).numpy(), here.log_likelihood(x), rtol=1e-12)
    for found, expected in zip(device.viterbi(x), here.viterbi(x), strict=True):
        np.testing.assert_array_equal(found.path.get(), expected.path)
