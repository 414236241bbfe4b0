"""Plots: what they show, and what they refuse."""

import io
import pickle
import re
import sys
import warnings
from itertools import pairwise

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.viz import plots
from tinyseq.viz.plots import heatmaps
from tinyseq.viz.plots.axes import finished, new_axes, saved
from tinyseq.viz.rendering.dark_theme import dark_color
from tinyseq.viz.rendering.style import luminance

pytest.importorskip("matplotlib", reason="plots need matplotlib")

from matplotlib.colors import to_rgba
from matplotlib.image import imread
from matplotlib.text import Text


def drawn(figure):
    """Render, as a warning or an error may only come then."""
    figure.canvas.draw()
    return figure


FIGURES = {
    "loss_curve": lambda: plots.loss_curve([0, 1], [1.0, 0.5]),
    "gradient_flow": lambda: plots.gradient_flow({"h": [0.1, 1.0]}),
    "jacobian_norms": lambda: plots.jacobian_norms(_jacobian_norms()),
    "lag_heatmap": lambda: plots.lag_heatmap([[1.0, 0.0], [0.5, 1.0]]),
    "posteriors": lambda: plots.posteriors([[0.9, 0.1]]),
    "confusion": lambda: plots.confusion([[1, 0], [0, 1]], "ab"),
    "activations": lambda: plots.activations([[0.1, 0.2]]),
    "gates": lambda: plots.gates({"i": [[0.1], [0.2]]}),
    "learning_curve": lambda: plots.learning_curve([ts.tagging.CurvePoint(10 * 2**i, 0.7, 0.8, 0.3) for i in range(3)]),
    "durations": lambda: plots.durations(_lamp().durations(4), ts.hmm.observed_durations(["01101"], 4, cut=True)),
    "alignment": lambda: plots.alignment([[1.0]], "a", "b"),
}


def _lamp(**names):
    return ts.hmm.HMM([0.5, 0.5], [[0.5, 0.5], [0.2, 0.8]], [[1.0], [1.0]], **names)


def _jacobian_norms():
    w, h = ts.tensor([[0.5]], requires_grad=True), [ts.ones(1, 1)]
    for t in range(3):
        with ts.step(t):
            h.append(ts.tanh(w @ h[-1]))
    return ts.inspect.jacobian_norms(h[1], h[3])


def test_a_notebook_shows_every_plot_and_it_stays_a_figure():
    """What a notebook asks the last line of a cell for, without pyplot."""
    from matplotlib.figure import Figure

    assert set(FIGURES) == set(plots.__all__)
    for name, make in FIGURES.items():
        figure = make()
        assert isinstance(figure, Figure), name
        picture = figure._repr_png_()
        assert picture.startswith(b"\x89PNG"), name
        width, height = (int.from_bytes(picture[at : at + 4]) for at in (16, 20))
        assert [width, height] == [int(side * figure.dpi) for side in figure.get_size_inches()], name
        assert pickle.loads(pickle.dumps(figure))._repr_png_().startswith(b"\x89PNG"), name


def test_words_in_plots_are_written_as_in_mathematics_with_letters_that_the_picture_owns():
    from matplotlib.font_manager import FontProperties, findfont, get_font

    known = get_font(findfont(FontProperties(family="DejaVu Sans"), fallback_to_default=False)).get_charmap()
    for name, make in FIGURES.items():
        figure = drawn(make())
        words = [text.get_text() for text in figure.findobj(Text)]
        for text in words:
            assert not re.search(r"[_^]|\bd[a-zA-Z]_|<=|>=|\b(alpha|beta|gamma|sigma)\b|\w\*\w", text), (name, text)
            assert {ord(letter) for letter in text if letter != "\n"} <= known.keys(), (name, text)
        picture = io.BytesIO()
        figure.savefig(picture, format="svg")
        assert b"<text" not in picture.getvalue(), name  # outlines


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_plots_have_opaque_pixels_only(theme):
    with ts.viz.defaults(theme=theme):
        for name, make in FIGURES.items():
            assert imread(io.BytesIO(make()._repr_png_()))[..., 3].min() == 1.0, name


