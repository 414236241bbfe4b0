"""The formula of each box, with names for all values and with numbers: h₁ = tanh(a₁) = tanh([0.1, …]) = [0.09, …].

States, inputs and gates have the names that the drawing gives them; y is what is read out of a state, ℓ a step's loss,
L the result; all other values have a letter for each role, with the time step as an index.
"""

import math
from collections import Counter
from typing import Any

import numpy as np

from tinyseq.autograd.record.formula import SPACE, Applied, Name, Part, Parts, Scripted, Symbol, rewritten, text
from tinyseq.inspect.explain import rule_sent
from tinyseq.structure.paths import reached
from tinyseq.structure.record import Shape, Source
from tinyseq.viz.computation.labels import NAMED, SIGNS, SheetLabels
from tinyseq.viz.computation.names import combined, later, value_text
from tinyseq.viz.content.boxes import Argument, Arrow, Box
from tinyseq.viz.page.order import needs_of, reversed_of
from tinyseq.viz.rendering.style import subscript

LETTERS = "abdekmpqsuvw"  # the other letters have a meaning
SPACES = (SPACE, Symbol(r"\,"))
TURNED = (("^", Symbol(r"\top")),)
MOST_OPERANDS, MOST_NUMBERS = 4, 3  # written out


class Formulas:
    """The names and formulas of a sheet's boxes.

    Args:
        labels: its labels.
    """

    def __init__(self, labels: SheetLabels) -> None:
        self.labels = labels
        self.sheet = labels.sheet
        self.vertices = labels.vertices
        self.into = labels.into
        self.letters = self._letters()

    def _letters(self) -> dict[Any, str]:
        """A letter for each role that the drawing has no name for."""
        needs = needs_of(self.sheet)
        states = [box for box in self.sheet.boxes if box.kind == "state"]
        kept = {arrow.tail for arrow in self.sheet.arrows if arrow.kind == "time"}
        totals = {box for box in states if self.sheet.states.get(box.slot, ("",))[0].startswith("L")}
        users = reversed_of(needs)
        reading = {*reached(states, users.__getitem__)} - {*reached(kept - totals, needs.__getitem__)}
        used: Counter[str] = Counter()
        letters: dict[Any, str] = {}
        for box in self.sheet.boxes:
            if not (box.kind in {"op", "result"} or box.module) or box.slot in letters or self.labels.gates.get(box):
                continue
            meaning = "L" if box.kind == "result" else self._meaning(box) if box in reading else ""
            turn, rank = (used[meaning], 0) if meaning else divmod(used[""], len(LETTERS))
            used[meaning] += 1
            flat = self.sheet.view == "flat"  # where no index is a step
            letters[box.slot] = (meaning or LETTERS[rank]) + (subscript(turn) if flat and turn else "′" * turn)
        return letters

    def _meaning(self, box: Box) -> str:
        """The letter of what is read out of a state, or of a step's loss; empty for others."""
        first = self.vertices[box.vertices[0]] if box.vertices else None
        if first and first.kind == "product" and any(argument.weights for argument in box.arguments):
            return "s" if self.labels.constant_letter == "y" and self.labels.unknown else "y"
        return "ℓ" if box.column and all(side == 1 for side in self.labels.values.shape(box)) else ""

    def name(self, box: Box, delay: int = 0) -> str:
        """The name of a box's value; in a folded loop, as seen `delay` steps later."""
        if box.kind == "parameter":
            return self.labels.names[box.vertices[0]]
        if box.kind in NAMED and not box.module:
            return self.labels.symbols.of(box, delay).removesuffix(" = 0")
        if box.kind == "elided":
            return "…"
        if box.kind == "result":
            return "L"
        gates = self.labels.gates.get(box)
        index = ""
        if box.step is not None:
            index = later(delay) if self.sheet.folded else subscript(box.step)
        return (",".join(gates) if gates else self.letters.get(box.slot, "·")) + index

    def operands(self, box: Box) -> dict[Argument, tuple[str, str]]:
        """The name and the numbers of what a box is computed from, except for parameters and the count of a mean."""
        found: dict[Argument, tuple[str, str]] = {}
        for argument in box.arguments:
            arrows = self.labels.arrows(box, argument)
            if argument.weights or (not arrows and len(box.vertices) > 1):
                if argument.ends and ("…", "") not in found.values():  # of a loop that is left out
                    found[argument] = "…", ""
                continue
            carried = [(arrow, step) for arrow in arrows for step in self._steps(arrow, argument)]
            names, shown = ([tell(*each) for each in carried] for tell in (self._carried, self._numbers))
            if not carried:
                names = [self.labels.constant(box, argument)]
                known = self.labels.values.constant(argument, self.sheet.step_of(box))
                shown = [numbers(None if known is None else np.asarray(known)) or names[0]]
            if len(names) > MOST_OPERANDS:
                names, shown = ([*texts[: MOST_OPERANDS - 1], "…", texts[-1]] for texts in (names, shown))
            found[argument] = ", ".join(names), ", ".join(shown) if all(shown) else ""
        return found

    def _steps(self, arrow: Arrow, argument: Argument) -> list[int | None]:
        """The steps of the values that an arrow carries: in a folded loop one arrow stands for those of all steps."""
        steps = [end.step for end in argument.ends if (end.vertex, end.output) == arrow.value]
        return steps if self.sheet.folded and steps else [self.sheet.step_of(arrow.tail)]

    def _carried(self, arrow: Arrow, step: int | None) -> str:
        """The name of the value, or the part of it, that an arrow carries."""
        name, gates = self.name(arrow.tail, arrow.delay), ",".join(self.labels.gates.get(arrow.tail, ()))
        if self.sheet.folded and not arrow.head.column and step is not None:
            name = name.removesuffix("ₜ") + subscript(step)  # after the loop, its last state, or those of all steps
        part = self.labels.part(arrow)
        return name.replace(gates, part, 1) if gates and part in gates.split(",") else name

    def _numbers(self, arrow: Arrow, step: int | None) -> str:
        values, tail = self.labels.values, arrow.tail
        one = arrow.value if tail.vertices and not tail.module else None
        value = values.at(one, step) if one else values.value(tail)
        if not arrow.part or value is None:
            return numbers(value)
        return numbers(value[..., slice(*arrow.rows), :]) if arrow.rows else ""

    def forward(self, box: Box) -> tuple[str, list[str]]:
        """The formula of a box, and its parts with numbers: ("h₁", ["tanh(a₁)", "tanh([0.1, …])"])."""
        if box.module:
            read = [self._carried(arrow, None) for arrow in self.into[box] if arrow.kind != "weight"]
            return self.name(box), [f"{box.module[-1]}({', '.join(dict.fromkeys(read))})"]
        operands = self.operands(box)
        named = self.labels.formula(box, {argument: name for argument, (name, _) in operands.items()})
        steps = [named] if named else []
        shown = {argument: text for argument, (_, text) in operands.items() if text}
        weighted = any(argument.weights for argument in box.arguments)
        if steps and 0 < len(shown) == len(operands) <= MOST_OPERANDS and not weighted:
            steps.append(self.labels.formula(box, shown))
        return self.name(box), list(dict.fromkeys(steps))

    def is_elementwise(self, box: Box) -> bool:
        """Whether the first number of a box follows from the first numbers of what it is computed from."""
        ops = [self.vertices[vertex] for vertex in box.vertices]
        return not box.module and len(ops) == 1 and ops[0].kind == "elementwise"

    def stacked(self, users: list[Box], box: Box) -> list[Box]:
        """The uses of a box in the order of the rows that each of them reads alone; empty if they do not take turns."""
        parts = {user: arrow for user in users for arrow in self.into[user] if arrow.tail is box and arrow.part}
        rows = {user: arrow.rows for user, arrow in parts.items() if arrow.rows is not None}
        apart = len(rows) == len(users) == len(set(rows.values()))
        return sorted(rows, key=lambda user: rows[user]) if apart else []

    def rule(self, users: list[Box], box: Box) -> str:
        """What all uses of a box send back to it: a sum; or what uses of different parts send, one above the other."""
        if stacked := self.stacked(users, box):
            rules = [self.sent(user, box) for user in stacked]
            return f"[{'; '.join(rules)}]" if all(rules) else ""
        if any(arrow.part for user in users for arrow in self.into[user] if arrow.tail is box):
            return ""
        return summed([self.sent(user, box) for user in users])

    def sent(self, user: Box, box: Box) -> str:
        """What a use of a box sends back to it, as the op's rule says; empty if that takes more than one rule."""
        arguments = [a for a in user.arguments if any(arrow.tail is box for arrow in self.labels.arrows(user, a))]
        return summed([self._rule(user, argument) for argument in arguments])

    def term(self, user: Box, leaf: int) -> str:
        """A use's term of the gradient of a parameter; empty if it takes more than one rule."""
        own = [a for a in user.arguments if leaf in a.weights or any(end.vertex == leaf for end in a.ends)]
        return summed([self._rule(user, argument) for argument in own])

    def _rule(self, user: Box, argument: Argument) -> str:
        op = self.vertices[argument.vertex]
        parent = op.parents[argument.position]
        scale = self._scale(user, op.id)
        if user.module or not op.declared or parent is None or scale is None:
            return ""
        names = [self._named(user, op.id, position) for position in range(len(op.parents))]
        values = self.labels.values
        shapes = values.without_time(op.id, op.shape), values.without_time(parent[0], self._shape(parent))
        rule = rule_sent(op.declared, argument.position, names, Name(self.name(user), ""), *shapes)
        rule = number_first(rewritten(rule, turned_twice))
        turned = bool(argument.weights) and self._is_transposed(parent[0])
        return text(transposed(rule) if turned else rule) + scale

    def _scale(self, user: Box, vertex: int) -> str | None:
        """The constant factors that follow an op in its box; None if other ops than sums follow."""
        scale = ""
        for after in (self.vertices[v] for v in user.vertices if v > vertex):
            constants = [a for a in user.arguments if a.vertex == after.id and not a.ends and not a.weights]
            if after.operator in {"*", "/"} and constants:
                scale += combined(SIGNS[after.operator], ["", self.labels.constant(user, constants[0])])
            elif after.operator != "+" or constants:
                return None
        return scale

    def _named(self, user: Box, vertex: int, position: int) -> Part:
        """The name of an argument of an op in a box."""
        argument = next((a for a in user.arguments if (a.vertex, a.position) == (vertex, position)), None)
        if argument is None:
            return Name("·", "")
        if argument.weights:
            parent = self.vertices[vertex].parents[position]
            weights = Name(", ".join(self.labels.names[leaf] for leaf in argument.weights), "")
            return Scripted(weights, TURNED) if parent and self._is_transposed(parent[0]) else weights
        carried = (
            (arrow, step) for arrow in self.labels.arrows(user, argument) for step in self._steps(arrow, argument)
        )
        name = next((self._carried(*each) for each in carried), "") or self.labels.constant(user, argument)
        return Name(f"({name})" if name.startswith(("-", "−")) else name, "")

    def _is_transposed(self, vertex: int) -> bool:
        """Whether a rearranged parameter is its transpose."""
        turned = False
        while not self.vertices[vertex].is_leaf:
            made = self.vertices[vertex]
            turned ^= made.kind == "move" and len(made.shape) == 2
            vertex = made.made_of[0]
        return turned and len(self.vertices[vertex].shape) == 2

    def _shape(self, source: Source) -> Shape:
        return self.vertices[source[0]].shapes[source[1]]


