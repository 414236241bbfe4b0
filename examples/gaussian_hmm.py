"""Gaussian emissions: calm and turbulent days in a series of returns, at their true scale.

Daily returns of a share are about half a percent on most days, and two percent on some; and large ones come in
clusters. A model with two hidden regimes, each with a normal distribution of its own, finds the clusters. Here the
series is generated, so that the answer can be checked. The model is learned from the numbers alone, from several random
starts; some of the days are missing, which needs nothing special. The order of the regimes is arbitrary, so the one
with the smaller standard deviation is called calm.

    python examples/gaussian_hmm.py [FOLDER]

Expected: the two standard deviations, 0.005 and 0.02, are estimated to within 15 %, and at least 90 % of the days are
assigned to the right regime. With a full covariance the same is done for two correlated series: the correlations, 0.8
and -0.5, are estimated to within 0.15. A few seconds. Writes gaussian_hmm.png, the posterior with the series over it
and the truth above, into FOLDER (by default the current one) if matplotlib is installed.
"""

import argparse
import os
from pathlib import Path

import numpy as np

import tinyseq as ts
from tinyseq.hmm import HMM, Gaussian

QUICK = os.environ.get("TINYSEQ_EXAMPLE_QUICK") == "1"
DAYS = 1500 if QUICK else 5000
STAY = [[0.985, 0.015], [0.04, 0.96]]


def fitted(series: np.ndarray, covariances: np.ndarray, rng: np.random.Generator) -> ts.hmm.Fitted:
    """The best of a few starts, the first of which has one regime narrow and one wide."""
    size = covariances.shape[-1]
    start = HMM([0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], Gaussian(np.zeros((2, size)), covariances))
    found = start.fit_em(series, restarts=3, max_steps=200, rng=rng)
    print(found)
    return found


def spread(model: HMM) -> np.ndarray:
    """The standard deviations of each regime, (2, D)."""
    covariances = model.emissions.covariances
    return np.sqrt(np.diagonal(covariances, axis1=1, axis2=2) if covariances.ndim == 3 else covariances)


def picture(calm: np.ndarray, series: np.ndarray, regimes: np.ndarray, folder: Path) -> None:
    """P(calm) day by day, with the changes over it and the true regimes above."""
    try:
        figure = ts.viz.posteriors(
            np.stack([calm, 1 - calm], axis=1),
            states=["calm", "turbulent"],
            truth=regimes,
            title="Calm or turbulent? The posterior, the daily returns (white), and the truth above",
        )
        changes = figure.axes[0].twinx()
        changes.plot(np.arange(len(series)) + 0.5, series, color="white", linewidth=1.0)
        changes.set_ylabel("daily return", fontsize=9)
        changes.tick_params(labelsize=8, length=2)
        changes.spines[:].set_visible(False)
        if names := figure.axes[0].get_legend():
            names.set_bbox_to_anchor((1.06, 1))  # to the right of the second scale
        figure.savefig(folder / "gaussian_hmm.png", dpi=120)
    except (ImportError, RuntimeError) as error:
        print(f"no picture: {error}")


def main(folder: Path) -> None:
    rng = np.random.default_rng(1)
    truth = HMM([1.0, 0.0], STAY, Gaussian([5e-4, -1e-3], [0.005**2, 0.02**2]))
    series, regimes = truth.sample(DAYS, rng)
    series[rng.random(DAYS) < 0.05] = np.nan
    found = fitted(series, np.array([[1e-5], [9e-4]]), rng).model
    order = np.argsort(spread(found)[:, 0])
    widths = spread(found)[order, 0]
    off = float(np.max(np.abs(widths / [0.005, 0.02] - 1)))
    print(f"spreads {widths[0]:.5f} and {widths[1]:.5f}, off by: {off:.1%} at most (expected: at most 15%)")
    path = np.argsort(order)[found.viterbi(series).path]
    print(f"days in their regime: {np.mean(path == regimes):.1%} of {DAYS} (expected: at least 90%)")
    folder.mkdir(parents=True, exist_ok=True)
    shown, calm = slice(500), found.posterior(series).states[:, order[0]]
    picture(calm[shown], series[shown], regimes[shown], folder)

    tied, opposed = [[1.0, 0.8], [0.8, 1.0]], [[4.0, -2.0], [-2.0, 4.0]]
    pair = HMM([1.0, 0.0], STAY, Gaussian([[0.0, 0.0], [0.0, 0.0]], [tied, opposed])).sample(DAYS, rng).observations
    both = fitted(pair, np.array([0.5 * np.eye(2), 6.0 * np.eye(2)]), rng).model
    correlations = sorted(c[0, 1] / np.sqrt(c[0, 0] * c[1, 1]) for c in both.emissions.covariances)
    off = float(np.max(np.abs(np.array(correlations) - [-0.5, 0.8])))
    print(f"correlations {correlations[0]:.3f} and {correlations[1]:.3f}, off by: {off:.3f} (expected: at most 0.15)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(), help="where to write pictures")
    main(parser.parse_args().folder)
