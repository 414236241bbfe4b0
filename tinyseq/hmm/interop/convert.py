"""Saving and restoring models, and conversion to and from hmmlearn."""

from collections.abc import Collection
from copy import copy
from typing import Any

import numpy as np

from tinyseq.hmm.emissions import Categorical, Emission, Gaussian, GaussianMixture, Multinomial, Poisson, kinds
from tinyseq.hmm.emissions.emission import Priors
from tinyseq.hmm.interop.hmmlearn_priors import settings
from tinyseq.hmm.model.labels import Labels
from tinyseq.hmm.model.parameters import Model, Parameters
from tinyseq.hmm.model.probabilities import plain
from tinyseq.io.arrays import Arrays
from tinyseq.io.names import read_name, written_name

HMMLEARN = ("CategoricalHMM", "GaussianHMM", "GMMHMM", "MultinomialHMM", "PoissonHMM")


def saved(hmm: Model) -> tuple[dict[str, Any], dict[str, Any]]:
    """See `tinyseq.io.SavedModel`: the tables as they were given, and the names."""
    model = hmm.parameters
    tables, transition, end = model.parts
    logs = transition.in_logs  # a model is saved as it was given, so that it is restored to the last bit
    state = {f"initial.{i}": plain(table.given) for i, table in enumerate(tables)}
    state["transition"] = plain(transition.given)
    if end is not None:
        state["end"] = plain(end.given)
    metadata: dict[str, Any] = {"n": model.n, "logs": logs}
    arrays, own = model.emissions.saved()
    state |= {f"emission.{name}": values for name, values in arrays.items()}
    metadata |= {"states": _written(model.states), "emission": model.emissions.kind(), "settings": own}
    return state, metadata


def restored(arrays: Arrays, metadata: dict[str, Any]) -> Parameters:
    """The parameters that `saved` described."""
    n = int(metadata["n" if "n" in metadata else "order"])  # "order" in older files
    if n < 2:
        raise ValueError(f"n must be at least 2, got {n}")
    initial = tuple(arrays[f"initial.{i}"] for i in range(n - 1))
    named = metadata["emission"]
    if named not in kinds():
        raise ValueError(f"there are no emissions of the kind {named!r}; if it is your own, import it first")
    inner = {name.removeprefix("emission."): array for name, array in arrays.items() if name[:9] == "emission."}
    emission = kinds()[named].restored(inner, metadata["settings"])
    names: dict[str, Any] = {"states": _names(metadata["states"]), "end": arrays.get("end")}
    make = Parameters.from_logs if metadata.get("logs") else Parameters
    return make(initial, arrays["transition"], emission, **names)


def _written(labels: Labels) -> Any:
    """Names in a form that JSON can store; None if the names are the ids."""
    return [written_name(name) for name in labels] if labels.named else None


def _names(names: Any) -> Any:
    """Names from the form in which they were stored."""
    return names if names is None else [read_name(name) for name in names]


