"""The record of an exercise: the task, the solution, the inputs that it is tried on, and the common mistakes."""

import ast
import difflib
import inspect
import textwrap
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import FunctionType
from typing import Any, NamedTuple, TypeVar

import numpy as np

from tinyseq.arguments import is_list, shown
from tinyseq.exercises.child import LONGEST, decode, encode, outcomes

ROUNDS = 5  # of random inputs; those that are not random come once
Case = tuple[Any, ...]  # the arguments of one call
Property = Callable[..., str | None]  # of a result: what is wrong with it, or None
Function = TypeVar("Function", bound=Callable[..., Any])


class Outcome(NamedTuple):
    """The outcome of one call: a value, or an error and its place; and which arguments were modified in place."""

    value: Any = None
    error: str = ""
    where: str = ""
    changed: tuple[int, ...] = ()

    @classmethod
    def read(cls, sent: dict[str, Any]) -> "Outcome":
        """From what `tinyseq.exercises.child.outcomes` yields, which a submission may have tampered with."""
        changed = tuple(int(i) for i in sent.get("changed", ()))
        error, where = plain(str(sent.get("error", ""))), plain(str(sent.get("where", "")))
        return cls(decode(sent.get("value")), error, where, changed)


def plain(text: str) -> str:
    """A submission's text, truncated, and without control characters."""
    return "".join(sign if sign.isprintable() else "?" for sign in text[:LONGEST])


class Mistake(NamedTuple):
    """A common mistake: the message, and the source of the solution with the mistake in it.

    Example:
        >>> from tinyseq.exercises import EXERCISES
        >>> EXERCISES["vjp_of_tanh"].mistakes[0].message
        'the output is not squared'
    """

    message: str
    source: str


@dataclass(frozen=True, eq=False, repr=False)
class Exercise:
    """One exercise of the book.

    Args:
        function: the solution; it has the exercise's name; its signature and docstring are the starting code.
        chapter: of the book, 1 to 16.
        title: in a few words.
        task: the task, in Markdown with formulas in dollars.
        inputs: yields the arguments of calls, given a random generator with a fixed seed; it is called several times
            to get more random ones.
        edits: the common mistakes: of each its message and, indented below it, the pieces of the solution that change,
            each as ``old => new``. A replacement of several lines stands below, indented once more.
        given: functions that the solution uses and the student is given.
        properties: what must be true of every result. They explain an error that is none of the common mistakes.
        unique: whether the solution's results are the only right ones; if not, the properties alone decide.
        rtol, atol: how close numbers must be.

    Example:
        >>> from tinyseq.exercises import EXERCISES
        >>> exercise = EXERCISES["vjp_of_tanh"]
        >>> exercise.chapter, exercise.title
        (3, 'The rule of tanh')
        >>> len(exercise.mistakes)
        7
    """

    function: Callable[..., object]
    chapter: int
    title: str
    task: str
    inputs: Callable[[np.random.Generator], Iterator[Case]]
    edits: str
    given: Sequence[Callable[..., object]] = ()
    properties: Sequence[Property] = ()
    unique: bool = True
    rtol: float = 1e-6
    atol: float = 1e-9

    @property
    def name(self) -> str:
        """The name of the function to write."""
        return self.function.__name__

    @property
    def parameters(self) -> list[str]:
        """The names of its arguments."""
        return list(inspect.signature(self.function).parameters)

    @cached_property
    def preamble(self) -> tuple[str, ...]:
        """The imports and the functions that the student gets, each a piece of source."""
        pieces = [source_of(function) for function in self.given]
        used = {
            node.id
            for piece in (*pieces, self.body)
            for node in ast.walk(ast.parse(piece))
            if isinstance(node, ast.Name)
        }
        return (*imports(self.function, used), *pieces)

    @cached_property
    def body(self) -> str:
        """The solution without the preamble."""
        return source_of(self.function)

    @cached_property
    def stub(self) -> str:
        """The starting code without the preamble: signature, docstring and dots."""
        (definition,) = ast.parse(self.body).body
        assert isinstance(definition, ast.FunctionDef)
        return "\n".join([*self.body.splitlines()[: definition.body[0].end_lineno], "    ...\n"])

    @cached_property
    def starter(self) -> str:
        """The starting code."""
        return joined(self.preamble, self.stub)

    @cached_property
    def solution(self) -> str:
        """A function that passes, from the imports on."""
        return joined(self.preamble, self.body)

    @cached_property
    def mistakes(self) -> tuple[Mistake, ...]:
        """The common mistakes.

        Raises:
            ValueError: a piece to be replaced does not occur in the solution exactly once.
        """
        return tuple(
            Mistake(message, joined(self.preamble, self._edited(pairs))) for message, *pairs in read_edits(self.edits)
        )

    def _edited(self, pairs: Sequence[str]) -> str:
        (definition,) = ast.parse(self.body).body
        assert isinstance(definition, ast.FunctionDef)
        lines = self.body.splitlines(keepends=True)
        end = definition.body[0].end_lineno or 0  # of the docstring
        head, code = "".join(lines[:end]), "".join(lines[end:])
        for old, new in zip(pairs[::2], pairs[1::2], strict=True):
            if code.count(old) != 1:
                raise ValueError(f"{self.name}: {old!r} occurs {code.count(old)} times in the solution, expected once")
            line = code[: code.index(old)].rpartition("\n")[2] + old
            code = code.replace(old, textwrap.indent(new, line[: len(line) - len(line.lstrip())]).lstrip())
        return head + code

    @cached_property
    def cases(self) -> list[list[object]]:
        """The arguments of each call, encoded."""
        rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        found = [[encode(argument) for argument in case] for _ in range(ROUNDS) for case in self.inputs(rng)]
        return list({repr(case): case for case in found}.values())

    def tried(self, function: Callable[..., object]) -> list[Outcome]:
        """The outcome of a function on every case, in this process."""
        files = [inspect.unwrap(function).__code__.co_filename] if isinstance(function, FunctionType) else []
        return [Outcome.read(sent) for sent in outcomes(function, self.cases, files)]

    @cached_property
    def expected(self) -> list[Outcome]:
        """The outcomes of the solution."""
        return self.tried(self.function)

    @cached_property
    def mistaken(self) -> list[list[Outcome]]:
        """The outcomes of each mistake."""
        return [self.tried(made(mistake.source, self.name)) for mistake in self.mistakes]

    def __repr__(self) -> str:
        return f"Exercise({self.name!r}, chapter {self.chapter}: {self.title})"

    def __reduce__(self) -> tuple[Callable[[str], "Exercise"], tuple[str]]:
        return known, (self.name,)


