"""The recurrent language model: any length of history in a state of one size."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tinyseq import io
from tinyseq.autograd.modes import no_grad
from tinyseq.autograd.tensor import Tensor, tensor
from tinyseq.data.batches import IGNORE, Windows
from tinyseq.data.vocabulary import Vocabulary
from tinyseq.nn import GRU, LSTM, RNN, Embedding, Linear, Module, cross_entropy
from tinyseq.optim import Adam
from tinyseq.train import Checkpoint, Loss, Report, train, warm_up_cosine

CELLS = {"rnn": RNN, "lstm": LSTM, "gru": GRU}
KIND = "tinyseq.lm.RNNLM"


class RNNLM(Module):
    """A language model over characters or words: e_t = E x_t, h_t = cell(e_t, h_{t-1}), y_t = softmax(U h_t + b).

    Args:
        vocabulary: the symbols; a text's characters, for example.
        hidden_size: length of h_t.
        embedding_size: length of e_t; by default ``hidden_size``, at most 64.
        cell: ``"rnn"``, ``"lstm"`` or ``"gru"``.
        num_layers: recurrent layers on top of one another.
        dropout: probability of dropping between layers, while training.

    Attributes:
        embedding, recurrent, output: the three layers.

    Example:
        >>> import tinyseq as ts
        >>> _ = ts.manual_seed(0)
        >>> model = ts.lm.RNNLM("helo", hidden_size=8, cell="rnn")
        >>> for report in model.fit("hello", steps=60, window=4, batch=1, lr=0.05):
        ...     pass
        >>> "h" + "".join(model.sample(4, prompt="h", temperature=0))
        'hello'
    """

    def __init__(
        self,
        vocabulary: Vocabulary[Any] | Sequence[Any],
        hidden_size: int = 128,
        embedding_size: int | None = None,
        cell: Literal["rnn", "lstm", "gru"] = "lstm",
        num_layers: int = 1,
        dropout: float = 0.0,
    ) -> None:
        if cell not in CELLS:
            raise ValueError(f"cell must be one of {', '.join(CELLS)}, got {cell!r}")
        self.vocabulary = vocabulary if isinstance(vocabulary, Vocabulary) else Vocabulary(vocabulary)
        size = len(self.vocabulary)
        embedding_size = min(hidden_size, 64) if embedding_size is None else embedding_size
        self.settings = {
            "hidden_size": hidden_size,
            "embedding_size": embedding_size,
            "cell": cell,
            "num_layers": num_layers,
            "dropout": dropout,
        }
        self.embedding = Embedding(size, embedding_size)
        self.recurrent = CELLS[cell](embedding_size, hidden_size, num_layers, dropout=dropout)
        self.output = Linear(hidden_size, size)

    def forward(self, ids: Any, state: Any = None) -> tuple[Tensor, Any]:
        """Scores of the next symbol after each one.

        Args:
            ids: (T, B) integers.
            state: the state to go on from, as the recurrent layer's.

        Returns:
            Logits (T, B, V), and the state after the last symbol.
        """
        hidden, state = self.recurrent(self.embedding(ids), state)
        return self.output(hidden), state

    # -- learning ------------------------------------------------------------------------------------------------------

    def fit(
        self,
        text: Sequence[Any],
        *,
        steps: int,
        window: int = 64,
        batch: int = 32,
        lr: float = 3e-3,
        clip: float = 1.0,
        checkpoint: str | Path | None = None,
        every: int = 100,
    ) -> Iterator[Report]:
        """Learn a text by truncated backpropagation through time; a generator of a report a step.

        The text is read in windows, over and over. The state is carried from window to window but detached, so that a
        gradient goes back at most ``window`` steps.

        Args:
            text: symbols of the vocabulary.
            steps: how many windows to learn from.
            window: time steps in a window.
            batch: how many places of the text are read side by side.
            lr: the peak learning rate of Adam, along a warm-up and a cosine.
            clip: the largest norm of the gradient.
            checkpoint: a file that keeps the run; if it exists, the run goes on from there (see `Checkpoint`).
            every: steps between two savings of the checkpoint.

        Yields:
            A `Report` after each step.
        """
        windows = Windows(self.vocabulary.encode(text), steps=window, batch=min(batch, len(text) - 1))
        optimizer = Adam(self.parameters(), lr=lr)
        schedule = warm_up_cosine(lr, steps, warm_up=min(50, steps // 10))
        self.train()
        kept = None if checkpoint is None else Checkpoint(checkpoint, self, every=every)
        task = Reading(self, windows)
        yield from train(task, optimizer, steps=steps, clip=clip, schedule=schedule, checkpoint=kept)

    # -- judging -------------------------------------------------------------------------------------------------------

    def nats(self, text: Sequence[Any], *, window: int = 128, batch: int = 32) -> float:
        """The mean of -log P(symbol | all before it) over a text, in nats a symbol.

        The text is read by ``batch`` readers, each from a place of its own; only their first symbols lack a history.
        """
        windows = Windows(self.vocabulary.encode(text), steps=window, batch=max(1, min(batch, len(text) // window)))
        total, count, state, training = 0.0, 0, None, self.training
        self.eval()
        with no_grad():
            for inputs, targets in windows:
                logits, state = self(inputs, state)
                total += cross_entropy(logits, targets, ignore_index=IGNORE, reduction="sum").item()
                count += int((targets != IGNORE).sum())
        self.train(training)
        return total / count

    def perplexity(self, text: Sequence[Any], **settings: int) -> float:
        """exp(`nats`): 1 for a perfect model, the size of the vocabulary for a uniform one."""
        return math.exp(self.nats(text, **settings))

    def sample(
        self,
        length: int,
        *,
        prompt: Sequence[Any] = (),
        temperature: float = 1.0,
        rng: np.random.Generator | None = None,
    ) -> list[Any]:
        """Symbols drawn one after the other, each from the distribution after all before it.

        Args:
            length: how many.
            prompt: what came before; without one, the first symbol is drawn evenly.
            temperature: divides the logits; below 1 bolder, at 0 always the likeliest.
            rng: where the chance comes from.
        """
        rng = rng or np.random.default_rng()
        ids = list(self.vocabulary.encode(prompt)) or [int(rng.integers(len(self.vocabulary)))]
        drawn: list[int] = [] if len(prompt) else ids[:1]
        state, training = None, self.training
        self.eval()
        with no_grad():
            while len(drawn) < length:
                logits, state = self(np.array(ids)[:, None], state)
                ids = [_draw(logits.numpy()[-1, 0].astype(np.float64), temperature, rng)]
                drawn += ids
        self.train(training)
        return self.vocabulary.decode(drawn[:length])

    # -- keeping -------------------------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Save weights and vocabulary in one safetensors file."""
        metadata = {"kind": KIND, "settings": self.settings, "vocabulary": self.vocabulary.to_dict()}
        io.save(self.state_dict(), path, metadata)

    @classmethod
    def load(cls, path: str | Path) -> "RNNLM":
        """The model that `save` wrote.

        Raises:
            ModelFileError: if the file holds no such model.
        """
        state, metadata = io.load_with_metadata(path, KIND)
        try:
            model = cls(Vocabulary.from_dict(metadata["vocabulary"]), **metadata["settings"])
            model.load_state_dict(state)
        except (KeyError, TypeError, ValueError) as error:
            raise io.ModelFileError(f"{path}: the model's description does not fit its weights ({error})") from error
        return model


