"""Compiled steps: a function is recorded once, forward and backward, optimised by passes, and replayed."""

from tinyseq.compiler.active import RecordingError
from tinyseq.compiler.compiled import Compiled, compile

__all__ = ["Compiled", "RecordingError", "compile"]
