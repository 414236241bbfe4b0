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
    "alpha": ("use k=", "use floor=", "use decay=", "multiply by it yourself"),
    "as_tuple": "np.nonzero gives a tuple",
    "backend": 'use executor=, as executor="numba"',
    "batch_first": "arrays are time x batch; swap the axes, as by .T",
    "batch_size": ("use batch=", "use size="),
    "batch": "use size=",
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
    **dict.fromkeys(
        ("epochs", "num_epochs", "n_epochs", "iterations"),
        ("use epochs=", "use steps=", "use max_steps=", "leave it out: counting reads the data once"),
    ),
    "foreach": "leave it out",
    "from_logits": "leave it out: the scores are always logits, without a softmax",
    "fullgraph": "leave it out: a function is recorded whole, or an error says what cannot be",
    "fused": "leave it out",
    **dict.fromkeys(
        ("hidden", "hidden_dim", "hidden_units", "n_hidden", "nhid", "n_units", "units"),
        ("use hidden_size=", "use out_features="),
    ),
    **dict.fromkeys(("output_dim", "output_size", "n_outputs"), ("use embedding_dim=", "use out_features=")),
    "generator": "ts.manual_seed(seed), or rng= where random numbers are drawn",
    "initial_accumulator_value": "sums start at 0",
    "inplace": "values never change in place; leave it out",
    **dict.fromkeys(
        ("input_dim", "input_shape", "n_inputs"), ("use input_size=", "use in_features=", "use num_embeddings=")
    ),
    "inputs": "ts.grad(loss, inputs)",
    "input": "pass it by position",
    "keepdim": "use keepdims=",
    **dict.fromkeys(("layers", "n_layers"), "use num_layers="),
    "lengths": (f"use x=, {_CUT}", f"use sequences=, {_CUT}"),
    "X": ("use x=", "use sequences=", "use texts=", "use sentences="),
    "y": ("use labels=", "give pairs (word, tag), as of zip(words, tags)"),
    "labels": "give pairs (symbol, state), as of zip(symbols, states)",
    **dict.fromkeys(("n_components", "n_states"), "the tables say how many states there are; see ts.hmm.HMMEstimator"),
    "layout": "arrays are dense",
    "learning_rate": "use lr=",
    **dict.fromkeys(("initial_lr", "base_lr", "init_lr"), ("use lr=", "use peak=")),
    **dict.fromkeys(("lr", "max_lr"), "use peak="),
    "lr_decay": "use a schedule of ts.optim, with optimizer.lr = schedule(step)",
    "mask_zero": "use padding_idx=0, and lengths= of the recurrent layer",
    "max": "use high=",
    "max_norm": ("use clip=", "divide by ts.norm(weight) yourself"),
    **dict.fromkeys(
        ("max_grad_norm", "grad_clip", "clip_grad", "clip_norm", "clipnorm", "gradient_clip_val", "clipvalue"),
        ("use clip=", "call ts.nn.clip_grad_norm_(parameters, max_norm) before optimizer.step()"),
    ),
    "maximize": "minimise -loss",
    "memory_format": "the memory layout never matters",
    "min": "use low=",
    "mode": (
        'use executor=, as executor="numba"',
        "use cell=",
        "use higher_is_better=, which is False for a loss",
        "only ts.pad has a mode",
    ),
    "momentum": ("use betas=, whose first number is the momentum", "use decay="),
    "momentum_decay": "leave it out",
    **dict.fromkeys(("max_iter", "max_iterations", "n_iter"), "use max_steps="),
    **dict.fromkeys(
        (
            *("n_samples", "num_samples", "max_new_tokens", "max_length", "maxlen", "max_len", "num_words", "n_words"),
            *("num_chars", "n_chars", "num_tokens", "n", "truncating", "truncation"),
        ),
        ("use length=", "cut what is too long first, as by x[:n]"),
    ),
    "n_tokens": ("use tokens=", "use length="),
    **dict.fromkeys(("n_init", "n_restarts"), "use restarts="),
    "name": 'name it where it is drawn, as in ts.viz.graph(loss, names={"W": w})',
    "non_blocking": "leave it out",
    "normalized_shape": "pass it by position",
    "norm_type": "it belongs to max_norm=, which is not supported",
    "nonlinearity": "only RNN and RNNCell have it",
    **dict.fromkeys(("observations", "vocab", "vocabulary"), ("use symbols=", "use vocabulary=")),
    "other": "pass it by position",
    **dict.fromkeys(
        ("optimizer", "loss", "metrics", "loss_fn", "criterion"),
        (
            "use function=, one that computes the loss; call backward() and optimizer.step() outside",
            "use task=, a function from the number of the step to its ts.train.Loss",
            "ts.train.train takes any optimiser, loss and schedule",
        ),
    ),
    "out": "results are new tensors; assign the return value",
    **dict.fromkeys(("padding_value", "pad_value", "fill_value", "pad_id"), "use padding="),
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
    "sample_weight": tuple(
        f"use {name}=, in which one that counts twice stands twice" for name in ("sequences", "texts", "sentences")
    ),
    "weights": (
        "use sequences=, in which one that counts twice stands twice",
        'layer.load_state_dict({"weight": table}) sets those of a layer',
    ),
    **dict.fromkeys(("lambdas", "coefficients"), ("use weights=", "use models=, as of ts.lm.Mixture(models, weights)")),
    "size_average": 'use reduction="mean", "sum" or "none"',
    "sparse": "gradients are dense",
    "target": "pass it by position",
    **dict.fromkeys(("dark", "dark_mode", "theme"), 'draw it in `with ts.viz.defaults(theme="dark"):`'),
    "threshold_mode": "the threshold is relative",
    "value": ("use constant_values=", "use padding="),
    "weight": ("use W=", 'multiply the losses of reduction="none" by it'),
    **dict.fromkeys(("pi", "startprob", "start_prob", "start", "start_probability"), ("use initial=", "use prompt=")),
    **dict.fromkeys(("pseudocount", "pseudocounts"), 'use priors=, as priors={"transition": 1 + pseudocount}'),
    **dict.fromkeys(("random_state", "seed", "random_seed"), ("use rng=", "call ts.manual_seed(seed) before it")),
    **dict.fromkeys(("stop_threshold", "threshold", "tol"), ("use tolerance=", "use atol= and rtol=")),
    **dict.fromkeys(("epsilon", "delta", "h"), "use eps="),
    **dict.fromkeys(("transmat", "trans", "transitions", "transition_matrix", "A"), "use transition="),
    **dict.fromkeys(("covars", "variances", "cov", "sigma2"), "use covariances="),
    **dict.fromkeys(("std", "stds", "sigma", "scale"), "use covariances=, which takes squares, std ** 2"),
    **dict.fromkeys(("mu", "loc"), "use means="),
    "min_covar": "use floor=",
    **dict.fromkeys(("verbose", "tqdm"), ("use progress=", "leave it out: nothing is printed")),
    "unbiased": "use ddof=1 for True and ddof=0 for False",
    # -- models, vocabularies and batches
    **dict.fromkeys(("min_freq", "unk_cutoff", "min_df"), ("use min_count=", "leave rare words out of the texts")),
    "min_count": "ts.data.Vocabulary.from_counts(symbols, min_count=...) leaves out rare symbols",
    **dict.fromkeys(
        ("max_size", "max_tokens", "max_features", "max_vocab_size"),
        "give the n symbols of collections.Counter(symbols).most_common(n)",
    ),
    **dict.fromkeys(
        ("specials", "unk_token", "unk", "unk_label", "unknown_token", "oov_token", "default_token", "unk_id"),
        "use unknown=",
    ),
    **dict.fromkeys(
        ("pad_token", "pad_idx", "padding_index"),
        ("use padding_idx=", "ts.data.padded needs no symbol for padding; its lengths say where it begins"),
    ),
    "vocab_size": (
        "use num_embeddings=",
        "use vocabulary=, the symbols themselves",
        "leave it out: fit finds the symbols and the labels",
    ),
    **dict.fromkeys(
        ("tagset_size", "n_tags", "num_labels", "num_classes", "n_classes"),
        ("use num_tags=", "leave it out: fit finds the symbols and the labels"),
    ),
    **dict.fromkeys(
        ("embed_dim", "emb_dim", "embedding_dim", "embed_size", "emb_size", "ninp", "d_model", "word_dim"),
        ("use embedding_size=", "use embedding_dim="),
    ),
    **dict.fromkeys(("rnn_type", "rnn", "cell_type"), "use cell="),
    "model": ("use cell=", "use task=, a function from the number of the step to its ts.train.Loss"),
    **dict.fromkeys(("tie_weights", "tie", "tied_weights", "weight_tying", "tie_embeddings"), "use tied="),
    **dict.fromkeys(
        ("level", "char_level", "word_level", "analyzer"), ("use words=True for words", 'use units="chars" or "words"')
    ),
    "ngram": "use n=",
    **dict.fromkeys(
        ("bptt", "seq_len", "seq_length", "sequence_length", "block_size", "window_size", "chunk_size", "num_steps"),
        ("use window=", "use context=", "use length=", "use steps="),
    ),
    "stride": "windows follow each other without overlapping",
    "shuffle": ("use rng=, which shuffles", "leave it out: examples are shuffled, and a long text is read in order"),
    "drop_last": "leave it out: the last batch may be smaller",
    "return_tensors": "leave it out: the results are arrays",
    "dtype": "the dtype follows from the arguments; .to(dtype) or .astype(dtype) changes that of the result",
    **dict.fromkeys(
        ("text_seed", "prefix", "seed_text", "start_string", "start_text", "prime", "context"), "use prompt="
    ),
    **dict.fromkeys(("temp", "tau"), "use temperature="),
    **dict.fromkeys(("topk", "k"), "use top_k="),
    **dict.fromkeys(("topp", "nucleus"), "use top_p="),
    "do_sample": "temperature=0 takes the most probable symbol each time",
    **dict.fromkeys(
        ("num_beams", "beam_size", "beam_width"),
        ("use width=", "temperature=0 takes the most probable symbol each time; there is no beam"),
    ),
    **dict.fromkeys(("gamma", "decay_rate"), ("use factor=", "use k=")),
    "smoothing": "use alpha=",
    "estimator": "use smoothing=",
    "lowercase": "lower-case the texts first, as by text.lower()",
    "ngram_range": "words are counted one by one",
    "fit_prior": "the shares of the classes are always learned",
    # -- training
    **dict.fromkeys(
        ("validation_data", "dev", "val", "valid", "eval_set", "eval_data", "eval_dataset"), "use validation="
    ),
    "validation_split": "use validation=, a part of the data that you hold out",
    **dict.fromkeys(
        ("early_stopping", "early_stop"),
        ("use patience=", "use validation=, as of ts.train.Validation(model, measure, every=..., patience=...)"),
    ),
    **dict.fromkeys(("scheduler", "lr_scheduler", "lr_schedule"), "use schedule="),
    **dict.fromkeys(("test_size", "val_size", "validation_size"), "use held_out="),
    **dict.fromkeys(
        ("every_n", "every_n_steps", "save_freq", "save_steps", "eval_every", "log_every", "interval", "period"),
        "use every=",
    ),
    "step_size": "use every=",
    **dict.fromkeys(("T_max", "decay_steps", "total_steps", "num_training_steps", "total"), "use steps="),
    **dict.fromkeys(("eta_min", "min_rate", "end_lr"), "use floor="),
    **dict.fromkeys(("start_factor", "warmup_init"), "use start="),
    **dict.fromkeys(("total_iters", "warmup", "warmup_steps", "num_warmup_steps"), ("use warm_up=", "use steps=")),
    "min_delta": ("use threshold=, a fraction of the best value", "any better value is an improvement"),
    "monitor": "the value that is watched is what measure= returns, or plateau.observe is given",
    "save_best_only": "ts.train.Validation keeps the best weights",
    "restore_best_weights": "call validation.restore_best() after the run",
    "beta": "use decay=",
    "rho": "use alpha=",
    **dict.fromkeys(("decay", "l2", "wd", "weight_decay_rate"), "use weight_decay="),
    **dict.fromkeys(("filename", "fname", "filepath", "file_path"), "use path="),
    "desc": "use title=",
    "set_to_none": "leave it out: the gradients are None afterwards",
    "raise_exception": "leave it out: a difference raises GradcheckError, whose report says where",
    # -- layers
    **dict.fromkeys(("rate", "drop_prob", "drop_rate", "dropout_rate"), ("use p=", "use dropout=")),
    "noise_shape": "use shared=, an axis along which one mask is used",
    **dict.fromkeys(
        ("kernel_initializer", "embeddings_initializer", "recurrent_initializer", "bias_initializer"),
        "ts.nn.init, applied to the layer's parameters",
    ),
    "_weight": 'layer.load_state_dict({"weight": table}) sets those of a layer',
    **dict.fromkeys(("freeze", "trainable"), "layer.weight.requires_grad_(False) freezes it"),
    **dict.fromkeys(("input_length", "unroll"), "leave it out: sequences may have any length"),
    **dict.fromkeys(("initial_state", "hx", "h_0", "h0"), "use state="),
    "mask": ("use lengths=, those of a mask (T, B) are mask.sum(axis=0)", "use condition="),
    "enforce_sorted": "leave it out: sequences may stand in any order",
    "input_ids": ("use ids=", "use x="),
    "stateful": "pass the state on, as in output, state = layer(x, state)",
    "go_backwards": "use bidirectional=, or reverse the input, x[::-1]",
    "time_major": "use batch_first=",
}


def setting(name: str, known: Collection[str] | None = None, owner: object = None) -> str:
    """What to do about a keyword argument that is missing here, as the end of an error.

    Args:
        name: the argument.
        known: those that there are, so that only these are named, also one that is spelled like it; None if unknown.
        owner: whose method was called, or which class: another call of it may take the argument; see `place_of`.

    Example:
        >>> setting("dim"), setting("gradient", ["values", "gradients"]), setting("colour")
        ('; use axis=', '; did you mean gradients=?', '')
    """
    cures = SETTINGS.get(name, ())
    general = elsewhere = ""
    for cure in (cures,) if isinstance(cures, str) else cures:
        wanted = re.match(r"use (\w+)=", cure)
        if not wanted:
            general = f"; {cure}"
        elif known is None or wanted[1] in known:
            return f"; {cure}"
        elif not elsewhere and (place := place_of(wanted[1], owner)):
            elsewhere = f"; {cure}, an argument of {place}"
    if place := place_of(name, owner):
        return f"; give it to {place}"
    if elsewhere:
        return elsewhere
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
        cure = setting(found[2], inspect.signature(called).parameters, owner)
        error.args = (f"{found[1]}{cure or found[3] or ''}",)
