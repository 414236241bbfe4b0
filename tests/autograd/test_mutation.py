"""Values that a graph has saved cannot change behind its back: a wrong gradient is never computed."""

import numpy as np
import pytest

import tinyseq as ts


def leaf(values, name=None):
    x = ts.tensor(np.array(values, dtype=float), requires_grad=True)
    x.node.name = name
    return x


def add_in_place(x):
    with ts.no_grad():
        x += 1.0


def assign_a_part(x):
    with ts.no_grad():
        x[0] = 7.0


def optimiser_step(x):
    x.grad = ts.ones(*x.shape)
    ts.optim.SGD([x], lr=0.1).step()


UPDATES = [lambda x: x.copy_([5.0, 6.0]), add_in_place, assign_a_part, optimiser_step]


@pytest.mark.parametrize("update", UPDATES, ids=["copy_", "+=", "x[0] =", "optimiser step"])
@pytest.mark.parametrize(
    ("fn", "op"),
    [
        (lambda x: x * x, "multiply"),
        (lambda x: ts.sin(x), "sin"),
        (lambda x: x @ x, "matmul"),
        (lambda x: ts.einsum("i,i->i", x, x), "einsum"),
        (lambda x: ts.max(x), "max"),
        (lambda x: ts.where(x > 0, x, 0.0) * x, "multiply"),
        (lambda x: ts.logsumexp(x), "logsumexp"),
    ],
)
def test_an_update_of_a_saved_leaf_is_detected(update, fn, op):
    x = leaf([1.0, 2.0], name="encoder.weight")
    with ts.scope("encoder"), ts.step(3):
        y = fn(x).sum()
    update(x)
    text = (
        rf"{op} \(in encoder, step 3\) saved its argument \w+ \(encoder\.weight\) of shape \(2,\), "
        r"which has been updated since; call backward\(\) before the optimiser's step"
    )
    with pytest.raises(RuntimeError, match=text):
        y.backward()


@pytest.mark.parametrize("update", UPDATES, ids=["copy_", "+=", "x[0] =", "optimiser step"])
def test_an_update_of_a_leaf_that_nobody_saved_is_harmless(update):
    x = leaf([1.0, 2.0])
    y = (x + 1.0).sum() + ts.tanh(x * x).sum() * 0.0
    z = (x + x).sum()
    update(x)
    x.grad = None
    z.backward()
    assert x.grad.tolist() == [2.0, 2.0]
    with pytest.raises(RuntimeError, match="updated since"):
        y.backward()


def test_what_one_rule_reads_does_not_concern_another():
    """d(xc)/dx is c, so x may be updated, as in two losses of one weight between which an optimiser steps."""
    x, c, mask = leaf([1.0, 2.0]), ts.tensor([3.0, 4.0]), ts.tensor([True, False])
    losses = [(x * c).sum(), (x / c).sum(), c @ x, ts.where(mask, x, c).sum(), ts.concatenate([x, x * c]).sum()]
    x.copy_([5.0, 6.0])
    found = [ts.grad(loss, x).tolist() for loss in losses]
    assert found == [[3.0, 4.0], [1 / 3, 1 / 4], [3.0, 4.0], [1.0, 0.0], [4.0, 5.0]]
    y = leaf([1.0, 2.0])
    loss = (x * y).sum()
    y.copy_([5.0, 6.0])
    assert ts.grad(loss, y, retain_graph=True).tolist() == [5.0, 6.0]
    with pytest.raises(RuntimeError, match=r"saved its argument y .*updated since"):
        ts.grad(loss, x)


def test_the_updated_values_count_in_the_next_forward_pass():
    x = leaf([1.0, 2.0])
    x.copy_([3.0, 4.0])
    (x * x).sum().backward()
    assert x.grad.tolist() == [6.0, 8.0]


def test_results_of_ops_are_not_written_to_by_augmented_assignment():
    x = leaf([1.0, 2.0])
    y = x * 2.0
    saved = ts.exp(y)
    before = y.numpy()
    y += 1.0  # a new tensor under the old name
    (saved + y).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * np.exp(before) + 2)


def test_changing_the_array_that_a_tensor_was_made_of_changes_nothing():
    a = np.array([1.0, 2.0])
    x = ts.tensor(a, requires_grad=True)
    y = (x * x).sum()
    a[:] = 100.0
    y.backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_changing_an_array_that_was_an_argument_of_an_op_changes_nothing():
    a, x = np.array([1.0, 2.0]), leaf([3.0, 4.0])
    y = (x * a).sum()
    a[:] = 100.0
    y.backward()
    assert x.grad.tolist() == [1.0, 2.0]


def test_changing_an_index_or_the_targets_after_the_forward_pass_changes_nothing():
    x = leaf([[3.0, 4.0], [5.0, 6.0]])
    ids, mask, targets = np.array([0, 0]), np.array([True, False]), np.array([0, 1])
    y = x[ids].sum() + x[mask].sum() + ts.take(x, ids, 1).sum() + ts.nn.cross_entropy(x, targets)
    ids[:], mask[:], targets[:] = 1, True, 0
    y.backward()
    softmax = np.exp([[3.0, 4.0], [5.0, 6.0]])
    softmax /= softmax.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(x.grad.numpy(), [[5.0, 3.0], [2.0, 0.0]] + (softmax - np.eye(2)) / 2)


def test_what_numpy_hands_out_is_read_only():
    x = leaf([1.0, 2.0])
    with pytest.raises(ValueError, match="read-only"):
        x.numpy()[0] = 5.0
    with pytest.raises(ValueError, match="read-only"):
        (x * 2.0).numpy()[0] = 5.0
    (x * 2.0).sum().backward()
    with pytest.raises(ValueError, match="read-only"):
        x.grad.numpy()[0] = 5.0
    with pytest.raises(ValueError, match="read-only"):
        np.asarray(ts.ones(2))[0] = 5.0


