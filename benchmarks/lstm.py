"""A training step of one LSTM layer, forward and backward with every gradient: tinyseq beside its peers.

python benchmarks/lstm.py [tiny small medium large] [gru rnn layers directions] [--first]

Named kinds run in place of the one layer: a GRU, an RNN, two layers of an LSTM, and one of both directions, each beside
PyTorch's module.

"tinyseq" runs as `tinyseq.train.train` does, inside `tinyseq.memory.reuse`; "tinyseq, plain loop" without it;
"tinyseq compiled" replays the step that `ts.compile` recorded, with NumPy or in loops compiled by Numba. Peers
that are not installed are left out. "PyTorch primitives" is the same cell written in PyTorch's own ops; "PyTorch layer"
is its fused layer of the kind, such as `torch.nn.LSTM`; "NumPy by hand" has no tape, and leaves NumPy little to gain.

`--first` prints what a first call takes instead, and by how much a process has grown at most after three. Run it twice:
the first time, loops are compiled that the second finds in Numba's folder.
"""

import argparse
import gc
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from racing import race, report, seconds_of, versions

CASES = {  # T, B, input size, hidden size
    "tiny": (50, 16, 32, 64),
    "small": (100, 32, 64, 128),
    "medium": (100, 32, 256, 256),
    "large": (64, 64, 512, 512),
}

KINDS = {  # the module's name, and its settings
    "lstm": ("LSTM", {}),
    "gru": ("GRU", {}),
    "rnn": ("RNN", {}),
    "layers": ("LSTM", {"num_layers": 2}),
    "directions": ("LSTM", {"bidirectional": True}),
}
RATIOS = [  # printed below the times
    ("tinyseq compiled, Numba", "PyTorch layer"),
    ("tinyseq compiled", "NumPy by hand"),
    ("tinyseq", "PyTorch primitives"),
]


def module(library, size, hidden, kind):
    """The recurrent module of a kind, of a library that has PyTorch's names."""
    name, settings = KINDS[kind]
    return getattr(library.nn, name)(size, hidden, **settings)


def inputs(steps, batch, size, hidden):
    """x (T, B, I), and weights (I, 4H), (H, 4H) with a bias (4H,)."""
    rng, bound = np.random.default_rng(0), hidden**-0.5
    shapes = (size, 4 * hidden), (hidden, 4 * hidden)
    weights = [rng.uniform(-bound, bound, shape).astype(np.float32) for shape in shapes]
    return rng.standard_normal((steps, batch, size)).astype(np.float32), *weights, np.zeros(4 * hidden, np.float32)


def unrolled(x, w, u, b, hidden, sigmoid, tanh, cut):
    """The cell over time, written in whatever library the arrays are of; gives the list of h_t."""
    h = c = np.zeros((x.shape[1], hidden), np.float32)
    outputs, xs = [], x @ w + b
    for t in range(x.shape[0]):
        i, f, g, o = cut(xs[t] + h @ u)
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h = sigmoid(o) * tanh(c)
        outputs.append(h)
    return outputs


def tinyseq(*case):
    from tinyseq.memory import reuse

    reuse().__enter__()  # until this process, which measures nothing else, ends
    return plain_loop(*case)


def plain_loop(steps, batch, size, hidden, kind="lstm"):
    """A loop without what `tinyseq.memory` asks of the C library and of Python's collector."""
    import tinyseq as ts

    layer = module(ts, size, hidden, kind)
    x = ts.tensor(inputs(steps, batch, size, hidden)[0], requires_grad=True)

    def step():
        layer.zero_grad()
        x.grad = None
        y, _ = layer(x)
        (y * y).mean().backward()

    return step


def compiled(steps, batch, size, hidden, kind="lstm", executor=None):
    """The step recorded once by `ts.compile`, and replayed."""
    import tinyseq as ts
    from tinyseq.memory import reuse

    reuse().__enter__()
    layer = module(ts, size, hidden, kind)
    x = ts.tensor(inputs(steps, batch, size, hidden)[0], requires_grad=True)

    def loss(x):
        y, _ = layer(x)
        return (y * y).mean()

    fast = ts.compile(loss, executor=executor)

    def step():
        layer.zero_grad()
        x.grad = None
        fast(x).backward()

    return step


