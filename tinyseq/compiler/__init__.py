"""Compiled steps: a function is recorded once, forward and backward, optimised by passes, and replayed."""

from tinyseq.compiler.compiled import Compiled, compile, compiled_if
from tinyseq.compiler.recording.active import RecordingError

__all__ = ["Compiled", "RecordingError", "compile", "compiled_if"]
