"""Names for the values of a graph, in the notation of the lectures."""

import re
from string import ascii_lowercase
from typing import Any

import numpy as np

from tinyseq.autograd.graph import Leaf, Node, Output, Parent
from tinyseq.autograd.record.formula import Name
from tinyseq.backend import to_numpy
from tinyseq.structure.states import beginnings, loops, prefixes, stepped

LETTERS = [letter for letter in ascii_lowercase if letter not in "cfghinorzlxyut"]  # the others mean something


class Names:
    """The name of every value: ``W``, ``h_3``, ``a_3`` and ``u_1``.

    Args:
        nodes: a whole graph, newest first.
        target: what is called W.
        root: what is called L.
    """

    def __init__(self, nodes: list[Node], target: Parent, root: Parent) -> None:
        self._known: dict[Parent, Name] = {}
        scopes = sorted({scope for (scope, _), _ in stepped(nodes)})
        prefix = dict(zip(scopes, prefixes(scopes), strict=True))
        self._name_by_role(nodes, prefix)
        for loop in loops(nodes):
            blocks: dict[Node, str] = {}
            for gate, by_step in loop.gates.items():
                for block in by_step.values():
                    blocks[block.node] = blocks.get(block.node, "") + gate
            for node, gate in blocks.items():
                self._known[node] = _name(gate, node.label.step, prefix[loop.scope])
            for state, states in loop.states.items():
                for step, parent in states.items():
                    self._known[parent] = _name(state, step, prefix[loop.scope])
        for i, node in enumerate(sorted((n for n in nodes if n.label.step is None), key=lambda n: n.seq), 1):
            self._known[node] = Name(f"u_{i}", f"u_{{{i}}}")
        self._known[root] = Name("L", "L")
        self._known[target] = Name("W", "W")

    def arguments(self, node: Node) -> list[Name]:
        """The names of a node's arguments: a constant that is a single number stands for itself."""
        given = node.given or (None,) * len(node.edges)
        pairs = zip(node.edges, given, strict=True)
        return [self[edge] if edge is not None else _constant(value) for edge, value in pairs]

    def __getitem__(self, parent: Parent) -> Name:
        if parent in self._known:
            return self._known[parent]
        if isinstance(parent, Output):
            whole = self[parent.node]
            return Name(f"{whole.text}[{parent.index}]", f"{whole.tex}[{parent.index}]")
        name = (parent.name or "leaf").rpartition(".")[2] if isinstance(parent, Leaf) else parent.op.name
        return Name(_one_line(name), rf"\mathtt{{{_tex(name)}}}")

    def _name_by_role(self, nodes: list[Node], prefix: dict[tuple[str, ...], str]) -> None:
        """Values of one role have one letter, with the step as index."""
        begin = beginnings(nodes)
        roles: dict[tuple[str, ...], dict[int, str]] = {scope: {} for scope in prefix}
        for place, node in stepped(nodes):
            roles[place[0]][node.seq - begin[place]] = ""
        for offsets in roles.values():
            for i, offset in enumerate(sorted(offsets)):
                turn, rank = divmod(i, len(LETTERS))
                offsets[offset] = LETTERS[rank] + str(turn or "")
        for place, node in stepped(nodes):
            scope, step = place
            self._known[node] = _name(roles[scope][node.seq - begin[place]], step, prefix[scope])


def _constant(value: Any) -> Name:
    """A number, which a graph that is not freed still knows; anything else is "const"."""
    if value is None or np.ndim(to_numpy(value)) or to_numpy(value).dtype.kind not in "iuf":
        return Name("const", r"\text{const}")
    text = f"{float(value):.4g}"
    text = f"({text})" if text.startswith("-") else text
    return Name(text, text)


def _name(letter: str, step: int | None, prefix: str) -> Name:
    tex = letter.replace("α", r"\alpha")
    above = rf"^{{\text{{{_tex(prefix[:-1])}}}}}" if prefix else ""
    return Name(f"{_one_line(prefix)}{letter}_{step}", f"{tex}{above}_{{{step}}}")


def _one_line(name: str) -> str:
    """A user's name on one line."""
    name = " ".join(name.split())
    return name if len(name) <= 40 else name[:39] + "…"


def _tex(name: str) -> str:
    """A user's name, escaped for use inside braces in TeX."""
    return re.sub(r"([_&%$#{}])", r"\\\1", re.sub(r"[\\^~]", "", _one_line(name)))
