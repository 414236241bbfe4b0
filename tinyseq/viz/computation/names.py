"""The names of leaves and gates, and numbers and operators as they are written in a label."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tinyseq.autograd.graph import Node
from tinyseq.structure.paths import grouped, reached
from tinyseq.structure.record import Vertex
from tinyseq.structure.states import differing, gates_of, shared
from tinyseq.viz.content.boxes import Arrow, Box
from tinyseq.viz.content.sheet import Sheet
from tinyseq.viz.content.states import told_apart
from tinyseq.viz.rendering.style import SUBSCRIPTS, SUPERSCRIPTS, clean, number, subscript, superscript

OPPOSITE = {"+": "−", "−": "+"}
Gates = tuple[str, ...]  # their names


def leaf_name(leaf: Vertex) -> str:
    """A leaf's name in the model, or else its number in the computation."""
    return clean(leaf.label or leaf.name, limit=40) or f"leaf {leaf.id}"


WEIGHT = re.compile(r"(weight|bias)(_[a-z]+)?(?:_l(\d+))?(_reverse)?")  # names of the parameters of layers


def short_name(leaf: Vertex) -> str:
    """A leaf in the notation of the lectures: W_ih for rnn.weight_ih_l0, b_out for out.bias."""
    if leaf.label:
        return clean(leaf.label, limit=20)
    if not leaf.name:
        return f"θ{subscript(leaf.id)}"
    *modules, last = leaf.name.split(".")
    kind = WEIGHT.fullmatch(last)
    if not kind:
        return clean(last, limit=20)
    letter = "W" if kind[1] == "weight" else "b"
    return clean(letter + (kind[2] or (f"_{modules[-1]}" if modules else "")), limit=20)


def short_names(leaves: Sequence[Vertex]) -> dict[int, str]:
    """The short names of leaves by their ids, with owner, layer, direction and primes where these tell them apart."""
    names = {leaf.id: short_name(leaf) for leaf in leaves}
    alike = grouped(((names[leaf.id], leaf.name.split(".")[-1]), leaf) for leaf in leaves if not leaf.label)
    for group in alike.values():
        names |= {own: _owned(names[own], owner) for own, owner in _owners(group).items()}
    same = [leaf for leaf in leaves if list(names.values()).count(names[leaf.id]) > 1 and not leaf.label]
    kinds = {leaf.id: kind for leaf in same if (kind := WEIGHT.fullmatch(leaf.name.split(".")[-1])) and kind[3]}
    layers, ways = {kind[3] for kind in kinds.values()}, {bool(kind[4]) for kind in kinds.values()}
    for leaf, kind in kinds.items():
        layer = superscript(int(kind[3]) + 1) if len(layers) > 1 else ""
        names[leaf] += layer + (("←" if kind[4] else "→") if len(ways) > 1 else "")
    return told_apart(names)  # as they were made: W, W′, W″ of three modules


def _owners(leaves: Sequence[Vertex]) -> dict[int, str]:
    """The modules that tell leaves of the same last name apart: encoder for model.encoder.rnn.weight beside
    model.decoder.rnn.weight; none for those whose modules do not."""
    modules = [tuple(leaf.name.split(".")[:-1]) for leaf in leaves]
    around = shared(modules)[-1:]
    owners = []
    for own in differing(modules):
        numbered = own and own[0].isdigit()  # a place in a list of modules
        owners.append("_".join((*around, *own) if numbered else own))
    once = Counter(owners)
    return {leaf.id: owner for leaf, owner in zip(leaves, owners, strict=True) if owner and once[owner] == 1}


def _owned(name: str, owner: str) -> str:
    """A name with an owner in its index: W_ih,encoder, or W_encoder."""
    return clean(f"{name}{',' if '_' in name else '_'}{owner}", limit=24)


def gates_in(sheet: Sheet, into: Mapping[Box, Sequence[Arrow]], is_sign: Callable[[Box], bool]) -> dict[Box, Gates]:
    """The gates that each box computes: see `tinyseq.structure.states.gates_of`.

    Of rows that a step takes without a nonlinearity, the op that takes their sums, directly or through signs.

    Args:
        sheet: the drawing's content.
        into: the arrows that lead to each box.
        is_sign: whether a box is just a sign between two values.
    """

    def signs(box: Box) -> list[Box]:
        tails = (arrow.tail for arrow in into[box] if not arrow.part)
        return [tail for tail in tails if tail.kind == "op" and tail.column == box.column and is_sign(tail)]

    def taken(box: Box) -> Gates:
        arrows = (arrow for head in reached([box], signs) for arrow in into[head] if arrow.part)
        found = {summed_gates(arrow, sheet.record.vertices) for arrow in arrows} - {()}
        return found.pop() if len(found) == 1 else ()

    gates, others = dict[Box, Gates](), list[Box]()
    for box in (box for box in sheet.boxes if box.kind == "op" and not box.module):
        node = sheet.record.items[box.vertices[-1]]
        if isinstance(node, Node) and node.op.squashes:
            if found := tuple(block.name for block in gates_of(node) if block.name):
                gates[box] = found
        elif len(into[box]) == 1 and not is_sign(box):
            others.append(box)
    named = {(box.column, found) for box, found in gates.items()}
    return gates | {box: found for box in others if (found := taken(box)) and (box.column, found) not in named}


