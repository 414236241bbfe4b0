"""Which genre does a sentence of UD English EWT come from? The accuracy of the classifiers.

python benchmarks/classify.py FOLDER [--epochs N] [--seeds N] [--pooling mean] [--no-skip]

FOLDER holds en_ewt-ud-train.conllu, -dev and -test. The genre is the part of a document's name before the first "-".
The classifiers learn from the sentences of train, as lists of words, and are measured on those of test; the splits are
the treebank's own, by document. The network keeps the weights that are best on dev. Where scikit-learn is installed,
its MultinomialNB is measured, too.
"""

import argparse
import statistics
import time
from collections import Counter
from pathlib import Path

import tinyseq as ts
from tinyseq.classify import Evaluation, NaiveBayes, RNNClassifier


def sentences(path: Path) -> tuple[list[list[str]], list[str]]:
    """The words of each sentence, and its genre."""
    texts, labels = [], []
    for document in ts.data.documents(ts.data.conllu_sentences(path)):
        name = next(line for line in document[0].comments if line.startswith("# newdoc id"))
        genre = name.partition("=")[2].strip().partition("-")[0]
        texts += [[token.form for token in sentence.tokens] for sentence in document]
        labels += [genre] * len(document)
    return texts, labels


def line(name: str, found: Evaluation, seconds: float) -> None:
    print(f"{name:24s} accuracy {found.accuracy:7.2%}  macro F1 {found.macro_f1:.4f}  {seconds:7.2f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--pooling", default="mean")
    parser.add_argument("--skip", action=argparse.BooleanOptionalAction, default=True)
    given = parser.parse_args()
    train, dev, test = (sentences(given.folder / f"en_ewt-ud-{part}.conllu") for part in ("train", "dev", "test"))
    print(f"{len(train[0])} sentences of train, {len(test[0])} of test, genres {dict(Counter(test[1]))}")
    majority = Counter(train[1]).most_common(1)[0][0]
    line(f"always {majority}", Evaluation.of(test[1], [majority] * len(test[1])), 0.0)
    start = time.process_time()
    found = NaiveBayes().fit(*train).evaluate(*test)
    line("NaiveBayes", found, time.process_time() - start)
    try:
        from sklearn.feature_extraction.text import CountVectorizer
        from sklearn.naive_bayes import MultinomialNB
    except ImportError:
        pass
    else:
        start = time.process_time()
        counts = CountVectorizer(analyzer=list)
        model = MultinomialNB().fit(counts.fit_transform(train[0]), train[1])
        found = Evaluation.of(test[1], model.predict(counts.transform(test[0])).tolist())
        line("scikit-learn's", found, time.process_time() - start)
    shares = []
    for seed in range(given.seeds):
        ts.manual_seed(seed)
        start = time.process_time()
        network = RNNClassifier(pooling=given.pooling, skip=given.skip, dropout=0.5, epochs=given.epochs, lr=0.003)
        found = network.fit(*train, validation=dev).evaluate(*test)
        line(f"RNNClassifier, seed {seed}", found, time.process_time() - start)
        shares.append(100 * found.accuracy)
    print(f"mean of {given.seeds} seeds {statistics.fmean(shares):.2f}, from {min(shares):.2f} to {max(shares):.2f}")


if __name__ == "__main__":
    main()
