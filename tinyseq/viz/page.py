"""One self-contained HTML page for a drawing: it opens from disk, asks nothing of any network, and pans and zooms."""

import re
from html import escape

STYLE = """
:root { color-scheme: light dark; }
body { margin: 0; height: 100vh; display: flex; flex-direction: column; font: 14px system-ui, sans-serif; }
header { padding: .5rem 1rem; display: flex; gap: 1rem; align-items: baseline; }
h1 { font-size: 1rem; margin: 0; }
#view { flex: 1; overflow: hidden; background: #fff; cursor: grab; touch-action: none; }
#view:active { cursor: grabbing; }
#view:focus-visible { outline: 3px solid #5f8fd0; outline-offset: -3px; }
#view svg { width: 100%; height: 100%; }
"""

SCRIPT = """
const view = document.getElementById("view"), svg = view.querySelector("svg");
const box = svg.viewBox.baseVal, home = [box.x, box.y, box.width, box.height];
const show = (x, y, width, height) => Object.assign(box, { x, y, width, height });
const place = event => {
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  return [point.x, point.y];
};
const zoom = (factor, [x, y]) =>
  show(x + (box.x - x) * factor, y + (box.y - y) * factor, box.width * factor, box.height * factor);
const middle = () => [box.x + box.width / 2, box.y + box.height / 2];
view.addEventListener("wheel", event => {
  event.preventDefault();
  zoom(Math.exp(event.deltaY / 600), place(event));
}, { passive: false });
let held = null;
view.addEventListener("pointerdown", event => { held = place(event); view.setPointerCapture(event.pointerId); });
view.addEventListener("pointerup", () => { held = null; });
view.addEventListener("pointermove", event => {
  if (!held) return;
  const [x, y] = place(event);
  show(box.x + held[0] - x, box.y + held[1] - y, box.width, box.height);
});
const keys = {
  "+": () => zoom(0.8, middle()), "=": () => zoom(0.8, middle()), "-": () => zoom(1.25, middle()),
  "0": () => show(...home),
  ArrowLeft: () => show(box.x - box.width / 10, box.y, box.width, box.height),
  ArrowRight: () => show(box.x + box.width / 10, box.y, box.width, box.height),
  ArrowUp: () => show(box.x, box.y - box.height / 10, box.width, box.height),
  ArrowDown: () => show(box.x, box.y + box.height / 10, box.width, box.height),
};
view.addEventListener("keydown", event => {
  if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
});
"""


def page(svg: str, title: str) -> str:
    """The text of the page.

    Args:
        svg: the drawing.
        title: its heading.

    Example:
        >>> page('<?xml version="1.0"?><svg width="9pt" height="9pt" viewBox="0 0 9 9"></svg>', "a & b").splitlines()[4]
        '<title>a &amp; b</title>'
    """
    picture = re.sub(r"<\?xml.*?\?>", "", svg)
    picture = re.sub(r'(<svg) width="[^"]*" height="[^"]*"', r"\1", picture, count=1)  # as large as the page allows
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{escape(title)}</title>
<style>{STYLE}</style>
<header><h1>{escape(title)}</h1>
<span>drag to move, turn the wheel to zoom; with the keyboard: arrows, + and −, 0 for all of it</span></header>
<div id="view" tabindex="0" role="img" aria-label="{escape(title)}">{picture.strip()}</div>
<script>{SCRIPT}</script>
</html>
"""
