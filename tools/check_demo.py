"""Check that the demo wrote its pictures, and that each is what its name says.

python tools/check_demo.py DIR
"""

import argparse
import re
from pathlib import Path
from xml.etree import ElementTree

from programs import as_program

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PAGES = ("unrolled.html", "trellis.html")
FILES = ("unrolled.svg", "trellis.svg", *PAGES, "loss.png", "samples.txt", "index.html")


def complaint(path: Path) -> str | None:
    """What is wrong with one file of the demo, or None."""
    if not path.is_file():
        return "is missing"
    content = path.read_bytes()
    if not content.strip():
        return "is empty"
    if path.suffix == ".png" and not content.startswith(PNG_SIGNATURE):
        return "is no PNG"
    if path.name in PAGES and not re.search(rb'"acts":\[\{', content):
        return "is no page that plays"
    if path.name == "index.html" and (missing := [page for page in PAGES if f'href="{page}"'.encode() not in content]):
        return f"does not link {' and '.join(missing)}"
    if path.name == "index.html" and content.count(b"<iframe ") < len(PAGES):
        return "does not hold the pages that play"
    if path.suffix == ".svg":
        try:
            root = ElementTree.fromstring(content)
        except ElementTree.ParseError as error:
            return f"is no XML: {error}"
        if not root.tag.endswith("svg") or not any(element.tag.endswith("text") for element in root.iter()):
            return "is no drawing with labels"
    return None


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args(arguments).folder
    complaints = {name: complaint(folder / name) for name in FILES}
    for name, problem in complaints.items():
        print(f"{folder / name}: {problem or 'ok'}")
    return 1 if any(complaints.values()) else 0


if __name__ == "__main__":
    as_program(main)
