"""Handles Ctrl-C in a loop that must not be interrupted in the middle of a step."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class HeldBack:
    """Inside the block, the first Ctrl-C only sets ``pending``; the second raises KeyboardInterrupt as usual.

    Signals can be deferred only in the main thread; in others, or if it is not ``wanted``, the block does nothing.
    The same holds if interrupts are ignored, as in a shell's background job, or handled outside of Python.
    """

    def __init__(self, wanted: bool = True) -> None:
        self.pending = False
        ours = threading.current_thread() is threading.main_thread()
        self._wanted = wanted and ours and signal.getsignal(signal.SIGINT) not in (signal.SIG_IGN, None)
        self._before: Any = None

    def __enter__(self) -> "HeldBack":
        if self._wanted:
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.pending = True
        signal.signal(signal.SIGINT, self._before)

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not self._wanted or threading.current_thread() is not threading.main_thread():
            return  # another thread closes the generator
        if not self.pending and signal.getsignal(signal.SIGINT) == self._note:
            signal.signal(signal.SIGINT, self._before)
        elif self.pending and kind in (None, GeneratorExit):  # pressed after the last step, or before a break
            signal.raise_signal(signal.SIGINT)
