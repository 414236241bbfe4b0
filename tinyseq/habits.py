"""What users of PyTorch look for under a name that is another one here: an error that says so is worth more."""

from collections.abc import Callable
from typing import Any, NoReturn

TENSOR = {
    "clone": "t itself, as values never change in place",
    "contiguous": "t itself, as its layout never matters",
    "cpu": 't.to("cpu")',
    "cuda": 't.to("cuda")',
    "data": "t.detach(), or `with ts.no_grad():` around an update in place",
    "dim": "t.ndim",
    "double": 't.to("float64")',
    "expand": "ts.broadcast_to(t, shape)",
    "float": 't.to("float32")',
    "long": 't.to("int64")',
    "masked_fill": "ts.where(mask, value, t)",
    "numel": "t.size",
    "unsqueeze": "t.expand_dims(axis)",
    "view": "t.reshape(...)",
}
PACKAGE = {
    "cat": "ts.concatenate(tensors, axis)",
    "float32": '"float32" or np.float32',
    "float64": '"float64" or np.float64',
    "from_numpy": "ts.tensor(array)",
    "int64": '"int64" or np.int64',
    "mm": "x @ y",
    "rand": "ts.tensor(rng.random(shape)) with rng = np.random.default_rng(seed)",
    "randn": "ts.tensor(rng.standard_normal(shape)) with rng = np.random.default_rng(seed)",
    "seed": "ts.manual_seed(seed)",
    "unsqueeze": "ts.expand_dims(t, axis)",
}
NN = {
    "CrossEntropyLoss": "ts.nn.cross_entropy(logits, targets)",
    "MSELoss": "ts.nn.mse_loss(y, targets)",
    "NLLLoss": "ts.nn.nll_loss(log_probabilities, targets)",
    "ReLU": "ts.relu, which is a step of Sequential too",
    "Sigmoid": "ts.sigmoid, which is a step of Sequential too",
    "Softmax": "ts.softmax(x, axis)",
    "Tanh": "ts.tanh, which is a step of Sequential too",
    "functional": "functions of tinyseq, such as ts.relu, and of ts.nn, such as ts.nn.cross_entropy",
    "utils": "ts.nn.clip_grad_norm_ and ts.nn.clip_grad_value_",
}


def missing(owner: str, name: str, cures: dict[str, str]) -> AttributeError:
    """The error for an attribute that is not there."""
    cure = f"; use {cures[name]}" if name in cures else ""
    return AttributeError(f"{owner} has no attribute {name!r}{cure}", name=name)


def of_module(module: str, cures: dict[str, str]) -> Callable[[str], Any]:
    """What a module has as ``__getattr__``."""

    def absent(name: str) -> NoReturn:
        raise missing(f"module {module!r}", name, cures)

    return absent
