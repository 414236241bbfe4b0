"""What backward and grad do: where gradients go, add up, stop, and can be differentiated again."""

from itertools import product

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.autograd.accumulator import Accumulator
from tinyseq.autograd.declare import EXTENSIONS, FUNCTIONS, OPS, Summed
from tinyseq.autograd.declare import op as declare
from tinyseq.autograd.graph import ancestors


def leaf(*values):
    return ts.tensor(np.array(values[0] if len(values) == 1 else values, dtype=float), requires_grad=True)


# -- where gradients go ------------------------------------------------------------------------------------------------


def test_a_value_used_twice_receives_both_gradients():
    x = leaf(3.0)
    y = x * x
    (y * y + y).backward()
    assert x.grad.item() == 4 * 3.0**3 + 2 * 3.0


def test_gradients_of_several_backward_passes_add_up_until_reset():
    x = leaf(2.0)
    (x * x).backward()
    (x * x).backward()
    assert x.grad.item() == 8.0
    x.grad = None
    (x * x).backward()
    assert x.grad.item() == 4.0


def test_only_leaves_keep_their_gradient():
    x = leaf(2.0)
    y = x * x
    y.backward()
    assert x.grad.item() == 4.0
    assert y.grad is None


def test_backward_from_a_leaf_gives_the_upstream_gradient_a_copy_of_its_own():
    x = leaf([1.0, 2.0])
    upstream = ts.tensor([3.0, 4.0])
    x.backward(upstream)
    assert x.grad.tolist() == [3.0, 4.0]
    assert not np.shares_memory(x.grad.numpy(), upstream.numpy())


def test_constants_receive_nothing():
    x, c = leaf(2.0), ts.tensor(3.0)
    (x * c).backward()
    assert c.grad is None
    assert x.grad.item() == 3.0


def test_the_gradient_has_the_type_of_the_leaf_whatever_it_is_mixed_with():
    x = ts.tensor([1.0, 2.0], dtype="float32", requires_grad=True)
    y = (x * ts.tensor([1.0, 2.0], dtype="float64")).sum()
    assert y.dtype == np.float64
    y.backward()
    assert x.grad.dtype == np.float32
    assert ts.grad((x * np.ones(2)).sum(), x).dtype == np.float32


@pytest.mark.host
def test_a_gradient_without_axes_is_an_array_still():
    x = leaf(2.0)
    (x * x + x).backward()
    assert type(x.grad._array) is np.ndarray
    assert type(ts.grad(x * x + x, x)._array) is np.ndarray


def test_only_the_newest_graph_is_walked_and_siblings_are_left_alone():
    x = leaf(2.0)
    y, z = x * x, x * 3.0
    y.backward()
    z.backward()
    assert x.grad.item() == 7.0


# -- grad --------------------------------------------------------------------------------------------------------------


def test_grad_leaves_the_attribute_alone_and_takes_results_as_inputs():
    x = leaf(3.0)
    y = x * x
    z = y * y
    assert ts.grad(z, [y, x], retain_graph=True)[0].item() == 18.0
    assert ts.grad(z, y).item() == 18.0
    assert x.grad is None


def test_grad_with_respect_to_a_result_and_to_what_it_was_made_of():
    x = leaf(3.0)
    y = x * x
    by_y, by_x = ts.grad(y * x, [y, x])
    assert by_y.item() == 3.0
    assert by_x.item() == 27.0  # along both paths


def test_grad_of_an_output_that_is_an_input():
    x = leaf(3.0)
    y = x * x
    assert [g.item() for g in ts.grad(y, [y, x])] == [1.0, 6.0]


def test_gradients_of_several_outputs_add_up():
    x = leaf(3.0)
    assert ts.grad([x * x, 2.0 * x], x).item() == 8.0
    assert ts.grad([x * x, 2.0 * x], x, [ts.tensor(1.0), ts.tensor(10.0)]).item() == 26.0
    y = x * x
    assert ts.grad([y, y], x).item() == 12.0


