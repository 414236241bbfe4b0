"""Random calls of ops: the arrays and settings for which the contract is checked."""

from tinyseq.testing.calls import along_axes, elementwise, matrices, moves  # noqa: F401  (they register families)
from tinyseq.testing.calls.registry import FAMILIES as FAMILIES, Call as Call, calls_of as calls_of, family as family
from tinyseq.testing.calls.registry import examples_of as examples_of
from tinyseq.testing.calls.values import numbers as numbers
