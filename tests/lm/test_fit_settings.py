"""What `fit` of the networks can be told: a schedule, decay, validation with the best weights, dropout."""

import numpy as np
import pytest

import tinyseq as ts
from tinyseq.data import Windows
from tinyseq.lm import RNNLM, WindowLM
from tinyseq.lm.networks.task import TextTask

TEXT = "so long and thanks for all the fish. " * 10
OTHER = "thanks for the fish, and so long. " * 4
LETTERS = sorted(set(TEXT + OTHER))
SETTINGS = {"window": 16, "batch": 4}
KINDS = {"RNNLM": lambda **a: RNNLM(LETTERS, 8, **a), "WindowLM": lambda **a: WindowLM(LETTERS, 3, 8, **a)}

each = pytest.mark.parametrize("made", [*KINDS.values()], ids=[*KINDS])


@each
def test_a_schedule_gives_the_rate_of_each_step(made):
    rate = ts.optim.step_decay(0.02, every=3, factor=0.5)
    reports = made().fit_steps(TEXT, steps=9, schedule=rate, lr=123.0, **SETTINGS)
    assert [report.lr for report in reports] == [rate(step) for step in range(9)]


@each
def test_a_run_is_adamw_on_the_windows_in_order(made):
    losses, rate = [], ts.optim.exponential_decay(0.01, 1.0)
    ts.manual_seed(0)
    model = made()
    windows = Windows(model.vocabulary.encode(TEXT), steps=16, batch=4)
    optimizer = ts.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.5)
    for report in ts.train.train(TextTask(model, windows), optimizer, steps=12, clip=0.7, schedule=rate):
        losses.append(report.loss)
    ts.manual_seed(0)
    reports = made().fit_steps(TEXT, steps=12, schedule=rate, weight_decay=0.5, clip=0.7, **SETTINGS)
    assert [report.loss for report in reports] == losses
    ts.manual_seed(0)
    reports = made().fit_steps(TEXT, steps=12, schedule=rate, clip=0.7, **SETTINGS)
    assert [report.loss for report in reports][2:] != losses[2:]


@each
def test_validation_is_measured_and_the_best_weights_are_kept(made):
    ts.manual_seed(0)
    model, found = made(), {}
    reports = model.fit_steps(TEXT, steps=40, lr=0.3, validation=OTHER, validate_every=4, **SETTINGS)
    for report in reports:
        if report.held_out is not None:
            found[report.step] = report.held_out
            assert report.held_out == model.nats(OTHER)
    assert [*found] == [*range(4, 41, 4)]
    assert min(found.values()) < found[40]  # so that the last weights are not the best
    assert model.nats(OTHER) == min(found.values())
    ts.manual_seed(0)
    assert made().fit(TEXT, steps=40, lr=0.3, validation=OTHER, validate_every=4, **SETTINGS).nats(OTHER) == model.nats(
        OTHER
    )


@each
def test_patience_ends_a_run_and_a_tenth_of_it_is_the_default_interval(made):
    ts.manual_seed(0)
    values = [
        report.held_out
        for report in made().fit_steps(TEXT, steps=400, lr=1.0, validation=OTHER, patience=2, **SETTINGS)
        if (report.step % 40 == 0) == (report.held_out is not None) and report.held_out is not None
    ]
    assert len(values) < 10
    assert min(values) == values[-3]


@each
def test_a_run_with_validation_goes_on_from_its_checkpoint(made, tmp_path):
    pytest.importorskip("safetensors", reason="safetensors is not installed")

    def run(path, stops):
        for stop in stops:
            ts.manual_seed(0)
            model = made(dropout=0.2)
            settings = {"lr": 0.3, "validation": OTHER, "validate_every": 4, "checkpoint": path, "every": 5}
            for report in model.fit_steps(TEXT, steps=24, **settings, **SETTINGS):
                if report.step == stop:
                    break
        return model.state_dict()

    whole, parts = run(tmp_path / "a", [24]), run(tmp_path / "b", [7, 24])
    for name, value in whole.items():
        np.testing.assert_array_equal(parts[name], value)


@each
@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"patience": 2}, "patience needs a held-out text; pass validation=text as well"),
        ({"validate_every": 2}, "validate_every needs a held-out text"),
        ({"validation": "s"}, "the validation must have at least 2 symbols"),
        ({"validation": "€€"}, "symbol '€' at position 0 is not in the vocabulary"),
    ],
)
def test_a_validation_that_cannot_be_is_named_before_the_run(made, how, said):
    with pytest.raises(ValueError, match=said):
        made().fit_steps(TEXT, steps=2, **how, **SETTINGS)


@each
def test_dropout_acts_in_training_also_with_one_layer_and_keeps_the_mean(made):
    ts.manual_seed(0)
    model, ids = made(dropout=0.5), np.arange(6)[:, None]
    first, second = model(ids)[0].numpy(), model(ids)[0].numpy()
    assert not np.allclose(first, second)
    with model.evaluating():
        expected = model(ids)[0].numpy()
        assert np.array_equal(model(ids)[0].numpy(), expected)
    # of the readout alone, which is linear, the mean is the value without dropout
    hidden = ts.tensor(np.random.default_rng(0).standard_normal((5, 8)).astype("float32"))
    mean = np.mean([model.output(model.dropout(hidden)).numpy() for _ in range(4000)], axis=0)
    np.testing.assert_allclose(mean, model.output(hidden).numpy(), atol=0.1)


@pytest.mark.parametrize(
    ("made", "name"),
    [
        (lambda **p: ts.nn.Dropout(**p), "p"),
        (lambda **p: ts.nn.GRU(2, 3, 2, **p), "dropout"),
        (lambda **p: RNNLM("abc", 8, **p), "dropout"),
        (lambda **p: WindowLM("abc", 2, 8, **p), "dropout"),
        *((lambda **p: ts.tagging.RNNTagger(**p), name) for name in ("dropout", "input_dropout")),
        (lambda **p: ts.classify.RNNClassifier(**p), "dropout"),
    ],
)
def test_a_probability_that_cannot_be_is_refused_at_once_and_by_its_name(made, name):
    for p, error in (
        (1.0, ValueError),
        (-0.1, ValueError),
        (float("nan"), ValueError),
        ("half", TypeError),
        (True, TypeError),
    ):
        with pytest.raises(error, match=f"^{name} must be a "):
            made(**{name: p})
    made(**{name: np.float32(0.25)})