def test_unused_inputs_give_none_if_allowed():
    x, y = leaf(3.0), leaf(4.0)
    found = ts.grad(x * x, (x, y), allow_unused=True)
    assert found[0].item() == 6.0
    assert found[1] is None


def test_only_paths_to_the_inputs_are_walked():
    """The branch towards y is not computed: its rule, which would fail, is never called."""
    trap = declare("trap_example", lambda xp, x: x + 0, lambda xp, g: 1 / 0)
    x, y = leaf(3.0), leaf(4.0)
    z = x * x + trap(y)
    assert ts.grad(z, x, retain_graph=True).item() == 6.0
    with pytest.raises(ZeroDivisionError):
        z.backward()


def test_grad_under_no_grad_and_backward_too():
    x = leaf(3.0)
    y = x * x
    with ts.no_grad():
        assert ts.grad(y, x, retain_graph=True).item() == 6.0
        slope = ts.grad(y, x, create_graph=True)
    assert ts.grad(slope, x).item() == 2.0


# -- keeping and freeing -----------------------------------------------------------------------------------------------


def test_a_graph_can_be_walked_again_if_it_is_kept():
    x = leaf(3.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 12.0


def test_a_walk_frees_what_its_nodes_saved():
    x = leaf(3.0)
    y = ts.exp(x)
    z = y * y
    z.backward()
    assert z.node.saved is None
    assert y.node.saved is None


def test_a_part_that_was_not_freed_can_still_be_walked():
    x = leaf(3.0)
    y = x * x
    ts.grad(y * 2.0, y)
    y.backward()
    assert x.grad.item() == 6.0


# -- higher order ------------------------------------------------------------------------------------------------------


def test_third_derivatives():
    x = leaf(0.7)
    value = ts.sin(x) * ts.exp(x)
    for _ in range(3):
        value = ts.grad(value, x, create_graph=True)
    assert value.item() == pytest.approx(2 * np.exp(0.7) * (np.cos(0.7) - np.sin(0.7)))


def test_gradients_with_respect_to_the_upstream_gradient():
    x, u = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    slope = ts.grad(ts.exp(x), x, u, create_graph=True)
    np.testing.assert_allclose(ts.grad(slope.sum(), u).numpy(), np.exp([1.0, 2.0]))


def test_a_gradient_inside_of_a_gradient_is_not_confused_with_it():
    """d/dx (x d/dy (x + y)) at x = 1: the inner derivative is 1, and does not depend on x."""
    x = leaf(1.0)

    def inner(x):
        y = leaf(2.0)
        return ts.grad(x + y, y, create_graph=True)

    assert ts.grad(x * inner(x), x).item() == 1.0


def test_penalty_on_a_gradient():
    x, w = leaf([1.0, 2.0]), leaf([0.5, -1.0])
    slope = ts.grad((ts.tanh(w * x)).sum(), x, create_graph=True)
    (slope * slope).sum().backward()
    h, t = 1e-6, np.tanh

    def penalty(w):
        return np.sum((w * (1 - t(w * np.array([1.0, 2.0])) ** 2)) ** 2)

    for i in range(2):
        step = np.eye(2)[i] * h
        wanted = (penalty(w.numpy() + step) - penalty(w.numpy() - step)) / (2 * h)
        assert w.grad.numpy()[i] == pytest.approx(wanted, rel=1e-6)


def test_first_derivatives_are_the_same_whether_recorded_or_not():
    x = leaf(np.random.default_rng(0).normal(size=(3, 3)))
    y = ts.logsumexp(ts.tanh(x @ x) * x, axis=0).sum()
    np.testing.assert_array_equal(ts.grad(y, x, retain_graph=True).numpy(), ts.grad(y, x, create_graph=True).numpy())


# -- modes -------------------------------------------------------------------------------------------------------------


def test_no_grad_and_enable_grad_nest_and_decorate():
    x = leaf(2.0)
    with ts.no_grad():
        assert not (x * x).requires_grad
        with ts.enable_grad():
            assert (x * x).requires_grad
        assert not (x * x).requires_grad
    assert (x * x).requires_grad
    assert not ts.no_grad()(lambda: x * x)().requires_grad


def test_an_error_inside_of_a_mode_leaves_it():
    x = leaf(2.0)
    with pytest.raises(ZeroDivisionError), ts.no_grad():
        raise ZeroDivisionError
    assert (x * x).requires_grad


def test_detach_stops_the_gradient_and_shares_the_values():
    x = leaf(3.0)
    y = x * x
    (y.detach() * x).backward()
    assert x.grad.item() == 9.0
    assert not y.detach().requires_grad


# -- hooks -------------------------------------------------------------------------------------------------------------


def test_a_hook_sees_the_whole_gradient_once_and_may_replace_it():
    x = leaf(3.0)
    y = x * x
    seen = []
    y.register_hook(lambda g: seen.append(g.item()))
    y.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: seen.append(g.item()))
    (y + y * 2.0).backward()
    assert seen == [3.0, 30.0]
    assert x.grad.item() == 180.0


