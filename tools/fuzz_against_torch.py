"""Compare random programs with PyTorch in float64: values, gradients, and gradients of gradients.

    python tools/fuzz_against_torch.py [--programs 10000] [--seed 0] [--only N]

A program takes a few arrays through some twenty steps. Some arrays are in single precision, and computed with in
double, and some have no axis or no elements. Values are used again and again (fan-out), broadcast, indexed, assigned
to, reduced, multiplied and solved as matrices, split into several outputs of which some stay unused, and cut out of
the graph. Both libraries run the same program; a weighted sum of what it ends with is differentiated with respect to
its arrays, and a weighted sum of those gradients once more. A program that differs is cut down to its shortest
beginning that does, printed, and numbered: ``--only N`` runs it alone. Exits with 1 if there is one.

No two elements that a maximum compares are nearly equal, and nothing stands on a kink, since there each library has a
rule of its own (ours are in `tests/autograd/test_rules_at_the_edge.py`).
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from programs import as_program
from random_programs import Program, Values
from random_steps import draw
from torch_steps import both

import tinyseq as ts

TOLERANCE = 1e-8  # times the largest number around
LAST = 6  # so many of the last values are summed up to be differentiated


def run(program: Program, functions: dict[str, Any], library: int, values: list[Any]) -> list[Any]:
    """All values of a program, from its arrays as tensors of one library (0: ours, 1: PyTorch)."""
    values = list(values)
    for step in program.steps:
        made = functions[step.name][library](*(values[i] for i in step.inputs), **step.settings)
        values += made if isinstance(made, list | tuple) else [made]
    return values


# -- comparing ---------------------------------------------------------------------------------------------------------


def results(program: Program, functions: dict[str, Any], torch: Any) -> Iterator[tuple[str, Values, Values]]:
    """Pairs of our numbers and PyTorch's, each with a name: of all values, and of the gradients of both orders."""
    rng = np.random.default_rng(1)
    ours = [ts.tensor(array, requires_grad=True) for array in program.arrays]
    theirs = [torch.tensor(array, requires_grad=True) for array in program.arrays]
    values = run(program, functions, 0, ours), run(program, functions, 1, theirs)
    for k, (a, b) in enumerate(zip(*values, strict=True)):
        yield f"v{k}", a.numpy(), b.numpy(force=True)
    weights = [rng.normal(size=value.shape) for value in values[0]][-LAST:]
    total, wanted = weighted(values[0][-LAST:], weights, ts.tensor), weighted(values[1][-LAST:], weights, torch.tensor)
    if not wanted.requires_grad:
        yield "whether gradients flow", np.array(float(total.requires_grad)), np.array(0.0)
        return
    plain = slopes(ts.grad, total, ours, retain_graph=True)
    first = slopes(ts.grad, total, ours, create_graph=True)
    first_wanted = slopes(torch.autograd.grad, wanted, theirs, create_graph=True)
    for k, (a, again, b) in enumerate(zip(plain, first, first_wanted, strict=True)):
        yield f"d / d v{k}", a.numpy(), b.numpy(force=True)
        yield f"d / d v{k}, recorded,", again.numpy(), b.numpy(force=True)
    weights = [rng.normal(size=g.shape) for g in first]
    total, wanted = weighted(first, weights, ts.tensor), weighted(first_wanted, weights, torch.tensor)
    if wanted.requires_grad:
        second, second_wanted = slopes(ts.grad, total, ours), slopes(torch.autograd.grad, wanted, theirs)
        for k, (a, b) in enumerate(zip(second, second_wanted, strict=True)):
            yield f"d2 / d v{k}", a.numpy(), b.numpy(force=True)


def weighted(values: list[Any], weights: list[Values], make: Callable[[Values], Any]) -> Any:
    """The sum of all elements, each with a weight of its own."""
    return sum((value * make(weight)).sum() for value, weight in zip(values, weights, strict=True))


def slopes(grad: Callable[..., Any], total: Any, leaves: list[Any], **how: bool) -> list[Any]:
    """The gradients of a sum, zeros for leaves that it does not depend on."""
    found = grad(total, leaves, allow_unused=True, **how) if total.requires_grad else [None] * len(leaves)
    return [leaf.detach() * 0.0 if g is None else g for g, leaf in zip(found, leaves, strict=True)]


def difference(program: Program, functions: dict[str, Any], torch: Any) -> str | None:
    """The first thing on which the libraries differ, or None."""
    for name, a, b in results(program, functions, torch):
        if a.shape != b.shape:
            return f"{name} has shape {a.shape} here and {b.shape} in PyTorch"
        scale = max(1.0, float(np.abs(b).max(initial=0.0)))
        if not (np.abs(a - b) <= TOLERANCE * scale).all():
            return f"{name} is\n{a}\nhere and in PyTorch\n{b}"
    return None


def report(number: int, program: Program, functions: dict[str, Any], torch: Any) -> str:
    """A program that differs, cut down to its shortest beginning that does."""
    for length in range(len(program.steps) + 1):
        found = difference(program.beginning(length), functions, torch)
        if found is not None:
            return f"program {number} differs after {length} steps:\n{program.beginning(length)}\n{found}\n"
    return f"program {number} differs\n{program}\n"


def fuzz(torch: Any, numbers: range, seed: int) -> list[str]:
    """Reports on the programs of these numbers that differ."""
    functions, found = both(torch), []
    for number in numbers:
        program = draw(np.random.default_rng([seed, number]), functions)
        if difference(program, functions, torch) is not None:
            found.append(report(number, program, functions, torch))
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Compare random programs with PyTorch in float64.")
    parser.add_argument("--programs", type=int, default=10_000, help="how many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, metavar="N", help="only the program of this number, which is printed")
    options = parser.parse_args(arguments)
    try:
        import torch
    except ImportError:
        print("this needs PyTorch: pip install 'tinyseq[oracles]'", file=sys.stderr)
        return 2
    torch.set_num_threads(1)
    if options.only is not None:
        print(draw(np.random.default_rng([options.seed, options.only]), both(torch)))
        numbers = range(options.only, options.only + 1)
    else:
        numbers = range(options.programs)
    found = fuzz(torch, numbers, options.seed)
    for text in found:
        print(text)
    print(f"{len(numbers)} programs, {len(found)} differ from PyTorch {torch.__version__}")
    return 1 if found else 0


if __name__ == "__main__":
    as_program(main)
