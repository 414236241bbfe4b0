"""Whatever draws random numbers takes `rng`: a generator, a seed, or nothing. The callables are found at run time."""

import inspect

import numpy as np
import pytest
from instances import OBJECTS, modules

import tinyseq as ts
from tinyseq.hmm.emissions.emission import Emission
from tinyseq.random import Rng

# What a new family of emissions defines or uses in these: the library always passes a generator.
HOOKS = {"draw", "redrawn", "shuffled"}


def drawing():
    """The public functions and methods with an argument `rng`, by name."""
    found = {}
    for module in modules():
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if not getattr(value, "__module__", "").startswith("tinyseq"):
                continue
            methods = {f"{name}.{key}": getattr(value, key) for key in dir(value) if key[0] != "_"}
            for path, each in methods.items() if isinstance(value, type) else [(name, value)]:
                if callable(each) and path.rpartition(".")[2] not in HOOKS:
                    try:
                        arguments = inspect.signature(each, eval_str=True).parameters
                    except (ValueError, TypeError, NameError):
                        continue
                    if "rng" in arguments:
                        found[path] = arguments["rng"]
    return found


def test_every_rng_may_be_left_out_or_be_a_seed():
    found = drawing()
    assert len(found) > 25
    assert {"HMM.sample", "Gaussian.sample", "RNNLM.sample", "casino", "bucketed", "Sample"} <= found.keys()
    wrong = {path: str(each) for path, each in found.items() if each.default is not None or each.annotation != Rng}
    assert wrong.keys() <= {"as_generator"}, wrong


EMISSIONS = [
    (name, i)
    for name, makers in OBJECTS.items()
    if isinstance(kind := getattr(ts.hmm, name, None), type) and issubclass(kind, Emission)
    for i in range(len(makers))
]


@pytest.mark.parametrize(("name", "number"), EMISSIONS)
def test_emissions_are_drawn_from_a_generator_a_seed_or_manual_seed(name, number):
    emission = OBJECTS[name][number]()
    states = np.arange(60) % emission.states

    def draw(rng=None):
        return [np.asarray(each).tolist() for each in emission.sample(states, rng)]

    assert draw(5) == draw(5) == draw(np.random.default_rng(5)) != draw(6)
    _ = ts.manual_seed(7)
    first = draw()
    _ = ts.manual_seed(7)
    assert draw() == first != draw()
    with pytest.raises(TypeError, match="rng must be a NumPy Generator, a whole number as its seed, or None, got"):
        draw("5")


def test_batches_are_shuffled_by_a_seed():
    lengths = [3] * 40

    def batches(rng):
        return [batch.tolist() for batch in ts.data.bucketed(lengths, 4, rng)]

    assert batches(5) == batches(5) == batches(np.random.default_rng(5)) != batches(6)
    assert batches(None) == [list(range(i, i + 4)) for i in range(0, 40, 4)]


def test_paths_are_drawn_by_a_seed_and_anew_at_each_call():
    scores = np.zeros((30, 2))

    def path(semiring):
        emission = ts.tensor(scores, requires_grad=True)
        ts.hmm.chain(np.zeros(2), np.zeros((2, 2)), emission, semiring=semiring).backward()
        return emission.grad.numpy().argmax(axis=1).tolist()

    sample = ts.hmm.semirings.Sample
    assert path(sample(5)) == path(sample(np.random.default_rng(5))) != path(sample(6))
    unseeded = sample()
    _ = ts.manual_seed(7)
    first = path(unseeded)
    _ = ts.manual_seed(7)
    assert path(unseeded) == first != path(unseeded)
