"""Every solution equals something written independently: the library's functions, enumeration, loops, derivatives."""

import itertools
import math

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.exercises import EXERCISES
from tinyseq.exercises.child import Code, decode
from tinyseq.exercises.compare import difference


def leaf(x):
    return ts.tensor(np.asarray(x, float), requires_grad=True)


def gradients(f, *arrays):
    """The gradients of f(*tensors), a number, by the library's tape."""
    leaves = [leaf(a) for a in arrays]
    return tuple(g.numpy() for g in ts.grad(f(*leaves), leaves))


def cell(kind, arguments, x, *states, **weights):
    """The state after a step of a cell of the library."""
    made = kind(len(x), len(states[0]), **arguments)
    made.load_state_dict({name: np.asarray(w) for name, w in weights.items()})
    given = [ts.tensor(s[None]) for s in states]
    out = made(ts.tensor(x[None]), given[0] if len(given) == 1 else tuple(given))
    return tuple(o.numpy()[0] for o in out) if isinstance(out, tuple) else out.numpy()[0]


# -- language models ---------------------------------------------------------------------------------------------------


def counted(words, n):
    grams = [tuple(words[i : i + n]) for i in range(len(words))]
    return {gram: grams.count(gram) for gram in grams if len(gram) == n}


def smoothed(counts, rule):
    """P(w | h), element by element, from a rule of the whole table, h and w."""
    return np.array([[rule(counts, h, w) for w in range(len(counts))] for h in range(len(counts))])


def witten_bell(counts, lower):
    def rule(counts, h, w):
        types = len([v for v in counts[h] if v])
        return (counts[h][w] + types * lower[w]) / (sum(counts[h]) + types) if types else lower[w]

    return smoothed(counts, rule)


def kneser_ney(counts, discount):
    def before(w):
        return len([h for h in range(len(counts)) if counts[h][w]])

    def rule(counts, h, w):
        share = before(w) / sum(map(before, range(len(counts))))
        if not sum(counts[h]):
            return share
        taken = sum(min(discount, c) for c in counts[h])
        return (max(counts[h][w] - discount, 0) + taken * share) / sum(counts[h])

    return smoothed(counts, rule)


def perplexity(p):
    return math.inf if 0 in p else math.exp(math.fsum(-math.log(q) for q in p) / len(p))


# -- networks ----------------------------------------------------------------------------------------------------------


def rnn(x, h, w, u, b):
    return cell(ts.nn.RNNCell, {"dtype": "float64"}, x, h, weight_ih=w, weight_hh=u, bias_ih=b, bias_hh=0 * b)


def lstm(x, h, c, w, b):
    size = len(h)
    rows = np.concatenate([np.arange(4 * size).reshape(4, size)[i] for i in (0, 1, 3, 2)])  # i f o g to i f g o
    w, b = w[rows], b[rows]
    weights = {"weight_ih": w[:, size:], "weight_hh": w[:, :size], "bias_ih": b, "bias_hh": 0 * b}
    return cell(ts.nn.LSTMCell, {"dtype": "float64"}, x, h, c, **weights)


def gru(x, h, w):
    size = len(h)
    rows = np.concatenate([np.arange(3 * size).reshape(3, size)[i] for i in (1, 0, 2)])  # z r h to r z n
    weights = {"weight_ih": w[rows][:, size:], "weight_hh": w[rows][:, :size]}
    return cell(ts.nn.GRUCell, {"dtype": "float64", "reset": "before", "bias": False}, x, h, **weights)


def gru_torch(x, h, w_ih, w_hh, b_ih, b_hh):
    weights = {"weight_ih": w_ih, "weight_hh": w_hh, "bias_ih": b_ih, "bias_hh": b_hh}
    return cell(ts.nn.GRUCell, {"dtype": "float64"}, x, h, **weights)


def minimal(x, h, w, b):
    """A GRU whose two gates are one; its biases are the weights of an input of 1."""
    w_f, w_h = np.split(np.concatenate([w, b[:, None]], 1), 2)
    return EXERCISES["gru_step"].function(np.append(x, 1.0), h, np.concatenate([w_f, w_f, w_h]))


