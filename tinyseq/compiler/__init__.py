"""Compiled steps: what a function does is recorded once, forward and backward, prepared by passes, and replayed."""

from tinyseq.compiler.active import RecordingError
from tinyseq.compiler.compiled import Compiled, compile

__all__ = ["Compiled", "RecordingError", "compile"]
