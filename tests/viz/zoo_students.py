"""More networks as students write them, each with something that a drawing could name wrongly."""

import numpy as np
import zoo
from zoo import data, letters, network

import tinyseq as ts


def weights(**shapes):
    """Weights of these names."""
    return [zoo.weight(*shape, name=name) for name, shape in shapes.items()]


@network(inputs=0)
def fed_with_right_letters_at_even_steps():
    """Teacher forcing at some steps: the others read what the network has predicted."""
    w, u, v = weights(W=(3, 4), U=(3, 3), V=(4, 3))
    right, h, y, loss = np.eye(4)[letters(4)], ts.zeros(3), None, 0
    for t in range(4):
        with ts.step(t):
            h = ts.tanh(w @ (y if t % 2 else right[t]) + u @ h)
            y = ts.softmax(v @ h)
            loss = loss - ts.log(y[0])
    return loss


@network()
def begins_with_a_function_of_a_constant():
    """What the first step reads is 1 everywhere, the cosine of zeros, and no state."""
    w, u = weights(W=(3, 3), U=(3, 2))
    x, h = data(zoo.STEPS, 2), ts.zeros(3)
    for t in range(zoo.STEPS):
        with ts.step(t):
            h = ts.tanh(w @ ts.cos(h) + u @ x[t])
    return ts.sum(h * h)


@network(initial=2)
def input_feeding():
    """Luong's decoder: the context of the step before is read, too. Keys do not change."""
    w, u, c, a = weights(W=(3, 2), U=(3, 3), C=(3, 3), A=(3, 3))
    keys, x, h, context, losses = data(5, 3, seed=4), data(zoo.STEPS, 2), ts.zeros(3), ts.zeros(3), []
    for t in range(zoo.STEPS):
        with ts.step(t):
            h = ts.tanh(w @ x[t] + u @ h + c @ context)
            context = ts.softmax(keys @ (a @ h)) @ keys
            losses.append(ts.sum(h * h))
    return sum(losses)


@network(initial=2)
def memory_that_is_written():
    """A Turing machine's memory: read and written by attention, and read again."""
    w, u, k = weights(W=(3, 2), U=(3, 3), K=(3, 3))
    x, memory, read = data(zoo.STEPS, 2), data(4, 3, seed=7), ts.zeros(3)
    for t in range(zoo.STEPS):
        with ts.step(t):
            h = ts.tanh(w @ x[t] + u @ read)
            share = ts.softmax(memory @ (k @ h))
            memory = memory + share[:, None] * h[None, :]
            read = share @ memory
    return ts.sum(read * read)


@network()
def mixture_of_experts():
    """Two experts with a state in common, mixed by a gate that sees the input."""
    g, *experts = weights(G=(2, 2), W_1=(3, 2), U_1=(3, 3), W_2=(3, 2), U_2=(3, 3))
    x, h = data(zoo.STEPS, 2), ts.zeros(3)
    for t in range(zoo.STEPS):
        with ts.step(t):
            share = ts.softmax(g @ x[t])
            first, second = (ts.tanh(w @ x[t] + u @ h) for w, u in (experts[:2], experts[2:]))
            h = share[0] * first + share[1] * second
    return ts.sum(h * h)


@network(inputs=0)
def differential_equation():
    """Euler's steps from a point that is no zero."""
    (u,), h = weights(U=(3, 3)), data(3)
    for t in range(zoo.STEPS):
        with ts.step(t):
            h = h + 0.1 * ts.tanh(u @ h)
    return ts.sum(h * h)


@network()
def leaky_units():
    """A part of the state stays."""
    (u,), x, h = weights(U=(3, 3)), data(zoo.STEPS, 3), ts.zeros(3)
    for t in range(zoo.STEPS):
        with ts.step(t):
            h = 0.9 * h + 0.1 * ts.tanh(u @ h + x[t])
    return ts.sum(h * h)


