"""Networks that repeat a lot: long sequences, loops in loops, and trees. name -> a function that makes the loss."""

import numpy as np
import zoo
from zoo import ZOO, data, weight

import tinyseq as ts

MANY, FEW = 30, 4
LONG = {}


def long(make):
    LONG[make.__name__] = make
    return make


def hidden(*names, size=3):
    return [weight(size, size, name=name) for name in names]


@long
def words_of_letters(count=MANY):
    """An inner loop over the letters of each word, and an outer one over the words."""
    table, (w, u, v, r) = weight(5, 3, name="E"), hidden(*"WUVR")
    h, losses = ts.zeros(3), []
    for t in range(count):
        with ts.scope("chars"):
            c = ts.zeros(3)
            for k in range(FEW):
                with ts.step(k):
                    c = ts.tanh(w @ table[(t + k) % 5] + u @ c)
        with ts.scope("words"), ts.step(t):
            h = ts.tanh(v @ c + r @ h)
            losses.append(ts.sum(h * h))
    return sum(losses)


@long
def words_that_begin_where_the_sentence_is(count=MANY):
    """The inner loops begin with the outer state, and no scope tells them apart."""
    (w, u, v, r), x, h, losses = hidden(*"WUVR"), data(count, FEW, 3, 1), ts.zeros(3, 1), []
    for t in range(count):
        c = h
        for k in range(FEW):
            with ts.step(k):
                c = ts.tanh(w @ x[t, k] + u @ c)
        with ts.step(t):
            h = ts.tanh(v @ c + r @ h)
            losses.append(ts.sum(h * h))
    return sum(losses)


@long
def words_of_modules(count=MANY):
    """One layer reads the letters of each word, and another one what it has made of the words."""
    ts.manual_seed(0)
    letters, words, out = ts.nn.LSTM(4, 3), ts.nn.LSTM(3, 4), ts.nn.Linear(4, 4)
    read = [letters(ts.ones(FEW, 1, 4))[0][-1] for _ in range(count)]
    return ts.nn.cross_entropy(out(words(ts.stack(read))[0]), np.zeros((count, 1), int))


@long
def words_of_different_lengths(count=MANY):
    """A sum over all words, weighted by attention."""
    table, (w, u), query, read = weight(5, 3, name="E"), hidden(*"WU"), weight(3, name="q"), []
    for i in range(count):
        h = ts.zeros(3)
        for t in range(2 + i % 3):
            with ts.step(t):
                h = ts.tanh(w @ table[(i + t) % 5] + u @ h)
        read.append(h)
    memory = ts.stack(read)
    return ts.sum(ts.softmax(memory @ query) @ memory)


@long
def sentences_of_a_batch(count=MANY):
    (w, u), x, losses = hidden(*"WU"), data(count, FEW, 3, 1), []
    for i in range(count):
        h = ts.zeros(3, 1)
        for t in range(FEW):
            with ts.step(t):
                h = ts.tanh(w @ x[i, t] + u @ h)
        losses.append(ts.sum(h * h))
    return sum(losses) / count


@long
def parts_of_a_sequence(count=MANY):
    """Each part begins with the last state of the one before, and counts its steps from 0."""
    (w, u), x, h, losses = hidden(*"WU"), data(count, FEW, 3, 1), ts.zeros(3, 1), []
    for i in range(count):
        for t in range(FEW):
            with ts.step(t):
                h = ts.tanh(w @ x[i, t] + u @ h)
        losses.append(ts.sum(h * h))
    return sum(losses) / count


@long
def read_again_and_again(count=MANY):
    """Each pass reads what the one before has made of all steps."""
    (w, u), x = hidden(*"WU"), [*data(FEW, 3, 1).numpy()]
    for _ in range(count):
        h, made = sum(x) / FEW, []
        for t in range(FEW):
            with ts.step(t):
                h = ts.tanh(w @ x[t] + u @ h)
                made.append(h)
        x = made
    return ts.sum(h * h)


@long
def translation(count=MANY):
    ts.manual_seed(0)
    encoder, decoder, out = ts.nn.LSTM(4, 6), ts.nn.LSTM(4, 6), ts.nn.Linear(6, 4)
    with ts.scope("encoder"):
        _, state = encoder(ts.ones(count, 1, 4))
    with ts.scope("decoder"):
        made, _ = decoder(ts.ones(count, 1, 4), state)
    return ts.nn.cross_entropy(out(made), np.zeros((count, 1), int))


@long
def tree(leaves=MANY + 1):
    w, b, level = weight(3, 6, name="W"), weight(3, 1, name="b"), [data(3, 1, seed=i) for i in range(leaves)]
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [ts.tanh(w @ ts.concatenate(pair) + b) for pair in pairs] + level[len(level) // 2 * 2 :]
    return ts.sum(level[0])


def of_many_steps(name):
    """A network of the zoo with thirty steps."""

    def make():
        kept, zoo.STEPS = zoo.STEPS, MANY
        try:
            return ZOO[name].loss()
        finally:
            zoo.STEPS = kept

    return make


OF_A_FEW_STEPS = {"output_fed_back", "penalty_on_a_weight", "embedding_handed_on"}  # there is no data for more
LONG |= {f"thirty steps of {name}": of_many_steps(name) for name in ZOO if name not in OF_A_FEW_STEPS}
