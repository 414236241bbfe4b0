r"""Formulas of rules: written once in TeX, read here, and written as TeX or as plain text with names for their letters.

A formula is a sequence of parts. Those that take others are commands with arguments (``\bar x``), groups in braces, and
what has an index or an exponent. Any other command is a sign, or else a function, which is written by its name.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from unicodedata import lookup, normalize

TOKEN = re.compile(r"\\[A-Za-z]+|.", re.DOTALL)
ARGUMENTS = {r"\bar": 1, r"\hat": 1, r"\sqrt": 1, r"\operatorname": 1, r"\mathrel": 1, r"\frac": 2, r"\tfrac": 2}
SIGNS = {
    **{r"\odot": "⊙", r"\sum": "Σ", r"\prod": "Π", r"\ge": "≥", r"\le": "≤", r"\ne": "≠", r"\in": "∈"},
    **{r"\mid": "|", r"\dots": "…", r"\infty": "∞", r"\top": "ᵀ", r"\quad": " ", r"\,": " "},
    **{r"\neg": "¬", r"\langle": "⟨", r"\lfloor": "⌊", r"\lceil": "⌈"},
    **{r"\rangle": "⟩", r"\rfloor": "⌋", r"\rceil": "⌉"},
}
OPENING, CLOSING = "¬⟨⌊⌈", "⟩⌋⌉"  # a space behind or before these only ends a command
RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


class Name(NamedTuple):
    """A value's name in text and in TeX."""

    text: str
    tex: str


class Symbol(NamedTuple):
    """A letter, a digit, a sign or a space; or a command without arguments."""

    tex: str


class Group(NamedTuple):
    """Parts in braces."""

    parts: "Parts"


class Applied(NamedTuple):
    """A command and its arguments."""

    command: str
    arguments: "Parts"


class Scripted(NamedTuple):
    """A part with an index, an exponent or both: pairs of ``_`` or ``^`` and what stands there."""

    base: "Part"
    scripts: tuple[tuple[str, "Part"], ...]


Part = Name | Symbol | Group | Applied | Scripted
Parts = tuple[Part, ...]
SPACE, QUAD, EQUALS = Symbol(" "), Symbol(r"\quad"), Symbol("=")
ADDED = Applied(r"\mathrel", (Group((Symbol("+"),)),))
LIMITED = (Symbol(r"\sum"), Symbol(r"\prod"))  # what stands above is no exponent
ARRAYS = {Symbol("x"), Symbol("y"), Symbol("z")}  # an index of theirs is that of an element


@dataclass(frozen=True)
class Rule:
    """The rule for one input: what its gradient is, or what is added to it.

    Attributes:
        left, right: the two sides.
        adds: whether the right side is one of several terms.
    """

    left: Parts
    right: Parts
    adds: bool = False

    @property
    def text(self) -> str:
        """As plain text; ∇x is the gradient of the loss with respect to x."""
        return f"{text(self.left)} {'+=' if self.adds else '='} {text(self.right)}"

    @property
    def tex(self) -> str:
        """As TeX."""
        equals = r"\mathrel{+}=" if self.adds else "="
        return f"{tex(self.left)} {equals} {tex(self.right)}"


def plain(formula: str) -> str:
    r"""A formula in TeX as plain text.

    Example:
        >>> plain(r"\bar x = \bar y\,(1 - y^2)")
        '∇x = ∇y (1 - y²)'
        >>> plain(r"\tfrac{1}{2} \bar y\cos x_i")
        '1/2 ∇y cos x[i]'
    """
    return text(read(formula))


@lru_cache
def read(formula: str) -> Parts:
    """The parts of a formula in TeX. A brace that is missing is taken to be at the end."""
    tokens = TOKEN.findall(formula)[::-1]
    parts: Parts = ()
    while tokens:
        parts += _until_brace(tokens)
    return parts


