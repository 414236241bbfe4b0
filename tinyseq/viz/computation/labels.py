"""The labels of boxes and arrows."""

import math
from collections.abc import Hashable, Mapping, Sequence
from functools import cached_property

from tinyseq.autograd.record.axes import PUTTING_TOGETHER
from tinyseq.structure.parts import part_of
from tinyseq.structure.record import Shape, Vertex
from tinyseq.viz.computation.names import (
    as_written,
    at_any_step,
    combined,
    gates_in,
    in_rows,
    leaf_name,
    power,
    short_names,
    signed,
    summed_gates,
    value_text,
)
from tinyseq.viz.computation.symbols import Symbols
from tinyseq.viz.content.boxes import Argument, Arrow, Box
from tinyseq.viz.content.columns import Column, phase_names
from tinyseq.viz.content.sheet import Sheet
from tinyseq.viz.content.values import identity
from tinyseq.viz.rendering.settings import current
from tinyseq.viz.rendering.style import Text, number, shape_text, small, subscript

SIGNS = {"+": "+", "-": "−", "*": "×", "/": "÷"}  # of operators
NAMED = {"state", "input", "initial"}  # kinds of boxes that have a symbol
MOST_JOINED = 5  # listed in what is joined
MOST_TOLD = 12  # ops of a box listed as facts about it