@network(initial=2)
def slow_layer():
    """A second layer moves at every other step."""
    w, u, v, s = weights(W=(3, 2), U=(3, 3), V=(3, 3), S=(3, 3))
    x, h, slow = data(4, 2), ts.zeros(3), ts.zeros(3)
    for t in range(4):
        with ts.step(t):
            h = ts.tanh(w @ x[t] + u @ h)
            slow = ts.tanh(v @ slow + s @ h) if t % 2 else slow
    return ts.sum(slow * slow)


@network(inputs=0)
def tied_weights():
    """One table for the words that are read and the scores of those that follow."""
    table, u = weights(E=(4, 3), U=(3, 3))
    ids, h, losses = letters(zoo.STEPS + 1), ts.zeros(3), []
    for t in range(zoo.STEPS):
        with ts.step(t):
            h = ts.tanh(table[int(ids[t])] + u @ h)
            losses.append(ts.nn.cross_entropy((table @ h)[None], [int(ids[t + 1])]))
    return sum(losses)


@network(initial=0)
def learned_start():
    """The first state is a parameter."""
    start, w, u = weights(h0=(3,), W=(3, 2), U=(3, 3))
    x, h = data(zoo.STEPS, 2), start
    for t in range(zoo.STEPS):
        with ts.step(t):
            h = ts.tanh(w @ x[t] + u @ h)
    return ts.sum(h * h)


@network(initial=2)
def two_layers_by_hand():
    w_1, u_1, w_2, u_2 = weights(W_1=(3, 2), U_1=(3, 3), W_2=(3, 3), U_2=(3, 3))
    x, below, above = data(zoo.STEPS, 2), ts.zeros(3), ts.zeros(3)
    for t in range(zoo.STEPS):
        with ts.step(t):
            below = ts.tanh(w_1 @ x[t] + u_1 @ below)
            above = ts.tanh(w_2 @ below + u_2 @ above)
    return ts.sum(above * above)


@network(initial=2)
def coupled_gates():
    """An LSTM whose input gate is 1 - f."""
    w, u = weights(W=(9, 2), U=(9, 3))
    x, h, c = data(zoo.STEPS, 2), ts.zeros(3), ts.zeros(3)
    for t in range(zoo.STEPS):
        with ts.step(t):
            f, g, o = ts.split(w @ x[t] + u @ h, 3)
            f = ts.sigmoid(f)
            c = f * c + (1 - f) * ts.tanh(g)
            h = ts.sigmoid(o) * ts.tanh(c)
    return ts.sum(h * h)


@network()
def padded_batch():
    """A sequence that has ended keeps its state: a mask of each step."""
    w, u = weights(W=(2, 3), U=(3, 3))
    x, h, mask = data(zoo.STEPS, 2, 2), ts.zeros(2, 3), np.ones((zoo.STEPS, 2))
    mask[1:, 1] = 0
    for t in range(zoo.STEPS):
        with ts.step(t):
            m = mask[t][:, None]
            h = m * ts.tanh(x[t] @ w + h @ u) + (1 - m) * h
    return ts.sum(h * h)


@network()
def fed_with_its_own_best_letters():
    """Each step reads the best letter of the step before, through which no gradient flows."""
    w, u, v = weights(W=(3, 4), U=(3, 3), V=(4, 3))
    x, h, losses = np.eye(4)[0], ts.zeros(3), []
    for t in range(zoo.STEPS):
        with ts.step(t):
            h = ts.tanh(w @ x + u @ h)
            scores = v @ h
            losses.append(ts.nn.cross_entropy(scores[None], [1]))
            x = np.eye(4)[int(np.argmax(scores.numpy()))]
    return sum(losses)


@network()
def two_rounds_in_each_step():
    """Adaptive computation: the state is updated twice with the same input."""
    w, u = weights(W=(3, 2), U=(3, 3))
    x, h = data(zoo.STEPS, 2), ts.zeros(3)
    for t in range(zoo.STEPS):
        with ts.step(t):
            for _ in range(2):
                h = ts.tanh(w @ x[t] + u @ h)
    return ts.sum(h * h)


