"""The recurrence of a trellis as text: its formula, and that of each cell with numbers."""

import math

import numpy as np

from tinyseq.viz.hmm.lattice import Lattice, grows
from tinyseq.viz.rendering.style import number

SMALLEST = 1e-6  # smaller probabilities are shown as logs
SUMS = {"max": "max", "log": "sum"}


class Recurrence:
    """The texts of a lattice.

    Args:
        grid: its numbers.
        states: the names of the states.
        semiring: ``"max"`` or ``"log"``.

    Attributes:
        names: the history in each cell, by name.
        newest: the name of its newest state.
        as_logs: whether scores are shown as natural logs, because probabilities would be illegible.
        p, name: the symbol and the name of the probability, or density, of an observation.
    """

    def __init__(self, grid: Lattice, states: list[str], semiring: str) -> None:
        self.grid = grid
        self.states = states
        self.semiring = semiring
        self.steps, self.count = grid.scores.shape
        self.names = {
            (t, row): " ".join(states[state] for state in history)
            for t, column in enumerate(grid.cells)
            for row, history in column.items()
        }
        self.newest = {(t, row): states[column[row][-1]] for t, column in enumerate(grid.cells) for row in column}
        self.of = "s" if grid.n == 2 else "h"
        self.p, self.name = ("p", "density") if grid.density else ("P", "probability")  # of observations
        possible = grid.scores[np.isfinite(grid.scores)]
        low, high = (exponential(end(possible, default=0.0)) for end in (min, max))
        self.as_logs = bool(possible.size) and not SMALLEST <= low <= high <= 1 / SMALLEST

    def formula(self) -> str:
        """The formula of the recurrence."""
        joined, logs = SUMS[self.semiring], ", shown as natural logs" * self.as_logs
        if self.grid.n == 2:
            return f"score(s, t) = {self.p}(o | s) · {joined} over s′ of score(s′, t − 1) · P(s | s′){logs}"
        rest = f"; h is the last {self.grid.n - 1} states, s the newest of them, and h′ those before s"
        return f"score(h, t) = {self.p}(o | s) · {joined} over h′ of score(h′, t − 1) · P(s | h′){logs}{rest}"

    def last(self, best: bool) -> str:
        """The final result."""
        stop = np.zeros(self.count) if self.grid.end is None else self.grid.end
        last = self.grid.scores[-1] + stop
        ln, times, joined = self._signs()
        stopping = "" if self.grid.end is None else f"{times}{ln}P(stop | s)"
        whole = f"over {self.of} of score({self.of}, {self.steps}){stopping} = {self.score(self.grid.total)}"
        if best:
            return f"best end: max {whole}, in {self.names[self.steps - 1, int(last.argmax())]}"
        return f"{ln}{self.p}({' '.join(self.grid.symbols)}) = {joined} {whole}"

    def cell(self, t: int, row: int) -> str:
        """The formula of a cell, with numbers."""
        ln, times, joined = self._signs()
        score, emission = self.score(self.grid.scores[t, row]), self._factor(self.grid.emission[t, row])
        name, state = self.names[t, row], self.newest[t, row]
        rule = f"score({name}, {t + 1}) = {ln}{self.p}({self.grid.symbols[t]} | {state}){times}"
        if not t:
            begin = self._factor(self.grid.initial[row])
            return f"{rule}{ln}P({name}) = {emission}{times}{begin} = {score}"
        terms = self._terms(t, row)
        if self.semiring == "max":
            best = int(self.grid.best_tails()[t - 1, row])
            tail = self.names[t - 1, best] if best in terms else "a history that is not drawn"
            arriving = terms[best] if best in terms else self.score(self.grid.arriving[t - 1, row])
            return f"{rule}(best, from {tail}) = {emission}{times}({arriving}) = {score}"
        shown = list(terms.values())[:4] + ["…"] * (len(terms) > 4 or self.grid.left_out > 0)
        words = f"{joined} [{'; '.join(shown)}]" if self.as_logs else f"({' + '.join(shown)})"
        return f"{rule}({joined}) = {emission}{times}{words} = {score}"

    def _terms(self, t: int, row: int) -> dict[int, str]:
        """What each history before a cell contributes to it."""
        times, history = self._signs()[1], self.grid.cells[t][row]
        return {
            tail: f"{self.score(self.grid.scores[t - 1, tail])}{times}{self._factor(self.grid.arcs[t - 1, tail, row])}"
            for tail, before in self.grid.cells[t - 1].items()
            if grows(before, history)
        }

    def candidates(self, t: int, row: int) -> list[tuple[str, bool]]:
        """The products that compete for a cell after the first step, before the emission, and whether each one lost."""
        best, incoming = int(self.grid.best_tails()[t - 1, row]), self.grid.incoming[t - 1]
        return [
            (f"{self.names[t - 1, tail]}: {term} = {self.score(incoming[tail, row])}", tail != best)
            for tail, term in self._terms(t, row).items()
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
    """The exponential; infinity on overflow, as scores need not be logs of probabilities."""
    return math.exp(log_score) if log_score < 700 else math.inf


def total_text(log_score: float, name: str) -> str:
    if math.log(SMALLEST) < log_score < -math.log(SMALLEST):
        return f"{name} {number(exponential(log_score), 6)}"
    return f"log {name} {number(log_score, 6)}"
