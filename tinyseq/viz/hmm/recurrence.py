"""The recurrence of a trellis as text: its formula, and that of each cell with numbers."""

import math

from tinyseq.viz.hmm.lattice import Cell, Lattice
from tinyseq.viz.rendering.style import number

SMALLEST = 1e-6  # smaller probabilities are shown as logs


class Recurrence:
    """The texts of a lattice of probabilities or densities.

    Args:
        grid: its numbers.

    Attributes:
        as_logs: whether scores are shown as natural logs, because probabilities would be illegible.
        p, name: the symbol and the name of the probability, or density, of an observation.
        ln, times, joined: the prefix of a probability, the sign between two, and the name of a sum.
    """

    def __init__(self, grid: Lattice) -> None:
        self.grid = grid
        self.of = "s" if grid.n == 2 else "h"
        self.p, self.name = ("p", "density") if grid.kind == "density" else ("P", "probability")  # of observations
        possible = [cell.score for cell in grid.cells if math.isfinite(cell.score)]
        low, high = (exponential(end(possible, default=0.0)) for end in (min, max))
        self.as_logs = bool(possible) and not SMALLEST <= low <= high <= 1 / SMALLEST
        self.ln, self.times, self.joined = ("ln ", " + ", "ln Σ exp") if self.as_logs else ("", " · ", "sum")

    # -- the names of the parts, and their values: scores have others --------------------------------------------------

    def emission(self, cell: Cell) -> str:
        """A cell's observation given its state, as it is written: P(a | H)."""
        return f"{self.p}({self.grid.symbols[cell.t]} | {cell.newest})"

    def transition(self, tail: Cell, head: Cell) -> str:
        """The newest state of a cell given the history before it."""
        return f"P({head.newest} | {tail.name})"

    def beginning(self, cell: Cell) -> str:
        """The first state."""
        return f"P({cell.name})"

    def stopping(self) -> str:
        """The end after a state."""
        return "P(stop | s)"

    def value(self, log_score: float) -> str:
        """A number of the model."""
        return number(exponential(log_score))

    def whole(self) -> str:
        """What the sum over all paths is."""
        return f"{self.ln}{self.p}({' '.join(self.grid.symbols)})"

    def formula(self) -> str:
        """The formula of the recurrence."""
        joined, logs = self.grid.sum.word, ", shown as natural logs" * self.as_logs
        if self.grid.n == 2:
            return f"score(s, t) = {self.p}(o | s) · {joined} over s′ of score(s′, t − 1) · P(s | s′){logs}"
        return f"score(h, t) = {self.p}(o | s) · {joined} over h′ of score(h′, t − 1) · P(s | h′){logs}{self._where()}"

    def total(self, log_score: float) -> str:
        """The result: of a path, or of all of them."""
        if math.log(SMALLEST) < log_score < -math.log(SMALLEST):
            return f"{self.name} {number(exponential(log_score), 6)}"
        return f"log {self.name} {number(log_score, 6)}"

    def _factor(self, log_score: float) -> str:
        """A factor of the recurrence; among logs, just its log if the exponential would be illegible."""
        if self.as_logs and abs(log_score) > 50 and log_score != -math.inf:
            return number(log_score, 4)
        return f"{self.ln}{number(exponential(log_score))}"

    # -- the recurrence ------------------------------------------------------------------------------------------------

    def last(self, best: bool) -> str:
        """The final result."""
        stop, last = self.grid.stop, self.grid.columns[-1]
        stopping = f"{self.times}{self.ln}{self.stopping()}" if stop else ""
        steps, total = len(self.grid.columns), self.score(self.grid.total)
        whole = f"over {self.of} of score({self.of}, {steps}){stopping} = {total}"
        if best:
            return f"best end: max {whole}, in {max(last, key=lambda cell: cell.score + stop.get(cell, 0.0)).name}"
        return f"{self.whole()} = {self.joined} {whole}"

    def cell(self, cell: Cell) -> str:
        """The formula of a cell, with numbers."""
        score, emission = self.score(cell.score), self._factor(cell.emission)
        rule = f"score({cell.name}, {cell.t + 1}) = {self.ln}{self.emission(cell)}{self.times}"
        if not cell.t:
            begin = self._factor(self.grid.start[cell])
            return f"{rule}{self.ln}{self.beginning(cell)} = {emission}{self.times}{begin} = {score}"
        terms = self._terms(cell)
        if self.grid.semiring == "max":
            best = cell.best
            came = "not drawn"
            if best:
                came = f"score({best.name}, {cell.t}){self.times}{self.ln}{self.transition(best, cell)}"
            arriving = terms[best] if best else self.score(cell.arriving)
            return f"{rule}(best: {came}) = {emission}{self.times}({arriving}) = {score}"
        shown = list(terms.values())[:4] + ["…"] * (len(terms) > 4 or self.grid.left_out > 0)
        words = f"{self.joined} [{'; '.join(shown)}]" if self.as_logs else f"({' + '.join(shown)})"
        return f"{rule}({self.joined}) = {emission}{self.times}{words} = {score}"

    def arc(self, tail: Cell, head: Cell) -> str:
        """An arc between two cells, with its number."""
        return f"{self.transition(tail, head)} = {self.value(head.before[tail])}"

    def candidates(self, cell: Cell) -> list[tuple[str, bool]]:
        """The products that compete for a cell after the first step, before the emission, and whether each one lost."""
        best, incoming = cell.best, cell.incoming
        return [
            (f"{tail.name}: {term} = {self.score(incoming[tail])}", tail is not best)
            for tail, term in self._terms(cell).items()
        ]

    def score(self, log_score: float) -> str:
        if log_score == -math.inf:
            return "0" if not self.as_logs else "−∞"
        return number(log_score, 4) if self.as_logs else number(exponential(log_score), 6)

    def shown_score(self, log_score: float) -> float | None:
        """A score as it is shown, as a number; None if that is not finite."""
        score = log_score if self.as_logs else exponential(log_score)
        return float(score) if math.isfinite(score) else None

    def _terms(self, cell: Cell) -> dict[Cell, str]:
        """What each history before a cell contributes to it."""
        return {tail: f"{self.score(tail.score)}{self.times}{self._factor(arc)}" for tail, arc in cell.before.items()}

    def _where(self) -> str:
        return f"; h is the last {self.grid.n - 1} states, s the newest of them, and h′ those before s"


