"""Tomorrow's weather: following a hidden pressure system day by day, and predicting what comes next.

The pressure, high or low, is hidden; sun, clouds and rain are observed, and some days are missing. A model is learned
from three diaries, without labels for the pressure. Then it goes through a new diary with `tinyseq.hmm.Filter`, one day
at a time, and predicts each day before it reads it. The baseline is a forecast that only knows how often it rains
(climatology).

    python examples/weather.py [FOLDER]

Expected: `compare` finds 2 pressure systems by BIC; the learned model's forecasts cost at most 0.02 nats a day more
than those of the true model, and at least 0.05 less than climatology's; on the days with a forecast of at least 50 %
rain, the share of rainy days agrees with the mean forecast to within 10 points. Half a minute; less with
TINYSEQ_EXAMPLE_QUICK=1.

Writes weather.png into FOLDER (by default the current one) if matplotlib is installed: the chance of rain in the
forecasts for the first days of the new diary, of the learned and of the true model, and the days with rain.
"""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinyseq.hmm import HMM, Filter, compare
from tinyseq.viz.plots.axes import finished, new_axes, saved

if TYPE_CHECKING:
    from matplotlib.figure import Figure

QUICK = os.environ.get("TINYSEQ_EXAMPLE_QUICK") == "1"
DAYS, SHOWN = 500 if QUICK else 2000, 90
WEATHER = ["sun", "clouds", "rain"]


def forecasts(model: HMM, diary: list[str | None]) -> np.ndarray:
    """P(weather of the day | all days before), for each day (T, 3)."""
    now, found = Filter(model), []
    for weather in diary:
        found.append(now.predict(1).observations[0])
        now.update(weather)
    return np.array(found)


@saved
def draw(learned: np.ndarray, ideal: np.ndarray, rainy: np.ndarray, climatology: float) -> "Figure":
    """The chance of rain forecast for each day by both models and by climatology; the days with rain are shaded."""
    days = np.arange(len(rainy))
    axes = new_axes("Rain tomorrow? Forecasts, and the days with rain", "day", "P(rain | days before)", width=8)
    axes.bar(days[rainy], 1, width=1, color="#56b4e9", alpha=0.35, label="rain fell")
    axes.plot(days, ideal, color="gray", linewidth=1, label="true model")
    axes.plot(days, learned, color="#d55e00", label="learned model")
    axes.axhline(climatology, color="black", linestyle=":", linewidth=1, label="climatology")
    axes.set(xlim=(-0.5, len(days) - 0.5), ylim=(0, 1))
    axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.01, 1))
    return finished(axes)


def main(folder: Path) -> None:
    rng = np.random.default_rng(0)
    truth = HMM(
        [0.5, 0.5],
        [[0.9, 0.1], [0.15, 0.85]],
        [[0.75, 0.2, 0.05], [0.05, 0.25, 0.7]],
        states=["high", "low"],
        symbols=WEATHER,
    )
    diaries = [list(truth.sample(DAYS, rng).observations) for _ in range(3)]
    for diary in diaries:
        for day in rng.integers(0, DAYS, DAYS // 20):
            diary[day] = None  # not written down
    sizes = compare(diaries, [1, 2, 3], restarts=2, random_state=0)
    print(sizes)
    best = sizes.best("bic")
    print(f"pressure systems: {best.states} (expected: at least 2)")
    # The estimator sorts the symbols by name; the true model has them in another order.
    order = [list(best.model.symbols).index(name) for name in WEATHER]

    new = list(truth.sample(DAYS, rng).observations)
    ids = np.array([WEATHER.index(weather) for weather in new])
    known = np.concatenate(diaries)
    share = np.array([np.mean(known == name) for name in WEATHER])
    days = np.arange(DAYS)
    learned, ideal = forecasts(best.model, new)[:, order], forecasts(truth, new)
    cost = {
        "climatology": -np.log(share / share.sum())[ids].mean(),
        "learned model": -np.log(learned[days, ids]).mean(),
        "true model": -np.log(ideal[days, ids]).mean(),
    }
    for name, nats in cost.items():
        print(f"{name:>14}: {nats:.4f} nats a day")
    print(f"above the true model: {cost['learned model'] - cost['true model']:.4f} (expected: below 0.02)")
    print(f"below climatology: {cost['climatology'] - cost['learned model']:.4f} (expected: at least 0.05)")

    rain, rainy = learned[:, 2], ids == WEATHER.index("rain")
    warned = rain >= 0.5
    said, came = rain[warned].mean(), rainy[warned].mean()
    print(f"{warned.sum()} days with 50 % of rain or more: {said:.1%} in the forecast, {came:.1%} rainy")
    draw(folder / "weather.png", rain[:SHOWN], ideal[:SHOWN, 2], rainy[:SHOWN], share[2] / share.sum())
    print(f"between the two: {abs(said - came):.3f} (expected: below 0.1)")
    week = best.model.predict(new, 7).observations[:, order[2]]
    print("rain in the next seven days:", " ".join(f"{p:.0%}" for p in week))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(), help="where to write pictures")
    main(parser.parse_args().folder)
