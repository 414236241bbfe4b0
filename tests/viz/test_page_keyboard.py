"""Everything on a page by keyboard alone: no test here points, clicks, or calls a function of the page to act."""

import pytest

import tinyseq as ts

pytestmark = pytest.mark.browser

FOCUSED = "document.activeElement.id || document.activeElement.dataset.step || document.activeElement.tagName"


@pytest.fixture
def page(opened, lstm_page):
    return opened(lstm_page, 1280, 720)


def tab_to(browser, wanted):
    """Press Tab until an element has the focus."""
    for _ in range(60):
        browser.press("Tab")
        if browser.run(FOCUSED) == wanted:
            return
    raise AssertionError(f"Tab does not reach {wanted}")


def test_a_presenter_with_two_buttons_goes_from_box_to_box(page):
    for key, moment in [("PageDown", 1), ("PageDown", 2), ("PageDown", 3), ("PageUp", 2)]:
        page.press(key)
        assert page.run("now()") == moment


@pytest.mark.parametrize("modifiers", [1, 3], ids=["Option", "AltGr"])
def test_brackets_work_on_keyboards_that_type_them_with_another_key(page, modifiers):
    """As on German ones: on a Mac with Option, elsewhere with AltGr, which Windows tells as Control and Alt."""
    for kind in ("keyDown", "keyUp"):
        page.call("Input.dispatchKeyEvent", type=kind, key="]", text="", modifiers=modifiers)
    assert page.run("now()") > 0


def test_the_picture_is_a_diagram_in_the_main_part_of_the_page(page):
    """The role of the whole main part would hide from screen readers that it is one."""
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    roles = [node["role"]["value"] for node in nodes if not node["ignored"]]
    assert roles.count("main") == roles.count("application") == 1
    assert page.run("picture.closest('main') !== picture")
    assert page.run("picture.getAttribute('aria-roledescription')") == "diagram"


def test_zoom_and_the_whole_picture(page):
    tab_to(page, "zoom-in")
    width = page.run("view.width")
    page.press("Enter")
    assert page.run("view.width") < width
    tab_to(page, "fit")
    page.press("Space")
    assert page.run("fitted && byId('fit').textContent") == "Enlarge"
    page.press("Enter")
    assert page.run(f"!fitted && {FOCUSED}") == "fit"
    tab_to(page, "picture")
    at = page.run("view.x")
    page.press("Right", shift=True)
    assert page.run("view.x") > at


def test_the_focus_goes_to_the_picture_if_the_button_for_the_whole_is_not_needed_any_more(opened):
    rnn = ts.nn.RNN(3, 5)
    browser = opened(ts.viz.graph(rnn(ts.ones(1, 1, 3))[0].sum(), legend=False), 1400, 900)
    assert browser.run("byId('fit').disabled")
    tab_to(browser, "zoom-in")
    for _ in range(3):
        browser.press("Enter")
    tab_to(browser, "fit")
    browser.press("Enter")
    assert browser.run(f"byId('fit').disabled && {FOCUSED}") == "picture"


def test_boxes_steps_and_modules(page):
    tab_to(page, "picture")
    for key in ("Home", "Up", "Right"):
        page.press(key)
    assert page.run("!card.hidden && getComputedStyle(boxes.get(chosen).group.querySelector('rect, ellipse')).stroke")
    while page.run("!columnOf(chosen)"):
        page.press("Right")
    column = page.run("columnOf(chosen)")
    page.press("Enter", shift=True)
    assert page.run("[...folded]") == [column]
    tab_to(page, column if page.run("byId('steps').querySelector('[tabindex=\"0\"]').dataset.step") == column else "t0")
    page.press("End")
    page.press("Enter")
    assert page.run("folded.has('t3')")
    tab_to(page, "fold-all")
    page.press("Enter")
    assert page.run("folded.size") == 4
    tab_to(page, "unfold-all")
    page.press("Space")
    assert page.run("folded.size") == 0


def test_play_its_numbers_and_its_quiz(page):
    tab_to(page, "start")
    page.press("Enter")
    page.wait_for("now() > 2")
    page.press("Enter")
    assert page.run("byId('start').getAttribute('aria-label')") == "Play"
    tab_to(page, "time")
    page.press("End")
    assert page.run("now() === moments.length")
    tab_to(page, "term")
    page.press("Right")
    assert page.run("byId('cell').textContent").startswith("[0, 0]: ")
    page.press("Down")
    assert page.run("byId('cell').textContent").startswith("[1, 0]: ")
    tab_to(page, page.run("document.querySelector('.bars').id"))
    page.press("Right")
    first = page.run("byId('cell').textContent")
    assert "adds a norm of" in first
    page.press("Right")
    assert page.run("byId('cell').textContent") != first
    page.press("q")
    assert page.run("now()") == 0
    for _ in range(40):
        page.press(".")
        if page.run("asking"):
            break
    assert page.run(FOCUSED) == "answer"
    page.type(page.run("String(moments[now() - 1].answer)"))
    page.press("Enter")
    assert "Right" in page.run("byId('verdict').textContent")
    assert page.run(FOCUSED) == "picture"
    before = page.run("now()")
    page.press(".")
    assert page.run("now()") == before + 1
    tab_to(page, "answer")
    page.press("Escape")
    assert page.run(f"!quizzing && {FOCUSED}") == "quizzing"


def test_search_help_panel_and_presenter(page):
    page.press("/")
    page.type("tanh")
    page.press("Enter")
    assert page.run("byId('hits').textContent").startswith("1 of ")
    tab_to(page, "ask")
    page.press("Enter")
    assert page.run("byId('help').open")
    page.press("Escape")
    page.wait_for("!byId('help').open")
    assert page.run(FOCUSED) == "ask"
    tab_to(page, "fold-all")
    page.press("b")
    assert page.run(FOCUSED) == "fold-panel"
    page.press("p")
    assert page.run("document.body.classList.contains('presenting')")
    page.press("Escape")
    assert page.run(FOCUSED) == "present"


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_nothing_moves_but_by_playing(motion, opened, lstm_page):
    browser = opened(lstm_page, reduced_motion=motion)
    for key in ("p", "Escape", "b", ".", "]", "q"):
        browser.press(key)
        assert browser.run("document.getAnimations().length") == 0
    moving = "getComputedStyle(part)"
    assert browser.run(
        f"[...document.querySelectorAll('*')].every(part => {moving}.transitionDuration === '0s'"
        f" && {moving}.animationName === 'none' && {moving}.scrollBehavior === 'auto')"
    )
    at = browser.run("now()")
    assert browser.run("new Promise(done => setTimeout(() => done(now()), 1500))") == at
