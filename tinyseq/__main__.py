"""``python -m tinyseq`` is the command ``tinyseq``."""

from tinyseq.cli import main

if __name__ == "__main__":
    main()
