"""Types for one sequence and for several, so that overloads return one result or a list."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

# For the type checker, a list of strings is one sequence of words; at run time, if all symbols are single letters, each
# string is a sequence.
One = Sequence[Hashable] | np.ndarray[Any, Any]
Restriction = Sequence[object] | np.ndarray[Any, Any] | None  # of the hidden states, step by step, or for each sequence
Many = Sequence[list[Any] | np.ndarray[Any, Any]]
