"""The command ``tinyseq demo``: the lectures' models, trained, decoded and drawn in about a minute."""

import base64
import html
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

import tinyseq as ts
from tinyseq.commands.common import Folder, Seed, check_folder, console, plainly
from tinyseq.commands.models.tagging import describe
from tinyseq.data.corpora import CATS, HELLO, python_docs, python_source
from tinyseq.data.pysource import tokens
from tinyseq.io import atomic_write, check_output
from tinyseq.lm import RNNLM, NgramLM
from tinyseq.lm.perplexity import perplexity
from tinyseq.tagging import HMMTagger, MostFrequentTag
from tinyseq.train import progress

LSTM_STEPS = 400
FILES = ("unrolled.svg", "unrolled.html", "trellis.svg", "trellis.html", "loss.png", "samples.txt", "index.html")
LINE = "for name in sorted(self.names): print(name.upper(), file=sys.stderr)"


class CharRNN(ts.nn.Module):
    """The lectures' character model, from one-hot letters to scores, with h_t = tanh(W_xh x_t + W_hh h_{t-1} + b)."""

    def __init__(self, letters: int, hidden_size: int) -> None:
        self.rnn = ts.nn.RNN(letters, hidden_size)
        self.readout = ts.nn.Linear(hidden_size, letters)

    def forward(self, x: ts.Tensor) -> ts.Tensor:
        """(T, B, letters) one-hot to scores of the same shape."""
        hidden, _ = self.rnn(x)
        return self.readout(hidden)


class Trained(NamedTuple):
    """What the second part provides for the files.

    Attributes:
        steps, losses: the training curve.
        held_out: pairs of a step and the held-out loss.
        trigram: the trigram model's held-out loss.
        samples: text sampled at each stage, by the stage's name.
    """

    steps: list[int]
    losses: list[float]
    held_out: list[tuple[int, float]]
    trigram: float
    samples: dict[str, str]


def run(out: Path, seed: int, console: Console) -> None:
    """All parts of the demonstration, and its files in the folder ``out``."""
    prepare(out)
    rng = np.random.default_rng(seed)
    ts.manual_seed(seed)
    unrolled = spell_hello(console)
    trained = learn_english(rng, console)
    tag_python(console)
    hmm, words = ts.hmm.HMM(**CATS), list(CATS["symbols"])
    decode(hmm, words, console)

    trellis = ts.viz.trellis(hmm, words)
    for ending in ("svg", "html"):
        unrolled.save(out / f"unrolled.{ending}")
        trellis.save(out / f"trellis.{ending}")
    measured, held_out = zip(*trained.held_out, strict=True)
    figure = ts.viz.loss_curve(
        trained.steps,
        trained.losses,
        (measured, held_out),
        baselines={"character trigram model": trained.trigram},
        title="A character LSTM learns English from Python's documentation",
    )
    atomic_write(out / "loss.png", lambda path: figure.savefig(path, format="png", dpi=150))
    samples = "\n\n".join(f"=== {stage} ===\n{text}" for stage, text in trained.samples.items()) + "\n"
    atomic_write(out / "samples.txt", lambda path: path.write_text(samples, encoding="utf-8"))
    page = index_page(unrolled.page(height=700), trellis.page(), (out / "loss.png").read_bytes(), trained.samples)
    atomic_write(out / "index.html", lambda path: path.write_text(page, encoding="utf-8"))
    console.print("\nWrote unrolled and trellis (.svg and .html), loss.png and samples.txt; open", end=" ")
    console.print(str(out / "index.html"), style="bold")


def prepare(out: Path) -> None:
    """Make the folder, and check that all files can be written and drawn before the work begins."""
    check_folder(out)
    out.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        check_output(out / name, "--out")
    ts.viz.loss_curve([0, 1], [1.0, 0.5])  # raises an error that says what to install


def spell_hello(console: Console) -> Any:
    """Fit the "hello" network until it spells the word; returns the drawing of its graph."""
    console.rule("1  A character RNN learns to spell hello")
    letters = "helo"
    ids = np.array([letters.index(letter) for letter in HELLO])
    inputs = ts.tensor(np.eye(len(letters), dtype=np.float32)[ids[:-1], None])  # (T, 1, V), one-hot
    targets = ids[1:, None]
    model = CharRNN(len(letters), 8)
    optimizer = ts.optim.Adam(model.parameters(), lr=0.02)
    console.print(f"  a uniform model has perplexity {len(letters)}, a perfect one 1")
    for step in range(1000):
        logits = model(inputs)
        loss = ts.nn.cross_entropy(logits, targets)
        spelled = "h" + "".join(letters[i] for i in logits.numpy()[:, 0].argmax(-1))
        done = spelled == HELLO and loss.item() < 0.1
        if done or step % 20 == 0:
            console.print(f"  step {step:3d}  perplexity {perplexity(loss.item()):.3f}  spells {spelled}")
        if done:
            break
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return ts.viz.graph(ts.nn.cross_entropy(model(inputs), targets), gradients=True, inputs=HELLO[:-1])


