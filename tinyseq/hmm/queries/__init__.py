"""Queries on a hidden Markov model: likelihood, decoding, posteriors, filtering, sampling.

These functions are the methods of `HMM`. Most take one sequence or a list of sequences, and ``states``, what is known
about the hidden states: for each step None, a state, or a set of states. All raise ValueError for an unknown symbol or
state, and give its sequence and position.
"""
