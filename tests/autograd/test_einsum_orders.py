"""``einsum(optimize=)``: the same value and gradients in any order of contraction."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinyseq as ts

SIDES = dict(zip("abcdef", (2, 3, 4, 3, 2, 5), strict=True))
ORDERS = [True, "greedy", "optimal", ("greedy", 20), ("optimal", 1e9)]


@st.composite
def products(draw: st.DrawFn) -> tuple[str, list[np.ndarray]]:
    """Subscripts of one to four operands, with letters repeated, summed away, missing elsewhere or of length 1."""
    terms = draw(st.lists(st.text("abcdef", min_size=0, max_size=3), min_size=1, max_size=4))
    letters = sorted(set("".join(terms)))
    output = "".join(draw(st.permutations([c for c in letters if draw(st.booleans())])))
    short = draw(st.sets(st.tuples(st.integers(0, 3), st.sampled_from("abcdef")), max_size=2))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    operands = []
    for i, term in enumerate(terms):
        elsewhere = "".join(term for j, term in enumerate(terms) if j != i)
        lengths = [1 if (i, c) in short and c in elsewhere else SIDES[c] for c in term]
        operands.append(rng.standard_normal(lengths))
    return f"{','.join(terms)}->{output}", operands


@settings(deadline=None)
@given(products(), st.sampled_from(ORDERS))
def test_any_order_gives_the_same(product: tuple[str, list[np.ndarray]], optimize: object) -> None:
    subscripts, operands = product
    leaves = [ts.tensor(x, requires_grad=True) for x in operands]
    plain = ts.einsum(subscripts, *leaves)
    upstream = ts.tensor(np.random.default_rng(0).standard_normal(plain.shape))
    wanted = ts.grad(plain, leaves, upstream)
    for function in (ts.einsum, np.einsum):
        found = function(subscripts, *leaves, optimize=optimize)
        assert isinstance(found, ts.Tensor)
        np.testing.assert_allclose(found.numpy(), plain.numpy(), rtol=1e-12, atol=1e-12)
        for one, other in zip(ts.grad(found, leaves, upstream), wanted, strict=True):
            np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-11, atol=1e-11)


def test_a_path_is_followed() -> None:
    a, b, c = (ts.tensor(np.ones(shape), requires_grad=True) for shape in ((2, 3), (3, 4), (4, 5)))
    for path, made in ((["einsum_path", (0, 1), (0, 1)], (2, 4)), (["einsum_path", (1, 2), (0, 1)], (3, 5))):
        y = np.einsum("ij,jk,kl->il", a, b, c, optimize=path)
        assert made in [edge.shape for edge in y.node.edges]
        assert ts.grad(y.sum(), b).tolist() == np.full((3, 4), 10.0).tolist()
    lists = np.einsum(a, [0, 1], b, [1, 2], c, [2, 3], [0, 3], optimize=True)
    np.testing.assert_allclose(lists.numpy(), np.full((2, 5), 12.0))


@pytest.mark.parametrize("optimize", ["best", 3, ["einsum_path", (0, 7)], ("greedy", "much")])
def test_what_is_no_order_is_an_error_of_einsum(optimize: object) -> None:
    x = ts.ones(2, 2).requires_grad_()
    with pytest.raises((ValueError, TypeError, IndexError), match=r"^einsum\("):
        ts.einsum("ij,jk,kl", x, x, x, optimize=optimize)
