"""A network, what is shown of it, and its play, without a browser; and the networks that a browser is shown."""

import pytest
from zoo import ZOO

from tinyseq.autograd.backward import trace_backward
from tinyseq.backend import to_numpy
from tinyseq.structure.record import record
from tinyseq.viz.computation.labels import SheetLabels
from tinyseq.viz.computation.modules import closed
from tinyseq.viz.content.flat import flat_sheet
from tinyseq.viz.content.unrolled import sheet
from tinyseq.viz.page.playback import Playback

VIEWS = {
    "unrolled": sheet,
    "first and last step": lambda found: sheet(found, [0, -1]),
    "folded": lambda found: sheet(found, fold=True),
    "closed": lambda found: closed(sheet(found), 0),
    "flat": flat_sheet,
}

# Together they have all that any network of the zoo has on its page. A browser is shown these alone: opening a page
# takes as long as twenty tests of its content.
SHOWN = (
    *("rnn", "lstm", "gru", "gru_of_the_lectures", "both_directions", "two_layers_in_both_directions"),
    *("both_directions_by_hand", "backward_in_time", "stacked"),
    *(
        "lstm_by_hand_from_concatenated",
        "input_added_to_the_output",
        "recurrent_highway",
        "normalised_layer",
        "zoneout",
    ),
    *("embedded_words", "windows_of_a_leaf", "window_over_time", "nested_loops", "tree_of_lstms", "slots_of_one_cell"),
    *("encoder_and_decoder", "attention_over_states", "attention_after_the_loop", "attention_before_the_loop"),
    *(
        "memory_that_is_written",
        "hops_over_a_memory",
        "picture_at_every_step",
        "copying_by_a_gate",
        "scan_in_parallel",
        "state_of_three_steps_before",
    ),
    *("crf_on_an_lstm", "chain_of_scores", "forward_pass_with_probabilities", "loss_of_the_last_two_states"),
)


class Played:
    """A network, what is shown of it, and its play."""

    def __init__(self, network, view="unrolled"):
        self.network, self.view = network, view
        self.loss = ZOO[network].loss() if isinstance(network, str) else network
        self.content = VIEWS[view](record(self.loss, gradients=True))
        self.labels = SheetLabels(self.content)
        self.playback = Playback(self.content, self.labels, self.loss)
        self.box = {box.name: box for box in self.content.boxes}
        self.forward, self.backward = (act.events for act in self.playback.acts())

    def gradients(self):
        """By vertex, as the engine's own walk finds them."""
        ids = {item: i for i, item in enumerate(self.content.record.items)}
        return {
            ids[v.node]: to_numpy(v.upstream)
            for v in trace_backward(self.loss, retain_graph=True)
            if not v.node.op.outputs
        }

    def at_step(self, array, box):
        track = self.content.timeline.tracks.get(box.vertices[-1])
        if track is None or not box.column or box.column.kind != "step":
            return array
        return array.take(track.steps.index(box.column.step), axis=track.axis)

    def loop(self, box):
        found = [self.content.timeline.loop_of[v] for v in box.vertices if v in self.content.timeline.loop_of]
        return found[-1] if found and box.column and box.column.kind == "step" else None

    def kinds(self):
        """The kinds of columns, boxes, arrows, events, parts of gradients and terms that it has."""
        content, timeline = self.content, self.content.timeline
        yield "loops", len(timeline.loops), any(loop.backward for loop in timeline.loops)
        yield "columns", tuple(column.kind for column in content.columns if column.kind != "step")
        yield "states", min(len(content.states), 5)
        for box in content.boxes:
            value = self.labels.values.value(box)
            yield "box", box.kind, box.zone, None if value is None else value.ndim
        for arrow in content.arrows:
            yield "arrow", arrow.kind, arrow.tail.kind, arrow.head.kind, bool(arrow.delay), bool(arrow.part)
        for act, events in (("forward", self.forward), ("backward", self.backward)):
            for event in events:
                told = bool(event.formula), bool(event.result), bool(event.given), bool(event.asked)
                yield act, told, *(min(len(some), 3) for some in (event.boxes, event.parts, event.additions))
                yield from (("from a step", part.origin.startswith("t = ")) for part in event.parts)
                yield from (("of a step", addition.step.startswith("t = ")) for addition in event.additions)


# The tests of a file that ask for the same network in the same view share one: pytest runs them one after another,
# as `played` in conftest.py is made once for each entry of this list, and the list of the unrolled ones begins it.
_ALL = [(name, view) for view in VIEWS for name in ZOO]
_UNROLLED = _ALL[: len(ZOO)]


def _with_plays(plays):
    ids = [f"{name}-{view}" for name, view in plays]
    return pytest.mark.parametrize("played", plays, ids=ids, indirect=True, scope="module")


each_network = _with_plays(_UNROLLED)
each_network_in_every_view = _with_plays(_ALL)
