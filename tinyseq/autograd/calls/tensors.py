"""Checks of arguments that are tensors, one or several, and of real numbers, or functions of them."""

from collections.abc import Iterable, Mapping

from tinyseq.arguments import check_ordered
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import namespace_of, of_real


def one_tensor(given: Tensor, name: str) -> Tensor:
    """A tensor, which must be one already: its graph is asked for.

    Args:
        given: the tensor.
        name: of the argument, for errors.

    Raises:
        TypeError: it is anything else, such as a model; the error says what to give.

    Example:
        >>> one_tensor(3.0, "loss")
        Traceback (most recent call last):
        TypeError: loss must be a tensor, got float, which has no graph; leave out .item(), float() and .numpy()
    """
    if isinstance(given, Tensor):
        return given
    cure = ""
    if hasattr(given, "parameters"):
        cure = "; give what it computes, such as model(x)"
    elif isinstance(given, tuple | list) and any(isinstance(part, Tensor) for part in given):
        cure = "; give one of its tensors: a recurrent layer returns output, state = rnn(x)"
    elif isinstance(given, float) or hasattr(given, "dtype"):
        cure = ", which has no graph; leave out .item(), float() and .numpy()"
    raise TypeError(f"{name} must be a tensor, got {type(given).__name__}{cure}")


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
        if name == "outputs" and callable(given):
            cure = "; give what it computes, as in ts.grad(f(x), x)"
        raise TypeError(f"{name} must be a tensor or a list of tensors, got {type(given).__name__}{cure}")
    check_ordered(name, given)
    parts = list(given)
    for i, part in enumerate(parts):
        if not isinstance(part, Tensor):
            raise TypeError(f"{name}[{i}] must be a tensor, got {type(part).__name__}")
    return parts


def check_function(name: str, value: object) -> None:
    """Raise a TypeError for what cannot be called, such as the result of the function that is wanted."""
    if not callable(value):
        raise TypeError(f"{name} must be a function or a module, got {type(value).__name__}; give f, not f(x)")


def check_real_numbers(*given: Tensor) -> None:
    """Raise a TypeError for tensors of complex numbers, in functions whose formula is of real ones."""
    for tensor in given:
        of_real(namespace_of(tensor._array), tensor._array)
