"""The kit for users: strategies, and the contract in one line, which catches planted bugs."""

import numpy as np
import pytest
from hypothesis import given

import tinyseq as ts
from tinyseq.autograd.declare import op
from tinyseq.testing import ContractError, assert_gradients, strategies

RNG = np.random.default_rng(0)


def wrong(name, vjp, forward=lambda xp, x: x * x, saves="x"):
    return op(f"{name}_example", forward=forward, vjp=vjp, saves=saves)


BUGS = {
    "sign": wrong("sign_bug", lambda xp, g, x: -2 * x * g),
    "scale": wrong("scale_bug", lambda xp, g, x: 2.002 * x * g),
    "writes to the upstream": wrong("upstream_bug", lambda xp, g, x: g.__imul__(2 * x)),
    "not linear": wrong("linear_bug", lambda xp, g, x: 2 * x * g * abs(g)),
    "second order": wrong("second_bug", lambda xp, g, x: 2 * (x.detach() if isinstance(x, ts.Tensor) else x) * g),
}
LAST = []  # what the call before has left


def kept_outside(xp, x):
    LAST[:] = [x]
    return x * x


BUGS["saved outside of the graph"] = wrong("stale_bug", lambda xp, g: 2 * LAST[0] * g, kept_outside, ())


@pytest.mark.parametrize("bug", sorted(BUGS))
def test_planted_bugs_are_caught(bug):
    with pytest.raises(ContractError):
        assert_gradients(BUGS[bug], RNG.standard_normal(4), second_order=bug == "second order")


def test_a_right_op_passes():
    right = op("right_example", forward=lambda xp, x: x * x, vjp=lambda xp, g, x: 2 * x * g, saves="x")
    assert_gradients(right, RNG.standard_normal((2, 3)))


class Cell(ts.nn.Module):
    """A minimal gated unit; with ``bug``, its gate is cut out of the graph."""

    def __init__(self, bug=False):
        self.gate, self.new = (ts.nn.Linear(5, 3, dtype="float64") for _ in range(2))
        self.bug = bug

    def forward(self, x, h):
        joined = ts.concatenate([x, h], axis=1)
        f = ts.sigmoid(self.gate(joined))
        if self.bug:
            f = f.detach()
        return (1 - f) * h + f * ts.tanh(self.new(joined))


def test_a_cell_of_ones_own_passes_with_all_its_parameters():
    assert_gradients(Cell(), RNG.standard_normal((2, 2)), RNG.standard_normal((2, 3)))


def test_a_cells_planted_bug_is_caught():
    with pytest.raises(ContractError):
        assert_gradients(Cell(bug=True), RNG.standard_normal((2, 2)), RNG.standard_normal((2, 3)))


def test_parameters_are_as_before():
    cell = Cell()
    nodes, values = [p.node for p in cell.parameters()], [p.numpy() for p in cell.parameters()]
    assert_gradients(cell, np.ones((1, 2)), np.ones((1, 3)), second_order=False)
    assert all(p.node is node for p, node in zip(cell.parameters(), nodes, strict=True))
    assert all(np.array_equal(p.numpy(), value) for p, value in zip(cell.parameters(), values, strict=True))
    assert all(p.grad is None for p in cell.parameters())


def test_single_precision_is_refused_with_the_cure():
    with pytest.raises(TypeError, match=r"parameter 0 is float32.*\.to\(\"float64\"\)"):
        assert_gradients(ts.nn.Linear(2, 2), np.ones((1, 2)))


@pytest.mark.parametrize("nested", [[np.ones((2, 3)), np.ones(3)], {"x": np.ones(2)}, "text", None], ids=str)
def test_an_input_that_is_no_array_is_named_with_the_cure(nested):
    for call in (
        lambda: assert_gradients(lambda x, p: x * p[0], np.ones(3), nested),
        lambda: ts.testing.gradcheck(lambda x, p: x * p[0], [np.ones(3), nested]),
    ):
        with pytest.raises(TypeError, match=r"input 1: .*lambda x, h, c: f\(x, \(h, c\)\)"):
            call()


@given(strategies.broadcastable(3))
def test_drawn_groups_broadcast_and_are_leaves(group):
    a, b, c = group
    assert (a + b * c).shape == np.broadcast_shapes(a.shape, b.shape, c.shape)
    assert all(x.requires_grad and x.is_leaf for x in group)


@given(strategies.tensors((3, 2), low=0.5, high=1.0, avoid=[0.75], dtype="float32", requires_grad=False))
def test_drawn_tensors_keep_to_their_domain(x):
    assert x.dtype == np.float32
    assert ((x.numpy() >= 0.5) & (x.numpy() <= 1.0)).all()
    assert (abs(x.numpy() - 0.75) > 0.04).all()
    assert not x.requires_grad


@given(strategies.sequence_batches(2))
def test_drawn_batches_fit_recurrent_layers(batch):
    output, _ = ts.nn.RNN(2, 3, dtype="float64")(batch.x, lengths=batch.lengths)
    assert output.shape == (*batch.x.shape[:2], 3)


def test_a_parameter_is_called_by_its_name():
    class Wrong(ts.nn.Module):
        def __init__(self):
            self.scale = ts.nn.init.constant((), 2.0, "float64")

        def forward(self, x):
            return BUGS["scale"](x) * 0.0 + x * self.scale.detach()

    with pytest.raises(ContractError, match="the gradient of scale"):
        assert_gradients(Wrong(), RNG.standard_normal(3))


def test_chance_is_not_taken_for_a_wrong_rule():
    layer = ts.nn.Sequential(ts.nn.Linear(2, 40, dtype="float64"), ts.nn.Dropout(0.5))
    with pytest.raises(ValueError, match=r"Sequential gave two different results .* by model\.eval\(\)"):
        assert_gradients(layer, RNG.standard_normal((1, 2)))
    assert_gradients(layer.eval(), RNG.standard_normal((1, 2)))
