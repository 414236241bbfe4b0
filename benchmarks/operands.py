"""What each pair of operands costs: microseconds per op above NumPy, forward and backward.

python benchmarks/operands.py

The left operand h is a result on the tape, of shape (2, 3). The other is a tensor, a number, an array or a leaf, of the
same shape or broadcast, on either side. "NumPy" does the same arithmetic by hand, forward and backward. Times are of
the processor, the smallest of many short rounds in which the libraries take turns in one process.
"""

import argparse
import gc
import operator
import time
from collections.abc import Callable, Iterator

import numpy as np
from racing import versions

OPS = 200  # in one chain
ROUNDS = 40
WANTED = 2.0  # us above NumPy
OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
START = np.linspace(0.5, 1.5, 6, dtype=np.float32).reshape(2, 3)
FULL, ROW = np.full((2, 3), 1.01, dtype=np.float32), np.full(3, 1.01, dtype=np.float32)
OPERANDS = {  # kind, and its values
    "number": ("constant", 1.01),
    "NumPy number": ("constant", np.float32(1.01)),
    "array (2, 3)": ("constant", FULL),
    "array (3,)": ("constant", ROW),
    "tensor (2, 3)": ("tensor", FULL),
    "tensor (3,)": ("tensor", ROW),
    "leaf (2, 3)": ("leaf", FULL),
    "leaf (3,)": ("leaf", ROW),
}
Step = Callable[[], object]


def chain(function, h, other, reflected):
    """h <- h op other, again and again; or other op h."""
    if reflected:
        for _ in range(OPS):
            h = function(other, h)
    else:
        for _ in range(OPS):
            h = function(h, other)
    return h


# The gradients of h and of the other operand, by hand: (h op other) and (other op h).
BY_HAND = {
    "+": (lambda g, h, b, y: g, lambda g, h, b, y: g),
    "-": (lambda g, h, b, y: g, lambda g, h, b, y: -g),
    "*": (lambda g, h, b, y: g * b, lambda g, h, b, y: g * h),
    "/": (lambda g, h, b, y: g / b, lambda g, h, b, y: -g * (y / b)),
}


def numpy_step(symbol: str, kind: str, other, reflected: bool) -> Step:
    """The same arithmetic without a tape: values are kept, and gradients computed from the last to the first."""
    function, (left, right) = OPERATORS[symbol], BY_HAND[symbol]
    ones = np.ones((2, 3), np.float32)
    if reflected:
        slope, share = (lambda g, h, y: right(g, other, h, y)), (lambda g, h, y: left(g, other, h, y))
    else:
        slope, share = (lambda g, h, y: left(g, h, other, y)), (lambda g, h, y: right(g, h, other, y))

    def step():
        h, values = START, []
        for _ in range(OPS):
            y = function(other, h) if reflected else function(h, other)
            values.append((h, y))
            h = y
        g, total = ones, 0
        for h, y in reversed(values):
            if kind == "leaf":
                part = share(g, h, y)
                total = total + (part if other.ndim == 2 else part.sum(axis=0))
            g = slope(g, h, y)
        return g, total

    return step


def tinyseq_step(symbol: str, kind: str, other, reflected: bool) -> Step:
    import tinyseq as ts

    x, ones, function = ts.tensor(START, requires_grad=True), ts.ones((2, 3), dtype="float32"), OPERATORS[symbol]
    if kind != "constant":
        other = ts.tensor(other, requires_grad=kind == "leaf")
    return lambda: chain(function, x, other, reflected).backward(ones)


def torch_step(symbol: str, kind: str, other, reflected: bool) -> Step | None:
    import torch

    x, ones, function = torch.tensor(START, requires_grad=True), torch.ones(2, 3), OPERATORS[symbol]
    if kind != "constant":
        other = torch.tensor(other, requires_grad=kind == "leaf")
    elif isinstance(other, np.ndarray | np.generic):
        return None  # which PyTorch does not take
    return lambda: chain(function, x, other, reflected).backward(ones)


def smallest(steps: dict[str, Step]) -> dict[str, float]:
    """Microseconds per op of each step, the smallest of interleaved rounds."""
    found = dict.fromkeys(steps, float("inf"))
    for _ in range(ROUNDS):
        for name, step in steps.items():
            start = time.process_time()
            step()
            found[name] = min(found[name], (time.process_time() - start) / OPS * 1e6)
    return found


def pairs() -> Iterator[tuple[str, str, bool]]:
    """Each operator and operand, on the right and on the left."""
    yield from ((symbol, name, side) for symbol in OPERATORS for name in OPERANDS for side in (False, True))


def main() -> None:
    """Print the table."""
    makers = {"NumPy": numpy_step, "tinyseq": tinyseq_step, "PyTorch": torch_step}
    try:
        import torch

        torch.set_num_threads(1)
    except ImportError:
        del makers["PyTorch"]
    print(f"{'us per op':24s}" + "".join(f"{name:>10s}" for name in makers) + "   tinyseq above NumPy")
    gc.disable()
    found = []
    for symbol, name, reflected in pairs():
        kind, other = OPERANDS[name]
        made = {library: make(symbol, kind, other, reflected) for library, make in makers.items()}
        times = smallest({library: step for library, step in made.items() if step})
        text = f"{name} {symbol} h" if reflected else f"h {symbol} {name}"
        above = times["tinyseq"] - times["NumPy"]
        found.append((above, text))
        cells = "".join(f"{times[library]:10.2f}" if library in times else f"{'-':>10s}" for library in makers)
        print(f"{text:24s}{cells}{above:22.2f}", flush=True)
    most, text = max(found)
    many = sum(above > WANTED for above, _ in found)
    print(f"more than {WANTED} us above NumPy: {many} of {len(found)} pairs; the most: {most:.2f} us, for {text}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    print(versions())
    main()