def peephole(x, h, c, w, b, p):
    """A number at a time."""
    a = [sum(w[row, j] * v for j, v in enumerate([*h, *x])) + b[row] for row in range(len(w))]
    size, cells, states = len(h), [], []
    for n in range(size):
        i, f, o, g = (a[n + block * size] for block in range(4))
        gate = lambda value: 1 / (1 + math.exp(-value))
        new = gate(f + p[1][n] * c[n]) * c[n] + gate(i + p[0][n] * c[n]) * math.tanh(g)
        cells.append(new)
        states.append(gate(o + p[2][n] * new) * math.tanh(new))
    return np.array(states), np.array(cells)


def layers(weights, x, hidden, **settings):
    """The outputs of the library's RNN, with the given weights and no bias."""
    net = ts.nn.RNN(x.shape[1], hidden, bias=False, dtype="float64", **settings)
    net.load_state_dict(weights)
    return net(ts.tensor(x[:, None]))[0].numpy()[:, 0]


def bidirectional(a, d, u, v):
    """One network that reads a and d side by side, each direction its own half."""
    first, second = np.split(np.eye(2 * len(u)), 2)
    right = {"weight_ih_l0": first, "weight_hh_l0": u}
    left = {"weight_ih_l0_reverse": second, "weight_hh_l0_reverse": v}
    return layers(right | left, np.concatenate([a, d], 1), len(u), bidirectional=True)


def stacked(a, u, w, v):
    weights = {"weight_ih_l0": np.eye(len(u)), "weight_hh_l0": u, "weight_ih_l1": w, "weight_hh_l1": v}
    return layers(weights, a, len(u), num_layers=2)


def through_time(weight, states, local):
    """By the tape: each state is h + noise, where the noise is a leaf of zeros, whose gradient is the state's."""
    noise = [leaf(np.zeros(len(weight))) for _ in states]
    shares = [np.arctanh(h) - weight @ before for h, before in zip(states, [0 * states[0], *states[:-1]], strict=True)]
    h, loss = ts.zeros(len(weight), dtype="float64"), 0.0
    for share, free, given in zip(shares, noise, local, strict=True):
        h = ts.tanh(ts.tensor(weight) @ h + share) + free
        loss = loss + (h * given).sum()
    return np.array([g.numpy() for g in ts.grad(loss, noise)])


def one_term(g, h, before):
    share = np.arctanh(h)
    return gradients(lambda w: (ts.tanh(w @ before + share) * g).sum(), np.zeros((len(h), len(h))))[0]


def jacobian(weight, states):
    product = np.eye(len(weight))
    for state in states:
        x = np.linalg.lstsq(weight, np.arctanh(state), rcond=None)[0]  # some h with this W h, if there is one
        share = np.arctanh(state) - weight @ x
        local = ts.jacobian(lambda h, share=share: ts.tanh(ts.tensor(weight) @ h + share), leaf(x))
        product = local.numpy() @ product
    return math.sqrt(max(np.linalg.eigvalsh(product.T @ product)))


def clipped(grads, threshold):
    parameters = [leaf(np.zeros_like(g)) for g in grads]
    for parameter, g in zip(parameters, grads, strict=True):
        parameter.grad = ts.tensor(g)
    ts.nn.clip_grad_norm_(parameters, threshold)
    return [parameter.grad.numpy() for parameter in parameters]


def cell_path(forget):
    c0 = leaf(np.zeros(forget.shape[1]))
    cells = [c0]
    for f in forget:
        cells.append(cells[-1] * f + leaf(np.zeros(forget.shape[1])))
    return np.array([g.numpy() for g in ts.grad(cells[-1].sum(), cells)])


def windows(terms, window):
    kept = 0.0
    for start in range(0, len(terms), window):
        kept += terms[start : start + window, start : start + window].sum()
    return kept