def test_hooks_on_leaves_outputs_of_splits_and_inputs_of_grad():
    x = leaf([1.0, 2.0])
    a, b = ts.split(x, 2)
    a.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g + 1)
    (a * 3.0 + b).sum().backward(retain_graph=True)
    assert x.grad.tolist() == [31.0, 2.0]
    assert ts.grad((a * 3.0 + b).sum(), x).tolist() == [31.0, 2.0]
    assert ts.grad((a * 3.0).sum(), a).tolist() == [30.0]
    y = x * 2.0
    y.register_hook(lambda g: g * 10)
    assert ts.grad(y.sum(), y).tolist() == [10.0, 10.0]


def test_a_removed_hook_is_silent_and_removing_twice_is_harmless():
    x = leaf(3.0)
    remove = x.register_hook(lambda g: g * 10)
    remove()
    remove()
    (x * x).backward()
    assert x.grad.item() == 6.0


def test_hooks_see_tensors_that_can_be_differentiated_again():
    x = leaf(3.0)
    y = x * x
    y.register_hook(lambda g: g * x)
    slope = ts.grad(y, x, create_graph=True)  # 2x * x
    assert slope.item() == 18.0
    assert ts.grad(slope, x).item() == 12.0


def test_a_gradient_shares_no_memory_with_what_a_hook_saw_or_returned():
    seen = []
    c = leaf([3.0, 4.0])
    c.register_hook(seen.append)
    (c * 2.0).sum().backward()
    assert not np.shares_memory(c.grad._array, seen[0]._array)
    same = ts.tensor([1.0, 2.0])
    a, b = leaf([3.0, 4.0]), leaf([5.0, 6.0])
    for one in (a, b):
        one.register_hook(lambda g: same)
    (a * 2.0 + a * 3.0 + b * 2.0 + b * 3.0).sum().backward()
    assert a.grad.tolist() == b.grad.tolist() == [1.0, 2.0]
    arrays = (a.grad._array, b.grad._array, same._array)
    assert not any(np.shares_memory(arrays[i], arrays[j]) for i, j in ((0, 1), (0, 2), (1, 2)))


def test_the_third_share_of_a_gradient_is_added_in_place_and_the_first_stays_as_it_came():
    x = leaf([1.0, 2.0])
    first = np.array([1.0, 1.0])
    gradients = Accumulator([(x.node, first)])
    gradients.add(x.node, np.array([2.0, 2.0]))
    made = gradients.sums[x.node]
    gradients.add(x.node, np.array([3.0, 3.0]))
    assert gradients.sums[x.node] is made
    assert (made.tolist(), first.tolist()) == ([6.0, 6.0], [1.0, 1.0])


# -- several outputs ---------------------------------------------------------------------------------------------------


