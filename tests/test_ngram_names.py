"""The length of n-grams is called n everywhere; ``order=``, which could mean n - 1, is refused with the cure."""

import inspect
from functools import partial
from typing import is_typeddict

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.hmm.interop import estimator
from tinyseq.hmm.interop.estimator import HMMEstimator

TAGGED = [[("the", "DT"), ("cat", "NN")], [("a", "DT"), ("dog", "NN"), ("runs", "VB")]]
TAKES_N = {
    "HMM.from_labelled": partial(ts.hmm.HMM.from_labelled, TAGGED),
    "HMMTagger": ts.tagging.HMMTagger,
    "NgramLM": ts.lm.NgramLM,
    "HMMEstimator": HMMEstimator,
}


@pytest.mark.parametrize("name", TAKES_N)
@pytest.mark.parametrize("value", [1, 2, 3])
def test_order_is_refused_with_what_to_write(name, value):
    with pytest.raises(TypeError, match=rf"{name} takes n=, not order=.*second order.*write n={value}$"):
        TAKES_N[name](order=value)


def test_no_public_argument_or_attribute_of_the_models_is_called_order():
    rooms = (ts.hmm, estimator, ts.tagging, ts.lm)
    public = {
        value for room in rooms for value in vars(room).values() if inspect.isclass(value) and not is_typeddict(value)
    }
    callables = [member for kind in public for member in [kind, *vars(kind).values()] if callable(member)]
    names = {name for kind in public for name in dir(kind)}
    for member in callables:
        names |= set(inspect.signature(getattr(member, "__func__", member)).parameters)
    assert {"from_labelled", "smoothing"} < names
    assert "order" not in names


def test_an_estimator_refuses_order_as_a_parameter():
    made = HMMEstimator(3)
    with pytest.raises(TypeError, match="write n=2"):
        made.set_params(order=2)
    assert made.get_params()["n"] == 2
    assert "order" not in made.get_params()


@pytest.mark.parametrize("n", [2, 3])
def test_files_that_say_order_still_load(n, tmp_path):
    model = ts.hmm.HMM.from_labelled(TAGGED, n, "witten-bell", end=True)
    tagger = ts.tagging.HMMTagger(n).fit(TAGGED)
    for saved in (model, tagger):
        saved.save(tmp_path / "new")
        state, metadata = ts.io.load_with_metadata(tmp_path / "new")
        assert metadata["n"] == n
        assert "order" not in metadata
        metadata["order"] = metadata.pop("n")
        ts.save(state, tmp_path / "old", metadata)
        loaded = type(saved).load(tmp_path / "old")
        assert loaded.n == n
    np.testing.assert_array_equal(loaded.hmm.transition, tagger.hmm.transition)
    assert loaded.tag(["the", "dog"]) == tagger.tag(["the", "dog"])


def test_the_command_takes_n(tmp_path):
    from typer.testing import CliRunner

    from tinyseq.commands.main import app

    lines = "\n\n".join("\n".join(f"{word}\t{tag}" for word, tag in sentence) for sentence in TAGGED)
    (tmp_path / "train").write_text(lines + "\n")
    command = ["tag", "train", str(tmp_path / "train"), "--format", "two-column", "--out", str(tmp_path / "model")]
    result = CliRunner().invoke(app, [*command, "--n", "2"])
    assert result.exit_code == 0, result.output
    assert ts.tagging.HMMTagger.load(tmp_path / "model").n == 2
