"""A recorded step: a list of array operations, forward and then backward."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from tinyseq.compiler.listing.lines import Listing
from tinyseq.compiler.listing.loops import Folding
from tinyseq.compiler.steps import Ref, Step, blank, kind_of

_NONE: dict[str, Any] = {}  # shared: most steps have no settings


class Program:
    """A program, as recorded by `record`, changed by the passes, and run by the executor.

    Attributes:
        steps: the operations in their order.
        forward: how many of them are the forward pass.
        values: the `Kind` of each value, by number; of a step with several results a tuple of them.
        inputs: numbers of the values that each replay is given: arguments, tensors from outside, random draws.
        host: the inputs that are NumPy arrays even if the others are on a GPU.
        constants: the values that are the same at each replay, by number.
        seeds: numbers of the outputs' upstream gradients.
        guards: pairs of a condition that was read while recording, and its value.
        outputs, gradients: numbers of the results of the two passes.
        notes: gives what an executor does with values, by number and in words; printed next to them.
        fused: an executor's description of the kernels that it made from the steps, line by line.
    """

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.forward = 0
        self.values: dict[int, Any] = {}
        self._kinds: dict[Any, Any] = {}
        self.inputs: list[int] = []
        self.host: set[int] = set()
        self.constants: dict[int, Any] = {}
        self.seeds: list[int] = []
        self.guards: list[tuple[int, bool]] = []
        self.outputs: list[int] = []
        self.gradients: list[int] = []
        self.notes: Callable[[], dict[int, str]] = dict
        self.fused: list[str] = []

    def copy(self) -> "Program":
        """A copy that passes can modify without changing this one."""
        other = Program()
        for name, value in vars(self).items():
            setattr(other, name, value.copy() if isinstance(value, list | dict | set) else value)
        return other

    @property
    def halves(self) -> tuple[list[Step], list[Step]]:
        """The steps of the forward pass, and those of the backward pass."""
        return self.steps[: self.forward], self.steps[self.forward :]

    def wanted(self) -> set[int]:
        """The values that a replay must compute: its results, and the conditions and shapes that it checks."""
        shaped = [step.out for step in self.steps if not step.fixed]
        return {*self.outputs, *self.gradients, *(number for number, _ in self.guards), *shaped}

    def readers(self, since: int = 0) -> dict[int, list[Step]]:
        """For each value, the steps that read it, from some step on."""
        found: dict[int, list[Step]] = {}
        for step in self.steps[since:]:
            for number in step.reads:
                found.setdefault(number, []).append(step)
        return found

    def read_once(self) -> set[int]:
        """The values that one step reads, once, and nothing else."""
        reads = Counter(number for step in self.steps for number in step.reads)
        return {number for number, times in reads.items() if times == 1} - self.wanted()

    def replace_steps(self, change: Callable[[Step], list[Step]]) -> None:
        """Replace each step by those that ``change(step)`` returns."""
        halves = [[new for step in half for new in change(step)] for half in self.halves]
        self.forward, self.steps = len(halves[0]), halves[0] + halves[1]

    def __str__(self) -> str:
        folding, lines = Folding(self.halves, self.values), []
        listing = Listing(folding, self.values, self.notes())
        for heading, loops in zip(("forward:", "backward:"), folding.passes, strict=True):
            if loops:
                lines += [heading, *(f"  {line}" for line in listing.lines(loops))]
        return "\n".join([*lines, *self.fused])

    def value(self, kind: Any) -> int:
        """The number of a new value."""
        number = len(self.values)
        self.values[number] = self._kinds.setdefault(kind, kind)  # equal ones share one object
        return number

    def view(self, function: Callable[..., Any], ref: Ref, *args: Any) -> Step:
        """A step, not yet in the program, that takes a view of a value."""
        kind = kind_of(function(blank(self.values[ref.number]), *args))
        return Step(self.value(kind), function, (ref, *args), {}, view=ref)

    def add(self, kind: Any, function: Callable[..., Any], args: Any, settings: Any = None, **about: Any) -> int:
        """A new step with a result of some kind, and the number of that result."""
        out = self.value(kind)
        self.steps.append(Step(out, function, tuple(args), settings or _NONE, **about))
        return out
