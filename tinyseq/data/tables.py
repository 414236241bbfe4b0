"""Tables of labelled texts: CSV or TSV, with a header or with columns by number."""

import csv

from tinyseq.data.readers import Lines, Malformed, Reader, show

SEPARATORS = {"comma": ",", "tab": "\t", "semicolon": ";"}


def table_items(
    lines: Lines, label_column: str = "label", text_column: str = "text", separator: str = "comma"
) -> list[tuple[str, str]]:
    character = SEPARATORS.get(separator, separator)
    if len(character) != 1 or character in '\r\n"':
        raise ValueError(f"separator must be {', '.join(SEPARATORS)} or another character, got {separator!r}")
    if label_column.isdecimal() != text_column.isdecimal():
        raise ValueError(
            f"label_column and text_column must both be names or both be numbers, got {label_column!r} and "
            f"{text_column!r}"
        )
    rows = _rows(lines, character)
    header = [name.strip() for name in rows.pop(0)[1]] if rows and not label_column.isdecimal() else []
    columns = {
        what: _place(what, name, header, lines[0][0]) for what, name in (("label", label_column), ("text", text_column))
    }
    items = []
    least = max(columns.values()) + 1
    width = len(header) or max(least, len(rows[0][1]))  # in a row with more, a separator was not quoted
    for number, row in rows:
        if header and [name.strip() for name in row] == header:
            continue  # the header of the next of several tables that were joined
        if len(row) != width:
            wanted = f"{width} as in the header" if header else f"{width} as in the first row"
            wanted = wanted if len(rows[0][1]) >= least or header else f"at least {least}"
            raise Malformed(number, f"{len(row)} columns in {show(character.join(row))}", wanted)
        found = {what: row[place].strip() for what, place in columns.items()}
        for what, value in found.items():
            if not value:
                raise Malformed(number, f"no {what} in {show(character.join(row))}")
        items.append((found["label"], found["text"]))
    return items


def _rows(lines: Lines, separator: str) -> list[tuple[int, list[str]]]:
    """The rows that are not blank, each with the number of its first line; a quoted field may have several lines."""
    text = (f"{line.rstrip(' ')}\n" for _, line in lines)  # a blank after a quote would be an error
    if separator == "\t":
        reader = csv.reader(text, delimiter=separator, quoting=csv.QUOTE_NONE, strict=True)
    else:
        reader = csv.reader(text, delimiter=separator, skipinitialspace=True, strict=True)
    rows, first = [], 0
    try:
        for row in reader:
            if any(field.strip() for field in row):
                rows.append((lines[first][0], row))
            first = reader.line_num
    except csv.Error as error:
        raise Malformed(lines[min(first, len(lines) - 1)][0], f"a row that cannot be split ({error})") from None
    return rows


def _place(what: str, name: str, header: list[str], line: int) -> int:
    """The index of a column."""
    if not header:
        if int(name) < 1:
            raise ValueError(f"{what}_column must be the name of a column or its number from 1 on, got {name!r}")
        return int(name) - 1
    if header.count(name) != 1:
        found = f"{header.count(name)} columns {name!r}" if name in header else f"only {', '.join(map(repr, header))}"
        expected = f"one column {name!r}, for each text's {what}"
        numbers = f'; for a table without a header give numbers, as {what}_column="1"' if name not in header else ""
        raise Malformed(line, f"the header has {found}", expected + numbers)
    return header.index(name)


table = Reader(
    "table of texts",
    "a header with the columns 'label' and 'text', and a row with as many in each line, as in 'positive,I like cats'",
    table_items,
    example='label,text\npositive,I like cafés\n\nnegative,"no, ""no"""\n',
)
"""(label, text) pairs. ``label_column`` and ``text_column`` are names in the header; or, as numbers from "1" on,
columns of a table without one. ``separator`` is "comma", "tab", "semicolon" or another character."""