def _until_brace(tokens: list[str]) -> Parts:
    """Take parts from the end of a list of tokens, up to a closing brace."""
    parts: list[Part] = []
    while tokens and (token := tokens.pop()) != "}":
        if token in ("_", "^"):
            base = parts.pop() if parts else Group(())
            scripts = base.scripts if isinstance(base, Scripted) else ()
            base = base.base if isinstance(base, Scripted) else base
            parts.append(Scripted(base, (*scripts, (token, _argument(tokens)))))
        else:
            parts.append(_part(token, tokens))
    return tuple(parts)


def _part(token: str, tokens: list[str]) -> Part:
    """The part that begins with a token; the rest of it is taken from the others."""
    if token == "{":
        return Group(_until_brace(tokens))
    if token == "\\" and tokens:  # a command of one sign, such as \,
        return Symbol(token + tokens.pop())
    count = ARGUMENTS.get(token, 0)
    return Applied(token, tuple(_argument(tokens) for _ in range(count))) if count else Symbol(token)


def _argument(tokens: list[str]) -> Part:
    while tokens[-1:] == [" "]:
        tokens.pop()
    return _part(tokens.pop(), tokens) if tokens else Group(())


@lru_cache
def rules(formula: str) -> tuple[Rule, ...]:
    r"""The rules of a declaration, separated by ``,\quad``; of one without an equals sign, the left side is empty."""
    parts, found = read(formula), []
    while parts:
        end = parts.index(QUAD) if QUAD in parts else len(parts)
        one, parts = parts[:end], parts[end + 1 :]
        one = one[:-1] if parts and one[-1:] == (Symbol(","),) else one
        place = one.index(EQUALS) if EQUALS in one else -1
        adds = place > 0 and one[place - 1] == ADDED
        found.append(Rule(_trimmed(one[: max(place - adds, 0)]), _trimmed(one[place + 1 :]), adds))
    return tuple(found)


def rule_for(formula: str, i: int, inputs: Sequence[str]) -> Rule:
    """The rule for one input.

    Args:
        formula: the formula of the whole declaration.
        i: the input's position.
        inputs: the names of all inputs. If no rule is for a letter of that name, the rules are in the order of the
            inputs, the first of which may have none.
    """
    found = rules(formula)
    for rule in found:
        if i < len(inputs) and rule.left and _letter_below(rule.left[0]) == Symbol(inputs[i]):
            return rule
    return found[i - (len(inputs) - len(found))] if 1 < len(found) <= len(inputs) else found[0]


def rewritten(parts: Parts, change: Callable[[Part], Part | None]) -> Parts:
    """Put others in the place of parts.

    Args:
        parts: a formula.
        change: gives the part that takes the place of one; None to look for some inside it.
    """
    return tuple(_rewritten(part, change) for part in parts)


def _rewritten(part: Part, change: Callable[[Part], Part | None]) -> Part:
    if (new := change(part)) is not None:
        return new
    if isinstance(part, Group):
        return Group(rewritten(part.parts, change))
    if isinstance(part, Applied):
        return Applied(part.command, rewritten(part.arguments, change))
    if isinstance(part, Scripted):
        scripts = tuple((mark, _rewritten(script, change)) for mark, script in part.scripts)
        return Scripted(_rewritten(part.base, change), scripts)
    return part


def named(parts: Parts, names: Mapping[str, Part], barred_only: bool = False) -> Parts:
    """Put names in the place of letters; with ``barred_only`` only below a bar."""

    def letter(part: Part) -> Part | None:
        return names.get(part.tex) if isinstance(part, Symbol) else None

    def change(part: Part) -> Part | None:
        if isinstance(part, Applied) and part.command == r"\operatorname":
            return part
        if isinstance(part, Applied) and part.command == r"\bar":
            return Applied(part.command, rewritten(part.arguments, letter))
        return None if barred_only else letter(part)

    return rewritten(parts, change)


def is_sum(parts: Parts) -> bool:
    """Whether a formula begins with a minus, or has a plus or a minus outside of all parentheses."""
    depth = 0
    for part in parts:
        sign = part.tex if isinstance(part, Symbol) else ""
        depth += (sign in ("(", "[")) - (sign in (")", "]"))
        if sign in ("+", "-") and not depth:
            return True
    return False


