"""The text of a page, without a browser: its colours in the dark, and that it asks for nothing."""

import re

import pytest

from tinyseq.viz.page.html import page
from tinyseq.viz.rendering import style
from tinyseq.viz.rendering.dark_theme import dark_color, theme_rules

PAINTS = [value for value in vars(style).values() if isinstance(value, style.Paint)]


def luminance(color):
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * light for weight, light in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_luminance_is_that_of_the_accessibility_guidelines():
    for color in ("#000000", "#ffffff", style.INK, *style.DISTINCT):
        assert style.luminance(color) == pytest.approx(luminance(color))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("paint", PAINTS, ids=lambda paint: paint.fill)
def test_words_on_boxes_have_contrast_in_the_dark(paint):
    assert contrast(dark_color(paint.fill), dark_color(paint.text)) >= 4.5


def test_a_scale_of_shades_stays_a_scale_in_the_dark():
    shades = [luminance(dark_color(style.blend(i / 20))) for i in range(21)]
    assert shades == sorted(shades)


def test_words_have_contrast_on_every_shade_by_day_and_at_night():
    for shade in (style.blend(i / 500) for i in range(501)):
        words = style.readable_on(shade)
        assert contrast(words, shade) >= 4.5
        assert contrast(dark_color(words), dark_color(shade)) >= 4.5


@pytest.mark.parametrize("paint", [*PAINTS, style.Paint(style.PAPER, "", style.ACCENT)], ids=lambda paint: paint.fill)
def test_words_and_small_words_have_contrast_on_boxes(paint):
    for words in {paint.text, style.MUTED if paint.text != style.ACCENT else style.ACCENT}:
        assert contrast(paint.fill, words) >= 4.5
        assert contrast(dark_color(paint.fill), dark_color(words)) >= 4.5


def test_lines_of_data_are_seen_at_night():
    outlines = [style.PAINTS[kind].outline for kind in ("input", "state", "parameter", "result")]
    assert min(contrast(dark_color(style.PAPER), dark_color(color)) for color in (*style.DISTINCT, *outlines)) >= 4


def test_hues_are_kept_in_the_dark():
    def hue(color):
        red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
        return sorted(("red", "green", "blue"), key={"red": red, "green": green, "blue": blue}.get)

    for paint in (style.INPUT, style.STATE, style.PARAMETER, style.LOSS):
        assert hue(dark_color(paint.fill)) == hue(paint.fill)


def test_every_colour_of_a_picture_has_its_counterpart():
    rules = theme_rules('<path fill="#aabbcc" stroke="black"/><path fill="none" stroke="#aabbcc"/>')
    assert re.findall(r'\[(.*?)="(.*?)"\]', rules) == [("fill", "#aabbcc"), ("stroke", "#aabbcc"), ("stroke", "black")]


def test_a_page_asks_nothing_of_any_network_by_its_text():
    text = page('<svg width="9pt" height="9pt" viewBox="0 0 9 9"></svg>', "<x>", {"a": "</script>"})
    assert "default-src 'none'" in text
    assert "unsafe" not in text
    assert re.findall(r"\b(?:src|href)=[\"'][^\"']*", text) == ['href="data:,']
    assert text.count("</script>") == 2
