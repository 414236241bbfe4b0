"""HTML tables for notebooks, all of them: text is escaped, and numbers are coloured by magnitude."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

MOST = 12  # rows or columns that are shown
LONGEST, LINE = 24, 64  # characters of a name, and of a caption that is not broken into lines
BELOW, ABOVE, NO_NUMBER = "0, 114, 178", "213, 94, 0", "190, 0, 160"  # blue, orange and purple
STRONGEST = 0.6  # of a colour, so that the page shines through, light or dark


class TableCell(NamedTuple):
    """A text of any length, perhaps on a background colour (red, green, blue), stronger for a share nearer to 1."""

    text: str
    color: str = ""
    share: float = 0.0


def html_table(caption: str, rows: Iterable[Sequence[Any]], head: Sequence[Any] = ()) -> str:
    """An HTML table with all text escaped.

    Args:
        caption: what it shows, plain text; empty for none.
        rows: for each row its heading, followed by names, numbers or `TableCell`s; long names are cut.
        head: the column headings, including that of the first column.
    """
    top = f"<tr>{''.join(f'<th>{_name(name)}</th>' for name in head)}</tr>" if head else ""
    body = "".join(
        f"<tr>{_cell('th', first)}{''.join(_cell('td', cell) for cell in cells)}</tr>" for first, *cells in rows
    )
    one_line = ' style="white-space: nowrap"' if len(caption) <= LINE else ""  # a narrow table would break it
    above = f"<caption{one_line}>{escape(caption)}</caption>" if caption else ""
    return f"<table>{above}{top}{body}</table>"


def table(values: NDArray[Any], caption: str) -> str:
    """Numbers as HTML: the last axis to the right, all others downwards, blue below zero and orange above.

    Args:
        values: any shape; of many rows or columns the first ones are shown.
        caption: what they are, plain text.
    """
    rows = values.reshape(-1, values.shape[-1] if values.ndim else 1) if values.size else values.reshape(0, 0)
    sizes = np.abs(rows[np.isfinite(rows)]) if rows.dtype.kind in "fciu" else np.zeros(0)
    top = float(sizes.max(initial=0.0))
    more = ["…"] if rows.shape[1:] > (MOST,) else []
    lines: list[list[Any]] = []
    for i, row in enumerate(rows[:MOST, :MOST]):
        place = ", ".join(map(str, np.unravel_index(i, values.shape[:-1]))) if values.ndim > 1 else ""
        lines.append([place, *(_number(value, top) for value in row), *more])
    if len(rows) > MOST:
        lines.append(["…", f"{len(rows) - MOST:,} more"])
    return html_table(caption, lines)


def _name(name: Any) -> str:
    text = str(name)
    return escape(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…")


def _cell(tag: str, cell: Any) -> str:
    if isinstance(cell, TableCell):
        style = f' style="background: rgba({cell.color}, {STRONGEST * cell.share:.3f})"' if cell.color else ""
        return f"<{tag}{style}>{escape(cell.text)}</{tag}>"
    return f"<{tag}>{_name(cell)}</{tag}>"


def _number(value: Any, top: float) -> Any:
    """One number on its background colour."""
    if value.dtype.kind not in "fiu":
        return value
    text = f"{float(value):.4g}" if value.dtype.kind == "f" else str(value)
    if np.isnan(value):
        return TableCell(text, NO_NUMBER, 1.0)
    return TableCell(text, ABOVE if value > 0 else BELOW, min(abs(float(value)) / top, 1.0) if top else 0.0)
