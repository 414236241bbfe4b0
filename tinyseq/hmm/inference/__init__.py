"""Inference: one recurrence over semirings, and the algorithms built on it."""
