"""What races against tinyseq computes the same."""

import importlib.util
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from browser import PROGRAM, chromium

import tinyseq as ts

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def loaded(name):
    sys.path.insert(0, str(BENCHMARKS))
    try:
        spec = importlib.util.spec_from_file_location(f"benchmark_{name}", BENCHMARKS / f"{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(BENCHMARKS))
    return module


def test_backpropagation_through_time_by_hand_is_what_the_tape_does():
    case = (5, 3, 4, 6)  # steps, batch, input size, hidden size
    lstm = loaded("lstm")
    x, w, u, b = lstm.inputs(*case)
    layer = ts.nn.LSTM(4, 6)
    layer.load_state_dict({"weight_ih_l0": w.T, "weight_hh_l0": u.T, "bias_ih_l0": b, "bias_hh_l0": b})
    given = ts.tensor(x, requires_grad=True)
    (layer(given)[0] ** 2).mean().backward()
    grads = layer.weight_ih_l0.grad.numpy().T, layer.weight_hh_l0.grad.numpy().T, layer.bias_ih_l0.grad.numpy()
    step = lstm.by_hand(*case)
    step()
    for found, wanted in zip(step(), (*grads, given.grad.numpy()), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-7)


def test_hidden_markov_models_in_pytorch_are_those_of_tinyseq(monkeypatch):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    gpu_hmm = loaded("gpu_hmm")
    monkeypatch.setattr(gpu_hmm, "SEQUENCES", 7)
    ours, theirs = (make("float64", "cpu") for make in (gpu_hmm.ours, gpu_hmm.torch))
    assert ours.keys() == theirs.keys()
    for task in ours.keys() - {"best score", "best path"}:
        found, wanted = ours[task](), theirs[task]()
        for one, other in zip(found, wanted, strict=True) if isinstance(found, tuple | list) else [(found, wanted)]:
            np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-9, atol=1e-12)
    best, path = theirs["best path"]()
    np.testing.assert_allclose(ours["best score"]().numpy(), best.numpy(), rtol=1e-12)
    states = np.stack([state.numpy() for state in reversed(path)])
    np.testing.assert_array_equal(ours["best path"]()[0].numpy().argmax(axis=-1), states)


@pytest.fixture
def in_a_hurry(monkeypatch):
    """The benchmark of pages, which does not wait here for times that no test reads."""
    drawings = loaded("drawings")
    monkeypatch.setattr(drawings, "LOOKS", 0.0)
    monkeypatch.setattr("browser.TOLD_WITHIN", 0.0)
    return drawings


@pytest.mark.skipif(importlib.util.find_spec("pygraphviz") is None and not shutil.which("dot"), reason="needs Graphviz")
@pytest.mark.skipif(PROGRAM is None, reason="needs Chromium or Chrome")
def test_the_clicks_that_are_timed_do_what_their_names_say(tmp_path, in_a_hurry):
    drawings = in_a_hurry
    path = drawings.page(4, tmp_path)
    done = {
        "fold a step": "folded.size",
        "close a module": "closed.size",
        "begin to play, and leave": "now()",
        "play one step": "now()",
        "search": "hits.length",
    }
    with chromium() as browser:
        for kind, act in drawings.clicks(browser).items():
            browser.size(1400, 900)
            browser.open(path)
            assert not browser.run(done[kind])
            if kind == "search":
                browser.press("/")
            assert browser.answer(act) >= 0.016
            assert browser.run(done[kind])
    assert drawings.answers(path, rounds=1).keys() == done.keys()


@pytest.mark.skipif(importlib.util.find_spec("pygraphviz") is None and not shutil.which("dot"), reason="needs Graphviz")
@pytest.mark.skipif(PROGRAM is None, reason="needs Chromium or Chrome")
@pytest.mark.parametrize(("network", "steps"), [("LSTM", 14), ("stack", 16)])  # of which some are folded at first
def test_the_first_acts_that_are_timed_do_what_their_names_say(network, steps, tmp_path, in_a_hurry):
    drawings = in_a_hurry
    path = drawings.page(steps, tmp_path, network)
    changed = {
        **dict.fromkeys(["next box", "next time step", "jump of the slider"], "now()"),
        **dict.fromkeys(["fold a step", "fold by its frame", "fold all", "unfold all"], "folded.size"),
        **dict.fromkeys(["close a module", "open a module"], "closed.size"),
        **{"play": "Boolean(timer)", "quiz": "quizzing", "show an answer": "posed", "search": "hits.length"},
        **{"presenter": "document.body.matches('.presenting')", "panel": "document.body.matches('.panel-folded')"},
        **{"dark": "document.documentElement.matches('.dark')", "zoom": "view.width", "help": "byId('help').open"},
        "whole picture": "view.width",
        **{"hover card": "card.hidden", "arrow key": "chosen", "other parameter": "byId('chosen').value"},
    }
    with chromium() as browser:
        browser.size(1400, 900)
        acts = drawings.firsts(browser)
        assert acts.keys() == changed.keys()
        for name, (*before, act) in acts.items():
            browser.open(path)
            browser.point("h1")
            for prepare in before:
                prepare()
                time.sleep(drawings.LOOKS)
            state = browser.run(changed[name])
            browser.answer(act)
            assert browser.run(changed[name]) != state, name


