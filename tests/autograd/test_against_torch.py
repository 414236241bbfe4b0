"""Random programs give PyTorch's numbers: a sample here, 10,000 with ``python tools/fuzz_against_torch.py``."""

import importlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from oracles import oracle

import tinyseq as ts
from tinyseq.autograd.declare import OPS

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture
def fuzzer(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    return importlib.import_module("fuzz_against_torch")


def test_a_sample_of_programs_agrees(fuzzer):
    """100 programs while writing code, 200 in CI, 10,000 in the profile deep."""
    assert fuzzer.fuzz(oracle("torch"), range(2 * settings().max_examples), seed=1) == []


def test_a_program_of_float32_stays_one_forward_and_backward(fuzzer):
    """Of any ops: values, gradients and gradients of gradients are of float32, and nearly those of float64."""
    functions = fuzzer.both(oracle("torch"))
    kept = functions | {"astype": (lambda x: x, None)}  # which makes float32 double in the other programs

    def computed(program, dtype):
        leaves = [ts.tensor(array.astype(np.float32), dtype=dtype, requires_grad=True) for array in program.arrays]
        values = fuzzer.run(program, kept, 0, leaves)
        total = sum((value * value).sum() for value in values[-fuzzer.LAST :])
        first = fuzzer.slopes(ts.grad, total, leaves, create_graph=True)
        slope = sum((g * g).sum() for g in first)
        return values, first, fuzzer.slopes(ts.grad, slope, leaves)

    for number in range(min(200, settings().max_examples)):
        program = fuzzer.draw(np.random.default_rng([2, number]), functions)
        for found, wanted in zip(computed(program, "float32"), computed(program, "float64"), strict=True):
            assert {value.dtype for value in found} == {np.dtype("float32")}, f"program {number}\n{program}"
            for a, b in zip(found, wanted, strict=True):
                room = 1e-2 * np.abs(b.numpy()).max(initial=1.0)  # for programs that amplify rounding
                assert (np.abs(a.numpy() - b.numpy()) <= room).all(), f"program {number}\n{program}"


def test_programs_are_the_same_for_the_same_number(fuzzer):
    functions = fuzzer.both(oracle("torch"))
    once, again = (str(fuzzer.draw(np.random.default_rng([0, 5]), functions)) for _ in range(2))
    assert once == again


def test_every_step_occurs(fuzzer):
    functions = fuzzer.both(oracle("torch"))
    programs = [fuzzer.draw(np.random.default_rng([0, number]), functions) for number in range(400)]
    assert {step.name for program in programs for step in program.steps} == set(functions)


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        (lambda xp, g, y: 1.0001 * g * (1 - y * y), "d / d v"),
        (lambda xp, g, y: g * (1 - y * y) * (1.0001 if xp.name == "tinyseq" else 1.0), ", recorded,"),
        (lambda xp, g, y: g * (1 - (y * y).detach()) if xp.name == "tinyseq" else g * (1 - y * y), "d2 / d v"),
    ],
    ids=["first order", "recorded", "second order"],
)
def test_a_planted_fault_is_found_and_cut_down(fuzzer, monkeypatch, fault, found):
    monkeypatch.setattr(OPS["tanh"], "rules", (fault,))
    reports = fuzzer.fuzz(oracle("torch"), range(30), seed=0)
    assert reports
    assert any(found in report for report in reports)
    assert all("tanh" in report for report in reports)
    assert min(report.count("\n") for report in reports) < 15
