"""The page of a drawing, in a real browser: it opens, it is safe, and mouse, keyboard and eye can use it."""

import base64
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from zoo import called

import tinyseq as ts
from tinyseq.hmm import HMM
from tinyseq.viz import automaton, graph, trellis, vanishing

pytestmark = [pytest.mark.browser, pytest.mark.renders]

NASTY = [
    "</script><script>document.body.dataset.broken = 1</script>",
    '<img src=x onerror="document.body.dataset.broken = 1">',
    "\"'><svg/onload=document.body.dataset.broken=1>",
    "<!--<script>",
    "]]></style><b>&amp;&lt;&#60;",
    "two\nlines\tand\r\x00\x1b[31m\u2028",
    "$title ${script} $$ \\N \\G %s {0}",
    "emoji 🙂‍↔️ 👩‍👩‍👧 and عربى‮",
    "javascript:document.body.dataset.broken=1",
    "w" * 10_000,
]


FOCUSED = """(() => {
  const focused = document.activeElement;
  const { id, dataset, tagName, labels, textContent } = focused;
  const called = focused.getAttribute("aria-label") || labels?.[0]?.textContent || textContent;
  return [id || dataset.step || dataset.module || tagName, getComputedStyle(focused).outlineStyle, called];
})()"""


def drawing_of(kind, char_loss, encoder_decoder_loss, cats):
    if kind == "trellis":
        return trellis(cats, ["I", "like", "cats"])
    if kind == "forward":
        return trellis(cats, ["I", "like", "cats"], semiring="log", posterior=True)
    if kind == "automaton":
        return automaton(cats)
    if kind == "encoder-decoder":
        return graph(encoder_decoder_loss, gradients=True)
    if kind == "bidirectional":
        return graph(char_loss(12, ts.nn.LSTM, num_layers=2, bidirectional=True), gradients=True)
    return graph(char_loss(3, ts.nn.GRU), view=kind, gradients=kind == "unrolled")


