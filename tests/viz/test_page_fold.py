"""Folding on the page of a drawing: what is left closes up, and everything still hangs together."""

from pathlib import Path

import numpy as np
import pytest
from zoo import ZOO

import tinyseq as ts
from tinyseq.viz import graph

pytestmark = [pytest.mark.browser, pytest.mark.renders]

SEEN = (Path(__file__).parent / "seen.js").read_text("utf-8")
AWAY = '[transform="translate(0 -1e6)"]'
HIDDEN = f"[...root.querySelectorAll('{AWAY} .node')].length"


def overlap(one, other, slack):
    return all(min(one[i + 2], other[i + 2]) - max(one[i], other[i]) > slack for i in (0, 1))


def apart(point, rectangle):
    """How far a point is from the nearest side of a rectangle."""
    (x, y), (left, top, right, bottom) = point, rectangle
    outside = np.hypot(max(left - x, 0, x - right), max(top - y, 0, y - bottom))
    return outside or min(x - left, right - x, y - top, bottom - y)


def check(seen):
    """No two things lie on each other, and every line begins and ends at the side of something."""
    slack = 1.5 * seen["scale"]
    solid = [*seen["boxes"].values(), *seen["covers"]]
    for i, one in enumerate(solid):
        assert not any(overlap(one, other, slack) for other in solid[:i])
    for tail, head, start, end in seen["lines"]:
        for name, point in ((tail, start), (head, end)):
            if name in seen["shapeless"]:
                continue
            places = [seen["boxes"][name]] if name in seen["boxes"] else seen["covers"]
            assert min(apart(point, place) for place in places) < 4 * slack, (tail, head, name, point)


def drawings(char_loss, encoder_decoder_loss):
    return {
        "LSTM": lambda: graph(char_loss(4, ts.nn.LSTM), gradients=True),
        "bidirectional": lambda: graph(char_loss(9, ts.nn.GRU, num_layers=2, bidirectional=True)),
        "encoder-decoder": lambda: graph(encoder_decoder_loss, gradients=True),
        "stacked": lambda: graph(char_loss(3, num_layers=3)),
    }


@pytest.mark.parametrize("kind", ["LSTM", "bidirectional", "encoder-decoder", "stacked"])
def test_however_it_is_folded_the_picture_hangs_together_and_unfolds_as_it_was(
    kind, opened, char_loss, encoder_decoder_loss
):
    browser = opened(drawings(char_loss, encoder_decoder_loss)[kind]())
    browser.run("fit()")
    before = browser.run(SEEN)
    check(before)
    rng = np.random.default_rng(0)
    chips = browser.run("[...document.querySelectorAll('[data-step], [data-module]')].length")
    for _ in range(12):
        browser.run(f"document.querySelectorAll('[data-step], [data-module]')[{rng.integers(chips)}].click()")
        check(browser.run(SEEN))
    browser.run("folded.clear(); closed.clear(); fitted = true; arrange(); fit()")
    after = browser.run(SEEN)
    assert after["view"] == pytest.approx(before["view"])
    assert after["boxes"].keys() == before["boxes"].keys()
    for name, place in before["boxes"].items():
        assert after["boxes"][name] == pytest.approx(place, abs=0.5)


TWO_LOOPS = [name for name in ZOO if "coder" in name or "attention" in name or name == "nested_loops"]


@pytest.mark.parametrize("name", TWO_LOOPS)
def test_no_bar_lies_on_what_one_loop_hands_to_another(name, opened):
    browser = opened(graph(ZOO[name].loss(), gradients=True))
    browser.run("byId('fold-all').click()")
    check(browser.run(SEEN))
    for column in browser.run("columns"):
        browser.run(f"toggleStep('{column}')")
        check(browser.run(SEEN))
        browser.run(f"toggleStep('{column}')")


def test_frames_of_modules_are_seen_and_clicked_within_those_around_them(opened, char_loss):
    browser = opened(graph(char_loss(3, ts.nn.LSTM, num_layers=2)))
    browser.run("fit()")
    behind = """[...frames.values()].filter(({ group, shape }) => {
      const { x, y } = shape.getBoundingClientRect();
      return document.elementFromPoint(x + 5, y + 5).closest('.cluster') !== group;
    }).map(({ id }) => id)"""
    assert browser.run("frames.size") > 9
    assert browser.run(behind) == []
    inner = browser.run("Object.keys(story.frames).findLast(id => story.frames[id].column === 't1')")
    browser.click(f"#{inner} > rect")
    assert browser.run("[[...folded], [...closed].map(text => JSON.parse(text).at(-1))]") == [[], ["l1"]]


