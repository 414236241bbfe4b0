"""Updates of tensors between a compiled call and its backward pass: what the function itself gives, or its error."""

import numpy as np
import pytest
from executor_trials import agree, random_function

import tinyseq as ts

pytestmark = pytest.mark.usefixtures("kernels_in_python")
EXECUTORS = ["numpy", "numba"]
UPDATED = "which has been updated since"


def outcome(call):
    """What a call gives, or the error that refuses saved values that have been updated."""
    try:
        return call()
    except RuntimeError as error:
        return UPDATED if UPDATED in str(error) else str(error)


def after_updates(function, arrays, updated, used, wanted):
    """Gradients of some results to some leaves, or of all leaves by backward, after updates of other leaves."""
    leaves = [ts.tensor(array, requires_grad=True) for array in arrays]
    results = function(*leaves)
    with ts.no_grad():
        for i in updated:
            leaves[i].copy_(arrays[i] + 1)
    total = sum((y * y).sum() for i, y in enumerate(results) if i in used and y.requires_grad)
    if not isinstance(total, ts.Tensor) or not total.requires_grad:
        return []
    if wanted:
        found = outcome(lambda: ts.grad(total, [leaves[i] for i in wanted], allow_unused=True))
    else:
        found = outcome(total.backward) or [leaf.grad for leaf in leaves]
    return found if isinstance(found, str) else [None if g is None else g.numpy() for g in found]


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("seed", range(8))
def test_a_gradient_that_needs_an_updated_value_is_refused_as_without_compile(seed, executor):
    function, arrays = random_function(seed)
    fast, rng = ts.compile(function, executor=executor), np.random.default_rng(seed)
    for _ in range(12):
        updated, used, wanted = ([i for i in range(n) if rng.random() < 0.5] for n in (len(arrays), 6, len(arrays)))
        with np.errstate(all="ignore"):
            found, expected = (after_updates(each, arrays, updated, used, wanted) for each in (fast, function))
        if UPDATED in (found, expected):
            assert found == expected, (updated, used, wanted)
        else:
            agree(found, expected, lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9))


def optimiser_step(model):
    ts.optim.SGD(model.parameters(), 0.1).step()


def loaded_state(model):
    model.load_state_dict(model.state_dict())


def assignment(model):
    with ts.no_grad():
        model.weight[0] = 0.0


def frozen_and_assigned(model):
    model.weight.requires_grad = False
    model.weight[0] = 0.0
    model.weight.requires_grad = True


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("update", [optimiser_step, loaded_state, assignment, frozen_and_assigned])
def test_backward_after_an_update_is_the_error_of_the_function(update, executor):
    model, errors = ts.nn.LayerNorm(3), []
    loss_of = lambda x: ts.square(model(x)).sum()
    x = ts.tensor(np.random.default_rng(0).normal(size=(2, 3)).astype("f4"), requires_grad=True)
    for function in (loss_of, fast := ts.compile(loss_of, executor=executor), fast):
        function(x).backward()
        model.zero_grad()
        loss = function(x)
        loss.backward(retain_graph=True)
        update(model)
        before = [each.grad for each in model.parameters()]
        with pytest.raises(RuntimeError, match=UPDATED) as error:
            loss.backward()
        errors.append(str(error.value))
        assert all(each.grad is grad for each, grad in zip(model.parameters(), before, strict=True))
    assert errors[0] == errors[1] == errors[2]


@pytest.mark.parametrize("executor", EXECUTORS)
def test_results_of_which_only_one_needs_an_updated_value(executor):
    w, v = (ts.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    fast = ts.compile(lambda x: ((w * w * x).sum(), (v * x).sum(), (v * w).sum()), executor=executor)
    for _ in range(3):
        w.grad = v.grad = None
        first, second, third = fast(ts.tensor([3.0, 4.0]))
        with ts.no_grad():
            v.copy_([5.0, 6.0])
        first.backward(retain_graph=True)
        second.backward(retain_graph=True)
        with pytest.raises(RuntimeError, match=UPDATED):
            third.backward(retain_graph=True)
        with ts.no_grad():
            w.copy_([1.0, 2.0])
        with pytest.raises(RuntimeError, match=UPDATED):
            first.backward()
        np.testing.assert_array_equal([w.grad.numpy(), v.grad.numpy()], [[6.0, 16.0], [3.0, 4.0]])


def test_what_a_compiled_call_was_given_may_be_updated_if_it_is_no_leaf():
    w = ts.tensor([1.0, 2.0], requires_grad=True)
    fast = ts.compile(lambda h, x: (h * h * x).sum())
    for _ in range(2):
        w.grad, h = None, w * 1.0
        loss = fast(h, array := np.array([3.0, 4.0]))
        with ts.no_grad():
            w.copy_([1.0, 2.0])
            array[:] = 100.0
        loss.backward()
        np.testing.assert_array_equal(w.grad.numpy(), [6.0, 16.0])
