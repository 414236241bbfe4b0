"""A self-contained HTML page for a drawing: it opens from disk and makes no network requests."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from html import escape, unescape
from importlib.resources import files
from string import Template
from typing import Any

from tinyseq.viz.rendering.dark_theme import in_both, theme_rules
from tinyseq.viz.rendering.font import font_faces
from tinyseq.viz.rendering.style import PAINTS

# In the order of their dependencies; the page has them as one script.
SCRIPTS = (
    *("elements", "theme", "parts", "view", "paper", "squeeze", "card", "columns", "arrangement"),
    *("paint", "fold", "search", "sums", "quiz", "play", "page"),
)


def page(svg: str, title: str, story: Mapping[str, Any] | None = None) -> str:
    """The text of the page.

    A content security policy allows only its own script and style and no requests, as a second defence behind escaping.

    Args:
        svg: the drawing.
        title: its heading.
        story: what else the page can show and play; see `tinyseq.viz.page.story.Story`.

    Example:
        >>> text = page('<svg width="9pt" height="9pt" viewBox="0 0 9 9"></svg>', "a & b")
        >>> "<title>a &amp; b</title>" in text
        True
    """
    picture, told = _plain(svg), story or {"details": _tooltips(svg)}
    style = "\n".join([font_faces(), theme_rules(picture), _plain_fills()])
    return document("page", SCRIPTS, told, title, style, picture)


def document(
    name: str, scripts: Sequence[str], story: Mapping[str, Any], title: str, style: str = "", picture: str = ""
) -> str:
    """The text of a page, in the frame of all pages, from its template, style sheet and scripts.

    Args:
        name: of the template and the style sheet.
        scripts: in the order of their dependencies.
        story: what the scripts read.
        title: its heading.
        style: more rules.
        picture: a drawing for the template.
    """
    assets = files("tinyseq.viz") / "assets" / "page"
    style = "\n".join(["", *((assets / f"{part}.css").read_text("utf-8") for part in ("frame", name)), style, ""])
    script = "\n" + "\n".join((assets / f"{part}.js").read_text("utf-8") for part in scripts)
    told = json.dumps(story, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    body = Template((assets / f"{name}.html").read_text("utf-8")).substitute(title=escape(title), picture=picture)
    return Template((assets / "frame.html").read_text("utf-8")).substitute(
        title=escape(title),
        style_hash=_hash(style),
        script_hash=_hash(script),
        style=style,
        body=body,
        story=told.replace("<", "\\u003c"),
        script=script,
    )


def _plain_fills() -> str:
    """The fills of boxes that have no shade yet."""
    unshaded = ".shaded .{}.early > :is(rect, ellipse) {{ fill: {}; }}"
    return "\n".join(unshaded.format(kind, in_both(paint.fill)) for kind, paint in PAINTS.items())


def _tooltips(svg: str) -> dict[str, dict[str, str]]:
    """What a drawing says of its boxes, as the details of a story."""
    found = re.findall(r'<g id="([^"]*)" class="node[^"]*">\s*<title>([^<]*)</title>', svg)
    return {unescape(name): {"": unescape(told)} for name, told in found}


def _plain(svg: str) -> str:
    """The drawing without its size, and without what the page already contains."""
    picture = re.sub(r"<\?xml.*?\?>|<style>.*?</style>\n?", "", svg, flags=re.DOTALL)
    picture = re.sub(r'(<svg) width="[^"]*" height="[^"]*"', r"\1", picture, count=1)
    picture = re.sub(r'<g id="(title|heading)" class="node.*?</g>\n?', "", picture, flags=re.DOTALL)  # the page has one
    return re.sub(r"<title>[^<]*</title>\n?", "", picture).replace(' xml:space="preserve"', "").strip()


def _hash(text: str) -> str:
    """The hash of a script or a style sheet for the content security policy."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
