"""States of a loop that has only one step, which hands them to no other step.

The names of a layer's weights tell them: W_hh is applied to the hidden state. In a loop by hand, they are zeros that a
weight is applied to; or else what is as large as a result of the step, if the step has another input, too.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from tinyseq.autograd.record.axes import LOOKED_THROUGH, PUTTING_TOGETHER
from tinyseq.backend import to_numpy
from tinyseq.structure.paths import grouped, reached
from tinyseq.structure.record import Scope, Shape, Vertex
from tinyseq.viz.content.sheet import Sheet
from tinyseq.viz.content.values import identity

Place = tuple[int, int]  # an op, and the position of an argument


class Given(NamedTuple):
    """An argument from before the step.

    Attributes:
        place: where it is used.
        value: its value; None for one that was computed, or that is not known.
        identity: what distinguishes it: see `identity`; or where it was computed.
        shape: its shape.
    """

    place: Place
    value: Any
    identity: object
    shape: Shape

    def is_zero(self) -> bool:
        """Whether it is an array of zeros."""
        return self.value is not None and not self.value.any()


def states_of_single_steps(sheet: Sheet) -> tuple[dict[Place, Place | int], set[Place | int]]:
    """The arguments that are states of the step before, and those states that are cells, to which no weight is applied.

    For each, the op that computes the state of this step; or, where that is not clear, the first such argument.
    """
    found, cells = dict[Place, Place | int](), set[Place | int]()
    for ops in sheet.timeline.single_steps:
        _Step(sheet, ops).find(found, cells)
    return found, cells


class _Step:
    """The only step of a loop."""

    def __init__(self, sheet: Sheet, ops: list[Vertex]) -> None:
        self.record, self.grouping, self.ops = sheet.record, sheet.grouping, ops
        self.vertices = sheet.record.vertices
        self.boxed = {vertex.id for vertex in self.grouping.boxed}
        self.given = list(self._given())

    def find(self, found: dict[Place, Place | int], cells: set[Place | int]) -> None:
        """Find all states, and those that are cells."""
        layers = [one for one in self.given if self._recurs(one)]
        for group in [[one] for one in layers] or self._by_hand():
            scope = self.vertices[group[0].place[0]].scope if layers else None
            self._assign(group, scope, found, cells)

    def _by_hand(self) -> list[list[Given]]:
        """The hidden states of a loop without a layer's weights, each with all of its uses."""
        groups = grouped((one.identity, one) for one in self.given if one.shape)
        weighted = [group for group in groups.values() if any(self._products(one) for one in group)]
        zeros = [group for group in weighted if group[0].is_zero()]
        if zeros or any(group[0].is_zero() for group in groups.values()):
            return zeros or [[one for group in groups.values() if group[0].is_zero() for one in group]]  # weights later
        alike = [group for group in weighted if self._comes_again(group)]
        reads = len(weighted) > 1 or any(op.operator == "[]" and self._leaves([op]) for op in self.ops)
        return alike if len(alike) == 1 and reads else []

    def _comes_again(self, group: list[Given]) -> bool:
        """Whether the step computes a value as large as one that it takes."""
        inside = self._inside(group, None)
        made = {op.id for op in self.ops if op.id in inside or not inside.isdisjoint(op.made_of)}
        ops = (self.vertices[v] for v in made)
        return any(op.shapes == (group[0].shape,) for op in ops if op.kind != "product")

    def _assign(
        self,
        group: list[Given],
        scope: Scope | None,
        found: dict[Place, Place | int],
        cells: set[Place | int],
    ) -> None:
        """Find the other uses of a hidden state, the cell beside it, and the ops that compute both."""
        shape, inside = group[0].shape, self._inside(group, scope)
        ends = self._ends(inside, shape) or self._ends(self._inside(group, None), shape)
        hidden, beside = dict.fromkeys(one.place for one in group if self._products(one)), dict[Place, int | None]()
        for one in self.given:
            place, same = one.place, any(one.identity == other.identity for other in group)
            near = place[0] in inside or scope is None
            if place in hidden or not near or not (one.shape == shape or (same and place[0] in ends)):
                continue
            total = self._sum_after(place[0], inside)
            if scope is not None:
                elsewhere = self.vertices[group[0].place[0]].states > 1
            else:
                scaled = self.vertices[place[0]].operator == "*"
                weighted = any(self._products(other) for other in self.given if other.identity == one.identity)
                elsewhere = scaled and not same and not weighted
                elsewhere |= same and bool(ends and total) and total not in ends and not self._multiplied(total)
            if elsewhere:
                beside[place] = total
            elif same:
                hidden[place] = None
        hidden = hidden or dict.fromkeys(one.place for one in group)
        sums = {total for total in beside.values() if total in self.boxed}
        cell: Place | int | None = sums.pop() if len(sums) == 1 else next(iter(beside), None)
        ends = [end for end in ends if end != cell]
        found |= dict.fromkeys(hidden, ends[0] if len(ends) == 1 else next(iter(hidden)))
        if cell is not None:
            cells.add(cell)
            found |= dict.fromkeys(beside, cell)

    def _given(self) -> Iterator[Given]:
        """The arguments that come from before the step."""
        for vertex in self.ops:
            for position, parent in enumerate(vertex.parents):
                place = vertex.id, position
                if parent is None:
                    kept = self.record.constant(*place)
                    if hasattr(kept, "dtype"):
                        value = np.asarray(to_numpy(kept))
                        yield Given(place, value, identity(kept), value.shape)
                elif parent[0] not in self.grouping.weights and parent[0] not in self.grouping.timeline.tracks:
                    source = self.vertices[parent[0]]
                    if source.step != vertex.step:
                        yield Given(place, None, parent, source.shapes[parent[1]])

    def _recurs(self, one: Given) -> bool:
        """Whether weights are applied to an argument that a layer applies to its hidden state."""
        names = [self.vertices[leaf].name.split(".")[-1] for leaf in self._leaves(self._products(one))]
        return any(name.startswith("weight_hh") for name in names)

    def _products(self, one: Given) -> list[Vertex]:
        """The products of weights with an argument, by itself or joined with others."""

        def ahead(vertex: Vertex) -> list[Vertex]:
            passes = vertex.kind in PUTTING_TOGETHER | LOOKED_THROUGH
            return [self.vertices[user] for user in self.grouping.users[vertex.id]] if passes else []

        found = reached([self.vertices[one.place[0]]], ahead)
        return [vertex for vertex in found if vertex.kind == "product" and self._leaves([vertex])]

    def _multiplied(self, vertex: int | None) -> bool:
        """Whether a weight is applied to what an op computes, which is then not a cell."""
        users = (self.vertices[user] for user in (self.grouping.users[vertex] if vertex is not None else ()))
        return any(user.kind == "product" and self._leaves([user]) for user in users)

    def _leaves(self, vertices: Iterable[Vertex]) -> set[int]:
        sources = {source for vertex in vertices for source in vertex.made_of}
        return {leaf for source in sources for leaf in self.grouping.weights.get(source, ())}

    def _inside(self, group: list[Given], scope: Scope | None) -> set[int]:
        """The ops that follow from a state, in the scope if there is one, up to products with other weights that do not
        lead back to these."""
        starts = {one.place[0] for one in group if self._products(one)} or {one.place[0] for one in group}
        leaves = self._leaves(product for one in group for product in self._products(one)) or self._leaves(self.ops)
        after, inside = set[int](), set[int]()
        for vertex in (vertex for vertex in self.ops if scope in (None, vertex.scope)):  # parents come first
            begins = vertex.id in starts
            if begins or not after.isdisjoint(vertex.made_of):
                after.add(vertex.id)
            other = vertex.kind == "product" and not self._leaves([vertex]) <= leaves
            if begins or (not inside.isdisjoint(vertex.made_of) and not other):
                inside.add(vertex.id)
        for vertex in reversed(self.ops):
            if (
                scope is None
                and vertex.id in self.grouping.passed
                and inside.isdisjoint(self.grouping.users[vertex.id])
            ):
                inside.discard(vertex.id)  # rearranged for what follows
            if vertex.id in inside:
                inside |= after.intersection(vertex.made_of)
        return inside

    def _ends(self, inside: set[int], shape: Shape) -> list[int]:
        """The ops whose results are as large as a state, and lead out of its cell."""
        users = self.grouping.users
        alike = (v for v in sorted(inside & self.boxed) if self.vertices[v].shapes == (shape,))
        return [v for v in alike if not users[v] or not inside.issuperset(users[v])]

    def _sum_after(self, vertex: int, inside: set[int]) -> int | None:
        """The first sum that an op leads to, as f c in f c + i g; None if a product or several ops come first."""
        while self.vertices[vertex].operator != "+":
            users = [user for user in self.grouping.users[vertex] if user in inside]
            if len(users) != 1 or self.vertices[vertex].kind == "product":
                return None
            vertex = users[0]
        return vertex
