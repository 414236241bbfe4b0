"""What training reports: each step, and the result."""

from typing import Generic, NamedTuple, TypeVar

M = TypeVar("M")


class EMReport(NamedTuple):
    """The state of a run of Baum-Welch.

    Attributes:
        step: the number of steps taken; with several starts, from this start.
        log_likelihood: of all sequences, after these steps.
        start: which start it is, from 0.
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
