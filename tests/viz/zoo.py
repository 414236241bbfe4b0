"""Networks as students write them, to draw: name -> a function that makes the loss.

Each is declared with how many inputs a step has: what is not a parameter and no state, and has to be seen.
"""

from collections.abc import Callable
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

import tinyseq as ts

STEPS = 3


class Network(NamedTuple):
    """A network to draw.

    Attributes:
        loss: makes it, and is its loss.
        inputs: how many boxes of input a step has, at least.
        initial: how many states are seen before the first step, at least.
    """

    loss: Callable[[], ts.Tensor]
    inputs: int
    initial: int


ZOO: dict[str, Network] = {}


@contextmanager
def kept_parameters():
    """Parameters stay alive in the block, as those of a student's model do while its loss is drawn."""
    kept, new = [], ts.nn.Parameter._new_leaf
    ts.nn.Parameter._new_leaf = lambda self, *args: kept.append(self) or new(self, *args)
    try:
        yield
    finally:
        ts.nn.Parameter._new_leaf = new


def network(inputs: int = 1, initial: int = 1):
    def declare(make):
        ZOO[make.__name__] = Network(make, inputs, initial)
        return make

    return declare


def weight(*shape, name="", dtype="float64"):
    drawn = 0.5 * np.random.default_rng(len(name) + sum(shape)).standard_normal(shape)
    made = ts.nn.Parameter(drawn.astype(dtype))
    made.node.name = name
    return made


def data(*shape, seed=0):
    return ts.tensor(np.random.default_rng(seed).standard_normal(shape))


def called(name, scope):
    """A loss of two steps with a parameter and a module of these names."""
    w, h = ts.tensor([[0.5]], requires_grad=True), ts.ones(1, 1)
    w.node.name = name
    with ts.scope(scope):
        for t in range(2):
            with ts.step(t):
                h = ts.tanh(w @ ts.tanh(h))
    return h.sum()


def letters(*shape):
    return np.random.default_rng(1).integers(0, 4, shape)


class Reader(ts.nn.Module):
    """A layer, and scores for the next letter."""

    def __init__(self, kind, **settings):
        ts.manual_seed(0)
        self.rnn = kind(4, 5, **settings)
        self.out = ts.nn.Linear(10 if settings.get("bidirectional") else 5, 4)

    def forward(self, x):
        return self.out(self.rnn(x)[0])


def read(kind, steps=STEPS, **settings):
    x = ts.tensor(np.eye(4, dtype=np.float32)[letters(steps)][:, None])
    return ts.nn.cross_entropy(Reader(kind, **settings)(x), letters(steps, 1))


@network()
def rnn():
    return read(ts.nn.RNN)


@network(initial=2)
def lstm():
    return read(ts.nn.LSTM)


@network()
def gru():
    return read(ts.nn.GRU)


@network()
def gru_of_the_lectures():
    return read(ts.nn.GRU, reset="before")


@network(initial=2)
def two_layers():
    return read(ts.nn.RNN, num_layers=2)


@network(initial=2)
def both_directions():
    return read(ts.nn.RNN, bidirectional=True)


@network(initial=4)
def both_directions_of_an_lstm():
    return read(ts.nn.LSTM, bidirectional=True)


@network(initial=4)
def two_layers_in_both_directions():
    return read(ts.nn.GRU, num_layers=2, bidirectional=True)


@network()
def concatenated():
    """tanh(W [h; x]), as the lectures write it."""
    w, v, x, h, losses = weight(5, 9, name="W"), weight(4, 5, name="V"), data(STEPS, 4, 1), ts.zeros(5, 1), []
    for t in range(STEPS):
        with ts.step(t):
            h = ts.tanh(w @ ts.concatenate([h, x[t]]))
            losses.append(ts.nn.cross_entropy((v @ h).T, [t % 4]))
    return sum(losses)


@network()
def concatenated_with_a_bias_and_the_last_loss():
    w, b, x, h = weight(5, 9, name="W"), weight(5, 1, name="b"), data(STEPS, 4, 1), ts.zeros(5, 1)
    for t in range(STEPS):
        with ts.step(t):
            h = ts.tanh(w @ ts.concatenate([x[t], h]) + b)
    return ts.sum(h * h)


@network()
def concatenated_rows():
    """The same with rows: [h, x] W."""
    w, x, h = weight(9, 5, name="W"), data(STEPS, 2, 4), ts.zeros(2, 5)
    loss = ts.zeros(())
    for t in range(STEPS):
        with ts.step(t):
            h = ts.tanh(ts.concatenate([h, x[t]], axis=1) @ w)
            loss = loss + ts.mean(h * h)
    return loss


@network(inputs=2)
def concatenated_twice():
    """[h; x] and another input below it, all as a row."""
    w, x, y, h = weight(7, 3, name="W"), data(STEPS, 2, 1), data(STEPS, 2, 1, seed=5), ts.zeros(3, 1)
    for t in range(STEPS):
        with ts.step(t):
            h = ts.tanh(ts.concatenate([ts.concatenate([h, x[t]]), y[t]]).T @ w).T
    return ts.sum(h * h)


