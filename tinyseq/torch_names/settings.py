"""Keyword arguments of PyTorch and Keras, and what to do about them here."""

import difflib
import functools
import inspect
import re
from collections.abc import Callable, Collection
from typing import Any, ParamSpec, TypeVar

from tinyseq.torch_names.owners import Hinted

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_CUT = "a list of sequences, as np.split(x, np.cumsum(lengths)[:-1]) makes"
SETTINGS: dict[str, str | tuple[str, ...]] = {  # of several, the first whose argument there is
    "activation": "the step's own is tanh, or nonlinearity= of ts.nn.RNN; others are ops, applied to the output",
    **dict.fromkeys(("algorithm", "decoder_algorithm"), "viterbi and posterior_decode are two methods"),
    "affine": "LayerNorm always has its weight and bias",
    "amsgrad": "there is no AMSGrad",
    "alpha": "multiply by it yourself",
    "as_tuple": "np.nonzero gives a tuple",
    "backend": 'use executor=, as executor="numba"',
    "batch_first": "arrays are time x batch; swap the axes, as by .T",
    "batch_size": "use batch=",
    "bias": "LayerNorm always has its weight and bias",
    "blank": "use values=False",
    "capturable": "leave it out",
    "create_graph": "ts.grad(loss, leaves, create_graph=True) can be differentiated again",
    "dampening": "momentum is undamped",
    "decoupled_weight_decay": "use ts.optim.AdamW",
    "device": 'the device follows from the arrays; use .to("cuda") on the result',
    "differentiable": "leave it out",
    "dim": "use axis=",
    "dim0": "pass both axes by position",
    "dims": "use axis=",
    **dict.fromkeys(("emissions", "emission_scores", "logits"), "use scores="),
    **dict.fromkeys(("emissionprob", "emission_prob", "B"), "use emission="),
    "dynamic": "leave it out: each shape has a recording of its own, at most limit= of them",
    "dpi": "save a .pdf or an .svg file, which is sharp at any size",
    "elementwise_affine": "LayerNorm always has its weight and bias",
    "epochs": ("use steps=", "use max_steps="),
    "foreach": "leave it out",
    "from_logits": "leave it out: the scores are always logits, without a softmax",
    "fullgraph": "leave it out: a function is recorded whole, or an error says what cannot be",
    "fused": "leave it out",
    **dict.fromkeys(("hidden", "hidden_dim", "hidden_units", "n_hidden", "n_units", "units"), "use hidden_size="),
    "generator": "ts.manual_seed(seed), or rng= where random numbers are drawn",
    "initial_accumulator_value": "sums start at 0",
    "inplace": "values never change in place; leave it out",
    **dict.fromkeys(("input_dim", "input_shape", "n_inputs"), "use input_size="),
    "inputs": "ts.grad(loss, inputs)",
    "input": "pass it by position",
    "keepdim": "use keepdims=",
    **dict.fromkeys(("layers", "n_layers"), "use num_layers="),
    "lengths": (f"use x=, {_CUT}", f"use sequences=, {_CUT}"),
    "X": ("use x=", "use sequences="),
    **dict.fromkeys(("n_components", "n_states"), "the tables say how many states there are; see ts.hmm.HMMEstimator"),
    "layout": "arrays are dense",
    "learning_rate": "use lr=",
    "lr_decay": "use a schedule of ts.optim, with optimizer.lr = schedule(step)",
    "mask_zero": "use padding_idx=0, and lengths= of the recurrent layer",
    "max": "use high=",
    "max_norm": "divide by ts.norm(weight) yourself",
    "maximize": "minimise -loss",
    "memory_format": "the memory layout never matters",
    "min": "use low=",
    "mode": ('use executor=, as executor="numba"', "only ts.pad has a mode"),
    "momentum": "use betas=, whose first number is the momentum",
    "momentum_decay": "leave it out",
    **dict.fromkeys(("max_iter", "max_iterations", "n_iter", "iterations"), "use max_steps="),
    "n_samples": "use length=",
    **dict.fromkeys(("n_init", "n_restarts"), "use restarts="),
    "name": 'name it where it is drawn, as in ts.viz.graph(loss, names={"W": w})',
    "non_blocking": "leave it out",
    "normalized_shape": "pass it by position",
    "norm_type": "it belongs to max_norm=, which is not supported",
    "nonlinearity": "only RNN and RNNCell have it",
    **dict.fromkeys(("observations", "vocab", "vocabulary"), "use symbols="),
    "other": "pass it by position",
    **dict.fromkeys(
        ("optimizer", "loss", "metrics"),
        ("use function=, one that computes the loss; call backward() and optimizer.step() outside",),
    ),
    "out": "results are new tensors; assign the return value",
    **dict.fromkeys(("padding_value", "pad_value", "fill_value"), "use padding="),
    "pad": "use pad_width=, pairs (before, after) of all axes from the first",
    "params": ("use learn=", "pass them by position"),
    "init_params": "use learn= for what is learned; it begins with the tables of this model",
    "pin_memory": "leave it out",
    **{
        f"{theirs}_{part}": f'use priors=, as priors={{"{ours}": {value}}}'
        for part in ("prior", "weight")
        for theirs, ours, value in (
            ("startprob", "initial", "2.0"),
            ("transmat", "transition", "2.0"),
            ("emissionprob", "emission", "2.0"),
            ("means", "means", "(mean, weight)"),
            ("covars", "covariances", "(scatter, weight)"),
            ("lambdas", "rates", "(a, b)"),
        )
    },
    "proj_size": "put a ts.nn.Linear after the layer",
    "recurrent_dropout": "use dropout=",
    "reduce": 'use reduction="mean", "sum" or "none"',
    "return_sequences": "the layer returns output, state; output has all steps, and output[-1] is the last one",
    "return_state": "the layer always returns output, state",
    "rounding_mode": "use x // y, or ts.floor(x / y)",
    "scale_grad_by_freq": "divide the gradient by the counts yourself",
    **dict.fromkeys(("sample_weight", "weights"), "use sequences=, in which one that counts twice stands twice"),
    "size_average": 'use reduction="mean", "sum" or "none"',
    "sparse": "gradients are dense",
    "target": "pass it by position",
    **dict.fromkeys(("dark", "dark_mode", "theme"), 'draw it in `with ts.viz.defaults(theme="dark"):`'),
    "threshold_mode": "the threshold is relative",
    "value": "use constant_values=",
    "weight": 'multiply the losses of reduction="none" by it',
    **dict.fromkeys(("pi", "startprob", "start_prob", "start", "start_probability"), "use initial="),
    **dict.fromkeys(("pseudocount", "pseudocounts"), 'use priors=, as priors={"transition": 1 + pseudocount}'),
    **dict.fromkeys(("random_state", "seed"), "use rng="),
    **dict.fromkeys(("stop_threshold", "threshold", "tol"), "use tolerance="),
    **dict.fromkeys(("transmat", "trans", "transitions", "transition_matrix", "A"), "use transition="),
    **dict.fromkeys(("covars", "variances", "cov", "sigma2"), "use covariances="),
    **dict.fromkeys(("std", "stds", "sigma", "scale"), "use covariances=, which takes squares, std ** 2"),
    **dict.fromkeys(("mu", "loc"), "use means="),
    "min_covar": "use floor=",
    **dict.fromkeys(("verbose", "tqdm"), "use progress="),
    "unbiased": "use ddof=1 for True and ddof=0 for False",
}


