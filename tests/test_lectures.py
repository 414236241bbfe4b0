"""Every checkable fact of the lectures, one test each, named after its lecture.

A: hidden Markov models. B: language models. C: recurrent networks. D: backpropagation through time.
"""

import math

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.autograd.graph import ancestors
from tinyseq.lm import RNNLM, NgramLM, WindowLM
from tinyseq.nn.recurrent.steps import gru_step_before, lstm_step

RNG = np.random.default_rng(0)


def normal(*shape):
    return ts.tensor(RNG.standard_normal(shape), requires_grad=True)


# -- A. hidden Markov models -------------------------------------------------------------------------------------------


def test_a_viterbi_of_i_like_cats_is_z_y_x(cats):
    """The slides print .0179, .0269 and .0100 for three products, a shifted point, and so end in <Z, Y, Z>."""
    path, log_prob = cats.viterbi(["I", "like", "cats"])
    assert list(path) == ["Z", "Y", "X"]
    assert math.exp(log_prob) == pytest.approx(0.012544, rel=1e-12)


def test_a_viterbi_table_of_i_like_cats():
    """score[i][s] = P(o_i|s) max over s' of score[i-1][s'] P(s|s'), column by column."""
    transition = np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [0.6, 0.2, 0.2]])
    emission = np.array([[0.2, 0.1, 0.7], [0.1, 0.8, 0.1], [0.4, 0.3, 0.3]])
    columns = ts.hmm.messages(np.array([0.1, 0.2, 0.7]), transition, emission.T, semiring=ts.hmm.semirings.MAX_PRODUCT)
    table = np.array([column.numpy() for column in list(columns)[1:]])
    expected = [[0.02, 0.02, 0.28], [0.0168, 0.0448, 0.0168], [0.012544, 0.001792, 0.002688]]
    np.testing.assert_allclose(table, expected, rtol=1e-12)


def test_a_joint_probability_is_the_product_of_the_tables():
    """P(S, O) = P(s_1) prod P(s_t|s_{t-1}) prod P(o_t|s_t) for the tagger of DT, NN and VB."""
    tagger = ts.hmm.HMM(
        initial=[0.5, 0.3, 0.2],
        transition=[[0.1, 0.5, 0.4], [0.2, 0.3, 0.5], [0.4, 0.3, 0.3]],
        emission=[[0.4, 0.5, 0.1], [0.5, 0.4, 0.1], [0.2, 0.3, 0.5]],
        states=["DT", "NN", "VB"],
        symbols=["the", "cat", "runs"],
    )
    path, log_prob = tagger.viterbi(["the", "cat", "runs"])
    assert list(path) == ["DT", "NN", "VB"]
    assert math.exp(log_prob) == pytest.approx(0.5 * 0.4 * 0.5 * 0.4 * 0.5 * 0.5, rel=1e-12)


def test_a_counting_gives_the_lie_detectors_eleven_twentieths():
    """From triplets (y_{t-1}, y_t, x_t): P(x_t = b | y_{t-1} = N) = 1/2 * 9/10 + 1 * 1/10."""
    triplets = [("N", "L", "a")] * 9 + [("U", "L", "b")] * 9 + [("N", "H", "b")]
    after_n = [(y, x) for before, y, x in triplets if before == "N"]
    p_state = {y: sum(state == y for state, _ in after_n) / len(after_n) for y in "LH"}
    p_b = {y: np.mean([x == "b" for _, state, x in triplets if state == y]) for y in "LH"}
    assert sum(p_b[y] * p_state[y] for y in "LH") == pytest.approx(11 / 20, rel=1e-12)


def test_a_trigram_hmm_counts_pairs_of_tags():
    """P(s_i | s_{i-1}, s_{i-2}) = count of the triple / count of the pair."""
    sentences = [[("w", tag) for tag in tags] for tags in ("ABA", "ABB", "ABA", "BAB")]
    hmm = ts.hmm.HMM.from_labelled(sentences, n=3)
    a, b = (list(hmm.states).index(tag) for tag in "AB")
    assert np.asarray(hmm.transition)[a, b].tolist() == pytest.approx(
        [2 / 3 if tag == "A" else 1 / 3 for tag in hmm.states]
    )
    assert np.asarray(hmm.transition)[b, a, b] == pytest.approx(1.0)


# -- B. language models ------------------------------------------------------------------------------------------------


