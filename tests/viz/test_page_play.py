"""Playing on the page of a drawing: its numbers are Python's, step by step and in the end."""

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.viz import graph, trellis

pytestmark = [pytest.mark.browser, pytest.mark.renders]


def network(kind, steps=12, **settings):
    """A recurrent network that reads numbers; its loss, and its parameters by name."""
    ts.manual_seed(1)
    model = ts.nn.Module()
    model.rnn = kind(3, 4, **settings)
    model.out = ts.nn.Linear(8 if settings.get("bidirectional") else 4, 2)
    x = ts.tensor(np.random.default_rng(0).normal(size=(steps, 2, 3)).astype(np.float32))
    loss = ts.nn.cross_entropy(model.out(model.rnn(x)[0]), np.zeros((steps, 2), dtype=int))
    return loss, dict(model.named_parameters())


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (ts.nn.LSTM, {}),
        (ts.nn.GRU, {"num_layers": 2, "bidirectional": True}),
        (ts.nn.RNN, {"steps": 5}),
    ],
)
def test_playing_to_the_end_adds_up_the_gradients_that_backward_gives(kind, settings, opened):
    loss, parameters = network(kind, **settings)
    browser = opened(graph(loss, gradients=True))  # most of 12 steps are left out, and add their terms all the same
    browser.run("slider.focus()")
    browser.press("End")
    assert browser.run("now()") == browser.run("moments.length")
    sums = browser.run(
        "[...parameters.values()].map(p => [p.name, p.whole, p.item.dataset.total, [...summed(p, p.added)]])"
    )
    loss.backward()
    assert {name.removeprefix("rnn.").removeprefix("out.") for name, *_ in sums} >= {"weight_ih_l0", "weight", "bias"}
    assert len(sums) == len(parameters)
    for name, whole, total, numbers in sums:
        grad = parameters[name].grad.numpy()
        assert whole
        np.testing.assert_allclose(np.reshape(numbers, grad.shape), grad, rtol=1e-4, atol=1e-6)
        assert float(total) == pytest.approx(float(np.linalg.norm(grad)), rel=1e-4)


def test_each_step_adds_what_grad_by_step_says(opened):
    loss, parameters = network(ts.nn.LSTM, steps=6)
    browser = opened(graph(loss, gradients=True))
    for name in ("rnn.weight_hh_l0", "rnn.weight_ih_l0"):
        expected = ts.inspect.grad_by_step(loss, parameters[name])
        expected = np.asarray(expected.numpy() if hasattr(expected, "numpy") else expected)
        terms = browser.run(f"parameters.get('{name}').terms.map(t => [t.moment, t.step, [...unpack(t.term)]])")
        assert [step for _, step, _ in terms] == [f"t = {t}" for t in reversed(range(6))]
        running = np.zeros(expected[0].size)
        for (moment, _, numbers), term in zip(terms, expected[::-1], strict=True):
            np.testing.assert_allclose(numbers, term.ravel(), rtol=1e-4, atol=1e-7)
            running += term.ravel()
            browser.run(f"go({moment + 1})")
            assert browser.run("byId('parts').textContent").count(f"{name}.grad") == 1
            shown = browser.run(f"(p => [...summed(p, p.added)])(parameters.get('{name}'))")
            np.testing.assert_allclose(shown, running, rtol=1e-4, atol=1e-6)


def test_large_gradients_are_shown_in_part(opened):
    rnn = ts.nn.RNN(3, 150)
    output, _ = rnn(ts.ones(3, 1, 3))
    loss = (output * output).sum()
    browser = opened(graph(loss))
    browser.run("go(moments.length)")
    whole, rows, columns, numbers = browser.run(
        "(p => [p.whole, p.rows, p.columns, [...summed(p, p.added)]])(parameters.get('weight_hh_l0'))"
    )
    loss.backward()
    assert (whole, rows, columns) == (False, 64, 64)
    grad = rnn.weight_hh_l0.grad.numpy()
    np.testing.assert_allclose(np.reshape(numbers, (64, 64)), grad[:64, :64], rtol=1e-4, atol=1e-5)
    browser.run("byId('chosen').value = 'weight_hh_l0'; byId('chosen').dispatchEvent(new Event('change'))")
    assert browser.run("byId('sum-said').textContent") == "weight_hh_l0.grad (150,150), first 64 × 64"