@network()
def stacked():
    """The state and the input side by side."""
    w, u, x, h = weight(3, 3, name="W"), weight(2, 1, name="u"), data(STEPS, 3), ts.zeros(3)
    for t in range(STEPS):
        with ts.step(t):
            h = ts.tanh(w @ ts.stack([h, x[t]], axis=1) @ u)[:, 0]
    return ts.sum(h * h)


@network(initial=2)
def lstm_by_hand_from_concatenated():
    """i, f, o and g of one weight each, over [h; x]."""
    weights = [weight(3, 5, name=f"W_{gate}") for gate in "ifog"]
    x, h, c, losses = data(STEPS, 2, 1), ts.zeros(3, 1), ts.zeros(3, 1), []
    for t in range(STEPS):
        with ts.step(t):
            both = ts.concatenate([h, x[t]])
            i, f, o = (ts.sigmoid(w @ both) for w in weights[:3])
            c = f * c + i * ts.tanh(weights[3] @ both)
            h = o * ts.tanh(c)
            losses.append(ts.sum(h * h))
    return sum(losses)


@network()
def gru_by_hand():
    w_z, w_r, w_n = (weight(3, 5, name=f"W_{gate}") for gate in "zrn")
    x, h, losses = data(STEPS, 2, 1), ts.zeros(3, 1), []
    for t in range(STEPS):
        with ts.step(t):
            both = ts.concatenate([h, x[t]])
            z, r = ts.sigmoid(w_z @ both), ts.sigmoid(w_r @ both)
            n = ts.tanh(w_n @ ts.concatenate([r * h, x[t]]))
            h = (1 - z) * h + z * n
            losses.append(ts.sum(h * h))
    return sum(losses)


def of_blocks(count, step):
    """A cell of one's own: its step takes the state and so many blocks of W x + U h."""
    w, u, x, h = weight(3 * count, 2, name="W"), weight(3 * count, 3, name="U"), data(STEPS, 2, 1), ts.zeros(3, 1)
    for t in range(STEPS):
        with ts.step(t):
            h = step(h, *ts.split(w @ x[t] + u @ h, count))
    return ts.sum(h * h)


@network()
def minimal_gated_unit():
    return of_blocks(2, lambda h, f, n: h + ts.sigmoid(f) * (ts.tanh(n) - h))


@network()
def three_blocks_of_its_own():
    """A cell whose three blocks are a, b and c, and no gates of a GRU."""
    return of_blocks(3, lambda h, a, b, c: ts.tanh(a) * ts.sigmoid(b) + ts.sin(c) * h)


@network()
def highway():
    w, g, x, h = weight(3, 3, name="W"), weight(3, 3, name="G"), data(STEPS, 3, 1), ts.zeros(3, 1)
    for t in range(STEPS):
        with ts.step(t):
            gate = ts.sigmoid(g @ h)
            h = gate * ts.tanh(w @ x[t]) + (1 - gate) * h
    return ts.mean(h)


@network()
def skip_over_two_steps():
    """h_t also takes h_{t-2}."""
    w, s, x, states = weight(3, 2, name="W"), weight(3, 3, name="S"), data(4, 2, 1), [ts.zeros(3, 1), ts.zeros(3, 1)]
    for t in range(4):
        with ts.step(t):
            states.append(ts.tanh(w @ x[t] + s @ states[-1] + states[-2]))
    return ts.sum(states[-1] * states[-1])


@network()
def input_added_to_the_output():
    """A residual connection around the recurrence."""
    w, u, x, h, losses = weight(3, 3, name="W"), weight(3, 3, name="U"), data(STEPS, 3, 1), ts.zeros(3, 1), []
    for t in range(STEPS):
        with ts.step(t):
            z = w @ x[t]
            h = ts.tanh(z + u @ h)
            losses.append(ts.sum((h + z) * (h + z)))
    return sum(losses)


def encoder_states():
    """The states of a plain network that reads, in an encoder's scope."""
    w, u, x, h, states = weight(3, 2, name="W"), weight(3, 3, name="U"), data(STEPS, 2, 1), ts.zeros(3, 1), []
    with ts.scope("encoder"):
        for t in range(STEPS):
            with ts.step(t):
                h = ts.tanh(w @ x[t] + u @ h)
                states.append(h)
    return states


@network(inputs=0)
def attention_over_states():
    """An encoder, and a decoder whose every step looks back at all of the encoder's states."""
    states = encoder_states()
    keys, d, s, losses = ts.concatenate(states, axis=1), weight(3, 3, name="D"), states[-1], []
    with ts.scope("decoder"):
        for t in range(2):
            with ts.step(t):
                share = ts.softmax(keys.T @ s, axis=0)
                s = ts.tanh(d @ s + keys @ share)
                losses.append(ts.sum(s * s))
    return sum(losses)


