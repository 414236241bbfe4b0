"""NumPy's own functions on tensors: what each means here, and its gradient."""
