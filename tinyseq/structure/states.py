"""Detection of recurrent states and gates in a graph.

Neither needs a name. A *state* is a value that one time step passes to another. It is h if the next step multiplies it
by a matrix. Beside an h, one that is not multiplied is c: the cell of an LSTM takes the uninterrupted path. Without an
h, the state is h too; in a sum over paths it is α. Drawings and inspection say the same. A *gate* is a sigmoid or tanh
of one block of rows that a step has split, or of what it has made of them; its name is the one that the cell's
declaration gives to these rows.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from typing import TypeGuard, TypeVar

from tinyseq.autograd.graph import Leaf, Node, Output, Parent, owner
from tinyseq.autograd.record.axes import LOOKED_THROUGH, PUTTING_TOGETHER
from tinyseq.autograd.record.op import Op
from tinyseq.structure.paths import first_steps, reached
from tinyseq.structure.record import Scope

Reader = TypeVar("Reader")
Place = tuple[Scope, int]  # a module path and a time step


@dataclass
class LoopStates:
    """The states and gates of one loop over time, by name and step."""

    scope: Scope
    states: dict[str, dict[int, Parent]] = field(default_factory=lambda: defaultdict(dict))
    gates: dict[str, dict[int, "Block"]] = field(default_factory=lambda: defaultdict(dict))


@dataclass(frozen=True)
class Block:
    """The rows of a node's output that belong to one gate.

    Attributes:
        node, rows: the node, and the rows.
        place: among the gates, in the order of their rows.
        name: the name that the cell's declaration gives to these rows; empty if there is none.
    """

    node: Node
    rows: slice
    place: int
    name: str = ""


def loops(nodes: list[Node]) -> list[LoopStates]:
    """Every loop in which a state is passed on, the oldest first.

    Args:
        nodes: a whole graph, newest first.
    """
    uses = _uses(nodes)
    begin = beginnings(nodes)
    summing = {place[0] for place, node in stepped(nodes) if node.op.sums_paths}
    found: dict[tuple[str, ...], LoopStates] = {}
    for scope, step, name, state in _handed_on(uses, first_steps(nodes), begin):
        found.setdefault(scope, LoopStates(scope)).states[name][step] = state
    for loop in found.values():
        _complete(loop, nodes, begin)
        letter = letter_of(False, any(name.startswith("h") for name in loop.states), loop.scope in summing)
        loop.states = {name.replace("c", letter): by_step for name, by_step in loop.states.items()}
    for place, node in stepped(nodes):
        if place[0] in found:
            for block in gates_of(node):
                found[place[0]].gates[block.name or f"gate {block.place}"][place[1]] = block
    for loop in found.values():
        loop.gates = dict(sorted(loop.gates.items(), key=lambda item: next(iter(item[1].values())).place))
    return sorted(found.values(), key=lambda loop: min(begin[p] for p in begin if p[0] == loop.scope))


def beginnings(nodes: list[Node]) -> dict[Place, int]:
    """When each step's first node was created; nodes at the same distance from it have the same role."""
    return {place: node.seq for place, node in stepped(nodes)}  # nodes come newest first: the oldest stays


def by_prefix(nodes: list[Node]) -> list[tuple[str, LoopStates]]:
    """Every loop of a graph, with the prefix of its names: see `loops` and `prefixes`."""
    found = loops(nodes)
    return list(zip(prefixes([loop.scope for loop in found]), found, strict=True))


def prefixes(scopes: list[Scope]) -> list[str]:
    """The part of each module path that differs from the others, followed by a dot; empty for a single path."""
    if len(scopes) < 2:
        return [""] * len(scopes)
    same = len(shared(scopes))
    return ["".join(f"{name}." for name in scope[same:]) for scope in scopes]


def shared(scopes: Collection[Scope]) -> Scope:
    """The names that several nested ones begin with."""
    first, last = min(scopes, default=()), max(scopes, default=())
    same = [a == b for a, b in zip(first, last, strict=False)]
    return first[: same.index(False) if False in same else len(same)]


def differing(scopes: Collection[Scope]) -> list[Scope]:
    """The part of each path that differs from the others: without the names that all begin or end with."""
    own = [scope[len(shared(scopes)) :] for scope in scopes]
    same = len(shared([scope[::-1] for scope in own]))
    return [scope[: len(scope) - same] for scope in own]


def stepped(nodes: list[Node]) -> Iterator[tuple[Place, Node]]:
    """The nodes inside of loops, each with its place."""
    for node in nodes:
        if node.label.step is not None:
            yield (node.label.scope, node.label.step), node


def _uses(nodes: list[Node]) -> dict[Parent, list[Node]]:
    uses: dict[Parent, list[Node]] = defaultdict(list)
    for node in nodes:
        for edge in node.edges:
            if edge is not None:
                uses[edge].append(node)
    return uses


def _handed_on(
    uses: dict[Parent, list[Node]], first: dict[Parent, int], begin: dict[Place, int]
) -> Iterator[tuple[Scope, int, str, Parent]]:
    """The values that another step reads, with their names: scope, step, name, state.

    What one step alone multiplies has the name h at all of them: the last steps may read some of their states only
    to add them.
    """
    handed, multiplied = dict[Parent, Place](), set[object]()
    for parent in sorted((parent for parent in uses if not isinstance(parent, Leaf)), key=lambda p: p.seq):
        step = first.get(parent, parent.label.step)
        if step is None or parent.shape == ():  # a running total is not a state
            continue
        readers = [node for node in uses[parent] if node.label.step not in (None, step)]
        if readers:
            state, role = _rearranged(parent), _role(owner(parent), begin)  # of the op that computes it
            handed.setdefault(state, (parent.label.scope, step))
            if is_multiplied(
                readers,
                attrgetter("op"),
                attrgetter("label.step"),
                lambda node: uses.get(node, []),
                partial(_has_role, role, begin),
            ):
                multiplied.add(_same_at_all_steps(state, begin))
    ranks: dict[tuple[Place, str], int] = defaultdict(int)
    for state, place in handed.items():
        name = "h" if _same_at_all_steps(state, begin) in multiplied else "c"
        ranks[place, name] += 1
        rank = ranks[place, name]
        yield *place, name if rank == 1 else f"{name}{rank}", state