def test_a_detached_twin_does_not_follow_the_update():
    x = leaf([1.0, 2.0])
    old = x.detach()
    x.copy_([5.0, 6.0])
    assert old.tolist() == [1.0, 2.0]


def test_a_tensor_made_of_a_tensor_is_its_own():
    x = leaf([1.0, 2.0])
    y = ts.tensor(x, requires_grad=True)
    y.copy_([5.0, 6.0])
    assert x.tolist() == [1.0, 2.0]
    assert y.node is not x.node


def test_gradients_of_two_leaves_are_two_arrays():
    x, y = leaf([1.0, 2.0]), leaf([1.0, 2.0])
    (x + y).sum().backward()
    with ts.no_grad():
        x.grad += 5.0
    assert y.grad.tolist() == [1.0, 1.0]


INTO_A_CONSTANT = {
    "a part": lambda c, value: c.__setitem__(0, value[0]),
    "a slice": lambda c, value: c.__setitem__(slice(None), value),
    "a mask": lambda c, value: c.__setitem__(np.array([True, False]), value[0]),
    "all of it": lambda c, value: c.copy_(value),
    "a number, broadcast": lambda c, value: c.copy_(value.sum()),
}


@pytest.mark.parametrize("way", INTO_A_CONSTANT)
@pytest.mark.parametrize(
    "made", [lambda x: x, lambda x: x * 2.0, lambda x: ts.split(x, 1)[0]], ids=["leaf", "op", "part"]
)
def test_a_constant_takes_no_values_whose_gradient_it_would_lose(way, made):
    """As in `out[t] = h` in a loop over time, whose loss would have no gradient."""
    write, x, c = INTO_A_CONSTANT[way], leaf([1.0, 2.0]), ts.zeros(2)
    with pytest.raises(RuntimeError, match=r"values that have a gradient, and lose it; .*detach\(\)"):
        write(c, made(x))
    assert c.tolist() == [0.0, 0.0]
    write(c, made(x).detach())
    assert c.tolist() != [0.0, 0.0]
    d = ts.zeros(2)
    with ts.no_grad():
        write(d, made(x))
    assert d.tolist() == c.tolist()
    assert d.node is None


@pytest.mark.parametrize(
    "made", [lambda: leaf([1.0, 2.0]), lambda: ts.nn.Parameter([1.0, 2.0])], ids=["tensor", "parameter"]
)
def test_a_leaf_that_was_a_constant_for_a_while_is_the_same_leaf(made):
    """As in the losses of two networks, of which one is frozen while the other one's loss is computed."""
    x, hooked = made(), []
    x.register_hook(lambda g: hooked.append(g.tolist()))
    (3.0 * x).sum().backward()
    linear, square = (3.0 * x).sum(), (x * x).sum()
    x.requires_grad = False
    assert x.grad is None
    frozen = (x * x).sum()
    assert not frozen.requires_grad
    x.requires_grad = True
    assert x.grad is None
    linear.backward()
    assert x.grad.tolist() == [3.0, 3.0]
    assert hooked == [[3.0, 3.0]] * 2
    again = (5.0 * x).sum()
    x.requires_grad = False
    again.backward()
    x.requires_grad = True
    assert x.grad is None  # not what arrived while it was a constant
    x.requires_grad = False
    x.copy_([5.0, 6.0])
    x.requires_grad = True
    with pytest.raises(RuntimeError, match="updated since"):
        square.backward()


@pytest.mark.parametrize(
    ("values", "update"),
    [
        ([1, 2], lambda x: x.__iadd__(0.5)),
        ([1, 2], lambda x: x.__itruediv__(2)),
        ([True, False], lambda x: x.__iadd__(1)),
    ],
    ids=["+=", "/=", "bool"],
)
def test_an_update_in_place_that_would_cut_off_fractions_is_refused_as_in_numpy(values, update):
    x = ts.tensor(values)
    with pytest.raises(TypeError, match=r"would store \w+ as \w+, the tensor's type; write x = x \+ y"):
        update(x)
    with pytest.raises(TypeError):
        update(np.array(values))
    assert x.tolist() == values


@pytest.mark.parametrize("update", [lambda x, value: x.copy_(value), lambda x, value: x.__setitem__(0, value)])
@pytest.mark.parametrize("kind", ["int64", "uint8", "bool"])
def test_whole_numbers_take_on_only_what_they_can_hold(kind, update):
    x = ts.tensor([1, 0], dtype=kind)
    for value in (0.5, float("nan"), -0.5, np.float32(1.5), [0.25] if kind == "bool" else 1e30, True + 299.5):
        with pytest.raises(ValueError, match=rf"holds \S+, which {kind}, the tensor's type, cannot hold"):
            update(x, value)
    assert x.tolist() == [1, 0]
    for value in (0, 1.0, True, ts.tensor(1, dtype="int8")):
        update(x, value)
        assert x.tolist()[0] == value
        assert x.dtype == kind


def test_an_update_in_place_keeps_the_type_where_numpy_does():
    for kind, other in [
        ("int8", 3),
        ("int32", np.ones(2, int)),
        ("float32", 0.5),
        ("float32", np.ones(2)),
        ("bool", True),
    ]:
        x, y = ts.tensor([1, 0], dtype=kind), np.array([1, 0], dtype=kind)
        x += other
        y += other
        assert x.dtype == y.dtype
        assert x.tolist() == y.tolist()
