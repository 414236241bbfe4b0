"""Pages in notebooks and web pages: a frame for each, which plays and disturbs nobody."""

import copy
import html
import pickle
import re
import time

import pytest

import tinyseq as ts
from tinyseq.commands.demo import index_page
from tinyseq.viz import Page, graph, trellis

FRAME = '<iframe title="{}" srcdoc="'


def drawings(char_loss, cats):
    return [
        graph(char_loss(4, ts.nn.LSTM), gradients=True),
        trellis(cats, ["I", "like", "cats"]),
        graph(char_loss(3, ts.nn.GRU)),
    ]


def test_a_page_is_a_frame_with_what_save_writes(char_loss, cats, tmp_path):
    for drawing in drawings(char_loss, cats):
        page = drawing.page(height=444)
        shown = page._repr_html_()
        assert shown.startswith(FRAME.format(html.escape(drawing.title)))
        assert "height: 444px" in shown
        assert shown.count("<") == shown.count(">") == 2  # nothing of the page is outside of its attribute
        text = html.unescape(re.search(r'srcdoc="([^"]*)"', shown)[1])
        assert text == page.text == drawing.save(tmp_path / "page.html").read_text("utf-8")
        assert page.save(tmp_path / "same.html").read_text("utf-8") == text


def test_a_page_stays_when_the_graph_is_freed(char_loss):
    loss = char_loss(3)
    page = graph(loss).page()
    before = page._repr_html_()
    loss.backward()
    assert page._repr_html_() == before
    for again in (copy.deepcopy(page), pickle.loads(pickle.dumps(page))):
        assert again._repr_html_() == before


@pytest.mark.parametrize(
    ("height", "error", "message"),
    [
        ("560px", TypeError, "height must be a whole number, got '560px'"),
        (560.0, TypeError, "height must be a whole number, got 560.0; write 560"),
        (100, ValueError, "height must be at least 240, got 100"),
    ],
)
def test_a_height_is_a_number_of_pixels(height, error, message, cats):
    for make in (trellis(cats, ["I"]).page, lambda height: Page("", "", height)):
        with pytest.raises(error, match=message):
            make(height=height)


def test_a_page_is_saved_as_html_only(cats, tmp_path):
    with pytest.raises(ValueError, match=r"cannot save a page as 'a.svg': the file's ending must be .html"):
        trellis(cats, ["I"]).page().save(tmp_path / "a.svg")


# -- in a browser ------------------------------------------------------------------------------------------------------

COLORED = "<style>svg, p, button { color: red; fill: red } #play, .node { display: none }</style>"  # of the web page


@pytest.fixture
def embedded(browser, char_loss, cats, tmp_path):
    """A web page with the ids and styles of a page's own, and three pages in it."""
    browser.size(900, 800)
    browser.prefer(color_scheme="light", reduced_motion="reduce")
    frames = "".join(f"<p>before</p>{drawing.page()._repr_html_()}" for drawing in drawings(char_loss, cats))
    path = tmp_path / "book.html"
    path.write_text(f"<!doctype html><meta charset=utf-8>{COLORED}<body><p id=play>outside</p>{frames}", "utf-8")
    browser.open(path)
    browser.run("document.querySelectorAll('iframe').forEach(frame => { frame.loading = 'eager' })")
    browser.wait_for("[0, 1, 2].every(i => frames[i].document.readyState === 'complete' && frames[i].document.title)")
    return browser


@pytest.mark.browser
def test_several_pages_on_a_web_page_play_by_themselves(embedded):
    for i in range(3):
        assert embedded.run("moments.length", frame=i) > 5
        embedded.run(f"go({i + 2})", frame=i)
    assert [embedded.run("now()", frame=i) for i in range(3)] == [2, 3, 4]
    assert len({embedded.run("byId('said').textContent", frame=i) for i in range(3)}) == 3
    for i in range(3):
        assert embedded.run("document.querySelectorAll('g.node').length", frame=i) > 5
        assert embedded.run("getComputedStyle(document.querySelector('g.node')).display", frame=i) == "inline"
        assert embedded.run("document.documentElement.scrollWidth <= innerWidth", frame=i)
        embedded.run("go(moments.length)", frame=i)
    assert embedded.run("document.querySelector('#play').textContent") == "outside"
    assert not embedded.messages
    asked = [address.split("/")[-1] for address in embedded.requests if not address.startswith(("data:", "about:"))]
    assert asked == ["book.html"]


