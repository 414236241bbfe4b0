"""A page with many pictures side by side, to be looked at."""

import argparse
import html
import sys
from collections.abc import Iterable
from pathlib import Path

ZOO = Path(__file__).resolve().parent.parent / "tests" / "viz"
STYLE = "body { font: 14px/1.4 system-ui, sans-serif; margin: 1rem; display: grid; gap: 1rem; } figure { margin: 0; }"


def arguments(description: str | None, given: list[str], out: str) -> argparse.Namespace:
    """Those of a tool that draws what the tests draw, which can be imported from here on: ``out`` and ``words``."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar=out)
    parser.add_argument("words", nargs="*", help="only what has one of these in its name")
    sys.path.insert(0, str(ZOO))
    return parser.parse_args(given)


def chosen(names: Iterable[str], words: list[str]) -> list[str]:
    """The names that hold one of the words; all of them if there are none."""
    return [name for name in names if not words or any(word in name for word in words)]


def figure(name: str, source: str, below: str = "") -> str:
    """One picture with its name."""
    title = html.escape(name)
    return f'<figure><figcaption>{title}</figcaption><img alt="{title}" src="{source}">{below}</figure>'


def write(path: Path, title: str, style: str, figures: Iterable[str]) -> None:
    """Write the page."""
    head = f"<!doctype html><meta charset='utf-8'><title>{title}</title><style>{STYLE}{style}</style>"
    path.write_text("\n".join([head, *figures]), encoding="utf-8")