def read_and_write(hidden):
    """An encoder whose last state begins a decoder, three and two steps long."""
    ts.manual_seed(0)
    encoder, decoder = ts.nn.RNN(4, hidden), ts.nn.RNN(4, hidden)
    with ts.scope("encoder"):
        _, h = encoder(ts.ones(3, 1, 4))
    with ts.scope("decoder"):
        outputs, _ = decoder(ts.ones(2, 1, 4), h)
    return ts.sum(outputs * outputs)


@network()
def encoder_and_decoder():
    return read_and_write(5)


@network(inputs=0)
def decoder_without_attention():
    """Its first step takes the encoder's last state, whatever the number of that is."""
    w, u, d, x, h, losses = (
        weight(3, 2, name="W"),
        *(weight(3, 3, name=name) for name in "UD"),
        data(STEPS, 2, 1),
        ts.zeros(3, 1),
        [],
    )
    for t in range(STEPS):
        with ts.step(t):
            h = ts.tanh(w @ x[t] + u @ h)
    for t in range(3):
        with ts.step(t):
            h = ts.tanh(d @ h)
            losses.append(ts.sum(h * h))
    return sum(losses)


@network(inputs=0)
def nested_loops():
    """Words of letters: an inner state for each word, and an outer one over the words."""
    w, u, v, words, outer = (
        weight(3, 3, name="W"),
        weight(3, 2, name="U"),
        weight(3, 3, name="V"),
        data(2, 2, 2, 1),
        None,
    )
    outer = ts.zeros(3, 1)
    for i in range(2):
        inner = ts.zeros(3, 1)
        with ts.scope(f"word{i}"):
            for t in range(2):
                with ts.step(t):
                    inner = ts.tanh(w @ inner + u @ words[i, t])
        with ts.scope("sentence"), ts.step(i):
            outer = ts.tanh(v @ outer + inner)
    return ts.sum(outer * outer)


@network()
def losses_at_some_steps():
    w, u, x, h, loss = weight(3, 2, name="W"), weight(3, 3, name="U"), data(4, 2, 1), ts.zeros(3, 1), ts.zeros(())
    for t in range(4):
        with ts.step(t):
            h = ts.tanh(w @ x[t] + u @ h)
            if t % 2:
                loss = loss + ts.sum(h * h)
    return loss


@network()
def sum_of_losses():
    w, u, x, h, losses = weight(3, 2, name="W"), weight(3, 3, name="U"), data(STEPS, 2, 1), ts.zeros(3, 1), []
    for t in range(STEPS):
        with ts.step(t):
            h = ts.tanh(w @ x[t] + u @ h)
            losses.append(ts.sum(h * h))
    return sum(losses) / STEPS


@network(inputs=2)
def two_sequences():
    w, v, u = weight(3, 2, name="W"), weight(3, 2, name="V"), weight(3, 3, name="U")
    x, y, h = data(STEPS, 2, 1), data(STEPS, 2, 1, seed=5), ts.zeros(3, 1)
    for t in range(STEPS):
        with ts.step(t):
            h = ts.tanh(w @ x[t] + v @ y[t] + u @ h)
    return ts.sum(h * h)


@network(inputs=2, initial=1)
def two_sequences_concatenated():
    w, x, y, h = weight(3, 7, name="W"), data(STEPS, 2, 1), data(STEPS, 2, 1, seed=5), ts.zeros(3, 1)
    for t in range(STEPS):
        with ts.step(t):
            h = ts.tanh(w @ ts.concatenate([h, x[t], y[t]]))
    return ts.sum(h * h)


@network(initial=2)
def cell_in_a_loop():
    ts.manual_seed(0)
    cell, out, state, loss = ts.nn.LSTMCell(3, 5), ts.nn.Linear(5, 2), None, 0.0
    x = ts.tensor(np.random.default_rng(0).standard_normal((STEPS, 2, 3)).astype(np.float32))
    for t in range(STEPS):
        with ts.step(t):
            state = cell(x[t], state)
            loss = loss + ts.nn.cross_entropy(out(state[0]), [0, 1])
    return loss


@network(inputs=0)
def embedded_words():
    ts.manual_seed(0)
    table, layer, out = ts.nn.Embedding(4, 3), ts.nn.LSTM(3, 5), ts.nn.Linear(5, 4)
    hidden, _ = layer(table(letters(STEPS, 1)))
    return ts.nn.cross_entropy(out(hidden), letters(STEPS, 1))


@network(inputs=0, initial=0)
def letters_looked_up():
    """An embedding by index in each step, as in the lectures on character models."""
    table, w, h, losses = weight(4, 3, name="E"), weight(3, 3, name="W"), ts.zeros(3), []
    for t, letter in enumerate(letters(STEPS)):
        with ts.step(t):
            h = ts.tanh(w @ h + table[int(letter)])
            losses.append(ts.sum(h * h))
    return sum(losses)


