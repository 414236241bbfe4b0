"""Check that a folder of web pages can be read without a network: nothing that they show comes from elsewhere.

python tools/check_offline.py DIR
"""

import argparse
import re
from html.parser import HTMLParser
from pathlib import Path

from programs import as_program

LOADS = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "link": "href",
}
LINKS = {"stylesheet", "icon", "preload", "modulepreload", "prefetch", "preconnect"}  # the kinds of `link` that load
FOREIGN = re.compile(r"(https?:)?//")
IN_STYLES = re.compile(r"""(?:url\(\s*|@import\s+)["']?((?:https?:)?//[^"')\s]+)""")


class _Reader(HTMLParser):
    """Collects the addresses that a page loads from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        address = given.get(LOADS.get(tag, "")) or ""
        kinds = set((given.get("rel") or "").split())
        if FOREIGN.match(address) and (tag != "link" or kinds & LINKS):
            self.found.append(address)


def loaded(path: Path) -> list[str]:
    """What a page or a style sheet loads from elsewhere."""
    text = path.read_text("utf-8")
    reader = _Reader()
    if path.suffix == ".html":
        reader.feed(text)
    return reader.found + IN_STYLES.findall(text)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args(arguments).folder
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix in {".html", ".css"}]
    found = {path: loaded(path) for path in paths}
    for path, addresses in found.items():
        for address in addresses:
            print(f"{path}: loads {address}")
    print(f"{len(paths)} pages and style sheets, {sum(map(len, found.values()))} loads from a network")
    return 0 if paths and not any(found.values()) else 1


if __name__ == "__main__":
    as_program(main)
