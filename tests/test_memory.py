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

{inside}
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


def faults(inside: str) -> int:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    command = [sys.executable, "-c", FAULTS_PER_STEP.format(inside=inside)]
    return int(subprocess.run(command, env=clean, check=True, capture_output=True, text=True).stdout)


ASKED = "ts.memory.reuse().__enter__()"


@needs_glibc
def test_a_step_faults_in_next_to_no_new_pages_where_that_is_asked_for():
    assert faults(ASKED) < 50


@needs_glibc
def test_a_training_run_asks_for_it():
    code = """
model, task = ts.nn.Linear(1, 1), lambda step: ts.train.Loss(model(np.ones((1, 1), "f4")).sum(), 1)
run = ts.train.train(task, ts.optim.SGD(model.parameters(), lr=0.1), steps=10)
next(run)
"""
    assert faults(code) < 50


def output(code: str) -> list[str]:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()


WATCHED_LIBRARY = """
import ctypes
called = []
class Library(ctypes.CDLL):
    def __getattr__(self, name):
        called.append(name)
        return super().__getattr__(name)
ctypes.CDLL = Library
"""

OWN = ["MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"]
CALLS = """
import tinyseq as ts
with ts.memory.reuse():
    pass
print(*(name for name in called if "mall" in name))
"""


@pytest.fixture
def no_setting(monkeypatch):
    for name in OWN:
        monkeypatch.delenv(name, raising=False)


@needs_glibc
def test_the_library_is_told_where_the_user_has_set_nothing(no_setting):
    assert "mallopt" in output(WATCHED_LIBRARY + CALLS)


@needs_glibc
@pytest.mark.parametrize("own", OWN)
def test_the_users_own_setting_is_left_alone(own, no_setting, monkeypatch):
    monkeypatch.setenv(own, "glibc.malloc.trim_threshold=131072" if own == "GLIBC_TUNABLES" else "131072")
    assert output(WATCHED_LIBRARY + CALLS) == []


@pytest.mark.parametrize(
    ("before", "inside"), [("", "10000"), ("gc.set_threshold(1234)", "1234"), ("gc.set_threshold(0)", "0")]
)
def test_cycles_are_looked_for_less_often_inside_unless_someone_has_set_how_often(before, inside):
    found = output(
        f"""
import gc; {before}
print(gc.get_threshold()[0])
import tinyseq as ts
print(gc.get_threshold()[0])
block = ts.memory.reuse()
with block:
    with block, ts.memory.reuse():
        print(gc.get_threshold()[0])
    print(gc.get_threshold()[0])
print(gc.get_threshold()[0])
"""
    )
    assert found[2:4] == [inside] * 2
    assert found[0] == found[1] == found[4]


def test_a_threshold_that_is_set_inside_stays():
    assert output(
        "import gc, tinyseq as ts\nwith ts.memory.reuse(): gc.set_threshold(55)\nprint(gc.get_threshold()[0])"
    ) == ["55"]


def test_a_run_that_is_left_early_takes_its_settings_back():
    code = """
import gc, numpy as np, tinyseq as ts
model, task = ts.nn.Linear(1, 1), lambda step: ts.train.Loss(model(np.ones((1, 1), "f4")).sum(), 1)
before = gc.get_threshold()
run = ts.train.train(task, ts.optim.SGD(model.parameters(), lr=0.1), steps=10)
next(run)
print(gc.get_threshold() == before)
run.close()
print(gc.get_threshold() == before)
"""
    assert output(code) == ["False", "True"]


WHAT_A_PROCESS_SHARES = """
import decimal, gc, locale, logging, os, random, resource, signal, sys, threading, warnings
import numpy as np
def shared():
    return {
        "collector": (gc.isenabled(), gc.get_threshold(), gc.get_debug(), gc.get_freeze_count()),
        "recursion": sys.getrecursionlimit(), "hooks": (sys.excepthook, sys.unraisablehook, threading.excepthook),
        "display": sys.displayhook, "tracing": (sys.gettrace(), sys.getprofile()), "switch": sys.getswitchinterval(),
        "stack": threading.stack_size(), "threads": threading.active_count(), "path": list(sys.path),
        "environment": dict(os.environ), "directory": os.getcwd(), "locale": locale.setlocale(locale.LC_ALL),
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "errors": np.geterr(), "printing": np.get_printoptions(), "random": repr(np.random.get_state()),
        "python": random.getstate(), "warnings": list(warnings.filters), "decimals": repr(decimal.getcontext()),
        "handlers": list(logging.getLogger().handlers), "level": logging.getLogger().level,
        "limits": resource.getrlimit(resource.RLIMIT_AS), "streams": (sys.stdout, sys.stderr),
    }
before = shared()
import tinyseq
after = shared()
print(len(before), [name for name in before if before[name] != after[name]], [n for n in called if "mal" in n])
"""


@pytest.mark.skipif(os.name != "posix", reason="resource limits are POSIX's")
def test_an_import_changes_nothing_that_a_process_shares():
    count, *rest = output(WATCHED_LIBRARY + WHAT_A_PROCESS_SHARES)
    assert int(count) > 20
    assert rest == ["[]", "[]"]
