"""What one asks of a model: functions of an `HMM`, whose methods they are.

Most are about one sequence or about a list of them, and take ``states``, what is known about the hidden states: for
each step None, a state, or a set of states. All raise ValueError for an unknown symbol or state, with its sequence and
position.
"""
