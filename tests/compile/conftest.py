"""Fixtures of the tests of compiled steps."""

import os

import pytest
import python_kernels


@pytest.fixture(scope="module")
def kernels_in_python():
    """Kernels that Python runs, for all tests of a file."""
    with pytest.MonkeyPatch.context() as patch:
        python_kernels.use(patch)
        yield


@pytest.fixture(scope="module")
def shared_kernels(tmp_path_factory):
    """A cache folder for Numba, the tests' own, in which all processes that run them find each other's kernels."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(base / "kernels"))
        yield
