"""The play follows the lecture, on every network of the zoo: its order, its sums and its numbers.

Gradients are compared with those of the engine's own walk, which does not know of boxes, steps and parts.
"""

import base64
import re

import numpy as np
import pytest
from played import SHOWN, VIEWS, Played, each_network, each_network_in_every_view
from zoo import ZOO

import tinyseq as ts
from tinyseq.backend import to_numpy
from tinyseq.structure.record import record
from tinyseq.viz.page.flows import Flows
from tinyseq.viz.page.order import forward_order

CIRCULAR = ("both_directions", "two_layers_in_both")  # closed, the steps of a layer need each other


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", ZOO)
def test_every_box_is_played_once_and_after_what_it_needs(name, view):
    content = VIEWS[view](record(ZOO[name].loss()))
    order = forward_order(content)
    assert sorted(box.name for box in order) == sorted(box.name for box in content.boxes if box.kind != "parameter")
    place = {box: i for i, box in enumerate(order)}
    for arrow in content.arrows:
        if arrow.tail in place and not arrow.delay and not (view == "closed" and name.startswith(CIRCULAR)):
            assert place[arrow.tail] < place[arrow.head], (arrow.tail.name, arrow.head.name)


@each_network
def test_the_play_goes_forward_by_step_and_backward_by_reverse_step(played):
    loops = played.content.timeline.loops
    for events, sign in ((played.forward, 1), (played.backward, -1)):
        steps = {}
        for event in events:
            for box in map(played.box.__getitem__, event.boxes[:1]):
                if played.loop(box) is not None:
                    steps.setdefault(played.loop(box), []).append(box.column.step)
        assert steps
        for loop, found in steps.items():
            assert found == sorted(found, reverse=(sign < 0) != loops[loop].backward)
    if all(not loop.backward for loop in loops):  # then whole columns are played one after the other
        for events, sign in ((played.forward[1:], 1), (played.backward, -1)):
            columns = [played.box[event.boxes[0]].column for event in events]
            places = [column for column in columns if column and column.kind == "step"]
            assert places == sorted(places, reverse=sign < 0)


@each_network
def test_in_a_step_the_input_comes_before_the_state_and_the_state_before_its_loss(played):
    order = {event.boxes[0]: i for i, event in enumerate(played.forward) if event.boxes}
    firsts = {}
    for box in played.content.boxes:
        if box.column and box.column.kind == "step" and box.name in order:
            firsts.setdefault(box.column, []).append((order[box.name], box.kind))
    for column, found in firsts.items():
        kinds = [kind for _, kind in sorted(found)]
        if all(not loop.backward for loop in played.content.timeline.loops):
            assert kinds == sorted(kinds, key=lambda kind: kind != "input"), column


@each_network_in_every_view
def test_the_parts_of_every_gradient_add_up_to_it(played):
    arriving = Flows(played.loss, played.content).arriving
    gradients = played.gradients()
    compared = 0
    for box, parts in arriving.items():
        if box.vertices[-1] in gradients:
            expected = played.at_step(gradients[box.vertices[-1]], box)
            np.testing.assert_allclose(sum(parts.values()), expected, rtol=1e-5, atol=1e-12)
            compared += 1
    missing = [
        box.name
        for box in played.content.boxes
        if box.vertices
        and box.kind in {"op", "state"}
        and box not in arriving
        and np.any(played.at_step(gradients.get(box.vertices[-1], np.zeros(())), box))
    ]
    assert missing == []
    assert compared >= 3 or played.view == "closed"


@each_network
def test_the_gradient_of_a_state_is_what_its_output_and_the_next_step_send_back(played):
    gradients, both = played.gradients(), 0
    reach = 3 if played.network == "state_of_three_steps_before" else 2
    for event in played.backward:
        box = played.box[event.boxes[0]]
        if box.kind != "state" or not event.parts or played.loop(box) is None:  # what a loop begins with
            continue
        later = {"t": 1, "backward": -1}[
            "backward" if played.content.timeline.loops[played.loop(box)].backward else "t"
        ]
        origins = {part.origin for part in event.parts}
        followers = {f"t = {box.column.step + later * n}" for n in range(1, reach + 1)}
        followers |= {
            played.playback.formulas.name(other)
            for other in played.content.boxes
            if not other.column or other.column.kind != "step"
        }
        followers |= {played.labels.title(c) for c in played.content.columns if c.phase > box.column.phase}
        assert origins <= {"its output"} | followers
        both += len(origins) > 1
        total = sum(unpacked(part.strip) for part in event.parts)
        np.testing.assert_allclose(total, unpacked(event.total), rtol=1e-4, atol=1e-7)
        expected = played.at_step(gradients[box.vertices[-1]], box).ravel()
        np.testing.assert_allclose(total, expected, rtol=1e-4, atol=1e-7)
    several = {
        "rnn",
        "lstm",
        "gru",
        "concatenated",
        "gru_by_hand",
        "cell_in_a_loop",
        "both_directions",
        "backward_in_time",
    }
    assert both >= (2 if played.network in several else 0)


def unpacked(strip):
    return np.frombuffer(base64.b64decode(strip["numbers"]), dtype="<f4").astype(float)


