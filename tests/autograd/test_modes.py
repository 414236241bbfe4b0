"""Every switch of the engine works as a block and as a decorator, again and again, inside itself and in threads."""

import asyncio
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyseq as ts
from tinyseq.autograd.modes import MODE

SWITCHES = {
    "no_grad": (ts.no_grad, lambda mode: not mode.grad),
    "enable_grad": (ts.enable_grad, lambda mode: mode.grad),
    "detect_anomaly": (ts.detect_anomaly, lambda mode: mode.anomaly and np.geterr()["divide"] == "ignore"),
    "step": (lambda: ts.step(3), lambda mode: mode.label.step == 3),
    "scope": (lambda: ts.scope("cell"), lambda mode: mode.label.scope[-1:] == ("cell",)),
}


@pytest.fixture(params=SWITCHES)
def switch(request):
    """Each switch, and whether it is on; outside, it is off."""
    make, test = SWITCHES[request.param]
    before, errors = MODE.get(), np.geterr()
    around = ts.no_grad() if request.param == "enable_grad" else ts.enable_grad()
    with around:
        assert not test(MODE.get())
        yield make, lambda: test(MODE.get())
        assert not test(MODE.get())
    assert MODE.get() is before
    assert np.geterr() == errors


def test_one_object_is_entered_again_and_inside_itself(switch):
    make, on = switch
    block = make()
    for _ in range(2):
        with block:
            assert on()
            with block, block:
                assert on()
            assert on()
        assert not on()
    with pytest.raises(KeyError), block:
        raise KeyError
    assert not on()


def test_one_object_serves_several_threads(switch):
    make, on = switch
    block, gates, found = make(), [threading.Event() for _ in range(2)], []

    def first():
        with block:
            gates[0].set()
            gates[1].wait(10)
            found.append(on())
        found.append(MODE.get().outer)

    thread = threading.Thread(target=first)
    thread.start()
    gates[0].wait(10)
    with block:
        assert on()
    gates[1].set()
    thread.join(10)
    assert found == [True, None]


def test_a_decorated_function_runs_inside_and_keeps_its_name(switch):
    make, on = switch

    @make()
    def asked(x, *, y=0):
        """What it says."""
        return on(), x, y

    assert asked(1, y=2) == (True, 1, 2)
    assert (asked.__name__, asked.__doc__) == ("asked", "What it says.")

    @make()
    def recursive(n):
        return [on()] if n == 0 else [*recursive(n - 1), on()]

    assert recursive(3) == [True] * 4


def test_a_decorated_generator_is_inside_while_it_runs_and_outside_while_it_waits(switch):
    make, on = switch
    inside = []

    @make()
    def numbers():
        try:
            for i in range(3):
                inside.append(on())
                try:
                    got = yield i
                except ValueError as error:
                    got = error.args[0]
                inside.append((on(), got))
            return "done"
        finally:
            inside.append(on())

    generator = numbers()
    assert next(generator) == 0
    assert not on()
    assert generator.send("sent") == 1
    assert generator.throw(ValueError("thrown")) == 2
    assert not on()
    with pytest.raises(StopIteration, match="done"):
        next(generator)
    assert inside == [True, (True, "sent"), True, (True, "thrown"), True, (True, None), True]

    generator = numbers()
    next(generator)
    inside.clear()
    generator.close()
    assert inside == [True]
    generator = numbers()
    next(generator)
    with pytest.raises(KeyError):
        generator.throw(KeyError("out"))
    assert list(numbers()) == [0, 1, 2]


def test_a_decorated_coroutine_is_inside_while_it_is_awaited(switch):
    make, on = switch

    @make()
    async def asked():
        before = on()
        await asyncio.sleep(0)
        return before, on()

    async def main():
        return await asked(), on()

    assert asyncio.run(main()) == ((True, True), False)


def test_what_cannot_be_decorated_is_refused(switch):
    make, _ = switch

    async def stream():
        yield 1

    for thing in (stream, int, 3):
        with pytest.raises(TypeError, match=r"decorates functions, got .*; write the `with` block inside it"):
            make()(thing)


BLOCKS = [ts.no_grad, ts.enable_grad, ts.detect_anomaly, *(lambda i=i: ts.step(i) for i in range(3))]
BLOCKS += [lambda name=name: ts.scope(name) for name in "abc"]


@given(st.lists(st.integers(0, 20), max_size=12))
def test_blocks_end_in_any_order(events):
    """As those of generators do that wait inside them: each ends for itself, and the others go on."""
    before, errors, opened = MODE.get(), np.geterr(), []
    for event in events:
        if event < len(BLOCKS):
            opened.append(BLOCKS[event]())
            opened[-1].__enter__()
        elif opened:
            opened.pop(event % len(opened)).__exit__(None, None, None)
        expected = before
        for block in opened:
            expected = block.inside(expected)
        now = MODE.get()
        assert (now.grad, now.anomaly, now.label[:2]) == (expected.grad, expected.anomaly, expected.label[:2])
    for block in opened:
        block.__exit__(None, None, None)
    assert MODE.get() is before
    np.seterr(**errors)


def test_a_generator_that_ends_inside_of_a_later_block_leaves_it_on():
    x = ts.tensor(2.0, requires_grad=True)

    def waiting(block):
        with block:
            yield 1

    first, second = waiting(ts.no_grad()), waiting(ts.step(3))
    next(first)
    with ts.enable_grad():
        list(first)
        assert (x * x).requires_grad
    first = waiting(ts.no_grad())
    next(first), next(second)
    list(first)
    assert (x * x).requires_grad
    assert (x * x).node.label.step == 3
    list(second)
    assert (x * x).node.label.step is None


def test_a_generator_that_ends_in_another_thread_ends_no_block_of_that_thread():
    x, found = ts.tensor(2.0, requires_grad=True), []

    def waiting():
        with ts.scope("here"):
            yield 1

    def elsewhere(generator):
        with ts.no_grad():
            list(generator)
            found.append((x * x).requires_grad)

    generator = waiting()
    next(generator)
    thread = threading.Thread(target=elsewhere, args=(generator,))
    thread.start()
    thread.join(10)
    MODE.set(MODE.get().outer)
    assert found == [False]


def test_a_generator_under_no_grad_records_nothing():
    x = ts.tensor(2.0, requires_grad=True)

    @ts.no_grad()
    def powers():
        y = x
        while True:
            y = y * x
            yield y

    squares = powers()
    assert [next(squares).requires_grad for _ in range(3)] == [False] * 3
    assert (x * x).requires_grad
    squares.close()