@network()
def layers_with_dropout():
    ts.manual_seed(0)
    return read(ts.nn.RNN, num_layers=2, dropout=0.5)


@network()
def normalised_layer():
    ts.manual_seed(0)
    cell, norm, x, h = ts.nn.RNNCell(3, 4), ts.nn.LayerNorm(4), ts.ones(STEPS, 1, 3), None
    for t in range(STEPS):
        with ts.step(t):
            h = norm(cell(x[t], h))
    return ts.sum(h * h)


@network(inputs=0, initial=0)
def chain_of_scores():
    """The forward recursion of a hidden Markov model, from ops."""
    transition, alpha = weight(3, 3, name="A"), weight(3, name="pi")
    for t in range(STEPS):
        with ts.step(t):
            alpha = ts.logsumexp(alpha[:, None] + transition, axis=0) + data(3, seed=t)
    return ts.logsumexp(alpha)


@network(initial=0)
def backward_in_time():
    w, u, x, h, losses = weight(3, 2, name="W"), weight(3, 3, name="U"), data(STEPS, 2, 1), ts.zeros(3, 1), []
    for t in reversed(range(STEPS)):
        with ts.step(t):
            h = ts.tanh(w @ x[t] + u @ h)
            losses.append(ts.sum(h * h))
    return sum(losses)


@network()
def last_step_only():
    hidden, _ = Reader(ts.nn.RNN).rnn(ts.ones(STEPS, 1, 4))
    return ts.sum(hidden[-1] * hidden[-1])


@network()
def output_fed_back():
    """Jordan's network: y, not h, goes to the next step."""
    w, u, v, x, y, losses = (
        *(weight(3, 2, name=name) for name in "WU"),
        weight(2, 3, name="V"),
        data(3, 2, 1),
        ts.zeros(2, 1),
        [],
    )
    for t in range(STEPS):
        with ts.step(t):
            y = ts.softmax(v @ ts.tanh(w @ x[t] + u @ y), axis=0)
            losses.append(-ts.log(y[0, 0]))
    return sum(losses)


@network(initial=2)
def peepholes():
    """The gates of an LSTM also see c, each element of it with a weight of its own."""
    w, u, x, h, c = weight(12, 2, name="W"), weight(12, 3, name="U"), data(STEPS, 2, 1), ts.zeros(3, 1), ts.zeros(3, 1)
    p_i, p_f, p_o = (weight(3, 1, name=f"p_{gate}") for gate in "ifo")
    for t in range(STEPS):
        with ts.step(t):
            i, f, g, o = ts.split(w @ x[t] + u @ h, 4)
            i, f = ts.sigmoid(i + p_i * c), ts.sigmoid(f + p_f * c)
            c = f * c + i * ts.tanh(g)
            h = ts.sigmoid(o + p_o * c) * ts.tanh(c)
    return ts.sum(h * h)


@network()
def input_used_twice():
    """A multiplicative network takes x[t] twice, which is one input."""
    w, m, u, x, h = (
        *(weight(3, 2, name=name) for name in "WM"),
        weight(3, 3, name="U"),
        data(STEPS, 2, 1),
        ts.zeros(3, 1),
    )
    for t in range(STEPS):
        with ts.step(t):
            h = ts.tanh(w @ x[t] + u @ ((m @ x[t]) * h))
    return ts.sum(h * h)


@network(initial=2)
def clockwork():
    """A second state changes at even steps only."""
    w, u, x, h, slow = weight(3, 2, name="W"), weight(3, 3, name="U"), data(4, 2, 1), ts.zeros(3, 1), ts.zeros(3, 1)
    for t in range(4):
        with ts.step(t):
            h = ts.tanh(w @ x[t] + u @ h + slow)
            if t % 2 == 0:
                slow = ts.tanh(u @ slow + h)
    return ts.sum(h * h) + ts.sum(slow)


@network(inputs=0, initial=2)
def both_directions_by_hand():
    w, u, x, ahead, back, loss = weight(3, 2, name="W"), weight(3, 3, name="U"), data(STEPS, 2, 1), {}, {}, 0.0
    for found, order in ((ahead, range(STEPS)), (back, range(STEPS)[::-1])):
        h = ts.zeros(3, 1)
        for t in order:
            with ts.step(t):
                h = found[t] = ts.tanh(w @ x[t] + u @ h)
    for t in range(STEPS):
        with ts.step(t):
            loss = loss + ts.sum(ahead[t] * back[t])
    return loss


