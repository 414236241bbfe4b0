"""What runs in blocks, or by another way for speed: the same numbers as the plain formula."""

import numpy as np
import pytest

import tinyseq as ts
from tinyseq import backend
from tinyseq.autograd.ops import by_rows
from tinyseq.autograd.ops.stable import softmax_cross_entropy
from tinyseq.backend import indexed_sums

rng = np.random.default_rng(0)
INF, NAN = float("inf"), float("nan")


def scores(rows: int, classes: int, dtype: str) -> np.ndarray:
    """Scores with every row of special values, and some of them next to a block's end."""
    x = (rng.standard_normal((rows, classes)) * 5).astype(dtype)
    x[0] = -INF
    x[1 % rows] = [-INF, 3.0, *x[1 % rows, 2:]]
    x[2 % rows] = [INF, INF, *x[2 % rows, 2:]]
    x[3 % rows, 1] = NAN
    x[4 % rows] *= 1e30
    x[5 % rows] = np.finfo(dtype).max
    x[-1] = -INF
    return x


def ordinary(rows: int, classes: int, dtype: str) -> np.ndarray:
    """Scores as networks give them, some of them masked."""
    x = (rng.standard_normal((rows, classes)) * 4).astype(dtype)
    x[:, :-1][rng.random((rows, classes - 1)) < 0.2] = -INF
    return x


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 2), (8, 3), (40, 3000), (7, by_rows.BLOCK + 5), (3, 5, 17), (6, 2)])
@pytest.mark.parametrize("draw", [scores, ordinary])
def test_cross_entropy_by_blocks_is_the_formula(draw, shape: tuple[int, ...], dtype: str) -> None:
    x = draw(int(np.prod(shape[:-1])), shape[-1], dtype).reshape(shape)
    ids, g = rng.integers(0, shape[-1], shape[:-1]), rng.standard_normal(shape[:-1]).astype(dtype)
    logits = ts.tensor(x, requires_grad=True)
    loss = softmax_cross_entropy(logits, targets=ids)
    slope = ts.grad(loss, logits, ts.tensor(g)).numpy()

    rows, flat = x.reshape(-1, shape[-1]), ids.reshape(-1)
    with np.errstate(all="ignore"):
        plain = -ts.log_softmax(ts.tensor(rows)).numpy()[np.arange(len(rows)), flat]
        share = ts.softmax(ts.tensor(rows)).numpy().copy()
    share[np.arange(len(rows)), flat] -= np.where(np.isneginf(rows).all(axis=-1), 0, 1)
    units = np.finfo(dtype).eps * 8
    np.testing.assert_allclose(loss.numpy().reshape(-1), plain, rtol=units, atol=units)
    wanted = (share * g.reshape(-1, 1)).reshape(shape)
    np.testing.assert_allclose(slope, wanted, rtol=units, atol=units * np.abs(g).max())


@pytest.mark.parametrize("draw", [scores, ordinary])
def test_what_the_forward_pass_keeps_is_used_up_and_made_again(draw) -> None:
    x, ids = draw(7, 9, "float32"), rng.integers(0, 9, 7)
    logits, kept = ts.tensor(x, requires_grad=True), []
    loss = softmax_cross_entropy(logits, targets=ids, kept=kept)
    upstream = ts.tensor(rng.standard_normal(7).astype("f4"))
    memory = ts.inspect.saved_memory(ts.nn.cross_entropy(logits, ids))
    assert memory.by_op["softmax_cross_entropy"] == x.nbytes + 7 * 4 + 7 * 8  # exponentials, their sums, and the ids
    passes = []
    for _ in range(3):
        logits.grad = None
        loss.backward(upstream, retain_graph=True)
        passes.append(logits.grad.numpy().copy())
        assert kept == []
    np.testing.assert_array_equal(passes[1], passes[0])
    np.testing.assert_array_equal(passes[2], passes[0])
    (slope,) = ts.grad(loss, [logits], upstream, create_graph=True)
    units = np.finfo("f4").eps * 8
    np.testing.assert_allclose(slope.numpy(), passes[0], rtol=units, atol=units * 4)


def test_cross_entropy_of_rows_in_any_layout_and_type() -> None:
    ids = rng.integers(0, 6, 4)
    x = rng.standard_normal((4, 6))
    plain = softmax_cross_entropy(ts.tensor(x), targets=ids).numpy()
    for other in (np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], x[::-1][::-1]):
        logits = ts.tensor(other, requires_grad=True)
        loss = softmax_cross_entropy(logits, targets=ids)
        np.testing.assert_array_equal(loss.numpy(), plain)
        loss.sum().backward()
        assert logits.grad.numpy().flags.c_contiguous
    whole = softmax_cross_entropy(ts.tensor(np.arange(8).reshape(2, 4)), targets=np.array([0, 1]))
    assert whole.dtype == np.float64
    assert softmax_cross_entropy(ts.zeros((0, 3)), targets=np.zeros(0, int)).shape == (0,)


