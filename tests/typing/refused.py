"""What a type checker must refuse: each line that is marked, with the code of the error, and no other.

Nothing here is run.
"""

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
    ts.lm.NgramLM(2).fit("ab").perplexity(3)  # refused: arg-type
