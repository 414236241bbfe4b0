"""Write all drawings of the gallery side by side on one page, with the faults that the geometry check finds in each.

python tools/contact_sheet.py OUT.html [WORDS...]     # with words, the drawings alone whose names hold one of them
"""

import base64
import html

import sheets
from geometry import faults
from programs import as_program

STYLE = """
body { grid-template-columns: repeat(3, 1fr); }
figure { border: 1px solid #ccd; padding: 0.5rem; } img { width: 100%; height: 26rem; object-fit: contain; }
li { color: #b00020; }
"""


def figure(name: str, svg: str, found: list[str]) -> str:
    """One drawing, as a picture, so that nothing in it can meet anything of the page's."""
    data = base64.b64encode(svg.encode("utf-8")).decode("ascii")
    faulty = "".join(f"<li>{html.escape(fault)}</li>" for fault in found)
    return sheets.figure(name, f"data:image/svg+xml;base64,{data}", f"<ul>{faulty}</ul>")


def main(arguments: list[str]) -> int:
    given = sheets.arguments(__doc__, arguments, "OUT.html")
    from gallery import GALLERY

    figures, total = [], 0
    for name in sheets.chosen(GALLERY, given.words):
        svg = GALLERY[name]().svg()
        found = faults(svg)
        total += len(found)
        figures.append(figure(name, svg, found))
    sheets.write(given.out, "Drawings", STYLE, figures)
    print(f"{len(figures)} drawings, {total} faults")
    return 0


if __name__ == "__main__":
    as_program(main)
