"""PyTorch names: errors that suggest tinyseq's name."""

__all__: list[str] = []  # nothing here is public
