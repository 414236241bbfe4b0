"""What holds for every question that `ts.inspect` answers."""

import numpy as np
import pytest
from loops import layer, normal

import tinyseq as ts


def looks(net, x, output, loss):
    """Every question that is asked of a graph."""
    return {
        "grad_by_step": lambda: ts.inspect.grad_by_step(loss, net.weight_hh_l0),
        "grad_by_lag": lambda: ts.inspect.grad_by_lag([loss], net.weight_hh_l1),
        "gradient_flow": lambda: ts.inspect.gradient_flow(loss),
        "jacobian_norms": lambda: ts.inspect.jacobian_norms(output[1], output[3]),
        "saved_memory": lambda: ts.inspect.saved_memory(loss),
        "explain": lambda: ts.inspect.explain(loss, net.weight_hh_l0),
        "gate_values": lambda: ts.inspect.gate_values(output),
        "influence": lambda: ts.inspect.influence([output[t].sum() for t in range(4)], x),
        "graph": lambda: ts.viz.graph(loss, gradients=True, values=True)._tell(),  # what a page is made of
        "flat": lambda: ts.viz.graph(loss, view="flat", gradients=True)._tell(),
    }


def stacked():
    net = layer("LSTM", 2, 3, 2)
    return net, ts.tensor(normal(0, 4, 2, 2), requires_grad=True)


def test_looking_changes_nothing():
    net, x = stacked()
    (net(x)[0].sum() * 2).backward()
    plain = [p.grad.numpy() for p in net.parameters()]
    net.zero_grad()
    x.grad = None
    output, _ = net(x)
    loss = output.sum() * 2
    for _ in range(2):
        for look in looks(net, x, output, loss).values():
            look()
    assert all(p.grad is None for p in [*net.parameters(), x])
    loss.backward()
    for before, p in zip(plain, net.parameters(), strict=True):
        assert (before == p.grad.numpy()).all()


def test_looking_calls_no_hook_and_backward_does():
    """Hooks on leaves, on results and on one of several outputs; the answers are those without them."""
    net, x = stacked()
    called = []

    def graph(hooked):
        h = x * 1.0
        steps = ts.unbind(h)
        output, _ = net(ts.stack(steps))
        loss = output.sum() * 2
        for name, tensor in {"result": h, "outputs": steps[2], "loss": loss, "states": output}.items():
            if hooked:
                tensor.register_hook(lambda g, name=name: called.append(name) or 1e6 * g)
        return output, loss

    plain = {name: repr(look()) for name, look in looks(net, x, *graph(False)).items()}
    for name, leaf in {"weight": net.weight_hh_l0, "other": net.weight_hh_l1, "x": x}.items():
        leaf.register_hook(lambda g, name=name: called.append(name) or -g)
    output, loss = graph(True)
    for name, look in looks(net, x, output, loss).items():
        assert repr(look()) == plain[name], name
        assert called == [], name
    loss.backward()
    assert set(called) == {"result", "outputs", "loss", "states", "weight", "other", "x"}


def test_looking_through_a_checkpoint_calls_no_hook_inside():
    called = []

    def part(h):
        y = ts.tanh(h)
        y.register_hook(lambda g: called.append(g) or 100 * g)
        return y * 2

    w = ts.tensor(0.3, requires_grad=True)
    with ts.step(0):
        h = w * 1.0
    with ts.step(1):
        loss = ts.checkpoint(part, h) * w
    found = ts.inspect.grad_by_step(loss, w)
    ts.viz.graph(loss, gradients=True)._tell()
    assert called == []
    assert found.sum().item() == pytest.approx(2 * np.tanh(0.3) + 0.6 * (1 - np.tanh(0.3) ** 2))


@pytest.mark.host
def test_a_traced_backward_pass_is_backward_and_its_parts_add_up():
    net = layer("GRU", 2, 3, 2, bidirectional=True)
    x = ts.tensor(normal(0, 5, 2, 2))
    arrived = {}
    for visit in ts.inspect.trace_backward((net(x, lengths=[5, 3])[0] ** 2.0).sum()):
        for parent, g in visit.contributions:
            arrived[parent] = arrived.get(parent, 0.0) + g
    traced = [p.grad.numpy() for p in net.parameters()]
    net.zero_grad()
    (net(x, lengths=[5, 3])[0] ** 2.0).sum().backward()
    for p, grad in zip(net.parameters(), traced, strict=True):
        np.testing.assert_allclose(grad, p.grad.numpy(), rtol=1e-12, atol=1e-15)  # a traced pass sums step by step
        np.testing.assert_allclose(arrived[p.node], grad, rtol=1e-12, atol=1e-15)


@pytest.mark.host
def test_arrays_of_another_library_are_looked_at_with_its_own_functions():
    xp = pytest.importorskip("array_api_strict", reason="the stand-in for libraries other than NumPy")
    weights = [ts.tensor(library.asarray(normal(0, 3, 3)), requires_grad=True) for library in (np, xp)]
    found = []
    for weight in weights:
        losses, states, h = [], [], ts.tensor(weight.detach()[:, :1])
        for t in range(4):
            with ts.step(t):
                h = ts.tanh(weight @ h)
            states.append(h)
            losses.append((h * h).sum())
        table = ts.inspect.grad_by_lag(losses, weight)
        jacobian = ts.inspect.jacobian_norms(states[0], ts.stack(states)[3])
        flow = ts.inspect.gradient_flow(losses[3]).states["h"]
        memory = ts.inspect.saved_memory(losses[3]).total
        found.append([table.dropped(1).numpy(), table.norms, jacobian.jacobian, jacobian.bound, flow, memory])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_a_thousand_steps_need_no_recursion():
    net = layer("RNN", 1, 2)
    output, _ = net(ts.ones(1500, 1, 1))
    loss = output[1499].sum()
    terms = ts.inspect.grad_by_step(loss, net.weight_hh_l0).numpy()
    np.testing.assert_allclose(terms.sum(0), ts.grad(loss, net.weight_hh_l0, retain_graph=True).numpy(), rtol=1e-9)
    assert ts.inspect.gradient_flow(loss).states["h"].shape == (1500,)
    assert len(ts.inspect.explain(loss, net.weight_hh_l0).text.splitlines()) < 40


def test_what_cannot_be_asked_is_said():
    weight, other = ts.tensor([1.0, 2.0], requires_grad=True), ts.tensor([1.0], requires_grad=True)
    with ts.step(0):
        loss = (weight * 2.0).sum()
    with pytest.raises(ValueError, match=r"loss does not depend on W \(unnamed, shape \(1,\)\)"):
        ts.inspect.grad_by_step(loss, other)
    with pytest.raises(ValueError, match="no loss depends on W"):
        ts.inspect.grad_by_lag([loss], other)
    with pytest.raises(ValueError, match="at least one loss"):
        ts.inspect.grad_by_lag([], weight)
    with pytest.raises(ValueError, match=r"single number, got shape \(2,\)"):
        ts.inspect.grad_by_step(weight * 2.0, weight)
    with pytest.raises(ValueError, match="does not depend on W"):
        ts.inspect.explain(loss, other)
    with pytest.raises(ValueError, match="no state is passed"):
        ts.inspect.gradient_flow(loss)
    with pytest.raises(ValueError, match="h_t does not depend on h_s"):
        ts.inspect.jacobian_norms(other, loss)
    loss.backward()
    with pytest.raises(RuntimeError, match="retain_graph=True"):
        ts.inspect.grad_by_step(loss, weight)
    with pytest.raises(RuntimeError, match="has freed this graph"):
        ts.inspect.saved_memory(loss)
