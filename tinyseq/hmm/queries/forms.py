"""The types of one sequence and of several, so that an answer has the type of its question."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

# A list of strings is one sequence of words for the type checker; at run time, over an alphabet of letters, each of
# them is a sequence.
One = Sequence[Hashable] | np.ndarray[Any, Any]
Many = Sequence[list[Any] | np.ndarray[Any, Any]]
