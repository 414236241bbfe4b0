"""The encoder-decoder: teacher forcing is the likelihood, and its searches are right against all targets."""

from itertools import pairwise, product

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.nn import EncoderDecoder


@pytest.fixture(params=["rnn", "lstm", "gru"])
def model(request):
    ts.manual_seed(1)
    model = EncoderDecoder(4, 3, hidden_size=8, embedding_size=4, cell=request.param, num_layers=2)
    for parameter in model.parameters():
        parameter.copy_(parameter.numpy() * 2)  # so that the distribution is not all but even
    return model


def log_prob(model, source, target, ended=True):
    """log P(target | source), symbol by symbol."""
    state, total = model.encode([source]), 0.0
    for before, symbol in pairwise([model.begin, *target, *([model.end] if ended else [])]):
        logits, state = model([[before]], state)
        total += ts.log_softmax(logits, axis=-1).numpy()[0, 0, symbol]
    return float(total)


def test_the_loss_is_the_mean_over_all_symbols_and_ends(model):
    sources, targets = [[0, 1, 2, 3], [2]], [[1, 0, 2], [2, 1, 0, 1, 2]]
    expected = -sum(log_prob(model, *pair) for pair in zip(sources, targets, strict=True)) / (3 + 5 + 2)
    assert model.loss(sources, targets).item() == pytest.approx(expected, rel=1e-5)


def test_a_beam_that_is_wide_enough_finds_the_best_of_all_targets(model):
    longest, source = 3, [3, 1]
    done = {target: log_prob(model, source, target) for n in range(longest) for target in product(range(3), repeat=n)}
    cut_off = {target: log_prob(model, source, target, ended=False) for target in product(range(3), repeat=longest)}
    ranked = sorted({**done, **cut_off}.items(), key=lambda item: -item[1])
    found = model.beam(source, width=len(ranked), longest=longest)
    assert [tuple(hypothesis.symbols) for hypothesis in found] == [target for target, _ in ranked]
    np.testing.assert_allclose([hypothesis.log_prob for hypothesis in found], [p for _, p in ranked], rtol=1e-5)


@pytest.mark.parametrize("width", [1, 2, 3, 5])
@pytest.mark.parametrize("seed", range(4))
def test_a_narrow_beam_that_stops_early_finds_what_one_finds_that_never_does(width, seed):
    ts.manual_seed(seed)
    model, source, longest = EncoderDecoder(4, 3, hidden_size=8, embedding_size=4, cell="rnn"), [seed, 1, 2], 6
    for parameter in model.parameters():
        parameter.copy_(parameter.numpy() * 3)
    done, alive = [], [((), 0.0)]
    for _ in range(longest):
        done += [(target, log_prob(model, source, target)) for target, _ in alive]
        grown = [(*target, symbol) for target, _ in alive for symbol in range(3)]
        scored = [(target, log_prob(model, source, target, ended=False)) for target in grown]
        alive = sorted(scored, key=lambda pair: -pair[1])[:width]
    expected = sorted([*done, *alive], key=lambda pair: -pair[1])[:width]
    found = model.beam(source, width, longest)
    assert [tuple(hypothesis.symbols) for hypothesis in found] == [target for target, _ in expected]
    np.testing.assert_allclose([hypothesis.log_prob for hypothesis in found], [p for _, p in expected], rtol=1e-4)


def test_greedy_on_a_batch_is_each_source_alone_and_takes_the_likeliest_symbol(model):
    sources = [[0], [1, 2, 3], [3, 3, 3, 3, 0], [2, 1]]
    together = model.greedy(sources, longest=6)
    assert together == [model.greedy([source], longest=6)[0] for source in sources]
    for source, target in zip(sources, together, strict=True):
        state, ids = model.encode([source]), [model.begin, *target]
        for t, before in enumerate(ids[:6]):
            logits, state = model([[before]], state)
            likeliest = logits.numpy()[0, 0, [0, 1, 2, model.end]].argmax()
            assert [*target, 3][t] == likeliest


def test_a_wider_beam_is_never_worse_here(model):
    best = [model.beam([0, 1, 2], width, longest=5)[0].log_prob for width in (1, 3, 300)]
    assert best[0] <= best[2] + 1e-9
    assert best[1] <= best[2] + 1e-9


def test_begin_is_never_written(model):
    model.output.bias.copy_(np.where(np.arange(5) == model.begin, 100.0, model.output.bias.numpy()))
    assert all(model.begin not in target for target in model.greedy([[0], [1]], longest=4))
    assert all(model.begin not in hypothesis.symbols for hypothesis in model.beam([0], width=4, longest=3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: EncoderDecoder(2, 2, 4, cell="cnn"), "one of rnn, rnn_relu, lstm, gru, gru_before.*, got 'cnn'"),
        (lambda: EncoderDecoder(2, 2, 4).loss([[0]], []), "1 sources and 0 targets"),
        (lambda: EncoderDecoder(2, 2, 4).beam([0], width=0, longest=3), "width must be at least 1, got 0"),
        (lambda: EncoderDecoder(2, 2, 4).greedy([[0], []], longest=3), r"sources\[1\] is empty"),
        (lambda: EncoderDecoder(2, 2, 4).loss([[]], [[0]]), r"sources\[0\] is empty; a source needs at least one"),
        (lambda: EncoderDecoder(2, 2, 4).greedy([[0]], longest=-1), "longest must be at least 0, got -1"),
        (lambda: EncoderDecoder(2, 2, 4).beam([0], width=1, longest=-1), "longest must be at least 0, got -1"),
        (lambda: EncoderDecoder(2, 0, 4), "target_symbols must be at least 1, got 0"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_symbols_out_of_range_are_named_and_begin_and_end_are_none_of_them():
    model = EncoderDecoder(2, 2, 4)
    for target in ([0, 2], [1, 3]):  # the model's own BEGIN and END
        with pytest.raises(IndexError, match=rf"targets\[1\]: id {target[1]} at position \(1,\) lies outside \[0, 2\)"):
            model.loss([[0], [1]], [[0], target])
    with pytest.raises(IndexError, match=r"id 2 at position \(0, 0\) lies outside \[0, 2\)"):
        model.loss([[2]], [[0]])


def test_an_empty_target_is_the_end_alone():
    ts.manual_seed(0)
    model = EncoderDecoder(2, 2, 4)
    assert model.loss([[0]], [[]]).item() == pytest.approx(-log_prob(model, [0], []), rel=1e-6)
