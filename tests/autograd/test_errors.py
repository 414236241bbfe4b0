"""Every misuse has its own error: it names the op, the argument and the shapes, and says what to do."""

import re

import array_api_strict
import numpy as np
import pytest

import tinyseq as ts
from tinyseq.autograd.declare import EXTENSIONS, FUNCTIONS, OPS, op
from tinyseq.torch_names.settings import with_cure


def leaf(values, **settings):
    return ts.tensor(np.array(values, dtype=float), requires_grad=True, **settings)


def raises(error, text, call, *args, **kwargs):
    with pytest.raises(error, match=text):
        call(*args, **kwargs)


# -- walking back ------------------------------------------------------------------------------------------------------


def test_a_second_walk_over_the_same_graph():
    x = leaf(2.0)
    y = x * x
    y.backward()
    raises(RuntimeError, r"reached multiply \(at the top level\).*an earlier backward used and freed", y.backward)
    raises(RuntimeError, r"retain_graph=True the first time", y.backward)
    raises(RuntimeError, "freed", ts.grad, y, x)


def test_a_second_walk_through_a_carried_state_says_which_and_proposes_detach():
    w = leaf([[0.5]])
    h = ts.zeros(1, 1)
    losses = []
    for t in range(2):
        with ts.scope("cell"), ts.step(t):
            h = ts.tanh(w @ h + 1.0)
        losses.append(h.sum())
    losses[0].backward()
    raises(
        RuntimeError,
        r"reached tanh \(in cell, step 0\).*state is carried from one window.*detach it: h = h\.detach\(\)",
        losses[1].backward,
    )


def test_backward_without_a_graph():
    raises(
        RuntimeError, "does not require grad: nothing it was computed from has requires_grad=True", ts.ones(()).backward
    )


def test_backward_from_more_than_one_element():
    y = leaf([1.0, 2.0]) * 2.0
    raises(
        RuntimeError,
        r"from shape \(2,\) needs gradient= of that shape; or reduce .* \.sum\(\) or \.mean\(\)",
        y.backward,
    )
    raises(RuntimeError, r"from shape \(2,\) needs grad_outputs= of that shape", ts.grad, y, y)


def test_backward_from_one_element_in_any_number_of_axes():
    x = leaf([[2.0]])
    (x * x).backward()
    assert x.grad.tolist() == [[4.0]]


def test_an_upstream_gradient_of_another_shape_or_type():
    y = leaf([1.0, 2.0]) * 2.0
    raises(ValueError, r"gradient has shape \(3,\), but the output has shape \(2,\)", y.backward, np.ones(3))
    raises(ValueError, r"gradient has shape \(\), but the output has shape \(2,\)", y.backward, 1.0)
    raises(
        ValueError,
        "gradient has dtype float32, but the output has dtype float64; convert it first",
        y.backward,
        np.ones(2, dtype=np.float32),
    )
    raises(ValueError, "grad_outputs has dtype int64", ts.grad, y, y, np.ones(2, dtype=np.int64))


def test_an_upstream_gradient_of_plain_numbers_takes_the_type_of_the_output():
    x = ts.tensor([1.0, 2.0], dtype="float32", requires_grad=True)
    (x * 2.0).backward([1, 2])
    assert x.grad.tolist() == [2.0, 4.0]
    assert x.grad.dtype == np.float32


def test_as_many_upstream_gradients_as_outputs():
    x = leaf(2.0)
    raises(ValueError, "grad_outputs has 1 entries for 2 outputs", ts.grad, [x * x, x * 2.0], x, [ts.tensor(1.0)])


def test_an_input_that_the_outputs_do_not_depend_on():
    x, y = leaf(2.0), leaf([1.0, 2.0])
    text = r"do not depend on inputs\[1\] \(shape \(2,\)\); pass allow_unused=True"
    raises(RuntimeError, text, ts.grad, x * x, [x, y])


def test_an_input_without_a_graph():
    x = leaf(2.0)
    text = r"inputs\[1\] does not require grad; create it with requires_grad=True"
    raises(RuntimeError, text, ts.grad, x * x, [x, ts.ones(2)])


