"""What one asks of a hidden Markov model."""

from functools import partial
from typing import Any

import numpy as np

from tinyseq.arguments import whole
from tinyseq.autograd.modes import no_grad
from tinyseq.backend import Array
from tinyseq.hmm.inference.chain import chain
from tinyseq.hmm.inference.passes.dispatch import best_paths, expectations, log_likelihood, transition_posteriors
from tinyseq.hmm.inference.passes.kbest import best_lists
from tinyseq.hmm.inference.sampling import hidden_path, posterior_paths
from tinyseq.hmm.inference.semirings import Entropy
from tinyseq.hmm.model.parameters import Parameters
from tinyseq.hmm.model.probabilities import plain
from tinyseq.hmm.model.stationary import durations, stationary
from tinyseq.hmm.observations import Reading
from tinyseq.hmm.results import Decoding, Drawn, MarginalDecoding, Posterior


class Questions(Parameters):
    """The questions, each about one sequence or about a list of them.

    All of them take ``states``, what is known about the hidden states: for each step None, a state, or a set of states.
    And all raise ValueError for an unknown symbol or state, with its sequence and position.
    """

    def log_likelihood(self, x: Any, states: Any = None) -> Any:
        """log P(x), the sum over all paths of hidden states; -inf if no path can produce x.

        Args:
            x: a sequence, or a list of sequences.
            states: what is known about the hidden states, as long as x. Then the answer is log P(x, states).

        Returns:
            A number, or an array (N,). A tensor if a parameter of the model is one, or if x is a tensor of log scores.

        Raises:
            ValueError: for an unknown symbol or state, with its sequence and position.
            ImpossibleSequenceError: if the answer is a tensor, to learn from, and no path has these states.

        Example:
            >>> from tinyseq.hmm import HMM
            >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]])
            >>> np.exp(hmm.log_likelihood([[0], [1], [0, 1], []])).round(4)
            array([0.3  , 0.7  , 0.176, 1.   ])
        """
        asked = Reading(self, x, states)
        if asked.on_tape:
            found = asked.recorded_likelihood()
            if states is not None:  # a loss of labels; inf would say nothing about the pair that is impossible
                asked.require_possible(found.numpy())
            return asked.answer(found)
        values = log_likelihood(asked.arcs, asked.scores, asked.batch)
        return float(values[0]) if asked.one else values.astype(self.dtype, copy=False)

    def viterbi(self, x: Any, states: Any = None) -> Any:
        """The most probable path of hidden states; of equally probable ones, that with the lowest last states.

        (Viterbi 1967; the lectures' table of scores, without back-pointers.)

        Args:
            x: a sequence, or a list of sequences.
            states: what is known about the hidden states.

        Returns:
            A `Decoding`, or a list of them.

        Raises:
            ImpossibleSequenceError: if no path can produce a sequence, with the place where it goes wrong.

        Example:
            >>> from tinyseq.hmm import HMM
            >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]], states="LH", symbols="ab")
            >>> [decoding.path for decoding in hmm.viterbi(["abab", "b"])]
            [['L', 'L', 'L', 'L'], ['H']]
            >>> hmm.viterbi("abab", states=[None, None, None, "H"]).path
            ['L', 'L', 'L', 'H']
        """
        asked = Reading(self, x, states)
        ids, best = best_paths(asked.arcs, asked.scores, asked.batch)
        asked.require_possible(best)
        return asked.answer([Decoding(*pair) for pair in zip(asked.paths(ids), best.tolist(), strict=True)])

    def posterior(self, x: Any, states: Any = None) -> Any:
        """The posterior probabilities of the hidden states and transitions, by forward-backward.

        (Rabiner 1989, section III.)

        Args:
            x: a sequence, or a list of sequences.
            states: what is known about the hidden states.

        Returns:
            A `Posterior`, or a list of them: states (T, K), transitions (T - n + 1, K, ..., K) for n-grams of states.

        Raises:
            ImpossibleSequenceError: if no path can produce a sequence, with the place where it goes wrong.

        Example:
            >>> from tinyseq.hmm import HMM
            >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]])
            >>> posterior = hmm.posterior([0, 1])
            >>> posterior.states.round(3)
            array([[0.767, 0.233],
                   [0.668, 0.332]])
            >>> posterior.transitions.round(3)
            array([[[0.639, 0.128],
                    [0.028, 0.205]]])
        """
        asked = Reading(self, x, states)
        passes = asked.arcs, asked.scores, asked.batch
        expected = expectations(*passes, with_counts=False)
        asked.require_possible(expected.log_likelihood)
        parts = zip(
            expected.log_likelihood.tolist(),
            asked.rows.split(expected.states.astype(self.dtype, copy=False)),
            strict=True,
        )
        return asked.answer(
            [
                Posterior(likelihood, part, partial(transition_posteriors, *passes, i), self.states)
                for i, (likelihood, part) in enumerate(parts)
            ]
        )

    def posterior_decode(self, x: Any, states: Any = None) -> Any:
        """The most probable state at each step, each on its own; ties go to the lowest state.

        Args:
            x: a sequence, or a list of sequences.
            states: what is known about the hidden states.

        Returns:
            A `MarginalDecoding`, or a list of them; its ``expected_accuracy`` is the mean of the states' posteriors.

        Raises:
            ImpossibleSequenceError: if no path can produce a sequence, with the place where it goes wrong.

        Example:
            >>> from tinyseq.hmm import HMM
            >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]])
            >>> guess = hmm.posterior_decode([0, 1])
            >>> guess.path.tolist(), round(guess.expected_accuracy, 3)  # (0.767 + 0.668) / 2
            ([0, 0], 0.717)
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
            TypeError: if ``given`` is no pair.
            ValueError: if a symbol is asked about where another one is given.

        Example:
            >>> from tinyseq.hmm import HMM
            >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]], states="LH", symbols="ab")
            >>> round(hmm.probability([None, "b"], given=([None, None], ["L", None])), 6)  # P(o_2 = b | s_1 = L)
            0.54
        """
        asked = Reading(self, [x], None if states is None else [states])
        if given is None:
            return _exponential(log_likelihood(asked.arcs, asked.scores, asked.batch))
        if not isinstance(given, tuple | list) or len(given) != 2:
            raise TypeError(f"given must be a pair (x, states), with None for states that are not known; got {given!r}")
        known = Reading(self, [given[0]], None if given[1] is None else [given[1]])
        both = asked.and_given(known)
        condition = log_likelihood(known.arcs, known.scores, known.batch)
        known.require_possible(condition)
        return _exponential(log_likelihood(both.arcs, both.scores, both.batch) - condition)

    def sample(self, length: int | None = None, rng: np.random.Generator | None = None) -> Drawn:
        """Draw a sequence from the model.

        Args:
            length: how many steps; None to go on until the model stops, which takes a model with ``end``.
            rng: where the randomness comes from; a fresh generator by default.

        Returns:
            `Drawn`: the observations, and the hidden states behind them.

        Raises:
            ValueError: without a length and without ``end``, or if the model comes to where it leads nowhere, or never
                stops, or to where its transitions, one for each step, come to their end.

        Example:
            >>> from tinyseq.hmm import HMM
            >>> hmm = HMM([1.0, 0.0], [[0.0, 1.0], [1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]], symbols="ab")
            >>> hmm.sample(3, np.random.default_rng(0)).observations
            ['a', 'b', 'a']
        """
        if length is None and (self.end is None or not (plain(self.end) > 0).any()):
            raise ValueError("a model without end never stops; pass a length")
        if length is not None:
            length = whole("length", length, 0)
        rng = np.random.default_rng() if rng is None else rng
        ids = hidden_path(self._arcs(), length, rng, self.longest)
        path = [self.states[i] for i in ids.tolist()] if self.states.named else ids
        return Drawn(self.emissions.sample(ids, rng), path)

    def sample_posterior(self, x: Any, n: int = 1, rng: np.random.Generator | None = None, states: Any = None) -> Any:
        """Draw hidden paths that explain a sequence, each as often as it is probable.

        (Forward filtering, backward sampling: Scott 2002.)

        Args:
            x: a sequence, or a list of sequences.
            n: how many paths.
            rng: where the randomness comes from; a fresh generator by default.
            states: what is known about the hidden states.

        Returns:
            A list of n paths, or for a list of sequences a list of such lists.

        Raises:
            ImpossibleSequenceError: if no path can produce a sequence, with the place where it goes wrong.

        Example:
            >>> from tinyseq.hmm import HMM
            >>> hmm = HMM([0.5, 0.5], [[0.0, 1.0], [1.0, 0.0]], [[0.5, 0.5], [0.0, 1.0]], states="LH", symbols="ab")
            >>> hmm.sample_posterior("aba", 2, np.random.default_rng(0))  # only one path explains it
            [['L', 'H', 'L'], ['L', 'H', 'L']]
        """
        n = whole("n", n, 0)
        asked = Reading(self, x, states)
        asked.require_possible(log_likelihood(asked.arcs, asked.scores, asked.batch))
        rng = np.random.default_rng() if rng is None else rng
        drawn = [asked.paths(ids) for ids in posterior_paths(asked.arcs, asked.scores, asked.batch, n, rng)]
        return asked.answer([[paths[i] for paths in drawn] for i in range(len(asked.rows.lengths))])

    def kbest(self, x: Any, k: int, states: Any = None) -> Any:
        """The k most probable paths of hidden states, the best first; ties as in `viterbi`.

        Args:
            x: a sequence, or a list of sequences.
            k: how many; fewer are returned if there are not so many possible paths.
            states: what is known about the hidden states.

        Returns:
            A list of `Decoding`, or for a list of sequences a list of such lists.

        Raises:
            ValueError: for k < 1.
            ImpossibleSequenceError: if no path can produce a sequence, with the place where it goes wrong.

        Example:
            >>> from tinyseq.hmm import HMM
            >>> hmm = HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]])
            >>> [(d.path.tolist(), round(float(np.exp(d.log_prob)), 4)) for d in hmm.kbest([0, 1], 3)]
            [([0, 0], 0.1125), ([1, 1], 0.036), ([0, 1], 0.0225)]
        """
        k = whole("k", k, 1)
        asked = Reading(self, x, states)
        ids, values = best_lists(asked.arcs, asked.scores, asked.batch, k)
        asked.require_possible(values[0])
        ranks = [asked.paths(path) for path in ids]
        return asked.answer(
            [
                [Decoding(paths[i], score) for paths, score in zip(ranks, column, strict=True) if score > -np.inf]
                for i, column in enumerate(values.T.tolist())
            ]
        )

    def stationary(self) -> Array:
        """The share of steps that each state has in the long run, (K,), whatever the first state is.

        Raises:
            ValueError: if there is no such distribution, as with ``end`` or with transitions that change with time, or
                several.

        Example:
            >>> from tinyseq.hmm import HMM
            >>> HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[1.0], [1.0]]).stationary().round(3)
            array([0.667, 0.333])
        """
        shares = stationary(self._steady())
        found: Array = shares.sum(axis=tuple(range(shares.ndim - 1)))
        return found

    def expected_durations(self) -> Array:
        """How many steps each state is kept on average once it is entered, (K,); inf for one that is never left.

        Raises:
            ValueError: if the transitions change with time; and for n > 2 as in `stationary`.

        Example:
            >>> from tinyseq.hmm import HMM
            >>> HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[1.0], [1.0]]).expected_durations().round(3)
            array([10.,  5.])
        """
        return durations(self._steady())

    def _steady(self) -> Array:
        """The transitions, if they are the same at each step."""
        if self.longest is not None:
            raise ValueError(f"the transitions change with time, for up to {self.longest} steps: there is no long run")
        return plain(self.transition)

    def entropy(self, x: Any, states: Any = None) -> Any:
        """The entropy, in nats, of the distribution over hidden paths given x; 0 if only one path can explain x.

        (Hernando, Crespi and Cybenko 2005: one forward pass.)

        Args:
            x: a sequence, or a list of sequences.
            states: what is known about the hidden states.

        Returns:
            A number, or an array (N,); 0 where no path can produce the sequence.

        Example:
            >>> from tinyseq.hmm import HMM
            >>> hmm = HMM([0.5, 0.5], [[0.5, 0.5], [0.5, 0.5]], [[0.5, 0.5], [0.5, 0.5]])
            >>> round(float(hmm.entropy([0, 1, 0]) / np.log(2)), 12)  # in bits: of three hidden coins nothing is known
            3.0
        """
        asked = Reading(self, x, states)
        initial, transition, end = self._logs
        scores = asked.all_scores()[asked.rows.padded()]
        with no_grad():
            summed = chain(initial, transition, scores, end, semiring=Entropy(), lengths=asked.rows.lengths)
        found = summed.numpy()[1] if asked.rows.lengths else np.zeros(0)
        return float(found[0]) if asked.one else found


def _exponential(log_probability: Array) -> float:
    """The one probability; a density may be above the largest number, and is inf then."""
    with np.errstate(over="ignore"):
        return float(np.exp(log_probability)[0])