def test_posteriors_have_the_names_of_their_model_and_the_letters_that_it_read():
    hmm = ts.hmm.HMM(
        [0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]], states=["fair", "loaded"], symbols="ab"
    )
    axes = drawn(plots.posteriors(hmm.posterior(["b", None, "a"]))).axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["fair", "loaded"]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["b", "?", "a"]
    batch = hmm.posterior(["ab", "b"])
    assert [found.symbols for found in batch] == [["a", "b"], ["b"]]
    axes = drawn(plots.posteriors(batch[0], states="xy", symbols="cd")).axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["x", "y"]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["c", "d"]
    bell = ts.hmm.HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], ts.hmm.Gaussian([0.0, 3.0], [1.0, 1.0]))
    assert list(bell.posterior([0.1, 2.9]).symbols) == []  # which are no symbols
    assert drawn(plots.posteriors(bell.posterior([0.1, 2.9]))).axes[0].get_xlabel() == "position"


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


def test_the_true_states_are_names_as_a_model_gives_them_or_indices():
    hmm = ts.hmm.HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]], states=["X", "Y"], symbols="ab")
    found = hmm.posterior("abba")
    colors = [
        [bar.get_facecolor() for bar in plots.posteriors(found, truth=truth).axes[0].patches]
        for truth in (["X", "Y", "Y", "X"], np.array(["X", "Y", "Y", "X"]), [0, 1, 1, 0])
    ]
    assert len(colors[0]) == 3
    assert colors[0] == colors[1] == colors[2]
    for truth, said in (
        (["X", "Z", "Y", "X"], "truth has 'Z', which is not a state; the states are ['X', 'Y']"),
        (["X"], "truth must contain the states at 4 positions, got 1"),
        ([0, 1, 2, 0], "truth must contain indices of states, from 0 to 1; got [0, 1, 2, 0]"),
    ):
        with pytest.raises(ValueError, match=re.escape(said)):
            plots.posteriors(found, truth=truth)


def test_the_truth_is_one_bar_for_as_long_as_a_state_lasts():
    truth = [1, 1, 0, 2, 2, 2, 0]
    axes = drawn(plots.posteriors(np.full((7, 3), 1 / 3), truth=truth)).axes[0]
    bars = [(bar.get_x(), bar.get_width(), bar.get_facecolor()) for bar in axes.patches]
    expected = [(-0.5, 2, 1), (1.5, 1, 0), (2.5, 3, 2), (5.5, 1, 0)]
    assert bars == [(start, width, to_rgba(heatmaps.BANDS[state])) for start, width, state in expected]


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
    assert all(curves["norm of ∂hₜ/∂hₖ"] <= curves["bound, βᵗ⁻ᵏ"] + 1e-9)


def test_the_posterior_of_a_model_is_drawn_as_it_is():
    hmm = ts.hmm.HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]])
    figure = drawn(plots.posteriors(hmm.posterior([0, 1, 1]), states=["fair", "loaded"]))
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["fair", "loaded"]


def test_activations_are_centred_at_zero_and_alignments_begin_there():
    units = drawn(plots.activations([[0.1, -0.5], [0.3, 0.2]], symbols="ab", units=["u", "v"])).axes[0].images[0]
    assert (units.norm.vmin, units.norm.vmax) == (-0.5, 0.5)
    weights = drawn(plots.alignment([[0.9, 0.1], [0.2, 0.8]], ["le", "chat"], ["the", "cat"])).axes[0].images[0]
    assert weights.norm.vmin == 0.0


def test_gates_are_panels_on_the_scale_of_their_functions():
    net = ts.nn.LSTM(2, 3)
    output, _ = net(ts.tensor(np.random.default_rng(0).standard_normal((4, 2, 2)).astype(np.float32)))
    values = ts.inspect.gate_values(output)
    figure = drawn(plots.gates(values, symbols="ab c", sequence=1))
    panels = [axes for axes in figure.axes if axes.images and axes.get_ylabel() in values]
    assert [axes.get_ylabel() for axes in panels] == ["i", "f", "g", "o"]
    for axes in panels:
        (image,) = axes.images
        np.testing.assert_allclose(image.get_array(), values[axes.get_ylabel()][:, :, 1].T, rtol=1e-6)
        assert (image.norm.vmin, image.norm.vmax) == ((-1.0, 1.0) if axes.get_ylabel() == "g" else (0.0, 1.0))
    assert [tick.get_text() for tick in panels[-1].get_xticklabels()] == ["a", "b", "␣", "c"]


