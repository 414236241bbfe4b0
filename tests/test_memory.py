"""A training step gets its memory from the one before it."""

import os
import platform
import subprocess
import sys

import pytest

needs_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only the GNU C library can be told")

FAULTS_PER_STEP = """
import resource
import numpy as np, tinyseq as ts

layer, x = ts.nn.LSTM(32, 64), ts.tensor(np.ones((50, 16, 32), dtype=np.float32))

def step():
    (layer(x)[0] ** 2).mean().backward()

for _ in range(5):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 10)
"""


def faults(**environment: str) -> int:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    command = [sys.executable, "-c", FAULTS_PER_STEP]
    return int(subprocess.run(command, env={**clean, **environment}, check=True, capture_output=True, text=True).stdout)


@needs_glibc
def test_a_step_faults_in_next_to_no_new_pages():
    assert faults() < 50


@needs_glibc
def test_the_users_own_setting_is_left_alone():
    assert faults(MALLOC_TRIM_THRESHOLD_="131072") > 300  # the library's default


@pytest.mark.parametrize(
    ("before", "after"), [("", 10_000), ("gc.set_threshold(1234)", 1234), ("gc.set_threshold(0)", 0)]
)
def test_cycles_are_looked_for_less_often_unless_someone_has_set_how_often(before, after):
    code = f"import gc; {before}\nimport tinyseq\nprint(gc.get_threshold()[0])"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert int(run.stdout) == after