def test_a_hook_that_changes_the_shape_and_a_hook_on_a_constant():
    x = leaf([1.0, 2.0])
    y = x * 2.0
    y.register_hook(lambda g: g.sum())
    raises(
        ValueError, r"a hook on Node\(multiply.*returned shape \(\) for a gradient of shape \(2,\)", y.sum().backward
    )
    raises(RuntimeError, "a hook needs a tensor with requires_grad=True", ts.ones(2).register_hook, print)
    raises(TypeError, "a hook is a function of the gradient, got 3", leaf(1.0).register_hook, 3)


# -- hooks -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["leaf", "result", "output"])
@pytest.mark.parametrize("create_graph", [False, True])
def test_a_hook_may_return_any_numbers_and_keeps_the_type_of_the_gradient(place, create_graph):
    arrays = (np.array([3.0, 4.0]), [3, 4], np.array([3, 4]), (3.0, 4.0))
    for answer in (ts.tensor([3.0, 4.0]), *(() if create_graph else arrays)):
        x = ts.tensor([1.0, 2.0], dtype="float32", requires_grad=True)
        y = ts.unbind(ts.stack([x, x]))[0] if place == "output" else x if place == "leaf" else x * np.float32(1)
        y.register_hook(lambda g, answer=answer: answer)
        g = ts.grad((y * y).sum(), x, create_graph=create_graph)
        assert g.tolist() == [3.0, 4.0]
        assert g.dtype == np.float32


def test_a_hook_that_returns_what_is_no_gradient_is_refused():
    x = leaf([1.0, 2.0])
    for answer, error, text in (
        ("abc", TypeError, r"a hook on Leaf\(.*must return a tensor or None: expected numbers, got str"),
        (True, ValueError, r"returned shape \(\) for a gradient of shape \(2,\)"),
        (0.0, ValueError, r"returned shape \(\) for a gradient of shape \(2,\)"),
        (np.ones(3), ValueError, r"returned shape \(3,\) for a gradient of shape \(2,\)"),
        (np.array([1j, 2.0]), TypeError, "returned complex128 for a gradient of float64, which has no imaginary part"),
        (ts.tensor([1j, 2.0]), TypeError, "returned complex128 for a gradient of float64, which has no imaginary part"),
        (ts.tensor(array_api_strict.asarray([1.0, 2.0])), TypeError, "returned a tensor of .* for a gradient of"),
    ):
        remove = x.register_hook(lambda g, answer=answer: answer)
        raises(error, text, (x * x).sum().backward)
        assert x.grad is None
        remove()
    y = leaf([1.0, 2.0])
    y.register_hook(lambda g: 2.0 * g.detach().numpy())
    raises(
        TypeError,
        "cannot be differentiated again; compute with the tensor",
        ts.grad,
        (y**3).sum(),
        y,
        create_graph=True,
    )


# -- leaves ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [[1, 2], [True, False]])
def test_whole_numbers_cannot_be_leaves(values):
    text = r"only floating-point tensors have gradients, got (int64|bool); write 1\.0 for 1, or convert to float32"
    raises(TypeError, text, ts.tensor, values, requires_grad=True)


def test_requires_grad_is_for_leaves():
    y = leaf(2.0) * 2.0
    raises(RuntimeError, r"cannot be set on the result of an op; use \.detach\(\)", setattr, y, "requires_grad", False)


def test_setting_a_gradient():
    x = leaf([1.0, 2.0])
    raises(ValueError, r"grad must have the tensor's shape \(2,\), got \(3,\)", setattr, x, "grad", ts.ones(3))
    raises(RuntimeError, r"only a leaf .* has a \.grad", setattr, x * 2.0, "grad", ts.ones(2))
    x.grad = np.array([3.0, 4.0])
    (x * 2.0).sum().backward()
    assert x.grad.tolist() == [5.0, 6.0]


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool"])
def test_a_gradient_that_is_set_takes_the_type_of_the_tensor(dtype):
    x = leaf([1.0, 2.0])
    x.grad = ts.tensor([1, 0], dtype=dtype)
    assert x.grad.dtype == np.float64
    assert x.grad.tolist() == [1.0, 0.0]