def test_a_closed_module_has_its_whole_name_though_its_frame_had_no_room_for_it(opened, encoder_decoder_loss):
    browser = opened(graph(encoder_decoder_loss, gradients=True))
    assert browser.run("[...frames.values()].some(frame => frame.title.endsWith('…'))")
    browser.run("for (const chip of document.querySelectorAll('[data-module]')) chip.click()")
    names = browser.run("[...document.querySelectorAll('.cover text')].map(text => text.textContent)")
    assert names
    assert not [name for name in names if name.endswith("…")]


def test_a_closed_module_is_small_and_the_columns_close_up(opened, lstm_page):
    browser = opened(lstm_page)
    size = "(f => [current.X(f.high) - current.X(f.low), current.Y(f.bottom) - current.Y(f.top)])(frames.get('t1'))"
    wide, tall = browser.run(size)
    browser.click('[data-module*="rnn"]')
    assert browser.run(HIDDEN) == 4 * 12
    assert browser.run("[...document.querySelectorAll('.cover text')].map(text => text.textContent)") == ["rnn.l0"] * 4
    narrow, low = browser.run(size)
    assert narrow < 0.75 * wide
    assert low < 0.6 * tall
    browser.click(".cover")
    assert browser.run(HIDDEN) == 0
    assert browser.run(size) == [wide, tall]


def test_a_folded_step_is_a_bar_that_a_click_opens(opened, lstm_page):
    browser = opened(lstm_page)
    at = "frames.get('t3').shape.getBoundingClientRect().x / root.getScreenCTM().a"
    before = browser.run(at)
    x, y = browser.run("(({ left, top }) => [left + 8, top + 8])(frames.get('t1').shape.getBoundingClientRect())")
    for kind in ("mousePressed", "mouseReleased"):
        browser.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
    assert browser.run(HIDDEN) == 15
    assert browser.run("document.querySelector('.cover text').textContent") == "t = 1"
    assert browser.run("document.querySelector('[data-step=t1]').getAttribute('aria-expanded')") == "false"
    assert browser.run(at) < before - 100
    browser.click(".cover")
    assert browser.run(HIDDEN) == 0


def test_what_was_clicked_stays_where_it_was_when_one_has_zoomed_in(opened, lstm_page):
    browser = opened(lstm_page)
    browser.run("zoom(0.5, [500, 300])")
    left = "frames.get('t1').shape.getBoundingClientRect().x"
    before = browser.run(left)
    browser.run("toggleStep('t0')")
    browser.run("toggleStep('t1')")
    bar = browser.run("document.querySelectorAll('.cover rect')[1].getBoundingClientRect().x")
    browser.run("toggleStep('t1')")
    assert browser.run(left) == pytest.approx(bar, abs=1.5)
    assert before != browser.run(left)


def test_the_thin_bars_of_a_long_sequence_are_one_run_with_a_label(opened, char_loss):
    browser = opened(graph(char_loss(30), steps=range(30), gradients=True))
    assert browser.run("[...folded].length") == 26
    assert browser.run("document.querySelector('.run').textContent") == "t = 3 … 28"
    browser.run("document.querySelector('.cover').dispatchEvent(new Event('click'))")
    assert browser.run("document.querySelector('.run').textContent") == "t = 4 … 28"
    check(browser.run(SEEN))


def test_a_page_of_sixty_steps_is_small_and_unfolds(opened, char_loss, tmp_path):
    drawing = graph(char_loss(steps=60, kind=ts.nn.LSTM), steps=range(60), gradients=True)
    assert drawing.save(tmp_path / "sixty.html").stat().st_size < 3_000_000
    browser = opened(drawing)
    dashed = (
        "[...svg.querySelectorAll('.weight path')].filter(path => getComputedStyle(path).strokeDasharray !== 'none')"
    )
    assert browser.run(f"{dashed}.length") == 0  # hundreds of long dashed lines would make every click slow
    browser.run("(fit(), byId('unfold-all').click())")
    browser.wait_for(f"{HIDDEN} === 0 && !late.length && !root.querySelector('.away')")
    check(browser.run(SEEN))


