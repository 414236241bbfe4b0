"""Public signatures say what they take and give: each `Any` that is left has a reason here."""

from fnmatch import fnmatch

import pytest

pytest.importorskip("mypy", reason="mypy is not installed")

import count_any

JSON = "a value of JSON, which is checked when it is read"
STATE = "what a checkpoint holds: arrays, numbers and lists of them, as in PyTorch's state_dict"
RAW = "raw arrays of any library, or tensors where gradients are differentiated again: an op is declared once for both"
OWN = "symbols and states are values of the caller's own types, which come back as they were"
AXES = "one or a list, by the number of axes of an array"
ELSEWHERE = "an object of a library without types"
ALLOWED = {
    # pattern of the place, and how `Any` is said -> why
    ("*.saved()", "Any"): JSON,
    ("*.restored(metadata)", "Any"): JSON,
    ("*.restored(settings)", "Any"): JSON,
    ("*.Vocabulary.*_dict()", "Any"): JSON,
    ("*.from_dict(state)", "Any"): JSON,
    ("tinyseq.io.arrays.load_with_metadata()", "Any"): JSON,
    ("*.settings", "Any"): "the constructor's arguments, as they are saved",
    ("*.state_dict()", "Any"): STATE,
    ("*.load_state_dict(state)", "Any"): STATE,
    ("*.update(state)", "Any"): STATE,
    ("*.Optimizer.states", "Any"): STATE,
    ("tinyseq.autograd.record.op.*", "*"): RAW,
    ("tinyseq.autograd.declare.*", "*"): RAW,
    ("tinyseq.autograd.dispatch.apply(*", "Any"): RAW,
    ("tinyseq.autograd.backward.Visit.upstream", "Any"): RAW,
    ("tinyseq.backend.sums.summed_to(*", "Any"): RAW,
    ("tinyseq.hmm.inference.semirings.*", "*"): RAW,
    ("tinyseq.hmm.emissions.*.means", "Any"): RAW,
    ("tinyseq.hmm.emissions.*.covariances", "Any"): RAW,
    ("tinyseq.hmm.emissions.*.scales", "Any"): RAW,
    ("*", "Items"): OWN,
    ("*(text)", "Text"): OWN,
    ("*.NeuralLM.fit", "Text"): OWN,
    ("*(validation)", "*"): OWN,
    ("*.names", "Any"): OWN,
    ("*.Posterior.__init__(names)", "Any"): OWN,
    ("*.Posterior.__init__(symbols)", "Any"): OWN,
    ("*.Posterior.symbols()", "Any"): OWN,
    ("*.HMM.symbols()", "Any"): OWN,
    ("tinyseq.lm.*.sample()", "Any"): OWN,
    ("tinyseq.lm.*.symbols_of()", "Any"): OWN,
    ("tinyseq.lm.*.vocabulary*", "Any"): OWN,
    ("tinyseq.lm.*(vocabulary)", "Any"): OWN,
    ("*.Vocabulary.restored()", "Any"): OWN,
    ("*.read(sequences)", "Any"): OWN,
    ("*", "Many"): "`list[Any]` is a list of whatever elements, as lists are invariant; elements of `One` are hashable",
    ("*.HMM.initial()", "Any"): "one table, or for n > 2 a tuple of them; `Table | Any` completes as the table",
    ("*.HMM.emission()", "Any"): "a table, or a model without one; `Table | Any` completes as the table",
    ("*.HMM.sample()", "Any"): "a `Drawn`, whose observations and states are lists or arrays of whatever type",
    ("*.HMM.*_hmmlearn*", "Any"): ELSEWHERE,
    ("*.hmmlearn_priors*", "Any"): ELSEWHERE,
    ("tinyseq.nn.chains.crf.CRF.decode()", "Any"): AXES,
    ("tinyseq.nn.chains.ctc.ctc_align()", "Any"): AXES,
    ("tinyseq.nn.chains.ctc_decode.ctc_decode()", "Any"): AXES,
    ("*.Module.forward(*", "Any"): "a subclass says what it takes and gives",
    ("*.Module.__call__(*", "Any"): "a subclass says what it takes and gives",
    ("*.Tensor.item()", "Any"): "a bool, int, float or complex, by the dtype",
    ("*.Tensor.tolist()", "Any"): "a number or nested lists, by the shape",
    ("tinyseq.data.readers.Reader.*", "Any"): "an item of what the reader returns, such as a sentence or a line",
    ("tinyseq.exercises.record.Exercise.*", "Case"): "the arguments of one call of any exercise",
}


@pytest.fixture(scope="module")
def places():
    return {(place, alias) for place, how in count_any.found().items() for alias in how}


def allowed(place, how, pattern):
    # brackets mean themselves
    return fnmatch(place, pattern[0].replace("[", "[[]")) and fnmatch(how, pattern[1])


@pytest.mark.slow
def test_public_signatures_say_what_they_take_and_give(places):
    bare = {place for place in places if not any(allowed(*place, pattern) for pattern in ALLOWED)}
    assert bare == set(), "say a type, or why there is none in ALLOWED"


@pytest.mark.slow
def test_each_exception_is_still_needed(places):
    unused = [pattern for pattern in ALLOWED if not any(allowed(*place, pattern) for place in places)]
    assert unused == []
