"""The battery notices planted faults: a sample here, all of them with ``python tools/inject_faults.py``."""

import importlib.util
import zlib
from pathlib import Path

import numpy as np
import pytest

from tinyseq.autograd.declare import OPS

PATH = Path(__file__).parents[2] / "tools" / "inject_faults.py"
SPEC = importlib.util.spec_from_file_location("inject_faults", PATH)
faults = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(faults)

ENGINE = [op for op in OPS.values() if op.module.startswith("tinyseq.autograd.ops.") and op.vjp is not None]


@pytest.mark.parametrize("op", ENGINE, ids=lambda op: op.name)
def test_a_fault_in_a_rule_is_noticed(op):
    """One fault for each op, chosen by its name, of those that change something for every op."""
    always = ("sign", "times 1.001", "plus a constant")
    candidates = [(name, plant) for name, plant in faults.faults_of(op) if name.startswith(always)]
    name, plant = candidates[zlib.crc32(op.name.encode()) % len(candidates)]
    with np.errstate(all="ignore"):
        noticed = faults.is_killed(op, plant, examples=15)
        assert noticed or not faults.has_effect(op, plant, examples=15), f"{op.name}: {name} survived"


def test_the_injector_tells_a_survivor_from_no_fault(monkeypatch):
    """If the battery checks nothing, a flipped sign survives; to swap the two rules of an addition changes nothing."""
    monkeypatch.setattr(faults, "check_op", lambda op, call: None)
    add = OPS["add"]
    planted = dict(faults.faults_of(add))
    assert not faults.is_killed(add, planted["sign, argument 0"], examples=3)
    assert faults.has_effect(add, planted["sign, argument 0"], examples=3)
    assert not faults.has_effect(add, planted["rules swapped"], examples=3)


def test_every_fault_can_be_planted():
    for op in ENGINE:
        for _, plant in faults.faults_of(op):
            with plant():
                pass
