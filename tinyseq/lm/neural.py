"""What the neural language models share: training, evaluation, sampling, saving and loading.

A neural model reads symbols in order and carries a *state* from one to the next, which is all that it remembers: h (and
c) for a recurrent network, the last few symbols for a network with a fixed window.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

from tinyseq.arguments import whole
from tinyseq.autograd.tensor import Tensor
from tinyseq.data.batches import IGNORE, Windows
from tinyseq.data.vocabulary import Vocabulary
from tinyseq.io.arrays import Arrays
from tinyseq.io.names import check_sizes, kept_settings
from tinyseq.lm.drawing import Choice
from tinyseq.lm.model import LanguageModel, Text
from tinyseq.lm.stepping import Reader
from tinyseq.lm.task import TextTask
from tinyseq.lm.words import END, check_word_vocabulary, sentences_of, words_of
from tinyseq.nn import Module, cross_entropy
from tinyseq.nn.checks import check_device, check_flags
from tinyseq.optim import AdamW
from tinyseq.optim.schedules import Schedule
from tinyseq.random import Rng, as_generator
from tinyseq.train import Callback, Checkpoint, Report, Validation, train, warm_up_cosine
from tinyseq.train.progress import run
from tinyseq.train.validation import keeping_best


class NeuralLM(Module, LanguageModel):
    """The base of `RNNLM` and `WindowLM`; a subclass defines `forward`, and its constructor takes ``settings``.

    Attributes:
        vocabulary: the symbols over which the probabilities sum to one.
        settings: the constructor's arguments other than the vocabulary, as saved in a file.
    """

    vocabulary: Vocabulary[Any]

    def __init__(self, vocabulary: Vocabulary[Any] | Sequence[Any], settings: dict[str, Any]) -> None:
        self.vocabulary = vocabulary if isinstance(vocabulary, Vocabulary) else Vocabulary(vocabulary)
        self.settings = kept_settings(settings)
        check_flags(words=settings["words"], tied=settings["tied"])
        self.words = bool(settings["words"])
        if self.words:
            check_word_vocabulary(self.vocabulary)

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
        schedule: Schedule | None = None,
        weight_decay: float = 0.0,
        validation: Text | None = None,
        validate_every: int | None = None,
        patience: int | None = None,
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
            text, steps: see `fit_steps`, like all arguments that are not listed here.
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
            schedule=schedule,
            weight_decay=weight_decay,
            validation=validation,
            validate_every=validate_every,
            patience=patience,
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
        schedule: Schedule | None = None,
        weight_decay: float = 0.0,
        validation: Text | None = None,
        validate_every: int | None = None,
        patience: int | None = None,
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
            text: symbols of the vocabulary; of a model of words, a string with a sentence in each line, or sentences as
                lists of words.
            steps: how many windows to train on.
            window: time steps in a window.
            batch: how many parts of the text are read in parallel.
            lr: the peak learning rate of Adam, with linear warm-up and cosine decay.
            clip: the maximum norm of the gradient.
            schedule: the learning rate of each step, in place of that; for a constant rate,
                ``tinyseq.optim.exponential_decay(rate, 1.0)``.
            weight_decay: each step multiplies the weights by 1 - rate * weight_decay, as in AdamW.
            validation: a held-out text. Its cross entropy is measured during the run, and at the end the model has the
                weights of the best measurement.
            validate_every: steps between measurements; by default a tenth of the run.
            patience: stop after this many measurements in a row without improvement; None for never.
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
        check_device(device)
        if device is not None:
            self.to(device)
        optimizer = AdamW(self.parameters(), lr=lr, weight_decay=weight_decay)
        if schedule is None:
            schedule = warm_up_cosine(lr, steps, warm_up=min(50, steps // 10))
        self.train()
        depends_on = {"text": ids, "window": window, "batch": batch, "lr": lr, **(depends_on or {})}
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
        return reports if measured is None else keeping_best(reports, measured)

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

    def nats(self, text: Text, *, window: int = 128, batch: int = 32) -> float:
        """The cross entropy of a text: the mean of -log P(symbol | all before it), in nats per symbol.

        The text is split into ``batch`` parts read in parallel; only the first symbol of each part has no history.

        Raises:
            ValueError: the text has fewer than two symbols, or a symbol is not in the vocabulary.
        """
        window, batch = whole("window", window), whole("batch", batch)
        ids = self._ids(text)
        batch = max(1, min(batch, len(ids) // window, len(ids) - 1))
        total, count, state = 0.0, 0, None
        with self.evaluating():
            for inputs, targets in Windows(ids, steps=window, batch=batch):
                logits, state = self(inputs, state)
                total += cross_entropy(logits, targets, ignore_index=IGNORE, reduction="sum").item()
                count += int((targets != IGNORE).sum())
        return total / count

    def symbols_of(self, text: Text) -> list[Any]:
        """See `LanguageModel`: all but the first, which nothing predicts."""
        return self._stream(text)[1:]

    def _stream(self, text: Any) -> list[Any]:
        """The symbols of a text; of words, the end of a sentence stands before the first one, too."""
        if not self.words:
            return list(text)
        return [END, *(word for sentence in sentences_of(text) for word in (*sentence, END))]

    def _ids(self, text: Any, name: str = "text") -> Any:
        """The ids of a text, which must have at least two symbols."""
        symbols = self._stream(text)
        if len(symbols) < 2:
            raise ValueError(f"the {name} has {len(symbols)} symbols; a language model needs at least 2")
        return self.vocabulary.encode(symbols)

    def sample(
        self,
        length: int,
        rng: Rng = None,
        *,
        prompt: Iterable[Any] = (),
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
    ) -> list[Any]:
        """Sample symbols one by one, each given all symbols before it.

        Args:
            length: how many.
            rng: a NumPy generator, or a seed; by default the generator of `tinyseq.manual_seed`.
            prompt: the symbols before the sample; for a model of words a string or a list of words, which begins a
                sentence. Without a prompt, the first character is drawn uniformly.
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
        before = [END, *(words_of(prompt) if isinstance(prompt, str) else prompt)] if self.words else list(prompt)
        ids = self.vocabulary.encode(before).tolist() or [int(rng.integers(len(self.vocabulary)))]
        drawn: list[int] = [] if before else [*ids]
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
