"""Random calls of ops: the arrays and settings for which the contract is checked.

An op's declaration names a *family* of calls, such as ``"elementwise"`` or ``"product"``, and each argument's domain. A
family draws shapes and settings. The numbers are well separated: no two are closer than a small distance, and none is
close to a point that the domain avoids, so that a difference quotient never straddles a tie or a kink.
"""

import functools
import importlib
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from tinyseq.autograd.declare import Domain, Op
from tinyseq.testing.numerical import Values

Draw = st.DrawFn
Shape = tuple[int, ...]
MARGIN = 0.1  # the distance of numbers from the points that their domain avoids


class Call(NamedTuple):
    """Arguments of an op: its inputs as arrays, and its settings."""

    arrays: tuple[Values, ...]
    attrs: dict[str, Any]

    def __repr__(self) -> str:
        given = [f"{a.dtype}{list(a.shape)}" for a in self.arrays] + [f"{k}={v!r}" for k, v in self.attrs.items()]
        return f"({', '.join(given)})\n" + "\n".join(repr(a) for a in self.arrays)


Family = Callable[[Draw, Op], Call]
FAMILIES: dict[str, Family] = {}


def family(draw_call: Family) -> Family:
    """Register a family of calls under the function's name.

    The function gets Hypothesis's ``draw`` and the op, and returns a `Call`; `numbers` makes the arrays.
    """
    FAMILIES[draw_call.__name__] = draw_call
    return draw_call


def calls_of(op: Op) -> st.SearchStrategy[Call]:
    """Random calls of an op.

    Raises:
        LookupError: if the declaration names an undefined family.

    Example:
        >>> from tinyseq.autograd.declare import OPS
        >>> call = calls_of(OPS["matmul"]).example()  # doctest: +SKIP
    """
    importlib.import_module("tinyseq.testing.families")  # which register themselves here
    if op.calls not in FAMILIES:
        raise LookupError(
            f"{op.name} says calls={op.calls!r}, but there is no such family of calls; "
            f"define it with @tinyseq.testing.calls.family, or name one of {sorted(FAMILIES)}"
        )
    return _composite(FAMILIES[op.calls])(op)


@functools.cache
def _composite(draw_call: Family) -> Callable[[Op], st.SearchStrategy[Call]]:
    return st.composite(draw_call)  # which reads the function's source


# -- numbers -----------------------------------------------------------------------------------------------------------


def numbers(draw: Draw, op: Op, shapes: Sequence[Shape]) -> tuple[Values, ...]:
    """Arrays of these shapes, each in its argument's domain and in any layout of memory."""
    domains = domains_of(op, len(shapes))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    positions = distinct(rng, shapes)
    arrays = []
    for domain, position in zip(domains, positions, strict=True):
        array = within(domain, position)
        if op.analytic and domain.low < 0 and 0.0 not in domain.avoid:  # smooth at zero, where rules may divide by it
            array[rng.random(array.shape) < draw(st.sampled_from((0.0, 0.0, 0.3)))] = 0.0
        arrays.append(arranged(array, draw(st.sampled_from(LAYOUTS))))
    return tuple(arrays)


def domains_of(op: Op, count: int) -> tuple[Domain, ...]:
    """The domains of a number of arguments."""
    return (op.domain,) * count if isinstance(op.domain, Domain) else op.domain


def common_domain(op: Op) -> Domain:
    """The intersection of the domains of all arguments."""
    domains = domains_of(op, 1)
    avoid = tuple(x for domain in domains for x in domain.avoid)
    return Domain(max(d.low for d in domains), min(d.high for d in domains), avoid)


def distinct(rng: np.random.Generator, shapes: Sequence[Shape]) -> list[Values]:
    """Arrays of numbers in (0, 1), no two closer than half of the mean distance."""
    sizes = [math.prod(shape) for shape in shapes]
    count = sum(sizes)
    cells = (rng.permutation(count) + rng.uniform(0.25, 0.75, count)) / max(count, 1)
    parts = np.split(cells, np.cumsum(sizes)[:-1]) if sizes else []
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def within(domain: Domain, positions: Values) -> Values:
    """Numbers of a domain, for positions in (0, 1) along what is left of it between the points to avoid."""
    edges = [domain.low, *(edge for x in sorted(domain.avoid) for edge in (x - MARGIN, x + MARGIN)), domain.high]
    starts = np.array(edges[::2])
    ends = np.cumsum(np.array(edges[1::2]) - starts)  # of the pieces, laid end to end
    along = positions * ends[-1]
    piece = np.searchsorted(ends, along)
    return np.asarray(starts[piece] + along - np.concatenate([[0.0], ends])[piece])


