"""What training reports: each step, and the result."""

from typing import Generic, NamedTuple, TypeVar

M = TypeVar("M")


class EMReport(NamedTuple):
    """The state of a run of Baum-Welch.

    Attributes:
        step: the number of steps taken; with several starts, from this start.
        log_likelihood: of all sequences, after these steps.
        start: which start it is, from 0.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]])
        >>> reports = []
        >>> _ = hmm.fit_em([0, 0, 0, 1, 1, 1, 1], max_steps=1, callbacks=[reports.append])
        >>> [(report.step, round(report.log_likelihood, 2)) for report in reports]
        [(0, -4.85), (1, -3.69)]
    """

    step: int
    log_likelihood: float
    start: int


class EMStep(NamedTuple, Generic[M]):
    """The model after a step of training, as `HMM.fit_em_steps` yields it.

    Attributes:
        step: the number of steps taken so far.
        log_likelihood: of all sequences, under this model.
        model: the model after these steps.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]])
        >>> steps = hmm.fit_em_steps([0, 0, 0, 1, 1, 1, 1], max_steps=1)
        >>> [(step.step, round(step.log_likelihood, 2)) for step in steps]
        [(0, -4.85), (1, -3.69)]
    """

    step: int
    log_likelihood: float
    model: M


class Fitted(NamedTuple, Generic[M]):
    """The result of training.

    Attributes:
        model: the best model found.
        log_likelihoods: the log-likelihood of all sequences before each step, and after the last.
        converged: whether the last steps gained no more than the tolerance.
        restarts: the last log-likelihood of each start, with priors the last objective; the worse ones were stopped
            early. -inf for a start that a callback left no time for.
        objectives: what never decreases: with priors the log-likelihoods plus the log density of the priors, up to a
            constant; else the log-likelihoods.

    Example:
        >>> from tinyseq.hmm import HMM
        >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]])
        >>> fitted = hmm.fit_em([0, 0, 0, 1, 1, 1, 1], max_steps=2)
        >>> fitted
        Fitted(HMM(n=2, states=2, symbols=2), not converged after 2 steps: log-likelihood -4.84633 -> -2.71633)
        >>> fitted.model.viterbi([0, 1]).path.tolist()
        [0, 1]
    """

    model: M
    log_likelihoods: list[float]
    converged: bool
    restarts: list[float]
    objectives: list[float]

    def __repr__(self) -> str:
        first, last = self.log_likelihoods[0], self.log_likelihoods[-1]
        state = "converged" if self.converged else "not converged"
        steps = len(self.log_likelihoods) - 1
        chosen = f", best of {len(self.restarts)} starts" if len(self.restarts) > 1 else ""
        return f"Fitted({self.model!r}, {state} after {steps} steps: log-likelihood {first:.6g} -> {last:.6g}{chosen})"
