"""What a type checker must accept, with the types that it must find: the test runs mypy over it, and then the uses."""

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import tinyseq as ts
from tinyseq import Tensor


def ops_and_what_they_take() -> None:
    x = ts.tensor([[1.0, 2.0], [3.0, 5.0]], requires_grad=True)
    assert_type(ts.tanh(x), Tensor)
    assert_type(ts.tanh(0.5), Tensor)
    assert_type(ts.exp([1.0, 2.0]), Tensor)
    assert_type(ts.log(np.ones(3)), Tensor)
    assert_type(ts.sqrt(np.float64(2)), Tensor)
    assert_type(ts.softmax(x, axis=0), Tensor)
    assert_type(ts.logsumexp(x, axis=(0, 1), keepdims=True), Tensor)
    assert_type(ts.sum(x, 0, keepdims=True), Tensor)
    assert_type(ts.sum(x, dtype="float32"), Tensor)
    assert_type(ts.argmax(x, axis=1), Tensor)
    assert_type(ts.mean(x), Tensor)
    assert_type(ts.where(x > 0, x, 0.0), Tensor)
    assert_type(ts.maximum(x, 2), Tensor)
    assert_type(ts.concatenate([x, np.ones((1, 2))]), Tensor)
    assert_type(ts.stack([x, x], axis=1), Tensor)
    assert_type(ts.reshape(x, (4,)), Tensor)
    assert_type(ts.broadcast_to(x, (3, 2, 2)), Tensor)
    assert_type(ts.roll(x, 1, axis=0), Tensor)
    assert_type(ts.split(x, 2), list[Tensor])
    assert_type(ts.unbind(x), list[Tensor])
    assert_type(ts.chunk(x, 2), list[Tensor])
    assert_type(ts.einsum("ij,jk->ik", x, x), Tensor)
    assert_type(ts.einsum("ij,jk,kl", x, x, x, optimize="greedy"), Tensor)
    assert_type(ts.std(x, axis=0, ddof=1), Tensor)
    assert_type(ts.divmod(x, 2.0), tuple[Tensor, Tensor])
    assert_type(ts.slogdet(x).logabsdet, Tensor)
    assert_type(ts.eigh(ts.eye(2)).eigenvectors, Tensor)
    assert_type(ts.zeros(2, 3), Tensor)
    assert_type(ts.zeros((2, 3), dtype="float32"), Tensor)
    assert_type(ts.full((2,), 0.5), Tensor)