INDICES = {
    "ids": (rng.integers(0, 40, 900),),
    "negative ids": (rng.integers(-40, 40, 900),),
    "unsigned": (rng.integers(0, 40, 900).astype(np.uint8),),
    "ids of two axes": (rng.integers(0, 40, (30, 30)),),
    "a pair": (rng.integers(0, 40, 900), rng.integers(-6, 6, 900)),
    "a grid": (rng.integers(0, 40, (30, 1)), rng.integers(0, 6, 30)),
    "a triple": tuple(rng.integers(0, side, 900) for side in (40, 6, 3)),
    "with a slice": (slice(1, 5), rng.integers(0, 6, 900)),
    "with a number": (3, rng.integers(0, 6, 900)),
    "after dots": (..., rng.integers(0, 3, 900)),
    "a mask": (rng.random((40, 6)) < 0.5,),
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "complex64", "int64"])
@pytest.mark.parametrize("last", [3, 4, 65, 128])
@pytest.mark.parametrize("kind", INDICES)
def test_values_are_added_at_any_index(kind: str, last: int, dtype: str) -> None:
    index, shape = INDICES[kind], (40, 6, last)
    values = (rng.standard_normal(np.empty(shape)[index].shape) * 9).astype(dtype)
    values[values > 12] = 0
    expected = np.zeros(shape, np.result_type(dtype, np.float64))
    np.add.at(expected, index, values)
    found = backend.scattered(backend.NUMPY, values, index if len(index) > 1 else index[0], shape)
    assert found.dtype == dtype
    eps = 0 if dtype == "int64" else np.finfo(dtype).eps
    np.testing.assert_allclose(found, expected, rtol=2 * eps, atol=600 * eps)  # tens of numbers below 60 are added


LAYOUTS = {
    "broadcast": lambda x: np.broadcast_to(x[:1, :1], x.shape),
    "one row broadcast": lambda x: np.broadcast_to(x[:1], x.shape),
    "every other number": lambda x: np.stack([x, x], axis=-1)[..., 0],
    "reversed": lambda x: np.flip(x),
    "columns": np.asfortranarray,
    "not aligned": lambda x: np.frombuffer(b"0" + x.tobytes(), x.dtype, offset=1).reshape(x.shape),
    "other byte order": lambda x: x.astype(x.dtype.newbyteorder()),
}


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64"])
@pytest.mark.parametrize("last", [1, 2, 5, 6, 64, 70])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_values_may_lie_in_memory_in_any_way(layout: str, last: int, dtype: str) -> None:
    """As gradients do: that of a sum is one number, broadcast."""
    ids = rng.integers(-7, 7, 300)
    values = LAYOUTS[layout](rng.standard_normal((300, last)).astype(dtype))
    expected = np.zeros((7, last), np.result_type(dtype, np.float64))
    np.add.at(expected, ids, values)
    found = backend.scattered(backend.NUMPY, values, ids, (7, last))
    assert found.dtype == values.dtype
    eps = np.finfo(values.dtype).eps
    np.testing.assert_allclose(found, expected, rtol=60 * eps, atol=60 * eps)  # some 20 numbers are added, one by one


@pytest.mark.parametrize("rows", [3, 3000])
def test_rows_are_added_in_that_order_however_often_they_are_named(rows: int, monkeypatch) -> None:
    ids = (rows * rng.random(900) ** 8).astype(int)  # some of them hundreds of times, others never
    values = rng.standard_normal((900, 70))
    expected = np.zeros((rows, 70))
    np.add.at(expected, ids, values)
    for bits in (indexed_sums.KEY_BITS, 8):  # or one by one, where they are too many to be sorted as one number
        monkeypatch.setattr(indexed_sums, "KEY_BITS", bits)
        found = np.zeros((rows, 70))
        indexed_sums.add_at(found, ids, values)
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("ids", [np.full(900, 40), np.full(900, -41)])
def test_values_at_places_outside_are_an_error(ids: np.ndarray) -> None:
    with pytest.raises(IndexError):
        backend.scattered(backend.NUMPY, np.ones((900, 6)), ids, (40, 6))


def test_infinities_stay_apart_from_their_neighbours() -> None:
    values = np.ones((300, 4), np.float32)
    values[7, 1], values[8, 2] = INF, NAN
    found = backend.scattered(backend.NUMPY, values, np.zeros(300, int), (2, 4))
    np.testing.assert_array_equal(found[0], [300, INF, NAN, 300])