@pytest.mark.parametrize("view", ["unrolled", "first and last step"])
@pytest.mark.parametrize("name", ZOO)
def test_the_terms_that_drop_into_the_sums_are_those_of_the_steps_and_end_in_grad(name, view):
    played = Played(name, view)
    sums, terms = {}, {}
    for event in played.backward:
        for addition in event.additions:
            term = np.frombuffer(base64.b64decode(addition.term), dtype="<f4").astype(float)
            sums[addition.parameter] = sums.get(addition.parameter, 0) + term
            at = terms.setdefault(addition.parameter, {})
            at[addition.step] = at.get(addition.step, 0) + term
            assert addition.total == pytest.approx(float(np.linalg.norm(sums[addition.parameter])), rel=1e-4, abs=1e-7)
    leaves = {played.content.record.items[number]: number for number in played.playback.ledger.leaves}
    by_step = {}
    # What a CRF takes before its loop is of no step for inspection.
    for leaf, number in leaves.items() if view == "unrolled" and name != "crf_on_an_lstm" else ():
        try:
            found = ts.inspect.grad_by_step(played.loss, as_tensor(leaf, played.loss))
        except ValueError:
            continue  # a parameter that no step uses
        by_step[played.playback.ledger.names[number]] = found.numpy()
    played.loss.backward()
    for leaf, number in leaves.items():
        if leaf.grad is None:
            continue
        shown = sums[played.playback.ledger.names[number]]
        np.testing.assert_allclose(shown, to_numpy(leaf.grad).ravel(), rtol=1e-4, atol=1e-7)
    for parameter, expected in by_step.items():
        if not all(re.fullmatch(r"t = \d+", step) for step in terms[parameter]):
            continue
        for step, term in enumerate(expected):
            np.testing.assert_allclose(
                terms[parameter].get(f"t = {step}", 0 * term.ravel()), term.ravel(), rtol=1e-4, atol=1e-7
            )


def as_tensor(leaf, loss):
    """A tensor of a leaf, which a closure of the zoo has kept for itself."""
    made = ts.zeros(*leaf.shape, dtype=str(leaf.dtype))
    made.node = leaf
    return made


# -- in a browser ------------------------------------------------------------------------------------------------------

SUMS = "[...parameters.values()].map(p => [p.name, p.whole, [...summed(p, p.added)]])"
EARLY = """(() => {
  const seen = element => element && getComputedStyle(element).visibility === 'visible';
  const told = kind => [...root.querySelectorAll(`.node .${kind}`)].filter(seen).map(text => text.closest('.node').id);
  return { now: now(), value: told('value'), gradient: told('gradient') };
})()"""


def test_the_networks_that_a_browser_is_shown_have_all_kinds_of_what_pages_show():
    of_each = {name: {*Played(name).kinds()} for name in ZOO}
    shown = set().union(*(of_each[name] for name in SHOWN))
    assert {name: kinds - shown for name, kinds in of_each.items() if kinds - shown} == {}


@pytest.mark.browser
@pytest.mark.parametrize("name", SHOWN)
def test_the_page_adds_up_to_pythons_gradients_and_tells_nothing_early(name, opened):
    loss = ZOO[name].loss()
    browser = opened(ts.viz.graph(loss, gradients=True, values=True))
    acts = browser.run("moments.map(({ act, boxes }) => [act, boxes])")
    last = len(acts)
    first = next(i for i, (act, _) in enumerate(acts) if act == "backward")
    complete = {box: i for i, (act, boxes) in enumerate(acts) if act == "backward" for box in boxes}
    for moment in sorted({1, first // 2, first, first + 1, (first + last) // 2, last}):
        browser.run(f"go({moment})")
        seen = browser.run(EARLY)
        past = acts[:moment]
        if moment <= first:
            assert seen["gradient"] == []
            assert set(seen["value"]) <= {box for _, boxes in past for box in boxes}
        else:
            assert set(seen["gradient"]) <= {box for box, at in complete.items() if at < moment}
    assert set(browser.run(EARLY)["gradient"]) == set(complete) & set(
        browser.run("[...root.querySelectorAll('.node .gradient')].map(text => text.closest('.node').id)")
    )
    sums = browser.run(SUMS)
    ids = {item: i for i, item in enumerate(record(loss).items)}
    names = Played(name).playback.ledger.names
    loss.backward()
    gradients = {
        names[number]: to_numpy(leaf.grad) for leaf, number in ids.items() if number in names and leaf.grad is not None
    }
    assert {parameter for parameter, *_ in sums} == set(gradients)
    for parameter, whole, numbers in sums:
        assert whole
        np.testing.assert_allclose(numbers, gradients[parameter].ravel(), rtol=1e-4, atol=1e-6)
    assert not browser.messages


def test_flows_of_steps_that_are_not_shown_are_read_together(monkeypatch):
    """Each rearrangement of T steps takes O(T): read once for each of them, T steps would take O(T²)."""
    from tinyseq.viz.page import flows

    def walks(steps):
        called = []
        monkeypatch.setattr(flows, "walk", lambda *args, **settings: called.append(1) or walk(*args, **settings))
        output, _ = ts.nn.RNN(2, 3)(ts.ones(steps, 1, 2, dtype="float32"))
        ts.viz.graph(ts.sum(output * output)).page()
        return len(called)

    walk = flows.walk
    assert walks(20) == walks(40)