def methods_and_operators() -> None:
    x = ts.tensor([[1.0, 2.0], [3.0, 5.0]], requires_grad=True)
    assert_type(x.tanh(), Tensor)
    assert_type(x.softmax(), Tensor)
    assert_type(x.sum(axis=0, keepdims=True), Tensor)
    assert_type(x.mean((0, 1)), Tensor)
    assert_type(x.reshape(4, 1), Tensor)
    assert_type(x.reshape((4, 1)), Tensor)
    assert_type(x.transpose(1, 0).T, Tensor)
    assert_type(x.split(2, axis=1), list[Tensor])
    assert_type(x.clip(0.0, high=2.0), Tensor)
    assert_type(x.astype("float32").to("float64"), Tensor)
    assert_type(x @ x + 1 - 2.0 * x / x**2, Tensor)
    assert_type(1 - x, Tensor)
    assert_type(-abs(x) // 2 % 3, Tensor)
    assert_type(x == 1.0, Tensor)
    assert_type(x <= x, Tensor)
    assert_type(x[0, 1:], Tensor)
    assert_type(x.shape, tuple[int, ...])
    assert_type(x.detach().numpy(), NDArray[Any])
    assert_type(x.requires_grad_(), Tensor)
    x.sum().backward()
    assert_type(ts.grad(x.sum(), x), Tensor)
    assert_type(ts.grad(x.sum(), [x, x]), tuple[Tensor, ...])
    assert_type(ts.grad([x.sum()], x, [1.0], create_graph=True), Tensor)
    assert_type(ts.grad(x.sum(), x, allow_unused=True), Tensor | None)
    assert_type(ts.grad(x.sum(), (x,), allow_unused=True), tuple[Tensor | None, ...])
    assert_type(ts.jacobian(ts.tanh, x), Tensor)
    assert_type(ts.jacobian(ts.multiply, (x, x)), tuple[Tensor, ...])
    assert_type(ts.vjp(ts.sum, x), tuple[Tensor, Tensor])
    assert_type(ts.vjp(ts.dot, (x[0], x[1])), tuple[Tensor, tuple[Tensor, ...]])
    assert_type(ts.hessian(ts.sum, x), Tensor)
    total = ts.zeros(2)
    total += 1.0
    total[0] = 5.0
    with ts.no_grad():
        assert_type(x.copy_([[0.0, 0.0], [0.0, 0.0]]), Tensor)


def indices_and_arguments() -> None:
    x = ts.tensor([[1.0, 2.0], [3.0, 5.0]], requires_grad=True)
    assert_type(x[..., None, ::2], Tensor)
    assert_type(x[[0, 1], np.array([1, 0])], Tensor)
    assert_type(x[x.detach() > 1], Tensor)
    assert_type(ts.take(x, [[0, 1]], axis=1), Tensor)
    assert_type(ts.index_set(x, (0, slice(None)), 0.0), Tensor)
    assert_type(ts.tanh([(0.5, 1), [x[0, 0].item(), 2.0]]), Tensor)
    assert_type(ts.pad(x, ((1, 0), (0, 1)), constant_values=-1.0), Tensor)
    assert_type(ts.pad(x, {0: (1, 1)}, mode="edge"), Tensor)
    assert_type(ts.clip(x, max=[2.0, 3.0]), Tensor)
    assert_type(ts.mean(x, dtype="float64"), Tensor)
    assert_type(ts.einsum(x, [0, 1], x, [1, 2], [0, 2]), Tensor)
    assert_type(ts.tensordot(x, x, ([0], [1])), Tensor)
    assert_type(ts.atleast_2d(1.0), Tensor)
    assert_type(ts.atleast_2d(1.0, x), tuple[Tensor, ...])
    assert_type(x.dtype, np.dtype[Any])


def functions_of_functions() -> None:
    def squared(x: Tensor, times: float = 1.0) -> Tensor:
        return (x * x).sum() * times

    x = ts.tensor([1.0, 2.0], requires_grad=True)
    fast = ts.compile(squared)
    assert_type(fast(x), Tensor)
    assert_type(fast(x, times=2.0), Tensor)
    assert_type(fast.function(x), Tensor)
    assert_type(ts.compile(executor="numpy")(squared)(x, times=2.0), Tensor)
    assert_type(ts.checkpoint(squared, x, times=2.0), Tensor)
    assert_type(ts.no_grad()(squared)(x), Tensor)
    ts.testing.gradcheck(lambda x: (x.tanh(), x.exp()), x)


def modules_and_optimisers() -> None:
    linear = ts.nn.Linear(3, 2)
    assert_type(linear(np.ones((4, 3))), Tensor)
    assert_type(ts.nn.Embedding(5, 3)([1, 2]), Tensor)
    assert_type(ts.nn.Dropout(0.5)(ts.ones(3)), Tensor)
    assert_type(ts.nn.LayerNorm(3)(ts.ones(2, 3)), Tensor)
    output, h = ts.nn.GRU(3, 4)(ts.ones(5, 2, 3))
    assert_type(output, Tensor)
    assert_type(h, Tensor)
    assert_type(ts.nn.RNN(3, 4)(ts.ones(5, 2, 3), h, lengths=[5, 3])[0], Tensor)
    assert_type(ts.nn.LSTM(3, 4)(ts.ones(5, 2, 3), (h, h))[1], tuple[Tensor, Tensor])
    assert_type(ts.nn.GRUCell(3, 4)(ts.ones(2, 3), h[0]), Tensor)
    assert_type(ts.nn.LSTMCell(3, 4)(ts.ones(2, 3), (h[0], h[0])), tuple[Tensor, Tensor])
    loss = ts.nn.cross_entropy(linear(ts.ones(4, 3)), [0, 1, 1, 0])
    assert_type(loss, Tensor)
    assert_type(ts.nn.cross_entropy(linear(ts.ones(1, 3)), ts.tensor([[0.5, 0.5]])), Tensor)
    assert_type(ts.nn.Embedding(5, 3)(np.array([[1, 2]])), Tensor)
    optimizer = ts.optim.Adam(linear.parameters(), lr=0.1)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    print(output.shape, h.shape)
    layers = ts.nn.ModuleList([linear, ts.nn.Linear(2, 2)])
    assert_type(layers[0], ts.nn.Linear)
    assert_type([layer.weight for layer in layers], list[ts.nn.Parameter])
    mixed = ts.nn.ModuleList()
    mixed.append(linear).append(ts.nn.Dropout(0.5))
    assert_type(mixed[1], ts.nn.Module)
    assert_type(ts.nn.Sequential(linear, ts.tanh)(ts.ones(4, 3)), Tensor)
    linear.load_state_dict(linear.to("float32").state_dict())


def markov_models() -> None:
    hmm = ts.hmm.HMM([0.5, 0.5], [[0.9, 0.1], [0.2, 0.8]], [[0.5, 0.5], [0.1, 0.9]], symbols=["I", "like"])
    assert_type(hmm, ts.hmm.HMM)
    assert_type(hmm.viterbi(["I", "like"]), ts.hmm.Decoding)
    assert_type(hmm.viterbi([["I", "like"], ["I"]]), list[ts.hmm.Decoding])
    assert_type(hmm.viterbi(np.array([0, 1])).log_prob, float)
    assert_type(hmm.viterbi([np.array([0, 1])])[0].log_prob, float)
    assert_type(hmm.posterior(["I"]), ts.hmm.Posterior)
    assert_type(hmm.posterior([["I"], ["like"]]), list[ts.hmm.Posterior])
    assert_type(hmm.posterior_decode(["I"]).expected_accuracy, float)
    assert_type(hmm.kbest(["I"], 2), list[ts.hmm.Decoding])
    assert_type(hmm.kbest([["I"]], 2), list[list[ts.hmm.Decoding]])
    assert_type(hmm.posterior(["I"]).log_likelihood, float)
    assert_type(hmm.probability(["I"]), float)
    assert_type(hmm.log_likelihood(["I", "like"]), float)
    assert_type(hmm.log_likelihood(np.array([0, 1])), float)
    assert_type(hmm.log_likelihood([["I"], ["like"]]), np.ndarray[Any, Any])
    assert_type(hmm.log_likelihood([np.array([0, 1])]), np.ndarray[Any, Any])
    assert_type(ts.hmm.HMM([1.0], [[1.0]], None).log_likelihood(ts.ones(3, 1)), Tensor)
    assert_type(ts.hmm.HMM([1.0], [[1.0]], None).log_likelihood([ts.ones(3, 1)]), Tensor)
    assert_type(hmm.entropy(["I"]), float)
    assert_type(hmm.entropy([["I"]]), np.ndarray[Any, Any])
    assert_type(hmm.sample(3), ts.hmm.Drawn)
    assert_type(hmm.transition, NDArray[Any] | Tensor)
    assert_type(hmm.end, NDArray[Any] | Tensor | None)
    assert_type(hmm.stationary(), NDArray[Any])
    assert_type(hmm.expected_durations(), NDArray[Any])
    assert_type(hmm.filter(["I"]), NDArray[Any])
    assert_type(hmm.filter([["I"], ["like"]]), list[NDArray[Any]])
    assert_type(hmm.posterior(["I"]).states, NDArray[Any])
    assert_type(hmm.predict(["I"], 2).states, NDArray[Any])
    assert_type(hmm.forward_table(["I"]).alpha, NDArray[Any])
    assert_type(hmm.viterbi(["I", "like"], states=[None, 0]), ts.hmm.Decoding)
    assert_type(hmm.sample_posterior(["I"], 2, rng=0), list[list[Any] | NDArray[Any]])
    assert_type(hmm.probability(["I"], given=([None], [0])), float)
    assert_type(ts.hmm.compare([["a", "b", "a"]], [1], restarts=1, n_iter=2), ts.hmm.Comparison)
    assert_type(ts.hmm.HMM(**ts.data.CASINO).viterbi([1, 6]), ts.hmm.Decoding)
    assert_type(ts.data.CATS["symbols"], list[str])
    fitted = hmm.fit_em([["I", "like"]], max_steps=1, priors={"emission": 2.0, "transition": np.ones((2, 2))})
    assert_type(fitted.model, ts.hmm.HMM)
    print(hmm.initial.sum(), hmm.emission.shape, hmm.aic(["I", "like"]))
    normal = ts.hmm.HMM([1.0, 0.0], ts.eye(2), ts.hmm.Gaussian([0.0, 1.0], ts.ones(2)), end=None)
    assert_type(next(normal.fit_em_steps(np.zeros(3))).model, ts.hmm.HMM)
    assert_type(normal.fit_em([np.zeros(3), np.ones(2)], max_steps=1).model, ts.hmm.HMM)
    assert_type(ts.hmm.HMM.left_to_right(np.ones((2, 1)), stay=[0.5, 0.5]), ts.hmm.HMM)
    assert_type(ts.hmm.HMM.from_labelled([[("a", "X"), ("b", "Y")]]), ts.hmm.HMM)


def whole_tasks_and_drawings() -> None:
    tagger = ts.tagging.MostFrequentTag().fit([[("a", "X"), ("b", "Y")]])
    model = ts.lm.RNNLM("ab", hidden_size=2)
    assert_type(model.fit("abab", steps=1, window=2, progress=False), ts.lm.RNNLM)
    assert_type(ts.classify.RNNClassifier(epochs=1).fit(["a"], [0], patience=None), ts.classify.RNNClassifier)
    print(tagger.tag(["a"]))
    model = ts.lm.RNNLM("ab", 4)
    assert_type(model, ts.lm.RNNLM)
    assert_type(model.evaluate("abba").nats, float)
    assert_type(model.evaluate(["a", "b"]).perplexity, float)
    assert_type(model.evaluate("abba", window=2, adapt=0.1).perplexity, float)
    x = ts.tensor([1.0, 2.0], requires_grad=True)
    print(ts.viz.graph(x.tanh().sum()))


USES = (
    ops_and_what_they_take,
    methods_and_operators,
    indices_and_arguments,
    functions_of_functions,
    modules_and_optimisers,
    markov_models,
    whole_tasks_and_drawings,
)
