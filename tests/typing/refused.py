"""What a type checker must refuse: each line that is marked, with the code of the error, and no other.

Nothing here is run.
"""

from collections.abc import Callable

import tinyseq as ts


def ops(x: ts.Tensor) -> None:
    ts.tanh(1, 2, 3, nonsense=True)  # refused: call-arg
    ts.tanh(None)  # refused: arg-type
    ts.tanh({"a": 1})  # refused: arg-type
    ts.softmax(x, axis="rows")  # refused: arg-type
    ts.softmax(x, axi=1)  # refused: call-arg
    ts.sum(x, keepdim=True)  # refused: call-arg
    ts.argmax(x, axis=(0, 1))  # refused: arg-type
    ts.split(x)  # refused: call-arg
    ts.add(x)  # refused: call-arg
    ts.where(x > 0, x)  # refused: call-arg
    ts.concatenate([x], dim=0)  # refused: call-arg
    ts.reshape(x, "2")  # refused: arg-type
    ts.elu(x, alpha="1")  # refused: arg-type
    ts.sofmtax(x)  # refused: attr-defined
    ts.split(x, 2).tanh()  # refused: attr-defined


def arguments(x: ts.Tensor) -> None:
    ts.tanh("text")  # refused: arg-type
    ts.tanh(["text"])  # refused: arg-type
    x["text"]  # refused: index
    x[{0}]  # refused: index
    ts.take(x, None)  # refused: arg-type
    ts.index_set(x, "first", 0.0)  # refused: arg-type
    ts.clip(x, "0")  # refused: arg-type
    ts.clip(x, max={1.0})  # refused: arg-type
    ts.mean(x, dtype=4)  # refused: arg-type
    ts.pad(x, "1")  # refused: arg-type
    ts.tensordot(x, x, "ij")  # refused: arg-type
    ts.atleast_1d(x).tanhh()  # refused: attr-defined
    ts.atleast_1d(x, x).tanh()  # refused: attr-defined
    ts.nn.one_hot(x)  # refused: attr-defined
    ts.one_hot(None, 3)  # refused: arg-type
    x.transpose("T")  # refused: arg-type
    x.reshape("4")  # refused: arg-type
    x.to({})  # refused: arg-type
    x.dtype.kinds  # refused: attr-defined


def functions(squared: Callable[[ts.Tensor, float], ts.Tensor], x: ts.Tensor) -> None:
    ts.compile(squared)(x)  # refused: call-arg
    ts.compile(squared)(x, "2")  # refused: arg-type
    ts.compile(squared)(x, 2.0).tanhh()  # refused: attr-defined
    ts.compile(squared, executor=2)  # refused: call-overload
    ts.compile(3)  # refused: call-overload
    ts.compile(executor="numba")(squared)(x, "2")  # refused: arg-type
    ts.checkpoint(squared, x)  # refused: call-arg
    ts.checkpoint(squared, x, "2")  # refused: arg-type
    ts.checkpoint(squared, x, 2.0).tanhh()  # refused: attr-defined
    ts.no_grad()(squared)(x)  # refused: call-arg
    ts.scope(3)  # refused: arg-type


def methods(x: ts.Tensor) -> None:
    x.sofmtax(axi=1)  # refused: attr-defined
    x.softmax(axi=1)  # refused: call-arg
    x.tanh(1)  # refused: call-arg
    x.sum(axis="rows")  # refused: arg-type
    x.mean(keepdim=True)  # refused: call-arg
    x.max(0).values  # refused: attr-defined
    x.view(2)  # refused: attr-defined
    x.split("two")  # refused: arg-type
    x.shape = (2,)  # refused: misc
    x + None  # refused: operator
    x @ {}  # refused: operator
    x.backward(retain_grap=True)  # refused: call-arg
    x.copy_(None)  # refused: arg-type