def test_the_heat_map_shows_the_sum_in_blue_and_orange(opened):
    loss, parameters = network(ts.nn.RNN, steps=5)
    browser = opened(graph(loss))
    browser.run("byId('chosen').value = 'rnn.weight_hh_l0'; go(moments.length)")
    pixels = browser.run("[...byId('sum').getContext('2d').getImageData(0, 0, 4, 4).data]")
    loss.backward()
    red, _, blue, _ = np.reshape(pixels, (4, 4, 4)).astype(int).transpose(2, 0, 1)
    grad = parameters["rnn.weight_hh_l0"].grad.numpy()
    clear = np.abs(grad) > 0.1 * np.abs(grad).max()
    np.testing.assert_array_equal((red > blue)[clear], (grad > 0)[clear])


def test_the_slider_plays_each_box_forward_and_then_backward(opened, lstm_page):
    browser = opened(lstm_page)
    acts = browser.run("story.acts.map(act => [act.name, act.events.map(event => event.boxes)])")
    assert [name for name, _ in acts] == ["forward", "backward"]
    computed = browser.run("Object.keys(story.details)")
    given = set(acts[0][1][0])
    assert all(name.startswith(("p", "initial")) for name in given)
    assert sorted(box for boxes in acts[0][1][1:] for box in boxes) == sorted(set(computed) - given)
    assert all(len(boxes) == 1 for boxes in acts[0][1][1:])
    ops = browser.run("[...boxes.values()].filter(b => b.group.matches('.op, .state, .result')).map(b => b.name)")
    assert sorted({boxes[0] for boxes in acts[1][1]}) == sorted(ops)
    browser.run("go(1)")
    dim = "document.querySelectorAll('g.node.dim').length"
    assert browser.run(dim) > 0.8 * len(computed)
    assert float(browser.run("getComputedStyle(document.querySelector('g.node.dim')).opacity")) < 0.3
    browser.run(f"go({len(acts[0][1])})")
    assert browser.run(dim) == 0
    assert browser.run("byId('said').textContent").startswith(f"forward {len(acts[0][1])} of {len(acts[0][1])}")
    browser.press(".")
    assert browser.run("byId('said').textContent").startswith("backward 1 of")
    assert browser.run("document.querySelectorAll('g.node.now').length") == 1
    browser.run("go(0)")
    assert browser.run(dim) == 0


def test_every_moment_says_what_happens_and_when(opened, lstm_page):
    browser = opened(lstm_page)
    said = browser.run("moments.map(moment => moment.text)")
    assert {
        "× → h₁",
        "+ → c₁",
        "σ → f at t = 1",
        "tanh → g at t = 2",
        "multiply at t = 3",
        "W_hh h₀",
        "W_ih x₁ + b",
        "x₁",
    } <= set(said)
    browser.run("go(moments.findLastIndex(moment => moment.text === 'cross entropy at t = 0') + 1)")
    assert browser.run("byId('equation').textContent") == "∇ℓ₀ = ∇L ÷ 4 = 0.25"
    browser.run("go(moments.findIndex(moment => moment.text === 'W_hh h₀') + 1)")
    assert browser.run("byId('said').querySelector('sub').textContent") == "hh"


SEEN_AS = """(() => {
  const opacity = element => (element ? Number(getComputedStyle(element).opacity) * opacity(element.parentElement) : 1);
  const acting = moments[now() - 1];
  const past = moments.slice(0, now()).filter(({ act }) => act === acting.act);
  const reached = new Set(past.flatMap(({ boxes }) => boxes));
  const lit = name => !acting || !(name in story.details) || reached.has(name);
  const pale = group => (group.closest('.boxes.faded') ? 0 : 0.2); // large pictures show the frames and lines only
  const right = (group, whole) => Math.abs(opacity(group) - (whole ? 1 : pale(group))) < 1e-3;
  const wrong = [...boxes.values()].filter(({ name, group }) => !right(group, lit(name))).map(({ name }) => name);
  const wrongLines = lines.filter(({ group, ends }) => !right(group, ends.every(lit))).map(({ ends }) => ends);
  return [reached.size, [...wrong, ...wrongLines]];
})()"""


