"""The steps of random programs, each as a function of our tensors, and as one of PyTorch's."""

from collections.abc import Callable
from typing import Any

import numpy as np

import tinyseq as ts

Pair = tuple[Callable[..., Any], Callable[..., Any]]

UNARY = ["tanh", "sigmoid", "sin", "cos", "tan", "exp", "exp2", "expm1", "log1p", "sqrt", "abs", "square", "reciprocal"]
UNARY += ["relu", "erf", "sign", "negative", "arctan", "arcsinh", "arcsin", "arccos", "arctanh", "sinh", "cosh", "log2"]
UNARY += ["log10", "sinc", "positive", "deg2rad", "rad2deg", "floor", "ceil", "trunc", "round"]
BINARY = ["hypot", "arctan2", "add", "subtract", "multiply", "divide", "maximum", "minimum", "fmax", "fmin", "fmod"]
BINARY += ["copysign", "pow", "logaddexp", "logaddexp2", "matmul", "outer", "inner", "dot", "vdot", "kron"]


def both(torch: Any) -> dict[str, Pair]:
    """Each step as a function of our tensors, and as one of PyTorch's."""
    steps: dict[str, Pair] = {name: (getattr(ts, name), getattr(torch, name)) for name in UNARY + BINARY}
    for family in (_elementwise, _reductions, _along_axes, _moves, _parts, _indices, _matrices):
        steps |= family(torch)
    return steps


def _elementwise(torch: Any) -> dict[str, Pair]:
    F = torch.nn.functional
    return {
        "elu": (ts.elu, F.elu),
        "gelu": (ts.gelu, F.gelu),
        "leaky_relu": (ts.leaky_relu, F.leaky_relu),
        "softplus": (ts.softplus, lambda x: torch.logaddexp(x, torch.zeros_like(x))),
        "log_sigmoid": (ts.log_sigmoid, F.logsigmoid),
        "normal_cdf": (ts.normal_cdf, torch.special.ndtr),
        "mod": (ts.mod, torch.remainder),
        "clip": (lambda x, low, high: ts.clip(x, low, high), lambda x, low, high: torch.clamp(x, low, high)),
        "detach": (lambda x: x.detach(), lambda x: x.detach()),
        "astype": (lambda x: ts.astype(x, np.float64), lambda x: x.double()),
        "where": (
            lambda x, y, condition: ts.where(condition, x, y),
            lambda x, y, condition: torch.where(torch.tensor(condition), x, y),
        ),
        "compared": (lambda x, y: ts.where(x > y, x * 2.0, y), lambda x, y: torch.where(x > y, x * 2.0, y)),
    }


def _reductions(torch: Any) -> dict[str, Pair]:
    def reduced(name: str, theirs: Callable[..., Any]) -> Pair:
        ours = getattr(ts, name)
        return (
            lambda x, axis, keepdims: ours(x, axis=axis, keepdims=keepdims),
            lambda x, axis, keepdims: theirs(x, dim=axis, keepdim=keepdims),
        )

    def product(x: Any, dim: tuple[int, ...], keepdim: bool) -> Any:
        for axis in sorted((a % x.ndim for a in dim), reverse=True):
            x = torch.prod(x, dim=axis, keepdim=keepdim)
        return x

    return {
        "sum": reduced("sum", torch.sum),
        "mean": reduced("mean", torch.mean),
        "max": reduced("max", torch.amax),
        "min": reduced("min", torch.amin),
        "logsumexp": reduced("logsumexp", torch.logsumexp),
        "norm": reduced("norm", torch.linalg.vector_norm),
        "var": reduced("var", lambda x, dim, keepdim: torch.var(x, dim=dim, keepdim=keepdim, correction=0)),
        "std": reduced("std", lambda x, dim, keepdim: torch.std(x, dim=dim, keepdim=keepdim, correction=0)),
        "prod": reduced("prod", product),
    }


def _along_axes(torch: Any) -> dict[str, Pair]:
    def along(name: str, theirs: Callable[..., Any]) -> Pair:
        ours = getattr(ts, name)
        return lambda x, axis: ours(x, axis=axis), lambda x, axis: theirs(x, dim=axis)

    return {
        "softmax": along("softmax", torch.softmax),
        "log_softmax": along("log_softmax", torch.log_softmax),
        "cumsum": along("cumsum", torch.cumsum),
        "cumprod": along("cumprod", torch.cumprod),
        "unbind": along("unbind", torch.unbind),
        "diff": along("diff", torch.diff),
        "sort": along("sort", lambda x, dim: torch.sort(x, dim=dim).values),
    }


