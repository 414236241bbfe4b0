"""Layers, losses and initialisers, with PyTorch's names and layouts."""

from tinyseq.nn import init
from tinyseq.nn.chains.chunk_rules import bio_rules, bioes_rules
from tinyseq.nn.chains.crf import CRF
from tinyseq.nn.chains.ctc import ctc_align, ctc_loss
from tinyseq.nn.chains.ctc_decode import ctc_collapse, ctc_decode
from tinyseq.nn.clipping import clip_grad_norm_, clip_grad_value_
from tinyseq.nn.containers import ModuleList, Sequential
from tinyseq.nn.layers import Dropout, Embedding, LayerNorm, Linear
from tinyseq.nn.losses.classification import binary_cross_entropy_with_logits, cross_entropy, nll_loss
from tinyseq.nn.losses.regression import huber_loss, l1_loss, mse_loss, smooth_l1_loss
from tinyseq.nn.module import Module
from tinyseq.nn.parameter import Parameter
from tinyseq.nn.recurrent.cells import GRUCell, LSTMCell, RNNCell
from tinyseq.nn.recurrent.encoder_decoder import EncoderDecoder
from tinyseq.nn.recurrent.layers import GRU, LSTM, RNN

__all__ = [
    "CRF",
    "GRU",
    "LSTM",
    "RNN",
    "Dropout",
    "Embedding",
    "EncoderDecoder",
    "GRUCell",
    "LSTMCell",
    "LayerNorm",
    "Linear",
    "Module",
    "ModuleList",
    "Parameter",
    "RNNCell",
    "Sequential",
    "binary_cross_entropy_with_logits",
    "bio_rules",
    "bioes_rules",
    "clip_grad_norm_",
    "clip_grad_value_",
    "cross_entropy",
    "ctc_align",
    "ctc_collapse",
    "ctc_decode",
    "ctc_loss",
    "huber_loss",
    "init",
    "l1_loss",
    "mse_loss",
    "nll_loss",
    "smooth_l1_loss",
]
