"""Settings that every test shares."""

import gc
import json
import os
import signal
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # the tests run on all processors already; read when NumPy is imported
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import device_stand_in
import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import tinyseq as ts

# Times differ between machines, so no profile has a deadline. HYPOTHESIS_PROFILE picks one:
# dev while writing code, ci the same examples in every run, few where each is slow, deep for a night of searching.
settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile("ci", max_examples=60, deadline=None, derandomize=True, print_blob=True)
settings.register_profile("few", max_examples=5, deadline=None, derandomize=True)
settings.register_profile(
    "deep", max_examples=5_000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
PASSED: list[str] = []  # the tests that passed in this run
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture
def interruptible():
    """Ctrl-C raises KeyboardInterrupt, also if the tests run in the background, where it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def cats():
    """COS 484, precept 3: the worked Viterbi example."""
    return ts.hmm.HMM(
        initial=[0.1, 0.2, 0.7],
        transition=[[0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [0.6, 0.2, 0.2]],
        emission=[[0.2, 0.1, 0.7], [0.1, 0.8, 0.1], [0.4, 0.3, 0.3]],
        states=["X", "Y", "Z"],
        symbols=["I", "like", "cats"],
    )


def pytest_addoption(parser):
    parser.addoption(
        "--every-tensor-on",
        choices=["cuda", "stand-in"],
        help="put the array of every tensor on a GPU, or on the tests' stand-in for one",
    )
    parser.addoption(
        "--once",
        type=Path,
        metavar="FILE",
        help="leave out the tests that FILE says have passed, and add those that pass now",
    )


def pytest_configure(config):
    """With ``--every-tensor-on``, no tensor keeps its array in NumPy."""
    where = config.getoption("--every-tensor-on")
    if where is None:
        return
    if where == "stand-in":
        device_stand_in.install(pytest.MonkeyPatch())
    import cupy

    made = ts.Tensor.__init__

    def on_device(self, array, node=None):
        made(self, cupy.asarray(array) if isinstance(array, np.ndarray) else array, node)

    ts.Tensor.__init__ = on_device


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Tests live to the end: without this, a third of collecting them would be a search for garbage among them."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item, nextitem):
    """What a file's tests leave behind, such as caches, lives to the end: no later test's search goes through it."""
    done = yield
    if nextitem is None or nextitem.path != item.path:
        gc.collect()
        gc.freeze()
    return done


def pytest_runtest_logreport(report):
    if report.when == "call" and report.passed:
        PASSED.append(report.nodeid)


def pytest_sessionfinish(session):
    file = session.config.getoption("--once")
    in_worker = hasattr(session.config, "workerinput")  # pytest-xdist reports to the main process, which writes
    if file is not None and PASSED and not in_worker:
        with file.open("a", encoding="utf-8") as lines:
            lines.writelines(f"{json.dumps(name)}\n" for name in PASSED)


def leave_out_passed(config, items):
    """With ``--once``: what has passed needs no second run, say with more libraries installed."""
    file = config.getoption("--once")
    if file is None or not file.exists():
        return
    passed = {json.loads(line) for line in file.read_text("utf-8").splitlines()}
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in passed])
    items[:] = [item for item in items if item.nodeid not in passed]


def pytest_collection_modifyitems(config, items):
    leave_out_passed(config, items)
    if hasattr(config, "workerinput"):  # on all processors the slow ones begin, so that none of them ends alone
        items.sort(key=lambda item: "slow" not in item.keywords)
    if config.getoption("--every-tensor-on"):
        for item in items:
            if "host" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="about arrays in the host's memory"))
            if item.name.endswith(("[eigh]", "[svd]")):
                item.add_marker(pytest.mark.skip(reason="another LAPACK chooses other signs of the vectors"))
