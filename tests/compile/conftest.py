"""Fixtures of the tests of compiled steps."""

import pytest
import python_kernels


@pytest.fixture(scope="module")
def kernels_in_python():
    """Kernels that Python runs, for all tests of a file."""
    with pytest.MonkeyPatch.context() as patch:
        python_kernels.use(patch)
        yield