def _same_at_all_steps(state: Parent, begin: dict[Place, int]) -> object:
    """What the values of a state have in common: their loop, the role of their op, and which output they are."""
    role = _role(owner(state), begin)
    return (state.label.scope, role, getattr(state, "index", None)) if role and not isinstance(state, Leaf) else state


def _rearranged(parent: Parent) -> Parent:
    """What a step has rearranged to hand it on, as c of cᵀ: only its gradient is complete."""
    while isinstance(parent, Node) and parent.op.kind in LOOKED_THROUGH and isinstance(source := parent.edges[0], Node):
        if source.label.step != parent.label.step:
            break
        parent = source
    return parent


def letter_of(multiplied: bool, beside_h: bool, sums_paths: bool) -> str:
    """The letter of a state.

    Args:
        multiplied: whether the next step multiplies it by a matrix.
        beside_h: whether another state of its loop is multiplied.
        sums_paths: whether its loop is a sum over paths.
    """
    return "h" if multiplied else "α" if sums_paths else "c" if beside_h else "h"


def is_multiplied(
    readers: Iterable[Reader],
    op_of: Callable[[Reader], Op | None],
    step_of: Callable[[Reader], int | None],
    users: Callable[[Reader], Collection[Reader]],
    computes_it: Callable[[Reader], bool],
) -> bool:
    """Whether a matrix product takes a state: by itself, scaled by a gate, in a sum, or joined with others, as in the
    mean of all states so far. It is h then, and not c.

    Args:
        readers: the ops that read the state.
        op_of, step_of: the record of such an op, and its time step.
        users: the ops that read the result of one.
        computes_it: whether an op computes the same state at its own step, which may be read there by a product.
    """

    def ahead(reader: Reader) -> Iterable[Reader]:
        op = op_of(reader)
        moves = op is not None and op.kind in LOOKED_THROUGH | PUTTING_TOGETHER | {"part", "reduction"}
        read = users(reader) if moves or (op and op.operator in {"*", "+"}) else ()  # as in r h + s k
        is_state = computes_it(reader) or any(step_of(user) not in {None, step_of(reader)} for user in read)
        return () if is_state else read

    return any((op := op_of(reader)) is not None and op.kind == "product" for reader in reached(readers, ahead))


def _role(node: Leaf | Node, begin: dict[Place, int]) -> tuple[int, str] | None:
    """Where a node stands in its step, and its op: the same at all steps, which run the same code."""
    if not isinstance(node, Node) or node.label.step is None:
        return None
    return node.seq - begin[node.label.scope, node.label.step], node.op.name


def _has_role(role: tuple[int, str] | None, begin: dict[Place, int], node: Node) -> bool:
    return role is not None and _role(node, begin) == role


def _complete(loop: LoopStates, nodes: list[Node], begin: dict[Place, int]) -> None:
    """Find the states of the last step, which no step reads: every step runs the same code, so they stand where the
    other steps' states stand, counted from the first node of the step."""

    members = [node for node in nodes if node.label.scope == loop.scope and node.label.step is not None]
    for states in loop.states.values():
        known = {
            _role(owner(state), begin): state.index if isinstance(state, Output) else None for state in states.values()
        }
        for node in members:  # newest first: of a state and its masked copy, the copy is handed on
            step = node.label.step
            if step is not None and step not in states and known.get(_role(node, begin), 0) is None:
                states[step] = node


def gates_of(node: Node) -> Iterator[Block]:
    """The gates that a node computes: one, or several in one array."""
    if not node.op.squashes:
        return
    block = next(filter(_is_block, _summands(node.edges[0])), None) or _block_behind(node)
    if block is None:
        return
    heights, gates = [shape[0] for shape in block.node.shape], node.label.gates
    named = gates is not None and sum(heights) == len(gates.names) * gates.rows
    height = gates.rows if gates and named else min(heights)
    first = sum(heights[: block.index]) // height
    for i in range(block.shape[0] // height):
        place, rows = first + i, slice(i * height, (i + 1) * height)
        yield Block(node, rows, place, gates.names[place] if gates and named else "")


def _is_block(part: Parent | None) -> TypeGuard[Output]:
    return isinstance(part, Output) and part.node.op.kind == "part" and part.node.attrs["axis"] == 0


def _block_behind(node: Node) -> Output | None:
    """The one block of rows that a nonlinearity is computed from in its step, as through a layer norm."""
    if node.label.gates is None or not node.label.gates.names:
        return None

    def behind(part: Parent | None) -> Iterable[Parent | None]:
        if not isinstance(part, Node) or part.label.step != node.label.step:
            return ()
        return () if part.op.squashes or part.op.kind == "product" else part.edges

    blocks = [part for part in reached(node.edges, behind) if _is_block(part)]
    alone = len({block.index for block in blocks}) == 1
    return blocks[0] if alone and blocks[0].shape[0] == node.shape[0] else None


def _summands(read: Parent | None) -> tuple[Parent | None, ...]:
    return read.edges if isinstance(read, Node) and read.op.operator == "+" else (read,)
