"""One self-contained HTML page for a drawing: it opens from disk and asks nothing of any network."""

import json
import re
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from string import Template
from typing import Any


def page(svg: str, title: str, story: Mapping[str, Any] | None = None) -> str:
    """The text of the page.

    Args:
        svg: the drawing.
        title: its heading.
        story: what else the page can show and play, see `tinyseq.viz.story.Story`.

    Example:
        >>> text = page('<svg width="9pt" height="9pt" viewBox="0 0 9 9"></svg>', "a & b")
        >>> "<title>a &amp; b</title>" in text
        True
    """
    picture = re.sub(r"<\?xml.*?\?>", "", svg)
    picture = re.sub(r'(<svg) width="[^"]*" height="[^"]*"', r"\1", picture, count=1)  # as large as the page allows
    assets = files("tinyseq.viz") / "assets"
    return Template((assets / "page.html").read_text("utf-8")).substitute(
        title=escape(title),
        style=(assets / "page.css").read_text("utf-8"),
        picture=picture.strip(),
        story=json.dumps(story or {}, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
        script=(assets / "page.js").read_text("utf-8"),
    )
