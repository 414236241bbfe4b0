"""The recorder of one call of a function: the steps, and the inputs from outside."""

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any, NamedTuple, NoReturn

import numpy as np

from tinyseq.autograd.graph import Leaf, Parent
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import Array, library_of, to_numpy
from tinyseq.compiler.active import ACTIVE, RecordingError, changing, reading, user_line
from tinyseq.compiler.arrays import Recorded, examples
from tinyseq.compiler.program import Program, Ref, about, key, kind_of, mapped, of_type

LONG = 256  # terms of a sum from which a product takes much longer than its result is large
KEPT = 16 << 20  # bytes of such products that wait for a second recording: a step should not need more than uncompiled


class Source(NamedTuple):
    """A tensor from outside, which is read again at each replay."""

    tensor: Tensor
    node: Parent | None
    grad: Tensor | None
    about: tuple[Any, ...]


class Recorder:
    """The recording of one call of a function.

    Args:
        like: an earlier recording of the same call, whose products with long sums are taken again instead of computed.

    Attributes:
        program: the steps so far.
        sources: tensors from outside, by the number of their value.
        draws: how random numbers were drawn, by the number of their value.
        drawn: these values.
        lines: where in the user's code each constant was used first, by its number.
        on_device: whether an input is on a GPU, so that replays are.
        products: the operands and results of products with long sums, by the place of the step.
    """

    def __init__(self, like: "Recorder | None" = None) -> None:
        self.program = Program()
        self.sources: dict[int, Source] = {}
        self.draws: dict[int, tuple[Any, ...]] = {}
        self.drawn: dict[int, Recorded] = {}
        self.lines: dict[int, str] = {}
        self.on_device = False
        self.products: dict[int, tuple[Any, Array]] = {}
        self._like, self._left = like, KEPT
        self._of_tensor: dict[int, tuple[Tensor, Recorded]] = {}
        self._made: dict[int, Tensor] = {}

    def value(self, example: Array) -> Recorded:
        """A new value of the program."""
        return Recorded(self.program.value(kind_of(example)), example, self)

    def constant(self, example: Array) -> Recorded:
        """A value that is the same at each replay."""
        found = self.value(example)
        self.program.constants[found.number] = example
        return found

    def input(self, example: Array) -> Recorded:
        """A value that is given at each replay; of an array on a GPU the example is a copy."""
        self.on_device |= library_of(example) == "cupy"
        found = self.value(to_numpy(example))
        self.program.inputs.append(found.number)
        return found

    def call(self, function: Callable[..., Any], args: Any, settings: dict[str, Any], fixed: bool = True) -> Any:
        """Run a function on the examples, and record it if it returns arrays."""
        shared = function is np.matmul and not settings
        result = self._product(args) if shared else function(*examples(args), **examples(settings))
        if isinstance(result, tuple | list):
            parts = self._several(tuple(map(np.asarray, result)), function, args, settings)
            return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
        if not isinstance(result, np.ndarray | np.generic):
            raise reading(f"np.{getattr(function, '__name__', function)}")
        return self._noted(np.asarray(result), function, args, settings, fixed)

    def _product(self, args: Any) -> Array:
        """A product of the examples: that of the earlier recording, if all before was as it is now."""
        place, operands = len(self.program.steps), mapped(args, Recorded, self.ref)
        if self._like is not None and key(self._like.products.get(place, [None])[0]) == key(operands):
            return self._like.products.pop(place)[1]
        found: Array = np.matmul(*examples(args))
        if self._like is None and args[0].shape[-1] >= LONG and found.nbytes <= self._left:
            self.products[place], self._left = (operands, found), self._left - found.nbytes
        return found

    def _noted(self, example: Array, function: Any, args: Any, settings: Any, fixed: bool = True) -> Recorded:
        view = next(
            (array for array in of_type((args, settings), Recorded) if np.may_share_memory(example, array.example)),
            None,
        )
        args, settings = (mapped(tree, Recorded, self.ref) for tree in (args, settings))
        number = self.program.add(
            example, function, args, settings, fixed=fixed, view=None if view is None else self.ref(view)
        )
        return Recorded(number, example, self)

    def _several(self, results: tuple[Array, ...], function: Any, args: Any, settings: Any) -> list[Recorded]:
        args, settings = (mapped(tree, Recorded, self.ref) for tree in (args, settings))
        whole = Ref(self.program.add(results, function, args, settings))
        numbers = [self.program.add(part, operator.getitem, (whole, i), fixed=False) for i, part in enumerate(results)]
        return [Recorded(number, part, self) for number, part in zip(numbers, results, strict=True)]

    def ref(self, array: Recorded) -> Ref:
        """The reference to a recorded array, which must be of this recording."""
        if array.recorder is not self:
            raise RecordingError(
                f"a tensor that was recorded in another call is used at {user_line()}; a compiled function must not "
                "keep tensors from one call to the next: return them, and pass them in again"
            )
        return Ref(array.number)

    def of(self, tensor: Tensor, array: Array) -> Recorded:
        """The recorded value of a tensor's array: a constant if it was created while recording, else a source."""
        known = self._of_tensor.get(id(tensor))
        if known is not None:
            return known[1]
        if id(tensor) in self._made:
            found = self.constant(to_numpy(array))
            self.lines[found.number] = user_line()
        else:
            if tensor.node is not None and not isinstance(tensor.node, Leaf):
                raise RecordingError(
                    f"the result of an op outside of the compiled function is used inside it, at {user_line()}; "
                    "pass it as an argument, or detach() it"
                )
            found = self.input(array)
            self.sources[found.number] = Source(tensor, tensor.node, tensor.grad, about(array))
        self._of_tensor[id(tensor)] = tensor, found
        return found

    def made(self, tensor: Tensor) -> None:
        """Note that a tensor was created of a plain array while recording, so that no code outside can change it."""
        self._made[id(tensor)] = tensor

    def truth(self, array: Recorded) -> bool:
        """A condition that the library evaluated: each replay evaluates it again, and stops if it differs."""
        found = bool(array.example)
        self.program.guards.append((self.ref(array).number, found))
        return found

    def random(self, size: Any = None, dtype: Any = np.float64) -> Recorded:
        """Replaces the generator's method: numbers to be drawn anew at each replay."""
        settings = (size, dtype)
        found = self.input(np.asarray(np.random.default_rng(0).random(*settings)))
        self.draws[found.number] = settings
        self.drawn[found.number] = found
        return found

    @property
    def bit_generator(self) -> "Draws":
        """Stands for the generator's, of which `tinyseq.random.state` asks the state."""
        return Draws(self, len(self.draws))

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise RecordingError(
            f"a compiled function draws random numbers by {name}, at {user_line()}; only what "
            "ts.random.generator().random(shape) gives is drawn anew at each replay, as by ts.nn.Dropout"
        )


