"""The symbols of states and inputs: h₂, c₋₁ = 0, x₀; and the user's names for them."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from tinyseq.viz.computation.names import at_any_step, later
from tinyseq.viz.content.boxes import Argument, Box
from tinyseq.viz.content.columns import Column
from tinyseq.viz.content.sheet import Sheet
from tinyseq.viz.content.values import identity, is_shifted
from tinyseq.viz.layout.rows import Slot
from tinyseq.viz.rendering.style import clean, subscript, word

MOST_STATES = 4  # listed on a closed module
FURTHER = 1, -1, 2, -2, 3, -3  # steps, to that one


class Symbols:
    """The symbols of a sheet.

    Args:
        sheet: the drawing's content.
        words: the user's names for the inputs at each time step.

    Attributes:
        inputs: the letter of each input, by its slot.
    """

    def __init__(self, sheet: Sheet, words: Sequence[object] = ()) -> None:
        self.sheet = sheet
        self.values = sheet.values
        self.words = [word(each) for each in words]
        self.columns = Counter(box.slot for box in sheet.boxes if box.kind == "input" and box.of_step is None)
        self.fixed: dict[Slot, bool] = {}
        self.inputs = self._input_names()

    def _input_names(self) -> dict[Slot, str]:
        """x for the input that most columns have, x′ for the next, and so on."""
        if self.sheet.view == "flat":
            return self._flat_inputs()
        columns = self.columns
        found = {slot: "x" + "′" * i for i, slot in enumerate(sorted(columns, key=lambda slot: -columns[slot]))}
        detached = [box for box in self.sheet.boxes if box.of_step is not None]
        found |= {box.slot: (self.sheet.states.get(box.slot) or "·")[0] for box in detached}
        found |= {slot: found[base] for slot, base in self.sheet.shifted.items()}
        given = {box: self._data_of(box) for box in self.sheet.boxes if box.kind == "input" and box.arguments}
        alike = ((box, other) for box in given if not box.column for other in given if other.column)
        return found | {box.slot: found[other.slot] for box, other in alike if given[box] == given[other]}

    def _flat_inputs(self) -> dict[Slot, str]:
        """The inputs of a flat drawing: x₀ for the first that step 0 reads; without steps x₁, x₂, ...; x if alone."""
        found: dict[Slot, str] = {}
        boxes = [box for box in self.sheet.boxes if box.kind == "input" and not self.is_zero(box)]
        for i, box in enumerate(boxes, 1):
            step = self.sheet.record.vertices[box.arguments[0].vertex].step
            number = subscript(i if step is None else step) if len(boxes) > 1 else ""
            primes = sum(name.endswith(number) for name in found.values()) if step is not None else 0
            found[box.slot] = "x" + "′" * primes + number
        return found

    def _data_of(self, box: Box) -> int:
        """The identity of an input's array that no op has made."""
        return id(self.sheet.record.constant(box.arguments[0].vertex, box.arguments[0].position))

    def of(self, box: Box, delay: int = 0, states: tuple[str, ...] = ()) -> str:
        """The symbol of a state or an input with its time step; in a folded loop, as seen `delay` steps later.

        Args:
            box: the state or the input.
            delay: how many steps later.
            states: which of its states; by default all.
        """
        flat = self.sheet.view == "flat"
        if box.kind == "input" and not box.vertices and self._stands_alone(box) and self.is_zero(box):
            return "0"  # with a single step, it may be the input or the initial state
        if box.kind == "initial" and not self.sheet.states.get(box.slot):
            began = "start" if box.arguments else "·"
            return "0" if self.is_zero(box) else began  # of a value that is handed on, and is no state
        states = states or self.sheet.states.get(box.slot) or ("·",)
        letters = (self.inputs[box.slot],) if box.kind == "input" else self._begun(box, states)
        given = self._given_name(box)
        if given and box.vertices[-1] not in self.sheet.timeline.tracks:
            return given  # of one step's leaf, which needs no number
        letters = (given,) if given else letters
        beside = box.column is not None and box.column.kind != "step"
        if not box.column or flat or (box.kind == "input" and (beside or self._is_fixed(box))):
            return ", ".join(letters)
        step = subscript(box.column.step if box.of_step is None else box.of_step)
        if self.sheet.folded and box.of_step is None:
            step = later(delay or self._steps_before(box.column))
        elif self.sheet.folded and box.kind == "input" and box.of_step is not None:
            step = later(box.column.step - box.of_step)
        names = ", ".join(letter + step for letter in letters[:MOST_STATES]) + ", …" * (len(letters) > MOST_STATES)
        if box.kind != "initial" and (
            box.of_step is None or box.of_step >= self.sheet.timeline.steps[box.column.phase][0]
        ):
            return names  # neither a state nor a padding before the first step
        return names + (" = 0" if self.is_zero(box) else "")

    def of_other_step(self, box: Box, argument: Argument) -> str:
        """The symbol of the input of another step that a constant is, as the target x[t + 1]; empty for others."""
        taken = self.values.held(box, argument)
        for arrow in self.sheet.arrows if taken and box.step is not None else ():
            data = arrow.tail
            if data.kind != "input" or data.of_step is not None or not data.arguments or data.column != box.column:
                continue
            known = [a for a in arrow.head.arguments if a in data.arguments]
            held = self.values.held(arrow.head, known[0]) if known else {}
            for by in FURTHER:
                if is_shifted(held, taken, by):
                    index = later(-by) if self.sheet.folded else subscript((box.step or 0) + by)
                    return self.inputs[data.slot] + index
        return ""

    def _begun(self, box: Box, states: tuple[str, ...]) -> tuple[str, ...]:
        """Of the states of a closed module that reads both ways, those that begin at the end where a box stands."""
        if box.kind != "initial" or not box.column or len(states) < 2:
            return states
        steps = self.sheet.steps_shown(box.column.phase)
        other_way = "→" if steps and box.column.step > steps[-1] else "←"
        return tuple(state for state in states if other_way not in state) or states

    def _is_fixed(self, box: Box) -> bool:
        """Whether all steps take one array, as a memory or a picture that does not change: it belongs to no step."""
        if box.slot not in self.fixed and box.arguments and not box.vertices:
            argument = box.arguments[0]
            readers = (other for other in self.sheet.boxes if other is not box and argument in other.arguments)
            same = any(self.values.is_fixed(reader, argument) for reader in readers)
            self.fixed[box.slot] = same and not identity(self.values.constant(argument)).array
        return self.fixed.get(box.slot, False)

    def _stands_alone(self, box: Box) -> bool:
        """Whether not every step takes an input like one, so that zeros may be the initial state, or nothing at all."""
        if self.sheet.view == "flat" or not box.column or len(self.sheet.timeline.steps[box.column.phase]) == 1:
            return self.sheet.view == "flat" or box.column is not None
        steps = len(self.sheet.steps_shown(box.column.phase))
        return not self.sheet.folded and self.columns[box.slot] < steps and box.of_step is None

    def _given_name(self, box: Box) -> str:
        """The user's name for a leaf that is drawn as an input or as an initial state."""
        if not box.vertices or box.kind not in {"input", "initial"}:
            return ""
        leaves = {box.vertices[-1], *self.sheet.ops_alike(box)}
        homes, vertices = self.sheet.grouping.homes, self.sheet.record.vertices
        names = {(homes[leaf].step if leaf in homes else None, vertices[leaf].label) for leaf in leaves}
        return clean(at_any_step(names), limit=20)

    def _steps_before(self, column: Column) -> int:
        """How many steps before that of a folded loop its column of initial states is."""
        return self.sheet.steps_shown(column.phase)[0] - column.step if column.kind == "start" else 0

    def word(self, box: Box) -> str:
        """The user's name for the input at a box's time step."""
        step = -1 if box.step is None or self.sheet.folded else box.step if box.of_step is None else box.of_step
        return self.words[step] if 0 <= step < len(self.words) else ""

    def is_zero(self, box: Box) -> bool:
        known = [value for argument in box.arguments if (value := self.values.constant(argument)) is not None]
        return bool(known) and not any(map(np.any, known))  # one step is enough: some ops keep no value
