"""Programs of array operations, and drafts of them, for `fuzz_against_torch.py`."""

from typing import Any, NamedTuple

import numpy as np

import tinyseq as ts

Values = np.ndarray[Any, np.dtype[Any]]
LARGEST, LONGEST = 50.0, 60  # a step that gives larger numbers, or more of them, is not taken


class Step(NamedTuple):
    """One operation: its name, the values it takes by number, and its settings."""

    name: str
    inputs: tuple[int, ...]
    settings: dict[str, Any]


class Program(NamedTuple):
    """Arrays, the steps from them, and how many values each step adds."""

    arrays: list[Values]
    steps: list[Step]
    outputs: list[int]

    def __str__(self) -> str:
        names, lines = [], []
        for array in self.arrays:
            names.append(f"v{len(names)}")
            lines.append(f"{names[-1]} = np.array({array.tolist()}, {array.dtype.str!r}).reshape{array.shape}")
        for step, count in zip(self.steps, self.outputs, strict=True):
            made = [f"v{len(names) + k}" for k in range(count)]
            settings = "".join(f", {name}={value!r}" for name, value in step.settings.items())
            lines.append(f"{', '.join(made)} = {step.name}({', '.join(names[i] for i in step.inputs)}{settings})")
            names += made
        return "\n".join(lines)

    def beginning(self, length: int) -> "Program":
        return Program(self.arrays, self.steps[:length], self.outputs[:length])


class Draft:
    """A program in the making: with its values, so that only steps are added that suit them."""

    def __init__(self, rng: np.random.Generator, functions: dict[str, Any]) -> None:
        self.rng, self.functions = rng, functions
        shapes = [tuple(rng.integers(1, 4, size=rng.integers(0, 4))) for _ in range(rng.integers(1, 4))]
        shapes = [tuple(0 if rng.random() < 0.03 else int(side) for side in shape) for shape in shapes]
        arrays = [rng.uniform(-2, 2, size=shape) for shape in shapes]
        self.program = Program([x.astype("f4") if rng.random() < 0.2 else x for x in arrays], [], [])
        self.values: list[Values] = list(self.program.arrays)
        for i, x in enumerate(self.program.arrays):
            if x.dtype == np.float32:  # computed in double precision: gradients are cast on the way back
                self.add("astype", i)

    def add(self, name: str, *inputs: int, **settings: Any) -> bool:
        """Add a step, unless what it gives is too large to go on with; whether it has been added."""
        made = self.functions[name][0](*(ts.tensor(self.values[i]) for i in inputs), **settings)
        arrays = [y.numpy() for y in (made if isinstance(made, list) else [made])]
        good = all(np.isfinite(a).all() and np.abs(a).max(initial=0) < LARGEST and a.size <= LONGEST for a in arrays)
        if good:
            self.program.steps.append(Step(name, inputs, settings))
            self.program.outputs.append(len(arrays))
            self.values += arrays
        return good

    def any(self, count: int = 1) -> list[int]:
        """Numbers of values, the newer ones more often, empty ones seldom; one may come twice."""
        weights = np.array([(i + 1) ** 1.5 * (1.0 if x.size else 0.1) for i, x in enumerate(self.values)])
        weights *= [x.dtype == np.float64 for x in self.values]
        return [int(i) for i in self.rng.choice(len(self.values), size=count, p=weights / weights.sum())]

    def pair(self) -> tuple[int, int] | None:
        """Two values whose shapes broadcast."""
        for _ in range(20):
            i, j = self.any(2)
            if fit(self.values[i].shape, self.values[j].shape):
                return i, j
        return None

    def axis(self, x: Values) -> int:
        return int(self.rng.integers(-x.ndim, x.ndim))

    def axes(self, x: Values) -> tuple[int, ...]:
        count = self.rng.integers(1, x.ndim + 1)
        return tuple(int(a) for a in self.rng.permutation(x.ndim)[:count])


def fit(*shapes: tuple[int, ...]) -> bool:
    """Whether shapes broadcast against each other."""
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        return False
    return True


def apart(*arrays: Values) -> bool:
    """Whether no two numbers are nearly equal."""
    numbers = np.sort(np.concatenate([a.reshape(-1) for a in arrays]))
    return numbers.size < 2 or bool(np.diff(numbers).min() > 1e-6)


def off(x: Values, *kinks: float) -> bool:
    """Whether no number is nearly one of these."""
    return all(bool((np.abs(x - kink) > 1e-6).all()) for kink in kinks)
