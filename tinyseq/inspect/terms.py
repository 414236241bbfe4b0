"""The terms of a shared weight's gradient: one for each time step that uses it.

    dL/dW = sum over t of  dL/dW|_(t)

where the term |_(t) is the gradient with respect to W as step t alone uses it. A step may use W directly, as in
W_hh h_{t-1}, or a value that was computed from W for all steps at once, before the loop, as in z = W_ih x + b and z_t.
In both cases the first step on the path from W to the loss is the one that counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from tinyseq.arguments import listed, whole
from tinyseq.autograd.calls.tensors import one_tensor
from tinyseq.autograd.graph import Leaf, Node, Output, Parent, owner
from tinyseq.autograd.ops.moves.parts import stack
from tinyseq.autograd.tensor import Index, Tensor, as_node
from tinyseq.backend import Array, namespace_of
from tinyseq.inspect.shares import shares
from tinyseq.structure.paths import add, first_steps, labels_of, leading_to, made_of, ones, scalar_root, size_of, visits
from tinyseq.torch_names.settings import explained

Norms = np.ndarray[Any, np.dtype[np.float64]]


@explained
def grad_by_step(loss: Tensor, W: Tensor) -> Tensor:
    """Each time step's term of a shared weight's gradient; their sum is ``W.grad``.

    Steps are those that recurrent layers, `tinyseq.hmm.chain` and ``with ts.step(t):`` give to the ops inside. Neither
    ``.grad`` nor the graph's saved values are touched, so that ``loss.backward()`` can follow. Hooks on W itself change
    ``W.grad`` but not the terms. The cost is about that of a backward pass, and the memory of T times W.

    Args:
        loss: a single number.
        W: a parameter, or any other tensor that the loss depends on.

    Returns:
        ``(T, *W.shape)``; T is one more than the last step between W and the loss. Steps that do not use W have zeros.

    Raises:
        ValueError: if the loss is not a single number, does not depend on W, or uses it outside of every step: in a
            readout of all steps at once, in a penalty on W, or in a loop without labels. The op is named.
        RuntimeError: if an earlier ``backward()`` has freed the graph.

    Source: the product rule of backpropagation through time in the lectures,
    dJ/dW_h = sum over i of dJ/dW_h|_(i).

    Example:
        >>> import tinyseq as ts
        >>> w, h = ts.tensor(0.5, requires_grad=True), ts.tensor(1.0)
        >>> for t in range(3):
        ...     with ts.step(t):
        ...         h = w * h
        >>> grad_by_step(h, w)  # h = w**3, and each of three uses gives w**2
        tensor([0.25, 0.25, 0.25])
    """
    found = _terms(loss, W, "loss")
    if found is None:
        raise ValueError(f"loss does not depend on W ({_called(as_node(W))})")
    return _row(found.by_step, W, range(1 + found.last))


@explained
def grad_by_lag(losses: Sequence[Tensor], W: Tensor, *, norms_only: bool = False) -> "LagTable":
    """The contributions to a shared weight's gradient: of the loss of step s, by the use of the weight at step t.

    A loss belongs to the last step that it depends on, so there may be losses at some steps only. Where that does not
    tell them apart, as in a bidirectional network, the losses belong to the first step, the one after it, and so on.

    Args:
        losses: the losses of the steps, in order; single numbers. Each costs a backward pass of its own.
        W: as for `grad_by_step`.
        norms_only: keep the terms' norms and not the terms, which take len(losses) * T times the memory of W.

    Returns:
        A table of the terms, by the step of the loss and the step of the use.

    Raises:
        TypeError: if ``losses`` is one tensor.
        ValueError: if there are no losses, or for a loss as in `grad_by_step`. A loss that does not depend on W has a
            row of zeros, as long as another one does.

    Source: dL/dW = sum over j and i <= j of the term of loss j and use i, in the lectures.

    Example:
        >>> import tinyseq as ts
        >>> w, h, losses = ts.tensor(0.5, requires_grad=True), ts.tensor(1.0), []
        >>> for t in range(3):
        ...     with ts.step(t):
        ...         h = w * h
        ...     losses.append(h)
        >>> grad_by_lag(losses, w).terms
        tensor([[1.  , 0.  , 0.  ],
                [0.5 , 0.5 , 0.  ],
                [0.25, 0.25, 0.25]])
    """
    if isinstance(losses, Tensor):
        raise TypeError(
            "losses must be a list of losses, one for each step, got one tensor; grad_by_step takes one loss"
        )
    losses = listed("losses", losses, "a list of losses, one for each step")
    if not losses:
        raise ValueError("losses must hold at least one loss, one for each step")
    found = [_terms(loss, W, f"losses[{s}]") for s, loss in enumerate(losses)]
    ends = [terms.last for terms in found if terms is not None]
    if not ends:
        raise ValueError(f"no loss depends on W ({_called(as_node(W))})")
    first = min(step for loss in losses for step in labels_of(made_of(loss)))
    rising = len(ends) == len(losses) and all(a < b for a, b in pairwise(ends))
    steps = tuple(end - first for end in ends) if rising else tuple(range(len(losses)))
    by_use = [dict(terms.by_step) if terms else {} for terms in found]
    uses = range(first, 1 + max(ends))
    norms = np.array([[float(size_of(row[t])) if t in row else 0.0 for t in uses] for row in by_use])
    return LagTable(norms, None if norms_only else stack([_row(row, W, uses) for row in by_use]), steps)


@dataclass(frozen=True, eq=False)
class LagTable:
    """The contribution of each use of a weight to each loss; ``table[s, t]`` is the term of loss s and use t.

    Steps are counted from the first one of the network, whatever its label.

    Attributes:
        norms: (S, T), the Frobenius norm of each term; those of later uses than the loss's step are zero for a network
            that reads forward. ``ts.viz.plots.lag_heatmap`` draws it.
        terms: ``(S, T, *W.shape)``, or None if only norms were asked for.
        steps: of each loss, the step that it belongs to; by default 0, 1, 2, ...

    Example:
        >>> import tinyseq as ts
        >>> w, h, losses = ts.tensor(0.5, requires_grad=True), ts.tensor(1.0), []
        >>> for t in range(3):
        ...     with ts.step(t):
        ...         h = w * h
        ...     losses.append(h)
        >>> table = grad_by_lag(losses, w)
        >>> table[2, 0].item(), table.dropped(1).item()
        (0.25, 0.25)
        >>> table.by_lag()
        array([1.75, 0.75, 0.25])
    """

    norms: Norms
    terms: Tensor | None = field(default=None, repr=False)
    steps: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.steps:
            object.__setattr__(self, "steps", tuple(range(len(self.norms))))

    def __getitem__(self, place: Index) -> Tensor:
        return self._kept[place]

    def total(self) -> Tensor:
        """The whole gradient of the sum of the losses."""
        return self._kept.sum(axis=(0, 1))

    def dropped(self, k: int) -> Tensor:
        """What truncation leaves out if every loss reaches back at most k steps: the terms with s - t > k.

        Args:
            k: how many recurrent steps a gradient may go back, at least 0.

        Returns:
            The sum of these terms, of W's shape.
        """
        k = whole("k", k, 0)
        return self._sum(self._lags() > k)

    def dropped_by_windows(self, length: int) -> Tensor:
        """What training on windows leaves out, if the state is detached before steps length, 2 * length, ...

        Args:
            length: steps in a window, from 1.

        Returns:
            The sum of these terms, of W's shape.
        """
        length = whole("length", length)
        s, t = self._places()
        return self._sum(s // length != t // length)

    def by_lag(self) -> Norms:
        """The sum of the norms at each lag s - t = 0, 1, ...: how far back the gradient reaches."""
        lags = self._lags()
        return np.array([self.norms[lags == lag].sum() for lag in range(1 + max(self.steps))])

    @property
    def _kept(self) -> Tensor:
        if self.terms is None:
            raise ValueError("this table holds norms only; create it without norms_only=True to keep the terms")
        return self.terms

    def _places(self) -> tuple[Any, Any]:
        """The step of the loss and of the use, for each term."""
        _, t = np.indices(self.norms.shape)
        return np.broadcast_to(np.array(self.steps)[:, None], self.norms.shape), t

    def _lags(self) -> Any:
        s, t = self._places()
        return s - t

    def _sum(self, chosen: Any) -> Tensor:
        terms = self._kept._array
        xp = namespace_of(terms)
        mask = xp.reshape(xp.asarray(chosen), chosen.shape + (1,) * (terms.ndim - 2))
        return Tensor(xp.asarray(xp.sum(xp.where(mask, terms, xp.zeros_like(terms)), axis=(0, 1))))

    def __repr__(self) -> str:
        losses, uses = self.norms.shape
        total = self.norms.sum() or 1.0
        shares = ", ".join(f"{share:.0%} at lag {lag}" for lag, share in enumerate(self.by_lag()[:4] / total))
        return f"LagTable({losses} losses by {uses} uses; of the norms, {shares})"


# -- the walk ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Terms:
    """The nonzero terms, and the last step between the weight and the loss."""

    by_step: dict[int, Array]
    last: int


def _terms(loss: Tensor, W: Tensor, name: str) -> Terms | None:
    """The terms of the steps; None if the loss does not depend on W.

    One backward pass finds what every step sends to W, or to the values computed from W before the loop. From
    there each step's share is propagated to W separately: rules are linear in the upstream gradient.
    """
    root, target = scalar_root(loss, name), as_node(one_tensor(W, "W"))
    nodes = made_of(loss)
    on_the_way = leading_to(target, nodes)
    if owner(root) not in on_the_way:
        return None
    first = first_steps(nodes)
    _check_used_in_steps(root, target, nodes, first, name)
    prologue = leading_to(target, [node for node in nodes if node.label.step is None and node not in first])

    terms: dict[int, Array] = {}
    sent: dict[int, dict[Parent, Array]] = {}
    for node, _, contributions in visits(ones(loss), on_the_way):
        step = first.get(node, node.label.step)
        if step is None:
            continue
        for parent, g in contributions:
            if parent is target:
                add(terms, step, g)
            elif owner(parent) in prologue:
                add(sent.setdefault(step, {}), parent, g)
    for step, g in shares(sent, prologue, target).items():
        add(terms, step, g)
    last = labels_of(on_the_way) | {step for node, step in first.items() if node in on_the_way}
    return Terms(terms, max(last, default=-1))


def _check_used_in_steps(root: Parent, target: Parent, nodes: list[Node], first: dict[Parent, int], name: str) -> None:
    """Raise unless every path from the loss to the weight passes through a step."""
    outside = {owner(root)}
    for node in nodes:
        if node not in outside or first.get(node, node.label.step) is not None:
            continue
        if target in node.edges:
            raise ValueError(
                f"{name} uses W ({_called(target)}) outside of every time step: in {node.op.name} ({node.label}). "
                "Such a use has no step of its own. Put the uses inside `with ts.step(t):`, one for each step, or "
                "leave that part of the loss out; ts.grad gives the whole gradient" + _hint(outside)
            )
        outside.update(owner(edge) for edge in node.edges if edge is not None)


def _hint(nodes: set[Leaf | Node]) -> str:
    """What to use in place of an op that computes all steps of a chain at once."""
    if not any(isinstance(node, Node) and node.op.calls == "chain" for node in nodes):
        return ""
    return ". To record every step, use ts.hmm.chain for a chain, and log_likelihood(..., by_step=True) for a CRF"


def _called(target: Parent) -> str:
    if isinstance(target, Leaf):
        return f"{target.name or 'unnamed'}, shape {target.shape}"
    node = target.node if isinstance(target, Output) else target
    return f"made by {node.op.name}, shape {target.shape}"


def _row(by_step: dict[int, Array], W: Tensor, uses: range) -> Tensor:
    xp = namespace_of(W._array)
    zeros = xp.zeros(W.shape, dtype=W.dtype)
    return Tensor(xp.stack([by_step.get(t, zeros) for t in uses]))
