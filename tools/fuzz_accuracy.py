"""Measure how many units in the last place every op's values and gradients are off, over the whole range of a type.

    python tools/fuzz_accuracy.py [OP ...] [--draws N] [--seed N]

The table has a line for each op: the largest error of the value and of the gradients in float32 and in float64, and
what the declaration promises. What is measured, and against what, says `tinyseq.testing.accuracy`. The exit status is
1 if a promise is broken.
"""

import argparse
import math

import numpy as np
from programs import as_program

from tinyseq.autograd.declare import OPS, Accuracy, Op
from tinyseq.testing.accuracy import PROMISED, Errors, longer_than, measured

TYPES = [np.dtype(name) for name in ("float32", "float64") if longer_than(name)]


def ops() -> list[Op]:
    """The ops of the engine."""
    return [op for op in OPS.values() if op.module.startswith("tinyseq.autograd.ops.")]


def broken(promise: Accuracy, found: Errors) -> bool:
    """Whether an error is larger than promised."""
    return found.value > promise.value or found.gradient > promise.gradient


def line(op: Op, promise: Accuracy, found: list[Errors]) -> str:
    """A line of the table; a dash where nothing can be measured."""
    shown = [x for errors in found for x in (errors.value, errors.gradient)] + [promise.value, promise.gradient]
    cells = (f"{x:.2f}" if math.isfinite(x) else "-" for x in shown)
    return f"{op.name:24s}" + "".join(f"{cell:>10s}" for cell in cells) + f"   {promise.why}"


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("ops", nargs="*", help="names of ops; all of the engine by default")
    parser.add_argument("--draws", type=int, default=100_000, help="numbers for each input")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(words)
    chosen = [op for op in ops() if not arguments.ops or op.name in arguments.ops]
    heads = [f"{kind.name[0]}{kind.name[5:]} {what}" for kind in TYPES for what in ("value", "grad")]
    print(f"{'ulps':24s}" + "".join(f"{head:>10s}" for head in [*heads, "promised", "grad"]))
    failures = []
    for op in chosen:
        promise = op.ulps or PROMISED
        found = [measured(op, kind, arguments.draws, arguments.seed) for kind in TYPES]
        print(line(op, promise, found), flush=True)
        failures += [
            f"{op.name} in {kind}" for kind, errors in zip(TYPES, found, strict=True) if broken(promise, errors)
        ]
    print(f"{len(chosen)} ops, {arguments.draws} draws for each input and type, {len(failures)} promises broken")
    for failure in failures:
        print(f"BROKEN {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    as_program(main)
