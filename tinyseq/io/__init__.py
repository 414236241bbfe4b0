"""Atomic writing of files, and saving and loading of arrays and models."""

from tinyseq.io.arrays import ModelFileError, check_model_output, load, load_with_metadata, save
from tinyseq.io.files import atomic_write, check_output
from tinyseq.io.models import SavedModel, load_model

__all__ = [
    "ModelFileError",
    "SavedModel",
    "atomic_write",
    "check_model_output",
    "check_output",
    "load",
    "load_model",
    "load_with_metadata",
    "save",
]
