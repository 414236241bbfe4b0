"""Keyword arguments of PyTorch, and what to do about them here."""

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

SETTINGS = {
    "affine": "LayerNorm always has its weight and bias",
    "amsgrad": "there is no AMSGrad",
    "alpha": "multiply by it yourself",
    "as_tuple": "np.nonzero gives a tuple",
    "bias": "LayerNorm always has its weight and bias",
    "capturable": "leave it out",
    "create_graph": "ts.grad(loss, leaves, create_graph=True) can be differentiated again",
    "dampening": "momentum is undamped",
    "decoupled_weight_decay": "use ts.optim.AdamW",
    "device": 'arrays decide where they are computed; use .to("cuda") on what was made',
    "differentiable": "leave it out",
    "dim": "use axis=",
    "dim0": "give both axes by their place",
    "dims": "use axis=",
    "elementwise_affine": "LayerNorm always has its weight and bias",
    "foreach": "leave it out",
    "fused": "leave it out",
    "generator": "ts.manual_seed(seed), or rng= where random numbers are drawn",
    "initial_accumulator_value": "sums begin at 0",
    "inplace": "values never change in place; leave it out",
    "inputs": "ts.grad(loss, inputs)",
    "input": "give it by its place",
    "keepdim": "use keepdims=",
    "layout": "arrays are dense",
    "lr_decay": "use a schedule of ts.optim, with optimizer.lr = schedule(step)",
    "max": "use high=",
    "max_norm": "divide by ts.norm(weight) yourself",
    "maximize": "minimise -loss",
    "memory_format": "layouts of memory never matter",
    "min": "use low=",
    "mode": "a mode goes with ts.pad alone",
    "momentum_decay": "leave it out",
    "non_blocking": "leave it out",
    "normalized_shape": "give it by its place",
    "norm_type": "it goes with max_norm=, which is not here",
    "nonlinearity": "only RNN and RNNCell have it",
    "other": "give it by its place",
    "out": "results are new tensors; assign what is returned",
    "pad": "use pad_width=, pairs (before, after) of all axes from the first",
    "params": "give them by their place",
    "pin_memory": "leave it out",
    "proj_size": "put a ts.nn.Linear behind the layer",
    "reduce": 'use reduction="mean", "sum" or "none"',
    "rounding_mode": "use x // y, or ts.floor(x / y)",
    "scale_grad_by_freq": "divide the gradient by the counts yourself",
    "size_average": 'use reduction="mean", "sum" or "none"',
    "sparse": "gradients are dense",
    "target": "give it by its place",
    "threshold_mode": "the threshold is relative",
    "value": "use constant_values=",
    "weight": 'multiply the losses of reduction="none" by it',
    "unbiased": "use ddof=1 for True and ddof=0 for False",
}


def setting(name: str) -> str:
    """What to do about a keyword argument of PyTorch that is not here, as the end of an error."""
    return f"; {SETTINGS[name]}" if name in SETTINGS else ""


def explained(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """The function, whose error for a keyword argument of PyTorch says what to use."""

    @functools.wraps(function)
    def call(*args: Parameters.args, **settings: Parameters.kwargs) -> Result:
        try:
            return function(*args, **settings)
        except TypeError as error:
            with_cure(error, settings)
            raise

    return call


class Explained(type):
    """A class whose construction explains the keyword arguments of PyTorch that it does not have."""

    @property
    def __signature__(cls) -> inspect.Signature:
        """What its construction takes, for ``help`` and editors."""
        made = inspect.signature(cls.__init__)  # type: ignore[misc]
        return made.replace(parameters=list(made.parameters.values())[1:])

    def __call__(cls, *args: Any, **settings: Any) -> Any:
        """Make an object."""
        try:
            return super().__call__(*args, **settings)
        except TypeError as error:
            with_cure(error, settings)
            raise


def with_cure(error: Exception, settings: dict[str, Any]) -> None:
    """Put the cure at the end of an error about a keyword argument that was given here."""
    found = re.search(r"unexpected keyword argument '(\w+)'", str(error))
    if found and found[1] in settings and str(error).endswith("'"):
        error.args = (f"{error}{setting(found[1])}",)
