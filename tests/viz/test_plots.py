"""Plots: what they show, and what they refuse."""

import sys
import warnings

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.viz import plots

pytest.importorskip("matplotlib", reason="plots need matplotlib")


def drawn(figure):
    """Render, as a warning or an error may only come then."""
    figure.canvas.draw()
    return figure


def test_a_loss_curve_has_both_series_and_the_perplexity_of_its_losses():
    figure = drawn(plots.loss_curve([0, 1, 2], [np.log(4), 0.7, 0.1], ([0, 2], [1.4, 0.3])))
    axes = figure.axes[0]
    train, held_out = axes.lines
    np.testing.assert_allclose(train.get_ydata(), [np.log(4), 0.7, 0.1])
    np.testing.assert_allclose(held_out.get_xdata(), [0, 2])
    (right,) = axes.child_axes
    shown = {
        float(tick.get_text()): place for tick, place in zip(right.get_yticklabels(), right.get_yticks(), strict=True)
    }
    assert all(place == pytest.approx(np.log(perplexity), abs=1e-3) for perplexity, place in shown.items())
    assert 4.0 in shown


def test_many_noisy_losses_get_a_running_mean():
    noise = np.random.default_rng(0).normal(size=1000)
    figure = drawn(plots.loss_curve(range(1000), 2 + noise))
    raw, mean = figure.axes[0].lines
    assert np.std(mean.get_ydata()) < 0.3 * np.std(raw.get_ydata())
    assert np.mean(mean.get_ydata()) == pytest.approx(np.mean(raw.get_ydata()), abs=0.05)


def test_marks_and_baselines_are_named():
    figure = drawn(plots.loss_curve([0, 9], [3.0, 1.0], marks={"sample $1": 0}, baselines={"trigram": 2.0}))
    assert {text.get_text() for text in figure.axes[0].texts} == {r"sample \$1", "trigram"}


def test_gradient_flow_leaves_gaps_where_there_is_no_gradient():
    figure = drawn(plots.gradient_flow({"h": [0.0, 0.1, 1.0], "c": [1.0, 1.0, 1.0]}))
    assert np.isnan(figure.axes[0].lines[0].get_ydata()[0])


def test_a_lag_table_shows_its_terms():
    figure = drawn(plots.lag_heatmap([[1.0, 0.0], [0.5, 1.0]]))
    shown = figure.axes[0].images[0].get_array()
    assert shown[1, 0] == 0.5
    assert np.ma.getmaskarray(np.ma.masked_invalid(shown))[0, 1]


@pytest.mark.parametrize("states", [2, 17])
def test_posteriors_fit_few_states_and_many(states):
    table = np.random.default_rng(0).dirichlet(np.ones(states), size=12)
    truth = table.argmax(1) if states == 2 else None
    figure = drawn(plots.posteriors(table, symbols="abcdefghijkl", truth=truth))
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == list("abcdefghijkl")


def test_a_confusion_table_colours_by_row():
    figure = drawn(plots.confusion([[8, 2], [0, 0]], ["A", "<B>"]))
    np.testing.assert_allclose(figure.axes[0].images[0].get_array(), [[0.8, 0.2], [0.0, 0.0]])


def test_what_inspection_finds_is_drawn_as_it_is(char_loss):
    flow = ts.inspect.gradient_flow(char_loss(steps=6, kind=ts.nn.LSTM))
    axes = drawn(plots.gradient_flow(flow)).axes[0]
    assert [line.get_label() for line in axes.lines] == list(flow.norms)
    w, h, losses = ts.tensor(0.5, requires_grad=True), ts.tensor(1.0), []
    for t in range(3):
        with ts.step(t):
            h = w * h
        losses.append(h)
    table = ts.inspect.grad_by_lag(losses, w)
    shown = drawn(plots.lag_heatmap(table)).axes[0].images[0].get_array()
    np.testing.assert_allclose(np.nan_to_num(shown), table.norms)


def test_the_bound_of_a_state_lies_above_its_norms():
    w, h = ts.tensor([[0.9]], requires_grad=True), [ts.ones(1, 1) * 0.3]
    for t in range(5):
        with ts.step(t):
            h.append(ts.tanh(w @ h[-1]))
    figure = drawn(plots.jacobian_norms(ts.inspect.jacobian_norms(h[1], h[5])))
    curves = {line.get_label(): line.get_ydata() for line in figure.axes[0].lines}
    assert all(curves["norm of dh_t/dh_k"] <= curves["bound, beta^(t-k)"] + 1e-9)


def test_the_posterior_of_a_model_is_drawn_as_it_is():
    hmm = ts.hmm.HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]])
    figure = drawn(plots.posteriors(hmm.posterior([0, 1, 1]), states=["fair", "loaded"]))
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["fair", "loaded"]


def test_activations_are_centred_at_zero_and_alignments_begin_there():
    units = drawn(plots.activations([[0.1, -0.5], [0.3, 0.2]], symbols="ab", units=["u", "v"])).axes[0].images[0]
    assert (units.norm.vmin, units.norm.vmax) == (-0.5, 0.5)
    weights = drawn(plots.alignment([[0.9, 0.1], [0.2, 0.8]], ["le", "chat"], ["the", "cat"])).axes[0].images[0]
    assert weights.norm.vmin == 0.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.loss_curve([0, 1], [1.0]), "train: .*equal length"),
        (lambda: plots.loss_curve([], []), "nothing to draw"),
        (lambda: plots.loss_curve([0], [1.0], ([0, 1], [1.0])), "validation"),
        (lambda: plots.gradient_flow({}), "at least one"),
        (lambda: plots.lag_heatmap([[1.0, 2.0]]), "square"),
        (lambda: plots.posteriors([0.5, 0.5]), "positions, states"),
        (lambda: plots.posteriors([[0.5, 0.5]], states=["a"]), "states must have 2 names"),
        (lambda: plots.posteriors([[0.5, 0.5]], truth=[2]), "truth"),
        (lambda: plots.confusion([[1]], ["a", "b"]), "tags must have 1"),
        (lambda: plots.activations([1.0]), "positions, units"),
        (lambda: plots.alignment([[1.0]], ["a"], []), "target must have 1"),
    ],
)
def test_what_cannot_be_drawn_is_a_clear_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_no_global_state_is_touched():
    drawn(plots.loss_curve([0, 1], [1.0, 0.5]))
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'pip install "tinyseq\[plot\]"'):
        plots.loss_curve([0, 1], [1.0, 0.5])


def test_equal_losses_draw_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn(plots.loss_curve([0, 1, 2], [1.0, 1.0, 1.0]))
        drawn(plots.loss_curve([0], [0.0]))
