"""How a tensor looks in a notebook: its numbers as a table, the larger ones in stronger colours."""

from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST = 12  # rows or columns that are shown
BELOW, ABOVE, NO_NUMBER = "0, 114, 178", "213, 94, 0", "190, 0, 160"  # blue, orange and purple
STRONGEST = 0.6  # of a colour, so that the page shines through, light or dark


def table(values: NDArray[Any], caption: str) -> str:
    """Numbers as HTML: the last axis to the right, all others downwards, blue below zero and orange above.

    Args:
        values: any shape; of many rows or columns the first ones are shown.
        caption: what they are, plain text.
    """
    title = f"<caption>{escape(caption)}</caption>"
    rows = values.reshape(-1, values.shape[-1] if values.ndim else 1) if values.size else values.reshape(0, 0)
    shown = rows[:MOST, :MOST]
    sizes = np.abs(rows[np.isfinite(rows)]) if rows.dtype.kind in "fciu" else np.zeros(0)
    top = float(sizes.max(initial=0.0))
    more = "<td>…</td>" if rows.shape[1:] > (MOST,) else ""
    body = ""
    for i, row in enumerate(shown):
        place = ", ".join(map(str, np.unravel_index(i, values.shape[:-1]))) if values.ndim > 1 else ""
        body += f"<tr><th>{place}</th>{''.join(_cell(value, top) for value in row)}{more}</tr>"
    if len(rows) > MOST:
        body += f"<tr><th>…</th><td>{len(rows) - MOST:,} more</td></tr>"
    return f"<table>{title}{body}</table>"


def _cell(value: Any, top: float) -> str:
    """One number on its tint."""
    if value.dtype.kind not in "fiu":
        return f"<td>{escape(str(value))}</td>"
    color, share = (ABOVE if value > 0 else BELOW), min(abs(float(value)) / top, 1.0) if top else 0.0
    if np.isnan(value):
        color, share = NO_NUMBER, 1.0
    words = f"{float(value):.4g}" if value.dtype.kind == "f" else str(value)
    return f'<td style="background: rgba({color}, {STRONGEST * share:.3f})">{words}</td>'
