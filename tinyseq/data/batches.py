"""Batches, time first: windows of one long text, and padded groups of sequences."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyseq.arguments import finite, listed, number, whole
from tinyseq.backend import on_host
from tinyseq.random import Rng, as_generator
from tinyseq.torch_names.settings import explained

IGNORE = -100  # the default ignore_index of cross_entropy, as in PyTorch

Ids = NDArray[np.int64]
Values = NDArray[np.floating[Any]]


class Windows:
    """One long text, split into windows for truncated backpropagation through time with a carried state.

    The text is split into `batch` parts, which are read in parallel, `steps` symbols at a time: column b of window
    i + 1 continues where column b of window i stopped. Each symbol except the first is a target exactly once. The
    lengths of the parts differ by at most one symbol; a shorter part is padded with its last input and the target
    -100, which a loss ignores.

    The windows are a sequence, so training that was stopped at window i resumes from `windows[i]`.

    Args:
        ids: the text (N,), N >= 2.
        steps: the number of symbols in a window; the last window may be shorter.
        batch: the number of parts, at most N - 1.

    Returns from `windows[i]`:
        inputs (T, B) and targets (T, B), int64; a target is the symbol after its input.

    Raises:
        ValueError: if the text is not a vector, is too short, or an argument is not positive.
        TypeError: if the text does not contain integers, or an argument is not a whole number.

    Example:
        >>> for inputs, targets in Windows(np.arange(8), steps=2, batch=2):
        ...     print(inputs.tolist(), targets.tolist())
        [[0, 4], [1, 5]] [[1, 5], [2, 6]]
        [[2, 6], [3, 6]] [[3, 7], [4, -100]]
    """

    @explained
    def __init__(self, ids: ArrayLike, *, steps: int, batch: int) -> None:
        text = as_ids(ids, "ids")
        if text.ndim != 1:
            raise ValueError(f"ids must be one text of shape (N,), got shape {text.shape}")
        steps, batch = whole("steps", steps), whole("batch", batch)
        targets = len(text) - 1
        if targets < batch:
            raise ValueError(f"{len(text)} symbols are too few for batch={batch}, which needs at least {batch + 1}")
        self.steps = steps
        lengths = np.full(batch, targets // batch)
        lengths[: targets % batch] += 1
        starts = np.cumsum(lengths) - lengths
        step = np.arange(lengths[0])[:, None]
        position = starts + np.minimum(step, lengths - 1)
        self.inputs: Ids = text[position]
        self.targets: Ids = np.where(step < lengths, text[position + 1], IGNORE)

    def __repr__(self) -> str:
        return f"Windows({len(self)} windows of {self.steps} steps, batch={self.inputs.shape[-1]})"

    def __len__(self) -> int:
        return -(-len(self.inputs) // self.steps)

    def __getitem__(self, index: int) -> tuple[Ids, Ids]:
        index = whole("index", index, None)
        if not 0 <= index < len(self):
            raise IndexError(f"window {index} of {len(self)}")
        window = slice(index * self.steps, (index + 1) * self.steps)
        return self.inputs[window].copy(), self.targets[window].copy()  # who drops words in a batch keeps the text

    def __iter__(self) -> Iterator[tuple[Ids, Ids]]:
        return (self[i] for i in range(len(self)))


@explained
def padded(sequences: Sequence[ArrayLike], padding: int = 0) -> tuple[Ids, Ids]:
    """Pad sequences of ids to the length of the longest, and stack them as columns.

    Args:
        sequences: B vectors of ids; empty ones are allowed.
        padding: the value of the padding: any valid id for inputs, -100 for targets that a loss ignores.

    Returns:
        ids (T, B) and lengths (B,), int64.

    Raises:
        ValueError: if there are no sequences, or one is not a vector.
        TypeError: if a sequence does not contain integers, or padding is not a whole number.

    Example:
        >>> ids, lengths = padded([[1, 2, 3], [4]])
        >>> ids.tolist(), lengths.tolist()
        ([[1, 4], [2, 0], [3, 0]], [3, 1])
    """
    given = listed("sequences", sequences, "a list of sequences of ids")
    vectors = [as_ids(sequence, f"sequence {i}") for i, sequence in enumerate(given)]
    if not vectors:
        raise ValueError("no sequence to pad; a batch needs at least one")
    padding = whole("padding", _a_value(padding), None)
    for i, vector in enumerate(vectors):
        if vector.ndim != 1:
            raise ValueError(f"sequence {i} has shape {vector.shape}; expected a vector of ids (T,)")
    lengths = np.array([len(vector) for vector in vectors], np.int64)
    ids = np.full((lengths.max(), len(vectors)), padding, np.int64)
    for column, vector in zip(ids.T, vectors, strict=True):
        column[: len(vector)] = vector
    return ids, lengths


@explained
def padded_values(sequences: Sequence[ArrayLike], padding: float = 0.0) -> tuple[Values, Ids]:
    """Pad sequences of real numbers to the length of the longest, and stack them along axis 1.

    Args:
        sequences: B vectors (T_i,), or B tables (T_i, F) of F features at each step.
        padding: the value of the padding.

    Returns:
        values (T, B) or (T, B, F), the layout of layers' inputs, and lengths (B,), int64. float32 stays float32.

    Raises:
        ValueError: if there are no sequences, one is neither a vector nor a table, or they have different numbers of
            features.
        TypeError: if a sequence does not contain real numbers, or padding is not a number.

    Example:
        >>> values, lengths = padded_values([[0.5, 1.5], [2.5]])
        >>> values.tolist(), lengths.tolist()
        ([[0.5, 2.5], [1.5, 0.0]], [2, 1])
    """
    given = listed("sequences", sequences, "a list of sequences of real numbers")
    parts = [_real(sequence, f"sequence {i}") for i, sequence in enumerate(given)]
    if not parts:
        raise ValueError("no sequence to pad; a batch needs at least one")
    features = parts[0].shape[1:]
    for i, part in enumerate(parts):
        if part.ndim not in (1, 2) or part.shape[1:] != features:
            wanted = f"(T{''.join(f', {side}' for side in features)}{'' if features else ','})"
            raise ValueError(f"sequence {i} has shape {part.shape}; expected {wanted}, as sequence 0 or (T, F) for all")
    lengths = np.array([len(part) for part in parts], np.int64)
    padding = number("padding", _a_value(padding))
    values = np.full((lengths.max(), len(parts), *features), padding, np.result_type(*parts))
    for i, part in enumerate(parts):
        values[: len(part), i] = part
    return values, lengths


def _a_value(padding: float) -> float:
    """The padding, which is no place, as in Keras."""
    if isinstance(padding, str):
        raise TypeError(f"padding must be the value of the padding, got {padding!r}; it stands behind each sequence")
    return padding


@explained
def bucketed(lengths: ArrayLike, size: int, rng: Rng = None, *, jitter: float = 0.0) -> list[Ids]:
    """Group sequences of similar length into batches, so that there is little padding.

    Args:
        lengths: the lengths of the N sequences.
        size: the number of sequences in a batch; one batch may be smaller.
        rng: a NumPy generator, or a seed: shuffles sequences of equal length, and the order of the batches; the same
            state gives the same batches. Without it, the batches are ordered from the longest to the shortest.
        jitter: sort by lengths that are first multiplied by random numbers from 1 - jitter to 1 + jitter, so that a
            sequence is batched with others of nearly its length, but with different ones in each epoch.

    Returns:
        The batches, each an array of the indices of its sequences; every index from 0 to N - 1 occurs once.

    Raises:
        ValueError: if size is not positive, lengths are no vector or negative, or jitter is not from 0 to 1, or above
            0 without rng.
        TypeError: if lengths are not integers, or size is not a whole number.

    Example:
        >>> [batch.tolist() for batch in bucketed([5, 1, 4, 1], size=2)]
        [[0, 2], [1, 3]]
        >>> [batch.tolist() for batch in bucketed([5, 1, 4, 1], size=2, rng=0)]
        [[1, 3], [0, 2]]
    """
    size = whole("size", size)
    lengths = as_ids(lengths, "lengths")
    if lengths.ndim != 1:
        raise ValueError(f"lengths must be one number for each sequence (N,), got shape {lengths.shape}")
    if lengths.size and lengths.min() < 0:
        raise ValueError(f"lengths must be at least 0, got {lengths.min()} at position {int(lengths.argmin())}")
    jitter = finite("jitter", jitter, least=0.0)
    if jitter > 1:
        raise ValueError(f"jitter must be at most 1, got {jitter}: no length is multiplied by a negative number")
    if jitter and rng is None:
        raise ValueError(f"jitter={jitter} needs random numbers; pass rng as well")
    rng = None if rng is None else as_generator(rng)
    shuffled = np.arange(len(lengths)) if rng is None else rng.permutation(len(lengths))
    noise = rng.uniform(1 - jitter, 1 + jitter, len(lengths)) if rng is not None and jitter else 1
    by_length = shuffled[np.argsort(-lengths[shuffled] * noise, kind="stable")]
    batches = [by_length[i : i + size] for i in range(0, len(by_length), size)]
    return batches if rng is None else [batches[i] for i in rng.permutation(len(batches))]


def as_ids(values: ArrayLike, name: str) -> Ids:
    """Convert integers to int64; fractions are an error, as they would be truncated silently."""
    found = _rectangular(values, name, "integers")
    if found.size and found.dtype.kind not in "biu":
        cure = "ts.data.Vocabulary(symbols).encode(text) makes ids of symbols"
        if found.dtype.kind == "f":
            cure = "write ids as integers; padded_values takes sequences of real numbers"
        raise TypeError(f"{name} must hold integers, got {found.dtype}; {cure}")
    return found.astype(np.int64)


def _rectangular(values: ArrayLike, name: str, what: str) -> NDArray[Any]:
    try:
        return np.asarray(on_host(values))
    except ValueError as error:
        raise TypeError(f"{name} must hold {what}, got rows of different lengths") from error


def _real(values: ArrayLike, name: str) -> Values:
    """Convert real numbers to a floating-point array."""
    found = _rectangular(values, name, "real numbers")
    if found.size and found.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, got {found.dtype}")
    return found if found.dtype.kind == "f" else found.astype(np.float64)
