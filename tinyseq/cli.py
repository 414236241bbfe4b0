"""The command ``tinyseq``; what its commands do is in `tinyseq.commands.main`."""

import os
import signal
import sys
from types import FrameType

ENDING = ("SIGTERM", "SIGHUP")  # sent by `kill`, by a computer that shuts down, and by a terminal that is closed


def main() -> None:
    """Run the command line.

    Bad input gives one line on standard error and exit status 1. Ctrl-C, SIGTERM and SIGHUP stop a command alike: a run
    is saved, and nothing unfinished is left; the exit status is 128 plus the number of the signal.
    """
    received = [signal.SIGINT]

    def stop(number: int, frame: FrameType | None) -> None:
        received[0] = signal.Signals(number)
        if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in the background job of a shell
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)

    for name in ENDING:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:  # nohup ignores SIGHUP
            signal.signal(number, stop)
    try:
        _run()
    except KeyboardInterrupt:  # outside of a command: while it is loaded
        sys.exit(128 + received[0])
    except SystemExit as end:
        if end.code == 128 + signal.SIGINT:
            sys.exit(128 + received[0])
        raise


def _run() -> None:
    if not os.environ.get("COLUMNS", "1").strip("0"):  # in a width of 0, Rich would write nothing
        del os.environ["COLUMNS"]
    try:
        from tinyseq.commands.main import app
    except ImportError as error:
        if error.name not in ("typer", "rich", "click"):
            raise
        sys.exit(f'tinyseq: the command line needs {error.name}: pip install "tinyseq[cli]"')
    try:
        app()
    except OSError as error:  # the help or the version, on a full disk
        sys.exit(f"tinyseq: {error}")


if __name__ == "__main__":
    main()