def test_b_students_opened_their_books_and_exams():
    """1000 times "students opened their", 400 times books, 100 times exams: 0.4 and 0.1."""
    endings = ["books"] * 400 + ["exams"] * 100 + ["minds"] * 500
    model = NgramLM(4, smoothing=None).fit([["students", "opened", "their", word] for word in endings])
    context = ["students", "opened", "their"]
    assert model.prob("books", context) == pytest.approx(0.4)
    assert model.prob("exams", context) == pytest.approx(0.1)


def test_b_sparsity_a_word_never_seen_has_probability_zero():
    model = NgramLM(2, smoothing=None).fit([["a", "b"], ["a", "c"], ["b", "a"]])
    assert model.prob("a", ["a"]) == 0


def test_b_an_ngram_model_grows_with_n_and_sees_no_further_than_n():
    text = "the cat sat on the mat. the dog sat on the log. " * 3
    sizes = NgramLM(6).fit(text).sizes
    assert sizes == sorted(sizes)
    assert sizes[-1] > 2 * sizes[0]
    model = NgramLM(3).fit(text)
    assert model.prob("t", "the ca") == model.prob("t", "xxxxca") != model.prob("t", "the do")


def test_b_a_fixed_window_has_no_sparsity_but_sees_too_little_and_its_weights_grow():
    """The first and the last symbol are the same, four steps apart: a window of 4 can know, one of 3 cannot."""
    text = "".join(f"{letter}...{letter}" for letter in RNG.choice(list("ab"), 300))
    found, sizes = {}, []
    for context in (3, 4):
        ts.manual_seed(0)
        model = WindowLM("ab.", context=context, hidden_size=8)
        for _ in model.fit_steps(text, steps=150, window=50, batch=8, lr=0.03):
            pass
        found[context] = model.nats(text, batch=1)
        sizes.append(model.hidden.weight.size)
        logits, _ = model(model.vocabulary.encode("b.")[:, None])
        assert ts.softmax(logits[-1, 0]).numpy().min() > 0
    assert NgramLM(3, smoothing=None).fit(text).prob("b", "b.") == 0
    two_coins, one_coin = 2 / 5 * math.log(2), 1 / 5 * math.log(2)
    assert found[3] == pytest.approx(two_coins, abs=0.03)
    assert found[4] == pytest.approx(one_coin, abs=0.03)
    assert sizes == [3 * 8 * 8, 4 * 8 * 8]


def test_b_perplexity_of_a_uniform_model_is_the_vocabulary_and_of_a_perfect_one_is_one():
    targets = [0, 1, 2, 3, 2]
    uniform = ts.nn.cross_entropy(ts.zeros(5, 4), targets)
    assert math.exp(uniform.item()) == pytest.approx(4)
    perfect = ts.nn.cross_entropy(ts.one_hot(targets, 4) * 1000.0, targets)
    assert math.exp(perfect.item()) == pytest.approx(1)


def test_b_rnn_language_model_learns_to_spell_hello():
    ts.manual_seed(0)
    model = RNNLM("helo", hidden_size=8, cell="rnn")
    before = model.perplexity("hello", window=4, batch=1)
    reports = list(model.fit_steps("hello", steps=100, window=4, batch=1, lr=0.05))
    assert before > 2.5
    assert reports[-1].loss < 0.2
    assert "h" + "".join(model.sample(4, prompt="h", temperature=0)) == "hello"


def test_b_any_length_with_one_set_of_weights():
    model = RNNLM("helo", hidden_size=8, cell="rnn")
    count = sum(p.size for p in model.parameters())
    for length in (1, 5, 50):
        logits, _ = model(np.zeros((length, 1), dtype=int))
        assert logits.shape == (length, 1, 4)
    assert sum(p.size for p in model.parameters()) == count


def test_b_the_recurrent_language_model_is_its_formula():
    """e_t = E x_t, h_t = tanh(W_h h_{t-1} + W_e e_t + b_1), y_t = softmax(U h_t + b_2), and its loss is the mean."""
    ts.manual_seed(0)
    model = RNNLM("helo", hidden_size=5, embedding_size=3, cell="rnn").to("float64")
    w = model.state_dict()
    h, losses = np.zeros(5), []
    for letter, following in zip("hell", "ello", strict=True):
        e = np.eye(4)["helo".index(letter)] @ w["embedding.weight"]
        b_1 = w["recurrent.bias_ih_l0"] + w["recurrent.bias_hh_l0"]
        h = np.tanh(w["recurrent.weight_hh_l0"] @ h + w["recurrent.weight_ih_l0"] @ e + b_1)
        y = np.exp(w["output.weight"] @ h + w["output.bias"])
        losses.append(-np.log(y["helo".index(following)] / y.sum()))
    assert model.nats("hello", batch=1) == pytest.approx(np.mean(losses), rel=1e-12)
    assert model.perplexity("hello", batch=1) == pytest.approx(np.exp(np.mean(losses)), rel=1e-12)