def setting(name: str, known: Collection[str] | None = None, place: str = "") -> str:
    """What to do about a keyword argument that is missing here, as the end of an error.

    Args:
        name: the argument.
        known: those that there are, so that only these are named, also one that is spelled like it; None if unknown.
        place: the call that does take the argument, if there is one; see `place_of`.

    Example:
        >>> setting("dim"), setting("gradient", ["values", "gradients"]), setting("colour")
        ('; use axis=', '; did you mean gradients=?', '')
    """
    cures = SETTINGS.get(name, ())
    general = ""
    for cure in (cures,) if isinstance(cures, str) else cures:
        wanted = re.match(r"use (\w+)=", cure)
        if not wanted:
            general = f"; {cure}"
        elif known is None or wanted[1] in known:
            return f"; {cure}"
    if place:
        return f"; give it to {place}"
    spelled = {each.lower(): each for each in known or ()}
    near = difflib.get_close_matches(name.lower(), spelled, n=1, cutoff=0.8 if cures else 0.6)
    return f"; did you mean {spelled[near[0]]}=?" if near else general


def place_of(name: str, owner: object) -> str:
    """The call that takes an argument which was given to another call of the same class; empty if there is none.

    Args:
        name: the argument.
        owner: an object, whose method was called, or a class, which was; None for any other function.

    Example:
        >>> import tinyseq as ts
        >>> place_of("batch_first", ts.nn.GRU(2, 3)), place_of("steps", ts.lm.RNNLM), place_of("speed", ts.lm.RNNLM)
        ('GRU(...)', 'RNNLM.fit(...)', '')
    """
    if owner is None:
        return ""
    kind = owner if isinstance(owner, type) else type(owner)
    other = getattr(kind, "fit", None) if kind is owner else kind
    if other is None or name not in inspect.signature(other).parameters:
        return ""
    return f"{kind.__name__}{'.fit' if kind is owner else ''}(...)"


def explained(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Make a function's error for an unknown keyword argument say what to use."""

    @functools.wraps(function)
    def call(*args: Parameters.args, **settings: Parameters.kwargs) -> Result:
        try:
            return function(*args, **settings)
        except TypeError as error:
            owner = args[0] if args and "self" in inspect.signature(function).parameters else None
            with_cure(error, settings, function, type(owner) if function.__name__ == "__init__" else owner)
            raise

    return call


class Explained(Hinted):
    """A metaclass whose constructor errors also explain unknown keyword arguments."""

    @property
    def __signature__(cls) -> inspect.Signature:
        """The signature of the constructor, for ``help`` and editors."""
        made = inspect.signature(cls.__init__)  # type: ignore[misc]  # that of the class, not of this metaclass
        return made.replace(parameters=list(made.parameters.values())[1:])

    def __call__(cls, *args: Any, **settings: Any) -> Any:
        """Construct an object."""
        try:
            return super().__call__(*args, **settings)
        except TypeError as error:
            with_cure(error, settings, cls, cls)
            raise


def with_cure(
    error: Exception, settings: dict[str, Any], called: Callable[..., Any], owner: object | None = None
) -> None:
    """Append the replacement to an error about a keyword argument that was passed in this call.

    Args:
        error: the error.
        settings: the keyword arguments of the call.
        called: what was called.
        owner: the class if it was called, or the object if its method was.
    """
    found = re.fullmatch(r"(.*unexpected keyword argument '(\w+)')(\. Did you mean '\w+'\?)?", str(error))
    if found and found[2] in settings:  # from 3.13, Python names what is spelled like it
        cure = setting(found[2], inspect.signature(called).parameters, place_of(found[2], owner))
        error.args = (f"{found[1]}{cure or found[3] or ''}",)
