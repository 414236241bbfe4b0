"""Priors, and what is learned, to and from hmmlearn's settings.

hmmlearn's M steps are those of `tinyseq.hmm.emissions.densities.priors`, where its settings mean a density: for the
initial state, transitions, symbols, and for means and covariances of Gaussian models. Its ``covars_weight`` is our
weight + 1 for variances, and our weight + D for matrices. Its prior of Poisson rates is not one of each state, so it
has no counterpart here.
"""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from tinyseq.arguments import listed
from tinyseq.backend import Array
from tinyseq.hmm.emissions import Categorical, Gaussian
from tinyseq.hmm.emissions.densities.priors import NormalWishart
from tinyseq.hmm.learning.priors import Priors
from tinyseq.hmm.model.parameters import Parameters

LETTERS = {"initial": "s", "transition": "t", "means": "m", "covariances": "c", "rates": "l", "weights": "w"}


def hmmlearn_priors(model: Any) -> dict[str, Any]:
    """The priors of an hmmlearn model, for ``priors`` of `HMM.fit_em`.

    Args:
        model: a categorical, Gaussian, multinomial or Poisson model of hmmlearn, fitted or not; a Gaussian one must
            know its number of features.

    Returns:
        The priors by name.

    Raises:
        TypeError: for a prior that has no counterpart here, or any other kind of model.

    Example:
        >>> from types import SimpleNamespace
        >>> hmmlearn_priors(SimpleNamespace(startprob_prior=1.0, transmat_prior=2.0, emissionprob_prior=1.5))
        {'transition': 2.0, 'emission': 1.5}
    """
    if not hasattr(model, "transmat_prior") or hasattr(model, "n_mix"):
        raise TypeError(f"{type(model).__name__} has no priors with a counterpart here")
    if np.any(getattr(model, "lambdas_prior", 0.0)) or np.any(getattr(model, "lambdas_weight", 0.0)):
        raise TypeError("hmmlearn's prior of Poisson rates has no counterpart here; see Gamma priors of HMM.fit_em")
    names = {"initial": "startprob_prior", "transition": "transmat_prior", "emission": "emissionprob_prior"}
    found = {ours: getattr(model, theirs, 1.0) for ours, theirs in names.items()}
    found = {name: prior for name, prior in found.items() if np.any(np.asarray(prior) != 1)}
    if not hasattr(model, "covars_prior"):
        return found
    size = model.n_features if hasattr(model, "n_features") else np.shape(model.means_)[1]
    matrices = model.covariance_type in ("full", "tied")
    scatter, weight = model.covars_prior, max(model.covars_weight - (size if matrices else 1), 0)
    if matrices and np.ndim(scatter) == 0:  # hmmlearn adds a number to every entry of the matrix
        scatter = np.full((size, size), float(scatter))
    if model.covariance_type == "spherical" and np.ndim(scatter) == 2:
        scatter = scatter.mean(axis=1)  # one variance for all features, of which hmmlearn takes the mean
    if np.any(model.means_weight):
        count = np.asarray(model.means_weight)
        found["means"] = (model.means_prior, count[:, 0] if count.ndim == 2 else count)
    if np.any(scatter) or weight:
        found["covariances"] = (scatter, weight)
    return found


def settings(model: Parameters, priors: Mapping[str, Any] | None, learn: Collection[str] | None) -> dict[str, Any]:
    """The settings of hmmlearn's model that mean these priors, and learn the same.

    Args:
        model: the parameters.
        priors: as for `HMM.fit_em`; None for hmmlearn's own.
        learn: the same; None for hmmlearn's own.

    Raises:
        TypeError: for what hmmlearn does not have.
    """
    found: dict[str, Any] = {} if learn is None else {"params": _letters(model, learn)}
    if priors is None:
        return found
    given = Priors(model, priors).given
    tables = {name: np.asarray(given.get(name, 1.0)) for name in ("initial", "transition", "emission")}
    found |= {"startprob_prior": tables["initial"], "transmat_prior": tables["transition"]}
    emission = model.emissions
    if isinstance(emission, Categorical):
        return found | {"emissionprob_prior": tables["emission"]}
    if not isinstance(emission, Gaussian):
        if given.keys() - {"initial", "transition"}:
            raise TypeError(f"hmmlearn has no such prior for {type(emission).__name__} emissions")
        return found
    kind = emission.covariance_type
    prior = NormalWishart.of(given, "covariances", kind, emission.states, emission.size)
    matrices = kind in ("full", "tied")
    weight: Any = _same("means", prior.weight) if matrices else prior.weight[:, None]
    more = _same("covariances", prior.more)
    return found | {
        "means_prior": prior.mean,
        "means_weight": weight,
        "covars_prior": prior.scatter[0] if kind == "tied" else prior.scatter,
        "covars_weight": more + (emission.size if matrices else 1),
    }


def _same(name: str, weights: Array) -> float:
    """The one weight of all states."""
    if not (weights == weights[0]).all():
        raise TypeError(f"hmmlearn has one weight of the prior of {name} for all states, got {weights.tolist()}")
    return float(weights[0])


def _letters(model: Parameters, learn: Collection[str]) -> str:
    """What is learned, in hmmlearn's letters."""
    names = (
        {learn} if isinstance(learn, str) else set(listed("learn", learn, "a name, or a set of names", ordered=False))
    )
    letters = LETTERS if model.emissions.learnable else LETTERS | {"emission": "e"}
    if "probabilities" in model.emissions.learnable:
        letters = letters | {"probabilities": "e"}
    if "emission" in names and model.emissions.learnable:
        names = names - {"emission"} | set(model.emissions.learnable)
    unknown = sorted(names - letters.keys() - {"end"}, key=repr)
    if unknown:
        raise TypeError(f"hmmlearn has no letter for learn={unknown[0]!r}")
    return "".join(letter for name, letter in letters.items() if name in names)
