"""Each test here runs on a stand-in for a GPU, and with CuPy on a real one where there is one."""

import device_stand_in
import pytest


@pytest.fixture(params=["stand-in", pytest.param("CuPy", marks=pytest.mark.cupy)])
def cupy(request, monkeypatch):
    if request.param == "stand-in":
        device_stand_in.install(monkeypatch)
        return device_stand_in.LIBRARY
    library = pytest.importorskip("cupy", reason="CuPy is not installed")
    if not library.is_available():
        pytest.skip("there is no GPU")
    return library