class Reading:
    """The task of reading a text in windows, over and over, with the state carried on but detached.

    Args:
        model: reads; called with ids (T, B) and a state, it gives logits and the next state.
        windows: the text.
    """

    def __init__(self, model: RNNLM, windows: Windows) -> None:
        self.model = model
        self.windows = windows
        self.state: Any = None  # after the window before; None before the first

    def __call__(self, step: int) -> Loss:
        """The loss of a window; see `tinyseq.train.Task`."""
        index = step % len(self.windows)
        inputs, targets = self.windows[index]
        logits, state = self.model(inputs, None if index == 0 else self.state)
        self.state = detached(state)
        loss = cross_entropy(logits, targets, ignore_index=IGNORE)
        return Loss(loss, int((targets != IGNORE).sum()), f"window {index} of {len(self.windows)}")

    def state_dict(self) -> dict[str, Any]:
        """The carried state: h, and c if there is one."""
        parts = self.state if isinstance(self.state, tuple) else () if self.state is None else (self.state,)
        return {name: part.numpy() for name, part in zip("hc", parts, strict=False)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` gave."""
        like = next(self.model.parameters())
        parts = tuple(tensor(state[name], dtype=like.dtype).to(like.device) for name in "hc" if name in state)
        self.state = None if not parts else parts[0] if len(parts) == 1 else parts


def detached(state: Any) -> Any:
    """A recurrent state as a constant: h, or the pair (h, c)."""
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()


def _draw(logits: np.ndarray[Any, Any], temperature: float, rng: np.random.Generator) -> int:
    if temperature == 0:
        return int(logits.argmax())
    shares = np.exp((logits - logits.max()) / temperature)
    return int(rng.choice(len(shares), p=shares / shares.sum()))
