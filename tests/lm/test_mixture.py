"""Mixtures of language models: their probabilities one by one, their weights beside a grid, and their files."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.io import ModelFileError
from tinyseq.lm import RNNLM, Mixture, NgramLM, WindowLM, word_vocabulary

TEXT = "so long and thanks for all the fish. " * 4
LETTERS = sorted(set(TEXT))
HELD_OUT = "the fish and so on"


def three(seed=0):
    """A network, n-grams whose symbols are in another order, and a window in a third one."""
    ts.manual_seed(seed)
    return [RNNLM(LETTERS, 6, dropout=0.3), NgramLM(3).fit(TEXT), WindowLM(LETTERS[::-1], 2, 6)]


def next_symbol(model, history):
    """P(w | history) by symbol, from the model alone."""
    if isinstance(model, NgramLM):
        return {symbol: model.prob(symbol, history) for symbol in model.vocabulary}
    with model.evaluating():
        logits, _ = model(model.vocabulary.encode(history)[:, None])
    return dict(zip(model.vocabulary, ts.softmax(logits[-1, 0].astype("float64")).tolist(), strict=True))


def test_a_probability_is_the_weighted_mean_of_the_models_and_they_sum_to_one():
    mixture = Mixture(three(), [0.5, 0.3, 0.2])
    found = np.exp(mixture.log_probs(HELD_OUT))
    assert mixture.symbols_of(HELD_OUT) == list(HELD_OUT[1:])
    assert found.shape == (len(HELD_OUT) - 1,)
    for i, p in enumerate(found, 1):
        tables = [next_symbol(model, HELD_OUT[:i]) for model in mixture.models]
        mean = {w: sum(share * table[w] for share, table in zip([0.5, 0.3, 0.2], tables, strict=True)) for w in LETTERS}
        assert p == pytest.approx(mean[HELD_OUT[i]], rel=1e-5)
        assert sum(mean.values()) == pytest.approx(1, rel=1e-6)
    assert mixture.nats(HELD_OUT) == pytest.approx(-np.log(found).mean())
    score = mixture.evaluate(HELD_OUT)
    assert score.nats == mixture.nats(HELD_OUT)
    assert score.symbols == len(HELD_OUT) - 1
    assert score.unknown == 0


@given(st.integers(0, 2**16))
def test_no_weights_on_a_grid_are_better_than_those_of_em(seed):
    rng = np.random.default_rng(seed)
    text = "".join(rng.choice(list("abc"), 60, p=[0.6, 0.3, 0.1]))
    models = [NgramLM(n, vocabulary="abc").fit("".join(rng.choice(list("abc"), 80))) for n in (1, 2, 3)]
    mixture = Mixture(models).fit(text)
    parts = np.exp([model.log_probs(text) for model in models])
    steps = np.arange(21) / 20
    grid = [(a, b, 1 - a - b) for a in steps for b in steps if a + b <= 1]
    best = min(-np.log(np.maximum(weights, 0) @ parts).mean() for weights in grid)
    assert mixture.nats(text) <= best + 1e-6
    assert mixture.weights.sum() == pytest.approx(1)
    assert (mixture.weights >= 0).all()


def test_a_model_that_only_misleads_gets_no_weight():
    good, bad = NgramLM(2, vocabulary="ab").fit("ab" * 50), NgramLM(2, vocabulary="ab").fit("aabb" * 50)
    np.testing.assert_allclose(Mixture([bad, good]).fit("ab" * 20).weights, [0, 1], atol=1e-3)


def test_words_and_the_ends_of_sentences():
    text = "a rose is a rose\nis a rose a rose\n" * 3
    words = word_vocabulary(text)
    ts.manual_seed(0)
    models = [RNNLM(words, 5, words=True), NgramLM(2, words=True, vocabulary=words).fit(text)]
    mixture = Mixture(models)
    assert mixture.symbols_of("a rose\nis") == ["a", "rose", "</s>", "is", "</s>"]
    parts = np.exp([model.log_probs("a rose\nis") for model in models])
    np.testing.assert_allclose(np.exp(mixture.log_probs("a rose\nis")), parts.mean(0))
    drawn = mixture.sample(40, 1, prompt="a rose")
    assert "</s>" in drawn
    assert set(drawn) <= set(words)
    assert mixture.text(drawn)


def test_a_first_symbol_comes_from_the_models_that_say_something_about_it():
    begins = NgramLM(2, smoothing=None, vocabulary=LETTERS).fit([["t", "h", "e"]])
    assert {Mixture([three()[0], begins]).sample(1, seed)[0] for seed in range(20)} == {"t"}
    nothing = Mixture([three()[0], three()[2]])
    assert len({nothing.sample(1, seed)[0] for seed in range(60)}) > 5


def test_a_sample_leaves_the_modes_as_they_are():
    mixture = Mixture(three())
    mixture.models[0].train()
    mixture.models[2].eval()
    mixture.sample(3, 0)
    assert mixture.models[0].training
    assert not mixture.models[2].training
    assert ts.tensor(1.0, requires_grad=True).exp().requires_grad


def test_a_saved_mixture_comes_back_whole(tmp_path):
    mixture = Mixture(three()).fit(HELD_OUT)
    mixture.save(tmp_path / "m.safetensors")
    again = ts.load_model(tmp_path / "m.safetensors")
    assert isinstance(again, Mixture)
    assert [type(part) for part in again.models] == [RNNLM, NgramLM, WindowLM]
    np.testing.assert_array_equal(again.weights, mixture.weights)
    np.testing.assert_array_equal(again.log_probs(HELD_OUT), mixture.log_probs(HELD_OUT))
    assert again.sample(20, 3) == mixture.sample(20, 3)


def test_weights_that_sum_to_one_are_kept_to_the_last_bit():
    models, generator = three(), np.random.default_rng(0)
    for _ in range(50):
        weights = Mixture(models, generator.random(3)).weights
        np.testing.assert_array_equal(Mixture(models, weights).weights, weights)


def test_a_mixture_of_mixtures_is_a_mixture(tmp_path):
    rnn, ngram, window = three()
    nested = Mixture([Mixture([rnn, ngram]), window], [2, 1])
    np.testing.assert_allclose(nested.log_probs(HELD_OUT), Mixture([rnn, ngram, window]).log_probs(HELD_OUT))
    nested.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(Mixture.load(tmp_path / "m.safetensors").log_probs("so"), nested.log_probs("so"))


def test_a_file_whose_parts_are_no_language_models_is_refused(tmp_path):
    mixture = Mixture(three())
    arrays, metadata = mixture.saved()
    metadata["models"][1]["kind"] = "tinyseq.tagging.HMMTagger"
    ts.save(arrays, tmp_path / "m.safetensors", {"kind": Mixture.file_kind, **metadata})
    with pytest.raises(ModelFileError, match="its part 1 is a HMMTagger, not a language model"):
        ts.load_model(tmp_path / "m.safetensors")


def test_what_does_not_fit_is_refused():
    rnn, ngram, _ = three()
    with pytest.raises(ValueError, match="at least two language models, got 1"):
        Mixture([rnn])
    with pytest.raises(TypeError, match=r"models\[1\] must be a language model, got str"):
        Mixture([rnn, "ngram"])
    with pytest.raises(ValueError, match=r"models\[2\] has a different vocabulary .*'!'"):
        Mixture([rnn, ngram, RNNLM([*LETTERS, "!"], 4)])
    with pytest.raises(ValueError, match=r"models\[1\] is a model of words, but models\[0\] is one of characters"):
        Mixture([rnn, NgramLM(2, words=True, min_count=1).fit("a rose")])
    with pytest.raises(RuntimeError, match="not fitted"):
        Mixture([rnn, NgramLM(2)])
    for weights, found in [
        ([1, 2, 3], r"\(3,\)"),
        ([-1, 2], "-1"),
        ([0, 0], "0"),
        ([np.nan, 1], "nan"),
        ([np.inf, 1], "inf"),
    ]:
        with pytest.raises(ValueError, match=f"weights must .*{found}"):
            Mixture([rnn, ngram], weights)
    sparse = [NgramLM(2, smoothing=None, vocabulary="ab").fit("ab") for _ in range(2)]
    with pytest.raises(ValueError, match="probability 0 in all models"):
        Mixture(sparse).fit("bb")


def test_symbols_may_be_given_as_a_list():
    listed = NgramLM(2, vocabulary=["b", "a", "c"]).fit("abab")
    assert listed.vocabulary.symbols == ["b", "a", "c"] or list(listed.vocabulary) == ["b", "a", "c"]
    assert listed.prob("c", "a") > 0
    assert listed.nats("ab") == NgramLM(2, vocabulary=ts.data.Vocabulary("bac")).fit("abab").nats("ab")


def test_a_network_that_has_diverged_is_named_and_nothing_runs_for_ever():
    rnn, ngram, _ = three()
    rnn.output.bias.copy_(np.full(len(LETTERS), np.nan, np.float32))
    mixture = Mixture([ngram, rnn])
    for ask in (mixture.fit, mixture.log_probs, mixture.evaluate):
        with pytest.raises(ValueError, match=r"models\[1\] gives NaN"):
            ask(HELD_OUT)


def test_a_list_of_characters_is_refused_as_the_models_would_read_it_differently():
    for ask in (Mixture(three()).fit, Mixture(three()).log_probs):
        with pytest.raises(TypeError, match=r"text must be a string .* got list"):
            ask(list(HELD_OUT))
