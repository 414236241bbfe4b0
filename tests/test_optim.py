"""Optimisers and schedules follow PyTorch's values, and an optimiser's state survives saving."""

import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from instances import objects_of_optimizers, optimizers
from oracles import oracle

import tinyseq as ts

CASES = [(rule, settings) for rule in optimizers() for settings in rule.trials]
cases = pytest.mark.parametrize(("rule", "arguments"), CASES, ids=lambda value: getattr(value, "__name__", str(value)))


def start():
    return np.random.default_rng(0).standard_normal((3, 4))


def loss_of(library, w):
    return (library.tanh(w) ** 2).sum() + ((w - 0.5) ** 4).sum()


@cases
def test_fifty_steps_are_pytorchs(rule, arguments):
    torch = oracle("torch")
    if not hasattr(torch.optim, rule.__name__):
        pytest.skip(f"PyTorch has no {rule.__name__}")
    w, v = ts.tensor(start(), requires_grad=True), torch.tensor(start(), requires_grad=True)
    ours, theirs = rule([w], **arguments), getattr(torch.optim, rule.__name__)([v], **arguments)
    for _ in range(50):
        for optimizer, loss in ((ours, loss_of(ts, w)), (theirs, loss_of(torch, v))):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        np.testing.assert_allclose(w.numpy(), v.detach().numpy(), rtol=1e-10, atol=1e-12)


@cases
def test_saved_and_restored_state_continues_bit_for_bit(rule, arguments):
    def steps(w, optimizer, count):
        for _ in range(count):
            optimizer.zero_grad()
            loss_of(ts, w).backward()
            optimizer.step()

    whole = ts.tensor(start(), requires_grad=True)
    steps(whole, rule([whole], **arguments), 6)

    first = ts.tensor(start(), requires_grad=True)
    optimizer = rule([first], **arguments)
    steps(first, optimizer, 3)
    second = ts.tensor(first.numpy(), requires_grad=True)
    resumed = rule([second], **arguments)
    resumed.load_state_dict(optimizer.state_dict())
    steps(second, resumed, 3)
    assert (second.numpy() == whole.numpy()).all()


def test_float32_parameters_stay_float32():
    w = ts.tensor([1.0, 2.0], dtype="float32", requires_grad=True)
    for rule, arguments in CASES:
        optimizer = rule([w], **arguments)
        (w * w).sum().backward()
        optimizer.step()
        assert w.dtype == np.float32


@cases
@pytest.mark.parametrize("lr", [float("nan"), float("inf"), -0.1, "fast", None])
def test_what_is_no_learning_rate_is_refused_when_it_is_set(rule, arguments, lr):
    """As a schedule may give it."""
    optimizer = rule([ts.tensor(start(), requires_grad=True)], **arguments)
    with pytest.raises((ValueError, TypeError), match="lr must"):
        optimizer.lr = lr
    assert optimizer.lr == arguments["lr"]


@cases
def test_a_parameter_that_comes_twice_is_updated_once(rule, arguments):
    results = []
    for times in (1, 2):
        w = ts.tensor(start(), requires_grad=True)
        optimizer = rule([w] * times, **arguments)
        for _ in range(3):
            optimizer.zero_grad()
            loss_of(ts, w).backward()
            optimizer.step()
        results.append(w.tolist())
    assert results[0] == results[1]


def test_a_step_between_forward_and_backward_is_an_error():
    w = ts.tensor([1.0, 2.0], requires_grad=True)
    w.grad = ts.ones(2)
    loss = (w * w).sum()
    ts.optim.SGD([w], lr=0.1).step()
    with pytest.raises(RuntimeError, match=r"multiply .* saved its argument .* updated since"):
        loss.backward()