LAYOUTS = ("plain", "plain", "fortran", "strided", "reversed", "read-only")


def arranged(array: Values, layout: str) -> Values:
    """The same values in another layout of memory."""
    if layout == "fortran":
        return np.array(array, order="F")
    if layout == "strided":
        return np.stack([array, array], axis=-1)[..., 0]
    if layout == "reversed":
        return np.asarray(np.flip(np.array(np.flip(array))))
    if layout == "read-only":
        array.flags.writeable = False
    return array


# -- shapes and axes ---------------------------------------------------------------------------------------------------


# A strategy is made once for each of its settings: Hypothesis checks and prepares every new one.


@functools.cache
def least_side() -> st.SearchStrategy[int]:
    """1, or occasionally 0, for shapes that may be empty."""
    return st.sampled_from((1,) * 7 + (0,))


@functools.cache
def shapes(min_dims: int = 0, max_dims: int = 3) -> st.SearchStrategy[Shape]:
    """Small shapes, some of them empty."""
    return least_side().flatmap(lambda least: array_shapes(min_dims, max_dims, least))


@functools.cache
def array_shapes(min_dims: int, max_dims: int, min_side: int) -> st.SearchStrategy[Shape]:
    """Small shapes."""
    return npst.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=3)


@functools.cache
def broadcastable_shapes(count: int, min_side: int) -> st.SearchStrategy[npst.BroadcastableShapes]:
    """Small shapes that broadcast against each other, and the shape of the result."""
    return npst.mutually_broadcastable_shapes(num_shapes=count, max_dims=3, min_side=min_side, max_side=3)


def broadcastable(draw: Draw, count: int) -> tuple[Shape, ...]:
    """Small shapes that broadcast against each other."""
    return draw(broadcastable_shapes(count, draw(least_side()))).input_shapes


def an_axis(draw: Draw, ndim: int) -> int:
    """One axis, counted from the front or from the back."""
    return int(draw(st.integers(-ndim, ndim - 1)))


@functools.cache
def _some_axes(ndim: int) -> st.SearchStrategy[Any]:
    kinds = [st.none(), npst.valid_tuple_axes(ndim)]
    return st.one_of(*kinds, *([st.integers(-ndim, ndim - 1)] if ndim else []))


def some_axes(draw: Draw, ndim: int) -> Any:
    """None, one axis, or a tuple of axes."""
    return draw(_some_axes(ndim))


# -- families ----------------------------------------------------------------------------------------------------------


@family
def elementwise(draw: Draw, op: Op) -> Call:
    """Inputs that broadcast against each other; settings that are numbers vary too."""
    inputs = numbers(draw, op, broadcastable(draw, len(op.inputs)))
    settings = {name: draw(st.floats(0.01, 2.0)) for name, default in op.defaults.items() if isinstance(default, float)}
    return Call(inputs, settings)


@family
def clip(draw: Draw, op: Op) -> Call:
    """Bounds at the points that the domain avoids, or none."""
    assert isinstance(op.domain, Domain)
    low, high = sorted(op.domain.avoid)
    bounds = {"low": draw(st.sampled_from((low, None))), "high": draw(st.sampled_from((high, None)))}
    return Call(numbers(draw, op, [draw(shapes())]), bounds)


@family
def boolean(draw: Draw, op: Op) -> Call:
    """Booleans."""
    return Call(tuple(_truth(draw, shape) for shape in broadcastable(draw, len(op.inputs))), {})


@family
def where(draw: Draw, op: Op) -> Call:
    """A condition and two alternatives."""
    first, *rest = broadcastable(draw, 3)
    return Call((_truth(draw, first), *numbers(draw, op, rest)), {})


def _truth(draw: Draw, shape: Shape) -> Values:
    return np.asarray(np.random.default_rng(draw(st.integers(0, 2**32 - 1))).random(shape) < 0.5)


@family
def astype(draw: Draw, op: Op) -> Call:
    """To a type of floating-point numbers."""
    return Call(numbers(draw, op, [draw(shapes())]), {"dtype": draw(st.sampled_from((np.float64, np.float32)))})


