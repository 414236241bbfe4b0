"""What the neural language models share: training, evaluation, sampling, saving and loading.

A neural model reads symbols in order and carries a *state* from one to the next, which is all that it remembers: h (and
c) for a recurrent network, the last few symbols for a network with a fixed window.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from tinyseq.arguments import check_flags, listed, whole
from tinyseq.autograd.backward import grad
from tinyseq.autograd.modes import enable_grad
from tinyseq.autograd.tensor import Tensor, TensorLike
from tinyseq.data.batches import IGNORE, Windows
from tinyseq.data.vocabulary import SYMBOLS, Vocabulary, refuse_letters
from tinyseq.io.arrays import Arrays
from tinyseq.io.names import check_sizes, kept_settings
from tinyseq.lm.model import Floats, LanguageModel, Read, Text
from tinyseq.lm.networks.stepping import Reader
from tinyseq.lm.networks.task import TextTask, detached
from tinyseq.lm.words import END, check_word_vocabulary, sentences_of
from tinyseq.nn import Module, cross_entropy
from tinyseq.nn.checks import State, check_device
from tinyseq.optim import AdamW
from tinyseq.optim.optimizer import not_negative
from tinyseq.optim.schedules import Schedule
from tinyseq.progress import with_arguments_of
from tinyseq.torch_names.of_tasks import LANGUAGE_MODEL
from tinyseq.torch_names.settings import explained
from tinyseq.train import Callback, Checkpoint, Report, Validation, train, warm_up_cosine
from tinyseq.train.checkpoint import named
from tinyseq.train.progress import progress_if
from tinyseq.train.validation import keeping_best


class NeuralLM(Module, LanguageModel):
    """The base of `RNNLM` and `WindowLM`; a subclass defines `forward`, and its constructor takes ``settings``.

    Attributes:
        vocabulary: the symbols over which the probabilities sum to one.
        settings: the constructor's arguments other than the vocabulary, as saved in a file.
    """

    _other_names: ClassVar[dict[str, str]] = LANGUAGE_MODEL  # before those of a Module

    vocabulary: Vocabulary[Any]

    def __init__(self, vocabulary: Vocabulary[Any] | Sequence[Hashable], settings: Mapping[str, object]) -> None:
        self.vocabulary = vocabulary if isinstance(vocabulary, Vocabulary) else Vocabulary(vocabulary)
        self.settings = kept_settings(settings)
        check_flags(words=settings["words"], tied=settings["tied"])
        self.words = bool(settings["words"])
        if self.words:
            check_word_vocabulary(self.vocabulary)

    def forward(self, ids: TensorLike, state: TensorLike | None = None) -> tuple[Tensor, State]:
        """Scores of the next symbol after each one.

        Args:
            ids: (T, B) integers.
            state: the state after the preceding symbols; None at the beginning.

        Returns:
            Logits (T, B, V), and the state after the last symbol.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no forward()")

    # -- training ------------------------------------------------------------------------------------------------------

    @explained
    def fit_steps(
        self,
        text: Text,
        *,
        steps: int,
        window: int = 64,
        batch: int = 32,
        lr: float = 3e-3,
        clip: float | None = 1.0,
        schedule: Schedule | None = None,
        weight_decay: float = 0.0,
        validation: Text | None = None,
        validate_every: int | None = None,
        patience: int | None = None,
        progress: bool = False,
        callbacks: Sequence[Callback] = (),
        checkpoint: str | Path | None = None,
        every: int = 100,
        depends_on: Mapping[str, object] | None = None,
        device: str | None = None,
        compile: bool | str = False,
    ) -> Iterator[Report]:
        """Train like `fit`, but as an iterator: each report runs one step, and the model can be used in between.

        The text is read repeatedly, in windows. The state is carried from window to window but detached, so that a
        recurrent network's gradient goes back at most ``window`` steps.

        Args:
            text: symbols of the vocabulary; of a model of words, a string with a sentence in each line, or sentences as
                lists of words.
            steps: how many windows to train on.
            window: time steps in a window.
            batch: how many parts of the text are read in parallel.
            lr: the peak learning rate of Adam, with linear warm-up and cosine decay.
            clip: the maximum norm of the gradient; None for no clipping.
            schedule: the learning rate of each step, instead of ``lr``; for a constant rate,
                ``tinyseq.optim.exponential_decay(rate, 1.0)``.
            weight_decay: each step multiplies the weights by 1 - rate * weight_decay, as in AdamW.
            validation: a held-out text. Its cross entropy is measured during the run, and at the end the model has the
                weights of the best measurement.
            validate_every: steps between measurements; by default a tenth of the run.
            patience: stop after this many measurements in a row without improvement; None for never.
            progress: show progress with `tinyseq.train.progress`.
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
            ValueError: the text has fewer than two symbols, or one that is not in the vocabulary; an unknown device or
                executor; or ``patience`` or ``validate_every`` without ``validation``.
            RuntimeError: ``"cuda"`` without CuPy installed; or a model of your own that cannot be compiled.
        """
        steps, window, batch = whole("steps", steps, 0), whole("window", window), whole("batch", batch)
        every = whole("every", every)
        ids = self._ids(text)
        windows = Windows(ids, steps=window, batch=min(batch, len(ids) - 1))
        measured = self._validation(validation, validate_every, patience, steps)
        check_flags(progress=progress)
        check_device(device)
        if device is not None:
            self.to(device)
        optimizer = AdamW(self.parameters(), lr=lr, weight_decay=weight_decay)
        if schedule is None:
            schedule = warm_up_cosine(lr, steps, warm_up=min(50, steps // 10))
        self.train()
        depends_on = {"text": ids, "window": window, "batch": batch, "lr": lr, **named(depends_on)}
        reports = train(
            TextTask(self, windows, compile),
            optimizer,
            steps=steps,
            clip=clip,
            schedule=schedule,
            validation=measured,
            callbacks=callbacks,
            checkpoint=None if checkpoint is None else Checkpoint(checkpoint, self, every=every, depends_on=depends_on),
        )
        return progress_if(progress, reports if measured is None else keeping_best(reports, measured), steps)

    @with_arguments_of(fit_steps)
    def fit(self, *args: Any, **settings: Any) -> Self:
        """Train on a text by truncated backpropagation through time, by all the steps of `fit_steps`.

        Returns:
            The model itself.

        Raises:
            ValueError, RuntimeError: as for `fit_steps`.
        """
        for _ in self.fit_steps(*args, **settings):
            pass
        return self

    def _validation(self, text: Any, every: int | None, patience: int | None, steps: int) -> Validation | None:
        """The measurements of a held-out text during a run."""
        if text is None:
            for name, value in (("validate_every", every), ("patience", patience)):
                if value is not None:
                    raise ValueError(f"{name} needs a held-out text; pass validation=text as well")
            return None
        self._ids(text, "validation")
        every = max(steps // 10, 1) if every is None else whole("validate_every", every)
        return Validation(self, partial(self.nats, text), every=every, patience=patience)

    # -- evaluation ----------------------------------------------------------------------------------------------------

    @explained
    def log_probs(self, text: Text, *, window: int = 128, batch: int = 32, adapt: float | None = None) -> Floats:
        """log P of each symbol given all before it, in nats (N,); nothing predicts the first character of a text.

        The text is split into ``batch`` parts read in parallel; only the first symbol of each part has no history.

        Args:
            text: as for `fit`.
            window: how many symbols of each part are read at once.
            batch: the number of parts; fewer for a short text.
            adapt: the learning rate of dynamic evaluation: after the symbols of a window are predicted, the weights
                take a step of gradient descent on them, and so adapt to the text. At the end the weights are restored.
                With ``batch=1``, the model has learned from all text before a window. None: fixed weights.

        Raises:
            ValueError: the text has fewer than two symbols, or one that is not in the vocabulary; ``adapt`` is
                negative; or all parameters are frozen.

        Source: Mikolov and others (2010) and Graves (2013), for dynamic evaluation.
        """
        window, batch = whole("window", window), whole("batch", batch)
        rate = None if adapt is None else not_negative("adapt", adapt)
        ids = self._ids(text)
        windows = Windows(ids, steps=window, batch=max(1, min(batch, len(ids) // window, len(ids) - 1)))
        losses: list[Floats] = []
        state: Any = None
        with self.evaluating(), self._restored_after():
            for inputs, targets in windows:
                with nullcontext() if rate is None else enable_grad():
                    logits, after = self(inputs, state)
                    loss = cross_entropy(logits, targets, ignore_index=IGNORE, reduction="none")
                losses.append(loss.numpy())
                state = detached(after)
                if rate is not None:
                    self._descend(loss, int((targets != IGNORE).sum()), rate)
        read: Floats = np.concatenate(losses, dtype=np.float64).T[windows.targets.T != IGNORE]
        return -read

    @contextmanager
    def _restored_after(self) -> Iterator[None]:
        """A block after which the weights are what they were."""
        before = [(parameter, parameter._array) for parameter in self.parameters()]
        try:
            yield
        finally:
            for parameter, array in before:
                if parameter._array is not array:
                    parameter._assign(array)

    def _descend(self, losses: Tensor, count: int, rate: float) -> None:
        """A step of gradient descent on the mean of some losses, which touches no ``.grad``."""
        parameters = [parameter for parameter in self.parameters() if parameter.requires_grad]
        if not parameters:
            raise ValueError("adapt needs a parameter with requires_grad=True, and all of this model's are frozen")
        upstream = np.full(losses.shape, 1 / count, losses.dtype)
        for parameter, gradient in zip(parameters, grad(losses, parameters, upstream), strict=True):
            parameter._assign(parameter._array - rate * gradient._array)

    @explained
    def nats(self, text: Text, *, window: int = 128, batch: int = 32, adapt: float | None = None) -> float:
        """The cross entropy of a text: the mean of -log P(symbol | all before it), in nats per symbol.

        Args:
            text, window, batch, adapt: as for `log_probs`.

        Raises:
            ValueError: as for `log_probs`.
        """
        return -float(self.log_probs(text, window=window, batch=batch, adapt=adapt).mean())

    def symbols_of(self, text: Text) -> list[Any]:
        """See `LanguageModel`: all but the first, which nothing predicts."""
        return self._stream(text)[1:]

    def _stream(self, text: Any) -> list[Any]:
        """The symbols of a text; of words, the end of a sentence stands before the first one, too."""
        if not self.words:
            refuse_letters("text", text, self.vocabulary)
            return listed("text", text, SYMBOLS)
        return [END, *(word for sentence in sentences_of(text) for word in (*sentence, END))]

    def _ids(self, text: Any, name: str = "text") -> Any:
        """The ids of a text, which must have at least two symbols."""
        symbols = self._stream(text)
        if len(symbols) < 2:
            raise ValueError(f"the {name} must have at least 2 symbols, for a first prediction, got {len(symbols)}")
        return self.vocabulary.encode(symbols)

    def reader(self) -> Read:
        """See `LanguageModel`; nothing is said about the first character of a text."""
        read = Reader(self).read
        return lambda ids: read(ids) if ids else None

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