def numba(*case):
    """The recorded step with fused loops."""
    return compiled(*case, executor="numba")


def torch_layer(steps, batch, size, hidden, kind="lstm"):
    import torch

    layer = module(torch, size, hidden, kind)
    x = torch.randn(steps, batch, size, requires_grad=True)

    def step():
        layer.zero_grad()
        x.grad = None
        y, _ = layer(x)
        (y * y).mean().backward()

    return step


def torch_primitives(steps, batch, size, hidden):
    import torch

    leaves = [torch.tensor(array, requires_grad=True) for array in inputs(steps, batch, size, hidden)]
    x, w, u, b = leaves

    def step():
        for leaf in leaves:
            leaf.grad = None
        h = c = torch.zeros(batch, hidden)
        outputs = []
        for z in (x @ w + b).unbind(0):
            i, f, g, o = (z + h @ u).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        y = torch.stack(outputs)
        (y * y).mean().backward()

    return step


def by_hand(steps, batch, size, hidden):
    """Backpropagation through time written out in NumPy, for this layer alone: no tape, no checks, buffers reused."""
    x, w, u, b = inputs(steps, batch, size, hidden)
    columns = x.reshape(steps * batch, size)
    # sigmoid(a) = (1 + tanh(a / 2)) / 2: with the rows of the gates i, f, o halved, one tanh serves all four
    i, f, g, o = (slice(k * hidden, (k + 1) * hidden) for k in range(4))
    scale, rest = np.full((4 * hidden, 1), 0.5, np.float32), np.full((4 * hidden, 1), 0.5, np.float32)
    scale[g], rest[g] = 1, 0
    z, dz = (np.empty((steps, 4 * hidden, batch), np.float32) for _ in range(2))
    c, h = (np.zeros((steps + 1, hidden, batch), np.float32) for _ in range(2))
    squashed, one, slope = np.empty_like(c), np.empty((hidden, batch), np.float32), np.empty_like(z[0])

    def step():
        halved_u = u.T * scale
        np.matmul(w.T * scale, x.transpose(0, 2, 1), out=z)
        np.add(z, b[:, None] * scale, out=z)
        for t in range(steps):
            gates = z[t]
            gates += halved_u @ h[t]
            np.tanh(gates, out=gates)
            gates *= scale
            gates += rest
            np.multiply(gates[f], c[t], out=c[t + 1])
            c[t + 1] += np.multiply(gates[i], gates[g], out=one)
            np.tanh(c[t + 1], out=squashed[t])
            np.multiply(gates[o], squashed[t], out=h[t + 1])
        dh, dc = np.zeros_like(one), np.zeros_like(one)
        for t in reversed(range(steps)):
            gates, d = z[t], dz[t]
            dh += h[t + 1] * np.float32(2 / h[1:].size)  # the loss is the mean of the squares
            np.multiply(dh, squashed[t], out=d[o])
            dh *= gates[o]
            dh -= np.multiply(np.square(squashed[t], out=one), dh, out=one)
            dc += dh
            np.multiply(dc, gates[g], out=d[i])
            np.multiply(dc, c[t], out=d[f])
            np.multiply(dc, gates[i], out=d[g])
            np.square(gates, out=slope)
            for gate in (i, f, o):
                np.subtract(gates[gate], slope[gate], out=slope[gate])
            np.subtract(1, slope[g], out=slope[g])
            d *= slope
            dc *= gates[f]
            dh = u @ d
        rows = dz.transpose(1, 0, 2).reshape(4 * hidden, -1)
        before = h[:-1].transpose(1, 0, 2).reshape(hidden, -1)
        return (rows @ columns).T, (rows @ before.T).T, rows.sum(1), (rows.T @ w.T).reshape(x.shape)

    return step


