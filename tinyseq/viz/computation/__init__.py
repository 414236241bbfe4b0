"""Drawings of recorded computations: which boxes are shown, what is written on them, and where they belong."""
