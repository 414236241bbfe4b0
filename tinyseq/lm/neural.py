"""What the neural language models share: training, evaluation, sampling, saving and loading.

A neural model reads symbols in order and carries a *state* from one to the next, which is all that it remembers: h (and
c) for a recurrent network, the last few symbols for a network with a fixed window.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

from tinyseq.arguments import whole
from tinyseq.autograd.tensor import Tensor, tensor
from tinyseq.compiler import compiled_if
from tinyseq.data.batches import IGNORE, Windows
from tinyseq.data.vocabulary import Vocabulary
from tinyseq.io import SavedModel
from tinyseq.io.arrays import Arrays
from tinyseq.io.names import check_sizes, kept_settings
from tinyseq.lm.drawing import Choice
from tinyseq.lm.perplexity import perplexity
from tinyseq.lm.stepping import Reader
from tinyseq.nn import Module, cross_entropy
from tinyseq.nn.checks import check_device
from tinyseq.optim import Adam
from tinyseq.random import Rng, as_generator
from tinyseq.train import Callback, Checkpoint, Loss, Report, train, warm_up_cosine
from tinyseq.train.progress import run


class NeuralLM(Module, SavedModel):
    """The base of `RNNLM` and `WindowLM`; a subclass defines `forward`, and its constructor takes ``settings``.

    Attributes:
        vocabulary: the symbols over which the probabilities sum to one.
        settings: the constructor's arguments other than the vocabulary, as saved in a file.
    """

    def __init__(self, vocabulary: Vocabulary[Any] | Sequence[Any], settings: dict[str, Any]) -> None:
        self.vocabulary = vocabulary if isinstance(vocabulary, Vocabulary) else Vocabulary(vocabulary)
        self.settings = kept_settings(settings)

    def forward(self, ids: Any, state: Any = None) -> tuple[Tensor, Any]:
        """Scores of the next symbol after each one.

        Args:
            ids: (T, B) integers.
            state: the state after the preceding symbols; None at the beginning.

        Returns:
            Logits (T, B, V), and the state after the last symbol.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no forward()")

    # -- training ------------------------------------------------------------------------------------------------------

    def fit(
        self,
        text: Sequence[Any],
        *,
        steps: int,
        window: int = 64,
        batch: int = 32,
        lr: float = 3e-3,
        clip: float = 1.0,
        progress: bool = False,
        callbacks: Sequence[Callback] = (),
        checkpoint: str | Path | None = None,
        every: int = 100,
        depends_on: Mapping[str, Any] | None = None,
        device: str | None = None,
        compile: bool | str = False,
    ) -> Self:
        """Train on a text by truncated backpropagation through time.

        Args:
            text: symbols of the vocabulary.
            steps, window, batch, lr, clip, callbacks, checkpoint, every, depends_on, device, compile: see `fit_steps`.
            progress: show progress with `tinyseq.train.progress`.

        Returns:
            The model itself.

        Raises:
            ValueError, RuntimeError: as for `fit_steps`.
        """
        reports = self.fit_steps(
            text,
            steps=steps,
            window=window,
            batch=batch,
            lr=lr,
            clip=clip,
            callbacks=callbacks,
            checkpoint=checkpoint,
            every=every,
            depends_on=depends_on,
            device=device,
            compile=compile,
        )
        run(reports, steps, progress)
        return self

    def fit_steps(
        self,
        text: Sequence[Any],
        *,
        steps: int,
        window: int = 64,
        batch: int = 32,
        lr: float = 3e-3,
        clip: float = 1.0,
        callbacks: Sequence[Callback] = (),
        checkpoint: str | Path | None = None,
        every: int = 100,
        depends_on: Mapping[str, Any] | None = None,
        device: str | None = None,
        compile: bool | str = False,
    ) -> Iterator[Report]:
        """Train like `fit`, but step by step: each report read runs one step, and the model can be used in between.

        The text is read repeatedly, in windows. The state is carried from window to window but detached, so that a
        recurrent network's gradient goes back at most ``window`` steps.

        Args:
            text: symbols of the vocabulary.
            steps: how many windows to train on.
            window: time steps in a window.
            batch: how many parts of the text are read in parallel.
            lr: the peak learning rate of Adam, with linear warm-up and cosine decay.
            clip: the maximum norm of the gradient.
            callbacks: called with a `Report` after each step; one that returns True stops the run.
            checkpoint: a file to save the run in; if it exists, the run resumes from it (see `Checkpoint`).
            every: steps between checkpoints.
            depends_on: what else the run depends on, by name, such as the seed: see `Checkpoint`.
            device: move the model to ``"cuda"`` or ``"cpu"`` first; by default it stays where it is.
            compile: compute the loss by `tinyseq.compile`, by the executor of this name if it is one. The losses are
                those without it.

        Returns:
            An iterator over a `Report` for each step. Training runs as the iterator is read.

        Raises:
            ValueError: the text has fewer than two symbols, or one that is not in the vocabulary; or an unknown device
                or executor.
            RuntimeError: ``"cuda"`` without CuPy installed; or a model of your own that cannot be compiled.
        """
        steps, window, batch = whole("steps", steps, 0), whole("window", window), whole("batch", batch)
        every = whole("every", every)
        ids = _ids(self.vocabulary, text)
        windows = Windows(ids, steps=window, batch=min(batch, len(text) - 1))
        check_device(device)
        if device is not None:
            self.to(device)
        optimizer = Adam(self.parameters(), lr=lr)
        schedule = warm_up_cosine(lr, steps, warm_up=min(50, steps // 10))
        self.train()
        depends_on = {"text": ids, "window": window, "batch": batch, "lr": lr, **(depends_on or {})}
        kept = None if checkpoint is None else Checkpoint(checkpoint, self, every=every, depends_on=depends_on)
        task = TextTask(self, windows, compile)
        return train(task, optimizer, steps=steps, clip=clip, schedule=schedule, callbacks=callbacks, checkpoint=kept)

    # -- evaluation ----------------------------------------------------------------------------------------------------

    def nats(self, text: Sequence[Any], *, window: int = 128, batch: int = 32) -> float:
        """The cross entropy of a text: the mean of -log P(symbol | all before it), in nats per symbol.

        The text is split into ``batch`` parts read in parallel; only the first symbol of each part has no history.

        Raises:
            ValueError: the text has fewer than two symbols, or a symbol is not in the vocabulary.
        """
        window, batch = whole("window", window), whole("batch", batch)
        batch = max(1, min(batch, len(text) // window, len(text) - 1))
        windows = Windows(_ids(self.vocabulary, text), steps=window, batch=batch)
        total, count, state = 0.0, 0, None
        with self.evaluating():
            for inputs, targets in windows:
                logits, state = self(inputs, state)
                total += cross_entropy(logits, targets, ignore_index=IGNORE, reduction="sum").item()
                count += int((targets != IGNORE).sum())
        return total / count

    def perplexity(self, text: Sequence[Any], **settings: int) -> float:
        """exp(`nats`): 1 for a perfect model, the size of the vocabulary for a uniform one, inf on overflow."""
        return perplexity(self.nats(text, **settings))

    def sample(
        self,
        length: int,
        rng: Rng = None,
        *,
        prompt: Sequence[Any] = (),
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
    ) -> list[Any]:
        """Sample symbols one by one, each given all symbols before it.

        Args:
            length: how many.
            rng: a NumPy generator, or a seed; by default the generator of `tinyseq.manual_seed`.
            prompt: the symbols before the sample; without one, the first symbol is drawn uniformly.
            temperature: divides the logits; below 1: more conservative; 0: always the most probable symbol.
            top_k: draw among the k most probable symbols only.
            top_p: draw among the fewest most probable symbols only that have at least this share of the probability
                together, after the temperature and ``top_k``.

        Returns:
            The symbols, without the prompt.

        Raises:
            ValueError, TypeError: a setting is out of range or of the wrong type, a symbol is not in the vocabulary, or
                the model gives NaN.
        """
        length, choice, rng = whole("length", length, 0), Choice.checked(temperature, top_k, top_p), as_generator(rng)
        ids = list(self.vocabulary.encode(prompt)) or [int(rng.integers(len(self.vocabulary)))]
        drawn: list[int] = [] if len(prompt) else ids[:1]
        with self.evaluating():
            reader = Reader(self)
            while len(drawn) < length:
                ids = [choice.draw(reader.read(ids), rng)]
                drawn += ids
        return self.vocabulary.decode(drawn[:length])

    # -- saving and loading --------------------------------------------------------------------------------------------

    def saved(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """See `SavedModel`: the weights, the settings and the vocabulary."""
        return self.state_dict(), {"settings": self.settings, "vocabulary": self.vocabulary.to_dict()}

    @classmethod
    def restored(cls, arrays: Arrays, metadata: dict[str, Any]) -> Self:
        """See `SavedModel`."""
        check_sizes(metadata["settings"], arrays)
        model = cls(Vocabulary.from_dict(metadata["vocabulary"]), **metadata["settings"])
        model.load_state_dict(arrays)
        return model


class TextTask:
    """The training task: read a text in windows, repeatedly, with the state carried over but detached.

    Args:
        model: the model; called with ids (T, B) and a state, it returns logits and the next state.
        windows: the text, in windows.
        compile: see `NeuralLM.fit_steps`.
    """

    def __init__(self, model: NeuralLM, windows: Windows, compile: bool | str = False) -> None:
        self.model = model
        self.windows = windows
        self._loss = compiled_if(compile, partial(_loss_and_state, model))
        self.state: Any = None  # after the previous window; None before the first

    def __call__(self, step: int) -> Loss:
        """The loss of a window; see `tinyseq.train.Task`."""
        index = step % len(self.windows)
        inputs, targets = self.windows[index]
        loss, self.state = self._loss(inputs, targets, None if index == 0 else self.state)
        return Loss(loss, int((targets != IGNORE).sum()), f"window {index} of {len(self.windows)}")

    def state_dict(self) -> dict[str, Any]:
        """The carried state; its parts are named h and c, as for an LSTM, and any further ones by index."""
        parts = self.state if isinstance(self.state, tuple) else () if self.state is None else (self.state,)
        return {_part_name(i): part.numpy() for i, part in enumerate(parts)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        device = next(self.model.parameters()).device
        parts = tuple(tensor(state[_part_name(i)]).to(device) for i in range(len(state)))
        readers = self.windows.inputs.shape[1]
        for part in parts:
            if part.shape[1] != readers:
                raise ValueError(f"its batch size was {part.shape[1]}, but this run has a batch size of {readers}")
        self.state = None if not parts else parts[0] if len(parts) == 1 else parts


def _loss_and_state(model: NeuralLM, inputs: Any, targets: Any, state: Any) -> tuple[Tensor, Any]:
    """The loss of a window, and the state after it as a constant."""
    logits, state = model(inputs, state)
    return cross_entropy(logits, targets, ignore_index=IGNORE), detached(state)


def _part_name(i: int) -> str:
    return "hc"[i] if i < 2 else f"state_{i}"


def detached(state: Any) -> Any:
    """A state as a constant: one tensor, or a pair (h, c)."""
    return tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()


def _ids(vocabulary: Vocabulary[Any], text: Sequence[Any]) -> Any:
    """The ids of a text, which must have at least two symbols."""
    if len(text) < 2:
        raise ValueError(f"the text has {len(text)} symbols; a language model needs at least 2")
    return vocabulary.encode(text)
