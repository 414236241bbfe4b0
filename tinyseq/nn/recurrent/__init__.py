"""Recurrent networks: the lectures' steps, cells, layers over time, and the encoder-decoder."""

from tinyseq.nn.recurrent import steps  # noqa: F401  (it declares the cells that layers ask for by name)
