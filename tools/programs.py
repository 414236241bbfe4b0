"""Running a tool as a program."""

import os
import sys
from collections.abc import Callable


def as_program(main: Callable[[list[str]], int]) -> None:
    """Call ``main`` with the command line's arguments, and exit with the status that it returns.

    A reader that stops early, as in `python tools/count_lines.py | head`, ends the program without a traceback.
    """
    try:
        status = main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
        status = 1
    sys.exit(status)