@pytest.mark.parametrize("count", [2, 3, 20])
def test_steps_and_units_are_counted_in_whole_numbers(count):
    table = np.tril(np.ones((count, count)))
    for figure in (
        plots.lag_heatmap(table),
        plots.activations(table),
        plots.gradient_flow({"h": table[:, 0]}),
        plots.loss_curve(range(count), table[:, 0]),
        plots.gates({"i": table[:, :, None]}),
        plots.posteriors(table / table.sum(1, keepdims=True)),
    ):
        figure.canvas.draw()
        axes = figure.axes[0]
        sides = [axes.xaxis, axes.yaxis] if axes.images else [axes.xaxis]
        for side in sides:
            assert all(text.get_text().lstrip("−").isdigit() for text in side.get_ticklabels() if text.get_text())


OF_NUMBERS = {
    "loss_curve": lambda rows: plots.loss_curve(rows[0]),
    "its pairs": lambda rows: plots.loss_curve(rows[0], rows[1], (rows[0], rows[1]), baselines={"a": rows[1][0]}),
    "gradient_flow": lambda rows: plots.gradient_flow({"h": rows[0]}),
    "lag_heatmap": lambda rows: plots.lag_heatmap(rows),
    "posteriors": lambda rows: plots.posteriors(rows),
    "confusion": lambda rows: plots.confusion(rows, "ab"),
    "activations": lambda rows: plots.activations(rows),
    "gates": lambda rows: plots.gates({"i": rows}),
    "alignment": lambda rows: plots.alignment(rows, "ab", "cd"),
}


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_tensors_are_drawn_as_their_values_also_those_with_a_graph(name):
    values = [[0.75, 0.25], [0.5, 0.5]]
    x = ts.tensor(values, requires_grad=True) * 1.0
    drawings = [OF_NUMBERS[name](rows) for rows in (values, x, list(x), [list(row) for row in x])]
    first, *others = [
        [
            *(line.get_xydata() for line in axes.lines),
            *(np.ma.getdata(image.get_array()) for image in axes.images),
            *(path.vertices for part in axes.collections for path in part.get_paths()),
        ]
        for axes in (figure.axes[0] for figure in drawings)
    ]
    assert first
    for each in others:
        for a, b in zip(each, first, strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_influence_of_inputs_is_drawn_as_an_alignment():
    x = ts.tensor([[1.0], [1.0]], requires_grad=True)
    table = ts.inspect.influence([x[0, 0], 3.0 * x[1, 0]], x)
    figure = drawn(plots.alignment(table, ["le", "chat"], ["the", "cat"]))
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), [[1, 0], [0, 3]])


def test_long_words_stand_upright_and_do_not_run_into_each_other():
    words = ["uncharacteristically", "a", "b", "c", "d", "e"]
    for figure in (
        plots.posteriors(np.full((6, 9), 1 / 9), symbols=words),
        plots.activations(np.ones((6, 2)), symbols=words),
        plots.alignment(np.ones((2, 6)), words, "xy"),
    ):
        ticks = drawn(figure).axes[0].get_xticklabels()
        boxes = [tick.get_window_extent() for tick in ticks]
        assert ticks[0].get_rotation() == 90
        assert all(left.x1 <= right.x0 for left, right in pairwise(boxes))


def test_bands_and_curves_can_be_told_apart_in_a_grey_printout():
    def lightness(color):
        red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
        return 0.299 * red + 0.587 * green + 0.114 * blue

    bands = [lightness(color) for color in heatmaps.BANDS]
    assert min(abs(a - b) for a, b in pairwise(bands)) > 30
    curves = drawn(plots.gradient_flow({name: [0.1, 1.0] for name in "hcifgo"})).axes[0].lines
    assert len({line.get_marker() for line in curves}) == 6


def test_many_curves_stay_apart_and_their_names_beside_them():
    axes = drawn(plots.gradient_flow({f"l{i}.h": [0.1, 1.0] for i in range(30)})).axes[0]
    assert len({(line.get_color(), line.get_marker()) for line in axes.lines}) == 30
    assert axes.get_legend().get_window_extent().x0 > axes.get_window_extent().x1


