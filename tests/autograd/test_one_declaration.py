"""What an op is, it says once: a new op is drawn, inspected, tested and documented by its declaration alone."""

import ast
import importlib.util
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.autograd.calls.declared import check_declaration
from tinyseq.autograd.declare import FUNCTIONS, OPS, SPECIAL_METHODS, op
from tinyseq.autograd.graph import owner
from tinyseq.backend import EXTENSIONS
from tinyseq.structure.record import record
from tinyseq.testing.battery import check_op
from tinyseq.testing.calls import calls_of

ROOT = Path(__file__).resolve().parents[2]
ENGINE = [each for each in OPS.values() if each.module.startswith("tinyseq.autograd.ops.")]


# -- a new op in one place ---------------------------------------------------------------------------------------------


@contextmanager
def declaring():
    """Declare ops that are forgotten again."""
    before, methods = set(OPS), set(vars(ts.Tensor))
    try:
        yield op
    finally:
        for name in set(OPS) - before:
            del OPS[name], FUNCTIONS[name], EXTENSIONS[name]
        for name in set(vars(ts.Tensor)) - methods:
            delattr(ts.Tensor, name)


@pytest.fixture
def declared():
    with declaring() as declare:
        yield declare


def squash(declared):
    return declared(
        "softsign_here",
        forward=lambda xp, x: x / (1 + xp.abs(x)),
        saves="out",
        vjp=lambda xp, g, y: g * xp.square(1 - xp.abs(y)),
        tex=r"\bar x = \bar y\,(1 - |y|)^2",
        analytic=False,
        kind="elementwise",
        slope_bound=1.0,
        symbol="s",
        method=True,
        reference=lambda x: x / (1 + np.abs(x)),
    )


def product(declared):
    return declared(
        "times_here",
        forward=lambda xp, x, y: xp.matmul(x, y),
        saves=("x", "y"),
        vjp=(
            lambda xp, g, x, y: g @ xp.matrix_transpose(y),
            lambda xp, g, x, y: xp.matrix_transpose(x) @ g,
        ),
        broadcasts=True,
        tex=r"\bar x = \bar z\,y^\top,\quad \bar y = x^\top \bar z",
        kind="product",
        reference=np.matmul,
    )


def turned(declared):
    return declared(
        "turned_here",
        forward=lambda xp, x: xp.permute_dims(x, tuple(reversed(range(x.ndim)))),
        vjp=lambda xp, g: xp.permute_dims(g, tuple(reversed(range(g.ndim)))),
        tex=r"\bar x = \bar y^\top",
        kind="move",
        axes=lambda use, axis: [len(use.shape) - 1 - axis],
        view=True,
        calls="elementwise",
        reference=lambda x: x.T,
    )


def summed(declared):
    return declared(
        "total_here",
        forward=lambda xp, x, *, axis=None, keepdims=False: xp.sum(x, axis=axis, keepdims=keepdims),
        saves="x.shape",
        vjp=lambda xp, g, shape, *, axis, keepdims: xp.broadcast_to(
            g if keepdims or axis is None else xp.reshape(g, _kept(shape, axis)), shape
        ),
        tex=r"\bar x_i = \bar y",
        kind="reduction",
        reference=np.sum,
    )


def _kept(shape, axis):
    gone = [a % len(shape) for a in (axis if isinstance(axis, tuple) else (axis,))] if shape else []
    return tuple(1 if a in gone else side for a, side in enumerate(shape))


def network(declared):
    """A plain recurrent network, all of whose ops are new; the weight, the input, the states and the loss."""
    s, times, t, total = squash(declared), product(declared), turned(declared), summed(declared)
    rng = np.random.default_rng(0)
    weight = ts.tensor(0.4 * rng.standard_normal((3, 3)), requires_grad=True)
    inner = ts.tensor(0.4 * rng.standard_normal((3, 2)), requires_grad=True)
    x = rng.standard_normal((4, 2, 1))
    sums = times(t(t(inner)), ts.tensor(x))  # for all steps at once
    h, states = ts.tensor(rng.standard_normal((3, 1)), requires_grad=True), []
    for step, z in enumerate(ts.unbind(sums)):
        with ts.step(step):
            h = s(times(weight, t(t(h))) + z)
        states.append(h)
    return weight, inner, states, total(ts.stack(states) * 2.0)


