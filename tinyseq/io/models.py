"""Saved models: `SavedModel` gives a class `save` and `load`, and `load_model` opens a file of any such class."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from tinyseq.arguments import as_called
from tinyseq.io.arrays import Arrays, ModelFileError, load_with_metadata, save

Model = TypeVar("Model", bound="SavedModel")

MODELS: dict[str, type["SavedModel"]] = {}  # by their names in files


class SavedModel:
    """The base class of models that can be saved. A subclass defines what is saved, and how it is restored.

    The file names the class, so that `load_model` can find it.

    Attributes:
        file_kind: the name of the class in files; by default the name under which it is imported.
        former_kinds: its names in older files.

    Example:
        >>> import tempfile, numpy as np, tinyseq as ts
        >>> class Offset(ts.io.SavedModel):
        ...     def __init__(self, by):
        ...         self.by = by
        ...     def saved(self):
        ...         return {"by": np.asarray(self.by)}, {}
        ...     @classmethod
        ...     def restored(cls, arrays, metadata):
        ...         return cls(arrays["by"])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Offset([1.0, 2.0]).save(f"{folder}/offset.safetensors")
        ...     ts.load_model(f"{folder}/offset.safetensors").by.tolist()
        [1.0, 2.0]
    """

    file_kind: ClassVar[str] = ""
    former_kinds: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **settings: Any) -> None:
        super().__init_subclass__(**settings)
        if "file_kind" not in vars(cls):
            cls.file_kind = f"{_imported_from(cls.__module__)}.{cls.__qualname__}"
        MODELS[cls.file_kind] = cls
        MODELS.update(dict.fromkeys(vars(cls).get("former_kinds", ()), cls))

    def __repr__(self) -> str:
        return as_called(self)

    def saved(self) -> tuple[Mapping[str, Any], dict[str, Any]]:
        """What to save: arrays by name, and metadata as a JSON value."""
        raise NotImplementedError(f"{type(self).__name__} does not define saved(), so it cannot be saved")

    @classmethod
    def restored(cls, arrays: Arrays, metadata: dict[str, Any]) -> Self:
        """The model from the arrays and metadata that `saved` returned.

        Raises:
            Exception: any error means that the file does not describe such a model.
        """
        raise NotImplementedError(f"{cls.__name__} does not define restored(), so it cannot be loaded")

    def save(self, path: str | Path) -> None:
        """Save the model as one safetensors file.

        Args:
            path: the file. Writing is atomic: a failure leaves no partial file.

        Raises:
            RuntimeError: if safetensors is not installed, or the model is not fitted.
            TypeError: if a name or a setting of the model is not a JSON value.
            OSError: if the file cannot be written; an existing file is kept.
        """
        arrays, metadata = self.saved()
        save(arrays, path, {"kind": self.file_kind, **metadata})

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Load a model that `save` wrote; this executes no code from the file.

        Args:
            path: the file. A model of a subclass is returned as such.

        Returns:
            The model.

        Raises:
            ModelFileError: if the file is missing, damaged, or contains something else.
            RuntimeError: if safetensors is not installed.
        """
        return _opened(path, cls)


def load_model(path: str | Path) -> SavedModel:
    """Load a model of any class that has `save`: language models, taggers, hidden Markov models, and your own.

    Args:
        path: a file that a model's ``save`` wrote; loading executes no code from it.

    Returns:
        The model, of the class that the file names.

    Raises:
        ModelFileError: if the file is missing, damaged, or does not contain a model.
        RuntimeError: if safetensors is not installed.

    Example:
        >>> import tempfile, tinyseq as ts
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ts.lm.NgramLM(2).fit("hello").save(f"{folder}/model.safetensors")
        ...     type(ts.load_model(f"{folder}/model.safetensors")).__name__
        'NgramLM'
    """
    return _opened(path, SavedModel)


def _opened(path: str | Path, wanted: type[Model]) -> Model:
    """The model in a file, if it is of a given class."""
    arrays, metadata = load_with_metadata(path)
    kind = metadata.pop("kind", None)
    named = MODELS.get(kind) if isinstance(kind, str) else None
    if named is not None and issubclass(named, wanted):
        made: type[Model] = named
    elif named is not None and issubclass(wanted, named):  # a file of the base class, for a subclass
        made = wanted
    else:
        expected = "a model" if wanted is SavedModel else wanted.file_kind
        cure = "" if named else "; if that is a class of your own, import its module first"
        if kind is None:
            cure = "; ts.load(path) reads the arrays, and a module takes them by load_state_dict"
        raise ModelFileError(f"{path}: holds {kind or 'no tinyseq model'}, expected {expected}{cure}")
    try:
        return made.restored(arrays, metadata)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, MemoryError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise ModelFileError(
            f"{path}: the description of the {made.__name__} does not fit its arrays ({reason})"
        ) from error


def _imported_from(module: str) -> str:
    """The public module of a class: its top-level folder, if it is in this package."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == __name__.partition(".")[0] else module
