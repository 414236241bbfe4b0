"""Plant faults in every VJP, and see whether the battery of tests notices.

    python tools/inject_faults.py [OP ...] [--examples N]

Each fault is planted in one rule of one op at run time, and the op is held to its contract
(`tinyseq.testing.battery.check_op`) on random calls. A fault that no call reveals is a survivor, unless it changes no
gradient of first or second order at all on those calls: then it is no fault of this op (to swap the two rules of an
addition, say). The exit status is 1 if there are survivors.
"""

import argparse
import contextlib
import copy
import functools
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from programs import as_program

import tinyseq as ts
from tinyseq.autograd import accumulator, backward
from tinyseq.autograd.accumulator import Accumulator
from tinyseq.autograd.declare import OPS, ForEach, Op, Summed
from tinyseq.autograd.tensor import Tensor
from tinyseq.testing.battery import check_op, op_trial, same_inputs
from tinyseq.testing.calls import Call, examples_of
from tinyseq.testing.subject import pull

Rule = Callable[..., Any]
Fault = Callable[[Rule], Rule]


# -- faults in a rule, rule(xp, g, *saved, **attrs) --------------------------------------------------------------------


def after(change: Callable[[Any, Any], Any]) -> Fault:
    """Change the rule's result: ``change(result, upstream)``."""
    return lambda rule: lambda xp, g, *saved, **attrs: change(rule(xp, g, *saved, **attrs), g)


def before(change: Callable[[tuple[Any, ...]], tuple[Any, ...]]) -> Fault:
    """Change what the rule is given of the saved values."""
    return lambda rule: lambda xp, g, *saved, **attrs: rule(xp, g, *change(saved), **attrs)


def is_array(value: Any) -> bool:
    return hasattr(value, "dtype") and hasattr(value, "shape")


def is_float(value: Any) -> bool:
    return is_array(value) and np.dtype(value.dtype).kind == "f"


