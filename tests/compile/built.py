"""Programs of a few lines, built step by step on examples."""

import numpy as np

from tinyseq.compiler.program import Program
from tinyseq.compiler.steps import Ref, kind_of, mapped, refs


class Built(Program):
    """A program of steps that are added one by one."""

    def __init__(self, *arrays):
        super().__init__()
        self.examples = dict(enumerate(arrays))
        self.inputs = [self.value(kind_of(array)) for array in arrays]

    def apply(self, function, *args, **keywords):
        """A new step, run on the examples."""
        given = mapped(args, Ref, lambda ref: self.examples[ref.number])
        result = np.asarray(function(*given, **keywords))
        view = next((ref for ref in refs(args) if np.may_share_memory(result, self.examples[ref.number])), None)
        number = self.add(kind_of(result), function, args, keywords, view=view)
        self.examples[number] = result
        return Ref(number)

    def ends(self, *outputs, gradients=()):
        self.forward = len(self.steps) if not gradients else self.forward
        self.outputs = [ref.number for ref in outputs]
        self.gradients = [ref.number for ref in gradients]
        return self

    def results(self):
        """What the steps give for the examples, forward and backward."""
        known = {number: self.examples[number] for number in [*self.inputs, *self.seeds]}
        for step in self.steps:
            known[step.out] = step.on(known)
        return [known[number] for number in self.outputs + self.gradients]

    def names(self):
        """The functions of the steps."""
        return [step.function.__name__ for step in self.steps]
