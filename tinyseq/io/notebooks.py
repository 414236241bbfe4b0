"""The text of a Jupyter notebook."""

import json
from collections.abc import Iterable
from typing import Any


def notebook_text(cells: Iterable[tuple[str, str]]) -> str:
    """A notebook in Jupyter's format 4.5, in which no cell has been run.

    Args:
        cells: pairs of a kind, ``"markdown"`` or ``"code"``, and a text.

    Example:
        >>> notebook_text([("code", "1 + 1")]).startswith("{")
        True
    """
    notebook = {
        "cells": [_cell(f"cell-{number}", kind, text) for number, (kind, text) in enumerate(cells)],
        "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


def _cell(name: str, kind: str, text: str) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "id": name, "metadata": {}, "source": text.splitlines(keepends=True)}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})
