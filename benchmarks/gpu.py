"""The tests that need an NVIDIA GPU, and then races on it: one command, at most six minutes.

python benchmarks/gpu.py [--no-tests]

Needs CuPy; PyTorch with CUDA is raced where it is installed. float32, without TF32. Every time is a median, with the
device idle before the clock is read.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import gpu_hmm
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
CASES = {  # T, B, input size, hidden size
    "small": (50, 16, 64, 64),
    "medium": (100, 32, 128, 128),
    "large": (100, 64, 512, 512),
}
EVERYWHERE = [
    "autograd/test_ops.py",
    "autograd/test_tape.py",
    "nn/test_recurrent.py",
    "nn/test_losses.py",
    "nn/test_crf.py",
    "hmm/test_fast.py",
]


def tests() -> bool:
    """The tests of arrays on a device, and then tests of the rest of the library with every tensor there."""
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "default"]
    few = os.environ | {"HYPOTHESIS_PROFILE": "few"}
    passed = True
    for arguments in (["tests/device"], ["--every-tensor-on", "cuda", *(f"tests/{name}" for name in EVERYWHERE)]):
        passed &= subprocess.run([*pytest, *arguments], cwd=ROOT, env=few, check=False).returncode == 0
    return passed


def milliseconds(step, budget: float = 2.0) -> float:
    import cupy

    wait = cupy.cuda.Device().synchronize
    for _ in range(3):
        step()
    wait()
    times: list[float] = []
    end = time.perf_counter() + budget
    while len(times) < 10 or time.perf_counter() < end:
        start = time.perf_counter()
        step()
        wait()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def ours(steps, batch, size, hidden, compiled=False):
    import tinyseq as ts

    layer = ts.nn.LSTM(size, hidden).to("cuda")
    x = ts.tensor(np.random.default_rng(0).standard_normal((steps, batch, size)), dtype="float32").to("cuda")
    x.requires_grad_()

    def loss(x):
        y, _ = layer(x)
        return (y * y).mean()

    function = ts.compile(loss) if compiled else loss

    def step():
        layer.zero_grad()
        x.grad = None
        function(x).backward()

    return step


def ours_compiled(steps, batch, size, hidden):
    return ours(steps, batch, size, hidden, compiled=True)


def cudnn(steps, batch, size, hidden):
    import torch

    layer = torch.nn.LSTM(size, hidden).cuda()
    x = torch.randn(steps, batch, size, device="cuda", requires_grad=True)

    def step():
        layer.zero_grad()
        x.grad = None
        y, _ = layer(x)
        (y * y).mean().backward()

    return step


def primitives(steps, batch, size, hidden):
    """The same cell in PyTorch's own ops."""
    import torch

    shapes = (size, 4 * hidden), (hidden, 4 * hidden), (4 * hidden,), (steps, batch, size)
    leaves = [(torch.randn(shape, device="cuda") * hidden**-0.5).requires_grad_() for shape in shapes]

    def step():
        for leaf in leaves:
            leaf.grad = None
        w, u, b, x = leaves
        h = c = torch.zeros(batch, hidden, device="cuda")
        outputs = []
        for z in (x @ w + b).unbind(0):
            i, f, g, o = (z + h @ u).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        y = torch.stack(outputs)
        (y * y).mean().backward()

    return step


def training(steps=50, batch=16, hidden=64, symbols=64, compiled=False):
    """Embedding, LSTM, readout, cross entropy, clipping and Adam."""
    import tinyseq as ts

    parts = ts.nn.Embedding(symbols, hidden), ts.nn.LSTM(hidden, hidden), ts.nn.Linear(hidden, symbols)
    embedding, lstm, readout = (part.to("cuda") for part in parts)
    parameters = [p for part in parts for p in part.parameters()]
    optimizer = ts.optim.Adam(parameters, lr=1e-3)
    ids = np.random.default_rng(0).integers(0, symbols, (steps, batch))

    def loss_of(ids):
        return ts.nn.cross_entropy(readout(lstm(embedding(ids))[0]), ids)

    function = ts.compile(loss_of) if compiled else loss_of

    def step():
        loss = function(ids)
        optimizer.zero_grad()
        loss.backward()
        ts.nn.clip_grad_norm_(parameters, 1.0)
        optimizer.step()

    return step


def races() -> None:
    import cupy

    device = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
    print(f"{device}, CuPy {cupy.__version__}, NumPy {np.__version__}")
    racers = {"tinyseq": ours, "tinyseq, compiled": ours_compiled}
    try:
        import torch

        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        racers |= {"PyTorch primitives": primitives, "torch.nn.LSTM (cuDNN)": cudnn}
        print(f"PyTorch {torch.__version__}")
    except ImportError:
        print("PyTorch is not installed: no peers")
    rows = []
    for name, case in CASES.items():
        times = {racer: milliseconds(make(*case)) for racer, make in racers.items()}
        for racer, found in times.items():
            print(f"LSTM {name:8s} {racer:24s} {found:8.2f} ms", flush=True)
        rows.append((name, case, times))
    table(rows)
    for compiled in (False, True):
        found = milliseconds(training(compiled=compiled))
        print(f"a training step, embedding to Adam{', compiled' * compiled:12s} {found:8.2f} ms")
    crf()
    gpu_hmm.races()


RATIOS = [  # of two racers, and what is wanted of small, medium and large
    ("tinyseq, compiled", "torch.nn.LSTM (cuDNN)", (0.6, 1.2, 1.0)),
    ("tinyseq", "PyTorch primitives", (1.2, 1.2, 1.2)),
]


def table(rows) -> None:
    """The ratios, each with the largest that is wanted."""
    for one, two, wanted in RATIOS:
        if two in rows[0][2]:
            print(f"\n{one} / {two}")
            for (name, case, times), most in zip(rows, wanted, strict=True):
                ratio = times[one] / times[two]
                mark = "" if ratio <= most else "   <- more"
                print(f"  {name:8s} {', '.join(map(str, case)):18s} {ratio:5.2f}, wanted {most}{mark}")
    print()


def crf() -> None:
    import tinyseq as ts

    model = ts.nn.CRF(17).to("cuda")
    rng = np.random.default_rng(0)
    scores = ts.tensor(rng.standard_normal((25, 64, 17)), dtype="float32").to("cuda").requires_grad_()
    tags, lengths = rng.integers(0, 17, (25, 64)), rng.integers(1, 26, 64)
    lengths[0] = 25

    def step():
        scores.grad = None
        (-model.log_likelihood(scores, tags, lengths).sum()).backward()

    print(f"a CRF's loss, 64 ragged sequences       {milliseconds(step):8.2f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--no-tests", action="store_true", help="only race")
    sound = parser.parse_args().no_tests or tests()
    races()
    sys.exit(0 if sound else 1)
