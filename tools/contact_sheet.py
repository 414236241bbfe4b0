"""Write all drawings of the gallery side by side on one page, with the faults that the geometry check finds in each.

python tools/contact_sheet.py OUT.html [WORDS...]     # with words, the drawings alone whose names hold one of them
"""

import argparse
import base64
import html
import sys
from pathlib import Path

from geometry import faults
from programs import as_program

ZOO = Path(__file__).resolve().parent.parent / "tests" / "viz"
STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 1rem; display: grid; gap: 1rem; }
body { grid-template-columns: repeat(3, 1fr); }
figure { margin: 0; border: 1px solid #ccd; padding: 0.5rem; } img { width: 100%; height: 26rem; object-fit: contain; }
li { color: #b00020; }
"""


def figure(name: str, svg: str, found: list[str]) -> str:
    """One drawing, as a picture, so that nothing in it can meet anything of the page's."""
    data = base64.b64encode(svg.encode("utf-8")).decode("ascii")
    faulty = "".join(f"<li>{html.escape(fault)}</li>" for fault in found)
    title = html.escape(name)
    picture = f'<img alt="{title}" src="data:image/svg+xml;base64,{data}">'
    return f"<figure><figcaption>{title}</figcaption>{picture}<ul>{faulty}</ul></figure>"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("words", nargs="*", help="draw only what has one of these in its name")
    given = parser.parse_args(arguments)
    sys.path.insert(0, str(ZOO))
    from gallery import GALLERY

    figures, total = [], 0
    for name, draw in GALLERY.items():
        if not given.words or any(word in name for word in given.words):
            svg = draw().svg()
            found = faults(svg)
            total += len(found)
            figures.append(figure(name, svg, found))
    page = f"<!doctype html><meta charset='utf-8'><title>Drawings</title><style>{STYLE}</style>" + "\n".join(figures)
    given.out.write_text(page, encoding="utf-8")
    print(f"{len(figures)} drawings, {total} faults")
    return 0


if __name__ == "__main__":
    as_program(main)