REAL_ONLY = {
    "gradient": lambda x, c: (x * x).backward(c),
    "grad_outputs": lambda x, c: ts.grad(x * x, x, grad_outputs=[c]),
    "v of vjp": lambda x, c: ts.vjp(lambda t: t * t, x, c),
    "v of jvp": lambda x, c: ts.jvp(lambda t: t * t, x, c),
    "v of hvp": lambda x, c: ts.hvp(lambda t: (t * t).sum(), x, c),
    "grad": lambda x, c: setattr(x, "grad", c),
    "source of copy_": lambda x, c: x.copy_(c),
    "source of +=": lambda x, c: x.detach().__iadd__(c),
    "source of *=": lambda x, c: x.detach().__imul__(c),
    "value": lambda x, c: x.detach().__setitem__(slice(None), c),
}


@pytest.mark.parametrize("given", [[1j, 1.0], np.array([1j, 1.0]), np.array([1j, 1.0], np.complex64)], ids=type)
@pytest.mark.parametrize("name", REAL_ONLY)
def test_imaginary_parts_are_never_dropped(name, given):
    x = leaf([1.0, 2.0])
    raises(
        TypeError, rf"^{name.split()[0]} has dtype complex\d+, and float64 has no imaginary", REAL_ONLY[name], x, given
    )
    assert x.grad is None
    assert x.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("x", " must be a tensor or a list of tensors, got str$"),
        (None, " must be a tensor or a list of tensors, got NoneType$"),
        (1.0, " must be a tensor or a list of tensors, got float$"),
        (np.ones(2), " must be a tensor or a list of tensors, got ndarray$"),
        ({"x": ts.ones(1)}, r" must be a tensor or a list of tensors, got dict; give its \.values\(\)$"),
        (ts.nn.Linear(1, 1), r" must be a tensor or a list of tensors, got Linear; give "),
        ([1.0], r"\[0\] must be a tensor, got float$"),
        ([leaf(1.0), None], r"\[1\] must be a tensor, got NoneType$"),
    ],
)
def test_gradients_are_of_tensors_with_respect_to_tensors(given, said):
    x = leaf(2.0)
    raises(TypeError, f"^inputs{said}", ts.grad, x * x, given)
    raises(TypeError, f"^outputs{said}", ts.grad, given, x)


def test_data_that_are_no_numbers():
    raises(TypeError, "expected numbers, got str", ts.tensor, "abc")
    raises(TypeError, "expected a rectangular array of numbers", ts.tensor, [[1.0], [1.0, 2.0]])
    raises(TypeError, "expected numbers, got dict", ts.tensor, {})
    raises(TypeError, "expected numbers, got NoneType", lambda: leaf(1.0) + None)


# -- arguments of ops --------------------------------------------------------------------------------------------------


def test_shapes_that_do_not_fit_are_named_with_the_place_in_the_model():
    x = leaf(np.ones((2, 3)))
    with ts.scope("encoder"), ts.scope("cell"), ts.step(7):
        raises(
            ValueError,
            r"add\(x\(2, 3\), y\(4,\)\) \(in encoder\.cell, step 7\): operands could not be",
            lambda: x + np.ones(4),
        )
        raises(ValueError, r"matmul\(x\(2, 3\), y\(2, 3\)\) \(in encoder\.cell, step 7\)", lambda: x @ x)


@pytest.mark.host
def test_arrays_of_two_libraries_are_not_mixed():
    x = leaf([1.0, 2.0])
    y = ts.tensor(array_api_strict.asarray([1.0, 2.0]))
    for call in (lambda: x * y, lambda: x @ y, lambda: ts.where(x > 0, x, y), lambda: ts.stack([x, y])):
        raises(TypeError, "numpy.*array_api_strict.*|array_api_strict.*numpy.*", call)
    raises(TypeError, r"multiply: x is numpy and y is array_api_strict; move one with \.to\(", lambda: x * y)
    raises(TypeError, r"stack: xs\[0\] is numpy and xs\[1\] is array_api_strict", lambda: ts.stack([x, y]))
    raises(TypeError, "gradient is array_api_strict, but the output is numpy; move one", (x * 2.0).backward, y)


@pytest.mark.host
def test_a_device_that_does_not_exist():
    x = leaf([1.0])
    raises(TypeError, r"to\(\) takes .*, got 'gpu'", x.to, "gpu")
    raises(RuntimeError, r'move leaves, not results: call \.to\("cuda"\)', (x * 2.0).to, "cuda")


