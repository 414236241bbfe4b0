"""Photograph the pages and the drawings of six networks in windows of four sizes, light and dark, to look at them.

python tools/screenshots.py FOLDER [WORDS...]     # with words, the networks alone whose names hold one of them

FOLDER/index.html shows all of them side by side. A page is photographed in the middle of its play.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from browser import Browser, chromium
from programs import as_program

import tinyseq as ts

ZOO = Path(__file__).resolve().parent.parent / "tests" / "viz"
SIZES = {"1280x720": (1280, 720), "1024x768": (1024, 768), "1920x1080": (1920, 1080), "phone": (390, 844)}
NAMES = ("rnn", "lstm", "gru", "two_layers_in_both_directions", "attention_over_states", "trellis")
MIDDLE = "new Promise(done => (go(Math.round(moments.length / 2)), afterFrame(done)))"
STYLE = """
body { font: 14px/1.4 system-ui, sans-serif; margin: 1rem; display: grid; gap: 1rem; }
body { grid-template-columns: repeat(auto-fill, minmax(24rem, 1fr)); }
figure { margin: 0; } img { max-width: 100%; max-height: 30rem; border: 1px solid #ccd; }
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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("words", nargs="*", help="only networks that have one of these in their names")
    given = parser.parse_args(arguments)
    sys.path.insert(0, str(ZOO))
    given.folder.mkdir(parents=True, exist_ok=True)
    names = [name for name in NAMES if not given.words or any(word in name for word in given.words)]
    with chromium() as browser:
        taken = [path for name in names for path in photographs(browser, name, given.folder.resolve())]
    figures = (f'<figure><figcaption>{p.stem}</figcaption><img src="{p.name}"></figure>' for p in taken)
    page = f"<!doctype html><meta charset='utf-8'><title>Screenshots</title><style>{STYLE}</style>" + "\n".join(figures)
    (given.folder / "index.html").write_text(page, encoding="utf-8")
    print(f"{len(taken)} screenshots")
    return 0


if __name__ == "__main__":
    as_program(main)
