"""Formulas of rules: written once in TeX, and converted to plain text for terminals."""

import re

# TeX to plain text, for the commands that the rules of ops use.
PLAIN = (
    (r"\b([xyz])_(\w+)", r"\1[\2]"),
    (r"_\{\[(\w+)\]\}", r"[\1]"),
    (r"\\bar ", "∇"),
    (r"\\mathrel\{\+\}=", "+="),
    (r"\\operatorname\{(\w+)\}", r"\1"),
    (r"\\tfrac\{2\}\{\\sqrt\\pi\}", "2/√π"),
    (r"\^\\top", "ᵀ"),
    (r"\^2", "²"),
    (r"\^\{([^{}]*)\}", r"^(\1)"),
    (r"_\{([^{}]*)\}", r"_(\1)"),
    (r"\\hat y", "ŷ"),
    (r"\\langle ", "⟨"),
    (r" \\rangle", "⟩"),
    (r"\\neg ", "¬"),
    (r"\\(ln|cos|sin) ", r"\1 "),
    (r"\\,", " "),
)
SIGNS = {
    **{"odot": "⊙", "sum": "Σ", "prod": "Π", "ge": "≥", "le": "≤", "ne": "≠", "sigma": "σ", "Phi": "Φ", "mid": "|"},
    **{"varphi": "φ", "dots": "…", "in": "∈"},
}


def plain(rule: str) -> str:
    r"""A rule in TeX as plain text.

    Example:
        >>> plain(r"\bar x = \bar y\,(1 - y^2)")
        '∇x = ∇y (1 - y²)'
    """
    for pattern, replacement in PLAIN:
        rule = re.sub(pattern, replacement, rule)
    return re.sub(r"\\([A-Za-z]+)", lambda word: SIGNS.get(word[1], word[1]), rule)


def clause(tex: str, i: int, inputs: int) -> str:
    """The rule for one input; rules are in the order of the inputs, and the first inputs may have none."""
    clauses = tex.split(r",\quad ")
    return clauses[i - (inputs - len(clauses))] if 1 < len(clauses) <= inputs else tex
