"""`compile`: record a function's calls once, and replay them."""

import enum
import inspect
import warnings
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, NoReturn, ParamSpec, Self, TypeVar, overload

import numpy as np

from tinyseq import random
from tinyseq.arguments import whole
from tinyseq.autograd.modes import MODE, no_grad
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import Array, library_of, to_numpy
from tinyseq.compiler.executors import Changed, check_executor
from tinyseq.compiler.program import Program
from tinyseq.compiler.recording.active import ACTIVE, RecordingError
from tinyseq.compiler.recording.outcomes import Outcomes
from tinyseq.compiler.recording.surroundings import PLAIN, Surroundings, Wrapper
from tinyseq.compiler.recording.trace import Trace
from tinyseq.compiler.replay import Replay
from tinyseq.compiler.steps import about, key
from tinyseq.memory import give_back
from tinyseq.torch_names.lookup import missing
from tinyseq.torch_names.settings import explained

P = ParamSpec("P")
R = TypeVar("R")


@overload
def compile(function: Callable[P, R], limit: int = 16, *, executor: str | None = None) -> "Compiled[P, R]": ...
@overload
def compile(*, limit: int = 16, executor: str | None = None) -> "Callable[[Callable[P, R]], Compiled[P, R]]": ...
@explained
def compile(function: Any = None, limit: int = 16, *, executor: str | None = None) -> Any:
    """Compile a function or a module: its calls are recorded once, forward and backward, and then replayed.

    The first call with arguments of given shapes and types records every array operation of the step. Later calls run
    only these operations, without the tape, in reused memory. The result of such a call is an ordinary tensor:
    its ``backward()`` replays the backward pass into the ``.grad`` of the leaves, so optimisers, clipping and training
    loops stay as they are.

    All tensors are inputs, wherever they come from: parameters are read again at each call. NumPy arrays among
    the arguments (ids, targets, masks, lengths) are inputs too. Numbers, flags and lists are part of the recording:
    other values, and arrays of another shape, need a new recording.

    Args:
        function: takes tensors, arrays, numbers, text, members of an Enum, and lists, tuples and dicts of these;
            returns one or more tensors. Left out, as in ``@ts.compile(executor="numba")``, a decorator is returned.
        limit: the maximum number of recordings. If more are needed, calls run without replay, after a warning.
        executor: what runs a recording, by name. ``"numba"`` (extra ``jit``) fuses elementwise operations into compiled
            loops: faster, with float32 results within rounding. By default ``"numpy"``, or CuPy for arrays on a GPU.

    Returns:
        The compiled function; ``print(fast.program)`` shows the newest recording.

    Raises:
        ValueError: for an unknown executor.
        RecordingError: when it is called, if the function reads the value of a tensor (``.item()``, ``if``,
            ``float()``), changes one in place, draws its own random numbers, or keeps tensors for the next call.

    Example:
        >>> import tinyseq as ts
        >>> w = ts.tensor([1.0, 2.0], requires_grad=True)
        >>> fast = ts.compile(lambda x: (w * x).sum())
        >>> loss = fast(ts.tensor([3.0, 4.0]))
        >>> loss.backward()
        >>> loss.item(), w.grad
        (11.0, tensor([3., 4.]))
        >>> print(fast.program)
        forward:
          v2 = multiply(v1, v0)  # float64(2,)
          v3 = sum(v2, axis=None)  # float64()
        backward:
          v5 = broadcast_to(v4, (2,))  # float64(2,)
          v6 = multiply(v5, v0)  # float64(2,)
    """
    check_executor(executor)
    limit = whole("limit", limit)
    if function is None:
        return partial(compile, limit=limit, executor=executor)
    if not callable(function):
        raise TypeError(f"compile takes a function or a module, got {type(function).__name__}")
    return Compiled(function, limit, executor)


def compiled_if(wanted: bool | str, function: Callable[P, R]) -> "Callable[P, R] | Compiled[P, R]":
    """Apply a ``compile=`` argument.

    Args:
        wanted: False for the function itself, True to compile it, or the name of an executor.
        function: the function.

    Returns:
        The function, or the compiled one.

    Raises:
        TypeError: if ``wanted`` is neither a flag nor a name.
        ValueError: for an unknown executor.

    Example:
        >>> compiled_if(False, abs)(-3)
        3
    """
    if not isinstance(wanted, bool | str):
        raise TypeError(f"compile must be True, False or the name of an executor, got {wanted!r}")
    if wanted is False:
        return function
    return compile(function, executor=None if wanted is True else wanted)


