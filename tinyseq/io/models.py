"""Models in files: `SavedModel` gives a class `save` and `load`, and `load_model` opens a file of any such class."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from tinyseq.io.arrays import Arrays, ModelFileError, load_with_metadata, save

Model = TypeVar("Model", bound="SavedModel")

MODELS: dict[str, type["SavedModel"]] = {}  # by what their files call them


class SavedModel:
    """The base of models that can be kept in a file. A subclass says what is kept, and how it is made of that again.

    The file names the class, so that `load_model` need not be told which it is.

    Attributes:
        file_kind: what files call the class; by default the name under which it is imported.
        former_kinds: what older files call it.

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

    def saved(self) -> tuple[Mapping[str, Any], dict[str, Any]]:
        """What a file keeps: arrays by name, and metadata that JSON can hold."""
        raise NotImplementedError(f"{type(self).__name__} does not define saved(), so it cannot be saved")

    @classmethod
    def restored(cls, arrays: Arrays, metadata: dict[str, Any]) -> Self:
        """The model of which `saved` gave these arrays and metadata.

        Raises:
            Exception: any error says that the file does not describe such a model.
        """
        raise NotImplementedError(f"{cls.__name__} does not define restored(), so it cannot be loaded")

    def save(self, path: str | Path) -> None:
        """Save the model as one safetensors file.

        Args:
            path: the file to write, as a whole or not at all.

        Raises:
            RuntimeError: safetensors is not installed, or the model has not been fitted.
            TypeError: JSON cannot hold a name or a setting of the model.
            OSError: the file cannot be written; what was there stays.
        """
        arrays, metadata = self.saved()
        save(arrays, path, {"kind": self.file_kind, **metadata})

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Load a model that `save` wrote; nothing in the file is executed.

        Args:
            path: the file. It may also hold a model of a subclass, which is then what is returned.

        Raises:
            ModelFileError: the file is missing, damaged, or holds something else.
            RuntimeError: safetensors is not installed.
        """
        return _opened(path, cls)


def load_model(path: str | Path) -> SavedModel:
    """Load a model of any class that has `save`: language models, taggers, hidden Markov models, and your own.

    Args:
        path: a file that a model's ``save`` wrote; nothing in it is executed.

    Returns:
        The model, of the class that the file names.

    Raises:
        ModelFileError: the file is missing, damaged, or holds no model.
        RuntimeError: safetensors is not installed.

    Example:
        >>> import tempfile, tinyseq as ts
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ts.lm.NgramLM(2).fit("hello").save(f"{folder}/model.safetensors")
        ...     type(ts.load_model(f"{folder}/model.safetensors")).__name__
        'NgramLM'
    """
    return _opened(path, SavedModel)


def _opened(path: str | Path, wanted: type[Model]) -> Model:
    """The model in a file, if it is one of a class."""
    arrays, metadata = load_with_metadata(path)
    kind = metadata.pop("kind", None)
    named = MODELS.get(kind) if isinstance(kind, str) else None
    if named is not None and issubclass(named, wanted):
        made: type[Model] = named
    elif named is not None and issubclass(wanted, named):  # a file of the base, for a subclass
        made = wanted
    else:
        expected = "a model" if wanted is SavedModel else wanted.file_kind
        cure = "" if named or kind is None else "; if that is a class of your own, import its module first"
        raise ModelFileError(f"{path}: holds {kind or 'no tinyseq model'}, expected {expected}{cure}")
    try:
        return made.restored(arrays, metadata)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, MemoryError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise ModelFileError(
            f"{path}: the description of the {made.__name__} does not fit its arrays ({reason})"
        ) from error


def _imported_from(module: str) -> str:
    """Where users import from what a module defines: the room, for a module of this package."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == __name__.partition(".")[0] else module
