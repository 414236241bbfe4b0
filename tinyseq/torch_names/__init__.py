"""What users of PyTorch look for under a name that is another one here: an error that says so is worth more."""

__all__: list[str] = []  # nothing that a user calls
