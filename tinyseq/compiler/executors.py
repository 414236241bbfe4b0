"""The executors, and the choice of one: by the library of the arrays, and by a setting."""

from importlib import import_module
from typing import Any, Protocol

from tinyseq.backend import Array
from tinyseq.compiler.program import Program


class Changed(Exception):
    """A condition or a shape that the recording fixed is different for these inputs."""


class Executor(Protocol):
    """An executable program. Each module in `EXECUTORS` has a class of this name, made from an optimised program.

    Attributes:
        program: what it runs.
    """

    program: Program

    def memory(self) -> Any:
        """New memory for one run at a time."""

    def forward(self, inputs: list[Array], memory: Any) -> tuple[Array, ...]:
        """The program's outputs, followed by what the backward pass needs; raises `Changed` if a guard differs."""

    def backward(self, inputs: list[Array], memory: Any, kept: Any, seeds: list[Array]) -> tuple[Array, ...]:
        """The program's gradients, from its inputs, what `forward` kept, and the upstream gradients."""


# by the library of the arrays, and then by name; a module is imported when its executor is first asked for
EXECUTORS = {
    "numpy": {"numpy": "tinyseq.compiler.executor", "numba": "tinyseq.compiler.jit.executor"},
    "cupy": {"cupy": "tinyseq.compiler.gpu.executor"},
}


def check_executor(name: str | None) -> None:
    """Raise if no executor has this name; None means the default for the arrays' library."""
    names = [each for by_name in EXECUTORS.values() for each in by_name]
    if name is not None and name not in names:
        raise ValueError(f"executor must be None or one of {', '.join(map(repr, names))}, got {name!r}")


def executor_for(program: Program, library: str = "numpy", name: str | None = None) -> Executor:
    """An executor for a program, for arrays of some library."""
    by_name = EXECUTORS[library]
    if name is not None and name not in by_name:
        raise ValueError(f"executor={name!r} does not run {library} arrays; for these it must be one of {[*by_name]}")
    module = import_module(by_name[name or next(iter(by_name))])
    made: Executor = module.Executor(program)  # a module that is found by its name has no type
    return made