def learn_english(rng: np.random.Generator, console: Console) -> Trained:
    """Train a character LSTM on Python's documentation, beside a trigram model on the same text."""
    console.rule("2  A character LSTM learns English")
    learnt, held_out = python_docs()
    console.print(f"  {len(learnt):,} characters of Python's documentation to learn from, {len(held_out):,} held out")
    trigram = NgramLM(3).fit(learnt).nats(held_out)
    model = RNNLM(sorted(set(learnt + held_out)), hidden_size=128)
    stages = {0: "before", LSTM_STEPS // 4: "during", LSTM_STEPS: "after"}
    steps: list[int] = []
    losses: list[float] = []
    judged: list[tuple[int, float]] = []
    samples: dict[str, str] = {}

    def judge(step: int) -> None:
        judged.append((step, model.nats(held_out)))
        if step in stages:
            name = f"{stages[step]} training (step {step}, perplexity {perplexity(judged[-1][1]):.2f})"
            samples[name] = "".join(model.sample(300, prompt="The ", temperature=0.8, rng=rng))

    judge(0)
    for report in progress(model.fit_steps(learnt, steps=LSTM_STEPS, lr=8e-3), LSTM_STEPS, "  training"):
        steps.append(report.step)
        losses.append(report.loss)
        if report.step in stages or report.step % (LSTM_STEPS // 8) == 0:
            judge(report.step)

    table = Table("held-out text", "nats per character", "perplexity")
    found = dict(judged)
    for step, stage in stages.items():
        table.add_row(f"LSTM {stage} training", f"{found[step]:.3f}", f"{perplexity(found[step]):.2f}")
    table.add_row("character trigram model", f"{trigram:.3f}", f"{perplexity(trigram):.2f}")
    console.print(table)
    for name, text in samples.items():
        console.print(f"  {name}", style="bold", end=": The ")
        console.print(" ".join(text[:160].split()), highlight=False)
    return Trained(steps, losses, judged, trigram, samples)


def tag_python(console: Console) -> None:
    """Fit bigram and trigram HMM taggers to the standard library's source, and a baseline: the most frequent tag."""
    console.rule("3  HMM taggers read Python")
    train, held_out = python_source()
    console.print(
        f"  {sum(map(len, train)):,} tokens of the standard library's source, {sum(map(len, held_out)):,} held out"
    )
    taggers = {
        "most frequent tag": MostFrequentTag(),
        "bigram HMM": HMMTagger(n=2),
        "trigram HMM": HMMTagger(n=3),
    }
    for name, tagger in taggers.items():
        console.print(f"  {name:18s} {describe(tagger.fit(train).accuracy(held_out))}")
    words = tokens(LINE)
    for word, found in zip(words, taggers["trigram HMM"].tag(words), strict=True):
        console.print(f"  {word:12s} {found}", highlight=False)


def decode(hmm: Any, words: list[str], console: Console) -> None:
    """Decode the worked example."""
    console.rule("4  Viterbi decodes the worked example")
    path, log_prob = hmm.viterbi(words)
    console.print(f"  {' '.join(words)}  ->  <{', '.join(path)}>, probability {math.exp(log_prob):.6f}")


def index_page(unrolled: ts.viz.Page, trellis: ts.viz.Page, loss: bytes, samples: dict[str, str]) -> str:
    """One page that contains the interactive pages and the plot."""
    picture = base64.b64encode(loss).decode("ascii")
    texts = "".join(f"<h3>{html.escape(stage)}</h3><pre>{html.escape(text)}</pre>" for stage, text in samples.items())
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>tinyseq demo</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root {{ color-scheme: light dark; }} /* as of the pages in it */
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }}
code {{ font-size: 0.9em; white-space: nowrap; }}
figure {{ margin: 1rem 0 2rem; overflow-x: auto; }} img {{ max-width: 100%; height: auto; }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere; padding: 0.8rem; border-radius: 6px; }}
pre {{ background: color-mix(in srgb, CanvasText 6%, Canvas); }}
</style></head><body>
<h1>What the models learned</h1>
<h2>Backpropagation through time, drawn</h2>
<p>The network that learned to spell <b>hello</b>: a column for each time step, each parameter drawn once, coloured by
the size of the loss's gradient. Press play: it runs forward and backward, step by step.</p>
<figure>{unrolled._repr_html_()}</figure>
<p><a href="unrolled.html">Open it in its own window.</a> <code>tinyseq draw rnn --out x.html</code> makes such a
page for an untrained network, and <code>tinyseq draw vanishing --out x.html</code> one that shows how
gradients vanish.</p>
<h2>The best path through a trellis</h2>
<p>The hidden Markov model of the lectures reads "I like cats"; Viterbi's best path is drawn bold. Press
play: it is filled in cell by cell.</p>
<figure>{trellis._repr_html_()}</figure>
<p><a href="trellis.html">Open it in its own window.</a> <code>tinyseq draw trellis --out x.html</code> makes this
page, too.</p>
<h2>A character LSTM learns English</h2><figure><img alt="loss and perplexity during training"
src="data:image/png;base64,{picture}"></figure>
<h2>What it writes</h2>{texts}
</body></html>
"""


@plainly
def demo(
    out: Folder = Path("demo"),
    seed: Seed = 0,
) -> None:
    """Train, decode and draw the lectures' models on data that comes with Python."""
    run(out, seed, console)