def from_hmmlearn(model: Any) -> Parameters:
    """`HMM.from_hmmlearn`."""
    if type(model).__name__ == "MultinomialHMM" and hasattr(model, "emissionprob_"):
        trials = [] if model.n_trials is None else np.unique(model.n_trials).tolist()
        emission: Emission = Multinomial(model.emissionprob_, trials[0] if len(trials) == 1 else None)
        return Parameters(model.startprob_, model.transmat_, emission)
    if hasattr(model, "lambdas_"):
        return Parameters(model.startprob_, model.transmat_, Poisson(model.lambdas_))
    if hasattr(model, "emissionprob_"):
        return Parameters(model.startprob_, model.transmat_, model.emissionprob_)
    if np.ndim(getattr(model, "means_", ())) == 2:
        model = copy(model)
        model.n_features = np.shape(model.means_)[1]  # which hmmlearn needs for `covars_`, and sets when it is used
        covariances, shape = model.covars_, model.covariance_type
        if shape == "spherical":  # of a fitted model, hmmlearn gives as many matrices for each state as it has features
            covariances = covariances[:: len(covariances) // len(model.means_)]
        if shape in ("diag", "spherical"):  # hmmlearn gives a full matrix for each state, whatever the kind
            covariances = np.diagonal(covariances, axis1=1, axis2=2)
        if shape in ("spherical", "tied"):
            covariances = covariances[:, 0] if shape == "spherical" else covariances[0]
        emission = Gaussian(model.means_, covariances, covariance_type=shape)
        return Parameters(model.startprob_, model.transmat_, emission)
    if hasattr(model, "weights_") and hasattr(model, "means_"):
        covariances, shape = np.asarray(model.covars_), model.covariance_type
        if shape == "tied":  # one matrix for all components of a state, where we have one for all states
            covariances = np.repeat(covariances[:, None], model.weights_.shape[1], axis=1)
        emission = GaussianMixture(
            model.weights_, model.means_, covariances, covariance_type="full" if shape == "tied" else shape
        )
        return Parameters(model.startprob_, model.transmat_, emission)
    if type(model).__name__ in HMMLEARN:
        raise ValueError(f"this {type(model).__name__} is not fitted yet: it has no tables to convert")
    raise TypeError(f"{type(model).__name__} has no counterpart here; convert one of {', '.join(HMMLEARN)}")


def to_hmmlearn(source: Model, priors: Priors | None = None, learn: Collection[str] | None = None) -> Any:
    """Convert to a model of hmmlearn.

    Args:
        priors: as for `HMM.fit_em`, for its own ``fit``; by default it has hmmlearn's.
        learn: likewise, what its ``fit`` learns; by default all.

    Returns:
        The model of hmmlearn.

    Raises:
        RuntimeError: if hmmlearn is not installed.
        TypeError: if hmmlearn has no such model (n > 2, ``end``), or no such prior.
    """
    model = source.parameters
    try:
        from hmmlearn import hmm
    except ImportError as error:
        raise RuntimeError("to_hmmlearn needs hmmlearn: pip install hmmlearn") from error
    if model.n > 2 or model.end is not None or model.transition.ndim > 2:
        raise TypeError("hmmlearn has models with n=2 only (first order), with one transition table and without end")
    emission, size, own = model.emissions, len(model.states), settings(model, priors, learn)
    if isinstance(emission, Categorical):
        made = hmm.CategoricalHMM(size, n_features=len(emission.symbols), init_params="", **own)
        made.emissionprob_ = plain(emission.probabilities).copy()
    elif isinstance(emission, Gaussian):
        made = hmm.GaussianHMM(size, emission.covariance_type, init_params="", **own)
        made.n_features = emission.size  # set by its own fit
        made.means_, made.covars_ = plain(emission.means).copy(), plain(emission.covariances).copy()
    elif isinstance(emission, GaussianMixture):
        kind, covariances = emission.covariance_type, plain(emission.covariances)
        made = hmm.GMMHMM(size, emission.components, covariance_type=kind, init_params="", **own)
        made.n_features = emission.size
        made.weights_, made.means_ = plain(emission.weights).copy(), plain(emission.means).copy()
        made.covars_ = np.tile(covariances, (size, 1, 1)) if kind == "tied" else covariances.copy()
    elif isinstance(emission, Poisson):
        made = hmm.PoissonHMM(size, init_params="", **own)
        made.n_features, made.lambdas_ = emission.size, plain(emission.rates).copy()
    elif isinstance(emission, Multinomial):
        made = hmm.MultinomialHMM(size, n_trials=emission.trials, init_params="", **own)
        made.n_features, made.emissionprob_ = emission.size, plain(emission.probabilities).copy()
    else:
        raise TypeError(f"{type(emission).__name__} has no counterpart in hmmlearn")
    made.startprob_, made.transmat_ = plain(model.initial).copy(), plain(model.transition).copy()
    return made