def models(hmm: ts.hmm.HMM, x: ts.Tensor) -> None:
    hmm.viterbi(["a"]).paths  # refused: attr-defined
    hmm.viterbi([["a"]]).path  # refused: attr-defined
    hmm.posterior(["a"]).state  # refused: attr-defined
    hmm.kbest(["a"])  # refused: call-overload
    hmm.viterbi(3)  # refused: call-overload
    hmm.log_likelihood(["a"]).sum()  # refused: attr-defined
    hmm.entropy([["a"]]).as_integer_ratio()  # refused: attr-defined
    hmm.sample("three")  # refused: arg-type
    hmm.sample(3).path  # refused: attr-defined
    ts.nn.Linear(3)  # refused: call-arg
    ts.nn.Linear("3", 2)  # refused: arg-type
    ts.nn.Linear(3, 2)(x, x)  # refused: call-arg
    ts.nn.Linear(3, 2)(x).tanhh()  # refused: attr-defined
    ts.nn.GRU(3, 4)(x)[1].tanhh()  # refused: attr-defined
    ts.nn.RNN(3, 4)(x, length=[1])  # refused: call-arg
    ts.nn.LSTMCell(3, 4)(x).tanh()  # refused: attr-defined
    ts.optim.Adam([x], learning_rate=0.1)  # refused: call-arg
    ts.grad(x)  # refused: call-overload
    ts.grad(x.sum(), x).tanhh()  # refused: attr-defined
    ts.grad(x.sum(), [x]).tanh()  # refused: attr-defined
    ts.grad(x.sum(), x, allow_unused=True).tanh()  # refused: union-attr
    ts.einsum("ij,jk", x, x, optimize=2.5)  # refused: arg-type
    ts.jacobian(ts.tanh, x).tanhh()  # refused: attr-defined
    ts.jacobian(ts.multiply, (x, x)).tanh()  # refused: attr-defined
    ts.hmm.HMM([1.0], [[1.0]])  # refused: call-arg
    ts.hmm.HMM(None, [[1.0]], None)  # refused: arg-type
    ts.hmm.HMM([1.0], {"a": 1.0}, None)  # refused: arg-type
    ts.hmm.HMM([1.0], [[1.0]], None, end={0.5})  # refused: arg-type
    ts.hmm.HMM.left_to_right(None)  # refused: arg-type
    ts.hmm.Gaussian(None, [1.0])  # refused: arg-type
    ts.hmm.Poisson(rates={1.0})  # refused: arg-type
    hmm.initial.summ()  # refused: union-attr
    hmm.transition.summ()  # refused: union-attr
    hmm.end.sum()  # refused: union-attr
    hmm.stationary().summ()  # refused: attr-defined
    hmm.filter(["a"]).summ()  # refused: attr-defined
    hmm.filter([["a"]]).sum()  # refused: attr-defined
    hmm.posterior(["a"]).states.summ()  # refused: attr-defined
    hmm.predict(["a"]).states.summ()  # refused: attr-defined
    hmm.forward_table(["a"]).alpha.summ()  # refused: attr-defined
    hmm.viterbi(["a"], states=3)  # refused: call-overload
    hmm.posterior(["a"], states=3)  # refused: call-overload
    hmm.fit_em(3)  # refused: arg-type
    hmm.aic(3)  # refused: arg-type
    ts.nn.cross_entropy(x, None)  # refused: arg-type
    ts.nn.Embedding(5, 3)(None)  # refused: arg-type
    ts.lm.RNNLM("ab", 4).evaluate(3)  # refused: arg-type
    ts.lm.RNNLM("ab", 4).evaluate("ab", window="2")  # refused: arg-type
    ts.lm.RNNLM("ab", 4).forward([[0]], state=None)[1].tanhh()  # refused: union-attr
    ts.nn.ModuleList([ts.nn.Linear(2, 2)])[0].weigth  # refused: attr-defined
    ts.nn.ModuleList([x])  # refused: type-var
    ts.nn.Linear(2, 2).to({})  # refused: arg-type
    ts.nn.Linear(2, 2).load_state_dict({"weight": None})  # refused: dict-item
    ts.save({"weight": None}, "a.safetensors")  # refused: dict-item
    hmm.fit_em([["a"]], priors={"emission": None})  # refused: dict-item
    hmm.probability(["a"], given=["a"])  # refused: arg-type
    hmm.sample_posterior(["a"]).tolist()  # refused: attr-defined
    ts.hmm.HMM.from_labelled([["a", "b"]])  # refused: list-item
    ts.hmm.HMMEstimator(2).fit(3)  # refused: arg-type
    ts.hmm.HMMEstimator(2, priors=3)  # refused: arg-type
    ts.hmm.compare([["a"]], restart=1)  # refused: call-arg
    ts.hmm.compare([["a"]], n_iter="5")  # refused: arg-type
    ts.data.CASINO["symbol"]  # refused: typeddict-item
    ts.lm.NgramLM(2).fit("ab").perplexity(3)  # refused: arg-type
    ts.lm.RNNLM("ab").fit("ab")  # refused: call-arg
    ts.lm.RNNLM("ab").fit("ab", steps="many")  # refused: arg-type
    ts.tagging.RNNTagger().fit([], epochs=3)  # refused: call-arg