KINDS = ["unrolled", "folded", "flat", "encoder-decoder", "bidirectional", "trellis", "forward", "automaton"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_drawing_has_a_page_that_opens_without_complaint_and_asks_for_nothing(
    kind, opened, char_loss, encoder_decoder_loss, cats
):
    browser = opened(drawing_of(kind, char_loss, encoder_decoder_loss, cats))
    browser.click("#dark")
    browser.click("#picture")
    browser.press("End")
    browser.run("go(moments.length)")
    assert not browser.messages
    asked = [address.split("/")[-1] for address in browser.requests if not address.startswith("data:")]
    assert asked == ["page.html"]


def test_a_page_runs_its_own_script_and_nothing_else(opened, lstm_page):
    browser = opened(lstm_page)
    browser.run("document.body.insertAdjacentHTML('beforeend', '<img src=\"data:,x\" onerror=\"document.title = 1\">')")
    browser.run("document.body.append(Object.assign(document.createElement('script'), { text: 'document.title = 1' }))")
    browser.run(
        "document.body.append(Object.assign(document.createElement('img'), { src: 'http://localhost:9/x.png' }))"
    )
    browser.run("fetch('http://localhost:9/x').catch(() => null)")
    assert browser.run("document.title") == "4 time steps, unrolled"
    refused = [message for message in browser.messages if "Content Security Policy" in message]
    assert all(any(word in message for message in refused) for word in ("handler", "inline script", "x.png", "connect"))


@pytest.mark.parametrize("name", NASTY, ids=range(len(NASTY)))
def test_a_parameter_or_module_may_have_any_name(name, opened):
    browser = opened(graph(called(name, name), gradients=True))
    browser.run("go(moments.length)")
    browser.run("for (const name of boxes.keys()) tell(name)")
    browser.run("document.querySelector('[data-module]')?.click()")
    assert_whole(browser)
    assert browser.run("parameters.size") == 1


@pytest.mark.parametrize("name", NASTY, ids=range(len(NASTY)))
def test_a_state_or_a_symbol_may_have_any_name(name, opened):
    hmm = HMM([0.5, 0.5], [[0.5, 0.5], [0.5, 0.5]], [[0.5, 0.5], [0.5, 0.5]], states=[name, "b"], symbols=["c", name])
    browser = opened(trellis(hmm, [name, "c"]))
    browser.run("for (let i = 0; i <= moments.length; i++) go(i)")
    browser.run("for (const name of boxes.keys()) tell(name)")
    assert_whole(browser)


def assert_whole(browser):
    """Nothing on the page has been broken, or made, by a name."""
    assert not browser.messages
    assert browser.run("document.body.dataset.broken || null") is None
    assert browser.run("[...document.scripts].length") == 2
    assert browser.run("document.querySelectorAll('img, b > script, style ~ style').length") == 0
    assert browser.run("document.documentElement.scrollWidth <= innerWidth")
    assert browser.run("document.querySelector('footer') !== null")


# -- mouse -------------------------------------------------------------------------------------------------------------


def test_pointing_at_a_box_shows_its_shape_value_and_gradient(opened):
    ts.manual_seed(0)
    rnn = ts.nn.RNN(3, 5)
    output, _ = rnn(ts.ones(3, 1, 3))
    browser = opened(graph((output * output).sum()))
    name = browser.run("[...boxes.keys()].find(name => story.details[name]?.['']?.includes('h₁'))")
    browser.point(f"#{name}")
    browser.wait_for("!card.hidden")
    words = browser.run("card.innerText")
    assert all(word in words for word in ("tanh → h₁", "(5,1)", "float64", "RNN.l0", "norm of the gradient"))
    assert browser.run("card.querySelectorAll('canvas').length") == 2
    shown = browser.run(f"Array.from(unpack(story.values['{name}'].value.numbers))")
    np.testing.assert_array_equal(shown, output[1].numpy().ravel().astype(np.float32))
    browser.point("h1")
    assert browser.run("card.hidden")


def test_what_a_finger_has_touched_stays_told(opened, lstm_page):
    browser = opened(lstm_page)
    browser.call("Emulation.setTouchEmulationEnabled", enabled=True)
    x, y = browser.place("g.node.state")
    browser.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": x, "y": y}])
    browser.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    assert "shape" in browser.run("card.hidden ? '' : card.innerText")
    browser.call("Input.dispatchTouchEvent", type="touchStart", touchPoints=[{"x": 20, "y": 200}])
    browser.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    assert browser.run("card.hidden")
    browser.call("Emulation.setTouchEmulationEnabled", enabled=False)


def test_two_fingers_zoom(opened, lstm_page):
    browser = opened(lstm_page)
    browser.call("Emulation.setTouchEmulationEnabled", enabled=True)
    before = browser.run("view.width")
    for kind, gap in (("touchStart", 40), ("touchMove", 60), ("touchMove", 80), ("touchMove", 120)):
        touches = [{"x": 500 - gap, "y": 400, "id": 1}, {"x": 500 + gap, "y": 400, "id": 2}]
        browser.call("Input.dispatchTouchEvent", type=kind, touchPoints=touches)
    browser.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
    assert browser.run("view.width") == pytest.approx(before / 3, rel=0.1)
    browser.call("Emulation.setTouchEmulationEnabled", enabled=False)


def test_the_wheel_zooms_to_the_pointer_and_dragging_moves(opened, lstm_page):
    browser = opened(lstm_page)
    before = browser.run("(fit(), [view.width, ...place({ clientX: 400, clientY: 300 })])")
    browser.call("Input.dispatchMouseEvent", type="mouseWheel", x=400, y=300, deltaX=0, deltaY=-300)
    browser.wait_for(f"view.width < 0.9 * {before[0]}")
    assert browser.run("place({ clientX: 400, clientY: 300 })") == pytest.approx(before[1:], abs=0.5)
    start = browser.run("place({ clientX: 400, clientY: 300 })")
    hidden = browser.run("document.querySelectorAll('.hidden').length")
    browser.drag("#t1", 80, 40)
    assert browser.run("place({ clientX: 480, clientY: 340 })") == pytest.approx(start, abs=0.5)
    assert browser.run("document.querySelectorAll('.hidden').length") == hidden  # a drag is no click
    browser.click("#fit")
    assert browser.run("view.width") == pytest.approx(before[0])


def test_search_finds_boxes_by_their_words_and_goes_from_one_to_the_next(opened, lstm_page):
    browser = opened(lstm_page)
    browser.press("/")
    browser.type("tanh")
    assert browser.run("document.querySelectorAll('.found').length") == 8
    browser.run("toggleStep('t0')")
    for place in ("1 of 8", "2 of 8"):
        browser.press("Enter")
        assert browser.run("byId('hits').textContent") == place
        assert browser.run("hits[hit].group.getBoundingClientRect().height") > 40
        assert "tanh" in browser.run("card.innerText")
    assert browser.run("folded.size") == 0  # what is found is unfolded
    browser.run("byId('search').value = 'rnn.l0'; find()")
    assert browser.run("document.querySelectorAll('.found').length") == 48


# -- keyboard ----------------------------------------------------------------------------------------------------------


def test_the_tab_key_reaches_every_control_and_the_focus_is_seen(opened, lstm_page):
    browser = opened(lstm_page)
    seen = []
    for _ in range(40):
        browser.press("Tab")
        found = browser.run(FOCUSED)
        if found[0] == "BODY" or found[0] in [name for name, *_ in seen]:
            break
        seen.append(found)
    names = [name for name, *_ in seen]
    expected = ["search", "zoom-out", "zoom-in", "fit", "dark", "present", "fold-panel", "ask", "picture"]
    expected += ["fold-all"]
    assert names[: len(expected)] == expected
    assert names[-8:] == ["back-step", "back", "start", "forth", "forth-step", "time", "pace", "quizzing"]
    assert "t1" not in names  # the arrow keys go there
    assert all(outline == "solid" for _, outline, _ in seen)
    assert all(label.strip() for *_, label in seen)


def test_arrow_keys_go_from_box_to_box_and_enter_closes_the_module(opened, lstm_page):
    browser = opened(lstm_page)
    browser.run("picture.focus()")
    browser.press("Home")
    first = browser.run("chosen")
    browser.press("End")
    assert browser.run("chosen") != first
    assert browser.run("picture.getAttribute('aria-activedescendant')") == browser.run("chosen")
    start = browser.run(
        "(choose(boxes.get(asked().find(box => story.columns[box.name] === 't1').name)), boxes.get(chosen).x)"
    )
    browser.press("Right")
    assert browser.run("boxes.get(chosen).x") > start
    browser.press("Left")
    browser.press("Up")
    assert browser.run("!card.hidden && card.innerText.length") > 10
    assert browser.run("boxes.get(chosen).group.getAttribute('aria-label').length") > 10
    home = browser.run("view.x")
    browser.press("Right", shift=True)
    assert browser.run("view.x") > home
    browser.run("choose([...boxes.values()].find(box => story.details[box.name]?.[''] === 'tanh'))")
    browser.press("Enter")
    assert browser.run("closed.size") == 1
    browser.run("choose([...shut.values()].find(cover => cover.name.startsWith('cover-t2')))")
    browser.press("Left")
    assert browser.run("chosen").startswith("cover-t1")
    assert "closed" in browser.run("document.querySelector('.cover.chosen').getAttribute('aria-label')")
    browser.press("Enter")
    assert browser.run("closed.size + shut.size") == 0
    browser.run("choose(asked().find(box => story.columns[box.name] === 't2'))")
    browser.press("Enter", shift=True)
    assert browser.run("[...folded]") == ["t2"]


def test_plus_minus_and_zero_zoom(opened, lstm_page):
    browser = opened(lstm_page)
    browser.run("picture.focus()")
    browser.press("0")
    home = browser.run("view.width")
    browser.press("+")
    assert browser.run("view.width") == pytest.approx(0.8 * home)
    browser.press("-")
    browser.press("-")
    assert browser.run("view.width") > home
    browser.press("0")
    assert browser.run("view.width") == pytest.approx(home)


def test_arrow_keys_go_along_the_chips(opened, lstm_page):
    browser = opened(lstm_page)
    browser.run("document.querySelector('[data-step=t0]').focus()")
    browser.press("Right")
    browser.press("Space")
    assert browser.run("[...folded]") == ["t1"]
    assert browser.run("document.activeElement.getAttribute('aria-expanded')") == "false"
    browser.press("End")
    assert browser.run("document.activeElement.dataset.step") == "t3"


def test_the_question_mark_opens_the_help_and_escape_closes_it(opened, lstm_page):
    browser = opened(lstm_page)
    browser.press("?")
    assert browser.run("byId('help').open")
    browser.press("Escape")
    browser.wait_for("!byId('help').open")


# -- how it looks ------------------------------------------------------------------------------------------------------


def test_dark_and_light_follow_the_reader_until_told_otherwise(opened, lstm_page):
    browser = opened(lstm_page, color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    column = "getComputedStyle(document.querySelector('#t0 rect')).fill"
    assert (browser.run(paper), browser.run(column)) == ("rgb(20, 20, 20)", "rgb(24, 26, 29)")
    browser.prefer(color_scheme="light")
    browser.wait_for(f"{paper} === 'rgb(255, 255, 255)'")
    assert browser.run(column) == "rgb(244, 246, 250)"
    browser.click("#dark")
    assert browser.run(paper) == "rgb(20, 20, 20)"
    assert browser.run("byId('dark').getAttribute('aria-pressed')") == "true"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("act", ["choose(boxes.get(NAME))", "(byId('search').value = NAME, find())"])
def test_a_box_that_is_chosen_or_found_has_an_outline_that_tells_so(act, scheme, opened, lstm_page):
    browser = opened(lstm_page, color_scheme=scheme)
    name = browser.run("asked()[3].name")
    browser.run(f"void {act.replace('NAME', repr(name))}")
    outline = f"getComputedStyle(boxes.get({name!r}).group.querySelector('rect')).stroke"
    assert browser.run(outline) == {"light": "rgb(43, 108, 176)", "dark": "rgb(125, 183, 255)"}[scheme]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_of_the_page_has_contrast(scheme, opened, lstm_page):
    browser = opened(lstm_page, color_scheme=scheme)
    browser.run("go(60)")
    found = browser.run((Path(__file__).parent / "contrast.js").read_text("utf-8"))
    assert len(found) > 20
    assert found[0][0] >= 4.5, found[:3]


@pytest.mark.parametrize("network", ["CRF", "LSTM", "GRU"])
def test_no_words_of_a_drawing_lie_on_others(network, opened, char_loss):
    if network == "CRF":  # float32 parameters and float64 scores: the types make words long
        scores = ts.tensor(np.random.default_rng(0).standard_normal((4, 3)), requires_grad=True)
        drawing = graph(-ts.nn.CRF(3).log_likelihood(scores, [0, 1, 1, 2], by_step=True), gradients=True)
    else:
        drawing = graph(char_loss(3, getattr(ts.nn, network), bidirectional=network == "GRU"), values=True)
    browser = opened(drawing)
    words = browser.run(
        "[...root.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()])"
        ".filter(([, { width }]) => width).map(([words, { x, y, right, bottom }]) => [words, x, y, right, bottom])"
    )
    assert len(words) > 30
    for (said, *one), (other, *two) in combinations(words, 2):
        across = min(one[2], two[2]) - max(one[0], two[0])
        height = min(one[3] - one[1], two[3] - two[1])
        down = min(one[3], two[3]) - max(one[1], two[1])
        assert across < 2 or down < 0.4 * height, (said, other)  # lines of one label are close


def test_the_legend_is_no_wider_than_the_picture(opened):
    transition = ts.tensor(np.zeros((3, 3)), requires_grad=True)
    browser = opened(graph(ts.hmm.chain(np.zeros(3), transition, np.zeros((3, 3))), gradients=True))
    rest, legend = (
        browser.run(
            f"Math.max(...[...boxes.values()].filter(box => box.legend === {kind}).map(box => box.x + box.width / 2))"
        )
        for kind in ("false", "true")
    )
    assert legend < rest + 30


@pytest.mark.parametrize("width", [360, 820, 1280])
def test_no_window_is_too_narrow(width, opened, lstm_page):
    browser = opened(lstm_page, width=width, height=800)
    assert browser.run("document.documentElement.scrollWidth <= innerWidth")
    assert browser.run("picture.getBoundingClientRect().height") > 300
    small = "[...document.querySelectorAll('button')].filter(b => b.offsetParent && b.offsetHeight < 30).length"
    assert browser.run(small) == 0


def test_a_dark_page_prints_on_white_without_its_controls(opened, lstm_page):
    browser = opened(lstm_page, color_scheme="dark")
    browser.run("go(60)")
    browser.prefer("print", color_scheme="dark")
    browser.wait_for("!document.documentElement.classList.contains('dark')")
    assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.run("byId('transport').offsetParent") is None
    assert browser.run("picture.getBoundingClientRect().height") > 100
    assert base64.b64decode(browser.call("Page.printToPDF")["data"]).startswith(b"%PDF")


def test_gradients_are_printed_once_there_are_some(opened, lstm_page):
    browser = opened(lstm_page)
    browser.prefer("print")
    for moment, printed in ((0, False), (3, False), (10_000, True)):
        browser.run(f"go(Math.min({moment}, moments.length))")
        assert browser.run("byId('sums').offsetParent !== null") is printed


def test_everything_that_a_screen_reader_stops_at_has_a_name(opened, lstm_page):
    stops = {"button", "slider", "combobox", "searchbox", "textbox", "link", "radio", "image", "application", "dialog"}
    for page in (lstm_page, vanishing(hidden_size=4)):
        browser = opened(page)
        for act in ("0", "typeof quiz === 'function' && (quiz(), go(moments.findIndex(moment => moment.asked) + 1))"):
            browser.run(act)
            nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
            seen = [(node["role"]["value"], node["name"]["value"].strip()) for node in nodes if not node["ignored"]]
            found = [(role, name) for role, name in seen if role in stops]
            assert len(found) > 5
            assert all(name for _, name in found), found


@pytest.mark.parametrize("width", [1280, 1024, 390])
def test_names_of_parameters_are_broken_at_full_stops_and_underscores_only(width, opened, lstm_page):
    browser = opened(lstm_page, width=width, height=720)
    browser.run("(go(moments.length), choose([...boxes.values()].find(box => visibleText(box).includes('weight_hh'))))")
    lines = """[...document.querySelectorAll('#sums .name span:first-child, #sum-said span, #card dd')].flatMap(span =>
      [...(span.querySelector('span') ?? span).childNodes].filter(part => /[a-z][._]/.test(part.data)).map(part => {
        const range = document.createRange();
        range.setStart(part, 0);
        range.setEnd(part, part.data.search(/ |$/));
        return [part.data, new Set([...range.getClientRects()].map(box => box.y)).size];
      }))"""
    found = browser.run(lines)
    assert len(found) > 10
    assert [name for name, count in found if count > 1] == []