@network()
def constants_of_each_step():
    """A discount that changes, a negative target of its own for each step, and a mask."""
    w, u, x, h, loss = weight(3, 2, name="W"), weight(3, 3, name="U"), data(STEPS, 2, 1), ts.zeros(3, 1), 0.0
    mask = np.array([[1.0], [1.0], [0.0]])
    for t, target in enumerate((-1.0, 0.5, -2.0)):
        with ts.step(t):
            h = ts.tanh(w @ x[t] + u @ h) * mask[(t, (t + 1) % 3, 2), :]
            loss = loss + 0.9**t * ts.sum((h - target) ** 2) / -2
    return loss


@network(inputs=0)
def encoder_and_decoder_of_looked_up_letters():
    """One embedding for both, the right letters fed to the decoder, and the mean of its losses."""
    table, out = weight(5, 3, name="E"), weight(5, 4, name="O")
    (w, u), (d, g) = ((weight(4, 3, name=one), weight(4, 4, name=other)) for one, other in ("WU", "DG"))
    h, losses = ts.zeros(4), []
    with ts.scope("encoder"):
        for t, letter in enumerate((1, 2, 3)[:STEPS]):
            with ts.step(t):
                h = ts.tanh(w @ table[letter] + u @ h)
    with ts.scope("decoder"):
        for t, (letter, target) in enumerate([(4, 0), (0, 3), (3, 2)]):
            with ts.step(t):
                h = ts.tanh(d @ table[letter] + g @ h)
                losses.append(ts.nn.cross_entropy((out @ h)[None], [target]))
    return sum(losses) / len(losses)


@network(initial=1)
def attention_before_the_loop():
    """Self-attention makes the inputs of the loop: every step reads keys and values of all steps."""
    query, key, value, w, u = (weight(3, 3, name=name) for name in ("W_q", "W_k", "W_v", "W", "U"))
    x, h = data(STEPS, 3), ts.zeros(3)
    attended = ts.softmax((x @ query) @ (x @ key).T / 3**0.5, axis=1) @ (x @ value)
    for t in range(STEPS):
        with ts.step(t):
            h = ts.tanh(w @ attended[t] + u @ h)
    return ts.sum(h * h)


@network()
def attention_after_the_loop():
    """The last state looks back at all states, which are joined after the loop."""
    w, u, x, h, states = weight(3, 2, name="W"), weight(3, 3, name="U"), data(8, 2, 1), ts.zeros(3, 1), []
    for t in range(8):
        with ts.step(t):
            h = ts.tanh(w @ x[t] + u @ h)
            states.append(h)
    joined = ts.concatenate(states, axis=1)
    return ts.sum(joined @ ts.softmax(joined.T @ h, axis=0))


@network(inputs=0)
def additive_attention():
    """Bahdanau's: the decoder's state and all of the encoder's states are added under a tanh."""
    states = encoder_states()
    keys, v, h, losses = ts.concatenate(states, axis=1), weight(1, 3, name="v"), states[-1], []
    of_state, of_keys, d, c = (weight(3, 3, name=name) for name in ("W_a", "U_a", "D", "C"))
    with ts.scope("decoder"):
        for t in range(2):
            with ts.step(t):
                share = ts.softmax(v @ ts.tanh(of_state @ h + of_keys @ keys), axis=1)
                h = ts.tanh(d @ h + c @ ts.sum(share * keys, axis=1, keepdims=True))
                losses.append(ts.sum(h))
    return sum(losses) / len(losses)


@network()
def rows_backward_in_time():
    """A batch of rows, a loss at each step, from the last step to the first."""
    w, u, v = weight(2, 3, name="W"), weight(3, 3, name="U"), weight(3, 2, name="V")
    x, h, losses = data(STEPS, 4, 2), ts.zeros(4, 3), []
    for t in reversed(range(STEPS)):
        with ts.step(t):
            h = ts.tanh(x[t] @ w + h @ u)
            losses.append(ts.nn.cross_entropy(h @ v, [0, 1, 0, 1]))
    return sum(losses) / len(losses)


@network()
def gates_without_the_state():
    """A simple recurrent unit: its state meets no weight, and x goes around the cell to the output."""
    w, w_f, x, c, losses = weight(3, 3, name="W"), weight(3, 3, name="W_f"), data(STEPS, 3, 1), ts.zeros(3, 1), []
    for t in range(STEPS):
        with ts.step(t):
            f = ts.sigmoid(w_f @ x[t])
            c = f * c + (1 - f) * (w @ x[t])
            losses.append(ts.sum(ts.tanh(c) * x[t]))
    return sum(losses)


@network()
def gru_by_hand_with_biases():
    """Six weights and three biases, as a GRU is written out in full."""
    w, u, b = ({gate: weight(3, size, name=f"{letter}_{gate}") for gate in "zrn"} for letter, size in GATED.items())
    x, h, losses = data(STEPS, 2, 1), ts.zeros(3, 1), []
    for t in range(STEPS):
        with ts.step(t):
            z, r = (ts.sigmoid(w[gate] @ x[t] + u[gate] @ h + b[gate]) for gate in "zr")
            n = ts.tanh(w["n"] @ x[t] + u["n"] @ (r * h) + b["n"])
            h = (1 - z) * h + z * n
            losses.append(ts.sum(h * h))
    return sum(losses)


