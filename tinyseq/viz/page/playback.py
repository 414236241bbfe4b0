"""The computation of a sheet, played as in a lecture: forward step by step, then back from the last step."""

import re
from typing import Any

from tinyseq.autograd.tensor import Tensor
from tinyseq.structure.paths import grouped
from tinyseq.viz.computation.labels import SheetLabels
from tinyseq.viz.content.boxes import Box
from tinyseq.viz.content.sheet import Sheet
from tinyseq.viz.page.flows import Flows, Place
from tinyseq.viz.page.formulas import Formulas, first_number, numbers
from tinyseq.viz.page.order import forward_order
from tinyseq.viz.page.packing import strip
from tinyseq.viz.page.story import Act, Event, Ledger, Part

INDICES = frozenset("₀₁₂₃₄₅₆₇₈₉")
Shares = dict[str, Any]  # arrays, by where they come from


class Playback:
    """The events of a sheet's computation.

    Args:
        content: the sheet.
        labels: its labels.
        loss: the result, for the backward act; its graph must not be freed. None: forward only.
    """

    def __init__(self, content: Sheet, labels: SheetLabels, loss: Tensor | None) -> None:
        self.content = content
        self.labels = labels
        self.formulas = Formulas(labels)
        self.order = forward_order(content)
        self.parameters = {leaf: box for box in content.boxes if box.kind == "parameter" for leaf in box.vertices}
        self.flows = None if loss is None else Flows(loss, content)
        shown = sum(column.kind == "step" for column in content.columns)
        self.ledger = Ledger(content.record.vertices, set(self.parameters), terms=shown + 1)

    def acts(self) -> list[Act]:
        """The forward act, and the backward act if there is a loss."""
        backward = [] if self.flows is None else [Act("backward", self._backward(self.flows))]
        return [Act("forward", self._forward()), *backward]

    # -- forward -------------------------------------------------------------------------------------------------------

    def _forward(self) -> list[Event]:
        initial = [box for box in self.order if box.kind == "initial"]
        said = "parameters and the first state" if initial else "parameters"
        parameters = [box.name for box in self.content.boxes if box.kind == "parameter"]
        start = Event([*parameters, *(box.name for box in initial)], said)
        return [start, *(self._made(box) for box in self.order if box.kind != "initial")]

    def _made(self, box: Box) -> Event:
        """A box gets its value."""
        if box.kind == "elided":
            return Event([box.name], "steps that are not shown")
        name, steps = self.formulas.forward(box)
        value = self.labels.values.value(box)
        event = Event([box.name], self._said(box), formula=" = ".join([name, *steps]), result=numbers(value))
        if event.result and len(steps) > 1 and ("…" not in steps[-1] or self.formulas.is_elementwise(box)):
            event.asked, event.answer = first_number(name, value)
        return event

    def _said(self, box: Box) -> str:
        """A box in a few words, with its time step unless its label has an index."""
        sign = self.labels.is_sign(box)
        vertices = self.content.record.vertices
        text = vertices[box.vertices[0]].op if sign else self.labels.lines(box)[0].text
        step = self.content.step_of(box)
        return text if self.content.folded or step is None or INDICES & set(text) else f"{text} at t = {step}"

    # -- backward ------------------------------------------------------------------------------------------------------

    def _backward(self, found: Flows) -> list[Event]:
        """The boxes in reverse. The terms of a gap arrive with the last mark of it that is reached."""
        gaps: dict[Place, list[Box]] = grouped((box.column, box) for box in self.order if box.kind == "elided")
        marks = {boxes[0]: gap for gap, boxes in gaps.items()}
        events = []
        for box in reversed(self.order):
            terms = found.terms.get(marks.get(box, box), {})
            if box.kind == "elided":
                event = Event([box.name], "steps that are not shown")
            elif box.kind == "result":
                event = Event([box.name], self._said(box), formula="∇L = dL/dL", result="1")
            elif box in found.arriving:
                event = self._arrived(box, found.arriving[box])
            elif terms:
                event = Event([box.name], self._said(box))
            else:
                continue
            self._add(event, box, terms)
            events.append(event)
        for place, terms in found.terms.items():
            if not isinstance(place, Box) and place not in gaps:
                events.append(Event([], "steps that are not shown", additions=self.ledger.add("others", terms)))
        return events

    def _add(self, event: Event, box: Box, terms: dict[int, Any]) -> None:
        """A use's terms drop into the sums of the parameters."""
        step = self.content.step_of(box) if box.vertices else None
        when = "others" if box.kind == "elided" else "" if step is None else f"t = {step}"
        event.additions = self.ledger.add(when, terms)
        for addition, leaf in zip(event.additions, sorted(terms), strict=True):
            addition.rule = self.formulas.term(box, leaf) if box.kind != "elided" else ""
        event.boxes = list(dict.fromkeys([*event.boxes, *(self.parameters[leaf].name for leaf in sorted(terms))]))

    def _arrived(self, box: Box, shares: dict[Place, Any]) -> Event:
        """The gradient of a box is complete: what all of its uses have sent back."""
        name = self.formulas.name(box)
        users = [user for user in shares if isinstance(user, Box)]
        rule = self.formulas.rule(users, box) if len(users) == len(shares) else ""
        rule = rule.replace("(ŷ - y)", "(ŷ - target)")  # y is what is read out of a state
        stacked = self.formulas.stacked(users, box) if rule else []
        total = sum(shares.values())
        event = Event(
            [box.name], self._said(box), formula=f"∇{name}" + f" = {rule}" * bool(rule), result=numbers(total)
        )
        grouped = self._by_origin(box, {user: shares[user] for user in stacked} or shares)
        if box.kind == "state" or len(grouped) > 1:  # of uses of different rows, the numbers are zeros but for one
            event.parts = [
                Part(origin, "" if stacked else numbers(share), strip(share)) for origin, share in grouped.items()
            ]
            event.total = strip(total)
        given = dict.fromkeys(text for user in stacked[:1] or users for text in self._given(user, rule))
        event.given = list(given) if len(given) <= 4 else []
        if event.result and (len(grouped) > 1 or (rule and event.given)):
            event.asked, event.answer = first_number(f"∇{name}", total)
        return event

    def _by_origin(self, box: Box, shares: dict[Place, Any]) -> Shares:
        """The parts of a gradient: of a state, what its own step sends back, and what the next step does."""
        grouped: Shares = {}
        for user, share in shares.items():
            if not isinstance(user, Box) or user.kind == "elided":
                origin = "the steps that are not shown"
            elif box.kind != "state" or not box.column or self.content.folded:
                origin = self.formulas.name(user)
            elif user.column and user.column.kind == "step" and user.column != box.column:
                same = user.column.phase == box.column.phase
                origin = f"t = {user.column.step}" if same else self.labels.title(user.column)
            else:  # what is made of the states of several steps is no step's output
                shared = len({arrow.tail.column for arrow in self.labels.into[user] if arrow.kind != "weight"}) > 1
                origin = self.formulas.name(user) if shared and user.column != box.column else "its output"
            grouped[origin] = grouped[origin] + share if origin in grouped else share
        return grouped

    def _given(self, user: Box, rule: str) -> list[str]:
        """The numbers that a rule of elements refers to, and what the letters of a cross entropy are."""
        operands = self.formulas.operands(user)
        if "ŷ" in rule:
            return [f"ŷ = softmax({next(iter(operands.values()))[0]})", "target = 1 at the right class, 0 elsewhere"]
        if not self.formulas.is_elementwise(user):
            return []
        values, name = self.labels.values, self.formulas.name(user)
        gradients = values.gradients(user)
        shown = [*operands.values(), (name, numbers(values.value(user)))]
        if len(gradients) == 1:
            shown.append((f"∇{name}", numbers(gradients[0])))
        return [
            f"{name} = {text}"
            for name, text in shown
            if text not in {"", name} and re.search(rf"(?<!∇){re.escape(name)}(?!′)", rule)
        ]
