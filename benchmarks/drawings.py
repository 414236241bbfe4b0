"""What drawings cost: the time of drawing a long LSTM, the size of a page, and how soon a page answers.

python benchmarks/drawings.py [--quick | --thorough]

Pages are opened in headless Chromium and used: of an LSTM, every control for the first time after a page of 4 or 100
steps has been opened, and a few again and again with all of 100 steps unfolded; of a GRU and a stack in both
directions, those controls that redraw most of a page. The time is the one that the browser itself tells, from the click
until its effect is on the screen, in steps of 8 ms; of several clicks, the median and the slowest. Each line says what
is wanted, and is printed when it is known. A page is opened for each first click, some 60 in all; standard error says
which one it is. --quick clicks fewer times, and leaves the longest networks out; --thorough uses every control of all
networks, three times on short pages, which takes about ten minutes.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import cycle, product
from pathlib import Path

import numpy as np

import tinyseq as ts

sys.path.append(str(Path(__file__).parents[1] / "tools"))
from browser import Browser, chromium

DRAWN_WITHIN = 2.0  # seconds
PAGE_BELOW = 5e6  # bytes
ANSWERED_WITHIN = 0.1  # seconds
LOOKS = 0.3  # seconds that a person looks before each act


def loss_of(steps: int, kind: str = "LSTM", layers: int = 1, both: bool = False) -> ts.Tensor:
    """A character model with a loss at every step."""
    ts.manual_seed(0)
    model = ts.nn.Module()
    model.rnn = getattr(ts.nn, kind)(4, 8, num_layers=layers, bidirectional=both)
    model.out = ts.nn.Linear(8 * (1 + both), 4)
    ids = np.arange(steps + 1) % 4
    output, _ = model.rnn(ts.tensor(np.eye(4, dtype=np.float32)[ids[:-1], None]))
    return ts.nn.cross_entropy(model.out(output), ids[1:, None])


def drawing_time(steps: int, gradients: bool = False) -> float:
    """Processor seconds for a drawing of a long LSTM without its middle, as an image."""
    loss = loss_of(steps)
    start = time.process_time()
    ts.viz.graph(loss, gradients=gradients).svg()
    return time.process_time() - start


def refusal_time(steps: int) -> float:
    """Processor seconds until a network that is too long to be drawn is refused."""
    loss = loss_of(steps)
    start = time.process_time()
    try:
        ts.viz.graph(loss)
    except ValueError:
        return time.process_time() - start
    raise AssertionError(f"{steps} steps are drawn")


MOST_STEPS = 36  # that a page shows of the stack
NETWORKS: dict[str, Callable[[int], ts.Tensor]] = {
    "LSTM": loss_of,
    "GRU": partial(loss_of, kind="GRU"),
    "stack": lambda steps: loss_of(min(steps, MOST_STEPS), layers=2, both=True),
}


HEAVY = {
    *("play", "next box", "next time step", "jump of the slider"),
    *("fold a step", "unfold all", "close a module", "quiz"),
}


def page(steps: int, folder: Path, network: str = "LSTM") -> Path:
    """A page with all steps of a network."""
    drawing = ts.viz.graph(NETWORKS[network](steps), steps=range(steps), gradients=True)
    return drawing.save(folder / f"{network}{steps}.html")


def clicks(browser: Browser) -> dict[str, Callable[[], None]]:
    """What a person does on the page; a step and a module that have been closed are opened by the next click."""
    begin = cycle(["#forth", "#back"])
    return {
        "fold a step": partial(browser.click, '[data-step="t1"]'),
        "close a module": partial(browser.click, "[data-module]"),
        "begin to play, and leave": lambda: browser.click(next(begin)),
        "play one step": partial(browser.click, "#forth"),
        "search": partial(browser.press, "t"),
    }


def firsts(browser: Browser) -> dict[str, tuple[Callable[[], None], ...]]:
    """What a person does first on a page: what leads to it, and the act itself."""
    buttons = {
        "play": "#start",
        "next box": "#forth",
        "next time step": "#forth-step",
        "jump of the slider": "#time",
        "fold a step": '[data-step="t1"]',
        "fold all": "#fold-all",
        "unfold all": "#unfold-all",
        "close a module": "[data-module]",
        "quiz": "#quizzing",
        "presenter": "#present",
        "panel": "#fold-panel",
        "dark": "#dark",
        "zoom": "#zoom-in",
        "help": "#ask",
    }
    acts: dict[str, tuple[Callable[[], None], ...]]
    acts = {name: (partial(browser.click, selector),) for name, selector in buttons.items()}
    asked = partial(
        browser.run, "(quiz(), document.activeElement.blur(), go(moments.findIndex(({ asked }) => asked) + 1))"
    )
    return acts | {
        "open a module": (*acts["close a module"], *acts["close a module"]),
        "whole picture": (*acts["zoom"], partial(browser.click, "#fit")),
        "fold by its frame": (partial(browser.point, "#t1 > rect"), partial(browser.click, "#t1 > rect")),
        "show an answer": (asked, partial(browser.click, "#give")),
        "search": (partial(browser.press, "/"), partial(browser.press, "t")),
        "hover card": (partial(browser.point, ".node.state"),),
        "arrow key": (partial(browser.run, "picture.focus()"), partial(browser.press, "Right")),
        "other parameter": (partial(browser.run, "byId('chosen').focus()"), partial(browser.press, "Down")),
    }


def first_answers(path: Path, rounds: int, only: set[str] | None = None) -> dict[str, list[float]]:
    """For each kind of act, or only some of them, the seconds that it takes if it is the first on a page."""
    found: dict[str, list[float]] = {}
    with chromium() as browser:
        browser.size(1400, 900)
        acts = [(name, parts) for name, parts in firsts(browser).items() if only is None or name in only] * rounds
        for number, (name, (*before, act)) in enumerate(acts, 1):
            told(f"{path.stem}: {number} of {len(acts)}, {name}")
            browser.open(path)
            browser.point("h1")
            time.sleep(LOOKS)
            for prepare in before:
                prepare()
                time.sleep(LOOKS)
            found.setdefault(name, []).append(browser.answer(act))
    return found


def answers(path: Path, rounds: int) -> dict[str, list[float]]:
    """For each kind of click on a page, with all of its steps unfolded before, the seconds of each round."""
    found = {}
    with chromium() as browser:
        browser.size(1400, 900)
        for kind, act in clicks(browser).items():
            browser.open(path)
            browser.click("#unfold-all")
            if kind == "search":
                browser.press("/")
            browser.answer(act)  # once to warm up
            found[kind] = [browser.answer(act) for _ in range(rounds)]
    return found


def told(doing: str) -> None:
    """Say on standard error what is being done, in place of what was said before."""
    if sys.stderr.isatty():
        print(f"\r\033[K{doing}", end="", file=sys.stderr, flush=True)


def report(what: str, found: float, wanted: float, unit: float, name: str, more: str = "") -> bool:
    """A line that says what was found, and whether it is as wanted."""
    met = found < wanted
    missed = "" if met else ", MISSED"
    print(f"{what:44s} {found * unit:8.2f} {name} (wanted below {wanted * unit:g}{missed}){more}", flush=True)
    return met


def answered(found: dict[str, list[float]]) -> list[bool]:
    """Lines that say how soon a page answers each kind of act."""
    medians = {kind: (statistics.median(seconds), max(seconds) * 1e3) for kind, seconds in found.items()}
    return [
        report(kind, median, ANSWERED_WITHIN, 1e3, "ms", f", slowest {slowest:.0f}")
        for kind, (median, slowest) in medians.items()
    ]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--quick", action="store_true")
    kinds.add_argument("--thorough", action="store_true")
    options = parser.parse_args(arguments)
    quick, thorough = options.quick, options.thorough
    print(f"Python {sys.version.split()[0]}, NumPy {np.__version__}, {os.cpu_count()} processors")
    met = [report("drawing 1,000 steps of an LSTM, elided", drawing_time(1000), DRAWN_WITHIN, 1.0, "s")]
    if not quick:
        met.append(report("drawing 10,000 steps, elided", drawing_time(10_000), DRAWN_WITHIN, 1.0, "s"))
        met.append(report("the same, coloured by gradients", drawing_time(10_000, True), DRAWN_WITHIN, 1.0, "s"))
        met.append(report("refusing 100,000 steps", refusal_time(100_000), DRAWN_WITHIN, 1.0, "s"))
    with tempfile.TemporaryDirectory() as folder:
        path = page(100, Path(folder))
        met.append(report("a page of 100 steps of an LSTM", path.stat().st_size, PAGE_BELOW, 1e-6, "MB"))
        met += answered(answers(path, 12 if thorough else 4))
        for network, steps in product(NETWORKS, (4,) if quick else (4, 100)):
            every = network == "LSTM" or thorough
            if not every and steps < 100:
                continue
            shown = path if (network, steps) == ("LSTM", 100) else page(steps, Path(folder), network)
            first = first_answers(shown, 3 if thorough and steps < 100 else 1, None if every else HEAVY)
            told("")
            met += answered({f"first, {network}, {steps} steps: {act}": seconds for act, seconds in first.items()})
    print(f"{sum(met)} of {len(met)} are as wanted")


if __name__ == "__main__":
    main(sys.argv[1:])