GATED = {"W": 2, "U": 3, "b": 1}  # the columns of the parameters of a gate


@network()
def gru_of_blocks():
    """The blocks z, r and n of one weight for x, and of one for h."""
    w, u, x, h, losses = weight(9, 2, name="W"), weight(9, 3, name="U"), data(STEPS, 2, 1), ts.zeros(3, 1), []
    for t in range(STEPS):
        with ts.step(t):
            (x_z, x_r, x_n), (h_z, h_r, h_n) = ts.split(w @ x[t], 3), ts.split(u @ h, 3)
            z, r = ts.sigmoid(x_z + h_z), ts.sigmoid(x_r + h_r)
            n = ts.tanh(x_n + r * h_n)
            h = (1 - z) * n + z * h
            losses.append(ts.sum(h * h))
    return sum(losses)


@network()
def recurrent_highway():
    """Two gated layers within each step, of which only the first sees the input."""
    w, w_t = (weight(3, 2, name=name) for name in ("W", "W_t"))
    hidden = [weight(3, 3, name=name) for name in ("R_1", "R_2", "T_1", "T_2")]
    x, s, losses = data(STEPS, 2, 1), ts.zeros(3, 1), []
    for t in range(STEPS):
        with ts.step(t):
            for layer in range(2):
                made, gate = hidden[layer] @ s, hidden[2 + layer] @ s
                if not layer:
                    made, gate = made + w @ x[t], gate + w_t @ x[t]
                gate = ts.sigmoid(gate)
                s = gate * ts.tanh(made) + (1 - gate) * s
            losses.append(ts.sum(s * s))
    return sum(losses)


@network(inputs=0)
def decoder_of_one_step():
    w, u, d = weight(3, 2, name="W"), *(weight(3, 3, name=name) for name in "UD")
    x, h = data(STEPS, 2, 1), ts.zeros(3, 1)
    for t in range(STEPS):
        with ts.step(t):
            h = ts.tanh(w @ x[t] + u @ h)
    with ts.step(0):
        h = ts.tanh(d @ h)
    return ts.sum(h * h)


def zone_out(steps):
    """Some units of h and c keep their values, as a boolean mask of each step says."""
    ts.manual_seed(0)
    cell, rng, loss = ts.nn.LSTMCell(2, 3), np.random.default_rng(0), 0
    x, state = rng.standard_normal((steps, 1, 2)).astype("float32"), [ts.zeros(1, 3, dtype="float32") for _ in "hc"]
    for t in range(steps):
        with ts.step(t):
            made = cell(ts.tensor(x[t]), tuple(state))
            state = [ts.where(rng.random((1, 3)) < 0.3, *pair) for pair in zip(state, made, strict=True)]
            loss += (state[0] ** 2).mean() + (state[1] ** 2).mean()
    return loss


@network(initial=2)
def zoneout():
    return zone_out(STEPS)


@network(inputs=0, initial=0)
def forward_pass_with_probabilities():
    """The forward algorithm, scaled at each step; its tables are computed from parameters before the loop."""
    transition, emission, initial = (
        weight(3, *rest, name=name) for name, rest in {"a": [3], "b": [4], "pi": []}.items()
    )
    transition, emission, initial = (ts.softmax(table, axis=-1) for table in (transition, emission, initial))
    likelihood = 0.0
    for t, symbol in enumerate((0, 2, 1)):
        with ts.step(t):
            alpha = (alpha @ transition if t else initial) * emission[:, symbol]  # noqa: F821
            total = alpha.sum()
            alpha = alpha / total
            likelihood = likelihood + np.log(total)
    return -likelihood


@network(inputs=0)
def copying_by_a_gate():
    """A mixture of the next letter's distribution and of the letter that was read; log-probabilities are subtracted."""
    table, u, v, gate = weight(4, 3, name="E"), weight(3, 3, name="U"), weight(4, 3, name="V"), weight(3, name="g")
    ids, h, loss = letters(STEPS + 1), ts.zeros(3), 0
    for t in range(STEPS):
        with ts.step(t):
            h = ts.tanh(table[int(ids[t])] + u @ h)
            share = ts.sigmoid(gate @ h)
            likely = share * ts.softmax(v @ h) + (1 - share) * np.eye(4)[ids[t]]
            loss -= ts.log(likely[int(ids[t + 1])])
    return loss / STEPS


@network()
def losses_of_one_element():
    """Each loss has the shape (1,), and so has their sum."""
    w, u, v = weight(3, 2, name="W"), weight(3, 3, name="U"), weight(1, 3, name="V")
    x, h, loss = data(STEPS, 2), ts.zeros(3), 0
    for t in range(STEPS):
        with ts.step(t):
            h = np.tanh(np.dot(w, x[t]) + np.dot(u, h))
            loss += (np.dot(v, h) - 1) ** 2
    return loss.sum()