@pytest.mark.parametrize("steps", [4, 30])
def test_what_is_not_computed_yet_is_pale_in_small_pictures_and_in_large_ones(steps, opened, char_loss):
    browser = opened(graph(char_loss(steps, ts.nn.LSTM), steps=range(steps)))
    browser.run("byId('unfold-all').click()")
    assert browser.run("large") == (steps == 30)
    last = browser.run("moments.length")
    for moment in (1, last // 5, last // 2, last // 2 + 1, last // 2 + 7, last, last // 3, 0):
        browser.run(f"go({moment})")
        reached, wrong = browser.run(SEEN_AS)
        assert wrong == []
        assert (reached > 0) == (moment > 0)


def test_the_buttons_step_by_box_and_by_time_step(opened, lstm_page):
    browser = opened(lstm_page)
    for button, moment in (("#forth", 1), ("#forth", 2), ("#back", 1)):
        browser.click(button)
        assert browser.run("now()") == moment
    column = "story.columns[moments[now() - 1].boxes[0]]"
    browser.run("go(12)")
    before = browser.run(column)
    browser.click("#forth-step")
    after = browser.run(column)
    assert after != before
    browser.click("#back-step")
    assert browser.run(column) == before
    browser.click("#back-step")
    assert browser.run(column) != before


def test_play_runs_to_the_end(opened, cats):
    browser = opened(trellis(cats, ["I", "like"]))
    browser.run("byId('pace').value = '30'")
    browser.click("#start")
    browser.wait_for("now() === moments.length && timer === null")
    assert browser.run("byId('start').getAttribute('aria-label')") == "Play"


def test_space_pauses_and_goes_on(opened, cats):
    """With a clock that the test turns, so that no pause of the machine can let the play run to its end."""
    browser = opened(trellis(cats, ["I", "like"]))
    browser.run("window.clock = {}, window.setInterval = beat => (clock.beat = beat, 1)")
    browser.run("window.clearInterval = () => delete clock.beat")
    browser.click("#start")
    browser.run("clock.beat(), clock.beat(), document.activeElement.blur()")
    label = "byId('start').getAttribute('aria-label')"
    assert browser.run(f"[now(), {label}]") == [2, "Pause"]
    browser.press("Space")
    assert browser.run(f"[now(), {label}, timer, clock.beat || null]") == [2, "Play", None, None]
    browser.press("Space")
    browser.run("clock.beat()")
    assert browser.run(f"[now(), {label}]") == [3, "Pause"]


def test_a_folded_step_lights_up_when_its_boxes_do(opened, lstm_page):
    browser = opened(lstm_page)
    browser.run("toggleStep('t2')")
    browser.run("go(1 + moments.findIndex(m => m.number > 1 && story.columns[m.boxes[0]] === 't2'))")
    assert browser.run("document.querySelector('.cover').classList.contains('now')")
    assert browser.run("document.querySelector('[data-step=t2]').classList.contains('now')")


LOOKS_OF_LATER_LINES = """[...new Set([...document.querySelectorAll('g.edge.dim:not(.path)')].map(line =>
  [...line.querySelectorAll('path, polygon')].map(shape => {
    const { opacity, stroke, strokeOpacity, strokeWidth, fill, fillOpacity } = getComputedStyle(shape);
    return [opacity, stroke, strokeOpacity, strokeWidth, fill, fillOpacity].join(' ');
  }).join('; ')))]"""


@pytest.mark.parametrize("semiring", ["max", "log"])
def test_arcs_that_are_reached_later_do_not_tell_which_is_the_best(semiring, opened, cats):
    browser = opened(trellis(cats, ["I", "like", "cats"], semiring=semiring))
    for moment in (1, 4, 6):
        browser.run(f"go({moment})")
        assert len(browser.run(LOOKS_OF_LATER_LINES)) == 1


def test_a_viterbi_trellis_fills_column_by_column_and_traces_back(opened, cats):
    browser = opened(trellis(cats, ["I", "like", "cats"]))
    cells = "[...document.querySelectorAll('g.node[id^=t]:not(.dim)')].map(group => group.id).sort()"
    browser.run("go(5)")
    said = browser.run("byId('said').textContent")
    assert (
        said
        == "forward 5 of 10 score(Y, 2) = P(like | Y) · (best: score(Z, 1) · P(Y | Z)) = 0.8 · (0.28 · 0.2) = 0.0448"
    )
    assert browser.run(cells) == ["t1_s0", "t1_s1", "t1_s2", "t2_s0", "t2_s1"]
    hidden = "getComputedStyle(document.querySelector('#t3_s0 text')).opacity"
    assert browser.run(hidden) == "0"
    assert browser.run("lines.filter(l => l.group.classList.contains('now')).map(l => l.ends[0])") == [
        "t1_s0",
        "t1_s1",
        "t1_s2",
    ]
    browser.run("go(10)")
    assert browser.run("getComputedStyle(document.querySelector('#result0 text')).opacity") == "0"
    assert browser.run(hidden) == "1"
    best = "[...document.querySelectorAll('.best rect')].filter(path => getComputedStyle(path).fill !== 'none').length"
    path_seen = "lines.filter(l => l.group.matches('.path') && getComputedStyle(l.group).opacity > 0).length"
    for moment, found in [(7, [0, 0]), (10, [0, 0]), (11, [1, 0]), (12, [2, 1]), (13, [3, 3])]:
        browser.run(f"go({moment})")
        assert browser.run(f"[{best}, {path_seen}]") == found  # the path shows only as it is traced back
    browser.run("go(10)")
    path, log_prob = cats.viterbi(["I", "like", "cats"])
    assert browser.run("byId('said').textContent").endswith(f"= {np.exp(log_prob):.6g}, in X")
    traced = browser.run("moments.slice(10).map(m => m.text)")
    assert traced == [f"t = {t + 1}: {path[t]}" for t in (2, 1, 0)]
    browser.run("go(12)")
    way = "lines.filter(l => l.group.matches('.path:not(.dim)')).map(l => l.ends.join())"
    assert browser.run(way) == ["t2_s1,t3_s0"]
    browser.run("go(13)")
    assert sorted(browser.run(way)) == ["start,t1_s2", "t1_s2,t2_s1", "t2_s1,t3_s0"]
    assert (
        browser.run("byId('result0').textContent.trim()") == f"best path: Z → Y → X, probability {np.exp(log_prob):.6g}"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_gives_the_best_path_away_before_it_is_traced(scheme, opened, cats):
    browser = opened(trellis(cats, ["I", "like", "cats"]), color_scheme=scheme)
    looks = "(({ stroke, strokeWidth, fill }) => [stroke, strokeWidth, fill].join())(getComputedStyle(path))"
    for reached in (":not(.dim)", ".dim"):
        browser.run("go(5)")
        cells = f"[...document.querySelectorAll(':is(.best, .cell){reached}:not(.now) rect')]"
        assert browser.run(f"{cells}.length") == 4
        plain = {
            browser.run(f"{cells}.map(path => {looks})")[i].replace("rgb(255, 255, 255)", "none") for i in range(4)
        }
        assert len({look.replace("rgb(20, 20, 20)", "none") for look in plain}) == 1


def test_other_good_paths_show_when_the_best_one_has_been_traced_back(opened, cats):
    browser = opened(trellis(cats, ["I", "like", "cats"], k=3))
    assert browser.run("lines.filter(l => l.group.matches('.path')).length") == 7
    for moment, seen in [(0, 7), (10, 0), (12, 1), (13, 7)]:
        browser.run(f"go({moment})")
        assert browser.run("lines.filter(l => l.group.matches('.path:not(.dim)')).length") == seen


def test_cells_keep_the_shade_of_their_posterior_while_the_best_path_is_not_yet_known(opened, cats):
    browser = opened(trellis(cats, ["I", "like", "cats"], posterior=True))
    shades = "[...document.querySelectorAll('.shaded rect')].map(path => getComputedStyle(path).fill)"
    whole = browser.run(shades)
    assert len(set(whole)) > 5
    browser.run("go(10)")
    assert browser.run(shades) == whole
    assert browser.run("document.querySelectorAll('.unmarked').length") == 3


def test_a_forward_trellis_ends_in_the_likelihood(opened, cats):
    browser = opened(trellis(cats, ["I", "like", "cats"], semiring="log"))
    browser.run("go(moments.length)")
    likelihood = f"{np.exp(float(cats.log_likelihood(['I', 'like', 'cats']))):.6g}"
    assert browser.run("byId('said').textContent").endswith(
        f"P(I like cats) = sum over s of score(s, 3) = {likelihood}"
    )
    scores = browser.run(
        "Object.entries(story.details).filter(([name]) => name.startsWith('t3')).map(([, f]) => Number(f.score))"
    )
    assert sum(scores) == pytest.approx(float(likelihood), rel=1e-4)


def test_a_freed_graph_still_plays_forward(opened):
    rnn = ts.nn.RNN(2, 3)
    loss = rnn(ts.ones(2, 1, 2))[0].sum()
    drawing = graph(loss)
    loss.backward()
    browser = opened(drawing)
    assert browser.run("story.acts.map(act => act.name)") == ["forward"]
    assert browser.run("byId('sums-section').hidden")


def test_a_computation_without_time_steps_plays_op_by_op(opened):
    x = ts.tensor([[1.0, 2.0]], requires_grad=True)
    w = ts.tensor([[3.0], [4.0]], requires_grad=True)
    x.node.name, w.node.name = "x", "w"
    loss = (x @ w).sum() * (x * x).sum()
    browser = opened(graph(loss))
    acts = browser.run("story.acts.map(act => [act.name, act.events.map(event => event.text)])")
    assert acts[0] == ["forward", ["parameters", "x w", "sum", "multiply", "sum", "multiply"]]
    said = [text.split(",")[0] for text in acts[1][1]]
    assert (acts[1][0], said) == ("backward", ["multiply", "sum", "multiply", "sum", "x w"])
    browser.run("go(moments.length)")
    loss.backward()
    for name, leaf in (("x", x), ("w", w)):
        shown = browser.run(f"(p => [...summed(p, p.added)])(parameters.get('{name}'))")
        np.testing.assert_allclose(np.reshape(shown, leaf.shape), leaf.grad.numpy(), rtol=1e-6)
    assert browser.run("lines.filter(l => l.ends[0]).length") == 7  # that from x to x * x is drawn once
    assert browser.run("parameters.get('x').terms.length") == 2


def test_parameters_of_the_same_name_are_told_apart(opened):
    a, b = (ts.tensor(np.ones(n), requires_grad=True) for n in (2, 3))
    a.node.name = b.node.name = "w" * 100
    browser = opened(graph((a * a).sum() + (b * b).sum()))
    browser.run("go(moments.length)")
    assert browser.run("[...parameters.values()].map(p => summed(p, p.added).length)") == [2, 3]
    names = browser.run("[...parameters.keys()]")
    assert names[1] == names[0] + "′"  # as in the drawing


def test_a_gradient_that_explodes_is_shown_as_such(opened):
    w = ts.tensor([[1e200]], requires_grad=True)
    h = ts.ones(1, 1)
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(3):
            with ts.step(t):
                h = w @ h
        browser = opened(graph((h - h).sum(), gradients=True))
    browser.run("for (let i = 0; i <= moments.length; i++) go(i)")
    assert "not finite" in browser.run("byId('sums').innerText")
    assert browser.run("[...byId('sum').getContext('2d').getImageData(0, 0, 1, 1).data].slice(0, 3)") == [190, 0, 160]
    assert not browser.messages


def test_a_caption_does_not_wait_for_the_picture_to_move(opened, char_loss):
    browser = opened(graph(char_loss(30, ts.nn.LSTM), steps=range(30)))
    shown = "[byId('equation').textContent || byId('said').textContent, view.x, view.width].join()"
    before, at_once = browser.run(f"[(fit(), {shown}), (go(3), {shown})]")
    assert before.split(",")[-2:] == at_once.split(",")[-2:]
    assert before != at_once
    browser.wait_for(f"view.width < {before.split(',')[-1]}")  # close enough to be read


def test_the_panel_stays_in_its_place_while_the_play_goes_from_one_parameter_to_another(opened, lstm_page):
    browser = opened(lstm_page, 1280, 720)
    tops = "new Set(moments.map((_, i) => (go(i + 1), Math.round(byId('sums').getBoundingClientRect().top)))).size"
    assert browser.run(tops) == 1


def test_the_first_moment_of_a_long_picture_touches_nothing_that_looks_the_same(opened, char_loss):
    """What is touched is styled again, and a first click that touched all lines and bars was answered late."""
    browser = opened(graph(char_loss(60, ts.nn.LSTM), steps=range(60), gradients=True))
    browser.run(
        "(window.touched = [], new MutationObserver(found => touched.push(...found.map(record => record.target)))"
        ".observe(document.body, { attributes: true, childList: true, subtree: true }), go(1))"
    )
    browser.wait_for("touched.length")
    assert browser.run("touched.filter(element => element.matches('.nest .node, .nest .edge')).length") == 0
    assert browser.run("touched.filter(element => element.closest('.bars')).length") == 0


def test_only_several_parts_have_a_sum(opened, lstm_page):
    browser = opened(lstm_page)
    counted = "['.part', '.total'].map(of => byId('parts').querySelectorAll(`:scope > ${of}`).length)"
    found = browser.run(f"moments.map((_, i) => (go(i + 1), {counted}))")
    assert min(parts for parts, sums in found if sums) == 2
    assert {sums for parts, sums in found if parts > 1} == {1}
    assert [1, 0] in found