def _moves(torch: Any) -> dict[str, Pair]:
    return {
        "flip": (lambda x, axis: ts.flip(x, axis=axis), lambda x, axis: torch.flip(x, axis)),
        "roll": (
            lambda x, shift, axis: ts.roll(x, shift=shift, axis=axis),
            lambda x, shift, axis: torch.roll(x, shift, axis),
        ),
        "transpose": (lambda x, order: ts.transpose(x, order), lambda x, order: torch.permute(x, order)),
        "reshape": (lambda x, shape: ts.reshape(x, shape), lambda x, shape: torch.reshape(x, shape)),
        "flatten": (ts.flatten, torch.flatten),
        "squeeze": (ts.squeeze, torch.squeeze),
        "expand_dims": (lambda x, axis: ts.expand_dims(x, axis), lambda x, axis: torch.unsqueeze(x, axis)),
        "moveaxis": (ts.moveaxis, torch.moveaxis),
        "swapaxes": (ts.swapaxes, lambda x, axis1, axis2: torch.swapaxes(x, axis1, axis2)),
        "rot90": (lambda x, k: ts.rot90(x, k=k), lambda x, k: torch.rot90(x, k)),
        "broadcast_to": (lambda x, shape: ts.broadcast_to(x, shape), lambda x, shape: torch.broadcast_to(x, shape)),
        "tile": (lambda x, reps: ts.tile(x, reps), lambda x, reps: torch.tile(x, reps)),
        "pad": (
            lambda x, widths: ts.pad(x, widths),
            lambda x, widths: torch.nn.functional.pad(x, [n for pair in reversed(widths) for n in pair]),
        ),
        "repeat": (
            lambda x, n, axis: ts.repeat(x, n, axis=axis),
            lambda x, n, axis: torch.repeat_interleave(x, n, dim=axis),
        ),
        "meshgrid": (
            lambda x, y: ts.meshgrid(x, y),
            lambda x, y: torch.meshgrid(x, y, indexing="xy"),
        ),
    }


def _parts(torch: Any) -> dict[str, Pair]:
    def joined(name: str) -> Pair:
        return lambda *xs: getattr(ts, name)(xs), lambda *xs: getattr(torch, name)(xs)

    return {
        "split": (
            lambda x, sections, axis: ts.split(x, sections, axis=axis),
            lambda x, sections, axis: torch.split(x, sections, dim=axis),
        ),
        "chunk": (lambda x, n, axis: ts.chunk(x, n, axis=axis), lambda x, n, axis: torch.chunk(x, n, dim=axis)),
        "concatenate": (lambda *xs, axis: ts.concatenate(xs, axis=axis), lambda *xs, axis: torch.cat(xs, dim=axis)),
        "stack": (lambda *xs, axis: ts.stack(xs, axis=axis), lambda *xs, axis: torch.stack(xs, dim=axis)),
        **{name: joined(name) for name in ("hstack", "vstack", "dstack", "column_stack")},
    }


def _indices(torch: Any) -> dict[str, Pair]:
    def their_index(index: Any) -> Any:
        return tuple(torch.tensor(part) if isinstance(part, np.ndarray) else part for part in index)

    def assigned(x: Any, y: Any, index: Any) -> Any:
        x = x.clone()
        x[their_index(index)] = y
        return x

    return {
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
        "assign": (lambda x, y, index: ts.index_set(x, index, y), assigned),
        "cross_entropy": (
            lambda x, targets: ts.nn.cross_entropy(x, targets, reduction="none"),
            lambda x, targets: torch.nn.functional.cross_entropy(x, torch.tensor(targets), reduction="none"),
        ),
    }


def _matrices(torch: Any) -> dict[str, Pair]:
    def regular(x: Any) -> Any:
        return x @ torch.swapaxes(x, -1, -2) + 2.0 * torch.eye(x.shape[-2], dtype=x.dtype)

    return {
        "einsum": (
            lambda *xs, subscripts: ts.einsum(subscripts, *xs),
            lambda *xs, subscripts: torch.einsum(subscripts, *xs),
        ),
        "regular": (lambda x: x @ ts.swapaxes(x, -1, -2) + 2.0 * ts.eye(x.shape[-2], dtype=x.dtype), regular),
        "cholesky": (ts.cholesky, torch.linalg.cholesky),
        "det": (ts.det, torch.linalg.det),
        "inv": (ts.inv, torch.linalg.inv),
        "slogdet": (lambda x: ts.slogdet(x)[1], lambda x: torch.linalg.slogdet(x)[1]),
        "solve": (ts.solve, torch.linalg.solve),
        "diag": (ts.diag, torch.diag),
        "tril": (lambda x, offset: ts.tril(x, offset), lambda x, offset: torch.tril(x, offset)),
        "triu": (lambda x, offset: ts.triu(x, offset), lambda x, offset: torch.triu(x, offset)),
        "diagonal": (
            lambda x, offset: ts.diagonal(x, offset),
            lambda x, offset: torch.diagonal(x, offset, dim1=-2, dim2=-1),
        ),
        "trace": (
            lambda x, offset: ts.trace(x, offset),
            lambda x, offset: torch.diagonal(x, offset, dim1=-2, dim2=-1).sum(-1),
        ),
    }