def hips(steps, batch, size, hidden):
    import autograd.numpy as anp
    from autograd import grad

    arrays = inputs(steps, batch, size, hidden)

    def loss(arrays):
        y = anp.array(
            unrolled(
                *arrays,
                hidden,
                lambda a: 0.5 * (anp.tanh(0.5 * a) + 1),
                anp.tanh,
                lambda z: [z[:, k * hidden : (k + 1) * hidden] for k in range(4)],
            )
        )
        return anp.mean(y * y)

    slope = grad(loss)
    return lambda: slope(arrays)


def mygrad(steps, batch, size, hidden):
    import mygrad
    from mygrad.nnet.activations import sigmoid

    leaves = [mygrad.tensor(array) for array in inputs(steps, batch, size, hidden)]

    def step():
        y = mygrad.stack(
            unrolled(
                *leaves, hidden, sigmoid, mygrad.tanh, lambda z: [z[:, k * hidden : (k + 1) * hidden] for k in range(4)]
            )
        )
        (y * y).mean().backward()

    return step


def unguarded(*case):
    """MyGrad without its guard against writing to arrays that a graph holds."""
    import mygrad as library

    library.turn_memory_guarding_off()
    return mygrad(*case)


RACERS = {
    "tinyseq": tinyseq,
    "tinyseq, plain loop": plain_loop,
    "tinyseq compiled": compiled,
    "tinyseq compiled, Numba": numba,
    "PyTorch primitives": torch_primitives,
    "PyTorch layer": torch_layer,
    "MyGrad": mygrad,
    "MyGrad, no memory guard": unguarded,
    "HIPS autograd": hips,
    "NumPy by hand": by_hand,
}


def first_call(step):
    """The seconds of a first call, and the megabytes by which the process has grown at most after three."""
    gc.collect()
    before = resident()
    start = time.perf_counter()
    step()
    seconds = time.perf_counter() - start
    step()
    step()
    return f"{seconds:6.2f} s {resident('VmHWM') - before:6.0f} MB"


def resident(what="VmRSS"):
    """This process's memory in megabytes, now or at most (``VmHWM``), as Linux counts it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(what)).split()[1]) / 1024


OF_ALL_KINDS = ("tinyseq", "tinyseq compiled", "tinyseq compiled, Numba", "PyTorch layer")

if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        size, _, kind = sys.argv[3].partition(" ")
        print(seconds_of(RACERS[sys.argv[2]](*CASES[size], *([kind] if kind else []))))
        sys.exit()
    if sys.argv[1:2] == ["--first-of"]:
        size, _, kind = sys.argv[3].partition(" ")
        print(first_call(RACERS[sys.argv[2]](*CASES[size], *([kind] if kind else []))))
        sys.exit()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", nargs="*", help=f"sizes ({', '.join(CASES)}) and kinds ({', '.join(KINDS)})")
    parser.add_argument("--first", action="store_true", help="time the first call instead")
    given = parser.parse_args()
    for case in given.case:
        if case not in (*CASES, *KINDS):
            parser.error(f"case must be one of {', '.join((*CASES, *KINDS))}, got {case!r}")
    sizes, kinds = ([word for word in given.case if word in known] for known in (CASES, KINDS))
    first = given.first
    print(versions())
    for size in sizes or CASES:
        for kind in kinds or [""]:
            racers = [r for r in RACERS if r in OF_ALL_KINDS] if kind else list(RACERS)
            racers = [racer for racer in racers if racer != "HIPS autograd" or size in ("tiny", "small")]
            case = f"{size} {kind}".strip()
            if first:
                for racer in OF_ALL_KINDS:
                    command = [sys.executable, __file__, "--first-of", racer, case]
                    found = subprocess.run(command, capture_output=True, text=True, check=False)
                    print(f"{case:8s} {racer:24s} {found.stdout.strip() or 'not measured'}", flush=True)
                continue
            times = race(__file__, racers, case)
            report(case, times, "tinyseq", 1e3, "ms")
            for one, other in RATIOS:
                if one in times and other in times:
                    print(f"{case:8s} {one} / {other} = {times[one] / times[other]:.2f}", flush=True)
