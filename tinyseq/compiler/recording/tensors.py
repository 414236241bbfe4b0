"""Tensors while a function is recorded: what is read of them is noted, and what would change them is refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

from tinyseq.autograd.graph import Leaf
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import library_of
from tinyseq.compiler.recording.active import ACTIVE, RecordingError, changing, user_line
from tinyseq.compiler.recording.arrays import Recorded
from tinyseq.compiler.recording.recorder import Recorder

_LOCK = RLock()
_ARRAY: Any = Tensor.__dict__["_array"]  # read once, since a thread that waits for the lock would find a property
_FLAG: Any = Tensor.__dict__["requires_grad"]
_GRAD: Any = Leaf.__dict__["grad"]
_NAME: Any = Leaf.__dict__["name"]
_HOOK: Any = Tensor.__dict__["register_hook"]


@contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    """Inside the block, reading a tensor's array returns the recorded one.

    So nothing is missed: parameters, masks, and whatever else the function reads from outside become inputs, even if an
    op has no other argument. The attributes of the classes are slots, a property and a method; inside the block others
    replace them, which behave like them in other threads.
    """
    replaced = (
        (Tensor, "_array", _ARRAY, _array_of(recorder)),
        (Tensor, "requires_grad", _FLAG, _flag_of(recorder)),
        (Tensor, "register_hook", _HOOK, _no_hook),
        (Leaf, "grad", _GRAD, _NO_GRAD),
        (Leaf, "name", _NAME, _name_of(recorder)),
    )
    with _LOCK:
        token = ACTIVE.set(recorder)
        for holder, name, _, other in replaced:
            setattr(holder, name, other)
        try:
            yield
        finally:
            for holder, name, own, _ in replaced:
                setattr(holder, name, own)
            ACTIVE.reset(token)


def _array_of(recorder: Recorder) -> property:
    """`Tensor._array`: recorded when it is read, and never replaced."""

    def read(tensor: Tensor) -> Any:
        array = _ARRAY.__get__(tensor)
        if ACTIVE.get() is None or type(array) is Recorded:
            return array
        if library_of(array) not in ("numpy", "cupy"):
            raise RecordingError(
                f"ts.compile records NumPy and CuPy arrays, got {type(array).__name__} at {user_line()}"
            )
        return recorder.of(tensor, array)

    def write(tensor: Tensor, array: Any) -> None:
        if ACTIVE.get() is not None:
            if not _is_set(_ARRAY, tensor):
                if type(array) is not Recorded:
                    recorder.made(tensor)
            else:
                raise changing("an update of a tensor")
        _ARRAY.__set__(tensor, array)

    return property(read, write)


def _flag_of(recorder: Recorder) -> property:
    """`Tensor.requires_grad`: of a tensor from outside, replays compare it, and the function must not change it."""

    def from_outside(tensor: Tensor) -> bool:
        return ACTIVE.get() is not None and not recorder.has_made(tensor, _ARRAY.__get__(tensor))

    def read(tensor: Tensor) -> bool:
        if from_outside(tensor):
            tensor.shape  # noqa: B018 (as a source, its place in the graph is compared)
        return bool(_FLAG.__get__(tensor))

    def write(tensor: Tensor, wanted: bool) -> None:
        if (
            ACTIVE.get() is not None
            and not recorder.has_made(tensor, _ARRAY.__get__(tensor))
            and wanted != read(tensor)
        ):
            raise RecordingError(
                f"a compiled function sets requires_grad of a tensor that it has not made, at {user_line()}, which "
                "replays would not do; set it outside"
            )
        token = ACTIVE.set(None)  # a leaf that the function has made is its own, and so is the leaf's gradient
        try:
            _FLAG.__set__(tensor, wanted)
        finally:
            ACTIVE.reset(token)

    return property(read, write, doc=_FLAG.__doc__)


def _name_of(recorder: Recorder) -> property:
    """`Leaf.name`: replays compare those of the arguments only if the function has read one."""

    def read(leaf: Leaf) -> Any:
        recorder.reads_names |= ACTIVE.get() is not None
        return _NAME.__get__(leaf)

    return property(read, _NAME.__set__)


def _no_hook(tensor: Tensor, hook: Any) -> Any:
    if ACTIVE.get() is None:
        return _HOOK(tensor, hook)
    raise RecordingError(
        f"a hook is set inside a compiled function, at {user_line()}, which replays would not do; set hooks on leaves, "
        "outside, or do not compile"
    )


def _read_grad(leaf: Leaf) -> Any:
    return _GRAD.__get__(leaf) if ACTIVE.get() is None else _refuse_grad()


def _write_grad(leaf: Leaf, grad: Any) -> None:
    if ACTIVE.get() is not None and _is_set(_GRAD, leaf):
        _refuse_grad()
    _GRAD.__set__(leaf, grad)


def _refuse_grad() -> None:
    raise RecordingError(
        f"a compiled function reads or changes .grad, at {user_line()}, as backward() and zero_grad() do, and replays "
        "would not; call these outside, backward() on what the function returns, and pass gradients as arguments"
    )


_NO_GRAD = property(_read_grad, _write_grad)


def _is_set(slot: Any, holder: Any) -> bool:
    try:
        slot.__get__(holder)
    except AttributeError:
        return False
    return True
