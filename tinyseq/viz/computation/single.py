"""The states of loops of a single step, which are handed to no other step.

The names of a layer's weights tell them: W_hh is applied to the hidden state. In a loop by hand, they are the
zeros that a weight is applied to, and zeros of the same shape.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tinyseq.autograd.ops.moves.joined import owner
from tinyseq.backend import to_numpy
from tinyseq.nn.recurrent.registry import CELLS
from tinyseq.viz.computation.boxes import Argument
from tinyseq.viz.computation.columns import Plan
from tinyseq.viz.computation.grouping import Grouping
from tinyseq.viz.computation.record import Shape, Vertex
from tinyseq.viz.computation.values import Values

Place = tuple[int, int]  # an op, and the position of an argument


def states_of_single_steps(
    plan: Plan, grouping: Grouping, values: Values
) -> tuple[dict[Place, Place | int], set[Place | int]]:
    """The arguments that are states of the step before, and those states that are cells, to which no weight is applied.

    For each, the op that computes the state of this step; or, where that is not clear, the first such argument.
    """
    members: dict[int, list[Vertex]] = {}
    for vertex, loop in plan.loop_of.items():
        members.setdefault(loop, []).append(grouping.vertices[vertex])
    finder, found = _Finder(plan, grouping, values), dict[Place, Place | int]()
    for vertices in members.values():
        if all(vertex.step == vertices[0].step for vertex in vertices):
            known = [state for vertex in vertices if finder.recurs(vertex) for state in finder.states(vertex).items()]
            found.update(known or finder.zeros(vertices))
    return found, finder.cells


class _Finder:
    """Finds the states of the cell that a product W_hh h belongs to."""

    def __init__(self, plan: Plan, grouping: Grouping, values: Values) -> None:
        self.plan, self.grouping, self.values = plan, grouping, values
        self.vertices, self.record = grouping.vertices, grouping.record
        self.boxed = {vertex.id for vertex in grouping.boxed()}
        self.cells: set[Place | int] = set()

    def recurs(self, vertex: Vertex) -> bool:
        """Whether an op is a product with the weights that a layer applies to its hidden state."""
        names = [self.vertices[leaf].name.split(".")[-1] for leaf in self._leaves(vertex)]
        return vertex.kind == "product" and any(name.startswith("weight_hh") for name in names)

    def states(self, product: Vertex) -> Mapping[Place, int]:
        """The states that the cell takes, and the ops that compute the next ones; empty if that is not clear."""
        shape = (self.vertices[min(self._leaves(product))].shape[-1], *product.shape[1:])
        taken = list(self._from_outside(product, shape))
        inside = self._inside(product)
        ends = [v for v in inside & self.boxed if self.vertices[v].shapes == (shape,) and self._leads_out(v, inside)]
        gates = next((v.gates for v in self.vertices if v.gates and v.scope == product.scope), None)
        alike = [cell for cell in CELLS.values() if cell.gates == gates]
        count = max((len(cell.states) for cell in alike), default=1)
        if len(taken) != 1 or not ends or count > 2 or (count == 1 and len(ends) > 1):
            return {}
        elsewhere = [
            place for v in sorted(inside - {product.id}) for place in self._from_outside(self.vertices[v], shape)
        ]
        if count == 1:
            if alike and all(cell.module.startswith("tinyseq.") for cell in alike):  # these add no constants but h
                elsewhere += self._added(ends[0])
            same = [place for place in elsewhere if self._same(place, taken[0]) or place[0] == ends[0]]
            return dict.fromkeys([*taken, *same], ends[0])
        sums = {self._sum_after(place[0], inside) for place in elsewhere}
        cell = sums.pop() if len(sums) == 1 else None
        if cell is None or cell not in self.boxed:
            return {}
        self.cells.add(cell)
        hidden = {taken[0]: max(ends)} if max(ends) > cell else {}
        return hidden | dict.fromkeys(elsewhere, cell)

    def zeros(self, loop: list[Vertex]) -> dict[Place, Place | int]:
        """The states of a loop by hand: arrays of zeros to which weights are applied, and others of their shape."""
        states: dict[int, list[Place]] = {}  # by the identity of the array
        told: list[Place] = []  # those that no op has kept
        for place in ((vertex.id, position) for vertex in loop for position in range(len(vertex.parents))):
            if self.vertices[place[0]].parents[place[1]] is None:
                array: Any = self.record.constant(*place)
                value = self.values.constant(Argument(*place, (), ()))
                if array is None and value is not None and not value.any() and self._shape(place):
                    told.append(place)
                elif hasattr(array, "dtype") and array.ndim and not value.any():
                    states.setdefault(id(owner(array)), []).append(place)
        found: dict[Place, Place | int] = {}
        hidden = [places for places in states.values() if any(map(self._is_weighted, places))]
        if not hidden and states:  # weights are applied later
            hidden = [[place for places in states.values() for place in places]]
            states = {0: hidden[0]}
        for places in hidden:
            weighted = [place for place in places if self._is_weighted(place)] or places
            shape = self._shape(weighted[0])
            same = [other for other in states.values() if other is not places and self._shape(other[0]) == shape]
            inside = self._cell([self.vertices[vertex] for vertex, _ in weighted], loop)
            ends = [
                v for v in inside & self.boxed if self.vertices[v].shapes == (shape,) and self._leads_out(v, inside)
            ]
            kept = [place for place in places if self._sums(place[0]) and {*ends} - self._sums(place[0])]
            for other in ([*same, kept] if kept else same) if len(hidden) == 1 else ():
                sums = {sum for vertex, _ in other if (sum := self._sum_after(vertex, inside)) in self.boxed}
                cell = sums.pop() if len(sums) == 1 else other[0]
                self.cells.add(cell)
                found |= dict.fromkeys(other, cell)
                ends = [end for end in ends if end != cell]
            alone = [place for place in told if self._shape(place) == shape and not same]
            found = dict.fromkeys([*places, *alone], ends[0] if len(ends) == 1 else places[0]) | found
        return found

    def _sums(self, vertex: int) -> set[int]:
        """The sum that a product of a state and a gate is for, as f c in f c + i g."""
        users = self.grouping.users[vertex] if self.vertices[vertex].operator == "*" else []
        return {user for user in users if len(users) == 1 and self.vertices[user].operator == "+"}

    def _is_weighted(self, place: Place) -> bool:
        vertex = self.vertices[place[0]]
        return vertex.kind == "product" and bool(self._leaves(vertex))

    def _shape(self, place: Place) -> Shape:
        """The shape of a constant; of one that no op has kept, that of the op's result."""
        array: Any = self.record.constant(*place)
        return self.vertices[place[0]].shape if array is None else np.shape(array)

    def _cell(self, products: list[Vertex], loop: list[Vertex]) -> set[int]:
        """The ops that follow from products, up to those with other weights that do not lead back to these."""
        after: set[int] = set()
        inside: set[int] = set()
        leaves = {leaf for product in products for leaf in self._leaves(product)}
        leaves = leaves or {leaf for vertex in loop for leaf in self._leaves(vertex)}
        for vertex in loop:  # parents come first
            begins = vertex in products
            if begins or not after.isdisjoint(vertex.made_of):
                after.add(vertex.id)
            other = vertex.kind == "product" and not self._leaves(vertex) <= leaves
            if begins or (not inside.isdisjoint(vertex.made_of) and not other):
                inside.add(vertex.id)
        for vertex in reversed(loop):
            if vertex.id in self.grouping.passed and inside.isdisjoint(self.grouping.users[vertex.id]):
                inside.discard(vertex.id)  # rearranged for what follows
            if vertex.id in inside:
                inside |= after.intersection(vertex.made_of)
        return inside

    def _leaves(self, vertex: Vertex) -> set[int]:
        return {leaf for source in vertex.made_of for leaf in self.grouping.weights.get(source, ())}

    def _inside(self, product: Vertex) -> set[int]:
        """The ops of the cell that follow from a product, up to products with other weights."""
        inside, stack = {product.id}, [product.id]
        while stack:
            for user in self.grouping.users[stack.pop()]:
                vertex = self.vertices[user]
                other = vertex.kind == "product" and not self._leaves(vertex) <= self._leaves(product)
                if (vertex.step, vertex.scope) == (product.step, product.scope) and user not in inside and not other:
                    inside.add(user)
                    stack.append(user)
        return inside

    def _leads_out(self, vertex: int, inside: set[int]) -> bool:
        return not inside.issuperset(self.grouping.users[vertex]) or not self.grouping.users[vertex]

    def _from_outside(self, vertex: Vertex, shape: Shape) -> Iterator[Place]:
        """The arguments of the shape of a state that come from before the step."""
        for position, parent in enumerate(vertex.parents):
            if parent is None:
                value = self._constant(vertex, position)
                if value is not None and value.shape == shape:
                    yield vertex.id, position
            elif parent[0] not in self.grouping.weights and parent[0] not in self.plan.tracks:
                source = self.vertices[parent[0]]
                if source.step != vertex.step and source.shapes[parent[1]] == shape:
                    yield vertex.id, position

    def _added(self, vertex: int) -> list[Place]:
        """A constant that an op adds and that nothing tells, as the h of h + z (n - h)."""
        parents, plus = self.vertices[vertex].parents, self.vertices[vertex].operator == "+"
        return [(vertex, position) for position, parent in enumerate(parents) if plus and parent is None]

    def _same(self, place: Place, other: Place) -> bool:
        """Whether two arguments are one value."""
        sources = [self.vertices[vertex].parents[position] for vertex, position in (place, other)]
        if any(sources):
            return sources[0] == sources[1]
        one, two = (self._constant(self.vertices[vertex], position) for vertex, position in (place, other))
        return one is not None and two is not None and np.allclose(one, two, atol=1e-6)

    def _constant(self, vertex: Vertex, position: int) -> np.ndarray[Any, Any] | None:
        """A constant argument that an op has kept, or that its result and its other argument tell: the h of h - n."""
        kept = self.record.constant(vertex.id, position)
        result, others = self.record.value((vertex.id, 0)), [self.record.value(p) for p in vertex.parents if p]
        if kept is not None:
            return np.asarray(to_numpy(kept)) if hasattr(kept, "dtype") else None
        if vertex.operator not in {"+", "-"} or result is None or len(others) != 1 or others[0] is None:
            return None
        whole, other = (np.asarray(to_numpy(array)) for array in (result, others[0]))
        told: np.ndarray[Any, Any] = other - whole if position == 1 else whole + other
        return whole - other if vertex.operator == "+" else told

    def _sum_after(self, vertex: int, inside: set[int]) -> int | None:
        """The first sum that an op leads to, as f c in f c + i g; None if it leads to several ops before."""
        while self.vertices[vertex].operator != "+":
            users = [user for user in self.grouping.users[vertex] if user in inside]
            if len(users) != 1:
                return None
            vertex = users[0]
        return vertex
