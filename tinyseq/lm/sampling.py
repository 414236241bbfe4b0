"""Draw the next symbol from its distribution, with a temperature, top k and top p."""

from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyseq.arguments import check_unmasked, number, shown, whole
from tinyseq.backend import on_host
from tinyseq.torch_names.settings import explained

Probabilities = NDArray[np.float64]

LOWEST = 1e-100  # a temperature at which any two different scores are infinitely far apart; below, they overflow


@explained
def filtered(p: ArrayLike, top_k: int | None = None, top_p: float | None = None) -> Probabilities:
    """A distribution restricted to its most probable symbols. Of equally probable ones, the first are kept.

    Args:
        p: probabilities (V,).
        top_k: keep the k most probable symbols; None for all.
        top_p: then keep the smallest set of most probable symbols whose probabilities sum to at least this (nucleus
            sampling); None for all.

    Returns:
        The probabilities (V,), which sum to one again; 0 for the other symbols.

    Raises:
        ValueError, TypeError: ``p`` is not a vector of numbers of at least 0 with a positive sum, ``top_k`` is not a
            whole number above 0, or ``top_p`` is not above 0 and at most 1.

    Source: Fan and others (2018) for top k; Holtzman and others (2020) for top p.

    Example:
        >>> filtered([0.5, 0.25, 0.125, 0.125], top_k=2).round(3).tolist()
        [0.667, 0.333, 0.0, 0.0]
        >>> filtered([0.5, 0.25, 0.125, 0.125], top_p=0.8).round(3).tolist()
        [0.571, 0.286, 0.143, 0.0]
    """
    given = _probabilities(p)
    ids = Choice.checked(1.0, top_k, top_p).kept(given)
    result = np.zeros_like(given)
    result[ids] = given[ids] / given[ids].sum()
    return result


def _probabilities(p: ArrayLike) -> Probabilities:
    """A distribution, checked; it need not sum to one."""
    check_unmasked(p)
    try:
        given = np.asarray(on_host(p), np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"p must be a vector of probabilities (V,), got {shown(p)}") from None
    if given.ndim != 1 or not given.size:
        raise ValueError(f"p must be a vector of probabilities (V,), got shape {given.shape}")
    if not ((given >= 0).all() and 0 < given.sum() < np.inf):
        raise ValueError(
            f"p must be probabilities, finite, at least 0 and not all 0, got {shown(given.tolist())}; ts.softmax makes "
            "them of scores"
        )
    return given


class Choice(NamedTuple):
    """How the next symbol is chosen; see the ``sample`` methods of the language models.

    Example:
        >>> Choice.checked(0, None, None).draw(np.log([0.2, 0.5, 0.3]), np.random.default_rng(0))
        1
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    @classmethod
    def checked(cls, temperature: float, top_k: int | None, top_p: float | None) -> Self:
        """The settings, checked.

        Raises:
            ValueError: the temperature is negative, NaN or infinite, ``top_k`` is below 1, or ``top_p`` not in (0, 1].
            TypeError: one of them is not a number, or ``top_k`` is not a whole number.
        """
        temperature = number("temperature", temperature)
        if not 0 <= temperature < np.inf:
            raise ValueError(f"temperature must be a finite number, at least 0; got {temperature}")
        if temperature:
            temperature = max(temperature, LOWEST)
        top_k = None if top_k is None else whole("top_k", top_k)
        if top_p is not None and not 0 < (top_p := number("top_p", top_p)) <= 1:
            raise ValueError(f"top_p must be above 0 and at most 1, got {top_p}")
        return cls(temperature, top_k, top_p)

    def draw(self, logits: NDArray[np.floating[Any]], rng: np.random.Generator) -> int:
        """A symbol's id, drawn from softmax(logits / temperature), restricted to its most probable symbols.

        Args:
            logits: (V,), at least one of them above -inf.
            rng: the random number generator.

        Raises:
            ValueError: a logit is NaN or inf.
        """
        best = logits.max()
        if not best < np.inf:  # also where it is NaN
            found = "NaN" if np.isnan(best) else "infinite"
            raise ValueError(f"the model's scores for the next symbol are {found}; has its training diverged?")
        if self.temperature == 0:
            return int(logits.argmax())
        shares = np.subtract(logits, best, dtype=np.float64)
        shares /= self.temperature
        np.exp(shares, out=shares)
        return self.draw_from(shares, rng)

    def draw_from(self, shares: Probabilities, rng: np.random.Generator) -> int:
        """A symbol's id, drawn in proportion to its share among the symbols that are kept.

        Args:
            shares: (V,), at least 0, after the temperature; they need not sum to one.
            rng: the random number generator.
        """
        ids = None
        if self.top_k is not None or self.top_p is not None:
            ids = self.kept(shares)
            shares = shares[ids]
        below = shares.cumsum()
        # the first symbol below whose upper end the random number lies, so that none of probability 0 is drawn
        place = below.searchsorted(rng.random() * below[-1], side="right")
        return int(place if ids is None else ids[place])

    def kept(self, shares: Probabilities) -> NDArray[np.intp]:
        """The ids of the symbols that `filtered` keeps, in order."""
        falling = np.sort(shares)[::-1]
        if self.top_k is not None:
            falling = falling[: self.top_k]
        if self.top_p is not None:
            below = falling.cumsum()
            falling = falling[: below.searchsorted(self.top_p * (1 - 1e-12) * below[-1]) + 1]
        least = falling[-1]
        ids = np.flatnonzero(shares >= least)
        if len(ids) > len(falling):  # of those with the least share, the last ones are left out
            ids = np.delete(ids, np.flatnonzero(shares[ids] == least)[len(falling) - len(ids) :])
        return ids