def drawn(scores, k, temperature, u):
    """Exactly, with sorted lists."""
    best = sorted(sorted(range(len(scores)), key=lambda i: -scores[i])[:k])
    weights = [math.exp(scores[i] / temperature) for i in best]
    below = list(itertools.accumulate(weights))
    return next(i for i, sum_ in zip(best, below, strict=True) if sum_ > u * below[-1])


# -- hidden Markov models and other chains -----------------------------------------------------------------------------


def enumerated(initial, transition, emission, observations):
    """Every path with its probability together with the observations."""
    for path in itertools.product(range(len(initial)), repeat=len(observations)):
        yield path, EXERCISES["joint_probability"].function(initial, transition, emission, path, observations)


def by_library(initial, transition, emission):
    return ts.hmm.HMM(initial, transition, emission)


def joint(initial, transition, emission, states, observations):
    factors = [initial[states[0]], *(transition[a, b] for a, b in itertools.pairwise(states))]
    return math.prod(factors) * math.prod(emission[s, o] for s, o in zip(states, observations, strict=True))


def forward(*model):
    """Element t, j: all paths up to t that end in j."""
    *tables, x = model
    table = np.zeros((len(x), len(tables[0])))
    for t in range(len(x)):
        for path, p in enumerated(*tables, x[: t + 1]):
            table[t, path[-1]] += p
    return table


def backward(transition, emission, x):
    table = np.zeros((len(x), len(transition)))
    for t, i in np.ndindex(*table.shape):
        for path in itertools.product(range(len(transition)), repeat=len(x) - t - 1):
            steps = zip((i, *path), path, x[t + 1 :], strict=False)
            table[t, i] += math.prod(transition[a, b] * emission[b, o] for a, b, o in steps)
    return table


def best(*model):
    path, p = max(enumerated(*model), key=lambda item: item[1])
    assert list(by_library(*model[:3]).viterbi(model[3]).path) == list(path)
    return list(path), p


def counted_hmm(states, observations, size, symbols):
    pairs = [list(zip(o, s, strict=True)) for s, o in zip(states, observations, strict=True)]
    hmm = ts.hmm.HMM.from_labelled(pairs, states=list(range(size)), symbols=list(range(symbols)))
    return hmm.initial, hmm.transition, hmm.emission


def next_one(transition, emission, state):
    pairs = itertools.product(range(len(emission)), range(emission.shape[1]))
    found = np.zeros(emission.shape[1])
    for j, o in pairs:
        found[o] += transition[state, j] * emission[j, o]
    return found


def trigram_counts(sequences, size):
    table = np.zeros((size, size, size))
    for i, j, k in np.ndindex(*table.shape):
        grams = [tuple(s[t : t + 3]) for s in sequences for t in range(len(s) - 2)]
        history = [gram for gram in grams if gram[:2] == (i, j)]
        table[i, j, k] = history.count((i, j, k)) / len(history) if history else 0
    return table


def trigram_best(initial, second, transition, emission, x):
    def p(path):
        start = initial[path[0]] * second[path[0], path[1]]
        rest = math.prod(transition[path[t - 2], path[t - 1], path[t]] for t in range(2, len(path)))
        return start * rest * math.prod(emission[s, o] for s, o in zip(path, x, strict=True))

    path = max(itertools.product(range(len(initial)), repeat=len(x)), key=p)
    hmm = ts.hmm.HMM((initial, second), transition, emission)
    assert list(hmm.viterbi(x).path) == list(path)
    return list(path), p(path)


def posterior(alpha, beta):
    """From what the tables were made of: the sum over states is the same at every time."""
    total = math.fsum(alpha[-1])
    return np.array([[a * b / total for a, b in zip(*rows, strict=True)] for rows in zip(alpha, beta, strict=True)])


def transitions(*model):
    table, total = np.zeros((len(model[0]),) * 2), 0.0
    for path, p in enumerated(*model):
        total += p
        for a, b in itertools.pairwise(path):
            table[a, b] += p
    return table / total


def baum_welch(*model):
    fitted = by_library(*model[:3]).fit_em([model[3]], max_steps=1).model
    return fitted.initial, fitted.transition, fitted.emission


