"""A network, what is shown of it, and its play, without a browser."""

from zoo import ZOO

from tinyseq.autograd.backward import trace_backward
from tinyseq.backend import to_numpy
from tinyseq.structure.record import record
from tinyseq.viz.computation.flat import flat_sheet
from tinyseq.viz.computation.labels import Wording
from tinyseq.viz.computation.modules import closed
from tinyseq.viz.computation.sheet import sheet
from tinyseq.viz.page.playback import Playback

VIEWS = {
    "unrolled": sheet,
    "first and last step": lambda found: sheet(found, [0, -1]),
    "folded": lambda found: sheet(found, fold=True),
    "closed": lambda found: closed(sheet(found), 0),
    "flat": flat_sheet,
}


class Played:
    """A network, what is shown of it, and its play."""

    def __init__(self, network, view="unrolled"):
        self.loss = ZOO[network].loss() if isinstance(network, str) else network
        self.content = VIEWS[view](record(self.loss, gradients=True))
        self.wording = Wording(self.content)
        self.playback = Playback(self.content, self.wording, self.loss)
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
        track = self.content.plan.tracks.get(box.vertices[-1])
        if track is None or not box.column or box.column.kind != "step":
            return array
        return array.take(track.steps.index(box.column.step), axis=track.axis)

    def loop(self, box):
        found = [self.content.plan.loop_of[v] for v in box.vertices if v in self.content.plan.loop_of]
        return found[-1] if found and box.column and box.column.kind == "step" else None