def _letter_below(part: Part) -> Part:
    """What a part is at its base: without bars, indices and exponents."""
    while isinstance(part, Scripted) or (isinstance(part, Applied) and part.command in (r"\bar", r"\hat")):
        part = part.base if isinstance(part, Scripted) else part.arguments[0]
    return part


def _trimmed(parts: Parts) -> Parts:
    while parts[:1] == (SPACE,):
        parts = parts[1:]
    while parts[-1:] == (SPACE,):
        parts = parts[:-1]
    return parts


# -- as TeX ------------------------------------------------------------------------------------------------------------


def tex(parts: Parts) -> str:
    """Parts as TeX."""
    return "".join(map(_tex, parts))


def _tex(part: Part) -> str:
    if isinstance(part, Symbol):
        return part.tex
    if isinstance(part, Name):
        return f"{{{part.tex}}}"
    if isinstance(part, Group):
        return f"{{{tex(part.parts)}}}"
    if isinstance(part, Applied):
        arguments = tex(part.arguments)
        return part.command + " " * arguments[:1].isalnum() + arguments
    return _tex(part.base) + "".join(mark + _tex(script) for mark, script in part.scripts)


# -- as text -----------------------------------------------------------------------------------------------------------


def text(parts: Parts) -> str:
    """Parts as plain text; ∇x is the gradient of the loss with respect to x."""
    written = ""
    for part in parts:
        one = _text(part)
        if (written[-1:] in OPENING and part == SPACE) or not one:
            continue
        if one[0] in CLOSING:
            written = written.rstrip(" ")
        elif _is_word(part) and (written[-1:].isalnum() or written[-1:] in tuple(")]}")):
            written += " "
        written += one
    return written


def _text(part: Part) -> str:
    if isinstance(part, Name):
        return part.text
    if isinstance(part, Symbol):
        return SIGNS.get(part.tex) or (_letter(part.tex[1:]) if part.tex.startswith("\\") else part.tex)
    if isinstance(part, Group):
        return text(part.parts)
    if isinstance(part, Scripted):
        return _text(part.base) + "".join(_script(part.base, *script) for script in part.scripts)
    first, *rest = map(_text, part.arguments)
    match part.command:
        case r"\bar":
            return f"∇{first}"
        case r"\hat":
            return normalize("NFC", f"{first}\u0302")
        case r"\sqrt":
            return f"√{_enclosed(first)}"
        case r"\frac" | r"\tfrac":
            return f"{_enclosed(first)}/{_enclosed(rest[0])}"
        case _:
            return first


def _letter(name: str) -> str:
    """A Greek letter; any other name is that of a function."""
    case = "SMALL" if name.islower() else "CAPITAL"
    try:
        return lookup(f"GREEK {case} LETTER {name.removeprefix('var').upper()}")
    except KeyError:
        return name


def _is_word(part: Part) -> bool:
    """Whether a part is the name of a function, which stands apart from what is before it."""
    part = _letter_below(part)
    called = isinstance(part, Applied) and part.command == r"\operatorname"
    return called or (isinstance(part, Symbol) and part.tex.startswith("\\") and len(_text(part)) > 1)


def _enclosed(part: str) -> str:
    """In parentheses, unless it is one name or one number."""
    bare = part.lstrip("∇√")
    return part if bare.isdecimal() or bare.isidentifier() else f"({part})"


def _script(base: Part, mark: str, script: Part) -> str:
    written = _text(script)
    if mark == "^":
        symbols = script.parts if isinstance(script, Group) else (script,)
        raised = all(isinstance(each, Symbol) and _text(each) in "0123456789-ᵀ" for each in symbols)
        if raised and base not in LIMITED:
            return written.translate(RAISED)
        return written if written == "*" else f"^{written}" if len(written) == 1 else f"^({written})"
    if written.startswith("["):
        return written
    letter = _letter_below(base)
    if isinstance(letter, Name) or letter in ARRAYS:
        return f"[{written}]"
    return f"_{written}" if len(written) == 1 else f"_({written})"
