"""What an op costs beyond its arithmetic: microseconds per op, forward and backward, on a chain of 1,000 small ops.

python benchmarks/overhead.py

The ops are an add, a multiply and a tanh in turn, on two float32 numbers, so that nearly all of the time is overhead.
After it comes the table of `operands.py`: every operator with every kind of operand, on either side.
"""

import argparse
import sys

import numpy as np
import operands
from racing import race, report, seconds_of, versions

ROUNDS = 333  # of three ops each, and one more add
OPS = 3 * ROUNDS + 1
START, ADDED, FACTOR = (np.array(values, dtype=np.float32) for values in ([0.1, 0.2], [0.5, 0.4], [0.9, 1.1]))


def chain(h, added, factor, tanh):
    """h <- tanh((h + a) f), again and again."""
    for _ in range(ROUNDS):
        h = tanh((h + added) * factor)
    return h + added


def numpy():
    def step():
        h, outputs = START, []
        for _ in range(ROUNDS):
            h = np.tanh((h + ADDED) * FACTOR)
            outputs.append(h)
        g = np.ones(2, dtype=np.float32)
        for y in reversed(outputs):
            g = g * (1 - y * y) * FACTOR
        return g

    return step


def tinyseq():
    import tinyseq as ts

    x, added, factor = ts.tensor(START, requires_grad=True), ts.tensor(ADDED), ts.tensor(FACTOR)
    ones = ts.ones(2, dtype=np.float32)

    def step():
        x.grad = None
        chain(x, added, factor, ts.tanh).backward(ones)

    return step


def torch():
    import torch

    x, added, factor = torch.tensor(START, requires_grad=True), torch.tensor(ADDED), torch.tensor(FACTOR)
    ones = torch.ones(2)

    def step():
        x.grad = None
        chain(x, added, factor, torch.tanh).backward(ones)

    return step


def hips():
    import autograd.numpy as anp
    from autograd import make_vjp

    vjp = make_vjp(lambda x: chain(x, ADDED, FACTOR, anp.tanh))
    ones = np.ones(2, dtype=np.float32)
    return lambda: vjp(START)[0](ones)


def mygrad():
    """As it comes: like tinyseq, it notices when a value that it needs is written to."""
    import mygrad

    x = mygrad.tensor(START)
    added, factor = (mygrad.tensor(array, constant=True) for array in (ADDED, FACTOR))
    return lambda: chain(x, added, factor, mygrad.tanh).backward(np.ones(2, dtype=np.float32))


def unguarded():
    """MyGrad told to notice nothing."""
    import mygrad as library

    library.turn_memory_guarding_off()
    return mygrad()


RACERS = {
    "tinyseq": tinyseq,
    "raw NumPy": numpy,
    "PyTorch": torch,
    "HIPS autograd": hips,
    "MyGrad": mygrad,
    "MyGrad, no memory guard": unguarded,
}

if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(seconds_of(RACERS[sys.argv[2]]()) / OPS)
        sys.exit()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    print(versions())
    times = race(__file__, list(RACERS), "chain")
    report("chain", times, "tinyseq", 1e6, "us per op, forward + backward")
    print(f"tinyseq above raw NumPy: {(times['tinyseq'] - times['raw NumPy']) * 1e6:.2f} us per op")
    operands.main()