@family
def reduction(draw: Draw, op: Op) -> Call:
    """Along any axes, which may be empty."""
    shape = draw(shapes())
    return Call(numbers(draw, op, [shape]), {"axis": some_axes(draw, len(shape)), "keepdims": draw(st.booleans())})


@family
def reduce_some(draw: Draw, op: Op) -> Call:
    """Along any axes of which none is empty; the others may be."""
    shape = draw(shapes())
    axis = some_axes(draw, len(shape))
    reduced = set(range(len(shape)) if axis is None else np.atleast_1d(axis) % max(len(shape), 1))
    shape = tuple(max(side, 1) if i in reduced else side for i, side in enumerate(shape))
    return Call(numbers(draw, op, [shape]), {"axis": axis, "keepdims": draw(st.booleans())})


@family
def reduce_one(draw: Draw, op: Op) -> Call:
    """Along one axis, or all of them; none is empty."""
    shape = draw(array_shapes(0, 3, 1))
    axis = draw(st.none() | st.integers(-len(shape), len(shape) - 1)) if shape else None
    return Call(numbers(draw, op, [shape]), {"axis": axis, "keepdims": draw(st.booleans())})


@family
def along(draw: Draw, op: Op) -> Call:
    """Along one axis."""
    shape = draw(shapes(min_dims=1))
    return Call(numbers(draw, op, [shape]), {"axis": an_axis(draw, len(shape))})


@family
def axes(draw: Draw, op: Op) -> Call:
    """Along any axes, without a reduction."""
    shape = draw(shapes())
    return Call(numbers(draw, op, [shape]), {"axis": some_axes(draw, len(shape))})


@family
def roll(draw: Draw, op: Op) -> Call:
    """A shift along one axis."""
    shape = draw(shapes(min_dims=1))
    settings = {"shift": draw(st.integers(-4, 4)), "axis": an_axis(draw, len(shape))}
    return Call(numbers(draw, op, [shape]), settings)


@family
def product(draw: Draw, op: Op) -> Call:
    """Vectors, matrices, and batches of matrices that broadcast."""
    rows, inner, columns = draw(st.tuples(*[st.sampled_from((2, 3, 1, 2, 3, 0))] * 3))
    left, right = broadcastable(draw, 2)
    kind = draw(st.sampled_from(("matrices", "matrix, vector", "vector, matrix", "vectors")))
    x = (inner,) if kind.startswith("vector") else (*left[-2:], rows, inner)
    y = (inner,) if kind.endswith(("vector", "vectors")) else (*right[-2:], inner, columns)
    return Call(numbers(draw, op, [x, y]), {})


@family
def einsum(draw: Draw, op: Op) -> Call:
    """One to three operands; letters repeat, axes of length 1 broadcast, ``...`` and the output may be left out."""
    side = {letter: draw(st.sampled_from((2, 3, 1, 2, 3, 2, 3, 0))) for letter in "abXy"}
    specs = draw(st.lists(st.lists(st.sampled_from("abXy"), max_size=3), min_size=1, max_size=3))
    batches = broadcastable(draw, len(specs)) if draw(st.booleans()) else ()
    shapes = [tuple(_short(draw, side[c], spec.count(c)) for c in spec) for spec in specs]
    if batches:
        shapes = [batch[-1:] + shape for batch, shape in zip(batches, shapes, strict=True)]
    dots = "..." if batches else ""
    subscripts = ",".join(dots + "".join(spec) for spec in specs)
    if draw(st.booleans()):
        letters = sorted({c for spec in specs for c in spec})
        subscripts += "->" + dots + "".join(draw(st.permutations(letters))[: draw(st.integers(0, len(letters)))])
    return Call(numbers(draw, op, shapes), {"subscripts": subscripts})


def _short(draw: Draw, side: int, times: int) -> int:
    return 1 if times == 1 and draw(st.integers(0, 7)) == 7 else side


