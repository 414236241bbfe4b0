"""What a declaration promises to its tests: where arguments may be drawn from, and how accurate the results are."""

from math import inf
from typing import NamedTuple


class Domain(NamedTuple):
    """The domain from which random tests draw an argument: an interval without the points to avoid."""

    low: float = -3.0
    high: float = 3.0
    avoid: tuple[float, ...] = ()


REAL = Domain()
POSITIVE = Domain(0.3, 3.0)
NONZERO = Domain(avoid=(0.0,))
UNIT = Domain(-0.9, 0.9)


class Accuracy(NamedTuple):
    """How far an op's results may lie from the true ones, in units in the last place of their dtype.

    `tinyseq.testing.accuracy` measures it; NumPy's own functions of float32 are up to 4 units off. An error
    below the smallest normal number counts as none.

    Attributes:
        value, gradient: the largest error of the value, and of the gradient of each input.
        cancels: where terms of a sum may cancel, the unit is that of a larger number. ``"value"``, ``"gradient"`` or
            both are measured by the largest element of the result (a value by 1 at least; elementwise, both by 1);
            ``"shares"`` by 1 and by the largest upstream gradient; ``"terms"`` by the same sums over absolute values.
        low, high: the range of inputs for which this is promised; all normal numbers of the dtype by default.
        span: the share of the dtype's range of exponents, on either side of 1, from which inputs are drawn.
        why: what limits the accuracy, where the promise is weaker than the default.
    """

    value: float = 5.0
    gradient: float = 6.0
    cancels: str = ""
    low: float = -inf
    high: float = inf
    span: float = 1.0
    why: str = ""


CONDITIONED = Accuracy(
    inf, inf, why="a matrix close to a singular one magnifies rounding, and LAPACK has no long doubles"
)
