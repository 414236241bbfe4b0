"""Which package of the standard library does a function come from? Two classifiers of its source code.

Naive Bayes counts the words of each package's functions. A bidirectional GRU reads the words in order; the maximum of
its states over time decides. The functions come with Python, so there is nothing to download. They are shuffled before
a fifth of them is held out, so training and held-out functions may come from the same file.

    python examples/classify.py [FOLDER]

Expected: both are right on at least 80 % of the held-out functions, where always naming the largest package is right on
less than 60 %; about half a minute. With TINYSEQ_EXAMPLE_QUICK=1, with fewer functions: at least 75 %.

Writes classify.png into FOLDER (by default the current one) if matplotlib is installed: the GRU's confusion matrix,
with a row for each package.
"""

import argparse
import ast
import os
import re
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import tinyseq as ts
from tinyseq.classify import Evaluation, NaiveBayes, RNNClassifier
from tinyseq.viz.plots.axes import saved

if TYPE_CHECKING:
    from matplotlib.figure import Figure

QUICK = os.environ.get("TINYSEQ_EXAMPLE_QUICK") == "1"
FUNCTIONS, EPOCHS, EXPECTED = (900, 6, 75) if QUICK else (2500, 8, 80)
PACKAGES = ["asyncio", "email", "importlib", "unittest", "xml"]
WORD, WORDS = re.compile(r"\w+"), 60  # of a function, at most


def functions(package: str) -> list[list[str]]:
    """The words of each function of a package, with more than a line."""
    found = []
    for path in sorted(Path(sysconfig.get_paths()["stdlib"], package).rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        lines = source.splitlines()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno > node.lineno:
                found.append(WORD.findall("\n".join(lines[node.lineno - 1 : node.end_lineno]))[:WORDS])
    return found


def shown(found: Evaluation) -> None:
    """The confusion matrix: a row for each package."""
    print(" " * 16, *(f"{name[:6]:>6s}" for name in found.classes))
    for name, row in zip(found.classes, found.confusion, strict=True):
        print(f"{name:16s}", *(f"{count:6d}" for count in row))


@saved
def draw(found: Evaluation) -> "Figure":
    """The confusion matrix in colour: the more is on the diagonal, the better."""
    figure = ts.viz.plots.confusion(found.confusion, found.classes, title="Which package? The GRU's answers")
    figure.axes[0].set(xlabel="answer", ylabel="package")
    figure.axes[1].set(ylabel="share of the package")
    return figure


def main(folder: Path) -> list[float]:
    ts.manual_seed(0)
    data = [(words, package) for package in PACKAGES for words in functions(package)]
    order = np.random.default_rng(0).permutation(len(data))[:FUNCTIONS]
    held_out, train = ([data[i] for i in part] for part in np.split(order, [len(order) // 5]))
    (texts, labels), (unseen, answers) = zip(*train, strict=True), zip(*held_out, strict=True)
    counted = NaiveBayes(alpha=0.1).fit(texts, labels)
    network = RNNClassifier(48, 48, cell="gru", pooling="max", epochs=EPOCHS)
    network.fit(texts, labels, progress=True)
    for name, model in (("naive Bayes", counted), ("GRU", network)):
        print(f"{name}: macro F1 {model.evaluate(unseen, answers).macro_f1:.3f}")
    evaluation = network.evaluate(unseen, answers)
    shown(evaluation)
    draw(folder / "classify.png", evaluation)
    largest = max(set(labels), key=labels.count)
    scores = [100 * answers.count(largest) / len(answers)]
    print(f"always {largest}: {scores[0]:.1f}% of {len(answers)} held-out functions (expected: less than 60%)")
    for name, model in (("naive Bayes", counted), ("GRU", network)):
        scores.append(100 * model.score(unseen, answers))
        print(f"{name}: {scores[-1]:.1f}% of {len(answers)} held-out functions (expected: at least {EXPECTED}%)")
    return scores


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(), help="where to write pictures")
    main(parser.parse_args().folder)