DECLARED: dict[str, Exercise] = {}
UNKNOWN = "there is no exercise named {!r}"


def read_edits(text: str) -> list[list[str]]:
    """The common mistakes of an exercise: of each the message, then every piece that changes and its replacement.

    Raises:
        ValueError: what stands below a message is no edit.
    """
    found: list[list[str]] = []
    for line in textwrap.dedent(text).strip().splitlines():
        if not line.startswith(" "):
            found.append([line])
        elif "=>" in line:
            found[-1] += [piece.strip() for piece in line.split("=>")]
        elif len(found[-1]) == 1:
            raise ValueError(f"below the message of a mistake, expected `old => new`, got {line.strip()!r}")
        else:  # of a replacement of several lines
            found[-1][-1] = f"{found[-1][-1]}\n{line}"
    return [[message, *(textwrap.dedent(piece.lstrip("\n")) for piece in pieces)] for message, *pieces in found]


def exercise(chapter: int, title: str, task: str, **settings: Any) -> Callable[[Function], Function]:
    """Declare an exercise whose solution is the decorated function. For the parameters, see `Exercise`."""

    def declare(function: Function) -> Function:
        if function.__name__ in DECLARED:
            raise ValueError(f"an exercise named {function.__name__!r} is already declared")
        text = textwrap.dedent(task).strip()
        DECLARED[function.__name__] = Exercise(function, chapter, title, text, **settings)
        return function

    return declare


def in_order() -> list[Exercise]:
    """All exercises, by chapter."""
    return sorted(DECLARED.values(), key=lambda declared: declared.chapter)


def known(name: str) -> Exercise:
    """The exercise of a name.

    Raises:
        ValueError: there is none; the message names similar ones.
    """
    if name not in DECLARED:
        near = difflib.get_close_matches(name, DECLARED, n=3, cutoff=0.5)
        cure = f"did you mean {' or '.join(near)}?" if near else "`tinyseq check --list` prints their names"
        raise ValueError(f"{UNKNOWN.format(name)}; {cure}")
    return DECLARED[name]


def chosen(exercises: Sequence[Exercise | str]) -> list[Exercise]:
    """Exercises that are given themselves or by their names.

    Raises:
        TypeError: not a list of these.
        ValueError: there is no exercise of a name.
    """
    if (
        isinstance(exercises, str)
        or not is_list(exercises)
        or not all(isinstance(each, Exercise | str) for each in exercises)
    ):
        raise TypeError(f"exercises must be a list of exercises or of their names, got {shown(exercises)}")
    return [known(each) if isinstance(each, str) else each for each in exercises]


def made(source: str, name: str) -> Callable[..., Any]:
    """The function of a given name that some source defines."""
    namespace: dict[str, Any] = {"__name__": "exercise"}
    exec(compile(source, name, "exec"), namespace)
    function = namespace[name]
    assert isinstance(function, FunctionType)
    return function


def source_of(function: Callable[..., Any]) -> str:
    """A function's source without its decorators."""
    source = textwrap.dedent(inspect.getsource(function))
    (definition,) = ast.parse(source).body
    return "".join(source.splitlines(keepends=True)[definition.lineno - 1 :])


def imports(function: Callable[..., Any], used: set[str]) -> list[str]:
    """The imports of a function's file that some names need."""
    file = inspect.getmodule(function)
    found = []
    for node in ast.parse(inspect.getsource(file)).body if file is not None else ():
        if isinstance(node, ast.Import | ast.ImportFrom) and not getattr(node, "module", "").startswith("tinyseq"):
            node.names = [alias for alias in node.names if (alias.asname or alias.name) in used]
            found += [ast.unparse(node)] if node.names else []
    return found


def joined(preamble: Sequence[str], body: str) -> str:
    """One file: all imports first, then the functions, each after two empty lines."""
    lines = [piece for piece in preamble if not piece.startswith("def ")]
    functions = [piece.strip() for piece in (*preamble, body) if piece.startswith("def ")]
    return "\n\n\n".join(["\n".join(lines), *functions]).strip() + "\n"
