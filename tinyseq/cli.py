"""The command ``tinyseq``; what its commands do is in `tinyseq.commands.main`."""

import sys


def main() -> None:
    """Run the command line. Bad input gives one line on standard error and exit status 1."""
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
