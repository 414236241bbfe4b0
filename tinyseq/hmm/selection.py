"""Model selection: train models with different numbers of states and compare them."""

from collections.abc import Iterable
from typing import NamedTuple, Unpack

from tinyseq.arguments import listed, whole
from tinyseq.hmm.interop.estimator import HMMEstimator, Settings
from tinyseq.hmm.interop.estimator_inputs import Given, samples
from tinyseq.hmm.model.hmm import HMM
from tinyseq.html_tables import html_table

HEADINGS = ("states", "free", "log-likelihood", "AIC", "BIC", "held out")


class Candidate(NamedTuple):
    """A model with a given number of states.

    Attributes:
        states: K.
        free_parameters: the number of free parameters.
        log_likelihood: the log-likelihood of the training sequences.
        aic, bic: the criteria on the training sequences; lower is better.
        held_out: the log-likelihood of the held-out sequences, or None if there are none.
        model: the model.

    Example:
        >>> from tinyseq.hmm import compare
        >>> [one] = compare([[0, 1, 0, 1, 1], [1, 0, 1]], [1], restarts=1, random_state=0)
        >>> one.states, one.free_parameters, round(one.log_likelihood, 3)
        (1, 1, -5.293)
    """

    states: int
    free_parameters: int
    log_likelihood: float
    aic: float
    bic: float
    held_out: float | None
    model: HMM


class Comparison(tuple[Candidate, ...]):
    """The candidates in the order requested; prints as a table.

    Example:
        >>> from tinyseq.hmm import compare
        >>> [found.states for found in compare([[0, 1, 0, 1, 1], [1, 0, 1]], [1, 2], restarts=1, random_state=0)]
        [1, 2]
    """

    def best(self, criterion: str = "bic") -> Candidate:
        """The best candidate.

        Args:
            criterion: ``"bic"``, ``"aic"`` or ``"held_out"``.

        Returns:
            The candidate.

        Raises:
            ValueError: for an unknown criterion, or ``"held_out"`` without held-out sequences.
        """
        if criterion not in ("aic", "bic", "held_out"):
            raise ValueError(f"criterion must be 'bic', 'aic' or 'held_out', got {criterion!r}")
        if criterion == "held_out":
            if any(candidate.held_out is None for candidate in self):
                raise ValueError("there are no held-out sequences; pass held_out= to compare")
            return max(self, key=lambda candidate: candidate.held_out or 0.0)
        return min(self, key=lambda candidate: float(getattr(candidate, criterion)))

    def _rows(self) -> list[list[str]]:
        columns = HEADINGS if all(c.held_out is not None for c in self) else HEADINGS[:-1]
        numbers = [[f"{c.states}", f"{c.free_parameters}", *(f"{v:.2f}" for v in c[2:5])] for c in self]
        if len(columns) == len(HEADINGS):
            numbers = [[*row, f"{c.held_out:.2f}"] for row, c in zip(numbers, self, strict=True)]
        return [list(columns), *numbers]

    def __repr__(self) -> str:
        rows = self._rows()
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join("  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in rows)

    def _repr_html_(self) -> str:
        head, *body = self._rows()
        return html_table("", body, head)


def compare(
    X: Given, states: Iterable[int] = (1, 2, 3, 4), *, held_out: Given | None = None, **settings: Unpack[Settings]
) -> Comparison:
    """Train models with different numbers of states without labels, and compare them.

    Args:
        X: the training sequences, as for `HMMEstimator`.
        states: the numbers of states to try.
        held_out: held-out sequences to score.
        **settings: arguments of `HMMEstimator`, such as ``emission="diag"`` or ``random_state=0``.

    Returns:
        A `Comparison`, one `Candidate` for each size.

    Raises:
        ValueError: if ``states`` is empty, and as for `HMMEstimator.fit`.

    Example:
        >>> import numpy as np
        >>> from tinyseq.hmm import HMM, compare
        >>> truth = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[0.9, 0.1], [0.1, 0.9]])
        >>> rng = np.random.default_rng(0)
        >>> data = [truth.sample(50, rng).observations for _ in range(20)]
        >>> compare(data, [1, 2, 3], restarts=3, random_state=0).best().states
        2
    """
    sizes = [whole("states", size) for size in listed("states", states, "a list of numbers of states", ordered=False)]
    if not sizes:
        raise ValueError("states must contain at least one number of states")
    vectors = settings.get("emission", "categorical") != "categorical"
    if held_out is not None:
        samples(held_out, None, vectors, "held_out")  # an error names it, before any model is trained
    found = []
    for size in sizes:
        estimator = HMMEstimator(size, **settings).fit(X)
        model, x = estimator.hmm_, samples(X, None, vectors).sequences
        held = None if held_out is None else estimator.score(held_out)
        likelihood = float(model.log_likelihood(x).sum())
        found.append(Candidate(size, model.free_parameters(), likelihood, model.aic(x), model.bic(x), held, model))
    return Comparison(found)
