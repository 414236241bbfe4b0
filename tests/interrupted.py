"""Ctrl-C on a command that trains, as a user presses it: in a process of its own."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path


def stopped_by_ctrl_c(words, out):
    """Start ``tinyseq WORDS --out OUT``, press Ctrl-C once the run has been saved, and check what it says."""
    saved = Path(f"{out}.run")
    command = [sys.executable, "-m", "tinyseq", *map(str, words), "--out", out]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    while not saved.exists() and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate()
    assert process.returncode == 130, error
    assert re.search(rf"tinyseq: stopped after step \d+; the same call resumes from {re.escape(str(saved))}\n", error)
    assert saved.exists()
    assert not Path(out).exists()
