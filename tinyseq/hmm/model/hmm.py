"""The hidden Markov model: its parameters, with inference, learning and conversion as methods."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike

from tinyseq.arguments import refuses_order
from tinyseq.autograd.tensor import TensorLike
from tinyseq.hmm.emissions import Emission
from tinyseq.hmm.interop import convert, notebook
from tinyseq.hmm.learning import baum_welch
from tinyseq.hmm.learning.counting import Smoothing, labelled_tables
from tinyseq.hmm.model import structures
from tinyseq.hmm.model.labels import Labels
from tinyseq.hmm.model.parameters import Parameters
from tinyseq.hmm.model.probabilities import Table
from tinyseq.hmm.queries import criteria, decoding, durations, filtering, likelihood, long_run, posterior, simulation
from tinyseq.io import SavedModel
from tinyseq.io.arrays import Arrays
from tinyseq.torch_names.other_names import HMM as NAMES
from tinyseq.torch_names.settings import Explained, explained


class HMM(SavedModel, metaclass=Explained):
    """A hidden Markov model of any n-gram order.

    P(states, observations) = prod_t P(s_t | s_{t-n+1}, ..., s_{t-1}) P(o_t | s_t). With n = 2 (bigrams of
    states), the usual model, a state depends on the one before it; with n = 3 (trigrams) on the two before it, and so
    on. The literature calls these first-order and second-order models.

    A sequence is a list of symbols, or an array of ids; a list of sequences gives a list of answers. ([] is one empty
    sequence.) If all symbols are single letters, a string is a sequence of them. A list of strings is then one sequence
    if each is a single letter, ``["a", "b"]``, and else several sequences, ``["ab", "b"]``; with ``unknown`` too, which
    stands for letters, not for words. A symbol None is a missing observation.
    ``states=`` restricts the hidden states: for each step None (any), a state, or a set of states.

    A model does not change: its tables are read-only. Make another model for other tables.

    Args:
        initial: P(s_1), (K,). For n > 2 the tuple of P(s_1) (K,), P(s_2 | s_1) (K, K), ..., of n - 1 tables.
        transition: P(s_t | history), (K,) * n, the oldest state first, the new one last; or one such table for each
            step that has a full history, along a first axis.
        emission: P(symbol | state), (K, V); or an emission model such as `Gaussian`; or None if sequences are arrays
            (T, K) of log scores from another model.
        end: P(stop | last state), (K,). The transitions out of a state then share the rest, 1 - end.
        states: names of the K states.
        symbols: names of the V symbols.
        unknown: the symbol that stands for every name not among ``symbols``.

    Raises:
        ValueError: if the tables' shapes do not match, or a table does not hold probabilities.

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

    _other_names: ClassVar[dict[str, str]] = NAMES

    def __init__(
        self,
        initial: TensorLike,
        transition: TensorLike,
        emission: TensorLike | Emission | None,
        *,
        end: TensorLike | None = None,
        states: Iterable[Hashable] | None = None,
        symbols: Iterable[Hashable] | None = None,
        unknown: Hashable | None = None,
    ) -> None:
        self.parameters = Parameters(
            initial, transition, emission, end=end, states=states, symbols=symbols, unknown=unknown
        )

    @classmethod
    def from_parameters(cls, parameters: Parameters) -> Self:
        """A model with these parameters, which are not copied."""
        model = cls.__new__(cls)
        model.parameters = parameters
        return model

    @classmethod
    def from_logs(
        cls,
        initial: TensorLike,
        transition: TensorLike,
        emission: TensorLike | Emission | None,
        *,
        end: TensorLike | None = None,
        states: Iterable[Hashable] | None = None,
        symbols: Iterable[Hashable] | None = None,
        unknown: Hashable | None = None,
    ) -> Self:
        """A model from log scores, which need not be normalised, for training by gradient descent.

        Args:
            initial, transition, emission, end: as for the model, as logs; those that are tensors receive gradients.
            states, symbols, unknown: as for the model.

        Returns:
            The model; its probabilities are the exponentials of the scores.

        Raises:
            ValueError: if the tables' shapes do not match, or a table holds NaN or infinity.

        Example:
            >>> import tinyseq as ts
            >>> logits = ts.tensor([[2.0, 0.0], [0.0, 1.0]], requires_grad=True)
            >>> hmm = HMM.from_logs(np.log([0.5, 0.5]), ts.log_softmax(logits), np.log([[0.9, 0.1], [0.2, 0.8]]))
            >>> hmm.log_likelihood([0, 0, 1]).backward()
            >>> logits.grad.shape
            (2, 2)
        """
        return cls.from_parameters(
            Parameters.from_logs(
                initial, transition, emission, end=end, states=states, symbols=symbols, unknown=unknown
            )
        )

    @classmethod
    def left_to_right(
        cls,
        emission: TensorLike | Emission,
        *,
        stay: ArrayLike = 0.5,
        skip: ArrayLike = 0.0,
        stop: bool = False,
        states: Iterable[Hashable] | None = None,
        symbols: Iterable[Hashable] | None = None,
    ) -> Self:
        """A left-to-right model: it starts in its first state and never goes back, as for speech (Bakis, 1976).

        Args:
            emission: a table (K, V), or an emission model with K states.
            stay: the probability of staying in a state, a number or (K,).
            skip: the probability of skipping the next state, likewise; it has no effect in the last two states.
            stop: True if a sequence ends, which it can only do in the last state; False if it may be cut off anywhere,
                and the last state is never left.
            states, symbols: names, as for `HMM`.

        Returns:
            The model.

        Raises:
            ValueError: if a probability is negative, or ``stay`` and ``skip`` sum to more than 1.

        Example:
            >>> HMM.left_to_right(np.full((3, 2), 0.5), stay=0.6, skip=0.1).transition.round(2)
            array([[0.6, 0.3, 0.1],
                   [0. , 0.6, 0.4],
                   [0. , 0. , 1. ]])
        """
        parameters = structures.left_to_right(emission, stay=stay, skip=skip, stop=stop, states=states, symbols=symbols)
        return cls.from_parameters(parameters)

    @classmethod
    def cyclic(
        cls,
        emission: TensorLike | Emission,
        *,
        stay: ArrayLike = 0.5,
        initial: ArrayLike | None = None,
        states: Iterable[Hashable] | None = None,
        symbols: Iterable[Hashable] | None = None,
    ) -> Self:
        """A model whose states follow each other in a cycle, such as the phases of a day or of a machine.

        Args:
            emission: a table (K, V), or an emission model with K states.
            stay: the probability of staying in a state, a number or (K,).
            initial: P(s_1), (K,); uniform by default.
            states, symbols: names, as for `HMM`.

        Returns:
            The model.

        Raises:
            ValueError: if a probability is not between 0 and 1.

        Example:
            >>> HMM.cyclic(np.full((3, 2), 0.5), stay=0.75).transition
            array([[0.75, 0.25, 0.  ],
                   [0.  , 0.75, 0.25],
                   [0.25, 0.  , 0.75]])
        """
        parameters = structures.cyclic(emission, stay=stay, initial=initial, states=states, symbols=symbols)
        return cls.from_parameters(parameters)

    @classmethod
    def semi_markov(
        cls,
        initial: ArrayLike,
        jumps: ArrayLike,
        durations: ArrayLike,
        emission: TensorLike | Emission,
        *,
        states: Iterable[Hashable] | None = None,
        symbols: Iterable[Hashable] | None = None,
    ) -> Self:
        """A model with explicit state durations; in an ordinary HMM, durations are geometric.

        Each state becomes R states (state, steps left) that count down and share its emissions: the chain enters at the
        number of steps drawn, and leaves after the last one. (Explicit durations: Ferguson, 1980; as an HMM: Johnson
        2005.) The first duration begins with the sequence; the end of the sequence may cut off the last.

        Training keeps this structure: with two states, the durations are learned as the entry probabilities; with more,
        they may become dependent on the previous state. ``learn={"emission"}`` leaves the durations unchanged.

        Args:
            initial: P(first state), (K,).
            jumps: P(next state | state that ends), (K, K).
            durations: P(duration | state), (K, R), for 1 to R steps.
            emission: a table (K, V), or an emission model with K states.
            states, symbols: names, as for `HMM`; the model's own states are pairs (name, steps left).

        Returns:
            The model.

        Raises:
            ValueError: if the shapes do not match, or a row does not hold probabilities.

        Example:
            >>> three_or_one = HMM.semi_markov([1, 0], [[0, 1], [1, 0]], [[0, 0, 1], [1, 0, 0]], np.eye(2), states="ab")
            >>> three_or_one.viterbi([0, 0, 0, 1, 0]).path
            [('a', 3), ('a', 2), ('a', 1), ('b', 1), ('a', 3)]
        """
        parameters = structures.semi_markov(initial, jumps, durations, emission, states=states, symbols=symbols)
        return cls.from_parameters(parameters)

    @classmethod
    @explained
    @refuses_order
    def from_labelled(
        cls,
        sequences: Iterable[Sequence[tuple[Hashable, Hashable]]],
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
            sequences: each a list of pairs (symbol, state), such as ``[("the", "DT"), ("cat", "NN")]``. A symbol None
                is a missing observation; a state None is unknown.
            n: the length of the n-grams of states, at least 2: each state depends on the n - 1 before it.
            smoothing: how counts of states become probabilities: None for relative frequencies, ``"witten-bell"``,
                ``"deleted-interpolation"``, or a function of counts such as ``AddK(0.1)``.
            emission_smoothing: the same for symbols.
            end: also estimate P(stop | last state).
            states: the states in the order of their ids; by default those that occur, sorted.
            symbols: likewise.
            unknown: a symbol to add, which stands for every symbol not in the sequences; its probability is what
                ``emission_smoothing`` gives to an unseen symbol.

        Returns:
            The model; a history that was never seen has a row of zeros, unless it is smoothed.

        Raises:
            ValueError: if n is below 2, there are no sequences, or an item is not a pair; the error gives its position.

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

    # Training without labels, and queries: documented where they are defined.
    fit_em = baum_welch.fit_em
    fit_em_steps = baum_welch.fit_em_steps
    log_likelihood = likelihood.log_likelihood
    aic = criteria.aic
    bic = criteria.bic
    free_parameters = criteria.free_parameters
    probability = likelihood.probability
    entropy = likelihood.entropy
    viterbi = decoding.viterbi
    kbest = decoding.kbest
    posterior_decode = decoding.posterior_decode
    posterior = posterior.posterior
    filter = filtering.filter
    forward_table = filtering.forward_table
    predict = filtering.predict
    sample = simulation.sample
    sample_posterior = simulation.sample_posterior
    stationary = long_run.stationary
    expected_durations = long_run.expected_durations
    durations = durations.durations

    @property
    def n(self) -> int:
        """The length of the n-grams of states."""
        return self.parameters.n

    @property
    def initial(self) -> Table | Any:
        """P(s_1); for n > 2 the tuple of P(s_1), P(s_2 | s_1), ..."""
        return self.parameters.initial

    @property
    def transition(self) -> Table:
        """P(s_t | history)."""
        return self.parameters.transition

    @property
    def end(self) -> Table | None:
        """P(stop | last state), or None."""
        return self.parameters.end

    @property
    def emission(self) -> Table | Any:
        """P(symbol | state), (K, V), or the emission model if it has no such table."""
        return self.parameters.emission

    @property
    def emissions(self) -> Emission:
        """The emission model."""
        return self.parameters.emissions

    @property
    def states(self) -> Labels:
        """The names of the states, in the order of their ids."""
        return self.parameters.states

    @property
    def symbols(self) -> Sequence[Any]:
        """The names of the symbols, in the order of their ids; empty if observations are not symbols."""
        return self.parameters.symbols

    @property
    def longest(self) -> int | None:
        """The maximum sequence length if the transitions vary with time, else None."""
        return self.parameters.longest

    @property
    def on_tape(self) -> bool:
        """Whether a parameter is a tensor, so that log-likelihoods are tensors too."""
        return self.parameters.on_tape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the tables."""
        return self.parameters.dtype

    _repr_html_ = notebook.model

    def __repr__(self) -> str:
        seen = f", symbols={len(self.symbols)}" if self.symbols else f", emission={type(self.emissions).__name__}"
        most = "" if self.longest is None else f", at most {self.longest} steps"
        return f"{type(self).__name__}(n={self.n}, states={len(self.states)}{seen}{most})"

    former_kinds = ("hidden Markov model",)
    saved = convert.saved
    to_hmmlearn = convert.to_hmmlearn

    @classmethod
    def restored(cls, arrays: Arrays, metadata: dict[str, Any]) -> Self:
        """See `tinyseq.io.SavedModel`."""
        return cls.from_parameters(convert.restored(arrays, metadata))

    @classmethod
    def from_hmmlearn(cls, model: Any) -> Self:
        """Convert a fitted hmmlearn model: categorical, Gaussian (also a mixture), multinomial or Poisson.

        Args:
            model: the hmmlearn model.

        Returns:
            The model.

        Raises:
            ValueError: if the model is not fitted.
            TypeError: for any other kind of model.
        """
        return cls.from_parameters(convert.from_hmmlearn(model))