def turned_twice(part: Part) -> Part | None:
    """What is transposed twice."""
    match part:
        case Scripted(Scripted(base, inner), outer) if inner == outer == TURNED:
            return base
    return None


def transposed(rule: Parts) -> Parts:
    """The transpose of a rule: of a product Aᵀ B, that is Bᵀ A."""
    match [part for part in rule if part not in SPACES]:
        case [Scripted(base, scripts), other] if scripts == TURNED:
            return Scripted(other, TURNED), SPACE, base
    return (Symbol("("), *rule, Scripted(Symbol(")"), TURNED)) if rule else rule


def number_first(rule: Parts) -> Parts:
    """A rule with a number before the gradient that it is multiplied by; 1 is left out."""
    match [part for part in rule if part not in SPACES]:
        case [Applied(r"\bar"), Name(number, _)] if (number := number.strip("()")).lstrip("-−")[:1].isdigit():
            one = number.lstrip("-−") == "1"
            return Name(number[:-1] if one else f"{number} ", ""), rule[0]
    return rule


def summed(rules: list[str]) -> str:
    """The sum of rules; empty if one of them is. Equal ones are counted: 2 ∇a b."""
    if not all(rules):
        return ""
    counted = [rule if count == 1 else f"{count} {rule}" for rule, count in Counter(rules).items()]
    return " + ".join(counted).replace("+ -", "- ").replace("+ −", "- ")


def first_number(name: str, array: Any) -> tuple[str, float | None]:
    """What a quiz asks for: a number, or an array's first one; nothing if that is 0 or not finite."""
    value = float(array.ravel()[0])
    if not (value and math.isfinite(value)):
        return "", None
    return (name if array.size == 1 else f"the first number of {name}"), value


def numbers(array: Any) -> str:
    """The first numbers of an array, as they are written in a formula; empty for none."""
    if array is None or array.dtype.kind not in "biuf":
        return ""
    return value_text(array, MOST_NUMBERS, digits=3 + (array.size == 1))
