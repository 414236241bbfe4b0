"""Pages in windows of every size: nothing overflows, nothing is covered, and letters can be read."""

import base64
import re
from functools import cache
from itertools import combinations

import pytest
from played import SHOWN
from zoo import ZOO, model, read

import tinyseq as ts

pytestmark = pytest.mark.browser

SIZES = {"projector": (1024, 768), "laptop": (1440, 900), "tablet": (768, 1024), "phone": (390, 844)}
NETWORKS = ["rnn", "lstm", "both_directions", "attention_over_states", "trellis"]

CONTROLS = """[...document.querySelectorAll('button, input, select, h1, h2, #said, #equation, #acts')]
  .filter(element => element.checkVisibility() && !element.closest('dialog'))
  .map(element => {
    const { left, top, right, bottom } = element.getBoundingClientRect();
    const cut = element.matches('button, h1, h2') && element.scrollWidth > element.clientWidth + 1;
    const panel = element.closest('aside') !== null;
    return { name: element.id || element.textContent, left, top, right, bottom, cut, panel };
  })"""
PLACES = """(() => {
  const found = Object.fromEntries(['header', '#picture', '#play'].map(name => {
    const { left, top, right, bottom } = document.querySelector(name).getBoundingClientRect();
    return [name, [left, top, right, bottom]];
  }));
  return { ...found, wide: document.documentElement.scrollWidth, high: document.documentElement.scrollHeight };
})()"""
GO = "new Promise(done => (go({}), afterFrame(done)))"  # to a moment, and to where the picture then comes
LETTERS = """Math.min(...[...root.querySelectorAll('text')]
  .map(text => text.getAttribute('font-size') * root.getScreenCTM().a).filter(size => size))"""
COVERED = """(name => {
  const box = part(name);
  reveal(box);
  tell(name);
  const [one, two] = [card.getBoundingClientRect(), rectangleOf(box)];
  const across = Math.min(one.right, two.right) - Math.max(one.left, two.left);
  const down = Math.min(one.bottom, two.bottom) - Math.max(one.top, two.top);
  const inside = one.left >= 0 && one.top >= 0 && one.right <= innerWidth && one.bottom <= innerHeight;
  return { shown: !card.hidden, covers: across > 0.5 && down > 0.5, inside };
})"""


