"""Independent implementations (PyTorch, hmmlearn, NLTK, ...) that tests compare with."""

import importlib
import os
from typing import Any

import pytest


def oracle(name: str) -> Any:
    """Import an optional oracle, or skip the calling test or module where it is absent.

    With TINYSEQ_REQUIRE_ORACLES=1, as in CI, an absent oracle is an error, so that no comparison is lost unseen.

    Use it at the top of a test module, `torch = oracle("torch")`, or inside one test.
    """
    if os.environ.get("TINYSEQ_REQUIRE_ORACLES") == "1":
        return importlib.import_module(name)
    return pytest.importorskip(name, reason=f"{name} is not installed: pip install 'tinyseq[oracles]'")


class Tied:
    """An output layer that reads the vectors of the embedding: a model of either library, ``Tied.of(torch.nn)``."""

    def __init__(self, nn: Any) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 3)
        self.output = nn.Linear(3, 5)
        self.output.weight = self.embedding.weight

    @classmethod
    def of(cls, nn: Any) -> Any:
        """A model of the library whose layers these are."""
        return type("Tied", (cls, nn.Module), {})(nn)