@pytest.mark.browser
def test_keys_and_clicks_reach_only_the_page_that_has_the_focus(embedded):
    embedded.run("frames[1].frameElement.scrollIntoView()")
    embedded.run("picture.focus()", frame=1)
    embedded.press(".")
    embedded.press(".")
    assert [embedded.run("now()", frame=i) for i in range(3)] == [0, 2, 0]


@pytest.mark.browser
def test_the_wheel_scrolls_the_web_page_until_the_picture_has_the_focus(embedded):
    before = embedded.run("view.width", frame=0)
    embedded.wheel("iframe", 120)
    embedded.wait_for("scrollY > 60")
    assert embedded.run("view.width", frame=0) == before
    embedded.run("picture.focus()", frame=0)
    embedded.run("frames[0].frameElement.scrollIntoView()")
    at = embedded.run("scrollY")
    embedded.wheel("iframe", -120)
    until = time.monotonic() + 10
    while embedded.run("view.width", frame=0) >= before and time.monotonic() < until:
        time.sleep(0.01)
    assert embedded.run("view.width", frame=0) < before
    assert embedded.run("scrollY") == at


THEMES = """
body { background: white; color: black; }
body[data-theme=dark] { background: black; color: oklch(0.85 0.01 250); }
@media (prefers-color-scheme: dark) { body:not([data-theme=light]) { background: black; color: white; } }
"""  # as the documentation's own, with a button for light, dark, or as the reader prefers
IS_DARK = "getComputedStyle(document.documentElement).colorScheme === 'dark'"


def assert_dark(browser, dark):
    browser.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert [browser.run(IS_DARK, frame=i) for i in (0, 1)] == [dark, dark]


def test_pages_are_as_dark_as_the_web_page_around_them_and_follow_its_button(browser, cats, tmp_path):
    pages = trellis(cats, ["I", "like"]).page(), ts.viz.vanishing(hidden_size=4)
    path = tmp_path / "docs.html"
    frames = "".join(page._repr_html_().replace('"lazy"', '"eager"') for page in pages)
    path.write_text(f"<!doctype html><style>{THEMES}</style><body data-theme=auto>{frames}", "utf-8")
    browser.size(900, 800)
    for scheme in ("dark", "light"):
        browser.prefer(color_scheme=scheme, reduced_motion="reduce")
        browser.open(path)
        browser.wait_for("[0, 1].every(i => frames[i].document.readyState === 'complete' && frames[i].document.title)")
        for theme in ("auto", "dark", "light", "auto", "light", "dark"):
            browser.run(f"document.body.dataset.theme = '{theme}'")
            assert_dark(browser, theme == "dark" or (theme, scheme) == ("auto", "dark"))
        other = "light" if scheme == "dark" else "dark"
        browser.run("document.body.dataset.theme = 'auto'")
        browser.prefer(color_scheme=other, reduced_motion="reduce")
        assert_dark(browser, other == "dark")


def test_what_the_reader_chose_on_a_page_stays_when_the_web_page_changes(browser, cats, tmp_path):
    path = tmp_path / "docs.html"
    frame = trellis(cats, ["I", "like"]).page()._repr_html_().replace('"lazy"', '"eager"')
    path.write_text(f"<!doctype html><style>{THEMES}</style><body data-theme=light>{frame}", "utf-8")
    browser.prefer(color_scheme="light", reduced_motion="reduce")
    browser.open(path)
    browser.wait_for("frames[0].document.readyState === 'complete' && frames[0].document.title")
    browser.run("byId('dark').click()", frame=0)
    browser.run("new Promise(done => (document.body.dataset.theme = 'light', requestAnimationFrame(done)))")
    assert browser.run(IS_DARK, frame=0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_the_demo_is_as_dark_as_the_pages_in_it_and_as_wide_as_its_window(
    scheme, browser, lstm_page, tmp_path
):
    path = tmp_path / "index.html"
    page = lstm_page.page()
    path.write_text(index_page(page, page, b"", {"before": "the " * 50 + "x" * 100}), encoding="utf-8")
    browser.prefer(color_scheme=scheme, reduced_motion="reduce")
    for width in (1280, 390):
        browser.size(width, 800)
        browser.open(path)
        assert browser.run("document.documentElement.scrollWidth") <= width
    ink = browser.run("getComputedStyle(document.body).color")
    assert ink == ("rgb(255, 255, 255)" if scheme == "dark" else "rgb(0, 0, 0)")
    dark = browser.run("document.documentElement.classList.contains('dark')", frame=0)
    assert dark == (scheme == "dark")
