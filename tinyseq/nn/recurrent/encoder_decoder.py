"""The encoder-decoder: maps a sequence to another of any length and alignment (Sutskever and others, 2014).

One recurrent network reads the source; its last state is the first state of another, which writes the target symbol by
symbol until it writes END. In training the second network is given the true previous symbol (teacher forcing);
otherwise it is given its own output, chosen greedily or by beam search.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyseq.arguments import whole
from tinyseq.autograd.modes import no_grad
from tinyseq.autograd.ops.stable import log_softmax
from tinyseq.autograd.tensor import Tensor, TensorLike
from tinyseq.data.batches import IGNORE, padded
from tinyseq.nn.checks import State, as_ids, check_ids
from tinyseq.nn.layers import Embedding, Linear
from tinyseq.nn.losses.classification import cross_entropy
from tinyseq.nn.module import Module
from tinyseq.nn.recurrent.layers import Recurrent

Floats = NDArray[np.float64]


class Hypothesis(NamedTuple):
    """A decoded target.

    Attributes:
        symbols: its ids, without END.
        log_prob: log P(symbols, END | source), or without END if the search was cut off before it.
    """

    symbols: list[int]
    log_prob: float


class EncoderDecoder(Module):
    """Two recurrent networks; the second starts from the final state of the first.

    Args:
        source_symbols: the number of different symbols in sources; ids start from 0.
        target_symbols: the same for targets. The model adds two ids, BEGIN and END.
        hidden_size: length of the state between the two.
        embedding_size: length of a symbol's embedding.
        cell: ``"rnn"``, ``"lstm"``, ``"gru"``, or another cell that was declared.
        num_layers: the number of stacked recurrent layers, in both.

    Raises:
        ValueError, TypeError: for an unknown cell, or a size that is not a positive whole number.

    Source: Sutskever, Vinyals and Le (2014); Cho and others (2014).

    Example:
        >>> import tinyseq as ts
        >>> _ = ts.manual_seed(0)
        >>> model = ts.nn.EncoderDecoder(3, 3, hidden_size=16)
        >>> sources, targets = [[0, 1, 2], [2, 2]], [[2, 1, 0], [2, 2]]
        >>> optimizer = ts.optim.Adam(model.parameters(), lr=0.02)
        >>> for _ in range(60):
        ...     optimizer.zero_grad()
        ...     model.loss(sources, targets).backward()
        ...     optimizer.step()
        >>> model.greedy(sources, longest=5)
        [[2, 1, 0], [2, 2]]
    """

    def __init__(
        self,
        source_symbols: int,
        target_symbols: int,
        hidden_size: int,
        embedding_size: int = 32,
        cell: str = "gru",
        num_layers: int = 1,
    ) -> None:
        source_symbols = whole("source_symbols", source_symbols)
        target_symbols = whole("target_symbols", target_symbols)
        hidden_size, embedding_size = whole("hidden_size", hidden_size), whole("embedding_size", embedding_size)
        self.begin, self.end = target_symbols, target_symbols + 1
        self.source_embedding = Embedding(source_symbols, embedding_size)
        self.target_embedding = Embedding(target_symbols + 2, embedding_size)
        self.encoder = Recurrent(cell, embedding_size, hidden_size, num_layers)
        self.decoder = Recurrent(cell, embedding_size, hidden_size, num_layers)
        self.output = Linear(hidden_size, target_symbols + 2)

    def encode(self, sources: Sequence[ArrayLike]) -> State:
        """The state after reading each of B sources: (layers, B, H), for an LSTM the pair (h, c).

        Raises:
            ValueError: for a source without symbols.
            IndexError: for a symbol outside [0, source_symbols).
        """
        ids, lengths = padded(sources)
        if not lengths.all():
            raise ValueError(f"sources[{int(lengths.argmin())}] is empty; a source needs at least one symbol")
        state: State = self.encoder(self.source_embedding(ids), lengths=lengths)[1]  # of whichever cell
        return state

    def forward(self, ids: TensorLike, state: TensorLike) -> tuple[Tensor, State]:
        """Scores of the target symbol after each of ``ids`` (T, B): logits (T, B, V + 2), and the next state."""
        hidden, after = self.decoder(self.target_embedding(ids), state)
        return self.output(hidden), after

    def loss(self, sources: Sequence[ArrayLike], targets: Sequence[ArrayLike]) -> Tensor:
        """The mean of -log P(symbol | the true symbols before it, source), END included: teacher forcing.

        Raises:
            ValueError: for different numbers of sources and targets, or a source without symbols.
            IndexError: for a symbol outside [0, source_symbols) or [0, target_symbols).
        """
        if len(sources) != len(targets):
            raise ValueError(f"each source needs a target, got {len(sources)} sources and {len(targets)} targets")
        for i, target in enumerate(targets):
            check_ids(as_ids(target, f"targets[{i}]"), self.begin, f"targets[{i}]")
        inputs, _ = padded([[self.begin, *np.asarray(target).tolist()] for target in targets])
        outputs, _ = padded([[*np.asarray(target).tolist(), self.end] for target in targets], IGNORE)
        logits, _ = self(inputs, self.encode(sources))
        return cross_entropy(logits, outputs, ignore_index=IGNORE)

    def greedy(self, sources: Sequence[ArrayLike], longest: int) -> list[list[int]]:
        """Greedy decoding: the most probable symbol at each step.

        Args:
            sources: B sequences of ids.
            longest: symbols after which a target is cut off.

        Returns:
            For each source, the ids of its target.

        Raises:
            ValueError: for a source without symbols, or a negative ``longest``.
            TypeError: if ``longest`` is not a whole number.
        """
        longest = whole("longest", longest, 0)
        written = np.empty((0, len(sources)), np.int64)
        with no_grad():
            state, ids = self.encode(sources), np.full((1, len(sources)), self.begin)
            while len(written) < longest and not (written == self.end).any(axis=0).all():
                logits, state = self(ids, state)
                ids = self._writable(logits).argmax(axis=-1)
                written = np.concatenate([written, ids])
        return [_until(self.end, column.tolist()) for column in written.T]

    def beam(self, source: ArrayLike, width: int, longest: int) -> list[Hypothesis]:
        """Beam search: the best targets found by following several at once.

        Args:
            source: one sequence of ids.
            width: how many unfinished targets are followed. A width of 1 follows the greedy path, and returns it with
                the most probable of its ends; a large enough one considers all targets.
            longest: symbols after which a target is cut off.

        Returns:
            At most ``width`` targets, the most probable first.

        Raises:
            ValueError: ``width`` is not positive, ``longest`` is negative, or the source has no symbols.
            TypeError: if one of the two is not a whole number.
        """
        width, longest = whole("width", width), whole("longest", longest, 0)
        done: list[Hypothesis] = []
        alive = [Hypothesis([], 0.0)]
        with no_grad():
            state, ids = self.encode([source]), np.array([[self.begin]])
            for _ in range(longest):
                logits, state = self(ids, state)
                alive, parents, ended = self._extended(alive, self._writable(logits)[0], width)
                done = _best([*done, *ended], width)
                # A target only loses probability as it grows, so none of these can overtake the finished ones.
                if not alive or (len(done) == width and alive[0].log_prob <= done[-1].log_prob):
                    return done
                state = _chosen(state, parents)
                ids = np.array([[hypothesis.symbols[-1] for hypothesis in alive]])
        return _best([*done, *alive], width)

    def _writable(self, logits: Tensor) -> Floats:
        """Log probabilities in float64; BEGIN is never written."""
        log_probs: Floats = log_softmax(logits, axis=-1).numpy().astype(np.float64)
        log_probs[..., self.begin] = -np.inf
        return log_probs

    def _extended(
        self, alive: list[Hypothesis], log_probs: Floats, width: int
    ) -> tuple[list[Hypothesis], list[int], list[Hypothesis]]:
        """The best targets with one symbol more, the rows they came from, and those that have ended."""
        totals = np.array([hypothesis.log_prob for hypothesis in alive])[:, None] + log_probs
        ended = [
            Hypothesis(hypothesis.symbols, total)
            for hypothesis, total in zip(alive, totals[:, self.end].tolist(), strict=True)
        ]
        totals[:, self.end] = -np.inf
        places = np.argsort(-totals, axis=None, kind="stable")[:width]
        rows, symbols = np.unravel_index(places[totals.flat[places] > -np.inf], totals.shape)
        longer = [
            Hypothesis([*alive[row].symbols, symbol], float(totals[row, symbol]))
            for row, symbol in zip(rows.tolist(), symbols.tolist(), strict=True)
        ]
        return longer, rows.tolist(), ended


def _best(hypotheses: list[Hypothesis], width: int) -> list[Hypothesis]:
    return sorted(hypotheses, key=lambda hypothesis: -hypothesis.log_prob)[:width]


def _chosen(state: Any, columns: list[int]) -> Any:
    """Some columns of a state (layers, B, H), or of each part of a pair."""
    if isinstance(state, tuple):
        return tuple(part[:, columns] for part in state)
    return state[:, columns]


def _until(end: int, ids: list[int]) -> list[int]:
    return ids[: ids.index(end)] if end in ids else ids
