"""The exercises of the chapters on hidden Markov models and other chains."""
