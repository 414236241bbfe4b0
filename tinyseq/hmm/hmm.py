"""The hidden Markov model, and the questions one asks of it."""

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np

from tinyseq.autograd.modes import no_grad
from tinyseq.autograd.tensor import Tensor
from tinyseq.backend import Array
from tinyseq.hmm import convert
from tinyseq.hmm.chain import chain
from tinyseq.hmm.em import Fitted, baum_welch
from tinyseq.hmm.emissions import Rows, plain
from tinyseq.hmm.estimate import Smoothing, labelled_tables
from tinyseq.hmm.fast import log_partition
from tinyseq.hmm.impossible import explain
from tinyseq.hmm.inference import expectations, log_likelihood, transition_posteriors
from tinyseq.hmm.kbest import best_lists
from tinyseq.hmm.parameters import Parameters
from tinyseq.hmm.ragged import Ragged
from tinyseq.hmm.results import Decoding, Drawn, MarginalDecoding, Posterior
from tinyseq.hmm.sampling import hidden_path, posterior_paths
from tinyseq.hmm.semirings import Entropy
from tinyseq.hmm.tables import Arcs, Dense, Scores
from tinyseq.hmm.viterbi import best_paths


class HMM(Parameters):
    """A hidden Markov model of any n-gram order.

    P(states, observations) = prod_t P(s_t | s_{t-n+1}, ..., s_{t-1}) P(o_t | s_t). In a model of order 2, the usual
    one, a state depends on the one before it; in one of order 3 (trigram) on the two before it, and so on.

    A sequence is a list of symbols, or an array of ids; a list of sequences gives a list of answers. ([] is one empty
    sequence.) A symbol None is a missing observation. ``states=`` narrows the hidden states down: for each step None
    (any), a state, or a set of them.

    Args:
        initial: P(s_1), (K,). For order n the tuple of P(s_1) (K,), P(s_2 | s_1) (K, K), ..., of n - 1 tables.
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
    def from_labelled(
        cls,
        sequences: Iterable[Sequence[tuple[Any, Any]]],
        order: int = 2,
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
            order: n, at least 2.
            smoothing: how counts of states become probabilities: None for relative frequencies, ``"witten-bell"``,
                ``"deleted-interpolation"``, or a function of counts such as ``AddK(0.1)``.
            emission_smoothing: the same for symbols.
            end: learn where sequences end, too.
            states: the states in the order of their ids; by default those that occur, sorted.
            symbols: likewise.
            unknown: a symbol to add, for all that the sequences do not have; it is given what ``emission_smoothing``
                leaves for it.

        Raises:
            ValueError: for an order below 2, for no sequences, or for an item that is no pair, with its place.

        Example:
            >>> data = [[("the", "DT"), ("cat", "NN"), ("runs", "VB")], [("the", "DT"), ("cat", "NN")]]
            >>> hmm = HMM.from_labelled(data)
            >>> hmm.transition[0].tolist(), list(hmm.states)
            ([0.0, 1.0, 0.0], ['DT', 'NN', 'VB'])
        """
        tables = labelled_tables(
            sequences, order, smoothing, emission_smoothing, end=end, states=states, symbols=symbols, unknown=unknown
        )
        return cls(**tables, unknown=unknown)

    def fit_em(
        self,
        sequences: Any,
        states: Any = None,
        *,
        max_steps: int = 100,
        tolerance: float = 1e-6,
        restarts: int = 1,
        rng: np.random.Generator | None = None,
        learn: Collection[str] = ("initial", "transition", "emission", "end"),
        callback: Callable[[int, float], Any] | None = None,
    ) -> Fitted:
        """Learn from sequences without labels, or with some, by Baum-Welch (EM); this model is where it starts.

        The likelihood never falls. Probabilities that are zero stay zero, so a model keeps its shape (left to right, for
        example). A state that the sequences never use keeps its tables.

        Args:
            sequences: a sequence, or a list of sequences.
            states: what is known about their hidden states; with it learning is semi-supervised.
            max_steps: when to stop at the latest.
            tolerance: stop when a step gains no more than this, in nats for each observation.
            restarts: how many starts; all but the first have random tables, with the zeros of this model. The likeliest
                result is returned.
            rng: where their randomness comes from; a fresh generator by default.
            learn: what is learned; the rest stays as it is.
            callback: called with the number of each step and the log-likelihood; `tinyseq.hmm.show` prints them.

        Returns:
            `Fitted`: the model, the log-likelihood at each step, and whether it converged.

        Raises:
            ImpossibleSequenceError: if the model cannot produce a sequence, with the place where it goes wrong.
            ValueError: for an unknown name in ``learn``.

        Example:
            >>> start = HMM([0.5, 0.5], [[0.6, 0.4], [0.4, 0.6]], [[0.7, 0.3], [0.3, 0.7]])
            >>> fitted = start.fit_em([[0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1]])
            >>> fitted.converged, fitted.log_likelihoods[-1] > fitted.log_likelihoods[0]
            (True, True)
        """
        unknown = set(learn) - {"initial", "transition", "emission", "end"}
        if unknown:
            raise ValueError(f"learn names {sorted(unknown)[0]!r}; it may name initial, transition, emission, end")
        if max_steps < 0 or restarts < 1:
            raise ValueError(f"max_steps must be at least 0 and restarts at least 1, got {max_steps} and {restarts}")
        _, rows, allowed = self._read(sequences, states)
        return baum_welch(
            self,
            rows,
            allowed,
            max_steps=max_steps,
            tolerance=tolerance,
            restarts=restarts,
            rng=np.random.default_rng() if rng is None else rng,
            learn=frozenset(learn),
            callback=callback,
        )

    def log_likelihood(self, x: Any, states: Any = None) -> Any:
        """log P(x), the sum over all paths of hidden states; -inf if no path can produce x.

        Args:
            x: a sequence, or a list of sequences.
            states: what is known about the hidden states, as long as x. Then the answer is log P(x, states).

        Returns:
            A number, or an array (N,). A tensor if a parameter of the model requires gradients.

        Raises:
            ValueError: for an unknown symbol or state, with its sequence and position.

        Example:
            >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]])
            >>> np.exp(hmm.log_likelihood([[0], [1], [0, 1], []])).round(4)
            array([0.3  , 0.7  , 0.176, 1.   ])
        """
        one, rows, allowed = self._read(x, states)
        if self.requires_grad:
            found = self._recorded(rows, allowed)
            return found[0] if one else found
        values = log_likelihood(self._arcs(), self._scores(rows, allowed), Ragged(rows.lengths))
        return float(values[0]) if one else values.astype(self.dtype, copy=False)

    def viterbi(self, x: Any, states: Any = None) -> Any:
        """The most probable path of hidden states; of equally probable ones, that with the lowest last states.

        Args:
            x: a sequence, or a list of sequences.
            states: what is known about the hidden states.

        Returns:
            A `Decoding`, or a list of them.

        Raises:
            ImpossibleSequenceError: if no path can produce a sequence, with the place where it goes wrong.
        """
        one, rows, allowed = self._read(x, states)
        arcs, scores, batch = self._arcs(), self._scores(rows, allowed), Ragged(rows.lengths)
        path, best = best_paths(arcs, scores, batch)
        self._check_possible(best, rows, arcs, scores, batch)
        found = [Decoding(*pair) for pair in zip(self._paths(path, rows), best.tolist(), strict=True)]
        return found[0] if one else found

    def posterior(self, x: Any, states: Any = None) -> Any:
        """The posterior probabilities of the hidden states and transitions, by forward-backward.

        Args:
            x: a sequence, or a list of sequences.
            states: what is known about the hidden states.

        Returns:
            A `Posterior`, or a list of them.

        Raises:
            ImpossibleSequenceError: if no path can produce a sequence, with the place where it goes wrong.
        """
        one, rows, allowed = self._read(x, states)
        arcs, scores, batch = self._arcs(), self._scores(rows, allowed), Ragged(rows.lengths)
        expected = expectations(arcs, scores, batch)
        self._check_possible(expected.log_likelihood, rows, arcs, scores, batch)
        parts = zip(expected.log_likelihood.tolist(), rows.split(expected.states), strict=True)
        found = [
            Posterior(likelihood, part, partial(transition_posteriors, arcs, scores, batch, i))
            for i, (likelihood, part) in enumerate(parts)
        ]
        return found[0] if one else found

    def posterior_decode(self, x: Any, states: Any = None) -> Any:
        """The most probable state at each step, each on its own; ties go to the lowest state.

        Args:
            x: a sequence, or a list of sequences.
            states: what is known about the hidden states.

        Returns:
            A `MarginalDecoding`, or a list of them; its ``expected_accuracy`` is the mean of the states' posteriors.

        Raises:
            ImpossibleSequenceError: if no path can produce a sequence, with the place where it goes wrong.
        """
        posterior = self.posterior(x, states)
        found = []
        for part in posterior if isinstance(posterior, list) else [posterior]:
            ids = part.states.argmax(axis=1)
            sure = part.states.max(axis=1)
            path = [self.states[i] for i in ids.tolist()] if self.states.named else ids
            found.append(MarginalDecoding(path, float(sure.mean()) if len(sure) else 1.0))
        return found if isinstance(posterior, list) else found[0]

    def probability(self, x: Any, states: Any = None, *, given: tuple[Any, Any] | None = None) -> float:
        """The probability of anything said about one sequence, given anything else said about it.

        Args:
            x: symbols, None where nothing is said.
            states: hidden states, None where nothing is said.
            given: a pair (x, states) that is known already.

        Returns:
            P(x, states | given).

        Raises:
            ImpossibleSequenceError: if what is given cannot be.
            ValueError: if a symbol is asked about where another one is given.

        Example:
            >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]], states="LH", symbols="ab")
            >>> round(hmm.probability([None, "b"], given=([None, None], ["L", None])), 6)  # P(o_2 = b | s_1 = L)
            0.54
        """
        _, rows, allowed = self._read([x], None if states is None else [states])
        if given is None:
            return float(np.exp(log_likelihood(self._arcs(), self._scores(rows, allowed), Ragged(rows.lengths))[0]))
        _, known, allowed_known = self._read([given[0]], None if given[1] is None else [given[1]])
        if known.lengths != rows.lengths:
            raise ValueError(f"given speaks of {known.lengths[0]} steps, but x of {rows.lengths[0]}")
        both = Rows(self.emissions.both(rows.data, known.data), rows.lengths)
        meet = allowed_known if allowed is None else allowed if allowed_known is None else allowed & allowed_known
        arcs, batch, scores = self._arcs(), Ragged(rows.lengths), self._scores(known, allowed_known)
        condition = log_likelihood(arcs, scores, batch)
        self._check_possible(condition, known, arcs, scores, batch)
        return float(np.exp(log_likelihood(arcs, self._scores(both, meet), batch) - condition)[0])

    def sample(self, length: int | None = None, rng: np.random.Generator | None = None) -> Drawn:
        """Draw a sequence from the model.

        Args:
            length: how many steps; None to go on until the model stops, which takes a model with ``end``.
            rng: where the randomness comes from; a fresh generator by default.

        Returns:
            `Drawn`: the observations, and the hidden states behind them.

        Raises:
            ValueError: without a length and without ``end``, or if the model comes to where it leads nowhere.

        Example:
            >>> hmm = HMM([1.0, 0.0], [[0.0, 1.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]], symbols="ab")
            >>> hmm.sample(3, np.random.default_rng(0)).observations
            ['a', 'b', 'a']
        """
        if length is None and (self.end is None or not (plain(self.end) > 0).any()):
            raise ValueError("a model without end never stops; pass a length")
        rng = np.random.default_rng() if rng is None else rng
        ids = hidden_path(self._arcs(), length, rng)
        return Drawn(self.emissions.sample(ids, rng), self._paths(ids, Rows(ids, [len(ids)]))[0])

    def sample_posterior(self, x: Any, n: int = 1, rng: np.random.Generator | None = None, states: Any = None) -> Any:
        """Draw hidden paths that explain a sequence, each as often as it is probable.

        Args:
            x: a sequence, or a list of sequences.
            n: how many paths.
            rng: where the randomness comes from; a fresh generator by default.
            states: what is known about the hidden states.

        Returns:
            A list of n paths, or for a list of sequences a list of such lists.

        Raises:
            ImpossibleSequenceError: if no path can produce a sequence, with the place where it goes wrong.
        """
        one, rows, allowed = self._read(x, states)
        arcs, scores, batch = self._arcs(), self._scores(rows, allowed), Ragged(rows.lengths)
        self._check_possible(log_likelihood(arcs, scores, batch), rows, arcs, scores, batch)
        rng = np.random.default_rng() if rng is None else rng
        drawn = [self._paths(ids, rows) for ids in posterior_paths(arcs, scores, batch, n, rng)]
        found = [[paths[i] for paths in drawn] for i in range(len(rows.lengths))]
        return found[0] if one else found

    def kbest(self, x: Any, k: int, states: Any = None) -> Any:
        """The k most probable paths of hidden states, the best first; ties as in `viterbi`.

        Args:
            x: a sequence, or a list of sequences.
            k: how many; fewer are returned if there are not so many possible paths.
            states: what is known about the hidden states.

        Returns:
            A list of `Decoding`, or for a list of sequences a list of such lists.

        Raises:
            ImpossibleSequenceError: if no path can produce a sequence, with the place where it goes wrong.
        """
        one, rows, allowed = self._read(x, states)
        arcs, scores, batch = self._arcs(), self._scores(rows, allowed), Ragged(rows.lengths)
        ids, values = best_lists(arcs, scores, batch, k)
        self._check_possible(values[0], rows, arcs, scores, batch)
        ranks = [self._paths(path, rows) for path in ids]
        found = [
            [Decoding(ranks[r][i], score) for r, score in enumerate(values[:, i].tolist()) if score > -np.inf]
            for i in range(len(rows.lengths))
        ]
        return found[0] if one else found

    def entropy(self, x: Any, states: Any = None) -> Any:
        """The entropy, in nats, of the distribution over hidden paths given x; 0 if only one path can explain x.

        Args:
            x: a sequence, or a list of sequences.
            states: what is known about the hidden states.

        Returns:
            A number, or an array (N,); 0 where no path can produce the sequence.
        """
        one, rows, allowed = self._read(x, states)
        initial, transition, end = self._logs
        scores = self._scores(rows, allowed).logs(np.arange(len(rows.data))).T[rows.padded()]
        with no_grad():
            _, found = chain(initial, transition, scores, end, semiring=Entropy(), lengths=rows.lengths).numpy()
        return float(found[0]) if one else found

    # -- files, and other libraries ------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Save the model as safetensors, its names as JSON in the file's header.

        Args:
            path: the file to write, as a whole or not at all.

        Raises:
            RuntimeError: if safetensors is not installed.
            TypeError: for names that JSON cannot hold.
        """
        convert.save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Load a model that `save` wrote.

        Raises:
            tinyseq.io.ModelFileError: if the file is missing, damaged, or holds something else.
        """
        return convert.load(cls, path)

    @classmethod
    def from_hmmlearn(cls, model: Any) -> Self:
        """The same model as a fitted ``CategoricalHMM`` or ``GaussianHMM`` of hmmlearn."""
        return convert.from_hmmlearn(cls, model)

    def to_hmmlearn(self) -> Any:
        """The same model as one of hmmlearn's.

        Raises:
            RuntimeError: if hmmlearn is not installed.
            TypeError: if hmmlearn has no such model (order above 2, ``end``).
        """
        return convert.to_hmmlearn(self)

    # -- from sequences to scores, and back ----------------------------------------------------------------------------

    def _read(self, x: Any, states: Any) -> tuple[bool, Rows, Array | None]:
        """Whether x is one sequence; the observations; and which states each row allows (rows, K), None for all."""
        one = self.emissions.is_one(x)
        rows = self.emissions.read([x] if one else list(x))
        most = self.transition.shape[0] + self.order - 1
        if self.transition.ndim > self.order and max(rows.lengths) > most:
            raise ValueError(f"transition has tables for sequences up to {most} steps; got one of {max(rows.lengths)}")
        if states is None:
            return one, rows, None
        known = [states] if one else list(states)
        if [len(part) for part in known] != rows.lengths:
            raise ValueError("states must be as long as x, with None where nothing is known")
        return one, rows, np.concatenate([np.zeros((0, len(self.states)), dtype=bool), *map(self._allowed, known)])

    def _allowed(self, known: Sequence[Any]) -> Array:
        allowed = np.zeros((len(known), len(self.states)), dtype=bool)
        for t, item in enumerate(known):
            if item is None:
                allowed[t] = True
            elif isinstance(item, set | frozenset | list):
                allowed[t, self.states.ids(list(item))] = True
            else:
                allowed[t, self.states.ids([item])] = True
        return allowed

    def _scores(self, rows: Rows, allowed: Array | None) -> Scores:
        scores = self.emissions.scores(rows.data)
        if allowed is None:
            return scores
        return Dense(np.where(allowed, scores.logs(np.arange(len(rows.data))).T, -np.inf))

    def _recorded(self, rows: Rows, allowed: Array | None) -> Tensor:
        """The log-likelihood as a tensor, through which gradients flow."""
        initial, transition, end = self._logs
        place, lengths = rows.padded(), rows.lengths
        scores = self.emissions.recorded(rows.data)
        if allowed is not None:
            scores = scores + np.where(allowed, 0.0, -np.inf)
        return log_partition(initial, transition, scores[place], end, lengths=lengths)

    def _paths(self, ids: Array, rows: Rows) -> list[Sequence[Any]]:
        """Paths of ids, one sequence after the other, as a list of paths of names."""
        paths = rows.split(ids)
        return [[self.states[i] for i in path.tolist()] for path in paths] if self.states.named else paths

    def _check_possible(self, values: Array, rows: Rows, arcs: Arcs, scores: Scores, batch: Ragged) -> None:
        if (values == -np.inf).any():
            number = int(np.flatnonzero(values == -np.inf)[0])
            start = sum(rows.lengths[:number])
            raise explain(
                arcs, scores, batch, number, lambda t: self.emissions.describe(rows.data[start + t]), self.states
            )