def summed_gates(arrow: Arrow, vertices: Sequence[Vertex]) -> Gates:
    """The gates whose sums an arrow carries."""
    return in_rows(arrow, vertices[arrow.value[0]].gates if arrow.value else (), vertices)


def in_rows(arrow: Arrow, gates: Gates, vertices: Sequence[Vertex]) -> Gates:
    """Of the gates stacked in a value, those whose rows an arrow carries."""
    if not arrow.rows or not gates or not arrow.value:
        return ()
    height = vertices[arrow.value[0]].shapes[arrow.value[1]][-2] // len(gates)
    (first, uneven), (last, rest) = (divmod(row, height) for row in arrow.rows)
    return () if uneven or rest else gates[first:last]


def value_text(value: Any, shown: int = 4, digits: int = 2) -> str:
    """The first elements of an array; empty for none."""
    if value is None or not value.size:
        return ""
    first = ", ".join(number(float(element), digits) for element in value.ravel()[:shown])
    return first if value.size == 1 else f"[{first}{', …' if value.size > shown else ''}]"


def signed(value: float) -> str:
    """A number with a minus sign, not a hyphen, before it; with more than three digits if these look like another one.

    Example:
        >>> signed(1 / 3), signed(-1.001), signed(100.4), signed(0.1 + 0.2)
        ('0.333', '−1.001', '100.4', '0.3')
    """
    digits = 3
    while "0e" in f"{value:.{digits - 1}e}" and not math.isclose(float(number(value, digits)), value):
        digits += 1
    return number(value, digits).replace("-", "−", 1) if value < 0 else number(value, digits)


def as_written(value: Any) -> float:
    """The number that a NumPy scalar was made of: 0.1 for the float32 next to it."""
    return float(np.format_float_scientific(value))


def later(delay: int) -> str:
    """The index of a value in a folded loop, as seen some steps later: ₜ₋₁."""
    return "ₜ" + (f"{-delay:+d}".translate(SUBSCRIPTS) if delay else "")


def at_any_step(parts: Iterable[tuple[int | None, str]]) -> str:
    """The part that each step takes, with t for the step where that differs; elided if t does not say it.

    Example:
        >>> at_any_step([(0, "[0, 0:2]"), (1, "[0, 1:3]")]), at_any_step([(0, "[0]"), (1, "[4]")])
        ('[0, t:t+2]', '[…]')
    """
    steps, split = zip(*[(step or 0, re.split(r"(\d+)", part)) for step, part in parts], strict=True)
    text = ""
    for pieces in zip(*split, strict=False):
        away = {int(piece) - step if piece.isdigit() else 0 for piece, step in zip(pieces, steps, strict=True)}
        if len({*pieces}) > 1 and (len(away) > 1 or not pieces[0].isdigit()):
            return "[…]"
        text += pieces[0] if len({*pieces}) == 1 else f"t{away.pop():+d}".removesuffix("+0").replace("-", "−")
    return text if len({*map(len, split)}) == 1 else "[…]"


def combined(sign: str, operands: Sequence[str]) -> str:
    """Operands with a sign between them; a negative number after it is subtracted, added, or in parentheses.

    Example:
        >>> combined("+", ["·", "−1"]), combined("−", ["·", "−1"]), combined("×", ["−2", "·"])
        ('· − 1', '· + 1', '−2 × ·')
        >>> combined("×", ["·", "−2"])
        '· × (−2)'
    """
    text = operands[0]
    for operand in operands[1:]:
        if operand[:1] not in {"−", "-"}:
            text += f" {sign} {operand}"
        elif sign in OPPOSITE:
            text += f" {OPPOSITE[sign]} {operand[1:]}"
        else:
            text += f" {sign} ({operand})"
    return text


def power(base: str, exponent: str) -> str:
    """A power of two operands, of which a dot is one: ( · )², 2^( · )."""
    base = f"( {base} )" if base == "·" else f"({base})" if base[:1] in {"−", "-"} else base
    raised = exponent.replace("−", "-")
    if re.fullmatch(r"-?\d+", raised):
        return base + raised.translate(SUPERSCRIPTS)
    return f"{base}^{f'( {exponent} )' if exponent == '·' else exponent}"