def test_the_first_frame_after_a_click_is_as_much_work_for_any_number_of_steps_and_paper_shows_all_open_ones(
    opened, char_loss
):
    frames = "columns.filter(id => frames.get(id).wraps[0].classList.contains('away')).length"
    boxes = "columns.filter(id => !frames.get(id).wraps[2].classList.contains('away')).length"
    drawn, closed = [], []
    for steps in (30, 50):
        browser = opened(graph(char_loss(steps, ts.nn.LSTM), steps=range(steps), gradients=True))
        browser.run("fit()")
        browser.wait_for(f"{boxes} === 4 && !late.length")
        browser.run(
            "(window.watch = new MutationObserver(() => {})).observe(root, { attributes: true, subtree: true })"
        )
        first = (
            f"[{frames}, {boxes}, watch.takeRecords().filter(({{ attributeName }}) => attributeName === 'd').length]"
        )
        away, shown, lines = browser.run(f"(byId('unfold-all').click(), {first})")
        assert [away, shown] == [0, 4 + browser.run("AT_ONCE.columns")]
        drawn.append(lines)
        browser.run("window.dispatchEvent(new Event('beforeprint'))")
        assert browser.run(f"{boxes} === columns.length - folded.size && !late.length")
        browser.run("window.dispatchEvent(new Event('afterprint'))")
        browser.run("(fit(), watch.takeRecords())")
        inside = "watch.takeRecords().filter(({ target }) => target.matches('.nest path')).length"
        shown, lines = browser.run(f"(document.querySelector('[data-module]').click(), [{boxes}, {inside}])")
        assert shown == browser.run("AT_ONCE.columns")
        closed.append(lines)
        browser.wait_for(f"{boxes} === columns.length && !late.length")
        check(browser.run(SEEN))
    assert 0 < drawn[1] <= drawn[0]
    assert 0 < closed[1] <= 1.1 * closed[0]  # by rounding


def test_a_click_shows_its_effect_at_once(opened, lstm_page):
    """Fading from one arrangement to the next took 100 ms before anything was seen."""
    browser = opened(lstm_page, reduced_motion="no-preference")
    for kind in ("step", "module"):
        bars = browser.run("covers.children.length")
        browser.run(f"document.querySelector('[data-{kind}]').click()")
        assert browser.run("covers.children.length") > bars
        assert browser.run("document.getAnimations().length") == 0
        check(browser.run(SEEN))


def test_the_svg_keeps_its_size_whatever_is_clicked(opened, lstm_page):
    """Else the browser lays out all letters again: two thirds of what the first click on a stack took."""
    browser = opened(lstm_page)
    size = "[svg.clientWidth, svg.clientHeight, svg.getAttribute('viewBox')]"
    before = browser.run(size)
    room = browser.run("room.join()")
    for act in (
        "go(1)",
        "togglePanel()",
        "present()",
        "toggleStep('t1')",
        "document.querySelector('[data-module]').click()",
    ):
        browser.run(f"new Promise(done => ({act}, afterFrame(done)))")
        assert browser.run(size) == before, act
    assert browser.run("room.join()") != room


def test_what_is_folded_in_a_long_picture_is_not_laid_out_and_nothing_fades(opened, char_loss):
    """Else the first click, which moves the picture, waits for the layout of all steps, or for a hundred animations."""
    browser = opened(graph(char_loss(60, ts.nn.LSTM), steps=range(60)), reduced_motion="no-preference")
    browser.call("Performance.enable")

    browser.call("HeapProfiler.collectGarbage")
    metrics = browser.call("Performance.getMetrics")["metrics"]
    laid_out = next(metric["value"] for metric in metrics if metric["name"] == "LayoutObjects")
    assert laid_out < 0.4 * browser.run("svg.querySelectorAll('*').length")
    slow = "[...svg.querySelectorAll('*')].filter(part => getComputedStyle(part).transitionDuration !== '0s').length"
    assert browser.run(slow) == 0


def test_what_is_within_a_folded_step_goes_with_it(opened, char_loss):
    browser = opened(graph(char_loss(60, ts.nn.LSTM), steps=range(60)))
    assert browser.run("folded.size") == 56
    assert browser.run(f"document.querySelectorAll('{AWAY} {AWAY}').length") == 0
    browser.run("toggleModule([...known].map(JSON.parse)[0])")
    assert browser.run(f"document.querySelectorAll('{AWAY} {AWAY}').length") == 0


def test_a_click_costs_little_because_nothing_inside_of_a_closed_module_is_touched(opened, lstm_page):
    browser = opened(lstm_page)
    browser.run(
        "(window.touched = [], new MutationObserver(found => touched.push(...found.map(record => record.target)))"
        ".observe(root, { attributes: true, childList: true, subtree: true }))"
    )
    browser.click('[data-module*="rnn"]')
    browser.wait_for("touched.length")
    assert browser.run(f"touched.filter(element => element.closest('.nest {AWAY} > *')).length") == 0
    assert browser.run(f"document.querySelectorAll('.nest {AWAY} > .node').length") == 4 * 12
    browser.run("(touched.length = 0, toggleStep('t1'))")
    browser.wait_for("touched.length")
    assert browser.run("touched.filter(element => element.closest('#t0, #t1')).length") == 0