class Compiled(Wrapper, Generic[P, R]):
    """What `compile` returns.

    Attributes:
        function: the function that is recorded.
        limit: the maximum number of recordings.
        executor: the name of what runs them, or None.

    Example:
        >>> import tinyseq as ts
        >>> fast = ts.compile(lambda x: ts.tanh(x).sum())
        >>> isinstance(fast, ts.compiler.Compiled), fast.limit
        (True, 16)
        >>> fast(ts.zeros(2)).item()
        0.0
    """

    __slots__ = ("__weakref__", "_newest", "_replays", "executor", "function", "limit")  # `fast.training = 1` fails

    def __init__(self, function: Callable[P, R], limit: int, executor: str | None = None) -> None:
        self.function: Callable[P, R] = function
        self.limit = limit
        self.executor = executor
        self._replays: dict[Any, list[Replay]] = {}
        self._newest: Replay | None = None

    @property
    def program(self) -> Program:
        """The newest recording, forward and backward."""
        if self._newest is None:
            raise RuntimeError("there is no recording yet; call the compiled function first")
        return self._newest.executor.program

    def __call__(self, *args: P.args, **settings: P.kwargs) -> R:
        """Call the function, recorded or replayed."""
        mode = MODE.get()
        if mode.anomaly or ACTIVE.get() is not None:  # modes that inspect each op
            return self.function(*args, **settings)
        given: list[Tensor | Array] = []
        signature = (mode.grad, _signature((args, settings), given), _repeats(given))
        replays = self._replays.setdefault(signature, [])
        for replay in replays:
            if not replay.surroundings.unchanged():
                continue
            try:
                replayed: R = replay.run(given)  # a recording's results keep their types
                return replayed
            except Changed:
                continue
        if sum(map(len, self._replays.values())) >= self.limit:
            warnings.warn(
                f"a compiled function has reached its limit of {self.limit} recordings, as the shapes, types or "
                "numbers among its arguments, or settings around it, keep changing; other calls run without replay. "
                "Pad to fewer shapes, pass what varies as arrays, or raise ts.compile(..., limit=)",
                stacklevel=2,
            )
            return self.function(*args, **settings)
        replay = self._record(args, settings, given)
        replays.insert(0, replay)
        self._newest = replay
        try:
            result: R = replay.run(given)
        except Changed as error:
            raise RecordingError(
                "a replay of the call just recorded took another branch; does a condition or a shape depend on random "
                "numbers? Use ts.where instead of `if`"
            ) from (error.__cause__ or error)
        return result

    def __get__(self, instance: object, owner: type | None = None) -> Self:
        """Refuse to be a method: a recording is of one object, and would be replayed for all of them."""
        if instance is None or not inspect.isfunction(self.function):
            return self
        name, kind = self.function.__name__, type(instance).__name__
        raise TypeError(
            f"{kind}.{name} is compiled in the class, where there is no object to record. Remove ts.compile there, "
            f"and compile the method of an object: fast = ts.compile(model.{name}), where model is a {kind}. If it is "
            "a function without self, make it a staticmethod of the class"
        )

    def on_arrays(self, *args: object) -> Callable[[list[Array]], tuple[Array, ...]]:
        """A recording without a gradient as a function of plain arrays, for inner loops that call it very often.

        It checks nothing, and reads parameters once, now: only its arguments may change while it is in use.

        Args:
            args: the arguments to record the function with. Those that are neither tensors nor arrays are constants.

        Returns:
            A function from the arrays of all tensors and arrays among the arguments, in order and in these shapes and
            types, to those of all tensors that the function returns.

        Raises:
            RecordingError: the function cannot be recorded, or draws random numbers.
        """
        given: list[Any] = []
        _signature(args, given)
        with no_grad():
            return self._record(args, {}, given).on_arrays()

    if not TYPE_CHECKING:  # for type checkers a missing name stays an error

        def __getattr__(self, name: str) -> NoReturn:
            is_of_function = name not in self.__slots__ and not name.startswith("__") and hasattr(self.function, name)
            cures = {name: f"fast.function.{name}"} if is_of_function else {}
            raise missing("'Compiled' object", name, cures, owned=self)

    def __repr__(self) -> str:
        name = getattr(self.function, "__qualname__", type(self.function).__name__)
        return f"Compiled({name}, recorded {sum(map(len, self._replays.values()))} of at most {self.limit} times)"

    def __reduce__(self) -> Any:
        return Compiled, (self.function, self.limit, self.executor)  # a copy makes its own recordings

    def _record(self, args: Any, settings: Any, given: list[Any], again: bool = False) -> "Replay":
        around, outcomes = Surroundings(self.function), Outcomes()
        try:
            first = Trace(self.function, args, settings, outcomes)
            first.let_go()
            changed = around.changed()
            second = Trace(self.function, args, settings, outcomes, first.recorder.program.steps)
        except Exception as error:
            if around.imported():
                return self._record(args, settings, given, again)
            if getattr(error, "perhaps_on_the_way_to_another", True) or error.__context__ is not None:
                self.function(*args, **settings)  # the function's own error says what is wrong with the arguments
                if isinstance(error, RecordingError):
                    raise RecordingError(
                        f"{error}. If the function catches an error of this line, let it check the arguments instead"
                    ) from error
            raise
        if around.imported():  # in this first call: what is read of these modules is watched in another
            return self._record(args, settings, given, again)
        first.check_repeated(second)
        if not again and not around.unchanged():  # by a cache, perhaps, which is filled now
            return self._record(args, settings, given, again=True)
        second.recorder.let_go(for_good=True)  # what it holds refers to it, and would wait for Python's collector
        del second
        if changed := changed or around.changed():
            raise RecordingError(
                f"the compiled function changes something outside: {changed}. A replay would not do so; return the "
                "values to be kept"
            )
        if (advanced := around.advanced()) is not None:
            raise RecordingError(
                f"the compiled function advances an iterator or a random generator (a {type(advanced).__name__}), "
                "which a replay would not do; pass what it gives as an argument, or draw random numbers from "
                "ts.random.generator().random(shape)"
            )
        tensors = [t for t in given if isinstance(t, Tensor)] + [s.tensor for s in first.recorder.sources.values()]
        if len({tensor.device for tensor in tensors}) > 1:
            with random.replayed(random.state()):
                self.function(*args, **settings)  # the function's ops refuse to mix tensors on the host and on a device
        replay = Replay(first, around, given, self.executor)
        give_back()  # memory that recording and compiling needed: replays have their own
        return replay