# -- writing in place --------------------------------------------------------------------------------------------------


def test_assigning_to_a_part_of_a_recorded_tensor():
    x = leaf([1.0, 2.0])
    text = r"collect the parts and use ts\.stack\(parts\), or make a new tensor with ts\.index_set\(x, index, value\)"
    raises(RuntimeError, text, x.__setitem__, 0, 5.0)
    raises(RuntimeError, text, (x * 2.0).__setitem__, 0, 5.0)
    with ts.no_grad():
        x[0] = 5.0
    assert x.tolist() == [5.0, 2.0]


def test_updating_a_leaf_in_place_while_gradients_are_recorded():
    x = leaf([1.0, 2.0])
    for update in (x.__iadd__, x.__isub__, x.__imul__, x.__itruediv__):
        raises(RuntimeError, r"wrap the update in `with ts\.no_grad\(\):`, or write x = x \+ y", update, 1.0)


def test_copying_into_a_result_or_from_another_shape():
    x = leaf([1.0, 2.0])
    raises(RuntimeError, r"copy_ cannot change the result of an op; .* detach\(\) first", (x * 2.0).copy_, [0.0, 0.0])
    raises(ValueError, r"copy_ into shape \(2,\): source has shape \(3,\)", x.copy_, np.ones(3))


# -- leaving the graph -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "cure"),
    [
        (float, r"use t\.item\(\), or ts\.exp\(t\) for math\.exp\(t\)"),
        (int, r"use t\.item\(\), or int\(t\.detach\(\)\)"),
        (np.asarray, r"use t\.detach\(\)\.numpy\(\), or a function of tinyseq"),
        (np.spacing, r"np\.spacing is not recorded by tinyseq; .* np\.spacing\(t\.detach\(\)\.numpy\(\)\)"),
        (np.median, r"np\.median is not recorded by tinyseq"),
        (lambda x: np.convolve(x[None], [1.0]), r"np\.convolve is not recorded by tinyseq"),
    ],
)
def test_leaving_the_graph_unseen_is_refused(call, cure):
    raises(TypeError, cure, call, leaf(2.0))


def test_copying_and_pickling_a_result():
    import copy
    import pickle

    y = leaf(2.0) * 2.0
    raises(RuntimeError, r"detach\(\) the result of an op first", copy.deepcopy, y)
    raises(TypeError, r"detach\(\) the result of an op first", pickle.dumps, y)


def test_questions_with_more_than_one_answer():
    x = ts.ones(2)
    raises(ValueError, r"truth value of a tensor of shape \(2,\) is ambiguous", bool, x)
    raises(ValueError, r"item\(\) takes a tensor of one element, got shape \(2,\)", x.item)
    raises(TypeError, r"len\(\) of a 0-d tensor", len, ts.ones(()))
    raises(TypeError, "cannot iterate over a 0-d tensor", iter, ts.ones(()))
    raises(TypeError, "only a tensor of one integer can be used as an index", [1, 2].__getitem__, ts.ones(()))


# -- declaring ops -----------------------------------------------------------------------------------------------------


def test_a_rule_that_gives_a_wrong_shape_is_named():
    from tinyseq.autograd.declare import op

    bad = op("bad_shape_example", lambda xp, x: x * 2.0, lambda xp, g: g[:1])
    y = bad(leaf([1.0, 2.0])).sum()
    raises(AssertionError, r"VJP of bad_shape_example gave shape \(1,\) for argument 0 of shape \(2,\)", y.backward)
    raises(ValueError, "an op named 'bad_shape_example' is already declared", op, "bad_shape_example", lambda xp, x: x)


def test_a_rule_that_asks_for_an_unknown_function_is_told_so():
    from tinyseq.autograd.declare import op

    odd = op("odd_example", lambda xp, x: xp.fabs(x), lambda xp, g, x: g * xp.fabs(x) / x, "x")
    x = leaf(0.5)
    assert ts.grad(odd(x), x).item() == 1.0
    raises(
        AttributeError, "a rule asked for 'fabs', which tinyseq has no op for", ts.grad, odd(x), x, create_graph=True
    )


