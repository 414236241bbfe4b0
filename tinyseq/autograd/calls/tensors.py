"""Arguments that must be tensors already, one or several."""

from collections.abc import Iterable, Mapping

from tinyseq.autograd.tensor import Tensor


def tensors_of(given: Tensor | Iterable[Tensor], name: str) -> list[Tensor]:
    """One tensor or several as a list.

    Args:
        given: a tensor, or an iterable of tensors.
        name: of the argument, for errors.

    Raises:
        TypeError: it is anything else, such as a model; the error says what to give.
    """
    if isinstance(given, Tensor):
        return [given]
    if not isinstance(given, Iterable) or isinstance(given, str | Mapping) or hasattr(given, "dtype"):
        cures = {"parameters": "a model's .parameters()", "values": "its .values()"}
        cure = next((f"; give {cure}" for method, cure in cures.items() if hasattr(given, method)), "")
        raise TypeError(f"{name} must be a tensor or a list of tensors, got {type(given).__name__}{cure}")
    parts = list(given)
    for i, part in enumerate(parts):
        if not isinstance(part, Tensor):
            raise TypeError(f"{name}[{i}] must be a tensor, got {type(part).__name__}")
    return parts