# -- C. recurrent networks ---------------------------------------------------------------------------------------------


def test_c_row_column_and_stacked_forms_are_one_model():
    """phi(x W^(x) + h W^(h) + b), g(U h + W x + b) and tanh(W [h; x] + b)."""
    steps, inputs, hidden = 5, 3, 4
    rnn = ts.nn.RNN(inputs, hidden, dtype="float64")
    w, u = rnn.weight_ih_l0.numpy(), rnn.weight_hh_l0.numpy()
    b = rnn.bias_ih_l0.numpy() + rnn.bias_hh_l0.numpy()
    xs = RNG.standard_normal((steps, inputs))
    output, _ = rnn(ts.tensor(xs))
    row = column = stacked = np.zeros(hidden)
    for t, x in enumerate(xs):
        row = np.tanh(x @ w.T + row @ u.T + b)
        column = np.tanh(u @ column + w @ x + b)
        stacked = np.tanh(np.hstack([u, w]) @ np.concatenate([stacked, x]) + b)
        for form in (row, column, stacked):
            np.testing.assert_allclose(output.numpy()[t], form, rtol=1e-12)


def test_c_lstm_in_one_matrix_is_the_four_formulas():
    """f, i, o = sigmoid(W [h, x] + b), C~ = tanh(..), C_t = f C_{t-1} + i C~, h_t = o tanh(C_t)."""
    hidden, batch = 3, 2
    z, h, c, w = normal(4 * hidden, batch), normal(hidden, batch), normal(hidden, batch), normal(4 * hidden, hidden)
    pre = z.numpy() + w.numpy() @ h.numpy()
    i, f, g, o = (pre[k * hidden : (k + 1) * hidden] for k in range(4))
    sigmoid = lambda a: 1 / (1 + np.exp(-a))
    cell = sigmoid(f) * c.numpy() + sigmoid(i) * np.tanh(g)
    h_t, c_t = lstm_step(z, h, c, w)
    np.testing.assert_allclose(c_t.numpy(), cell, rtol=1e-12)
    np.testing.assert_allclose(h_t.numpy(), sigmoid(o) * np.tanh(cell), rtol=1e-12)


def test_c_gru_as_taught_resets_before_the_product():
    """z, r = sigmoid(W [h, x]), h~ = tanh(W [r h, x]), h_t = (1 - z) h_{t-1} + z h~."""
    hidden, batch = 3, 2
    x, h, w = normal(3 * hidden, batch), normal(hidden, batch), normal(3 * hidden, hidden)
    sigmoid = lambda a: 1 / (1 + np.exp(-a))
    w_r, w_z, w_h = np.split(w.numpy(), 3)
    x_r, x_z, x_h = np.split(x.numpy(), 3)
    r, z = sigmoid(x_r + w_r @ h.numpy()), sigmoid(x_z + w_z @ h.numpy())
    proposal = np.tanh(x_h + w_h @ (r * h.numpy()))
    expected = (1 - z) * h.numpy() + z * proposal
    np.testing.assert_allclose(gru_step_before(x, h, w, None).numpy(), expected, rtol=1e-12)


def test_c_the_two_grus_differ():
    ts.manual_seed(0)
    after = ts.nn.GRU(2, 3, bias=False)
    before = ts.nn.GRU(2, 3, bias=False, reset="before")
    before.load_state_dict(after.state_dict())
    x = ts.ones(4, 1, 2)
    assert not np.allclose(after(x)[0].numpy(), before(x)[0].numpy())


def test_c_parameters_of_rnn_gru_lstm_are_one_to_three_to_four():
    counts = [sum(p.size for p in layer(7, 5).parameters()) for layer in (ts.nn.RNN, ts.nn.GRU, ts.nn.LSTM)]
    assert [count / counts[0] for count in counts] == [1, 3, 4]


