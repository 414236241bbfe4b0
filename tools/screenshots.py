"""Photograph the pages and the drawings of six networks in windows of four sizes, light and dark, to look at them.

python tools/screenshots.py FOLDER [WORDS...]     # with words, the networks alone whose names hold one of them

FOLDER/index.html shows all of them side by side. A page is photographed in the middle of its play.
"""

from collections.abc import Iterator
from pathlib import Path

import sheets
from browser import Browser, chromium
from programs import as_program

import tinyseq as ts

SIZES = {"1280x720": (1280, 720), "1024x768": (1024, 768), "1920x1080": (1920, 1080), "phone": (390, 844)}
NAMES = ("rnn", "lstm", "gru", "two_layers_in_both_directions", "attention_over_states", "trellis")
MIDDLE = "new Promise(done => (go(Math.round(moments.length / 2)), afterFrame(done)))"
STYLE = """
body { grid-template-columns: repeat(auto-fill, minmax(24rem, 1fr)); }
img { max-width: 100%; max-height: 30rem; border: 1px solid #ccd; }
"""


def drawing(name: str) -> ts.viz.Drawing:
    """What is photographed."""
    import zoo

    if name == "trellis":
        return ts.viz.trellis(zoo.model(3), "abca")
    return ts.viz.graph(zoo.ZOO[name].loss(), gradients=True)


def photographs(browser: Browser, name: str, folder: Path) -> Iterator[Path]:
    """Those of one network, as they are taken."""
    for theme in ("light", "dark"):
        with ts.viz.defaults(theme=theme):
            drawn = drawing(name)
        for kind in ("html", "svg"):
            file = drawn.save(folder / f"{name}-{theme}.{kind}")
            for size, (width, height) in SIZES.items():
                browser.size(width, height)
                browser.prefer(color_scheme=theme, reduced_motion="reduce")
                browser.open(file)
                if kind == "html":
                    browser.run(MIDDLE)
                path = folder / f"{name}-{kind}-{size}-{theme}.png"
                browser.screenshot(path)
                yield path


def main(arguments: list[str]) -> int:
    given = sheets.arguments(__doc__, arguments, "FOLDER")
    folder = given.out.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        taken = [path for name in sheets.chosen(NAMES, given.words) for path in photographs(browser, name, folder)]
    sheets.write(folder / "index.html", "Screenshots", STYLE, (sheets.figure(p.stem, p.name) for p in taken))
    print(f"{len(taken)} screenshots")
    return 0


if __name__ == "__main__":
    as_program(main)