def test_outputs_that_nobody_used_count_as_zero():
    x = leaf(np.arange(6.0))
    parts = ts.split(x, [1, 2, 0, 3])
    parts[1].sum().backward()
    assert x.grad.tolist() == [0, 1, 1, 0, 0, 0]


def test_one_node_serves_all_time_steps():
    x = leaf(np.arange(6.0).reshape(3, 2))
    steps = ts.unbind(x)
    assert len({step.node.node for step in steps}) == 1
    (steps[0] * steps[2]).sum().backward()
    assert x.grad.tolist() == [[4.0, 5.0], [0.0, 0.0], [0.0, 1.0]]


def test_second_derivatives_through_outputs_of_which_some_are_missing():
    x = leaf([1.0, 2.0, 3.0])
    a, _, c = ts.unbind(x)
    slope = ts.grad(a * a * c, x, create_graph=True)
    assert slope.tolist() == [6.0, 0.0, 1.0]
    assert ts.grad(slope.sum(), x).tolist() == [8.0, 0.0, 2.0]


# -- many uses of one weight -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shapes", [((3, 4), (4, 2)), ((4,), (4, 2)), ((2, 3, 4), (4, 2)), ((5, 1, 3, 4), (4, 2))])
def test_one_product_for_many_uses_equals_one_for_each(shapes):
    """`Summed` rules put off a leaf's gradient to the end of the walk; a copy of the leaf (+ 0) is not put off."""
    rng = np.random.default_rng(0)
    assert all(type(rule) is Summed for rule in ts.matmul.op.rules)
    x, w = (rng.normal(size=shape) for shape in shapes)
    found = []
    for put_off in (True, False):
        weight, data = leaf(w), leaf(x)
        used = weight if put_off else weight + 0.0
        h = data
        total = ts.tensor(0.0)
        for t in range(3):
            total = total + ts.tanh((h * (t + 1.0)) @ used).sum()
        total = total + (used * used).sum()
        total.backward()
        found.append((weight.grad.numpy(), data.grad.numpy()))
    for one, each in zip(*found, strict=True):
        np.testing.assert_allclose(one, each, rtol=1e-12)


def test_many_uses_on_either_side_of_the_product():
    rng = np.random.default_rng(0)
    w = leaf(rng.normal(size=(3, 3)))
    h = ts.tensor(rng.normal(size=(3,)))
    for _ in range(4):
        h = ts.tanh(w @ h)
    (h @ w @ w).sum().backward()
    from_copy = leaf(w.numpy())
    used, h = from_copy * 1.0, ts.tensor(np.random.default_rng(0).normal(size=12)[9:])
    for _ in range(4):
        h = ts.tanh(used @ h)
    (h @ used @ used).sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), from_copy.grad.numpy(), rtol=1e-12)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize(
    ("weight", "others"),
    [
        ((3,), [(3, 3), (2, 3, 3), (3,)]),
        ((3, 3), [(3, 3), (2, 3, 3), (3,), (2, 1, 3, 3)]),
        ((1, 3, 3), [(3, 3), (2, 3, 3), (3,), (4, 1, 3, 3)]),
        ((2, 3, 3), [(3, 3), (2, 3, 3), (3,), (4, 1, 3, 3)]),
    ],
    ids=str,
)
def test_uses_that_were_broadcast_to_different_shapes(weight, others, side):
    rng = np.random.default_rng(0)
    w, others = rng.normal(size=weight), [rng.normal(size=shape) for shape in others]
    found = []
    for put_off in (True, False):
        weight = leaf(w)
        total = ts.tensor(0.0)
        for other in others:
            used = weight if put_off else weight + 0.0
            total = total + ts.sin(used @ other if side == "left" else other @ used).sum()
        total.backward()
        found.append(weight.grad.numpy())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)


# -- watching ----------------------------------------------------------------------------------------------------------


