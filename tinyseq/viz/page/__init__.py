"""Pages that play a computation."""
