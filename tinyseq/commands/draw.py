"""What the command ``draw`` draws: networks that read letters, and trellises."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import tinyseq as ts
from tinyseq.nn.recurrent.layers import Recurrent

HIDDEN = 8


class CharacterNetwork(ts.nn.Module):
    """Guesses the next letter of a text.

    Args:
        cell: the name of its cell, such as ``"lstm"``.
        letters: how many there are.
        layers, bidirectional: of the recurrent layer.
    """

    def __init__(self, cell: str, letters: int, layers: int = 1, bidirectional: bool = False) -> None:
        self.rnn = Recurrent(cell, letters, HIDDEN, num_layers=layers, bidirectional=bidirectional)
        self.out = ts.nn.Linear(HIDDEN * (1 + bidirectional), letters)

    def forward(self, letters: ts.Tensor) -> ts.Tensor:
        """(T, 1, letters) one-hot to scores (T, letters)."""
        scores: ts.Tensor = self.out(self.rnn(letters)[0])
        return scores[:, 0]


def character_loss(
    cell: str, text: Sequence[str], layers: int = 1, bidirectional: bool = False, last: bool = False
) -> ts.Tensor:
    """How badly a new network guesses each letter of a text from those before it.

    Args:
        cell: the name of the network's cell, such as ``"lstm"``.
        text: at least two letters; all but the last are read.
        layers, bidirectional: of the recurrent layer.
        last: only the guess of the last letter counts.

    Raises:
        ValueError: the text is too short.
    """
    if len(text) < 2:
        raise ValueError(f"--text must have at least two letters, one to read and one to guess; got {text!r}")
    ts.manual_seed(0)
    letters = sorted(set(text))
    ids = np.array([letters.index(letter) for letter in text])
    network = CharacterNetwork(cell, len(letters), layers, bidirectional)
    scores = network(ts.tensor(np.eye(len(letters), dtype="f4")[ids[:-1]][:, None]))
    return ts.nn.cross_entropy(scores[-1:], ids[-1:]) if last else ts.nn.cross_entropy(scores, ids[1:])


def model_and_words(hmm: Path | None, observations: str | None) -> tuple[Any, list[str]]:
    """The hidden Markov model and the words of a trellis; by default those of the lectures.

    Args:
        hmm: a file that `HMM.save` has written.
        observations: words with blanks between.

    Raises:
        ValueError: a model without observations.
    """
    from tinyseq.commands.demo import worked_example

    model, words = worked_example()
    if hmm is not None:
        if not observations:
            raise ValueError(
                "--hmm needs --observations, the words that the model reads, such as --observations 'a b b'"
            )
        model = ts.hmm.HMM.load(hmm)
    return model, observations.split() if observations else words
