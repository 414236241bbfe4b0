"""Testing a custom recurrent cell: its gradients are right, and a planted bug is caught.

The cell is a minimal gated unit, written with the library's ops. A second version leaves out the gradient through the
part of the state that is kept. Its outputs are the same, so only a check of the gradients finds the mistake.

    python examples/testing_a_cell.py [FOLDER]

Expected: the right cell passes, the cell with the bug is caught with both values shown. The functions whose names begin
with `test_` can be put into a test file for pytest as they are.

Writes testing_a_cell.png into FOLDER (by default the current one) if matplotlib is installed: the gradients with
respect to the state, by `backward()` against difference quotients; points on the diagonal agree.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings

import tinyseq as ts
from tinyseq.testing import ContractError, assert_gradients, strategies
from tinyseq.viz.plots.axes import finished, new_axes, saved

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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


def both_gradients(cell: MinimalGatedUnit, x: np.ndarray, h: np.ndarray) -> tuple[list[float], np.ndarray]:
    """Of the sum of h' in each number of h: difference quotients, and what `backward()` finds."""

    def total(state: np.ndarray) -> float:
        return cell(ts.tensor(x), ts.tensor(state)).sum().item()

    shifts = 1e-6 * np.eye(h.size).reshape(-1, *h.shape)
    state = ts.tensor(h, requires_grad=True)
    cell(ts.tensor(x), state).sum().backward()
    return [(total(h + shift) - total(h - shift)) / 2e-6 for shift in shifts], state.grad.numpy().ravel()


@saved
def draw() -> "Figure":
    """The gradients of both cells as points."""
    rng = np.random.default_rng(0)
    x, h = rng.standard_normal((4, 3)), rng.standard_normal((4, 4))
    axes = new_axes("Equal outputs, but only one right gradient", "difference quotient", "backward()")
    for name, bug, mark in (("the right cell", False, "o"), ("the cell with a bug", True, "x")):
        ts.manual_seed(0)
        axes.plot(*both_gradients(MinimalGatedUnit(3, 4, bug), x, h), mark, label=name)
    axes.axline((0.5, 0.5), slope=1, color="gray", linewidth=0.8, zorder=0)
    axes.legend(frameon=False, fontsize=9)
    return finished(axes)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(), help="where to write pictures")
    folder = parser.parse_args().folder
    ts.manual_seed(0)
    test_the_cell_keeps_the_contract()
    print("the cell keeps the contract, in its inputs and in every parameter")
    test_the_planted_bug_is_caught()
    draw(folder / "testing_a_cell.png")
