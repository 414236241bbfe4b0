"""Compiled steps: a function is recorded once, forward and backward, optimised by passes, and replayed."""

from tinyseq.compiler.active import RecordingError
from tinyseq.compiler.compiled import Compiled, compile, compiled_if

__all__ = ["Compiled", "RecordingError", "compile", "compiled_if"]