class ScoreRecurrence(Recurrence):
    """The texts of a lattice of scores that are not probabilities, such as a CRF's: they are added up unchanged."""

    def __init__(self, grid: Lattice) -> None:
        super().__init__(grid)
        self.as_logs, self.name = True, "score"
        self.ln, self.times, self.joined = "", " + ", "ln Σ exp"

    def emission(self, cell: Cell) -> str:
        """The score of a cell's state at its step."""
        return f"emission[{cell.t + 1}, {cell.newest}]"

    def transition(self, tail: Cell, head: Cell) -> str:
        """The score of the newest state of a cell after the history before it."""
        return f"transition[{', '.join(tail.names)}, {head.newest}]"

    def beginning(self, cell: Cell) -> str:
        """The score of the first state."""
        return f"start[{cell.name}]"

    def stopping(self) -> str:
        """The score of the last state."""
        return "end[s]"

    def value(self, log_score: float) -> str:
        """A score."""
        return self.score(log_score)

    def whole(self) -> str:
        """The logarithm of the sum over all paths."""
        return "ln Z"

    def formula(self) -> str:
        """The formula of the recurrence."""
        joined = "max" if self.grid.semiring == "max" else self.joined
        if self.grid.n == 2:
            return f"score(s, t) = emission[t, s] + {joined} over s′ of (score(s′, t − 1) + transition[s′, s])"
        return (
            f"score(h, t) = emission[t, s] + {joined} over h′ of (score(h′, t − 1) + transition[h′, s]){self._where()}"
        )

    def total(self, log_score: float) -> str:
        """The result: of a path, or of all of them."""
        return f"{'score' if self.grid.semiring == 'max' else 'ln Z'} {number(log_score, 6)}"

    def _factor(self, log_score: float) -> str:
        return self.score(log_score)


def exponential(log_score: float) -> float:
    """The exponential; infinity on overflow, since scores need not be logs of probabilities."""
    return math.exp(log_score) if log_score < 700 else math.inf
