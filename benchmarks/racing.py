"""Racing implementations: each in a process of its own, in turns, so that thread pools do not slow each other."""

import importlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

Racer = Callable[..., Callable[[], object]]  # given the case's arguments, what to time


def seconds_of(step: Callable[[], object], budget: float = 1.5) -> float:
    """The median time of a call, after two calls to warm up."""
    step()
    step()
    times: list[float] = []
    end = time.perf_counter() + budget
    while time.perf_counter() < end or len(times) < 3:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def race(script: str, racers: list[str], case: str, rounds: int = 3) -> dict[str, float]:
    """The median seconds of each racer that is installed, measured in turns by ``script --one RACER CASE``."""
    times: dict[str, list[float]] = {racer: [] for racer in racers}
    for _ in range(rounds):
        for racer in list(times):
            command = [sys.executable, script, "--one", racer, case]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            if result.returncode:
                reason = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
                print(f"{case:8s} {racer:24s} not measured: {reason}", flush=True)
                del times[racer]
            else:
                times[racer].append(float(result.stdout))
    return {racer: statistics.median(found) for racer, found in times.items()}


def report(case: str, times: dict[str, float], base: str, unit: float, name: str) -> None:
    """A line for each racer, with the base's time divided by its own."""
    for racer, seconds in times.items():
        ratio = "" if base not in times else f"   {base} / this = {times[base] / seconds:.2f}"
        print(f"{case:8s} {racer:24s} {seconds * unit:10.2f} {name}{ratio}", flush=True)


def versions() -> str:
    """What is compared: versions of the installed packages, the number of processors, and NumPy's kernels if known.

    The kernels for products are chosen by the processor, or by ``OPENBLAS_CORETYPE``; for one processor they differ by
    factors.
    """
    import os

    found = []
    for package in ("numpy", "torch", "autograd", "mygrad"):
        try:
            found.append(f"{package} {getattr(importlib.import_module(package), '__version__', '')}".strip())
        except ImportError:
            continue
    return f"Python {sys.version.split()[0]}, {', '.join(found)}, {os.cpu_count()} processors{_kernels()}"


def _kernels() -> str:
    """NumPy's BLAS and the processor it has kernels for, where threadpoolctl is installed to ask."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return ""
    import numpy as np

    root = str(Path(np.__file__).parent)
    blas = next((pool for pool in threadpool_info() if pool["filepath"].startswith(root)), {})
    return f", {blas['internal_api']} for {blas['architecture']}" if "architecture" in blas else ""