@network(initial=2)
def state_of_two_steps_before():
    """A copy of the state is kept for one step longer."""
    w, u = weights(W=(3, 2), U=(3, 3))
    x, h, before = data(zoo.STEPS, 2), ts.zeros(3), ts.zeros(3)
    for t in range(zoo.STEPS):
        with ts.step(t):
            h, before = ts.tanh(w @ x[t] + u @ h + before), h
    return ts.sum(h * h)


@network(initial=2)
def looks_back_at_even_steps():
    """At the other steps, a constant stands for what was found in the memory."""
    w, u, c = weights(W=(3, 2), U=(3, 3), C=(3, 3))
    keys, nothing, x, h = data(5, 3, seed=4), data(3, seed=6), data(4, 2), ts.zeros(3)
    for t in range(4):
        with ts.step(t):
            found = nothing if t % 2 else ts.softmax(keys @ h) @ keys
            h = ts.tanh(w @ x[t] + u @ h + c @ found)
    return ts.sum(h * h)


@network(inputs=0)
def always_the_same_word():
    """What a beam looks up that always finds the first word: an embedding, and no bias."""
    table, w, u = weights(E=(4, 2), W=(3, 3), U=(3, 2))
    h = ts.zeros(3)
    for t in range(zoo.STEPS):
        with ts.step(t):
            h = ts.tanh(w @ h + u @ table[0])
    return ts.sum(h * h)


@network()
def windows_of_a_leaf():
    """Convolution over time: each step reads three words of a sequence whose gradient is wanted."""
    w, u = weights(W=(3, 6), U=(3, 3))
    x, h = ts.tensor(data(zoo.STEPS + 2, 2).numpy(), requires_grad=True), ts.zeros(3)
    for t in range(zoo.STEPS):
        with ts.step(t):
            h = ts.tanh(w @ x[t : t + 3].reshape(6) + u @ h)
    return ts.sum(h * h)


@network(inputs=0)
def windows_of_a_parameter():
    x, w, u = weights(x=(zoo.STEPS + 2, 2), W=(3, 6), U=(3, 3))
    h = ts.zeros(3)
    for t in range(zoo.STEPS):
        with ts.step(t):
            h = ts.tanh(w @ x[t : t + 3].reshape(6) + u @ h)
    return ts.sum(h * h)


@network(inputs=0)
def learned_positions():
    """Each step has a row of a table of positions, as a word has one of a table of words."""
    places, words, w, u = weights(P=(zoo.STEPS, 3), E=(4, 3), W=(3, 3), U=(3, 3))
    h = ts.zeros(3)
    for t, letter in enumerate(letters(zoo.STEPS)):
        with ts.step(t):
            h = ts.tanh(w @ (words[int(letter)] + places[t]) + u @ h)
    return ts.sum(h * h)


@network(initial=2)
def layers_of_one_parameter():
    """The weights of two layers are the first and the second part of one parameter."""
    w, u, b = weights(W=(2, 3, 3), U=(2, 3, 3), b=(2, 3))
    below = list(data(zoo.STEPS, 3))
    for layer in range(2):
        h, states = ts.zeros(3), []
        for t in range(zoo.STEPS):
            with ts.step(t):
                h = ts.tanh(w[layer] @ below[t] + u[layer] @ h + b[layer])
            states.append(h)
        below = states
    return sum(ts.sum(h * h) for h in below)


@network(initial=4)
def slots_of_one_cell():
    """Recurrent independent mechanisms: each step updates four states with the same weights."""
    w, u = weights(W=(3, 2), U=(3, 3))
    x, states = data(zoo.STEPS, 2), [ts.zeros(3) for _ in range(4)]
    for t in range(zoo.STEPS):
        with ts.step(t):
            states = [ts.tanh(w @ x[t] + u @ h) for h in states]
    return sum(ts.sum(h * h) for h in states)