@pytest.mark.filterwarnings("ignore:Glyph")  # a font need not have every character
@pytest.mark.parametrize("name", ["<b>&\"'</b>", "$x^$", "two\nlines", "😀", "x" * 10_000, "", "_hidden", "\\frac{"])
def test_no_name_can_break_a_plot(name):
    for figure in (
        plots.loss_curve([0, 1], [1.0, 0.5], marks={name: 0.5}, baselines={name: 0.7}, unit=name, title=name[:60]),
        plots.gradient_flow({name: [0.1, 1.0]}),
        plots.posteriors([[0.5, 0.5]], states=[name, "b"], symbols=[name]),
        plots.confusion([[1.0]], [name]),
        plots.activations([[0.1, 0.2]], symbols=[name], units=[name, "u"]),
        plots.alignment([[1.0]], [name], [name]),
        plots.gates({name: [[0.1, 0.2]]}, symbols=[name]),
        plots.durations(_lamp(states=[name, "other"]).durations(3), ts.hmm.observed_durations([[name] * 2], cut=True)),
    ):
        drawn(figure)
    assert len(plots.gradient_flow({name: [0.1, 1.0]}).axes[0].get_legend().get_texts()) == 1


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
        (lambda: plots.learning_curve([]), "at least one point"),
        (lambda: plots.durations(None), "at least one state"),
        (lambda: plots.gates({}), "the same length, got none"),
        (lambda: plots.gates({"i": [[1.0]], "f": [[1.0], [1.0]]}), r"the same length, got \[1, 2\]"),
        (lambda: plots.gates({"i": [[[1.0]]]}, sequence=5), r"sequence must be in \[0, 1\).*; got 5"),
        (lambda: plots.gates({"i": [1.0]}), "the gate 'i' must have values"),
        (lambda: plots.gates({"i": [[1.0]]}, symbols="ab"), "symbols must have 1"),
    ],
)
def test_what_cannot_be_drawn_is_a_clear_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_losses_that_have_exploded_are_drawn_without_perplexities():
    (axes,) = drawn(plots.loss_curve([0, 1], [1000.0, 2.0])).axes
    assert axes.get_ylim()[1] > 1000
    assert not axes.child_axes
    assert drawn(plots.loss_curve([0, 1], [3.0, 2.0])).axes[0].child_axes


def test_no_global_state_is_touched():
    drawn(plots.loss_curve([0, 1], [1.0, 0.5]))
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_without_matplotlib_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.delitem(sys.modules, "tinyseq.viz.plots.figure", raising=False)
    with pytest.raises(ImportError, match=r'pip install "tinyseq\[plot\]"'):
        plots.loss_curve([0, 1], [1.0, 0.5])


def test_equal_losses_draw_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn(plots.loss_curve([0, 1, 2], [1.0, 1.0, 1.0]))
        drawn(plots.loss_curve([0], [0.0]))


def _colors(figure):
    """The colours of a rendered figure, with how often each occurs, most frequent first."""

    pixels = (imread(io.BytesIO(figure._repr_png_()))[..., :3] * 255).round().astype(int).reshape(-1, 3)
    colors, counts = np.unique(pixels @ [1 << 16, 1 << 8, 1], return_counts=True)
    return colors[np.argsort(-counts), None] >> [16, 8, 0] & 255


@pytest.mark.parametrize("name", FIGURES)
def test_every_plot_follows_the_settings_of_a_block(name):
    import matplotlib as mpl

    light = FIGURES[name]()
    with ts.viz.defaults(theme="dark", size=(5, 4), font_size=22, legend=False):
        dark = FIGURES[name]()
    assert tuple(dark.get_size_inches()) == (5.0, 4.0)

    titles = [figure.axes[0]._left_title.get_fontsize() for figure in (light, dark)]
    assert titles == [11, 22]
    assert not any(axes.get_legend() for axes in dark.axes)
    assert dark.patch.get_facecolor() == pytest.approx(mpl.colors.to_rgba(dark_color("#ffffff")))
    for figure, paper in ((light, 255), (dark, 20)):
        assert any((color == paper).all() for color in _colors(figure)[:5])
    texts = [text for text in dark.findobj(mpl.text.Text) if text.get_text() and text.get_visible()]
    on_paper = [text for text in texts if text not in dark.axes[0].texts or name != "confusion"]
    assert all(sum(mpl.colors.to_rgb(text.get_color())) > 1.2 for text in on_paper)  # light ink
    assert FIGURES[name]().get_size_inches().tolist() == light.get_size_inches().tolist()


