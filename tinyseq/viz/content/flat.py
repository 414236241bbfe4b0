"""The sheet of a flat drawing: the computation as recorded, with every op a box in one column."""

from dataclasses import replace

from tinyseq.autograd.record.axes import PUTTING_TOGETHER
from tinyseq.structure.grouping import End, Grouping
from tinyseq.structure.loops import Timeline
from tinyseq.structure.record import Record, Vertex
from tinyseq.viz.content.boxes import Argument, Arrow, Box, Kind, Slot
from tinyseq.viz.content.columns import Column
from tinyseq.viz.content.sheet import Sheet
from tinyseq.viz.content.values import Values, identity


def flat_sheet(record: Record) -> Sheet:
    """A sheet with a box for every op and every leaf, regardless of time steps."""
    timeline = Timeline(tuple(replace(vertex, step=None) for vertex in record.vertices), record.users)
    column = Column(0, 0, "between")
    boxes = [_box(record, vertex, column) for vertex in record.vertices]
    arrows = []
    for box, vertex in zip(boxes, record.vertices, strict=True):
        for source in vertex.parents:
            if source is not None:
                tail = boxes[source[0]]
                tail.uses += 1
                part = f"[{source[1]}]" if len(record.vertices[source[0]].shapes) > 1 else ""
                arrows.append(Arrow(tail, box, source, part))
    inputs: dict[Slot, Box] = {}
    for reader, argument in [(box, argument) for box in boxes for argument in box.arguments]:
        if _is_data(record, argument):
            key = identity(record.constant(argument.vertex, argument.position), turned=False)
            data = inputs.setdefault(key, Box(f"input{len(inputs)}", "input", column, ("data", key)))
            data.arguments += (argument,)
            arrows.append(Arrow(data, reader))
    boxes += inputs.values()
    values = Values(Grouping(record, timeline, apart=True))
    return Sheet(values, [column], "flat", boxes, list(dict.fromkeys(arrows)))


def _is_data(record: Record, argument: Argument) -> bool:
    """Whether an argument is an array that enters a product, or is joined with others: an input, unlike a factor."""
    if argument.ends or record.vertices[argument.vertex].kind not in {"product", *PUTTING_TOGETHER}:
        return False
    return record.constant(argument.vertex, argument.position) is not None


def _box(record: Record, vertex: Vertex, column: Column) -> Box:
    name = f"v{vertex.id}"
    if vertex.is_leaf:
        return Box(name, "parameter", "parameters", vertex.id, (vertex.id,))
    arguments = (
        Argument(vertex.id, position, (End(*parent, None),) if parent else (), ())
        for position, parent in enumerate(vertex.parents)
    )
    kind: Kind = "result" if vertex.id == len(record.vertices) - 1 else "op"
    return Box(name, kind, column, vertex.id, (vertex.id,), tuple(arguments))