def test_arguments_that_are_too_many_or_given_twice_are_refused():
    x = leaf([1, 2])
    raises(TypeError, r"split takes 1 tensors and 2 settings .*, got 4 arguments", ts.split, x, 2, 0, 7)
    raises(TypeError, "split got sections= twice, by position and by name", ts.split, x, 2, sections=1)


@pytest.mark.parametrize("name", ["view", "unsqueeze", "clone", "data", "cuda", "numel"])
def test_habits_of_pytorch_end_in_the_cure(name):
    x = leaf([1.0])
    raises(AttributeError, rf"'Tensor' object has no attribute '{name}'; use ", lambda: getattr(x, name))
    assert not hasattr(x, name)
    for module, habit in ((ts, "cat"), (ts, "float32"), (ts.nn, "CrossEntropyLoss"), (ts.nn, "ReLU")):
        raises(AttributeError, rf"module '{module.__name__}' has no attribute '{habit}'; use ", getattr, module, habit)
    raises(AttributeError, r"module 'tinyseq' has no attribute 'nonsense'$", getattr, ts, "nonsense")


def test_names_that_do_not_exist_on_a_parameter():
    raises(
        AttributeError, r"'Parameter' object has no attribute 'nonsense'$", lambda: ts.nn.Linear(1, 1).weight.nonsense
    )


def test_several_tensors_where_one_is_expected():
    layer, head = ts.nn.RNN(2, 3), ts.nn.Linear(3, 1)
    for call in (lambda: head(layer(ts.ones(4, 1, 2))), lambda: ts.tensor([leaf([1.0]), leaf([2.0])])):
        raises(TypeError, "expected one tensor, got a .* of 2; join tensors with ts.stack.*output, state = rnn", call)
    assert ts.tensor([ts.ones(1), ts.zeros(1)]).tolist() == [[1.0], [0.0]]


def test_a_loss_is_printed_as_a_number():
    loss = (leaf([1.0, 2.0]) ** 2).sum()
    assert f"{loss:.3f} {loss:6.1e}" == "5.000 5.0e+00"
    assert f"{loss}" == str(loss)
    assert f"{ts.tensor([1.0, 2.0])}" == str(ts.tensor([1.0, 2.0]))


def test_an_op_of_a_notebook_may_be_declared_again():
    """A cell that is run twice; what the array libraries remember of the first is forgotten."""
    from tinyseq.autograd.declare import OPS

    cell = """
from tinyseq.autograd.declare import op
twice = op("cell_example", forward=lambda xp, x: {factor} * x, vjp=lambda xp, g: {factor} * g)
again = op("user_{factor}_example", forward=lambda xp, x: xp.cell_example(x), vjp=lambda xp, g: xp.cell_example(g))
"""
    for factor in (2, 3):
        space = {"__name__": "__main__"}
        exec(cell.format(factor=factor), space)
        x = leaf([1.0])
        space["again"](x).backward()
        assert (space["twice"](x).tolist(), space["again"](x).tolist(), x.grad.tolist()) == ([factor],) * 3
    assert OPS["cell_example"].module == "__main__"
    raises(ValueError, "'cell_example' is already declared, in __main__; choose", op, "cell_example", lambda xp, x: x)


@pytest.mark.parametrize(
    ("shapes", "reason"),
    [
        (((3, 4), (3,)), r"matmul\(x\(3, 4\), y\(3,\)\): the last axis of x .* the only one of y, got 4 and 3"),
        (((4,), (3, 2)), r"the last axis of x .* the last but one of y, got 4 and 3"),
        (((5, 3, 4), (2, 4)), r"the last but one of y, got 4 and 2"),
    ],
)
def test_a_product_of_shapes_that_do_not_fit_names_the_two_axes(shapes, reason):
    x, y = map(ts.ones, shapes)
    raises(ValueError, reason, lambda: x @ y)


def test_ragged_rows_are_told_from_what_is_no_number():
    raises(
        TypeError, "got rows of different lengths; ts.data.padded_values fills them up", ts.tensor, [[1.0], [2.0, 3]]
    )