def test_a_traced_walk_shows_every_node_and_gives_the_same_gradients():
    x = leaf([1.0, 2.0])
    y = ts.tanh(x)
    visits = list(ts.trace_backward((y * x).sum()))
    assert [visit.node.op.name for visit in visits] == ["sum", "multiply", "tanh"]
    multiply = visits[1]
    assert multiply.upstream.tolist() == [1.0, 1.0]
    assert [parent for parent, _ in multiply.contributions] == [y.node, x.node]
    traced = x.grad.numpy()
    x.grad = None
    (ts.tanh(x) * x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), traced)


def test_a_traced_walk_that_stops_early_leaves_no_gradient():
    x = leaf([1.0, 2.0])
    walk = ts.trace_backward((ts.tanh(x) * x).sum())
    next(walk)
    walk.close()
    assert x.grad is None


@pytest.mark.parametrize("retain_graph", [False, True])
def test_a_graph_that_was_walked_holds_no_arrays(retain_graph):
    """Constants too are freed: masks of dropout and batches would else live as long as the loss does."""
    x, constant = leaf(np.ones(3)), ts.tensor(np.ones(3))
    with ts.step(0):
        parts = [x * constant, x + np.ones(3), ts.where(np.ones(3) > 0, x, constant), ts.concatenate([x, constant])[:3]]
    loss = ts.stack(parts).sum()
    loss.backward(retain_graph=retain_graph)
    held = [a for node in ancestors([loss.node]) for a in (*node.given, *(node.saved or ())) if hasattr(a, "ndim")]
    assert bool(held) is retain_graph


# -- inputs without a rule ---------------------------------------------------------------------------------------------

PRODUCTS = {
    1: (lambda xp, x: x * 3.0, (lambda xp, g, x: 3.0 * g,)),
    2: (lambda xp, x, y: x * y, (lambda xp, g, x, y: g * y, lambda xp, g, x, y: g * x)),
    3: (
        lambda xp, x, y, z: x * y * z,
        (
            lambda xp, g, x, y, z: g * y * z,
            lambda xp, g, x, y, z: g * x * z,
            lambda xp, g, x, y, z: g * x * y,
        ),
    ),
}


@pytest.mark.parametrize("has_rule", [each for n in PRODUCTS for each in product([True, False], repeat=n)])
def test_an_input_without_a_rule_is_a_constant(has_rule):
    forward, rules = PRODUCTS[len(has_rule)]
    name = "product_of_some"
    multiplied = declare(
        name,
        forward,
        saves=("x", "y", "z")[: len(has_rule)],
        vjp=tuple(rule if has else None for rule, has in zip(rules, has_rule, strict=True)),
        broadcasts=True,
    )
    for names in (OPS, FUNCTIONS, EXTENSIONS):
        del names[name]
    for needed in product([True, False], repeat=len(has_rule)):
        inputs = [ts.tensor([2.0 + i, 3.0]).requires_grad_(each) for i, each in enumerate(needed)]
        alike = [x if has else x.detach() for x, has in zip(inputs, has_rule, strict=True)]
        y, wanted = multiplied(*inputs), multiplied(*alike)
        assert y.requires_grad == wanted.requires_grad == any(n and h for n, h in zip(needed, has_rule, strict=True))
        if not y.requires_grad:
            continue
        gradients = []
        for result in (y, wanted):
            leaves = [x for x in inputs if x.requires_grad]
            found = ts.grad((result * result).sum(), leaves, retain_graph=True, allow_unused=True)
            again = ts.grad(result.sum(), leaves, create_graph=True, allow_unused=True)
            gradients.append([None if g is None else g.tolist() for g in (*found, *again)])
        assert gradients[0] == gradients[1]
        y.sum().backward()
        assert [x.grad is not None for x in inputs] == [n and h for n, h in zip(needed, has_rule, strict=True)]


def test_a_condition_that_requires_grad_gets_none():
    condition, x = leaf(1.0, 0.0), leaf(1.0, 2.0)
    ts.where(condition, x, x * 3.0).sum().backward()
    assert condition.grad is None
    assert x.grad.tolist() == [1.0, 3.0]