@pytest.mark.parametrize("layer", [ts.nn.RNN, ts.nn.GRU, ts.nn.LSTM])
def test_c_steps_wait_for_one_another_however_long_the_input(layer):
    """The longest chain of ops that need each other's results grows by the same number with every step."""
    net, chains = layer(3, 4), []
    for length in (5, 6, 7, 20):
        depth = {}
        output = net(np.zeros((length, 1, 3), dtype="f4"))[0]
        for node in sorted(ancestors([output.node]), key=lambda node: node.seq):
            parents = [getattr(edge, "node", edge) for edge in node.edges]
            depth[node] = 1 + max((depth.get(parent, 0) for parent in parents), default=0)
        chains.append(max(depth.values()))
    step = chains[1] - chains[0]
    assert step >= 2
    assert chains == [chains[0] + step * more for more in (0, 1, 2, 15)]


def test_c_one_to_one_is_the_plain_network_and_a_sequence_of_length_one():
    ts.manual_seed(0)
    rnn, x = ts.nn.RNN(3, 4), np.ones((1, 2, 3), dtype="f4")
    plain = ts.nn.Linear(3, 4)
    plain.load_state_dict({"weight": rnn.weight_ih_l0, "bias": rnn.bias_ih_l0 + rnn.bias_hh_l0})
    np.testing.assert_allclose(rnn(x)[0].numpy(), ts.tanh(plain(x)).numpy(), rtol=1e-6)


def test_c_stacked_layers_read_the_states_below():
    ts.manual_seed(0)
    stacked = ts.nn.RNN(3, 4, num_layers=2, dtype="float64")
    state = stacked.state_dict()
    lower, upper = ts.nn.RNN(3, 4, dtype="float64"), ts.nn.RNN(4, 4, dtype="float64")
    lower.load_state_dict({name: state[name] for name in state if name.endswith("l0")})
    upper.load_state_dict({name.replace("l1", "l0"): state[name] for name in state if name.endswith("l1")})
    x = normal(6, 2, 3)
    np.testing.assert_allclose(stacked(x)[0].numpy(), upper(lower(x)[0])[0].numpy(), rtol=1e-12)


def test_c_bidirectional_needs_the_whole_input():
    """Its first output changes with the last input, so it cannot be a language model; a forward one's does not."""
    ts.manual_seed(0)
    x = np.zeros((5, 1, 2))
    changed = x.copy()
    changed[-1] = 1
    for both in (False, True):
        layer = ts.nn.RNN(2, 3, bidirectional=both)
        first, other = (layer(ts.tensor(values))[0].numpy()[0] for values in (x, changed))
        assert np.allclose(first, other) != both


# -- D. backpropagation through time -----------------------------------------------------------------------------------


def unrolled(steps=4, hidden=3):
    """States of h_t = tanh(W h_{t-1} + x_t) from leaves, and a loss at each step."""
    w, h = normal(hidden, hidden), ts.tensor(RNG.standard_normal(hidden))
    states, losses = [], []
    for _ in range(steps):
        h = ts.tanh(w @ h + ts.tensor(RNG.standard_normal(hidden)))
        states.append(h)
        losses.append((h * h).sum())
    return w, states, losses


def test_d_the_gradient_at_a_state_gathers_from_its_output_and_from_the_next_state():
    """dL/dh_t = dl_t/dh_t + (dh_{t+1}/dh_t)^T dL/dh_{t+1}."""
    w, states, losses = unrolled()
    gradients = ts.grad(losses, states, retain_graph=True)
    for t in range(len(states) - 1):
        own = 2 * states[t].numpy()
        jacobian = (1 - states[t + 1].numpy() ** 2)[:, None] * w.numpy()
        np.testing.assert_allclose(
            gradients[t].numpy(), own + jacobian.T @ gradients[t + 1].numpy(), rtol=1e-10, atol=1e-12
        )


def test_d_the_gradient_of_a_shared_weight_is_the_sum_over_its_uses():
    """dL/dW = sum over t of (dL/da_t) h_{t-1}^T."""
    hidden, steps = 3, 4
    shared = RNG.standard_normal((hidden, hidden))
    xs = RNG.standard_normal((steps, hidden))

    def loss(weights):
        h = ts.zeros(hidden)
        for w, x in zip(weights, xs, strict=True):
            h = ts.tanh(w @ h + ts.tensor(x))
        return (h * h).sum()

    w = ts.tensor(shared, requires_grad=True)
    total = ts.grad(loss([w] * steps), w)
    copies = [ts.tensor(shared, requires_grad=True) for _ in range(steps)]
    terms = ts.grad(loss(copies), copies)
    np.testing.assert_allclose(total.numpy(), sum(term.numpy() for term in terms), rtol=1e-12)