@pytest.mark.parametrize("mistake", ["no backward()", "zero_grad() after it", "parameters of another model"])
@cases
def test_a_step_without_any_gradient_warns_and_changes_nothing(rule, arguments, mistake):
    w, other = (ts.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    optimizer = rule([w], **arguments)
    if mistake != "no backward()":
        ((other if mistake.startswith("parameters") else w) * 2.0).sum().backward()
    if mistake.startswith("zero_grad"):
        optimizer.zero_grad()
    with pytest.warns(
        UserWarning, match=r"no parameter .* has a gradient, so step\(\) updates nothing; call zero_grad"
    ):
        optimizer.step()
    assert w.tolist() == [1.0, 2.0]
    assert optimizer.state_dict() == {"lr": optimizer.lr}


def test_one_gradient_is_enough_for_a_step_without_a_warning():
    unused, w = (ts.tensor([1.0], requires_grad=True) for _ in range(2))
    w.sum().backward()
    ts.optim.SGD([unused, w], lr=0.5).step()
    assert (unused.item(), w.item()) == (1.0, 0.5)


@pytest.mark.parametrize("factor", [0.0, 1.0, 2.0, -0.5, float("nan")])
def test_a_plateau_never_raises_the_rate(factor):
    with pytest.raises(ValueError, match="factor must"):
        ts.optim.Plateau(0.1, factor=factor)
    with pytest.raises(ValueError, match='mode must be "min" or "max", got \'up\''):
        ts.optim.Plateau(0.1, mode="up")


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.99])
def test_the_variance_of_a_centred_mean_is_never_below_zero(alpha, kind):
    """s - m² may be rounded below 0, and its root is NaN; of a constant gradient the variance is aⁿ(1 - aⁿ) g²."""
    w, g = ts.tensor(np.ones(3, kind), requires_grad=True), np.array([0.1, -3.7, 0.0], kind)
    optimizer = ts.optim.RMSprop([w], lr=1e-9, alpha=alpha, centered=True)
    for _ in range(count := 200 if alpha < 0.9 else 600):
        w.grad = ts.tensor(g)
        optimizer.step()
    assert np.isfinite(w.numpy()).all()
    found, square, rest = optimizer.states[0]["variance"], g.astype(float) ** 2, alpha**count
    rounded = 4 * np.finfo(kind).eps
    np.testing.assert_allclose(found, rest * (1 - rest) * square, rtol=count * rounded, atol=rounded**2 * square.max())


def test_flags_are_true_or_false():
    """As in PyTorch's order of arguments, where a damping and a weight decay stand before ``nesterov``."""
    w = ts.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(TypeError, match=r"nesterov must be True or False, got 0\.0005; give options by name"):
        ts.optim.SGD([w], 0.1, 0.9, 0.0, 5e-4)
    with pytest.raises(TypeError, match="centered must be True or False, got 1"):
        ts.optim.RMSprop([w], centered=1)


def test_a_single_tensor_is_no_list_of_parameters():
    with pytest.raises(TypeError, match=r"a single tensor.*put it in a list"):
        ts.optim.SGD(ts.tensor([1.0, 2.0], requires_grad=True), lr=0.1)


