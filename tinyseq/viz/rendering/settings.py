"""Settings of pictures: a function's own arguments, or else those of the surrounding `with` block."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from numbers import Real
from typing import Any, Literal, NamedTuple

Theme = Literal["light", "dark"]
Squeeze = Literal["", "height", "width", "both", "first", "line"]
TEXT_SIZE, SMALL_SIZE = 11.0, 9.0  # points
SMALL_IN_LARGE = 10.0  # the smallest size in pictures that are scaled down
SIZES = 5.0, 48.0  # of type
LEAST_LETTERS = 8.0  # pixels: the smallest letters that can be read


class Settings(NamedTuple):
    """The settings of a picture; None for what each function chooses by itself. See `defaults`.

    Attributes:
        squeeze: how a picture saves space that would otherwise be too large for a screen: ``"height"`` sets the lines
            of a box side by side, ``"width"`` one above the other, with fewer numbers, ``"both"`` all but these numbers
            side by side, ``"first"`` with the first number only, and ``"line"`` with that beside the name. Gaps
            are smaller.
    """

    theme: Theme = "light"
    values: bool | None = None
    gradients: bool | None = None
    legend: bool | None = None
    font_size: float | None = None
    size: tuple[float, float] | None = None
    squeeze: Squeeze = ""


PLAIN = Settings()
_CURRENT: ContextVar[Settings] = ContextVar("settings of pictures", default=PLAIN)


@contextmanager
def defaults(
    *,
    theme: Theme | None = None,
    values: bool | None = None,
    gradients: bool | None = None,
    legend: bool | None = None,
    font_size: float | None = None,
    size: tuple[float, float] | None = None,
) -> Iterator[Settings]:
    """Settings for all drawings and plots that are made within a `with` block.

    A function's own arguments come first, then the innermost block. None leaves a setting as it is.

    Args:
        theme: ``"light"``, for white paper; or ``"dark"``, with the same hues on a dark background. HTML pages follow
            the reader's system.
        values: True writes numbers: the values on the boxes of graphs, the counts in a confusion matrix. False leaves
            out those that a trellis or an automaton shows by default, so that students can fill them in.
        gradients: whether graphs are coloured by their gradients.
        legend: whether there are legends.
        font_size: the size of type in points; 11 by default, with small type in proportion.
        size: (width, height) in inches; pictures are scaled to fit, and plots have exactly this size. A warning says so
            if that makes letters smaller than ``font_size``.

    Returns:
        A context manager, which yields the settings.

    Raises:
        ValueError: a setting is out of range.

    Example:
        >>> import tinyseq as ts
        >>> h = ts.nn.RNN(3, 5)(ts.ones(2, 1, 3))[0]
        >>> with defaults(theme="dark", values=True):
        ...     drawing = ts.viz.graph(h.sum())
        >>> 'fill="#141414"' in drawing.svg()
        True
    """
    if not isinstance(theme, str | None) or theme not in (None, "light", "dark"):
        raise ValueError(f'theme must be "light" or "dark", got {theme!r}')
    for name, flag in {"values": values, "gradients": gradients, "legend": legend}.items():
        if flag is not None and not isinstance(flag, bool):
            raise ValueError(f"{name} must be True or False, got {flag!r}")
    given: dict[str, Any] = {"theme": theme, "values": values, "gradients": gradients, "legend": legend}
    given |= {"font_size": checked_font_size(font_size), "size": checked_size(size)}
    chosen = current()._replace(**{name: value for name, value in given.items() if value is not None})
    with using(chosen):
        yield chosen


@contextmanager
def using(settings: Settings) -> Iterator[None]:
    """Exactly these settings within a `with` block."""
    token = _CURRENT.set(settings)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def current() -> Settings:
    """The current settings."""
    return _CURRENT.get()


def in_type(points: float) -> float:
    """A length that scales with the font size, such as the height of a line."""
    size = current().font_size
    return points if size is None else points * size / TEXT_SIZE


def tight(points: float, squeezed: float) -> float:
    """A space between things; smaller in a picture that is too large for a screen."""
    return squeezed if current().squeeze else points


def fitted(extent: tuple[float, float]) -> float:
    """The scale at which a picture of this width and height, in points, has the wanted size."""
    size = current().size
    return 1.0 if size is None else min(72 * inches / points for inches, points in zip(size, extent, strict=True))


def checked_font_size(size: Any) -> float | None:
    """A font size in points; a ValueError says what else was given."""
    if size is None:
        return None
    if isinstance(size, Real) and SIZES[0] <= float(size) <= SIZES[1]:
        return float(size)
    raise ValueError(f"font_size must be a number of points from {SIZES[0]:g} to {SIZES[1]:g}, got {size!r}")


def checked_size(size: Any) -> tuple[float, float] | None:
    """A largest width and height in inches; a ValueError says what else was given."""
    if size is None:
        return None
    if isinstance(size, tuple | list) and len(size) == 2:
        width, height = size
        if all(isinstance(side, Real) and 0 < float(side) < math.inf for side in size):
            return float(width), float(height)
    raise ValueError(f"size must be (width, height) in inches, such as (12, 6), got {size!r}")
