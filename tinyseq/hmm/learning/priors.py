"""Priors of a model's parameters, for maximum a posteriori (MAP) estimates: see ``priors`` of `HMM.fit_em`.

The tables of probabilities have Dirichlet priors, whose parameters a act like a - 1 more counts of each outcome. A row
of transitions is the distribution of the next state, given that the sequence goes on; whether it does has a Beta prior.
What an emission model's priors mean, and what they add, is described in `tinyseq.hmm.emissions.densities.priors`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinyseq.backend import Array
from tinyseq.hmm.emissions.densities.priors import broadcast, counts, log_dirichlet, pair
from tinyseq.hmm.model.parameters import Parameters
from tinyseq.hmm.model.probabilities import plain

TABLES = ("initial", "transition", "end")


class Priors:
    """The priors of a model, checked.

    Args:
        model: the parameters.
        given: the priors by name, or None.

    Attributes:
        emission: those of the emission model.

    Raises:
        ValueError: for an unknown name, or a prior that does not fit the model.
        TypeError: for a prior of another form.
    """

    def __init__(self, model: Parameters, given: Mapping[str, Any] | None) -> None:
        if given is not None and not isinstance(given, Mapping):
            raise TypeError(f"priors must be a dict such as {{'transition': 2.0}}, got {type(given).__name__}")
        self.given = dict(given or {})
        known = ("initial", "transition", *(("end",) if model.end is not None else ()), *model.emissions.conjugate)
        for name in self.given:
            if name not in known:
                raise ValueError(f"priors names {name!r}; this model takes priors of {', '.join(known)}")
        self.emission = {name: prior for name, prior in self.given.items() if name not in TABLES}
        self.log_density(model)  # so that a prior that does not fit is found before any work

    def initial(self, tables: tuple[Array, ...]) -> list[Array]:
        """What is added to the counts of P(s_1), P(s_2 | s_1), ..."""
        return [counts(*named, table) for named, table in zip(self._initial(len(tables)), tables, strict=True)]

    def transition(self, table: Array) -> Array:
        """What is added to the counts of transitions."""
        return counts("transition", self.given.get("transition", 1.0), table)

    def end(self, end: Array) -> tuple[Array, Array]:
        """What is added to the counts of stops, and of going on, (K,) each."""
        a, b = pair("end", self.given.get("end", (1.0, 1.0)), "a, b")
        a, b = broadcast("end", a, end.shape, 1), broadcast("end", b, end.shape, 1)
        return (a - 1) * (end > 0), (b - 1) * (end < 1)

    def log_density(self, model: Parameters) -> float:
        """The log density of the priors at a model, up to a constant."""
        if not self.given:
            return 0.0
        tables, end = [plain(table) for table in model.tables], model.end
        on = np.ones(1) if end is None else 1 - plain(end)
        on = np.where(on > 0, on, 1.0)[:, None]
        found = 0.0
        for i, (name, prior) in enumerate(self._initial(len(tables))):
            found += log_dirichlet(name, prior, tables[i] / on if i else tables[i])
        if "transition" in self.given:
            found += log_dirichlet("transition", self.given["transition"], plain(model.transition) / on)
        if end is not None:
            for more, share in zip(self.end(plain(end)), (plain(end), 1 - plain(end)), strict=True):
                found += float(np.sum(more * np.log(np.where(more > 0, share, 1.0))))
        return found + (model.emissions.log_prior(self.emission) if self.emission else 0.0)

    def _initial(self, number: int) -> list[tuple[str, Any]]:
        """The name and the prior of each initial table."""
        prior = self.given.get("initial", 1.0)
        if not isinstance(prior, tuple):
            return [("initial", prior)] * number
        if number == 1 or len(prior) != number:
            wanted = "an array or a list" if number == 1 else f"a tuple of {number}, one for each table"
            raise ValueError(f"the prior of initial must be a number or {wanted}; got a tuple of {len(prior)}")
        return [(f"initial[{i}]", part) for i, part in enumerate(prior)]
