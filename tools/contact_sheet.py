"""Write all drawings of the gallery side by side on one page, with the faults that the geometry check finds in each.

python tools/contact_sheet.py OUT.html [WORDS...]     # with words, the drawings alone whose names hold one of them
"""

import base64
import html
import sys
from pathlib import Path

from geometry import faults

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
    if not arguments:
        print("usage: python tools/contact_sheet.py OUT.html [WORDS...]", file=sys.stderr)
        return 2
    sys.path.insert(0, str(ZOO))
    from gallery import GALLERY

    figures, total = [], 0
    for name, draw in GALLERY.items():
        if len(arguments) == 1 or any(word in name for word in arguments[1:]):
            svg = draw().svg()
            found = faults(svg)
            total += len(found)
            figures.append(figure(name, svg, found))
    page = f"<!doctype html><meta charset='utf-8'><title>Drawings</title><style>{STYLE}</style>" + "\n".join(figures)
    Path(arguments[0]).write_text(page, encoding="utf-8")
    print(f"{len(figures)} drawings, {total} faults")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