class SheetLabels:
    """The labels of a sheet.

    Args:
        sheet: the drawing's content.
        values: also write values that the graph still holds.
        inputs: the input at each time step.
    """

    def __init__(self, sheet: Sheet, values: bool = False, inputs: Sequence[object] = ()) -> None:
        self.sheet = sheet
        self.record = sheet.record
        self.vertices = sheet.record.vertices
        self.with_values = values
        self.values = sheet.values
        self.dtype = self.record.dtype
        self.into = {box: [a for a in arrows if not a.begins] for box, arrows in sheet.into().items()}
        self.names = short_names(self.record.leaves)
        self.symbols = Symbols(sheet, inputs)
        self.gates = gates_in(sheet, self.into, self.is_sign)
        self.unknown: dict[Hashable, int] = {}  # the constants that have a letter, in order

    # -- boxes ---------------------------------------------------------------------------------------------------------

    def lines(self, box: Box) -> list[Text]:
        """The label of a box."""
        if box.kind == "elided":
            return [Text("⋯", 14)]
        if box.kind == "parameter":
            return self._parameter(box)
        most = {"width": 2, "both": 2, "first": 1, "line": 1}.get(current().squeeze, 4)
        value = value_text(self.values.value(box), most) if self.with_values and box.kind != "initial" else ""
        if box.kind in {"input", "initial"}:
            lines, word = [Text(self.symbols.of(box), bold=True, formula=True)], self.symbols.word(box)
            if word and box.kind == "input" and self.symbols.inputs[box.slot] == "x":
                lines = [Text(word, bold=True), small(self.symbols.of(box))]
            shape = shape_text(self.values.shape(box)) if box.kind == "input" and not self.sheet.title else ""
            return [*lines, *([small(shape)] if shape else []), *([small(value, role="value")] if value else [])]
        formula = box.module[-1] if box.module else self.formula(box)
        name = self.symbols.of(box) if box.kind == "state" else ", ".join(self.gates.get(box, ()))
        lines = [Text(f"{formula} → {name}" if name else formula, formula=not box.module, bold=bool(box.module))]
        flat = self.sheet.view == "flat"
        if box.kind == "result":
            result = self.values.value(box)
            single = result is not None and result.size == 1
            told = f"loss L = {number(result.item(), 4)}" if single else "result"
            lines.append(Text(told, bold=True, role="value" if single else ""))
        if flat and (step := self.sheet.step_of(box)) is not None:
            lines.append(small(f"t = {step}"))
        if value and (flat or box.kind != "result"):
            lines.append(small(value, role="value"))
        return lines

    def _parameter(self, box: Box) -> list[Text]:
        leaves = [self.vertices[leaf] for leaf in box.vertices]
        told = [text for leaf in leaves if (text := self._about(leaf, alone=len(leaves) == 1))]
        uses = f"×{box.uses} use{'s' if box.uses > 1 else ''}"
        name = Text(", ".join(self.names[leaf.id] for leaf in leaves), bold=True, formula=True)
        return [name, *map(small, told), small(uses)]

    def _about(self, leaf: Vertex, alone: bool) -> str:
        """A parameter's name, shape and dtype; without the name if the line above already says it."""
        about = shape_text(leaf.shape) + f" {leaf.dtype}" * (not self.dtype)
        said = leaf_name(leaf) == self.names[leaf.id] and (alone or not about)
        return about.strip() if said else f"{leaf_name(leaf)} {about}".strip()

    def _carries(self, arrow: Arrow) -> str:
        """The symbol of the state or input that an arrow carries."""
        return self.symbols.of(arrow.tail, arrow.delay, self._letters(arrow)).removesuffix(" = 0")

    def _letters(self, arrow: Arrow) -> tuple[str, ...]:
        """The letters of the states that an arrow carries; a closed module may pass on one of several."""
        own = self.sheet.carried.get(arrow.value[0]) if arrow.value else None
        return own or self.sheet.states.get(arrow.tail.slot, ())

    @cached_property
    def _phases(self) -> list[str]:
        return phase_names(self.sheet.timeline)

    def title(self, column: Column) -> str:
        """The heading of a column, with the module of its phase if there are several phases."""
        if self.sheet.title:
            return self.sheet.title
        if self.sheet.folded:
            steps, loops = self.sheet.timeline.steps[column.phase], self.sheet.repeats.get(column.phase, 1)
            alike = f", one of {loops} alike" if loops > 1 else ""
            shown = [*map(str, steps)] if len(steps) < 3 else [str(steps[0]), "…", str(steps[-1])]
            return f"{self._phases[column.phase]}t = {', '.join(shown)}{alike}"
        return f"{self._phases[column.phase]}t = {column.step}"

    def facts(self, box: Box) -> dict[str, str]:
        """What tooltips and pages say about a box besides its label and its numbers."""
        made, step = [self.vertices[vertex] for vertex in box.vertices], self.sheet.step_of(box)
        facts: dict[str, str] = {}
        if box.kind == "parameter":
            facts["parameters"] = ", ".join(f"{leaf_name(leaf)} {leaf.shape}" for leaf in made)
            facts["uses"] = str(box.uses)
        elif made:
            facts["ops"] = ", ".join(vertex.op or "leaf" for vertex in made[:MOST_TOLD])
            facts["shape"] = shape_text(self.values.shape(box)) or "()"
        if made:
            facts |= {"dtype": str(made[-1].dtype), "module": ".".join(made[-1].scope)}
        return facts | ({} if step is None else {"step": str(step)})

    def together(self, box: Box) -> str:
        """What is said behind the norm of a gradient that is that of several parameters."""
        return " together" if box.kind == "parameter" and len(box.vertices) > 1 else ""

    def is_sign(self, box: Box) -> bool:
        """Whether a box is just a sign between two values, drawn as a circle."""
        if self.sheet.view == "flat" or box.kind != "op" or box.module or len(box.vertices) != 1:
            return False
        arrives = [arrow.kind != "weight" for arrow in self.into[box]]
        return self.vertices[box.vertices[0]].operator in SIGNS and arrives == [True, True]

    def formula(self, box: Box, told: Mapping[Argument, str] | None = None) -> str:
        """What a box computes, in the notation of the lectures.

        Args:
            box: the box.
            told: names or numbers for its arguments other than parameters; by default functions are written without
                arguments, and a dot stands for what arrows bring.
        """
        if not box.vertices:
            return ""
        first, last, many = self.vertices[box.vertices[0]], self.vertices[box.vertices[-1]], len(box.vertices) > 1
        weights = [self._weights(argument) for argument in box.arguments if argument.weights]
        called = f"({', '.join(told.values())})" if told is not None else ""
        if last.kind in PUTTING_TOGETHER:
            return self._joined(box, last, told or {})
        if self.sheet.view == "flat":
            if told and first.kind == "product":
                return " ".join(told.values())
            return self._flat_product(box, first) or last.op.replace("_", " ") + called
        if first.kind == "product" and weights:
            multiplied = [argument for argument in box.arguments if argument.vertex == first.id]
            both = all(argument.weights for argument in multiplied)  # a product of two parameters
            right = self._weights(multiplied[-1]) if both else self._operand(box)
            return f"{weights[0]} {next(iter(told.values())) if told and '·' in right else right}" + " + b" * many
        if first.operator == "[]" and weights:
            if box.arguments[0].weights[0] in self.sheet.timeline.tracks or slice in map(type, first.index):
                return weights[0] + self._part_at_step(first)  # of a sequence
            word = self.symbols.word(box)
            if not word and self._takes_the_step(box):
                return weights[0] + self._part_at_step(first)
            letter = "y" if self.symbols.inputs else "x"  # an id must not look like an input x
            return f"{weights[0]}[{word or letter + self._index(box)}]"
        if last.operator == "+" and (many or self._starts_at_zero(box)):
            return "sum" + called
        if first.adds_up and many:
            return self._scaled(box, last) + called
        if last.operator in SIGNS:
            return self._sign(last, box, told)
        if last.operator == "**":
            return power(*self._operands(box, told))
        if first.kind == "product" and {*(operands := self._operands(box, told))} != {"·"}:
            return " ".join(operands)
        return last.declared.symbol + called if last.declared else ""

    def _starts_at_zero(self, box: Box) -> bool:
        """Whether an addition outside the loops is Python's sum of a single loss, which begins with 0."""
        constants = [argument for argument in box.arguments if not argument.ends and not argument.weights]
        return not box.column and [self._number(argument) for argument in constants] == ["0"]

    def _flat_product(self, box: Box, product: Vertex) -> str:
        """A product in a flat drawing, if a parameter or an input is a factor; a dot for any other factor."""
        if product.kind != "product" or len(box.arguments) != 2:
            return ""
        tails = [next((arrow.tail for arrow in self.arrows(box, argument)), None) for argument in box.arguments]
        symbols = {"parameter": lambda tail: self.names[tail.vertices[0]], "input": self.symbols.of}
        names = [symbols[tail.kind](tail) if tail and tail.kind in symbols else "·" for tail in tails]
        return "" if set(names) == {"·"} else " ".join(names)

    def _joined(self, box: Box, join: Vertex, told: Mapping[Argument, str]) -> str:
        """What is joined, vertically or horizontally: [h; x] or [h, x]."""
        names = []
        for argument in box.arguments:
            found = self.arrows(box, argument)
            known = bool(found) and found[0].tail.kind in NAMED
            symbol = self._carries(found[0]) if known else "·"
            if self.sheet.folded and argument.ends and box.step is None:
                end = argument.ends[0]  # of a certain step, after the loop
                letters = self._letters(found[0]) if known else self.sheet.carried.get(end.vertex, ())
                symbol = ", ".join(letters) + subscript(end.step) if letters and end.step is not None else symbol
            empty = not found and not argument.ends and self._number(argument) == "0"  # fills a row of states up
            names.append(told.get(argument) or ("0" if empty else symbol))
        return _listed(names, join)

    def _weights(self, argument: Argument) -> str:
        """The names of parameters, with the fixed part that is taken of each; a list of them if they are joined."""
        source, part = self.vertices[argument.vertex].parents[argument.position], ""
        while source and not (made := self.vertices[source[0]]).is_leaf:
            if made.kind in PUTTING_TOGETHER and len(made.parents) > 1:
                known = [self.sheet.grouping.weights.get(parent[0], ()) if parent else () for parent in made.parents]
                parts = [Argument(made.id, position, (), weights) for position, weights in enumerate(known)]
                return _listed([self._weights(each) for each in parts], made) + part
            part = (part_of(made, source[1]) if made.operator == "[]" or made.kind == "unstacking" else "") + part
            source = made.parents[0]
        return ", ".join(self.names[leaf] for leaf in argument.weights) + part * (len(argument.weights) == 1)

    def _operand(self, box: Box) -> str:
        """The name of what a weight is applied to."""
        arrows = [arrow for arrow in self.into[box] if arrow.kind != "weight"]
        if not arrows:
            return next((self.constant(box, a) for a in box.arguments if not (a.ends or a.weights)), "·")
        ends = {end for argument in box.arguments for end in argument.ends}
        if len(arrows) != 1 or len(ends) > 1:
            return "·"  # in a folded drawing, one arrow brings several states
        tail = arrows[0].tail
        letters = self._letters(arrows[0])
        if tail.kind == "elided" and tail.column and box.column and len(letters) == 1:
            return letters[0] + "".join(subscript(end.step) for end in ends if end.step is not None)
        last = self.vertices[tail.vertices[-1]] if tail.vertices else None
        if last and last.kind in PUTTING_TOGETHER:
            return self._joined(tail, last, {})
        named = tail.kind in NAMED and len(letters) <= 1
        return self._carries(arrows[0]) if named else "·"

    def _scaled(self, box: Box, scaled: Vertex) -> str:
        """The label of a sum and a factor: a mean if the factor is one over the count."""
        argument = next(a for a in box.arguments if a.vertex == scaled.id and not a.ends)
        factors = {self._factor(alike) for alike in self.sheet.alike(box, argument)}
        factor = factors.pop()
        return "sum, scaled" if factors or not factor else f"{factor} × sum" if factor != "mean" else factor

    def _factor(self, argument: Argument) -> str:
        """The number by which a sum is multiplied, or "mean"; empty if it is an array, or unknown."""
        scaled, value = self.vertices[argument.vertex], self.values.constant(argument)
        summed = self.vertices[scaled.made_of[0]]
        if value is None or value.size != 1 or (scaled.operator == "/" and not value):
            return ""
        given = as_written(value.flat[0])
        factor = given if scaled.operator == "*" else 1 / given
        count = math.prod(self.vertices[summed.made_of[0]].shape) / max(math.prod(summed.shape), 1)
        return "mean" if math.isclose(factor * count, 1.0, rel_tol=1e-5) else signed(factor)

    def _sign(self, vertex: Vertex, box: Box, told: Mapping[Argument, str] | None) -> str:
        """An operator; without names for the operands, with those that have no arrow: constants and parameters."""
        parts = self._operands(box, told)
        same = len({argument.ends for argument in box.arguments}) == len(self.into[box]) == 1
        if vertex.operator == "*" and same:
            return power(parts[0], "2")
        sign = SIGNS[vertex.operator]
        written = combined(sign, parts)
        return written if told is not None else sign if set(parts) == {"·"} else written.removeprefix("· ")

    def _operands(self, box: Box, told: Mapping[Argument, str] | None) -> list[str]:
        """The operands of a box: by default a dot for one that an arrow brings."""
        dots = dict.fromkeys([a for a in box.arguments if a.ends or self.arrows(box, a)], "·")
        found = dots | dict(told or {})
        return [found.get(a) or self._weights(a) or self.constant(box, a) for a in box.arguments]

    def constant(self, box: Box, argument: Argument) -> str:
        """A constant: its number, or a letter if it is an array or unknown, or differs by step in a folded loop."""
        found = {self._number(alike) for alike in self.sheet.alike(box, argument)}
        return (found.pop() if len(found) == 1 else "") or self._unknown(box, argument)

    def _number(self, argument: Argument) -> str:
        """The number that all elements of a constant equal; empty if they differ or are unknown."""
        value = self.values.constant(argument)
        alike = value is not None and value.size > 0 and bool((value == value.flat[0]).all())
        return signed(as_written(value.flat[0])) if alike else ""

    def _unknown(self, box: Box, argument: Argument) -> str:
        """A symbol for a constant that is an array, or that no op has kept: y, or y′ for the next, with its step."""
        if other := self.symbols.of_other_step(box, argument):
            return other
        same, value = self.values.is_fixed(box, argument), self.values.constant(argument)
        known = identity(value, turned=False) if same else (box.slot, box.arguments.index(argument))
        place = self.unknown.setdefault(known, len(self.unknown))
        if self.sheet.view == "flat":
            return self.constant_letter + subscript(place + 1)  # where no index is a step
        letter = self.constant_letter + "′" * place
        return letter if same else letter + self._index(box)

    def _index(self, box: Box) -> str:
        """The index of a box's step."""
        return "" if not box.column else "ₜ" if self.sheet.folded else subscript(box.column.step)

    @cached_property
    def constant_letter(self) -> str:
        """The letter for constants that are arrays, or that no op has kept: y, if nothing else has this name."""
        looked_up = bool(self.sheet.grouping.lookups)  # by an id y, as in E[y]
        taken = {name[0] for name in self.names.values()} | ({"y"} if looked_up and self.symbols.inputs else set())
        return next((letter for letter in "ykmdu" if letter not in taken), "constant ")

    # -- arrows --------------------------------------------------------------------------------------------------------

    def arrows(self, box: Box, argument: Argument) -> list[Arrow]:
        """The arrows that bring an argument to a box."""
        sources = {(end.vertex, end.output) for end in argument.ends}
        return [a for a in self.into[box] if a.value in sources or (a.value is None and argument in a.tail.arguments)]

    def part(self, arrow: Arrow) -> str:
        """Which part of a value an arrow carries; empty for the sum of a gate, which is named where it is computed."""
        computed = in_rows(arrow, self.gates.get(arrow.tail, ()), self.vertices)
        if computed:
            return ", ".join(computed)
        summed = summed_gates(arrow, self.vertices)
        return "" if summed in self.gates.values() else self._part_of_all_steps(arrow).strip()

    def _part_of_all_steps(self, arrow: Arrow) -> str:
        """The part of a value that an arrow carries; in a folded loop with t for the step, or elided if it differs."""
        read = arrow.head.arguments if self.sheet.folded and arrow.part else ()
        taken = [argument for argument in read if arrow in self.arrows(arrow.head, argument)]
        if not taken:
            return arrow.part
        parts: set[tuple[int | None, str]] = set()
        for argument in self.sheet.alike(arrow.head, taken[0]):
            vertex = self.vertices[argument.vertex]
            parent = vertex.parents[argument.position]
            ends = self.sheet.grouping.ends(parent, vertex.step) if parent else ()
            parts |= {(vertex.step, end.part) for end in ends} or {(vertex.step, "")}
        return at_any_step(parts)

    def _part_at_step(self, taken: Vertex) -> str:
        """The part that an index takes; in a folded loop with t for the step."""
        slot = self.sheet.grouping.slots[taken.id]
        alike = self.sheet.grouping.alike[slot] if self.sheet.folded else [taken.id]
        return at_any_step({(self.vertices[v].step, part_of(self.vertices[v], 0)) for v in alike})

    def _takes_the_step(self, box: Box) -> bool:
        """Whether an index is the number of its step, at several steps: the row of a position, and not of an id."""
        alike = [self.vertices[vertex] for vertex in self.sheet.grouping.alike[box.slot]]
        return len(alike) > 1 and all(part_of(taken, 0) == f"[{taken.step}]" for taken in alike)

    def new_shape(self, arrow: Arrow) -> str:
        """The shape of the value that an arrow carries, if it differs from the inputs of its tail; empty otherwise.

        If the computation has more than one dtype, the dtype is added.
        """
        if self.sheet.title:
            return ""
        before = [self._carried(other) for other in self.into[arrow.tail] if other.kind != "weight" and not other.part]
        carried = self._carried(arrow)
        if arrow.tail.kind == "input" or carried in before:
            return ""
        shape, dtype = carried
        return shape_text(shape) if self.dtype else f"{shape_text(shape)} {dtype}".strip()

    def _carried(self, arrow: Arrow) -> tuple[Shape, str]:
        if arrow.value is None or arrow.kind == "weight":
            vertices = arrow.tail.vertices
            return self.values.shape(arrow.tail), str(self.vertices[vertices[-1]].dtype) if vertices else ""
        vertex, output = arrow.value
        made = self.vertices[vertex]
        return self.values.without_time(vertex, made.shapes[output]), str(made.dtype)


def _listed(names: list[str], join: Vertex) -> str:
    """What is joined, vertically or horizontally: [h; x] or [h, x]."""
    shown = names if len(names) <= MOST_JOINED else [*names[: MOST_JOINED - 2], "…", names[-1]]
    return f"[{('; ' if join.attrs['axis'] % len(join.shape) == 0 else ', ').join(shown)}]"
