"""Losses, CTC and single steps give on the device what they give on the host, in its own arrays."""

import numpy as np
import pytest

import tinyseq as ts

pytestmark = pytest.mark.usefixtures("cupy")

RNG = np.random.default_rng(0)
SCORES = RNG.standard_normal((6, 2, 4))
IDS = RNG.integers(1, 4, (6, 2))
SOFT = RNG.dirichlet(np.ones(4), (6, 2))
UNIT = RNG.random((6, 2, 4))

LOSSES = {
    "ids": lambda x: ts.nn.cross_entropy(x, IDS, label_smoothing=0.1),
    "ids and weights": lambda x: ts.nn.cross_entropy(x, IDS, weight=[0.5, 1.0, 2.0, 0.0], ignore_index=1),
    "soft": lambda x: ts.nn.cross_entropy(x, SOFT.tolist(), weight=[0.5, 1.0, 2.0, 0.0]),
    "soft as an array": lambda x: ts.nn.cross_entropy(x, SOFT),
    "soft on the device": lambda x: ts.nn.cross_entropy(x, like(x, SOFT)),
    "negative log likelihood": lambda x: ts.nn.nll_loss(ts.log_softmax(x), IDS, weight=[0.5, 1.0, 2.0, 1.0]),
    "binary": lambda x: ts.nn.binary_cross_entropy_with_logits(x, like(x, UNIT), [1.0, 2.0, 1.0, 1.0], pos_weight=3.0),
    "l1": lambda x: ts.nn.l1_loss(x, like(x, UNIT)),
    "huber": lambda x: ts.nn.huber_loss(x, like(x, UNIT), delta=0.5),
    "smooth l1": lambda x: ts.nn.smooth_l1_loss(x, like(x, UNIT), beta=0.5),
    "ctc": lambda x: ts.nn.ctc_loss(ts.log_softmax(x), IDS.T[:, :3], [6, 2], [3, 3], zero_infinity=True),
}


def like(x, values):
    return ts.tensor(values).to(x.device)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_a_loss_and_its_gradient(name):
    found = []
    for device in ("cpu", "cuda"):
        x = ts.tensor(SCORES).to(device).requires_grad_()
        loss = LOSSES[name](x)
        loss.backward()
        assert loss.device == x.grad.device == device
        found.append((loss.numpy(), x.grad.numpy()))
    for there, here in zip(*found, strict=True):
        np.testing.assert_allclose(there, here, rtol=1e-12, atol=1e-14)


def test_alignments_decoding_and_clipping():
    results = []
    for device in ("cpu", "cuda"):
        log_probs = ts.log_softmax(ts.tensor(SCORES).to(device))
        w = ts.tensor([3.0, 4.0]).to(device).requires_grad_()
        w.grad = ts.tensor([3.0, 4.0]).to(device)
        norms = [ts.nn.clip_grad_norm_([w], 1e9, p) for p in (1, 2, "inf")]
        decoded = [ts.nn.ctc_decode(log_probs, width=width) for width in (1, 3)]
        results.append((ts.nn.ctc_align(log_probs, IDS.T[:, :2]), decoded, norms))
    assert results[0] == results[1]


@pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
def test_a_single_step(kind):
    cell = getattr(ts.nn, kind)(4, 3)
    on_device = getattr(ts.nn, kind)(4, 3)
    on_device.load_state_dict(cell.state_dict())
    on_device.to("cuda")
    x = ts.tensor(SCORES[0, 0], dtype="float32")
    for here, there in zip(
        *(s if isinstance(s, tuple) else (s,) for s in (cell(x), on_device(x.to("cuda")))), strict=True
    ):
        assert there.device == "cuda"
        np.testing.assert_allclose(there.numpy(), here.numpy(), rtol=1e-6)


@pytest.mark.parametrize("norm", [1.0, 2.0, 3.5, np.inf])
@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1.0, 1e300, np.nan, np.inf])
@pytest.mark.parametrize("limit", [1.0, np.inf, 0.0])
def test_gradients_are_clipped_there_as_here(cupy, norm, scale, limit):
    rng, found = np.random.default_rng(0), []
    values = [rng.normal(size=shape) * scale for shape in ((3, 4), (5,), (0,))]
    for device in ("cpu", "cuda"):
        leaves = [ts.tensor(np.zeros(value.shape)).to(device).requires_grad_() for value in values]
        for leaf, value in zip(leaves, values, strict=True):
            leaf.grad = ts.tensor(value).to(device)
        total = ts.nn.clip_grad_norm_(leaves, limit, norm)
        found.append([float(total), *(leaf.grad.numpy() for leaf in leaves)])
    assert total.device == "cuda"
    for here, there in zip(*found, strict=True):
        np.testing.assert_allclose(there, here, rtol=1e-12)
    if not np.isfinite(found[0][0]):
        with pytest.raises(RuntimeError, match="the norm of the gradients is"):
            ts.nn.clip_grad_norm_(leaves, 1.0, norm, error_if_nonfinite=True)


def test_float32_gradients_are_clipped_there_in_float32(cupy):
    leaf = ts.tensor(np.zeros(3, dtype="float32")).to("cuda").requires_grad_()
    leaf.grad = ts.tensor(np.full(3, 1e30, dtype="float32")).to("cuda")
    assert float(ts.nn.clip_grad_norm_([leaf], 1.0)) == pytest.approx(np.sqrt(3) * 1e30, rel=1e-6)
    assert leaf.grad.dtype == np.float32
    np.testing.assert_allclose(leaf.grad.numpy(), 3**-0.5, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:.*invalid value encountered in subtract")
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_crf_there_gives_nan_where_it_cannot_raise_without_reading(cupy, value):
    crf = ts.nn.CRF(3).to("cuda")
    scores = np.zeros((4, 2, 3))
    scores[1, 1] = value
    given = ts.tensor(scores).to("cuda").requires_grad_()
    found = crf.log_likelihood(given, np.zeros((4, 2), dtype=int), lengths=[4, 3])
    assert np.isnan(found.numpy()).tolist() == [False, True]
    found.sum().backward()
    assert np.isfinite(given.grad.numpy()[:, 0]).all()
    scores[1, 1], scores[3, 1] = 0.0, value  # in the padding, nobody looks
    given = ts.tensor(scores).to("cuda").requires_grad_()
    crf.log_likelihood(given, np.zeros((4, 2), dtype=int), lengths=[4, 3]).sum().backward()
    assert np.isfinite(given.grad.numpy()).all()
    assert (given.grad.numpy()[3, 1] == 0).all()


def test_a_crf_there_names_what_is_wrong_when_it_decodes(cupy):
    crf = ts.nn.CRF(3).to("cuda")
    for value, words in ((np.nan, "scores of the CRF is nan at"), (-np.inf, "sequence 1 has no tags that are allowed")):
        scores = np.zeros((4, 2, 3))
        scores[1, 1] = value
        for query in (crf.decode, crf.marginals):
            with pytest.raises(ValueError, match=words):
                query(ts.tensor(scores).to("cuda"))