@cache
def drawing(name):
    if name == "trellis":
        return ts.viz.trellis(model(3), "abca")
    return ts.viz.graph(ZOO[name].loss(), gradients=True)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_overflows_and_no_control_lies_on_another(name, size, opened):
    browser = opened(drawing(name), *SIZES[size])
    last = browser.run("moments.length")
    for moment in (0, 1, last // 3, last // 2, last):
        browser.run(f"go({moment})")
        places = browser.run(PLACES)
        assert places["wide"] <= SIZES[size][0]
        if SIZES[size][0] > 860:  # all of it is in the window
            assert places["high"] <= SIZES[size][1]
            assert places["#play"][3] <= SIZES[size][1]
        left, top, right, bottom = places["#picture"]
        assert right - left > 0.5 * SIZES[size][0]
        assert bottom - top > 0.4 * SIZES[size][1]
        controls = browser.run(CONTROLS)
        assert len(controls) > 15
        for control in controls:
            assert control["left"] >= 0, control
            assert control["right"] <= SIZES[size][0], control
            assert not control["cut"], control
        for one, other in combinations([control for control in controls if not control["panel"]], 2):
            across = min(one["right"], other["right"]) - max(one["left"], other["left"])
            down = min(one["bottom"], other["bottom"]) - max(one["top"], other["top"])
            inside_told = {one["name"], other["name"]} <= {"said", "equation"}
            assert across <= 1 or down <= 1 or inside_told, (one["name"], other["name"])
    assert browser.run("getComputedStyle(document.querySelector('#told')).overflowY") == "auto"  # a long text scrolls


EVERY_SIZE = {
    **{**SIZES, "wide": (1280, 720), "lecture room": (1280, 800), "small phone": (360, 640)},
    **{"phone on its side": (844, 390), "small phone on its side": (640, 360), "large phone on its side": (932, 430)},
}
COVERINGS = """(() => {
  const rectangle = element => element.getBoundingClientRect();
  const meet = (one, other) => Math.min(one.right, other.right) - Math.max(one.left, other.left) > 1
    && Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 1;
  const controls = [...document.querySelectorAll('button, input, select, h1, figcaption, #told, #acts, #cell')]
    .filter(element => element.checkVisibility() && !element.closest('dialog'));
  const seen = rectangle(picture);
  const cut = ({ left, right, top, bottom }) => ({
    left: Math.max(left, seen.left), right: Math.min(right, seen.right),
    top: Math.max(top, seen.top), bottom: Math.min(bottom, seen.bottom),
  });
  const drawn = [...root.querySelectorAll('.node, .cluster')].map(group => [group.id, cut(rectangle(group))]);
  const name = element => element.id || element.textContent;
  const panel = element => element.closest('aside'); // which scrolls
  const found = [];
  controls.forEach((one, i) => {
    for (const other of controls.slice(i + 1)) {
      if (panel(one) === panel(other) && meet(rectangle(one), rectangle(other))) found.push([name(one), name(other)]);
    }
    if (!panel(one)) for (const [id, place] of drawn) if (meet(rectangle(one), place)) found.push([name(one), id]);
  });
  return found;
})()"""


@pytest.mark.parametrize("quiz", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_no_control_covers_another_or_the_picture_and_its_legend(name, quiz, opened):
    browser = opened(drawing(name))
    if quiz:
        browser.run("(quiz(), go(moments.findIndex(({ asked }) => asked) + 1))")
    for size in EVERY_SIZE.values():
        browser.size(*size)
        browser.wait_for(f"innerWidth === {size[0]} && Math.abs(room[0] - picture.clientWidth) < 1")
        for act in ("fit()", "comeCloser()", "go(moments.length)"):
            browser.run(act)
            assert browser.run(COVERINGS) == [], (size, act)


LONG_WORDS = ["gru", "cell_in_a_loop", "additive_attention", "two_layers_in_both_directions"]
ROOMS = """(go(1), moments.map((moment, i) => {
  say(moment);
  const written = [...told.children].filter(each => each.textContent);
  const small = written.map(each => parseFloat(getComputedStyle(each).fontSize));
  return [told.scrollHeight - told.clientHeight, Math.min(...small), picture.clientHeight / innerHeight];
}))"""


@pytest.mark.parametrize("mode", ["", "quiz()", "present()"])
@pytest.mark.parametrize("name", LONG_WORDS)
def test_long_words_are_readable_at_once_and_leave_room_for_the_picture(name, mode, opened):
    browser = opened(drawing(name))
    browser.run(mode or "0")
    for size in EVERY_SIZE.values():
        browser.size(*size)
        browser.wait_for(f"innerWidth === {size[0]} && Math.abs(room[0] - picture.clientWidth) < 1")
        beyond, letters, pictures = zip(*browser.run(ROOMS), strict=True)
        assert max(beyond) <= 1, size  # nothing is scrolled
        assert min(letters) >= 13 - 0.01, size
        assert min(pictures) > 0.34, size


@pytest.mark.parametrize("mode", ["", "quiz()"])
@pytest.mark.parametrize("name", LONG_WORDS)
def test_a_projector_enlarged_twice_or_more_has_room_for_the_picture(name, mode, opened):
    browser = opened(drawing(name), 512, 384)
    assert browser.run("document.querySelector('header').clientHeight") < 60
    browser.run(mode or "0")
    for width, height in ((512, 384), (480, 360)):
        browser.size(width, height)
        browser.wait_for(f"innerWidth === {width} && Math.abs(room[0] - picture.clientWidth) < 1")
        beyond, letters, pictures = zip(*browser.run(ROOMS), strict=True)
        assert max(beyond) <= 1, width
        assert min(letters) >= 13 - 0.01
        assert min(pictures) > 0.34


BARE_PARTS = """moments.flatMap(moment => {
  say(moment);
  return [...document.querySelectorAll('#parts .part')].filter(part => part.checkVisibility())
    .filter(part => !part.textContent.startsWith('[') && !part.querySelector('canvas')?.checkVisibility())
    .map(part => part.textContent);
})"""


@pytest.mark.parametrize("name", ["lstm", "gru", "lstm_by_hand_from_concatenated"])
def test_what_a_sum_is_made_of_is_told_in_numbers_or_in_colours(name, opened):
    browser = opened(drawing(name))
    for size in EVERY_SIZE.values():
        browser.size(*size)
        browser.wait_for(f"innerWidth === {size[0]} && Math.abs(room[0] - picture.clientWidth) < 1")
        assert browser.run(BARE_PARTS) == [], size


@pytest.mark.parametrize("mode", ["", "quiz()", "togglePanel(true)"])
def test_a_window_enlarged_four_times_shows_the_picture_and_is_scrolled(mode, opened):
    browser = opened(drawing("gru"), 320, 256)
    browser.run(f"({mode or 0}, go(5))")
    assert browser.run("picture.clientHeight") >= 120
    places = browser.run(PLACES)
    assert places["wide"] <= 320
    assert places["high"] >= places["#play"][3] - 1


WITHOUT_SCRIPTS = """(() => {
  const svg = document.querySelector('#picture > svg');
  const { left, right, width, height } = svg.getBoundingClientRect();
  const shown = [...document.querySelectorAll('button, input, select')].filter(control => control.checkVisibility());
  const { width: wide, height: high } = svg.viewBox.baseVal;
  return [left, right, width / height - wide / high, shown.length, document.documentElement.scrollHeight >= height];
})()"""


def test_without_scripts_the_whole_picture_is_shown_and_no_controls(browser, tmp_path):
    browser.size(1280, 720)
    try:
        browser.call("Emulation.setScriptExecutionDisabled", value=True)
        browser.open(drawing("lstm").save(tmp_path / "page.html"))
        left, right, ratio, controls, scrolled = browser.run(WITHOUT_SCRIPTS)
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)
    assert left >= 0
    assert right <= 1280
    assert abs(ratio) < 0.01
    assert (controls, scrolled) == (0, True)


STILL = """(() => {
  const placesOf = (...names) => names.map(name => {
    const { left, top, width, height } = document.querySelector(name).getBoundingClientRect();
    return [left, top, width, height].map(Math.round);
  });
  const places = new Set();
  let seen = true;
  for (let i = 0; i < moments.length; i += 3) {
    go(i + 1);
    if (asking) byId('answer').focus();
    places.add(JSON.stringify([scrollX, scrollY, ...placesOf('header', '#picture', '#play')]));
    const below = [...document.querySelectorAll('#play *')].map(part => part.getBoundingClientRect().bottom);
    seen &&= Math.max(...below.filter(bottom => bottom)) <= innerHeight;
  }
  return [seen, [...places].map(JSON.parse)];
})()"""


@pytest.mark.parametrize(
    ("name", "mode"),
    [("rnn", ""), ("rnn", "quiz()"), ("rnn", "present()"), ("rnn", "togglePanel(true)"), ("trellis", "quiz()")],
)
def test_no_moment_or_question_scrolls_the_page_or_moves_its_parts(name, mode, opened):
    browser = opened(drawing(name))
    browser.run(mode or "0")
    for size in [size for name, size in EVERY_SIZE.items() if "phone" in name or name in {"projector", "tablet"}]:
        browser.size(*size)
        browser.wait_for(f"innerWidth === {size[0]} && Math.abs(room[0] - picture.clientWidth) < 1")
        seen, places = browser.run(STILL)
        assert len(places) == 1, size
        [(right, down, header, *_)] = places
        assert (right, down, *header[:2]) == (0, 0, 0, 0), size
        assert seen, size


OPENINGS = {
    **{name: lambda name=name: drawing(name) for name in NETWORKS},
    "twenty steps, and none left out": lambda: ts.viz.graph(read(ts.nn.LSTM, steps=20), steps=20),
    "flat": lambda: ts.viz.graph(ZOO["quasi_recurrent"].loss(), view="flat", values=True),
    "a long trellis": lambda: ts.viz.trellis(model(3), "abcd" * 12),
}
WHOLE = """(({ left, right, top, bottom }) => root.checkVisibility() && [...boxes.values()].every(box => {
  const { left: l, right: r, top: t, bottom: b } = rectangleOf(box);
  return isHidden(box.name) || (l >= left - 1 && r <= right + 1 && t >= top - 1 && b <= bottom + 1);
}))(picture.getBoundingClientRect())"""


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", OPENINGS)
def test_a_page_opens_in_letters_that_can_be_read_with_a_button_for_the_rest(name, size, opened):
    browser = opened(OPENINGS[name](), *SIZES[size])
    button = "(button => button.disabled ? '' : button.textContent)(byId('fit'))"
    assert browser.run(LETTERS) >= 7.99
    assert browser.run(button) == ("" if browser.run(WHOLE) else "Show all")
    first = browser.run(
        "[...moments.flatMap(m => m.boxes).filter(name => columnOf(name)), ...boxes.keys()][0]"  # of the sequence
    )
    if browser.run(button):
        part = browser.run("[view.x, view.y, view.width, view.height]")
        browser.click("#fit")
        assert browser.run(WHOLE)
        assert browser.run(button) == "Enlarge"
        browser.click("#fit")
        assert browser.run("[view.x, view.y, view.width, view.height]") == pytest.approx(part)
    seen = browser.run(f"rectangleOf(boxes.get({first!r}))")
    left, _, right, _ = browser.run(PLACES)["#picture"]
    assert seen["left"] < right
    assert seen["right"] > left
    words = "[...document.querySelectorAll('p, button, label, h2, figcaption, option')]"
    small = f"{words}.map(e => parseFloat(getComputedStyle(e).fontSize)).filter(size => size)"
    assert min(browser.run(small)) >= 13


BEGINNING = """((box, all) => box.left >= all.left && box.right <= all.right
  && box.top >= all.top && box.bottom <= all.bottom)
  (rectangleOf(boxes.get(moments.flatMap(m => m.boxes).find(name => columnOf(name) === columns[0]))),
   picture.getBoundingClientRect())"""


@pytest.mark.parametrize("name", SHOWN)
def test_a_page_opens_where_the_sequence_begins(name, opened):
    browser = opened(ts.viz.graph(ZOO[name].loss(), gradients=True))
    for size in SIZES.values():
        browser.size(*size)
        browser.wait_for(f"innerWidth === {size[0]} && Math.abs(room[0] - picture.clientWidth) < 1")
        browser.run("(fit(), comeCloser())")
        assert browser.run(LETTERS) >= 7.99
        assert browser.run(BEGINNING), size


WAITED = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"


@pytest.mark.parametrize("name", SHOWN)
def test_letters_can_still_be_read_when_there_is_less_room_unless_the_whole_picture_was_asked_for(name, opened):
    browser = opened(ts.viz.graph(ZOO[name].loss(), gradients=True), 1280, 720)
    assert browser.run(LETTERS) >= 7.99
    for act in (*["togglePanel()"] * 2, "go(5)", *["present()"] * 2, "byId('unfold-all').click()"):
        browser.run(act)
        browser.run(WAITED)
        assert browser.run(LETTERS) >= 7.99, act
    browser.size(1920, 1400)
    browser.run(WAITED)
    browser.run("fit()")
    readable = browser.run(LETTERS) >= 7.99
    browser.size(1280, 720)
    browser.run(WAITED)
    assert browser.run(f"{LETTERS} >= 7.99 || fitted")
    assert browser.run(LETTERS) >= 7.99 or not readable
    browser.run("byId('fold-all').click()")
    browser.run(WAITED)
    assert browser.run("fitted || !columns.length")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["rnn", "lstm", "trellis"])
