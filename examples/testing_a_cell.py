"""Testing a recurrent cell of one's own: it keeps the contract, and a planted bug is caught.

python examples/testing_a_cell.py

Expected: the right cell passes, the cell with the bug is caught with both values shown. The functions that begin with
`test_` are also what one would put into a test file for pytest.
"""

import numpy as np
from hypothesis import given, settings

import tinyseq as ts
from tinyseq.testing import ContractError, assert_gradients, strategies


class MinimalGatedUnit(ts.nn.Module):
    """f = sigmoid(W_f [x, h]), n = tanh(W_n [x, f h]), h' = (1 - f) h + f n (Zhou and others, 2016)."""

    def __init__(self, inputs: int, hidden: int, bug: bool = False) -> None:
        self.gate = ts.nn.Linear(inputs + hidden, hidden, dtype="float64")
        self.new = ts.nn.Linear(inputs + hidden, hidden, dtype="float64")
        self.bug = bug

    def forward(self, x: ts.Tensor, h: ts.Tensor) -> ts.Tensor:
        """x (B, inputs) and h (B, hidden) to the new h (B, hidden)."""
        f = ts.sigmoid(self.gate(ts.concatenate([x, h], axis=1)))
        kept = h.detach() if self.bug else h  # the bug: the past is cut off where it should flow on
        n = ts.tanh(self.new(ts.concatenate([x, f * h], axis=1)))
        return (1 - f) * kept + f * n


@settings(max_examples=10, deadline=None)
@given(strategies.tensors((2, 3)), strategies.tensors((2, 4)))
def test_the_cell_keeps_the_contract(x: ts.Tensor, h: ts.Tensor) -> None:
    assert_gradients(MinimalGatedUnit(3, 4), x, h)


def test_the_planted_bug_is_caught() -> None:
    rng = np.random.default_rng(0)
    try:
        assert_gradients(MinimalGatedUnit(3, 4, bug=True), rng.standard_normal((2, 3)), rng.standard_normal((2, 4)))
    except ContractError as error:
        print("the planted bug is caught:\n ", str(error).replace("\n", "\n  "))
    else:
        raise AssertionError("the planted bug was not caught")


if __name__ == "__main__":
    ts.manual_seed(0)
    test_the_cell_keeps_the_contract()
    print("the cell keeps the contract, in its inputs and in every parameter")
    test_the_planted_bug_is_caught()
