"""The battery itself: it refuses ops that break one sentence each, and ops that it cannot test."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyseq.autograd.declare import FUNCTIONS, NONZERO, OPS, POSITIVE, Domain, op
from tinyseq.backend import NUMPY
from tinyseq.testing import ContractError
from tinyseq.testing.battery import check_op
from tinyseq.testing.calls import FAMILIES, Call, calls_of, family
from tinyseq.testing.calls.values import LAYOUTS, MARGIN, arranged, common_domain, distinct, within


@pytest.fixture
def declared():
    """Ops that are forgotten again after the test."""
    before = set(OPS)

    def declare(forward, vjp, saves=(), **settings):
        return op(f"passing_{len(OPS)}", forward, vjp, saves, **settings).op

    yield declare
    for name in set(OPS) - before:
        del OPS[name], FUNCTIONS[name]


X = np.array([[0.5, -1.5, 2.0]])
SQUARE = {"forward": lambda xp, x: x * x, "saves": "x", "reference": np.square}


def refused(record, text, *arrays, **attrs):
    with pytest.raises(ContractError, match=text):
        check_op(record, Call(arrays or (X.copy(),), attrs))


def test_a_right_op_passes(declared):
    check_op(declared(vjp=lambda xp, g, x: 2 * g * x, **SQUARE), Call((X,), {}))


@pytest.mark.host
@pytest.mark.parametrize(
    ("vjp", "text"),
    [
        (lambda xp, g, x: -2 * g * x, r"the gradient of argument 0 is \S+ at \[0, \d\] and not"),
        (lambda xp, g, x: 2.002 * g * x, "the gradient of argument 0"),
        (lambda xp, g, x: 2 * g * x + 1e-3, "the gradient of argument 0"),
        (lambda xp, g, x: 2 * x * (g if xp is NUMPY else g.detach()), "the second derivative"),
        (lambda xp, g, x: 2 * g * (x if xp is NUMPY else x.detach()), "the second derivative"),
        (lambda xp, g, x: 2 * g * x * (1 if xp is NUMPY else 1.001), "the second derivative"),
        (
            lambda xp, g, x: np.multiply(g, 2 * x, out=g) if xp is NUMPY else 2 * g * x,
            "changed one of its input arrays",
        ),
        (
            lambda xp, g, x: 2 * g * x + np.multiply(x, 2, out=x) * 0 if xp is NUMPY else 2 * g * x,
            "changed one of its input arrays|gave",
        ),
    ],
)
def test_each_wrong_rule_is_refused_by_its_sentence(declared, vjp, text):
    refused(declared(vjp=vjp, **SQUARE), text)


def test_a_gradient_that_is_not_linear(declared):
    record = declared(lambda xp, x: x * 0 + x, lambda xp, g: abs(g), reference=np.copy)
    refused(record, "the gradient")


def test_a_wrong_value_and_a_wrong_type(declared):
    refused(declared(lambda xp, x: x + 1e-6, lambda xp, g: g, reference=np.copy), "the value is")
    refused(declared(lambda xp, x: x[:1, :1], lambda xp, g: g, reference=np.copy), r"the value has shape \(1, 1\)")
    wide = declared(lambda xp, x: xp.astype(x, xp.float64), lambda xp, g: g, reference=np.copy, analytic=False)
    refused(wide, "output 0 has dtype float64 for inputs of float32")


def test_records_that_are_not_true(declared):
    """Inspection and drawings believe them."""
    steep = declared(lambda xp, x: 3 * x, lambda xp, g: 3 * g, slope_bound=1.0, reference=lambda x: 3 * x)
    refused(steep, "its slope is 3, above the slope_bound of 1.0")
    for forward in (lambda xp, x: x, lambda xp, x: x[::-1]):
        alias = declared(forward, lambda xp, g, forward=forward: forward(xp, g), reference=lambda x: x)
        refused(alias, "a result lies in the memory of an input; declare view=True")


def test_an_op_that_forgets_one_of_its_outputs(declared):
    record = declared(
        lambda xp, x: [x * 1, x * 2],
        lambda xp, g: g[0] if g[0] is not None else g[1],
        outputs=True,
        reference=lambda x: [x, 2 * x],
    )
    refused(record, "the gradient")


def test_a_question_that_is_recorded(declared):
    record = declared(lambda xp, x: x + 0.0, None, reference=np.copy)
    check_op(record, Call((X,), {}))
    right = declared(lambda xp, x: x + 0.0, lambda xp, g: g, reference=np.copy)
    right.vjp = None  # the public function was made before, and goes on recording
    refused(right, "has no rule, but its output requires grad")


def test_an_op_without_a_reference_cannot_pass(declared):
    refused(declared(lambda xp, x: x * 1, lambda xp, g: g), "has no reference to compare its value with")


def test_an_op_without_a_family_cannot_pass(declared):
    record = declared(lambda xp, x: x * 1, lambda xp, g: g, calls="unheard of")
    with pytest.raises(LookupError, match=r"says calls='unheard of'.*define it with @tinyseq.testing.calls.family"):
        calls_of(record)


def test_a_family_of_ones_own(declared):
    @family
    def pairs_of_threes(draw, op):
        return Call((np.full(3, draw(st.floats(1, 2))),), {})

    record = declared(lambda xp, x: x * 1, lambda xp, g: g, calls="pairs_of_threes", reference=np.copy)
    try:

        @given(calls_of(record))
        def keeps_the_contract(call):
            assert call.arrays[0].shape == (3,)
            check_op(record, call)

        keeps_the_contract()
    finally:
        del FAMILIES["pairs_of_threes"]


def test_the_complaint_shows_the_call(declared):
    record = declared(
        lambda xp, x, *, power=2: x**power, lambda xp, g, *, power: g, reference=lambda x, power: x**power
    )
    refused(record, r"passing_\d+\(power=3\): the gradient .*\ncalled with\narray\(\[\[ 0.5, -1.5,  2. \]\]\)", power=3)


@given(st.integers(0, 2**32 - 1), st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=3))
def test_drawn_numbers_lie_apart(seed, shapes):
    parts = distinct(np.random.default_rng(seed), shapes)
    assert [part.shape for part in parts] == shapes
    numbers = np.sort(np.concatenate([part.reshape(-1) for part in parts])) if parts else np.zeros(0)
    assert ((numbers > 0) & (numbers < 1)).all()
    assert (np.diff(numbers) >= 0.5 / max(len(numbers), 1) - 1e-12).all()


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=5),
    st.sampled_from([Domain(), POSITIVE, NONZERO, Domain(-1, 2, (1.0, -0.5)), Domain(0.5, 1.0, (0.75,))]),
)
def test_numbers_of_a_domain_keep_away_from_what_it_avoids(positions, domain):
    found = within(domain, np.array(positions))
    assert ((found >= domain.low - 1e-12) & (found <= domain.high + 1e-12)).all()
    for x in domain.avoid:
        assert (np.abs(found - x) >= MARGIN - 1e-12).all()


def test_the_common_domain_of_arguments():
    assert common_domain(OPS["pow"]) == POSITIVE
    assert common_domain(OPS["divide"]) == Domain(avoid=(0.0,))


@pytest.mark.parametrize("layout", sorted(set(LAYOUTS)))
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3)], ids=str)
def test_layouts_keep_shape_and_values(layout, shape):
    values = np.arange(float(np.prod(shape))).reshape(shape)
    found = arranged(values.copy(), layout)
    assert found.shape == shape
    np.testing.assert_array_equal(found, values)
    assert found.flags.writeable == (layout != "read-only")
