"""Recurrent networks: the lectures' steps, cells, layers over time, and the encoder-decoder."""
