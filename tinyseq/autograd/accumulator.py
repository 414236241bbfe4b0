"""The gradients that a backward pass has gathered so far."""

from collections.abc import Iterable
from math import prod
from typing import Any

from tinyseq.autograd.calls.conversion import is_complex
from tinyseq.autograd.graph import Leaf, Node, Output, Parent, Shape
from tinyseq.autograd.hooks import CALLED, hooked
from tinyseq.autograd.record.op import Op
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import namespace_of
from tinyseq.backend.sums import is_spread, summed_to

# At least this many uses are multiplied together. With all of them, the copies would come from outside the cache.
TOGETHER = 16
# Up to this many numbers are added faster than they are summed to the shape of a leaf that was broadcast.
FEW = 1 << 12


class Accumulator:
    """A sum of gradients for each node and leaf, and for each output of a node that has several.

    Attributes:
        sums: what has arrived at each node and leaf: arrays, or Tensors in a pass that is recorded. For a node with
            several outputs, a dictionary of them. A pair of a leaf and a shape has what arrived at the leaf in that
            shape, to which it was broadcast; see `spread`.
        kept: the gradients of intermediate results that the caller asked for, None until they are known.
        deferred: the uses of each leaf whose gradients are to be computed together (see `Summed`).
        owned: the nodes and leaves whose sums were allocated here, so that they may be added to in place.
    """

    __slots__ = ("deferred", "kept", "owned", "sums")

    def __init__(self, seeds: Iterable[tuple[Parent, Any]], kept: Iterable[Parent] = ()) -> None:
        self.sums: dict[Any, Any] = {}
        self.kept: dict[Parent, Any] = dict.fromkeys(kept)
        self.deferred: dict[tuple[Leaf, Op, int], list[tuple[Any, ...]]] = {}
        self.owned: set[Any] = set()
        for parent, g in seeds:
            self.add(parent, g)

    def add(self, parent: Any, g: Any) -> None:
        """Add a gradient: the first is borrowed, the second makes a new sum, later ones are added to it in place."""
        table = self.sums.setdefault(parent.node, {}) if type(parent) is Output else self.sums
        have = table.get(parent)
        if have is None:
            table[parent] = g
        elif parent in self.owned:
            table[parent] += g
        else:
            table[parent] = have + g
            self.owned.add(parent)

    def defer(self, leaf: Leaf, op: Op, i: int, use: tuple[Any, ...]) -> None:
        """Defer one use of a leaf as the i-th argument of an op, so that many uses become one product.

        It is computed once there are enough uses, and together large enough that adding it to the leaf is cheap.
        """
        uses = self.deferred.setdefault((leaf, op, i), [])
        uses.append(use)
        count = len(uses)
        if count >= TOGETHER and count * use[0].size >= 4 * prod(leaf.shape):
            self._add_deferred(leaf, op, i)

    def _add_deferred(self, leaf: Leaf, op: Op, i: int) -> None:
        uses = self.deferred.pop((leaf, op, i))
        xp = namespace_of(uses[0][0])
        self.add(leaf, fitted(xp, op.rules[i].rule(xp, uses), leaf.shape, leaf.dtype, op, i))

    def spread(self, leaf: Leaf, g: Any, op: Op) -> bool:
        """Add a small gradient of a leaf in the shape that it was broadcast to; those of one shape are summed together.

        Returns:
            Whether it was added.
        """
        if g.size > FEW or not op.broadcasts or g.dtype is not leaf.dtype or not is_spread(g.shape, leaf.shape):
            return False
        self.add((leaf, g.shape), g)
        return True

    def settle(self) -> None:
        """Add what is left of the deferred uses, and of the gradients in the shapes that leaves were broadcast to."""
        for leaf, op, i in list(self.deferred):
            self._add_deferred(leaf, op, i)
        for spread in [key for key in self.sums if type(key) is tuple]:
            self.owned.discard(spread)  # the sum leaves; the next walk into this shape only borrows its first one
            leaf, g = spread[0], self.sums.pop(spread)
            self.add(leaf, summed_to(namespace_of(g), g, leaf.shape))

    def finished(self, node: Node, g: Any) -> Any:
        """All that arrived at a node, after its hooks; for several outputs a list, None where nothing arrived."""
        if node.op.outputs:
            parts: list[Any] = [None] * len(node.shape)
            for output, part in g.items():
                parts[output.index] = self._final(output, part) if output.hooks or output in self.kept else part
            g = parts
        return self._final(node, g) if node.hooks or node in self.kept else g

    def _final(self, parent: Parent, g: Any) -> Any:
        if parent.hooks and CALLED.get():
            g = hooked(parent, g)
        if parent in self.kept:
            self.kept[parent] = g
        return g

    @property
    def library(self) -> Any:
        """The array library of the gradients to start from; None if there are none."""
        first = next(iter(self.sums.values()), None)
        g = next(iter(first.values())) if isinstance(first, dict) else first
        return None if g is None else namespace_of(g)

    def at(self, parent: Parent) -> Any:
        """The gradient gathered so far for a node, leaf or output not yet visited; None if there is none."""
        table = self.sums.get(parent.node, {}) if isinstance(parent, Output) else self.sums
        return table.get(parent)

    def leaves(self) -> list[tuple[Leaf, Any]]:
        """The leaves that the pass has reached, and their gradients after the hooks."""
        return [(leaf, self._final(leaf, g)) for leaf, g in list(self.sums.items()) if type(leaf) is Leaf]

    def owns(self, leaf: Leaf) -> bool:
        """Whether the gradient of a leaf is an array allocated here that nothing else refers to."""
        return leaf in self.owned and not leaf.hooks


def fitted(xp: Any, g: Any, shape: Shape, dtype: Any, op: Op, i: int) -> Any:
    """A gradient in its input's shape and dtype."""
    if g.shape != shape:
        if not op.broadcasts:
            raise misshapen(op, i, g, shape)
        try:
            g = summed_to(xp, g, shape)
        except ValueError:
            raise misshapen(op, i, g, shape) from None
    if g.dtype == dtype:
        return g
    raw = g._array if isinstance(g, Tensor) else g
    if is_complex(raw, raw.dtype) and not is_complex(raw, dtype):
        raise TypeError(
            f"{op.name} of a real argument {i} gave complex numbers, through which there are no gradients here; "
            "compute with the real and the imaginary parts, as two tensors"
        )
    return xp.astype(g, dtype)


def misshapen(op: Op, i: int, g: Any, shape: Shape) -> AssertionError:
    """The error for a gradient of the wrong shape."""
    return AssertionError(
        f"the VJP of {op.name} gave shape {tuple(g.shape)} for argument {i} of shape {shape}; give it the shape of the "
        "argument, as by xp.broadcast_to after a reduction. broadcasts=True is for ops that broadcast, and sums"
    )
