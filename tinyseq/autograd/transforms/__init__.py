"""Derivatives of functions, and checkpoints that recompute instead of keeping."""
