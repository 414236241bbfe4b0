"""Make the font that drawings are measured and written with: DejaVu Sans Condensed, as much of it as they need.

python tools/make_font.py /usr/share/fonts/truetype/dejavu

Needs fontTools. The result is kept in the repository, so this is run only to take in more characters.
"""

import argparse
import json
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

from tinyseq.viz.rendering.font import FAMILY, FOLDER

STYLES = {"regular": "DejaVuSansCondensed.ttf", "bold": "DejaVuSansCondensed-Bold.ttf"}
# What a page or an SVG carries with it: ASCII and the signs of formulas. Others show in the viewer's fonts.
CARRIED = [chr(code) for code in range(32, 127)] + list("₀₁₂₃₄₅₆₇₈₉₊₋ₜ⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾←→∂‖⋯…′·−×÷αβγσΣ∞∖␣⏎⇥�")
# What stands in PNG and PDF files besides: the letters of Europe, and more signs.
WRITTEN = [
    chr(code)
    for first, last in ((0xA0, 0x17F), (0x370, 0x45F), (0x2010, 0x2027), (0x2070, 0x2094), (0x2190, 0x22FF))
    for code in range(first, last + 1)
]


def subset(path: Path, characters: list[str]) -> TTFont:
    """A font with these characters alone, without hints and ligatures, under a name of its own."""
    font = TTFont(path, recalcTimestamp=False)
    options = Options(
        hinting=False,
        layout_features=[],
        drop_tables=["FFTM", "GDEF", "GPOS", "GSUB", "MATH"],
        name_IDs=[0, 1, 2, 4, 6, 13],
        notdef_outline=True,
    )
    cutter = Subsetter(options)
    cutter.populate(unicodes=[ord(character) for character in characters])
    cutter.subset(font)
    for name in font["name"].names:
        if name.nameID in {1, 4, 6}:
            font["name"].setName(FAMILY, name.nameID, name.platformID, name.platEncID, name.langID)
    return font


def widths(font: TTFont) -> dict[int, list[int]]:
    """The widths of characters in thousandths of the type size: of each run of them, by the code of its first one."""
    unit = font["head"].unitsPerEm
    runs: dict[int, list[int]] = {}
    first = 0
    for code, name in sorted(font.getBestCmap().items()):
        if code != first + len(runs.get(first, [])):
            first = code
        runs.setdefault(first, []).append(round(1000 * font["hmtx"][name][0] / unit))
    return runs


def main(folder: Path) -> None:
    """Write all files of the font."""
    measured = {}
    for style, name in STYLES.items():
        font = subset(folder / name, CARRIED + WRITTEN)
        font.save(FOLDER / f"{style}.ttf")
        measured[style] = widths(font)
        small = subset(folder / name, CARRIED)
        small.flavor = "woff"
        small.save(FOLDER / f"{style}.woff")
    (FOLDER / "widths.json").write_text(json.dumps(measured, separators=(",", ":")) + "\n", encoding="ascii")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the fonts of DejaVu are")
    main(parser.parse_args().folder)
