"""HTML representations of models and results for notebooks."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tinyseq.backend import Array, on_host
from tinyseq.hmm.model.probabilities import plain
from tinyseq.html_tables import BELOW, MOST, TableCell, html_table

POSITIONS = 40  # steps of a sequence that are shown


def table(values: Array, rows: Sequence[Any], columns: Sequence[Any], caption: str) -> str:
    """A table of probabilities, shaded by value.

    Args:
        values: (R, C), numbers from 0 to 1.
        rows, columns: the names of rows and columns.
        caption: the caption of the table.
    """
    values = on_host(values)
    more = ["…"] if len(columns) > MOST else []
    lines: list[list[Any]] = [
        [name, *(TableCell(f"{float(p):.3g}", BELOW, float(p)) for p in row[:MOST]), *more]
        for name, row in zip(rows[:MOST], values[:MOST], strict=True)
    ]
    if len(values) > MOST:
        lines.append(["…", f"{len(values) - MOST:,} more"])
    return html_table(caption, lines, ["", *columns[:MOST], *more])


def strip(rows: Mapping[str, Sequence[Any] | Array], caption: str) -> str:
    """Several aligned sequences as rows, under a row of positions."""
    rows = {title: on_host(row) for title, row in rows.items()}
    length = min(POSITIONS, max(len(row) for row in rows.values()))
    lines = [[title, *row[:POSITIONS], *(["…"] if len(row) > POSITIONS else [])] for title, row in rows.items()]
    return html_table(caption, lines, ["", *range(length)])


def model(hmm: Any) -> str:
    """The tables of a model with n = 2; for any other, a summary."""
    if hmm.n != 2 or hmm.transition.ndim != 2:
        return f"<code>{escape(repr(hmm))}</code>"
    parts = [table(plain(hmm.initial)[None], ["start"], hmm.states, "initial")]
    parts.append(table(plain(hmm.transition), hmm.states, hmm.states, "transition: from (row) to (column)"))
    if hmm.symbols:
        parts.append(table(hmm.emissions.typical(), hmm.states, hmm.symbols, "emission"))
    return "".join(parts)
