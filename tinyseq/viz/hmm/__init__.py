"""Drawings of hidden Markov models: trellises and automata."""