def crf_scores(scores, transition):
    for tags in itertools.product(range(len(transition)), repeat=len(scores)):
        steps = sum(transition[a, b] for a, b in itertools.pairwise(tags))
        yield tags, sum(scores[t, k] for t, k in enumerate(tags)) + steps


def log_partition(scores, transition):
    values = [value for _, value in crf_scores(scores, transition)]
    return max(values) + math.log(math.fsum(math.exp(value - max(values)) for value in values))


def crf_gradient(scores, transition, tags):
    def loss(s):
        values = [
            sum((s[t, k] for t, k in enumerate(y)), 0.0) + sum(transition[a, b] for a, b in itertools.pairwise(y))
            for y in itertools.product(range(len(transition)), repeat=len(scores))
        ]
        wanted = sum(s[t, int(k)] for t, k in enumerate(tags))
        return ts.logsumexp(ts.stack(values)) - wanted

    return gradients(loss, scores)[0]


def ctc(frames, text):
    """Every sequence of symbols that the library collapses to the text."""
    found = 0.0
    for path in itertools.product(range(frames.shape[1]), repeat=len(frames)):
        if list(ts.nn.ctc_collapse(list(path))) == text:
            found += math.prod(frames[t, symbol] for t, symbol in enumerate(path))
    return -math.log(found)


TRULY_WRONG = [[1], [1], [1, 2, 3], [1], [1, 2], [1, 2], [1], [1], [1], [1], []]


def wrong_rules(f, rules):
    """What was planted."""
    sources = [[str(rule) for rule in case[1]] for case in map(arguments_of, EXERCISES["find_the_bug"].cases)]
    return TRULY_WRONG[sources.index([str(rule) for rule in rules])]


SUMS = {
    "np.sum(x**3)": lambda x: 3 * x**2,
    "x[0] * x[1]": lambda x: x[::-1],
    "np.sum(np.exp(x))": np.exp,
    "np.prod(x)": lambda x: np.prod(x) / x,
    "np.sum(np.sin(x)) ** 2": lambda x: 2 * np.sum(np.sin(x)) * np.cos(x),
}
ANALYTIC = {
    "x**3": lambda x: 3 * x**2,
    "np.exp(x)": math.exp,
    "np.sin(x) * x": lambda x: math.cos(x) * x + math.sin(x),
    "1 / (1 + np.exp(-x))": lambda x: math.exp(-x) / (1 + math.exp(-x)) ** 2,
    "np.log(x)": lambda x: 1 / x,
    "x**0.5": lambda x: 0.5 / math.sqrt(x),
}

