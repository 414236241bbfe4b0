"""The tables of a hidden Markov model: validated, with their logs and the names of states and symbols."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, Protocol, Self

import numpy as np

from tinyseq.autograd.tensor import Tensor, TensorLike, constant
from tinyseq.hmm.emissions import Categorical, Emission, Given
from tinyseq.hmm.inference.chain_arguments import warn_of_probabilities
from tinyseq.hmm.inference.passes.score_tables import Arcs
from tinyseq.hmm.model.labels import Labels
from tinyseq.hmm.model.probabilities import Probabilities, Table, as_table, in_recording, plain


class Parameters:
    """The tables of an `HMM`; see there for the arguments.

    Attributes:
        n: the length of the n-grams of states.
        emissions: the emission model.
        states: the names of the states.
        on_tape: whether a table is a tensor.
        device: ``"cuda"`` if a table is on a GPU, else ``"cpu"``.
        dtype: the common dtype of the tables.
    """

    def __init__(
        self,
        initial: TensorLike,
        transition: TensorLike,
        emission: TensorLike | Emission | None,
        *,
        end: TensorLike | None = None,
        states: Iterable[Hashable] | None = None,
        symbols: Iterable[Hashable] | None = None,
        unknown: Hashable | None = None,
    ) -> None:
        tables, transition, given, end = _taken(initial, transition, emission, end)
        if given is None:
            emission = Given(transition.shape[-1])
        elif not isinstance(emission, Emission):
            size = transition.shape[-1] if transition.ndim else 0
            if given.shape[0] != size and given.shape[1] == size:
                raise ValueError(
                    f"emission has shape {given.shape}, but needs one row for each of {size} states; use its .T"
                )
            _check_rows("emission", given, None)
            emission = Categorical(given, symbols, unknown)
        elif symbols is not None or unknown is not None:
            raise ValueError("symbols and unknown go with an emission table, not with an emission model")
        elif isinstance(emission, Categorical):
            _check_rows("emission", emission.probabilities, None)
        self._keep(tables, transition, emission, end, states, in_logs=False)
        if end is not None and not in_recording(end) and not ((plain(end) >= 0) & (plain(end) <= 1)).all():
            raise ValueError(f"end must hold probabilities, got {plain(end)}")
        _check_rows(self._name(0), tables[0], None)
        for i, table in enumerate(tables[1:], 1):
            _check_rows(self._name(i), table, end)
        _check_rows("transition", transition, end)

    @classmethod
    def from_logs(
        cls,
        initial: TensorLike,
        transition: TensorLike,
        emission: TensorLike | Emission | None,
        *,
        end: TensorLike | None = None,
        states: Iterable[Hashable] | None = None,
        symbols: Iterable[Hashable] | None = None,
        unknown: Hashable | None = None,
    ) -> Self:
        """Parameters from log scores: see `HMM.from_logs`."""
        tables, transition, given, end = _taken(initial, transition, emission, end)
        if given is None:
            emission = Given(transition.shape[-1])
        elif not isinstance(emission, Emission):
            _check_scores("emission", given)
            emission = Categorical(given, symbols, unknown, in_logs=True)
        elif isinstance(emission, Categorical):
            _check_scores("emission", emission.logs)
        model = cls.__new__(cls)
        model._keep(tables, transition, emission, end, states, in_logs=True)
        for i, table in enumerate(tables):
            _check_scores(model._name(i), table)
        _check_scores("transition", transition)
        if not in_recording(transition, *tables):
            logs = tuple(constant(plain(table)) for table in tables)
            warn_of_probabilities(logs, constant(plain(transition)), "HMM(...) takes probabilities")
        if end is not None:
            _check_scores("end", end)
        return model

    def _keep(
        self,
        tables: tuple[Table, ...],
        transition: Table,
        emission: Emission,
        end: Table | None,
        states: Any,
        in_logs: bool,
    ) -> None:
        """Store the tables after checking their shapes."""
        self.n = len(tables) + 1
        self.emissions = emission
        self.parts = (
            [Probabilities(table, in_logs) for table in tables],
            Probabilities(transition, in_logs),
            None if end is None else Probabilities(end, in_logs),
        )
        size = transition.shape[-1] if transition.ndim else 0
        if not size:
            raise ValueError(f"transition must have at least one state, got shape {transition.shape}")
        self.states = Labels(states, size, "state")
        for i, table in enumerate(tables):
            _expect(self._name(i), table, (size,) * (i + 1))
        varies = transition.ndim == self.n + 1
        _expect("transition", transition, (*transition.shape[: int(varies)], *(size,) * self.n))
        if emission.states != size:
            raise ValueError(f"emission has {emission.states} states (rows), but transition has {size}")
        if end is not None:
            _expect("end", end, (size,))
        parts = (*tables, transition, *(() if end is None else (end,)), *emission.parameters)
        self.on_tape = any(isinstance(part, Tensor) for part in parts)
        devices = {part.device for part in parts if isinstance(part, Tensor)}
        self.device = "cuda" if "cuda" in devices else "cpu"
        self.dtype = np.result_type(*(part.dtype for part in parts))

    def replaced(self, initial: tuple[Any, ...], transition: Any, emission: Emission, end: Any) -> Self:
        """The same names with other tables."""
        names = self.states if self.states.named else None
        return type(self)(initial, transition, emission, end=end, states=names)

    def why_no_probabilities(self) -> str | None:
        """Which table of a model of scores (`HMM.from_logs`) holds no probabilities; None if all do."""
        if not self.parts[1].in_logs:
            return None
        try:
            self.replaced(self.tables, self.transition, self.emissions, self.end)
        except ValueError as error:
            return str(error)
        return None

    def require_probabilities(self, what: str) -> None:
        """Raise an error for a model of scores that are not probabilities.

        Args:
            what: the name of what needs probabilities.

        Raises:
            ValueError: naming the first table that holds none.
        """
        if why := self.why_no_probabilities():
            raise ValueError(f"{what} needs probabilities, but this model has other scores: {why}")

    def _name(self, i: int) -> str:
        return f"initial[{i}]" if self.n > 2 else "initial"

    @property
    def tables(self) -> tuple[Table, ...]:
        """P(s_1), P(s_2 | s_1), ..., n - 1 of them."""
        return tuple(part.values for part in self.parts[0])

    @property
    def initial(self) -> Table | Any:
        """P(s_1); for n > 2 the tuple of P(s_1), P(s_2 | s_1), ..."""
        return self.tables if self.n > 2 else self.tables[0]

    @property
    def transition(self) -> Table:
        """P(s_t | history)."""
        return self.parts[1].values

    @property
    def longest(self) -> int | None:
        """The maximum sequence length if the transitions vary with time, else None."""
        transition = self.parts[1].given
        return transition.shape[0] + self.n - 1 if transition.ndim > self.n else None

    @property
    def end(self) -> Table | None:
        """P(stop | last state), or None."""
        return None if self.parts[2] is None else self.parts[2].values

    @property
    def logs(self) -> tuple[tuple[Table, ...], Table, Table | None]:
        """The logs of the initial tables, the transition and the end."""
        tables, transition, end = self.parts
        return tuple(part.logs for part in tables), transition.logs, None if end is None else end.logs

    @property
    def symbols(self) -> Sequence[Any]:
        """The names of the symbols, in the order of their ids; empty if observations are not symbols."""
        return self.emissions.symbols

    @property
    def emission(self) -> Table | Any:
        """P(symbol | state), (K, V), or the emission model if it has no such table."""
        return self.emissions.probabilities if isinstance(self.emissions, Categorical) else self.emissions

    def arcs(self) -> Arcs:
        """The logs of the tables, for the passes on raw arrays."""
        initial, transition, end = self.logs
        return Arcs.of(tuple(map(plain, initial)), plain(transition), None if end is None else plain(end))


class Model(Protocol):
    """Anything that has parameters and can be built from them, such as an `HMM`: the type its methods take as self."""

    @property
    def parameters(self) -> Parameters:
        """The tables."""

    @classmethod
    def from_parameters(cls, parameters: Parameters) -> Self:
        """A model with these parameters."""


def parameters_of(name: str, model: object) -> Parameters:
    """The tables of an argument that must be a model.

    Raises:
        TypeError: it is none.
    """
    found = getattr(model, "parameters", None)
    if not isinstance(found, Parameters):
        raise TypeError(f"{name} must be a ts.hmm.HMM, got {type(model).__name__}")
    return found


def _taken(
    initial: Any, transition: Any, emission: Any, end: Any
) -> tuple[tuple[Table, ...], Table, Any, Table | None]:
    """Copies of the arguments as tables; tensors stay tensors, and what is on a GPU becomes one."""
    tables = tuple(as_table(table, "initial") for table in (initial if isinstance(initial, tuple) else (initial,)))
    if not tables:
        raise ValueError("initial must hold at least one table, P(s_1), got an empty tuple")
    if emission is not None and not isinstance(emission, Emission):
        emission = as_table(emission, "emission")
        if emission.ndim != 2:
            raise ValueError(f"emission must have shape (states, symbols), got {emission.shape}")
    return tables, as_table(transition, "transition"), emission, None if end is None else as_table(end, "end")


def _expect(name: str, table: Table, shape: tuple[int, ...]) -> None:
    if table.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, as transition has {shape[-1]} states; got {table.shape}")


def _check_scores(name: str, table: Table) -> None:
    """Refuse NaN and +inf among log scores."""
    if in_recording(table):
        return
    wrong = np.argwhere(~(plain(table) < np.inf))
    if len(wrong):
        place = tuple(wrong[0].tolist())
        raise ValueError(f"{name}{list(place)} is {plain(table)[place]}; log scores must be finite or -inf")


def _check_rows(name: str, table: Table, end: Table | None) -> None:
    """Each row must sum to 1, or with ``end`` to the rest of it, or be all zero: a history without successors."""
    if in_recording(table, end):
        return
    values = plain(table)
    wrong = np.argwhere(~(values >= 0))
    if len(wrong):
        place = tuple(wrong[0].tolist())
        cure = "; HMM.from_logs takes logarithms" if (values <= 0).all() else ""
        raise ValueError(f"{name}{list(place)} is {values[place]}; probabilities must lie between 0 and 1{cure}")
    sums = values.sum(axis=-1)
    tolerance = 1e-4 if values.dtype == np.float32 else 1e-6  # rows that were once float32 are this close
    wanted = np.broadcast_to(1.0 if end is None else 1 - plain(end), sums.shape)
    good = np.abs(sums - wanted) <= tolerance
    if sums.ndim:  # only the distribution of the first state must not be all zero
        good |= sums == 0
    if not good.all():
        place = tuple(np.argwhere(~good)[0].tolist()) if sums.ndim else ()
        rest = "1"
        if end is not None:
            rest = (
                f"1 - end = {wanted[place]:.10g}; write {name} * (1 - end)[:, None] if the rows are of those that go on"
            )
        cure = "" if end is not None else _cure_of_sums(name, values, tolerance)
        raise ValueError(
            f"{name}{list(place) if place else ''} sums to {sums[place]:.10g}; it must sum to {rest}{cure}"
        )


def _cure_of_sums(name: str, values: Any, tolerance: float) -> str:
    """What to do about a table whose rows do not sum to 1."""
    if values.ndim == 2 and (np.abs(values.sum(axis=0) - 1) <= tolerance).all():
        return f"; its columns do, so give {name}.T: rows are 'from'" if name == "transition" else f"; give {name}.T"
    if (values == np.round(values)).all() and values.sum() > 1:
        return "; divide counts by the sum of their row"
    return ""