@pytest.mark.parametrize(
    ("call", "cure"),
    [
        (lambda: ts.optim.Adam([ts.nn.Parameter([1.0])], learning_rate=0.1), "; use lr="),
        (lambda: ts.nn.LSTM(3, hidden_dim=4), "; use hidden_size="),
        (lambda: ts.nn.LSTM(3, 4, bidirektional=True), r"[;.] [dD]id you mean '?bidirectional"),
        (lambda: ts.zeros(3, dtypes="f4"), r"[;.] [dD]id you mean '?dtype"),
    ],
)
def test_an_unknown_keyword_argument_says_which_one_was_meant(call, cure):
    raises(TypeError, f"unexpected keyword argument.*{cure}", call)


@pytest.mark.parametrize("suggested", ["", ". Did you mean 'hidden_size'?"])
def test_a_cure_takes_the_place_of_what_python_suggests(suggested):
    """From 3.13 on, Python names an argument that is spelled like the unknown one; the cure is ours in all versions."""
    error = TypeError(f"LSTM.__init__() got an unexpected keyword argument 'hidden_dim'{suggested}")
    with_cure(error, {"hidden_dim": 4}, ts.nn.LSTM)
    assert str(error) == "LSTM.__init__() got an unexpected keyword argument 'hidden_dim'; use hidden_size="


def test_what_python_suggests_stays_where_there_is_no_cure():
    text = "f() got an unexpected keyword argument 'xyzzy'. Did you mean 'xyz'?"
    error = TypeError(text)
    with_cure(error, {"xyzzy": 4}, lambda q: q)
    assert str(error) == text


OF_REAL_NUMBERS = {
    "arctan2",
    "copysign",
    "float_power",
    "floor_divide",
    "fmod",
    "heaviside",
    "hypot",
    "logaddexp",
    "mod",
}
OF_REAL_NUMBERS |= {"logaddexp2", "remainder"}  # NumPy's functions of real numbers
COMPLEX = {
    **{
        record.name: FUNCTIONS[record.name]
        for record in OPS.values()
        if len(record.inputs) == 2 and record.kind in ("elementwise", "product") and record.vjp and not record.defaults
        if record.name not in OF_REAL_NUMBERS
    },
    "concatenate": lambda x, c: ts.concatenate([x, c]),
    "stack": lambda x, c: ts.stack([x, c]),
    "einsum": lambda x, c: ts.einsum("i,i->i", x, c),
    "where": lambda x, c: ts.where(np.array([True, False]), x, c),
    "scatter_add": lambda x, c: ts.scatter_add(c, [0, 1], x),
    "solve": lambda x, c: ts.solve(np.diag(c), x),
    "astype": lambda x, c: x.to("complex128"),
    "checkpoint": lambda x, c: ts.checkpoint(lambda x: abs(x * c), x),
}


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("name", COMPLEX)
def test_a_gradient_through_complex_numbers_is_refused(name, create_graph):
    """Rules are those of real numbers: |cx| with c = i would have the slope -sign x."""
    x, c = ts.tensor([0.5, -2.0], requires_grad=True), np.array([1 + 2j, 1j])
    with pytest.raises(TypeError, match=r"gave complex numbers, through which there are no gradients here"):
        ts.grad(abs(COMPLEX[name](x, c)).sum(), x, create_graph=create_graph)


def test_a_leaf_of_complex_numbers_is_refused():
    for make in (lambda: ts.tensor([1j], requires_grad=True), lambda: ts.tensor([1j]).requires_grad_()):
        raises(TypeError, "got complex128; take the real and the imaginary parts, as two tensors", make)
    assert (ts.tensor([1j]) * 2.0).tolist() == [2j]


REAL_FUNCTIONS = ["norm", "std", "var", "eigh", "eigvalsh", "cholesky", "logsumexp", "softmax", "log_softmax"]
REAL_FUNCTIONS += ["log_sigmoid", "erf", "normal_cdf", "gelu", "vdot", "float_power"]


@pytest.mark.parametrize("name", REAL_FUNCTIONS)
def test_functions_whose_formula_is_of_real_numbers_refuse_complex_ones(name):
    """They dropped the imaginary part, or squared where the size was meant."""
    z = ts.tensor([[1 + 2j, 0.5], [0.5, 3 - 1j]])
    with pytest.raises(TypeError, match=r"takes real numbers, got complex128"):
        FUNCTIONS[name](*([z, z] if name in ("vdot", "float_power") else [z]))