@network()
def truncated():
    """Backpropagation that is cut off after every second step."""
    w, u, x, h, losses = weight(3, 2, name="W"), weight(3, 3, name="U"), data(STEPS, 2), ts.zeros(3), []
    for t in range(STEPS):
        with ts.step(t):
            h = ts.tanh(w @ x[t] + u @ (h if t % 2 else h.detach()))
            losses.append(ts.sum(h * h))
    return sum(losses)


@network()
def lists_before_and_after_the_loop():
    """The inputs are computed in a list before the loop, the scores and losses in lists after it."""
    w, u, g, v = weight(3, 3, name="W"), weight(3, 3, name="U"), weight(3, 2, name="G"), weight(4, 3, name="V")
    inputs, h, states = [ts.tanh(g @ x) for x in data(STEPS, 2).numpy()], ts.zeros(3), []
    for t in range(STEPS):
        with ts.step(t):
            h = ts.tanh(w @ inputs[t] + u @ h)
        states.append(h)
    scores = [v @ state for state in states]
    return sum(ts.nn.cross_entropy(row[None], [t % 4]) for t, row in enumerate(scores)) / STEPS


@network(initial=2)
def weights_for_two_steps_back():
    """h_t takes h_{t-1} and h_{t-2}, each by a weight."""
    w, u, s, x = weight(3, 2, name="W"), weight(3, 3, name="U"), weight(3, 3, name="S"), data(STEPS, 2, 1)
    states = [ts.zeros(3, 1), ts.zeros(3, 1)]
    for t in range(STEPS):
        with ts.step(t):
            states.append(ts.tanh(w @ x[t] + u @ states[-1] + s @ states[-2]))
    return sum(ts.sum(h * h) for h in states[2:])


@network()
def input_that_is_only_added():
    """No weight is applied to the input; it is added to the state, and to what the scores are made of."""
    u, v, x, h, losses = weight(3, 3, name="U"), weight(4, 3, name="V"), data(STEPS, 3), ts.zeros(3), []
    for t in range(STEPS):
        with ts.step(t):
            h = ts.tanh(u @ h + x[t])
            losses.append(ts.nn.cross_entropy((v @ (h + x[t]))[None], [t % 4]))
    return sum(losses)


@network()
def one_mask_for_all_steps():
    """Variational dropout: what is zeros before the first step is still a state after the mask."""
    w, u, x, h, losses = weight(3, 2, name="W"), weight(3, 3, name="U"), data(STEPS, 2), ts.zeros(3), []
    for t in range(STEPS):
        with ts.step(t):
            h = ts.tanh(w @ x[t] + u @ (np.array([1.5, 0.0, 1.5]) * h))
            losses.append(ts.sum(h * h))
    return sum(losses)


@network(inputs=2)
def quasi_recurrent():
    """Gates of x_{t-1} and x_t, which is padded with zeros, and a state that meets no weight."""
    weights = [[weight(3, 2, name=f"{letter}_{gate}") for letter in "VW"] for gate in "zfo"]
    x, c, losses = [np.zeros(2), *data(STEPS, 2).numpy()], ts.zeros(3), []
    for t in range(STEPS):
        with ts.step(t):
            z, f, o = (v @ x[t] + w @ x[t + 1] for v, w in weights)
            f = ts.sigmoid(f)
            c = f * c + (1 - f) * ts.tanh(z)
            losses.append(ts.sum((ts.sigmoid(o) * c) ** 2))
    return sum(losses)


@network()
def attention_over_its_own_past():
    """Each step looks back at all states so far, the first one too."""
    w, u, a, x, states = (
        weight(3, 2, name="W"),
        weight(3, 3, name="U"),
        weight(3, 3, name="A"),
        data(STEPS, 2),
        [ts.zeros(3)],
    )
    for t in range(STEPS):
        with ts.step(t):
            memory = ts.stack(states)
            states.append(ts.tanh(w @ x[t] + u @ (ts.softmax(memory @ (a @ states[-1])) @ memory)))
    return ts.sum(states[-1] ** 2)


@network(initial=2)
def crf_on_an_lstm():
    """The sum over all paths begins with the first step's scores, outside of its loop."""
    ts.manual_seed(0)
    lstm, out, moves = ts.nn.LSTM(3, 4), ts.nn.Linear(4, 3), weight(3, 3, name="T", dtype="float32")
    scores = out(lstm(ts.tensor(np.ones((STEPS, 1, 3), np.float32)))[0])[:, 0]
    alpha, path = scores[0], scores[0, 1]
    for t in range(1, STEPS):
        with ts.step(t):
            alpha = ts.logsumexp(alpha[:, None] + moves, axis=0) + scores[t]
            path = path + moves[1, 1] + scores[t, 1]
    return ts.logsumexp(alpha) - path


