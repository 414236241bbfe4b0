"""The recorder of one call of a function: the steps, and the inputs from outside."""

import operator
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np

from tinyseq.autograd.graph import Leaf, Parent
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import Array, library_of, to_numpy
from tinyseq.compiler.program import Program
from tinyseq.compiler.recording.active import RecordingError, of_objects, unrepeatable, user_line
from tinyseq.compiler.recording.arrays import Recorded, Whole
from tinyseq.compiler.recording.outcomes import Outcome, Outcomes, tried, zeros
from tinyseq.compiler.steps import Ref, Step, about, key, kind_of, mapped, refs


class Source(NamedTuple):
    """A tensor from outside, which is read again at each replay."""

    tensor: Tensor
    node: Parent | None
    about: tuple[Any, ...]


class Recorder:
    """The recording of one call of a function.

    Shapes and types follow from those of the arguments, so a value is computed only if something depends on it: a
    condition, an index, or the number of results.

    Args:
        outcomes: what calls are known to return.
        before: the steps of an earlier recording of the same call, which this one must repeat.

    Attributes:
        program: the steps so far.
        arguments: the tensors that the function is called with, by their place among its tensors and arrays.
        sources: tensors from outside, by the number of their value.
        draws: how random numbers were drawn, by the number of their value.
        drawn: the values of random draws.
        lines: where in the user's code each constant was first used, by its number.
        on_device: whether an input is on a GPU, and therefore replays run there.
        examples: the known values of this call: those that were given, and some that follow from them.
        outcomes: what calls return; another recording may use it, too.
        reads_names: whether the name of a leaf was read.
        refused: the last error about something that cannot be recorded.
    """

    def __init__(self, outcomes: Outcomes, before: Sequence[Step] = ()) -> None:
        self.program = Program()
        self._before = before
        self.arguments: dict[int, Tensor] = {}
        self.sources: dict[int, Source] = {}
        self.draws: dict[int, tuple[Any, ...]] = {}
        self.drawn: dict[int, Recorded] = {}
        self.lines: dict[int, str] = {}
        self.on_device = False
        self.reads_names = False
        self.examples: dict[int, Any] = {}
        self.outcomes = outcomes
        self.refused: RecordingError | None = None
        self._of_tensor: dict[int, tuple[Tensor, Recorded]] = {}
        self._made: dict[int, Tensor] = {}

    def value(self, example: Array) -> Recorded:
        """A new value of the program that is given from outside."""
        if example.dtype.hasobject:
            raise of_objects(example)
        kind = kind_of(example)
        found = Recorded(self.program.value(kind), kind, self)
        self.examples[found.number] = example
        return found

    def constant(self, example: Array) -> Recorded:
        """A value that is the same at each replay."""
        found = self.value(example)
        self.program.constants[found.number] = example
        return found

    def input(self, example: Array) -> Recorded:
        """A value that each replay is given; for an array on a GPU, the example is a copy."""
        self.on_device |= library_of(example) == "cupy"
        found = self.value(to_numpy(example))
        self.program.inputs.append(found.number)
        return found

    def call(self, function: Callable[..., Any], args: Any, settings: dict[str, Any], fixed: bool = True) -> Any:
        """Record a call that returns arrays; ``fixed`` says if their shapes follow from the arguments'."""
        args, settings = (mapped(tree, Recorded, self.ref) for tree in (args, settings))
        program, found = self.program, self._outcome(function, args, settings, fixed)
        if found.several is not None:
            whole = Ref(program.add(found.kind, function, args, settings))
            self._check_repeated()
            numbers = [
                program.add(kind, operator.getitem, (whole, i), fixed=fixed) for i, kind in enumerate(found.kind)
            ]
            parts = [Recorded(*each, self) for each in zip(numbers, found.kind, strict=True)]
            return found.several(*parts) if hasattr(found.several, "_fields") else found.several(parts)
        owner = found.owner(args, settings)
        number = program.add(found.kind, function, args, settings, fixed=fixed, view=owner)
        self._check_repeated()
        return Recorded(number, found.kind, self, found.scalar)

    def _check_repeated(self) -> None:
        place = len(self.program.steps) - 1
        if place < len(self._before):
            step, now = self._before[place], self.program.steps[place]
            if step.function != now.function or key([*step[2:4]]) != key([*now[2:4]]):
                raise unrepeatable(f"{step} at {user_line()}, or what it is computed from")

    def _outcome(self, function: Callable[..., Any], args: Any, settings: Any, fixed: bool) -> Outcome:
        """What a call returns: found by trying it with the values that it depends on, if there are any."""
        kinds = self.program.values
        if not fixed:
            return tried(function, args, settings, lambda ref: self.computed(ref.number))
        indexes = function is operator.getitem or isinstance(function, Whole)
        indices = {ref for ref in refs((args, settings)) if kinds[ref.number].dtype.kind in "iub"} if indexes else None
        if indices:
            known = {ref: self.computed(ref.number) for ref in indices}
            return tried(function, args, settings, lambda ref: known[ref] if ref in known else zeros(kinds[ref.number]))
        return self.outcomes.of(function, args, settings, kinds)

    def computed(self, number: int) -> Any:
        """The value, in this call, of something that has been recorded."""
        left, needed = [number], set[int]()
        while left:
            one = left.pop()
            if one not in self.examples and one not in needed:
                needed.add(one)
                left += self._step(one).reads
        for one in sorted(needed):
            step = self._step(one)
            with np.errstate(all="ignore"):
                result = step.on(self.examples)
            self.examples[one] = [*map(np.asarray, result)] if isinstance(result, tuple | list) else result
        return self.examples[number]

    def _step(self, number: int) -> Step:
        """The step that computes a result."""
        return self.program.steps[bisect_left(self.program.steps, number, key=lambda step: step.out)]

    def let_go(self, *, for_good: bool) -> None:
        """Release values that have been computed, and all others too if nothing more will be recorded."""
        if for_good:
            self.examples, self._of_tensor, self._made, self.drawn = {}, {}, {}, {}
            self.arguments.clear()
            self.outcomes = Outcomes()
        steps = {step.out for step in self.program.steps}
        self.examples = {number: example for number, example in self.examples.items() if number not in steps}

    def ref(self, array: Recorded) -> Ref:
        """The reference to a recorded array, which must belong to this recording."""
        if array.recorder is not self:
            raise RecordingError(
                f"a tensor that was recorded in another call is used at {user_line()}; a compiled function must not "
                "keep tensors from one call to the next: return them, and pass them in again. If they are a cache (a "
                "cached_property), delete it, and call the function itself once before the compiled one"
            )
        return array.ref

    def of(self, tensor: Tensor, array: Array) -> Recorded:
        """The recorded value of a tensor's array: a constant if it was created while recording, else a source."""
        known = self._of_tensor.get(id(tensor))
        if known is not None:
            return known[1]
        if id(tensor) in self._made:
            found = self.constant(to_numpy(array))
            self.lines[found.number] = user_line()
        else:
            if tensor.node is not None and not isinstance(tensor.node, Leaf):
                raise RecordingError(
                    f"the result of an op outside the compiled function is used inside it, at {user_line()}; "
                    "pass it as an argument, or detach() it"
                )
            found = self.input(array)
            self.sources[found.number] = Source(tensor, tensor.node, about(array))
        self._of_tensor[id(tensor)] = tensor, found
        return found

    def made(self, tensor: Tensor) -> None:
        """Note that a tensor was created from a plain array while recording, so no code outside can change it."""
        self._made[id(tensor)] = tensor

    def has_made(self, tensor: Tensor, array: Any) -> bool:
        """Whether a tensor was created while recording."""
        if type(array) is Recorded:
            return not any(tensor is argument for argument in self.arguments.values())
        return id(tensor) in self._made

    def truth(self, array: Recorded) -> bool:
        """A condition that the library evaluated: each replay evaluates it again, and stops if it differs."""
        number = self.ref(array).number
        self.program.guards.append((number, bool(self.computed(number))))
        return self.program.guards[-1][1]

    def random(self, size: Any = None, dtype: Any = np.float64) -> Recorded:
        """Replaces the generator's method: returns numbers that each replay draws anew."""
        settings = (size, dtype)
        found = self.input(np.asarray(np.random.default_rng(0).random(*settings)))
        self.draws[found.number] = settings
        self.drawn[found.number] = found
        return found

    def again(self) -> "Draws":
        """The random numbers from now on, which `tinyseq.random.noted` notes."""
        return Draws(self, len(self.draws))

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise RecordingError(
            f"a compiled function draws random numbers by {name}, at {user_line()}; only the numbers that "
            "ts.random.generator().random(shape) gives are drawn anew at each replay, as by ts.nn.Dropout; set their "
            "seed outside"
        )


class Draws:
    """The random numbers of a recording from some place on, for which `ts.checkpoint` asks again."""

    def __init__(self, recorder: Recorder, place: int) -> None:
        self._recorder, self._place = recorder, place

    def again(self) -> "Draws":
        """The same numbers from this place on."""
        return Draws(self._recorder, self._place)

    def random(self, size: Any = None, dtype: Any = np.float64) -> Recorded:
        """The numbers that were drawn at this place."""
        number, settings = list(self._recorder.draws.items())[self._place]
        if settings != (size, dtype):
            raise RecordingError(f"random numbers of another shape are drawn when a function is run again: {size}")
        self._place += 1
        return self._recorder.drawn[number]

    def __getattr__(self, name: str) -> NoReturn:
        self._recorder.__getattr__(name)
