"""The registry of cells.

A cell is declared once, with `cell`, on the formula of its step. Layers, single-step modules, language models, taggers,
commands and drawings read what they need from that record, by the cell's name.
"""

import copyreg
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar

from tinyseq.arguments import whole
from tinyseq.autograd.tensor import Tensor

States = tuple[Tensor, ...]  # the hidden state first; each (H, B)
Formula = TypeVar("Formula", bound=Callable[..., Tensor | States])


@dataclass(frozen=True, eq=False)
class CellRecord:
    """The record of a cell.

    Attributes:
        name: what models and commands call it.
        module: where it was declared.
        formula: the function that computes one step.
        blocks: how many blocks of H rows its weights have.
        gates: the names of these blocks in order; empty if they have none.
        states: the names of the states carried from step to step, the hidden state first.
        own_bias: whether the formula adds the bias of W_hh itself.
        title: its usual name, for headings.
    """

    name: str
    module: str
    formula: Callable[..., Tensor | States]
    blocks: int
    gates: tuple[str, ...]
    states: tuple[str, ...]
    own_bias: bool
    title: str = ""

    def input_bias(self, bias_ih: Tensor, bias_hh: Tensor) -> Tensor:
        """The bias that can be added for all steps at once."""
        return bias_ih if self.own_bias else bias_ih + bias_hh

    def step(self, z: Tensor, states: States, weight_hh: Tensor, bias_hh: Tensor | None) -> States:
        """The states after one time step, as the formula gives them; `as_states` checks them.

        Args:
            z: (blocks * H, B), W_ih x_t with `input_bias`.
            states: before the step, each (H, B).
            weight_hh: (blocks * H, H).
            bias_hh: (blocks * H, 1); None for a network without biases.
        """
        bias = (bias_hh,) if self.own_bias else ()
        after = self.formula(z, *states, weight_hh, *bias)
        return (after,) if isinstance(after, Tensor) else after

    def as_states(self, after: Tensor | States, before: States) -> States:
        """The result of a step, as a tuple with one tensor for each state.

        Args:
            after: what the step returned.
            before: the states before the step.

        Raises:
            TypeError: if their number is wrong.
            ValueError: if one is not a tensor, or has another shape than before the step.
        """
        states = (after,) if isinstance(after, Tensor) else after
        if type(states) is not tuple or len(states) != len(self.states):
            count = len(self.states)
            wanted = f"a tuple ({', '.join(self.states)})" if count > 1 else f"one tensor, {self.states[0]}"
            given = f"{len(after)} of them" if isinstance(after, tuple) else type(after).__name__
            raise TypeError(f"the step of the cell {self.name!r} must return {wanted}, got {given}")
        for name, new, old in zip(self.states, states, before, strict=True):
            if not isinstance(new, Tensor) or new._array.shape != old._array.shape:
                found = new.shape if isinstance(new, Tensor) else type(new).__name__
                wanted = f"a tensor {name} of shape {old.shape}, (H, B)"
                raise ValueError(f"the step of the cell {self.name!r} must return {wanted}, got {found}")
        return states


CELLS: dict[str, CellRecord] = {}


def cell(name: str, gates: int | Sequence[str], title: str = "") -> Callable[[Formula], Formula]:
    """Declare a cell: a decorator for the formula of its step.

    The formula's parameters say the rest: ``z``, then one for each state, the hidden state first, then ``weight_hh``,
    and ``bias_hh`` if the formula adds the bias of W_hh itself. States are columns (H, B). ``z`` holds W_ih x_t and the
    biases, (gates * H, B), without ``bias_hh`` if the formula asks for that; ``bias_hh`` is None in a network without
    biases. The formula returns the next hidden state, or a tuple of all next states.

    Args:
        name: how models and commands ask for the cell.
        gates: the names of the blocks of H rows in the weights, in order, such as ``"ifgo"``; or just the number of
            blocks, if they have no names.
        title: the cell's usual name, for headings; by default the name.

    Returns:
        The decorator, which returns the function unchanged.

    Raises:
        ValueError, TypeError: the name belongs to a cell of another module, two gates have one name, or the function
            has other parameters.

    Example:
        >>> import tinyseq as ts
        >>> from tinyseq.nn.recurrent.layers import Recurrent
        >>> @cell("leaky", gates=1)
        ... def leaky_step(z, h, weight_hh):
        ...     return 0.9 * h + 0.1 * ts.tanh(z + weight_hh @ h)
        >>> Recurrent("leaky", 3, 5)(ts.zeros(7, 2, 3))[0].shape
        (7, 2, 5)
        >>> del CELLS["leaky"]
    """
    if not isinstance(name, str):
        raise TypeError(f"name must be a string, got {name!r}")
    names: tuple[str, ...] = ()
    if isinstance(gates, Sequence):
        names = tuple(gates)
        blocks = whole("the number of gates", len(names))
        if len(set(names)) < blocks or not all(isinstance(gate, str) for gate in names):
            raise ValueError(f"gates must be different names, got {gates!r}")
    else:
        blocks = whole("gates", gates)

    def declare(formula: Formula) -> Formula:
        module = formula.__module__
        if name in CELLS and CELLS[name].module != module:  # one module may declare it again, as a notebook does
            raise ValueError(f"{CELLS[name].module} has declared a cell {name!r}; choose another name")
        states, own_bias = _parameters(name, formula)
        CELLS[name] = CellRecord(
            name, module, formula, blocks, names, states, own_bias, title or name.replace("_", " ")
        )
        return formula

    return declare


def cell_named(name: Any) -> CellRecord:
    """The record of a cell.

    Raises:
        ValueError: there is no such cell; the error lists those that there are.
    """
    if not isinstance(name, str) or name not in CELLS:
        raise ValueError(
            f"cell must be one of {', '.join(CELLS)}, got {name!r}; import the module of a cell of your own first"
        )
    return CELLS[name]


def variant(argument: str, value: Any, cells: dict[str, str]) -> str:
    """The cell that the value of an argument selects, as ``reset="before"`` does for the lectures' GRU.

    Raises:
        ValueError: it is none of them.
    """
    if not isinstance(value, str) or value not in cells:
        allowed = " or ".join(f'"{each}"' for each in cells)
        raise ValueError(f"{argument} must be {allowed}, got {value!r}")
    return cells[value]


def _parameters(name: str, formula: Callable[..., Any]) -> tuple[tuple[str, ...], bool]:
    """The states that a formula takes, and whether it takes ``bias_hh``."""
    parameters = list(inspect.signature(formula).parameters)
    own_bias = parameters[-1:] == ["bias_hh"]
    first, *states, last = parameters[: len(parameters) - own_bias] if len(parameters) > 2 else ("", "")
    if first != "z" or last != "weight_hh" or not states:
        raise TypeError(
            f"the step of the cell {name!r} must take z, its states, weight_hh and perhaps bias_hh, such as "
            f"(z, h, weight_hh), got ({', '.join(parameters)})"
        )
    return tuple(states), own_bias


def _declared(module: str, name: str) -> CellRecord:
    """The record of a cell, for copies and pickles: it is looked up by name, not copied."""
    import_module(module)
    return cell_named(name)


copyreg.pickle(CellRecord, lambda record: (_declared, (record.module, record.name)))