def test_a_confusion_matrix_without_numbers():
    with ts.viz.defaults(values=False):
        assert not plots.confusion([[8, 2], [1, 9]], "ab").axes[0].texts


def test_a_drawn_figure_is_saved_or_it_is_said_why_not(tmp_path, capsys):
    @saved
    def good():
        return finished(new_axes("Title", "x", "y"))

    @saved
    def bad():
        raise ImportError("install matplotlib")

    good(tmp_path / "new" / "good.png")
    assert (tmp_path / "new" / "good.png").read_bytes().startswith(b"\x89PNG")
    bad(tmp_path / "bad.png")
    assert not (tmp_path / "bad.png").exists()
    assert capsys.readouterr().out == f"wrote {tmp_path / 'new' / 'good.png'}\nno picture: install matplotlib\n"


def on_canvas(figure):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas


@pytest.mark.parametrize("name", ["lag_heatmap", "confusion", "activations", "gates", "alignment"])
def test_a_colour_bar_shows_its_colours_in_the_dark(name):
    with ts.viz.defaults(theme="dark"):
        figure = FIGURES[name]()
    pixels = np.asarray(on_canvas(figure).buffer_rgba())[::-1]
    left, low, right, high = map(int, figure.axes[-1].get_window_extent().extents)
    assert len(np.unique(pixels[low + 2 : high - 2, (left + right) // 2], axis=0)) > 20


def test_a_single_point_is_seen_above_a_whole_number():
    for figure in (plots.loss_curve([3], [1.0]), plots.gradient_flow({"h": [0.5]}), plots.lag_heatmap([[1.0]])):
        on_canvas(figure)
        (axes, *_) = figure.axes
        assert all(line.get_markersize() > 0 and line.get_marker() == "o" for line in axes.lines)
        assert all(float(tick).is_integer() for tick in axes.get_xticks())


def apart(texts):
    """Whether no two of these texts overlap."""
    boxes = [text.get_window_extent() for text in texts]
    return not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])


def test_names_of_close_baselines_and_of_long_tags_do_not_overlap():
    figure = plots.loss_curve([0, 1, 2], [2.0, 1.0, 0.5], baselines={"trigram": 1.2, "uniform": 1.25, "bigram": 1.8})
    on_canvas(figure)
    assert apart(figure.axes[0].texts)
    tags = ["NOUN", "VERB", "ADJ", "DET", "PUNCTUATION", "X"]
    figure = plots.confusion(np.ones((6, 6)), tags)
    on_canvas(figure)
    assert apart(figure.axes[0].get_xticklabels())


@pytest.mark.parametrize("color", ["#eeeeee", "#cdd6e2", "#b0b0b0"])
def test_lines_and_marks_of_a_plot_of_ones_own_are_seen_in_the_dark_as_on_paper(color):
    """Whatever their colours: those of well-known palettes, black as of ticks, and pale as of a grid."""
    import matplotlib as mpl

    from tinyseq.viz.plots.figure import darken

    figure = mpl.figure.Figure()
    axes = figure.add_subplot()
    axes.grid(color=color)
    palettes = (mpl.colormaps[name].colors for name in ("tab10", "Set1", "Dark2"))
    lines = [axes.plot([0, 1], color=color, marker="o")[0] for colors in palettes for color in colors]
    lines += [axes.plot([0, 1], color=color)[0] for color in ("black", "#0072b2", "#d55e00", "#009e73")]
    lines += axes.xaxis.get_ticklines() + axes.xaxis.get_gridlines()

    def contrasts(paper):
        parts = [(line.get_color(), line.get_markeredgecolor(), line.get_markerfacecolor()) for line in lines]
        light = [[luminance(mpl.colors.to_hex(color)) for color in colors] for colors in parts]
        return [(max(one, paper) + 0.05) / (min(one, paper) + 0.05) for luminances in light for one in luminances]

    before = contrasts(1.0)
    darken(figure)
    for on_paper, in_the_dark in zip(before, contrasts(luminance(dark_color("#ffffff"))), strict=True):
        assert on_paper < 2 or in_the_dark >= min(on_paper, 3.0) - 0.3
    (grid, *_) = axes.xaxis.get_gridlines()
    assert luminance(mpl.colors.to_hex(grid.get_color())) < 0.15  # it stays behind the lines
