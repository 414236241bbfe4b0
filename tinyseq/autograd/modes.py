"""Recording modes: whether to record, and the module path and time step of recorded ops."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from contextvars import ContextVar
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from itertools import count
from types import TracebackType
from typing import Any, Generic, NamedTuple, TypeVar, cast

from tinyseq.arguments import whole

Function = TypeVar("Function", bound=Callable[..., Any])
Value = TypeVar("Value")


class Gates(NamedTuple):
    """The gates stacked in the result of a recurrent step: their names in order, which may have none, and the rows of
    each; and how many states the step carries.

    Drawings and `tinyseq.inspect` read it where such rows are split.
    """

    names: tuple[str, ...]
    rows: int
    states: int


class Label(NamedTuple):
    """Where an op was recorded: the path of modules around it, and the time step (None outside of loops).

    ``line`` is the user's line of code, known only under `detect_anomaly`; ``gates`` are those of the recurrent cell
    around the op. ``block`` is the time when the innermost block of `step` began.
    """

    scope: tuple[str, ...] = ()
    step: int | None = None
    line: str | None = None
    gates: Gates | None = None
    block: int = 0

    def __str__(self) -> str:
        place = ".".join(self.scope) or "top level"
        return place if self.step is None else f"{place}, step {self.step}"

    @property
    def where(self) -> str:
        """As a part of a sentence: in encoder, step 2; at the top level."""
        return f"in {self}" if self.scope else f"at the {self}"


tick: Callable[[], int] = count(1).__next__  # the clock of the engine: creation order is topological order


class Mode:
    """The engine's switches. One immutable object per combination, so that an op reads them all with one look-up.

    ``plain`` is the label where ops are simply recorded, and None where recording is off or anomalies are looked for.
    ``block`` is the innermost block, ``outer`` the mode around it, and ``errors`` NumPy's error settings before it.
    """

    __slots__ = ("anomaly", "block", "errors", "grad", "label", "outer", "plain")

    def __init__(
        self, grad: bool = True, label: Label | None = None, anomaly: bool = False, outer: "Mode | None" = None
    ) -> None:
        self.grad = grad
        self.label = label or Label()
        self.anomaly = anomaly
        self.plain = self.label if grad and not anomaly else None
        self.outer = outer
        self.block: Switch | None = None
        self.errors: Any = None

    def without(self, block: "Switch") -> "Mode":
        """The mode once a block has ended, which need not be the innermost one; the same if it did not begin here.

        A generator that waits inside a block may end after blocks have begun that are still open.
        """
        if self.outer is None or self.block is None:
            return self
        if self.block is block:
            return self.outer
        outer = self.outer.without(block)
        return self if outer is self.outer else self.block._entered(outer, self.errors)


MODE: ContextVar[Mode] = ContextVar("tinyseq_mode", default=Mode())  # noqa: B039 (never mutated)


class Switch(ABC):
    """A context manager and decorator that changes the mode.

    It has no state, so one object can be reused, nested and shared between threads.
    """

    __slots__ = ()

    @abstractmethod
    def inside(self, now: Mode) -> Mode:
        """The mode inside, whose ``outer`` is the one around it."""

    def _entered(self, now: Mode, errors: Any = None) -> Mode:
        """The mode inside, as of this block."""
        mode = self.inside(now)
        mode.block = self
        mode.errors = mode.errors if errors is None else errors
        return mode

    def __enter__(self) -> None:
        MODE.set(self._entered(MODE.get()))

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        mode = MODE.get()
        MODE.set(mode.outer if mode.block is self and mode.outer is not None else mode.without(self))

    def __call__(self, function: Function) -> Function:
        if isasyncgenfunction(function) or isinstance(function, type) or not callable(function):
            kind = "an asynchronous generator" if isasyncgenfunction(function) else repr(function)
            raise TypeError(f"{type(self).__name__} decorates functions, got {kind}; write the `with` block inside it")

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        @wraps(function)
        def generate(*args: Any, **kwargs: Any) -> Any:
            return self._resumed(function(*args, **kwargs))

        @wraps(function)
        async def wait(*args: Any, **kwargs: Any) -> Any:
            with self:
                return await function(*args, **kwargs)

        wrapped: Any = generate if isgeneratorfunction(function) else wait if iscoroutinefunction(function) else call
        return cast(Function, wrapped)

    def _resumed(self, generator: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """A generator that runs inside the block and yields outside of it."""
        go_on, value = generator.send, None
        while True:
            try:
                with self:
                    result = go_on(value)
            except StopIteration as stop:
                return stop.value
            try:
                go_on, value = generator.send, (yield result)
            except GeneratorExit:
                with self:
                    generator.close()
                raise
            except BaseException as error:
                go_on, value = generator.throw, error


class no_grad(Switch):
    """Record nothing inside the block (or decorated function): results are constants.

    Example:
        >>> import tinyseq as ts
        >>> x = ts.tensor(2.0, requires_grad=True)
        >>> with ts.no_grad():
        ...     (x * x).requires_grad
        False
    """

    __slots__ = ()

    def inside(self, now: Mode) -> Mode:
        return Mode(False, now.label, now.anomaly, now)


class enable_grad(Switch):
    """Turn recording on again inside a `no_grad` block.

    Example:
        >>> import tinyseq as ts
        >>> x = ts.tensor(2.0, requires_grad=True)
        >>> with ts.no_grad(), ts.enable_grad():
        ...     (x * x).requires_grad
        True
    """

    __slots__ = ()

    def inside(self, now: Mode) -> Mode:
        return Mode(True, now.label, now.anomaly, now)


class _Relabelled(Switch, Generic[Value]):
    """A block that changes the label."""

    __slots__ = ("value",)

    def __init__(self, value: Value) -> None:
        self.value = value

    def inside(self, now: Mode) -> Mode:
        return Mode(now.grad, self.relabel(now.label), now.anomaly, now)

    def relabel(self, label: Label) -> Label:
        """The label inside the block."""
        return label


class step(_Relabelled[int]):
    """Label the ops inside the block with a time step, counted from 0.

    Raises:
        ValueError, TypeError: if the step is not a non-negative whole number.

    Example:
        >>> import tinyseq as ts
        >>> x = ts.tensor(2.0, requires_grad=True)
        >>> with ts.step(3):
        ...     y = x * x
        >>> y.node.label.step
        3
    """

    __slots__ = ()

    def __init__(self, value: int) -> None:
        # a cheap check, as this runs at every step
        self.value = value if type(value) is int and value >= 0 else whole("the step", value, 0)

    def relabel(self, label: Label) -> Label:
        return Label(label.scope, self.value, None, label.gates, tick())


class scope(_Relabelled[str]):
    """Label the ops inside the block with a module's name, inside the names around it.

    Example:
        >>> import tinyseq as ts
        >>> x = ts.tensor(2.0, requires_grad=True)
        >>> with ts.scope("encoder"), ts.scope("cell"):
        ...     y = x * x
        >>> y.node.label.scope
        ('encoder', 'cell')
    """

    __slots__ = ()

    def relabel(self, label: Label) -> Label:
        return Label((*label.scope, self.value), label.step, None, label.gates, label.block)


class stacked_gates(_Relabelled[Gates | None]):
    """Name the gates whose rows are stacked in what the ops inside the block compute; see `Gates`."""

    __slots__ = ()

    def __init__(self, names: tuple[str, ...], rows: int, states: int) -> None:
        super().__init__(Gates(names, rows, states))

    def relabel(self, label: Label) -> Label:
        return Label(label.scope, label.step, None, self.value, label.block)