def test_the_learning_that_is_timed_is_a_default_fit(capsys):
    learning = loaded("learning")
    for i in range(20):
        name, truth, lengths = learning.generated(i, 0)
        assert name.endswith(f"{len(truth.states)} states")
        assert isinstance(truth.emissions, ts.hmm.Gaussian) == name.startswith("vectors")
        assert 2 <= len(truth.states) <= 6
        assert sum(lengths) == 2000
    good, ours, _ = learning.run(*learning.generated(1, 0), 0)
    assert good
    assert ours > 0
    assert "vectors 1, 2 states" in capsys.readouterr().out


@pytest.mark.parametrize("case", loaded("steps").CASES)
def test_the_steps_that_are_timed_do_the_same(case, monkeypatch):
    pytest.importorskip("torch")
    steps = loaded("steps")
    monkeypatch.setattr(steps, "SHAPES", ((40, 3), (5,)))
    monkeypatch.setattr(steps, "leaves", lambda library, leaves=steps.leaves: leaves(library, ((40, 3), (5,))))
    monkeypatch.setattr(ts.memory.reuse, "__enter__", lambda self: None)
    results = []
    for racer in steps.RACERS.values():
        library, held = racer(), []
        library.leaf = lambda value, leaf=library.leaf, held=held: (held.append(leaf(value)), held[-1])[1]
        found = steps.CASES[case](library, case)()
        arrays = held if found is None else [found]
        results.append([np.asarray(a.detach().numpy() if hasattr(a, "detach") else a) for a in arrays])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_the_operands_that_are_timed_give_the_same_gradients():
    operands = loaded("operands")
    names = [(symbol, name, side) for symbol, name, side in operands.pairs() if not name.startswith("NumPy")]
    assert len(names) == 4 * 7 * 2
    for symbol, name, reflected in names:
        kind, other = operands.OPERANDS[name]
        slope, _ = operands.numpy_step(symbol, kind, other, reflected)()
        h = ts.tensor(operands.START, requires_grad=True)
        if kind != "constant":
            other = ts.tensor(other, requires_grad=kind == "leaf")
        y = operands.chain(operands.OPERATORS[symbol], h, other, reflected)
        found = ts.grad(y, h, ts.ones((2, 3), dtype="float32"))
        np.testing.assert_allclose(found.numpy(), slope, rtol=1e-3)


def test_the_tagger_in_pytorch_has_the_loss_and_gradients_of_tinyseqs():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    tagging = loaded("tagging")
    sentences = [[("ab", "X"), ("Abc", "Y"), ("ab", "X")], [("c", "Y")], [("cab", "Z"), ("ab", "Y")]]
    ts.manual_seed(0)
    tagger = ts.tagging.RNNTagger(5, 4, char_hidden_size=3, char_embedding_size=2, min_count=1, epochs=1)
    network = tagger.fit(sentences).network.eval()
    words, letters = zip(*(network.encode([word for word, _ in s]) for s in sentences), strict=True)
    tags = [network.tags.encode([tag for _, tag in s]) for s in sentences]
    theirs = tagging.torch_network(network).eval()
    loss, wanted = network.loss(words, letters, tags), theirs(words, letters, tags)
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-5)
    network.zero_grad()
    loss.backward()
    wanted.backward()
    gradients = dict(theirs.named_parameters())
    for name, parameter in network.named_parameters():
        np.testing.assert_allclose(parameter.grad.numpy(), gradients[name].grad.numpy(), atol=1e-6, err_msg=name)
    assert torch.is_tensor(wanted)