def _signature(tree: Any, given: list[Any]) -> Any:
    """What a recording depends on, apart from the values of arrays, which are collected in ``given``."""
    kind = type(tree)
    if isinstance(tree, Tensor):
        array = tree._array
        if library_of(array) in ("numpy", "cupy"):
            given.append(tree)
            return kind, about(array), tree.node is not None
        raise TypeError(
            f"ts.compile runs on NumPy and CuPy arrays, got a tensor of {type(array).__module__}; "
            "call the function itself"
        )
    if library_of(tree) == "cupy":
        tree, kind = to_numpy(tree), np.ndarray  # ids, targets and lengths are read on the host
    elif kind is np.memmap:
        given.append(tree)  # itself, as it may be given twice
        return np.ndarray, about(np.asarray(tree))
    if kind is np.ndarray:
        given.append(tree)
        return kind, about(tree)
    if isinstance(tree, tuple | list):
        return kind, tuple([_signature(part, given) for part in tree])
    if kind is dict:
        return kind, tuple([(name, _signature(part, given)) for name, part in tree.items()])
    if isinstance(tree, (*PLAIN, enum.Enum)):
        return key(tree)
    raise TypeError(
        "a compiled function takes tensors, NumPy arrays, numbers, text, members of an Enum, and lists, tuples and "
        f"dicts of these, got {kind.__name__}; pass its contents separately, or let the function read it from outside, "
        "as in ts.compile(lambda x: loss_of(model, x))"
    )


def _repeats(given: list[Any]) -> tuple[int, ...] | None:
    """Which of the tensors and arrays among the arguments are the same object; None if all are different."""
    numbers = [*map(id, given)]
    return None if len({*numbers}) == len(numbers) else tuple(map(numbers.index, numbers))