def scaled(saved: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(value * 1.01 if is_float(value) else value for value in saved)


def swapped(saved: tuple[Any, ...]) -> tuple[Any, ...]:
    return saved[::-1] if len(saved) > 1 and all(map(is_array, saved)) else saved


def cut(saved: tuple[Any, ...]) -> tuple[Any, ...]:
    """Right to first order, wrong to second: saved values as constants."""
    return tuple(value.detach() if isinstance(value, Tensor) else value for value in saved)


def transposed(result: Any, _: Any) -> Any:
    return ts.swapaxes(result, -1, -2) if isinstance(result, Tensor) else np.swapaxes(result, -1, -2)


def turned(result: Any, upstream: Any) -> Any:
    return transposed(result, upstream) if len(result.shape) > 1 else result


def shifted(result: Any, _: Any) -> Any:
    """Each element one place further along the last axis."""
    if not len(result.shape):
        return result
    return ts.roll(result, 1, -1) if isinstance(result, Tensor) else np.roll(result, 1, -1)


def one_lost(result: Any, _: Any) -> Any:
    """The last element missing."""
    kept = np.ones(result.shape)
    if kept.size:
        kept[(-1,) * kept.ndim] = 0.0
    return result * kept


def upstream_ignored(rule: Rule) -> Rule:
    def ones(xp: Any, g: Any) -> Any:
        return [part if part is None else xp.ones_like(part) for part in g] if isinstance(g, list) else xp.ones_like(g)

    return lambda xp, g, *saved, **attrs: rule(xp, ones(xp, g), *saved, **attrs)


def upstreams_swapped(rule: Rule) -> Rule:
    """The gradients of several outputs taken in the wrong order, where their shapes allow it."""

    def faulty(xp: Any, g: Any, *saved: Any, **attrs: Any) -> Any:
        alike = isinstance(g, list) and len({part.shape for part in g if part is not None}) == 1 and None not in g
        return rule(xp, g[::-1] if alike else g, *saved, **attrs)

    return faulty


def first(parts: Any) -> Any:
    return next(part for part in parts if part is not None) if isinstance(parts, list) else parts


def writes_upstream(rule: Rule) -> Rule:
    def faulty(xp: Any, g: Any, *saved: Any, **attrs: Any) -> Any:
        result = rule(xp, g, *saved, **attrs) * 1
        if isinstance(first(g), np.ndarray) and first(g).flags.writeable:
            first(g)[...] *= 2
        return result

    return faulty


def writes_saved(rule: Rule) -> Rule:
    def faulty(xp: Any, g: Any, *saved: Any, **attrs: Any) -> Any:
        result = rule(xp, g, *saved, **attrs) * 1
        for value in saved:
            if isinstance(value, np.ndarray) and value.dtype.kind == "f" and value.flags.writeable:
                value += 0.125
        return result

    return faulty


RULE_FAULTS: dict[str, Fault] = {
    "sign": after(lambda result, _: -result),
    "times 1.001": after(lambda result, _: result * 1.001),
    "nothing": after(lambda result, _: result * 0),
    "plus a constant": after(lambda result, _: result + 0.001),
    "square of the upstream": after(
        lambda result, g: result * (abs(first(g)) * 0.5).sum() if is_array(first(g)) else result
    ),
    "transposed": after(turned),
    "one place further": after(shifted),
    "one element lost": after(one_lost),
    "upstream ignored": upstream_ignored,
    "upstreams swapped": upstreams_swapped,
    "saved values scaled": before(scaled),
    "saved values swapped": before(swapped),
    "second order cut": before(cut),
    "second order nothing": after(lambda result, _: result.detach() if isinstance(result, Tensor) else result),
    "second order times 1.001": after(lambda result, _: result * 1.001 if isinstance(result, Tensor) else result),
    "writes to the upstream gradient": writes_upstream,
    "writes to saved values": writes_saved,
}


# -- planting ----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def careless_sum() -> Iterator[None]:
    """Where a gradient must be summed over broadcast axes, only the first slice is taken."""
    right = accumulator.fitted

    def faulty(xp: Any, g: Any, shape: Any, dtype: Any, op: Op, i: int) -> Any:
        if g.shape == shape or xp.name == "tinyseq":
            return right(xp, g, shape, dtype, op, i)
        while len(g.shape) > len(shape):
            g = g[0] if g.shape[0] else g.sum(axis=0)
        for axis, side in enumerate(shape):
            if side == 1 and g.shape[axis] > 1:
                g = g[(slice(None),) * axis + (slice(0, 1),)]
        return right(xp, g, shape, dtype, op, i)

    with replaced(backward, "fitted", faulty), replaced(accumulator, "fitted", faulty):
        yield


@contextlib.contextmanager
def only_the_last_use() -> Iterator[None]:
    """Of several gradients of one tensor, the last replaces the others."""
    right = Accumulator.add

    def faulty(gradients: Accumulator, parent: Any, g: Any) -> None:
        gradients.sums.pop(parent, None)
        right(gradients, parent, g)

    with replaced(Accumulator, "add", faulty):
        yield


@contextlib.contextmanager
def adding_into_what_was_given() -> Iterator[None]:
    """The second gradient of a tensor is added into the array of the first, which may be anyone's."""
    right = Accumulator.add

    def faulty(gradients: Accumulator, parent: Any, g: Any) -> None:
        have = gradients.sums.get(parent)
        if isinstance(have, np.ndarray) and have.flags.writeable:
            gradients.owned.add(parent)
        right(gradients, parent, g)

    with replaced(Accumulator, "add", faulty):
        yield


@contextlib.contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def in_rule(rule: Any, fault: Fault) -> Any:
    """The fault in a rule of any kind."""
    if isinstance(rule, Summed):
        one_use = fault(lambda xp, g, *saved, **attrs: rule(xp, g, *saved))

        def summed(xp: Any, terms: Any) -> Any:
            parts = [one_use(xp, *term) for term in terms]
            total = parts[0]
            for part in parts[1:]:
                total = total + part
            return total

        return Summed(summed, one_use)
    return fault(rule)


def faults_of(op: Op) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Names of faults, and how to plant them."""
    for name, fault in RULE_FAULTS.items():
        if isinstance(op.rules, ForEach):
            each = op.rules.rule

            def variadic(
                xp: Any, g: Any, i: int, *saved: Any, each: Rule = each, fault: Fault = fault, **attrs: Any
            ) -> Any:
                return fault(lambda xp, g, *saved, **attrs: each(xp, g, i, *saved, **attrs))(xp, g, *saved, **attrs)

            yield name, lambda variadic=variadic: replaced(op, "rules", ForEach(variadic))
        else:
            for i, rule in enumerate(op.rules):
                if rule is not None:
                    rules = tuple(in_rule(r, fault) if j == i else r for j, r in enumerate(op.rules))
                    yield f"{name}, argument {i}", lambda rules=rules: replaced(op, "rules", rules)
    if not isinstance(op.rules, ForEach) and len(op.rules) == 2 and None not in op.rules:
        yield "rules swapped", lambda: replaced(op, "rules", op.rules[::-1])
    if op.broadcasts:
        yield "sum over broadcast axes dropped", careless_sum
    yield "only the last use counts", only_the_last_use
    yield "adds into what was given", adding_into_what_was_given


# -- judging -----------------------------------------------------------------------------------------------------------


drawn = functools.cache(examples_of)


def on_calls(op: Op, examples: int, check: Callable[[Call], None]) -> None:
    """Run a check on random calls; each gets arrays of its own, as a fault may write to them."""
    for call in drawn(op, examples):
        check(copy.deepcopy(call))


def is_killed(op: Op, plant: Callable[[], Any], examples: int) -> bool:
    """Whether the battery notices the fault."""
    with plant():  # an error of the planting itself is not caught
        try:
            on_calls(op, examples, lambda call: check_op(op, call))
        except Exception:  # whatever the fault provokes, the suite goes red
            return True
    return False


def effects(op: Op, call: Call) -> list[np.ndarray]:
    """Gradients of first and second order at one call, and what is left of the upstream gradients and inputs."""
    subject = op_trial(op, call).subject
    inputs = subject.tensors(requires_grad=True)
    sources = [inputs[i] for i in subject.real]
    outputs = subject.outputs(inputs)
    rng = np.random.default_rng(0)
    upstream = [Tensor(np.asarray(rng.uniform(0.5, 1.5, y.shape), dtype=y.dtype)).requires_grad_() for y in outputs]
    found = pull(outputs, sources, upstream)
    slopes = pull(outputs, sources, upstream, create_graph=True)
    weights = [Tensor(np.asarray(rng.uniform(0.5, 1.5, x.shape), dtype=x.dtype)) for x in slopes]
    again = pull(slopes, [*sources, *upstream], weights)
    together = same_inputs(op, call)
    summed = [] if together is None else together.gradients
    return [x.numpy().copy() for x in (*found, *slopes, *again, *upstream, *inputs)] + summed


def has_effect(op: Op, plant: Callable[[], Any], examples: int) -> bool:
    """Whether the fault changes anything at all on the calls."""
    changed = False

    def compare(call: Call) -> None:
        nonlocal changed
        right = effects(op, call)
        with plant():
            try:
                faulty = effects(op, call)
            except Exception:
                changed = True
                return
        same = (np.allclose(a, b, rtol=1e-9, atol=1e-12, equal_nan=True) for a, b in zip(right, faulty, strict=True))
        changed |= not all(same)

    on_calls(op, examples, compare)
    return changed


def judge(op: Op, examples: int) -> tuple[Counter[str], list[str]]:
    """Counts of killed, surviving and ineffective faults of an op, and the survivors' names."""
    counts: Counter[str] = Counter()
    survivors = []
    for name, plant in faults_of(op):
        if is_killed(op, plant, examples):
            counts["killed"] += 1
        elif has_effect(op, plant, examples):
            counts["survived"] += 1
            survivors.append(f"{op.name}: {name}")
        else:
            counts["without effect"] += 1
    return counts, survivors


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("ops", nargs="*", help="names of ops; all of the engine by default")
    parser.add_argument("--examples", type=int, default=40, help="random calls for each fault")
    arguments = parser.parse_args(words)
    engine = [op for op in OPS.values() if op.module.startswith("tinyseq.autograd.ops.") and op.vjp is not None]
    chosen = [op for op in engine if not arguments.ops or op.name in arguments.ops]
    total: Counter[str] = Counter()
    survivors: list[str] = []
    with np.errstate(all="ignore"):
        for op in chosen:
            counts, names = judge(op, arguments.examples)
            total += counts
            survivors += names
            print(f"{op.name:24s} " + ", ".join(f"{n} {what}" for what, n in counts.items()), flush=True)
    for name in survivors:
        print(f"SURVIVED {name}")
    planted_in_all = total["killed"] + total["survived"]
    print(
        f"{planted_in_all} faults in {len(chosen)} ops: {total['killed']} killed, {total['survived']} survived", end=""
    )
    print(f"; {total['without effect']} more change nothing")
    return 1 if survivors else 0


if __name__ == "__main__":
    as_program(main)