class Draws:
    """The random numbers of a recording from a place on, which `ts.checkpoint` asks for again."""

    def __init__(self, recorder: Recorder, place: int) -> None:
        self._recorder, self._place = recorder, place

    @property
    def bit_generator(self) -> "Draws":
        """Like the recorder's, for a function within one that is run again."""
        return self

    @property
    def state(self) -> "Draws":
        """The place where they stand."""
        return self.again()

    def again(self) -> "Draws":
        """The same numbers from this place on."""
        return Draws(self._recorder, self._place)

    def random(self, size: Any = None, dtype: Any = np.float64) -> Recorded:
        """The numbers that were drawn at this place."""
        number, settings = list(self._recorder.draws.items())[self._place]
        if settings != (size, dtype):
            raise RecordingError(f"random numbers of another shape are drawn when a function is run again: {size}")
        self._place += 1
        return self._recorder.drawn[number]

    def __getattr__(self, name: str) -> NoReturn:
        self._recorder.__getattr__(name)


_LOCK = RLock()


@contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    """Inside the block, reading a tensor's array returns the recorded one.

    So nothing is missed: parameters, masks, and whatever else the function reads from outside become inputs, even where
    an op has no other argument. The attribute of the class is a slot; a property replaces it inside the block, and in
    other threads behaves like the slot.
    """
    slot: Any = Tensor.__dict__["_array"]

    def read(tensor: Tensor) -> Any:
        array = slot.__get__(tensor)
        if ACTIVE.get() is None or type(array) is Recorded:
            return array
        if library_of(array) not in ("numpy", "cupy"):
            raise RecordingError(
                f"ts.compile records NumPy and CuPy arrays, got {type(array).__name__} at {user_line()}"
            )
        return recorder.of(tensor, array)

    def write(tensor: Tensor, array: Any) -> None:
        if ACTIVE.get() is not None:
            try:
                slot.__get__(tensor)
            except AttributeError:
                if type(array) is not Recorded:
                    recorder.made(tensor)
            else:
                raise changing("an update of a tensor")
        slot.__set__(tensor, array)

    with _LOCK:
        token = ACTIVE.set(recorder)
        setattr(Tensor, "_array", property(read, write))  # noqa: B010 (for the type checker it is a slot)
        try:
            yield
        finally:
            setattr(Tensor, "_array", slot)  # noqa: B010
            ACTIVE.reset(token)