REFERENCES = {
    "ngram_counts": counted,
    "add_one": lambda counts: smoothed(counts, lambda c, h, w: (c[h][w] + 1) / sum(v + 1 for v in c[h])),
    "witten_bell": witten_bell,
    "kneser_ney_bigram": kneser_ney,
    "perplexity": perplexity,
    "one_hot": lambda ids, classes: ts.one_hot(ids, classes).numpy(),
    "window_inputs": lambda ids, width: (
        np.array([[ids[t - width + i] for i in range(width)] for t in range(width, len(ids))], int).reshape(-1, width),
        np.array([ids[t] for t in range(width, len(ids))], int),
    ),
    "softmax": lambda scores: ts.softmax(ts.tensor(scores), axis=1).numpy(),
    "cross_entropy": lambda scores, targets: ts.nn.cross_entropy(ts.tensor(scores), targets).item(),
    "vjp_of_tanh": lambda y, g: g / np.cosh(np.arctanh(y)) ** 2,
    "vjp_of_matmul": lambda a, b, g: gradients(lambda p, q: (p @ q * g).sum(), a, b),
    "vjp_of_broadcast_add": lambda g: gradients(
        lambda x, b: ((x + b) * g).sum(), np.zeros_like(g), np.zeros_like(g[0])
    ),
    "vjp_of_softmax_cross_entropy": lambda scores, targets: gradients(
        lambda s: ts.nn.cross_entropy(s, targets), scores
    )[0],
    "rnn_step": rnn,
    "stacked_form_step": lambda x, h, w: rnn(x, h, w[:, len(h) :], w[:, : len(h)], np.zeros(len(h))),
    "sample_top_k": drawn,
    "state_gradient": through_time,
    "bptt_term": one_term,
    "truncated_terms": windows,
    "clip_by_norm": clipped,
    "jacobian_norm": jacobian,
    "lstm_path": cell_path,
    "lstm_step": lstm,
    "gru_step": gru,
    "gru_step_torch": gru_torch,
    "minimal_gated_unit": minimal,
    "peephole_lstm_step": peephole,
    "bidirectional_states": bidirectional,
    "stacked_states": stacked,
    "last_states": lambda states, lengths: np.array([states[n - 1, b] for b, n in enumerate(lengths)]),
    "teacher_forcing_loss": lambda table, target, start: (
        -math.fsum(math.log(table[a, b]) for a, b in itertools.pairwise([start, *target])) / len(target)
    ),
    "hmm_counts": counted_hmm,
    "joint_probability": joint,
    "next_observation": next_one,
    "forward": forward,
    "viterbi": best,
    "log_sum_exp": lambda x: ts.logsumexp(ts.tensor(x)).item(),
    "trigram_transitions": trigram_counts,
    "trigram_viterbi": trigram_best,
    "backward": backward,
    "posterior": posterior,
    "expected_transitions": transitions,
    "baum_welch_step": baum_welch,
    "crf_score": lambda scores, transition, tags: dict(crf_scores(scores, transition))[tuple(int(k) for k in tags)],
    "crf_log_partition": log_partition,
    "crf_gradient": crf_gradient,
    "central_difference": lambda f, x, eps: SUMS[str(f).removeprefix("lambda x: ")](x),
    "complex_step": lambda f, x: ANALYTIC[str(f).removeprefix("lambda x: ")](x),
    "find_the_bug": wrong_rules,
    "ctc_collapse": lambda frames: list(ts.nn.ctc_collapse(frames)),
    "ctc_loss": ctc,
}
PRECISION = {"central_difference": 0.5}  # of so large a step; its own formula says the rest
BY_PROPERTY = {"topological_order"}


def arguments_of(case):
    return [decode(argument) for argument in case]


def test_every_exercise_has_a_reference():
    assert set(REFERENCES) | BY_PROPERTY == set(EXERCISES)
    assert len(EXERCISES) >= 50
    assert sum(len(exercise.mistakes) for exercise in EXERCISES.values()) >= 6 * len(EXERCISES)
    assert {exercise.chapter for exercise in EXERCISES.values()} == set(range(1, 17))


@pytest.mark.parametrize("name", REFERENCES)
def test_the_solution_equals_the_reference(name):
    exercise = EXERCISES[name]
    rtol = PRECISION.get(name, max(exercise.rtol, 1e-9))
    for case, outcome in zip(exercise.cases, exercise.expected, strict=True):
        reference = REFERENCES[name](*arguments_of(case))
        assert difference(reference, outcome.value, rtol, 1e-9) is None


def test_central_differences_are_exact_to_the_second_order():
    f, x = lambda x: np.sum(np.exp(x)), np.array([0.3, -0.2])
    errors = [EXERCISES["central_difference"].function(f, x, eps) - np.exp(x) for eps in (1e-2, 1e-3)]
    assert np.allclose(errors[0] / errors[1], 100, rtol=1e-3)


def test_frequencies_of_samples_are_the_probabilities():
    scores, k, temperature = np.array([0.5, 2.0, -1.0, 1.0]), 3, 0.7
    drawn = [EXERCISES["sample_top_k"].function(scores, k, temperature, u) for u in (np.arange(5000) + 0.5) / 5000]
    weights = np.exp(scores / temperature) * (scores > -1)
    assert np.allclose(np.bincount(drawn, minlength=4) / 5000, weights / weights.sum(), atol=2e-4)


def test_functions_as_arguments_are_source():
    cases = [
        argument for name in ("find_the_bug", "complex_step") for case in EXERCISES[name].cases for argument in case
    ]
    assert any(isinstance(decode(argument), Code) for argument in cases)
