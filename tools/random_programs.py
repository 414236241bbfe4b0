"""Random programs of array operations, for `fuzz_against_torch.py`."""

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
            lines.append(f"{names[-1]} = np.array({array.tolist()}).reshape{array.shape}")
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
        shapes = [tuple(int(side) for side in shape) for shape in shapes]
        self.program = Program([rng.uniform(-2, 2, size=shape) for shape in shapes], [], [])
        self.values: list[Values] = list(self.program.arrays)

    def add(self, name: str, *inputs: int, **settings: Any) -> None:
        """Add a step, unless what it gives is too large to go on with."""
        made = self.functions[name][0](*(ts.tensor(self.values[i]) for i in inputs), **settings)
        arrays = [y.numpy() for y in (made if isinstance(made, list) else [made])]
        if all(np.isfinite(a).all() and np.abs(a).max(initial=0) < LARGEST and a.size <= LONGEST for a in arrays):
            self.program.steps.append(Step(name, inputs, settings))
            self.program.outputs.append(len(arrays))
            self.values += arrays

    def any(self, count: int = 1) -> list[int]:
        """Numbers of values that are not empty, the newer ones more often; one may come twice."""
        weights = np.array([(i + 1) ** 1.5 if x.size else 0.0 for i, x in enumerate(self.values)])
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


# -- kinds of steps, each added to a draft if there are values for it --------------------------------------------------

SMOOTH = ["tanh", "sigmoid", "sin", "cos", "erf", "gelu", "softplus", "log_sigmoid", "square", "negative", "exp"]
SMOOTH += ["expm1", "arctan", "arcsinh"]


def smooth(draft: Draft) -> None:
    (i,) = draft.any()
    draft.add(str(draft.rng.choice(SMOOTH)), i)


def kinked(draft: Draft) -> None:
    (i,) = draft.any()
    x = draft.values[i]
    if off(x, 0.0):
        draft.add(str(draft.rng.choice(["relu", "leaky_relu", "elu", "abs", "sign"])), i)
    if off(x, -0.5, 1.0):
        draft.add("clip", i, low=-0.5, high=1.0)


def positive(draft: Draft) -> None:
    """Steps that need positive numbers get those of a sigmoid."""
    (i,) = draft.any()
    if draft.values[i].min() < -10:  # what is nearly 0 has a root and a reciprocal that amplify rounding
        return
    draft.add("sigmoid", i)
    name = str(draft.rng.choice(["sqrt", "log1p", "log2", "log10", "reciprocal", "pow", "divide"]))
    last, pair = len(draft.values) - 1, draft.pair()
    if name not in ("pow", "divide"):
        draft.add(name, last)
    elif pair is not None and fit(draft.values[pair[0]].shape, draft.values[last].shape):
        if name == "pow" and off(draft.values[pair[0]], 0.0):  # where y is 0, PyTorch has 0 for d²(x^y)/dx dy, not 1/x
            draft.add(name, last, pair[0])
        elif name == "divide":
            draft.add(name, pair[0], last)


def binary(draft: Draft) -> None:
    if (pair := draft.pair()) is None:
        return
    x, y = (draft.values[i] for i in pair)
    names = ["add", "subtract", "multiply", "logaddexp", "where"]
    if pair[0] != pair[1] and apart(x, y):
        names += ["maximum", "minimum"]
    if off(x, 0.0) and off(y, 0.0):
        names += ["hypot", "arctan2"]
    name = str(draft.rng.choice(names))
    shape = np.broadcast_shapes(x.shape, y.shape)
    draft.add(name, *pair, **({"condition": draft.rng.random(shape) < 0.5} if name == "where" else {}))


def reduction(draft: Draft) -> None:
    (i,) = draft.any()
    x = draft.values[i]
    if not x.ndim:
        return
    names = ["sum", "mean", "logsumexp", "var", "prod", "norm"] + ["max", "min"] * apart(x)
    name = str(draft.rng.choice(names))
    if name != "norm" or off(x, 0.0):
        draft.add(name, i, axis=draft.axes(x), keepdims=bool(draft.rng.random() < 0.5))


def along_one_axis(draft: Draft) -> None:
    (i,) = draft.any()
    x = draft.values[i]
    if x.ndim:
        name = str(draft.rng.choice(["softmax", "log_softmax", "cumsum", "cumprod", "unbind"] + ["sort"] * apart(x)))
        draft.add(name, i, axis=draft.axis(x))


