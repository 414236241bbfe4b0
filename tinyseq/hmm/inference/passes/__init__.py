"""The recurrence on raw arrays, for speed: forward-backward, Viterbi, k best, long sequences."""
