"""Reports: the verdicts on one submission, for a terminal, a notebook or a table."""

from collections import Counter
from collections.abc import Sequence
from html import escape

from tinyseq.exercises.marking import Verdict
from tinyseq.exercises.record import plain
from tinyseq.html_tables import TableCell, html_table

SIGNS = {"right": "✓", "wrong": "✗", "error": "!", "missing": "-", "too slow": "…"}


class Report(list[Verdict]):
    """The verdicts on one submission.

    Args:
        verdicts: one for each exercise.
        file: the name of the submission.
        notes: further remarks.

    Example:
        >>> Report([Verdict("softmax", "right"), Verdict("forward", "missing")])
        softmax  ✓ right
        forward  - missing
        1 of 2 points
    """

    def __init__(self, verdicts: Sequence[Verdict] = (), file: str = "", notes: Sequence[str] = ()) -> None:
        super().__init__(verdicts)
        self.file = plain(file)
        self.notes = tuple(notes)

    @property
    def points(self) -> int:
        """The number of exercises that are right."""
        return sum(verdict.points for verdict in self)

    def __reduce__(self) -> tuple[type["Report"], tuple[list[Verdict], str, tuple[str, ...]]]:
        return Report, (list(self), self.file, self.notes)

    def __repr__(self) -> str:
        width = max((len(verdict.name) for verdict in self), default=0)
        lines = [self.file] if self.file else []
        verdicts, notes = self._told()
        for verdict in verdicts:
            status = f"{SIGNS[verdict.status]} {verdict.status}"
            lines.append(f"{verdict.name:{width}}  {status}{': ' if verdict.message else ''}{verdict.message}")
        lines += [f"note: {note}" for note in notes]
        return "\n".join([*lines, f"{self.points} of {len(self)} points"])

    def _repr_html_(self) -> str:
        verdicts, told = self._told()
        rows = [
            (TableCell(verdict.name), f"{SIGNS[verdict.status]} {verdict.status}", TableCell(verdict.message))
            for verdict in verdicts
        ]
        notes = "".join(f"<p>note: {escape(note)}</p>" for note in told)
        return f"{html_table('', rows)}{notes}<p>{self.points} of {len(self)} points</p>"

    @property
    def comments(self) -> str:
        """Everything but "right", in one line."""
        verdicts, notes = self._told()
        said = [
            f"{verdict.name}: {verdict.status}{', ' if verdict.message else ''}{verdict.message}"
            for verdict in verdicts
            if verdict.status != "right"
        ]
        return "; ".join([*said, *notes])

    def _told(self) -> tuple[list[Verdict], list[str]]:
        """The verdicts and notes; a fault of the whole file, such as a syntax error, is said once, as a note."""
        times = Counter(verdict.message for verdict in self if verdict.status in ("error", "too slow"))
        faults = [message for message, number in times.items() if message and number > 1]
        verdicts = [verdict._replace(message="") if verdict.message in faults else verdict for verdict in self]
        return verdicts, [*faults, *self.notes]
