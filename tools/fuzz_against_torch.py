"""Compare random programs with PyTorch in float64: values, gradients, and gradients of gradients.

    python tools/fuzz_against_torch.py [--programs 10000] [--seed 0] [--only N]

A program takes a few arrays through some twenty steps. Values are used again and again (fan-out), broadcast, indexed,
reduced, split into several outputs of which some stay unused, and cut out of the graph. Both libraries run the same
program; a weighted sum of what it ends with is differentiated with respect to its arrays, and a weighted sum of those
gradients once more. A program that differs is cut down to its shortest beginning that does, printed, and numbered:
``--only N`` runs it alone. Exits with 1 if there is one.

No two elements that a maximum compares are nearly equal, and nothing stands on a kink, since there each library has a
rule of its own (ours are in `tests/autograd/test_rules_at_the_edge.py`).
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from programs import as_program
from random_programs import Program, Values, draw

import tinyseq as ts

TOLERANCE = 1e-8  # times the largest number around
LAST = 6  # so many of the last values are summed up to be differentiated


# -- the steps, in both libraries --------------------------------------------------------------------------------------


def both(torch: Any) -> dict[str, tuple[Callable[..., Any], Callable[..., Any]]]:
    """Each step as a function of our tensors, and as one of PyTorch's."""
    F = torch.nn.functional

    def same(name: str, theirs: str | None = None) -> tuple[Any, Any]:
        return getattr(ts, name), getattr(torch, theirs or name)

    def reduced(name: str, theirs: Callable[..., Any]) -> tuple[Any, Any]:
        ours = getattr(ts, name)
        return (
            lambda x, axis, keepdims: ours(x, axis=axis, keepdims=keepdims),
            lambda x, axis, keepdims: theirs(x, dim=axis, keepdim=keepdims),
        )

    def along(name: str, theirs: Callable[..., Any]) -> tuple[Any, Any]:
        ours = getattr(ts, name)
        return lambda x, axis: ours(x, axis=axis), lambda x, axis: theirs(x, dim=axis)

    def their_index(index: Any) -> Any:
        return tuple(torch.tensor(part) if isinstance(part, np.ndarray) else part for part in index)

    def product(x: Any, dim: tuple[int, ...], keepdim: bool) -> Any:
        for axis in sorted(dim, reverse=True):
            x = torch.prod(x, dim=axis, keepdim=keepdim)
        return x

    unary = ["tanh", "sigmoid", "sin", "cos", "exp", "expm1", "log1p", "sqrt", "abs", "square", "reciprocal"]
    unary += ["relu", "erf", "sign", "negative", "arctan", "arcsinh", "log2", "log10"]
    binary = [
        "hypot",
        "arctan2",
        "add",
        "subtract",
        "multiply",
        "divide",
        "maximum",
        "minimum",
        "pow",
        "logaddexp",
        "matmul",
    ]
    return {
        **{name: same(name) for name in unary + binary},
        "elu": (ts.elu, F.elu),
        "gelu": (ts.gelu, F.gelu),
        "leaky_relu": (ts.leaky_relu, F.leaky_relu),
        "softplus": (ts.softplus, lambda x: torch.logaddexp(x, torch.zeros_like(x))),
        "log_sigmoid": (ts.log_sigmoid, F.logsigmoid),
        "clip": (lambda x, low, high: ts.clip(x, low, high), lambda x, low, high: torch.clamp(x, low, high)),
        "detach": (lambda x: x.detach(), lambda x: x.detach()),
        "where": (
            lambda x, y, condition: ts.where(condition, x, y),
            lambda x, y, condition: torch.where(torch.tensor(condition), x, y),
        ),
        "sum": reduced("sum", torch.sum),
        "mean": reduced("mean", torch.mean),
        "max": reduced("max", torch.amax),
        "min": reduced("min", torch.amin),
        "logsumexp": reduced("logsumexp", torch.logsumexp),
        "norm": reduced("norm", torch.linalg.vector_norm),
        "var": reduced("var", lambda x, dim, keepdim: torch.var(x, dim=dim, keepdim=keepdim, correction=0)),
        "prod": reduced("prod", product),
        "softmax": along("softmax", torch.softmax),
        "log_softmax": along("log_softmax", torch.log_softmax),
        "cumsum": along("cumsum", torch.cumsum),
        "cumprod": along("cumprod", torch.cumprod),
        "unbind": along("unbind", torch.unbind),
        "sort": along("sort", lambda x, dim: torch.sort(x, dim=dim).values),
        "flip": (lambda x, axis: ts.flip(x, axis=axis), lambda x, axis: torch.flip(x, axis)),
        "roll": (
            lambda x, shift, axis: ts.roll(x, shift=shift, axis=axis),
            lambda x, shift, axis: torch.roll(x, shift, axis),
        ),
        "split": (
            lambda x, sections, axis: ts.split(x, sections, axis=axis),
            lambda x, sections, axis: torch.split(x, sections, dim=axis),
        ),
        "chunk": (lambda x, n, axis: ts.chunk(x, n, axis=axis), lambda x, n, axis: torch.chunk(x, n, dim=axis)),
        "transpose": (lambda x, order: ts.transpose(x, order), lambda x, order: torch.permute(x, order)),
        "reshape": (lambda x, shape: ts.reshape(x, shape), lambda x, shape: torch.reshape(x, shape)),
        "broadcast_to": (lambda x, shape: ts.broadcast_to(x, shape), lambda x, shape: torch.broadcast_to(x, shape)),
        "pad": (
            lambda x, widths: ts.pad(x, widths),
            lambda x, widths: F.pad(x, [n for pair in reversed(widths) for n in pair]),
        ),
        "repeat": (
            lambda x, n, axis: ts.repeat(x, n, axis=axis),
            lambda x, n, axis: torch.repeat_interleave(x, n, dim=axis),
        ),
        "concatenate": (lambda *xs, axis: ts.concatenate(xs, axis=axis), lambda *xs, axis: torch.cat(xs, dim=axis)),
        "stack": (lambda *xs, axis: ts.stack(xs, axis=axis), lambda *xs, axis: torch.stack(xs, dim=axis)),
        "getitem": (lambda x, index: x[index], lambda x, index: x[their_index(index)]),
        "take_along_axis": (
            lambda x, ids, axis: ts.take_along_axis(x, ids, axis),
            lambda x, ids, axis: torch.take_along_dim(x, torch.tensor(ids), axis),
        ),
        "scatter_add": (
            lambda x, y, ids: ts.scatter_add(x, ids, y),
            lambda x, y, ids: torch.index_add(x, 0, torch.tensor(ids), y),
        ),
        "index_set": (
            lambda x, y, ids: ts.index_set(x, ids, y),
            lambda x, y, ids: torch.index_copy(x, 0, torch.tensor(ids), y),
        ),
        "einsum": (
            lambda *xs, subscripts: ts.einsum(subscripts, *xs),
            lambda *xs, subscripts: torch.einsum(subscripts, *xs),
        ),
        "cross_entropy": (
            lambda x, targets: ts.nn.cross_entropy(x, targets, reduction="none"),
            lambda x, targets: F.cross_entropy(x, torch.tensor(targets), reduction="none"),
        ),
    }


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