def test_a_parameter_that_is_given_twice_is_updated_once():
    w = ts.tensor([1.0], requires_grad=True)
    w.grad = ts.ones(1)
    ts.optim.SGD([w, w], lr=0.1).step()
    assert w.tolist() == [0.9]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda w: ts.optim.SGD([w, w * 2], lr=0.1), r"parameters\[1\] was computed from other tensors"),
        (lambda w: ts.optim.SGD([w], lr=-0.1), "lr must not be negative, got -0.1"),
        (lambda w: ts.optim.SGD([w], lr=0.1, weight_decay=-1), "weight_decay must not be negative, got -1"),
        (lambda w: ts.optim.SGD([w], lr=0.1, nesterov=True), "nesterov needs a momentum above 0"),
        (lambda w: ts.optim.AdamW([w], betas=(0.9, 1.0)), r"both betas must lie in \[0, 1\), got \(0.9, 1.0\)"),
        (lambda w: ts.optim.Adam([w], betas=0.9), "betas must be two numbers.* got 0.9"),
        (lambda w: ts.optim.Adam([w], eps=-1), "eps must not be negative, got -1"),
        (lambda w: ts.optim.SGD([w], lr=0.1, momentum=-0.9), "momentum must not be negative, got -0.9"),
        (lambda w: ts.optim.RMSprop([w], alpha=1.0), r"alpha must lie in \[0, 1\), got 1.0"),
        (lambda w: ts.optim.SGD([w], lr=float("nan")), "lr must be a finite number, got nan"),
    ],
)
def test_bad_settings_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make(ts.tensor([1.0], requires_grad=True))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: ts.optim.SGD(ts.nn.Linear(1, 1), lr=0.1),
            r"of type Linear; give a list, or a model's \.parameters\(\)",
        ),
        (lambda: ts.optim.SGD(ts.nn.Linear(1, 1).named_parameters(), lr=0.1), r"parameters\[0\] is of type tuple"),
        (lambda: ts.optim.SGD([{"params": []}], lr=0.1), r"parameters\[0\] is of type dict, but must be a tensor"),
        (lambda: ts.optim.Adam([ts.ones(1)], lr="0.1"), "lr must be a number, got '0.1'"),
        (lambda: ts.optim.Adam([ts.ones(1)]).load_state_dict(None), "state must be a dictionary.*got NoneType"),
    ],
)
def test_what_is_no_parameter_or_number_is_named(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_a_tensor_of_one_element_is_a_learning_rate():
    w = ts.tensor([1.0], requires_grad=True)
    w.grad = ts.ones(1)
    optimizer = ts.optim.SGD([w], lr=ts.tensor(0.5))
    optimizer.step()
    assert w.tolist() == [0.5]
    assert optimizer.state_dict() == {"lr": 0.5}


def test_nothing_to_optimise_is_an_error():
    with pytest.raises(ValueError, match="parameters is empty"):
        ts.optim.SGD([], lr=0.1)


# -- schedules ---------------------------------------------------------------------------------------------------------


def pytorchs_rates(make, steps=50, lr=0.3):
    torch = oracle("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    scheduler, rates = make(torch.optim.lr_scheduler, optimizer), []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


SCHEDULES = {
    "step": (ts.optim.step_decay(0.3, every=7, factor=0.6), lambda s, o: s.StepLR(o, step_size=7, gamma=0.6)),
    "exponential": (ts.optim.exponential_decay(0.3, 0.93), lambda s, o: s.ExponentialLR(o, gamma=0.93)),
    "cosine": (ts.optim.cosine_decay(0.3, 49, floor=0.02), lambda s, o: s.CosineAnnealingLR(o, T_max=49, eta_min=0.02)),
    "warm-up": (
        ts.optim.warm_up(0.3, steps=12, start=0.25),
        lambda s, o: s.LinearLR(o, start_factor=0.25, total_iters=12),
    ),
    "warm-up, then exponential": (
        ts.optim.warm_up(ts.optim.exponential_decay(0.3, 0.9), steps=5),
        lambda s, o: s.ChainedScheduler([s.LinearLR(o), s.ExponentialLR(o, gamma=0.9)], optimizer=o),
    ),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_fifty_rates_are_pytorchs(name):
    ours, theirs = SCHEDULES[name]
    np.testing.assert_allclose([ours(step) for step in range(50)], pytorchs_rates(theirs), rtol=1e-12)


@given(
    values=st.lists(st.floats(-2, 2, width=16), min_size=1, max_size=50),
    settings=st.fixed_dictionaries(
        {
            "mode": st.sampled_from(["min", "max"]),
            "factor": st.sampled_from([0.1, 0.5]),
            "patience": st.integers(0, 3),
            "threshold": st.sampled_from([1e-4, 0.1]),
            "cooldown": st.integers(0, 3),
            "min_lr": st.sampled_from([0.0, 0.01]),
        }
    ),
)
def test_rates_on_a_plateau_are_pytorchs_and_survive_saving(values, settings):
    torch = oracle("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **settings)
    ours = ts.optim.Plateau(0.3, **settings)
    for step, value in enumerate(values):
        ours.observe(value)
        theirs.step(value)
        assert ours(step) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)
        restored = ts.optim.Plateau(0.3, **settings)
        restored.load_state_dict(ours.state_dict())
        ours = restored


def test_the_cosine_with_a_warm_up_is_the_cosine_after_it():
    rate = ts.optim.warm_up_cosine(2.0, steps=30, warm_up=10, floor=0.1)
    assert [rate(step) for step in range(10)] == pytest.approx([0.2 * (step + 1) for step in range(10)])
    later = ts.optim.cosine_decay(2.0, 20, floor=0.2)
    assert [rate(10 + step) for step in range(25)] == [later(step) for step in range(25)]


# -- states that do not fit --------------------------------------------------------------------------------------------


GOOD = {"lr": 0.1, "0.step": 1, "0.mean": np.ones(2), "0.square": np.ones(2)}


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"0.mean": np.zeros(2)}, "no 'lr', only '0.mean'"),
        ({"lr": 0.1, "1.mean": np.zeros(2)}, "'1.mean', but there are 1 parameters"),
        ({"lr": 0.1, "weight": np.zeros(2)}, "'weight', but there are 1 parameters"),
        (
            {"lr": 0.1, "0.momentum": np.zeros(2)},
            "remembers momentum of parameter 0, but this Adam remembers mean, square",
        ),
        ({"lr": 0.1, "0.step": 3}, "remembers step of parameter 0, but this Adam remembers mean, square, step"),
        ({**GOOD, "lr": -1.0}, "the state's lr must not be negative, got -1.0"),
        (
            {**GOOD, "0.mean": np.array(["a", "b"])},
            "0.mean holds <U1 in the optimiser's state; real numbers",
        ),
        ({"lr": 0.1, "0.mean": np.zeros(3)}, r"0\.mean has shape \(3,\).*but \(2,\) is needed"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(state, message):
    w = ts.tensor([1.0, 2.0], requires_grad=True)
    optimizer = ts.optim.Adam([w], lr=0.5)
    (w * w).sum().backward()
    optimizer.step()
    before = str(optimizer.state_dict())
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(state)
    assert str(optimizer.state_dict()) == before


@cases
def test_each_parameter_goes_its_own_way_downhill(rule, arguments):
    """Fifty steps lower the loss, and a parameter's path does not depend on which others there are."""
    both = [ts.tensor(start() * scale, requires_grad=True) for scale in (1, 0.5)]
    alone = ts.tensor(start() * 0.5, requires_grad=True)
    together, single = rule(both, **arguments), rule([alone], **arguments)
    first = loss_of(ts, alone).item()
    for _ in range(50):
        for optimizer, loss in ((together, sum(loss_of(ts, w) for w in both)), (single, loss_of(ts, alone))):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    assert np.array_equal(both[1].numpy(), alone.numpy())
    assert loss_of(ts, alone).item() < first


def test_a_new_optimiser_is_tried_without_a_change_elsewhere():
    """One class in one file of the package: the tests of trajectories, states and copies find it and its settings."""

    class Lion(ts.optim.Optimizer):
        __module__ = "tinyseq.optim.lion"
        trials = ({"lr": 0.01}, {"lr": 0.01, "weight_decay": 0.1})

        def update(self, value, gradient, state):
            mean = state.get("mean", 0 * gradient)
            state["mean"] = 0.99 * mean + 0.01 * gradient
            return value - self.lr * (np.sign(0.9 * mean + 0.1 * gradient) + self.weight_decay * value)

    assert Lion in optimizers()
    assert {type(make()) for make in objects_of_optimizers()["Lion"]} == {Lion}
    for settings in Lion.trials:
        test_saved_and_restored_state_continues_bit_for_bit(Lion, settings)
        test_numbers_of_numpy_widen_no_parameter(Lion, settings)
        test_each_parameter_goes_its_own_way_downhill(Lion, settings)

    class Forgetful(Lion):
        def state_dict(self):
            return {"lr": self.lr}

    with pytest.raises(AssertionError):
        test_saved_and_restored_state_continues_bit_for_bit(Forgetful, Lion.trials[0])
    del Lion, Forgetful
    gc.collect()  # so that no later test finds it
    found = {rule.__name__ for rule in optimizers()}
    assert found >= {"SGD", "Adam", "AdamW", "Adagrad", "RMSprop"}
    assert not found & {"Lion", "Forgetful"}


@pytest.mark.host
def test_a_parameter_without_axes_stays_an_array():
    w = ts.tensor(4.0, requires_grad=True)
    for rule, arguments in CASES:
        optimizer = rule([w], **arguments)
        for _ in range(2):
            optimizer.zero_grad()
            (w * w).backward()
            optimizer.step()
        assert type(w._array) is np.ndarray
        resumed = rule([w], **arguments)
        resumed.load_state_dict(optimizer.state_dict())
        assert str(resumed.state_dict()) == str(optimizer.state_dict())


@cases
def test_numbers_of_numpy_widen_no_parameter(rule, arguments):
    """A rate of NumPy's, such as a schedule may compute, is a float64 that counts as an array's."""
    w = ts.tensor(np.ones(2, dtype="f4"), requires_grad=True)
    numbers = {key: np.float64(value) if type(value) is float else value for key, value in arguments.items()}
    optimizer = rule([w], **numbers)
    tasks = lambda step: ts.train.Loss((w * w).sum(), 1)
    list(ts.train.train(tasks, optimizer, steps=2, schedule=lambda step: np.float64(0.1)))
    assert type(optimizer.lr) is float
    optimizer.lr = np.float64(0.1)
    optimizer.step()
    assert w.dtype == np.float32


@pytest.mark.parametrize("kind", [ts.optim.SGD, ts.optim.Adam, ts.optim.AdamW, ts.optim.Adagrad, ts.optim.RMSprop])
@pytest.mark.parametrize("size", [4, 40_000])
def test_float16_takes_the_steps_of_float32(kind, size):
    """In float16, eps and the squares of small gradients are 0: Adam divided 0 by 0."""
    start = np.linspace(-1, 1, size, dtype=np.float16)
    gradients = [np.resize(np.array([0, 1e-5, 1e-3, 300], dtype=np.float16), size) * sign for sign in (1, -1, 1)]
    half, single = (ts.tensor(start.astype(dtype), requires_grad=True) for dtype in ("float16", "float32"))
    optimizers = [kind([leaf], lr=1e-3) for leaf in (half, single)]
    for gradient in gradients:
        before = half.numpy().astype("float32")
        single.copy_(before)
        for leaf, optimizer in zip((half, single), optimizers, strict=True):
            leaf.grad = ts.tensor(gradient.astype(leaf.dtype))
            optimizer.step()
        np.testing.assert_array_equal(half.numpy(), single.numpy().astype("float16"))
        assert half.dtype == np.float16
        restored = kind([half], lr=1e-3)
        restored.load_state_dict(optimizers[0].state_dict())
        optimizers[0] = restored