@network(inputs=2)
def picture_at_every_step():
    """A caption: each step reads the last word and the same picture."""
    w, u, v = weights(W=(3, 2), U=(3, 3), V=(3, 4))
    x, picture, h = data(zoo.STEPS, 2), data(4, seed=9), ts.zeros(3)
    for t in range(zoo.STEPS):
        with ts.step(t):
            h = ts.tanh(w @ x[t] + u @ h + v @ picture)
    return ts.sum(h * h)


@network(initial=0)
def hops_over_a_memory():
    """A memory network: each hop asks the same sentences, with a question that becomes clearer."""
    a, b, c = weights(A=(4, 3), B=(3, 4), C=(4, 3))
    sentences, q = data(5, 4), b @ data(4, seed=3)
    for hop in range(zoo.STEPS):
        with ts.step(hop):
            q = q + ts.softmax((sentences @ a) @ q) @ (sentences @ c)
    return ts.sum(q * q)


@network()
def copied_state():
    """A state that is handed on as a copy of its numbers, through which no gradient flows."""
    w, u = weights(W=(3, 2), U=(3, 3))
    x, h, losses = data(zoo.STEPS, 2), ts.zeros(3), []
    for t in range(zoo.STEPS):
        with ts.step(t):
            h = ts.tanh(w @ x[t] + u @ ts.tensor(h.numpy().copy()))
            losses.append(ts.sum(h * h))
    return sum(losses)


@network()
def loss_of_the_last_two_states():
    """A slice of the stacked states: the others are not read."""
    w, u, v = weights(W=(3, 2), U=(3, 3), V=(3, 4))
    x, h, states = data(zoo.STEPS, 2), ts.zeros(3), []
    for t in range(zoo.STEPS):
        with ts.step(t):
            h = ts.tanh(w @ x[t] + u @ h)
            states.append(h)
    return ts.nn.cross_entropy(ts.stack(states)[-2:] @ v, letters(len(states[-2:])))


@network()
def next_input_is_the_target():
    """A model that predicts the next vector: its target is x[t + 1]."""
    w, u, v = weights(W=(3, 2), U=(3, 3), V=(2, 3))
    x, h, losses = data(zoo.STEPS + 1, 2), ts.zeros(3), []
    for t in range(zoo.STEPS):
        with ts.step(t):
            h = ts.tanh(w @ x[t] + u @ h)
            losses.append(ts.sum((v @ h - x[t + 1]) ** 2))
    return sum(losses)


@network(inputs=0, initial=0)
def scan_in_parallel():
    """Linear recurrences by doubling: the steps are levels, which hand on products of gates and sums."""
    f, w = weights(F=(3, 2), W=(3, 2))
    x, width, level = data(4, 2), 1, 0
    gates, sums = [ts.sigmoid(f @ part) for part in x], [ts.tanh(w @ part) for part in x]
    while width < len(x):
        with ts.step(level):
            pairs = [(i, i - width) for i in range(width, len(x))]
            sums = sums[:width] + [gates[i] * sums[before] + sums[i] for i, before in pairs]
            gates = gates[:width] + [gates[i] * gates[before] for i, before in pairs]
        width, level = 2 * width, level + 1
    return sum(ts.sum(part * part) for part in sums)


@network(initial=1)
def mean_of_all_states_so_far():
    """Each step reads the mean of the states before it, the first of which is zero."""
    w, u = weights(W=(3, 2), U=(3, 3))
    x, states = data(zoo.STEPS, 2), [ts.zeros(3)]
    for t in range(zoo.STEPS):
        with ts.step(t):
            states.append(ts.tanh(w @ x[t] + u @ ts.mean(ts.stack(states), axis=0)))
    return ts.sum(states[-1] ** 2)


