"""The structure of recorded networks: what is a loop, a time step, a state or a gate, read once for all who ask."""
