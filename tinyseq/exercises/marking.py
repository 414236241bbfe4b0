"""Marking: from the outcome of every call to a verdict, and to the mistake that was made."""

from collections.abc import Sequence
from typing import NamedTuple

from tinyseq.exercises.child import decode
from tinyseq.exercises.compare import difference, same, shown
from tinyseq.exercises.record import Exercise, Outcome


class Verdict(NamedTuple):
    """The verdict on one function.

    Args:
        name: of the exercise.
        status: ``right``, ``wrong``, ``error``, ``missing`` or ``too slow``.
        message: which mistake was made, or an input on which the result differs; empty if it is right.

    Example:
        >>> Verdict("vjp_of_tanh", "right").points
        1
    """

    name: str
    status: str
    message: str = ""

    @property
    def points(self) -> int:
        """1 if right, otherwise 0."""
        return int(self.status == "right")


def mark(exercise: Exercise, outcomes: Sequence[Outcome]) -> Verdict:
    """The verdict on a function.

    Args:
        exercise: what it should do.
        outcomes: its outcome on each of the exercise's cases.

    Example:
        >>> from tinyseq.exercises import EXERCISES
        >>> mark(EXERCISES["vjp_of_tanh"], EXERCISES["vjp_of_tanh"].expected).status
        'right'
    """
    if len(outcomes) != len(exercise.cases):
        return Verdict(exercise.name, "error", f"{len(outcomes)} results of {len(exercise.cases)} came back")
    wrong = {i: fault for i, outcome in enumerate(outcomes) if (fault := _fault(exercise, i, outcome)) is not None}
    if not wrong:
        changed = next((outcome.changed for outcome in outcomes if outcome.changed), None)
        if changed is None:
            return Verdict(exercise.name, "right")
        names = ", ".join(exercise.parameters[i] for i in changed if i < len(exercise.parameters))
        return Verdict(
            exercise.name, "wrong", f"the results are right, but {names} is modified in place; work on a copy"
        )
    if all(outcome.value is None and not outcome.error for outcome in outcomes):
        return Verdict(exercise.name, "wrong", "it returns None: is a return statement missing?")
    message = recognised(exercise, outcomes)
    if message is not None:
        return Verdict(exercise.name, "wrong", message)
    worst = [i for i in wrong if outcomes[i].error] or list(wrong)
    smallest = min(worst, key=lambda i: (len(repr(exercise.cases[i])), i))
    failed = outcomes[smallest]
    if failed.error:
        where = f"{failed.where}: " if failed.where else ""
        return Verdict(exercise.name, "error", f"{where}{failed.error}, in {called(exercise, smallest)}")
    return Verdict(exercise.name, "wrong", f"{called(exercise, smallest)}: {wrong[smallest]}")


def recognised(exercise: Exercise, outcomes: Sequence[Outcome]) -> str | None:
    """The message of the first mistake that gives the same results on all cases, or None."""
    for mistake, given in zip(exercise.mistakes, exercise.mistaken, strict=True):
        if all(agree(exercise, a, b) for a, b in zip(given, outcomes, strict=True)):
            return mistake.message
    return None


def agree(exercise: Exercise, one: Outcome, other: Outcome) -> bool:
    """Whether both calls ended in an error, or both in the same result."""
    if one.error or other.error:
        return bool(one.error and other.error)
    return same(one.value, other.value, exercise.rtol, exercise.atol)


def _fault(exercise: Exercise, case: int, outcome: Outcome) -> str | None:
    """What is wrong with a result, or None."""
    if outcome.error:
        return outcome.error
    expected = exercise.expected[case].value
    differs = difference(expected, outcome.value, exercise.rtol, exercise.atol) if exercise.unique else None
    if exercise.unique and differs is None:
        return None
    arguments = tuple(map(decode, exercise.cases[case]))
    for holds in exercise.properties:
        try:
            fault = holds(arguments, outcome.value)
        except Exception:  # the result has a type that the property cannot handle
            fault = difference(expected, outcome.value, exercise.rtol, exercise.atol)
        if fault is not None:
            return fault
    return differs


def called(exercise: Exercise, case: int) -> str:
    """A call as it would be written, abbreviated."""
    arguments = [decode(argument) for argument in exercise.cases[case]]
    return (
        f"{exercise.name}({', '.join(f'{n}={shown(a)}' for n, a in zip(exercise.parameters, arguments, strict=True))})"
    )