# -- functions of an op that give something else than an array of the right shape --------------------------------------


def passing_on(rule=lambda xp, g: g, forward=lambda xp, x: x * 1.0, **declared):
    """An op that is not registered for good."""
    name = "passing_on"
    made = op(name, forward, vjp=rule, **declared)
    for names in (OPS, FUNCTIONS, EXTENSIONS):
        del names[name]
    return made


WRONG_GRADIENTS = {
    "nothing": (lambda xp, g: None, TypeError, "is there a return missing"),
    "number": (lambda xp, g: 2.0, TypeError, "gave float, not an array"),
    "list": (lambda xp, g: [1.0, 2.0, 3.0], TypeError, "gave list, not an array"),
    "transposed": (
        lambda xp, g: xp.reshape(g, (3, 2)),
        AssertionError,
        r"shape \(3, 2\) for argument 0 of shape \(2, 3\)",
    ),
    "masked": (lambda xp, g: np.ma.ones((2, 3)), TypeError, "gave MaskedArray, not an array"),
    "summed": (lambda xp, g: xp.sum(g), AssertionError, r"shape \(\) for argument 0 of shape \(2, 3\)"),
    "cut": (lambda xp, g: g[:1], AssertionError, r"shape \(1, 3\) for argument 0 of shape \(2, 3\)"),
    "flat": (lambda xp, g: xp.reshape(g, (6,)), AssertionError, r"shape \(6,\) for argument 0 of shape \(2, 3\)"),
}


@pytest.mark.parametrize("broadcasts", [False, True])
@pytest.mark.parametrize("of_leaf", [False, True])
@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize("found", WRONG_GRADIENTS)
def test_a_rule_that_gives_no_array_of_the_right_shape_is_named(found, create_graph, of_leaf, broadcasts):
    rule, kind, words = WRONG_GRADIENTS[found]
    x = ts.ones((2, 3)).requires_grad_()
    y = passing_on(rule, broadcasts=broadcasts)(x if of_leaf else x * 2.0)
    with pytest.raises(kind, match="passing_on") as caught:
        ts.grad(y.sum(), [x], create_graph=create_graph)
    assert re.search(words, str(caught.value))


def test_a_setting_may_be_a_tensor_through_which_no_gradient_flows():
    scaled = passing_on(lambda xp, g, *, scale=1.0: g * scale, lambda xp, x, *, scale=1.0: x * scale)
    x, scale = ts.ones(2).requires_grad_(), ts.tensor([2.0, 3.0])
    y = scaled(x, scale=scale)
    y.sum().backward()
    assert y.tolist() == x.grad.tolist() == [2.0, 3.0]
    with pytest.raises(TypeError, match=r"scale is a setting, through which no gradient flows; give scale\.detach\(\)"):
        scaled(x, scale=scale.requires_grad_())


def test_a_setting_without_a_default_is_needed():
    scaled = passing_on(lambda xp, g, *, scale: g * scale, lambda xp, x, *, scale: x * scale)
    with pytest.raises(TypeError, match=r"^passing_on needs scale=$"):
        scaled(ts.ones(2))


@pytest.mark.parametrize("result", [None, [1.0, 2.0], (), "text", {}], ids=str)
def test_a_forward_function_that_gives_no_array_is_named(result):
    for x in (ts.ones(2), ts.ones(2).requires_grad_()):
        for arguments, forward in (((x,), lambda xp, x: result), ((x, x), lambda xp, x, y: result)):
            rule = (lambda xp, g: g,) * len(arguments)
            with pytest.raises(TypeError, match=r"forward function of passing_on gave .*, not an array") as caught:
                passing_on(rule, forward)(*arguments)
            assert ("declare outputs=True" in str(caught.value)) is isinstance(result, list | tuple)


@pytest.mark.parametrize("result", [1.0, 2, True, np.float32(3.0), np.ones(2)], ids=repr)
def test_a_forward_function_may_give_numbers(result):
    x = ts.ones(2).requires_grad_()
    assert passing_on(lambda xp, g: xp.broadcast_to(g, (2,)), lambda xp, x: result)(x).numpy() == pytest.approx(result)