def test_letters_can_be_read_while_the_page_plays_until_the_whole_picture_is_asked_for(name, size, opened):
    browser = opened(drawing(name), *SIZES[size])
    browser.run(GO.format(1))
    assert browser.run(LETTERS) >= 7.99
    browser.run("fit()")
    assert browser.run("fitted")
    browser.run(GO.format(2))
    assert browser.run("fitted")
    browser.run("(go(0), go(1), fit())")
    browser.run(GO.format(2))
    assert browser.run("fitted")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_card_never_covers_what_it_explains(name, size, opened):
    browser = opened(drawing(name), *SIZES[size])
    names = browser.run("asked().map(box => box.name)")
    for box in names[:: max(len(names) // 12, 1)]:
        seen = browser.run(f"{COVERED}({box!r})")
        assert seen == {"shown": True, "covers": False, "inside": True}, box


@pytest.mark.parametrize("size", SIZES)
def test_the_picture_follows_the_play(size, opened):
    browser = opened(drawing("lstm"), *SIZES[size])
    seen = """((box, all) => box.left >= all.left - 1 && box.right <= all.right + 1 && box.top >= all.top - 1
        && box.bottom <= all.bottom + 1)
      (rectangleOf(boxes.get(moments[now() - 1].boxes[0])), picture.getBoundingClientRect())"""
    for moment in range(2, browser.run("moments.length") + 1, 7):
        browser.run(GO.format(moment))
        assert browser.run(seen), moment


# -- the panel, the presenter, paper -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_the_panel_folds_away_and_the_picture_takes_its_place(size, opened):
    browser = opened(drawing("rnn"), *SIZES[size])
    before = browser.run("(({ width, height }) => width * height)(picture.getBoundingClientRect())")
    browser.click("#fold-panel")
    assert browser.run("byId('fold-panel').getAttribute('aria-expanded')") == "false"
    assert browser.run("getComputedStyle(byId('panel')).display") == "none"
    after = browser.run("(({ width, height }) => width * height)(picture.getBoundingClientRect())")
    assert after > 1.05 * before or size in {"tablet", "phone"}
    assert browser.run("document.documentElement.scrollHeight <= innerHeight")
    browser.press("b")
    assert browser.run("getComputedStyle(byId('panel')).display") == "block"


def test_the_presenter_has_large_letters_and_keys_only(opened):
    browser = opened(drawing("rnn"), *SIZES["projector"])
    size = "parseFloat(getComputedStyle(byId('equation')).fontSize)"
    before = browser.run(size)
    browser.press("p")
    shown = browser.run(
        "[...document.querySelectorAll('button, input, select')].filter(e => e.checkVisibility()).length"
    )
    assert shown == 0
    assert browser.run(size) >= 1.4 * before
    browser.press(".")
    browser.press(".")
    assert browser.run("now()") == 2
    browser.press("]")
    assert browser.run("now()") > 2
    places = browser.run(PLACES)
    assert places["high"] <= SIZES["projector"][1]
    assert places["#picture"][3] - places["#picture"][1] > 0.45 * SIZES["projector"][1]
    browser.press("Escape")
    assert browser.run("byId('present').getAttribute('aria-pressed')") == "false"
    assert browser.run("document.querySelector('header').checkVisibility()")


@pytest.mark.parametrize("name", ["rnn", "trellis"])
def test_on_paper_the_picture_and_its_words_are_whole(name, opened):
    browser = opened(drawing(name), 794, 1123)  # A4
    browser.run("go(12); zoom(0.4, middle())")
    browser.prefer("print")
    browser.wait_for("fitted")  # to ask for the medium first would keep Chromium from telling of its change
    assert browser.run("[view.x, view.y, view.width, view.height]") == pytest.approx(browser.run("home"))
    places = browser.run(PLACES)
    assert places["wide"] <= 794
    assert (
        browser.run("[...document.querySelectorAll('button, input, select')].filter(e => e.checkVisibility()).length")
        == 0
    )
    assert browser.run("byId('told').scrollHeight <= byId('told').clientHeight + 1")
    left, top, right, bottom = places["#picture"]
    assert right - left > 600
    assert bottom - top > 150
    assert places["#play"][1] >= bottom - 1
    paper = base64.b64decode(browser.call("Page.printToPDF", preferCSSPageSize=True)["data"])
    width, height = re.search(rb"/MediaBox ?\[0 0 ([\d.]+) ([\d.]+)", paper).groups()
    assert float(width) > float(height)  # as nearly all pictures are wide


LETTERS_ON_PAPER = """[...document.querySelectorAll('.sheet text')]
  .map(text => text.getAttribute('font-size') * text.getScreenCTM().a)
  .filter(size => size)"""
SHEETS = """[...document.querySelectorAll('.sheet > svg')].map(sheet => {
  const page = sheet.getBoundingClientRect();
  const edges = [...sheet.querySelectorAll('.node')].map(box => box.getBoundingClientRect())
    .map(({ left, right, top, bottom }) => [left - page.left, page.right - right, top - page.top, page.bottom - bottom,
      right - page.left, page.right - left, bottom - page.top, page.bottom - top]);
  const whole = edges.filter(distances => Math.min(...distances) >= -0.5).length;
  return [whole, edges.filter(distances => Math.min(...distances.slice(4)) > 0.5).length - whole];
})"""
LABELS = "[...document.querySelectorAll('.sheet figcaption')].map(label => label.textContent)"
ON_PAPER = {
    "rnn": [""],
    "both_directions": ["Sheet 1 of 2: t = 0 … t = 1", "Sheet 2 of 2: t = 2"],
    "trellis": [""],
    "flat": [f"Sheet {part} of 3" for part in (1, 2, 3)],
}


@pytest.mark.parametrize("name", ON_PAPER)
def test_letters_on_paper_can_be_read_if_need_be_on_several_sheets_that_cut_no_box(name, opened):
    shown = ts.viz.graph(ZOO["lstm"].loss(), view="flat", gradients=True) if name == "flat" else drawing(name)
    browser = opened(shown, 980, 700, color_scheme="dark")  # a sheet of letter paper, less its margins
    browser.run("go(12)")
    browser.prefer("print")
    browser.wait_for("onPaper")
    assert min(browser.run(LETTERS_ON_PAPER)) >= 7.9  # pixels: 6 pt
    legend = browser.run("[...boxes.values()].filter(box => box.legend).length")
    labels = browser.run(LABELS)
    assert labels == ON_PAPER[name] + [""] * bool(legend)
    found = browser.run(SHEETS)
    assert sum(whole for whole, _ in found) == browser.run("boxes.size")
    assert [parts for _, parts in found if parts] == []
    if legend:
        assert found[-1] == [legend, 0]
    fill = "getComputedStyle([...document.querySelectorAll('{} .op.early rect')].at(-1) ?? document.body).fill"
    assert browser.run(fill.format(".sheet")) == browser.run(fill.format("#picture > svg"))
    paper = base64.b64decode(browser.call("Page.printToPDF", preferCSSPageSize=True)["data"])
    assert len(re.findall(rb"/Type /Page\b", paper)) >= len(ON_PAPER[name])
    browser.prefer(color_scheme="light")
    browser.wait_for("!onPaper")
    assert browser.run("document.querySelectorAll('.sheet').length") == 0


def test_a_page_that_is_opened_for_print_is_laid_out_on_sheets(browser, tmp_path):
    browser.size(980, 700)
    browser.prefer("print", color_scheme="light")
    browser.open(drawing("both_directions").save(tmp_path / "page.html"))
    assert browser.run(LABELS)[:2] == ON_PAPER["both_directions"]
    browser.prefer(color_scheme="light")
    browser.wait_for("!onPaper && room[0] > 1")
    assert browser.run("fitted || view.width > 0")
    assert not browser.messages


def test_the_sheets_of_a_stack_say_which_of_its_layers_they_show(opened):
    browser = opened(ts.viz.graph(read(ts.nn.LSTM, steps=2, num_layers=2), gradients=True))
    browser.prefer("print")
    browser.wait_for("onPaper")
    labels = browser.run(LABELS)
    assert len(labels) == 3
    for label, layer in zip(labels, ("l1", "l0"), strict=False):
        assert f".{layer}" in label, labels


def test_a_long_sequence_is_folded_on_paper_but_for_its_ends_and_the_step_that_is_played(opened):
    browser = opened(ts.viz.graph(read(ts.nn.GRU, steps=60), steps=range(60)))
    browser.run("(folded.clear(), arrange(), go(moments.findIndex(moment => columnOf(moment.boxes[0]) === 't40') + 1))")
    browser.prefer("print")
    browser.wait_for("onPaper")
    labels = browser.run(LABELS)
    assert 5 < len(labels) <= 14
    assert labels[0].startswith(f"Sheet 1 of {len(labels) - 1}: t = 0")
    assert browser.run("[columns[0], 't40', columns.at(-1)].filter(id => folded.has(id))") == []
    count = browser.run("folded.size")
    assert count > 20
    assert browser.run(
        "getComputedStyle(byId('left-out')).display !== 'none' && byId('left-out').innerText"
    ).startswith(f"On paper, {count} time steps are folded, from t = ")
    browser.prefer()
    browser.wait_for("!onPaper")
    assert browser.run("[folded.size, byId('left-out').textContent]") == [0, ""]


# -- folding -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [3, 8, 40])
def test_fold_all_fills_the_window(steps, opened, char_loss):
    browser = opened(ts.viz.graph(char_loss(steps), steps=range(steps), gradients=True))
    browser.click("#fold-all")
    assert browser.run("folded.size") == steps
    left, right = browser.run(
        "(bars => [Math.min(...bars.map(b => b.left)), Math.max(...bars.map(b => b.right))])"
        "([...document.querySelectorAll('.cover rect')].map(rect => rect.getBoundingClientRect()))"
    )
    share = browser.run("Math.max(home[2] / view.width, home[3] / view.height)")
    assert share > 0.95
    width = browser.run("picture.getBoundingClientRect().width")
    assert right - left > 0.45 * width


@pytest.mark.parametrize("gradients", [True, False])
def test_a_closed_module_keeps_its_colours_and_shape(gradients, opened, char_loss):
    browser = opened(ts.viz.graph(char_loss(4, ts.nn.LSTM), gradients=gradients))
    look = "(({{ fill, stroke }}) => [fill, stroke])(getComputedStyle({}))"
    states = "[...root.querySelectorAll('.node.state')].filter(g => story.columns[g.id] === 't2')"
    before = browser.run(look.format(f"{states}.at(-1).querySelector('rect')"))
    browser.run("toggleModule([...known].map(JSON.parse).at(-1))")
    cover = "[...document.querySelectorAll('.cover')].find(g => g.id.includes('t2')).querySelector('rect')"
    assert browser.run(look.format(cover)) == before
    assert float(browser.run(f"{cover}.getAttribute('rx')")) == pytest.approx(10, abs=3)
    if gradients:  # nothing is coloured before it happened
        browser.run("go(3)")
        assert browser.run(look.format(cover))[0] != before[0]
        browser.run("go(moments.length)")
        assert browser.run(look.format(cover))[0] == before[0]


def test_bars_have_axes_and_grow_with_the_terms(opened):
    browser = opened(drawing("rnn"))
    item = "parameters.get('rnn.weight_hh_l0').item"
    chart = f"{item}.querySelector('.bars')"
    bars = f"[...{chart}.querySelectorAll('i')].map(bar => bar.getBoundingClientRect().height / {chart}.clientHeight)"
    most = f"{chart}.dataset.most"
    assert set(browser.run(bars)) == {0}
    lit = "document.querySelectorAll('#sums li.now').length"
    assert browser.run(lit) == 0
    assert browser.run(f"[{most}, ...[...{chart}.querySelectorAll('span')].map(label => label.textContent)]") == [
        "",
        "0",
        "2",
    ]
    browser.run("go(parameters.get('rnn.weight_hh_l0').terms[0].moment + 1)")
    assert browser.run(lit) > 0
    first, second, third = browser.run(bars)
    assert (first, second) == (0, 0)
    assert third == pytest.approx(1, abs=0.01)
    browser.run("go(moments.length)")
    norms = browser.run(
        "parameters.get('rnn.weight_hh_l0').terms.map(term => term.norm).reverse()"
    )  # from the last step to the first
    heights = browser.run(bars)
    assert [round(height / max(heights), 3) for height in heights[1:]] == pytest.approx(
        [norm / max(norms) for norm in norms[1:]], abs=0.02
    )
    assert float(browser.run(most)) == pytest.approx(max(norms), rel=0.05)


@pytest.mark.parametrize("size", ["projector", "laptop"])
@pytest.mark.parametrize("name", NETWORKS)
def test_all_words_have_the_room_that_they_need_and_no_more(name, size, opened):
    browser = opened(drawing(name), *SIZES[size])
    assert browser.run("told.clientHeight") < 40  # before the play, one line
    rooms = browser.run("moments.map((_, i) => { go(i + 1); return [told.clientHeight, told.scrollHeight]; })")
    assert len({room for room, _ in rooms}) == 1  # so that the picture stays in its place
    assert [needed for room, needed in rooms if needed > room + 1] == []  # none is scrolled
    assert rooms[0][0] <= SIZES[size][1] / 5 + 1


def test_numbers_are_written_as_a_mathematician_writes_them(opened):
    browser = opened(drawing("trellis"))
    for plain, written in [
        ("[-0.5, 2e-5, -1.25e+10]", "[−0.5, 2\xa0·\xa010⁻⁵, −1.25\xa0·\xa010¹⁰]"),  # no line ends in a number
        ("∇h (1 - h²) - -3", "∇h (1 − h²) − −3"),
        ("a well-known word2e, W_ih", "a well-known word2e, W_ih"),
    ]:
        assert browser.run(f"mathematical({plain!r})") == written


def test_the_numbers_of_a_chart_with_many_bars_are_whole(opened):
    browser = opened(ts.viz.graph(read(ts.nn.RNN, steps=110), steps=range(110), gradients=True))
    labels = """[...document.querySelectorAll('.bars span')].filter(text => {
      const { left, right } = text.getBoundingClientRect();
      const [panel] = text.closest('aside').getClientRects();
      return left > panel.left && right < panel.right;
    }).map(text => text.textContent)"""
    found = browser.run(labels)
    assert found == ["0", "109"] * (len(found) // 2)
    assert found


@pytest.mark.parametrize("size", SIZES)
def test_the_pictures_of_a_gradient_stay_in_their_halves_of_the_panel(size, opened):
    browser = opened(drawing("both_directions_of_an_lstm"), *SIZES[size])
    moments = browser.run("moments.length")
    inside = """[...document.querySelectorAll('#heats canvas')].every(canvas => {
      const [one, half] = [canvas, canvas.parentElement].map(element => element.getBoundingClientRect());
      return one.left >= half.left - 0.5 && one.right <= half.right + 0.5;
    })"""
    for moment in range(moments // 2, moments, 5):
        browser.run(f"go({moment})")
        assert browser.run(inside), moment


@pytest.mark.parametrize("name", ["lstm", "both_directions"])
def test_a_part_of_a_picture_leaves_no_blank_when_the_window_grows(name, opened):
    browser = opened(drawing(name), 900, 480)
    assert not browser.run("fitted")
    letters = browser.run(LETTERS)
    for size in ((1280, 720), (900, 900)):
        browser.size(*size)
        browser.run("new Promise(afterFrame)")
        browser.run("new Promise(afterFrame)")
        assert browser.run(LETTERS) == pytest.approx(letters, rel=0.01)
        beyond = """[0, 1].map(axis => {
          const [low, length] = [[view.x, view.width], [view.y, view.height]][axis];
          const [from, all] = [home[axis], home[axis + 2]];
          const sides = [from - low, low + length - from - all];
          return length < all ? Math.max(...sides) : Math.abs(sides[0] - sides[1]);
        })"""
        assert max(browser.run(beyond)) < 1, size
