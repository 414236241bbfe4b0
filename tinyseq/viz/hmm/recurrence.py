"""The recurrence of a trellis as text: its formula, and that of each cell with numbers."""

import math

from tinyseq.viz.hmm.lattice import Cell, Lattice
from tinyseq.viz.rendering.style import number

SMALLEST = 1e-6  # smaller probabilities are shown as logs


class Recurrence:
    """The texts of a lattice.

    Args:
        grid: its numbers.

    Attributes:
        as_logs: whether scores are shown as natural logs, because probabilities would be illegible.
        p, name: the symbol and the name of the probability, or density, of an observation.
    """

    def __init__(self, grid: Lattice) -> None:
        self.grid = grid
        self.of = "s" if grid.n == 2 else "h"
        self.p, self.name = ("p", "density") if grid.density else ("P", "probability")  # of observations
        possible = [cell.score for cell in grid.cells if math.isfinite(cell.score)]
        low, high = (exponential(end(possible, default=0.0)) for end in (min, max))
        self.as_logs = bool(possible) and not SMALLEST <= low <= high <= 1 / SMALLEST

    def formula(self) -> str:
        """The formula of the recurrence."""
        joined, logs = self.grid.sum.word, ", shown as natural logs" * self.as_logs
        if self.grid.n == 2:
            return f"score(s, t) = {self.p}(o | s) · {joined} over s′ of score(s′, t − 1) · P(s | s′){logs}"
        rest = f"; h is the last {self.grid.n - 1} states, s the newest of them, and h′ those before s"
        return f"score(h, t) = {self.p}(o | s) · {joined} over h′ of score(h′, t − 1) · P(s | h′){logs}{rest}"

    def last(self, best: bool) -> str:
        """The final result."""
        stop, last = self.grid.stop, self.grid.columns[-1]
        ln, times, joined = self._signs()
        stopping = f"{times}{ln}P(stop | s)" if stop else ""
        steps, total = len(self.grid.columns), self.score(self.grid.total)
        whole = f"over {self.of} of score({self.of}, {steps}){stopping} = {total}"
        if best:
            return f"best end: max {whole}, in {max(last, key=lambda cell: cell.score + stop.get(cell, 0.0)).name}"
        return f"{ln}{self.p}({' '.join(self.grid.symbols)}) = {joined} {whole}"

    def emission(self, cell: Cell) -> str:
        """The probability of a cell's observation, as it is written: P(a | H)."""
        return f"{self.p}({self.grid.symbols[cell.t]} | {cell.newest})"

    def cell(self, cell: Cell) -> str:
        """The formula of a cell, with numbers."""
        ln, times, joined = self._signs()
        score, emission = self.score(cell.score), self._factor(cell.emission)
        rule = f"score({cell.name}, {cell.t + 1}) = {ln}{self.emission(cell)}{times}"
        if not cell.t:
            begin = self._factor(self.grid.start[cell])
            return f"{rule}{ln}P({cell.name}) = {emission}{times}{begin} = {score}"
        terms = self._terms(cell)
        if self.grid.semiring == "max":
            best = cell.best
            came = f"score({best.name}, {cell.t}){times}{ln}P({cell.newest} | {best.name})" if best else "not drawn"
            arriving = terms[best] if best else self.score(cell.arriving)
            return f"{rule}(best: {came}) = {emission}{times}({arriving}) = {score}"
        shown = list(terms.values())[:4] + ["…"] * (len(terms) > 4 or self.grid.left_out > 0)
        words = f"{joined} [{'; '.join(shown)}]" if self.as_logs else f"({' + '.join(shown)})"
        return f"{rule}({joined}) = {emission}{times}{words} = {score}"

    def _terms(self, cell: Cell) -> dict[Cell, str]:
        """What each history before a cell contributes to it."""
        times = self._signs()[1]
        return {tail: f"{self.score(tail.score)}{times}{self._factor(arc)}" for tail, arc in cell.before.items()}

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

    def _factor(self, log_score: float) -> str:
        """A factor of the recurrence; among logs, just its log if the exponential would be illegible."""
        if self.as_logs and abs(log_score) > 50 and log_score != -math.inf:
            return number(log_score, 4)
        return f"{self._signs()[0]}{number(exponential(log_score))}"

    def _signs(self) -> tuple[str, str, str]:
        """The prefix of a probability, the sign between two, and the name of a sum; for probabilities or for logs."""
        return ("ln ", " + ", "ln Σ exp") if self.as_logs else ("", " · ", "sum")


def exponential(log_score: float) -> float:
    """The exponential; infinity on overflow, since scores need not be logs of probabilities."""
    return math.exp(log_score) if log_score < 700 else math.inf


def total_text(log_score: float, name: str) -> str:
    if math.log(SMALLEST) < log_score < -math.log(SMALLEST):
        return f"{name} {number(exponential(log_score), 6)}"
    return f"log {name} {number(log_score, 6)}"
