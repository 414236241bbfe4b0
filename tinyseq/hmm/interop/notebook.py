"""How models and answers look in a notebook: tables of HTML, with every name escaped."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from tinyseq.backend import Array
from tinyseq.hmm.model.probabilities import plain

MOST = 12  # rows or columns of a table that are shown
LONGEST = 40  # positions of a sequence that are shown


def table(values: Array, rows: Sequence[Any], columns: Sequence[Any], caption: str) -> str:
    """A table of probabilities, darker where they are larger.

    Args:
        values: (R, C), numbers from 0 to 1.
        rows, columns: their names.
        caption: what it shows.
    """
    head = "".join(f"<th>{_name(name)}</th>" for name in _some(columns))
    body = ""
    for name, row in zip(_some(rows), values[:MOST], strict=False):
        cells = "".join(
            f'<td style="background: rgba(0, 114, 178, {0.6 * float(p):.3f})">{float(p):.3g}</td>' for p in row[:MOST]
        )
        body += f"<tr><th>{_name(name)}</th>{cells}{'<td>…</td>' if len(row) > MOST else ''}</tr>"
    more = f"<tr><td>… {len(values) - MOST} more</td></tr>" if len(values) > MOST else ""
    return f"<table><caption>{escape(caption)}</caption><tr><th></th>{head}</tr>{body}{more}</table>"


def strip(rows: Mapping[str, Sequence[Any]], caption: str) -> str:
    """Sequences below each other, position by position, with the positions above them."""
    length = min(LONGEST, max(len(row) for row in rows.values()))
    more = "<td>…</td>" if any(len(row) > LONGEST for row in rows.values()) else ""
    head = "".join(f"<th>{t}</th>" for t in range(length))
    body = "".join(
        f"<tr><th>{_name(title)}</th>{''.join(f'<td>{_name(item)}</td>' for item in row[:LONGEST])}{more}</tr>"
        for title, row in rows.items()
    )
    return f"<table><caption>{escape(caption)}</caption><tr><th></th>{head}</tr>{body}</table>"


def _some(names: Sequence[Any]) -> Iterable[Any]:
    return [*names[:MOST], *(["…"] if len(names) > MOST else [])]


def _name(name: Any) -> str:
    text = str(name)
    return escape(text if len(text) <= 24 else text[:23] + "…")


def model(hmm: Any) -> str:
    """The tables of a model with n = 2; for any other, what it is made of."""
    if hmm.n != 2 or hmm.transition.ndim != 2:
        return f"<code>{escape(repr(hmm))}</code>"
    parts = [table(plain(hmm.initial)[None], ["start"], hmm.states, "initial")]
    parts.append(table(plain(hmm.transition), hmm.states, hmm.states, "transition: from (row) to (column)"))
    if hmm.symbols:
        parts.append(table(plain(hmm.emission), hmm.states, hmm.symbols, "emission"))
    return "".join(parts)
