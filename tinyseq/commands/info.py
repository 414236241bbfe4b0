"""The command ``tinyseq doctor``: what is installed."""

import importlib.metadata
import platform
import sys

import numpy as np

import tinyseq as ts
from tinyseq.commands.common import console, plainly


@plainly
def doctor() -> None:
    """Print what is installed, and what each missing package would add."""
    console.print(f"tinyseq {ts.__version__}, Python {platform.python_version()} ({sys.executable})")
    console.print(f"NumPy {np.__version__}")
    wanted = {
        "pygraphviz": ("viz", "drawings as PNG and PDF files"),
        "matplotlib": ("plot", "curves"),
        "safetensors": ("io", "saving models"),
        "typer": ("cli", "this command"),
        "tqdm": ("progress", "a progress bar"),
        "numba": ("jit", "faster compiled functions"),
        "cupy-cuda12x": ("cuda12", "GPUs with CUDA 12"),
        "cupy-cuda13x": ("cuda13", "GPUs with CUDA 13"),
    }
    for package, (extra, purpose) in wanted.items():
        try:
            console.print(f"{package} {importlib.metadata.version(package)}: {purpose}")
        except importlib.metadata.PackageNotFoundError:
            console.print(f"{package} is missing; for {purpose}: pip install 'tinyseq[{extra}]'")
