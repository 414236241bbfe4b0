"""What the page of a flat drawing can tell: every op and leaf, forward and backward."""

from tinyseq.autograd.graph import Leaf, owner
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import to_numpy
from tinyseq.inspect.paths import add, ones, visits
from tinyseq.viz.computation.flat import edges, gradient_norm
from tinyseq.viz.computation.labels import leaf_name, value_text
from tinyseq.viz.computation.record import Record, Vertex, numbered
from tinyseq.viz.page.packing import MOST_VALUES, strip
from tinyseq.viz.page.story import Act, Event, Ledger, Story
from tinyseq.viz.rendering.style import clean, number, shape_text


def flat_story(computation: Record, loss: Tensor | None) -> Story:
    """The story of a record that is drawn with one box for each vertex.

    Args:
        computation: the record.
        loss: where the backward walk starts; None to play forward only.
    """
    vertices = computation.vertices
    story = Story(
        {_name(vertex): _details(computation, vertex) for vertex in vertices},
        lines=[(f"v{source[0]}", _name(vertex)) for source, vertex in edges(computation)],
    )
    leaves = [vertex for vertex in vertices if vertex.is_leaf]
    forward = [Event([_name(vertex) for vertex in leaves], "inputs and parameters")]
    forward += [Event([_name(vertex)], _said(vertex)) for vertex in vertices if not vertex.is_leaf]
    story.acts.append(Act("forward", forward))
    if loss is not None:
        ledger = Ledger(vertices, (leaf.id for leaf in leaves), terms=4)
        story.acts.append(Act("backward", _backward(computation, loss, ledger)))
        story.parameters = ledger.parameters()
    left = MOST_VALUES
    for vertex in vertices:
        pair = {"value": computation.values, "gradient": computation.gradients}
        shown = {kind: part for kind, arrays in pair.items() if (part := strip(arrays.get((vertex.id, 0))))}
        left -= sum(part["rows"] * part["columns"] for part in shown.values())
        if left < 0:
            break
        story.values[_name(vertex)] = shown
    return story


def _backward(computation: Record, loss: Tensor, ledger: Ledger) -> list[Event]:
    """The ops from the last one to the first, and what each adds to the gradients of leaves."""
    ids = numbered(loss)
    events = []
    for node, _, pairs in visits(ones(loss)):
        vertex = computation.vertices[ids[node]]
        terms: dict[int, object] = {}
        for parent, term in pairs:
            if isinstance(owner(parent), Leaf):
                add(terms, ids[owner(parent)], term)
        when = "" if vertex.step is None else f"t = {vertex.step}"
        said = f"{_said(vertex)}, norm of its gradient {number(gradient_norm(computation, vertex), 4)}"
        boxes = [_name(vertex), *(f"v{leaf}" for leaf in sorted(terms))]
        events.append(Event(boxes, said, ledger.add(when, terms)))
    return events


def _name(vertex: Vertex) -> str:
    return f"v{vertex.id}"


def _said(vertex: Vertex) -> str:
    return vertex.op.replace("_", " ") + ("" if vertex.step is None else f" at t = {vertex.step}")


def _details(computation: Record, vertex: Vertex) -> dict[str, str]:
    value = computation.values.get((vertex.id, 0))
    known = any((vertex.id, output) in computation.gradients for output in range(len(vertex.shapes)))
    facts = {
        "": leaf_name(vertex) if vertex.is_leaf else vertex.op.replace("_", " "),
        "shape": ", ".join(shape_text(shape) or "()" for shape in vertex.shapes),
        "dtype": str(vertex.dtype),
        "module": ".".join(vertex.scope),
        "step": "" if vertex.step is None else str(vertex.step),
        "value": "" if value is None else value_text(to_numpy(value), shown=6),
        "norm of the gradient": number(gradient_norm(computation, vertex), 6) if known else "",
    }
    return {name: clean(fact, limit=200) for name, fact in facts.items() if fact}