@network(inputs=0)
def noise_between_encoder_and_decoder():
    """A variational autoencoder: the decoder begins with a sample, drawn around what the encoder has read."""
    w, u, m, s, d, r, o = weights(W=(3, 2), U=(3, 3), M=(2, 3), S=(2, 3), D=(3, 2), R=(3, 3), O=(2, 3))
    x, h, losses = data(zoo.STEPS, 2), ts.zeros(3), []
    with ts.scope("encoder"):
        for t in range(zoo.STEPS):
            with ts.step(t):
                h = ts.tanh(w @ x[t] + u @ h)
    mean, log_variance = m @ h, s @ h
    h = ts.tanh(d @ (mean + ts.exp(0.5 * log_variance) * data(2, seed=9)))
    with ts.scope("decoder"):
        for t in range(min(2, zoo.STEPS)):
            with ts.step(t):
                h = ts.tanh(r @ h)
                losses.append(ts.sum((o @ h - x[t]) ** 2))
    divergence = -0.5 * ts.sum(1 + log_variance - mean**2 - ts.exp(log_variance))
    return sum(losses) + divergence


@network()
def attention_by_a_cell():
    """An encoder that is a layer, and a decoder of a cell, whose scores see its state and what it has looked up."""
    ts.manual_seed(0)
    encoder, cell = ts.nn.GRU(4, 5), ts.nn.GRUCell(4, 5)
    a, v = (zoo.weight(*shape, name=name, dtype="float32") for name, shape in {"A": (5, 5), "V": (4, 10)}.items())
    words, losses = np.eye(4, dtype=np.float32), []
    with ts.scope("encoder"):
        states, h = encoder(ts.tensor(words[letters(zoo.STEPS)][:, None]))
    keys, h = states[:, 0], h[0]
    with ts.scope("decoder"):
        for t in range(2):
            with ts.step(t):
                h = cell(ts.tensor(words[t][None]), h)
                found = ts.softmax(keys @ (a @ h[0])) @ keys
                losses.append(ts.nn.cross_entropy((v @ ts.concatenate([h[0], found]))[None], [t + 1]))
    return sum(losses)


@network(initial=3)
def state_of_three_steps_before():
    """A dilated network, whose three chains of states have no step in common."""
    w, u = weights(W=(3, 2), U=(3, 3))
    x, states = data(7, 2), [ts.zeros(3)] * 3
    for t in range(7):
        with ts.step(t):
            states.append(ts.tanh(w @ x[t] + u @ states[-3]))
    return sum(ts.sum(h * h) for h in states[3:])


@network(initial=2)
def cell_read_at_its_own_step():
    """A long expressive memory: the cell is multiplied by a matrix, but not where the next step takes it."""
    w, u, v, a, b = weights(W=(3, 2), U=(3, 3), V=(3, 3), A=(3, 3), B=(3, 2))
    x, h, c = data(zoo.STEPS, 2), ts.zeros(3), ts.zeros(3)
    for t in range(zoo.STEPS):
        with ts.step(t):
            gate = ts.sigmoid(a @ h + b @ x[t])
            c = (1 - gate) * c + gate * ts.tanh(w @ x[t] + u @ h)
            h = (1 - gate) * h + gate * ts.tanh(v @ c)
    return ts.sum(h * h)


@network(inputs=0, initial=2)
def words_of_different_lengths():
    """A tagger that reads each word letter by letter, and then the words, of 2, 3 and 1 letters."""
    ts.manual_seed(0)
    table, letter, word, out = ts.nn.Embedding(6, 2), ts.nn.GRU(2, 3), ts.nn.RNN(3, 4), ts.nn.Linear(4, 3)
    read = [letter(table(np.array(ids)[:, None]))[1][0] for ids in ([1, 2], [3, 4, 5], [2])]
    return ts.nn.cross_entropy(out(word(ts.stack(read))[0]), letters(3, 1) % 3)