def product(draft: Draft) -> None:
    (i,) = draft.any()
    x = draft.values[i]
    for j in draft.any(8):
        y = draft.values[j]
        if x.ndim and y.ndim and x.shape[-1] == y.shape[max(y.ndim - 2, 0)] and fit(x.shape[:-2], y.shape[:-2]):
            return draft.add("matmul", i, j)
    if x.ndim == 2:
        rest = ["ij->ji", "ij->j", "ij,ij->i", "ij,kj->ik", "...j,ij->i..."] + ["ii->i", "ii->"] * (
            x.shape[0] == x.shape[1]
        )
        subscripts = str(draft.rng.choice(rest))
        draft.add("einsum", *[i] * (subscripts.count(",") + 1), subscripts=subscripts)
    return None


def rearrangement(draft: Draft) -> None:
    (i,) = draft.any()
    x, rng = draft.values[i], draft.rng
    if not x.ndim:
        return draft.add("broadcast_to", i, shape=(2, 1))
    axis = draft.axis(x)
    widths = [tuple(int(n) for n in rng.integers(0, 2, size=2)) for _ in range(x.ndim)]
    settings: dict[str, dict[str, Any]] = {
        "transpose": {"order": tuple(int(a) for a in rng.permutation(x.ndim))},
        "reshape": {"shape": (-1, x.shape[-1])},
        "broadcast_to": {"shape": (2, *x.shape)},
        "flip": {"axis": draft.axes(x)},
        "roll": {"shift": int(rng.integers(-2, 3)), "axis": axis},
        "pad": {"widths": widths},
        "repeat": {"n": 2, "axis": axis},
    }
    name = str(rng.choice(list(settings)))
    return draft.add(name, i, **settings[name])


def parts(draft: Draft) -> None:
    (i,) = draft.any()
    x = draft.values[i]
    if x.ndim:
        axis = draft.axis(x)
        length = x.shape[axis]
        cut = int(draft.rng.integers(0, length + 1))
        if draft.rng.random() < 0.5:
            draft.add("split", i, sections=[cut, length - cut], axis=axis)
        else:
            draft.add("chunk", i, n=int(draft.rng.integers(1, 4)), axis=axis)


def joint(draft: Draft) -> None:
    (i,) = draft.any()
    alike = [j for j in draft.any(6) if draft.values[j].shape == draft.values[i].shape][:2]
    x = draft.values[i]
    if x.ndim and draft.rng.random() < 0.5:
        draft.add("concatenate", i, *alike, axis=draft.axis(x))
    else:
        draft.add("stack", i, *alike, axis=int(draft.rng.integers(-x.ndim - 1, x.ndim + 1)))


def index(draft: Draft) -> None:
    (i,) = draft.any()
    x, rng = draft.values[i], draft.rng
    if not x.ndim:
        return None
    kind = str(rng.choice(["slice", "ids", "mask", "along", "add", "set"]))
    length = x.shape[0]
    if kind == "slice":
        start = int(rng.integers(0, length))
        return draft.add("getitem", i, index=(slice(start, None, int(rng.integers(1, 3))), None, ...))
    if kind == "ids":
        return draft.add("getitem", i, index=(rng.integers(-length, length, size=(2, 2)),))
    if kind == "mask":
        return draft.add("getitem", i, index=(rng.random(x.shape[: rng.integers(1, x.ndim + 1)]) < 0.6,))
    if kind == "along":
        axis = draft.axis(x)
        return draft.add("take_along_axis", i, ids=rng.integers(0, x.shape[axis], size=x.shape), axis=axis)
    for j in draft.any(6):
        y = draft.values[j]
        if y.ndim == x.ndim and y.shape[1:] == x.shape[1:]:
            if kind == "add":
                return draft.add("scatter_add", i, j, ids=rng.integers(0, length, size=y.shape[0]))
            if y.shape[0] <= length:
                return draft.add("index_set", i, j, ids=rng.permutation(length)[: y.shape[0]])
    return None


def loss(draft: Draft) -> None:
    (i,) = draft.any()
    x = draft.values[i]
    if x.ndim == 2:
        draft.add("cross_entropy", i, targets=draft.rng.integers(0, x.shape[1], size=x.shape[0]))


def cut(draft: Draft) -> None:
    if draft.rng.random() < 0.3:
        draft.add("detach", *draft.any())


KINDS = (smooth, smooth, kinked, positive, binary, binary, binary, reduction, along_one_axis, product, rearrangement)
KINDS += (parts, joint, index, index, loss, cut)


def draw(rng: np.random.Generator, functions: dict[str, Any], steps: int = 20) -> Program:
    """A random program."""
    draft = Draft(rng, functions)
    for _ in range(3 * steps):
        KINDS[rng.integers(len(KINDS))](draft)
        if len(draft.program.steps) >= steps:
            break
    return draft.program