def an_index(draw: Draw, shape: Shape) -> Any:
    """Any index that NumPy accepts: slices, numbers, None, ``...``, masks, and arrays of integers, which may repeat."""
    kind = draw(st.sampled_from(("basic", "mask", "arrays", "one array")))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if kind == "basic" or not shape:
        return draw(npst.basic_indices(shape, allow_newaxis=True))
    if kind == "mask":
        return rng.random(shape[: draw(st.integers(1, len(shape)))]) < 0.5
    if kind == "one array":
        return _integers(rng, shape[0], draw(shapes(max_dims=2)))
    *targets, _ = (*broadcastable(draw, len(shape)), ())
    parts = [_part(draw, rng, side, target) for side, target in zip(shape, targets, strict=True)]
    return tuple(parts[: draw(st.integers(1, len(parts)))])


def _part(draw: Draw, rng: np.random.Generator, side: int, target: Shape) -> Any:
    kind = draw(st.sampled_from(("array", "slice", "number")))
    if kind == "slice" or side == 0:
        return draw(st.just(slice(None)) | st.slices(side))
    return int(rng.integers(-side, side)) if kind == "number" else _integers(rng, side, target[-2:])


def _integers(rng: np.random.Generator, side: int, shape: Shape) -> Values:
    return rng.integers(-side, side, shape) if side else np.zeros((0,), dtype=np.intp)


@family
def getitem(draw: Draw, op: Op) -> Call:
    """Any index."""
    shape = draw(shapes())
    return Call(numbers(draw, op, [shape]), {"index": an_index(draw, shape)})


@family
def scattered(draw: Draw, op: Op) -> Call:
    """Values to assign at any index of any shape."""
    shape = draw(shapes())
    index = an_index(draw, shape)
    return Call(numbers(draw, op, [np.zeros(shape)[index].shape]), {"index": index, "shape": shape})


@family
def split(draw: Draw, op: Op) -> Call:
    """Into equal parts, or into parts of given lengths."""
    shape = draw(shapes(min_dims=1))
    axis = an_axis(draw, len(shape))
    length = shape[axis]
    if draw(st.booleans()):
        sections: Any = draw(st.sampled_from([n for n in range(1, length + 1) if length % n == 0] or [2]))
    else:
        cuts = sorted(draw(st.lists(st.integers(0, length), max_size=2)))
        sections = [b - a for a, b in zip([0, *cuts], [*cuts, length], strict=True)]
    return Call(numbers(draw, op, [shape]), {"sections": sections, "axis": axis})


@family
def concatenate(draw: Draw, op: Op) -> Call:
    """One to three arrays that differ along one axis."""
    shape = draw(shapes(min_dims=1))
    axis = an_axis(draw, len(shape)) % len(shape)
    lengths = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    parts = [(*shape[:axis], length, *shape[axis + 1 :]) for length in lengths]
    return Call(numbers(draw, op, parts), {"axis": axis - draw(st.sampled_from((0, len(shape))))})


@family
def stack(draw: Draw, op: Op) -> Call:
    """One to three arrays of one shape."""
    shape = draw(shapes(max_dims=2))
    count = draw(st.integers(1, 3))
    return Call(numbers(draw, op, [shape] * count), {"axis": an_axis(draw, len(shape) + 1)})


@family
def reshape(draw: Draw, op: Op) -> Call:
    """New shapes: axes reordered, split, merged, with ones added, or -1 for one of them."""
    shape = draw(shapes())
    sides = [*draw(st.permutations(shape)), *draw(st.lists(st.just(1), max_size=2))]
    if len(sides) > 1 and draw(st.booleans()):
        sides = [sides[0] * sides[1], *sides[2:]]
    others = math.prod(sides[1:])
    if sides and others and draw(st.booleans()):
        sides[0] = -1
    return Call(numbers(draw, op, [shape]), {"shape": tuple(sides)})


@family
def transpose(draw: Draw, op: Op) -> Call:
    """Any order of the axes."""
    shape = draw(shapes())
    return Call(numbers(draw, op, [shape]), {"order": tuple(draw(st.permutations(range(len(shape)))))})


@family
def broadcast_to(draw: Draw, op: Op) -> Call:
    """To any shape that it can be broadcast to."""
    drawn = draw(broadcastable_shapes(2, draw(least_side())))
    return Call(numbers(draw, op, [drawn.input_shapes[0]]), {"shape": drawn.result_shape})


@family
def cross_entropy(draw: Draw, op: Op) -> Call:
    """Rows of scores, and the number of a class for each row."""
    rows, classes = draw(shapes(max_dims=2)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return Call(numbers(draw, op, [(*rows, classes)]), {"targets": rng.integers(0, classes, rows)})
