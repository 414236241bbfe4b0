"""Ops on matrices and vectors, each for a batch of them too."""