def test_d_the_norm_of_the_jacobian_is_bounded_by_beta_to_the_distance():
    """|dh_t/dh_k| <= beta^(t-k), beta the largest singular value of W, as tanh' <= 1: below 1 gradients vanish."""
    hidden, steps = 4, 12
    matrix = RNG.standard_normal((hidden, hidden))
    matrix *= 0.7 / np.linalg.norm(matrix, 2)
    w, h = ts.tensor(matrix), ts.tensor(RNG.standard_normal(hidden), requires_grad=True)
    first, norms = h, []
    for _ in range(steps):
        h = ts.tanh(w @ h)
        rows = [ts.grad(h[i], first, retain_graph=True).numpy() for i in range(hidden)]
        norms.append(np.linalg.norm(rows, 2))
    assert all(norm <= 0.7 ** (k + 1) * (1 + 1e-12) for k, norm in enumerate(norms))
    assert norms[-1] < 0.02


def test_d_a_linear_network_explodes_when_the_largest_singular_value_is_above_one():
    h = start = ts.ones(2, requires_grad=True)
    for _ in range(20):
        h = ts.tensor([[1.5, 0.0], [0.0, 1.5]]) @ h
    assert ts.grad(h.sum(), start).numpy() == pytest.approx([1.5**20] * 2)


def test_d_the_lstms_cell_passes_gradients_by_the_forget_gate_alone():
    """dC_t/dC_{t-1} = f, element by element."""
    hidden = 3
    z, h, c, w = normal(4 * hidden, 1), normal(hidden, 1), normal(hidden, 1), normal(4 * hidden, hidden)
    _, c_t = lstm_step(z, h, c, w)
    forget = 1 / (1 + np.exp(-(z.numpy() + w.numpy() @ h.numpy())[hidden : 2 * hidden]))
    np.testing.assert_allclose(ts.grad(c_t.sum(), c).numpy(), forget, rtol=1e-12)


def test_d_truncation_drops_the_terms_beyond_the_window():
    """A detached state carries the value on and the gradient not: what is lost is the path through that state."""
    hidden = 3
    w, x = normal(hidden, hidden), [ts.tensor(RNG.standard_normal(hidden)) for _ in range(4)]

    def last(cut):
        h = ts.zeros(hidden)
        for t, x_t in enumerate(x):
            h = ts.tanh(w @ (h.detach() if t == cut else h) + x_t)
        return (h * h).sum()

    assert last(None).item() == last(2).item()
    whole, truncated = ts.grad(last(None), w).numpy(), ts.grad(last(2), w).numpy()
    h = ts.zeros(hidden)
    for x_t in x[:2]:
        h = ts.tanh(w @ h + x_t)
    after = h.detach().requires_grad_()
    end = after
    for x_t in x[2:]:
        end = ts.tanh(w.detach() @ end + x_t)
    dropped = ts.grad(h, w, grad_outputs=ts.grad((end * end).sum(), after)).numpy()
    np.testing.assert_allclose(whole, truncated + dropped, rtol=1e-10, atol=1e-12)
    assert abs(dropped).max() > 1e-6


def test_d_clipping_compares_the_norm_not_its_square():
    w = ts.tensor([0.6, 0.0], requires_grad=True)
    w.grad = ts.tensor([0.3, 0.4])  # norm 0.5, squared norm 0.25
    assert ts.nn.clip_grad_norm_([w], 0.4) == pytest.approx(0.5)
    assert float(np.linalg.norm(w.grad.numpy())) == pytest.approx(0.4, rel=1e-5)


def test_d_cross_entropys_gradients_at_the_probabilities_and_at_the_logits():
    """dL/dy_hat is -1/y_hat at the true word and 0 elsewhere; dL/dlogits = y_hat - y."""
    logits = ts.tensor([1.0, -0.5, 2.0], requires_grad=True)
    probabilities = ts.softmax(logits)
    loss = -ts.log(probabilities)[1]
    at_probabilities, at_logits = ts.grad(loss, [probabilities, logits])
    y_hat = probabilities.numpy()
    np.testing.assert_allclose(at_probabilities.numpy(), [0, -1 / y_hat[1], 0], rtol=1e-12)
    np.testing.assert_allclose(at_logits.numpy(), y_hat - [0, 1, 0], rtol=1e-12, atol=1e-15)
    fused = ts.nn.cross_entropy(logits, 1)
    np.testing.assert_allclose(ts.grad(fused, logits).numpy(), y_hat - [0, 1, 0], rtol=1e-12, atol=1e-15)