@pytest.mark.parametrize("declare", [squash, product, turned, summed])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_new_op_is_tested_by_its_declaration(declare, data):
    with declaring() as declared:
        record = declare(declared).op
        call = data.draw(calls_of(record))
        if record.kind == "product" and any(x.ndim != 2 for x in call.arrays):
            return  # its rules above are those of matrices
        if record.kind == "reduction" and not call.arrays[0].ndim:
            return
        if record.kind == "reduction" and call.attrs["axis"] is None:
            call.attrs["keepdims"] = False
        check_op(record, call)


@pytest.mark.parametrize("declare", [squash, product, turned, summed])
def test_a_new_op_is_documented_by_its_declaration(declare):
    pytest.importorskip("docutils", reason="the table of ops is a directive of Sphinx")
    with declaring() as declared:
        record = declare(declared).op
        rows = op_table().table()
        assert f"`{record.name}(" in rows
        assert rows.split(f"`{record.name}(")[1].splitlines()[1] == f"  - {record.kind}"


def op_table():
    spec = importlib.util.spec_from_file_location("op_table", ROOT / "docs" / "_ext" / "op_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_new_ops_are_inspected(declared):
    weight, inner, states, loss = network(declared)
    found = ts.inspect.jacobian_norms(states[0], states[3])
    assert found.bound is not None  # products and a function whose slope is bounded
    assert (found.norms <= found.bound * (1 + 1e-9)).all()

    text = ts.inspect.explain(loss, weight).text
    assert "= softsign_here(" in text
    assert "(1 - |h_3|)²" in text  # the formula, with the state's name in it

    terms = ts.inspect.grad_by_step(loss, inner)  # through a product outside of the loop
    assert terms.shape == (4, *inner.shape)
    np.testing.assert_allclose(terms.sum(axis=0).numpy(), ts.grad(loss, inner, retain_graph=True).numpy())

    kept = ts.inspect.saved_memory(loss).entries
    assert {"parameter"} == {entry.kind for entry in kept if entry.nbytes == inner._array.nbytes}  # through views


def test_new_ops_are_drawn(declared):
    weight, inner, _, loss = network(declared)
    by_hand = _drawn_with_our_own_ops(declared)
    text = ts.viz.graph(loss, names={"W": weight, "U": inner}).svg()
    assert text.count("s → h") == by_hand.count("tanh → h") > 0  # the state, in a box with the op's symbol
    boxes = {vertex.op: vertex.kind for vertex in record(loss).vertices if vertex.op.endswith("_here")}
    assert boxes == {
        "softsign_here": "elementwise",
        "times_here": "product",
        "turned_here": "move",
        "total_here": "reduction",
    }
    assert text.count("<title>") == by_hand.count("<title>")  # as many boxes: products, moves and sums are read alike


def _drawn_with_our_own_ops(declared):
    rng = np.random.default_rng(0)
    weight = ts.tensor(0.4 * rng.standard_normal((3, 3)), requires_grad=True)
    inner = ts.tensor(0.4 * rng.standard_normal((3, 2)), requires_grad=True)
    sums = inner.T.T @ ts.tensor(rng.standard_normal((4, 2, 1)))
    h, states = ts.tensor(rng.standard_normal((3, 1)), requires_grad=True), []
    for step, z in enumerate(ts.unbind(sums)):
        with ts.step(step):
            h = ts.tanh(weight @ h.T.T + z)
        states.append(h)
    return ts.viz.graph((ts.stack(states) * 2.0).sum(), names={"W": weight, "U": inner}).svg()


def test_a_new_op_is_a_method_if_it_says_so(declared):
    squash(declared)
    x = ts.tensor([1.0, -3.0], requires_grad=True)
    y = x.softsign_here()
    assert y.tolist() == [0.5, -0.75]
    assert owner(y.node).op is OPS["softsign_here"]


def test_a_method_that_would_hide_an_attribute_of_tensors_is_refused(declared):
    with pytest.raises(ValueError, match="Tensor already has an attribute 'shape'"):
        declared("shape", forward=lambda xp, x: x * 1, method=True)
    assert "shape" not in OPS
    assert ts.zeros(2).shape == (2,)


def test_every_method_and_operator_that_a_record_names_is_the_public_function():
    offered = [each for each in ENGINE if each.method or each.operator]
    assert len(offered) > 50
    for each in offered:
        function = FUNCTIONS[each.name]
        assert not each.method or getattr(ts.Tensor, each.name) is function, each.name
        special = SPECIAL_METHODS.get(each.operator, each.operator)
        assert not each.operator or getattr(ts.Tensor, f"__{special}__") is function, each.name


# -- nobody else knows ops by their names ------------------------------------------------------------------------------

LEGITIMATE = {
    "structure/paths.py": {"norm": "an attribute of the array library"},
    "viz/computation/labels.py": {"sum": "what is written on a box", "mean": "what is written on a box"},
    "viz/hmm": {"max": "a semiring", "log": "a semiring", "sum": "a semiring's operation"},
    "viz/page/html.py": {"squeeze": "a way to lay out a page"},
    "viz/plots": {"log": "a scale of axes", "equal": "an aspect of axes"},
    "viz/rendering": {"pad": "a setting of Graphviz", "dot": "an engine of Graphviz"},
}


def literals(path):
    tree = ast.parse(path.read_text("utf-8"))
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@pytest.mark.parametrize("room", ["structure", "inspect", "viz", "testing"])
def test_no_reader_knows_an_op_by_its_name(room):
    names = {name for name in [*OPS, *FUNCTIONS] if getattr(FUNCTIONS[name], "__module__", "").startswith("tinyseq.")}
    files = sorted((ROOT / "tinyseq" / room).rglob("*.py"))
    assert files
    for path in files:
        place = path.relative_to(ROOT / "tinyseq").as_posix()
        allowed = {name for start, reasons in LEGITIMATE.items() if place.startswith(start) for name in reasons}
        assert not literals(path) & names - allowed, (
            f"tinyseq/{place} knows ops by their names; "
            "let their records say what it needs (tinyseq/autograd/record/op.py)"
        )


# -- what is wrong in a declaration is named when it is made -----------------------------------------------------------


@pytest.mark.parametrize("record", OPS.values(), ids=lambda record: record.name)
def test_the_declarations_of_the_engine_fit_together(record):
    check_declaration(record)


def rule(xp, g, x):
    return g


@pytest.mark.parametrize(
    ("declared", "error", "message"),
    [
        ({"forward": lambda x: x, "vjp": rule}, ValueError, "forward must take xp and at least one input"),
        (
            {"forward": lambda xp, x, k=2: x * k},
            ValueError,
            "k has a default, so it is a setting; write",
        ),
        ({"kind": "pointwise"}, ValueError, "kind must be one of elementwise, .*, got 'pointwise'"),
        ({"saves": "z"}, ValueError, "saves has 'z', but there are only out, x"),
        ({"saves": ("x", "y.shape")}, ValueError, "saves has 'y', but there are only out, x"),
        (
            {"forward": lambda xp, x, y: x * y, "saves": "y"},
            ValueError,
            r"vjp has 1 rule.* for 2 inputs \(x, y\)",
        ),
        ({"vjp": (rule, rule)}, ValueError, r"vjp has 2 rule.* for 1 inputs \(x\)"),
        ({"vjp": lambda g, x: g}, TypeError, r"the rule for x is called as rule\(xp, g, x\), but takes \(g, x\)"),
        ({"saves": ()}, TypeError, r"the rule for x is called as rule\(xp, g\), but takes \(xp, g, x\)"),
        (
            {"forward": lambda xp, x, *, axis=0: x},
            TypeError,
            r"the rule for x is called as rule\(xp, g, x, axis=\.\.\.\), but takes \(xp, g, x\)",
        ),
        (
            {"forward": lambda xp, *xs: xs[0], "saves": "xs"},
            TypeError,
            r"the rule for xs .* rule\(xp, g, i, xs",
        ),
    ],
)
def test_a_declaration_whose_parts_do_not_fit_is_an_error(declared, error, message):
    plain = {"forward": lambda xp, x: x, "vjp": rule, "saves": "x"}
    try:
        with pytest.raises(error, match=f"op 'wrongly_declared': {message}"):
            op("wrongly_declared", **plain | declared)
        assert "wrongly_declared" not in OPS
    finally:
        OPS.pop("wrongly_declared", None)
