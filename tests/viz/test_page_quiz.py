"""The quiz hides the next number, asks for it, and knows what is close enough."""

import pytest
from zoo import ZOO, model

import tinyseq as ts

pytestmark = pytest.mark.browser

STATE = """({ asking, hidden: byId('question').hidden, formula: byId('equation').textContent, now: now(),
  verdict: byId('verdict').textContent, asked: byId('asked').textContent })"""


@pytest.fixture
def quiz(opened):
    """A page whose quiz has come to its first question."""
    browser = opened(ts.viz.graph(ZOO["gru_by_hand"].loss(), gradients=True, values=True))
    browser.click("#quizzing")
    browser.run("go(moments.findIndex(moment => moment.asked) + 1)")
    return browser


def answer(browser, words):
    browser.run(f"byId('answer').value = {words!r}")
    browser.click("#quiz button[type=submit]")
    return browser.run(STATE)


def test_the_number_is_nowhere_to_be_seen_until_it_is_given(quiz):
    seen = quiz.run(STATE)
    assert seen["asking"]
    assert not seen["hidden"]
    assert seen["formula"].endswith(" = ?")
    assert seen["asked"].startswith("What is the first number of ")
    assert quiz.run("moments.every(moment => !moment.asked || moment.answer !== 0)")
    result = quiz.run("moments[now() - 1].result")
    name = quiz.run("moments[now() - 1].boxes[0]")
    quiz.run(f"tell({name!r})")
    for text in ("document.body.innerText", "card.innerText", "slider.getAttribute('aria-valuetext')"):
        assert result not in quiz.run(text)
    assert quiz.run(f"getComputedStyle(document.querySelector('#{name} .value')).visibility") == "hidden"
    right = quiz.run("moments[now() - 1].answer")
    seen = answer(quiz, str(right))
    assert not seen["asking"]
    assert seen["hidden"]
    assert seen["formula"].endswith(result)
    assert "Right" in seen["verdict"]
    assert "1 of 1" in seen["verdict"]
    assert quiz.run(f"getComputedStyle(document.querySelector('#{name} .value')).visibility") == "visible"


@pytest.mark.parametrize(
    ("given", "right"),
    [("{:.3g}", True), ("{:.2g}", True), ("-{:.3g}", False), ("{:.3g}e1", False), ("words", False), ("", False)],
)
def test_answers_are_right_to_within_two_percent(given, right, quiz):
    seen = answer(quiz, given.format(quiz.run("moments[now() - 1].answer")))
    assert seen["asking"] != right
    assert seen["verdict"].startswith(
        "Right" if right else ("Not yet" if any(map(str.isdigit, given)) or "{" in given else "Please enter a number")
    )


def test_nearness_is_relative_and_for_small_numbers_absolute(quiz):
    near = "isNear({}, {})"
    for given, number, expected in [
        (0.102, 0.1, True), (0.1021, 0.1, False), (-98.5, -100, True), (98.5, -100, False), (0, 0, True),
        (0.0001, 0, False), (1e-5, 2e-5, False), (1.99e-5, 2e-5, True),
    ]:  # fmt: skip
        assert quiz.run(near.format(given, number)) == expected, (given, number)


def test_a_number_can_be_shown_and_is_not_asked_for_again(quiz):
    quiz.click("#give")
    seen = quiz.run(STATE)
    assert seen["verdict"].startswith("It is: ")
    assert "0 of 1" in seen["verdict"]
    moment = seen["now"]
    quiz.run(f"go({moment - 1}); go({moment})")
    assert not quiz.run("asking")


def test_the_play_waits_for_the_answer(quiz):
    quiz.run("window.setInterval = beat => (window.beat = beat, 1)")
    quiz.run("keepTime(true)")
    before = quiz.run("now()")
    quiz.run("beat(), beat()")
    assert quiz.run("now()") == before
    answer(quiz, str(quiz.run("moments[now() - 1].answer")))
    quiz.run("beat()")
    assert quiz.run("now()") == before + 1


@pytest.mark.parametrize("width", [1280, 390])
def test_the_picture_stays_in_its_place_while_questions_come_and_go(width, quiz):
    quiz.size(width, 844)
    quiz.wait_for(f"innerWidth === {width} && Math.abs(room[0] - picture.clientWidth) < 1")
    high = "byId('play').getBoundingClientRect().height"
    asked = quiz.run(high)
    assert quiz.run("byId('asked').clientHeight") < 30  # in one line
    answer(quiz, "-1234")
    assert quiz.run(high) == asked
    quiz.click("#give")
    assert quiz.run(high) == asked
    quiz.run("go(moments.findLastIndex(moment => !moment.asked) + 1)")
    assert quiz.run(high) == asked


def test_without_the_quiz_nothing_is_asked(quiz):
    quiz.click("#quizzing")
    seen = quiz.run(STATE)
    assert not seen["asking"]
    assert seen["hidden"]
    assert "?" not in seen["formula"]


@pytest.mark.parametrize("semiring", ["max", "log"])
def test_cells_of_a_trellis_are_asked_for(semiring, opened):
    browser = opened(ts.viz.trellis(model(3), "abca", semiring=semiring))
    browser.click("#quizzing")
    browser.run("go(5)")
    right, text = browser.run("[moments[4].answer, moments[4].text]")
    assert browser.run("byId('said').textContent").endswith("= ?")
    assert text.rpartition(" = ")[2] not in browser.run("byId('told').innerText")
    cell = "getComputedStyle(document.querySelector(`#${moments[4].boxes[0]} text`)).opacity"
    assert browser.run(cell) == "0"
    assert float(text.rpartition(" = ")[2]) == pytest.approx(right, rel=1e-4)
    assert "Right" in answer(browser, f"{right:.3g}")["verdict"]
    assert browser.run("byId('said').textContent").endswith(text)
    assert browser.run(cell) == "1"


@pytest.mark.parametrize(
    "name", ["rnn", "lstm", "gru_by_hand", "attention_over_states", "sum_of_losses", "chain_of_scores"]
)
def test_only_what_can_be_computed_from_the_page_is_asked_for(name, opened):
    """Every question names its value, has a finite answer, and its formula has numbers for it."""
    browser = opened(ts.viz.graph(ZOO[name].loss()))
    asked = browser.run(
        "moments.filter(m => m.asked).map(m => [m.asked, m.answer, m.formula, m.given, m.parts.length])"
    )
    assert len(asked) >= 3
    for words, answer, formula, given, parts in asked:
        assert isinstance(answer, int | float)
        assert words.removeprefix("the first number of ") == formula.partition(" = ")[0]
        assert given or parts > 1 or any(letter.isdigit() for letter in formula.rpartition(" = ")[2])
