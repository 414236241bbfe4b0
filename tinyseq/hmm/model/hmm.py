"""The hidden Markov model: what it is made of, and how it learns."""

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from tinyseq.arguments import refuses_order, whole
from tinyseq.hmm.interop import convert
from tinyseq.hmm.learning.baum_welch import Fitted, baum_welch
from tinyseq.hmm.learning.counting import Smoothing, labelled_tables
from tinyseq.hmm.model.structures import Structures
from tinyseq.hmm.observations import Reading
from tinyseq.hmm.queries import Questions


class HMM(Structures, Questions):
    """A hidden Markov model of any n-gram order.

    P(states, observations) = prod_t P(s_t | s_{t-n+1}, ..., s_{t-1}) P(o_t | s_t). With n = 2 (bigrams of
    states), the usual model, a state depends on the one before it; with n = 3 (trigrams) on the two before it, and so
    on. The literature calls these first-order and second-order models.

    A sequence is a list of symbols, or an array of ids; a list of sequences gives a list of answers. ([] is one empty
    sequence.) A symbol None is a missing observation. ``states=`` narrows the hidden states down: for each step None
    (any), a state, or a set of them.

    Args:
        initial: P(s_1), (K,). For n > 2 the tuple of P(s_1) (K,), P(s_2 | s_1) (K, K), ..., of n - 1 tables.
        transition: P(s_t | history), (K,) * n, the oldest state first, the new one last; or one such table for each
            step that has a full history, along a first axis.
        emission: P(symbol | state), (K, V); or an emission model such as `Gaussian`; or None if sequences are arrays
            (T, K) of log scores that come from elsewhere.
        end: P(stop | last state), (K,). The transitions out of a state then share the rest, 1 - end.
        states: names of the K states.
        symbols: names of the V symbols.
        unknown: the symbol that stands for every name not among ``symbols``.

    Raises:
        ValueError: for tables whose shapes do not fit, or that hold no probabilities.

    Example:
        >>> hmm = HMM(
        ...     initial=[0.1, 0.2, 0.7],
        ...     transition=[[0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [0.6, 0.2, 0.2]],
        ...     emission=[[0.2, 0.1, 0.7], [0.1, 0.8, 0.1], [0.4, 0.3, 0.3]],
        ...     states=["X", "Y", "Z"],
        ...     symbols=["I", "like", "cats"],
        ... )
        >>> path, log_prob = hmm.viterbi(["I", "like", "cats"])
        >>> path, round(float(np.exp(log_prob)), 6)
        (['Z', 'Y', 'X'], 0.012544)
        >>> hmm.posterior(["I", "like", "cats"]).states.round(3)
        array([[0.108, 0.087, 0.805],
               [0.135, 0.601, 0.264],
               [0.732, 0.098, 0.17 ]])
    """

    @classmethod
    @refuses_order
    def from_labelled(
        cls,
        sequences: Iterable[Sequence[tuple[Any, Any]]],
        n: int = 2,
        smoothing: Smoothing = None,
        *,
        emission_smoothing: Smoothing = None,
        end: bool = False,
        states: Sequence[Hashable] | None = None,
        symbols: Sequence[Hashable] | None = None,
        unknown: Hashable | None = None,
    ) -> Self:
        """Estimate a model by counting in labelled sequences.

        Args:
            sequences: each a list of pairs (symbol, state), as ``[("the", "DT"), ("cat", "NN")]``. A symbol None was
                not observed; a state None is not known.
            n: the length of the n-grams of states, at least 2: each state depends on the n - 1 before it.
            smoothing: how counts of states become probabilities: None for relative frequencies, ``"witten-bell"``,
                ``"deleted-interpolation"``, or a function of counts such as ``AddK(0.1)``.
            emission_smoothing: the same for symbols.
            end: learn where sequences end, too.
            states: the states in the order of their ids; by default those that occur, sorted.
            symbols: likewise.
            unknown: a symbol to add, for all that the sequences do not have; it is given what ``emission_smoothing``
                leaves for it.

        Returns:
            The model; a history that was never seen has a row of zeros, unless it is smoothed.

        Raises:
            ValueError: for n below 2, for no sequences, or for an item that is no pair, with its place.

        Example:
            >>> data = [[("the", "DT"), ("cat", "NN"), ("runs", "VB")], [("the", "DT"), ("cat", "NN")]]
            >>> hmm = HMM.from_labelled(data)
            >>> hmm.transition[0].tolist(), list(hmm.states)
            ([0.0, 1.0, 0.0], ['DT', 'NN', 'VB'])
        """
        tables = labelled_tables(
            sequences, n, smoothing, emission_smoothing, end=end, states=states, symbols=symbols, unknown=unknown
        )
        return cls(**tables, unknown=unknown)

    def fit_em(
        self,
        sequences: Any,
        states: Any = None,
        *,
        max_steps: int = 100,
        tolerance: float = 1e-3,
        restarts: int = 1,
        rng: np.random.Generator | None = None,
        learn: Collection[str] = ("initial", "transition", "emission", "end"),
        callback: Callable[[int, float], Any] | None = None,
    ) -> Fitted:
        """Learn from sequences without labels, or with some, by Baum-Welch (EM); this model is where it starts.

        (Baum and others 1970; Rabiner 1989, section III C.)

        The likelihood never falls. Probabilities that are zero stay zero, so a model keeps its shape (left to right,
        for example). A state that the sequences never use keeps its tables. What is learned is in float64.

        Args:
            sequences: a sequence, or a list of sequences.
            states: what is known about their hidden states; with it learning is semi-supervised.
            max_steps: when to stop at the latest.
            tolerance: stop when two steps gain no more than this each, in nats for all sequences together, and the
                second no more than the first; leaving a saddle, steps grow.
            restarts: how many starts; all but the first have random tables, with the zeros of this model. The likelier
                half of them goes on each time, twice as far, and the last one to its end.
            rng: where their randomness comes from; a fresh generator by default.
            learn: what is learned, a name or several; the rest stays as it is. Arrays of the emission model have names
                of their own, such as ``"means"``.
            callback: called with the number of each step and the log-likelihood; `tinyseq.hmm.show` prints them.

        Returns:
            `Fitted`: the model, the log-likelihood at each step, and whether it converged.

        Raises:
            ImpossibleSequenceError: if the model cannot produce a sequence, with the place where it goes wrong.
            ValueError: for sequences without an observation, an unknown name in ``learn``, fewer than one start, or a
                model made of scores that are no probabilities.
            TypeError: for a number of steps or restarts that is not whole.

        Example:
            >>> start = HMM([0.5, 0.5], [[0.6, 0.4], [0.4, 0.6]], [[0.7, 0.3], [0.3, 0.7]])
            >>> fitted = start.fit_em([[0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1]])
            >>> fitted.converged, fitted.log_likelihoods[-1] > fitted.log_likelihoods[0]
            (True, True)
        """
        learn = {learn} if isinstance(learn, str) else set(learn)
        known = ("initial", "transition", "emission", "end", *self.emissions.arrays)
        unknown = learn - set(known)
        if unknown:
            raise ValueError(f"learn names {sorted(unknown)[0]!r}; it may name {', '.join(known)}")
        asked = Reading(self, sequences, states)
        if not len(asked.rows.data):
            raise ValueError("sequences hold no observation to learn from")
        return baum_welch(
            self,
            asked,
            max_steps=whole("max_steps", max_steps, 0),
            tolerance=tolerance,
            restarts=whole("restarts", restarts, 1),
            rng=np.random.default_rng() if rng is None else rng,
            learn=frozenset(learn),
            callback=callback,
        )

    # -- files, and other libraries ------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Save the model as safetensors, its names as JSON in the file's header.

        Args:
            path: the file to write, as a whole or not at all.

        Raises:
            RuntimeError: if safetensors is not installed.
            TypeError: for names that JSON cannot hold.

        Example:
            >>> import tempfile
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]]).save(f"{folder}/weather.hmm")
            ...     HMM.load(f"{folder}/weather.hmm")
            HMM(n=2, states=2, symbols=2)
        """
        convert.save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Load a model that `save` wrote.

        Args:
            path: the file to read; nothing in it is executed.

        Returns:
            The same model, to the last bit.

        Raises:
            tinyseq.io.ModelFileError: if the file is missing, damaged, or holds something else.
        """
        return convert.load(cls, path)

    @classmethod
    def from_hmmlearn(cls, model: Any) -> Self:
        """The same model as a fitted ``CategoricalHMM`` or ``GaussianHMM`` of hmmlearn.

        Args:
            model: hmmlearn's model.

        Raises:
            ValueError: if it is not fitted.
            TypeError: for other models.
        """
        return convert.from_hmmlearn(cls, model)

    def to_hmmlearn(self) -> Any:
        """The same model as one of hmmlearn's.

        Raises:
            RuntimeError: if hmmlearn is not installed.
            TypeError: if hmmlearn has no such model (n > 2, ``end``).
        """
        return convert.to_hmmlearn(self)