@network(initial=2)
def soft_stack():
    """A state that pushes and pops: constant matrices move what is on the stack up and down."""
    w, u, p, a, d = (weight(*shape, name=name) for name, shape in STACKED.items())
    x, h, stack, top = data(STEPS, 2), ts.zeros(3), ts.zeros(3, 2), np.eye(3)[:, :1]
    for t in range(STEPS):
        with ts.step(t):
            h = ts.sigmoid(w @ x[t] + u @ h + p @ stack[0])
            push, pop = ts.unbind(ts.softmax(a @ h))
            pushed = np.eye(3, k=-1) @ stack + top * ts.sigmoid(d @ h)
            stack = push * pushed + pop * (np.eye(3, k=1) @ stack)
    return ts.sum(h * h) + ts.sum(stack * stack)


STACKED = {"W": (3, 2), "U": (3, 3), "P": (3, 2), "A": (2, 3), "D": (2, 3)}


@network(inputs=0)
def penalty_on_a_weight():
    """A tag for each word, and weight decay as a part of the loss; three layers of no model."""
    ts.manual_seed(0)
    table, hidden, tags = ts.nn.Embedding(5, 3), ts.nn.Linear(6, 3), ts.nn.Linear(3, 4)
    h, loss = ts.zeros(1, 3, dtype="float32"), 0
    for t in range(STEPS):
        with ts.step(t):
            h = ts.tanh(hidden(ts.concatenate([table([t]), h], axis=1)))
            loss += ts.nn.cross_entropy(tags(h), [t % 4])
    return loss / STEPS + 0.01 * ts.sum(hidden.weight**2)


@network()
def detached_at_every_step():
    """Each step is a loop of its own, which begins with what the step before computed."""
    w, u, x, h, losses = weight(3, 2, name="W"), weight(3, 3, name="U"), data(STEPS, 2), ts.zeros(3), []
    for t in range(STEPS):
        with ts.step(t):
            h = ts.tanh(w @ x[t] + u @ h.detach())
            losses.append(ts.sum(h * h))
    return sum(losses)


@network(initial=0)
def tree_of_lstms():
    """Two leaves, the node above them with another leaf, and the root: the states of two children are added."""
    w, u, x = weight(12, 2, name="W"), weight(12, 3, name="U"), data(5, 2, 1)

    def node(x, children):
        i, f, g, o = ts.split(w @ x + u @ sum((h for h, _ in children), start=ts.zeros(3, 1)), 4)
        c = ts.sigmoid(i) * ts.tanh(g)
        for _, below in children:
            c = c + ts.sigmoid(f) * below
        return ts.sigmoid(o) * ts.tanh(c), c

    children = []
    for t in range(2):
        with ts.step(t):
            children = [node(x[2 * t], children), node(x[2 * t + 1], [])]
    with ts.step(2):
        h, _ = node(x[4], children)
    return ts.sum(h * h)


@network(inputs=3, initial=0)
def window_over_time():
    """No state: each step reads three words of one sequence."""
    w, x, losses = weight(3, 6, name="W"), data(STEPS + 2, 2), []
    for t in range(STEPS):
        with ts.step(t):
            losses.append(ts.sum(ts.tanh(w @ ts.concatenate([x[t], x[t + 1], x[t + 2]])) ** 2))
    return sum(losses)


@network(initial=1)
def embedding_handed_on():
    """Each step also reads the embedding of the step before; there is no recurrence."""
    table, w, v, before, losses = (
        weight(5, 2, name="E"),
        weight(3, 2, name="W"),
        weight(3, 2, name="V"),
        ts.zeros(2),
        [],
    )
    gain, before, losses = data(STEPS, 2), ts.zeros(2), []
    for t in range(STEPS):
        with ts.step(t):
            read = table[t + 1] * gain[t]
            losses.append(ts.sum(ts.tanh(w @ read + v @ before) ** 2))
            before = read
    return sum(losses)


@network()
def memory_of_constants():
    """Each step looks something up in a matrix that never changes."""
    memory, w, u, x, h = data(4, 3, seed=3), weight(3, 3, name="W"), weight(3, 2, name="U"), data(STEPS, 2), ts.zeros(3)
    for t in range(STEPS):
        with ts.step(t):
            h = ts.tanh(w @ (ts.softmax(memory @ h) @ memory) + u @ x[t])
    return ts.sum(h * h)


def model(states, symbols=4, n=2, seed=0):
    """A hidden Markov model with random tables."""
    rng = np.random.default_rng(seed)

    def table(*shape):
        drawn = rng.gamma(0.6, size=shape)
        return drawn / drawn.sum(axis=-1, keepdims=True)

    initial = table(states) if n == 2 else (table(states), table(states, states))
    names = [f"state{i}" for i in range(states)]
    return ts.hmm.HMM(
        initial, table(*[states] * n), table(states, symbols), states=names, symbols=list("abcdefgh")[:symbols]
    )
